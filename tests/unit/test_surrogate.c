/* SPDX-License-Identifier: BSD-3-Clause */
/* Every factor map: what it induces by minimising over fibres, derivatives, balance, the
 * stationarity of balanced points, the imbalance law. The induced penalty is computed here. */
#include "bvl_test.h"

#include "base/rng.h"
#include "surrogate/maps.h"

enum { MAX_M = 4, MAX_THETA = 32, MAX_FREE = 16 };

typedef struct {
  const bvl_surrogate_type *type;
  bvl_surrogate_shape shape;
} map_case;

static const map_case cases[] = {
    {&bvl_surrogate_product, {.depth = 2}},
    {&bvl_surrogate_product, {.depth = 3}},
    {&bvl_surrogate_product, {.depth = 5}},
    {&bvl_surrogate_difference, {.depth = 2}},
    {&bvl_surrogate_difference, {.depth = 3}},
    {&bvl_surrogate_difference, {.depth = 2.6}},
    {&bvl_surrogate_power, {.depth = 2}},
    {&bvl_surrogate_power, {.depth = 3.7}},
    {&bvl_surrogate_shared, {.depth = 2}},
    {&bvl_surrogate_shared, {.depth = 3.2}},
    {&bvl_surrogate_square, {.depth = 2}},
    {&bvl_surrogate_two_vector, {.depth = 2}},
    {&bvl_surrogate_two_vector, {.depth = 2.5}},
    {&bvl_surrogate_group_product, {.depth = 2}},
    {&bvl_surrogate_group_product, {.depth = 3}},
    {&bvl_surrogate_group_product, {.depth = 4}},
    {&bvl_surrogate_group_power, {.depth = 2}},
    {&bvl_surrogate_group_power, {.depth = 2.7}},
    {&bvl_surrogate_own_norm, {.depth = 2}},
    {&bvl_surrogate_own_norm, {.depth = 3.5}},
    {&bvl_surrogate_lpq, {.depth = 2, .k1 = 1, .k2 = 1}},
    {&bvl_surrogate_lpq, {.depth = 3, .k1 = 1, .k2 = 2}},
    {&bvl_surrogate_lpq, {.depth = 3, .k1 = 2, .k2 = 1}},
    {&bvl_surrogate_lpq, {.depth = 5, .k1 = 3, .k2 = 2}},
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

static double random_value(uint64_t k)
{
  return bvl_rng_normal(7, BVL_STREAM_INIT, 0, k);
}

/* Away from 0, where powers have no third derivative. */
static double random_factor(uint64_t k)
{
  double value = random_value(k);
  return value + copysign(0.3, value);
}

static int64_t columns(const map_case *c, uint64_t trial)
{
  return c->type->grouped ? 1 + (int64_t)trial % MAX_M : 1;
}

static void random_block(const map_case *c, uint64_t seed, int64_t m, double *b)
{
  for (int64_t k = 0; k < m; k++) {
    b[k] = 1.5 * random_factor(100 * seed + (uint64_t)k);
    if (c->type->one_sided) b[k] = fabs(b[k]);
  }
}

static double p_of(const map_case *c)
{
  return c->type->nested ? 2.0 / (double)c->shape.k1 : 2.0;
}

/* ||b||_p^q, q = 2 / depth. */
static double induced(const map_case *c, int64_t m, const double *b)
{
  double sum = 0.0, p = p_of(c);
  for (int64_t k = 0; k < m; k++) sum += pow(fabs(b[k]), p);
  return pow(sum, 2.0 / c->shape.depth / p);
}

/* Its gradient at b without zeros. */
static void induced_gradient(const map_case *c, int64_t m, const double *b, double *out)
{
  double sum = 0.0, p = p_of(c), q = 2.0 / c->shape.depth;
  for (int64_t k = 0; k < m; k++) sum += pow(fabs(b[k]), p);
  for (int64_t k = 0; k < m; k++)
    out[k] = copysign(q * pow(sum, q / p - 1.0) * pow(fabs(b[k]), p - 1.0), b[k]);
}

/* --- fibres --- */

/* Coordinates of the fibre of a block of m columns: how many there are. */
static int64_t n_free(const map_case *c, int64_t m)
{
  const bvl_surrogate_type *type = c->type;
  if (type == &bvl_surrogate_shared || type == &bvl_surrogate_square ||
      type == &bvl_surrogate_own_norm)
    return 0;
  if (type == &bvl_surrogate_product || type == &bvl_surrogate_group_product)
    return (int64_t)c->shape.depth - 1;
  if (type == &bvl_surrogate_lpq) return m * (c->shape.k1 - 1) + 1;
  return 1;
}

/* theta on the fibre of b at the logarithms x of its free factors. */
static void on_fibre(const map_case *c, int64_t m, const double *b, const double *x, double *theta)
{
  const bvl_surrogate_type *type = c->type;
  const double k = c->shape.depth;
  if (type == &bvl_surrogate_difference) {
    double v = exp(x[0]), u = pow(fabs(b[0]) + pow(v, k), 1.0 / k);
    theta[0] = b[0] > 0.0 ? u : v;
    theta[1] = b[0] > 0.0 ? v : u;
  } else if (type == &bvl_surrogate_power || type == &bvl_surrogate_group_power) {
    theta[m] = exp(x[0]);
    for (int64_t j = 0; j < m; j++) theta[j] = b[j] / exp((k - 1.0) * x[0]);
  } else if (type == &bvl_surrogate_lpq) {
    const int64_t k1 = c->shape.k1;
    theta[m * k1] = exp(x[0]);
    for (int64_t j = 0; j < m; j++) {
      theta[j] = b[j] * exp(-(double)c->shape.k2 * x[0]);
      for (int64_t l = 1; l < k1; l++) {
        theta[l * m + j] = exp(x[1 + (l - 1) * m + j]);
        theta[j] /= theta[l * m + j];
      }
    }
  } else { /* products, and maps of one point */
    for (int64_t j = 0; j < m; j++) theta[j] = b[j];
    for (int64_t l = 0; l < n_free(c, m); l++) {
      theta[m + l] = exp(x[l]);
      for (int64_t j = 0; j < m; j++) theta[j] /= theta[m + l];
    }
    if (n_free(c, m) == 0) c->type->balance(&c->shape, m, theta);
  }
}

static double cost(const map_case *c, double lw, int64_t m, const double *b, const double *x)
{
  double theta[MAX_THETA];
  on_fibre(c, m, b, x, theta);
  return c->type->penalty(&c->shape, lw, m, theta, NULL);
}

/* Golden sections along coordinate i. */
static void search(const map_case *c, double lw, int64_t m, const double *b, double *x, int64_t i)
{
  const double share = 0.6180339887498949;
  double low = -16.0, high = 6.0;
  for (int step = 0; step < 75; step++) {
    double x1 = high - share * (high - low), x2 = low + share * (high - low);
    x[i] = x1;
    double f1 = cost(c, lw, m, b, x);
    x[i] = x2;
    if (f1 < cost(c, lw, m, b, x))
      high = x2;
    else
      low = x1;
  }
  x[i] = 0.5 * (low + high);
}

/* Cyclic minimisation: sums of exponentials are convex in the logarithms. */
static void test_minimum_over_a_fibre(void **state)
{
  (void)state;
  for (int q = 0; q < N_CASES; q++) {
    const map_case *c = &cases[q];
    for (uint64_t trial = 0; trial < 4; trial++) {
      const int64_t m = columns(c, trial), free = n_free(c, m);
      const double lw = 0.3 + 0.2 * (double)trial;
      double b[MAX_M], x[MAX_FREE], theta[MAX_THETA], again[MAX_M];
      assert_true(free <= MAX_FREE);
      random_block(c, trial + 10, m, b);
      for (int64_t i = 0; i < free; i++) x[i] = 0.5 * random_value(50 + (uint64_t)i);
      on_fibre(c, m, b, x, theta); /* the fibre is one */
      c->type->forward(&c->shape, m, theta, again);
      for (int64_t j = 0; j < m; j++) assert_true(fabs(again[j] - b[j]) <= 1e-13 * fabs(b[j]));
      for (int cycle = 0; cycle < (free > 1 ? 40 : 1); cycle++)
        for (int64_t i = 0; i < free; i++) search(c, lw, m, b, x, i);
      double minimum = cost(c, lw, m, b, x);
      /* a search ends 1e-8 from the minimiser, where the value is flat: 1e-16; that of the
       * difference ends at v = e^-16: v^2 = 1e-14 */
      assert_true(fabs(minimum - lw * induced(c, m, b)) <= 1e-10);
    }
  }
}

/* --- derivatives --- */

/* d/dtheta [g'phi(theta) + penalty] by central differences. */
static void test_gradient(void **state)
{
  (void)state;
  const double lw = 0.3, step = 1e-5;
  for (int q = 0; q < N_CASES; q++) {
    const map_case *c = &cases[q];
    for (uint64_t trial = 0; trial < 4; trial++) {
      const int64_t m = columns(c, trial), length = c->type->length(&c->shape, m);
      double theta[MAX_THETA], grad[MAX_THETA], g[MAX_M], b[MAX_M];
      assert_true(length <= MAX_THETA);
      for (int64_t i = 0; i < length; i++)
        theta[i] = 0.7 * random_factor(300 * (trial + 1) + (uint64_t)i);
      for (int64_t j = 0; j < m; j++) g[j] = random_value(900 + (uint64_t)j);
      c->type->pull_back(&c->shape, m, theta, g, grad);
      double value = c->type->penalty(&c->shape, lw, m, theta, grad);
      assert_true(value == c->type->penalty(&c->shape, lw, m, theta, NULL));
      for (int64_t i = 0; i < length; i++) {
        double sides[2], kept = theta[i];
        for (int side = 0; side < 2; side++) {
          theta[i] = kept + (side ? step : -step);
          c->type->forward(&c->shape, m, theta, b);
          sides[side] = c->type->penalty(&c->shape, lw, m, theta, NULL);
          for (int64_t j = 0; j < m; j++) sides[side] += g[j] * b[j];
        }
        theta[i] = kept;
        /* truncation step^2 / 6 times a third derivative below 1000, rounding 1e-14 / step */
        assert_true(fabs((sides[1] - sides[0]) / (2.0 * step) - grad[i]) <= 2e-8);
      }
    }
  }
}

/* --- balance --- */

static void test_balance(void **state)
{
  (void)state;
  const double lw = 0.6;
  for (int q = 0; q < N_CASES; q++) {
    const map_case *c = &cases[q];
    for (uint64_t trial = 0; trial < 8; trial++) {
      const int64_t m = columns(c, trial);
      double b[MAX_M], theta[MAX_THETA], again[MAX_M];
      random_block(c, trial, m, b);
      memcpy(theta, b, (size_t)m * sizeof *b);
      c->type->balance(&c->shape, m, theta);
      c->type->forward(&c->shape, m, theta, again);
      /* powers of depth k amplify rounding k times */
      for (int64_t j = 0; j < m; j++)
        assert_true(fabs(again[j] - b[j]) <= 1e-15 * (2.0 + c->shape.depth) * fabs(b[j]));
      /* second order in differences of a few ulps */
      assert_true(c->type->imbalance(&c->shape, lw, m, theta) <= 1e-28);
      double value = c->type->penalty(&c->shape, lw, m, theta, NULL);
      assert_true(fabs(value - lw * induced(c, m, b)) <= 1e-14 * value);
    }
  }
}

static void test_imbalance_is_the_excess(void **state)
{
  (void)state;
  const double lw = 0.6;
  for (int q = 0; q < N_CASES; q++) {
    const map_case *c = &cases[q];
    for (uint64_t trial = 0; trial < 40; trial++) {
      const int64_t m = columns(c, trial), length = c->type->length(&c->shape, m);
      double theta[MAX_THETA], b[MAX_M];
      for (int64_t i = 0; i < length; i++)
        theta[i] = random_value(1000 * (trial + 1) + (uint64_t)i) * (trial % 2 ? 1.0 : 0.05) +
                   (trial % 2 ? 0.0 : 1.0); /* near balance too, where a difference cancels */
      if (trial == 0) theta[length - 1] = 0.0;
      c->type->forward(&c->shape, m, theta, b);
      double excess = c->type->imbalance(&c->shape, lw, m, theta);
      double value = c->type->penalty(&c->shape, lw, m, theta, NULL);
      assert_true(excess >= 0.0);
      /* rounding of a dozen terms, and of powers of b */
      assert_true(fabs(value - lw * induced(c, m, b) - excess) <= 4e-14 * value);
    }
  }
}

/* At balanced factors the gradient in theta vanishes where the problem in beta is stationary. */
static void test_balanced_points_are_stationary(void **state)
{
  (void)state;
  const double lw = 0.8;
  for (int q = 0; q < N_CASES; q++) {
    const map_case *c = &cases[q];
    for (uint64_t trial = 0; trial < 8; trial++) {
      const int64_t m = columns(c, trial), length = c->type->length(&c->shape, m);
      double b[MAX_M], g[MAX_M], theta[MAX_THETA], grad[MAX_THETA], worst = 0.0;
      random_block(c, trial, m, b);
      induced_gradient(c, m, b, g);
      for (int64_t j = 0; j < m; j++) g[j] *= -lw;
      memcpy(theta, b, (size_t)m * sizeof *b);
      c->type->balance(&c->shape, m, theta);
      c->type->pull_back(&c->shape, m, theta, g, grad);
      c->type->penalty(&c->shape, lw, m, theta, grad);
      for (int64_t i = 0; i < length; i++) worst = fmax(worst, fabs(grad[i]));
      assert_true(worst <= 1e-13);
      g[0] += 0.01; /* and nowhere else */
      c->type->pull_back(&c->shape, m, theta, g, grad);
      c->type->penalty(&c->shape, lw, m, theta, grad);
      worst = 0.0;
      for (int64_t i = 0; i < length; i++) worst = fmax(worst, fabs(grad[i]));
      assert_true(worst > 1e-3);
    }
  }
}

/* Gradient descent on 1/2 ||phi(theta) - target||^2 + penalty from unbalanced factors ends balanced
 * and stationary in beta. */
static void test_descent_ends_balanced(void **state)
{
  (void)state;
  const double lw = 0.5, rate = 0.005;
  for (int q = 0; q < N_CASES; q++) {
    const map_case *c = &cases[q];
    const int64_t m = c->type->grouped ? 3 : 1, length = c->type->length(&c->shape, m);
    double target[MAX_M] = {2.5, 3.0, 2.2}, theta[MAX_THETA], grad[MAX_THETA];
    double b[MAX_M], g[MAX_M], size = 1.0, residual[MAX_M];
    for (int64_t i = 0; i < length; i++) theta[i] = 0.9 + 0.1 * (double)(i % 4);
    if (c->type == &bvl_surrogate_difference) theta[1] = 0.5;
    for (int step = 0; step < 30000 && size > 1e-12; step++) {
      c->type->forward(&c->shape, m, theta, b);
      for (int64_t j = 0; j < m; j++) g[j] = b[j] - target[j];
      c->type->pull_back(&c->shape, m, theta, g, grad);
      c->type->penalty(&c->shape, lw, m, theta, grad);
      size = bvl_block_norm(length, grad);
      for (int64_t i = 0; i < length; i++) theta[i] -= rate * grad[i];
    }
    assert_true(size <= 1e-12 && bvl_block_norm(m, b) > 1.0);
    assert_true(c->type->imbalance(&c->shape, lw, m, theta) <= 1e-20);
    induced_gradient(c, m, b, residual);
    for (int64_t j = 0; j < m; j++) assert_true(fabs(g[j] + lw * residual[j]) <= 1e-11);
  }
}

/* --- dynamics --- */

/* One exact step of gradient descent, depth D: the imbalance of two factors becomes
 * I [(1 - 2 e lw/D)^2 - e^2 s^2 prod_others^2], s the derivative along the others' product; that of
 * u_g and a gate (1 - 2 e lw/D)^2 I + e^2 prod_others^2 (nu^2 ||g||^2 - (u'g)^2). */
static void check_step(const map_case *c, int64_t m, const double *theta, const double *g,
                       double lw, double rate)
{
  const int64_t length = c->type->length(&c->shape, m), depth = (int64_t)c->shape.depth;
  const double shrink = 1.0 - 2.0 * rate * lw / c->shape.depth;
  double grad[MAX_THETA], next[MAX_THETA], along = 0.0, steep = 0.0;
  c->type->pull_back(&c->shape, m, theta, g, grad);
  c->type->penalty(&c->shape, lw, m, theta, grad);
  for (int64_t i = 0; i < length; i++) next[i] = theta[i] - rate * grad[i];
  for (int64_t j = 0; j < m; j++) {
    along += theta[j] * g[j];
    steep += g[j] * g[j];
  }
  double norm = bvl_block_norm(m, theta), norm_next = bvl_block_norm(m, next);
  for (int64_t l = 1; l < depth; l++) {
    double nu = theta[m + l - 1], nu_next = next[m + l - 1], others = 1.0;
    for (int64_t d = 1; d < depth; d++) others *= d == l ? 1.0 : theta[m + d - 1];
    double wanted = shrink * shrink * (norm * norm - nu * nu) +
                    rate * rate * others * others * (nu * nu * steep - along * along);
    assert_true(fabs(norm_next * norm_next - nu_next * nu_next - wanted) <= 1e-12);
    for (int64_t e = 1; e < l; e++) { /* two gates */
      double first = theta[m + e - 1], first_next = next[m + e - 1];
      double rest = along * others / first;
      wanted = (first * first - nu * nu) * (shrink * shrink - rate * rate * rest * rest);
      assert_true(fabs(first_next * first_next - nu_next * nu_next - wanted) <= 1e-12);
    }
  }
}

static void test_imbalance_law(void **state)
{
  (void)state;
  for (int q = 0; q < N_CASES; q++) {
    const map_case *c = &cases[q];
    if (c->type != &bvl_surrogate_product && c->type != &bvl_surrogate_group_product) continue;
    for (uint64_t trial = 0; trial < 20; trial++) {
      const int64_t m = columns(c, trial), length = c->type->length(&c->shape, m);
      double theta[MAX_THETA], g[MAX_M];
      for (int64_t i = 0; i < length; i++) theta[i] = random_factor(70 * (trial + 1) + (uint64_t)i);
      for (int64_t j = 0; j < m; j++) g[j] = random_value(40 + trial + (uint64_t)j);
      check_step(c, m, theta, g, 0.4, 0.05);
    }
  }
}

/* On the way down a problem: log |I| falls by log(1 - 4 e lw / D) a step, to first order in e. */
static void test_imbalance_decays(void **state)
{
  (void)state;
  const double lw = 0.7;
  for (int64_t depth = 2; depth <= 4; depth++) {
    const bvl_surrogate_shape shape = {.depth = (double)depth};
    const bvl_surrogate_type *type = &bvl_surrogate_product;
    double off[2];
    for (int fine = 0; fine < 2; fine++) {
      const double rate = fine ? 1e-4 : 1e-3;
      const int steps = fine ? 5000 : 500;
      double theta[] = {1.4, 0.9, 1.1, 1.2}, grad[4], b, g;
      double before = theta[0] * theta[0] - theta[1] * theta[1];
      for (int step = 0; step < steps; step++) {
        type->forward(&shape, 1, theta, &b);
        g = b - 1.5;
        type->pull_back(&shape, 1, theta, &g, grad);
        type->penalty(&shape, lw, 1, theta, grad);
        for (int64_t l = 0; l < depth; l++) theta[l] -= rate * grad[l];
      }
      double after = theta[0] * theta[0] - theta[1] * theta[1];
      double wanted = steps * log(1.0 - 4.0 * rate * lw / (double)depth);
      off[fine] = fabs(log(fabs(after / before)) - wanted);
    }
    /* of first order in the rate */
    assert_true(off[0] <= 1e-2 && off[1] <= 0.12 * off[0] + 1e-9);
  }
}

/* --- all blocks --- */

static int64_t single_begin[] = {0, 1, 2, 3, 4, 5};
static double single_weight[] = {1.0, 0.0, 0.5, INFINITY, 2.0};
static int64_t group_begin[] = {0, 3, 4, 6, 7, 11, 12};
static double group_weight[] = {1.7320508, 0.0, 0.5, INFINITY, 2.0, 1.0};
enum { COLS = 12 };

static bvl_blocks blocks_of(const map_case *c)
{
  return c->type->grouped
             ? (bvl_blocks){.n = 6, .begin = group_begin, .weight = group_weight, .max_len = 4}
             : (bvl_blocks){.n = 5, .begin = single_begin, .weight = single_weight, .max_len = 1};
}

static bvl_penalty penalty_named(const char *name)
{
  bvl_penalty pen;
  assert_int_equal(bvl_penalty_init(bvl_penalty_find(name), NULL, &pen), BVL_OK);
  return pen;
}

/* Unpenalised blocks are beta itself and cost nothing, excluded ones are not there. */
static void test_special_blocks(void **state)
{
  (void)state;
  for (int q = 0; q < N_CASES; q++) {
    const map_case *c = &cases[q];
    const bvl_surrogate map = bvl_surrogate_of(c->type, c->shape);
    const bvl_blocks blocks = blocks_of(c);
    const bvl_penalty pen = penalty_named(c->type->grouped ? "group-lasso" : "lasso");
    double theta[96], beta[COLS], grad[96] = {0.0}, pulled[96], ones[COLS];
    int64_t place = 0, length = bvl_surrogate_length(&map, &blocks);
    assert_true(length <= 96);
    for (int64_t i = 0; i < length; i++) theta[i] = random_value((uint64_t)i);
    for (int64_t j = 0; j < COLS; j++) ones[j] = 1.0;
    bvl_surrogate_forward(&map, &blocks, theta, beta);
    bvl_surrogate_pull_back(&map, &blocks, theta, ones, pulled);
    double value = bvl_surrogate_penalty(&map, &pen, 0.5, &blocks, theta, grad), sum = 0.0;
    for (int64_t g = 0; g < blocks.n; g++) {
      int64_t here = bvl_surrogate_block_length(&map, &blocks, g), begin = blocks.begin[g];
      int64_t m = bvl_block_len(&blocks, g);
      if (isinf(blocks.weight[g])) {
        assert_int_equal(here, 0);
        assert_true(beta[begin] == 0.0);
      } else if (blocks.weight[g] == 0.0) {
        assert_int_equal(here, 1);
        assert_true(beta[begin] == theta[place] && grad[place] == 0.0 && pulled[place] == 1.0);
      } else {
        assert_int_equal(here, c->type->length(&c->shape, m));
        sum += c->type->penalty(&c->shape, 0.5 * blocks.weight[g], m, theta + place, NULL);
      }
      place += here;
    }
    assert_int_equal(place, length);
    assert_true(fabs(sum - value) <= 1e-14 * value);
  }
}

/* Zeros start at norm floor^k along -gradient, balanced; unpenalised zeros stay zero. */
static void test_balance_of_zeros(void **state)
{
  (void)state;
  const double floor = 0.2;
  for (int q = 0; q < N_CASES; q++) {
    const map_case *c = &cases[q];
    const bvl_surrogate map = bvl_surrogate_of(c->type, c->shape);
    const bvl_blocks blocks = blocks_of(c);
    const bvl_penalty pen = penalty_named(c->type->grouped ? "group-lasso" : "lasso");
    double theta[96], grad[COLS], beta[COLS], zero[COLS] = {0.0};
    for (int64_t j = 0; j < COLS; j++) grad[j] = -fabs(random_value(500 + (uint64_t)j));
    for (int kind = 0; kind < 3; kind++) {
      bvl_surrogate_balance(&map, &blocks, zero, kind == 1 ? grad : NULL, kind == 2 ? 0.0 : floor,
                            theta);
      bvl_surrogate_forward(&map, &blocks, theta, beta);
      for (int64_t g = 0; g < blocks.n; g++) {
        double along = 0.0, *b = beta + blocks.begin[g], *slope = grad + blocks.begin[g];
        int64_t m = bvl_block_len(&blocks, g);
        int there = kind < 2 && bvl_surrogate_is_penalised(blocks.weight[g]);
        double wanted = there ? pow(floor, c->shape.depth) : 0.0;
        for (int64_t k = 0; k < m; k++) along -= b[k] * slope[k];
        assert_true(fabs(bvl_block_norm(m, b) - wanted) <= 1e-14 * wanted);
        /* parallel: the inner product is the product of the norms */
        if (kind == 1)
          assert_true(fabs(along - wanted * bvl_block_norm(m, slope)) <= 1e-13 * wanted);
      }
      assert_true(bvl_surrogate_imbalance(&map, &pen, 1.0, &blocks, theta) <= 1e-28);
    }
  }
}

/* Convex: only blocks near zero whose gradient exceeds the threshold move, along -gradient. */
static void test_reseed(void **state)
{
  (void)state;
  for (int q = 0; q < N_CASES; q++) {
    const map_case *c = &cases[q];
    const bvl_surrogate map = bvl_surrogate_of(c->type, c->shape);
    const bvl_blocks blocks = blocks_of(c);
    const bvl_penalty pen = penalty_named(c->type->grouped ? "group-lasso" : "lasso");
    double theta[96], before[96], grad[COLS], beta[COLS], scratch[MAX_THETA];
    bvl_surrogate_start start = {.pen = &pen,
                                 .lambda = 0.5,

                                 .floor = 0.3,
                                 .beta = beta,
                                 .grad_beta = grad};
    if (c->shape.depth != 2.0) continue;
    int64_t n_penalised = 0;
    for (int64_t g = 0; g < blocks.n; g++)
      n_penalised += bvl_surrogate_is_penalised(blocks.weight[g]);
    for (int64_t j = 0; j < COLS; j++) {
      grad[j] = -5.0; /* above every threshold here */
      beta[j] = c->type->one_sided ? 1e-6 : -1e-6;
    }
    bvl_surrogate_balance(&map, &blocks, beta, NULL, 0.3, theta);
    assert_int_equal(bvl_surrogate_reseed(&map, &start, &blocks, scratch, theta), n_penalised);
    bvl_surrogate_forward(&map, &blocks, theta, beta);
    for (int64_t g = 0; g < blocks.n; g++)
      for (int64_t k = blocks.begin[g]; k < blocks.begin[g + 1]; k++)
        if (bvl_surrogate_is_penalised(blocks.weight[g])) assert_true(beta[k] > 1e-2);

    for (int64_t j = 0; j < COLS; j++) beta[j] = 1e-6, grad[j] = -1e-3; /* below every threshold */
    bvl_surrogate_balance(&map, &blocks, beta, NULL, 0.3, theta);
    memcpy(before, theta, sizeof theta);
    assert_int_equal(bvl_surrogate_reseed(&map, &start, &blocks, scratch, theta), 0);
    for (int64_t j = 0; j < COLS; j++) beta[j] = 1.0, grad[j] = -5.0; /* large blocks stand */
    assert_int_equal(bvl_surrogate_reseed(&map, &start, &blocks, scratch, theta), 0);
    if (c->type->one_sided) { /* and what would have to be negative */
      for (int64_t j = 0; j < COLS; j++) beta[j] = 1e-6, grad[j] = 5.0;
      assert_int_equal(bvl_surrogate_reseed(&map, &start, &blocks, scratch, theta), 0);
    }
    assert_memory_equal(before, theta,
                        sizeof(double) * (size_t)bvl_surrogate_length(&map, &blocks));
  }
}

static bvl_penalty power_penalty(const char *name, double q, double k1, double k2)
{
  bvl_penalty_parameters parameters;
  bvl_penalty pen;
  bvl_penalty_parameters_init(&parameters);
  parameters.q = q;
  parameters.k1 = k1;
  parameters.k2 = k2;
  assert_int_equal(bvl_penalty_init(bvl_penalty_find(name), &parameters, &pen), BVL_OK);
  return pen;
}

/* Not convex, one group of three: what is too small for a local minimum goes to zero, or to a start
 * that grows: there the objective falls along the factors' own gradient. */
static void test_reseed_of_powers(void **state)
{
  (void)state;
  const bvl_penalty pens[] = {power_penalty("group-lq", 0.5, NAN, NAN),
                              power_penalty("group-lq", 2.0 / 3.0, NAN, NAN),
                              power_penalty("group-lq", 0.9, NAN, NAN),
                              power_penalty("lpq", NAN, 2, 1), power_penalty("lpq", NAN, 3, 2)};
  int64_t begin[] = {0, 3};
  double weight = 1.3, h = 0.8, beta[3] = {0.0}, grad[3], theta[16], scratch[16];
  const bvl_blocks blocks = {.n = 1, .begin = begin, .weight = &weight, .max_len = 3};
  for (int q = 0; q < 5; q++) {
    bvl_surrogate map;
    assert_int_equal(bvl_surrogate_find(NULL, &pens[q], 0, &map), BVL_OK);
    const double direction[] = {0.8, -1.0, 0.9};
    const double top = bvl_penalty_lambda_max(&(bvl_penalty){.type = pens[q].type,
                                                             .alpha = 1.0,
                                                             .shape = pens[q].shape,
                                                             .k1 = pens[q].k1,
                                                             .k2 = pens[q].k2,
                                                             .curvature = h},
                                              weight, 3, direction);
    bvl_surrogate_start start = {.pen = &pens[q],
                                 .lambda = 0.99 * top,
                                 .curvature = &h,
                                 .floor = 0.1,
                                 .beta = beta,
                                 .grad_beta = grad};
    for (int k = 0; k < 3; k++) beta[k] = 0.0, grad[k] = -direction[k];
    bvl_surrogate_balance(&map, &blocks, beta, grad, 0.0, theta);
    assert_int_equal(bvl_surrogate_reseed(&map, &start, &blocks, scratch, theta), 1);
    double pulled[16], along = 0.0;
    bvl_surrogate_forward(&map, &blocks, theta, beta);
    bvl_surrogate_pull_back(&map, &blocks, theta, grad, pulled);
    bvl_surrogate_penalty(&map, &pens[q], start.lambda, &blocks, theta, pulled);
    for (int64_t i = 0; i < bvl_surrogate_length(&map, &blocks); i++) along += pulled[i] * theta[i];
    assert_true(bvl_block_norm(3, beta) > 0.0 && along < 0.0); /* theta grows */
    for (int k = 0; k < 3; k++) assert_true(beta[k] * direction[k] > 0.0);
    if (!pens[q].type->nested) /* and is left to */
      assert_int_equal(bvl_surrogate_reseed(&map, &start, &blocks, scratch, theta), 0);

    start.lambda = top; /* zero is the better choice, to the last bit */
    for (int k = 0; k < 3; k++) beta[k] = 0.0;
    bvl_surrogate_balance(&map, &blocks, beta, grad, 0.0, theta);
    assert_int_equal(bvl_surrogate_reseed(&map, &start, &blocks, scratch, theta), 0);
    for (int k = 0; k < 3; k++) beta[k] = 1e-6 * direction[k];
    start.lambda = 1.01 * top;
    bvl_surrogate_balance(&map, &blocks, beta, grad, 0.0, theta);
    assert_int_equal(bvl_surrogate_reseed(&map, &start, &blocks, scratch, theta), 1);
    assert_true(bvl_block_norm(bvl_surrogate_length(&map, &blocks), theta) == 0.0);
    double out[3] = {1.0, 1.0, 1.0};
    bvl_surrogate_set_zeros(&map, &start, &blocks, 0, scratch, out);
    assert_true(bvl_block_norm(3, out) == 0.0);
    for (int k = 0; k < 3; k++) beta[k] = out[k] = 5.0 * direction[k], grad[k] = 0.0; /* large */
    bvl_surrogate_balance(&map, &blocks, beta, grad, 0.0, theta);
    assert_int_equal(bvl_surrogate_reseed(&map, &start, &blocks, scratch, theta), 0);
    bvl_surrogate_set_zeros(&map, &start, &blocks, 0, scratch, out);
    assert_true(out[0] == 5.0 * direction[0]);
  }
}

static void assert_found(const char *name, const bvl_penalty *pen, int one_sided,
                         const bvl_surrogate_type *wanted)
{
  bvl_surrogate map;
  bvl_status status = bvl_surrogate_find(name, pen, one_sided, &map);
  assert_int_equal(status, wanted != NULL ? BVL_OK : BVL_ERR_USAGE);
  assert_ptr_equal(map.type, wanted);
}

static void test_find(void **state)
{
  (void)state;
  const bvl_penalty lasso = penalty_named("lasso"), enet = penalty_named("enet");
  const bvl_penalty group = penalty_named("group-lasso"), mcp = penalty_named("mcp");
  assert_found(NULL, &lasso, 0, &bvl_surrogate_product);
  assert_found("difference", &enet, 0, &bvl_surrogate_difference);
  assert_found("two-vector", &lasso, 0, &bvl_surrogate_two_vector);
  assert_found(NULL, &lasso, 1, &bvl_surrogate_square);
  assert_found("square", &lasso, 0, NULL);
  assert_found("product", &lasso, 1, NULL);
  assert_found(NULL, &group, 0, &bvl_surrogate_group_product);
  assert_found("power", &group, 0, &bvl_surrogate_group_power);
  assert_found("own-norm", &group, 0, &bvl_surrogate_own_norm);
  assert_found("own-norm", &lasso, 0, NULL);
  assert_non_null(strstr(bvl_last_error(), "product, power, difference")); /* what works is named */
  assert_found("difference", &group, 0, NULL);
  assert_found(NULL, &mcp, 0, NULL);
  assert_found("no such map", &lasso, 0, NULL);
  const bvl_penalty third = power_penalty("lq", 2.0 / 3.0, NAN, NAN);
  const bvl_penalty odd = power_penalty("group-lq", 0.7, NAN, NAN);
  const bvl_penalty lpq = power_penalty("lpq", NAN, 2, 3);
  bvl_surrogate map;
  assert_int_equal(bvl_surrogate_find(NULL, &third, 0, &map), BVL_OK);
  assert_true(map.type == &bvl_surrogate_product && map.shape.depth == 3.0);
  assert_found("two-vector", &third, 0, NULL);
  assert_found(NULL, &odd, 0, &bvl_surrogate_group_power);
  assert_int_equal(bvl_surrogate_find(NULL, &lpq, 0, &map), BVL_OK);
  assert_true(map.type == &bvl_surrogate_lpq && map.shape.k1 == 2 && map.shape.k2 == 3);
  char names[96];
  bvl_surrogate_names(names, sizeof names);
  assert_string_equal(names, "product|power|difference|shared|square|two-vector|own-norm");
}

BVL_TEST_MAIN(cmocka_unit_test(test_minimum_over_a_fibre), cmocka_unit_test(test_gradient),
              cmocka_unit_test(test_balance), cmocka_unit_test(test_imbalance_is_the_excess),
              cmocka_unit_test(test_balanced_points_are_stationary),
              cmocka_unit_test(test_descent_ends_balanced), cmocka_unit_test(test_imbalance_law),
              cmocka_unit_test(test_imbalance_decays), cmocka_unit_test(test_special_blocks),
              cmocka_unit_test(test_balance_of_zeros), cmocka_unit_test(test_reseed),
              cmocka_unit_test(test_reseed_of_powers), cmocka_unit_test(test_find))
