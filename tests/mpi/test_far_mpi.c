/* SPDX-License-Identifier: BSD-3-Clause */
/* Lambdas far apart are reached by stops that nobody sees; and an inner solve that rank 0 runs
 * alone ends soon after a stop was wanted, whereupon the path goes on as if nothing had been. */
#include "bvl_problem.h"

#include "path/path_state.h"

enum { FEW = 4 };
/* what the path promises */
static const double GAP_TOL = 1e-8, KKT_TOL = 1e-6;
static const double far_lambdas[FEW] = {3e-3, 0.4, 3e-4, 0.02};

static bvl_path_options short_path(void)
{
  bvl_path_options options;
  bvl_path_options_init(&options);
  options.n_lambda = 8;
  options.lambda_min_ratio = 0.1;
  return options;
}

static bvl_path_options far_path(void)
{
  bvl_path_options options = short_path();
  options.lambda = far_lambdas;
  options.n_lambda = FEW;
  return options;
}

typedef struct watcher {
  int64_t asked;    /* polls on rank 0 */
  int64_t stop_at;  /* the poll that is answered by a stop; every one from there on */
  int64_t finished; /* as last reported */
  int64_t wanted;
} watcher;

static int poll_count(void *context)
{
  watcher *w = context;
  if (bvl_test_rank() != 0) return 0;
  return ++w->asked >= w->stop_at ? BVL_WANT_STOP : 0;
}

static void take_progress(void *context, const bvl_progress *at)
{
  watcher *w = context;
  w->finished = at->k;
  w->wanted = at->n_lambda;
}

static void open_path(test_problem *t, const bvl_path_options *options, const bvl_monitor *monitor,
                      bvl_grid **grid, bvl_problem **problem, bvl_path **path)
{
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, bvl_test_size(), grid));
  ASSERT_OK(test_problem_create(t, *grid, problem));
  ASSERT_OK(bvl_path_create(*problem, options, monitor, path));
}

static void close_path(bvl_grid **grid, bvl_problem **problem, bvl_path **path)
{
  bvl_path_destroy(path);
  bvl_problem_destroy(problem);
  bvl_grid_destroy(grid);
}

/* No two stops further apart than a factor 0.7, the points among them in order; none but points on
 * a grid that is as fine. */
static void test_stops(void **state)
{
  (void)state;
  static test_problem t;
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  bvl_path_options options = far_path();
  test_problem_make(&t, 30, 50, "gaussian", "lasso");
  open_path(&t, &options, NULL, &grid, &problem, &path);
  double last = path->lambda_max;
  int n_points = 0;
  for (int64_t k = 0; k < path->n_stops; k++) {
    ASSERT_ALL(path->stop[k] < last && path->stop[k] >= 0.7 * last * (1 - 1e-5));
    last = path->stop[k];
    if (path->stop_point[k] < 0) continue;
    ASSERT_ALL(path->stop[k] == far_lambdas[path->stop_point[k]]);
    n_points++;
  }
  ASSERT_ALL(n_points == FEW && last == 3e-4);
  close_path(&grid, &problem, &path);
  bvl_path_options_init(&options);
  open_path(&t, &options, NULL, &grid, &problem, &path);
  ASSERT_ALL(path->n_stops == 100);
  close_path(&grid, &problem, &path);
}

/* Every answer is certified, and only what was asked for is told of. */
static void test_far_lambdas_are_certified(void **state)
{
  (void)state;
  static test_problem t;
  for (int wide = 0; wide < 2; wide++) {
    bvl_grid *grid = NULL;
    bvl_problem *problem = NULL;
    bvl_path *path = NULL;
    watcher w = {.stop_at = INT64_MAX};
    const bvl_monitor monitor = {.context = &w, .poll = poll_count, .progress = take_progress};
    const bvl_path_options options = far_path();
    test_problem_make(&t, 40, wide ? 50 : 20, "gaussian", "lasso");
    const oracle_problem q = test_problem_oracle(&t);
    open_path(&t, &options, &monitor, &grid, &problem, &path);
    ASSERT_OK(bvl_path_solve(path, NULL, NULL));
    ASSERT_ALL(bvl_test_rank() != 0 || (w.finished == FEW && w.wanted == FEW));
    ASSERT_ALL(bvl_path_n_lambda(path) == FEW);
    for (int64_t k = 0; k < FEW; k++) {
      bvl_path_point point;
      double beta[TEST_MAX_P];
      bvl_path_get(path, k, &point);
      test_coefficients(path, k, t.p, beta);
      const oracle_certificate c = oracle_certify(&q, far_lambdas[k], beta, point.intercept);
      ASSERT_ALL(point.status == 0 && c.gap <= GAP_TOL && c.kkt <= KKT_TOL);
    }
    close_path(&grid, &problem, &path);
  }
}

/* dfmax looks at lambdas that were asked for: the stops before the last have more nonzeros. */
static void test_dfmax_counts_points_alone(void **state)
{
  (void)state;
  static test_problem t;
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  bvl_path_options options = far_path();
  bvl_path_point point;
  options.dfmax = 1;
  test_problem_make(&t, 40, 50, "gaussian", "lasso");
  open_path(&t, &options, NULL, &grid, &problem, &path);
  ASSERT_OK(bvl_path_solve(path, NULL, NULL));
  int64_t attempted = 0;
  for (int64_t k = 0; k < FEW; k++) {
    bvl_path_get(path, k, &point);
    attempted += point.status == 0;
    if (point.status == 0) ASSERT_ALL(point.lambda >= 0.02);
  }
  ASSERT_ALL(attempted > 0 && attempted < FEW);
  bvl_path_get(path, attempted == 1 ? 1 : 3, &point);
  ASSERT_ALL(point.status == 0 && point.df > options.dfmax);
  close_path(&grid, &problem, &path);
}

/* Stopped at any poll, also those of inner solves, of which there are many more than of batches:
 * the second call ends where an undisturbed one does. */
static void test_stopped_anywhere(void **state)
{
  (void)state;
  static test_problem t;
  static const char *const kinds[][2] = {{"gaussian", "lasso"},
                                         {"binomial", "lasso"},
                                         {"gaussian", "group-lasso"},
                                         {"gaussian", "mcp"}};
  for (size_t f = 0; f < sizeof kinds / sizeof *kinds; f++) {
    int64_t step = 1;
    double whole[8] = {0};
    for (int64_t stop_at = INT64_MAX; stop_at > 0; stop_at -= step) {
      bvl_grid *grid = NULL;
      bvl_problem *problem = NULL;
      bvl_path *path = NULL;
      watcher w = {.stop_at = stop_at};
      const bvl_monitor monitor = {.context = &w, .poll = poll_count};
      bvl_path_options options = short_path();
      options.n_lambda = 8;
      test_problem_make(&t, 40, 50, kinds[f][0], kinds[f][1]);
      open_path(&t, &options, &monitor, &grid, &problem, &path);
      const int first = stop_at == INT64_MAX;
      const bvl_status status = bvl_path_solve(path, NULL, NULL);
      ASSERT_ALL(status == (first ? BVL_OK : BVL_ERR_INTERRUPTED));
      int64_t n_batches = 0;
      bvl_path_batches(path, &n_batches);
      if (first) {
        int64_t asked = w.asked;
        MPI_Bcast(&asked, 1, MPI_INT64_T, 0, MPI_COMM_WORLD);
        ASSERT_ALL(asked > 2 * n_batches + 8);
        stop_at = asked;
        step = asked / 7 + 1;
      } else {
        w.stop_at = INT64_MAX;
        ASSERT_OK(bvl_path_solve(path, NULL, NULL));
      }
      for (int64_t k = 0; k < 8; k++) {
        bvl_path_point point;
        bvl_path_get(path, k, &point);
        ASSERT_ALL(point.status == 0);
        if (first) whole[k] = point.objective;
        /* both are certified to 1e-8 of half the null deviance, below 10 here */
        ASSERT_ALL(bvl_test_near(point.objective, whole[k], 1e-7));
      }
      close_path(&grid, &problem, &path);
    }
  }
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_stops), cmocka_unit_test(test_far_lambdas_are_certified),
                  cmocka_unit_test(test_dfmax_counts_points_alone),
                  cmocka_unit_test(test_stopped_anywhere))
