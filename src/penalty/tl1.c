/* SPDX-License-Identifier: BSD-3-Clause */
/* Transformed l1 (Zhang, Xin 2018): P(t) = lw (a + 1) t / (a + t), on single columns and on the
 * norm of a group. Between l0 (a -> 0) and l1 (a -> infinity). */
#include <math.h>

#include "penalty/profile.h"

static double profile(const bvl_penalty *pen, double lw, double t)
{
  const double a = pen->shape;
  return lw * ((a + 1.0) * t / (a + t));
}

static double slope(const bvl_penalty *pen, double lw, double t)
{
  const double a = pen->shape;
  return t > 0.0 ? lw * (a * (a + 1.0) / ((a + t) * (a + t))) : lw * ((a + 1.0) / a);
}

static double bend(const bvl_penalty *pen, double lw, double t)
{
  const double a = pen->shape;
  return -2.0 * lw * (a * (a + 1.0)) / ((a + t) * (a + t) * (a + t));
}

/* Zhang, Xin 2017, theorem 3: the larger root of a cubic, above a threshold that depends on whether
 * the sum is convex. Two Newton steps give back the digits the cosine loses. */
static double prox(const bvl_penalty *pen, double lw, double rho, double t)
{
  const double a = pen->shape;
  const double mu = lw / rho;
  const double c = mu * a * (a + 1.0);
  const int convex = mu <= a * a / (2.0 * (a + 1.0));
  if (!(t > (convex ? mu * ((a + 1.0) / a) : sqrt(2.0 * mu * (a + 1.0)) - a / 2.0))) return 0.0;
  const double cube = (a + t) * (a + t) * (a + t);
  const double phi = acos(fmax(1.0 - 13.5 * (c / cube), -1.0));
  double x = 2.0 / 3.0 * ((a + t) * cos(phi / 3.0) - a) + t / 3.0;
  for (int step = 0; step < 2; step++) {
    const double s = a + x;
    const double steepness = 1.0 - 2.0 * c / (s * s * s);
    if (steepness > 1e-3) x -= (x - t + c / (s * s)) / steepness;
  }
  return fmin(fmax(x, 0.0), t);
}

BVL_PENALTY_ROWS(tl1, "tl1", .default_alpha = 1.0, .shape_name = "tl1_a", .default_shape = 1.0,
                 .shape_above = 0.0, .shape_to = INFINITY, .profile = profile, .slope = slope,
                 .bend = bend, .prox = prox);
