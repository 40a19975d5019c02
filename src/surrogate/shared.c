/* SPDX-License-Identifier: BSD-3-Clause */
/* beta = u |u|^(k-1) with lw u^2 = lw |beta|^(2/k): one to one, always balanced, no more parameters
 * than coefficients. d beta/du = k |u|^(k-1) vanishes at zero. */
#include "surrogate/maps.h"

#include <math.h>

static void forward(const bvl_surrogate_shape *shape, int64_t m, const double *theta, double *b)
{
  (void)m;
  b[0] = theta[0] * pow(fabs(theta[0]), shape->depth - 1.0);
}

static void pull_back(const bvl_surrogate_shape *shape, int64_t m, const double *theta,
                      const double *g, double *grad)
{
  (void)m;
  grad[0] = g[0] * shape->depth * pow(fabs(theta[0]), shape->depth - 1.0);
}

static void balance(const bvl_surrogate_shape *shape, int64_t m, double *theta)
{
  (void)m;
  theta[0] = copysign(pow(fabs(theta[0]), 1.0 / shape->depth), theta[0]);
}

static double stretch(const bvl_surrogate_shape *shape)
{
  return shape->depth * shape->depth;
}

const bvl_surrogate_type bvl_surrogate_shared = {
    .name = "shared",
    .max_depth = BVL_SURROGATE_MAX_FACTORS,
    .length = bvl_length_once,
    .forward = forward,
    .pull_back = pull_back,
    .penalty = bvl_square_penalty,
    .imbalance = bvl_always_balanced,
    .balance = balance,
    .stretch = stretch,
};
