/* SPDX-License-Identifier: BSD-3-Clause */
/* Products with the lazily standardised matrix, x~ = (x - m) / s:
 *
 *     X~ B  = X (B / s) - 1 (m'B / s),      X~'R = (X'R - m (1'R)) / s
 *
 * so that X is read as it is stored and a sparse one stays sparse. Raw products go panel by panel
 * (dense) or by whichever compressed axis suits the rows asked for (sparse).
 * Traffic: forward one allreduce along the grid row, adjoint one along the grid column. */
#include "data/product.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/kernels.h"

/* Columns by right-hand sides that a dense product finishes before it starts on the next columns:
 * their part of the column vectors, half a MiB, stays in the second-level cache from panel to
 * panel, and each piece of a panel is one long read. */
enum { CHUNK_VALUES = 65536 };

int bvl_product_by_rows(const bvl_design *X, int64_t row0, int64_t row1)
{
  return X->row_ptr != NULL && row1 - row0 < X->rows.n_local;
}

/* One panel's rows row0 .. row1 - 1 by a run of columns: first .. first + n_cols - 1, or cols. */
static void multiply_panel(bvl_design *X, bvl_direction direction, int64_t panel, int64_t row0,
                           int64_t row1, int64_t first, int64_t n_cols, const int64_t *cols,
                           int64_t k, const double *in, int64_t ld_in, double *out, int64_t ld_out)
{
  const bvl_kernels *set = bvl_kernels_get();
  const bvl_kern_dense *kernels = direction == BVL_FORWARD ? set->dense_forward
                                                           : set->dense_adjoint;
  int64_t begin = X->panel_begin[panel];
  int64_t ld = X->panel_begin[panel + 1] - begin;
  int64_t bytes = bvl_dtype_bytes(X->dtype);
  int64_t element = begin * X->columns.p_local + first * ld + (row0 - begin);
  kernels[X->dtype]((const char *)X->values + element * bytes, ld, row1 - row0, n_cols, cols, k, in,
                    ld_in, out, ld_out, X->missing, X->has_missing ? X->fill + first : NULL);
  X->bytes_touched += (row1 - row0) * n_cols * bytes;
}

static int64_t find_panel(const bvl_design *X, int64_t row)
{
  int64_t low = 0;
  int64_t high = X->n_panels;
  while (high - low > 1) {
    int64_t middle = low + (high - low) / 2;
    if (X->panel_begin[middle] <= row)
      low = middle;
    else
      high = middle;
  }
  return low;
}

int64_t bvl_product_rows_end(const bvl_design *X, int64_t row)
{
  if (X->format != BVL_DENSE) return bvl_lesser(row + BVL_PANEL_ROWS, X->rows.n_local);
  return X->panel_begin[find_panel(X, row) + 1];
}

static void multiply_dense(bvl_design *X, bvl_direction direction, int64_t row0, int64_t row1,
                           int64_t n_cols, const int64_t *cols, int64_t k, const double *in,
                           int64_t ld_in, double *out, int64_t ld_out)
{
  if (row0 >= row1) return;
  int64_t first_panel = find_panel(X, row0);
  int64_t chunk = bvl_greater(CHUNK_VALUES / bvl_greater(k, 1), 1024);
  for (int64_t c = 0; c < n_cols; c += chunk) {
    int64_t count = bvl_lesser(n_cols - c, chunk);
    for (int64_t panel = first_panel; panel < X->n_panels && X->panel_begin[panel] < row1;
         panel++) {
      int64_t from = bvl_greater(row0, X->panel_begin[panel]);
      int64_t to = bvl_lesser(row1, X->panel_begin[panel + 1]);
      int64_t first = cols == NULL ? c : 0;
      multiply_panel(X, direction, panel, from, to, first, count, cols != NULL ? cols + c : NULL, k,
                     in + (direction == BVL_FORWARD ? first : from - row0), ld_in,
                     out + (direction == BVL_FORWARD ? from - row0 : first), ld_out);
    }
  }
}

static void multiply_rows(bvl_design *X, bvl_direction direction, int64_t row0, int64_t row1,
                          int64_t k, const double *in, int64_t ld_in, double *out, int64_t ld_out)
{
  const bvl_kernels *kernels = bvl_kernels_get();
  const int64_t *ptr = X->row_ptr + row0;
  int64_t m = row1 - row0;
  bvl_kern_sparse multiply = direction == BVL_FORWARD ? kernels->sparse_gather
                                                      : kernels->sparse_scatter;
  multiply(ptr, X->col_idx, X->row_val, m, NULL, 0, INT32_MAX, 0, k, in, ld_in, out, ld_out);
  X->bytes_touched += (ptr[m] - ptr[0]) * 12 + m * 8;
}

void bvl_product_count(bvl_design *X, int64_t m, int64_t n_cols, const int64_t *cols)
{
  int64_t entries = 0;
  for (int64_t place = 0; place < n_cols; place++) {
    int64_t c = cols != NULL ? cols[place] : place;
    entries += X->col_ptr[c + 1] - X->col_ptr[c];
  }
  double share = X->rows.n_local > 0 ? (double)m / (double)X->rows.n_local : 0.0;
  X->bytes_touched += (int64_t)((double)entries * share) * 12 + n_cols * 8;
}

static void multiply_columns(bvl_design *X, bvl_direction direction, int64_t row0, int64_t row1,
                             int64_t n_cols, const int64_t *cols, int64_t k, const double *in,
                             int64_t ld_in, double *out, int64_t ld_out)
{
  const bvl_kernels *kernels = bvl_kernels_get();
  bvl_kern_sparse multiply = direction == BVL_FORWARD ? kernels->sparse_scatter
                                                      : kernels->sparse_gather;
  multiply(X->col_ptr, X->row_idx, X->col_val, n_cols, cols, (int32_t)row0, (int32_t)row1,
           (int32_t)row0, k, in, ld_in, out, ld_out);
  bvl_product_count(X, row1 - row0, n_cols, cols);
}

bvl_status bvl_product_raw(bvl_design *X, bvl_direction direction, int64_t row0, int64_t row1,
                           int64_t n_cols, const int64_t *cols, int64_t k, const double *in,
                           int64_t ld_in, double *out, int64_t ld_out)
{
  if (X->streamed != NULL)
    return bvl_product_streamed(X, direction, row0, row1, n_cols, cols, k, in, ld_in, out, ld_out);
  if (X->format == BVL_DENSE)
    multiply_dense(X, direction, row0, row1, n_cols, cols, k, in, ld_in, out, ld_out);
  else if (bvl_product_by_rows(X, row0, row1))
    multiply_rows(X, direction, row0, row1, k, in, ld_in, out, ld_out);
  else
    multiply_columns(X, direction, row0, row1, n_cols, cols, k, in, ld_in, out, ld_out);
  return BVL_OK;
}

double bvl_product_scale(const bvl_design *X, int64_t n_cols, const int64_t *cols, int clear,
                         const double *b, double *scaled)
{
  double shift = 0.0;
  if (clear) memset(scaled, 0, (size_t)X->columns.p_local * sizeof *scaled);
  for (int64_t place = 0; place < n_cols; place++) {
    int64_t c = cols != NULL ? cols[place] : place;
    scaled[c] = X->scaled ? b[c] * X->inv_scale[c] : b[c];
    if (X->centered) shift += X->center[c] * scaled[c];
  }
  return shift;
}

void bvl_product_unscale(const bvl_design *X, int64_t n_cols, const int64_t *cols,
                         const double *raw, double r_sum, double *v)
{
  for (int64_t place = 0; place < n_cols; place++) {
    int64_t c = cols != NULL ? cols[place] : place;
    double centered = X->centered ? raw[c] - X->center[c] * r_sum : raw[c];
    v[c] += X->scaled ? centered * X->inv_scale[c] : centered;
  }
}

void bvl_product_clear(int64_t n_cols, const int64_t *cols, double *v)
{
  for (int64_t place = 0; place < n_cols; place++) v[cols != NULL ? cols[place] : place] = 0.0;
}

bvl_status bvl_design_forward_local(bvl_design *X, int64_t row0, int64_t row1, int64_t n_cols,
                                    const int64_t *cols, int64_t k, const double *B, int64_t ld_b,
                                    double *eta, int64_t ld_eta)
{
  int64_t p_local = X->columns.p_local;
  if (cols == NULL) n_cols = p_local;
  if (bvl_product_goes_wide(X, row0, row1, k))
    return bvl_product_forward_wide(X, row0, row1, n_cols, cols, k, B, ld_b, eta, ld_eta);
  bvl_status status = BVL_GROW(&X->work, &X->work_len, p_local * k);
  if (status != BVL_OK) return status;
  int clear = cols != NULL && bvl_product_by_rows(X, row0, row1);
  for (int64_t q = 0; q < k; q++) {
    double shift = bvl_product_scale(X, n_cols, cols, clear, B + q * ld_b, X->work + q * p_local);
    for (int64_t i = 0; shift != 0.0 && i < row1 - row0; i++) eta[i + q * ld_eta] -= shift;
  }
  return bvl_product_raw(X, BVL_FORWARD, row0, row1, n_cols, cols, k, X->work, p_local, eta,
                         ld_eta);
}

static double sum_of(const double *values, int64_t n)
{
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) sum += values[i];
  return sum;
}

bvl_status bvl_design_adjoint_local(bvl_design *X, int64_t row0, int64_t row1, int64_t n_cols,
                                    const int64_t *cols, int64_t k, const double *R, int64_t ld_r,
                                    double *V, int64_t ld_v)
{
  int64_t p_local = X->columns.p_local;
  if (cols == NULL) n_cols = p_local;
  if (bvl_product_goes_wide(X, row0, row1, k))
    return bvl_product_adjoint_wide(X, row0, row1, n_cols, cols, k, R, ld_r, 1, V, ld_v);
  bvl_status status = BVL_GROW(&X->work, &X->work_len, p_local * k);
  if (status != BVL_OK) return status;
  int whole = bvl_product_by_rows(X, row0, row1);
  for (int64_t q = 0; q < k; q++)
    bvl_product_clear(whole ? p_local : n_cols, whole ? NULL : cols, X->work + q * p_local);
  status = bvl_product_raw(X, BVL_ADJOINT, row0, row1, n_cols, cols, k, R, ld_r, X->work, p_local);
  if (status != BVL_OK) return status;
  for (int64_t q = 0; q < k; q++) {
    double r_sum = X->centered ? sum_of(R + q * ld_r, row1 - row0) : 0.0;
    bvl_product_unscale(X, n_cols, cols, X->work + q * p_local, r_sum, V + q * ld_v);
  }
  return BVL_OK;
}

/* Room for k columns and n_extra scalars. What is there already is equal on all ranks, so either
 * all return at once or all agree. */
static bvl_status reserve(bvl_design *X, int64_t k, int64_t n_extra)
{
  if (k <= X->packed_k && n_extra <= X->packed_extra) return BVL_OK;
  k = bvl_greater(k, X->packed_k);
  n_extra = bvl_greater(n_extra, X->packed_extra);
  int64_t p_local = X->columns.p_local;
  double *packed = NULL;
  bvl_status status = BVL_ALLOC(&packed, p_local * k + n_extra);
  const int wide = bvl_product_goes_wide(X, 0, X->rows.n_local, k);
  const int64_t room = wide ? bvl_product_wide_room(X) : p_local * k;
  if (status == BVL_OK) status = BVL_GROW(&X->work, &X->work_len, room);
  status = bvl_agree(&X->grid->all, status);
  if (status != BVL_OK) {
    free(packed);
    return status;
  }
  free(X->packed);
  X->packed = packed;
  X->packed_k = k;
  X->packed_extra = n_extra;
  return BVL_OK;
}

/* Reading may fail on one rank alone: where X is streamed ranks agree before they reduce. */
static bvl_status settle(const bvl_design *X, bvl_status status)
{
  return X->streamed != NULL ? bvl_agree(&X->grid->all, status) : status;
}

bvl_status bvl_design_forward(bvl_design *X, int64_t n_cols, const int64_t *cols, int64_t k,
                              const double *B, double *eta)
{
  bvl_status status = BVL_OK;
  int64_t n_local = X->rows.n_local;
  BVL_TRY(reserve(X, k, 0));
  memset(eta, 0, (size_t)(n_local * k) * sizeof *eta);
  BVL_TRY(settle(X, bvl_design_forward_local(X, 0, n_local, n_cols, cols, k, B, X->columns.p_local,
                                             eta, n_local)));
  BVL_TRY(bvl_sum(&X->grid->row, eta, n_local * k));
cleanup:
  return status;
}

/* V's entries in cols, and the scalars behind them, to the buffer or back from it. */
static int64_t pack(const bvl_design *X, int64_t n_cols, const int64_t *cols, int64_t k,
                    const double *V, int64_t n_extra, const double *extra)
{
  int64_t at = 0;
  for (int64_t q = 0; q < k; q++)
    for (int64_t place = 0; place < n_cols; place++)
      X->packed[at++] = V[(cols != NULL ? cols[place] : place) + q * X->columns.p_local];
  for (int64_t e = 0; e < n_extra; e++) X->packed[at++] = extra[e];
  return at;
}

static void unpack(const bvl_design *X, int64_t n_cols, const int64_t *cols, int64_t k, double *V,
                   int64_t n_extra, double *extra)
{
  int64_t at = 0;
  for (int64_t q = 0; q < k; q++)
    for (int64_t place = 0; place < n_cols; place++)
      V[(cols != NULL ? cols[place] : place) + q * X->columns.p_local] = X->packed[at++];
  for (int64_t e = 0; e < n_extra; e++) extra[e] = X->packed[at++];
}

bvl_status bvl_design_adjoint(bvl_design *X, int64_t n_cols, const int64_t *cols, int64_t k,
                              const double *R, double *V, int64_t n_extra, double *extra)
{
  bvl_status status = BVL_OK;
  int64_t p_local = X->columns.p_local;
  int64_t n_local = X->rows.n_local;
  if (cols == NULL) n_cols = p_local;
  BVL_TRY(reserve(X, k, n_extra));
  if (bvl_product_goes_wide(X, 0, n_local, k)) {
    BVL_TRY(bvl_product_adjoint_wide(X, 0, n_local, n_cols, cols, k, R, n_local, 0, V, p_local));
  } else {
    for (int64_t q = 0; q < k; q++) bvl_product_clear(n_cols, cols, V + q * p_local);
    BVL_TRY(settle(
        X, bvl_design_adjoint_local(X, 0, n_local, n_cols, cols, k, R, n_local, V, p_local)));
  }
  if (X->grid->col.size > 1) {
    int64_t count = pack(X, n_cols, cols, k, V, n_extra, extra);
    BVL_TRY(bvl_sum(&X->grid->col, X->packed, count));
    unpack(X, n_cols, cols, k, V, n_extra, extra);
  }
cleanup:
  return status;
}
