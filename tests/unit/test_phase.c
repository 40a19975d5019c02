/* SPDX-License-Identifier: BSD-3-Clause */
/* Phases: exclusive when nested, complete, named. */
#include "bvl_test.h"

#include <string.h>
#include <time.h>

#include "base/phase.h"

static double now_s(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Returns what it took. */
static double spend(double seconds)
{
  const double begin_s = now_s();
  while (now_s() - begin_s < seconds) {
  }
  return now_s() - begin_s;
}

static double sum(const bvl_phases *phases)
{
  double total = 0;
  for (int k = 0; k < BVL_N_PHASES; k++) total += phases->seconds[k];
  return total;
}

static void test_nested_phases_are_exclusive(void **state)
{
  (void)state;
  const double begin_s = now_s();
  const bvl_phases start = bvl_phases_now();
  const bvl_phase outside = bvl_phase_enter(BVL_PHASE_INNER);
  double inner_s = spend(1e-3);
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_GRAM);
  const double gram_s = spend(5e-3);
  bvl_phase_leave(before);
  inner_s += spend(1e-3);
  bvl_phase_enter(BVL_PHASE_WAIT); /* as a failure leaves it */
  bvl_phase_leave(outside);
  spend(1e-3);
  const bvl_phases passed = bvl_phases_since(&start);
  const double wall_s = now_s() - begin_s;
  assert_true(before == BVL_PHASE_INNER);
  assert_true(passed.seconds[BVL_PHASE_GRAM] >= gram_s);
  assert_true(passed.seconds[BVL_PHASE_INNER] >= inner_s);
  assert_true(passed.seconds[outside] >= 1e-3);
  /* every instant is in one phase: what the three hold and the rest of the wall time exclude */
  assert_true(passed.seconds[BVL_PHASE_GRAM] <= wall_s - inner_s - 1e-3);
  assert_true(passed.seconds[BVL_PHASE_INNER] <= wall_s - gram_s - 1e-3);
  assert_true(sum(&passed) <= wall_s);
  assert_int_equal(passed.entered[BVL_PHASE_GRAM], 1);
  assert_int_equal(passed.entered[BVL_PHASE_INNER], 1); /* coming back is not entering */
  assert_int_equal(passed.entered[BVL_PHASE_SWEEP], 0);
}

static void test_phases_have_names(void **state)
{
  (void)state;
  for (int k = 0; k < BVL_N_PHASES; k++)
    for (int l = 0; l < k; l++)
      assert_true(strcmp(bvl_phase_name((bvl_phase)k), bvl_phase_name((bvl_phase)l)) != 0);
}

BVL_TEST_MAIN(cmocka_unit_test(test_nested_phases_are_exclusive),
              cmocka_unit_test(test_phases_have_names))
