/* SPDX-License-Identifier: BSD-3-Clause */
/* beta = |u|^k - |v|^k with lw (u^2 + v^2). Of all (u, v) with that difference the least has one of
 * the two at zero: lw |beta|^(2/k), with the constant 1, not 1/k. The powers of the magnitudes
 * spare the constraint u, v >= 0; they are smooth for k > 1, for k = 2 the squares themselves. */
#include "surrogate/maps.h"

#include <math.h>

static double power(double k, double u)
{
  return k == 2.0 ? u * u : pow(fabs(u), k);
}

/* d |u|^k / du */
static double slope(double k, double u)
{
  return k == 2.0 ? 2.0 * u : copysign(k * pow(fabs(u), k - 1.0), u);
}

static void forward(const bvl_surrogate_shape *shape, int64_t m, const double *theta, double *b)
{
  (void)m;
  b[0] = power(shape->depth, theta[0]) - power(shape->depth, theta[1]);
}

static void pull_back(const bvl_surrogate_shape *shape, int64_t m, const double *theta,
                      const double *g, double *grad)
{
  (void)m;
  grad[0] = g[0] * slope(shape->depth, theta[0]);
  grad[1] = -g[0] * slope(shape->depth, theta[1]);
}

static double penalty(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta,
                      double *grad)
{
  (void)shape;
  (void)m;
  if (grad != NULL) {
    grad[0] += 2.0 * lw * theta[0];
    grad[1] += 2.0 * lw * theta[1];
  }
  return lw * (theta[0] * theta[0] + theta[1] * theta[1]);
}

/* a >= c the magnitudes: a^2 + c^2 - a^2 (1 - (c/a)^k)^(2/k). */
static double imbalance(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta)
{
  double a = fmax(fabs(theta[0]), fabs(theta[1])), c = fmin(fabs(theta[0]), fabs(theta[1]));
  (void)m;
  if (!(c > 0.0)) return 0.0;
  if (shape->depth == 2.0) return 2.0 * lw * c * c;
  double lost = -expm1(2.0 / shape->depth * log1p(-pow(c / a, shape->depth)));
  return lw * (c * c + a * a * lost);
}

static void balance(const bvl_surrogate_shape *shape, int64_t m, double *theta)
{
  double b = theta[0],
         size = shape->depth == 2.0 ? sqrt(fabs(b)) : pow(fabs(b), 1.0 / shape->depth);
  (void)m;
  theta[0] = b > 0.0 ? size : 0.0;
  theta[1] = b > 0.0 ? 0.0 : size;
}

static double stretch(const bvl_surrogate_shape *shape)
{
  return shape->depth * shape->depth;
}

const bvl_surrogate_type bvl_surrogate_difference = {
    .name = "difference",
    .max_depth = BVL_SURROGATE_MAX_FACTORS,
    .length = bvl_length_twice,
    .forward = forward,
    .pull_back = pull_back,
    .penalty = penalty,
    .imbalance = imbalance,
    .balance = balance,
    .stretch = stretch,
};
