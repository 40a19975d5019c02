/* SPDX-License-Identifier: BSD-3-Clause */
/* Products of a streamed X: with all columns piece by piece as they are read, with some of them in
 * the cache, where they are brought first; what is more than fits there goes by as it is read. */
#include "data/product.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/streamed.h"
#include "kernels/kernels.h"

typedef struct sweep {
  bvl_direction direction;
  int64_t row0; /* of the vectors over rows */
  int64_t k;
  const double *in;
  int64_t ld_in;
  double *out;
  int64_t ld_out;
  double *some; /* a piece's columns' part of a vector over columns, k of them, owned */
  double *fill; /* and of X's fill, owned */
  int64_t room; /* columns in both */
} sweep;

/* Columns whose part of the vectors over columns starts at *column. */
static void multiply(const sweep *s, const bvl_design *X, const void *values, int64_t ld,
                     int64_t row, int64_t n_rows, int64_t n_cols, const int64_t *cols,
                     double *column, int64_t ld_column, const double *fill)
{
  const bvl_kernels *set = bvl_kernels_get();
  const double *rows = s->in + (row - s->row0);
  if (s->direction == BVL_FORWARD)
    set->dense_forward[X->dtype](values, ld, n_rows, n_cols, cols, s->k, column, ld_column,
                                 s->out + (row - s->row0), s->ld_out, X->missing, fill);
  else
    set->dense_adjoint[X->dtype](values, ld, n_rows, n_cols, cols, s->k, rows, s->ld_in, column,
                                 ld_column, X->missing, fill);
}

static void multiply_piece(void *context, const bvl_design *X, const bvl_piece *piece)
{
  const sweep *s = context;
  const int64_t ld = s->direction == BVL_FORWARD ? s->ld_in : s->ld_out;
  const double *in = s->direction == BVL_FORWARD ? s->in : s->out;
  double *column = s->some;
  for (int64_t q = 0; q < s->k; q++) /* a copy, so that nothing is const or not by turns */
    for (int64_t c = 0; c < piece->n_cols; c++)
      column[c + q * s->room] =
          in[(piece->cols != NULL ? piece->cols[c] : piece->first + c) + q * ld];
  for (int64_t c = 0; X->fill != NULL && c < piece->n_cols; c++)
    s->fill[c] = X->fill[piece->cols != NULL ? piece->cols[c] : piece->first + c];
  multiply(s, X, piece->values, piece->ld, piece->row0, piece->n_rows, piece->n_cols, NULL, column,
           s->room, X->fill != NULL ? s->fill : NULL);
  for (int64_t q = 0; s->direction == BVL_ADJOINT && q < s->k; q++)
    for (int64_t c = 0; c < piece->n_cols; c++)
      s->out[(piece->cols != NULL ? piece->cols[c] : piece->first + c) + q * ld] =
          column[c + q * s->room];
}

/* Columns that are in the cache; their vectors are laid out by slot for the kernels. */
static void multiply_cached(const sweep *s, const bvl_design *X, int64_t row1, int64_t n_cols,
                            const int64_t *cols, int64_t *slots)
{
  const int64_t element = bvl_dtype_bytes(X->dtype), n_local = X->rows.n_local;
  const int64_t ld = s->direction == BVL_FORWARD ? s->ld_in : s->ld_out;
  const double *in = s->direction == BVL_FORWARD ? s->in : s->out;
  int64_t capacity = 0;
  const int32_t *slot = NULL;
  const char *cache = bvl_streamed_cache(X, &slot, &capacity);
  for (int64_t c = 0; c < n_cols; c++) {
    slots[c] = slot[cols[c]];
    if (X->fill != NULL) s->fill[slots[c]] = X->fill[cols[c]];
    for (int64_t q = 0; q < s->k; q++) s->some[slots[c] + q * s->room] = in[cols[c] + q * ld];
  }
  for (int64_t row = s->row0; row < row1; row += BVL_PANEL_ROWS)
    multiply(s, X, cache + row * element, n_local, row, bvl_lesser(BVL_PANEL_ROWS, row1 - row),
             n_cols, slots, s->some, s->room, X->fill != NULL ? s->fill : NULL);
  for (int64_t c = 0; s->direction == BVL_ADJOINT && c < n_cols; c++)
    for (int64_t q = 0; q < s->k; q++) s->out[cols[c] + q * ld] = s->some[slots[c] + q * s->room];
}

/* Cached columns first, the others behind them; both stay in order. Returns how many are there. */
static int64_t part(const bvl_design *X, int64_t n_cols, const int64_t *cols, int64_t *parted)
{
  int64_t there = 0, at = 0;
  for (int64_t c = 0; c < n_cols; c++) there += bvl_streamed_find(X, cols[c]) != NULL;
  int64_t behind = there;
  for (int64_t c = 0; c < n_cols; c++)
    parted[bvl_streamed_find(X, cols[c]) != NULL ? at++ : behind++] = cols[c];
  return there;
}

bvl_status bvl_product_streamed(bvl_design *X, bvl_direction direction, int64_t row0, int64_t row1,
                                int64_t n_cols, const int64_t *cols, int64_t k, const double *in,
                                int64_t ld_in, double *out, int64_t ld_out)
{
  bvl_status status = bvl_design_failure(X);
  const int64_t most = bvl_design_fetch_most(X);
  sweep s = {direction, row0, k, in, ld_in, out, ld_out, NULL, NULL, 0};
  int64_t *parted = NULL, *slots = NULL;
  if (status != BVL_OK || n_cols == 0 || row0 >= row1) return status;
  s.room = bvl_greater(BVL_STREAMED_BLOCK, cols != NULL ? most : 0);
  BVL_TRY(BVL_ALLOC(&s.some, s.room * k));
  BVL_TRY(BVL_ALLOC(&s.fill, s.room));
  if (cols == NULL) {
    BVL_TRY(bvl_design_walk(X, row0, row1, 0, NULL, multiply_piece, &s));
  } else {
    BVL_TRY(BVL_ALLOC(&parted, n_cols));
    BVL_TRY(BVL_ALLOC(&slots, n_cols));
    if (n_cols <= most) bvl_design_fetch(X, n_cols, cols);
    BVL_TRY(bvl_design_failure(X));
    const int64_t there = part(X, n_cols, cols, parted);
    multiply_cached(&s, X, row1, there, parted, slots);
    if (there < n_cols)
      BVL_TRY(bvl_design_walk(X, row0, row1, n_cols - there, parted + there, multiply_piece, &s));
  }
  X->bytes_touched += (row1 - row0) * n_cols * bvl_dtype_bytes(X->dtype);
cleanup:
  free(slots);
  free(parted);
  free(s.fill);
  free(s.some);
  return status;
}
