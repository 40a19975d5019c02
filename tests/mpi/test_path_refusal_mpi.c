/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths that cannot be: options out of range, and solvers, bounds, starts and Grams that do not go
 * with each other or with the problem, refused on every rank with the same message. */
#include "bvl_problem.h"
#include "io_files.h"

static test_problem t;

/* bvl_path_create on t says `text`. */
static void expect(const bvl_path_options *options, const char *text)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, bvl_test_size(), &grid));
  ASSERT_OK(test_problem_create(&t, grid, &problem));
  ASSERT_REFUSED(bvl_path_create(problem, options, NULL, &path), BVL_ERR_USAGE, text);
  ASSERT_ALL(path == NULL);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

static bvl_path_options plain(void)
{
  bvl_path_options options;
  bvl_path_options_init(&options);
  options.n_lambda = 3;
  return options;
}

static void test_numbers_out_of_range(void **state)
{
  (void)state;
  static const double ratios[] = {0, -0.1, 1.5}, bad_tol[] = {0, -1, NAN};
  static const double bad_lambda[] = {-1, INFINITY, NAN}, bad_rho[] = {-1, INFINITY, NAN};
  test_problem_make(&t, 30, 20, "gaussian", "lasso");
  bvl_path_options o = plain();
  o.n_lambda = 0;
  expect(&o, "nlambda 0 < 1");
  for (int k = 0; k < 3; k++) {
    const double lambda[] = {0.5, bad_lambda[k], 0.1};
    o = plain();
    o.lambda_min_ratio = ratios[k];
    expect(&o, "lambda-min-ratio");
    o = plain();
    o.tol = bad_tol[k];
    expect(&o, "tol");
    o = plain();
    o.lambda = lambda;
    expect(&o, "is not a finite number >= 0");
    o = plain();
    o.admm_rho = bad_rho[k];
    expect(&o, "admm-rho");
  }
}

static void test_starts(void **state)
{
  (void)state;
  bvl_path_options o = plain();
  o.starts = 3;
  test_problem_make(&t, 30, 20, "gaussian", "lasso");
  expect(&o, "penalty lasso is convex");
  test_problem_make(&t, 30, 20, "gaussian", "mcp");
  o.solver = BVL_SOLVER_LBFGS;
  expect(&o, "only by solver auto, newton or cd");
  o.solver = BVL_SOLVER_AUTO;
  o.dfmax = 5;
  expect(&o, "starts 3: not with dfmax");
}

static void test_bounds(void **state)
{
  (void)state;
  bvl_path_options o = plain();
  test_problem_make(&t, 30, 20, "gaussian", "lasso");
  t.has_bounds = 1;
  for (int64_t j = 0; j < t.p; j++) t.upper[j] = INFINITY;
  o.gram = BVL_GRAM_DISTRIBUTED;
  expect(&o, "not with gram distributed");
  o = plain();
  o.solver = BVL_SOLVER_VARPRO;
  expect(&o, "varpro and admm know no bounds");
}

static void test_a_penalty_without_a_prox(void **state)
{
  (void)state;
  bvl_path_options o = plain();
  test_problem_make(&t, 30, 20, "gaussian", "lpq");
  t.has_groups = 1;
  o.solver = BVL_SOLVER_NEWTON;
  expect(&o, "only by solver lbfgs, adam, momentum or sgd");
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_numbers_out_of_range), cmocka_unit_test(test_starts),
                  cmocka_unit_test(test_bounds), cmocka_unit_test(test_a_penalty_without_a_prox))
