/* SPDX-License-Identifier: BSD-3-Clause */
/* SCAD (Fan, Li 2001), a = gamma: P(t) = lw t up to t = lw, (2 a lw t - t^2 - lw^2) / (2 (a - 1))
 * up to a lw, lw^2 (a + 1) / 2 from there on; on single columns and on the norm of a group. */
#include <math.h>

#include "penalty/profile.h"

static double profile(const bvl_penalty *pen, double lw, double t)
{
  const double a = pen->shape;
  if (t <= lw) return lw * t;
  if (t < a * lw) return (2.0 * a * lw * t - t * t - lw * lw) / (2.0 * (a - 1.0));
  return 0.5 * lw * lw * (a + 1.0);
}

static double slope(const bvl_penalty *pen, double lw, double t)
{
  const double a = pen->shape;
  return t <= lw ? lw : fmax(a * lw - t, 0.0) / (a - 1.0);
}

static double bend(const bvl_penalty *pen, double lw, double t)
{
  const double a = pen->shape;
  return t > lw && t < a * lw ? -1.0 / (a - 1.0) : 0.0;
}

/* With (a - 1) rho <= 1 there is no minimum inside (lw, a lw): it is the soft threshold's, at most
 * lw, or t from a lw on, whichever costs less. */
static double prox(const bvl_penalty *pen, double lw, double rho, double t)
{
  const double a = pen->shape;
  const double soft = fmax(t - lw / rho, 0.0);
  if ((a - 1.0) * rho > 1.0) {
    if (t > a * lw) return t;
    if (soft <= lw) return soft;
    const double scale = 1.0 / (rho * (a - 1.0));
    return fmin((t - a * lw * scale) / (1.0 - scale), a * lw);
  }
  if (soft > lw) return t;
  if (t < a * lw) return soft;
  const double cost = 0.5 * rho * (soft - t) * (soft - t) + lw * soft;
  return cost <= 0.5 * lw * lw * (a + 1.0) ? soft : t;
}

BVL_PENALTY_ROWS(scad, "scad", .default_alpha = 1.0, .shape_name = "gamma", .default_shape = 3.7,
                 .shape_above = 2.0, .shape_to = INFINITY, .profile = profile, .slope = slope,
                 .bend = bend, .prox = prox);
