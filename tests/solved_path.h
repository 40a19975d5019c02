/* SPDX-License-Identifier: BSD-3-Clause */
/* A path solved on a grid, every lambda certified, and its answer on every rank. */
#ifndef BVL_TEST_SOLVED_PATH_H
#define BVL_TEST_SOLVED_PATH_H

#include "bvl_problem.h"

/* Stationarity and gap are asked for at 1e-8 (100 times that for KKT); the oracle's own rounding in
 * long double is far below. */
static const double GAP_TOL = 1e-8;
static const double KKT_TOL = 1e-6;

typedef struct solved {
  int64_t n_lambda;
  double lambda[32];
  double intercept[32];
  double objective[32];
  double beta[32][TEST_MAX_P];
  double lambda_max;
} solved;

static bvl_path_options short_path(void)
{
  bvl_path_options options;
  bvl_path_options_init(&options);
  options.n_lambda = 12;
  options.lambda_min_ratio = 0.02;
  return options;
}

/* On an r x c grid. Collective. */
static void solve(test_problem *t, int r, int c, const bvl_path_options *options, solved *out)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, r, c, &grid));
  ASSERT_OK(test_problem_create(t, grid, &problem));
  ASSERT_OK(bvl_path_create(problem, options, NULL, &path));
  ASSERT_OK(bvl_path_solve(path, NULL, NULL));
  out->n_lambda = bvl_path_n_lambda(path);
  out->lambda_max = bvl_path_lambda_max(path);
  for (int64_t k = 0; k < out->n_lambda; k++) {
    bvl_path_point point;
    bvl_path_get(path, k, &point);
    out->lambda[k] = point.lambda;
    out->intercept[k] = point.intercept;
    out->objective[k] = point.objective;
    if (point.status != 0 && bvl_test_rank() == 0)
      fprintf(bvl_test_log(), "%s %s lambda %g: status %d gap %g kkt %g iterations %lld\n",
              t->family, t->penalty, point.lambda, point.status, point.dual_gap, point.kkt_residual,
              (long long)point.iterations);
    ASSERT_ALL(point.status == 0);
    test_coefficients(path, k, t->p, out->beta[k]);
  }
  bvl_path_destroy(&path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

#endif
