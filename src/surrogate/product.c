/* SPDX-License-Identifier: BSD-3-Clause */
/* beta = u_1 ... u_k with (lw/k) sum u_l^2: by the inequality of the means at least
 * lw |beta|^(2/k), with equality iff all |u_l| are equal. A coefficient stores its k factors. */
#include "surrogate/maps.h"

static int64_t count(const bvl_surrogate_shape *shape)
{
  return (int64_t)shape->depth;
}

static int64_t length(const bvl_surrogate_shape *shape, int64_t m)
{
  return m * count(shape);
}

static void forward(const bvl_surrogate_shape *shape, int64_t m, const double *theta, double *b)
{
  (void)m;
  b[0] = theta[0];
  for (int64_t l = 1; l < count(shape); l++) b[0] *= theta[l];
}

/* The product of all other factors: those before times those after. */
static void pull_back(const bvl_surrogate_shape *shape, int64_t m, const double *theta,
                      const double *g, double *grad)
{
  double before = g[0], after = 1.0;
  (void)m;
  for (int64_t l = 0; l < count(shape); l++) {
    grad[l] = before;
    before *= theta[l];
  }
  for (int64_t l = count(shape) - 1; l >= 0; l--) {
    grad[l] *= after;
    after *= theta[l];
  }
}

static double penalty(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta,
                      double *grad)
{
  double each = lw / shape->depth, sum = 0.0;
  (void)m;
  for (int64_t l = 0; l < count(shape); l++) {
    sum += theta[l] * theta[l];
    if (grad != NULL) grad[l] += 2.0 * each * theta[l];
  }
  return each * sum;
}

static double imbalance(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta)
{
  double w[BVL_SURROGATE_MAX_FACTORS], a[BVL_SURROGATE_MAX_FACTORS];
  (void)m;
  if (count(shape) == 2) {
    double excess = fabs(theta[0]) - fabs(theta[1]);
    return 0.5 * lw * excess * excess;
  }
  for (int64_t l = 0; l < count(shape); l++) {
    w[l] = 1.0 / shape->depth;
    a[l] = theta[l] * theta[l];
  }
  return lw * bvl_mean_excess(count(shape), w, a);
}

static void balance(const bvl_surrogate_shape *shape, int64_t m, double *theta)
{
  (void)m;
  bvl_spread_evenly(count(shape), theta[0], theta);
}

static double stretch(const bvl_surrogate_shape *shape)
{
  return shape->depth;
}

const bvl_surrogate_type bvl_surrogate_product = {
    .name = "product",
    .whole = 1,
    .max_depth = BVL_SURROGATE_MAX_FACTORS,
    .length = length,
    .forward = forward,
    .pull_back = pull_back,
    .penalty = penalty,
    .imbalance = imbalance,
    .balance = balance,
    .stretch = stretch,
};
