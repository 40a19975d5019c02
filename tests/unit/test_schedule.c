/* SPDX-License-Identifier: BSD-3-Clause */
/* Step-size schedules against their definitions. */
#include "bvl_test.h"

#include "optim/optim.h"

static void test_constant(void **state)
{
  (void)state;
  for (int e = 0; e <= 10; e++)
    assert_true(bvl_schedule_factor(BVL_SCHEDULE_CONSTANT, e, 10.0) == 1.0);
}

/* A tenth more after every third, whatever the length of the run. */
static void test_step(void **state)
{
  (void)state;
  for (int epochs = 3; epochs <= 300; epochs += 33) {
    for (int e = 0; e < epochs; e++) {
      int thirds = 3 * e / epochs;
      double factor = bvl_schedule_factor(BVL_SCHEDULE_STEP, e, epochs);
      /* powers of ten to one rounding each */
      assert_true(fabs(factor - pow(0.1, thirds)) <= 1e-15);
    }
  }
}

/* From 1 to 0, half-way at the middle, point-symmetric about it, never increasing. */
static void test_cosine(void **state)
{
  (void)state;
  const double epochs = 40.0, eps = 1e-15; /* cos is good to an ulp of 1 */
  assert_true(bvl_schedule_factor(BVL_SCHEDULE_COSINE, 0.0, epochs) == 1.0);
  assert_true(fabs(bvl_schedule_factor(BVL_SCHEDULE_COSINE, 20.0, epochs) - 0.5) <= eps);
  assert_true(fabs(bvl_schedule_factor(BVL_SCHEDULE_COSINE, 40.0, epochs)) <= eps);
  double before = 1.0;
  for (double e = 0.25; e <= epochs; e += 0.25) {
    double factor = bvl_schedule_factor(BVL_SCHEDULE_COSINE, e, epochs);
    double mirror = bvl_schedule_factor(BVL_SCHEDULE_COSINE, epochs - e, epochs);
    assert_true(factor <= before);
    assert_true(fabs(factor + mirror - 1.0) <= 2.0 * eps);
    before = factor;
  }
}

/* Outside the run the factor stays at its ends. */
static void test_ends(void **state)
{
  (void)state;
  assert_true(bvl_schedule_factor(BVL_SCHEDULE_COSINE, 50.0, 40.0) ==
              bvl_schedule_factor(BVL_SCHEDULE_COSINE, 40.0, 40.0));
  assert_true(bvl_schedule_factor(BVL_SCHEDULE_STEP, -1.0, 40.0) == 1.0);
  assert_true(bvl_schedule_factor(BVL_SCHEDULE_COSINE, 3.0, 0.0) == 1.0);
}

BVL_TEST_MAIN(cmocka_unit_test(test_constant), cmocka_unit_test(test_step),
              cmocka_unit_test(test_cosine), cmocka_unit_test(test_ends))
