/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths with the Gram spread over all ranks: the same answers as with it on one rank, and each
 * judged by the independent certificate of oracle.h. Working sets of several blocks. */
#define TEST_PROBLEM_N 200
#define TEST_PROBLEM_P 260
#include "bvl_problem.h"

/* Asked for at 1e-8 (100 times that for KKT); the oracle's own rounding is far below. */
static const double GAP_TOL = 1e-8;
static const double KKT_TOL = 1e-6;

enum { LAMBDAS = 10 };

typedef struct solved {
  double lambda[LAMBDAS];
  double intercept[LAMBDAS];
  double objective[LAMBDAS];
  int64_t df[LAMBDAS];
  double beta[LAMBDAS][TEST_MAX_P];
} solved;

static test_problem problem_here;
static solved distributed, replicated;

static bvl_path_options options_of(bvl_gram gram, double ratio)
{
  bvl_path_options options;
  bvl_path_options_init(&options);
  options.n_lambda = LAMBDAS;
  options.lambda_min_ratio = ratio;
  options.gram = gram;
  return options;
}

static void solve(test_problem *t, int r, int c, const bvl_path_options *options, solved *out)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, r, c, &grid));
  ASSERT_OK(test_problem_create(t, grid, &problem));
  ASSERT_OK(bvl_path_create(problem, options, NULL, &path));
  ASSERT_OK(bvl_path_solve(path, NULL, NULL));
  for (int64_t k = 0; k < LAMBDAS; k++) {
    bvl_path_point point;
    bvl_path_get(path, k, &point);
    out->lambda[k] = point.lambda;
    out->intercept[k] = point.intercept;
    out->objective[k] = point.objective;
    out->df[k] = point.df;
    if (point.status != 0 && bvl_test_rank() == 0)
      fprintf(bvl_test_log(), "lambda %g: status %d gap %g kkt %g\n", point.lambda, point.status,
              point.dual_gap, point.kkt_residual);
    ASSERT_ALL(point.status == 0);
    test_coefficients(path, k, t->p, out->beta[k]);
  }
  bvl_path_destroy(&path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

static void judge(const test_problem *t, const solved *s)
{
  const oracle_problem q = test_problem_oracle(t);
  for (int64_t k = 0; k < LAMBDAS; k++) {
    const oracle_certificate c = oracle_certify(&q, s->lambda[k], s->beta[k], s->intercept[k]);
    const int good = c.gap <= GAP_TOL && c.kkt <= KKT_TOL;
    if (!good && bvl_test_rank() == 0)
      fprintf(bvl_test_log(), "lambda %g: gap %g kkt %g\n", s->lambda[k], c.gap, c.kkt);
    ASSERT_ALL(good);
  }
}

/* Both are certified to 1e-8 of half the null deviance, and go on to 1e-10 lambda of stationarity:
 * objectives agree to 1e-10. */
static void compare(const solved *a, const solved *b)
{
  int good = 1;
  for (int64_t k = 0; k < LAMBDAS; k++)
    good &= bvl_test_near(a->objective[k], b->objective[k], 1e-10 * fabs(b->objective[k]));
  ASSERT_ALL(good);
}

/* Against the replicated engine; the smallest model wanted at the end of the path.
 */
static void try_grids(test_problem *t, double ratio, int64_t df)
{
  int shapes[3][2];
  const int n_grids = test_grids(shapes);
  const bvl_path_options spread = options_of(BVL_GRAM_DISTRIBUTED, ratio);
  const bvl_path_options whole = options_of(BVL_GRAM_REPLICATED, ratio);
  solve(t, shapes[0][0], shapes[0][1], &whole, &replicated);
  for (int g = 0; g < n_grids; g += 2) { /* 1 x P, and the squarest there is */
    solve(t, shapes[g][0], shapes[g][1], &spread, &distributed);
    compare(&distributed, &replicated);
    if (g == 0) judge(t, &distributed);
    ASSERT_ALL(distributed.df[LAMBDAS - 1] >= df);
  }
}

static void test_lasso(void **state)
{
  (void)state;
  test_problem_make(&problem_here, 200, 260, "gaussian", "lasso");
  problem_here.has_w = problem_here.has_o = 1;
  try_grids(&problem_here, 0.003, 130); /* two blocks and more */
}

/* A ridge that changes with lambda, unpenalised columns, no intercept, the input's own scale. */
static void test_enet_with_factors(void **state)
{
  (void)state;
  test_problem_make(&problem_here, 120, 200, "gaussian", "enet");
  problem_here.has_factor = 1;
  problem_here.factor[3] = problem_here.factor[150] = 0;
  problem_here.factor[7] = INFINITY;
  problem_here.intercept = problem_here.standardize = 0;
  try_grids(&problem_here, 0.01, 80);
}

/* Three copies of each of a few columns, one with its sign turned, and more active columns than the
 * rows can carry: the Gram of the active set is singular. */
static void test_dependent_columns(void **state)
{
  (void)state;
  test_problem *t = &problem_here;
  test_problem_make(t, 60, 150, "gaussian", "lasso");
  for (int64_t j = 0; j < 20; j++)
    for (int64_t i = 0; i < t->n; i++) {
      t->X[i + (100 + j) * t->n] = t->X[i + j * t->n];
      t->X[i + (120 + j) * t->n] = 3 - 2 * t->X[i + j * t->n];
    }
  try_grids(t, 1e-4, 40);
}

/* The switch inside a path: the replicated Gram is given up once the set has more than 40 columns.
 */
static void test_auto_switches_by_size(void **state)
{
  (void)state;
  int shapes[3][2];
  const int n_grids = test_grids(shapes);
  test_problem_make(&problem_here, 100, 150, "gaussian", "lasso");
  bvl_path_options mixed = options_of(BVL_GRAM_AUTO, 0.01);
  const bvl_path_options whole = options_of(BVL_GRAM_REPLICATED, 0.01);
  mixed.gram_limit = 40;
  solve(&problem_here, shapes[0][0], shapes[0][1], &whole, &replicated);
  solve(&problem_here, shapes[n_grids - 1][0], shapes[n_grids - 1][1], &mixed, &distributed);
  compare(&distributed, &replicated);
  ASSERT_ALL(distributed.df[LAMBDAS - 1] > 40);
}

/* One lambda far below the last: thousands of changes in one step, scaled down. */
static void test_given_lambdas_far_apart(void **state)
{
  (void)state;
  int shapes[3][2];
  const int n_grids = test_grids(shapes);
  double lambda[LAMBDAS];
  test_problem_make(&problem_here, 150, 200, "gaussian", "lasso");
  for (int k = 0; k < LAMBDAS; k++) lambda[k] = 2 * pow(0.4, k);
  bvl_path_options spread = options_of(BVL_GRAM_DISTRIBUTED, 0.5);
  spread.lambda = lambda;
  solve(&problem_here, shapes[n_grids - 1][0], shapes[n_grids - 1][1], &spread, &distributed);
  judge(&problem_here, &distributed);
}

/* A budget of one linear solve is not enough: what there is comes back, not certified, and the
 * whole Gram is not asked for instead. */
static void test_a_spent_budget_is_told(void **state)
{
  (void)state;
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  int n_open = 0;
  test_problem_make(&problem_here, 100, 150, "gaussian", "lasso");
  bvl_path_options options = options_of(BVL_GRAM_DISTRIBUTED, 0.01);
  options.max_iter = 1;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, bvl_test_size(), &grid));
  ASSERT_OK(test_problem_create(&problem_here, grid, &problem));
  ASSERT_OK(bvl_path_create(problem, &options, NULL, &path));
  ASSERT_OK(bvl_path_solve(path, NULL, NULL));
  for (int64_t k = 0; k < LAMBDAS; k++) {
    bvl_path_point point;
    bvl_path_get(path, k, &point);
    const int certified = point.dual_gap <= options.tol && point.kkt_residual <= 100 * options.tol;
    ASSERT_ALL(point.status == !certified && isfinite(point.dual_gap));
    n_open += !certified;
  }
  ASSERT_ALL(n_open > 0);
  bvl_path_destroy(&path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

static void test_what_cannot_be_is_refused(void **state)
{
  (void)state;
  static const struct {
    const char *family, *penalty;
    bvl_solver solver;
  } cases[] = {{"binomial", "lasso", BVL_SOLVER_AUTO},
               {"gaussian", "group-lasso", BVL_SOLVER_NEWTON},
               {"gaussian", "lasso", BVL_SOLVER_CD},
               {"gaussian", "lasso", BVL_SOLVER_LBFGS}};
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    bvl_grid *grid = NULL;
    bvl_problem *problem = NULL;
    bvl_path *path = NULL;
    bvl_path_options options = options_of(BVL_GRAM_DISTRIBUTED, 0.1);
    options.solver = cases[k].solver;
    test_problem_make(&problem_here, 30, 20, cases[k].family, cases[k].penalty);
    ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, bvl_test_size(), &grid));
    ASSERT_OK(test_problem_create(&problem_here, grid, &problem));
    ASSERT_ALL(bvl_path_create(problem, &options, NULL, &path) == BVL_ERR_USAGE);
    ASSERT_ALL(path == NULL);
    bvl_problem_destroy(&problem);
    bvl_grid_destroy(&grid);
  }
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_lasso), cmocka_unit_test(test_enet_with_factors),
                  cmocka_unit_test(test_dependent_columns),
                  cmocka_unit_test(test_auto_switches_by_size),
                  cmocka_unit_test(test_given_lambdas_far_apart),
                  cmocka_unit_test(test_a_spent_budget_is_told),
                  cmocka_unit_test(test_what_cannot_be_is_refused))
