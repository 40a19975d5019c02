/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton on the active set where the matrix is spread over all ranks and only vectors are at hand:
 *
 *   min over b  b'Gb/2 - c'b + sum_k lw_k |b_k| + sum_k ridge_k b_k^2 / 2
 *
 * No factor follows the set column by column. The step on the active set A comes from the factor of
 * a recent set A0 with the difference of the two in a border (bvl_border), and conjugate gradients
 * under that as the preconditioner: one iteration, or a few where the factor is of another ridge or
 * of a singular matrix. When border or iterations have cost as much as a factorisation, A is
 * factored. A step may set many coefficients to zero at once: it
 * is projected onto the orthant of the signs and shortened until the objective falls (Bertsekas
 * 1982; orthants: Andrew & Gao 2007).
 *
 * Runs on one rank, which asks all ranks for a product, a factor, a solve through a callback table.
 * Per CG iteration: one product with G and one solve. */
#ifndef BVL_SOLVER_DISTRIBUTED_NEWTON_H
#define BVL_SOLVER_DISTRIBUTED_NEWTON_H

#include <stdint.h>

#include "solver/scalar/active_newton.h"
#include "solver/scalar/border.h"

/** What all ranks do together. A failure is final: the same on all of them. */
typedef struct bvl_gram_calls {
  void *context;
  bvl_status (*product)(void *context, const double *x, double *y); /* y = G x, d each */
  /* factors G[index, index] + diag(extra) */
  bvl_status (*factor)(void *context, int64_t n, const int64_t *index, const double *extra);
  /* n right-hand sides in place, in the order factored */
  bvl_status (*solve)(void *context, int64_t n, double *x);
  /* out (d x n) <- columns index[0..n) of G */
  bvl_status (*columns)(void *context, int64_t n, const int64_t *index, double *out);
} bvl_gram_calls;

enum { BVL_GRAM_CALL = 64 }; /* sides or columns of one call at most */

typedef struct bvl_distributed_newton {
  bvl_gram_calls calls;
  int64_t d;        /* unknowns */
  int64_t capacity; /* of the arrays below, unknowns */
  /* d each, owned */
  const double *diagonal; /* of G, borrowed */
  double *b;              /* the point */
  double *sign;           /* +-1 of active penalised unknowns, 0 elsewhere */
  double *q;              /* c - G b */
  double *rest;           /* minus the gradient of the smooth part with signs, on A; 0 elsewhere */
  double *step;           /* Newton's; 0 outside A, as the next two */
  double *residual;       /* CG's */
  double *direction;      /* CG's */
  double *moved;          /* the projected step */
  double *product;        /* G times one of them */
  double *product_step;   /* G step */
  double *packed;         /* in the order of a factor */
  double *columns;        /* d x BVL_GRAM_CALL */
  unsigned char *active;
  unsigned char *covered; /* scratch */
  int64_t *list;          /* A, ascending */
  int64_t m;              /* of them */
  int64_t *in_factor;     /* n_factor: unknowns in the factor, -1 = none of these; owned */
  int64_t n_factor;
  int64_t factor_capacity;
  bvl_border
      border;   /* of A against A0; names: an unknown that joined, -1 - place of one that left */
  int64_t paid; /* CG iterations since the last factorisation, beyond one a step */
} bvl_distributed_newton;

void bvl_distributed_newton_free(bvl_distributed_newton *s);

/** Room for d unknowns. @return BVL_ERR_NOMEM. */
bvl_status bvl_distributed_newton_reserve(bvl_distributed_newton *s, int64_t d);

/** Takes b (d) as the point and the factor there is (n_factor, in_factor as in
 * bvl_distributed_gram). Of p neither G nor ld is read, here or below. */
bvl_status bvl_distributed_newton_start(bvl_distributed_newton *s, const bvl_lasso *p,
                                        const double *b, int64_t n_factor,
                                        const int64_t *in_factor);

/** Solves at p's weights from the point there is, to residual <= tol, in at most max_steps linear
 * solves (0 = a default). @return BVL_OK (look at outcome->solved) or what a call returned. */
bvl_status bvl_distributed_newton_solve(bvl_distributed_newton *s, const bvl_lasso *p, double tol,
                                        int64_t max_steps, bvl_active_outcome *outcome);

#endif
