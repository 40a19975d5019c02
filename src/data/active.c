/* SPDX-License-Identifier: BSD-3-Clause */
/* The working set's columns: appended by their owners, held by everyone in split rows. How they are
 * kept is active_dense.c's business, or active_sparse.c's. Traffic of an append: two small gathers,
 * then what the storage moves along the grid row; everything else is local. */
#include "data/active.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/phase.h"
#include "data/active_storage.h"

static int is_dense(const bvl_active *A)
{
  return A->X->format == BVL_DENSE;
}

bvl_status bvl_active_create(bvl_design *X, bvl_active **out)
{
  bvl_status status = BVL_OK;
  BVL_TRY(BVL_ALLOC(out, 1));
  (*out)->X = X;
  (*out)->n_split = X->rows.split1 - X->rows.split0;
  if (!is_dense(*out)) status = BVL_ALLOC(&(*out)->row_ptr, (*out)->n_split + 1);
  if (status != BVL_OK) bvl_active_destroy(out);
cleanup:
  return status;
}

void bvl_active_destroy(bvl_active **handle)
{
  bvl_active *A = *handle;
  *handle = NULL;
  if (A == NULL) return;
  free(A->position);
  free(A->place);
  free(A->values);
  free(A->row_ptr);
  free(A->column);
  free(A->entry);
  free(A->shift);
  free(A->work);
  free(A);
}

static void free_append(bvl_append *a)
{
  free(a->counts);
  free(a->send_counts);
  free(a->recv_counts);
}

static bvl_status open_append(int size, bvl_append *a)
{
  bvl_status status = BVL_OK;
  BVL_TRY(BVL_ALLOC(&a->counts, size));
  BVL_TRY(BVL_ALLOC(&a->send_counts, size));
  BVL_TRY(BVL_ALLOC(&a->recv_counts, size));
cleanup:
  return status;
}

/* counts[j] <- new columns of rank j of the grid row. */
static bvl_status gather_counts(const bvl_comm *row, bvl_append *a)
{
  bvl_status status = BVL_OK;
  for (int j = 0; j < row->size; j++) a->send_counts[j] = 1; /* for once: one count from each */
  BVL_TRY(bvl_gather_all_i64(row, &a->n_mine, a->send_counts, a->counts));
  for (int j = 0; j < row->size; j++) a->n_new += a->counts[j];
cleanup:
  return status;
}

static bvl_status make_room(bvl_active *A, int64_t n_new)
{
  bvl_status status = BVL_OK;
  int64_t position_len = A->capacity;
  int64_t place_len = A->capacity;
  BVL_TRY(BVL_GROW(&A->position, &position_len, A->n_cols + n_new));
  BVL_TRY(BVL_GROW(&A->place, &place_len, A->n_cols + n_new));
  A->capacity = place_len; /* both grew alike */
cleanup:
  return status;
}

/* Senders stand in order of their column intervals and each sends its columns in order, so what
 * arrives in rank order is already ordered by position. */
bvl_status bvl_active_append(bvl_active *A, int64_t n_new, const int64_t *local_cols)
{
  bvl_status status = BVL_OK;
  const bvl_design *X = A->X;
  const bvl_comm *row = &X->grid->row;
  bvl_append a = {.n_mine = n_new, .mine = local_cols};
  int64_t *positions = NULL;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_COLUMNS);
  status = open_append(row->size, &a);
  if (status == BVL_OK) status = BVL_ALLOC(&positions, n_new);
  BVL_TRY(bvl_agree(&X->grid->all, status));
  BVL_TRY(gather_counts(row, &a));
  if (a.n_new == 0) goto cleanup; /* the same on every rank: a count of the whole grid row */
  BVL_TRY(bvl_agree(&X->grid->all, make_room(A, a.n_new)));
  BVL_TRY((is_dense(A) ? bvl_active_dense_append : bvl_active_sparse_append)(A, &a));
  for (int64_t k = 0; k < n_new; k++) positions[k] = X->columns.first + local_cols[k];
  BVL_TRY(bvl_gather_all_i64(row, positions, a.counts, A->position + A->n_cols));
  A->n_cols += a.n_new;
  A->appended += n_new;
  A->entries_sent += a.entries_sent;
cleanup:
  bvl_phase_leave(before);
  free_append(&a);
  free(positions);
  return status;
}

void bvl_active_keep(bvl_active *A, const unsigned char *keep)
{
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_COLUMNS);
  int64_t kept = 0;
  for (int64_t k = 0; k < A->n_cols; k++) {
    A->place[k] = keep[k] ? kept : -1;
    if (keep[k]) A->position[kept++] = A->position[k];
  }
  (is_dense(A) ? bvl_active_dense_keep : bvl_active_sparse_keep)(A);
  A->n_cols = kept;
  bvl_phase_leave(before);
}

void bvl_active_column(const bvl_active *A, int64_t k, double *out)
{
  (is_dense(A) ? bvl_active_dense_column : bvl_active_sparse_column)(A, k, out);
}

void bvl_active_forward_many(const bvl_active *A, int64_t k, const double *b, int64_t ld_b,
                             double *eta, int64_t ld_eta)
{
  if (A->n_cols == 0) return; /* nothing is allocated before the first append */
  (is_dense(A) ? bvl_active_dense_forward : bvl_active_sparse_forward)(A, k, b, ld_b, eta, ld_eta);
}

void bvl_active_forward(const bvl_active *A, const double *b, double *eta)
{
  bvl_active_forward_many(A, 1, b, A->n_cols, eta, A->n_split);
}

void bvl_active_adjoint_many(const bvl_active *A, int64_t k, const double *r, int64_t ld_r,
                             double *v, int64_t ld_v)
{
  if (A->n_cols == 0) return;
  for (int64_t q = 0; q < k; q++) memset(v + q * ld_v, 0, (size_t)A->n_cols * sizeof *v);
  (is_dense(A) ? bvl_active_dense_adjoint : bvl_active_sparse_adjoint)(A, k, r, ld_r, v, ld_v);
}

void bvl_active_adjoint(const bvl_active *A, const double *r, double *v)
{
  bvl_active_adjoint_many(A, 1, r, A->n_split, v, A->n_cols);
}

bvl_status bvl_active_gram(bvl_active *A, const double *h, int64_t first, double *G)
{
  if (A->n_cols == first) return BVL_OK;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_GRAM);
  const bvl_status status = (is_dense(A) ? bvl_active_dense_gram
                                         : bvl_active_sparse_gram)(A, h, first, G);
  bvl_phase_leave(before);
  return status;
}

bvl_status bvl_active_gram_panel(bvl_active *A, const double *h, double scale, int64_t row0,
                                 int64_t n_rows, int64_t col0, int64_t n_cols, double *G,
                                 int64_t ld)
{
  if (n_rows == 0 || n_cols == 0) return BVL_OK;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_GRAM);
  const bvl_status status = (is_dense(A) ? bvl_active_dense_gram_panel
                                         : bvl_active_sparse_gram_panel)(A, h, scale, row0, n_rows,
                                                                         col0, n_cols, G, ld);
  bvl_phase_leave(before);
  return status;
}
