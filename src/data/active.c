/* SPDX-License-Identifier: BSD-3-Clause */
/* The working set's columns: appended by their owners, held by everyone in split rows, used by
 * BLAS. Traffic of an append: two small gathers and one alltoallv along the grid row; everything
 * else is local. */
#include "data/active.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "kernels/kernels.h"

enum { GRAM_ROWS = 256, PRODUCT_ROWS = 4096 }; /* rows at a time: what they need stays in a cache */

bvl_status bvl_active_create(bvl_design *X, bvl_active **out)
{
  bvl_status status = BVL_OK;
  BVL_TRY(BVL_ALLOC(out, 1));
  (*out)->X = X;
  (*out)->n_split = X->rows.split1 - X->rows.split0;
cleanup:
  return status;
}

void bvl_active_destroy(bvl_active **handle)
{
  bvl_active *A = *handle;
  *handle = NULL;
  if (A == NULL) return;
  free(A->position);
  free(A->values);
  free(A->work);
  free(A);
}

/* Column c of the block, standardised, all n_local rows. */
static void densify(const bvl_design *X, int64_t c, double *out)
{
  double m = X->centered ? X->center[c] : 0.0;
  double inv_s = X->scaled ? X->inv_scale[c] : 1.0;
  if (X->format == BVL_DENSE) {
    for (int64_t panel = 0; panel < X->n_panels; panel++)
      bvl_design_load(X, panel, c, out + X->panel_begin[panel]);
  } else {
    memset(out, 0, (size_t)X->rows.n_local * sizeof *out);
    for (int64_t e = X->col_ptr[c]; e < X->col_ptr[c + 1]; e++) out[X->row_idx[e]] = X->col_val[e];
  }
  for (int64_t i = 0; i < X->rows.n_local; i++) {
    double x = isnan(out[i]) ? X->fill[c] : out[i];
    out[i] = (x - m) * inv_s;
  }
}

/* What one append moves: for each rank of the grid row, which new columns are its own. */
typedef struct append {
  int64_t *counts;      /* size: new columns of each rank of the grid row */
  int64_t *send_counts; /* size: doubles to each */
  int64_t *recv_counts; /* size: doubles from each */
  int64_t n_new;        /* sum of counts */
  double *column;       /* n_local: one column of the block */
  double *send;         /* this rank's new columns cut into the receivers' split rows */
} append;

static void free_append(append *a)
{
  free(a->counts);
  free(a->send_counts);
  free(a->recv_counts);
  free(a->column);
  free(a->send);
}

static bvl_status open_append(const bvl_active *A, int64_t n_new, append *a)
{
  bvl_status status = BVL_OK;
  int64_t n_local = A->X->rows.n_local;
  int size = A->X->grid->row.size;
  BVL_TRY(BVL_ALLOC(&a->counts, size));
  BVL_TRY(BVL_ALLOC(&a->send_counts, size));
  BVL_TRY(BVL_ALLOC(&a->recv_counts, size));
  BVL_TRY(BVL_ALLOC(&a->column, n_local));
  BVL_TRY(BVL_ALLOC(&a->send, n_local * n_new));
cleanup:
  return status;
}

/* counts[j] <- n_new of rank j of the grid row. */
static bvl_status gather_counts(const bvl_comm *row, int64_t n_new, append *a)
{
  bvl_status status = BVL_OK;
  for (int j = 0; j < row->size; j++) a->send_counts[j] = 1; /* for once: one count from each */
  BVL_TRY(bvl_gather_all_i64(row, &n_new, a->send_counts, a->counts));
  for (int j = 0; j < row->size; j++) a->n_new += a->counts[j];
cleanup:
  return status;
}

/* Columns to reserve at once: growing copies everything there is, while pages that are reserved but
 * never written cost nothing. As many as a path can make active, within what X itself takes here.
 */
static int64_t first_capacity(const bvl_design *X, int64_t ld)
{
  const int64_t bytes = bvl_greater(bvl_design_bytes(X), (int64_t)1 << 26);
  return bvl_lesser(bvl_lesser(X->columns.p, X->rows.n), bytes / (ld * (int64_t)sizeof(double)));
}

static bvl_status make_room(bvl_active *A, int64_t n_new)
{
  bvl_status status = BVL_OK;
  int64_t needed = A->n_cols + n_new;
  int64_t ld = bvl_greater(A->n_split, 1);
  int64_t capacity = A->capacity;
  if (needed <= A->capacity) return BVL_OK;
  if (A->capacity == 0) needed = bvl_greater(needed, first_capacity(A->X, ld));
  BVL_TRY(BVL_GROW(&A->position, &capacity, needed));
  int64_t old_values = A->capacity * ld;
  BVL_TRY(BVL_GROW(&A->values, &old_values, capacity * ld));
  A->capacity = capacity;
cleanup:
  return status;
}

/* The send buffer: for each receiver in turn, its split rows of every new column of this rank. */
static void fill_send(const bvl_active *A, int64_t n_new, const int64_t *local_cols, append *a)
{
  const bvl_design *X = A->X;
  int64_t n_local = X->rows.n_local;
  int size = X->grid->row.size;
  for (int64_t k = 0; k < n_new; k++) {
    densify(X, local_cols[k], a->column);
    for (int j = 0; j < size; j++) {
      int64_t begin = bvl_cut(n_local, size, j);
      int64_t rows = bvl_cut(n_local, size, j + 1) - begin;
      if (rows > 0)
        memcpy(a->send + begin * n_new + k * rows, a->column + begin,
               (size_t)rows * sizeof *a->send);
    }
  }
  for (int j = 0; j < size; j++) {
    a->send_counts[j] = (bvl_cut(n_local, size, j + 1) - bvl_cut(n_local, size, j)) * n_new;
    a->recv_counts[j] = A->n_split * a->counts[j];
  }
}

/* Senders stand in order of their column intervals and each sends its columns in order, so what
 * arrives in rank order is already ordered by position. */
bvl_status bvl_active_append(bvl_active *A, int64_t n_new, const int64_t *local_cols)
{
  bvl_status status = BVL_OK;
  bvl_design *X = A->X;
  const bvl_comm *row = &X->grid->row;
  append a = {0};
  int64_t *mine = NULL;
  status = open_append(A, n_new, &a);
  if (status == BVL_OK) status = BVL_ALLOC(&mine, n_new);
  BVL_TRY(bvl_agree(&X->grid->all, status));
  BVL_TRY(gather_counts(row, n_new, &a));
  BVL_TRY(bvl_agree(&X->grid->all, make_room(A, a.n_new)));
  for (int64_t k = 0; k < n_new; k++) mine[k] = X->columns.first + local_cols[k];
  BVL_TRY(bvl_gather_all_i64(row, mine, a.counts, A->position + A->n_cols));
  fill_send(A, n_new, local_cols, &a);
  BVL_TRY(
      bvl_exchange(row, a.send, a.send_counts, A->values + A->n_cols * A->n_split, a.recv_counts));
  A->n_cols += a.n_new;
cleanup:
  free_append(&a);
  free(mine);
  return status;
}

void bvl_active_keep(bvl_active *A, const unsigned char *keep)
{
  int64_t kept = 0;
  for (int64_t k = 0; k < A->n_cols; k++) {
    if (!keep[k]) continue;
    A->position[kept] = A->position[k];
    if (kept < k && A->n_split > 0)
      memcpy(A->values + kept * A->n_split, A->values + k * A->n_split,
             (size_t)A->n_split * sizeof *A->values);
    kept++;
  }
  A->n_cols = kept;
}

void bvl_active_column(const bvl_active *A, int64_t k, double *out)
{
  if (A->n_split > 0) memcpy(out, A->values + k * A->n_split, (size_t)A->n_split * sizeof *out);
}

/* Rows go in blocks whose part of eta or r stays in the cache. */
void bvl_active_forward_many(const bvl_active *A, int64_t k, const double *b, int64_t ld_b,
                             double *eta, int64_t ld_eta)
{
  bvl_kern_dense forward = bvl_kernels_get()->dense_forward[BVL_F64];
  if (A->n_cols == 0) return; /* values may be NULL */
  for (int64_t i = 0; i < A->n_split; i += PRODUCT_ROWS)
    forward(A->values + i, A->n_split, bvl_lesser(A->n_split - i, PRODUCT_ROWS), A->n_cols, NULL, k,
            b, ld_b, eta + i, ld_eta, 0, NULL);
}

void bvl_active_forward(const bvl_active *A, const double *b, double *eta)
{
  bvl_active_forward_many(A, 1, b, A->n_cols, eta, A->n_split);
}

void bvl_active_adjoint(const bvl_active *A, const double *r, double *v)
{
  bvl_kern_dense adjoint = bvl_kernels_get()->dense_adjoint[BVL_F64];
  if (A->n_cols == 0) return;
  for (int64_t k = 0; k < A->n_cols; k++) v[k] = 0.0;
  for (int64_t i = 0; i < A->n_split; i += PRODUCT_ROWS)
    adjoint(A->values + i, A->n_split, bvl_lesser(A->n_split - i, PRODUCT_ROWS), A->n_cols, NULL, 1,
            r + i, A->n_split, v, A->n_cols, 0, NULL);
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
bvl_status bvl_active_gram(bvl_active *A, const double *h, int64_t first, double *G)
{
  bvl_status status = BVL_OK;
  int64_t n_new = A->n_cols - first;
  int rows, cols, ld, m;
  if (n_new == 0) return BVL_OK;
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

bvl_status bvl_active_gram_panel(bvl_active *A, const double *h, double scale, int64_t row0,
                                 int64_t n_rows, int64_t col0, int64_t n_cols, double *G,
                                 int64_t ld)
{
  bvl_status status = BVL_OK;
  int rows, cols, ld_values, ld_out, m;
  if (n_rows == 0 || n_cols == 0) return BVL_OK;
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
