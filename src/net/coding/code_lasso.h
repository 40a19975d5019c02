/* SPDX-License-Identifier: BSD-3-Clause */
/* The codes of one sample in a given dictionary: a small lasso on the atoms' Gram,
 *
 *     minimise over c in R^K:  c'Gc / 2 - q'c + lambda |c|_1,    G = D'D, q = D'x.
 *
 * Coordinate descent, the atoms in use alone until they stand still; a linear solve on the support
 * it finds brings the answer to machine precision. */
#ifndef BVL_NET_CODE_LASSO_H
#define BVL_NET_CODE_LASSO_H

#include <stdint.h>

/** Scratch for K atoms: K (K + 2) doubles. */
static inline int64_t bvl_code_lasso_scratch(int64_t K)
{
  return K * (K + 2);
}

/** Solves from c (K, warm) until no coordinate moves by more than tol, then writes c. `r` (K) holds
 * q on entry and q - Gc on return. `scratch` NULL: no linear solve on the support. G is K x K; an
 * atom with G_kk = 0 keeps c_k = 0. Not collective.
 * @return the largest violation of stationarity over lambda, from r as it was updated. */
double bvl_code_lasso(int64_t K, const double *G, double lambda, double tol, double *c, double *r,
                      double *scratch);

/** Largest distance of -gradient (r = q - Gc) from the subdifferential, over lambda; atoms whose
 * diagonal entry is 0 have no say. Not collective. */
double bvl_code_violation(int64_t K, const double *G, double lambda, const double *c,
                          const double *r);

#endif
