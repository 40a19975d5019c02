/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounds on one coefficient, against their definitions: the conjugate against a search, the
 * residual against one-sided differences; and the quadratic solver with bounds against projected
 * descent. */
#include "bvl_test.h"

#include "penalty/bounded.h"
#include "solver/quadratic.h"

static const bvl_interval intervals[] = {{0, INFINITY}, {-INFINITY, 0},        {-0.5, 0.25},
                                         {-0.5, 0},     {-INFINITY, INFINITY}, {-2, INFINITY},
                                         {0, 0},        {-INFINITY, 0.125}};
enum { N_INTERVALS = sizeof intervals / sizeof intervals[0] };

static bvl_penalty penalty(int k)
{
  bvl_penalty pen;
  assert_int_equal(bvl_penalty_init(bvl_penalty_find(k == 0 ? "lasso" : "enet"), NULL, &pen),
                   BVL_OK);
  return pen;
}

static double value(const bvl_penalty *pen, double lw, double b)
{
  return bvl_penalty_value(pen, lw, 1, &b);
}

/* The conjugate is above v b - P(b) wherever b may be, and reached somewhere: the search steps by
 * 2^-11 over [-8, 8], where a slope of at most 4 leaves 4 x 2^-11; with dyadic numbers it meets the
 * ends and the optimum (excess over ridge, a multiple of 2^-9) exactly. */
static void test_conjugate(void **state)
{
  (void)state;
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < N_INTERVALS; i++)
      for (double v = -2; v <= 2; v += 0.25) {
        const bvl_penalty pen = penalty(k);
        const bvl_interval in = intervals[i];
        const double lw = 0.5;
        const double side = v > 0 ? in.upper : in.lower;
        /* the lasso's is infinite towards an open end: there the scaling sees to it */
        const double s = isinf(side) ? bvl_bounded_dual_scale(&pen, lw, in, 0, v) : 1;
        double best = -INFINITY;
        for (double b = -8; b <= 8; b += 0x1p-11)
          if (b >= in.lower && b <= in.upper) best = fmax(best, s * v * b - value(&pen, lw, b));
        assert_true(fabs(best - bvl_bounded_dual_loss(&pen, lw, in, s * v)) <= 4 * 0x1p-11);
        assert_true(best <= bvl_bounded_dual_loss(&pen, lw, in, s * v) + 1e-15);
      }
}

/* Going a little way in a direction that is open must not descend by more than the residual says,
 * and by that much in one of them: differences over h = 2^-20 are off by the ridge times h. */
static void test_distance(void **state)
{
  (void)state;
  const double h = 0x1p-20;
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < N_INTERVALS; i++)
      for (double b = -0.5; b <= 0.25; b += 0.125)
        for (double g = -2; g <= 2; g += 0.25) {
          const bvl_penalty pen = penalty(k);
          const bvl_interval in = intervals[i];
          const double residual = bvl_bounded_distance(&pen, 0.5, in, b, g);
          if (b < in.lower || b > in.upper) {
            assert_true(isinf(residual));
            continue;
          }
          double steepest = 0;
          for (int way = -1; way <= 1; way += 2) {
            const double c = b + way * h;
            if (c < in.lower || c > in.upper) continue;
            const double rise = way * h * g + value(&pen, 0.5, c) - value(&pen, 0.5, b);
            steepest = fmax(steepest, -rise / h);
          }
          assert_true(fabs(residual - steepest) <= h);
          if (b == 0)
            assert_true(residual ==
                        fmax(bvl_bounded_pull(in, -g) - bvl_penalty_threshold(&pen, 0.5), 0));
        }
}

/* Infinite bounds are none: the penalty's own functions, to the bit. */
static void test_unbounded(void **state)
{
  (void)state;
  const bvl_interval in = {-INFINITY, INFINITY};
  for (int k = 0; k < 2; k++)
    for (double b = -1; b <= 1; b += 0.3)
      for (double g = -2; g <= 2; g += 0.37) {
        const bvl_penalty pen = penalty(k);
        assert_true(bvl_bounded_distance(&pen, 0.7, in, b, g) ==
                    bvl_penalty_distance(&pen, 0.7, 1, &b, &g));
        assert_true(bvl_bounded_dual_scale(&pen, 0.7, in, b, g) ==
                    pen.type->dual_scale(&pen, 0.7, fabs(g)));
        assert_true(bvl_bounded_dual_loss(&pen, 0.7, in, 0.2 * g) ==
                    pen.type->dual_loss(&pen, 0.7, fabs(0.2 * g)));
        assert_true(bvl_bounded_pull(in, g) == fabs(g) && bvl_interval_clip(in, g) == g);
      }
}

enum { D = 24 };

/* G = A'A / D + I / 10, diagonally correlated, and a gradient at zero of order 1. */
static void make_model(double *G, double *gradient)
{
  for (int k = 0; k < D; k++) {
    gradient[k] = 2 * sin(3.7 * k + 1);
    for (int l = 0; l < D; l++) {
      double sum = k == l ? 0.1 : 0;
      for (int i = 0; i < D; i++) sum += cos(1.3 * i * (k + 1)) * cos(1.3 * i * (l + 1)) / D;
      G[k + l * D] = sum;
    }
  }
}

static void test_quadratic(void **state)
{
  (void)state;
  static double G[D * D];
  int64_t begin[D + 1];
  double lw[D];
  bvl_interval bounds[D];
  for (int k = 0; k <= D; k++) begin[k] = k;
  for (int newton = 0; newton < 2; newton++)
    for (int q = 0; q < 3; q++) { /* lasso, enet, and no penalty at all */
      double b[D] = {0};
      double start[D];
      double gradient[D];
      bvl_quadratic_outcome outcome;
      const bvl_penalty pen = penalty(q % 2);
      make_model(G, start);
      memcpy(gradient, start, sizeof gradient);
      for (int k = 0; k < D; k++) lw[k] = q < 2 ? 0.1 : 0;
      for (int k = 0; k < D; k++) bounds[k] = intervals[k % N_INTERVALS];
      const bvl_quadratic model = {.d = D,
                                   .G = G,
                                   .ld = D,
                                   .n_blocks = D,
                                   .begin = begin,
                                   .lw = lw,
                                   .penalty = &pen,
                                   .bounds = bounds};
      assert_int_equal(
          bvl_quadratic_solve(&model, newton, 1e-12, newton ? 200 : 100000, b, gradient, &outcome),
          BVL_OK);
      assert_true(outcome.residual <= 1e-12);
      int at_end = 0;
      for (int k = 0; k < D; k++) {
        double g = start[k];
        for (int l = 0; l < D; l++) g += G[k + l * D] * b[l];
        assert_true(b[k] >= bounds[k].lower && b[k] <= bounds[k].upper);
        /* D products of order 1: the gradient kept along is right to 1e-13 */
        assert_true(bvl_bounded_distance(&pen, lw[k], bounds[k], b[k], g) <= 1e-11);
        at_end += b[k] != 0 && (b[k] == bounds[k].lower || b[k] == bounds[k].upper);
      }
      assert_true(at_end >= 3);
    }
}

BVL_TEST_MAIN(cmocka_unit_test(test_conjugate), cmocka_unit_test(test_distance),
              cmocka_unit_test(test_unbounded), cmocka_unit_test(test_quadratic))
