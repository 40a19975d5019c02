/* SPDX-License-Identifier: BSD-3-Clause */
/* Which process grid a job runs on when nobody says. */
#ifndef BVL_RUN_GRID_H
#define BVL_RUN_GRID_H

#include <stdint.h>

#include "base/status.h"

/** What a solver does to X in one step. */
typedef struct bvl_step_shape {
  int64_t n;     /* rows of X */
  int64_t p;     /* columns */
  int64_t nnz;   /* stored entries, n * p when dense */
  int64_t batch; /* rows touched a step: n, or a minibatch */
  int fused;     /* forward and adjoint share one pass over a slice when Pc = 1 */
} bvl_step_shape;

/** The grid of n_ranks whose step costs least by a plain model: entries read by the busiest rank,
 * plus a reduction of batch / Pr along grid rows (Pc > 1) and one of p / Pc along grid columns
 * (Pr > 1). Not collective; a pure function. */
void bvl_grid_choose(const bvl_step_shape *step, int n_ranks, int *n_rows, int *n_cols);

/** Checks a grid that was asked for. @return BVL_ERR_USAGE unless n_rows n_cols = n_ranks. */
bvl_status bvl_grid_check(int n_ranks, int n_rows, int n_cols);

#endif
