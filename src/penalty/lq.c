/* SPDX-License-Identifier: BSD-3-Clause */
/* lq: P(t) = lw t^q, 0 < q <= 1, on single columns and on the norm of a group. At q = 1 it is the
 * lasso. Below, its slope at 0 is infinite and 0 always a strict local minimum: what is asked of a
 * zero instead is that the prox at the block's curvature h keeps it there, of anything else that it
 * is no maximum: h >= -P''(t). */
#include <math.h>

#include "penalty/profile.h"

static double profile(const bvl_penalty *pen, double lw, double t)
{
  return lw * pow(t, pen->shape);
}

static double slope(const bvl_penalty *pen, double lw, double t)
{
  const double q = pen->shape;
  if (t > 0.0) return lw * (q * pow(t, q - 1.0));
  return lw > 0.0 ? INFINITY : 0.0;
}

static double bend(const bvl_penalty *pen, double lw, double t)
{
  const double q = pen->shape;
  return -lw * (q * (1.0 - q) * pow(t, q - 2.0));
}

/* The largest t that the prox at mu = lw / rho brings to 0; it brings the next to
 * [2 mu (1 - q)]^(1/(2-q)) at once. */
static double jump(double q, double mu)
{
  return (2.0 - q) / (2.0 * (1.0 - q)) * pow(2.0 * mu * (1.0 - q), 1.0 / (2.0 - q));
}

static double rest(const bvl_penalty *pen, double lw)
{
  const double h = pen->curvature;
  return lw > 0.0 && h > 0.0 ? h * jump(pen->shape, lw / h) : 0.0;
}

static double entry(const bvl_penalty *pen, double v)
{
  const double q = pen->shape;
  const double h = pen->curvature;
  if (!(h > 0.0)) return INFINITY;
  return h * pow(2.0 * (1.0 - q) * (v / h) / (2.0 - q), 2.0 - q) / (2.0 * (1.0 - q));
}

static double least(const bvl_penalty *pen, double lw)
{
  const double q = pen->shape;
  return pen->curvature > 0.0 ? pow(lw * q * (1.0 - q) / pen->curvature, 1.0 / (2.0 - q)) : 0.0;
}

/* q = 1/2: Xu, Chang, Xu, Zhang 2012. */
static double half(double mu, double t)
{
  const double third = acos(-1.0) / 3.0;
  const double phi = acos(fmin(mu / 4.0 * pow(t / 3.0, -1.5), 1.0));
  return 2.0 / 3.0 * t * (1.0 + cos(2.0 * third - 2.0 / 3.0 * phi));
}

/* q = 2/3: Cao, Sun, Xu 2013. */
static double two_thirds(double mu, double t)
{
  const double phi = acosh(fmax(27.0 / 16.0 * t * t * pow(2.0 * mu, -1.5), 1.0));
  const double A = 2.0 / sqrt(3.0) * pow(2.0 * mu, 0.25) * sqrt(cosh(phi / 3.0));
  const double x = (A + sqrt(fmax(2.0 * t / A - A * A, 0.0))) / 2.0;
  return x * x * x;
}

/* Newton's method on x - t + mu q x^(q-1), convex and increasing where the root is; from t it comes
 * down to it. The closed forms need a step or two, for their last digits. */
static double prox(const bvl_penalty *pen, double lw, double rho, double t)
{
  const double q = pen->shape;
  const double mu = lw / rho;
  if (!(lw > 0.0)) return t;
  if (!(t > jump(q, mu))) return 0.0;
  const double low = pow(2.0 * mu * (1.0 - q), 1.0 / (2.0 - q));
  double x = t;
  if (q == 0.5) x = half(mu, t);
  if (q == 2.0 / 3.0) x = two_thirds(mu, t);
  if (!(x >= low && x <= t)) x = x < low ? low : t;
  for (int step = 0; step < 50; step++) {
    const double pull = mu * q * pow(x, q - 1.0);
    const double change = (x - t + pull) / (1.0 - (1.0 - q) * pull / x);
    x -= change;
    if (!(fabs(change) > 1e-15 * x)) break;
  }
  return fmin(fmax(x, low), t);
}

const bvl_penalty_type bvl_penalty_lq = {
    .name = "lq",
    .default_alpha = 1.0,
    .shape_name = "q",
    .default_shape = 0.5,
    .shape_above = 0.0,
    .shape_to = 1.0,
    .at_shape_one = &bvl_penalty_lasso,
    .profile = profile,
    .slope = slope,
    .bend = bend,
    .prox = prox,
    .rest = rest,
    .entry = entry,
    .least = least,
};

const bvl_penalty_type bvl_penalty_group_lq = {
    .name = "group-lq",
    .grouped = 1,
    .default_alpha = 1.0,
    .shape_name = "q",
    .default_shape = 0.5,
    .shape_above = 0.0,
    .shape_to = 1.0,
    .at_shape_one = &bvl_penalty_group_lasso,
    .profile = profile,
    .slope = slope,
    .bend = bend,
    .prox = prox,
    .rest = rest,
    .entry = entry,
    .least = least,
};

/* Along a direction of the group it is lq: these functions are of that. */
const bvl_penalty_type bvl_penalty_lpq = {
    .name = "lpq",
    .grouped = 1,
    .nested = 1,
    .default_alpha = 1.0,
    .profile = profile,
    .slope = slope,
    .bend = bend,
    .prox = prox,
    .rest = rest,
    .entry = entry,
    .least = least,
};
