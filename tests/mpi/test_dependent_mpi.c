/* SPDX-License-Identifier: BSD-3-Clause */
/* Columns that depend on each other in whole numbers: 30 of rank 8, so that active sets meet
 * columns they cannot factor again and again, and exchange one for another. The loss determines the
 * answer no longer, the certificate still does. */
#include "bvl_problem.h"

enum { N = 80, P = 30, RANK = 8, LAMBDAS = 30, SEEDS = 6 };
/* what the path promises */
static const double GAP_TOL = 1e-8, KKT_TOL = 1e-6;

static test_problem t;

static double draw(uint64_t seed, int64_t i, int64_t j)
{
  return bvl_rng_normal(seed, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)j);
}

/* The first RANK columns are drawn; each of the others is a sum of -2 .. 2 times each of them. */
static void make_dependent(uint64_t seed, const char *family)
{
  test_problem_make(&t, N, P, family, "lasso");
  t.standardize = 0; /* or many of them would be of one length and enter together */
  for (int64_t i = 0; i < N; i++) {
    double eta = 0;
    for (int64_t j = 0; j < RANK; j++) {
      t.X[i + j * N] = draw(seed, i, j);
      eta += t.X[i + j * N] * draw(seed, N, j) / sqrt(RANK);
    }
    const double u = bvl_rng_uniform(seed, BVL_STREAM_SIM_NOISE, 0, (uint64_t)i);
    t.y[i] = strcmp(family, "gaussian") == 0   ? eta + u
             : strcmp(family, "binomial") == 0 ? u < 1 / (1 + exp(-eta))
                                               : floor(exp(0.5 * eta) + u);
  }
  for (int64_t j = RANK; j < P; j++)
    for (int64_t i = 0; i < N; i++) {
      double sum = 0;
      for (int64_t k = 0; k < RANK; k++)
        sum += ((double)(bvl_rng_bits(seed, BVL_STREAM_FOLD, (uint64_t)j, (uint64_t)k) % 5) - 2) *
               t.X[i + k * N];
      t.X[i + j * N] = sum;
    }
}

static void solve_and_certify(void)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  bvl_path_options options;
  const oracle_problem q = test_problem_oracle(&t);
  bvl_path_options_init(&options);
  options.n_lambda = LAMBDAS;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, bvl_test_size(), &grid));
  ASSERT_OK(test_problem_create(&t, grid, &problem));
  ASSERT_OK(bvl_path_create(problem, &options, NULL, &path));
  ASSERT_OK(bvl_path_solve(path, NULL, NULL));
  for (int64_t k = 0; k < LAMBDAS; k++) {
    bvl_path_point point;
    double beta[TEST_MAX_P];
    bvl_path_get(path, k, &point);
    test_coefficients(path, k, P, beta);
    const oracle_certificate c = oracle_certify(&q, point.lambda, beta, point.intercept);
    ASSERT_ALL(point.status == 0 && c.gap <= GAP_TOL && c.kkt <= KKT_TOL);
  }
  bvl_path_destroy(&path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

static void try_family(const char *family)
{
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    make_dependent(seed, family);
    solve_and_certify();
  }
}

static void test_gaussian(void **state)
{
  (void)state;
  try_family("gaussian");
}

static void test_binomial(void **state)
{
  (void)state;
  try_family("binomial");
}

static void test_poisson(void **state)
{
  (void)state;
  try_family("poisson");
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_gaussian), cmocka_unit_test(test_binomial),
                  cmocka_unit_test(test_poisson))
