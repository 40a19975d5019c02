/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading a dense block: contiguous strips of input rows, row-major, scattered to the panels that
 * hold their local rows. */
#include "data/read.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/checked.h"

enum { MOST_STRIP_ROWS = 1 << 16, COLUMNS_AT_ONCE = 64 };

/* A strip on its way from the buffer to the panels. */
typedef struct strip {
  bvl_design *X;
  const bvl_source *source;
  const void *buffer; /* n_rows x n_cols, row-major */
  int64_t row0;       /* first input row */
  int64_t n_rows;
  int64_t n_cols;       /* all columns of this rank */
  const int64_t *input; /* input column of each, ascending */
  const int64_t *local; /* local column of each */
  int64_t *offset;      /* element of (row, local column 0) in X->values, n_rows */
  int64_t *ld;          /* rows of the row's panel, n_rows */
} strip;

/* Moves the strip a few columns at a time, so that the lines being written stay in the cache while
 * the rows go by; stops at the first element that is not `valid`. */
#define DEFINE_SCATTER(name, in_type, out_type, valid)                                             \
  static int64_t name(const strip *s)                                                              \
  {                                                                                                \
    const in_type *in = s->buffer;                                                                 \
    out_type *out = s->X->values;                                                                  \
    const int keeps_nan = s->X->has_missing; /* floats alone ask */                                \
    (void)keeps_nan;                                                                               \
    for (int64_t c0 = 0; c0 < s->n_cols; c0 += COLUMNS_AT_ONCE) {                                  \
      int64_t c1 = bvl_lesser(c0 + COLUMNS_AT_ONCE, s->n_cols);                                    \
      for (int64_t i = 0; i < s->n_rows; i++) {                                                    \
        for (int64_t c = c0; c < c1; c++) {                                                        \
          out_type x = (out_type)in[i * s->n_cols + c];                                            \
          if (!(valid)) return i * s->n_cols + c;                                                  \
          out[s->offset[i] + s->local[c] * s->ld[i]] = x;                                          \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
    return -1;                                                                                     \
  }

DEFINE_SCATTER(scatter_f64, double, double, isfinite(x) || (keeps_nan && isnan(x)))
DEFINE_SCATTER(scatter_f32, float, float, isfinite(x) || (keeps_nan && isnan(x)))
DEFINE_SCATTER(scatter_f64_to_f32, double, float, isfinite(x) || (keeps_nan && isnan(x)))
DEFINE_SCATTER(scatter_i8, int8_t, int8_t, 1)
DEFINE_SCATTER(scatter_u8, uint8_t, uint8_t, 1)

static bvl_status refuse(const strip *s, bvl_dtype dtype, int64_t at)
{
  double x = dtype == BVL_F64 ? ((const double *)s->buffer)[at] : ((const float *)s->buffer)[at];
  const char *what = isnan(x) ? "NaN" : isinf(x) ? "Inf" : "too large for float32";
  return bvl_fail(BVL_ERR_INPUT, "%s: row %" PRId64 ", column %" PRId64 ": %s", s->source->name,
                  bvl_source_row(s->source, s->row0 + at / s->n_cols),
                  bvl_source_column(s->source, s->input[at % s->n_cols]), what);
}

static bvl_status scatter(const strip *s, bvl_dtype dtype)
{
  int64_t bad = -1;
  switch (dtype) {
  case BVL_F64: bad = s->X->dtype == BVL_F32 ? scatter_f64_to_f32(s) : scatter_f64(s); break;
  case BVL_F32: bad = scatter_f32(s); break;
  case BVL_I8: bad = scatter_i8(s); break;
  case BVL_U8: bad = scatter_u8(s); break;
  }
  return bad < 0 ? BVL_OK : refuse(s, dtype, bad);
}

/* Where the local row of each input row lies: element of its column 0 (times nothing yet) and ld.
 */
static bvl_status locate_rows(const bvl_design *X, int64_t **offset, int64_t **ld)
{
  bvl_status status = BVL_OK;
  int64_t n_local = X->rows.n_local;
  BVL_TRY(BVL_ALLOC(offset, n_local));
  BVL_TRY(BVL_ALLOC(ld, n_local));
  for (int64_t panel = 0; panel < X->n_panels; panel++) {
    int64_t begin = X->panel_begin[panel];
    int64_t end = X->panel_begin[panel + 1];
    for (int64_t i = begin; i < end; i++) {
      int64_t place = X->rows.input[i] - X->rows.row0;
      (*offset)[place] = begin * X->columns.p_local + (i - begin);
      (*ld)[place] = end - begin;
    }
  }
cleanup:
  return status;
}

typedef struct column_pair {
  int64_t input;
  int64_t local;
} column_pair;

static int compare_input(const void *a, const void *b)
{
  int64_t x = ((const column_pair *)a)->input;
  int64_t y = ((const column_pair *)b)->input;
  return (x > y) - (x < y);
}

bvl_status bvl_read_order(const bvl_columns *columns, int64_t **input, int64_t **local)
{
  bvl_status status = BVL_OK;
  column_pair *pairs = NULL;
  int64_t p_local = columns->p_local;
  BVL_TRY(BVL_ALLOC(input, p_local));
  BVL_TRY(BVL_ALLOC(local, p_local));
  BVL_TRY(BVL_ALLOC(&pairs, p_local));
  for (int64_t k = 0; k < p_local; k++)
    pairs[k] = (column_pair){bvl_columns_input(columns, columns->first + k), k};
  if (columns->input != NULL) qsort(pairs, (size_t)p_local, sizeof *pairs, compare_input);
  for (int64_t k = 0; k < p_local; k++) {
    (*input)[k] = pairs[k].input;
    (*local)[k] = pairs[k].local;
  }
cleanup:
  free(pairs);
  return status;
}

/* Strips this rank needs; a rank without rows or columns needs none. */
static int64_t strip_rows(const bvl_design *X, int64_t row_bytes, int64_t buffer_bytes)
{
  int64_t rows = bvl_greater(buffer_bytes / bvl_greater(row_bytes, 1), 1);
  return bvl_lesser(bvl_lesser(rows, MOST_STRIP_ROWS), bvl_greater(X->rows.n_local, 1));
}

bvl_status bvl_read_dense(bvl_design *X, const bvl_source *source, int64_t buffer_bytes)
{
  bvl_status status = BVL_OK;
  bvl_status found = BVL_OK; /* the first bad element here; reading goes on with the others */
  int64_t n_local = X->columns.p_local > 0 ? X->rows.n_local : 0;
  int64_t row_bytes = X->columns.p_local * bvl_dtype_bytes(source->dtype);
  int64_t at_once = strip_rows(X, row_bytes, buffer_bytes);
  int64_t n_strips = (n_local + at_once - 1) / at_once;
  int64_t *input = NULL;
  int64_t *local = NULL;
  int64_t *offset = NULL;
  int64_t *ld = NULL;
  char *buffer = NULL;
  status = bvl_read_order(&X->columns, &input, &local);
  if (status == BVL_OK) status = locate_rows(X, &offset, &ld);
  if (status == BVL_OK) status = BVL_ALLOC(&buffer, at_once * row_bytes);
  BVL_TRY(bvl_agree(&X->grid->all, status));
  BVL_TRY(bvl_max_i64(&X->grid->all, &n_strips, 1));
  for (int64_t k = 0; k < n_strips; k++) {
    int64_t first = bvl_lesser(k * at_once, n_local);
    int64_t n_rows = bvl_lesser(at_once, n_local - first);
    strip s = {
        X,     source,         buffer,    X->rows.row0 + first, n_rows, X->columns.p_local, input,
        local, offset + first, ld + first};
    BVL_TRY(source->read_dense(source->context, s.row0, n_rows, s.n_cols, input, buffer));
    if (found == BVL_OK) found = scatter(&s, source->dtype);
  }
  BVL_TRY(bvl_agree(&X->grid->all, found));
cleanup:
  free(buffer);
  free(ld);
  free(offset);
  free(local);
  free(input);
  return status;
}
