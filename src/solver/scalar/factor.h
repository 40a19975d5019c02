/* SPDX-License-Identifier: BSD-3-Clause */
/* A Cholesky factor that follows an active set: columns join at the end and leave anywhere.
 *
 *   G_AA + diag(ridge_A) = L L',   A = index[0 .. m)
 *
 * Joining m_new columns costs m^2 m_new flops (a triangular solve), leaving m^2 at most (Givens
 * rotations; Golub & Van Loan, Matrix Computations, 6.5.3), solving 2 m^2. Purely local. */
#ifndef BVL_SOLVER_FACTOR_H
#define BVL_SOLVER_FACTOR_H

#include <stdint.h>

#include "base/status.h"

typedef struct bvl_factor {
  int64_t m;        /* columns in the factor */
  int64_t capacity; /* leading dimension of L */
  double *L;        /* capacity x capacity, column-major, lower triangle, owned */
  int64_t *index;   /* capacity: which unknown each row stands for, owned */
} bvl_factor;

void bvl_factor_free(bvl_factor *factor);
/** Forgets every column, keeps the memory. */
void bvl_factor_clear(bvl_factor *factor);

/** Appends unknowns wanted[0..n) of the d x d matrix G (both triangles, leading dimension ld),
 * adding ridge[k] (d; NULL = 0) to the diagonal of unknown k. A column that depends on those before
 * it to rounding (its pivot below 1e-12 of its diagonal) is left out and its index returned in
 * refused[0..*n_refused); `refused` has room for n. Not collective. @return BVL_ERR_NOMEM. */
bvl_status bvl_factor_append(bvl_factor *factor, const double *G, int64_t ld, const double *ridge,
                             int64_t n, const int64_t *wanted, int64_t *n_refused,
                             int64_t *refused);

/** The same from products made for the purpose: rows (n x (m + n), column-major, n apart) holds
 * those of the n unknowns with the m in the factor, in its order, and with themselves (the lower
 * triangle is enough), diagonal complete. @return BVL_ERR_NOMEM. */
bvl_status bvl_factor_append_rows(bvl_factor *factor, const double *rows, int64_t n,
                                  const int64_t *wanted, int64_t *n_refused, int64_t *refused);

/** Drops the row at `position` (0 <= position < m); rows behind it move up by one. */
void bvl_factor_drop(bvl_factor *factor, int64_t position);

/** x <- (G_AA + diag(ridge_A))^-1 x, m entries in the order of index. */
void bvl_factor_solve(const bvl_factor *factor, double *x);

#endif
