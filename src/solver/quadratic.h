/* SPDX-License-Identifier: BSD-3-Clause */
/* A penalised quadratic in a few thousand unknowns, on one rank:
 *
 *   min over b  q'(b - b0) + (b - b0)'G(b - b0)/2 + sum_g P_g(b_g),   b within its bounds
 *
 * the inner problem of the working-set solver. Purely local: no MPI. */
#ifndef BVL_SOLVER_QUADRATIC_H
#define BVL_SOLVER_QUADRATIC_H

#include <stdint.h>

#include "base/status.h"
#include "base/watch.h"
#include "penalty/bounded.h"
#include "penalty/penalty.h"

typedef struct bvl_quadratic {
  int64_t d;       /* unknowns */
  const double *G; /* d x d, column-major, symmetric (both triangles), borrowed */
  int64_t ld;
  int64_t n_blocks;
  const int64_t *begin; /* n_blocks + 1 */
  const double *lw;     /* n_blocks: lambda times the block's factor; 0 = unpenalised */
  const double *weight; /* n_blocks: the factors alone, read where the penalty is sparse */
  const bvl_penalty *penalty;
  const double *curvature; /* n_blocks, what zeros are judged by where the penalty has a rest; NULL
                              = bounds of G's own blocks */
  const bvl_interval *bounds; /* d, for blocks of one column; NULL = none */
  const bvl_watch *watch;     /* NULL = none */
} bvl_quadratic;

typedef struct bvl_quadratic_outcome {
  double residual; /* largest block residual at the answer, in the gradient's units */
  int64_t newton_steps;
  int64_t sweeps; /* of coordinate (block) descent */
} bvl_quadratic_outcome;

/** Gershgorin's bound of the largest eigenvalue of block g of G: exact for one column. */
double bvl_quadratic_bound(const bvl_quadratic *problem, int64_t g);

/** Violation of stationarity of block g at b with this gradient of the smooth part. */
double bvl_quadratic_residual(const bvl_quadratic *problem, int64_t g, const double *b,
                              const double *gradient);

/** Solves to residual <= tol (or as near as rounding and the budget allow). Where the penalty is
 * not convex the answer is a stationary point, its objective no higher than the start's.
 *
 * @param[in]     newton  1: block descent sweeps find the support, Newton finishes it; 0: sweeps
 * alone, as a sparse penalty needs: it has kinks inside active blocks; 2: Newton alone, zeros stay.
 * @param[in,out] b       d: start, within the bounds, and answer; zeros in it are exact.
 * @param[in,out] gradient  d: of the smooth part, at the start and at the answer.
 * Not collective. @return BVL_OK (look at the residual) or BVL_ERR_NOMEM. */
bvl_status bvl_quadratic_solve(const bvl_quadratic *problem, int newton, double tol,
                               int64_t max_sweeps, double *b, double *gradient,
                               bvl_quadratic_outcome *outcome);

#endif
