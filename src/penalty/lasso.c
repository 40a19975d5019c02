/* SPDX-License-Identifier: BSD-3-Clause */
/* Lasso: P(t) = lw t on single columns. Dual set |v| <= lw. */
#include <math.h>

#include "penalty/profile.h"

double bvl_linear_profile(const bvl_penalty *pen, double lw, double t)
{
  (void)pen;
  return lw * t;
}

double bvl_linear_slope(const bvl_penalty *pen, double lw, double t)
{
  (void)pen;
  (void)t;
  return lw;
}

double bvl_linear_bend(const bvl_penalty *pen, double lw, double t)
{
  (void)pen;
  (void)lw;
  (void)t;
  return 0.0;
}

double bvl_linear_prox(const bvl_penalty *pen, double lw, double rho, double t)
{
  (void)pen;
  return fmax(t - lw / rho, 0.0);
}

double bvl_linear_dual_scale(const bvl_penalty *pen, double lw, double v)
{
  (void)pen;
  if (lw == 0.0 || v <= lw) return 1.0; /* lw = 0 asks for v = 0: no scaling helps */
  double s = lw / v;
  return s * v > lw ? nextafter(s, 0.0) : s;
}

double bvl_linear_dual_loss(const bvl_penalty *pen, double lw, double v)
{
  (void)pen;
  (void)lw;
  (void)v;
  return 0.0;
}

const bvl_penalty_type bvl_penalty_lasso = {
    .name = "lasso",
    .grouped = 0,
    .convex = 1,
    .default_alpha = 1.0,
    .profile = bvl_linear_profile,
    .slope = bvl_linear_slope,
    .bend = bvl_linear_bend,
    .prox = bvl_linear_prox,
    .dual_scale = bvl_linear_dual_scale,
    .dual_loss = bvl_linear_dual_loss,
};
