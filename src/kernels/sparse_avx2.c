/* SPDX-License-Identifier: BSD-3-Clause */
/* Compressed-axis kernels for AVX2 and FMA, four or eight right-hand sides side by side: an entry
 * costs one or two multiply-adds of four. Two entries at a time, or a short slice would wait for
 * its own sums. */
#include "kernels/sets.h"
#include "kernels/sparse_slice.h"

#include <stddef.h>

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>

static inline void add_to(double *out, __m256d sum)
{
  _mm256_storeu_pd(out, _mm256_add_pd(_mm256_loadu_pd(out), sum));
}

static void gather_8(const int32_t *idx, const double *val, int64_t begin, int64_t end,
                     int64_t shift, const double *in, double *out)
{
  __m256d low[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
  __m256d high[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
  int64_t e = begin;
  for (; e + 2 <= end; e += 2)
#pragma GCC unroll 2
    for (int lane = 0; lane < 2; lane++) {
      const double *in_e = in + 8 * (idx[e + lane] - shift);
      const __m256d x = _mm256_broadcast_sd(val + e + lane);
      low[lane] = _mm256_fmadd_pd(x, _mm256_loadu_pd(in_e), low[lane]);
      high[lane] = _mm256_fmadd_pd(x, _mm256_loadu_pd(in_e + 4), high[lane]);
    }
  if (e < end) {
    const double *in_e = in + 8 * (idx[e] - shift);
    const __m256d x = _mm256_broadcast_sd(val + e);
    low[0] = _mm256_fmadd_pd(x, _mm256_loadu_pd(in_e), low[0]);
    high[0] = _mm256_fmadd_pd(x, _mm256_loadu_pd(in_e + 4), high[0]);
  }
  add_to(out, _mm256_add_pd(low[0], low[1]));
  add_to(out + 4, _mm256_add_pd(high[0], high[1]));
}

static void gather_4(const int32_t *idx, const double *val, int64_t begin, int64_t end,
                     int64_t shift, const double *in, double *out)
{
  __m256d sum[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
  int64_t e = begin;
  for (; e + 2 <= end; e += 2)
#pragma GCC unroll 2
    for (int lane = 0; lane < 2; lane++)
      sum[lane] = _mm256_fmadd_pd(_mm256_broadcast_sd(val + e + lane),
                                  _mm256_loadu_pd(in + 4 * (idx[e + lane] - shift)), sum[lane]);
  if (e < end)
    sum[0] = _mm256_fmadd_pd(_mm256_broadcast_sd(val + e),
                             _mm256_loadu_pd(in + 4 * (idx[e] - shift)), sum[0]);
  add_to(out, _mm256_add_pd(sum[0], sum[1]));
}

void bvl_kern_sparse_gather_wide_avx2(const int64_t *ptr, const int32_t *idx, const double *val,
                                      int64_t n_slices, const int64_t *which, int32_t lo,
                                      int32_t hi, int32_t shift, int k, const double *in,
                                      double *out)
{
  for (int64_t place = 0; place < n_slices; place++, out += k) {
    int64_t begin = 0;
    int64_t end = 0;
    bvl_slice_restrict(ptr, idx, which != NULL ? which[place] : place, lo, hi, &begin, &end);
    if (begin == end) continue;
    (k == 8 ? gather_8 : gather_4)(idx, val, begin, end, shift, in, out);
  }
}

static void scatter_8(const int32_t *idx, const double *val, int64_t begin, int64_t end,
                      int64_t shift, const double *in, double *out)
{
  const __m256d low = _mm256_loadu_pd(in);
  const __m256d high = _mm256_loadu_pd(in + 4);
  for (int64_t e = begin; e < end; e++) {
    double *out_e = out + 8 * (idx[e] - shift);
    const __m256d x = _mm256_broadcast_sd(val + e);
    _mm256_storeu_pd(out_e, _mm256_fmadd_pd(x, low, _mm256_loadu_pd(out_e)));
    _mm256_storeu_pd(out_e + 4, _mm256_fmadd_pd(x, high, _mm256_loadu_pd(out_e + 4)));
  }
}

static void scatter_4(const int32_t *idx, const double *val, int64_t begin, int64_t end,
                      int64_t shift, const double *in, double *out)
{
  const __m256d in_4 = _mm256_loadu_pd(in);
  for (int64_t e = begin; e < end; e++) {
    double *out_e = out + 4 * (idx[e] - shift);
    _mm256_storeu_pd(out_e,
                     _mm256_fmadd_pd(_mm256_broadcast_sd(val + e), in_4, _mm256_loadu_pd(out_e)));
  }
}

void bvl_kern_sparse_scatter_wide_avx2(const int64_t *ptr, const int32_t *idx, const double *val,
                                       int64_t n_slices, const int64_t *which, int32_t lo,
                                       int32_t hi, int32_t shift, int k, const double *in,
                                       double *out)
{
  for (int64_t place = 0; place < n_slices; place++, in += k) {
    int64_t begin = 0;
    int64_t end = 0;
    bvl_slice_restrict(ptr, idx, which != NULL ? which[place] : place, lo, hi, &begin, &end);
    (k == 8 ? scatter_8 : scatter_4)(idx, val, begin, end, shift, in, out);
  }
}

#else

enum { bvl_kern_sparse_avx2_is_empty }; /* a translation unit needs a declaration */

#endif
