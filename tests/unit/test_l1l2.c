/* SPDX-License-Identifier: BSD-3-Clause */
/* l1-l2 and group-l1-l2 of one block, by brute force: the prox against a grid, stationarity against
 * directional derivatives, derivatives against differences, and the inner quadratic. */
#include "bvl_test.h"

#include "base/rng.h"
#include "penalty/blocks.h"
#include "penalty/penalty.h"
#include "solver/quadratic.h"

enum { M = 9, MAX_PIECES = 9 };

static double uniform(uint64_t major, uint64_t minor)
{
  return bvl_rng_uniform(51, BVL_STREAM_INIT, major, minor);
}

static double normal(uint64_t major, uint64_t minor)
{
  return bvl_rng_normal(52, BVL_STREAM_INIT, major, minor);
}

/* A block of pieces of `len` columns: weights 1 and len 1 are l1-l2's own. */
typedef struct block {
  bvl_penalty pen;
  bvl_blocks inside;
  int64_t begin[MAX_PIECES + 1];
  double weight[MAX_PIECES];
} block;

static void make(block *at, double alpha, int64_t n, int64_t len, int weighted, uint64_t trial)
{
  const bvl_penalty_parameters parameters = with_alpha(alpha);
  const int plain = len == 1 && !weighted;
  const char *name = plain ? "l1-l2" : "group-l1-l2";
  assert_int_equal(bvl_penalty_init(bvl_penalty_find(name), &parameters, &at->pen), BVL_OK);
  assert_true(at->pen.type->grouped && !at->pen.type->convex);
  for (int64_t i = 0; i <= n; i++) at->begin[i] = i * len;
  for (int64_t i = 0; i < n; i++)
    at->weight[i] = weighted ? alpha + 0.1 + 2.0 * uniform(1 + trial, (uint64_t)i) : 1.0;
  at->inside = (bvl_blocks){.n = n, .begin = at->begin, .weight = at->weight, .max_len = len};
  if (!plain) at->pen.inside = &at->inside;
}

static double value_of(const block *at, double lw, const double *b)
{
  double sum = 0.0;
  double square = 0.0;
  for (int64_t i = 0; i < at->inside.n; i++) {
    double here = 0.0;
    for (int64_t k = at->begin[i]; k < at->begin[i + 1]; k++) here += b[k] * b[k];
    sum += at->weight[i] * sqrt(here);
    square += here;
  }
  return lw * (sum - at->pen.alpha * sqrt(square));
}

static double cost(const block *at, double lw, double rho, const double *z, const double *x)
{
  double sum = value_of(at, lw, x);
  for (int64_t k = 0; k < at->begin[at->inside.n]; k++)
    sum += rho / 2.0 * (x[k] - z[k]) * (x[k] - z[k]);
  return sum;
}

/* The least cost over pieces t_i z_i, 0 <= t_i <= 1, of three pieces: a grid that closes in on its
 * best point. */
static double least_cost(const block *at, double lw, double rho, const double *z)
{
  enum { GRID = 24, ROUNDS = 12 };
  double best = cost(at, lw, rho, z, (const double[M]){0});
  double centre[3] = {0.5, 0.5, 0.5};
  double half = 0.5;
  const int64_t len = at->begin[1];
  for (int round = 0; round < ROUNDS; round++, half *= 0.3) {
    double next[3] = {centre[0], centre[1], centre[2]};
    for (int c = 0; c < (GRID + 1) * (GRID + 1) * (GRID + 1); c++) {
      const int step[3] = {c % (GRID + 1), c / (GRID + 1) % (GRID + 1),
                           c / (GRID + 1) / (GRID + 1)};
      double t[3];
      double x[M];
      for (int i = 0; i < 3; i++) {
        t[i] = fmin(fmax(centre[i] + half * (2.0 * step[i] / GRID - 1.0), 0.0), 1.0);
        for (int64_t k = 0; k < len; k++) x[i * len + k] = t[i] * z[i * len + k];
      }
      const double here = cost(at, lw, rho, z, x);
      if (here >= best) continue;
      best = here;
      memcpy(next, t, sizeof next);
    }
    memcpy(centre, next, sizeof centre);
  }
  return best;
}

static void test_prox_is_the_global_minimum(void **state)
{
  (void)state;
  int counts[4] = {0}; /* answers by how many pieces are not zero */
  int near = 0;
  for (uint64_t trial = 0; trial < 48; trial++) {
    block at;
    double z[M];
    double x[M];
    const int64_t len = 1 + (int64_t)(trial % 3);
    make(&at, trial % 8 == 0 ? 0.0 : 0.98 * uniform(60, trial), 3, len, trial % 2 == 1,
         100 * trial);
    const double rho = exp(2.0 * normal(61, trial));
    const double lw = rho * 0.9 * (double)(1 + trial % 4) * uniform(62, trial);
    for (int64_t k = 0; k < 3 * len; k++) z[k] = normal(63 + trial, (uint64_t)k);
    bvl_penalty_prox(&at.pen, lw, rho, 3 * len, z, x);
    const double best = least_cost(&at, lw, rho, z);
    const double unit = rho * 3.0 * (double)len + lw;
    /* never above the grid's best; the grid mostly comes near, unless it closed in on another
     * valley */
    const double found = cost(&at, lw, rho, z, x);
    assert_true(found <= best + 1e-14 * unit);
    near += best - found <= 1e-9 * unit;
    ASSERT_NEAR(bvl_penalty_value(&at.pen, lw, 3 * len, x), value_of(&at, lw, x), 1e-14 * unit);
    int alive = 0;
    for (int i = 0; i < 3; i++) alive += bvl_block_norm(len, x + i * len) > 0.0;
    counts[alive]++;
    /* stationary for rho/2 ||x - z||^2 */
    double g[M];
    for (int64_t k = 0; k < 3 * len; k++) g[k] = rho * (x[k] - z[k]);
    ASSERT_NEAR(bvl_penalty_distance(&at.pen, lw, 3 * len, x, g), 0.0, 1e-13 * unit);
    bvl_penalty_prox(&at.pen, lw, rho, 3 * len, z, z);
    assert_memory_equal(z, x, (size_t)(3 * len) * sizeof *z);
  }
  for (int k = 0; k < 4; k++) assert_true(counts[k] >= 3);
  assert_true(near >= 40);
}

/* The steepest descent of g'd + P'(b; d) over unit d, by the pieces that are zero alone and by all
 * that are not: both from the definition of the directional derivative. */
static double descent(const block *at, double lw, const double *b, const double *g, uint64_t trial)
{
  enum { DIRECTIONS = 400 };
  const int64_t m = at->begin[at->inside.n];
  const double t = bvl_block_norm(m, b);
  double most = 0.0;
  for (uint64_t way = 0; way < DIRECTIONS; way++) {
    double d[M] = {0};
    double slope = 0.0;
    const int64_t alone = way < (uint64_t)at->inside.n ? (int64_t)way : -1;
    for (int64_t i = 0; i < at->inside.n; i++) /* a piece alone along -g, else any way */
      for (int64_t k = at->begin[i]; k < at->begin[i + 1]; k++)
        d[k] = alone >= 0 ? (i == alone ? -g[k] : 0.0)
                          : -g[k] * uniform(way, trial) + normal(300 + way, (uint64_t)k);
    const double length = bvl_block_norm(m, d);
    for (int64_t k = 0; k < m; k++)
      slope += d[k] * (g[k] - (t > 0.0 ? lw * at->pen.alpha * b[k] / t : 0.0));
    if (t == 0.0) slope -= lw * at->pen.alpha * length;
    for (int64_t i = 0; i < at->inside.n; i++) {
      const int64_t len = at->begin[i + 1] - at->begin[i];
      const double size = bvl_block_norm(len, b + at->begin[i]);
      double along = 0.0;
      for (int64_t k = at->begin[i]; k < at->begin[i + 1]; k++) along += b[k] * d[k];
      slope += lw * at->weight[i] *
               (size > 0.0 ? along / size : bvl_block_norm(len, d + at->begin[i]));
    }
    most = fmax(most, -slope / length);
  }
  return most;
}

/* Distance 0: no direction descends. Otherwise one does, unless it takes pieces that are not zero
 * together, which the gradient tells. */
static void test_distance_is_descent(void **state)
{
  (void)state;
  int rests = 0;
  int moves = 0;
  for (uint64_t trial = 0; trial < 200; trial++) {
    block at;
    double b[M] = {0};
    double g[M];
    double slope[M];
    const int64_t len = 1 + (int64_t)(trial % 3);
    const int64_t m = 3 * len;
    const double lw = 0.3 + uniform(70, trial);
    make(&at, 0.95 * uniform(71, trial), 3, len, trial % 2 == 1, 200 * trial);
    const int64_t first = len * (int64_t)(trial % 4); /* zeros from here on */
    for (int64_t k = len * 3 - first; k < m; k++) b[k] = normal(800 + trial, (uint64_t)k);
    bvl_penalty_gradient(&at.pen, lw, m, b, slope);
    for (int64_t k = 0; k < m; k++) {
      const double pull = lw * normal(72 + trial, (uint64_t)k) * uniform(73, trial);
      g[k] = b[k] != 0.0 ? -slope[k] : pull;
    }
    const double distance = bvl_penalty_distance(&at.pen, lw, m, b, g);
    const double way = descent(&at, lw, b, g, trial);
    if (distance < 1e-14) ASSERT_NEAR(way, 0.0, 1e-14);
    if (distance > 1e-10) assert_true(way > 0.0 && way <= distance * sqrt(3.0) * (1.0 + 1e-12));
    rests += distance < 1e-14;
    moves += distance > 1e-10;
    for (int64_t k = 0; k < m; k++) /* and a gradient that is off shows in full */
      if (b[k] != 0.0) g[k] += 0.25;
    if (first > 0)
      assert_true(bvl_penalty_distance(&at.pen, lw, m, b, g) >=
                  0.25 * sqrt((double)first) * (1 - 1e-12));
  }
  assert_true(rests > 20 && moves > 20);
}

static void test_derivatives(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 60; trial++) {
    block at;
    double b[M];
    double out[M];
    double H[M * M] = {0};
    const int64_t len = 1 + (int64_t)(trial % 3);
    const int64_t m = 3 * len;
    const double h = 1e-5;
    make(&at, 0.95 * uniform(80, trial), 3, len, trial % 2 == 1, 300 * trial);
    /* the middle piece is zero: H leaves its columns out */
    for (int64_t k = 0; k < m; k++) b[k] = k / len == 1 ? 0.0 : 1.0 + normal(81, (uint64_t)k) / 4.0;
    bvl_penalty_gradient(&at.pen, 0.7, m, b, out);
    bvl_penalty_add_curvature(&at.pen, 0.7, m, b, H, M);
    for (int64_t k = 0; k < m; k++) {
      double up[M];
      double down[M];
      double value = 0.0;
      const double at_k = b[k];
      if (k / len == 1) {
        assert_true(out[k] == 0.0);
        continue;
      }
      b[k] = at_k + h;
      value = value_of(&at, 0.7, b);
      bvl_penalty_gradient(&at.pen, 0.7, m, b, up);
      b[k] = at_k - h;
      value -= value_of(&at, 0.7, b);
      bvl_penalty_gradient(&at.pen, 0.7, m, b, down);
      b[k] = at_k;
      /* central differences: h^2 times a third derivative, at most some tens here; rounding 1e-16/h
       */
      ASSERT_NEAR(out[k], value / (2 * h), 1e-8);
      const int64_t row = k < len ? k : k - len;
      for (int64_t l = 0; l < m; l++)
        if (l / len != 1)
          ASSERT_NEAR(H[(l < len ? l : l - len) + row * M], (up[l] - down[l]) / (2 * h), 1e-8);
    }
  }
}

/* The smallest double lambda that keeps zeros. */
static void test_lambda_max(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 200; trial++) {
    block at;
    double v[M];
    double g[M];
    const int64_t len = 1 + (int64_t)(trial % 3);
    const double weight = trial % 5 == 0 ? 1.7 : 1.0;
    const double alpha = 0.95 * uniform(90, trial);
    make(&at, alpha, 3, len, trial % 2 == 1, 400 * trial);
    double most = 0.0;
    for (int64_t k = 0; k < 3 * len; k++)
      v[k] = exp(8.0 * normal(91, trial)) * normal(92 + trial, (uint64_t)k);
    for (int64_t k = 0; k < 3 * len; k++) g[k] = -v[k];
    for (int i = 0; i < 3; i++)
      most = fmax(most, bvl_block_norm(len, v + i * len) / (at.weight[i] - alpha) / weight);
    const double top = bvl_penalty_lambda_max(&at.pen, weight, 3 * len, v);
    ASSERT_NEAR(top, most, 1e-14 * most);
    const double pull = bvl_penalty_shrunk_norm(&at.pen, top * weight, 3 * len, v);
    assert_true(pull <= bvl_penalty_threshold(&at.pen, top * weight));
    assert_true(pull > bvl_penalty_threshold(&at.pen, nextafter(top, 0.0) * weight));
    const double zero[M] = {0};
    ASSERT_NEAR(bvl_penalty_distance(&at.pen, top * weight, 3 * len, zero, g), 0.0, 1e-13 * top);
    assert_true(bvl_penalty_distance(&at.pen, 0.999 * top * weight, 3 * len, zero, g) > 0.0);
  }
}

static void test_alpha_below_one(void **state)
{
  (void)state;
  const double bad[] = {1.0, -0.1, 1.5, INFINITY};
  const char *const names[] = {"l1-l2", "group-l1-l2"};
  bvl_penalty pen;
  for (int k = 0; k < 8; k++) {
    const bvl_penalty_parameters parameters = with_alpha(bad[k / 2]);
    const bvl_penalty_type *type = bvl_penalty_find(names[k % 2]);
    assert_int_equal(bvl_penalty_init(type, &parameters, &pen), BVL_ERR_USAGE);
    assert_non_null(strstr(bvl_last_error(), "[0, 1)"));
    assert_int_equal(bvl_penalty_init(type, NULL, &pen), BVL_OK);
    assert_true(pen.alpha == 0.5 && bvl_penalty_parameters_of(&pen).alpha == 0.5);
    assert_true(bvl_penalty_is_whole(&pen, 1) == k % 2 && bvl_penalty_is_whole(&pen, 0));
  }
}

/* What solvers of single columns ask for is the block's, of one column of weight 1: two roundings
 * of numbers below 2.2 apart. */
static void test_one_column(void **state)
{
  (void)state;
  for (uint64_t trial = 0; trial < 20; trial++) {
    block at;
    const double lw = 0.1 + uniform(3000, trial), rho = 0.5 + uniform(3001, trial);
    const double t = 2.0 * uniform(3002, trial);
    double out = NAN;
    make(&at, 0.05 * (double)trial, 1, 1, 0, trial);
    const bvl_penalty_type *type = at.pen.type;
    ASSERT_NEAR(type->profile(&at.pen, lw, t), bvl_penalty_value(&at.pen, lw, 1, &t), 1e-15);
    bvl_penalty_prox(&at.pen, lw, rho, 1, &t, &out);
    ASSERT_NEAR(type->prox(&at.pen, lw, rho, t), out, 1e-15);
  }
}

/* Columns that are not penalised, or not at all there, stand behind the one block. */
static void test_blocks_are_joined(void **state)
{
  (void)state;
  const int64_t groups[] = {7, 3, 7, 3, 5, 9};
  const double factor[] = {1.0, 0.0, 1.0, 1.0, INFINITY, 1.0};
  const int64_t wanted[] = {0, 2, 3, 5, 1, 4};
  bvl_blocks blocks;
  bvl_blocks inside;
  int64_t *input = NULL;
  assert_int_equal(bvl_blocks_plan(6, 1, groups, 0, NULL, factor, &blocks, &input), BVL_OK);
  assert_int_equal(bvl_blocks_join(&blocks, input, &inside), BVL_OK);
  assert_memory_equal(input, wanted, sizeof wanted);
  assert_int_equal(blocks.n, 3);
  assert_true(blocks.begin[1] == 4 && blocks.begin[3] == 6 && blocks.max_len == 4);
  assert_true(blocks.weight[0] == 1.0 && blocks.weight[1] == 0.0 && isinf(blocks.weight[2]));
  assert_int_equal(inside.n, 3);
  assert_true(inside.begin[1] == 2 && inside.begin[2] == 3 && inside.begin[3] == 4);
  assert_true(inside.weight[0] == sqrt(2.0) && inside.weight[2] == 1.0);
  bvl_blocks_free(&blocks);
  bvl_blocks_free(&inside);
  free(input);
}

/* An unpenalised unknown, then blocks of nine columns, on a singular G: stationary, and nowhere
 * above where it began. */
static void test_quadratic(void **state)
{
  (void)state;
  enum { D = 28, ROWS = 24 };
  static double G[D * D];
  static double x[ROWS * D];
  const int64_t nine[] = {0, 1, 10, 19, 28};
  const double lw[] = {0.0, 0.3, 0.4, 0.2};
  int zeros = 0;
  for (uint64_t k = 0; k < ROWS * D; k++) x[k] = normal(900, k);
  for (int k = 0; k < ROWS; k++) x[k + ROWS * (D - 1)] = x[k + ROWS * (D - 2)];
  for (int k = 0; k < D; k++)
    for (int l = 0; l < D; l++) {
      G[k + l * D] = 0;
      for (int i = 0; i < ROWS; i++) G[k + l * D] += x[i + k * ROWS] * x[i + l * ROWS] / ROWS;
    }
  for (uint64_t trial = 0; trial < 60; trial++) {
    block at;
    double q[D];
    double b[D];
    double gradient[D];
    double cost_of[2] = {0, 0};
    make(&at, 0.9 * uniform(94, trial), 9 / (1 + 2 * (int64_t)(trial % 2)), trial % 2 == 0 ? 1 : 3,
         0, trial);
    for (int k = 0; k < D; k++) {
      q[k] = 0;
      b[k] = trial % 3 == 0 ? 0 : normal(901 + trial, (uint64_t)k);
      for (int i = 0; i < ROWS; i++)
        q[k] += x[i + k * ROWS] * normal(1000 + trial, (uint64_t)i) / 16;
    }
    const bvl_quadratic problem = {
        .d = D, .G = G, .ld = D, .n_blocks = 4, .begin = nine, .lw = lw, .penalty = &at.pen};
    bvl_quadratic_outcome outcome;
    for (int after = 0; after < 2; after++) {
      for (int k = 0; k < D; k++) {
        gradient[k] = q[k];
        for (int l = 0; l < D; l++) gradient[k] += G[k + l * D] * b[l];
        cost_of[after] += b[k] * (q[k] + gradient[k]) / 2;
      }
      for (int g = 1; g < 4; g++) cost_of[after] += value_of(&at, lw[g], b + nine[g]);
      if (after == 0)
        assert_int_equal(
            bvl_quadratic_solve(&problem, trial % 4 < 2, 1e-11, 100000, b, gradient, &outcome),
            BVL_OK);
    }
    assert_true(cost_of[1] <= cost_of[0] + 1e-13 * (1 + fabs(cost_of[0])));
    /* the tolerance, and rounding of the gradient made afresh */
    ASSERT_NEAR(gradient[0], 0, 2e-11);
    for (int g = 1; g < 4; g++) {
      ASSERT_NEAR(bvl_penalty_distance(&at.pen, lw[g], 9, b + nine[g], gradient + nine[g]), 0,
                  2e-11);
      for (int64_t k = nine[g]; k < nine[g + 1]; k++) zeros += b[k] == 0;
    }
  }
  assert_true(zeros > 100);
}

BVL_TEST_MAIN(cmocka_unit_test(test_prox_is_the_global_minimum),
              cmocka_unit_test(test_distance_is_descent), cmocka_unit_test(test_derivatives),
              cmocka_unit_test(test_lambda_max), cmocka_unit_test(test_alpha_below_one),
              cmocka_unit_test(test_one_column), cmocka_unit_test(test_blocks_are_joined),
              cmocka_unit_test(test_quadratic))
