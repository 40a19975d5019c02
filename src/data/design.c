/* SPDX-License-Identifier: BSD-3-Clause */
/* The distributed design matrix: who holds what, and how it is laid out in memory. */
#include "data/design.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/read.h"
#include "data/streamed.h"

enum { DEFAULT_BUFFER_BYTES = 8 << 20, ALIGNMENT = 64 };

/* Do the blocks cover positions 0..p, in order? */
static bvl_status check_blocks(int64_t p, int64_t n_blocks, const int64_t *begin)
{
  if (n_blocks < 0 || (n_blocks > 0 && begin == NULL))
    return bvl_fail(BVL_ERR_USAGE, "%" PRId64 " column blocks without block_begin", n_blocks);
  int64_t at = 0; /* where the next block must not begin before */
  for (int64_t b = 0; b <= n_blocks && n_blocks > 0; b++) {
    int64_t wanted = b == 0 ? 0 : b == n_blocks ? p : begin[b];
    if (begin[b] != wanted || begin[b] < at || begin[b] > p)
      return bvl_fail(BVL_ERR_USAGE, "column block %" PRId64 " begins at %" PRId64, b, begin[b]);
    at = begin[b];
  }
  return BVL_OK;
}

/* Is input[0..p) a permutation? */
static bvl_status check_permutation(int64_t p, const int64_t *input)
{
  bvl_status status = BVL_OK;
  unsigned char *seen = NULL;
  BVL_TRY(BVL_ALLOC(&seen, p));
  for (int64_t k = 0; k < p; k++) {
    if (input[k] < 0 || input[k] >= p || seen[input[k]])
      BVL_TRY(bvl_fail(BVL_ERR_USAGE,
                       "input column %" PRId64 " at position %" PRId64
                       " is out of range or there twice",
                       input[k], k));
    seen[input[k]] = 1;
  }
cleanup:
  free(seen);
  return status;
}

static bvl_status check_request(const bvl_source *source, const bvl_design_options *options)
{
  if (source->n <= 0 || source->p <= 0)
    return bvl_fail(BVL_ERR_INPUT, "%s: empty, %" PRId64 " x %" PRId64, source->name, source->n,
                    source->p);
  if (options->n_slices < 0 || options->n_slices > source->n)
    return bvl_fail(BVL_ERR_USAGE, "%" PRId64 " slices of %" PRId64 " rows", options->n_slices,
                    source->n);
  if (options->panel_bytes < 0 || options->buffer_bytes < 0 || options->stream_bytes < 0)
    return bvl_fail(BVL_ERR_USAGE, "negative panel_bytes, buffer_bytes or stream_bytes");
  if (options->stream_bytes > 0 && (source->format != BVL_DENSE || options->n_slices > 1))
    return bvl_fail(BVL_ERR_USAGE, "%s: streamed it must be dense, and not in minibatches",
                    source->name);
  bvl_status status = check_blocks(source->p, options->n_blocks, options->block_begin);
  if (status != BVL_OK) return status;
  return options->input != NULL ? check_permutation(source->p, options->input) : BVL_OK;
}

/* A multiple of 4 rows, so that only the end of a slice leaves a vector half full. */
static int64_t panel_rows(const bvl_design *X, int64_t panel_bytes)
{
  if (panel_bytes == 0) return BVL_PANEL_ROWS;
  int64_t row_bytes = bvl_greater(X->columns.p_local, 1) * bvl_dtype_bytes(X->dtype);
  int64_t rows = panel_bytes / row_bytes / 4 * 4;
  return bvl_lesser(bvl_greater(rows, 4), BVL_PANEL_ROWS);
}

static bvl_status cut_panels(bvl_design *X, int64_t panel_bytes)
{
  const bvl_rows *rows = &X->rows;
  int64_t most = panel_rows(X, panel_bytes);
  for (int64_t s = 0; s < rows->n_slices; s++)
    X->n_panels += (rows->slice_begin[s + 1] - rows->slice_begin[s] + most - 1) / most;
  bvl_status status = BVL_ALLOC(&X->panel_begin, X->n_panels + 1);
  if (status != BVL_OK) return status;
  int64_t panel = 0;
  for (int64_t s = 0; s < rows->n_slices; s++)
    for (int64_t i = rows->slice_begin[s]; i < rows->slice_begin[s + 1]; i += most)
      X->panel_begin[panel++] = i;
  X->panel_begin[X->n_panels] = rows->n_local;
  return BVL_OK;
}

static bvl_status allocate_dense(bvl_design *X, const bvl_source *source,
                                 const bvl_design_options *options)
{
  bvl_status status = cut_panels(X, options->panel_bytes);
  if (status == BVL_OK && X->has_missing) status = BVL_ALLOC(&X->fill, X->columns.p_local);
  if (status != BVL_OK) return status;
  if (options->stream_bytes > 0) return bvl_streamed_create(X, source, options->stream_bytes);
  int64_t width = X->columns.p_local * bvl_dtype_bytes(X->dtype);
  if (X->rows.n_local > 0 && width > (INT64_MAX - ALIGNMENT) / X->rows.n_local)
    return bvl_fail(BVL_ERR_NOMEM, "%" PRId64 " rows of %" PRId64 " bytes", X->rows.n_local, width);
  int64_t bytes = (X->rows.n_local * width / ALIGNMENT + 1) * ALIGNMENT;
  X->values = aligned_alloc(ALIGNMENT, (size_t)bytes);
  if (X->values == NULL)
    return bvl_fail(BVL_ERR_NOMEM, "cannot allocate %" PRId64 " bytes of X", bytes);
  return BVL_OK;
}

/* The file's order: a strip of rows is then contiguous there. */
static void order_rows(bvl_rows *rows)
{
  for (int64_t i = 0; i < rows->n_local; i++) rows->input[i] = rows->row0 + i;
}

void bvl_design_load(const bvl_design *X, int64_t panel, int64_t c, double *out)
{
  const int64_t begin = X->panel_begin[panel];
  const int64_t m = X->panel_begin[panel + 1] - begin;
  if (X->streamed != NULL)
    bvl_design_convert(X, bvl_streamed_column(X, c), begin, m, out);
  else
    bvl_design_convert(X, X->values, begin * X->columns.p_local + c * m, m, out);
}

void bvl_design_convert(const bvl_design *X, const void *values, int64_t first, int64_t m,
                        double *out)
{
  if (X->dtype == BVL_F64) {
    const double *x = (const double *)values + first;
    for (int64_t i = 0; i < m; i++) out[i] = x[i];
  } else if (X->dtype == BVL_F32) {
    const float *x = (const float *)values + first;
    for (int64_t i = 0; i < m; i++) out[i] = x[i];
  } else if (X->dtype == BVL_I8) {
    const int8_t *x = (const int8_t *)values + first;
    for (int64_t i = 0; i < m; i++) out[i] = x[i];
    for (int64_t i = 0; i < m && X->has_missing; i++)
      if (x[i] == X->missing) out[i] = NAN;
  } else {
    const uint8_t *x = (const uint8_t *)values + first;
    for (int64_t i = 0; i < m; i++) out[i] = x[i];
  }
}

bvl_dtype bvl_design_held_dtype(const bvl_source *source, int store_float32)
{
  const int rounded = source->format == BVL_DENSE && source->dtype == BVL_F64 && store_float32;
  return rounded ? BVL_F32 : source->dtype;
}

static bvl_status create_dense(bvl_design *X, const bvl_source *source,
                               const bvl_design_options *options, int64_t buffer_bytes)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &X->grid->all;
  X->format = BVL_DENSE;
  X->dtype = bvl_design_held_dtype(source, options->store_float32);
  X->has_missing = source->dtype != BVL_U8 && source->has_missing;
  X->missing = source->missing;
  BVL_TRY(bvl_agree(all, bvl_columns_create(X->grid, source->p, options->input, options->n_blocks,
                                            options->n_blocks > 0 ? options->block_begin : NULL,
                                            NULL, &X->columns)));
  if (options->stream_bytes > 0) order_rows(&X->rows);
  BVL_TRY(bvl_agree(all, allocate_dense(X, source, options)));
  if (options->stream_bytes == 0) BVL_TRY(bvl_read_dense(X, source, buffer_bytes));
cleanup:
  return status;
}

/* What column blocks are balanced by: nonzeros, and what a column costs however empty it is, in
 * screening, certificates, vectors of p. On a path over sparse words one took about the time of 32
 * entries, and about the memory of 20. */
enum { COLUMN_WEIGHT = 32 };

static void weigh_columns(int64_t p, const int64_t *input, const double *counts, double *weight)
{
  for (int64_t k = 0; k < p; k++) weight[k] = counts[input != NULL ? input[k] : k] + COLUMN_WEIGHT;
}

static bvl_status create_sparse(bvl_design *X, const bvl_source *source,
                                const bvl_design_options *options, int64_t buffer_bytes)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &X->grid->all;
  double *counts = NULL;
  double *weight = NULL;
  X->format = BVL_CSC;
  X->dtype = BVL_F64;
  status = BVL_ALLOC(&counts, source->p);
  if (status == BVL_OK) status = BVL_ALLOC(&weight, source->p);
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(bvl_read_counts(X->grid, source, buffer_bytes, counts));
  weigh_columns(source->p, options->input, counts, weight);
  BVL_TRY(bvl_agree(all, bvl_columns_create(X->grid, source->p, options->input, options->n_blocks,
                                            options->n_blocks > 0 ? options->block_begin : NULL,
                                            options->equal_columns ? NULL : weight, &X->columns)));
  BVL_TRY(bvl_read_sparse(X, source, options->row_access, buffer_bytes));
cleanup:
  free(weight);
  free(counts);
  return status;
}

bvl_status bvl_design_create(const bvl_grid *grid, const bvl_source *source,
                             const bvl_design_options *options, bvl_design **out)
{
  static const bvl_design_options defaults = {0};
  bvl_status status = BVL_OK;
  bvl_design *X = NULL;
  const bvl_comm *all = &grid->all;
  *out = NULL;
  if (options == NULL) options = &defaults;
  int64_t n_slices = bvl_greater(options->n_slices, 1);
  int64_t buffer_bytes = options->buffer_bytes > 0 ? options->buffer_bytes : DEFAULT_BUFFER_BYTES;
  BVL_TRY(bvl_check_same(all, source->n, "rows of X"));
  BVL_TRY(bvl_check_same(all, source->p, "columns of X"));
  BVL_TRY(bvl_check_same(all, n_slices, "slices"));
  BVL_TRY(bvl_agree(all, check_request(source, options)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&X, 1)));
  X->grid = grid;
  BVL_TRY(bvl_agree(all, bvl_rows_create(grid, source->n, n_slices, &X->rows)));
  if (source->format == BVL_DENSE)
    BVL_TRY(create_dense(X, source, options, buffer_bytes));
  else
    BVL_TRY(create_sparse(X, source, options, buffer_bytes));
  int64_t p_local = X->columns.p_local;
  status = BVL_GROW(&X->work, &X->work_len, 2 * p_local);
  if (status == BVL_OK) status = BVL_ALLOC(&X->packed, p_local);
  if (status == BVL_OK) status = BVL_ALLOC(&X->constant, p_local);
  X->packed_k = 1;
  BVL_TRY(bvl_agree(all, status));
  *out = X;
  X = NULL; /* now the caller's */
cleanup:
  bvl_design_destroy(&X);
  return status;
}

static void free_entries(bvl_design *X)
{
  bvl_rows_free(&X->rows);
  bvl_columns_free(&X->columns);
  free(X->values);
  bvl_streamed_destroy(&X->streamed);
  free(X->panel_begin);
  free(X->col_ptr);
  free(X->row_idx);
  free(X->col_val);
  free(X->row_ptr);
  free(X->col_idx);
  free(X->row_val);
}

void bvl_design_destroy(bvl_design **handle)
{
  bvl_design *X = *handle;
  *handle = NULL;
  if (X == NULL) return;
  if (!X->is_view) free_entries(X);
  free(X->center);
  free(X->inv_scale);
  free(X->scale);
  free(X->fill);
  free(X->constant);
  free(X->work);
  free(X->packed);
  free(X);
}

int64_t bvl_design_n(const bvl_design *X)
{
  return X->rows.n;
}

int64_t bvl_design_p(const bvl_design *X)
{
  return X->columns.p;
}

int64_t bvl_design_n_local(const bvl_design *X)
{
  return X->rows.n_local;
}

int64_t bvl_design_p_local(const bvl_design *X)
{
  return X->columns.p_local;
}

int64_t bvl_design_first(const bvl_design *X)
{
  return X->columns.first;
}

int64_t bvl_design_input_column(const bvl_design *X, int64_t k)
{
  return bvl_columns_input(&X->columns, X->columns.first + k);
}

int64_t bvl_design_input_row(const bvl_design *X, int64_t i)
{
  return X->rows.input[i];
}

int64_t bvl_design_bytes(const bvl_design *X)
{
  if (X->format == BVL_DENSE)
    return X->rows.n_local * X->columns.p_local * bvl_dtype_bytes(X->dtype);
  int64_t entries = X->col_ptr[X->columns.p_local] * 12;
  int64_t bytes = entries + (X->columns.p_local + 1) * 8;
  if (X->row_ptr != NULL) bytes += entries + (X->rows.n_local + 1) * 8;
  return bytes;
}

int64_t bvl_design_bytes_touched(const bvl_design *X)
{
  return X->bytes_touched;
}

const double *bvl_design_center(const bvl_design *X)
{
  return X->center;
}

const double *bvl_design_scale(const bvl_design *X)
{
  return X->scale;
}

const double *bvl_design_fill(const bvl_design *X)
{
  return X->fill;
}

void bvl_design_set_fill(bvl_design *X, const double *values)
{
  if (X->fill != NULL) memcpy(X->fill, values, (size_t)X->columns.p_local * sizeof *values);
  bvl_design_fill_in(X);
}

static void fill_doubles(int64_t m, double fill, double *x)
{
  for (int64_t i = 0; i < m; i++) x[i] = isnan(x[i]) ? fill : x[i];
}

static void fill_floats(int64_t m, float fill, float *x)
{
  for (int64_t i = 0; i < m; i++) x[i] = isnan(x[i]) ? fill : x[i];
}

void bvl_design_fill_in(bvl_design *X)
{
  if (!X->has_missing || X->dtype == BVL_I8) return;
  for (int64_t panel = 0; panel < X->n_panels; panel++) {
    const int64_t begin = X->panel_begin[panel];
    const int64_t m = X->panel_begin[panel + 1] - begin;
    for (int64_t c = 0; c < X->columns.p_local; c++) {
      const int64_t first = begin * X->columns.p_local + c * m;
      if (X->dtype == BVL_F64)
        fill_doubles(m, X->fill[c], (double *)X->values + first);
      else
        fill_floats(m, (float)X->fill[c], (float *)X->values + first);
    }
  }
  X->has_missing = 0;
}

int bvl_design_is_constant(const bvl_design *X, int64_t k)
{
  return X->constant[k];
}
