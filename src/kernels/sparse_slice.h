/* SPDX-License-Identifier: BSD-3-Clause */
/* Which entries of a compressed slice lie in a range of indices. */
#ifndef BVL_KERNELS_SPARSE_SLICE_H
#define BVL_KERNELS_SPARSE_SLICE_H

#include <stdint.h>

/** First entry in [begin, end) whose index is at least `bound`. */
static inline int64_t bvl_slice_bound(const int32_t *idx, int64_t begin, int64_t end, int32_t bound)
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

/** The entries of slice s with lo <= index < hi. */
static inline void bvl_slice_restrict(const int64_t *ptr, const int32_t *idx, int64_t s, int32_t lo,
                                      int32_t hi, int64_t *begin, int64_t *end)
{
  *begin = ptr[s];
  *end = ptr[s + 1];
  if (*begin == *end) return;
  if (idx[*begin] < lo) *begin = bvl_slice_bound(idx, *begin, *end, lo);
  if (*begin < *end && idx[*end - 1] >= hi) *end = bvl_slice_bound(idx, *begin, *end, hi);
}

#endif
