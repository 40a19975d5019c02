/* SPDX-License-Identifier: BSD-3-Clause */
/* Products with chosen columns of the working set, this rank's rows only: the caller sums. A column
 * is its place in the set; -1 is a column of ones (the intercept's), first in any list. None is
 * collective. */
#ifndef BVL_DATA_ACTIVE_PART_H
#define BVL_DATA_ACTIVE_PART_H

#include "data/active.h"

/** eta[0..n_split) += sum over the n columns c of values_c b[c]; b is indexed by the column, so
 * that b[-1] is that of the ones. */
void bvl_active_part_forward(const bvl_active *A, int64_t n, const int64_t *cols, const double *b,
                             double *eta);

/** The same for k vectors with leading dimensions ld_b (> n_cols where there are ones) and ld_eta,
 * reading the values once. */
void bvl_active_part_forward_many(const bvl_active *A, int64_t n, const int64_t *cols, int64_t k,
                                  const double *b, int64_t ld_b, double *eta, int64_t ld_eta);

/** v[c] = values_c'r for the n columns c, the rest of v untouched. */
void bvl_active_part_adjoint(const bvl_active *A, int64_t n, const int64_t *cols, const double *r,
                             double *v);

/** The same for k vectors with leading dimensions ld_r and ld_v (> n_cols where there are ones),
 * reading the values once. */
void bvl_active_part_adjoint_many(const bvl_active *A, int64_t n, const int64_t *cols, int64_t k,
                                  const double *r, int64_t ld_r, double *v, int64_t ld_v);

/** G (n_new x n, column-major) = values_new' diag(h) values: the last n_new of the n columns with
 * all of them. When n_new == n only the lower triangle is made. h (n_split) is not negative.
 * @return BVL_ERR_NOMEM. */
bvl_status bvl_active_part_gram(bvl_active *A, const double *h, int64_t n_new, int64_t n,
                                const int64_t *cols, double *G);

#endif
