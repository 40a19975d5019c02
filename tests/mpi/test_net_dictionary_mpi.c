/* SPDX-License-Identifier: BSD-3-Clause */
/* Sparse coding over ranks: gradients in the factors by differences, the objective recomputed from
 * dictionary and codes of all ranks, exact codes where atoms are twice there or unused. */
#include "bvl_test.h"

#include "base/rng.h"
#include "net/coding/code_lasso.h"
#include "net/coding/dictionary_factors.h"

enum { N = 40, P = 6, K = 9, N_BATCHES = 2 };

/* Rows are dealt in turns, so that a rank may have none. */
typedef struct {
  bvl_traffic traffic;
  bvl_comm comm;
  int64_t n_local;
  int64_t row[N];
  double X[N * P];
  int64_t slice_begin[N_BATCHES + 1];
  bvl_dictionary *dictionary;
} problem;

static double entry(int64_t i, int64_t j)
{
  const double size = j == i % P ? 3.0 : 0.3;
  return size * bvl_rng_normal(11, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)j);
}

static void setup(problem *f, double lambda, double lambda_dictionary)
{
  const bvl_dictionary_options options = {
      .atoms = K, .lambda = lambda, .lambda_dictionary = lambda_dictionary, .seed = 3};
  memset(f, 0, sizeof *f);
  ASSERT_ALL(bvl_comm_dup(MPI_COMM_WORLD, &f->traffic, &f->comm) == BVL_OK);
  for (int b = 0; b < N_BATCHES; b++) {
    for (int64_t i = b; i < N; i += N_BATCHES) {
      if ((i / N_BATCHES) % f->comm.size != f->comm.rank) continue;
      for (int64_t j = 0; j < P; j++) f->X[f->n_local * P + j] = entry(i, j);
      f->row[f->n_local++] = i;
    }
    f->slice_begin[b + 1] = f->n_local;
  }
  ASSERT_ALL(bvl_dictionary_create(&f->comm, &options, N, P, f->n_local, f->X, f->row,
                                   &f->dictionary) == BVL_OK);
}

static void teardown(problem *f)
{
  bvl_dictionary_destroy(&f->dictionary);
  bvl_comm_free(&f->comm);
}

/* The objective from its definition. */
static double objective(problem *f)
{
  const bvl_dictionary *d = f->dictionary;
  double sum = 0.0;
  for (int64_t i = 0; i < f->n_local; i++) {
    for (int64_t j = 0; j < P; j++) {
      double off = f->X[i * P + j];
      for (int64_t k = 0; k < K; k++) off -= d->D[k * P + j] * d->C[i * K + k];
      sum += 0.5 * off * off / N;
    }
    for (int64_t k = 0; k < K; k++) sum += d->options.lambda * fabs(d->C[i * K + k]) / N;
  }
  ASSERT_ALL(bvl_sum(&f->comm, &sum, 1) == BVL_OK);
  for (int64_t e = 0; e < P * K; e++) sum += d->options.lambda_dictionary * fabs(d->D[e]);
  return sum;
}

static const bvl_dictionary_limits limits = {.max_iter = 200, .tol = 1e-12, .deadline_s = INFINITY};

/* --- gradients --- */

static double value_at(bvl_dictionary_factors *s, int64_t batch, double *grad)
{
  double value;
  int wants;
  ASSERT_ALL(bvl_dictionary_factors_eval(s, s->theta, batch, &value, grad, &wants) == BVL_OK);
  return value;
}

/* Central differences of step h are off by h^2 times a third derivative, some 10 here, and by
 * rounding over h: 1e-9 + 1e-10. Entry e of theta is moved on the ranks that have it: of the
 * dictionary on all, of the codes on one. */
static void check_entry(bvl_dictionary_factors *s, int64_t batch, int owner, int64_t e,
                        const double *grad)
{
  const double h = 1e-5;
  const int64_t n = s->objective.space.n_local;
  const int mine = (owner < 0 || owner == s->dictionary->comm->rank) && e < n;
  const double keep = mine ? s->theta[e] : 0.0;
  double *scratch = calloc((size_t)n, sizeof *scratch), value[2];
  for (int side = 0; side < 2; side++) {
    if (mine) s->theta[e] = keep + (side == 0 ? h : -h);
    value[side] = value_at(s, batch, scratch);
  }
  if (mine) s->theta[e] = keep;
  const double difference = (value[0] - value[1]) / (2.0 * h);
  ASSERT_ALL(!mine || fabs(difference - grad[e]) <= 1e-7 * (1.0 + fabs(grad[e])));
  free(scratch);
}

static void check_gradient(double lambda_dictionary, int adaptive)
{
  problem f;
  bvl_dictionary_factors *s = NULL;
  setup(&f, 0.2, lambda_dictionary);
  ASSERT_ALL(bvl_dictionary_factors_create(f.dictionary, &limits, N_BATCHES, f.slice_begin,
                                           adaptive, &s) == BVL_OK);
  const int64_t n = s->objective.space.n_local;
  double *grad = calloc((size_t)n, sizeof *grad);
  /* Off the sphere, where atoms meet N's kink: every other one inside, the others outside. */
  for (int64_t e = 0; e < s->n_dictionary; e++) {
    const int64_t per_atom = s->n_dictionary / K;
    s->theta[e] *= (e / per_atom) % 2 == 0 ? 0.8 : 1.2;
  }
  for (int64_t batch = -1; batch < N_BATCHES; batch++) {
    value_at(s, batch, grad);
    for (int64_t e = 0; e < s->n_dictionary; e += 5) check_entry(s, batch, -1, e, grad);
    for (int owner = 0; owner < f.comm.size; owner++)
      for (int64_t e = s->n_dictionary; e < s->n_dictionary + 2 * K * N / f.comm.size; e += 17)
        check_entry(s, batch, owner, e, grad);
  }
  free(grad);
  bvl_dictionary_factors_destroy(&s);
  teardown(&f);
}

static void gradients_are_differences(void **state)
{
  (void)state;
  check_gradient(0.0, 0);
  check_gradient(0.0, 1);
  check_gradient(0.05, 0);
  check_gradient(0.05, 1);
}

/* Balanced factors: what the smooth objective says is what dictionary and codes say. */
static void smooth_value_is_the_objective(void **state)
{
  (void)state;
  problem f;
  bvl_dictionary_factors *s = NULL;
  int converged, wants;
  bvl_optim_options optim;
  setup(&f, 0.2, 0.0);
  ASSERT_ALL(bvl_dictionary_factors_create(f.dictionary, &limits, 1, NULL, 0, &s) == BVL_OK);
  bvl_optim_options_init(BVL_OPTIM_LBFGS, &optim);
  optim.decrease_tol = 1e-13;
  ASSERT_ALL(bvl_dictionary_factors_run(s, &optim, &converged, &wants) == BVL_OK);
  const bvl_dictionary *d = f.dictionary;
  /* imbalance is of second order in what is left to do: 200 iterations leave some 1e-4 */
  ASSERT_ALL(fabs(d->history[d->n_history - 1].objective - objective(&f)) <= 1e-4);
  ASSERT_ALL(bvl_dictionary_finish(f.dictionary) == BVL_OK);
  ASSERT_ALL(d->history[d->n_history - 1].objective <=
             d->history[d->n_history - 2].objective + 1e-12);
  bvl_dictionary_factors_destroy(&s);
  teardown(&f);
}

/* --- alternation --- */

static void check_alternation(double lambda, double lambda_dictionary)
{
  problem f;
  int converged, wants;
  setup(&f, lambda, lambda_dictionary);
  bvl_dictionary *d = f.dictionary;
  ASSERT_ALL(bvl_dictionary_alternate(d, &limits, &converged, &wants) == BVL_OK);
  ASSERT_ALL(bvl_dictionary_finish(d) == BVL_OK);
  const double last = d->history[d->n_history - 1].objective;
  ASSERT_ALL(fabs(last - objective(&f)) <= 1e-13 * N * (1.0 + last));
  /* codes within 1e-5 lambda of a minimum are above it by the square of that */
  for (int64_t k = 1; k < d->n_history; k++)
    ASSERT_ALL(d->history[k].objective <= d->history[k - 1].objective + 1e-8);

  ASSERT_ALL(d->kkt <= 1e-10);
  for (int64_t k = 0; k < K; k++) {
    double square = 0.0;
    for (int64_t j = 0; j < P; j++) square += d->D[k * P + j] * d->D[k * P + j];
    ASSERT_ALL(square <= 1.0 + 1e-14);
  }
  teardown(&f);
}

static void alternation_descends_to_what_it_says(void **state)
{
  (void)state;
  check_alternation(0.2, 0.0);
  check_alternation(0.2, 0.02);
  check_alternation(2.5, 0.0); /* most atoms unused: they are replaced */
  check_alternation(1e3, 0.0); /* all codes 0 */
}

/* A round is one allreduce of K^2 + p K + 6 numbers. */
static void a_round_is_one_sum(void **state)
{
  (void)state;
  problem f;
  int converged, wants;
  const bvl_dictionary_limits few = {.max_iter = 5, .tol = 0.0, .deadline_s = INFINITY};
  setup(&f, 0.2, 0.0);
  const bvl_traffic before = f.traffic;
  ASSERT_ALL(bvl_dictionary_alternate(f.dictionary, &few, &converged, &wants) == BVL_OK);
  const bvl_traffic spent = bvl_traffic_add(&f.traffic, &before, -1);
  ASSERT_ALL(f.comm.size == 1 ? spent.reductions == 0 : spent.reductions == 5);
  ASSERT_ALL(spent.reduction_bytes <= 5 * 8 * (K * K + P * K + 6));
  teardown(&f);
}

/* --- codes --- */

/* Two atoms are the same and one is zero: a Gram no linear solve takes. */
static void codes_of_a_singular_gram(void **state)
{
  (void)state;
  enum { M = 4 };
  const double atoms[M][2] = {{1.0, 0.0}, {1.0, 0.0}, {0.0, 0.0}, {0.6, 0.8}};
  const double x[2] = {2.0, -1.0}, lambda = 0.1;
  double G[M * M], r[M], c[M] = {0.0, 0.5, 7.0, 0.0}, fresh[M], scratch[M * (M + 2)];
  for (int k = 0; k < M; k++) {
    for (int l = 0; l < M; l++)
      G[k * M + l] = atoms[k][0] * atoms[l][0] + atoms[k][1] * atoms[l][1];
    r[k] = atoms[k][0] * x[0] + atoms[k][1] * x[1];
  }
  memcpy(fresh, r, sizeof fresh);
  assert_true(bvl_code_lasso(M, G, lambda, 1e-12, c, r, scratch) <= 1e-10);
  for (int k = 0; k < M; k++)
    for (int l = 0; l < M; l++) fresh[k] -= G[k * M + l] * c[l];
  assert_true(c[2] == 0.0);
  assert_true(bvl_code_violation(M, G, lambda, c, fresh) <= 1e-10);
  c[3] += 1e-3; /* and a wrong code is one */
  for (int k = 0; k < M; k++) fresh[k] -= 1e-3 * G[k * M + 3];
  assert_true(bvl_code_violation(M, G, lambda, c, fresh) > 1e-4);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(gradients_are_differences),
                  cmocka_unit_test(smooth_value_is_the_objective),
                  cmocka_unit_test(alternation_descends_to_what_it_says),
                  cmocka_unit_test(a_round_is_one_sum), cmocka_unit_test(codes_of_a_singular_gram))
