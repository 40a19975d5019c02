/* SPDX-License-Identifier: BSD-3-Clause */
/* The path's view of what is left of it: surveys the first solutions (forecast.h), keeps the pace
 * (time_left.h), and puts seconds into the progress that the monitor is told of.
 *
 * For lasso and elastic net of one response by the certified engine, of families whose support the
 * forecast knows; elsewhere there is none (bvl_progress.left_s stays 0). A survey costs a pass over
 * the coefficients and an allreduce of 99 doubles, and is made after a batch as long as the support
 * is less than a tenth of what it can become; forecasts are rank 0's alone, and it spends at most
 * 0.3 % of the time on them, after the first. */
#ifndef BVL_PATH_OUTLOOK_H
#define BVL_PATH_OUTLOOK_H

#include <time.h>

#include "base/phase.h"
#include "bevel/path.h"
#include "path/forecast.h"
#include "path/time_left.h"
#include "solver/solver.h"

typedef struct bvl_outlook_state {
  int fits; /* is this a path that can be foreseen? */
  bvl_response_facts facts;
  bvl_workload work;
  double stood_out_here; /* this rank's: bvl_survey.stood_out */
  double last_lambda;    /* the lambda finished before the one in work; 0: not known */
  double last_residual;  /* variance of the residual there */
  int surveyed;          /* is there a forecast? */
  int surveyed_now;      /* was the batch that just ended surveyed? */
  bvl_forecast forecast; /* rank 0 goes by it */
  /* rank 0's */
  bvl_phases start; /* when bvl_path_solve began */
  clock_t start_cpu;
  bvl_pace pace;       /* what is done, and how fast */
  double *df;          /* n_stops: found, then expected, owned */
  double *expected;    /* n_stops: the forecast as it was made, owned */
  double *lambda;      /* n_stops: the l1 part's level at each, owned; NULL = no memory for these */
  double spent_s;      /* on forecasts */
  double last_spent_s; /* on the last one */
  bvl_outlook *said;   /* n_said, owned */
  int64_t n_said;
  int64_t said_capacity; /* -1: given up */
} bvl_outlook_state;

/** At the null fit, whose v (p_local) is given. Not collective. */
void bvl_outlook_start(const bvl_problem *problem, const bvl_path_options *options, int64_t n_stops,
                       const double *stops, const double *v, bvl_outlook_state *outlook);
void bvl_outlook_free(bvl_outlook_state *outlook);

/** bvl_path_solve begins, with `done` stops finished. Not collective. */
void bvl_outlook_begin(bvl_outlook_state *outlook, int64_t done);

/** Stop k is finished; `last` when it ends a batch (then state->v is its). Collective when last. */
bvl_status bvl_outlook_note(bvl_outlook_state *outlook, bvl_problem *problem,
                            const bvl_solve_state *state, int64_t k, int last, int64_t n_stops,
                            bvl_solve_control *control);

#endif
