/* SPDX-License-Identifier: BSD-3-Clause */
/* Penalties that are not convex, by brute force: no formula of theirs is taken for granted but the
 * profile, which is written down here a second time. */
#include "bvl_test.h"

#include "base/rng.h"
#include "penalty/penalty.h"

typedef struct row {
  const char *name; /* also with "group-" before it */
  double shape;
} row;

static const row rows[] = {{"mcp", 3.0},  {"mcp", 1.2},    {"mcp", 20.0},      {"scad", 3.7},
                           {"scad", 2.1}, {"scad", 15.0},  {"tl1", 1.0},       {"tl1", 0.1},
                           {"tl1", 30.0}, {"log", 1.0},    {"log", 0.05},      {"log", 12.0},
                           {"lq", 0.5},   {"lq", 2. / 3.}, {"lq", 0.05},       {"lq", 0.31},
                           {"lq", 0.9},   {"lq", 0.999},   {"mcp", 1.0000001}, {"lq", 0.72}};
enum { N_ROWS = sizeof rows / sizeof *rows };

static bvl_penalty make(const row *at, int grouped)
{
  char name[32];
  bvl_penalty pen;
  bvl_penalty_parameters parameters;
  bvl_penalty_parameters_init(&parameters);
  if (at->name[0] == 'm' || at->name[0] == 's') parameters.gamma = at->shape;
  if (strcmp(at->name, "tl1") == 0) parameters.tl1_a = at->shape;
  if (strcmp(at->name, "log") == 0) parameters.log_eps = at->shape;
  if (strcmp(at->name, "lq") == 0) parameters.q = at->shape;
  snprintf(name, sizeof name, "%s%s", grouped ? "group-" : "", at->name);
  assert_int_equal(bvl_penalty_init(bvl_penalty_find(name), &parameters, &pen), BVL_OK);
  assert_false(pen.type->convex);
  assert_int_equal(pen.type->grouped, grouped);
  return pen;
}

static double uniform(uint64_t major, uint64_t minor)
{
  return bvl_rng_uniform(31, BVL_STREAM_INIT, major, minor);
}

/* From 1e-2 to 1e2, evenly on a log scale. */
static double spread(uint64_t major, uint64_t minor)
{
  return pow(10.0, 4.0 * uniform(major, minor) - 2.0);
}

/* P(t), integrated from its slope's definition by cases. */
static double value_of(const row *at, double lw, double t)
{
  const double c = at->shape;
  if (strcmp(at->name, "mcp") == 0) return t <= c * lw ? lw * t - t * t / (2 * c) : c * lw * lw / 2;
  if (strcmp(at->name, "scad") == 0) {
    const double knee = fmin(fmax(t, lw), c * lw) - lw; /* way into the falling part */
    return lw * fmin(t, lw) + lw * knee - knee * knee / (2 * (c - 1));
  }
  if (strcmp(at->name, "tl1") == 0) return lw * (c + 1) * t / (c + t);
  if (strcmp(at->name, "log") == 0) return lw * log1p(t / c);
  return lw * pow(t, c);
}

static void test_value_slope_bend(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 200 * N_ROWS; trial++) {
    const row *at = &rows[trial % N_ROWS];
    const bvl_penalty pen = make(at, 0);
    const double lw = spread(1, trial);
    const double t = spread(2, trial);
    const double h = 1e-5 * t;
    const double value = value_of(at, lw, t);
    const double c = at->shape;
    ASSERT_NEAR(pen.type->profile(&pen, lw, t), value, 1e-13 * (1 + c) * (value + lw * t));
    const int knotted = at->name[0] == 'm' || at->name[0] == 's';
    if (knotted && (fabs(t - lw) < 2 * h || fabs(t - c * lw) < 2 * h)) continue;
    /* central differences: h^2 / 6 times the next derivative but one, at most a few value / t^3;
     * rounding: ulps of the value over h */
    const double slope = pen.type->slope(&pen, lw, t);
    const double unit = (value + lw * t) / t;
    ASSERT_NEAR(slope, (value_of(at, lw, t + h) - value_of(at, lw, t - h)) / (2 * h), 3e-9 * unit);
    ASSERT_NEAR(pen.type->bend(&pen, lw, t),
                (pen.type->slope(&pen, lw, t + h) - pen.type->slope(&pen, lw, t - h)) / (2 * h),
                3e-9 * unit / t);
  }
}

static double cost(const row *at, double lw, double rho, double t, double x)
{
  return 0.5 * rho * (x - t) * (x - t) + value_of(at, lw, x);
}

/* The least cost over x in [0, t]: a grid, then golden section about its best points. */
static double least_cost(const row *at, double lw, double rho, double t)
{
  enum { GRID = 2000 };
  const double golden = 0.6180339887498949;
  double best = cost(at, lw, rho, t, 0.0);
  for (int k = 1; k <= GRID; k++) {
    const double middle = t * k / GRID;
    const double here = cost(at, lw, rho, t, middle);
    const double left = cost(at, lw, rho, t, t * (k - 1) / GRID);
    const double right = k < GRID ? cost(at, lw, rho, t, t * (k + 1) / GRID) : INFINITY;
    best = fmin(best, here);
    if (here > left || here > right) continue;
    double low = t * (k - 1) / GRID;
    double high = k < GRID ? t * (k + 1) / GRID : t;
    while (high - low > 1e-9 * t) {
      const double a = high - golden * (high - low);
      const double b = low + golden * (high - low);
      if (cost(at, lw, rho, t, a) <= cost(at, lw, rho, t, b))
        high = b;
      else
        low = a;
    }
    best = fmin(best, cost(at, lw, rho, t, 0.5 * (low + high)));
  }
  return best;
}

/* Global at every rho, also where the scalar problem is concave somewhere; and both answers occur
 * for every row. */
static void test_prox_is_the_global_minimum(void **state)
{
  (void)state;
  int zeros[N_ROWS] = {0};
  int others[N_ROWS] = {0};
  for (uint64_t trial = 0; trial < 100 * N_ROWS; trial++) {
    const row *at = &rows[trial % N_ROWS];
    const bvl_penalty pen = make(at, trial % 2 == 1);
    const double lw = spread(3, trial);
    const double rho = spread(4, trial);
    const double t = spread(5, trial) * (0.1 + lw / rho);
    const double x = pen.type->prox(&pen, lw, rho, t);
    assert_true(x >= 0.0 && x <= t);
    const double best = least_cost(at, lw, rho, t);
    ASSERT_NEAR(cost(at, lw, rho, t, x), best, 1e-12 * (best + rho * t * t));
    zeros[trial % N_ROWS] += x == 0.0;
    others[trial % N_ROWS] += x > 0.0;
    /* what is not zero is stationary: to rounding of rho t and of the slope */
    if (x > 0.0) {
      const double slope = pen.type->slope(&pen, lw, x);
      ASSERT_NEAR(rho * (x - t) + slope, 0.0, 1e-12 * (rho * t + slope) * (1 + at->shape));
    }
  }
  for (int k = 0; k < N_ROWS; k++) assert_true(zeros[k] > 3 && others[k] > 3);
}

/* A block is moved along z, by the profile on its norm. */
static void test_prox_of_a_group(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 20 * N_ROWS; trial++) {
    const bvl_penalty pen = make(&rows[trial % N_ROWS], 1);
    const double lw = spread(6, trial);
    double z[3];
    double x[3];
    for (int k = 0; k < 3; k++) z[k] = 3 * lw * (uniform(7 + (uint64_t)k, trial) - 0.5);
    bvl_penalty_prox(&pen, lw, 0.8, 3, z, x);
    const double t = bvl_block_norm(3, z);
    const double length = pen.type->prox(&pen, lw, 0.8, t);
    for (int k = 0; k < 3; k++) ASSERT_NEAR(x[k], length / t * z[k], 1e-15 * t);
  }
}

/* Below the threshold of the gradient the prox at the block's curvature keeps 0, above it (for a
 * curvature below the profile's bend, further above) it does not. */
static void test_threshold_is_the_prox(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 50 * N_ROWS; trial++) {
    const row *at = &rows[trial % N_ROWS];
    const double h = spread(10, trial);
    const bvl_penalty pen = bvl_penalty_curved(make(at, 0), h);
    const double lw = spread(11, trial);
    const double threshold = bvl_penalty_threshold(&pen, lw);
    const double tiny = 1e-7 * fmin(lw, at->shape);
    assert_true(pen.type->prox(&pen, lw, h, threshold / h * (1 + 1e-9)) > 0.0);
    if (strcmp(at->name, "lq") == 0) {
      assert_true(pen.type->prox(&pen, lw, h, threshold / h * (1 - 1e-9)) == 0.0);
      ASSERT_NEAR(pen.type->entry(&pen, threshold), lw, 1e-12 * lw);
      /* the jump lands where zero costs the same, above the least size of a local minimum */
      const double x = pen.type->prox(&pen, lw, h, threshold / h * (1 + 1e-12));
      const double t = threshold / h;
      ASSERT_NEAR(cost(at, lw, h, t, x), cost(at, lw, h, t, 0.0), 1e-10 * h * t * t);
      const double least = pen.type->least(&pen, lw);
      assert_true(x > least);
      ASSERT_NEAR(h + pen.type->bend(&pen, lw, least), 0.0, 1e-12 * h);
    } else {
      /* the slope at 0, to about tiny / shape: descent along any larger gradient, by definition */
      ASSERT_NEAR(threshold, value_of(at, lw, tiny) / tiny, 1e-6 * threshold);
    }
  }
}

static void test_lambda_max(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 300 * N_ROWS; trial++) {
    const double h = spread(12, trial);
    const bvl_penalty pen = bvl_penalty_curved(make(&rows[trial % N_ROWS], trial % 3 == 0), h);
    const double weight = spread(13, trial);
    const double v[2] = {spread(14, trial), -spread(15, trial)};
    const int64_t m = trial % 3 == 0 ? 2 : 1;
    const double lambda = bvl_penalty_lambda_max(&pen, weight, m, v);
    const double below = nextafter(lambda, 0.0);
    assert_true(bvl_block_norm(m, v) <= bvl_penalty_threshold(&pen, lambda * weight));
    assert_false(bvl_block_norm(m, v) <= bvl_penalty_threshold(&pen, below * weight));
  }
}

/* distance: what the directional derivatives say. At 0 (finite slope) the steepest descent over
 * directions, elsewhere the gradient's norm; a coefficient too small for a local minimum counts. */
static void test_distance(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 50 * N_ROWS; trial++) {
    const row *at = &rows[trial % N_ROWS];
    const bvl_penalty pen = make(at, 1);
    const double lw = spread(16, trial);
    const double zero[2] = {0.0, 0.0};
    const double g[2] = {3 * lw * (uniform(17, trial) - 0.5), 3 * lw * (uniform(18, trial) - 0.5)};
    const double norm = hypot(g[0], g[1]);
    const double over = fmax(norm - bvl_penalty_threshold(&pen, lw), 0.0);
    ASSERT_NEAR(bvl_penalty_distance(&pen, lw, 2, zero, g), over, 1e-14 * norm);
    const double t = spread(19, trial);
    const double b[2] = {0.6 * t, -0.8 * t};
    const double slope = pen.type->slope(&pen, lw, t);
    const double off = hypot(g[0] + 0.6 * slope, g[1] - 0.8 * slope);
    double wanted = off;
    if (strcmp(at->name, "lq") == 0) { /* curvature 1: 1 >= -P''(t) or too small by so much */
      const double q = at->shape;
      wanted = fmax(off, pow(lw * q * (1 - q), 1 / (2 - q)) - t);
    }
    ASSERT_NEAR(bvl_penalty_distance(&pen, lw, 2, b, g), wanted, 1e-13 * (norm + slope + wanted));
  }
}

static void test_factors_zero_and_infinity(void **state)
{
  (void)state;
  const double b[] = {0.5, -2.0};
  const double g[] = {3.0, -4.0};
  const double zero[] = {0.0, 0.0};
  double x[2];
  for (int k = 0; k < N_ROWS; k++) {
    const bvl_penalty pen = make(&rows[k], 1);
    assert_true(bvl_penalty_distance(&pen, 0.0, 2, zero, g) == 5.0);
    assert_true(bvl_penalty_distance(&pen, 0.0, 2, b, g) == 5.0);
    assert_true(bvl_penalty_distance(&pen, INFINITY, 2, zero, g) == 0.0);
    assert_true(bvl_penalty_threshold(&pen, 0.0) == 0.0);
    assert_true(bvl_penalty_threshold(&pen, INFINITY) == INFINITY);
    assert_true(bvl_penalty_value(&pen, INFINITY, 2, zero) == 0.0);
    bvl_penalty_prox(&pen, INFINITY, 1.0, 2, b, x);
    assert_true(x[0] == 0.0 && x[1] == 0.0);
    bvl_penalty_prox(&pen, 0.0, 1.0, 2, b, x);
    ASSERT_NEAR(x[0], b[0], 1e-15);
    ASSERT_NEAR(x[1], b[1], 1e-15);
  }
}

static void test_q_of_one_is_the_lasso(void **state)
{
  (void)state;
  bvl_penalty pen;
  bvl_penalty_parameters parameters;
  bvl_penalty_parameters_init(&parameters);
  parameters.q = 1.0;
  assert_int_equal(bvl_penalty_init(bvl_penalty_find("lq"), &parameters, &pen), BVL_OK);
  assert_ptr_equal(pen.type, bvl_penalty_find("lasso"));
  assert_int_equal(bvl_penalty_init(bvl_penalty_find("group-lq"), &parameters, &pen), BVL_OK);
  assert_ptr_equal(pen.type, bvl_penalty_find("group-lasso"));
  const bvl_penalty_parameters again = bvl_penalty_parameters_of(&pen);
  assert_int_equal(bvl_penalty_init(pen.type, &again, &pen), BVL_OK);
  parameters.q = 0.0;
  assert_int_equal(bvl_penalty_init(bvl_penalty_find("lq"), &parameters, &pen), BVL_ERR_USAGE);
  assert_non_null(strstr(bvl_last_error(), "(0, 1]"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_value_slope_bend),
      cmocka_unit_test(test_prox_is_the_global_minimum),
      cmocka_unit_test(test_prox_of_a_group),
      cmocka_unit_test(test_threshold_is_the_prox),
      cmocka_unit_test(test_lambda_max),
      cmocka_unit_test(test_distance),
      cmocka_unit_test(test_factors_zero_and_infinity),
      cmocka_unit_test(test_q_of_one_is_the_lasso),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
