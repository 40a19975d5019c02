/* SPDX-License-Identifier: BSD-3-Clause */
/* Products of a sparse X, by its compressed columns, with several vectors at once: four or eight of
 * them side by side, so that an entry costs one cache line of them instead of one of each, and the
 * entries are read once for all. What the columns need besides, the standardisation, is done while
 * a block of them is still in the cache. */
#include "data/product.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/kernels.h"

enum {
  MOST = 8,    /* vectors side by side */
  BLOCK = 128, /* columns at a time */
  LINE = 8,    /* doubles of a cache line */
};

int bvl_product_goes_wide(const bvl_design *X, int64_t row0, int64_t row1, int64_t k)
{
  return k > 1 && X->format != BVL_DENSE && !bvl_product_by_rows(X, row0, row1);
}

int64_t bvl_product_wide_room(const bvl_design *X)
{
  return MOST * X->rows.n_local + LINE;
}

/* The first whole cache line of X->work: MOST vectors side by side then have one line a row. */
static double *aligned_work(const bvl_design *X)
{
  const uintptr_t address = (uintptr_t)X->work;
  const uintptr_t bytes = LINE * sizeof(double);
  return X->work + (bytes - address % bytes) % bytes / sizeof(double);
}

static int width_of(int64_t k)
{
  return k > MOST / 2 ? MOST : MOST / 2;
}

/* packed[i, 0..width) <- columns 0..k of in, zeros behind them. */
static void interleave(int64_t m, int64_t k, int width, const double *in, int64_t ld_in,
                       double *packed)
{
  if (k < width) memset(packed, 0, (size_t)(m * width) * sizeof *packed);
  for (int64_t i = 0; i < m; i++)
    for (int64_t q = 0; q < k; q++) packed[i * width + q] = in[i + q * ld_in];
}

/* sums[q] <- column sums of packed. */
static void sum_rows(int64_t m, int width, const double *packed, double *sums)
{
  for (int q = 0; q < MOST; q++) sums[q] = 0.0;
  for (int64_t i = 0; i < m; i++)
    for (int q = 0; q < width; q++) sums[q] += packed[i * width + q];
}

/* v[c, q] (+)= (raw[c, q] - m_c r_sum[q]) / s_c for a block of columns. */
static void unscale_block(const bvl_design *X, int64_t n_cols, const int64_t *cols, int64_t first,
                          int64_t k, int width, const double *raw, const double *r_sum, int add,
                          double *v, int64_t ld_v)
{
  for (int64_t q = 0; q < k; q++) {
    for (int64_t s = 0; s < n_cols; s++) {
      const int64_t c = cols != NULL ? cols[s] : first + s;
      double value = raw[s * width + q];
      if (X->centered) value -= X->center[c] * r_sum[q];
      if (X->scaled) value *= X->inv_scale[c];
      v[c + q * ld_v] = add ? v[c + q * ld_v] + value : value;
    }
  }
}

static void adjoint_few(bvl_design *X, int64_t row0, int64_t row1, int64_t n_cols,
                        const int64_t *cols, int64_t k, const double *R, int64_t ld_r, int add,
                        double *V, int64_t ld_v)
{
  const int width = width_of(k);
  double *packed = aligned_work(X);
  double r_sum[MOST];
  double raw[BLOCK * MOST];
  interleave(row1 - row0, k, width, R, ld_r, packed);
  sum_rows(X->centered ? row1 - row0 : 0, width, packed, r_sum);
  for (int64_t c = 0; c < n_cols; c += BLOCK) {
    const int64_t count = bvl_lesser(BLOCK, n_cols - c);
    const int64_t *some = cols != NULL ? cols + c : NULL;
    memset(raw, 0, (size_t)(count * width) * sizeof *raw);
    bvl_kernels_get()->sparse_gather_wide(X->col_ptr + (cols == NULL ? c : 0), X->row_idx,
                                          X->col_val, count, some, (int32_t)row0, (int32_t)row1,
                                          (int32_t)row0, width, packed, raw);
    unscale_block(X, count, some, c, k, width, raw, r_sum, add, V, ld_v);
  }
  bvl_product_count(X, row1 - row0, n_cols, cols);
}

bvl_status bvl_product_adjoint_wide(bvl_design *X, int64_t row0, int64_t row1, int64_t n_cols,
                                    const int64_t *cols, int64_t k, const double *R, int64_t ld_r,
                                    int add, double *V, int64_t ld_v)
{
  const bvl_status status = BVL_GROW(&X->work, &X->work_len, bvl_product_wide_room(X));
  for (int64_t q = 0; status == BVL_OK && q < k; q += MOST)
    adjoint_few(X, row0, row1, n_cols, cols, bvl_lesser(MOST, k - q), R + q * ld_r, ld_r, add,
                V + q * ld_v, ld_v);
  return status;
}

/* scaled[s, q] <- b[c, q] / s_c for a block of columns; shift[q] += m_c times it. */
static void scale_block(const bvl_design *X, int64_t n_cols, const int64_t *cols, int64_t first,
                        int64_t k, int width, const double *b, int64_t ld_b, double *scaled,
                        double *shift)
{
  memset(scaled, 0, (size_t)(n_cols * width) * sizeof *scaled);
  for (int64_t q = 0; q < k; q++) {
    for (int64_t s = 0; s < n_cols; s++) {
      const int64_t c = cols != NULL ? cols[s] : first + s;
      const double value = X->scaled ? b[c + q * ld_b] * X->inv_scale[c] : b[c + q * ld_b];
      if (X->centered) shift[q] += X->center[c] * value;
      scaled[s * width + q] = value;
    }
  }
}

static void forward_few(bvl_design *X, int64_t row0, int64_t row1, int64_t n_cols,
                        const int64_t *cols, int64_t k, const double *B, int64_t ld_b, double *eta,
                        int64_t ld_eta)
{
  const int width = width_of(k);
  double *packed = aligned_work(X);
  double shift[MOST] = {0.0};
  double scaled[BLOCK * MOST];
  memset(packed, 0, (size_t)((row1 - row0) * width) * sizeof *packed);
  for (int64_t c = 0; c < n_cols; c += BLOCK) {
    const int64_t count = bvl_lesser(BLOCK, n_cols - c);
    const int64_t *some = cols != NULL ? cols + c : NULL;
    scale_block(X, count, some, c, k, width, B, ld_b, scaled, shift);
    bvl_kernels_get()->sparse_scatter_wide(X->col_ptr + (cols == NULL ? c : 0), X->row_idx,
                                           X->col_val, count, some, (int32_t)row0, (int32_t)row1,
                                           (int32_t)row0, width, scaled, packed);
  }
  for (int64_t q = 0; q < k; q++)
    for (int64_t i = 0; i < row1 - row0; i++)
      eta[i + q * ld_eta] += packed[i * width + q] - shift[q];
  bvl_product_count(X, row1 - row0, n_cols, cols);
}

bvl_status bvl_product_forward_wide(bvl_design *X, int64_t row0, int64_t row1, int64_t n_cols,
                                    const int64_t *cols, int64_t k, const double *B, int64_t ld_b,
                                    double *eta, int64_t ld_eta)
{
  const bvl_status status = BVL_GROW(&X->work, &X->work_len, bvl_product_wide_room(X));
  for (int64_t q = 0; status == BVL_OK && q < k; q += MOST)
    forward_few(X, row0, row1, n_cols, cols, bvl_lesser(MOST, k - q), B + q * ld_b, ld_b,
                eta + q * ld_eta, ld_eta);
  return status;
}
