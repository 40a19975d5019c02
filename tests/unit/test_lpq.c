/* SPDX-License-Identifier: BSD-3-Clause */
/* The penalty of no norm's: value and slopes by definition and differences, what it amounts to at
 * the edges, and where zero ceases to rest. */
#include "bvl_test.h"

#include "penalty/lpq.h"

static bvl_penalty lpq(double k1, double k2)
{
  bvl_penalty_parameters parameters;
  bvl_penalty pen;
  bvl_penalty_parameters_init(&parameters);
  parameters.k1 = k1;
  parameters.k2 = k2;
  assert_int_equal(bvl_penalty_init(bvl_penalty_find("lpq"), &parameters, &pen), BVL_OK);
  return pen;
}

static bvl_status refusal(const char *name, double k1, double k2)
{
  bvl_penalty_parameters parameters;
  bvl_penalty pen;
  bvl_penalty_parameters_init(&parameters);
  parameters.k1 = k1;
  parameters.k2 = k2;
  return bvl_penalty_init(bvl_penalty_find(name), &parameters, &pen);
}

static void test_value(void **state)
{
  (void)state;
  const double b[] = {0.5, -2.0, 0.0, 1.5};
  for (int k1 = 2; k1 <= 4; k1++)
    for (int k2 = 1; k2 <= 3; k2++) {
      const bvl_penalty pen = lpq(k1, k2);
      const double p = 2.0 / k1, q = 2.0 / (k1 + k2);
      double sum = 0.0;
      for (int j = 0; j < 4; j++) sum += pow(fabs(b[j]), p);
      const double wanted = 0.7 * pow(sum, q / p);
      assert_true(fabs(bvl_penalty_value(&pen, 0.7, 4, b) - wanted) <= 4e-15 * wanted);
      const double zero[4] = {0.0};
      assert_true(bvl_penalty_value(&pen, 0.7, 4, zero) == 0.0);
    }
}

/* At g = -P'(b), by central differences, the distance is 0; zeros count for p = 1 alone. */
static void test_distance(void **state)
{
  (void)state;
  const double step = 1e-5;
  for (int k1 = 2; k1 <= 4; k1++)
    for (int with_zero = 0; with_zero < 2; with_zero++) {
      const bvl_penalty pen = lpq(k1, 2);
      double b[] = {0.5, -2.0, with_zero ? 0.0 : 1.5}, g[3] = {0.0};
      for (int j = 0; j < (with_zero ? 2 : 3); j++) {
        const double kept = b[j];
        b[j] = kept + step;
        g[j] = -bvl_penalty_value(&pen, 0.7, 3, b);
        b[j] = kept - step;
        g[j] = (g[j] + bvl_penalty_value(&pen, 0.7, 3, b)) / (2.0 * step);
        b[j] = kept;
      }
      /* truncation step^2 times a third derivative below 10, rounding 1e-16 / step */
      assert_true(bvl_penalty_distance(&pen, 0.7, 3, b, g) <= 1e-8);
      g[0] += 0.25;
      assert_true(fabs(bvl_penalty_distance(&pen, 0.7, 3, b, g) - 0.25) <= 1e-7);
      if (!with_zero) continue;
      g[0] -= 0.25;
      g[2] = 3.0; /* the kink of |b_3| beside the others: q (|b_1| + |b_2|)^(q - 1), q = 1/2 */
      const double kink = 0.7 * 0.5 * pow(2.5, -0.5);
      const double wanted = k1 == 2 ? 3.0 - kink : 0.0;
      assert_true(fabs(bvl_penalty_distance(&pen, 0.7, 3, b, g) - wanted) <= 1e-7);
    }
  const bvl_penalty pen = lpq(2, 1);
  const double zero[3] = {0.0}, g[] = {100.0, 1.0, 2.0};
  assert_true(bvl_penalty_distance(&pen, 0.7, 3, zero, g) == 0.0);
}

static void test_edges(void **state)
{
  (void)state;
  const bvl_penalty group = lpq(1, 1), lq = lpq(1, 3), by_default = lpq(NAN, NAN);
  assert_string_equal(group.type->name, "group-lasso");
  assert_string_equal(lq.type->name, "group-lq");
  assert_true(lq.shape == 0.5);
  assert_true(by_default.k1 == 2.0 && by_default.k2 == 1.0);
  const double bad[][2] = {{0, 1}, {2, 0}, {2.5, 1}, {2, INFINITY}, {40, 40}, {-1, 1}};
  for (int k = 0; k < 6; k++) {
    assert_int_equal(refusal("lpq", bad[k][0], bad[k][1]), BVL_ERR_USAGE);
    assert_non_null(strstr(bvl_last_error(), "integers of at least 1"));
  }
  assert_int_equal(refusal("lasso", 2, NAN), BVL_ERR_USAGE);
  const bvl_penalty pen = lpq(3, 2);
  const bvl_penalty_parameters parameters = bvl_penalty_parameters_of(&pen);
  assert_true(parameters.k1 == 3.0 && parameters.k2 == 2.0);
}

/* The smallest lambda at which (h/2) t^2 - ||v|| t + lambda w Pen(t v / ||v||) is least at t = 0.
 */
static void test_lambda_max(void **state)
{
  (void)state;
  const double v[] = {0.4, -1.1, 0.2}, weight = 1.7, h = 0.6;
  for (int k1 = 2; k1 <= 3; k1++) {
    const bvl_penalty pen = bvl_penalty_curved(lpq(k1, 2), h);
    const double top = bvl_penalty_lambda_max(&pen, weight, 3, v), norm = bvl_block_norm(3, v);
    for (int side = 0; side < 2; side++) {
      const double lambda = top * (side == 0 ? 1.0 + 1e-9 : 1.0 - 1e-4);
      double least = 0.0;
      for (int k = 1; k <= 20000; k++) {
        double t = norm / h * k / 20000, b[3];
        for (int j = 0; j < 3; j++) b[j] = t * v[j] / norm;
        least = fmin(least,
                     h / 2 * t * t - norm * t + bvl_penalty_value(&pen, lambda * weight, 3, b));
      }
      assert_true(side == 0 ? least == 0.0 : least < 0.0);
    }
  }
}

BVL_TEST_MAIN(cmocka_unit_test(test_value), cmocka_unit_test(test_distance),
              cmocka_unit_test(test_edges), cmocka_unit_test(test_lambda_max))
