/* SPDX-License-Identifier: BSD-3-Clause */
/* A limited-memory BFGS matrix in compact form (Byrd, Nocedal, Schnabel 1994), positive definite:
 *
 *     B = sigma I - N M^-1 N',   N = [sigma S, Y],   M = [sigma S'S, L; L', -D],
 *
 * S and Y the last steps and differences of gradients, L and D the strictly lower part and the
 * diagonal of S'Y. Products with B need N'v, which a caller has summed with other things. */
#ifndef BVL_NET_FRONT_QUASI_NEWTON_H
#define BVL_NET_FRONT_QUASI_NEWTON_H

#include "optim/space.h"

enum { BVL_BFGS_PAIRS = 10 };

typedef struct bvl_bfgs {
  bvl_space space;
  int n;                     /* pairs held */
  double sigma;              /* > 0 */
  double *s[BVL_BFGS_PAIRS]; /* n_local each, oldest first, owned */
  double *y[BVL_BFGS_PAIRS];
  double ss[BVL_BFGS_PAIRS][BVL_BFGS_PAIRS];
  double sy[BVL_BFGS_PAIRS][BVL_BFGS_PAIRS];
  double inverse[4 * BVL_BFGS_PAIRS * BVL_BFGS_PAIRS]; /* of M, 2n x 2n */
} bvl_bfgs;

/** No pairs, sigma 1. Not collective. @return BVL_ERR_NOMEM; bvl_bfgs_free in any case. */
bvl_status bvl_bfgs_init(const bvl_space *space, bvl_bfgs *out);
void bvl_bfgs_free(bvl_bfgs *B);

/** Takes the step x1 - x0 and the change g1 - g0; leaves them out where the curvature along them is
 * not safely positive. Collective, one reduction. */
bvl_status bvl_bfgs_update(bvl_bfgs *B, const double *x0, const double *g0, const double *x1,
                           const double *g1);
/** Forgets the pairs, not sigma. Not collective. */
void bvl_bfgs_reset(bvl_bfgs *B);

/** c (2n) = M^-1 N'v from dots (2n) = the products of v with s_0 .., y_0 .. Not collective. */
void bvl_bfgs_solve(const bvl_bfgs *B, const double *dots, double *c);
/** u'(N M^-1 N')v from u's dots and v's c. Not collective. */
double bvl_bfgs_form(const bvl_bfgs *B, const double *dots, const double *c);
/** out += sigma v - N c = B v. Not collective. */
void bvl_bfgs_add(const bvl_bfgs *B, const double *v, const double *c, double *out);

#endif
