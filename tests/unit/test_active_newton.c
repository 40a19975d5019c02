/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton on the active set along descending lambdas: stationarity is recomputed here from G and c,
 * on regular, wide (more columns than rows) and collinear problems, with unpenalised and excluded
 * columns, lasso and elastic net. */
#include "lasso_settings.h"

#include "solver/scalar/active_newton.h"

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
