/* SPDX-License-Identifier: BSD-3-Clause */
/* The working set's columns of a dense X: whole columns, used by BLAS. Traffic of an append: one
 * alltoallv along the grid row; none where the row is one rank. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "data/active_storage.h"
#include "data/streamed.h"
#include "kernels/kernels.h"

enum { GRAM_ROWS = 256, PRODUCT_ROWS = 4096 }; /* rows at a time: what they need stays in a cache */

/* Column c of the block, standardised, all n_local rows. */
static void densify(const bvl_design *X, int64_t c, double *out)
{
  double m = X->centered ? X->center[c] : 0.0;
  double inv_s = X->scaled ? X->inv_scale[c] : 1.0;
  for (int64_t panel = 0; panel < X->n_panels; panel++)
    bvl_design_load(X, panel, c, out + X->panel_begin[panel]);
  for (int64_t i = 0; i < X->rows.n_local; i++) {
    double x = isnan(out[i]) ? X->fill[c] : out[i];
    out[i] = (x - m) * inv_s;
  }
}

/* Columns to reserve at once: growing copies everything there is, while pages that are reserved but
 * never written cost nothing. As many as a path can make active, within what X itself takes here.
 */
static int64_t first_capacity(const bvl_design *X, int64_t ld)
{
  const int64_t bytes = bvl_greater(bvl_design_bytes(X), (int64_t)1 << 26);
  return bvl_lesser(bvl_lesser(X->columns.p, X->rows.n), bytes / (ld * (int64_t)sizeof(double)));
}

/* At the first append the reserve, later by half as much again. */
static bvl_status make_room(bvl_active *A, int64_t n_new)
{
  const int64_t ld = bvl_greater(A->n_split, 1);
  int64_t needed = A->n_cols + n_new;
  if (A->values == NULL) needed = bvl_greater(needed, first_capacity(A->X, ld));
  return BVL_GROW(&A->values, &A->values_len, needed * ld);
}

/* The k-th of this rank's new columns, asked for in order. */
static void make_column(const bvl_design *X, const bvl_append *a, int64_t k, double *out)
{
  const int64_t most = bvl_design_fetch_most(X);
  if (k % most == 0) bvl_design_fetch(X, bvl_lesser(most, a->n_mine - k), a->mine + k);
  densify(X, a->mine[k], out);
}

/* A rank that is a grid row by itself makes columns where they stay. */
static bvl_status append_own(bvl_active *A, const bvl_append *a)
{
  const bvl_design *X = A->X;
  for (int64_t k = 0; k < a->n_mine; k++)
    make_column(X, a, k, A->values + (A->n_cols + k) * A->n_split);
  return X->streamed != NULL ? bvl_agree(&X->grid->all, bvl_design_failure(X)) : BVL_OK;
}

/* send: for each receiver in turn, its split rows of every new column of this rank; `column` has
 * room for n_local. */
static void fill_send(const bvl_active *A, bvl_append *a, double *column, double *send)
{
  const bvl_design *X = A->X;
  const int64_t n_local = X->rows.n_local;
  const int size = X->grid->row.size;
  for (int64_t k = 0; k < a->n_mine; k++) {
    make_column(X, a, k, column);
    for (int j = 0; j < size; j++) {
      const int64_t begin = bvl_cut(n_local, size, j);
      const int64_t rows = bvl_cut(n_local, size, j + 1) - begin;
      if (rows > 0)
        memcpy(send + begin * a->n_mine + k * rows, column + begin, (size_t)rows * sizeof *send);
    }
  }
  for (int j = 0; j < size; j++) {
    a->send_counts[j] = (bvl_cut(n_local, size, j + 1) - bvl_cut(n_local, size, j)) * a->n_mine;
    a->recv_counts[j] = A->n_split * a->counts[j];
  }
}

bvl_status bvl_active_dense_append(bvl_active *A, bvl_append *a)
{
  const bvl_design *X = A->X;
  double *column = NULL;
  double *send = NULL;
  const int alone = X->grid->row.size == 1;
  bvl_status status = make_room(A, a->n_new);
  if (status == BVL_OK && !alone) status = BVL_ALLOC(&column, X->rows.n_local);
  if (status == BVL_OK && !alone) status = BVL_ALLOC(&send, X->rows.n_local * a->n_mine);
  BVL_TRY(bvl_agree(&X->grid->all, status));
  if (alone) return append_own(A, a);
  fill_send(A, a, column, send);
  if (X->streamed != NULL) BVL_TRY(bvl_agree(&X->grid->all, bvl_design_failure(X)));
  BVL_TRY(bvl_exchange(&X->grid->row, send, a->send_counts, A->values + A->n_cols * A->n_split,
                       a->recv_counts));
cleanup:
  free(column);
  free(send);
  return status;
}

void bvl_active_dense_keep(bvl_active *A)
{
  for (int64_t k = 0; k < A->n_cols && A->n_split > 0; k++)
    if (A->place[k] >= 0 && A->place[k] < k)
      memcpy(A->values + A->place[k] * A->n_split, A->values + k * A->n_split,
             (size_t)A->n_split * sizeof *A->values);
}

void bvl_active_dense_column(const bvl_active *A, int64_t k, double *out)
{
  if (A->n_split > 0) memcpy(out, A->values + k * A->n_split, (size_t)A->n_split * sizeof *out);
}

/* Rows go in blocks whose part of eta or r stays in the cache. */
void bvl_active_dense_forward(const bvl_active *A, int64_t k, const double *b, int64_t ld_b,
                              double *eta, int64_t ld_eta)
{
  bvl_kern_dense forward = bvl_kernels_get()->dense_forward[BVL_F64];
  for (int64_t i = 0; i < A->n_split; i += PRODUCT_ROWS)
    forward(A->values + i, A->n_split, bvl_lesser(A->n_split - i, PRODUCT_ROWS), A->n_cols, NULL, k,
            b, ld_b, eta + i, ld_eta, 0, NULL);
}

void bvl_active_dense_adjoint(const bvl_active *A, int64_t k, const double *r, int64_t ld_r,
                              double *v, int64_t ld_v)
{
  bvl_kern_dense adjoint = bvl_kernels_get()->dense_adjoint[BVL_F64];
  for (int64_t i = 0; i < A->n_split; i += PRODUCT_ROWS)
    adjoint(A->values + i, A->n_split, bvl_lesser(A->n_split - i, PRODUCT_ROWS), A->n_cols, NULL, k,
            r + i, ld_r, v, ld_v, 0, NULL);
}

/* work[i, k] = h_i values[row0 + i, first + k] for columns first + k < end, or with the square root
 * of h_i. */
static void weigh_rows(bvl_active *A, const double *h, int root, int64_t first, int64_t end,
                       int64_t row0, int64_t m)
{
  double weight[GRAM_ROWS];
  for (int64_t i = 0; i < m; i++) weight[i] = root ? sqrt(h[row0 + i]) : h[row0 + i];
  for (int64_t k = first; k < end; k++) {
    const double *x = A->values + k * A->n_split + row0;
    double *out = A->work + (k - first) * GRAM_ROWS;
    for (int64_t i = 0; i < m; i++) out[i] = weight[i] * x[i];
  }
}

static void mirror(int64_t n, double *G)
{
  for (int64_t l = 0; l < n; l++)
    for (int64_t k = 0; k < l; k++) G[l + k * n] = G[k + l * n];
}

/* All columns: G = Z'Z with Z = sqrt(h) values, half the work. Some: G = (h values_new)'values. */
bvl_status bvl_active_dense_gram(bvl_active *A, const double *h, int64_t first, double *G)
{
  bvl_status status = BVL_OK;
  int64_t n_new = A->n_cols - first;
  int rows, cols, ld, m;
  memset(G, 0, (size_t)(n_new * A->n_cols) * sizeof *G);
  BVL_TRY(bvl_to_int(A->n_cols, &cols));
  BVL_TRY(bvl_to_int(n_new, &rows));
  BVL_TRY(bvl_to_int(bvl_greater(A->n_split, 1), &ld));
  if (h != NULL) BVL_TRY(BVL_GROW(&A->work, &A->work_len, GRAM_ROWS * n_new));
  for (int64_t i = 0; i < A->n_split; i += GRAM_ROWS) {
    const double *values = A->values + i;
    const double *weighted = h != NULL ? A->work : values + first * A->n_split;
    int ld_work = h != NULL ? GRAM_ROWS : ld;
    BVL_TRY(bvl_to_int(bvl_lesser(A->n_split - i, GRAM_ROWS), &m));
    if (h != NULL) weigh_rows(A, h, first == 0, first, A->n_cols, i, m);
    if (first == 0)
      cblas_dsyrk(CblasColMajor, CblasUpper, CblasTrans, rows, m, 1.0, weighted, ld_work, 1.0, G,
                  rows);
    else
      cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, rows, cols, m, 1.0, weighted, ld_work,
                  values, ld, 1.0, G, rows);
  }
  if (first == 0) mirror(n_new, G);
cleanup:
  return status;
}

bvl_status bvl_active_dense_gram_panel(bvl_active *A, const double *h, double scale, int64_t row0,
                                       int64_t n_rows, int64_t col0, int64_t n_cols, double *G,
                                       int64_t ld)
{
  bvl_status status = BVL_OK;
  int rows, cols, ld_values, ld_out, m;
  BVL_TRY(bvl_to_int(n_rows, &rows));
  BVL_TRY(bvl_to_int(n_cols, &cols));
  BVL_TRY(bvl_to_int(ld, &ld_out));
  BVL_TRY(bvl_to_int(bvl_greater(A->n_split, 1), &ld_values));
  BVL_TRY(BVL_GROW(&A->work, &A->work_len, GRAM_ROWS * n_cols));
  for (int64_t l = 0; l < n_cols; l++) memset(G + l * ld, 0, (size_t)n_rows * sizeof *G);
  for (int64_t i = 0; i < A->n_split; i += GRAM_ROWS) {
    BVL_TRY(bvl_to_int(bvl_lesser(A->n_split - i, GRAM_ROWS), &m));
    weigh_rows(A, h, 0, col0, col0 + n_cols, i, m);
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, rows, cols, m, scale,
                A->values + i + row0 * A->n_split, ld_values, A->work, GRAM_ROWS, 1.0, G, ld_out);
  }
cleanup:
  return status;
}
