/* SPDX-License-Identifier: BSD-3-Clause */
/* beta_g = u_g |nu_g|^(k-1) with (lw/k) (||u_g||^2 + (k-1) nu_g^2) >= lw ||beta_g||^(2/k), k real,
 * with equality iff ||u_g|| = |nu_g|. A block stores u_g, then nu_g. */
#include "surrogate/maps.h"

#include <math.h>

static int64_t length(const bvl_surrogate_shape *shape, int64_t m)
{
  (void)shape;
  return m + 1;
}

static void forward(const bvl_surrogate_shape *shape, int64_t m, const double *theta, double *b)
{
  double gate = pow(fabs(theta[m]), shape->depth - 1.0);
  for (int64_t k = 0; k < m; k++) b[k] = gate * theta[k];
}

static void pull_back(const bvl_surrogate_shape *shape, int64_t m, const double *theta,
                      const double *g, double *grad)
{
  double depth = shape->depth, nu = fabs(theta[m]), along = 0.0;
  double gate = pow(nu, depth - 1.0);
  for (int64_t k = 0; k < m; k++) {
    grad[k] = gate * g[k];
    along += theta[k] * g[k];
  }
  grad[m] = along * copysign((depth - 1.0) * pow(nu, depth - 2.0), theta[m]);
}

static double penalty(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta,
                      double *grad)
{
  double each = lw / shape->depth, gate = each * (shape->depth - 1.0), sum = 0.0;
  for (int64_t k = 0; k < m; k++) {
    sum += theta[k] * theta[k];
    if (grad != NULL) grad[k] += 2.0 * each * theta[k];
  }
  if (grad != NULL) grad[m] += 2.0 * gate * theta[m];
  return each * sum + gate * theta[m] * theta[m];
}

static double imbalance(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta)
{
  double norm = bvl_block_norm(m, theta);
  const double w[] = {1.0 / shape->depth, (shape->depth - 1.0) / shape->depth};
  const double a[] = {norm * norm, theta[m] * theta[m]};
  return lw * bvl_mean_excess(2, w, a);
}

static void balance(const bvl_surrogate_shape *shape, int64_t m, double *theta)
{
  double t = bvl_block_norm(m, theta), size = pow(t, 1.0 / shape->depth);
  for (int64_t k = 0; k < m; k++) theta[k] = size * (theta[k] / t);
  theta[m] = size;
}

static double stretch(const bvl_surrogate_shape *shape)
{
  return 1.0 + (shape->depth - 1.0) * (shape->depth - 1.0);
}

const bvl_surrogate_type bvl_surrogate_group_power = {
    .name = "power",
    .grouped = 1,
    .max_depth = BVL_SURROGATE_MAX_FACTORS,
    .length = length,
    .forward = forward,
    .pull_back = pull_back,
    .penalty = penalty,
    .imbalance = imbalance,
    .balance = balance,
    .stretch = stretch,
};
