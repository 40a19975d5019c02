/* SPDX-License-Identifier: BSD-3-Clause */
/* MCP (Zhang 2010): P(t) = lw t - t^2 / (2 gamma) up to t = gamma lw, gamma lw^2 / 2 from there on;
 * on single columns and on the norm of a group. Flat beyond gamma lw: large coefficients are not
 * shrunk. */
#include <math.h>

#include "penalty/profile.h"

static double profile(const bvl_penalty *pen, double lw, double t)
{
  const double gamma = pen->shape;
  return t < gamma * lw ? t * (lw - t / (2.0 * gamma)) : 0.5 * gamma * lw * lw;
}

static double slope(const bvl_penalty *pen, double lw, double t)
{
  return t > 0.0 ? fmax(lw - t / pen->shape, 0.0) : lw;
}

static double bend(const bvl_penalty *pen, double lw, double t)
{
  return t < pen->shape * lw ? -1.0 / pen->shape : 0.0;
}

/* With gamma rho <= 1 the sum is concave up to gamma lw, so its minimum is at 0 or at t beyond:
 * rho t^2 / 2 against gamma lw^2 / 2. */
static double prox(const bvl_penalty *pen, double lw, double rho, double t)
{
  const double gamma = pen->shape;
  if (!(gamma * rho > 1.0)) return t > lw * sqrt(gamma / rho) ? t : 0.0;
  if (t > gamma * lw) return t;
  return fmin(fmax(t - lw / rho, 0.0) / (1.0 - 1.0 / (gamma * rho)), gamma * lw);
}

BVL_PENALTY_ROWS(mcp, "mcp", .default_alpha = 1.0, .shape_name = "gamma", .default_shape = 3.0,
                 .shape_above = 1.0, .shape_to = INFINITY, .profile = profile, .slope = slope,
                 .bend = bend, .prox = prox);
