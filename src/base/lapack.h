/* SPDX-License-Identifier: BSD-3-Clause */
/* The few dense factorisations bevel asks of LAPACK, with 64-bit sizes and no allocation. */
#ifndef BVL_BASE_LAPACK_H
#define BVL_BASE_LAPACK_H

#include <stddef.h>
#include <stdint.h>

/** Overwrites A's lower triangle (m x m, column-major, leading dimension ld) by its Cholesky
 * factor. Not collective. @return 0, or > 0 when A is not positive definite to rounding, or < 0
 * when m does not fit LAPACK's integer. */
int bvl_cholesky(int64_t m, double *A, int64_t ld);

/** Overwrites a lower triangle L (m x m, column-major, leading dimension ld) by its inverse; the
 * upper triangle is not touched. Not collective. @return 0, or > 0 for a zero on the diagonal, or <
 * 0 when m does not fit LAPACK's integer. */
int bvl_invert_lower(int64_t m, double *L, int64_t ld);

/** Overwrites a Cholesky factor's lower triangle by that of the inverse of what it factors. Not
 * collective. @return as bvl_invert_lower. */
int bvl_cholesky_invert(int64_t m, double *L, int64_t ld);

/** X <- A^-1 X for a Cholesky factor L of A (lower triangle, leading dimension ld) and k right-hand
 * sides, m apart. m and ld fit, as bvl_cholesky said. Not collective. */
void bvl_cholesky_apply(int64_t m, const double *L, int64_t ld, int64_t k, double *X);

/** Solves A x = b in place: A (m x m, column-major, leading dimension ld; the lower triangle is
 * read and overwritten by its Cholesky factor), b (m) becomes x. Not collective.
 * @return 0, or > 0 when A is not positive definite to rounding (b is then undefined), or < 0 when
 * m does not fit LAPACK's integer. */
int bvl_cholesky_solve(int64_t m, double *A, int64_t ld, double *b);

/** y (m) <- A x from the lower triangle of a symmetric A (m x m, column-major, leading dimension
 * ld); x and y may not overlap. Not collective. In place of BLAS' symv: OpenBLAS 0.3.21's for old
 * CPUs reads past the end of what it is given. */
void bvl_symmetric_apply(int64_t m, const double *A, int64_t ld, const double *x, double *y);

/** The eigenvalues of a symmetric A (m x m, column-major, leading dimension ld; the lower triangle
 * is read), ascending, to values (m); its eigenvectors overwrite A, a column each. work: n_work >=
 * 3 m doubles, 34 m for speed. Not collective. @return as bvl_cholesky, > 0 when it does not
 * converge.
 */
int bvl_eigen(int64_t m, double *A, int64_t ld, double *values, int64_t n_work, double *work);

/** A <- its LU factors with partial pivoting (m x m, as above), pivots (m ints) <- the row swaps.
 * Not collective. @return as above, > 0 when a pivot is exactly 0. */
int bvl_lu_factor(int64_t m, double *A, int64_t ld, int *pivots);
/** b <- A^-1 b from those. m fits, as bvl_lu_factor said. Not collective. */
void bvl_lu_solve(int64_t m, const double *LU, int64_t ld, const int *pivots, double *b);

/** What BLAS and LAPACK say of themselves, for messages: OpenBLAS' version and kernels, or LAPACK's
 * version alone. Not collective. */
void bvl_blas_version(char *out, size_t size);

#endif
