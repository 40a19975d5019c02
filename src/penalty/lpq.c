/* SPDX-License-Identifier: BSD-3-Clause */
#include "penalty/lpq.h"

#include <math.h>

#include "penalty/profile.h"

enum { MAX_FACTORS = 64 };

/* sum |b_j / unit|^p */
static double power_sum(const bvl_penalty *pen, double unit, int64_t m, const double *b)
{
  const double p = 2.0 / pen->k1;
  double sum = 0.0;
  for (int64_t j = 0; j < m; j++) sum += pow(fabs(b[j]) / unit, p);
  return sum;
}

double bvl_lpq_value(const bvl_penalty *pen, double lw, int64_t m, const double *b)
{
  const double t = bvl_block_norm(m, b);
  return t > 0.0 ? lw * pow(t, pen->shape) * bvl_lpq_along(pen, m, b) : 0.0;
}

double bvl_lpq_along(const bvl_penalty *pen, int64_t m, const double *z)
{
  return pow(power_sum(pen, bvl_block_norm(m, z), m, z), 0.5 * pen->shape * pen->k1);
}

/* d/d(|b_j|^p) of lw (sum |b|^p)^(q/p) */
double bvl_lpq_level(const bvl_penalty *pen, double lw, int64_t m, const double *b)
{
  const double share = 0.5 * pen->shape * pen->k1; /* q / p */
  return lw * share * pow(power_sum(pen, 1.0, m, b), share - 1.0);
}

double bvl_lpq_distance(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                        const double *g)
{
  const double p = 2.0 / pen->k1;
  double sum = 0.0;
  if (lw == 0.0) return bvl_block_norm(m, g);
  if (isinf(lw) || !(bvl_block_norm(m, b) > 0.0)) return 0.0;
  const double level = bvl_lpq_level(pen, lw, m, b);
  for (int64_t j = 0; j < m; j++) {
    double off = 0.0;
    if (b[j] != 0.0)
      off = g[j] + copysign(level * p * pow(fabs(b[j]), p - 1.0), b[j]);
    else if (p == 1.0)
      off = fmax(fabs(g[j]) - level, 0.0);
    sum += off * off;
  }
  return sqrt(sum);
}

static int is_count(double k)
{
  return k >= 1.0 && k == floor(k) && k < MAX_FACTORS;
}

bvl_status bvl_lpq_init(const bvl_penalty_parameters *given, bvl_penalty *out)
{
  const double k1 = isnan(given->k1) ? 2.0 : given->k1;
  const double k2 = isnan(given->k2) ? 1.0 : given->k2;
  if (!is_count(k1) || !is_count(k2) || k1 + k2 > MAX_FACTORS)
    return bvl_fail(BVL_ERR_USAGE,
                    "k1 %g, k2 %g: wanted integers of at least 1, %d together at most", k1, k2,
                    MAX_FACTORS);
  out->shape = 2.0 / (k1 + k2);
  if (k1 == 1.0) {
    out->type = k2 == 1.0 ? &bvl_penalty_group_lasso : &bvl_penalty_group_lq;
    if (k2 == 1.0) out->shape = NAN;
    return BVL_OK;
  }
  out->k1 = k1;
  out->k2 = k2;
  return BVL_OK;
}
