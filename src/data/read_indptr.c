/* SPDX-License-Identifier: BSD-3-Clause */
/* The compressed axis of a sparse source: streamed through a bounded buffer, checked once, and
 * turned into entries per column. */
#include "data/read_sparse.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/checked.h"

bvl_status bvl_read_indptr(const bvl_comm *all, const bvl_source *source, int64_t first,
                           int64_t count, int64_t buffer_bytes, bvl_indptr_visitor visit,
                           void *context)
{
  bvl_status status = BVL_OK;
  bvl_status found = BVL_OK;
  int64_t *buffer = NULL;
  int64_t at_once = bvl_greater(buffer_bytes / (int64_t)sizeof *buffer, 1);
  at_once = bvl_lesser(at_once, bvl_greater(count, 1));
  int64_t n_reads = (count + at_once - 1) / at_once;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&buffer, at_once)));
  BVL_TRY(bvl_max_i64(all, &n_reads, 1));
  for (int64_t k = 0; k < n_reads; k++) {
    int64_t begin = bvl_lesser(k * at_once, count);
    int64_t n = bvl_lesser(at_once, count - begin);
    BVL_TRY(source->read_indptr(source->context, first + begin, n, buffer));
    for (int64_t i = 0; i < n && found == BVL_OK; i++)
      found = visit(context, first + begin + i, buffer[i]);
  }
  BVL_TRY(bvl_agree(all, found));
cleanup:
  free(buffer);
  return status;
}

/* One rank's cut of the axis while it is checked. */
typedef struct check {
  const bvl_source *source;
  int64_t n_slices; /* slices of the axis: the last position */
  int64_t first;    /* first position of this rank */
  int64_t previous; /* value at the position before */
  double *counts;   /* entries of each slice, NULL if not wanted */
} check;

static bvl_status check_position(void *context, int64_t position, int64_t value)
{
  check *c = context;
  const char *name = c->source->name;
  if (position == 0 && value != 0)
    return bvl_fail(BVL_ERR_INPUT, "%s/indptr: begins with %" PRId64 ", not 0", name, value);
  if (value < 0 || value > c->source->nnz)
    return bvl_fail(BVL_ERR_INPUT, "%s/indptr: %" PRId64 " at %" PRId64 ", outside 0..%" PRId64,
                    name, value, position, c->source->nnz);
  if (position > c->first && value < c->previous)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s/indptr: decreases at %" PRId64 ", from %" PRId64 " to %" PRId64, name,
                    position, c->previous, value);
  if (position == c->n_slices && value != c->source->nnz)
    return bvl_fail(BVL_ERR_INPUT, "%s/indptr: ends with %" PRId64 ", %" PRId64 " entries stored",
                    name, value, c->source->nnz);
  if (position > c->first && c->counts != NULL)
    c->counts[position - 1] = (double)(value - c->previous);
  c->previous = value;
  return BVL_OK;
}

/* counts += this rank's cut of the entries of a CSR source, by column. */
static bvl_status count_entries(const bvl_comm *all, const bvl_source *source, int64_t buffer_bytes,
                                double *counts)
{
  bvl_status status = BVL_OK;
  int64_t *indices = NULL;
  int64_t begin = bvl_cut(source->nnz, all->size, all->rank);
  int64_t end = bvl_cut(source->nnz, all->size, all->rank + 1);
  int64_t at_once = bvl_greater(buffer_bytes / (int64_t)sizeof *indices, 1);
  at_once = bvl_lesser(at_once, source->nnz / all->size + 1); /* equal on all ranks */
  int64_t n_reads = (source->nnz / all->size + at_once) / at_once;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&indices, at_once)));
  for (int64_t k = 0; k < n_reads; k++) {
    int64_t from = bvl_lesser(begin + k * at_once, end);
    int64_t n = bvl_lesser(at_once, end - from);
    BVL_TRY(source->read_entries(source->context, from, n, indices, NULL));
    for (int64_t e = 0; e < n; e++)
      if (indices[e] >= 0 && indices[e] < source->p) counts[indices[e]] += 1.0;
  }
cleanup:
  free(indices);
  return status;
}

bvl_status bvl_read_counts(const bvl_grid *grid, const bvl_source *source, int64_t buffer_bytes,
                           double *counts)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &grid->all;
  int64_t n_slices = source->format == BVL_CSC ? source->p : source->n;
  int64_t first = bvl_cut(n_slices, all->size, all->rank);
  int64_t last = bvl_cut(n_slices, all->size, all->rank + 1);
  check c = {source, n_slices, first, 0, source->format == BVL_CSC ? counts : NULL};
  for (int64_t j = 0; j < source->p; j++) counts[j] = 0.0;
  BVL_TRY(bvl_read_indptr(all, source, first, last > first ? last - first + 1 : 0, buffer_bytes,
                          check_position, &c));
  if (source->format == BVL_CSR) BVL_TRY(count_entries(all, source, buffer_bytes, counts));
  BVL_TRY(bvl_sum(all, counts, source->p));
cleanup:
  return status;
}
