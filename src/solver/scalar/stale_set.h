/* SPDX-License-Identifier: BSD-3-Clause */
/* The active set of bvl_stale_newton: its factor, pairs and signs, kept in step. Rank 0 alone; what
 * needs rows is ordered from all. */
#ifndef BVL_SOLVER_STALE_SET_H
#define BVL_SOLVER_STALE_SET_H

#include "solver/scalar/stale_newton.h"

static inline double bvl_stale_ridge(const bvl_stale_problem *p, int64_t k)
{
  return p->ridge != NULL ? p->ridge[k] : 0;
}

/** The loss and g at b: of the active unknowns, or (whole) of all. */
bvl_status bvl_stale_evaluate(bvl_stale_newton *s, int whole);

/** sign[k] by b, or by g where b is zero; 0 where k is not penalised. */
void bvl_stale_set_sign(bvl_stale_newton *s, const bvl_stale_problem *p, int64_t k);

/** The unknown at `position` of the factor leaves, after moving by `moved` in the step under way.
 * Its b is the caller's business. */
void bvl_stale_leave(bvl_stale_newton *s, int64_t position, double moved);

/** Appends joining[0..n), signs set, to the factor, at the weights it was made with; anew: makes it
 * for the active and the joining ones at the weights of the last evaluation. Those that depend on
 * the others come back in refused[0..*n_refused), inactive; their b is the caller's business. */
bvl_status bvl_stale_join(bvl_stale_newton *s, const bvl_stale_problem *p, int anew, int64_t n,
                          int64_t *n_refused);

/** Makes the active set the support of b (and what is not penalised). Dependent ones go to zero. */
bvl_status bvl_stale_match_support(bvl_stale_newton *s, const bvl_stale_problem *p);

/** The factor anew, with joining[0..n) in it, and the count of its cost begins again. *moved:
 * dependent columns had to go to zero. */
bvl_status bvl_stale_refresh(bvl_stale_newton *s, const bvl_stale_problem *p, int64_t n,
                             int *moved);

#endif
