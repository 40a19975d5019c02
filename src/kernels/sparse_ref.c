/* SPDX-License-Identifier: BSD-3-Clause */
/* Portable kernels over one compressed axis: 12 bytes an entry and a random access to the vector.
 * Right-hand sides go four at a time, so the entries are read once for up to four of them. */
#include "kernels/sets.h"
#include "kernels/sparse_slice.h"

#include <stddef.h>

static double gather_1(const int32_t *idx, const double *val, int64_t begin, int64_t end,
                       int32_t shift, const double *in)
{
  double sum[4] = {0.0, 0.0, 0.0, 0.0};
  int64_t e = begin;
  for (; e + 4 <= end; e += 4)
    for (int lane = 0; lane < 4; lane++) sum[lane] += val[e + lane] * in[idx[e + lane] - shift];
  for (; e < end; e++) sum[0] += val[e] * in[idx[e] - shift];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void gather_4(const int32_t *idx, const double *val, int64_t begin, int64_t end,
                     int32_t shift, const double *in, int64_t ld_in, double *sum)
{
  for (int64_t e = begin; e < end; e++)
    for (int q = 0; q < 4; q++) sum[q] += val[e] * in[idx[e] - shift + q * ld_in];
}

void bvl_kern_sparse_gather_ref(const int64_t *ptr, const int32_t *idx, const double *val,
                                int64_t n_slices, const int64_t *which, int32_t lo, int32_t hi,
                                int32_t shift, int64_t k, const double *in, int64_t ld_in,
                                double *out, int64_t ld_out)
{
  for (int64_t place = 0; place < n_slices; place++) {
    int64_t s = which != NULL ? which[place] : place;
    int64_t begin = 0;
    int64_t end = 0;
    bvl_slice_restrict(ptr, idx, s, lo, hi, &begin, &end);
    if (begin == end) continue;
    int64_t q = 0;
    for (; q + 4 <= k; q += 4) {
      double sum[4] = {0.0, 0.0, 0.0, 0.0};
      gather_4(idx, val, begin, end, shift, in + q * ld_in, ld_in, sum);
      for (int lane = 0; lane < 4; lane++) out[s + (q + lane) * ld_out] += sum[lane];
    }
    for (; q < k; q++) out[s + q * ld_out] += gather_1(idx, val, begin, end, shift, in + q * ld_in);
  }
}

void bvl_kern_sparse_scatter_ref(const int64_t *ptr, const int32_t *idx, const double *val,
                                 int64_t n_slices, const int64_t *which, int32_t lo, int32_t hi,
                                 int32_t shift, int64_t k, const double *in, int64_t ld_in,
                                 double *out, int64_t ld_out)
{
  for (int64_t place = 0; place < n_slices; place++) {
    int64_t s = which != NULL ? which[place] : place;
    int64_t begin = 0;
    int64_t end = 0;
    bvl_slice_restrict(ptr, idx, s, lo, hi, &begin, &end);
    for (int64_t q = 0; q < k; q++) {
      double in_s = in[s + q * ld_in];
      double *out_q = out + q * ld_out;
      if (in_s == 0.0) continue; /* a sparse iterate: most columns contribute nothing */
      for (int64_t e = begin; e < end; e++) out_q[idx[e] - shift] += val[e] * in_s;
    }
  }
}

void bvl_kern_sparse_gather_wide_ref(const int64_t *ptr, const int32_t *idx, const double *val,
                                     int64_t n_slices, const int64_t *which, int32_t lo, int32_t hi,
                                     int32_t shift, int k, const double *in, double *out)
{
  for (int64_t place = 0; place < n_slices; place++, out += k) {
    int64_t begin = 0;
    int64_t end = 0;
    double sum[8] = {0.0};
    bvl_slice_restrict(ptr, idx, which != NULL ? which[place] : place, lo, hi, &begin, &end);
    for (int64_t e = begin; e < end; e++) {
      const double *in_e = in + (int64_t)k * (idx[e] - shift);
      for (int q = 0; q < k; q++) sum[q] += val[e] * in_e[q];
    }
    for (int q = 0; q < k; q++) out[q] += sum[q];
  }
}

void bvl_kern_sparse_scatter_wide_ref(const int64_t *ptr, const int32_t *idx, const double *val,
                                      int64_t n_slices, const int64_t *which, int32_t lo,
                                      int32_t hi, int32_t shift, int k, const double *in,
                                      double *out)
{
  for (int64_t place = 0; place < n_slices; place++, in += k) {
    int64_t begin = 0;
    int64_t end = 0;
    bvl_slice_restrict(ptr, idx, which != NULL ? which[place] : place, lo, hi, &begin, &end);
    for (int64_t e = begin; e < end; e++) {
      double *out_e = out + (int64_t)k * (idx[e] - shift);
      for (int q = 0; q < k; q++) out_e[q] += val[e] * in[q];
    }
  }
}

void bvl_kern_sparse_gram_ref(const int64_t *ptr, const int32_t *idx, const double *val,
                              int64_t n_rows, const double *h, int32_t begin, int32_t end,
                              int32_t first, int32_t last, double *G, int64_t ld)
{
  for (int64_t i = 0; i < n_rows; i++) {
    int64_t k0 = 0, k1 = 0, l0 = 0, l1 = 0;
    bvl_slice_restrict(ptr, idx, i, begin, end, &k0, &k1);
    if (k0 == k1) continue; /* most rows, when few columns are new */
    bvl_slice_restrict(ptr, idx, i, first, last, &l0, &l1);
    for (int64_t k = k0; k < k1; k++) {
      double *g = G + (idx[k] - begin) * ld;
      const double weighted = h != NULL ? h[i] * val[k] : val[k];
      for (int64_t l = l0; l < l1; l++) g[idx[l] - first] += weighted * val[l];
    }
  }
}
