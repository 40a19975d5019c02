/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading a sparse block from a CSC or CSR source: two passes over the entries of this rank's
 * columns (rows), one that counts and one that fills, in windows of the buffer's size. What comes
 * out is CSC in local row order, and its transpose when row access is wanted. */
#include "data/read_sparse.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/checked.h"

/* What this rank takes from the file: some slices of its compressed ("major") axis, and of their
 * entries those whose "minor" index maps to a local one. */
typedef struct stream {
  bvl_design *X;
  const bvl_source *source;
  int64_t n_major;    /* slices wanted */
  int64_t *major;     /* n_major: which, ascending */
  int64_t *local;     /* n_major: local column (CSC) or row (CSR) of each */
  int64_t *begin;     /* n_major: first entry of each */
  int64_t *end;       /* n_major: one past its last */
  int64_t read_begin; /* slices whose begin is known, while reading indptr */
  int64_t read_end;
  int64_t n_minor; /* the file's minor axis: n (CSC) or p (CSR) */
  int64_t map0;    /* minor index of map[0] */
  int64_t map_len;
  int32_t *map;     /* map_len: local row (CSC) or column (CSR), -1 if not here */
  int64_t at_once;  /* entries a window */
  int64_t *indices; /* at_once */
  double *values;   /* at_once */
  int64_t *cursor;  /* p_local: where each column's next entry goes */
} stream;

static void free_stream(stream *s)
{
  free(s->major);
  free(s->local);
  free(s->begin);
  free(s->end);
  free(s->map);
  free(s->indices);
  free(s->values);
  free(s->cursor);
}

static bvl_status take_columns(stream *s)
{
  bvl_status status = BVL_OK;
  const bvl_rows *rows = &s->X->rows;
  BVL_TRY(bvl_read_order(&s->X->columns, &s->major, &s->local));
  s->n_major = rows->n_local > 0 ? s->X->columns.p_local : 0;
  s->n_minor = s->source->n;
  s->map0 = rows->row0;
  s->map_len = rows->n_local;
  BVL_TRY(BVL_ALLOC(&s->map, s->map_len));
  for (int64_t i = 0; i < rows->n_local; i++) s->map[rows->input[i] - rows->row0] = (int32_t)i;
cleanup:
  return status;
}

static bvl_status take_rows(stream *s)
{
  bvl_status status = BVL_OK;
  const bvl_rows *rows = &s->X->rows;
  const bvl_columns *columns = &s->X->columns;
  BVL_TRY(BVL_ALLOC(&s->major, rows->n_local));
  BVL_TRY(BVL_ALLOC(&s->local, rows->n_local));
  s->n_major = columns->p_local > 0 ? rows->n_local : 0;
  for (int64_t i = 0; i < rows->n_local; i++) {
    s->major[i] = rows->row0 + i;
    s->local[rows->input[i] - rows->row0] = i;
  }
  s->n_minor = s->map_len = columns->p;
  BVL_TRY(BVL_ALLOC(&s->map, s->map_len));
  for (int64_t j = 0; j < columns->p; j++) s->map[j] = -1;
  for (int64_t k = 0; k < columns->p_local; k++)
    s->map[bvl_columns_input(columns, columns->first + k)] = (int32_t)k;
cleanup:
  return status;
}

static bvl_status open_stream(bvl_design *X, const bvl_source *source, int64_t buffer_bytes,
                              stream *s)
{
  bvl_status status = BVL_OK;
  *s = (stream){.X = X, .source = source};
  if (X->rows.n_local > INT32_MAX || X->columns.p_local > INT32_MAX)
    return bvl_fail(BVL_ERR_USAGE,
                    "a sparse block of %" PRId64 " x %" PRId64
                    " needs more ranks: 32-bit local indices",
                    X->rows.n_local, X->columns.p_local);
  BVL_TRY(source->format == BVL_CSC ? take_columns(s) : take_rows(s));
  s->at_once = bvl_greater(buffer_bytes / 16, 1);
  s->at_once = bvl_lesser(s->at_once, bvl_greater(source->nnz, 1));
  BVL_TRY(BVL_ALLOC(&s->begin, s->n_major));
  BVL_TRY(BVL_ALLOC(&s->end, s->n_major));
  BVL_TRY(BVL_ALLOC(&s->indices, s->at_once));
  BVL_TRY(BVL_ALLOC(&s->values, s->at_once));
  BVL_TRY(BVL_ALLOC(&s->cursor, X->columns.p_local));
  BVL_TRY(BVL_ALLOC(&X->col_ptr, X->columns.p_local + 1));
cleanup:
  return status;
}

/* A position ends one slice and begins the next; either may be wanted. */
static bvl_status take_position(void *context, int64_t position, int64_t value)
{
  stream *s = context;
  if (s->read_end < s->n_major && position == s->major[s->read_end] + 1)
    s->end[s->read_end++] = value;
  if (s->read_begin < s->n_major && position == s->major[s->read_begin])
    s->begin[s->read_begin++] = value;
  return BVL_OK;
}

/* Entries first .. first + count - 1 of the file, which begin in wanted slice `slice`. Entries of
 * slices in between that are not wanted are read along: fewer, longer reads. */
typedef struct window {
  int64_t slice;
  int64_t first;
  int64_t count;
} window;

static void next_window(const stream *s, window *w)
{
  int64_t next = w->first + w->count;
  while (w->slice < s->n_major && s->end[w->slice] <= next) w->slice++;
  while (w->slice < s->n_major && s->begin[w->slice] == s->end[w->slice]) w->slice++;
  w->count = 0;
  w->first = next;
  if (w->slice == s->n_major) return;
  w->first = bvl_greater(next, s->begin[w->slice]);
  int64_t limit = w->first + s->at_once;
  for (int64_t k = w->slice; k < s->n_major && s->begin[k] < limit; k++)
    w->count = bvl_lesser(s->end[k], limit) - w->first;
}

static int64_t count_windows(const stream *s)
{
  int64_t count = -1;
  window w = {0, 0, 0};
  do {
    next_window(s, &w);
    count++;
  } while (w.count > 0);
  return count;
}

static const char *major_name(const stream *s)
{
  return s->source->format == BVL_CSC ? "column" : "row";
}

/* What a message calls a wanted slice. */
static int64_t major_index(const stream *s, int64_t slice)
{
  return s->source->format == BVL_CSR ? bvl_source_row(s->source, s->major[slice])
                                      : s->major[slice];
}

static bvl_status check_index(const stream *s, int64_t slice, int64_t previous, int64_t index)
{
  const char *minor = s->source->format == BVL_CSC ? "row" : "column";
  const int64_t major = major_index(s, slice);
  if (index < 0 || index >= s->n_minor)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s/indices: %s %" PRId64 ": %s index %" PRId64 " outside 0..%" PRId64,
                    s->source->name, major_name(s), major, minor, index, s->n_minor - 1);
  if (index <= previous)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s/indices: %s %" PRId64 ": %s index %" PRId64 " not above %" PRId64
                    " (unsorted or duplicate)",
                    s->source->name, major_name(s), major, minor, index, previous);
  return BVL_OK;
}

static bvl_status check_value(const stream *s, int64_t slice, int64_t index, double value)
{
  if (isfinite(value)) return BVL_OK;
  int csc = s->source->format == BVL_CSC;
  return bvl_fail(BVL_ERR_INPUT, "%s: row %" PRId64 ", column %" PRId64 ": %s", s->source->name,
                  csc ? index : major_index(s, slice), csc ? s->major[slice] : index,
                  isnan(value) ? "NaN" : "Inf");
}

/* Counts (or stores, when `fill`) one entry that is this rank's. */
static void take_entry(stream *s, int64_t slice, int32_t minor, int fill, double value)
{
  int csc = s->source->format == BVL_CSC;
  int64_t column = csc ? s->local[slice] : minor;
  if (fill) {
    int64_t at = s->cursor[column];
    s->X->row_idx[at] = csc ? minor : (int32_t)s->local[slice];
    s->X->col_val[at] = value;
  }
  s->cursor[column]++;
}

static bvl_status take_window(stream *s, const window *w, int fill, int64_t *previous)
{
  bvl_status found = BVL_OK;
  int64_t stop = w->first + w->count;
  for (int64_t k = w->slice; k < s->n_major && s->begin[k] < stop; k++) {
    int64_t begin = bvl_greater(s->begin[k], w->first);
    int64_t end = bvl_lesser(s->end[k], stop);
    if (begin == s->begin[k]) *previous = -1;
    for (int64_t e = begin; e < end; e++) {
      int64_t index = s->indices[e - w->first];
      if (found == BVL_OK) found = check_index(s, k, *previous, index);
      *previous = index;
      int64_t at = index - s->map0;
      if (at < 0 || at >= s->map_len || s->map[at] < 0) continue;
      double value = fill ? s->values[e - w->first] : 0.0;
      if (found == BVL_OK) found = check_value(s, k, index, value);
      take_entry(s, k, s->map[at], fill, value);
    }
  }
  return found;
}

/* One pass over the entries. Collective. */
static bvl_status pass(stream *s, int64_t n_windows, int fill)
{
  bvl_status status = BVL_OK;
  bvl_status found = BVL_OK;
  window w = {0, 0, 0};
  int64_t previous = -1;
  for (int64_t k = 0; k < n_windows; k++) {
    next_window(s, &w);
    BVL_TRY(s->source->read_entries(s->source->context, w.first, w.count, s->indices,
                                    fill ? s->values : NULL));
    bvl_status here = take_window(s, &w, fill, &previous);
    if (found == BVL_OK) found = here;
  }
  BVL_TRY(bvl_agree(&s->X->grid->all, found));
cleanup:
  return status;
}

/* Turns the counts in cursor into col_ptr, cursor into the first place of each column. */
static bvl_status allocate_entries(stream *s)
{
  bvl_status status = BVL_OK;
  bvl_design *X = s->X;
  int64_t p_local = X->columns.p_local;
  for (int64_t c = 0; c < p_local; c++) {
    X->col_ptr[c + 1] = X->col_ptr[c] + s->cursor[c];
    s->cursor[c] = X->col_ptr[c];
  }
  BVL_TRY(BVL_ALLOC(&X->row_idx, X->col_ptr[p_local]));
  BVL_TRY(BVL_ALLOC(&X->col_val, X->col_ptr[p_local]));
cleanup:
  return status;
}

typedef struct entry {
  double value;
  int32_t row;
} entry;

static int compare_row(const void *a, const void *b)
{
  int32_t x = ((const entry *)a)->row;
  int32_t y = ((const entry *)b)->row;
  return (x > y) - (x < y);
}

/* The file has each column in input order; local rows stand in another. */
static bvl_status sort_columns(bvl_design *X)
{
  int64_t longest = 0;
  entry *column = NULL;
  for (int64_t c = 0; c < X->columns.p_local; c++)
    longest = bvl_greater(longest, X->col_ptr[c + 1] - X->col_ptr[c]);
  bvl_status status = BVL_ALLOC(&column, longest);
  if (status != BVL_OK) return status;
  for (int64_t c = 0; c < X->columns.p_local; c++) {
    int64_t begin = X->col_ptr[c];
    int64_t count = X->col_ptr[c + 1] - begin;
    for (int64_t e = 0; e < count; e++)
      column[e] = (entry){X->col_val[begin + e], X->row_idx[begin + e]};
    qsort(column, (size_t)count, sizeof *column, compare_row);
    for (int64_t e = 0; e < count; e++) {
      X->col_val[begin + e] = column[e].value;
      X->row_idx[begin + e] = column[e].row;
    }
  }
  free(column);
  return BVL_OK;
}

/* CSR from CSC: columns in order, so every row's columns come out in order. */
static bvl_status transpose(bvl_design *X)
{
  bvl_status status = BVL_OK;
  int64_t p_local = X->columns.p_local;
  int64_t n_local = X->rows.n_local;
  int64_t nnz = X->col_ptr[p_local];
  int64_t *cursor = NULL;
  BVL_TRY(BVL_ALLOC(&X->row_ptr, n_local + 1));
  BVL_TRY(BVL_ALLOC(&X->col_idx, nnz));
  BVL_TRY(BVL_ALLOC(&X->row_val, nnz));
  BVL_TRY(BVL_ALLOC(&cursor, n_local));
  for (int64_t e = 0; e < nnz; e++) X->row_ptr[X->row_idx[e] + 1]++;
  for (int64_t i = 0; i < n_local; i++) {
    cursor[i] = X->row_ptr[i];
    X->row_ptr[i + 1] += X->row_ptr[i];
  }
  for (int64_t c = 0; c < p_local; c++)
    for (int64_t e = X->col_ptr[c]; e < X->col_ptr[c + 1]; e++) {
      int64_t at = cursor[X->row_idx[e]]++;
      X->col_idx[at] = (int32_t)c;
      X->row_val[at] = X->col_val[e];
    }
cleanup:
  free(cursor);
  return status;
}

bvl_status bvl_read_sparse(bvl_design *X, const bvl_source *source, int row_access,
                           int64_t buffer_bytes)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &X->grid->all;
  stream s;
  BVL_TRY(bvl_agree(all, open_stream(X, source, buffer_bytes, &s)));
  int64_t first = s.n_major > 0 ? s.major[0] : 0;
  int64_t count = s.n_major > 0 ? s.major[s.n_major - 1] + 2 - first : 0;
  BVL_TRY(bvl_read_indptr(all, source, first, count, buffer_bytes, take_position, &s));
  int64_t n_windows = count_windows(&s);
  BVL_TRY(bvl_max_i64(all, &n_windows, 1));
  BVL_TRY(pass(&s, n_windows, 0));
  BVL_TRY(bvl_agree(all, allocate_entries(&s)));
  BVL_TRY(pass(&s, n_windows, 1));
  status = sort_columns(X);
  if (status == BVL_OK && row_access) status = transpose(X);
  BVL_TRY(bvl_agree(all, status));
cleanup:
  free_stream(&s);
  return status;
}
