/* SPDX-License-Identifier: BSD-3-Clause */
/* Softmax: derivatives, the dual's term, extremes, and the mean. */
#include "bvl_test.h"

#include <float.h>

#include "base/rng.h"
#include "loss/multi.h"

enum { N = 7, K = 4 };
static const bvl_loss *const loss = &bvl_loss_multinomial;

typedef struct sample {
  double y[N];
  double w[N];
  double eta[N * K];
} sample;

/* One row has weight 0. */
static sample draw(void)
{
  sample s;
  for (uint64_t i = 0; i < N; i++) {
    s.y[i] = (double)(i % K);
    s.w[i] = i == 3 ? 0 : 0.5 + bvl_rng_uniform(1, BVL_STREAM_SIM_X, i, 0);
    for (uint64_t k = 0; k < K; k++)
      s.eta[i + k * N] = 2 * bvl_rng_normal(2, BVL_STREAM_SIM_X, i, k);
  }
  return s;
}

static double value_at(const sample *s, const double *eta)
{
  return bvl_multi_eval(loss, N, K, s->y, s->w, eta, NULL);
}

/* The definition, in long double. */
static void test_value_is_its_definition(void **state)
{
  (void)state;
  const sample s = draw();
  long double sum = 0;
  for (int i = 0; i < N; i++) {
    long double total = 0;
    for (int k = 0; k < K; k++) total += expl((long double)s.eta[i + k * N]);
    sum += (long double)s.w[i] * (logl(total) - (long double)s.eta[i + (i % K) * N]);
  }
  ASSERT_NEAR(value_at(&s, s.eta), (double)sum, 16 * DBL_EPSILON * (double)sum);
}

static void test_residual_is_minus_the_slope(void **state)
{
  (void)state;
  const sample s = draw();
  const double h = 1e-5;
  double r[N * K];
  bvl_multi_eval(loss, N, K, s.y, s.w, s.eta, r);
  for (int e = 0; e < N * K; e++) {
    sample up = s;
    sample down = s;
    up.eta[e] += h;
    down.eta[e] -= h;
    const double slope = (value_at(&s, up.eta) - value_at(&s, down.eta)) / (2 * h);
    /* truncation: h^2 / 6 times a third derivative below 1; rounding: ulps of a sum of 7 over h */
    ASSERT_NEAR(-r[e], slope, h * h + 16 * DBL_EPSILON * value_at(&s, s.eta) / h);
  }
}

static void test_residual_may_take_the_predictors_place(void **state)
{
  (void)state;
  sample s = draw();
  double r[N * K];
  bvl_multi_eval(loss, N, K, s.y, s.w, s.eta, r);
  bvl_multi_eval(loss, N, K, s.y, s.w, s.eta, s.eta);
  assert_memory_equal(r, s.eta, sizeof r);
}

/* r = w (e_y - mean), whose classes sum to 0. */
static void test_residual_is_label_less_mean(void **state)
{
  (void)state;
  const sample s = draw();
  double r[N * K];
  double mean[N * K];
  bvl_multi_eval(loss, N, K, s.y, s.w, s.eta, r);
  bvl_multi_mean(loss, N, K, s.eta, mean);
  for (int i = 0; i < N; i++) {
    double total = 0;
    for (int k = 0; k < K; k++) {
      const double label = k == i % K ? 1 : 0;
      ASSERT_NEAR(r[i + k * N], s.w[i] * (label - mean[i + k * N]), 8 * DBL_EPSILON);
      total += r[i + k * N];
    }
    ASSERT_NEAR(total, 0, 16 * DBL_EPSILON);
  }
}

/* c(y, y - theta) = inf over eta of loss + theta'eta: attained at the eta that theta is of, and
 * below everywhere else. theta of one point, the loss at many. */
static void test_dual_is_the_infimum(void **state)
{
  (void)state;
  sample s = draw();
  double r[N * K];
  bvl_multi_eval(loss, N, K, s.y, s.w, s.eta, r);
  const double scales[] = {1.0, 0.6, 0.0};
  for (int c = 0; c < 3; c++) {
    const double dual = bvl_multi_dual(loss, N, K, s.y, s.w, r, scales[c]);
    for (uint64_t q = 0; q < 50; q++) {
      double sum = 0;
      double eta[N * K];
      for (uint64_t e = 0; e < N * K; e++) {
        eta[e] = q == 0 ? s.eta[e] : 3 * bvl_rng_normal(3, BVL_STREAM_SIM_X, q, e);
        sum += scales[c] * r[e] * eta[e];
      }
      const double bound = value_at(&s, eta) + sum;
      const double rounding = 64 * DBL_EPSILON * (fabs(dual) + value_at(&s, eta) + fabs(sum));
      assert_true(dual <= bound + rounding);
      if (q == 0 && c == 0) ASSERT_NEAR(dual, bound, rounding);
    }
  }
}

static void test_dual_has_its_domain(void **state)
{
  (void)state;
  const double y = 1;
  const double w = 1;
  const double inside[] = {-0.5, 1, -0.5};
  const double outside[] = {0.5, 1, -1.5};
  const double infinite[] = {INFINITY, 0, -INFINITY};
  ASSERT_NEAR(bvl_multi_dual(loss, 1, 3, &y, &w, inside, 1), log(2), 4 * DBL_EPSILON);
  assert_true(bvl_multi_dual(loss, 1, 3, &y, &w, inside, 1.1) == -INFINITY);
  assert_true(bvl_multi_dual(loss, 1, 3, &y, &w, outside, 1) == -INFINITY);
  assert_true(bvl_multi_dual(loss, 1, 3, &y, &w, infinite, 0.5) == -INFINITY);
}

static void test_extreme_predictors(void **state)
{
  (void)state;
  const double w = 1;
  for (int label = 0; label < 3; label++) {
    const double y = label;
    const double eta[] = {800, -800, 0};
    double r[3];
    double mean[3];
    const double value = bvl_multi_eval(loss, 1, 3, &y, &w, eta, r);
    bvl_multi_mean(loss, 1, 3, eta, mean);
    assert_true(value == 800 - eta[label]); /* e^-800 underflows */
    for (int k = 0; k < 3; k++) {
      assert_true(mean[k] == (k == 0));
      assert_true(r[k] == (k == label) - (k == 0));
    }
  }
  /* two classes far behind: log(1 + 2 e^-a) keeps its digits, and so does the label's residual */
  for (double a = 1; a < 700; a *= 1.7) {
    const double y = 0;
    const double eta[] = {a, 0, 0};
    double r[3];
    const double exact = log1p(2 * exp(-a));
    ASSERT_NEAR(bvl_multi_eval(loss, 1, 3, &y, &w, eta, r) / exact, 1, 8 * DBL_EPSILON);
    ASSERT_NEAR(r[0] * (1 + 2 * exp(-a)) / (2 * exp(-a)), 1, 8 * DBL_EPSILON);
  }
}

static void test_weight_zero_hides_everything(void **state)
{
  (void)state;
  const double y = 0;
  const double w = 0;
  const double eta[] = {NAN, INFINITY, 1};
  double r[3];
  assert_true(bvl_multi_eval(loss, 1, 3, &y, &w, eta, r) == 0);
  for (int k = 0; k < 3; k++) assert_true(r[k] == 0);
  assert_true(bvl_multi_dual(loss, 1, 3, &y, &w, eta, 1) == 0);
}

static void test_labels(void **state)
{
  (void)state;
  const double bad[] = {-1, 0.5, NAN, INFINITY, -INFINITY};
  for (int k = 0; k < 5; k++) assert_false(loss->label_ok(bad[k]));
  assert_true(loss->label_ok(0) && loss->label_ok(3));
}

BVL_TEST_MAIN(cmocka_unit_test(test_value_is_its_definition),
              cmocka_unit_test(test_residual_is_minus_the_slope),
              cmocka_unit_test(test_residual_may_take_the_predictors_place),
              cmocka_unit_test(test_residual_is_label_less_mean),
              cmocka_unit_test(test_dual_is_the_infimum),
              cmocka_unit_test(test_dual_has_its_domain), cmocka_unit_test(test_extreme_predictors),
              cmocka_unit_test(test_weight_zero_hides_everything), cmocka_unit_test(test_labels))
