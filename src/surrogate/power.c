/* SPDX-License-Identifier: BSD-3-Clause */
/* beta = u |v|^(k-1) with (lw/k) (u^2 + (k-1) v^2), k real: the weighted inequality of the means,
 * (1/k) u^2 + ((k-1)/k) v^2 >= |u|^(2/k) |v|^(2 (k-1)/k) = |beta|^(2/k), with equality iff
 * |u| = |v|. Two vectors at any depth. */
#include "surrogate/maps.h"

#include <math.h>

static void forward(const bvl_surrogate_shape *shape, int64_t m, const double *theta, double *b)
{
  (void)m;
  b[0] = theta[0] * pow(fabs(theta[1]), shape->depth - 1.0);
}

static void pull_back(const bvl_surrogate_shape *shape, int64_t m, const double *theta,
                      const double *g, double *grad)
{
  double k = shape->depth;
  (void)m;
  grad[0] = g[0] * pow(fabs(theta[1]), k - 1.0);
  grad[1] = g[0] * theta[0] * copysign((k - 1.0) * pow(fabs(theta[1]), k - 2.0), theta[1]);
}

static double penalty(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta,
                      double *grad)
{
  double k = shape->depth, u = theta[0], v = theta[1];
  (void)m;
  if (grad != NULL) {
    grad[0] += 2.0 * lw / k * u;
    grad[1] += 2.0 * lw / k * (k - 1.0) * v;
  }
  return lw / k * (u * u + (k - 1.0) * v * v);
}

static double imbalance(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta)
{
  double k = shape->depth;
  const double w[] = {1.0 / k, (k - 1.0) / k};
  const double a[] = {theta[0] * theta[0], theta[1] * theta[1]};
  (void)m;
  return lw * bvl_mean_excess(2, w, a);
}

static void balance(const bvl_surrogate_shape *shape, int64_t m, double *theta)
{
  double b = theta[0], size = pow(fabs(b), 1.0 / shape->depth);
  (void)m;
  theta[0] = copysign(size, b);
  theta[1] = size;
}

static double stretch(const bvl_surrogate_shape *shape)
{
  return 1.0 + (shape->depth - 1.0) * (shape->depth - 1.0);
}

const bvl_surrogate_type bvl_surrogate_power = {
    .name = "power",
    .max_depth = BVL_SURROGATE_MAX_FACTORS,
    .length = bvl_length_twice,
    .forward = forward,
    .pull_back = pull_back,
    .penalty = penalty,
    .imbalance = imbalance,
    .balance = balance,
    .stretch = stretch,
};
