/* SPDX-License-Identifier: BSD-3-Clause */
/* A stale Cholesky factor brought up to date by the last few steps: L-BFGS (Nocedal 1980) that
 * starts from (L L')^-1 instead of a multiple of the identity.
 *
 *   a pair (s, y): the point moved by s and the loss's gradient by y, so that H s = y nearly
 *
 * The pairs outlive a lambda: the loss is the same at the next one, and the step there is nearly
 * parallel to the last. They are kept by unknown, so the active set may change under them. Purely
 * local. An application costs a solve with the factor and 4 pairs m flops. */
#ifndef BVL_SOLVER_SECANT_H
#define BVL_SOLVER_SECANT_H

#include "solver/scalar/factor.h"

enum { BVL_SECANT_PAIRS = 8 };

typedef struct bvl_secant {
  int64_t n;                   /* pairs held */
  int64_t first;               /* place of the oldest */
  int64_t capacity;            /* unknowns there is room for */
  double *s[BVL_SECANT_PAIRS]; /* capacity each, owned */
  double *y[BVL_SECANT_PAIRS]; /* capacity each, without the ridge; owned */
  double *left;                /* capacity: y of the step under way that those who left caused */
  double *products;            /* capacity, owned scratch */
  double *packed;              /* 2 x pairs x capacity: the pairs in the factor's order, owned */
} bvl_secant;

void bvl_secant_free(bvl_secant *secant);
/** Room for d unknowns: new ones get zeros. @return BVL_ERR_NOMEM. */
bvl_status bvl_secant_reserve(bvl_secant *secant, int64_t d);
/** Forgets every pair, and what has been noted of the step under way. */
void bvl_secant_clear(bvl_secant *secant);
/** Forgets pairs whose y is below `least` everywhere: of the last steps before convergence, where
 * it is half rounding, and a step from elsewhere would go astray by them. */
void bvl_secant_forget(bvl_secant *secant, double least);

/** The factor's unknown at `position` is about to leave, after moving by `moved` in the step under
 * way: what that and its part in the steps held did to the others' gradients is taken out of them,
 * as far as the factor knows. Costs m^2 flops. */
void bvl_secant_dismiss(bvl_secant *secant, const bvl_factor *factor, int64_t position,
                        double moved);

/** Takes in the step s = b - b_before on the factor's unknowns, over which minus the loss's
 * gradient went from g_before to g, and ends it. Not a pair, and left out: no curvature along s. */
void bvl_secant_push(bvl_secant *secant, const bvl_factor *factor, const double *b,
                     const double *b_before, const double *g, const double *g_before);

/** Unknown k is about to join the factor's m; row[j * ld] is its product with the j-th of them:
 * what its gradient would have done in the steps held, were the factor right. */
void bvl_secant_admit(bvl_secant *secant, const bvl_factor *factor, int64_t k, const double *row,
                      int64_t ld);

/** Unknown k is now unknown to[k] <= k, or gone where to[k] < 0, for k < d. */
void bvl_secant_renumber(bvl_secant *secant, int64_t d, const int64_t *to);

/** x (m, the factor's order) <- H^-1 x with H the factor as the pairs correct it; ridge by unknown,
 * added to the pairs' curvature (the factor has it). NULL = none. */
void bvl_secant_apply(bvl_secant *secant, const bvl_factor *factor, const double *ridge, double *x);

#endif
