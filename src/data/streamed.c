/* SPDX-License-Identifier: BSD-3-Clause */
/* A dense X that is not held. Memory: two small buffers (a strip of rows as the file has them, a
 * block of it turned column-major) and a cache of whole columns, which gets what the caller's limit
 * leaves. Work: one read and one turn an element and pass. */
#include "data/streamed_store.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/read.h"

enum {
  STRIP_BYTES = 16 << 20,   /* the most: longer strips are no faster to read */
  LEAST_STRIP = 1 << 15,    /* elements of a strip */
  NARROW_ROWS = 64,         /* of a strip that cannot have whole rows */
  BLOCK_ELEMENTS = 1 << 15, /* of a turned block: stays in the second-level cache */
  PADDING = 8,              /* so that columns of a block do not fall on the same cache lines */
  GROUP = 16,               /* blocks begin at multiples of it */
};

void bvl_streamed_destroy(bvl_streamed **streamed)
{
  bvl_streamed *s = *streamed;
  *streamed = NULL;
  if (s == NULL) return;
  free(s->input);
  free(s->order);
  free(s->place);
  free(s->raw);
  free(s->block);
  free(s->asked);
  free(s->list);
  free(s->low);
  free(s->high);
  free(s->columns);
  free(s->slot);
  free(s->column_of);
  free(s->last_use);
  free(s->free_slots);
  free(s->missing);
  free(s->zeros);
  free(s);
}

/* The file's order of this rank's columns, where it is not theirs. */
static bvl_status order_columns(bvl_streamed *s, const bvl_columns *columns)
{
  bvl_status status = BVL_OK;
  int sorted = 1;
  BVL_TRY(BVL_ALLOC(&s->input, s->p_local));
  for (int64_t c = 0; c < s->p_local; c++) {
    s->input[c] = bvl_columns_input(columns, columns->first + c);
    sorted &= c == 0 || s->input[c] == s->input[c - 1] + 1;
  }
  if (sorted) return BVL_OK;
  BVL_TRY(bvl_read_order(columns, &s->place, &s->order));
  for (int64_t k = 0; k < s->p_local; k++) s->place[s->order[k]] = k;
cleanup:
  return status;
}

static bvl_status allocate(bvl_streamed *s, int64_t bytes, int64_t element, int64_t in_element)
{
  bvl_status status = BVL_OK;
  const int64_t strip_bytes = bvl_lesser(STRIP_BYTES, bytes / 4);
  s->strip = bvl_greater(bvl_greater(strip_bytes / in_element, LEAST_STRIP), s->p_local);
  const int64_t column_bytes = bvl_greater(s->n_local, 1) * element + 24; /* and its slot */
  const int64_t left = bytes - s->strip * in_element - BLOCK_ELEMENTS * element;
  s->capacity = bvl_lesser(bvl_greater(left / column_bytes, BVL_STREAMED_RUN),
                           bvl_greater(s->p_local, 1));
  s->capacity = bvl_lesser(s->capacity, INT32_MAX);
  s->raw = malloc((size_t)(s->strip * in_element));
  s->block = malloc((size_t)(BLOCK_ELEMENTS * element));
  s->columns = malloc((size_t)(s->capacity * s->n_local * element) + 1);
  if (s->raw == NULL || s->block == NULL || s->columns == NULL)
    return bvl_fail(BVL_ERR_NOMEM, "%" PRId64 " bytes to stream X", bytes);
  BVL_TRY(BVL_ALLOC(&s->asked, s->p_local));
  BVL_TRY(BVL_ALLOC(&s->list, s->p_local));
  BVL_TRY(BVL_ALLOC(&s->low, s->p_local));
  BVL_TRY(BVL_ALLOC(&s->high, s->p_local));
  BVL_TRY(BVL_ALLOC(&s->slot, s->p_local));
  BVL_TRY(BVL_ALLOC(&s->column_of, s->capacity));
  BVL_TRY(BVL_ALLOC(&s->last_use, s->capacity));
  BVL_TRY(BVL_ALLOC(&s->free_slots, s->capacity));
  BVL_TRY(BVL_ALLOC(&s->missing, s->p_local));
  s->zeros = calloc((size_t)bvl_greater(s->n_local, 1), (size_t)element);
  if (s->zeros == NULL) return bvl_fail(BVL_ERR_NOMEM, "a column of X");
cleanup:
  return status;
}

bvl_status bvl_streamed_create(bvl_design *X, const bvl_source *source, int64_t bytes)
{
  bvl_status status = BVL_OK;
  bvl_streamed *s = NULL;
  if (source->read_alone == NULL || (source->has_missing && source->dtype != BVL_I8))
    return bvl_fail(BVL_ERR_USAGE, "%s: cannot be streamed", source->name);
  BVL_TRY(BVL_ALLOC(&s, 1));
  X->streamed = s; /* destroyed with X, half built or not */
  s->source = *source;
  s->n_local = X->rows.n_local;
  s->p_local = X->columns.p_local;
  s->row0 = X->rows.row0;
  s->last_single = -2;
  BVL_TRY(order_columns(s, &X->columns));
  BVL_TRY(allocate(s, bytes, bvl_dtype_bytes(X->dtype), bvl_dtype_bytes(source->dtype)));
  for (int64_t c = 0; c < s->p_local; c++) {
    s->slot[c] = -1;
    s->low[c] = INFINITY;
    s->high[c] = -INFINITY;
  }
cleanup:
  return status;
}

bvl_status bvl_design_failure(const bvl_design *X)
{
  return X->streamed != NULL ? X->streamed->status : BVL_OK;
}

int64_t bvl_design_bytes_read(const bvl_design *X)
{
  if (X->streamed == NULL) return bvl_design_bytes(X);
  return X->streamed->elements_read * bvl_dtype_bytes(X->dtype);
}

void bvl_streamed_range(const bvl_design *X, double **low, double **high)
{
  *low = X->streamed->low;
  *high = X->streamed->high;
}

/* ---- walking ----------------------------------------------------------------------------------
 */

/* n_rows x n_cols of a strip, whose rows are `width` apart, turned: column k of the block is column
 * at[k] of the strip (at NULL: k). Eight columns at a time: a cache line of each row. Returns
 * whether all is `valid`. */
#define DEFINE_TURN(name, in_type, out_type, valid)                                                \
  static int name(const void *raw, int64_t width, int64_t n_rows, int64_t n_cols,                  \
                  const int64_t *at, void *block, int64_t ld)                                      \
  {                                                                                                \
    enum { EIGHT = 8 };                                                                            \
    const in_type *in = raw;                                                                       \
    int good = 1;                                                                                  \
    for (int64_t k0 = 0; k0 < n_cols; k0 += EIGHT) {                                               \
      const int64_t n = bvl_lesser(EIGHT, n_cols - k0);                                            \
      out_type *out = (out_type *)block + k0 * ld;                                                 \
      for (int64_t i = 0; i < n_rows; i++) {                                                       \
        const in_type *row = in + i * width;                                                       \
        for (int64_t k = 0; k < n; k++) {                                                          \
          const out_type x = (out_type)row[at != NULL ? at[k0 + k] : k0 + k];                      \
          good &= (valid);                                                                         \
          out[k * ld + i] = x;                                                                     \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
    return good;                                                                                   \
  }

DEFINE_TURN(turn_f64, double, double, fabs(x) <= 1.7976931348623157e308)
DEFINE_TURN(turn_f32, float, float, fabsf(x) <= 3.40282347e38F)
DEFINE_TURN(turn_f64_to_f32, double, float, fabsf(x) <= 3.40282347e38F)
DEFINE_TURN(turn_i8, int8_t, int8_t, 1)
DEFINE_TURN(turn_u8, uint8_t, uint8_t, 1)

/* Columns of a walk, in the file's order, and how they go. */
typedef struct tour {
  const bvl_design *X;
  bvl_streamed *s;
  int64_t n_cols;
  const int64_t *cols; /* local columns; NULL = all, in their own order */
  int64_t rows;        /* of a strip */
  int64_t width;       /* columns of a strip */
  bvl_piece_fn visit;
  void *context;
} tour;

/* The place of the first value that is not finite, in words. */
static bvl_status refuse(const bvl_streamed *s, bvl_dtype held, int64_t row, int64_t n_rows,
                         int64_t width)
{
  const bvl_source *source = &s->source;
  for (int64_t e = 0; e < n_rows * width; e++) {
    double x = source->dtype == BVL_F64 ? ((const double *)s->raw)[e] : ((const float *)s->raw)[e];
    const int fits = held != BVL_F32 || fabs((double)(float)x) <= 3.40282347e38;
    if (isfinite(x) && fits) continue;
    const char *what = isnan(x) ? "NaN" : isinf(x) ? "Inf" : "too large for float32";
    return bvl_fail(BVL_ERR_INPUT, "%s: row %" PRId64 ", column %" PRId64 ": %s", source->name,
                    bvl_source_row(source, s->row0 + row + e / width),
                    bvl_source_column(source, s->asked[e % width]), what);
  }
  return bvl_fail(BVL_ERR_INTERNAL, "%s: a block of it was not finite", source->name);
}

static int turn(const tour *t, int64_t n_rows, int64_t width, int64_t first, int64_t n_cols,
                const int64_t *at, int64_t ld)
{
  const bvl_streamed *s = t->s;
  const char *raw = (const char *)s->raw + first * bvl_dtype_bytes(s->source.dtype);
  switch (s->source.dtype) {
  case BVL_F64:
    return (t->X->dtype == BVL_F32 ? turn_f64_to_f32 : turn_f64)(raw, width, n_rows, n_cols, at,
                                                                 s->block, ld);
  case BVL_F32: return turn_f32(raw, width, n_rows, n_cols, at, s->block, ld);
  case BVL_I8: return turn_i8(raw, width, n_rows, n_cols, at, s->block, ld);
  case BVL_U8: return turn_u8(raw, width, n_rows, n_cols, at, s->block, ld);
  }
  return 0;
}

/* The strip in `raw`, block by block. `at0` is the first of its columns in the tour. */
static bvl_status visit_strip(const tour *t, int64_t row, int64_t n_rows, int64_t at0,
                              int64_t width)
{
  const bvl_streamed *s = t->s;
  const int64_t ld = n_rows + PADDING;
  const int64_t most = bvl_lesser(BVL_STREAMED_BLOCK, BLOCK_ELEMENTS / ld / GROUP * GROUP);
  for (int64_t k = 0; k < width; k += most) {
    const int64_t n = bvl_lesser(most, width - k);
    const int64_t *at = t->cols == NULL && s->place != NULL ? s->place + k : NULL;
    if (!turn(t, n_rows, width, at == NULL ? k : 0, n, at, ld))
      return refuse(s, t->X->dtype, row, n_rows, width);
    const bvl_piece piece = {.row0 = row,
                             .n_rows = n_rows,
                             .first = at0 + k,
                             .n_cols = n,
                             .cols = t->cols != NULL ? t->cols + at0 + k : NULL,
                             .values = s->block,
                             .ld = ld};
    t->visit(t->context, t->X, &piece);
  }
  return BVL_OK;
}

/* Whole rows where they fit; else, where the file's order is X's, parts of 64 of them. */
static void plan(tour *t)
{
  const bvl_streamed *s = t->s;
  const int in_parts = t->cols != NULL || s->place == NULL;
  t->rows = bvl_lesser(BVL_PANEL_ROWS, s->strip / bvl_greater(t->n_cols, 1));
  t->rows = t->rows > NARROW_ROWS ? t->rows / 8 * 8 : t->rows;
  t->width = t->n_cols;
  if (t->rows >= NARROW_ROWS || !in_parts) return;
  t->rows = NARROW_ROWS;
  t->width = s->strip / NARROW_ROWS / GROUP * GROUP;
  /* rows of a strip a power of two apart would fall on the same cache lines */
  if (t->width % BVL_STREAMED_BLOCK == 0 && t->width > BVL_STREAMED_BLOCK) t->width -= 3 * GROUP;
}

static bvl_status walk(const tour *t, int64_t row0, int64_t row1)
{
  bvl_streamed *s = t->s;
  bvl_status status = s->status;
  for (int64_t row = row0; status == BVL_OK && row < row1; row += t->rows) {
    const int64_t n_rows = bvl_lesser(t->rows, row1 - row);
    for (int64_t a = 0; status == BVL_OK && a < t->n_cols; a += t->width) {
      const int64_t width = bvl_lesser(t->width, t->n_cols - a);
      for (int64_t k = 0; k < width; k++) {
        const int64_t c = t->cols != NULL ? t->cols[a + k] : s->order != NULL ? s->order[k] : a + k;
        s->asked[k] = s->input[c];
      }
      status = s->source.read_alone(s->source.context, s->row0 + row, n_rows, width, s->asked,
                                    s->raw, &s->elements_read);
      if (status == BVL_OK) status = visit_strip(t, row, n_rows, a, width);
    }
  }
  return s->status = status;
}

typedef struct column_pair {
  int64_t input, local;
} column_pair;

static int compare_places(const void *a, const void *b)
{
  const column_pair *x = a, *y = b;
  return (x->input > y->input) - (x->input < y->input);
}

/* The columns of a walk over some, in the file's order. */
static bvl_status sort_list(bvl_streamed *s, int64_t n_cols, const int64_t *cols)
{
  column_pair *pairs = NULL;
  bvl_status status = BVL_ALLOC(&pairs, n_cols);
  for (int64_t k = 0; status == BVL_OK && k < n_cols; k++)
    pairs[k] = (column_pair){s->input[cols[k]], cols[k]};
  if (status == BVL_OK) qsort(pairs, (size_t)n_cols, sizeof *pairs, compare_places);
  for (int64_t k = 0; status == BVL_OK && k < n_cols; k++) s->list[k] = pairs[k].local;
  free(pairs);
  return status;
}

bvl_status bvl_design_walk(const bvl_design *X, int64_t row0, int64_t row1, int64_t n_cols,
                           const int64_t *cols, bvl_piece_fn visit, void *context)
{
  bvl_streamed *s = X->streamed;
  tour t = {.X = X, .s = s, .n_cols = n_cols, .visit = visit, .context = context};
  if (cols == NULL) t.n_cols = s->p_local;
  if (cols != NULL) {
    if (s->status == BVL_OK) s->status = sort_list(s, n_cols, cols);
    t.cols = s->list;
  }
  if (t.n_cols == 0) return s->status;
  plan(&t);
  return walk(&t, row0, row1);
}

void bvl_piece_load(const bvl_design *X, const bvl_piece *piece, int64_t k, double *out)
{
  bvl_design_convert(X, piece->values, k * piece->ld, piece->n_rows, out);
}
