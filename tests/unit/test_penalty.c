/* SPDX-License-Identifier: BSD-3-Clause */
/* Penalties: every block function against its definition. */
#include "bvl_test.h"

#include <float.h>

#include "base/rng.h"
#include "penalty/penalty.h"

enum { MAX_LEN = 3 };

/* Every row, the mixes at several alphas. m: columns of a block. */
typedef struct row {
  const char *name;
  double alpha;
  int64_t m;
} row;
static const row rows[] = {{"lasso", NAN, 1},
                           {"enet", NAN, 1},
                           {"enet", 0.01, 1},
                           {"enet", 1.0, 1},
                           {"group-lasso", 1, 3},
                           {"group-lasso", NAN, 2},
                           {"group-lasso", NAN, 1},
                           {"sparse-group-lasso", NAN, 3},
                           {"sparse-group-lasso", 0.5, 3},
                           {"sparse-group-lasso", 0.9, 2},
                           {"sparse-group-lasso", 0.3, 1}};
enum { N_ROWS = sizeof rows / sizeof *rows };

static bvl_penalty make(const char *name, double alpha)
{
  bvl_penalty pen;
  const bvl_penalty_parameters parameters = with_alpha(alpha);
  assert_int_equal(bvl_penalty_init(bvl_penalty_find(name), &parameters, &pen), BVL_OK);
  return pen;
}

/* The row's penalty as a block of some weight has it. */
static bvl_penalty make_at(const row *at, double weight)
{
  const bvl_penalty pen = make(at->name, at->alpha);
  return bvl_penalty_at(&pen, weight);
}

static double uniform(uint64_t major, uint64_t minor)
{
  return bvl_rng_uniform(11, BVL_STREAM_INIT, major, minor);
}

static void draw(uint64_t major, int64_t m, double size, double *out)
{
  for (int64_t k = 0; k < m; k++)
    out[k] = size * bvl_rng_normal(12, BVL_STREAM_INIT, major, (uint64_t)k);
}

static double dot(int64_t m, const double *a, const double *b)
{
  double sum = 0.0;
  for (int64_t k = 0; k < m; k++) sum += a[k] * b[k];
  return sum;
}

static void test_rows_are_found_by_name(void **state)
{
  (void)state;
  int count = 0;
  for (const bvl_penalty_type *const *type = bvl_penalty_all(); *type != NULL; type++, count++)
    assert_ptr_equal(bvl_penalty_find((*type)->name), *type);
  assert_int_equal(count, 17);
  assert_null(bvl_penalty_find("ridge"));
  assert_true(bvl_penalty_find("group-lasso")->grouped);
  assert_false(bvl_penalty_find("enet")->grouped);
}

static void test_alpha_is_checked(void **state)
{
  (void)state;
  const double bad[] = {0.0, -0.1, 1.0001, INFINITY};
  bvl_penalty pen;
  for (int k = 0; k < 4; k++) {
    const bvl_penalty_parameters parameters = with_alpha(bad[k]);
    assert_int_equal(bvl_penalty_init(bvl_penalty_find("enet"), &parameters, &pen), BVL_ERR_USAGE);
    assert_non_null(strstr(bvl_last_error(), "(0, 1]"));
  }
  const bvl_penalty_parameters half = with_alpha(0.5);
  assert_int_equal(bvl_penalty_init(bvl_penalty_find("lasso"), &half, &pen), BVL_ERR_USAGE);
  assert_non_null(strstr(bvl_last_error(), "lasso"));
  assert_true(make("enet", NAN).alpha == 0.5);
  assert_true(make("lasso", NAN).alpha == 1.0);
}

static void test_shapes_are_checked(void **state)
{
  (void)state;
  bvl_penalty pen;
  bvl_penalty_parameters parameters = with_alpha(NAN);
  const double bad[] = {1.0, -3.0, INFINITY};
  for (int k = 0; k < 3; k++) {
    parameters.gamma = bad[k];
    assert_int_equal(bvl_penalty_init(bvl_penalty_find("mcp"), &parameters, &pen), BVL_ERR_USAGE);
    assert_non_null(strstr(bvl_last_error(), "(1, inf)"));
  }
  parameters.gamma = 2.0;
  assert_int_equal(bvl_penalty_init(bvl_penalty_find("scad"), &parameters, &pen), BVL_ERR_USAGE);
  assert_non_null(strstr(bvl_last_error(), "(2, inf)"));
  assert_int_equal(bvl_penalty_init(bvl_penalty_find("lasso"), &parameters, &pen), BVL_ERR_USAGE);
  assert_non_null(strstr(bvl_last_error(), "takes no gamma"));
  assert_int_equal(bvl_penalty_init(bvl_penalty_find("mcp"), &parameters, &pen), BVL_OK);
  assert_true(pen.shape == 2.0 && bvl_penalty_parameters_of(&pen).gamma == 2.0);
  assert_true(make("mcp", NAN).shape == 3.0);
  assert_true(make("group-scad", NAN).shape == 3.7);
}

static void test_sparse_group_ends(void **state)
{
  (void)state;
  const bvl_penalty_type *sparse = bvl_penalty_find("sparse-group-lasso");
  const double bad[] = {-0.1, 1.0001, INFINITY};
  bvl_penalty pen;
  for (int k = 0; k < 3; k++) {
    const bvl_penalty_parameters parameters = with_alpha(bad[k]);
    assert_int_equal(bvl_penalty_init(sparse, &parameters, &pen), BVL_ERR_USAGE);
    assert_non_null(strstr(bvl_last_error(), "[0, 1]"));
  }
  assert_true(make(sparse->name, NAN).alpha == 0.05);
  assert_ptr_equal(make(sparse->name, 0.5).type, sparse);
  assert_ptr_equal(make(sparse->name, 0.0).type, bvl_penalty_find("group-lasso"));
  assert_ptr_equal(make(sparse->name, 1.0).type, bvl_penalty_find("lasso"));
  /* what it became initialises itself again: names and alphas travel apart */
  pen = make(sparse->name, 0.0);
  const bvl_penalty_parameters again = bvl_penalty_parameters_of(&pen);
  assert_int_equal(bvl_penalty_init(pen.type, &again, &pen), BVL_OK);
  pen = make(sparse->name, 0.25);
  assert_true(bvl_penalty_at(&pen, 2.0).l1 == 0.125);
  assert_true(bvl_penalty_at(&pen, 0.0).l1 == 0.0);
  assert_true(bvl_penalty_at(&pen, INFINITY).l1 == 0.0);
}

static void test_norm_of_one_column_is_exact(void **state)
{
  (void)state;
  const double x[] = {-1e-200, 3e200, -0.0};
  for (int k = 0; k < 3; k++) assert_true(bvl_block_norm(1, x + k) == fabs(x[k]));
  const double pair[] = {-3.0, 4.0};
  assert_true(bvl_block_norm(2, pair) == 5.0);
}

static void test_value_is_the_formula(void **state)
{
  (void)state;
  const double b[] = {3.0, 0.0, -4.0};
  bvl_penalty enet = make("enet", 0.25);
  bvl_penalty group = make("group-lasso", NAN);
  /* dyadic numbers: exact */
  assert_true(bvl_penalty_value(&enet, 2.0, 1, b + 2) == 2.0 * (0.25 * 4.0 + 0.75 * 8.0));
  assert_true(bvl_penalty_value(&group, 0.5, 3, b) == 2.5);
  /* lambda 2, weight 4: 2 (0.25 (3 + 4) + 0.75 * 4 * 5) */
  const row sparse = {"sparse-group-lasso", 0.25, 3};
  bvl_penalty at = make_at(&sparse, 4.0);
  assert_true(bvl_penalty_value(&at, 8.0, 3, b) == 33.5);
  const double zero[] = {0.0, 0.0};
  assert_true(bvl_penalty_value(&at, INFINITY, 2, zero) == 0.0);
  assert_true(bvl_penalty_value(&group, INFINITY, 2, zero) == 0.0);
  assert_true(bvl_penalty_value(&enet, INFINITY, 1, zero) == 0.0);
  assert_true(bvl_penalty_value(&group, 0.0, 3, b) == 0.0);
}

static void test_gradient_and_curvature_match_differences(void **state)
{
  (void)state;
  const double h = 1e-5;
  for (uint64_t trial = 0; trial < 50 * N_ROWS; trial++) {
    const row *at = &rows[trial % N_ROWS];
    bvl_penalty pen = make_at(at, 0.5 + (double)(trial % 3));
    double lw = 0.1 + 2.0 * uniform(1, trial);
    double b[MAX_LEN];
    double g[MAX_LEN];
    double H[MAX_LEN * MAX_LEN] = {0};
    draw(trial, at->m, 1.0, b);
    double t = bvl_block_norm(at->m, b);
    double room = t; /* to the nearest kink: zero, or with an l1 part an axis */
    for (int64_t k = 0; pen.l1 > 0.0 && k < at->m; k++) room = fmin(room, fabs(b[k]));
    if (room < 0.1) continue;
    bvl_penalty_gradient(&pen, lw, at->m, b, g);
    bvl_penalty_add_curvature(&pen, lw, at->m, b, H, MAX_LEN);
    for (int64_t k = 0; k < at->m; k++) {
      double up[MAX_LEN];
      double down[MAX_LEN];
      double g_up[MAX_LEN];
      double g_down[MAX_LEN];
      memcpy(up, b, sizeof b);
      memcpy(down, b, sizeof b);
      up[k] += h;
      down[k] -= h;
      /* truncation: h^2 / 6 times a third (fourth) derivative of the norm, at most 3 lw / t^2
       * (15 lw / t^3) with t >= 0.1; rounding: ulps of values of O(10) over h */
      double value = bvl_penalty_value(&pen, lw, at->m, up) -
                     bvl_penalty_value(&pen, lw, at->m, down);
      ASSERT_NEAR(g[k], value / (2.0 * h), h * h * lw / (t * t) + 1e-9);
      bvl_penalty_gradient(&pen, lw, at->m, up, g_up);
      bvl_penalty_gradient(&pen, lw, at->m, down, g_down);
      for (int64_t l = 0; l < at->m; l++)
        ASSERT_NEAR(H[l + k * MAX_LEN], (g_up[l] - g_down[l]) / (2.0 * h),
                    3.0 * h * h * lw / (t * t * t) + 1e-9);
    }
  }
}

/* rho/2 (x - t)^2 + P(x) + level x over x in [0, t], minimised by ternary search: the function is
 * convex. */
static double best_length(const bvl_penalty *pen, double lw, double rho, double level, double t)
{
  double low = 0.0;
  double high = t;
  for (int k = 0; k < 200; k++) {
    double a = low + (high - low) / 3.0;
    double b = high - (high - low) / 3.0;
    double at_a = 0.5 * rho * (a - t) * (a - t) + pen->type->profile(pen, lw, a) + level * a;
    double at_b = 0.5 * rho * (b - t) * (b - t) + pen->type->profile(pen, lw, b) + level * b;
    if (at_a <= at_b)
      high = b;
    else
      low = a;
  }
  return low;
}

static void test_prox_is_the_minimiser(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 100 * N_ROWS; trial++) {
    const row *at = &rows[trial % N_ROWS];
    bvl_penalty pen = make_at(at, 0.5 + (double)(trial % 3));
    double lw = 2.0 * uniform(2, trial);
    double rho = 0.3 + 2.0 * uniform(3, trial);
    double z[MAX_LEN];
    double x[MAX_LEN];
    draw(trial, at->m, 1.5, z);
    bvl_penalty_prox(&pen, lw, rho, at->m, z, x);
    if (pen.l1 > 0.0 && at->m > 1) continue; /* not along a ray: see the next test */
    double t = bvl_block_norm(at->m, z);
    /* a search on values finds the place of a minimum to the root of their rounding: values of
     * O(10), curvature >= 0.3 */
    ASSERT_NEAR(bvl_block_norm(at->m, x), best_length(&pen, lw, rho, pen.l1 * lw, t), 2e-7);
    /* and x lies along z */
    ASSERT_NEAR(dot(at->m, x, z), bvl_block_norm(at->m, x) * t, 1e-14 * (1.0 + t * t));
    bvl_penalty_prox(&pen, lw, rho, at->m, z, z);
    assert_memory_equal(x, z, (size_t)at->m * sizeof *x); /* in place */
  }
}

static double prox_objective(const bvl_penalty *pen, double lw, double rho, const double *z,
                             const double *x)
{
  double sum = bvl_penalty_value(pen, lw, 2, x);
  for (int k = 0; k < 2; k++) sum += 0.5 * rho * (x[k] - z[k]) * (x[k] - z[k]);
  return sum;
}

/* No point of a fine polar grid about it, from far to near, is better than the prox. */
static void test_sparse_group_prox_by_brute_force(void **state)
{
  (void)state;
  const double pi = acos(-1.0);
  int n_inner_zeros = 0;
  for (uint64_t trial = 0; trial < 200; trial++) {
    const row at = {"sparse-group-lasso", 0.05 + 0.9 * uniform(17, trial), 2};
    const double weight = 0.3 + 2.0 * uniform(18, trial);
    const bvl_penalty pen = make_at(&at, weight);
    const double lambda = uniform(19, trial);
    const double rho = 0.3 + 2.0 * uniform(20, trial);
    double z[2];
    double x[2];
    draw(trial, 2, 1.5, z);
    bvl_penalty_prox(&pen, lambda * weight, rho, 2, z, x);
    n_inner_zeros += (x[0] == 0.0) != (x[1] == 0.0);
    const double best = prox_objective(&pen, lambda * weight, rho, z, x);
    for (int k = 0; k < 64 * 30; k++) {
      const double radius = pow(0.5, k / 64);
      const double y[2] = {x[0] + radius * cos(pi / 32 * k), x[1] + radius * sin(pi / 32 * k)};
      /* the penalty by its definition: the weight is the norm's alone */
      const double norm = hypot(y[0], y[1]);
      const double value = lambda * (at.alpha * (fabs(y[0]) + fabs(y[1])) +
                                     (1.0 - at.alpha) * weight * norm);
      ASSERT_NEAR(bvl_penalty_value(&pen, lambda * weight, 2, y), value, 1e-14 * (1.0 + value));
      assert_true(prox_objective(&pen, lambda * weight, rho, z, y) >= best - 1e-14 * (1.0 + best));
    }
  }
  assert_true(n_inner_zeros > 20);
}

/* Optimality of the prox is stationarity: rho (z - x) is in the subdifferential at x. */
static void test_prox_is_stationary(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 100 * N_ROWS; trial++) {
    const row *at = &rows[trial % N_ROWS];
    bvl_penalty pen = make_at(at, 0.5 + (double)(trial % 3));
    double lw = 2.0 * uniform(4, trial);
    double rho = 0.3 + 2.0 * uniform(5, trial);
    double z[MAX_LEN];
    double x[MAX_LEN];
    double g[MAX_LEN];
    draw(trial, at->m, 1.5, z);
    bvl_penalty_prox(&pen, lw, rho, at->m, z, x);
    for (int64_t k = 0; k < at->m; k++) g[k] = rho * (x[k] - z[k]);
    /* a handful of roundings of numbers of O(rho z) <= 20 */
    ASSERT_NEAR(bvl_penalty_distance(&pen, lw, at->m, x, g), 0.0, 1e-14);
  }
}

static void test_distance_off_zero(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 50 * N_ROWS; trial++) {
    const row *at = &rows[trial % N_ROWS];
    bvl_penalty pen = make_at(at, 0.5 + (double)(trial % 3));
    double b[MAX_LEN];
    double g[MAX_LEN];
    double slope[MAX_LEN];
    draw(2 * trial, at->m, 1.0, b);
    draw(2 * trial + 1, at->m, 1.0, g);
    bvl_penalty_gradient(&pen, 0.8, at->m, b, slope);
    double sum = 0.0;
    for (int64_t k = 0; k < at->m; k++) sum += (g[k] + slope[k]) * (g[k] + slope[k]);
    if (trial % 5 == 0 && at->m > 1 && pen.l1 > 0.0) { /* a zero inside: an interval of its own */
      sum -= (g[0] + slope[0]) * (g[0] + slope[0]);
      b[0] = 0.0;
      bvl_penalty_gradient(&pen, 0.8, at->m, b, slope);
      sum = pow(fmax(fabs(g[0]) - 0.8 * pen.l1, 0.0), 2.0);
      for (int64_t k = 1; k < at->m; k++) sum += (g[k] + slope[k]) * (g[k] + slope[k]);
    }
    ASSERT_NEAR(bvl_penalty_distance(&pen, 0.8, at->m, b, g), sqrt(sum), 1e-14 * (1.0 + sqrt(sum)));
  }
}

/* At zero the subdifferential is a ball; the distance to it by a search over its boundary. */
static void test_distance_at_zero(void **state)
{
  (void)state;
  const double zero[] = {0.0, 0.0};
  const double pi = acos(-1.0);
  bvl_penalty pen = make("group-lasso", NAN);
  for (uint64_t trial = 0; trial < 50; trial++) {
    double lw = 2.0 * uniform(6, trial);
    double g[2];
    draw(trial, 2, 1.0, g);
    double nearest = INFINITY;
    for (int k = 0; k < 20000; k++) {
      double angle = 2.0 * pi * k / 20000.0;
      nearest = fmin(nearest, hypot(g[0] + lw * cos(angle), g[1] + lw * sin(angle)));
    }
    if (hypot(g[0], g[1]) <= lw) nearest = 0.0; /* inside the ball */
    /* half a grid angle off, pi / 20000: second order in it */
    ASSERT_NEAR(bvl_penalty_distance(&pen, lw, 2, zero, g), nearest, 1e-7 * (1.0 + lw));
  }
}

static void test_factors_zero_and_infinity(void **state)
{
  (void)state;
  const double b[] = {0.5, -2.0, 1.0};
  const double g[] = {3.0, 0.0, -4.0};
  const double zero[] = {0.0, 0.0, 0.0};
  double x[MAX_LEN];
  for (int k = 0; k < N_ROWS; k++) {
    bvl_penalty pen = make_at(&rows[k], 1.0);
    int64_t m = rows[k].m;
    assert_true(bvl_penalty_distance(&pen, 0.0, m, b, g) == bvl_block_norm(m, g));
    assert_true(bvl_penalty_distance(&pen, 0.0, m, zero, g) == bvl_block_norm(m, g));
    assert_true(bvl_penalty_distance(&pen, INFINITY, m, zero, g) == 0.0);
    assert_true(bvl_penalty_distance(&pen, INFINITY, m, b, g) == 0.0);
    assert_true(bvl_penalty_threshold(&pen, 0.0) == 0.0);
    assert_true(bvl_penalty_threshold(&pen, INFINITY) == INFINITY);
    bvl_penalty_prox(&pen, INFINITY, 1.0, m, b, x);
    assert_true(bvl_block_norm(m, x) == 0.0);
    bvl_penalty_prox(&pen, 0.0, 1.0, m, b, x);
    for (int64_t j = 0; j < m; j++) assert_true(x[j] == b[j]);
    assert_true(pen.type->dual_scale(&pen, 0.0, 2.0) == 1.0);
    assert_true(pen.type->dual_loss(&pen, 0.0, 2.0) == 0.0);
    assert_true(pen.type->dual_scale(&pen, INFINITY, 2.0) == 1.0);
    assert_true(pen.type->dual_loss(&pen, INFINITY, 2.0) == 0.0);
  }
}

/* For every b, with s and Omega of the dual side: <s v, b> <= P(b) + Omega. */
static void test_dual_side_bounds_every_inner_product(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 300 * N_ROWS; trial++) {
    const row *at = &rows[trial % N_ROWS];
    bvl_penalty pen = make_at(at, 0.5 + (double)(trial % 3));
    double lw = 0.05 + 2.0 * uniform(7, trial);
    double v[MAX_LEN];
    double b[MAX_LEN];
    draw(2 * trial, at->m, 2.0, v);
    draw(2 * trial + 1, at->m, 1.0, b);
    double s = bvl_penalty_dual_scale(&pen, lw, at->m, v);
    double lost = pen.type->dual_loss(&pen, lw, bvl_block_norm(at->m, v));
    double product = s * dot(at->m, v, b);
    double slack = 1e-14 * (1.0 + fabs(product) + lost); /* rounding of the products */
    assert_true(product <= bvl_penalty_value(&pen, lw, at->m, b) + lost + slack);
  }
}

/* Omega is the conjugate of P: attained at b = (v - lw alpha)_+ / (lw (1 - alpha)). */
static void test_enet_dual_loss_is_the_supremum(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 200; trial++) {
    bvl_penalty pen = make("enet", 0.05 + 0.9 * uniform(8, trial));
    double lw = 0.1 + uniform(9, trial);
    double v = 3.0 * uniform(10, trial);
    double b = fmax(v - lw * pen.alpha, 0.0) / (lw * (1.0 - pen.alpha));
    double product = v * b;
    ASSERT_NEAR(product - bvl_penalty_value(&pen, lw, 1, &b), pen.type->dual_loss(&pen, lw, v),
                1e-14 * (1.0 + product));
    assert_true(pen.type->dual_scale(&pen, lw, v) == 1.0);
  }
}

static void test_dual_scale_is_feasible_and_largest(void **state)
{
  (void)state;
  bvl_penalty pen = make("lasso", NAN);
  for (uint64_t trial = 0; trial < 10000; trial++) {
    double lw = uniform(11, trial);
    double v = 3.0 * uniform(12, trial);
    double s = pen.type->dual_scale(&pen, lw, v);
    assert_true(s <= 1.0 && s * v <= lw); /* in floating point too */
    if (s < 1.0) assert_true(s * (1.0 + 4.0 * DBL_EPSILON) * v > lw);
  }
}

/* ||S(s v, l1 lw)|| <= threshold, and at a slightly larger s <= 1 no more. */
static void test_sparse_group_dual_scale(void **state)
{
  (void)state;
  int n_scaled = 0;
  for (uint64_t trial = 0; trial < 10000; trial++) {
    const row at = {"sparse-group-lasso", 0.01 + 0.98 * uniform(21, trial),
                    1 + (int64_t)(trial % 3)};
    const bvl_penalty pen = make_at(&at, 0.3 + 2.0 * uniform(22, trial));
    const double lw = uniform(23, trial);
    const double threshold = bvl_penalty_threshold(&pen, lw);
    double v[MAX_LEN];
    draw(trial, at.m, 2.0, v);
    const double s = bvl_penalty_dual_scale(&pen, lw, at.m, v);
    double scaled[MAX_LEN];
    for (int64_t k = 0; k < at.m; k++) scaled[k] = s * v[k];
    assert_true(s <= 1.0 && bvl_penalty_shrunk_norm(&pen, lw, at.m, scaled) <= threshold);
    if (s == 1.0) continue;
    n_scaled++;
    /* the root is found to some roundings of s; the norm grows at least as fast as s does */
    for (int64_t k = 0; k < at.m; k++) scaled[k] = s * (1.0 + 100.0 * DBL_EPSILON) * v[k];
    assert_true(bvl_penalty_shrunk_norm(&pen, lw, at.m, scaled) > threshold);
  }
  assert_true(n_scaled > 1000);
}

/* The comparison of screening and certificates, of the penalty as a block has it. */
static int stays_zero(const bvl_penalty *pen, double weight, int64_t m, const double *v,
                      double lambda)
{
  return bvl_penalty_shrunk_norm(pen, lambda * weight, m, v) <=
         bvl_penalty_threshold(pen, lambda * weight);
}

static void test_lambda_max_is_the_smallest_double(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 3000 * N_ROWS; trial++) {
    bvl_penalty pen = make(rows[trial % N_ROWS].name, rows[trial % N_ROWS].alpha);
    /* from ordinary sizes to such as under- and overflow on the way */
    double spread = trial % 3 == 0 ? 600.0 : 4.0;
    double weight = pow(10.0, spread * (uniform(13, trial) - 0.5));
    const row *at = &rows[trial % N_ROWS];
    if (at->m > 1 && spread > 4.0) spread = 200.0; /* the norm squares */
    double v[MAX_LEN];
    draw(trial, at->m, pow(10.0, spread * (uniform(14, trial) - 0.5)), v);
    double lambda = bvl_penalty_lambda_max(&pen, weight, at->m, v);
    bvl_penalty block = bvl_penalty_at(&pen, weight);
    assert_true(lambda > 0.0);
    assert_true(stays_zero(&block, weight, at->m, v, lambda));
    assert_false(stays_zero(&block, weight, at->m, v, nextafter(lambda, 0.0)));
  }
}

static void test_lambda_max_at_the_edges(void **state)
{
  (void)state;
  bvl_penalty pen = make("enet", 0.3);
  const double values[] = {2.0, 0.0, NAN};
  assert_true(bvl_penalty_lambda_max(&pen, 0.0, 1, values) == 0.0);
  assert_true(bvl_penalty_lambda_max(&pen, INFINITY, 1, values) == 0.0);
  assert_true(bvl_penalty_lambda_max(&pen, 1.0, 1, values + 1) == 0.0);
  assert_true(isnan(bvl_penalty_lambda_max(&pen, 1.0, 1, values + 2)) != 0);
  bvl_penalty sparse = make("sparse-group-lasso", NAN);
  assert_true(isnan(bvl_penalty_lambda_max(&sparse, 1.0, 2, values + 1)) != 0);
  assert_true(bvl_penalty_lambda_max(&sparse, 1.0, 1, values + 1) == 0.0);
  const double tiny[] = {4.9e-324, 1e-310, 2.3e-308};
  for (int k = 0; k < 9; k++) {
    double weight = k % 3 == 0 ? 1e-10 : k % 3 == 1 ? 1.0 : 1e10;
    double lambda = bvl_penalty_lambda_max(&pen, weight, 1, tiny + k / 3);
    assert_true(stays_zero(&pen, weight, 1, tiny + k / 3, lambda));
    assert_false(stays_zero(&pen, weight, 1, tiny + k / 3, nextafter(lambda, 0.0)));
  }
}

static void test_enet_at_one_and_groups_of_one_are_the_lasso(void **state)
{
  (void)state;
  bvl_penalty lasso = make("lasso", NAN);
  bvl_penalty twins[] = {make("enet", 1.0), make("group-lasso", NAN)};
  for (uint64_t trial = 0; trial < 400; trial++) {
    const bvl_penalty *twin = &twins[trial % 2];
    double lw = 2.0 * uniform(15, trial);
    double v = 3.0 * uniform(16, trial);
    double in[2];
    double a[2];
    double b[2];
    draw(trial, 2, 1.0, in);
    /* the same bits throughout */
    assert_true(bvl_penalty_value(twin, lw, 1, in) == bvl_penalty_value(&lasso, lw, 1, in));
    bvl_penalty_prox(twin, lw, 1.3, 1, in, a);
    bvl_penalty_prox(&lasso, lw, 1.3, 1, in, b);
    assert_true(a[0] == b[0]);
    assert_true(bvl_penalty_distance(twin, lw, 1, in, in + 1) ==
                bvl_penalty_distance(&lasso, lw, 1, in, in + 1));
    bvl_penalty_gradient(twin, lw, 1, in, a);
    bvl_penalty_gradient(&lasso, lw, 1, in, b);
    assert_true(a[0] == b[0]);
    assert_true(bvl_penalty_lambda_max(twin, 0.7, 1, &v) ==
                bvl_penalty_lambda_max(&lasso, 0.7, 1, &v));
    assert_true(twin->type->dual_scale(twin, lw, v) == lasso.type->dual_scale(&lasso, lw, v));
    assert_true(twin->type->dual_loss(twin, lw, v) == 0.0);
  }
}

/* As alpha -> 1 the elastic net tends to the lasso: what differs is (1 - alpha) lw (t^2/2 - t). */
static void test_enet_tends_to_the_lasso(void **state)
{
  (void)state;
  bvl_penalty lasso = make("lasso", NAN);
  for (double gap = 1e-2; gap > 1e-9; gap *= 0.1) {
    bvl_penalty enet = make("enet", 1.0 - gap);
    const double z = 2.5;
    double a = 0.0;
    double b = 0.0;
    bvl_penalty_prox(&enet, 0.7, 1.0, 1, &z, &a);
    bvl_penalty_prox(&lasso, 0.7, 1.0, 1, &z, &b);
    /* d prox / d alpha = 0.7 (prox - 1) at most 0.7 (2.5 - 1), in size; ulps of 2.5 */
    ASSERT_NEAR(a, b, 1.05 * gap + 1e-15);
    ASSERT_NEAR(bvl_penalty_value(&enet, 0.7, 1, &z), bvl_penalty_value(&lasso, 0.7, 1, &z),
                0.7 * gap * (0.5 * z * z - z) * (1.0 + 1e-6) + 1e-15);
  }
}

BVL_TEST_MAIN(cmocka_unit_test(test_rows_are_found_by_name),
              cmocka_unit_test(test_alpha_is_checked), cmocka_unit_test(test_shapes_are_checked),
              cmocka_unit_test(test_sparse_group_ends),
              cmocka_unit_test(test_norm_of_one_column_is_exact),
              cmocka_unit_test(test_value_is_the_formula),
              cmocka_unit_test(test_gradient_and_curvature_match_differences),
              cmocka_unit_test(test_prox_is_the_minimiser),
              cmocka_unit_test(test_sparse_group_prox_by_brute_force),
              cmocka_unit_test(test_prox_is_stationary), cmocka_unit_test(test_distance_off_zero),
              cmocka_unit_test(test_distance_at_zero),
              cmocka_unit_test(test_factors_zero_and_infinity),
              cmocka_unit_test(test_dual_side_bounds_every_inner_product),
              cmocka_unit_test(test_enet_dual_loss_is_the_supremum),
              cmocka_unit_test(test_dual_scale_is_feasible_and_largest),
              cmocka_unit_test(test_sparse_group_dual_scale),
              cmocka_unit_test(test_lambda_max_is_the_smallest_double),
              cmocka_unit_test(test_lambda_max_at_the_edges),
              cmocka_unit_test(test_enet_at_one_and_groups_of_one_are_the_lasso),
              cmocka_unit_test(test_enet_tends_to_the_lasso))
