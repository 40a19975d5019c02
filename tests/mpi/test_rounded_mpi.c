/* SPDX-License-Identifier: BSD-3-Clause */
/* The 8-bit copy of X: its products are as near as it says, on every kind of column and grid, and a
 * screened sweep calls no column inactive that is not. */
#include "bvl_problem.h"

#include "base/rng.h"
#include "data/design.h"
#include "data/rounded.h"
#include "model/problem.h"

enum { N = 700, P = 83, K = 11 };

static double X_raw[N * P], y_raw[N];

/* Normal columns, and: constant, huge mean, one outlier, small integers, tiny and huge scale. */
static void fill(void)
{
  for (int64_t c = 0; c < P; c++)
    for (int64_t i = 0; i < N; i++) {
      const double z = bvl_rng_normal(3, BVL_STREAM_SIM_X, (uint64_t)c, (uint64_t)i);
      double *x = &X_raw[c * N + i];
      switch (c % 8) {
      case 1: *x = c == 1 ? 7.5 : z; break;
      case 2: *x = 1e6 + z; break;
      case 3: *x = i == 5 ? 1e4 : z; break;
      case 4: *x = (double)((i * (c + 3)) % 3); break;
      case 5: *x = 1e-200 * z; break;
      case 6: *x = 1e100 * z; break;
      default: *x = z;
      }
    }
  for (int64_t i = 0; i < N; i++)
    y_raw[i] = 2 * X_raw[i] - X_raw[8 * N + i] +
               bvl_rng_normal(4, BVL_STREAM_SIM_X, 0, (uint64_t)i);
}

static double noise(int64_t i, int64_t q)
{
  return bvl_rng_normal(9, BVL_STREAM_SIM_X, (uint64_t)q, (uint64_t)i) + (q == 4 ? 10 : 0);
}

static void check_product(int n_rows, int n_cols, int standardize, int single)
{
  bvl_source source;
  bvl_grid *grid = NULL;
  bvl_design *X = NULL;
  bvl_rounded *rounded = NULL;
  double norm[K];
  bvl_design_options options = {.n_slices = 1, .store_float32 = single};
  ASSERT_OK(bvl_source_dense_borrow(BVL_F64, N, single ? 5 : P, X_raw, N, 1, &source));
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, n_rows, n_cols, &grid));
  ASSERT_OK(bvl_design_create(grid, &source, &options, &X));
  if (standardize) ASSERT_OK(bvl_design_standardize(X, NULL, standardize == 1, 1));
  ASSERT_OK(bvl_rounded_create(X, &rounded));
  const int64_t p_local = X->columns.p_local;
  const int64_t n_local = X->rows.n_local;
  double *r = calloc((size_t)(n_local * K) + 1, sizeof *r);
  double *near = calloc((size_t)(p_local * K) + 1, sizeof *near);
  double *exact = calloc((size_t)(p_local * K) + 1, sizeof *exact);
  for (int64_t q = 0; q < K; q++)
    for (int64_t i = 0; i < n_local; i++)
      r[q * n_local + i] = q == 7 ? 0 : q == 2 ? 1e-170 * noise(i, q) : noise(i, q);
  ASSERT_OK(bvl_rounded_adjoint(rounded, K, r, near, norm));
  ASSERT_OK(bvl_design_adjoint(X, 0, NULL, K, r, exact, 0, NULL));
  const double *error = bvl_rounded_error(rounded);
  int good = 1;
  int tight = 1;
  for (int64_t q = 0; q < K; q++)
    for (int64_t c = 0; c < p_local; c++) {
      const double apart = fabs(near[c + q * p_local] - exact[c + q * p_local]);
      const double bound = error[c] * norm[q];
      const double scale = norm[q] * sqrt((double)N) * (X->scale != NULL ? 1 : 1e6);
      /* what both lose in double: the huge mean, mostly */
      const double rounding = 1e-9 * (isfinite(scale) ? scale : 0);
      good &= q == 7 ? bound == 0 && apart == 0 : !isfinite(bound) || apart <= bound + rounding;
      if (X->columns.first + c == 0 && standardize == 1 && q == 0)
        tight &= bound < 0.02 * sqrt((double)N) * norm[0];
      if (q == 2) good &= !isfinite(bound) || bound > 0 || apart == 0;
    }
  ASSERT_ALL(good);
  ASSERT_ALL(tight);
  free(exact);
  free(near);
  free(r);
  bvl_rounded_destroy(&rounded);
  bvl_design_destroy(&X);
  bvl_source_memory_free(&source);
  bvl_grid_destroy(&grid);
}

static void test_product(void **state)
{
  (void)state;
  int size = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  fill();
  for (int rows = 1; rows <= size; rows++) {
    if (size % rows != 0) continue;
    for (int standardize = 0; standardize < 3; standardize++)
      check_product(rows, size / rows, standardize, 0);
    check_product(rows, size / rows, 1, 1);
  }
}

/* ---- the screened sweep -----------------------------------------------------------------------
 */

static int is_column_screened(const bvl_problem *problem, int64_t g, int64_t k,
                              const double *lambda, const double *beta, const double *near,
                              const double *exact, int *good)
{
  const int64_t p_local = problem->X->columns.p_local;
  const int64_t begin = problem->blocks.begin[g];
  const int64_t m = bvl_block_len(&problem->blocks, g);
  int apart = 0;
  for (int64_t q = 0; q < k; q++)
    for (int64_t c = begin; c < begin + m; c++)
      apart |= fabs(near[c + q * p_local] - exact[c + q * p_local]) > 1e-12;
  for (int64_t q = 0; apart && q < k; q++) {
    const double limit = bvl_penalty_threshold(&problem->penalty,
                                               lambda[q] * problem->blocks.weight[g]);
    *good &= bvl_block_norm(m, near + begin + q * p_local) <= limit;
    *good &= bvl_block_norm(m, exact + begin + q * p_local) <= limit;
    for (int64_t c = begin; c < begin + m; c++) *good &= beta[c + q * p_local] == 0;
  }
  return apart;
}

static void check_screen(const char *family, const char *penalty, int n_rows, int n_cols)
{
  enum { BATCH = 3 };
  static test_problem t;
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  double largest = 0, lambda[BATCH];
  test_problem_make(&t, TEST_MAX_N, TEST_MAX_P, family, penalty);
  t.has_factor = strcmp(penalty, "lasso") == 0;
  t.factor[4] = 0;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, n_rows, n_cols, &grid));
  ASSERT_OK(test_problem_create(&t, grid, &problem));
  const int64_t p_local = problem->X->columns.p_local;
  const int64_t n_split = bvl_problem_n_split(problem);
  double *beta = calloc((size_t)(p_local * BATCH) + 1, sizeof *beta);
  double *near = calloc((size_t)(p_local * BATCH) + 1, sizeof *near);
  double *exact = calloc((size_t)(p_local * BATCH) + 1, sizeof *exact);
  double *r = calloc((size_t)(n_split * BATCH) + 1, sizeof *r);
  ASSERT_OK(bvl_problem_lambda_max(problem, &largest, near));
  for (int64_t c = 0; c < p_local; c++)
    for (int64_t q = 0; q < BATCH; q++)
      beta[c + q * p_local] = (problem->X->columns.first + c) % 9 == q ? 0.5 : 0;
  for (int64_t i = 0; i < n_split * BATCH; i++)
    r[i] = bvl_rng_normal(11, BVL_STREAM_SIM_X, (uint64_t)grid->all.rank, (uint64_t)i);
  for (int64_t q = 0; q < BATCH; q++) lambda[q] = (1.5 - 0.4 * (double)q) * largest;
  ASSERT_OK(bvl_problem_round(problem));
  ASSERT_ALL(problem->rounded != NULL);
  ASSERT_OK(bvl_correlate(problem, BATCH, r, exact));
  ASSERT_OK(bvl_correlate_screened(problem, BATCH, lambda, beta, r, near));
  int good = 1;
  double screened = 0;
  for (int64_t g = 0; g < problem->blocks.n; g++)
    if (problem->blocks.weight[g] < INFINITY)
      screened += is_column_screened(problem, g, BATCH, lambda, beta, near, exact, &good);
  ASSERT_ALL(good);
  ASSERT_OK(bvl_sum(&grid->all, &screened, 1));
  ASSERT_ALL(screened > 0); /* or nothing was tested */
  free(r);
  free(exact);
  free(near);
  free(beta);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

static void test_screen(void **state)
{
  (void)state;
  static const char *const penalties[] = {"lasso", "enet", "group-lasso", "sparse-group-lasso"};
  const int size = bvl_test_size();
  for (int k = 0; k < 4; k++) {
    check_screen(k % 2 == 0 ? "gaussian" : "poisson", penalties[k], 1, size);
    check_screen(k % 2 == 0 ? "binomial" : "gaussian", penalties[k], size, 1);
  }
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_product), cmocka_unit_test(test_screen))
