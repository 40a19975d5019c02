/* SPDX-License-Identifier: BSD-3-Clause */
/* Optimizers on problems whose entries are spread over ranks, the first one replicated on all. */
#include "bvl_test.h"

#include "base/rng.h"
#include "optim/optim.h"
#include "surrogate/surrogate.h"

/* --- problems --- */

enum { N_PAIRS = 8, N_GLOBAL = 1 + 2 * N_PAIRS, N_BATCHES = 3 };

typedef enum { QUADRATIC, ROSENBROCK, BARRIER } shape;

/* Entry 0 on every rank, then this rank's pairs: global entries 1 + 2 first .. */
typedef struct {
  bvl_objective objective;
  bvl_traffic traffic;
  bvl_comm comm;
  shape shape;
  int64_t first, n_pairs;
  int64_t evaluations;
  int64_t stop_after; /* ask to stop at this evaluation; 0 = never */
  double limit;       /* values above are not finite */
} problem;

static double centre(int64_t k, int64_t batch)
{
  double shift = batch < 0 ? 0.0 : 0.3 * (double)(batch - 1); /* mean over the batches: 0 */
  return bvl_rng_normal(3, BVL_STREAM_INIT, 1, (uint64_t)k) + shift;
}

static double curvature(int64_t k)
{
  return 0.5 + 5.0 * bvl_rng_uniform(3, BVL_STREAM_INIT, 2, (uint64_t)k);
}

static int64_t global_entry(const problem *f, int64_t local)
{
  return local == 0 ? 0 : 2 * f->first + local;
}

/* 1/2 sum a (x - c)^2 + 1/2 (sum (x - c))^2; the coupling needs a sum over all ranks. */
static void quadratic(const problem *f, const double *x, int64_t batch, double *sums, double *grad)
{
  for (int64_t i = 0; i < f->objective.space.n_local; i++) {
    int64_t k = global_entry(f, i);
    double off = x[i] - centre(k, batch);
    grad[i] = curvature(k) * off;
    if (i >= f->objective.space.own_begin && i < f->objective.space.own_end) {
      sums[0] += 0.5 * curvature(k) * off * off;
      sums[1] += off;
    }
  }
}

/* (x_0 - 1)^2 + sum over pairs 10 (b - a^2)^2 + (1 - a)^2 */
static void rosenbrock(const problem *f, const double *x, double *sums, double *grad)
{
  grad[0] = 2.0 * (x[0] - 1.0);
  if (f->objective.space.own_begin == 0) sums[0] += (x[0] - 1.0) * (x[0] - 1.0);
  for (int64_t q = 0; q < f->n_pairs; q++) {
    double a = x[1 + 2 * q], b = x[2 + 2 * q];
    sums[0] += 10.0 * (b - a * a) * (b - a * a) + (1.0 - a) * (1.0 - a);
    grad[1 + 2 * q] = -40.0 * a * (b - a * a) - 2.0 * (1.0 - a);
    grad[2 + 2 * q] = 20.0 * (b - a * a);
  }
}

/* sum x - log x, minimal at 1, infinite for x <= 0 */
static void barrier(const problem *f, const double *x, double *sums, double *grad)
{
  for (int64_t i = 0; i < f->objective.space.n_local; i++) {
    grad[i] = 1.0 - 1.0 / x[i];
    if (i >= f->objective.space.own_begin) sums[0] += x[i] > 0.0 ? x[i] - log(x[i]) : INFINITY;
  }
}

static bvl_status eval(void *context, const double *x, int64_t batch, double *value, double *grad,
                       int *wants)
{
  problem *f = context;
  double sums[2] = {0.0, 0.0};
  if (f->shape == QUADRATIC) quadratic(f, x, batch, sums, grad);
  if (f->shape == ROSENBROCK) rosenbrock(f, x, sums, grad);
  if (f->shape == BARRIER) barrier(f, x, sums, grad);
  bvl_status status = bvl_sum(&f->comm, sums, 2);
  *value = sums[0] + 0.5 * sums[1] * sums[1];
  for (int64_t i = 0; f->shape == QUADRATIC && i < f->objective.space.n_local; i++)
    grad[i] += sums[1];
  if (*value > f->limit) *value = INFINITY;
  *wants = ++f->evaluations == f->stop_after ? BVL_WANT_STOP : 0;
  return status;
}

static void open_problem(problem *f, MPI_Comm mpi, shape what)
{
  memset(f, 0, sizeof *f);
  ASSERT_OK(bvl_comm_dup(mpi, &f->traffic, &f->comm));
  f->shape = what;
  f->limit = INFINITY;
  f->first = N_PAIRS * f->comm.rank / f->comm.size;
  f->n_pairs = N_PAIRS * (f->comm.rank + 1) / f->comm.size - f->first;
  f->objective = (bvl_objective){.space = {.comm = &f->comm,
                                           .n_local = 1 + 2 * f->n_pairs,
                                           .own_begin = f->comm.rank == 0 ? 0 : 1,
                                           .own_end = 1 + 2 * f->n_pairs},
                                 .n_batches = N_BATCHES,
                                 .context = f,
                                 .eval = eval};
}

static void start_at(const problem *f, double *x)
{
  for (int64_t i = 0; i < f->objective.space.n_local; i++)
    x[i] = bvl_rng_uniform(4, BVL_STREAM_INIT, 0, (uint64_t)global_entry(f, i)) + 0.1;
}

static bvl_optim *open_optim(problem *f, const bvl_optim_options *options)
{
  bvl_optim *optim = NULL;
  ASSERT_OK(bvl_optim_create(&f->objective, options, &optim));
  return optim;
}

/* --- tests --- */

static void test_dots(void **state)
{
  (void)state;
  problem f;
  open_problem(&f, MPI_COMM_WORLD, QUADRATIC);
  double x[N_GLOBAL], y[N_GLOBAL], out[2], extra[1] = {1.0}, wanted = 0.0;
  for (int64_t i = 0; i < f.objective.space.n_local; i++) {
    x[i] = (double)(1 + global_entry(&f, i)); /* small integers: sums are exact */
    y[i] = 2.0;
  }
  for (int k = 1; k <= N_GLOBAL; k++) wanted += k;
  const double *left[] = {x, y}, *right[] = {y, y};
  ASSERT_OK(bvl_space_dots(&f.objective.space, 2, left, right, out, 1, extra));
  ASSERT_ALL(out[0] == 2.0 * wanted); /* every entry once, the replicated one too */
  ASSERT_ALL(out[1] == 4.0 * N_GLOBAL);
  ASSERT_ALL(extra[0] == (double)f.comm.size);
  ASSERT_ALL(bvl_space_dots(&f.objective.space, BVL_SPACE_MAX_SUMS, left, right, out, 1, extra) ==
             BVL_ERR_USAGE);
  bvl_comm_free(&f.comm);
}

static void test_lbfgs_finds_the_minimum(void **state)
{
  (void)state;
  static const shape shapes[] = {QUADRATIC, ROSENBROCK, BARRIER};
  for (int q = 0; q < 3; q++) {
    problem f;
    bvl_optim_options options;
    bvl_optim_outcome outcome;
    double x[N_GLOBAL];
    open_problem(&f, MPI_COMM_WORLD, shapes[q]);
    bvl_optim_options_init(BVL_OPTIM_LBFGS, &options);
    options.gradient_tol = 1e-10;
    start_at(&f, x);
    bvl_optim *optim = open_optim(&f, &options);
    ASSERT_OK(bvl_optim_run(optim, 300.0, x, &outcome));
    ASSERT_ALL(outcome.stop == BVL_STOP_CONVERGED && outcome.evaluations == f.evaluations);
    double worst = 0.0;
    for (int64_t i = 0; i < f.objective.space.n_local; i++) {
      double wanted = shapes[q] == QUADRATIC ? centre(global_entry(&f, i), -1) : 1.0;
      worst = fmax(worst, fabs(x[i] - wanted));
    }
    /* gradient 1e-10 (times |value| <= 20) over the smallest curvature (0.3 in the valley) */
    ASSERT_ALL(worst <= 1e-8);
    bvl_optim_destroy(&optim);
    bvl_comm_free(&f.comm);
  }
}

static double largest_difference(const problem *f, const double *x, const double *serial)
{
  double worst = 0.0;
  for (int64_t i = 0; i < f->objective.space.n_local; i++)
    worst = fmax(worst, fabs(x[i] - serial[global_entry(f, i)]));
  return worst;
}

/* Every rank solves the whole problem alone, and all solve it together: same iterates. */
static void test_same_iterates_at_every_rank_count(void **state)
{
  (void)state;
  static const bvl_optimizer methods[] = {BVL_OPTIM_SGD, BVL_OPTIM_MOMENTUM, BVL_OPTIM_ADAM,
                                          BVL_OPTIM_LBFGS};
  for (int q = 0; q < 4; q++) {
    for (int iterations = 1; iterations <= 8; iterations += 7) {
      problem together, alone;
      bvl_optim_options options;
      bvl_optim_outcome outcome;
      double x[N_GLOBAL], serial[N_GLOBAL];
      open_problem(&together, MPI_COMM_WORLD, QUADRATIC);
      open_problem(&alone, MPI_COMM_SELF, QUADRATIC);
      bvl_optim_options_init(methods[q], &options);
      start_at(&together, x);
      start_at(&alone, serial);
      bvl_optim *a = open_optim(&together, &options), *b = open_optim(&alone, &options);
      ASSERT_OK(bvl_optim_run(a, iterations, x, &outcome));
      ASSERT_OK(bvl_optim_run(b, iterations, serial, &outcome));
      /* sums in another order: 1e-15, grown by the condition (40) of 8 steps at most */
      ASSERT_ALL(largest_difference(&together, x, serial) <= 1e-11);
      bvl_optim_destroy(&a);
      bvl_optim_destroy(&b);
      bvl_comm_free(&together.comm);
      bvl_comm_free(&alone.comm);
    }
  }
}

/* Beyond eval's own reduction, one an evaluation. */
static void test_lbfgs_traffic(void **state)
{
  (void)state;
  if (bvl_max_count() < 1000) skip(); /* every piece of a chunked call counts */
  problem f;
  bvl_optim_options options;
  bvl_optim_outcome outcome;
  double x[N_GLOBAL];
  open_problem(&f, MPI_COMM_WORLD, ROSENBROCK);
  bvl_optim_options_init(BVL_OPTIM_LBFGS, &options);
  start_at(&f, x);
  bvl_optim *optim = open_optim(&f, &options);
  int64_t before = f.traffic.reductions;
  ASSERT_OK(bvl_optim_run(optim, 20.0, x, &outcome));
  ASSERT_ALL(outcome.iterations == 20);
  if (f.comm.size > 1) ASSERT_ALL(f.traffic.reductions - before == 2 * outcome.evaluations);
  /* steps from 1 are nearly always taken at once */
  ASSERT_ALL(outcome.evaluations <= 40);
  bvl_optim_destroy(&optim);
  bvl_comm_free(&f.comm);
}

/* One step of each rule from its definition. */
static void test_textbook_steps(void **state)
{
  (void)state;
  static const bvl_optimizer methods[] = {BVL_OPTIM_SGD, BVL_OPTIM_MOMENTUM, BVL_OPTIM_ADAM};
  for (int q = 0; q < 3; q++) {
    problem f;
    bvl_optim_options options;
    bvl_optim_outcome outcome;
    double x[N_GLOBAL], wanted[N_GLOBAL], g[N_GLOBAL], m[N_GLOBAL] = {0.0}, s[N_GLOBAL] = {0.0};
    open_problem(&f, MPI_COMM_WORLD, QUADRATIC);
    f.objective.n_batches = 1;
    bvl_optim_options_init(methods[q], &options);
    options.schedule = BVL_SCHEDULE_CONSTANT;
    options.step = 0.02;
    start_at(&f, x);
    memcpy(wanted, x, sizeof x);
    bvl_optim *optim = open_optim(&f, &options);
    double worst = 0.0;
    for (int t = 1; t <= 3; t++) {
      double value = 0.0;
      int wants = 0;
      ASSERT_OK(f.objective.eval(&f, wanted, 0, &value, g, &wants));
      for (int64_t i = 0; i < f.objective.space.n_local; i++) {
        if (methods[q] == BVL_OPTIM_SGD) wanted[i] -= 0.02 * g[i];
        m[i] = methods[q] == BVL_OPTIM_ADAM ? 0.9 * m[i] + 0.1 * g[i] : 0.9 * m[i] + g[i];
        s[i] = 0.999 * s[i] + 0.001 * g[i] * g[i];
        if (methods[q] == BVL_OPTIM_MOMENTUM) wanted[i] -= 0.02 * m[i];
        if (methods[q] == BVL_OPTIM_ADAM)
          wanted[i] -= 0.02 * (m[i] / (1.0 - pow(0.9, t))) /
                       (sqrt(s[i] / (1.0 - pow(0.999, t))) + 1e-8);
      }
      ASSERT_OK(bvl_optim_run(optim, t, x, &outcome));
      ASSERT_ALL(outcome.iterations == t && outcome.epochs == (double)t);
      for (int64_t i = 0; i < f.objective.space.n_local; i++)
        worst = fmax(worst, fabs(x[i] - wanted[i]));
    }
    /* 1 - 0.999^t loses three digits */
    ASSERT_ALL(worst <= 1e-13);
    bvl_optim_destroy(&optim);
    bvl_comm_free(&f.comm);
  }
}

/* --- the imbalance law --- */

/* 1/2 ||phi(theta) - c||^2 + factor penalty over this rank's blocks. */
typedef struct {
  bvl_surrogate map;
  bvl_penalty pen;
  bvl_blocks blocks;
  double lambda;
  const bvl_comm *comm;
  double beta[32], grad_beta[32];
} factored;

static bvl_status eval_factored(void *context, const double *theta, int64_t batch, double *value,
                                double *grad, int *wants)
{
  factored *f = context;
  (void)batch;
  *wants = 0;
  *value = 0.0;
  bvl_surrogate_forward(&f->map, &f->blocks, theta, f->beta);
  for (int64_t k = 0; k < f->blocks.begin[f->blocks.n]; k++) {
    f->grad_beta[k] = f->beta[k] - centre(k + 100 * f->comm->rank, -1);
    *value += 0.5 * f->grad_beta[k] * f->grad_beta[k];
  }
  bvl_surrogate_pull_back(&f->map, &f->blocks, theta, f->grad_beta, grad);
  *value += bvl_surrogate_penalty(&f->map, &f->pen, f->lambda, &f->blocks, theta, grad);
  return bvl_sum(f->comm, value, 1);
}

/* One gradient step of rate e on beta_g = nu u changes I = ||u||^2 - nu^2, exactly, to
 * (1 - e lambda w)^2 I + e^2 (nu^2 ||g||^2 - (u'g)^2), g the gradient of the loss in beta_g; with
 * one column that is I [(1 - e lambda w)^2 - e^2 g^2]. */
static void test_imbalance_law(void **state)
{
  (void)state;
  static const char *const penalties[] = {"lasso", "group-lasso"};
  static const int64_t widths[] = {1, 4};
  const double rate = 0.05;
  for (int q = 0; q < 2; q++) {
    bvl_traffic traffic = {0};
    bvl_comm comm;
    ASSERT_OK(bvl_comm_dup(MPI_COMM_WORLD, &traffic, &comm));
    int64_t n = comm.rank == 1 ? 0 : 5, m = widths[q], begin[6];
    double weight[5] = {1.0, 0.5, 2.0, 1.5, 0.7}, theta[32], before[32];
    for (int64_t g = 0; g <= 5; g++) begin[g] = g * m;
    factored f = {.lambda = 0.4,
                  .comm = &comm,
                  .blocks = {.n = n, .begin = begin, .weight = weight, .max_len = m}};
    ASSERT_OK(bvl_penalty_init(bvl_penalty_find(penalties[q]), NULL, &f.pen));
    ASSERT_OK(bvl_surrogate_find(NULL, &f.pen, 0, &f.map));
    int64_t length = bvl_surrogate_length(&f.map, &f.blocks);
    bvl_objective objective = {
        .space = {.comm = &comm, .n_local = length, .own_begin = 0, .own_end = length},
        .n_batches = 1,
        .context = &f,
        .eval = eval_factored};
    bvl_optim_options options;
    bvl_optim_options_init(BVL_OPTIM_SGD, &options);
    options.schedule = BVL_SCHEDULE_CONSTANT;
    options.step = rate;
    bvl_optim *optim = NULL;
    bvl_optim_outcome outcome;
    ASSERT_OK(bvl_optim_create(&objective, &options, &optim));
    for (int64_t k = 0; k < length; k++)
      theta[k] = bvl_rng_normal(6, BVL_STREAM_INIT, (uint64_t)comm.rank, (uint64_t)k);
    double worst = 0.0;
    for (int t = 1; t <= 20; t++) {
      memcpy(before, theta, sizeof before);
      ASSERT_OK(bvl_optim_run(optim, t, theta, &outcome)); /* leaves g in f.grad_beta */
      for (int64_t g = 0; g < n; g++) {
        const double *old = before + g * (m + 1), *new = theta + g *(m + 1);
        double was = -old[m] * old[m], is = -new[m] * new[m], gg = 0.0, ug = 0.0;
        for (int64_t k = 0; k < m; k++) {
          double slope = f.grad_beta[begin[g] + k];
          was += old[k] * old[k];
          is += new[k] * new[k];
          gg += slope * slope;
          ug += old[k] * slope;
        }
        double shrink = 1.0 - rate * f.lambda * weight[g];
        double law = shrink * shrink * was + rate * rate * (old[m] * old[m] * gg - ug * ug);
        worst = fmax(worst, fabs(is - law));
      }
    }
    ASSERT_ALL(worst <= 1e-12); /* squares of numbers of order 1: a few ulps */
    bvl_optim_destroy(&optim);
    bvl_comm_free(&comm);
  }
}

/* --- saving --- */

typedef struct {
  double *values;
  int64_t n, next, n_local;
  int saving;
} tape;

static bvl_status tape_number(void *context, const char *name, double *value)
{
  tape *t = context;
  assert_non_null(name);
  if (t->saving)
    t->values[t->n++] = *value;
  else
    *value = t->values[t->next++];
  return BVL_OK;
}

static bvl_status tape_vector(void *context, const char *name, double *values)
{
  tape *t = context;
  for (int64_t i = 0; i < t->n_local; i++) tape_number(t, name, &values[i]);
  return BVL_OK;
}

static void test_continue_from_saved(void **state)
{
  (void)state;
  static const bvl_optimizer methods[] = {BVL_OPTIM_SGD, BVL_OPTIM_MOMENTUM, BVL_OPTIM_ADAM,
                                          BVL_OPTIM_LBFGS};
  static double memory[20000];
  for (int q = 0; q < 4; q++) {
    problem f;
    bvl_optim_options options;
    bvl_optim_outcome outcome, other;
    double x[N_GLOBAL] = {0.0}, y[N_GLOBAL] = {0.0}, until = q == 3 ? 30.0 : 10.0;
    open_problem(&f, MPI_COMM_WORLD, q == 3 ? ROSENBROCK : QUADRATIC);
    f.stop_after = 17; /* in the middle of an epoch; after more L-BFGS pairs than are kept */
    bvl_optim_options_init(methods[q], &options);
    options.epochs = 10;
    options.memory = 4;
    start_at(&f, x);
    bvl_optim *optim = open_optim(&f, &options), *again = open_optim(&f, &options);
    ASSERT_OK(bvl_optim_run(optim, until, x, &outcome));
    ASSERT_ALL(outcome.stop == BVL_STOP_WANTED && outcome.wants == BVL_WANT_STOP);
    tape t = {.values = memory, .n_local = f.objective.space.n_local, .saving = 1};
    bvl_optim_visitor visitor = {&t, tape_vector, tape_number};
    ASSERT_OK(bvl_optim_visit(optim, &visitor));
    ASSERT_ALL(t.n < 20000);
    memcpy(y, x, sizeof x);
    t.saving = 0;
    ASSERT_OK(bvl_optim_visit(again, &visitor));
    ASSERT_ALL(t.next == t.n);
    ASSERT_OK(bvl_optim_run(optim, until, x, &outcome));
    ASSERT_OK(bvl_optim_run(again, until, y, &other));
    ASSERT_ALL(memcmp(x, y, sizeof x) == 0);
    ASSERT_ALL(outcome.iterations == other.iterations && outcome.value == other.value);
    ASSERT_ALL(outcome.iterations > 17);
    bvl_optim_destroy(&optim);
    bvl_optim_destroy(&again);
    bvl_comm_free(&f.comm);
  }
}

/* --- failures --- */

/* A rate far too large: theta comes back finite, and a smaller one goes on from there. */
static void test_divergence(void **state)
{
  (void)state;
  problem f;
  bvl_optim_options options;
  bvl_optim_outcome outcome;
  double x[N_GLOBAL];
  open_problem(&f, MPI_COMM_WORLD, QUADRATIC);
  f.limit = 1e6;
  bvl_optim_options_init(BVL_OPTIM_MOMENTUM, &options);
  options.step = 10.0;
  start_at(&f, x);
  bvl_optim *optim = open_optim(&f, &options);
  ASSERT_OK(bvl_optim_run(optim, 100.0, x, &outcome));
  ASSERT_ALL(outcome.stop == BVL_STOP_DIVERGED);
  double value = 0.0, grad[N_GLOBAL];
  int wants = 0;
  ASSERT_OK(f.objective.eval(&f, x, -1, &value, grad, &wants));
  ASSERT_ALL(isfinite(value));
  bvl_optim_scale_step(optim, 1e-3);
  ASSERT_OK(bvl_optim_run(optim, 100.0, x, &outcome));
  ASSERT_ALL(outcome.stop == BVL_STOP_MAX_ITER && isfinite(outcome.value));
  ASSERT_ALL(outcome.value < value);
  bvl_optim_destroy(&optim);

  bvl_optim_options_init(BVL_OPTIM_LBFGS, &options);
  f.limit = -1.0; /* nothing is finite */
  optim = open_optim(&f, &options);
  ASSERT_OK(bvl_optim_run(optim, 10.0, x, &outcome));
  ASSERT_ALL(outcome.stop == BVL_STOP_DIVERGED);
  bvl_optim_destroy(&optim);
  bvl_comm_free(&f.comm);
}

/* One rank's bad option is refused by all. */
static void test_bad_options(void **state)
{
  (void)state;
  problem f;
  open_problem(&f, MPI_COMM_WORLD, QUADRATIC);
  for (int which = 0; which < 5; which++) {
    bvl_optim_options options;
    bvl_optim *optim = NULL;
    bvl_optim_options_init(which == 4 ? BVL_OPTIM_LBFGS : BVL_OPTIM_SGD, &options);
    if (f.comm.rank == f.comm.size - 1) {
      if (which == 0) options.step = -1.0;
      if (which == 1) options.momentum = 1.0;
      if (which == 2) options.beta2 = 1.5;
      if (which == 3) options.epochs = 0;
      if (which == 4) options.memory = 101;
    }
    bvl_status status = bvl_optim_create(&f.objective, &options, &optim);
    ASSERT_ALL(status == BVL_ERR_USAGE && optim == NULL && bvl_last_error()[0] != '\0');
  }
  bvl_comm_free(&f.comm);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_dots), cmocka_unit_test(test_lbfgs_finds_the_minimum),
                  cmocka_unit_test(test_same_iterates_at_every_rank_count),
                  cmocka_unit_test(test_lbfgs_traffic), cmocka_unit_test(test_textbook_steps),
                  cmocka_unit_test(test_imbalance_law), cmocka_unit_test(test_continue_from_saved),
                  cmocka_unit_test(test_divergence), cmocka_unit_test(test_bad_options))
