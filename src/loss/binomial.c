/* SPDX-License-Identifier: BSD-3-Clause */
/* Binomial family, logit link, y in [0, 1]: loss log(1 + e^eta) - y eta. Every form below holds its
 * relative accuracy for any eta: exp only ever sees -|eta|. */
#include "loss/loss.h"

#include <float.h>
#include <math.h>

static double value(double y, double eta)
{
  double linear = eta > 0.0 ? (1.0 - y) * eta : -y * eta;
  return linear + log1p(exp(-fabs(eta)));
}

static double mean(double eta)
{
  double e = exp(-fabs(eta));
  return eta >= 0.0 ? 1.0 / (1.0 + e) : e / (1.0 + e);
}

static double curvature(double eta)
{
  double e = exp(-fabs(eta));
  return e / ((1.0 + e) * (1.0 + e));
}

static double entropy(double m)
{
  if (m <= 0.0 || m >= 1.0) return 0.0;
  return -m * log(m) - (1.0 - m) * log1p(-m);
}

static double conjugate(double y, double m)
{
  (void)y;
  if (!(m >= -4.0 * DBL_EPSILON && m <= 1.0 + 4.0 * DBL_EPSILON)) return -INFINITY;
  return entropy(m);
}

static double saturated(double y)
{
  return entropy(y);
}

static int label_ok(double y)
{
  return y >= 0.0 && y <= 1.0;
}

const bvl_loss bvl_loss_binomial = {
    .name = "binomial",
    .curvature_bound = 0.25,
    .quadratic = 0,
    .value = value,
    .mean = mean,
    .curvature = curvature,
    .conjugate = conjugate,
    .saturated = saturated,
    .label_ok = label_ok,
    .labels = "a number in [0, 1]",
};
