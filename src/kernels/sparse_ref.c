/* SPDX-License-Identifier: BSD-3-Clause */
/* Portable kernels over one compressed axis: 12 bytes an entry and a random access to the vector.
 * Right-hand sides go four at a time, so the entries are read once for up to four of them. */
#include "kernels/sets.h"

#include <stddef.h>

/* First entry in [begin, end) whose index is at least `bound`. */
static int64_t lower_bound(const int32_t *idx, int64_t begin, int64_t end, int32_t bound)
{
  while (begin < end) {
    int64_t middle = begin + (end - begin) / 2;
    if (idx[middle] < bound)
      begin = middle + 1;
    else
      end = middle;
  }
  return begin;
}

/* The entries of slice s with lo <= index < hi. */
static void restrict_slice(const int64_t *ptr, const int32_t *idx, int64_t s, int32_t lo,
                           int32_t hi, int64_t *begin, int64_t *end)
{
  *begin = ptr[s];
  *end = ptr[s + 1];
  if (*begin == *end) return;
  if (idx[*begin] < lo) *begin = lower_bound(idx, *begin, *end, lo);
  if (*begin < *end && idx[*end - 1] >= hi) *end = lower_bound(idx, *begin, *end, hi);
}

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
    restrict_slice(ptr, idx, s, lo, hi, &begin, &end);
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
    restrict_slice(ptr, idx, s, lo, hi, &begin, &end);
    for (int64_t q = 0; q < k; q++) {
      double in_s = in[s + q * ld_in];
      double *out_q = out + q * ld_out;
      if (in_s == 0.0) continue; /* a sparse iterate: most columns contribute nothing */
      for (int64_t e = begin; e < end; e++) out_q[idx[e] - shift] += val[e] * in_s;
    }
  }
}
