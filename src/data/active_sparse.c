/* SPDX-License-Identifier: BSD-3-Clause */
/* The working set's columns of a sparse X, compressed by rows: what a row needs of eta, r or b is a
 * few places in vectors as long as the set, which stay in a cache, and a Gram costs one
 * multiply-add for every pair of entries in a row. Standardisation is lazy,
 *
 *     sum_i h_i (x_ik - m_k)(x_il - m_l) = (sum h x_k x_l - m_k sum h x_l) - m_l sum h (x_k - m_k)
 *
 * for columns already divided by their scales. At least one entry in n not stored means a mean
 * below sqrt(n) standard deviations, so the differences lose at most eps n; a column stored in
 * every row here is centred as it arrives and loses nothing.
 * Traffic of an append: two exchanges along the grid row, of 3 doubles a column and rank and of 2
 * doubles an entry. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/active_storage.h"
#include "kernels/kernels.h"

enum {
  HEADER = 3, /* doubles that announce a column: 1 / scale, center / scale, entries */
};

/* What an append exchanges. */
typedef struct parcels {
  double *headers_out; /* size x n_mine x HEADER: for each receiver, each of this rank's columns */
  double *headers_in;  /* n_new x HEADER */
  double *out;         /* pairs row, value: for each receiver, each column */
  double *in;          /* the same of every new column, this rank's split rows */
  int64_t *cursor;     /* n_split: entries joining each row, then where its next one goes */
} parcels;

static void free_parcels(parcels *p)
{
  free(p->headers_out);
  free(p->headers_in);
  free(p->out);
  free(p->in);
  free(p->cursor);
}

static int64_t count_mine(const bvl_design *X, const bvl_append *a)
{
  int64_t entries = 0;
  for (int64_t k = 0; k < a->n_mine; k++)
    entries += X->col_ptr[a->mine[k] + 1] - X->col_ptr[a->mine[k]];
  return entries;
}

static bvl_status open_parcels(const bvl_active *A, const bvl_append *a, parcels *p)
{
  bvl_status status = BVL_OK;
  const int size = A->X->grid->row.size;
  if (A->n_cols + a->n_new > INT32_MAX)
    return bvl_fail(BVL_ERR_USAGE, "a working set of %" PRId64 " columns", A->n_cols + a->n_new);
  BVL_TRY(BVL_ALLOC(&p->headers_out, size * a->n_mine * HEADER));
  BVL_TRY(BVL_ALLOC(&p->headers_in, a->n_new * HEADER));
  BVL_TRY(BVL_ALLOC(&p->out, 2 * count_mine(A->X, a)));
  BVL_TRY(BVL_ALLOC(&p->cursor, A->n_split));
cleanup:
  return status;
}

/* Entries of this rank's new columns in the split rows of rank j, from `at` on; returns how many
 * doubles were written. */
static int64_t pack_entries(const bvl_design *X, const bvl_append *a, int j, double *headers,
                            double *out)
{
  const int size = X->grid->row.size;
  const int64_t begin = bvl_cut(X->rows.n_local, size, j);
  const int64_t end = bvl_cut(X->rows.n_local, size, j + 1);
  int64_t length = 0;
  for (int64_t k = 0; k < a->n_mine; k++, headers += HEADER) {
    const int64_t c = a->mine[k];
    const double inv_scale = X->scaled ? X->inv_scale[c] : 1.0;
    const int64_t before = length;
    for (int64_t e = X->col_ptr[c]; e < X->col_ptr[c + 1]; e++) {
      if (X->row_idx[e] < begin || X->row_idx[e] >= end) continue;
      out[length++] = (double)(X->row_idx[e] - begin);
      out[length++] = X->col_val[e] * inv_scale;
    }
    headers[0] = inv_scale;
    headers[1] = X->centered ? X->center[c] * inv_scale : 0.0;
    headers[2] = (double)(length - before) / 2;
  }
  return length;
}

static bvl_status exchange_headers(const bvl_comm *row, bvl_append *a, const parcels *p)
{
  for (int j = 0; j < row->size; j++) {
    a->send_counts[j] = a->n_mine * HEADER;
    a->recv_counts[j] = a->counts[j] * HEADER;
  }
  return bvl_exchange(row, p->headers_out, a->send_counts, p->headers_in, a->recv_counts);
}

/* Doubles of the entries that n headers announce. */
static int64_t announced(int64_t n, const double *headers)
{
  int64_t length = 0;
  for (int64_t k = 0; k < n; k++) length += 2 * (int64_t)headers[HEADER * k + 2];
  return length;
}

/* send_counts and recv_counts of the entries; returns how many entries come in. */
static int64_t count_entries(const bvl_comm *row, bvl_append *a, const parcels *p)
{
  int64_t arrivals = 0;
  const double *in = p->headers_in;
  for (int j = 0; j < row->size; j++) {
    a->send_counts[j] = announced(a->n_mine, p->headers_out + j * a->n_mine * HEADER);
    a->recv_counts[j] = announced(a->counts[j], in);
    arrivals += a->recv_counts[j] / 2;
    in += a->counts[j] * HEADER;
  }
  return arrivals;
}

static bvl_status make_room(bvl_active *A, const bvl_append *a, int64_t arrivals)
{
  bvl_status status = BVL_OK;
  const int64_t entries = A->row_ptr[A->n_split] + arrivals;
  BVL_TRY(BVL_GROW(&A->column, &A->column_len, entries));
  BVL_TRY(BVL_GROW(&A->entry, &A->entry_len, entries));
  BVL_TRY(BVL_GROW(&A->shift, &A->shift_len, A->n_cols + a->n_new));
cleanup:
  return status;
}

/* Opens a gap of cursor[i] entries at the end of every row, last row first, and leaves in cursor[i]
 * where it begins. */
static void open_gaps(bvl_active *A, int64_t arrivals, int64_t *cursor)
{
  int64_t below = arrivals; /* gaps up to and including this row's */
  for (int64_t i = A->n_split - 1; i >= 0; i--) {
    const int64_t begin = A->row_ptr[i];
    const int64_t length = A->row_ptr[i + 1] - begin;
    A->row_ptr[i + 1] += below;
    below -= cursor[i];
    cursor[i] = begin + below + length;
    if (below == 0) continue;
    memmove(A->column + begin + below, A->column + begin, (size_t)length * sizeof *A->column);
    memmove(A->entry + begin + below, A->entry + begin, (size_t)length * sizeof *A->entry);
  }
}

/* Columns go to the rows' ends in order, so places ascend in every row. */
static void merge(bvl_active *A, const bvl_append *a, const parcels *p, int64_t arrivals)
{
  const double *in = p->in;
  for (int64_t e = 0; e < arrivals; e++) p->cursor[(int64_t)in[2 * e]]++;
  open_gaps(A, arrivals, p->cursor);
  for (int64_t k = 0; k < a->n_new; k++) {
    const int64_t place = A->n_cols + k;
    const int64_t entries = (int64_t)p->headers_in[HEADER * k + 2];
    const double shift = p->headers_in[HEADER * k + 1];
    const double centre = entries == A->n_split ? shift : 0.0;
    A->shift[place] = shift - centre;
    for (int64_t e = 0; e < entries; e++, in += 2) {
      const int64_t at = p->cursor[(int64_t)in[0]]++;
      A->column[at] = (int32_t)place;
      A->entry[at] = in[1] - centre;
    }
  }
}

bvl_status bvl_active_sparse_append(bvl_active *A, bvl_append *a)
{
  const bvl_design *X = A->X;
  const bvl_comm *row = &X->grid->row;
  parcels p = {0};
  bvl_status status = open_parcels(A, a, &p);
  int64_t length = 0;
  BVL_TRY(bvl_agree(&X->grid->all, status));
  for (int j = 0; j < row->size; j++)
    length += pack_entries(X, a, j, p.headers_out + j * a->n_mine * HEADER, p.out + length);
  BVL_TRY(exchange_headers(row, a, &p));
  const int64_t arrivals = count_entries(row, a, &p);
  status = BVL_ALLOC(&p.in, 2 * arrivals);
  if (status == BVL_OK) status = make_room(A, a, arrivals);
  BVL_TRY(bvl_agree(&X->grid->all, status));
  for (int j = 0; j < row->size; j++)
    if (j != row->rank) a->entries_sent += a->send_counts[j] / 2;
  BVL_TRY(bvl_exchange(row, p.out, a->send_counts, p.in, a->recv_counts));
  merge(A, a, &p, arrivals);
cleanup:
  free_parcels(&p);
  return status;
}

void bvl_active_sparse_keep(bvl_active *A)
{
  int64_t kept = 0;
  int64_t begin = 0;
  for (int64_t i = 0; i < A->n_split; i++) {
    const int64_t end = A->row_ptr[i + 1];
    for (int64_t e = begin; e < end; e++) {
      const int64_t place = A->place[A->column[e]];
      if (place < 0) continue;
      A->column[kept] = (int32_t)place;
      A->entry[kept++] = A->entry[e];
    }
    begin = end;
    A->row_ptr[i + 1] = kept;
  }
  for (int64_t k = 0; k < A->n_cols; k++)
    if (A->place[k] >= 0) A->shift[A->place[k]] = A->shift[k];
}

void bvl_active_sparse_column(const bvl_active *A, int64_t k, double *out)
{
  for (int64_t i = 0; i < A->n_split; i++) {
    int64_t begin = A->row_ptr[i];
    int64_t end = A->row_ptr[i + 1];
    while (begin < end) { /* the first entry with place >= k */
      const int64_t middle = begin + (end - begin) / 2;
      if (A->column[middle] < k)
        begin = middle + 1;
      else
        end = middle;
    }
    const int stored = begin < A->row_ptr[i + 1] && A->column[begin] == k;
    out[i] = (stored ? A->entry[begin] : 0.0) - A->shift[k];
  }
}

void bvl_active_sparse_forward(const bvl_active *A, int64_t k, const double *b, int64_t ld_b,
                               double *eta, int64_t ld_eta)
{
  for (int64_t q = 0; q < k; q++) {
    double shift = 0.0;
    for (int64_t c = 0; c < A->n_cols; c++) shift += A->shift[c] * b[c + q * ld_b];
    for (int64_t i = 0; shift != 0.0 && i < A->n_split; i++) eta[i + q * ld_eta] -= shift;
  }
  bvl_kernels_get()->sparse_gather(A->row_ptr, A->column, A->entry, A->n_split, NULL, 0, INT32_MAX,
                                   0, k, b, ld_b, eta, ld_eta);
}

static double sum_of(const double *values, int64_t n)
{
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) sum += values[i];
  return sum;
}

void bvl_active_sparse_adjoint(const bvl_active *A, int64_t k, const double *r, int64_t ld_r,
                               double *v, int64_t ld_v)
{
  bvl_kernels_get()->sparse_scatter(A->row_ptr, A->column, A->entry, A->n_split, NULL, 0, INT32_MAX,
                                    0, k, r, ld_r, v, ld_v);
  for (int64_t q = 0; q < k; q++) {
    const double r_sum = sum_of(r + q * ld_r, A->n_split);
    for (int64_t c = 0; c < A->n_cols; c++) v[c + q * ld_v] -= A->shift[c] * r_sum;
  }
}
