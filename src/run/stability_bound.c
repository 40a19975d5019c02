/* SPDX-License-Identifier: BSD-3-Clause */
/* Error bounds of stability selection, and what two of their three numbers say of the third. */
#include "run/stability_bound.h"

#include <math.h>

/* A threshold that is a multiple of 1 / (2B) but for its last bits is that multiple. */
static const double SLACK = 1e-9;

const char *bvl_assumption_name(bvl_assumption assumption)
{
  return assumption == BVL_ASSUME_UNIMODAL ? "unimodal" : "none";
}

static double without(double p, double q, double threshold)
{
  return threshold > 0.5 ? q * q / ((2.0 * threshold - 1.0) * p) : INFINITY;
}

/* INFINITY outside of the theorem's conditions. */
static double unimodal(double pairs, double p, double q, double threshold)
{
  const double theta = q / p, half = 1.0 / (2.0 * pairs);
  const double least = fmin(0.5 + theta * theta, 0.5 + half + 0.75 * theta * theta);
  if (theta > 1.0 / sqrt(3.0) || threshold < 0.5 + 2.0 * half - SLACK || !(threshold > least))
    return INFINITY;
  const double c = threshold <= 0.75 + SLACK ? 1.0 / (2.0 * (2.0 * threshold - 1.0 - half))
                                             : 4.0 * (1.0 - threshold + half) / (1.0 + 2.0 * half);
  return c * q * q / p;
}

double bvl_stability_pfer(bvl_assumption assumption, int64_t pairs, double p, double q,
                          double threshold)
{
  const double steps = 2.0 * (double)pairs;
  if (pairs > 0) threshold = fmin(ceil(threshold * steps - SLACK) / steps, 1.0);
  const double always = without(p, q, threshold);
  if (assumption != BVL_ASSUME_UNIMODAL || pairs < 1) return always;
  return fmin(always, unimodal((double)pairs, p, q, threshold));
}

double bvl_stability_threshold(bvl_assumption assumption, int64_t pairs, double p, double q,
                               double pfer)
{
  if (pairs < 1) {
    const double threshold = 0.5 * (1.0 + q * q / (pfer * p));
    return threshold <= 1.0 ? threshold : NAN;
  }
  for (int64_t k = pairs + 1; k <= 2 * pairs; k++) {
    const double threshold = (double)k / (2.0 * (double)pairs);
    if (bvl_stability_pfer(assumption, pairs, p, q, threshold) <= pfer * (1.0 + SLACK))
      return threshold;
  }
  return NAN;
}

int64_t bvl_stability_selected(bvl_assumption assumption, int64_t pairs, double p, double threshold,
                               double pfer)
{
  int64_t low = 0, high = (int64_t)p + 1; /* the bound grows with q: low holds, high does not */
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    const double bound = bvl_stability_pfer(assumption, pairs, p, (double)middle, threshold);
    if (bound <= pfer * (1.0 + SLACK))
      low = middle;
    else
      high = middle;
  }
  return low;
}
