/* SPDX-License-Identifier: BSD-3-Clause */
/* Group penalties with more rows than columns, on every grid the ranks allow: coordinate descent's
 * answer, and the independent certificate's consent. */
#define TEST_PROBLEM_N 240
#define TEST_PROBLEM_P 40
#include "bvl_problem.h"

#include "solver/group/group_model.h"

/* Coordinate descent is slow: it stops at 1e-9, in the gap and (its inner tolerance, relative to
 * lambda) in stationarity, which leaves coefficients at 1e-6 where curvature is above 1e-3. */
static const double TOL = 1e-12, CD_TOL = 1e-9;

enum { LAMBDAS = 12, N = TEST_PROBLEM_N };

typedef struct solved {
  double lambda[LAMBDAS];
  double intercept[LAMBDAS];
  double objective[LAMBDAS];
  double beta[LAMBDAS][TEST_MAX_P];
} solved;

static const char *const families[] = {"gaussian", "binomial", "poisson"};
static const char *const penalties[] = {"group-lasso", "sparse-group-lasso"};

static void solve(test_problem *t, int r, int c, bvl_solver solver, solved *out)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  bvl_path_options options;
  bvl_path_options_init(&options);
  options.n_lambda = LAMBDAS;
  options.lambda_min_ratio = 0.02;
  options.tol = solver == BVL_SOLVER_CD ? CD_TOL : TOL;
  options.solver = solver;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, r, c, &grid));
  ASSERT_OK(test_problem_create(t, grid, &problem));
  ASSERT_OK(bvl_path_create(problem, &options, NULL, &path));
  ASSERT_OK(bvl_path_solve(path, NULL, NULL));
  for (int64_t k = 0; k < LAMBDAS; k++) {
    bvl_path_point point;
    bvl_path_get(path, k, &point);
    out->lambda[k] = point.lambda;
    out->intercept[k] = point.intercept;
    out->objective[k] = point.objective;
    if (point.status != 0 && bvl_test_rank() == 0)
      fprintf(bvl_test_log(), "%s %s %s lambda %g: status %d gap %g kkt %g\n", t->family,
              t->penalty, solver == BVL_SOLVER_CD ? "cd" : "auto", point.lambda, point.status,
              point.dual_gap, point.kkt_residual);
    ASSERT_ALL(point.status == 0);
    test_coefficients(path, k, t->p, out->beta[k]);
  }
  bvl_path_destroy(&path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

/* Two columns free, one out, both in groups of others; with `twins` columns 9 and 10 are the same
 * again at 29 and 30, in a group of their own: their coefficients are then not unique. */
static void spoil(test_problem *t, int twins)
{
  t->has_w = 1;
  t->has_o = 1;
  t->has_factor = 1;
  for (int64_t j = 0; j < t->p; j++) {
    t->factor[j] = j == 3 || j == 22 ? 0 : j == 14 ? INFINITY : 1;
    t->groups[j] = j / 4;
  }
  for (int64_t j = 9; twins && j < 11; j++) {
    memcpy(t->X + (j + 20) * N, t->X + j * N, N * sizeof *t->X);
    t->groups[j] = 100;
    t->groups[j + 20] = 7;
  }
}

static void compare(const test_problem *t, const solved *ours, const solved *cd, int twins)
{
  const oracle_problem q = test_problem_oracle(t);
  for (int64_t k = 0; k < LAMBDAS; k++) {
    const oracle_certificate c = oracle_certify(&q, ours->lambda[k], ours->beta[k],
                                                ours->intercept[k]);
    double largest = 0;
    for (int64_t j = 0; j < t->p; j++) largest = fmax(largest, fabs(cd->beta[k][j]));
    ASSERT_ALL(c.gap <= 1e-11 && c.kkt <= 1e-9);
    ASSERT_ALL(bvl_test_near(ours->objective[k], cd->objective[k],
                             CD_TOL * (fabs(c.objective) + c.null_half)));
    for (int64_t j = 0; j < t->p && !twins; j++)
      ASSERT_ALL(bvl_test_near(ours->beta[k][j], cd->beta[k][j], 1e-6 * largest));
    ASSERT_ALL(ours->beta[k][14] == 0);
  }
  ASSERT_ALL(ours->beta[LAMBDAS - 1][3] != 0);
}

static void test_as_coordinate_descent(void **state)
{
  (void)state;
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static test_problem t;
  static solved ours, cd;
  for (int f = 0; f < 3; f++)
    for (int q = 0; q < 2; q++) {
      const int twins = (f + q) % 3 == 1;
      const int *shape = shapes[(f + q) % n_shapes];
      test_problem_make(&t, N, TEST_MAX_P, families[f], penalties[q]);
      spoil(&t, twins);
      assert_true(bvl_group_model_is_tall(t.n, t.p));
      solve(&t, shape[0], shape[1], BVL_SOLVER_AUTO, &ours);
      solve(&t, shape[0], shape[1], BVL_SOLVER_CD, &cd);
      compare(&t, &ours, &cd, twins);
    }
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_as_coordinate_descent))
