/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton on the active set of
 *
 *   min over b  loss(b) / n + sum_k lw_k |b_k| + sum_k ridge_k b_k^2 / 2
 *
 * for losses that are not quadratic, along descending lambdas: exact gradients, and a factor of the
 * Hessian that may be several lambdas old, corrected by the last steps (bvl_secant). A step is cut
 * at the first coefficient that reaches zero, which leaves, as in bvl_active_newton. Rank 0 runs
 * this; what concerns rows it orders from all ranks (bvl_row_work).
 * Cost of a step: two products with the active columns, (drops + 1) solves. The factor is made anew
 * (n m^2 + m^3 / 3) when the steps that its age costs are worth it. */
#ifndef BVL_SOLVER_STALE_NEWTON_H
#define BVL_SOLVER_STALE_NEWTON_H

#include "base/watch.h"
#include "penalty/bounded.h"
#include "solver/row_work.h"
#include "solver/scalar/factor.h"
#include "solver/scalar/secant.h"

typedef struct bvl_stale_newton {
  bvl_row_work *work; /* borrowed */
  bvl_factor factor;
  bvl_secant secant;
  int64_t d;         /* unknowns */
  int64_t capacity;  /* of the arrays below, unknowns */
  double *b;         /* d, owned */
  double *sign;      /* d: +-1 of active penalised unknowns, 0 elsewhere; owned */
  double *g;         /* d: minus the loss's gradient at b, of the active or (whole) of all; owned */
  double *b_before;  /* d: before the last step, owned */
  double *g_before;  /* d, owned */
  double *rest;      /* d, owned scratch, order of the factor */
  double *step;      /* d, owned scratch, order of the factor */
  int64_t *list;     /* d, owned scratch */
  int64_t *joining;  /* d, owned scratch */
  int64_t *refused;  /* d, owned scratch */
  int64_t *position; /* d: the column each unknown was when d was last right, owned */
  unsigned char *active; /* d: in the factor; owned */
  double loss;           /* at b */
  int whole;             /* is all of g right? */
  int has_factor;
  /* since the factor was made: */
  double cycle_cost;     /* what it cost and all steps since, in steps */
  int64_t cycle_lambdas; /* solved with it */
  int due;               /* a new one would pay */
} bvl_stale_newton;

typedef struct bvl_stale_problem {
  const double *lw;    /* d: l1 weights; 0 = unpenalised */
  const double *ridge; /* d, NULL = none */
  double tol;          /* of the largest violation of stationarity */
  int64_t max_steps;
  const bvl_interval *bounds; /* d, NULL = none: sides of zero that are closed; no ends */
  const bvl_watch *watch;     /* NULL = none */
} bvl_stale_problem;

typedef struct bvl_stale_outcome {
  int64_t steps; /* evaluations of the loss */
  int solved;
} bvl_stale_outcome;

void bvl_stale_newton_free(bvl_stale_newton *s);

/** Goes to the working set as it is now and to its b. Before the first lambda and whenever the set
 * or the point changed behind it. */
bvl_status bvl_stale_newton_open(bvl_stale_newton *s, bvl_row_work *work,
                                 const bvl_stale_problem *p);

/** Solves from where s stands; the answer is s->b. */
bvl_status bvl_stale_newton_solve(bvl_stale_newton *s, const bvl_stale_problem *p,
                                  bvl_stale_outcome *outcome);

#endif
