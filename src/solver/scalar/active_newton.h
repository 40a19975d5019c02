/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton on the active set of a weighted lasso or elastic net in Gram form,
 *
 *   min over b  b'Gb/2 - c'b + sum_k lw_k |b_k| + sum_k ridge_k b_k^2 / 2,
 *
 * along descending lambdas: between two breakpoints the answer is linear in lambda, so one solve
 * with the factor of the active set is exact, and the factor follows the set (bvl_factor). Osborne,
 * Presnell, Turlach 2000. Purely local: what rank 0 does while the others wait.
 * Cost of a lambda: (steps + drops) m^2 and one d x m product a full step, m = active columns. */
#ifndef BVL_SOLVER_ACTIVE_NEWTON_H
#define BVL_SOLVER_ACTIVE_NEWTON_H

#include <stdint.h>

#include "base/watch.h"
#include "penalty/bounded.h"
#include "solver/scalar/factor.h"

typedef struct bvl_lasso {
  int64_t d;       /* unknowns */
  const double *G; /* d x d, both triangles, leading dimension ld */
  int64_t ld;
  const double *c;     /* d: the gradient's negative at b = 0 */
  const double *lw;    /* d: l1 weights at this lambda; 0 = unpenalised, INFINITY = excluded */
  const double *ridge; /* d, NULL = none */
  /* d, NULL = none; not heeded where lw = 0. At an end an unknown is as inactive as at zero. */
  const bvl_interval *bounds;
  const bvl_watch *watch; /* NULL = none */
} bvl_lasso;

/** What persists between lambdas: the coefficients, the active set's factor. */
typedef struct bvl_active_newton {
  bvl_factor factor;
  int64_t d;             /* unknowns so far */
  int64_t capacity;      /* of the arrays below, unknowns */
  double *b;             /* d, owned */
  double *sign;          /* d: +-1 of active penalised unknowns, 0 elsewhere; owned */
  double *q;             /* d: c - G b_of_q, owned */
  double *b_of_q;        /* d: the b that q belongs to, owned */
  double *rest;          /* d, owned scratch, order of the factor */
  double *step;          /* d, owned scratch, order of the factor */
  int64_t *list;         /* d, owned scratch */
  int64_t *refused;      /* d, owned scratch */
  unsigned char *active; /* d, owned */
} bvl_active_newton;

typedef struct bvl_active_outcome {
  double residual; /* largest violation of stationarity at the answer */
  int64_t steps;   /* linear solves */
  int64_t drops;
  int solved; /* 0: gave up (a degenerate cycle, the watch); b is then a point no worse than the
                 start */
} bvl_active_outcome;

void bvl_active_newton_free(bvl_active_newton *s);

/** Takes b as the starting point: activates its support and factors it anew. Needed first, after
 * the unknowns were renumbered, and whenever the ridge changes. b may be s->b. @return
 * BVL_ERR_NOMEM. */
bvl_status bvl_active_newton_start(bvl_active_newton *s, const bvl_lasso *p, const double *b);

/** Takes in unknowns that joined at the end since (b = 0): p->d may only have grown. Not for use
 * after a renumbering. */
bvl_status bvl_active_newton_widen(bvl_active_newton *s, const bvl_lasso *p);

/** Solves at p's weights from where s stands, to residual <= tol, with at most max_steps linear
 * solves (0 = as many as a path of this length can need). */
bvl_status bvl_active_newton_solve(bvl_active_newton *s, const bvl_lasso *p, double tol,
                                   int64_t max_steps, bvl_active_outcome *outcome);

#endif
