/* SPDX-License-Identifier: BSD-3-Clause */
/* Rounded columns in portable C: the oracle of the faster sets. */
#include "kernels/sets.h"

#include <math.h>

enum { GROUP = BVL_ROUNDED_GROUP, MOST_SIDES = BVL_ROUNDED_SIDES };

static void rounded_adjoint(const int8_t *x, int64_t ld, int64_t rows, int64_t n_groups, int k,
                            const float *r, double *v)
{
  for (int64_t g = 0; g < n_groups; g++)
    for (int q = 0; q < k; q++) {
      float sum[GROUP] = {0.0f};
      for (int64_t i = 0; i < rows; i++)
        for (int c = 0; c < GROUP; c++) sum[c] += (float)x[g * ld + i * GROUP + c] * r[i * k + q];
      for (int c = 0; c < GROUP; c++) v[(g * k + q) * GROUP + c] += (double)sum[c];
    }
}

static void range(const double *x, int64_t m, double *low, double *high)
{
  for (int64_t i = 0; i < m; i++) {
    *low = fmin(*low, x[i]);
    *high = fmax(*high, x[i]);
  }
}

static void round_group(const double *x, int64_t ld, int64_t m, const double *mid,
                        const double *step, int8_t *out, double *error, double *size)
{
  for (int c = 0; c < GROUP; c++) {
    for (int64_t i = 0; i < m; i++) {
      const double d = x[c * ld + i] - mid[c];
      const double code = step[c] > 0.0 ? nearbyint(d / step[c]) : 0.0;
      const double kept = code * step[c];
      out[i * GROUP + c] = (int8_t)code;
      error[c] += (d - kept) * (d - kept);
      size[c] += kept * kept;
    }
  }
}

const bvl_rounded_kernels bvl_rounded_set_ref = {rounded_adjoint, range, round_group};
