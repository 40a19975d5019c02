/* SPDX-License-Identifier: BSD-3-Clause */
/* Dense panel kernels for AVX-512 (F, DQ): tiles of 3 columns by 8 right-hand sides, see
 * dense_tile.inc. Panels of 4 or 8 rows are one short run of memory and gain nothing from wider
 * vectors: they, and everything sparse, are the AVX2 set's. */
#include "kernels/sets.h"

#include <stddef.h>

#if defined(__AVX512F__) && defined(__AVX512DQ__)

#include <immintrin.h>
#include <string.h>

#define LANES 8
#define TILE_SIDES 8 /* 24 sums, 3 columns and a side, of 32 registers */

typedef __m512d vector;

#define INLINE_OP static inline __attribute__((always_inline))

INLINE_OP vector zero(void)
{
  return _mm512_setzero_pd();
}

INLINE_OP vector load(const double *x)
{
  return _mm512_load_pd(x);
}

INLINE_OP vector load_any(const double *x)
{
  return _mm512_loadu_pd(x);
}

INLINE_OP vector load_part(const double *x, int64_t count)
{
  return _mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1u), x);
}

INLINE_OP void store(double *x, vector v)
{
  _mm512_store_pd(x, v);
}

INLINE_OP vector broadcast(const double *x)
{
  return _mm512_set1_pd(*x);
}

INLINE_OP vector multiply_add(vector a, vector b, vector c)
{
  return _mm512_fmadd_pd(a, b, c);
}

INLINE_OP __m256d halves(vector v)
{
  return _mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd(v, 1));
}

INLINE_OP void sum_lanes(const vector *v, double *out)
{
  const __m256d ab = _mm256_hadd_pd(halves(v[0]), halves(v[1]));
  const __m256d cd = _mm256_hadd_pd(halves(v[2]), halves(v[2]));
  const __m256d crossed = _mm256_permute2f128_pd(ab, cd, 0x21);
  _mm256_storeu_pd(out, _mm256_add_pd(crossed, _mm256_blend_pd(ab, cd, 0xC)));
}

INLINE_OP vector fill_in(vector x, vector missing, vector fill)
{
  return _mm512_mask_mov_pd(x, _mm512_cmp_pd_mask(x, missing, _CMP_EQ_OQ), fill);
}

INLINE_OP vector from_f32(const void *x)
{
  return _mm512_cvtps_pd(_mm256_loadu_ps(x));
}

INLINE_OP vector from_u8(const void *x)
{
  return _mm512_cvtepi64_pd(_mm512_cvtepu8_epi64(_mm_loadl_epi64(x)));
}

INLINE_OP vector from_i8(const void *x)
{
  return _mm512_cvtepi64_pd(_mm512_cvtepi8_epi64(_mm_loadl_epi64(x)));
}

#include "kernels/dense_tile.inc"

#define RUN_SHORT(verb, suffix, dtype, x, m, n_cols, in, out)                                      \
  bvl_kernels_set_avx2.dense_##verb[dtype](x, m, m, n_cols, NULL, 1, in, m, out, m, 0, NULL)
#include "kernels/dense_types.inc"

const bvl_kernels bvl_kernels_set_avx512 = {"avx512",
                                            KERNELS(forward),
                                            KERNELS(adjoint),
                                            bvl_kern_sparse_gather_ref,
                                            bvl_kern_sparse_scatter_ref,
                                            bvl_kern_sparse_gather_wide_avx2,
                                            bvl_kern_sparse_scatter_wide_avx2,
                                            bvl_kern_sparse_gram_ref,
                                            &bvl_rounded_set_avx512};

#else

const bvl_kernels bvl_kernels_set_avx512 = {NULL, {NULL}, {NULL}, NULL, NULL,
                                            NULL, NULL,   NULL,   NULL};

#endif
