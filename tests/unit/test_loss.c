/* SPDX-License-Identifier: BSD-3-Clause */
/* Families: derivatives, conjugates, extremes, and the loops over observations. */
#include "bvl_test.h"

#include <float.h>

#include "base/rng.h"
#include "loss/loss.h"

static const double etas[] = {-30.0, -5.0, -1.3, -1e-3, 0.0, 0.4, 2.0, 6.0};
static const double fractions[] = {0.0, 0.25, 0.7, 1.0};
static const double counts[] = {0.0, 0.5, 1.0, 7.0};
/* Those of one predictor; test_multi_loss.c has the others. */
static const bvl_loss *const scalar[] = {&bvl_loss_gaussian, &bvl_loss_binomial, &bvl_loss_poisson,
                                         NULL};
enum { N_ETAS = sizeof etas / sizeof *etas, N_LABELS = 4 };

/* Labels every family accepts. */
static const double *labels_of(const bvl_loss *loss)
{
  return loss == &bvl_loss_binomial ? fractions : counts;
}

static void test_families_are_found_by_name(void **state)
{
  (void)state;
  for (const bvl_loss *const *loss = bvl_loss_all(); *loss != NULL; loss++)
    assert_ptr_equal(bvl_loss_find((*loss)->name), *loss);
  assert_ptr_equal(bvl_loss_find("binomial"), &bvl_loss_binomial);
  assert_null(bvl_loss_find("binom"));
  assert_null(bvl_loss_find(""));
}

static void test_derivatives_match_differences(void **state)
{
  (void)state;
  const double h = 1e-5;
  for (const bvl_loss *const *at = scalar; *at != NULL; at++) {
    const bvl_loss *loss = *at;
    for (int k = 0; k < N_ETAS * N_LABELS; k++) {
      double y = labels_of(loss)[k % N_LABELS];
      double eta = etas[k / N_LABELS];
      double slope = (loss->value(y, eta + h) - loss->value(y, eta - h)) / (2.0 * h);
      double bend = (loss->mean(eta + h) - loss->mean(eta - h)) / (2.0 * h);
      /* truncation: h^2 / 6 times a third derivative of at most e^eta; rounding: a few ulps of the
       * values over h */
      double truncation = h * h * exp(fmax(eta, 0.0));
      double rounding = 4.0 * DBL_EPSILON / h;
      ASSERT_NEAR(loss->mean(eta) - y, slope,
                  truncation + rounding * (1.0 + fabs(loss->value(y, eta))));
      ASSERT_NEAR(loss->curvature(eta), bend,
                  truncation + rounding * (1.0 + fabs(loss->mean(eta))));
      assert_true(loss->curvature(eta) <= loss->curvature_bound);
    }
  }
}

static void test_curvature_bound_is_attained(void **state)
{
  (void)state;
  assert_true(bvl_loss_gaussian.curvature(3.0) == bvl_loss_gaussian.curvature_bound);
  assert_true(bvl_loss_binomial.curvature(0.0) == bvl_loss_binomial.curvature_bound);
  assert_true(isinf(bvl_loss_poisson.curvature_bound));
  assert_true(bvl_loss_gaussian.quadratic && !bvl_loss_binomial.quadratic);
}

static void test_tails_keep_relative_accuracy(void **state)
{
  (void)state;
  for (double eta = 1.0; eta < 700.0; eta *= 1.7) {
    /* log(1 + e) lies between e - e^2/2 and e; exp itself is good to an ulp (times |eta| for the
     * rounding of its argument, which is exact here) */
    double e = exp(-eta);
    double value = bvl_loss_binomial.value(1.0, eta);
    assert_true(value <= e * (1.0 + 4.0 * DBL_EPSILON));
    assert_true(value >= (e - 0.5 * e * e) * (1.0 - 4.0 * DBL_EPSILON));
    assert_true(bvl_loss_binomial.value(0.0, -eta) == value);
    /* mu (1 - mu) e^eta = mu^2 -> 1 */
    double mu = bvl_loss_binomial.mean(eta);
    ASSERT_NEAR(bvl_loss_binomial.curvature(eta) / e, mu * mu, 8.0 * DBL_EPSILON);
    ASSERT_NEAR(bvl_loss_binomial.mean(-eta) / e, mu, 4.0 * DBL_EPSILON);
  }
}

static void test_extreme_predictors_never_give_nan(void **state)
{
  (void)state;
  for (const bvl_loss *const *at = scalar; *at != NULL; at++) {
    for (int k = 0; k < 2 * N_LABELS; k++) {
      double y = labels_of(*at)[k % N_LABELS];
      double eta = k < N_LABELS ? 800.0 : -800.0;
      assert_true(!isnan((*at)->value(y, eta)));
      assert_true(!isnan((*at)->mean(eta)));
      assert_true((*at)->curvature(eta) >= 0.0);
    }
  }
  assert_true(bvl_loss_binomial.value(0.0, 800.0) == 800.0);
  assert_true(bvl_loss_binomial.value(1.0, -800.0) == 800.0);
  assert_true(bvl_loss_binomial.value(1.0, 800.0) == 0.0); /* e^-800 underflows */
  assert_true(bvl_loss_poisson.value(3.0, 800.0) == INFINITY);
  assert_true(bvl_loss_poisson.value(3.0, INFINITY) == INFINITY);
  assert_true(bvl_loss_poisson.value(0.0, -INFINITY) == 0.0);
}

/* min over eta of value(y, eta) + theta eta, a convex function, by ternary search. */
static double lowest(const bvl_loss *loss, double y, double theta)
{
  double low = -50.0;
  double high = 50.0;
  for (int k = 0; k < 200; k++) {
    double a = low + (high - low) / 3.0;
    double b = high - (high - low) / 3.0;
    if (loss->value(y, a) + theta * a < loss->value(y, b) + theta * b)
      high = b;
    else
      low = a;
  }
  return loss->value(y, low) + theta * low;
}

static void test_conjugate_is_the_infimum(void **state)
{
  (void)state;
  for (const bvl_loss *const *at = scalar; *at != NULL; at++) {
    const bvl_loss *loss = *at;
    for (int k = 0; k < 200; k++) {
      uint64_t draw = (uint64_t)k;
      double y = labels_of(loss)[k % N_LABELS];
      double m = bvl_rng_uniform(1, BVL_STREAM_INIT, 0, draw);
      if (loss != &bvl_loss_binomial) m = 10.0 * m + 1e-6;
      double c = loss->conjugate(y, m);
      /* the search stops where values differ by rounding: ulps of |eta| m <= 50 m + |c| */
      ASSERT_NEAR(c, lowest(loss, y, y - m), 1e-13 * (10.0 + fabs(c)));
    }
  }
}

static void test_fenchel_young(void **state)
{
  (void)state;
  for (const bvl_loss *const *at = scalar; *at != NULL; at++) {
    const bvl_loss *loss = *at;
    for (int k = 0; k < 400; k++) {
      double y = labels_of(loss)[k % N_LABELS];
      double eta = 4.0 * bvl_rng_normal(2, BVL_STREAM_INIT, 0, (uint64_t)k);
      double other = eta + bvl_rng_normal(2, BVL_STREAM_INIT, 1, (uint64_t)k);
      double theta = y - loss->mean(other);
      double c = loss->conjugate(y, y - theta);
      /* rounding: ulps of the terms that cancel */
      double size = fabs(c) + fabs(theta) * (fabs(eta) + fabs(other)) + loss->mean(other) + 1.0;
      double slack = 64.0 * DBL_EPSILON * size;
      assert_true(loss->value(y, eta) >= c - theta * eta - slack);
      ASSERT_NEAR(loss->value(y, other), c - theta * other, slack);
    }
  }
}

static void test_conjugate_has_its_domain(void **state)
{
  (void)state;
  assert_true(bvl_loss_binomial.conjugate(0.3, 0.0) == 0.0);
  assert_true(bvl_loss_binomial.conjugate(0.3, 1.0) == 0.0);
  assert_true(bvl_loss_binomial.conjugate(0.3, -1e-10) == -INFINITY);
  assert_true(bvl_loss_binomial.conjugate(0.3, 1.0 + 1e-10) == -INFINITY);
  assert_true(bvl_loss_binomial.conjugate(0.3, NAN) == -INFINITY);
  assert_true(bvl_loss_poisson.conjugate(2.0, 0.0) == 0.0);
  assert_true(bvl_loss_poisson.conjugate(2.0, -1e-10) == -INFINITY);
  assert_true(bvl_loss_poisson.conjugate(2.0, INFINITY) == -INFINITY);
}

static void test_saturated_is_the_lowest_loss(void **state)
{
  (void)state;
  for (const bvl_loss *const *at = scalar; *at != NULL; at++) {
    for (int k = 0; k < N_LABELS; k++) {
      double y = labels_of(*at)[k];
      /* within [-50, 50] the infimum is missed by e^-50 at most, plus the search's rounding */
      ASSERT_NEAR((*at)->saturated(y), lowest(*at, y, 0.0), 1e-13 * (10.0 + y));
      ASSERT_NEAR((*at)->saturated(y), (*at)->conjugate(y, y), 0.0);
    }
  }
}

static void test_labels_of_each_family(void **state)
{
  (void)state;
  const double bad[] = {NAN, INFINITY, -INFINITY};
  for (const bvl_loss *const *at = scalar; *at != NULL; at++) {
    for (int k = 0; k < 3; k++) assert_false((*at)->label_ok(bad[k]));
    for (int k = 0; k < N_LABELS; k++) assert_true((*at)->label_ok(labels_of(*at)[k]));
    assert_true(strlen((*at)->labels) > 0);
  }
  assert_true(bvl_loss_gaussian.label_ok(-3.0));
  assert_false(bvl_loss_binomial.label_ok(-0.01));
  assert_false(bvl_loss_binomial.label_ok(1.01));
  assert_false(bvl_loss_poisson.label_ok(-1.0));
}

enum { N = 12 };

typedef struct sample {
  double y[N], w[N], o[N], eta[N];
} sample;

static sample draw_sample(const bvl_loss *loss, double b0)
{
  sample s;
  for (int i = 0; i < N; i++) {
    s.y[i] = labels_of(loss)[i % N_LABELS];
    s.w[i] = i == 5 ? 0.0 : 0.1 + 2.0 * bvl_rng_uniform(3, BVL_STREAM_INIT, 0, (uint64_t)i);
    s.o[i] = bvl_rng_normal(3, BVL_STREAM_INIT, 1, (uint64_t)i);
    s.eta[i] = b0 + s.o[i];
  }
  return s;
}

static void test_eval_sums_the_scalar_functions(void **state)
{
  (void)state;
  for (const bvl_loss *const *at = scalar; *at != NULL; at++) {
    sample s = draw_sample(*at, 0.3);
    double r[N];
    double h[N];
    double sum = 0.0;
    double total = bvl_loss_eval(*at, N, s.y, s.w, s.eta, r, h);
    for (int i = 0; i < N; i++) {
      sum += s.w[i] * (*at)->value(s.y[i], s.eta[i]);
      assert_true(r[i] == s.w[i] * (s.y[i] - (*at)->mean(s.eta[i])));
      assert_true(h[i] == s.w[i] * (*at)->curvature(s.eta[i]));
    }
    ASSERT_NEAR(total, sum, 1e-14 * (1.0 + fabs(sum))); /* the compiler may fuse this sum */
    assert_true(bvl_loss_eval(*at, N, s.y, s.w, s.eta, NULL, NULL) == total);
    assert_true(bvl_loss_eval(*at, N, s.y, s.w, s.eta, s.eta, NULL) == total); /* r over eta */
    assert_memory_equal(s.eta, r, sizeof r);
    assert_true(bvl_loss_eval(*at, 0, NULL, NULL, NULL, NULL, NULL) == 0.0);
  }
}

static void test_weight_zero_hides_an_overflow(void **state)
{
  (void)state;
  const double y[] = {1.0, 2.0};
  const double w[] = {0.0, 1.5};
  const double eta[] = {800.0, 0.5};
  double r[2];
  double h[2];
  double total = bvl_loss_eval(&bvl_loss_poisson, 2, y, w, eta, r, h);
  assert_true(total == 1.5 * bvl_loss_poisson.value(2.0, 0.5));
  assert_true(r[0] == 0.0 && h[0] == 0.0);
  assert_true(isfinite(bvl_loss_dual(&bvl_loss_poisson, 2, y, w, NULL, r, 1.0)));
  const double heavy[] = {1.0, 1.5};
  total = bvl_loss_eval(&bvl_loss_poisson, 2, y, heavy, eta, r, h);
  assert_true(total == INFINITY && r[0] == -INFINITY);
  for (const bvl_loss *const *at = scalar; *at != NULL; at++) {
    assert_true(bvl_loss_dual(*at, 2, y, heavy, NULL, r, 0.0) == -INFINITY);
    assert_true(bvl_loss_dual(*at, 2, y, heavy, NULL, r, 0.5) == -INFINITY);
  }
}

/* With theta = y - mu at eta = o + b0, every Fenchel inequality is an equality:
 * D = sum w [loss(eta) + theta (eta - o)] = sum w loss + b0 sum r. */
static void test_dual_meets_the_loss(void **state)
{
  (void)state;
  const double b0 = -0.4;
  for (const bvl_loss *const *at = scalar; *at != NULL; at++) {
    sample s = draw_sample(*at, b0);
    double r[N];
    double sum_r = 0.0;
    double total = bvl_loss_eval(*at, N, s.y, s.w, s.eta, r, NULL);
    for (int i = 0; i < N; i++) sum_r += r[i];
    double dual = bvl_loss_dual(*at, N, s.y, s.w, s.o, r, 1.0);
    ASSERT_NEAR(dual, total + b0 * sum_r, 1e-13 * (1.0 + fabs(total))); /* N terms of O(10) */
  }
}

static void test_dual_scales_and_shifts(void **state)
{
  (void)state;
  for (const bvl_loss *const *at = scalar; *at != NULL; at++) {
    sample s = draw_sample(*at, 0.2);
    double r[N];
    double half[N];
    double shift = 0.0;
    double saturated = 0.0;
    bvl_loss_eval(*at, N, s.y, s.w, s.eta, r, NULL);
    for (int i = 0; i < N; i++) {
      half[i] = 0.5 * r[i];
      shift += half[i] * s.o[i];
      saturated += s.w[i] * (*at)->saturated(s.y[i]);
    }
    double dual = bvl_loss_dual(*at, N, s.y, s.w, NULL, r, 0.5);
    const double tolerance = 1e-13 * (1.0 + fabs(dual)); /* N terms of O(10) */
    ASSERT_NEAR(bvl_loss_dual(*at, N, s.y, s.w, NULL, half, 1.0), dual, tolerance);
    ASSERT_NEAR(bvl_loss_dual(*at, N, s.y, s.w, s.o, r, 0.5), dual - shift, tolerance);
    ASSERT_NEAR(bvl_loss_dual(*at, N, s.y, s.w, s.o, r, 0.0), saturated, tolerance);
  }
}

/* m = y - theta rounds to just below 0 or above 1 when mu does not count beside y: still a point of
 * the domain. */
static void test_dual_survives_rounding_at_the_boundary(void **state)
{
  (void)state;
  for (uint64_t k = 0; k < 2000; k++) {
    double y = bvl_rng_uniform(4, BVL_STREAM_INIT, 0, k);
    double w = 3.0 * bvl_rng_uniform(4, BVL_STREAM_INIT, 1, k) + 0.01;
    double r = 0.0;
    double eta = k % 2 == 0 ? -60.0 : 60.0;
    bvl_loss_eval(&bvl_loss_binomial, 1, &y, &w, &eta, &r, NULL);
    assert_true(isfinite(bvl_loss_dual(&bvl_loss_binomial, 1, &y, &w, NULL, &r, 1.0)));
    y *= 1000.0;
    eta = -60.0;
    bvl_loss_eval(&bvl_loss_poisson, 1, &y, &w, &eta, &r, NULL);
    assert_true(isfinite(bvl_loss_dual(&bvl_loss_poisson, 1, &y, &w, NULL, &r, 1.0)));
  }
}

static void test_dual_outside_the_domain(void **state)
{
  (void)state;
  const double y = 0.5;
  const double w = 1.0;
  double r = 0.6; /* m = -0.1 */
  assert_true(bvl_loss_dual(&bvl_loss_binomial, 1, &y, &w, NULL, &r, 1.0) == -INFINITY);
  assert_true(bvl_loss_dual(&bvl_loss_poisson, 1, &y, &w, NULL, &r, 1.0) == -INFINITY);
  assert_true(isfinite(bvl_loss_dual(&bvl_loss_gaussian, 1, &y, &w, NULL, &r, 1.0)));
}

BVL_TEST_MAIN(cmocka_unit_test(test_families_are_found_by_name),
              cmocka_unit_test(test_derivatives_match_differences),
              cmocka_unit_test(test_curvature_bound_is_attained),
              cmocka_unit_test(test_tails_keep_relative_accuracy),
              cmocka_unit_test(test_extreme_predictors_never_give_nan),
              cmocka_unit_test(test_conjugate_is_the_infimum), cmocka_unit_test(test_fenchel_young),
              cmocka_unit_test(test_conjugate_has_its_domain),
              cmocka_unit_test(test_saturated_is_the_lowest_loss),
              cmocka_unit_test(test_labels_of_each_family),
              cmocka_unit_test(test_eval_sums_the_scalar_functions),
              cmocka_unit_test(test_weight_zero_hides_an_overflow),
              cmocka_unit_test(test_dual_meets_the_loss),
              cmocka_unit_test(test_dual_scales_and_shifts),
              cmocka_unit_test(test_dual_survives_rounding_at_the_boundary),
              cmocka_unit_test(test_dual_outside_the_domain))
