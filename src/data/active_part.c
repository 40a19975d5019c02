/* SPDX-License-Identifier: BSD-3-Clause */
/* The ones are handled apart; the other columns go to the kernels as a list, or (sparse X) rows are
 * run through for their entries in the list, centred by what all rows share. For the Gram, chosen
 * columns are gathered dense, weighted by sqrt(h), a block of rows at a time. */
#include "data/active_part.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "kernels/kernels.h"

enum { GRAM_ROWS = 256, PRODUCT_ROWS = 4096 }; /* rows at a time: what they need stays in a cache */
enum { FEW = 16 }; /* new columns that the product kernel takes, without gathering the others */

/* The ones stand first where they are at all. */
static int has_ones(int64_t n, const int64_t *cols)
{
  return n > 0 && cols[0] < 0;
}

static int is_dense(const bvl_active *A)
{
  return A->X->format == BVL_DENSE;
}

/* A->place[c] <- the column's place in the list, -1 = not there. */
static void mark_places(const bvl_active *A, int64_t n, const int64_t *cols)
{
  for (int64_t c = 0; c < A->n_cols; c++) A->place[c] = -1;
  for (int64_t k = 0; k < n; k++)
    if (cols[k] >= 0) A->place[cols[k]] = k;
}

static void sparse_forward(const bvl_active *A, int64_t n, const int64_t *cols, const double *b,
                           double *eta)
{
  double centre = 0;
  mark_places(A, n, cols);
  for (int64_t k = 0; k < n; k++) centre += A->shift[cols[k]] * b[cols[k]];
  for (int64_t i = 0; i < A->n_split; i++) {
    double sum = 0;
    for (int64_t e = A->row_ptr[i]; e < A->row_ptr[i + 1]; e++)
      if (A->place[A->column[e]] >= 0) sum += A->entry[e] * b[A->column[e]];
    eta[i] += sum - centre;
  }
}

static void sparse_adjoint(const bvl_active *A, int64_t n, const int64_t *cols, const double *r,
                           double *v)
{
  double total = 0;
  mark_places(A, n, cols);
  for (int64_t i = 0; i < A->n_split; i++) {
    total += r[i];
    for (int64_t e = A->row_ptr[i]; e < A->row_ptr[i + 1]; e++)
      if (A->place[A->column[e]] >= 0) v[A->column[e]] += A->entry[e] * r[i];
  }
  for (int64_t k = 0; k < n; k++) v[cols[k]] -= A->shift[cols[k]] * total;
}

void bvl_active_part_forward_many(const bvl_active *A, int64_t n, const int64_t *cols, int64_t k,
                                  const double *b, int64_t ld_b, double *eta, int64_t ld_eta)
{
  bvl_kern_dense forward = bvl_kernels_get()->dense_forward[BVL_F64];
  const int ones = has_ones(n, cols);
  for (int64_t q = 0; ones && q < k; q++)
    for (int64_t i = 0; i < A->n_split; i++) eta[i + q * ld_eta] += b[q * ld_b - 1];
  if (n == ones) return;
  for (int64_t q = 0; !is_dense(A) && q < k; q++)
    sparse_forward(A, n - ones, cols + ones, b + q * ld_b, eta + q * ld_eta);
  for (int64_t i = 0; is_dense(A) && i < A->n_split; i += PRODUCT_ROWS)
    forward(A->values + i, A->n_split, bvl_lesser(A->n_split - i, PRODUCT_ROWS), n - ones,
            cols + ones, k, b, ld_b, eta + i, ld_eta, 0, NULL);
}

void bvl_active_part_forward(const bvl_active *A, int64_t n, const int64_t *cols, const double *b,
                             double *eta)
{
  bvl_active_part_forward_many(A, n, cols, 1, b, A->n_cols, eta, A->n_split);
}

void bvl_active_part_adjoint_many(const bvl_active *A, int64_t n, const int64_t *cols, int64_t k,
                                  const double *r, int64_t ld_r, double *v, int64_t ld_v)
{
  bvl_kern_dense adjoint = bvl_kernels_get()->dense_adjoint[BVL_F64];
  const int ones = has_ones(n, cols);
  for (int64_t q = 0; q < k; q++) {
    for (int64_t c = 0; c < n; c++) v[cols[c] + q * ld_v] = 0;
    for (int64_t i = 0; ones && i < A->n_split; i++) v[q * ld_v - 1] += r[i + q * ld_r];
  }
  if (n == ones) return;
  for (int64_t q = 0; !is_dense(A) && q < k; q++)
    sparse_adjoint(A, n - ones, cols + ones, r + q * ld_r, v + q * ld_v);
  for (int64_t i = 0; is_dense(A) && i < A->n_split; i += PRODUCT_ROWS)
    adjoint(A->values + i, A->n_split, bvl_lesser(A->n_split - i, PRODUCT_ROWS), n - ones,
            cols + ones, k, r + i, ld_r, v, ld_v, 0, NULL);
}

void bvl_active_part_adjoint(const bvl_active *A, int64_t n, const int64_t *cols, const double *r,
                             double *v)
{
  bvl_active_part_adjoint_many(A, n, cols, 1, r, A->n_split, v, A->n_cols);
}

/* work[, k] = root values[row0 .., cols[k]], GRAM_ROWS apart; A->place is right for cols. */
static void gather_rows(const bvl_active *A, const double *root, int64_t n, const int64_t *cols,
                        int64_t row0, int64_t m, double *work)
{
  for (int64_t k = 0; k < n; k++) {
    double *out = work + k * GRAM_ROWS;
    if (cols[k] < 0) {
      memcpy(out, root, (size_t)m * sizeof *out);
    } else if (is_dense(A)) {
      const double *x = A->values + cols[k] * A->n_split + row0;
      for (int64_t i = 0; i < m; i++) out[i] = root[i] * x[i];
    } else {
      for (int64_t i = 0; i < m; i++) out[i] = -root[i] * A->shift[cols[k]];
    }
  }
  for (int64_t i = 0; !is_dense(A) && i < m; i++)
    for (int64_t e = A->row_ptr[row0 + i]; e < A->row_ptr[row0 + i + 1]; e++) {
      const int64_t k = A->place[A->column[e]];
      if (k >= 0) work[i + k * GRAM_ROWS] += root[i] * A->entry[e];
    }
}

/* The new columns, weighted, against all: n_new small. */
static bvl_status few_products(bvl_active *A, const double *h, int64_t n_new, int64_t n,
                               const int64_t *cols, double *G)
{
  bvl_kern_dense adjoint = bvl_kernels_get()->dense_adjoint[BVL_F64];
  const int64_t n_split = A->n_split;
  bvl_status status = BVL_GROW(&A->work, &A->work_len, (n_split + A->n_cols + 1) * n_new);
  if (status != BVL_OK) return status;
  double *weighted = A->work;
  double *v = A->work + n_split * n_new + 1; /* n_cols + 1 apart, room for that of the ones at -1 */
  const int64_t ld = A->n_cols + 1;
  const int ones = has_ones(n, cols);
  for (int64_t q = 0; q < n_new; q++) {
    const int64_t c = cols[n - n_new + q];
    double *out = weighted + q * n_split;
    if (c >= 0) bvl_active_column(A, c, out);
    for (int64_t i = 0; i < n_split; i++) out[i] = c < 0 ? h[i] : h[i] * out[i];
    bvl_active_part_adjoint(A, is_dense(A) ? ones : n, cols, out, v + q * ld);
  }
  for (int64_t q = 0; is_dense(A) && q < n_new; q++)
    for (int64_t k = ones; k < n; k++) v[cols[k] + q * ld] = 0;
  for (int64_t i = 0; is_dense(A) && n > ones && i < n_split; i += PRODUCT_ROWS)
    adjoint(A->values + i, n_split, bvl_lesser(n_split - i, PRODUCT_ROWS), n - ones, cols + ones,
            n_new, weighted + i, n_split, v, ld, 0, NULL);
  for (int64_t k = 0; k < n; k++)
    for (int64_t q = 0; q < n_new; q++) G[q + k * n_new] = v[cols[k] + q * ld];
  return BVL_OK;
}

bvl_status bvl_active_part_gram(bvl_active *A, const double *h, int64_t n_new, int64_t n,
                                const int64_t *cols, double *G)
{
  bvl_status status = BVL_OK;
  double root[GRAM_ROWS];
  int rows, all, m;
  if (n_new == 0) return BVL_OK;
  if (n_new < n && n_new <= FEW) return few_products(A, h, n_new, n, cols, G);
  memset(G, 0, (size_t)(n_new * n) * sizeof *G);
  BVL_TRY(bvl_to_int(n, &all));
  BVL_TRY(bvl_to_int(n_new, &rows));
  BVL_TRY(BVL_GROW(&A->work, &A->work_len, GRAM_ROWS * n));
  mark_places(A, n, cols);
  for (int64_t i = 0; i < A->n_split; i += GRAM_ROWS) {
    BVL_TRY(bvl_to_int(bvl_lesser(A->n_split - i, GRAM_ROWS), &m));
    for (int k = 0; k < m; k++) root[k] = sqrt(h[i + k]);
    gather_rows(A, root, n, cols, i, m, A->work);
    if (n_new == n)
      cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, rows, m, 1, A->work, GRAM_ROWS, 1, G,
                  rows);
    else
      cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, rows, all, m, 1,
                  A->work + (n - n_new) * GRAM_ROWS, GRAM_ROWS, A->work, GRAM_ROWS, 1, G, rows);
  }
cleanup:
  return status;
}
