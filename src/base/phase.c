/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/phase.h"

#include "base/beat.h"
#include "base/clock.h"

/* A process has one wall clock, as it has one last error; time before the first switch is nobody's.
 */
static _Thread_local struct {
  bvl_phases passed;
  bvl_phase current;
  double since_s;
  int running;
} clock_state;

/* Gives the time since the last switch to the current phase. */
static void settle(void)
{
  const double now = bvl_now_s();
  if (clock_state.running)
    clock_state.passed.seconds[clock_state.current] += now - clock_state.since_s;
  clock_state.running = 1;
  clock_state.since_s = now;
}

const char *bvl_phase_name(bvl_phase phase)
{
  static const char *const name[BVL_N_PHASES] = {"other",  "read",    "standardize", "sweep",
                                                 "screen", "columns", "gram",        "inner",
                                                 "wait",   "write"};
  return name[phase];
}

bvl_phase bvl_phase_enter(bvl_phase phase)
{
  const bvl_phase before = clock_state.current;
  settle();
  clock_state.current = phase;
  clock_state.passed.entered[phase]++;
  bvl_beat_phase(phase);
  return before;
}

void bvl_phase_leave(bvl_phase before)
{
  settle();
  clock_state.current = before;
  bvl_beat_phase(before);
}

bvl_phases bvl_phases_now(void)
{
  settle();
  return clock_state.passed;
}

bvl_phases bvl_phases_since(const bvl_phases *start)
{
  bvl_phases passed = bvl_phases_now();
  for (int k = 0; k < BVL_N_PHASES; k++) {
    passed.seconds[k] -= start->seconds[k];
    passed.entered[k] -= start->entered[k];
  }
  return passed;
}
