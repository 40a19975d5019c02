/* SPDX-License-Identifier: BSD-3-Clause */
/* Several gaussian responses: loss, residual, conjugate and mean against their formulas
 * summed here, row by row. */
#include "bvl_test.h"

#include "base/rng.h"
#include "loss/multi.h"

enum { N = 9, K = 3, LENGTH = N * K };

typedef struct sample {
  double y[LENGTH], eta[LENGTH], w[N];
} sample;

static sample draw(uint64_t seed)
{
  sample s;
  for (uint64_t e = 0; e < LENGTH; e++) {
    s.y[e] = 3 * bvl_rng_normal(seed, BVL_STREAM_SIM_X, 0, e);
    s.eta[e] = bvl_rng_normal(seed, BVL_STREAM_SIM_X, 1, e);
  }
  for (uint64_t i = 0; i < N; i++) s.w[i] = 0.1 + bvl_rng_uniform(seed, BVL_STREAM_SIM_X, 2, i);
  return s;
}

static double loss_of(const sample *s, const double *eta)
{
  double sum = 0;
  for (int i = 0; i < N; i++)
    for (int k = 0; k < K; k++)
      sum += s->w[i] * (s->y[i + k * N] - eta[i + k * N]) * (s->y[i + k * N] - eta[i + k * N]) / 2;
  return sum;
}

/* Sums of 27 terms below 100 in another order: 1e-12. */
static const double ROUNDING = 1e-12;

static void test_loss_and_residual(void **state)
{
  (void)state;
  const sample s = draw(1);
  double r[LENGTH], in_place[LENGTH];
  ASSERT_NEAR(bvl_multi_eval(&bvl_loss_gaussian, N, K, s.y, s.w, s.eta, r), loss_of(&s, s.eta),
              ROUNDING);
  ASSERT_NEAR(bvl_multi_eval(&bvl_loss_gaussian, N, K, s.y, s.w, s.eta, NULL), loss_of(&s, s.eta),
              ROUNDING);
  memcpy(in_place, s.eta, sizeof in_place);
  bvl_multi_eval(&bvl_loss_gaussian, N, K, s.y, s.w, in_place, in_place);
  for (int k = 0; k < K; k++)
    for (int i = 0; i < N; i++) {
      ASSERT_NEAR(r[i + k * N], s.w[i] * (s.y[i + k * N] - s.eta[i + k * N]), 1e-14);
      assert_true(in_place[i + k * N] == r[i + k * N]);
    }
}

/* r is minus the loss's gradient: a quadratic's central difference is exact but for rounding, eps
 * times 100 over 2 h. */
static void test_residual_is_the_slope(void **state)
{
  (void)state;
  const sample s = draw(2);
  const double h = 1e-3;
  double r[LENGTH];
  bvl_multi_eval(&bvl_loss_gaussian, N, K, s.y, s.w, s.eta, r);
  for (int e = 0; e < LENGTH; e++) {
    sample up = s, down = s;
    up.eta[e] += h;
    down.eta[e] -= h;
    ASSERT_NEAR((loss_of(&down, down.eta) - loss_of(&up, up.eta)) / (2 * h), r[e], 1e-10);
  }
}

/* Rows of weight 0 count nothing and leave zeros, whatever stands there. */
static void test_rows_without_weight(void **state)
{
  (void)state;
  sample s = draw(3);
  double r[LENGTH];
  s.w[4] = 0;
  const double before = bvl_multi_eval(&bvl_loss_gaussian, N, K, s.y, s.w, s.eta, r);
  for (int k = 0; k < K; k++) s.eta[4 + k * N] = 1e200;
  assert_true(bvl_multi_eval(&bvl_loss_gaussian, N, K, s.y, s.w, s.eta, r) == before);
  for (int k = 0; k < K; k++) assert_true(r[4 + k * N] == 0);
  const double dual = bvl_multi_dual(&bvl_loss_gaussian, N, K, s.y, s.w, r, 0.5);
  for (int k = 0; k < K; k++) s.y[4 + k * N] = -1e200;
  assert_true(bvl_multi_dual(&bvl_loss_gaussian, N, K, s.y, s.w, r, 0.5) == dual);
}

/* loss(eta) >= c(y, y - theta) - theta'eta for every theta, with equality at theta = y - eta: what
 * the duality gap rests on. */
static void test_conjugate(void **state)
{
  (void)state;
  const sample s = draw(4);
  double r[LENGTH];
  const double loss = bvl_multi_eval(&bvl_loss_gaussian, N, K, s.y, s.w, s.eta, r);
  for (double scale = -1; scale <= 2; scale += 0.25) {
    double by_hand = 0, linear = 0;
    for (int i = 0; i < N; i++)
      for (int k = 0; k < K; k++) {
        const double theta = scale * r[i + k * N] / s.w[i];
        by_hand += s.w[i] * (theta * s.y[i + k * N] - theta * theta / 2);
        linear += s.w[i] * theta * s.eta[i + k * N];
      }
    const double dual = bvl_multi_dual(&bvl_loss_gaussian, N, K, s.y, s.w, r, scale);
    ASSERT_NEAR(dual, by_hand, ROUNDING);
    if (scale == 1)
      ASSERT_NEAR(dual - linear, loss, ROUNDING);
    else
      assert_true(dual - linear < loss);
  }
}

static void test_mean(void **state)
{
  (void)state;
  const sample s = draw(5);
  double mean[LENGTH];
  bvl_multi_mean(&bvl_loss_gaussian, N, K, s.eta, mean);
  assert_memory_equal(mean, s.eta, sizeof mean);
  bvl_multi_mean(&bvl_loss_gaussian, N, K, mean, mean);
  assert_memory_equal(mean, s.eta, sizeof mean);
}

BVL_TEST_MAIN(cmocka_unit_test(test_loss_and_residual),
              cmocka_unit_test(test_residual_is_the_slope),
              cmocka_unit_test(test_rows_without_weight), cmocka_unit_test(test_conjugate),
              cmocka_unit_test(test_mean))
