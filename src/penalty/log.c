/* SPDX-License-Identifier: BSD-3-Clause */
/* Log penalty (Candes, Wakin, Boyd 2008): P(t) = lw log(1 + t / eps), on single columns and on the
 * norm of a group. */
#include <math.h>

#include "penalty/profile.h"

static double profile(const bvl_penalty *pen, double lw, double t)
{
  return lw * log1p(t / pen->shape);
}

static double slope(const bvl_penalty *pen, double lw, double t)
{
  return lw / (t > 0.0 ? pen->shape + t : pen->shape);
}

static double bend(const bvl_penalty *pen, double lw, double t)
{
  return -lw / ((pen->shape + t) * (pen->shape + t));
}

/* The larger root of x^2 - (t - eps) x + mu - t eps = 0, where there is one; unless the sum is
 * convex (mu <= eps^2) it must also cost less than 0 does. */
static double prox(const bvl_penalty *pen, double lw, double rho, double t)
{
  const double eps = pen->shape;
  const double mu = lw / rho;
  const double beyond = t * eps - mu; /* > 0: the sum falls at 0 */
  const double square = (t - eps) * (t - eps) + 4.0 * beyond;
  if (!(square >= 0.0)) return 0.0;
  const double root = sqrt(square);
  const double x = t >= eps ? 0.5 * ((t - eps) + root) : 2.0 * beyond / ((eps - t) + root);
  if (!(x > 0.0)) return 0.0;
  if (mu > eps * eps && !(x * (0.5 * x - t) + mu * log1p(x / eps) < 0.0)) return 0.0;
  return fmin(x, t);
}

BVL_PENALTY_ROWS(log, "log", .default_alpha = 1.0, .shape_name = "log_eps", .default_shape = 1.0,
                 .shape_above = 0.0, .shape_to = INFINITY, .profile = profile, .slope = slope,
                 .bend = bend, .prox = prox);
