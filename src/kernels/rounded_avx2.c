/* SPDX-License-Identifier: BSD-3-Clause */
/* Rounded columns for AVX2 and FMA: tiles of 16 columns by 4 right-hand sides. */
#include "kernels/sets.h"

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>
#include <string.h>

#define LANES 8
#define VECTORS 2
#define TILE_SIDES 4 /* 8 sums, 2 columns and a side, of 16 registers */
#define WIDE 4

typedef __m256 vector;
typedef __m256d wide;

#define INLINE_OP static inline __attribute__((always_inline))

INLINE_OP vector zero(void)
{
  return _mm256_setzero_ps();
}

INLINE_OP vector broadcast(const float *x)
{
  return _mm256_broadcast_ss(x);
}

INLINE_OP vector from_i8(const int8_t *x)
{
  const __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)x);
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
}

INLINE_OP vector multiply_add(vector a, vector b, vector c)
{
  return _mm256_fmadd_ps(a, b, c);
}

INLINE_OP void add_to(double *x, vector v)
{
  const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(v));
  const __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
  _mm256_storeu_pd(x, _mm256_add_pd(_mm256_loadu_pd(x), low));
  _mm256_storeu_pd(x + 4, _mm256_add_pd(_mm256_loadu_pd(x + 4), high));
}

INLINE_OP wide wide_zero(void)
{
  return _mm256_setzero_pd();
}

INLINE_OP wide wide_load(const double *x)
{
  return _mm256_loadu_pd(x);
}

INLINE_OP wide wide_set(double x)
{
  return _mm256_set1_pd(x);
}

INLINE_OP wide wide_add(wide a, wide b)
{
  return _mm256_add_pd(a, b);
}

INLINE_OP wide wide_sub(wide a, wide b)
{
  return _mm256_sub_pd(a, b);
}

INLINE_OP wide wide_mul(wide a, wide b)
{
  return _mm256_mul_pd(a, b);
}

INLINE_OP wide wide_min(wide a, wide b)
{
  return _mm256_min_pd(a, b);
}

INLINE_OP wide wide_max(wide a, wide b)
{
  return _mm256_max_pd(a, b);
}

INLINE_OP void wide_store(double *x, wide v)
{
  _mm256_storeu_pd(x, v);
}

INLINE_OP void low_bytes(wide v, int8_t *x)
{
  const __m256i first = _mm256_shuffle_epi8(
      _mm256_castpd_si256(v),
      _mm256_setr_epi8(0, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 8,
                       -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  const __m128i both = _mm_or_si128(_mm256_castsi256_si128(first),
                                    _mm256_extracti128_si256(first, 1));
  const int32_t bytes = _mm_cvtsi128_si32(both);
  memcpy(x, &bytes, sizeof bytes);
}

#include "kernels/rounded.inc"

const bvl_rounded_kernels bvl_rounded_set_avx2 = {rounded_adjoint, range, round_group};

#else

const bvl_rounded_kernels bvl_rounded_set_avx2 = {0};

#endif
