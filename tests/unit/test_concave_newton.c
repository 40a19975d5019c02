/* SPDX-License-Identifier: BSD-3-Clause */
/* MCP and SCAD in Gram form along descending lambdas: stationarity and objective are recomputed
 * here from G, c and the penalties' definitions; where the problem is convex all the same,
 * coordinate descent has the same answer; where it is not, no nearby point may be lower. */
#include "lasso_settings.h"

#include "solver/concave/concave_set.h"

typedef struct shape {
  const char *name;
  double gamma;
} shape;

/* Curvatures from a third of a column's own up to nearly as much: G - 1/gamma is indefinite. */
static const shape shapes[] = {{"mcp", 3}, {"mcp", 1.2}, {"scad", 3.7}, {"scad", 2.2}};

static double slope_of(const shape *pen, double lw, double t)
{
  if (strcmp(pen->name, "mcp") == 0) return t < pen->gamma * lw ? lw - t / pen->gamma : 0;
  if (t <= lw) return lw;
  return t < pen->gamma * lw ? (pen->gamma * lw - t) / (pen->gamma - 1) : 0;
}

/* The slope's integral, by its pieces. */
static double value_of(const shape *pen, double lw, double t)
{
  const double knots[] = {0, strcmp(pen->name, "mcp") == 0 ? 0 : lw, pen->gamma * lw};
  double sum = 0;
  for (int k = 0; k < 2; k++) {
    const double from = fmin(t, knots[k]);
    const double to = fmin(t, knots[k + 1]);
    sum += (to - from) * (slope_of(pen, lw, from) + slope_of(pen, lw, to)) / 2;
  }
  return sum;
}

static bvl_penalty penalty_of(const shape *pen)
{
  bvl_penalty out;
  bvl_penalty_parameters parameters = with_alpha(NAN);
  parameters.gamma = pen->gamma;
  assert_int_equal(bvl_penalty_init(bvl_penalty_find(pen->name), &parameters, &out), BVL_OK);
  return out;
}

/* Every unknown a block. */
static bvl_concave_task task_of(const setting *s, const double *lw, const bvl_penalty *pen)
{
  static int64_t begin[D + 1];
  static double curvature[D];
  for (int64_t k = 0; k < s->d; k++) {
    begin[k + 1] = k + 1;
    curvature[k] = G[k + k * s->d];
  }
  return (bvl_concave_task){.d = s->d,
                            .G = G,
                            .ld = s->d,
                            .c = c,
                            .n_blocks = s->d,
                            .begin = begin,
                            .lw = lw,
                            .curvature = curvature,
                            .penalty = pen};
}

/* Factors as the settings have them; none is infinite here. */
static void set_levels(const setting *s, double lambda, double *lw)
{
  for (int64_t k = 0; k < s->d; k++) lw[k] = lambda * fmin(weight(s, k), 3);
}

static double gradient(const setting *s, int64_t k, const double *b)
{
  double g = -c[k];
  for (int64_t l = 0; l < s->d; l++) g += G[k + l * s->d] * b[l];
  return g;
}

static double objective(const setting *s, const shape *pen, const double *lw, const double *b)
{
  double sum = 0;
  for (int64_t k = 0; k < s->d; k++)
    sum += b[k] * (gradient(s, k, b) - c[k]) / 2 + value_of(pen, lw[k], fabs(b[k]));
  return sum;
}

static double residual(const setting *s, const shape *pen, const double *lw, const double *b)
{
  double worst = 0;
  for (int64_t k = 0; k < s->d; k++) {
    const double g = gradient(s, k, b);
    const double pull = slope_of(pen, lw[k], fabs(b[k]));
    worst = fmax(worst, b[k] != 0 ? fabs(g + copysign(pull, b[k])) : fabs(g) - pull);
  }
  return worst;
}

/* How much lower it is somewhere near: along coordinates and random directions. */
static double best_nearby(const setting *s, const shape *pen, const double *lw, const double *b)
{
  double x[D];
  double best = 0;
  const double here = objective(s, pen, lw, b);
  for (uint64_t trial = 0; trial < 200; trial++) {
    for (int64_t k = 0; k < s->d; k++) {
      const double any = bvl_rng_normal(9, BVL_STREAM_SIM_X, trial, (uint64_t)k);
      const int kept = trial < 100 ? (int64_t)trial % s->d == k : b[k] != 0;
      x[k] = b[k] + (kept ? 1e-3 * any : 0);
    }
    best = fmax(best, here - objective(s, pen, lw, x));
  }
  return best;
}

/* Exact coordinate minimisation by ternary search over the profile's definition: the oracle. Where
 * G_kk exceeds the penalty's curvature a coordinate's problem has one minimum. */
static void coordinate_descent(const setting *s, const shape *pen, const double *lw, double *b)
{
  for (int pass = 0; pass < 3000; pass++) {
    double moved = 0;
    for (int64_t k = 0; k < s->d; k++) {
      const double curvature = G[k + k * s->d];
      const double z = curvature * b[k] - gradient(s, k, b); /* minus the gradient at b_k = 0 */
      double low = 0;
      double high = fabs(z) / curvature;
      if (fabs(z) <= lw[k]) high = 0;
      for (int halving = 0; halving < 60 && high > low; halving++) {
        const double middle = (low + high) / 2;
        if (curvature * middle - fabs(z) + slope_of(pen, lw[k], middle) > 0)
          high = middle;
        else
          low = middle;
      }
      const double x = high > 0 ? copysign((low + high) / 2, z) : 0;
      moved = fmax(moved, fabs(x - b[k]));
      b[k] = x;
    }
    if (moved < 1e-15) return;
  }
}

/* Along a path each answer is stationary, no worse than its start and than zero, and nothing near
 * it is lower; the way there led through indefinite matrices. */
static void test_path_is_stationary(void **state)
{
  (void)state;
  int64_t escapes = 0;
  for (size_t k = 0; k < sizeof settings / sizeof *settings; k++)
    for (size_t l = 0; l < sizeof shapes / sizeof *shapes; l++) {
      const setting *s = &settings[k];
      const bvl_penalty pen = penalty_of(&shapes[l]);
      bvl_concave_set set = {.capacity = 0};
      bvl_concave_outcome outcome;
      double lw[D];
      double start[D] = {0};
      make(s);
      const bvl_concave_task p = task_of(s, lw, &pen);
      for (int step = 0; step < 25; step++) {
        set_levels(s, 0.8 * pow(0.8, step), lw);
        if (step == 0) assert_int_equal(bvl_concave_set_start(&set, &p, start), BVL_OK);
        assert_int_equal(bvl_concave_set_solve(&set, &p, 1e-13, 0, &outcome), BVL_OK);
        const double worst = residual(s, &shapes[l], lw, set.b);
        const double before = objective(s, &shapes[l], lw, start);
        const double after = objective(s, &shapes[l], lw, set.b);
        const double lower = best_nearby(s, &shapes[l], lw, set.b);
        /* objectives are of size 1, sums of thousands of products */
        const int good = outcome.solved && worst <= TOLERANCE && lower <= 1e-13 &&
                         after <= before + 1e-13 && after <= 1e-13 &&
                         fabs(after - before - outcome.change) <= 1e-12;
        if (!good)
          print_message("setting %zu %s %g step %d: residual %g, lower by %g, %g -> %g (%g), "
                        "solved %d after %d steps\n",
                        k, shapes[l].name, shapes[l].gamma, step, worst, lower, before, after,
                        outcome.change, outcome.solved, (int)outcome.steps);
        assert_true(good);
        ASSERT_NEAR(bvl_concave_set_objective(&set, &p), after, 1e-12);
        memcpy(start, set.b, (size_t)s->d * sizeof *start);
        escapes += outcome.escapes;
      }
      bvl_concave_set_free(&set);
    }
  assert_true(escapes > 0);
}

/* More rows than columns and a mild penalty: G - 1/gamma stays positive definite, so there is one
 * stationary point, from wherever one starts. */
static void test_convex_all_the_same(void **state)
{
  (void)state;
  const shape mild[] = {{"mcp", 20}, {"scad", 20}};
  for (int k = 0; k < 2; k++)
    for (int l = 0; l < 2; l++) {
      const setting *s = &settings[k];
      const bvl_penalty pen = penalty_of(&mild[l]);
      bvl_concave_set set = {.capacity = 0};
      bvl_concave_outcome outcome;
      double lw[D];
      double start[D] = {0};
      double oracle[D];
      make(s);
      const bvl_concave_task p = task_of(s, lw, &pen);
      for (int step = 0; step < 15; step++) {
        for (int64_t j = 0; j < s->d; j++)
          start[j] = step % 2 ? bvl_rng_normal(6, BVL_STREAM_SIM_X, (uint64_t)step, (uint64_t)j)
                              : 0;
        set_levels(s, 0.8 * pow(0.75, step), lw);
        memcpy(oracle, start, sizeof oracle);
        coordinate_descent(s, &mild[l], lw, oracle);
        assert_int_equal(bvl_concave_set_start(&set, &p, start), BVL_OK);
        assert_int_equal(bvl_concave_set_solve(&set, &p, 1e-13, 0, &outcome), BVL_OK);
        assert_true(outcome.solved);
        /* residuals of 1e-13 over curvatures that are above 1e-2 */
        for (int64_t j = 0; j < s->d; j++) ASSERT_NEAR(set.b[j], oracle[j], 1e-10);
      }
      bvl_concave_set_free(&set);
    }
}

/* From coordinate descent's answer there is nowhere to go but, perhaps, further down. */
static void test_starts_from_coordinate_descent(void **state)
{
  (void)state;
  for (size_t l = 0; l < sizeof shapes / sizeof *shapes; l++) {
    const setting *s = &settings[2];
    const bvl_penalty pen = penalty_of(&shapes[l]);
    bvl_concave_set set = {.capacity = 0};
    bvl_concave_outcome outcome;
    double lw[D];
    double start[D] = {0};
    make(s);
    const bvl_concave_task p = task_of(s, lw, &pen);
    for (int step = 0; step < 10; step++) {
      set_levels(s, 0.8 * pow(0.7, step), lw);
      coordinate_descent(s, &shapes[l], lw, start);
      assert_int_equal(bvl_concave_set_start(&set, &p, start), BVL_OK);
      assert_int_equal(bvl_concave_set_solve(&set, &p, 1e-13, 0, &outcome), BVL_OK);
      assert_true(outcome.solved);
      assert_true(objective(s, &shapes[l], lw, set.b) <=
                  objective(s, &shapes[l], lw, start) + 1e-13);
    }
    bvl_concave_set_free(&set);
  }
}

BVL_TEST_MAIN(cmocka_unit_test(test_path_is_stationary), cmocka_unit_test(test_convex_all_the_same),
              cmocka_unit_test(test_starts_from_coordinate_descent))
