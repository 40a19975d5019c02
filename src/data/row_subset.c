/* SPDX-License-Identifier: BSD-3-Clause */
/* Chosen rows of a source: spans of the base's rows or entries, staged and picked from. Per call of
 * a callback: one agreement on the number of pieces and one on the staging memory. */
#include "data/row_subset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define BUFFER_BYTES (INT64_C(8) << 20)

/* Chosen rows first .. first + count - 1, read from base row `base` on; `span` base rows. Nothing
 * between them when span == count: read in place. */
typedef struct piece {
  int64_t first;
  int64_t count;
  int64_t base;
  int64_t span;
} piece;

/* The piece that begins at chosen row `first`, of those below `end`: a stretch without gaps when it
 * is longer than the buffer or all there is, else what lies within `at_once` base rows. */
static piece next_piece(const int64_t *rows, int64_t first, int64_t end, int64_t at_once)
{
  piece next = {first, 0, 0, 0};
  if (first >= end) return next;
  int64_t last = first;
  while (last + 1 < end && rows[last + 1] == rows[last] + 1) last++;
  if (last + 1 - first < at_once)
    while (last + 1 < end && rows[last + 1] - rows[first] < at_once) last++;
  next.count = last + 1 - first;
  next.base = rows[first];
  next.span = rows[last] + 1 - rows[first];
  return next;
}

/* How often this rank reads, and the longest span it must stage. */
static int64_t count_pieces(const int64_t *rows, int64_t first, int64_t end, int64_t at_once,
                            int64_t *longest)
{
  int64_t count = 0;
  *longest = 0;
  for (piece p = next_piece(rows, first, end, at_once); p.count > 0; count++) {
    if (p.span > p.count) *longest = bvl_greater(*longest, p.span);
    p = next_piece(rows, p.first + p.count, end, at_once);
  }
  return count;
}

/* Reads base rows into `to`. */
typedef bvl_status (*read_span)(void *context, int64_t row0, int64_t n_rows, void *to);

/* Chosen rows row0 .. row0 + count - 1, row_bytes each, by a reader of base rows; at least one
 * read. Collective. */
static bvl_status gather_rows(const bvl_row_subset *s, int64_t row0, int64_t count,
                              int64_t row_bytes, read_span read, void *context, char *out)
{
  const int64_t at_once = bvl_greater(s->buffer_bytes / bvl_greater(row_bytes, 1), 1);
  const int64_t end = row0 + count;
  bvl_status status = BVL_OK;
  char *staged = NULL;
  int64_t longest;
  int64_t n_pieces = bvl_greater(count_pieces(s->rows, row0, end, at_once, &longest), 1);
  BVL_TRY(bvl_agree(s->comm, BVL_ALLOC(&staged, longest * row_bytes)));
  BVL_TRY(bvl_max_i64(s->comm, &n_pieces, 1));
  piece p = {row0, 0, 0, 0};
  for (int64_t k = 0; k < n_pieces; k++) {
    p = next_piece(s->rows, p.first + p.count, end, at_once);
    const int in_place = p.span == p.count;
    BVL_TRY(read(context, p.base, p.span, in_place ? out : staged));
    for (int64_t i = 0; i < p.count && !in_place; i++)
      memcpy(out + i * row_bytes, staged + (s->rows[p.first + i] - p.base) * row_bytes,
             (size_t)row_bytes);
    out += p.count * row_bytes;
  }
cleanup:
  free(staged);
  return status;
}

/* ---- dense -------------------------------------------------------------------------------------
 */

typedef struct columns {
  const bvl_source *base;
  int64_t n_cols;
  const int64_t *cols;
} columns;

static bvl_status read_dense_span(void *context, int64_t row0, int64_t n_rows, void *to)
{
  const columns *c = context;
  return c->base->read_dense(c->base->context, row0, n_rows, c->n_cols, c->cols, to);
}

static bvl_status read_dense(void *context, int64_t row0, int64_t n_rows, int64_t n_cols,
                             const int64_t *cols, void *out)
{
  const bvl_row_subset *s = context;
  columns c = {s->base, n_cols, cols};
  return gather_rows(s, row0, n_rows, n_cols * bvl_dtype_bytes(s->base->dtype), read_dense_span, &c,
                     out);
}

/* ---- vectors beside the rows -------------------------------------------------------------------
 */

typedef struct vector_span {
  const bvl_row_subset_vectors *vectors;
  const char *what;
  int *present;
} vector_span;

static bvl_status read_vector_span(void *context, int64_t row0, int64_t n_rows, void *to)
{
  const vector_span *v = context;
  return v->vectors->read_rows(v->vectors->context, v->what, row0, n_rows, to, v->present);
}

bvl_status bvl_row_subset_read_rows(void *context, const char *what, int64_t row0, int64_t count,
                                    double *out, int *present)
{
  const bvl_row_subset_vectors *vectors = context;
  const int64_t width = strcmp(what, "y") == 0 ? bvl_greater(vectors->n_responses, 1) : 1;
  vector_span v = {vectors, what, present};
  return gather_rows(vectors->subset, row0, count, width * (int64_t)sizeof *out, read_vector_span,
                     &v, (char *)out);
}

/* ---- csr ---------------------------------------------------------------------------------------
 */

static bvl_status read_indptr(void *context, int64_t first, int64_t count, int64_t *indptr)
{
  const bvl_row_subset *s = context;
  if (count > 0) memcpy(indptr, s->indptr + first, (size_t)count * sizeof *indptr);
  return BVL_OK;
}

/* The chosen row that holds entry `at`: the last one whose entries begin at or before it and that
 * has any. */
static int64_t row_of(const bvl_row_subset *s, int64_t at)
{
  int64_t low = 0, high = s->n;
  while (high - low > 1) {
    int64_t middle = low + (high - low) / 2;
    if (s->indptr[middle] <= at)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* Entries first .. first + count - 1 of the chosen rows, from base entry `base` on; `span` of the
 * base's. `row` is the chosen row of the first. */
typedef struct entries {
  int64_t row;
  int64_t first;
  int64_t count;
  int64_t base;
  int64_t span;
} entries;

static entries next_entries(const bvl_row_subset *s, int64_t row, int64_t first, int64_t end,
                            int64_t at_once)
{
  entries next = {row, first, 0, 0, 0};
  if (first >= end) return next;
  while (s->indptr[row + 1] <= first) row++;
  next.row = row;
  next.base = s->begin[row] + first - s->indptr[row];
  const int64_t limit = next.base + at_once;
  for (; row < s->n && s->indptr[row] < end && s->begin[row] < limit; row++) {
    int64_t stop = bvl_lesser(s->begin[row] + s->indptr[row + 1] - s->indptr[row], limit);
    stop = bvl_lesser(stop, s->begin[row] + end - s->indptr[row]);
    int64_t from = bvl_greater(s->begin[row], next.base);
    if (stop <= from) continue;
    next.count += stop - from;
    next.span = stop - next.base;
  }
  return next;
}

/* Moves what is wanted of a staged span, 8 bytes an entry. */
static void pick_entries(const bvl_row_subset *s, const entries *e, const void *staged, void *out)
{
  const char *from = staged;
  char *to = out;
  int64_t left = e->count;
  int64_t at = e->first;
  for (int64_t row = e->row; left > 0; row++) {
    int64_t n = bvl_lesser(s->indptr[row + 1] - at, left);
    if (n <= 0) continue;
    int64_t place = s->begin[row] + at - s->indptr[row] - e->base;
    memcpy(to, from + 8 * place, (size_t)(8 * n));
    to += 8 * n;
    at += n;
    left -= n;
  }
}

static bvl_status read_entries(void *context, int64_t begin, int64_t count, int64_t *indices,
                               double *values)
{
  const bvl_row_subset *s = context;
  const int64_t end = begin + count;
  const int64_t row = count > 0 ? row_of(s, begin) : 0;
  const int64_t at_once = bvl_greater(s->buffer_bytes / 16, 1);
  bvl_status status = BVL_OK;
  int64_t *staged_indices = NULL;
  double *staged_values = NULL;
  int64_t n_pieces = 0, longest = 0;
  for (entries e = next_entries(s, row, begin, end, at_once); e.count > 0; n_pieces++) {
    longest = bvl_greater(longest, e.span);
    e = next_entries(s, e.row, e.first + e.count, end, at_once);
  }
  if (indices != NULL) status = BVL_ALLOC(&staged_indices, longest);
  if (values != NULL && status == BVL_OK) status = BVL_ALLOC(&staged_values, longest);
  BVL_TRY(bvl_agree(s->comm, status));
  BVL_TRY(bvl_max_i64(s->comm, &n_pieces, 1));
  entries e = {row, begin, 0, 0, 0};
  for (int64_t k = 0; k < n_pieces; k++) {
    e = next_entries(s, e.row, e.first + e.count, end, at_once);
    BVL_TRY(s->base->read_entries(s->base->context, e.base, e.span, staged_indices, staged_values));
    if (indices != NULL) pick_entries(s, &e, staged_indices, indices + (e.first - begin));
    if (values != NULL) pick_entries(s, &e, staged_values, values + (e.first - begin));
  }
cleanup:
  free(staged_values);
  free(staged_indices);
  return status;
}

/* ---- creation ----------------------------------------------------------------------------------
 */

static bvl_status check_rows(const bvl_source *base, int64_t n, const int64_t *rows)
{
  if (base->format == BVL_CSC)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s is stored as csc_matrix, from which rows cannot be chosen: store it as "
                    "csr_matrix",
                    base->name);
  for (int64_t i = 0; i < n; i++) {
    if (rows[i] < 0 || rows[i] >= base->n)
      return bvl_fail(BVL_ERR_USAGE, "chosen row %" PRId64 " is outside 0..%" PRId64 " of %s",
                      rows[i], base->n - 1, base->name);
    if (i > 0 && rows[i] <= rows[i - 1])
      return bvl_fail(BVL_ERR_USAGE, "chosen rows %" PRId64 " and %" PRId64 ": not ascending",
                      rows[i - 1], rows[i]);
  }
  return BVL_OK;
}

/* One indptr entry of the base a row: where the row begins (shift 0) or ends (shift 1). */
typedef struct bounds {
  const bvl_source *base;
  int64_t shift;
} bounds;

static bvl_status read_bounds_span(void *context, int64_t row0, int64_t n_rows, void *to)
{
  const bounds *b = context;
  return b->base->read_indptr(b->base->context, row0 + b->shift, n_rows, to);
}

static bvl_status check_bounds(const bvl_row_subset *s, const int64_t *end)
{
  for (int64_t i = 0; i < s->n; i++) {
    const int64_t least = i > 0 ? end[i - 1] : 0;
    if (s->begin[i] < least || end[i] < s->begin[i] || end[i] > s->base->nnz)
      return bvl_fail(BVL_ERR_INPUT,
                      "%s/indptr: %" PRId64 " and %" PRId64 " at row %" PRId64
                      ", not ascending within %" PRId64 "..%" PRId64,
                      s->base->name, s->begin[i], end[i], s->rows[i], least, s->base->nnz);
  }
  return BVL_OK;
}

/* Each rank reads its cut of the chosen rows' bounds; everyone gets all. */
static bvl_status read_bounds(bvl_row_subset *s)
{
  const bvl_comm *comm = s->comm;
  const int64_t first = bvl_cut(s->n, comm->size, comm->rank);
  const int64_t count = bvl_cut(s->n, comm->size, comm->rank + 1) - first;
  bvl_status status = BVL_OK;
  int64_t *mine = NULL, *end = NULL, *counts = NULL;
  status = BVL_ALLOC(&s->begin, s->n);
  if (status == BVL_OK) status = BVL_ALLOC(&s->indptr, s->n + 1);
  if (status == BVL_OK) status = BVL_ALLOC(&end, s->n);
  if (status == BVL_OK) status = BVL_ALLOC(&mine, count);
  if (status == BVL_OK) status = BVL_ALLOC(&counts, comm->size);
  BVL_TRY(bvl_agree(comm, status));
  for (int r = 0; r < comm->size; r++)
    counts[r] = bvl_cut(s->n, comm->size, r + 1) - bvl_cut(s->n, comm->size, r);
  for (int64_t shift = 0; shift < 2; shift++) {
    bounds b = {s->base, shift};
    BVL_TRY(gather_rows(s, first, count, sizeof *mine, read_bounds_span, &b, (char *)mine));
    BVL_TRY(bvl_gather_all_i64(comm, mine, counts, shift == 0 ? s->begin : end));
  }
  BVL_TRY(bvl_agree(comm, check_bounds(s, end)));
  for (int64_t i = 0; i < s->n; i++) s->indptr[i + 1] = s->indptr[i] + end[i] - s->begin[i];
cleanup:
  free(counts);
  free(mine);
  free(end);
  return status;
}

bvl_status bvl_row_subset_create(const bvl_comm *comm, const bvl_source *base, int64_t n,
                                 const int64_t *rows, int64_t buffer_bytes, bvl_row_subset *out)
{
  bvl_status status = BVL_OK;
  *out = (bvl_row_subset){.comm = comm, .base = base, .rows = rows, .n = n};
  out->buffer_bytes = buffer_bytes > 0 ? buffer_bytes : BUFFER_BYTES;
  BVL_TRY(bvl_agree(comm, check_rows(base, n, rows)));
  out->source = *base;
  out->source.context = out;
  out->source.n = n;
  out->source.row_name = rows;
  if (base->format == BVL_DENSE) {
    out->source.nnz = n * base->p;
    out->source.read_dense = read_dense;
    out->source.read_alone = NULL;
    return BVL_OK;
  }
  BVL_TRY(read_bounds(out));
  out->source.nnz = out->indptr[n];
  out->source.read_indptr = read_indptr;
  out->source.read_entries = read_entries;
cleanup:
  if (status != BVL_OK) bvl_row_subset_free(out);
  return status;
}

void bvl_row_subset_free(bvl_row_subset *subset)
{
  free(subset->begin);
  free(subset->indptr);
  memset(subset, 0, sizeof *subset);
}
