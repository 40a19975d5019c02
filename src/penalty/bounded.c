/* SPDX-License-Identifier: BSD-3-Clause */
#include "penalty/bounded.h"

#include <math.h>

double bvl_interval_clip(bvl_interval in, double x)
{
  return x < in.lower ? in.lower : x > in.upper ? in.upper : x;
}

double bvl_bounded_pull(bvl_interval in, double v)
{
  if (isnan(v)) return v;
  if (v > 0) return in.upper > 0 ? v : 0;
  return in.lower < 0 ? -v : 0;
}

double bvl_bounded_distance(const bvl_penalty *pen, double lw, bvl_interval in, double b, double g)
{
  if (isinf(lw)) return 0;
  if (b < in.lower || b > in.upper) return INFINITY;
  if (b == 0) return fmax(bvl_bounded_pull(in, -g) - bvl_penalty_threshold(pen, lw), 0);
  const double slope = g + copysign(pen->type->slope(pen, lw, fabs(b)), b);
  if (b == in.upper) return fmax(slope, 0); /* it may want to grow */
  if (b == in.lower) return fmax(-slope, 0);
  return fabs(slope);
}

double bvl_bounded_dual_scale(const bvl_penalty *pen, double lw, bvl_interval in, double b,
                              double v)
{
  const int at_end = b == (v > 0 ? in.upper : in.lower);
  return pen->type->dual_scale(pen, lw, at_end ? 0 : fabs(v));
}

/* On the side v points to, the maximum over 0 <= b <= side of excess b - ridge b^2 / 2. */
double bvl_bounded_dual_loss(const bvl_penalty *pen, double lw, bvl_interval in, double v)
{
  const double side = v > 0 ? in.upper : -in.lower;
  if (isinf(side)) return pen->type->dual_loss(pen, lw, fabs(v));
  const double excess = fabs(v) - bvl_penalty_threshold(pen, lw);
  const double ridge = pen->type->bend(pen, lw, 1);
  if (!(excess > 0)) return 0;
  const double b = ridge * side > excess ? excess / ridge : side;
  return b * (excess - ridge * b / 2);
}
