/* SPDX-License-Identifier: BSD-3-Clause */
/* Poisson family, log link, y >= 0: loss e^eta - y eta. e^eta overflows past eta = 709: the loss is
 * then +Inf, which a line search can turn away from, never NaN. */
#include "loss/loss.h"

#include <float.h>
#include <math.h>

static double value(double y, double eta)
{
  double mu = exp(eta);
  if (isinf(mu) || y == 0.0) return mu; /* not Inf - Inf, nor 0 * Inf */
  return mu - y * eta;
}

static double mean(double eta)
{
  return exp(eta);
}

static double conjugate(double y, double m)
{
  if (!(m >= -4.0 * DBL_EPSILON * y)) return -INFINITY;
  return m > 0.0 ? m * (1.0 - log(m)) : 0.0;
}

static double saturated(double y)
{
  return y > 0.0 ? y * (1.0 - log(y)) : 0.0;
}

static int label_ok(double y)
{
  return isfinite(y) && y >= 0.0;
}

const bvl_loss bvl_loss_poisson = {
    .name = "poisson",
    .curvature_bound = INFINITY,
    .quadratic = 0,
    .value = value,
    .mean = mean,
    .curvature = mean,
    .conjugate = conjugate,
    .saturated = saturated,
    .label_ok = label_ok,
    .labels = "a number >= 0",
};
