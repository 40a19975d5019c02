/* SPDX-License-Identifier: BSD-3-Clause */
/* What the outside wants, made everyone's. */
#include <math.h>
#include <mpi.h>

#include "base/clock.h"
#include "solver/solver.h"

int bvl_solve_wants(const bvl_problem *problem, bvl_solve_control *control)
{
  const bvl_monitor *monitor = control->monitor;
  int wants = monitor->poll != NULL ? monitor->poll(monitor->context) : 0;
  if (problem->grid->all.rank != 0) return wants;
  const double now = bvl_now_s();
  if (now > control->deadline_s || control->enough) wants |= BVL_WANT_TIME_UP;
  if (now > control->next_checkpoint_s) wants |= BVL_WANT_CHECKPOINT;
  return wants;
}

void bvl_wants_to_flags(int wants, double flags[3])
{
  for (int bit = 0; bit < 3; bit++) flags[bit] = (wants >> bit) & 1;
}

int bvl_wants_from_flags(const double flags[3])
{
  int wants = 0;
  for (int bit = 0; bit < 3; bit++)
    if (flags[bit] > 0) wants |= 1 << bit;
  return wants;
}

bvl_status bvl_solve_poll(const bvl_problem *problem, bvl_solve_control *control, int *wants)
{
  double flags[3];
  bvl_wants_to_flags(bvl_solve_wants(problem, control), flags);
  bvl_status status = bvl_sum(&problem->grid->all, flags, 3);
  *wants = bvl_wants_from_flags(flags);
  return status;
}

bvl_status bvl_solve_heed(bvl_solve_control *control, int wants)
{
  if ((wants & (BVL_WANT_STOP | BVL_WANT_CHECKPOINT)) && control->checkpoint != NULL) {
    bvl_status status = control->checkpoint(control->context);
    if (status != BVL_OK) return status;
  }
  if (wants & BVL_WANT_STOP) return bvl_fail(BVL_ERR_INTERRUPTED, "stopped on request");
  return BVL_OK;
}

void bvl_solve_report(const bvl_problem *problem, bvl_solve_control *control, const char *phase,
                      const bvl_solve_state *state)
{
  const bvl_monitor *monitor = control->monitor;
  if (monitor->progress == NULL || problem->grid->all.rank != 0) return;
  control->progress.phase = phase;
  control->progress.lambda = state->lambda;
  control->progress.iterations = state->iterations;
  control->progress.support = (int64_t)state->certificate.support;
  control->progress.gap = state->certificate.gap;
  const double now = bvl_now_s();
  control->progress.elapsed_s = now - control->start_s;
  control->progress.left_s = fmax(control->end_s - now, 0);
  monitor->progress(monitor->context, &control->progress);
}
