/* SPDX-License-Identifier: BSD-3-Clause */
/* Rounded columns for AVX-512 (F, DQ): tiles of 3 groups of 16 columns by 8 right-hand sides. */
#include "kernels/sets.h"

#if defined(__AVX512F__) && defined(__AVX512DQ__)

#include <immintrin.h>
#include <string.h>

#define LANES 16
#define VECTORS 3
#define TILE_SIDES 8 /* 24 sums, 3 columns and a side, of 32 registers */
#define WIDE 8

typedef __m512 vector;
typedef __m512d wide;

#define INLINE_OP static inline __attribute__((always_inline))

INLINE_OP vector zero(void)
{
  return _mm512_setzero_ps();
}

INLINE_OP vector broadcast(const float *x)
{
  return _mm512_set1_ps(*x);
}

INLINE_OP vector from_i8(const int8_t *x)
{
  const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)x);
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

INLINE_OP vector multiply_add(vector a, vector b, vector c)
{
  return _mm512_fmadd_ps(a, b, c);
}

INLINE_OP void add_to(double *x, vector v)
{
  const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(v));
  const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
  _mm512_storeu_pd(x, _mm512_add_pd(_mm512_loadu_pd(x), low));
  _mm512_storeu_pd(x + 8, _mm512_add_pd(_mm512_loadu_pd(x + 8), high));
}

INLINE_OP wide wide_zero(void)
{
  return _mm512_setzero_pd();
}

INLINE_OP wide wide_load(const double *x)
{
  return _mm512_loadu_pd(x);
}

INLINE_OP wide wide_set(double x)
{
  return _mm512_set1_pd(x);
}

INLINE_OP wide wide_add(wide a, wide b)
{
  return _mm512_add_pd(a, b);
}

INLINE_OP wide wide_sub(wide a, wide b)
{
  return _mm512_sub_pd(a, b);
}

INLINE_OP wide wide_mul(wide a, wide b)
{
  return _mm512_mul_pd(a, b);
}

INLINE_OP wide wide_min(wide a, wide b)
{
  return _mm512_min_pd(a, b);
}

INLINE_OP wide wide_max(wide a, wide b)
{
  return _mm512_max_pd(a, b);
}

INLINE_OP void wide_store(double *x, wide v)
{
  _mm512_storeu_pd(x, v);
}

INLINE_OP void low_bytes(wide v, int8_t *x)
{
  _mm_storel_epi64((__m128i *)(void *)x, _mm512_cvtepi64_epi8(_mm512_castpd_si512(v)));
}

#include "kernels/rounded.inc"

const bvl_rounded_kernels bvl_rounded_set_avx512 = {rounded_adjoint, range, round_group};

#else

const bvl_rounded_kernels bvl_rounded_set_avx512 = {0};

#endif
