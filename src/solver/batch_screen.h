/* SPDX-License-Identifier: BSD-3-Clause */
/* Which columns the next lambdas of a path need. Between breakpoints the state's v is linear in
 * lambda: the last two solutions tell where it goes, and a block that comes within a margin of its
 * threshold is a candidate; the sweep that certifies a batch finds those that were missed. The
 * margin adapts: a miss costs another sweep, excess costs columns of the Gram.
 *
 * Cost: O(p) a call and a number a lambda in one reduction. */
#ifndef BVL_SOLVER_BATCH_SCREEN_H
#define BVL_SOLVER_BATCH_SCREEN_H

#include "solver/solver.h"
#include "solver/working_set.h"

enum { BVL_BATCH_MOST = 8 }; /* lambdas at once */

typedef struct bvl_batch_screen {
  bvl_problem *problem;       /* borrowed */
  const bvl_working_set *set; /* borrowed: what is in it is no candidate */
  double *slope;              /* n_coef: dv/dlambda over the last two finished lambdas, owned */
  double margin;              /* in units of the lambdas' distance; 1 and no slope: strong rule */
  unsigned char *wanted;      /* this rank's blocks that were marked, owned */
} bvl_batch_screen;

/** bvl_batch_screen_free in any case. Collective. @return BVL_ERR_NOMEM on every rank. */
bvl_status bvl_batch_screen_create(bvl_problem *problem, const bvl_working_set *set,
                                   bvl_batch_screen *out);
void bvl_batch_screen_free(bvl_batch_screen *screen);

/** The longest batch of the next n (at most BVL_BATCH_MOST) lambdas, which fall, that wants no more
 * than `room` new columns, at least one; *n_new: how many those are. Collective: one reduction of n
 * numbers. */
bvl_status bvl_batch_screen_choose(const bvl_batch_screen *screen, int64_t n, const double *lambdas,
                                   const bvl_solve_state *state, int64_t room, int64_t *batch,
                                   int64_t *n_new);

/** Marks in wanted the candidates of these lambdas. Not collective. */
void bvl_batch_screen_mark(bvl_batch_screen *screen, const bvl_solve_state *state, int64_t batch,
                           const double *lambdas);

/** *first: the first lambda of the batch that some column outside W violates (batch when none
 * does). Marks the violators of that lambda and of those after it: *count of them on a rank that
 * has one of the first. v: n_coef x batch. Collective: one reduction of a number. */
bvl_status bvl_batch_screen_check(bvl_batch_screen *screen, int64_t batch, const double *lambdas,
                                  const double *v, int64_t *first, int64_t *count);

/** v moved from `before` to `v` (n_coef each) as lambda fell by `way`. Not collective. */
void bvl_batch_screen_follow(bvl_batch_screen *screen, double way, const double *before,
                             const double *v);

/** Whether the last batch missed columns: the margin grows, or shrinks. Not collective. */
void bvl_batch_screen_adapt(bvl_batch_screen *screen, int missed);

#endif
