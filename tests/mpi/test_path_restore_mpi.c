/* SPDX-License-Identifier: BSD-3-Clause */
/* A path stopped anywhere, saved, and taken up on another grid ends where an undisturbed one does,
 * and redoes nothing that was finished. The store is in memory: arrays replicated on every rank. */
#include "bvl_problem.h"

enum { MAX_ARRAYS = 256 };

typedef struct memory_store {
  int n;
  char name[MAX_ARRAYS][64];
  int64_t length[MAX_ARRAYS];
  double *f64[MAX_ARRAYS];
  int64_t *i64[MAX_ARRAYS];
} memory_store;

static int slot(memory_store *s, const char *name, int create)
{
  for (int k = 0; k < s->n; k++)
    if (strcmp(s->name[k], name) == 0) return k;
  if (!create) return -1;
  snprintf(s->name[s->n], sizeof s->name[0], "%s", name);
  return s->n++;
}

static void store_clear(memory_store *s)
{
  for (int k = 0; k < s->n; k++) {
    free(s->f64[k]);
    free(s->i64[k]);
  }
  memset(s, 0, sizeof *s);
}

/* Parts are disjoint: their sum is the whole. */
static bvl_status put_f64(void *context, const char *name, int64_t n, int64_t first, int64_t count,
                          const double *values)
{
  memory_store *s = context;
  const int k = slot(s, name, 1);
  s->length[k] = n;
  s->f64[k] = calloc((size_t)n + 1, sizeof(double));
  for (int64_t i = 0; i < count; i++) {
    /* NaN and infinities do not survive a sum over zeros */
    s->f64[k][first + i] = isfinite(values[i]) ? values[i] : 12345.25;
  }
  MPI_Allreduce(MPI_IN_PLACE, s->f64[k], (int)n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  for (int64_t i = 0; i < n; i++)
    if (s->f64[k][i] == 12345.25) s->f64[k][i] = NAN;
  return BVL_OK;
}

static bvl_status put_i64(void *context, const char *name, int64_t n, int64_t first, int64_t count,
                          const int64_t *values)
{
  memory_store *s = context;
  const int k = slot(s, name, 1);
  s->length[k] = n;
  s->i64[k] = calloc((size_t)n + 1, sizeof(int64_t));
  for (int64_t i = 0; i < count; i++) s->i64[k][first + i] = values[i];
  MPI_Allreduce(MPI_IN_PLACE, s->i64[k], (int)n, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  return BVL_OK;
}

static bvl_status length_of(void *context, const char *name, int64_t *n)
{
  memory_store *s = context;
  const int k = slot(s, name, 0);
  *n = k < 0 ? -1 : s->length[k];
  return BVL_OK;
}

static bvl_status get_f64(void *context, const char *name, int64_t first, int64_t count,
                          double *values)
{
  memory_store *s = context;
  const int k = slot(s, name, 0);
  memcpy(values, s->f64[k] + first, (size_t)count * sizeof *values);
  return BVL_OK;
}

static bvl_status get_i64(void *context, const char *name, int64_t first, int64_t count,
                          int64_t *values)
{
  memory_store *s = context;
  const int k = slot(s, name, 0);
  memcpy(values, s->i64[k] + first, (size_t)count * sizeof *values);
  return BVL_OK;
}

static bvl_store over(memory_store *memory)
{
  return (bvl_store){.context = memory,
                     .put_f64 = put_f64,
                     .put_i64 = put_i64,
                     .length = length_of,
                     .get_f64 = get_f64,
                     .get_i64 = get_i64};
}

/* ---- stopping ------------------------------------------------------------------------------ */

typedef struct stopper {
  int polls_left; /* polls before one rank asks to stop */
  bvl_path *path;
  memory_store memory;
  int saved;
} stopper;

static int poll_stop(void *context)
{
  stopper *s = context;
  if (bvl_test_rank() != bvl_test_size() - 1) return 0; /* a single rank's wish is everyone's */
  return s->polls_left-- == 0 ? BVL_WANT_STOP : 0;
}

static bvl_status save(void *context)
{
  stopper *s = context;
  const bvl_store store = over(&s->memory);
  store_clear(&s->memory);
  s->saved++;
  return bvl_path_save(s->path, &store);
}

typedef struct answer {
  int64_t iterations;
  int64_t done;
  int64_t df[16];
  int status[16];
  double objective[16];
  double beta[16][TEST_MAX_P];
} answer;

static void collect(const bvl_path *path, int64_t p, answer *out)
{
  memset(out, 0, sizeof *out);
  for (int64_t k = 0; k < bvl_path_n_lambda(path); k++) {
    bvl_path_point point;
    bvl_path_get(path, k, &point);
    out->iterations += point.iterations;
    out->done += point.status == 0;
    out->objective[k] = point.objective;
    out->df[k] = point.df;
    out->status[k] = point.status;
    test_coefficients(path, k, p, out->beta[k]);
  }
}

static int64_t dfmax = -1; /* of every run below */

static bvl_path_options options_for(bvl_solver solver)
{
  bvl_path_options options;
  bvl_path_options_init(&options);
  options.n_lambda = 8;
  options.lambda_min_ratio = 0.05;
  options.solver = solver;
  options.seed = 4;
  options.dfmax = dfmax;
  return options;
}

/* Runs on an r x c grid, from `from` when given, stopping after `polls` polls (negative: never). */
static bvl_status run(test_problem *t, bvl_solver solver, int r, int c, int polls,
                      memory_store *from, stopper *s, answer *out)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  const bvl_path_options options = options_for(solver);
  const bvl_monitor monitor = {.context = s, .poll = poll_stop};
  s->polls_left = polls;
  s->saved = 0;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, r, c, &grid));
  ASSERT_OK(test_problem_create(t, grid, &problem));
  ASSERT_OK(bvl_path_create(problem, &options, &monitor, &s->path));
  if (from != NULL) {
    const bvl_store store = over(from);
    ASSERT_OK(bvl_path_restore(s->path, &store));
  }
  const bvl_status status = bvl_path_solve(s->path, save, s);
  collect(s->path, t->p, out);
  bvl_path_destroy(&s->path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
  return status;
}

static void stop_and_resume(bvl_solver solver, const char *family, const char *penalty,
                            const int *stops, int n_stops, double same, int64_t redone)
{
  static test_problem t;
  static stopper s;
  static answer whole;
  static answer part;
  static answer resumed;
  const int size = bvl_test_size();
  test_problem_make(&t, 40, 50, family, penalty);
  ASSERT_OK(run(&t, solver, 1, size, -1, NULL, &s, &whole));
  ASSERT_ALL(whole.done == 8);
  for (int k = 0; k < n_stops; k++) {
    const bvl_status status = run(&t, solver, 1, size, stops[k], NULL, &s, &part);
    if (status == BVL_OK) continue; /* finished before the stop came */
    ASSERT_ALL(status == BVL_ERR_INTERRUPTED);
    ASSERT_ALL(s.saved == 1);
    memory_store memory = s.memory;
    memset(&s.memory, 0, sizeof s.memory);
    ASSERT_OK(run(&t, solver, size, 1, -1, &memory, &s, &resumed));
    ASSERT_ALL(resumed.done == 8);
    for (int64_t l = 0; l < 8; l++) {
      ASSERT_ALL(
          bvl_test_near(whole.objective[l], resumed.objective[l], same * fabs(whole.objective[l])));
      for (int64_t j = 0; j < t.p; j++)
        ASSERT_ALL(bvl_test_near(whole.beta[l][j], resumed.beta[l][j],
                                 1e3 * same * (1 + fabs(whole.beta[l][j]))));
    }
    /* cumulative iterations: what was finished was not done again */
    ASSERT_ALL(resumed.iterations <= whole.iterations + redone);
    store_clear(&memory);
  }
  store_clear(&s.memory);
}

/* Certified to a gap of 1e-8, in fact to 1e-10 and better: resumed and whole agree to 1e-9. A stop
 * costs at most the working set's first solve again; groups, whose lambdas are predicted from the
 * last three, begin cold: on this coarse grid some 15 steps for each of six lambdas. */
static void test_newton(void **state)
{
  (void)state;
  const int stops[] = {0, 1, 2, 3, 5, 8, 13, 20, 33};
  stop_and_resume(BVL_SOLVER_AUTO, "gaussian", "lasso", stops, 9, 1e-9, 12);
  stop_and_resume(BVL_SOLVER_AUTO, "binomial", "group-lasso", stops, 9, 1e-9, 100);
}

/* Surrogate and polish: the answer is the polished one. A stop loses L-BFGS its curvature pairs at
 * most: some tens of iterations. */
static void test_surrogate(void **state)
{
  (void)state;
  const int stops[] = {1, 10, 60, 150, 400};
  stop_and_resume(BVL_SOLVER_LBFGS, "gaussian", "lasso", stops, 5, 1e-9, 60);
  stop_and_resume(BVL_SOLVER_ADAM, "binomial", "lasso", stops, 5, 1e-9, 60);
}

/* A stop costs variable projection the lambda in work: v follows from the coefficients. */
static void test_varpro(void **state)
{
  (void)state;
  const int stops[] = {1, 7, 30, 55};
  stop_and_resume(BVL_SOLVER_VARPRO, "gaussian", "lasso", stops, 4, 1e-9, 30);
}

/* ADMM begins again at x with the dual that belongs to it; what acceleration knew is lost. */
static void test_admm(void **state)
{
  (void)state;
  const int stops[] = {10, 60};
  stop_and_resume(BVL_SOLVER_ADMM, "binomial", "group-lasso", stops, 2, 1e-9, 60);
}

static void test_other_problem_is_refused(void **state)
{
  (void)state;
  static test_problem t;
  static stopper s;
  static answer part;
  const int size = bvl_test_size();
  test_problem_make(&t, 40, 50, "gaussian", "lasso");
  ASSERT_ALL(run(&t, BVL_SOLVER_AUTO, 1, size, 1, NULL, &s, &part) == BVL_ERR_INTERRUPTED);
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  bvl_path_options options = options_for(BVL_SOLVER_AUTO);
  options.n_lambda = 9; /* another grid of lambdas */
  const bvl_store store = over(&s.memory);
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, size, &grid));
  ASSERT_OK(test_problem_create(&t, grid, &problem));
  ASSERT_OK(bvl_path_create(problem, &options, NULL, &path));
  ASSERT_ALL(bvl_path_restore(path, &store) == BVL_ERR_USAGE);
  bvl_path_destroy(&path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
  store_clear(&s.memory);
}

/* `part` is `whole` down to the first lambda with more than dfmax nonzeros, that one included, and
 * nothing below it. Both are certified: equal to 1e-9 as above. */
static void judge_dfmax(const answer *whole, const answer *part, int64_t p)
{
  int64_t last = 0;
  while (last < 7 && whole->df[last] <= dfmax) last++;
  ASSERT_ALL(whole->df[last] > dfmax && last < 7); /* or the test tests nothing */
  ASSERT_ALL(part->done == last + 1);
  for (int64_t k = 0; k < 8; k++) {
    ASSERT_ALL(part->status[k] == (k <= last ? 0 : 3));
    if (k <= last) {
      ASSERT_ALL(part->df[k] == whole->df[k]);
      ASSERT_ALL(
          bvl_test_near(whole->objective[k], part->objective[k], 1e-9 * fabs(whole->objective[k])));
      continue;
    }
    ASSERT_ALL(isnan(part->objective[k]) && part->df[k] == 0);
    for (int64_t j = 0; j < p; j++) ASSERT_ALL(part->beta[k][j] == 0);
  }
}

/* Where lambdas are solved in batches, one by one, and by a surrogate and its polish; on every rank
 * count, and stopped and taken up again on another grid. */
static void test_dfmax(void **state)
{
  (void)state;
  static const struct {
    bvl_solver solver;
    const char *family, *penalty;
    int64_t p;
  } pair[] = {{BVL_SOLVER_AUTO, "gaussian", "lasso", 50},
              {BVL_SOLVER_AUTO, "gaussian", "lasso", 12},
              {BVL_SOLVER_AUTO, "binomial", "group-lasso", 50},
              {BVL_SOLVER_CD, "poisson", "enet", 50},
              {BVL_SOLVER_LBFGS, "gaussian", "lasso", 50}};
  static test_problem t;
  static stopper s;
  static answer whole;
  static answer part;
  const int size = bvl_test_size();
  for (size_t f = 0; f < sizeof pair / sizeof pair[0]; f++) {
    test_problem_make(&t, 40, pair[f].p, pair[f].family, pair[f].penalty);
    dfmax = -1;
    ASSERT_OK(run(&t, pair[f].solver, 1, size, -1, NULL, &s, &whole));
    for (int round = 0; round < 3; round++) {
      dfmax = round == 0 ? 0 : whole.df[round]; /* two places, or the very first entry */
      ASSERT_OK(run(&t, pair[f].solver, 1, size, -1, NULL, &s, &part));
      judge_dfmax(&whole, &part, t.p);
      if (run(&t, pair[f].solver, 1, size, 2 * round + 1, NULL, &s, &part) == BVL_OK) continue;
      memory_store memory = s.memory;
      memset(&s.memory, 0, sizeof s.memory);
      ASSERT_OK(run(&t, pair[f].solver, size, 1, -1, &memory, &s, &part));
      judge_dfmax(&whole, &part, t.p);
      store_clear(&memory);
    }
    store_clear(&s.memory);
  }
  dfmax = -1;
}

/* Saved after its end, such a path has nothing left to do. */
static void test_full_path_stays_full(void **state)
{
  (void)state;
  static test_problem t;
  static stopper s;
  static answer part;
  static answer again;
  const int size = bvl_test_size();
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  test_problem_make(&t, 40, 50, "gaussian", "lasso");
  dfmax = 2;
  const bvl_path_options options = options_for(BVL_SOLVER_AUTO);
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, size, &grid));
  ASSERT_OK(test_problem_create(&t, grid, &problem));
  ASSERT_OK(bvl_path_create(problem, &options, NULL, &s.path));
  ASSERT_OK(bvl_path_solve(s.path, NULL, NULL));
  ASSERT_OK(save(&s));
  collect(s.path, t.p, &part);
  bvl_path_destroy(&s.path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
  memory_store memory = s.memory;
  memset(&s.memory, 0, sizeof s.memory);
  ASSERT_ALL(part.done > 0 && part.done < 8);
  ASSERT_OK(run(&t, BVL_SOLVER_AUTO, size, 1, -1, &memory, &s, &again));
  ASSERT_ALL(again.done == part.done && again.iterations == part.iterations);
  store_clear(&memory);
  dfmax = -1;
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_newton), cmocka_unit_test(test_surrogate),
                  cmocka_unit_test(test_varpro), cmocka_unit_test(test_admm),
                  cmocka_unit_test(test_other_problem_is_refused), cmocka_unit_test(test_dfmax),
                  cmocka_unit_test(test_full_path_stays_full))
