/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton on the active set along descending lambdas: stationarity is recomputed here from G and c,
 * on regular, wide (more columns than rows) and collinear problems, with unpenalised and excluded
 * columns, lasso and elastic net. */
#include "bvl_test.h"

#include "base/rng.h"
#include "solver/active_newton.h"

enum { ROWS = 25, D = 60 };

typedef struct setting {
  int64_t d;
  int64_t copies; /* the last columns repeat the first ones, every other one mirrored */
  double alpha;
  int factors; /* unpenalised, excluded and unequal weights */
} setting;

static const setting settings[] = {{12, 0, 1, 0},   {12, 0, 1, 1},    {60, 0, 1, 0},
                                   {60, 0, 1, 1},   {30, 10, 1, 0},   {30, 10, 1, 1},
                                   {60, 0, 0.5, 0}, {60, 20, 0.7, 1}, {60, 20, 1, 0}};

static double G[D * D];
static double c[D];

static double entry(const setting *s, int64_t i, int64_t k)
{
  const int64_t source = k >= s->d - s->copies ? k - (s->d - s->copies) : k;
  const double sign = source != k && k % 2 ? -1 : 1;
  return sign * bvl_rng_normal(4, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)source);
}

static void make(const setting *s)
{
  for (int64_t k = 0; k < s->d; k++) {
    c[k] = 0;
    for (int64_t i = 0; i < ROWS; i++)
      c[k] += entry(s, i, k) * bvl_rng_normal(4, BVL_STREAM_SIM_NOISE, (uint64_t)i, 0) / ROWS;
    for (int64_t l = 0; l < s->d; l++) {
      double sum = 0;
      for (int64_t i = 0; i < ROWS; i++) sum += entry(s, i, k) * entry(s, i, l) / ROWS;
      G[k + l * s->d] = sum;
    }
  }
}

static double weight(const setting *s, int64_t k)
{
  if (!s->factors) return 1;
  if (k == 2 || k == 7) return 0;
  return k == 4 ? INFINITY : 0.5 + (double)(k % 5) / 4;
}

static double violation(const setting *s, const double *lw, const double *ridge, const double *b)
{
  double worst = 0;
  for (int64_t k = 0; k < s->d; k++) {
    double g = -c[k] + ridge[k] * b[k];
    for (int64_t l = 0; l < s->d; l++) g += G[k + l * s->d] * b[l];
    if (isinf(lw[k]))
      worst = fmax(worst, fabs(b[k]));
    else if (b[k] == 0)
      worst = fmax(worst, fabs(g) - lw[k]);
    else
      worst = fmax(worst, fabs(g + (b[k] > 0 ? lw[k] : -lw[k])));
  }
  return worst;
}

static void set_weights(const setting *s, double lambda, double *lw, double *ridge)
{
  for (int64_t k = 0; k < s->d; k++) {
    const double w = weight(s, k);
    lw[k] = w > 0 ? lambda * s->alpha * w : 0;
    ridge[k] = w > 0 && w < INFINITY ? lambda * (1 - s->alpha) * w : 0;
  }
}

/* Gradients are sums of some 60 products of size at most 10: rounding is near 1e-14, times the
 * conditioning of the active columns near saturation (about 1e2). */
static const double TOLERANCE = 1e-11;

static void test_path_is_stationary(void **state)
{
  (void)state;
  for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
    const setting *s = &settings[k];
    bvl_active_newton newton = {.capacity = 0};
    bvl_active_outcome outcome;
    double lw[D];
    double ridge[D];
    double zero[D] = {0};
    make(s);
    bvl_lasso p = {.d = s->d, .G = G, .ld = s->d, .c = c, .lw = lw, .ridge = ridge};
    for (int step = 0; step < 30; step++) {
      const double lambda = 0.8 * pow(0.8, step);
      set_weights(s, lambda, lw, ridge);
      if (step == 0 || s->alpha < 1)
        assert_int_equal(bvl_active_newton_start(&newton, &p, step == 0 ? zero : newton.b), BVL_OK);
      assert_int_equal(bvl_active_newton_solve(&newton, &p, 1e-13, 0, &outcome), BVL_OK);
      const double worst = violation(s, lw, ridge, newton.b);
      if (!(worst <= TOLERANCE) || !outcome.solved)
        print_message("setting %zu lambda %g: violation %g, residual %g, solved %d, m %d\n", k,
                      lambda, worst, outcome.residual, outcome.solved, (int)newton.factor.m);
      assert_true(worst <= TOLERANCE);
      assert_true(outcome.solved);
    }
    bvl_active_newton_free(&newton);
  }
}

/* A cold start far down the path ends where the warm path does. */
static void test_cold_start_agrees(void **state)
{
  (void)state;
  const setting *s = &settings[1];
  bvl_active_newton warm = {.capacity = 0};
  bvl_active_newton cold = {.capacity = 0};
  bvl_active_outcome outcome;
  double lw[D];
  double ridge[D];
  double zero[D] = {0};
  make(s);
  bvl_lasso p = {.d = s->d, .G = G, .ld = s->d, .c = c, .lw = lw, .ridge = ridge};
  for (int step = 0; step < 20; step++) {
    set_weights(s, 0.8 * pow(0.8, step), lw, ridge);
    if (step == 0) assert_int_equal(bvl_active_newton_start(&warm, &p, zero), BVL_OK);
    assert_int_equal(bvl_active_newton_solve(&warm, &p, 1e-13, 0, &outcome), BVL_OK);
  }
  assert_int_equal(bvl_active_newton_start(&cold, &p, zero), BVL_OK);
  assert_int_equal(bvl_active_newton_solve(&cold, &p, 1e-13, 0, &outcome), BVL_OK);
  for (int64_t k = 0; k < s->d; k++) ASSERT_NEAR(warm.b[k], cold.b[k], 1e-10);
  bvl_active_newton_free(&warm);
  bvl_active_newton_free(&cold);
}

BVL_TEST_MAIN(cmocka_unit_test(test_path_is_stationary), cmocka_unit_test(test_cold_start_agrees))
