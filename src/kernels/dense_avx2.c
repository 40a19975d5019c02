/* SPDX-License-Identifier: BSD-3-Clause */
/* Dense panel kernels for AVX2 and FMA: tiles of 3 columns by 4 right-hand sides, see
 * dense_tile.inc; panels of 4 or 8 rows have their own, see dense_short_avx2.inc. */
#include "kernels/sets.h"

#include <stddef.h>

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>
#include <string.h>

#define LANES 4
#define TILE_SIDES 4 /* 12 sums, 3 columns and a side: all 16 registers */

typedef __m256d vector;

#define INLINE_OP static inline __attribute__((always_inline))

INLINE_OP vector zero(void)
{
  return _mm256_setzero_pd();
}

INLINE_OP vector load(const double *x)
{
  return _mm256_load_pd(x);
}

INLINE_OP vector load_any(const double *x)
{
  return _mm256_loadu_pd(x);
}

INLINE_OP vector load_part(const double *x, int64_t count)
{
  return _mm256_maskload_pd(
      x, _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_set_epi64x(3, 2, 1, 0)));
}

INLINE_OP void store(double *x, vector v)
{
  _mm256_store_pd(x, v);
}

INLINE_OP vector broadcast(const double *x)
{
  return _mm256_broadcast_sd(x);
}

INLINE_OP vector multiply_add(vector a, vector b, vector c)
{
  return _mm256_fmadd_pd(a, b, c);
}

INLINE_OP vector sum_four(vector a, vector b, vector c, vector d)
{
  const vector ab = _mm256_hadd_pd(a, b);
  const vector cd = _mm256_hadd_pd(c, d);
  const vector crossed = _mm256_permute2f128_pd(ab, cd, 0x21);
  return _mm256_add_pd(crossed, _mm256_blend_pd(ab, cd, 0xC));
}

INLINE_OP void sum_lanes(const vector *v, double *out)
{
  _mm256_storeu_pd(out, sum_four(v[0], v[1], v[2], v[2]));
}

/* Four bytes as doubles, exactly: as the low bits of 2^52 + 2^51 the (sign-extended) integer needs
 * one shuffle, where two conversions would need two. */
INLINE_OP vector bytes_to_double(__m256i wide)
{
  const vector magic = _mm256_set1_pd(0x1.8p52);
  const __m256i bits = _mm256_add_epi64(wide, _mm256_castpd_si256(magic));
  return _mm256_sub_pd(_mm256_castsi256_pd(bits), magic);
}

INLINE_OP __m128i load_4_bytes(const void *x)
{
  int32_t bytes;
  memcpy(&bytes, x, sizeof bytes);
  return _mm_cvtsi32_si128(bytes);
}

INLINE_OP vector fill_in(vector x, vector missing, vector fill)
{
  return _mm256_blendv_pd(x, fill, _mm256_cmp_pd(x, missing, _CMP_EQ_OQ));
}

INLINE_OP vector from_f32(const void *x)
{
  return _mm256_cvtps_pd(_mm_loadu_ps(x));
}

INLINE_OP vector from_u8(const void *x)
{
  return bytes_to_double(_mm256_cvtepu8_epi64(load_4_bytes(x)));
}

INLINE_OP vector from_i8(const void *x)
{
  return bytes_to_double(_mm256_cvtepi8_epi64(load_4_bytes(x)));
}

#include "kernels/dense_tile.inc"

enum { STREAMS = 4 }; /* places of a short panel read at once */

#define ELEMENT double
#define NAME(verb) verb##_f64
#define LOAD_4 load_any
#include "kernels/dense_short_avx2.inc"

#define ELEMENT float
#define NAME(verb) verb##_f32
#define LOAD_4 from_f32
#include "kernels/dense_short_avx2.inc"

#define ELEMENT uint8_t
#define NAME(verb) verb##_u8
#define LOAD_4 from_u8
#include "kernels/dense_short_avx2.inc"

#define ELEMENT int8_t
#define NAME(verb) verb##_i8
#define LOAD_4 from_i8
#include "kernels/dense_short_avx2.inc"

#define RUN_SHORT(verb, suffix, dtype, x, m, n_cols, in, out)                                      \
  verb##_short_##suffix(x, m, n_cols, in, out)
#include "kernels/dense_types.inc"

const bvl_kernels bvl_kernels_set_avx2 = {"avx2",
                                          KERNELS(forward),
                                          KERNELS(adjoint),
                                          bvl_kern_sparse_gather_ref,
                                          bvl_kern_sparse_scatter_ref,
                                          bvl_kern_sparse_gather_wide_avx2,
                                          bvl_kern_sparse_scatter_wide_avx2,
                                          bvl_kern_sparse_gram_ref,
                                          &bvl_rounded_set_avx2};

#else

const bvl_kernels bvl_kernels_set_avx2 = {NULL, {NULL}, {NULL}, NULL, NULL, NULL, NULL, NULL, NULL};

#endif
