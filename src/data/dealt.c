/* SPDX-License-Identifier: BSD-3-Clause */
/* One exchange deals columns out: each rank sends its split rows of a column to the column's new
 * owner, who puts the pieces under each other. */
#include "data/dealt.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/phase.h"

static const bvl_comm *comm_of(const bvl_dealt *D)
{
  return &D->A->X->grid->all;
}

bvl_status bvl_dealt_create(const bvl_active *A, bvl_dealt **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &A->X->grid->all;
  bvl_dealt *D = NULL;
  int64_t *ones = NULL;
  *out = NULL;
  status = BVL_ALLOC(&D, 1);
  if (status == BVL_OK) status = BVL_ALLOC(&D->row_begin, all->size + 1);
  if (status == BVL_OK) status = BVL_ALLOC(&ones, all->size);
  BVL_TRY(bvl_agree(all, status));
  D->A = A;
  for (int r = 0; r < all->size; r++) ones[r] = 1;
  BVL_TRY(bvl_gather_all_i64(all, &A->n_split, ones, D->row_begin + 1));
  for (int r = 0; r < all->size; r++) D->row_begin[r + 1] += D->row_begin[r];
  D->n = D->row_begin[all->size];
  *out = D;
  D = NULL;
cleanup:
  free(ones);
  bvl_dealt_destroy(&D);
  return status;
}

void bvl_dealt_destroy(bvl_dealt **handle)
{
  bvl_dealt *D = *handle;
  *handle = NULL;
  if (D == NULL) return;
  free(D->row_begin);
  free(D->values);
  free(D);
}

void bvl_dealt_clear(bvl_dealt *D)
{
  D->n_cols = 0;
}

typedef struct deal {
  int64_t *send_counts; /* size doubles */
  int64_t *recv_counts; /* size doubles */
  double *send;         /* for each receiver in turn: my split rows of its columns */
  double *recv;         /* from each sender in turn: its split rows of my columns */
} deal;

static void free_deal(deal *d)
{
  free(d->send_counts);
  free(d->recv_counts);
  free(d->send);
  free(d->recv);
}

static bvl_status open_deal(bvl_dealt *D, int64_t n_new, int64_t n_mine, deal *d)
{
  bvl_status status = BVL_OK;
  const int size = comm_of(D)->size;
  int64_t room = D->capacity * D->n;
  int64_t needed = D->n_cols + n_mine;
  BVL_TRY(BVL_ALLOC(&d->send_counts, size));
  BVL_TRY(BVL_ALLOC(&d->recv_counts, size));
  BVL_TRY(BVL_ALLOC(&d->send, n_new * D->A->n_split));
  BVL_TRY(BVL_ALLOC(&d->recv, n_mine * D->n));
  if (needed <= D->capacity) goto cleanup;
  needed = bvl_greater(needed, D->capacity + D->capacity / 2);
  BVL_TRY(BVL_GROW(&D->values, &room, needed * D->n));
  D->capacity = needed;
cleanup:
  return status;
}

static void fill_send(const bvl_dealt *D, int64_t first, const int64_t *owner, deal *d)
{
  const bvl_active *A = D->A;
  double *out = d->send;
  for (int r = 0; r < comm_of(D)->size; r++) {
    const double *begin = out;
    for (int64_t k = first; k < A->n_cols; k++) {
      if (owner[k - first] != r) continue;
      bvl_active_column(A, k, out);
      out += A->n_split;
    }
    d->send_counts[r] = out - begin;
  }
}

static void place(bvl_dealt *D, int64_t n_mine, const deal *d)
{
  const double *in = d->recv;
  for (int r = 0; r < comm_of(D)->size; r++) {
    const int64_t rows = D->row_begin[r + 1] - D->row_begin[r];
    for (int64_t k = 0; rows > 0 && k < n_mine; k++, in += rows)
      memcpy(D->values + (D->n_cols + k) * D->n + D->row_begin[r], in, (size_t)rows * sizeof *in);
  }
}

bvl_status bvl_dealt_append(bvl_dealt *D, int64_t first, const int64_t *owner)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = comm_of(D);
  const int64_t n_new = D->A->n_cols - first;
  deal d = {0};
  int64_t n_mine = 0;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_COLUMNS);
  for (int64_t k = 0; k < n_new; k++) n_mine += owner[k] == all->rank;
  BVL_TRY(bvl_agree(all, open_deal(D, n_new, n_mine, &d)));
  fill_send(D, first, owner, &d);
  for (int r = 0; r < all->size; r++)
    d.recv_counts[r] = (D->row_begin[r + 1] - D->row_begin[r]) * n_mine;
  BVL_TRY(bvl_exchange(all, d.send, d.send_counts, d.recv, d.recv_counts));
  place(D, n_mine, &d);
  D->n_cols += n_mine;
cleanup:
  bvl_phase_leave(before);
  free_deal(&d);
  return status;
}

bvl_status bvl_dealt_rows(const bvl_dealt *D, const double *split, double *out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = comm_of(D);
  int64_t *counts = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&counts, all->size)));
  for (int r = 0; r < all->size; r++) counts[r] = D->row_begin[r + 1] - D->row_begin[r];
  BVL_TRY(bvl_gather_all(all, split, counts, out));
cleanup:
  free(counts);
  return status;
}
