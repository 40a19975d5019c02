/* SPDX-License-Identifier: BSD-3-Clause */
/* The tests' own certificate (oracle.h) against analytic answers and the stored oracle problems. */
#include "bvl_test.h"

#include "base/rng.h"
#include "oracle_file.h"

/* n = 4, one column with mean 0 and variance 1, y = 3x + 1: b(lambda) = 3 - lambda, b0 = 1. */
static void test_one_column_has_the_analytic_answer(void **state)
{
  (void)state;
  const double x[] = {1, -1, 1, -1};
  const double y[] = {4, -2, 4, -2};
  oracle_problem q = {.family = "gaussian", .penalty = "lasso", .n = 4, .p = 1, .X = x, .y = y};
  q.intercept = q.standardize = 1;
  double beta = 2.25;
  oracle_certificate c = oracle_certify(&q, 0.75, &beta, 1.0);
  /* every number is a dyadic rational: exact up to the long double arithmetic */
  ASSERT_NEAR(c.objective, 0.5 * 0.75 * 0.75 + 0.75 * 2.25, 1e-16);
  ASSERT_NEAR(c.gap, 0.0, 1e-16);
  ASSERT_NEAR(c.kkt, 0.0, 1e-16);
  ASSERT_NEAR(c.null_half, 4.5, 1e-15);
  ASSERT_NEAR(c.lambda_max, 3.0, 1e-15);
  assert_int_equal(c.support, 1);
}

static void test_elastic_net_and_scale_have_the_analytic_answer(void **state)
{
  (void)state;
  /* x = 2 x~ + 5: b~ = (3 - lambda alpha) / (1 + lambda (1 - alpha)) */
  const double x[] = {7, 3, 7, 3};
  const double y[] = {4, -2, 4, -2};
  oracle_problem q = {.family = "gaussian", .penalty = "enet", .n = 4, .p = 1, .X = x, .y = y};
  q.alpha = 0.5;
  q.intercept = q.standardize = 1;
  double beta = (3.0 - 0.5) / (1.0 + 0.5) / 2.0;
  oracle_certificate c = oracle_certify(&q, 1.0, &beta, 1.0 - 5.0 * beta);
  /* beta is rounded to a double: stationarity to an ulp, the gap to its square and long rounding */
  ASSERT_NEAR(c.kkt, 0.0, 2e-15);
  ASSERT_NEAR(c.gap, 0.0, 1e-17);
  ASSERT_NEAR(c.lambda_max, 6.0, 1e-15);
}

static void test_logistic_intercept_only(void **state)
{
  (void)state;
  /* three ones of four: b0 = log 3; v = 1/4 by hand below */
  const double x[] = {1, -1, 1, -1};
  const double y[] = {1, 1, 1, 0};
  oracle_problem q = {.family = "binomial", .penalty = "lasso", .n = 4, .p = 1, .X = x, .y = y};
  q.intercept = 1;
  double beta = 0.0;
  oracle_certificate c = oracle_certify(&q, 0.25, &beta, log(3.0));
  ASSERT_NEAR(c.lambda_max, 0.25, 1e-15); /* |.25 - .25 + .25 + .75| / 4 */
  ASSERT_NEAR(c.kkt, 0.0, 4e-16);         /* log(3) is rounded */
  ASSERT_NEAR(c.gap, 0.0, 1e-15);         /* at lambda_max beta = 0 is optimal */
  ASSERT_NEAR(c.null_half, log(4.0) - 0.75 * log(3.0), 1e-15);
}

static void test_excluded_columns_must_be_zero(void **state)
{
  (void)state;
  const double x[] = {1, -1, 1, -1};
  const double y[] = {4, -2, 4, -2};
  const double factor[] = {INFINITY};
  oracle_problem q = {.family = "gaussian", .penalty = "lasso", .n = 4, .p = 1, .X = x, .y = y};
  q.intercept = 1;
  q.penalty_factor = factor;
  double beta = 0.0;
  ASSERT_NEAR(oracle_certify(&q, 1.0, &beta, 1.0).kkt, 0.0, 1e-16);
  beta = 1.0;
  assert_true(isinf(oracle_certify(&q, 1.0, &beta, 1.0).kkt));
}

static void test_stored_solutions_are_optimal(void **state)
{
  (void)state;
  for (int f = 0; oracle_files[f] != NULL; f++) {
    oracle_file file;
    oracle_file_read(oracle_files[f], &file);
    assert_int_equal(file.n_lambda, 3);
    for (int64_t k = 0; k < file.n_lambda; k++) {
      const double *beta = file.beta + k * file.problem.p;
      oracle_certificate c = oracle_certify(&file.problem, file.lambda[k], beta, file.intercept[k]);
      /* the solutions are good to some ulps of v in double: 1e-12 of lambda allows for the smallest
       * lambda / lambda_max = 0.05 and the rounding of the coefficients to the input's scale; the
       * gap is first order in it only where a constraint of the dual is scaled */
      assert_true(c.kkt >= 0.0 && c.kkt <= 1e-12);
      assert_true(c.gap >= -1e-15 && c.gap <= 1e-11);
      ASSERT_NEAR(c.objective, file.objective[k], 1e-13 * (1.0 + fabs(c.objective)));
      ASSERT_NEAR(c.lambda_max, file.lambda_max, 1e-12 * c.lambda_max);
      ASSERT_NEAR(c.null_half, file.null_half, 1e-12 * (1.0 + c.null_half));
    }
    oracle_file_free(&file);
  }
}

/* Random points around a solution: the gap bounds the suboptimality, and neither is negative. */
static void test_gap_bounds_the_excess_at_random_points(void **state)
{
  (void)state;
  for (int f = 0; oracle_files[f] != NULL; f++) {
    oracle_file file;
    oracle_file_read(oracle_files[f], &file);
    const oracle_problem *q = &file.problem;
    double *beta = oracle_alloc(q->p, sizeof *beta);
    for (uint64_t trial = 0; trial < 6; trial++) {
      double size = pow(10.0, -(double)trial);
      int64_t k = (int64_t)(trial % 3);
      for (int64_t j = 0; j < q->p; j++) {
        double b = file.beta[j + k * q->p];
        double z = bvl_rng_normal(trial, BVL_STREAM_INIT, (uint64_t)f, (uint64_t)j);
        beta[j] = b != 0.0 ? b * (1.0 + size * z) : 0.0;
      }
      oracle_certificate c = oracle_certify(q, file.lambda[k], beta, file.intercept[k]);
      double excess = c.objective - file.objective[k];
      double rounding = 1e-13 * (1.0 + fabs(c.objective)); /* of the stored objective */
      assert_true(excess >= -rounding);
      assert_true(c.gap * c.null_half >= excess - rounding);
      assert_true(c.kkt > 1e-9); /* perturbed by at least 1e-5: no longer stationary */
    }
    free(beta);
    oracle_file_free(&file);
  }
}

BVL_TEST_MAIN(cmocka_unit_test(test_one_column_has_the_analytic_answer),
              cmocka_unit_test(test_elastic_net_and_scale_have_the_analytic_answer),
              cmocka_unit_test(test_logistic_intercept_only),
              cmocka_unit_test(test_excluded_columns_must_be_zero),
              cmocka_unit_test(test_stored_solutions_are_optimal),
              cmocka_unit_test(test_gap_bounds_the_excess_at_random_points))
