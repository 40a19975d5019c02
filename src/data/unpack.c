/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of a dense design written out, for those who multiply them by many vectors at once. Cost:
 * one pass over the rows and one over what is written. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/design.h"

bvl_status bvl_design_set_scaling(bvl_design *X, const double *center, const double *scale)
{
  bvl_status status = BVL_OK;
  const int64_t p_local = X->columns.p_local;
  if (X->center == NULL) BVL_TRY(BVL_ALLOC(&X->center, p_local));
  if (X->scale == NULL) BVL_TRY(BVL_ALLOC(&X->scale, p_local));
  if (X->inv_scale == NULL) BVL_TRY(BVL_ALLOC(&X->inv_scale, p_local));
  memcpy(X->center, center, (size_t)p_local * sizeof *center);
  memcpy(X->scale, scale, (size_t)p_local * sizeof *scale);
  X->centered = X->scaled = 0;
  for (int64_t c = 0; c < p_local; c++) {
    X->inv_scale[c] = 1.0 / scale[c];
    X->centered |= center[c] != 0.0;
    X->scaled |= scale[c] != 1.0;
  }
cleanup:
  return status;
}

/* m values of one column of a panel: out = (x - center) inv_scale, `code` (when it is one) as the
 * value `filled`. */
#define DEFINE_COPY(name, in_type, out_type)                                                       \
  static void name(const void *values, int64_t first, int64_t m, double center, double inv_scale,  \
                   out_type *out)                                                                  \
  {                                                                                                \
    const in_type *x = (const in_type *)values + first;                                            \
    for (int64_t i = 0; i < m; i++) out[i] = (out_type)(((double)x[i] - center) * inv_scale);      \
  }

/* Small integers need no double on the way: exact in float. */
#define DEFINE_COPY_SMALL(name, in_type)                                                           \
  static void name(const void *values, int64_t first, int64_t m, double center, double inv_scale,  \
                   float *out)                                                                     \
  {                                                                                                \
    const in_type *x = (const in_type *)values + first;                                            \
    const float c = (float)center, s = (float)inv_scale;                                           \
    for (int64_t i = 0; i < m; i++) out[i] = ((float)x[i] - c) * s;                                \
  }

DEFINE_COPY(f64_to_f64, double, double)
DEFINE_COPY(f32_to_f64, float, double)
DEFINE_COPY(i8_to_f64, int8_t, double)
DEFINE_COPY(u8_to_f64, uint8_t, double)
DEFINE_COPY(f64_to_f32, double, float)
DEFINE_COPY(f32_to_f32, float, float)
DEFINE_COPY_SMALL(i8_to_f32, int8_t)
DEFINE_COPY_SMALL(u8_to_f32, uint8_t)

/* Where a missing code stands, its fill: the scaled mean of what is observed. */
#define DEFINE_FILL(name, out_type)                                                                \
  static void name(const bvl_design *X, int64_t first, int64_t m, int64_t c, double center,        \
                   double inv_scale, out_type *out)                                                \
  {                                                                                                \
    const int8_t *x = (const int8_t *)X->values + first;                                           \
    const out_type filled = (out_type)((X->fill[c] - center) * inv_scale);                         \
    for (int64_t i = 0; i < m; i++)                                                                \
      if (x[i] == X->missing) out[i] = filled;                                                     \
  }

DEFINE_FILL(fill_f64, double)
DEFINE_FILL(fill_f32, float)

/* The panel that holds a local row. */
static int64_t panel_of(const bvl_design *X, int64_t row)
{
  int64_t low = 0, high = X->n_panels;
  while (high - low > 1) {
    const int64_t mid = (low + high) / 2;
    if (X->panel_begin[mid] <= row)
      low = mid;
    else
      high = mid;
  }
  return low;
}

#define DEFINE_UNPACK(name, out_type, suffix)                                                      \
  void name(const bvl_design *X, int64_t row0, int64_t row1, int64_t c0, int64_t c1,               \
            out_type *out)                                                                         \
  {                                                                                                \
    const int64_t ld = row1 - row0, p_local = X->columns.p_local;                                  \
    if (ld == 0) return;                                                                           \
    for (int64_t panel = panel_of(X, row0), row = row0; row < row1; panel++) {                     \
      const int64_t begin = X->panel_begin[panel], rows = X->panel_begin[panel + 1] - begin;       \
      const int64_t m = bvl_lesser(begin + rows, row1) - row;                                      \
      for (int64_t c = c0; c < c1; c++) {                                                          \
        const int64_t first = begin * p_local + c * rows + (row - begin);                          \
        const double center = X->center != NULL ? X->center[c] : 0.0;                              \
        const double inv = X->inv_scale != NULL ? X->inv_scale[c] : 1.0;                           \
        out_type *to = out + (c - c0) * ld + (row - row0);                                         \
        switch (X->dtype) {                                                                        \
        case BVL_F64: f64_to_##suffix(X->values, first, m, center, inv, to); break;                \
        case BVL_F32: f32_to_##suffix(X->values, first, m, center, inv, to); break;                \
        case BVL_I8: i8_to_##suffix(X->values, first, m, center, inv, to); break;                  \
        case BVL_U8: u8_to_##suffix(X->values, first, m, center, inv, to); break;                  \
        }                                                                                          \
        if (X->has_missing) fill_##suffix(X, first, m, c, center, inv, to);                        \
      }                                                                                            \
      row += m;                                                                                    \
    }                                                                                              \
  }

DEFINE_UNPACK(bvl_design_unpack_f32, float, f32)
DEFINE_UNPACK(bvl_design_unpack_f64, double, f64)
