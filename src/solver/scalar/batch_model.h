/* SPDX-License-Identifier: BSD-3-Clause */
/* Solves a few lambdas on the working set, scalar convex penalties.
 *
 * Quadratic loss: everything follows from the Gram matrix and one gradient, so rank 0 solves the
 * whole batch alone (bvl_active_newton). Other losses: rank 0 leads, all ranks work on their rows
 * (bvl_stale_newton, bvl_row_work). Per batch: one broadcast of the answers, and for other losses a
 * broadcast and a reduction a step. */
#ifndef BVL_SOLVER_BATCH_MODEL_H
#define BVL_SOLVER_BATCH_MODEL_H

#include "base/watch.h"
#include "solver/working_set.h"

typedef struct bvl_batch_model bvl_batch_model; /* opaque */

/* Behind an answer's d coefficients: steps, and whether it was solved, 1 or 0, or cut short by the
 * watch. Of a batch the answers behind one that was cut short are so too. */
enum { BVL_ANSWER_EXTRA = 2, BVL_ANSWER_CUT = -1 };

static inline double bvl_answer_solved(int solved, const bvl_watch *watch)
{
  return solved ? 1 : bvl_watch_is_over(watch) ? BVL_ANSWER_CUT : 0;
}

/** @param set  a new working set (only free unknowns); borrowed. Collective. */
bvl_status bvl_batch_model_create(bvl_problem *problem, bvl_working_set *set,
                                  bvl_batch_model **out);
void bvl_batch_model_destroy(bvl_batch_model **model);

/** Whether the Gram has been spread over all ranks. Not collective; the same on every rank. */
int bvl_batch_model_is_distributed(const bvl_batch_model *model);

/** Solves lambdas[0..batch) from set->b, each from the one before, to a residual of tol * lambda,
 * each in at most max_iter steps (0 = a default) and for as long as rank 0's watch lets it. answer
 * (batch x (d + extra), the same on every rank) <- coefficients, steps, solved. set->b is left
 * undefined. Collective. */
bvl_status bvl_batch_model_solve(bvl_batch_model *model, int64_t batch, const double *lambdas,
                                 double tol, int64_t max_iter, const bvl_watch *watch,
                                 double *answer);

#endif
