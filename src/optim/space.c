/* SPDX-License-Identifier: BSD-3-Clause */
/* Inner products of vectors spread over ranks: k of them for one pass over the vectors (in pieces
 * that stay in cache) and one reduction of k + n_extra doubles. */
#include "optim/space.h"

#include <inttypes.h>

enum { PIECE = 512 };

static double dot(int64_t n, const double *x, const double *y)
{
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

bvl_status bvl_space_dots(const bvl_space *space, int64_t k, const double *const *x,
                          const double *const *y, double *out, int64_t n_extra, double *extra)
{
  double sums[BVL_SPACE_MAX_SUMS] = {0.0};
  if (k + n_extra > BVL_SPACE_MAX_SUMS)
    return bvl_fail(BVL_ERR_USAGE, "%" PRId64 " sums in one reduction", k + n_extra);
  for (int64_t begin = space->own_begin; begin < space->own_end; begin += PIECE) {
    int64_t left = space->own_end - begin;
    for (int64_t q = 0; q < k; q++)
      sums[q] += dot(left < PIECE ? left : PIECE, x[q] + begin, y[q] + begin);
  }
  for (int64_t q = 0; q < n_extra; q++) sums[k + q] = extra[q];
  bvl_status status = bvl_sum(space->comm, sums, k + n_extra);
  for (int64_t q = 0; q < k; q++) out[q] = sums[q];
  for (int64_t q = 0; q < n_extra; q++) extra[q] = sums[k + q];
  return status;
}
