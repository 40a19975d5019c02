/* SPDX-License-Identifier: BSD-3-Clause */
/* Dense panel kernels for AVX2 and FMA: four columns by one or two right-hand sides at a time, four
 * rows a step, all arithmetic in double. A last group of fewer than four columns repeats its last
 * column: with coefficient 0 forward, unused backward. Unaligned loads throughout; the rows that do
 * not fill a vector go one by one. */
#include "kernels/sets.h"

#include <stddef.h>

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>
#include <string.h>

enum {
  GROUP = 4,
  BLOCK_BYTES = 16384
}; /* columns at a time; what stays in the first-level cache */

/* Columns, whole groups of them, that pairs of right-hand sides take turns on. */
static inline int64_t block_columns(int64_t column_bytes)
{
  int64_t groups = BLOCK_BYTES / (GROUP * column_bytes + 1);
  return GROUP * (groups > 1 ? groups : 1);
}

/* Columns place .. place + GROUP - 1 of the list, the last one repeated; returns how many differ.
 */
static inline int take_group(int64_t n_cols, const int64_t *cols, int64_t place, int64_t *c)
{
  int count = n_cols - place < GROUP ? (int)(n_cols - place) : GROUP;
  for (int g = 0; g < GROUP; g++) {
    int64_t at = g < count ? place + g : n_cols - 1;
    c[g] = cols != NULL ? cols[at] : at;
  }
  return count;
}

/* The four sums over lanes of four vectors. */
static inline __m256d sum_lanes(__m256d a, __m256d b, __m256d c, __m256d d)
{
  __m256d ab = _mm256_hadd_pd(a, b);
  __m256d cd = _mm256_hadd_pd(c, d);
  __m256d crossed = _mm256_permute2f128_pd(ab, cd, 0x21);
  return _mm256_add_pd(crossed, _mm256_blend_pd(ab, cd, 0xC));
}

/* Four bytes as doubles, exactly: as the low bits of 2^52 + 2^51 the (sign-extended) integer needs
 * one shuffle, where two conversions would need two. */
static inline __m256d bytes_to_double(__m256i wide)
{
  const __m256d magic = _mm256_set1_pd(0x1.8p52);
  __m256i bits = _mm256_add_epi64(wide, _mm256_castpd_si256(magic));
  return _mm256_sub_pd(_mm256_castsi256_pd(bits), magic);
}

static inline __m128i load_4_bytes(const void *x)
{
  int32_t bytes;
  memcpy(&bytes, x, sizeof bytes);
  return _mm_cvtsi32_si128(bytes);
}

#define ELEMENT double
#define NAME(verb) verb##_f64
#define LOAD_4(x, g) _mm256_loadu_pd(x)
#define LOAD_1(x, g) (x)
#include "kernels/dense_avx2.inc"

#define ELEMENT float
#define NAME(verb) verb##_f32
#define LOAD_4(x, g) _mm256_cvtps_pd(_mm_loadu_ps(x))
#define LOAD_1(x, g) ((double)(x))
#include "kernels/dense_avx2.inc"

#define ELEMENT uint8_t
#define NAME(verb) verb##_u8
#define LOAD_4(x, g) bytes_to_double(_mm256_cvtepu8_epi64(load_4_bytes(x)))
#define LOAD_1(x, g) ((double)(x))
#include "kernels/dense_avx2.inc"

#define ELEMENT int8_t
#define NAME(verb) verb##_plain_i8
#define LOAD_4(x, g) bytes_to_double(_mm256_cvtepi8_epi64(load_4_bytes(x)))
#define LOAD_1(x, g) ((double)(x))
#include "kernels/dense_avx2.inc"

static inline __m256d load_or_fill(const int8_t *x, __m256d missing, __m256d fill)
{
  __m256d value = bytes_to_double(_mm256_cvtepi8_epi64(load_4_bytes(x)));
  return _mm256_blendv_pd(value, fill, _mm256_cmp_pd(value, missing, _CMP_EQ_OQ));
}

#define ELEMENT int8_t
#define NAME(verb) verb##_filled_i8
#define FILLED
#define LOAD_4(x, g) load_or_fill((x), missing_4, fill_4[g])
#define LOAD_1(x, g) ((x) == missing ? fill_1[g] : (double)(x))
#include "kernels/dense_avx2.inc"

static void forward_i8(const void *x, int64_t ld, int64_t m, int64_t n_cols, const int64_t *cols,
                       int64_t k, const double *b, int64_t ld_b, double *eta, int64_t ld_eta,
                       int missing, const double *fill)
{
  (fill != NULL ? forward_filled_i8 : forward_plain_i8)(x, ld, m, n_cols, cols, k, b, ld_b, eta,
                                                        ld_eta, missing, fill);
}

static void adjoint_i8(const void *x, int64_t ld, int64_t m, int64_t n_cols, const int64_t *cols,
                       int64_t k, const double *r, int64_t ld_r, double *v, int64_t ld_v,
                       int missing, const double *fill)
{
  (fill != NULL ? adjoint_filled_i8 : adjoint_plain_i8)(x, ld, m, n_cols, cols, k, r, ld_r, v, ld_v,
                                                        missing, fill);
}

const bvl_kernels bvl_kernels_set_avx2 = {"avx2",
                                          {[BVL_F64] = forward_f64,
                                           [BVL_F32] = forward_f32,
                                           [BVL_I8] = forward_i8,
                                           [BVL_U8] = forward_u8},
                                          {[BVL_F64] = adjoint_f64,
                                           [BVL_F32] = adjoint_f32,
                                           [BVL_I8] = adjoint_i8,
                                           [BVL_U8] = adjoint_u8},
                                          bvl_kern_sparse_gather_ref,
                                          bvl_kern_sparse_scatter_ref};

#else

const bvl_kernels bvl_kernels_set_avx2 = {NULL, {NULL}, {NULL}, NULL, NULL};

#endif
