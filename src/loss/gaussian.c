/* SPDX-License-Identifier: BSD-3-Clause */
/* Gaussian family, identity link: loss (y - eta)^2 / 2. */
#include "loss/loss.h"

#include <math.h>

static double value(double y, double eta)
{
  return 0.5 * (y - eta) * (y - eta);
}

static double mean(double eta)
{
  return eta;
}

static double curvature(double eta)
{
  (void)eta;
  return 1.0;
}

static double conjugate(double y, double m)
{
  double theta = y - m;
  return theta * (y - 0.5 * theta);
}

static double saturated(double y)
{
  (void)y;
  return 0.0;
}

static int label_ok(double y)
{
  return isfinite(y);
}

const bvl_loss bvl_loss_gaussian = {
    .name = "gaussian",
    .curvature_bound = 1.0,
    .quadratic = 1,
    .value = value,
    .mean = mean,
    .curvature = curvature,
    .conjugate = conjugate,
    .saturated = saturated,
    .label_ok = label_ok,
    .labels = "a finite number",
};
