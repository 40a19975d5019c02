/* SPDX-License-Identifier: BSD-3-Clause */
/* Elastic net: P(t) = lw (alpha t + (1 - alpha) t^2 / 2) on single columns, 0 < alpha <= 1. Below
 * alpha = 1 its conjugate is finite everywhere, so a dual point needs no scaling and loses
 * Omega = (|v| - lw alpha)_+^2 / (2 lw (1 - alpha)) instead. At alpha = 1 it is the lasso, bit for
 * bit. */
#include <math.h>

#include "penalty/profile.h"

static double profile(const bvl_penalty *pen, double lw, double t)
{
  return lw * (pen->alpha * t + 0.5 * (1.0 - pen->alpha) * t * t);
}

static double slope(const bvl_penalty *pen, double lw, double t)
{
  /* at t = 0 exactly what threshold compares with, even for lw = Inf */
  double at_zero = lw * pen->alpha;
  return t > 0.0 ? at_zero + lw * (1.0 - pen->alpha) * t : at_zero;
}

static double bend(const bvl_penalty *pen, double lw, double t)
{
  (void)t;
  return lw * (1.0 - pen->alpha);
}

static double prox(const bvl_penalty *pen, double lw, double rho, double t)
{
  double mu = lw / rho;
  return fmax(t - pen->alpha * mu, 0.0) / (1.0 + (1.0 - pen->alpha) * mu);
}

static double dual_scale(const bvl_penalty *pen, double lw, double v)
{
  return pen->alpha < 1.0 ? 1.0 : bvl_linear_dual_scale(pen, lw, v);
}

static double dual_loss(const bvl_penalty *pen, double lw, double v)
{
  double excess = v - lw * pen->alpha;
  if (pen->alpha == 1.0 || lw == 0.0 || !(excess > 0.0)) return 0.0;
  return excess * (excess / (2.0 * lw * (1.0 - pen->alpha)));
}

const bvl_penalty_type bvl_penalty_enet = {
    .name = "enet",
    .grouped = 0,
    .convex = 1,
    .mixes = 1,
    .default_alpha = 0.5,
    .profile = profile,
    .slope = slope,
    .bend = bend,
    .prox = prox,
    .dual_scale = dual_scale,
    .dual_loss = dual_loss,
};
