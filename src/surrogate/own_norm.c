/* SPDX-License-Identifier: BSD-3-Clause */
/* beta_g = ||u_g||^(k-1) u_g with lw ||u_g||^2 = lw ||beta_g||^(2/k): one to one, always balanced,
 * no more parameters than coefficients. k = 2 is the group lasso; the derivative vanishes at 0. */
#include "surrogate/maps.h"

#include <math.h>

static void forward(const bvl_surrogate_shape *shape, int64_t m, const double *theta, double *b)
{
  double size = pow(bvl_block_norm(m, theta), shape->depth - 1.0);
  for (int64_t k = 0; k < m; k++) b[k] = size * theta[k];
}

/* ||u||^(k-1) (g + (k-1) (e'g) e), e = u / ||u||. */
static void pull_back(const bvl_surrogate_shape *shape, int64_t m, const double *theta,
                      const double *g, double *grad)
{
  double norm = bvl_block_norm(m, theta), along = 0.0;
  double size = pow(norm, shape->depth - 1.0);
  for (int64_t k = 0; k < m && norm > 0.0; k++) along += theta[k] / norm * g[k];
  along *= shape->depth - 1.0;
  for (int64_t k = 0; k < m; k++)
    grad[k] = norm > 0.0 ? size * (g[k] + along * (theta[k] / norm)) : 0.0;
}

static double penalty(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta,
                      double *grad)
{
  double sum = 0.0;
  (void)shape;
  for (int64_t k = 0; k < m; k++) {
    sum += theta[k] * theta[k];
    if (grad != NULL) grad[k] += 2.0 * lw * theta[k];
  }
  return lw * sum;
}

static void balance(const bvl_surrogate_shape *shape, int64_t m, double *theta)
{
  double t = bvl_block_norm(m, theta), size = pow(t, 1.0 / shape->depth);
  for (int64_t k = 0; k < m; k++) theta[k] = size * (theta[k] / t);
}

static double stretch(const bvl_surrogate_shape *shape)
{
  return shape->depth * shape->depth;
}

const bvl_surrogate_type bvl_surrogate_own_norm = {
    .name = "own-norm",
    .grouped = 1,
    .max_depth = BVL_SURROGATE_MAX_FACTORS,
    .length = bvl_length_once,
    .forward = forward,
    .pull_back = pull_back,
    .penalty = penalty,
    .imbalance = bvl_always_balanced,
    .balance = balance,
    .stretch = stretch,
};
