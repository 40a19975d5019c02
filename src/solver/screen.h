/* SPDX-License-Identifier: BSD-3-Clause */
/* What solvers that work on a working set have in common around it: a lambda goes in rounds of
 * solving on the set, certifying all columns, and taking in what violates. */
#ifndef BVL_SOLVER_SCREEN_H
#define BVL_SOLVER_SCREEN_H

#include "solver/solver.h"
#include "solver/working_set.h"

/** Certificate and v of state->point at state->lambda. eta (n_split x outputs): its predictor,
 * which follows the fit of the free block. Collective. */
bvl_status bvl_screen_certify(bvl_problem *problem, bvl_solve_state *state, double *eta);

/** The same at the warm start, when v is not known (first lambda, after an interruption). eta:
 * n_split x outputs, overwritten. Collective. */
bvl_status bvl_screen_freshen(bvl_problem *problem, bvl_solve_state *state, double *eta);

/** Does the certificate hold to tol, as status 0 of a result file says? */
int bvl_screen_is_certified(const bvl_certificate *certificate, double tol);

/** The level a lambda's first round begins with. */
double bvl_screen_level(const bvl_solve_state *state);

/** Takes into the set what stands at `level` or above (strict: above), the strongest first where
 * that is too much at once: the rest is found again by the next certification. *n_new: the most
 * blocks of a rank, the same on all. wanted: this rank's blocks, overwritten. Collective: two small
 * reductions, and bvl_working_set_add. */
bvl_status bvl_screen_widen(bvl_working_set *set, const bvl_solve_state *state, double level,
                            int strict, unsigned char *wanted, int64_t *n_new);

/** Unmarks all but about `limit` of this rank's wanted blocks of scalars: those that would be the
 * first to enter by v, as lambda comes down to `level`, stay, and those with a coefficient in beta
 * (NULL = none). Collective: two reductions. */
bvl_status bvl_screen_thin(const bvl_working_set *set, const double *v, double level,
                           const double *beta, int64_t limit, unsigned char *wanted);

#endif
