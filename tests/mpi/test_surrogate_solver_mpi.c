/* SPDX-License-Identifier: BSD-3-Clause */
/* The surrogate solver on small problems made from global indices, at every grid shape. The optimum
 * is bounded from below by certificates, so suboptimality is never measured against our own runs.
 */
#include "bvl_test.h"

#include "base/rng.h"
#include "solver/surrogate/surrogate_solver.h"

/* --- problems --- */

enum { N = 120, P = 40, GROUP = 4 };

static double x_values[N * P], y_values[N];
static int64_t groups[P];

static bvl_status read_rows(void *context, const char *what, int64_t row0, int64_t count,
                            double *out, int *present)
{
  (void)context;
  *present = strcmp(what, "y") == 0;
  for (int64_t i = 0; *present && i < count; i++) out[i] = y_values[row0 + i];
  return BVL_OK;
}

/* Columns with correlation 1/2 between neighbours; 5 strong columns. */
static void make_data(const char *family)
{
  for (int64_t i = 0; i < N; i++) {
    double eta = 0.0, last = 0.0;
    for (int64_t j = 0; j < P; j++) {
      double z = bvl_rng_normal(5, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)j);
      last = j == 0 ? z : 0.5 * last + sqrt(0.75) * z;
      x_values[i * P + j] = last;
      if (j % 8 == 1) eta += (j % 16 == 1 ? 1.0 : -0.8) * last;
    }
    double u = bvl_rng_uniform(5, BVL_STREAM_SIM_NOISE, (uint64_t)i, 1);
    if (strcmp(family, "gaussian") == 0)
      y_values[i] = 2.0 + eta + bvl_rng_normal(5, BVL_STREAM_SIM_NOISE, (uint64_t)i, 2);
    else if (strcmp(family, "binomial") == 0)
      y_values[i] = u < 1.0 / (1.0 + exp(-eta)) ? 1.0 : 0.0;
    else
      y_values[i] = floor(3.0 * u * exp(0.4 * eta));
  }
  for (int64_t j = 0; j < P; j++) groups[j] = j / GROUP;
}

typedef struct {
  bvl_grid *grid;
  bvl_problem *problem;
  double lambda_max;
  double *v; /* x~'r/n at the null fit */
} setting;

static void open_setting(setting *s, MPI_Comm comm, int n_rows, int n_cols, const char *family,
                         const char *penalty, int64_t n_slices, const double *penalty_factor)
{
  bvl_source source;
  make_data(family);
  bvl_problem_data data = {.family = family,
                           .penalty = penalty,
                           .intercept = 1,
                           .standardize = 1,
                           .groups = strncmp(penalty, "group-", 6) == 0 ? groups : NULL,
                           .penalty_factor = penalty_factor,
                           .n_slices = n_slices,
                           .stochastic = n_slices > 1,
                           .read_rows = read_rows};
  ASSERT_OK(bvl_grid_create(comm, n_rows, n_cols, &s->grid));
  ASSERT_OK(bvl_source_dense_borrow(BVL_F64, N, P, x_values, P, 0, &source));
  ASSERT_OK(bvl_problem_create(s->grid, &source, &data, &s->problem));
  bvl_source_memory_free(&source);
  s->v = calloc(P, sizeof *s->v);
  ASSERT_OK(bvl_problem_lambda_max(s->problem, &s->lambda_max, s->v));
}

static void close_setting(setting *s)
{
  free(s->v);
  bvl_problem_destroy(&s->problem);
  bvl_grid_destroy(&s->grid);
}

/* What a run needs around the solver. */
typedef struct {
  const setting *setting;
  bvl_path_options options;
  bvl_monitor monitor;
  bvl_solve_control control;
  bvl_solve_state state;
  void *solver;
} run;

static void open_run(run *r, const setting *s, bvl_solver solver)
{
  memset(r, 0, sizeof *r);
  r->setting = s;
  r->options = (bvl_path_options){
      .solver = solver, .tol = 1e-8, .schedule = BVL_SCHEDULE_COSINE, .seed = 11};
  r->control = (bvl_solve_control){.monitor = &r->monitor,
                                   .options = &r->options,
                                   .deadline_s = INFINITY,
                                   .next_checkpoint_s = INFINITY};
  r->state.point.beta = calloc(P, sizeof(double));
  r->state.v = calloc(P, sizeof(double));
  r->state.v_valid = 1;
  r->state.point.intercept = s->problem->null_point.intercept;
  memcpy(r->state.v, s->v, P * sizeof(double));
}

static void solve_at(run *r, double share)
{
  r->state.lambda_previous = r->state.lambda > 0.0 ? r->state.lambda : r->setting->lambda_max;
  r->state.lambda = share * r->setting->lambda_max;
  if (r->solver == NULL)
    ASSERT_OK(bvl_solver_surrogate.create(r->setting->problem, &r->options, &r->solver));
  ASSERT_OK(bvl_solver_surrogate.solve(r->solver, &r->state, &r->control));
}

static void close_run(run *r)
{
  bvl_solver_surrogate.destroy(&r->solver);
  free(r->state.point.beta);
  free(r->state.v);
}

/* --- accuracy --- */

static const struct {
  const char *family, *penalty;
} kinds[] = {{"gaussian", "lasso"},
             {"binomial", "lasso"},
             {"gaussian", "group-lasso"},
             {"poisson", "lasso"},
             {"gaussian", "enet"}};

static void test_lbfgs_reaches_the_optimum(void **state)
{
  (void)state;
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
    for (int by_columns = 0; by_columns < 2; by_columns++) {
      setting s;
      run r;
      int size = bvl_test_size();
      open_setting(&s, MPI_COMM_WORLD, by_columns ? 1 : size, by_columns ? size : 1,
                   kinds[k].family, kinds[k].penalty, 1, NULL);
      open_run(&r, &s, BVL_SOLVER_LBFGS);
      for (int step = 0; step < 2; step++) {
        solve_at(&r, step == 0 ? 0.5 : 0.1);
        const bvl_certificate *c = &r.state.certificate;
        ASSERT_ALL(c->objective - c->dual <= 1e-5 * fabs(c->objective));
        ASSERT_ALL(r.state.status == 0 && c->gap <= 1e-8 && c->kkt <= 1e-6);
        ASSERT_ALL(c->support > 0.0 && (step == 1 || c->support < P));
      }
      close_run(&r);
      close_setting(&s);
    }
  }
}

static void test_stochastic_methods(void **state)
{
  (void)state;
  static const bvl_solver solvers[] = {BVL_SOLVER_SGD, BVL_SOLVER_MOMENTUM, BVL_SOLVER_ADAM};
  for (int k = 0; k < 3; k++) {
    setting exact, s;
    run reference;
    open_setting(&exact, MPI_COMM_SELF, 1, 1, kinds[k].family, kinds[k].penalty, 1, NULL);
    open_setting(&s, MPI_COMM_WORLD, bvl_test_size(), 1, kinds[k].family, kinds[k].penalty, 8,
                 NULL);
    for (int q = 0; q < 3; q++) {
      run r;
      open_run(&reference, &exact, BVL_SOLVER_LBFGS);
      open_run(&r, &s, solvers[q]);
      for (int step = 0; step < 2; step++) {
        solve_at(&reference, step == 0 ? 0.5 : 0.1);
        solve_at(&r, step == 0 ? 0.5 : 0.1);
        double bound = reference.state.certificate.dual;
        const bvl_certificate *c = &r.state.certificate;
        ASSERT_ALL(c->objective - bound <= 1e-2 * fabs(bound));
        ASSERT_ALL(c->dual <= reference.state.certificate.objective * (1.0 + 1e-12));
        ASSERT_ALL(r.state.epochs > 0.0 && r.state.epochs <= 500.0);
      }
      close_run(&r);
      close_run(&reference);
    }
    close_setting(&s);
    close_setting(&exact);
  }
}

/* A seed gives the same run on every grid. */
static void test_same_run_on_every_grid(void **state)
{
  (void)state;
  static const bvl_solver solvers[] = {BVL_SOLVER_MOMENTUM, BVL_SOLVER_LBFGS};
  int size = bvl_test_size();
  int shapes[3][2] = {
      {size, 1}, {1, size}, {size % 2 == 0 ? 2 : 1, size % 2 == 0 ? size / 2 : size}};
  for (int q = 0; q < 2; q++) {
    int64_t n_slices = q == 0 ? 8 : 1;
    setting alone;
    run serial;
    open_setting(&alone, MPI_COMM_SELF, 1, 1, "gaussian", "lasso", n_slices, NULL);
    open_run(&serial, &alone, solvers[q]);
    serial.options.epochs = 10;
    solve_at(&serial, 0.3);
    for (int shape = 0; shape < 3; shape++) {
      setting s;
      run r;
      open_setting(&s, MPI_COMM_WORLD, shapes[shape][0], shapes[shape][1], "gaussian", "lasso",
                   n_slices, NULL);
      open_run(&r, &s, solvers[q]);
      r.options.epochs = 10;
      solve_at(&r, 0.3);
      double worst = 0.0, largest = 0.0;
      int64_t first = bvl_design_first(s.problem->X);
      for (int64_t c = 0; c < P; c++) largest = fmax(largest, fabs(serial.state.point.beta[c]));
      for (int64_t c = 0; c < bvl_design_p_local(s.problem->X); c++)
        worst = fmax(worst, fabs(r.state.point.beta[c] - serial.state.point.beta[first + c]));
      /* rounding of 1e-16 in 80 steps of a contraction; the bound is the contract's */
      ASSERT_ALL(worst <= 1e-6 * largest);
      ASSERT_ALL(fabs(r.state.certificate.objective - serial.state.certificate.objective) <=
                 1e-10 * fabs(serial.state.certificate.objective));
      /* a line search at the end of L-BFGS may see a last bit */
      ASSERT_ALL(q == 1 || r.state.epochs == serial.state.epochs);
      close_run(&r);
      close_setting(&s);
    }
    close_run(&serial);
    close_setting(&alone);
  }
}

/* --- the objective --- */

/* Random factors, the same for a column on every grid. */
static void random_factors(bvl_surrogate_objective *f, double *theta)
{
  const bvl_blocks *blocks = &f->problem->blocks;
  double *factors = bvl_surrogate_factors(f, theta);
  int64_t first = bvl_design_first(f->problem->X);
  theta[0] = 0.2;
  for (int64_t g = 0; g < blocks->n; g++)
    for (int64_t k = 0; k < bvl_surrogate_block_length(&f->map, blocks, g); k++)
      *factors++ = 0.3 * bvl_rng_normal(8, BVL_STREAM_INIT, (uint64_t)(first + blocks->begin[g]),
                                        (uint64_t)k);
}

static void test_value_and_gradient(void **state)
{
  (void)state;
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
    for (int by_columns = 0; by_columns < 2; by_columns++) {
      setting s;
      bvl_surrogate map;
      bvl_surrogate_objective *f = NULL;
      double theta[2 * P + 2], grad[2 * P + 2], other[2 * P + 2], mean[2 * P + 2] = {0.0};
      double beta[P], v[P], eta[N], value = 0.0, mean_value = 0.0;
      int wants = 0, size = bvl_test_size();
      open_setting(&s, MPI_COMM_WORLD, by_columns ? 1 : size, by_columns ? size : 1,
                   kinds[k].family, kinds[k].penalty, 5, NULL);
      ASSERT_OK(bvl_surrogate_find(NULL, &s.problem->penalty, 0, &map));
      ASSERT_OK(bvl_surrogate_objective_create(s.problem, &map, &f));
      f->lambda = 0.2 * s.lambda_max;
      random_factors(f, theta);

      /* value = objective + imbalance, at the intercept the certificate has moved to */
      bvl_point point = {.intercept = theta[0], .beta = beta};
      bvl_certificate certificate;
      bvl_surrogate_forward(&map, &s.problem->blocks, theta + 1, beta);
      ASSERT_OK(bvl_problem_eta(s.problem, &point, eta));
      ASSERT_OK(bvl_certify(s.problem, f->lambda, &point, eta, v, &certificate));
      theta[0] = point.intercept;
      double excess = bvl_surrogate_imbalance(&map, &s.problem->penalty, f->lambda,
                                              &s.problem->blocks, theta + 1);
      ASSERT_OK(bvl_sum(&s.problem->grid->row, &excess, 1));
      ASSERT_OK(f->objective.eval(f, theta, -1, &value, grad, &wants));
      ASSERT_ALL(fabs(value - certificate.objective - excess) <= 1e-13 * fabs(value));

      /* the minibatches' mean is the whole: value and gradient */
      double worst = 0.0;
      for (int64_t b = 0; b < f->objective.n_batches; b++) {
        double part = 0.0;
        ASSERT_OK(f->objective.eval(f, theta, b, &part, other, &wants));
        mean_value += part / (double)f->objective.n_batches;
        for (int64_t i = 0; i < f->n_theta; i++)
          mean[i] += other[i] / (double)f->objective.n_batches;
      }
      for (int64_t i = 0; i < f->n_theta; i++) worst = fmax(worst, fabs(mean[i] - grad[i]));
      ASSERT_ALL(fabs(mean_value - value) <= 1e-13 * fabs(value) && worst <= 1e-13);

      /* a directional derivative by central differences */
      const double h = 1e-5;
      double sides[2], slope = 0.0;
      const double *left[] = {grad}, *right[] = {other};
      for (int64_t i = 0; i < f->n_theta; i++) other[i] = theta[i];
      ASSERT_OK(bvl_space_dots(&f->objective.space, 1, left, right, &slope, 0, NULL));
      for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < f->n_theta; i++) mean[i] = theta[i] * (1.0 + (side == 0 ? -h : h));
        double unused[2 * P + 2];
        ASSERT_OK(f->objective.eval(f, mean, -1, &sides[side], unused, &wants));
      }
      /* truncation h^2 times a third derivative of order 10, rounding 1e-15 / h */
      ASSERT_ALL(fabs((sides[1] - sides[0]) / (2.0 * h) - slope) <= 1e-7 * (1.0 + fabs(slope)));
      bvl_surrogate_objective_destroy(&f);
      close_setting(&s);
    }
  }
}

/* Two reductions an evaluation on a 2-d grid, one on a 1-d one. */
static void test_traffic(void **state)
{
  (void)state;
  if (bvl_max_count() < 1000) skip(); /* every piece of a chunked call counts */
  int size = bvl_test_size();
  int shapes[3][2] = {{size, 1}, {1, size}, {size == 4 ? 2 : 1, size == 4 ? 2 : size}};
  for (int shape = 0; shape < 3; shape++) {
    setting s;
    bvl_surrogate map;
    bvl_surrogate_objective *f = NULL;
    double theta[2 * P + 2], grad[2 * P + 2], value = 0.0;
    int wants = 0;
    open_setting(&s, MPI_COMM_WORLD, shapes[shape][0], shapes[shape][1], "gaussian", "lasso", 5,
                 NULL);
    ASSERT_OK(bvl_surrogate_find(NULL, &s.problem->penalty, 0, &map));
    ASSERT_OK(bvl_surrogate_objective_create(s.problem, &map, &f));
    f->lambda = s.lambda_max;
    random_factors(f, theta);
    int64_t before = s.grid->traffic.reductions;
    ASSERT_OK(f->objective.eval(f, theta, 2, &value, grad, &wants));
    int64_t wanted = (shapes[shape][0] > 1) + (shapes[shape][1] > 1);
    ASSERT_ALL(s.grid->traffic.reductions - before == wanted);
    bvl_surrogate_objective_destroy(&f);
    close_setting(&s);
  }
}

/* A rank that fails takes all others along in the same evaluation. */
static void test_failure_of_one_rank(void **state)
{
  (void)state;
  int size = bvl_test_size();
  for (int by_columns = 0; by_columns < 2; by_columns++) {
    setting s;
    bvl_surrogate map;
    bvl_surrogate_objective *f = NULL;
    double theta[2 * P + 2], grad[2 * P + 2], value = 0.0;
    int wants = 0;
    open_setting(&s, MPI_COMM_WORLD, by_columns ? 1 : size, by_columns ? size : 1, "gaussian",
                 "lasso", 1, NULL);
    ASSERT_OK(bvl_surrogate_find(NULL, &s.problem->penalty, 0, &map));
    ASSERT_OK(bvl_surrogate_objective_create(s.problem, &map, &f));
    random_factors(f, theta);
    if (bvl_test_rank() == size - 1) f->failure = bvl_fail(BVL_ERR_NOMEM, "out of scratch");
    ASSERT_ALL(f->objective.eval(f, theta, -1, &value, grad, &wants) == BVL_ERR_NOMEM);
    ASSERT_ALL(strcmp(bvl_last_error(), "out of scratch") == 0);
    bvl_surrogate_objective_destroy(&f);
    close_setting(&s);
  }
}

static void test_special_columns(void **state)
{
  (void)state;
  setting s;
  run r;
  double factor[P];
  for (int64_t j = 0; j < P; j++) factor[j] = 1.0;
  factor[1] = INFINITY; /* a strong column, excluded */
  factor[2] = 0.0;      /* unpenalised */
  open_setting(&s, MPI_COMM_WORLD, 1, bvl_test_size(), "gaussian", "lasso", 1, factor);
  open_run(&r, &s, BVL_SOLVER_LBFGS);
  solve_at(&r, 0.3);
  ASSERT_ALL(r.state.status == 0);
  int bad = 0;
  for (int64_t c = 0; c < bvl_design_p_local(s.problem->X); c++) {
    int64_t column = bvl_design_first(s.problem->X) + c;
    if (column == 1) bad |= r.state.point.beta[c] != 0.0;
    /* the unpenalised column's gradient vanishes */
    if (column == 2) bad |= !(fabs(r.state.v[c]) <= 1e-8 * s.lambda_max);
  }
  ASSERT_ALL(!bad);
  close_run(&r);
  close_setting(&s);
}

/* --- interruptions --- */

/* A store in memory: every array whole on every rank. */
typedef struct {
  char name[64];
  double *values;
  int64_t n;
} stored;

typedef struct {
  stored arrays[256];
  int n_arrays;
} memory_store;

static stored *find_array(memory_store *m, const char *name)
{
  for (int k = 0; k < m->n_arrays; k++)
    if (strcmp(m->arrays[k].name, name) == 0) return &m->arrays[k];
  return NULL;
}

static bvl_status store_put(void *context, const char *name, int64_t n_global, int64_t first,
                            int64_t count, const double *values)
{
  memory_store *m = context;
  stored *a = find_array(m, name);
  if (a == NULL) {
    a = &m->arrays[m->n_arrays++];
    snprintf(a->name, sizeof a->name, "%s", name);
  }
  free(a->values);
  a->n = n_global;
  a->values = calloc((size_t)n_global + 1, sizeof *a->values);
  for (int64_t k = 0; k < count; k++) a->values[first + k] = values[k];
  MPI_Allreduce(MPI_IN_PLACE, a->values, (int)n_global, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return BVL_OK;
}

static bvl_status store_length(void *context, const char *name, int64_t *n_global)
{
  const stored *a = find_array(context, name);
  *n_global = a != NULL ? a->n : -1;
  return BVL_OK;
}

static bvl_status store_get(void *context, const char *name, int64_t first, int64_t count,
                            double *values)
{
  const stored *a = find_array(context, name);
  if (a == NULL) return BVL_ERR_IO;
  for (int64_t k = 0; k < count; k++) values[k] = a->values[first + k];
  return BVL_OK;
}

static void free_store(memory_store *m)
{
  for (int k = 0; k < m->n_arrays; k++) free(m->arrays[k].values);
}

typedef struct {
  int calls, stop_at;
} stopper;

static int poll_stopper(void *context)
{
  stopper *s = context;
  return ++s->calls == s->stop_at ? BVL_WANT_STOP : 0;
}

typedef struct {
  run *r;
  memory_store *store;
  int calls;
} saver;

static bvl_status save_run(void *context)
{
  saver *s = context;
  bvl_store store = {
      .context = s->store, .put_f64 = store_put, .length = store_length, .get_f64 = store_get};
  s->calls++;
  return bvl_solver_surrogate.save(s->r->solver, &store);
}

/* Stopped inside a lambda by one rank, saved, taken up by a fresh solver on another grid: ends
 * where an uninterrupted run ends. */
static void test_interrupt_and_resume(void **state)
{
  (void)state;
  static const struct {
    bvl_solver solver;
    const char *penalty, *param;
  } jobs[] = {{BVL_SOLVER_MOMENTUM, "lasso", "difference"},
              {BVL_SOLVER_ADAM, "group-lasso", "power"},
              {BVL_SOLVER_LBFGS, "lasso", NULL},
              {BVL_SOLVER_LBFGS, "group-lq", NULL}}; /* depth 4 */
  int size = bvl_test_size();
  for (int q = 0; q < 4; q++) {
    int64_t n_slices = q < 2 ? 8 : 1;
    setting s, turned;
    run whole, stopped, resumed;
    static memory_store store;
    memset(&store, 0, sizeof store);
    open_setting(&s, MPI_COMM_WORLD, size, 1, "gaussian", jobs[q].penalty, n_slices, NULL);
    open_setting(&turned, MPI_COMM_WORLD, 1, size, "gaussian", jobs[q].penalty, n_slices, NULL);
    open_run(&whole, &s, jobs[q].solver);
    open_run(&stopped, &s, jobs[q].solver);
    open_run(&resumed, &turned, jobs[q].solver);
    whole.options.epochs = stopped.options.epochs = resumed.options.epochs = 20;
    whole.options.param = stopped.options.param = resumed.options.param = jobs[q].param;
    /* before rounding decides how often a line search tries */
    whole.options.max_iter = stopped.options.max_iter = resumed.options.max_iter = 60;
    solve_at(&whole, 0.2);

    stopper stop = {.stop_at = bvl_test_rank() == size - 1 ? 43 : -1};
    saver save = {.r = &stopped, .store = &store};
    stopped.monitor = (bvl_monitor){.context = &stop, .poll = poll_stopper};
    stopped.control.checkpoint = save_run;
    stopped.control.context = &save;
    stopped.state.lambda = resumed.state.lambda = 0.2 * s.lambda_max;
    ASSERT_OK(bvl_solver_surrogate.create(s.problem, &stopped.options, &stopped.solver));
    ASSERT_ALL(bvl_solver_surrogate.solve(stopped.solver, &stopped.state, &stopped.control) ==
               BVL_ERR_INTERRUPTED);
    ASSERT_ALL(save.calls == 1 && store.n_arrays > 0);

    bvl_store from = {.context = &store, .length = store_length, .get_f64 = store_get};
    ASSERT_OK(bvl_solver_surrogate.create(turned.problem, &resumed.options, &resumed.solver));
    ASSERT_OK(bvl_solver_surrogate.restore(resumed.solver, &from));
    ASSERT_OK(bvl_solver_surrogate.solve(resumed.solver, &resumed.state, &resumed.control));
    ASSERT_ALL(resumed.state.iterations == whole.state.iterations);
    ASSERT_ALL(resumed.state.epochs == whole.state.epochs);
    /* another grid sums in another order */
    ASSERT_ALL(fabs(resumed.state.certificate.objective - whole.state.certificate.objective) <=
               1e-9 * fabs(whole.state.certificate.objective));

    /* numbers cut short are refused by all */
    stored *numbers = find_array(&store, "surrogate/numbers");
    ASSERT_ALL(numbers != NULL);
    numbers->n -= 1;
    ASSERT_ALL(bvl_solver_surrogate.restore(resumed.solver, &from) == BVL_ERR_INPUT);

    /* a store without our arrays is a fresh start */
    static memory_store empty;
    from.context = &empty;
    ASSERT_OK(bvl_solver_surrogate.restore(resumed.solver, &from));
    close_run(&whole);
    close_run(&stopped);
    close_run(&resumed);
    close_setting(&turned);
    close_setting(&s);
    free_store(&store);
  }
}

/* Out of time at the first step: an honest answer all the same. */
static void test_no_time(void **state)
{
  (void)state;
  setting s;
  run r;
  open_setting(&s, MPI_COMM_WORLD, bvl_test_size(), 1, "binomial", "lasso", 1, NULL);
  open_run(&r, &s, BVL_SOLVER_LBFGS);
  r.control.deadline_s = 0.0;
  solve_at(&r, 0.1);
  ASSERT_ALL(r.state.status == 1 && r.state.certificate.gap > 1e-8);
  ASSERT_ALL(isfinite(r.state.certificate.objective));
  close_run(&r);
  close_setting(&s);
}

/* Rates that overflow e^eta: halved until it works, or given up with a finite point. */
static void test_learning_rate_too_large(void **state)
{
  (void)state;
  static const double rates[] = {20.0, 1e12};
  static const int wanted[] = {1, 2};
  for (int k = 0; k < 2; k++) {
    setting s;
    run r;
    open_setting(&s, MPI_COMM_WORLD, bvl_test_size(), 1, "poisson", "lasso", 4, NULL);
    open_run(&r, &s, BVL_SOLVER_SGD);
    r.options.step = rates[k];
    r.options.epochs = 20;
    solve_at(&r, 0.3);
    ASSERT_ALL(r.state.status == wanted[k]);
    ASSERT_ALL(((bvl_surrogate_solver *)r.solver)->halvings > 0);
    ASSERT_ALL(r.state.certificate.objective <= s.problem->null_loss * (1.0 + 1e-2) + 1e-2);
    close_run(&r);
    close_setting(&s);
  }
}

/* A learning rate out of range is refused. */
static void test_bad_rate(void **state)
{
  (void)state;
  setting s;
  run r;
  open_setting(&s, MPI_COMM_WORLD, 1, bvl_test_size(), "gaussian", "lasso", 4, NULL);
  open_run(&r, &s, BVL_SOLVER_SGD);
  r.options.step = INFINITY;
  r.state.lambda = 0.5 * s.lambda_max;
  ASSERT_OK(bvl_solver_surrogate.create(s.problem, &r.options, &r.solver));
  ASSERT_ALL(bvl_solver_surrogate.solve(r.solver, &r.state, &r.control) == BVL_ERR_USAGE);
  close_run(&r);
  close_setting(&s);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_lbfgs_reaches_the_optimum),
                  cmocka_unit_test(test_stochastic_methods),
                  cmocka_unit_test(test_same_run_on_every_grid),
                  cmocka_unit_test(test_value_and_gradient), cmocka_unit_test(test_traffic),
                  cmocka_unit_test(test_failure_of_one_rank),
                  cmocka_unit_test(test_special_columns),
                  cmocka_unit_test(test_interrupt_and_resume), cmocka_unit_test(test_no_time),
                  cmocka_unit_test(test_learning_rate_too_large), cmocka_unit_test(test_bad_rate))
