/* SPDX-License-Identifier: BSD-3-Clause */
/* beta = u v with lw (u^2/2 + C |v|^s), s = 2q/(2-q), C = (2-q)/2 q^(q/(2-q)) (Poon, Peyre 2021).
 * With a = u^2/q and c = q^(q/(2-q)) |v|^s that is lw ((q/2) a + (1-q/2) c) >= lw a^(q/2) c^(1-q/2)
 * = lw |beta|^q, with equality iff a = c. Smooth for s > 1, that is q > 2/3: depth below 3. */
#include "surrogate/maps.h"

#include <math.h>

static double exponent(const bvl_surrogate_shape *shape)
{
  return 2.0 / shape->depth;
}

/* c at v = 1. */
static double level(double q)
{
  return pow(q, q / (2.0 - q));
}

static void forward(const bvl_surrogate_shape *shape, int64_t m, const double *theta, double *b)
{
  (void)shape;
  (void)m;
  b[0] = theta[0] * theta[1];
}

static void pull_back(const bvl_surrogate_shape *shape, int64_t m, const double *theta,
                      const double *g, double *grad)
{
  (void)shape;
  (void)m;
  grad[0] = theta[1] * g[0];
  grad[1] = theta[0] * g[0];
}

static double penalty(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta,
                      double *grad)
{
  double q = exponent(shape), s = 2.0 * q / (2.0 - q), c = 0.5 * (2.0 - q) * level(q);
  double u = theta[0], v = fabs(theta[1]);
  (void)m;
  if (grad != NULL) {
    grad[0] += lw * u;
    grad[1] += copysign(lw * c * s * pow(v, s - 1.0), theta[1]);
  }
  return lw * (0.5 * u * u + c * pow(v, s));
}

static double imbalance(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta)
{
  double q = exponent(shape), s = 2.0 * q / (2.0 - q);
  const double w[] = {0.5 * q, 1.0 - 0.5 * q};
  const double a[] = {theta[0] * theta[0] / q, level(q) * pow(fabs(theta[1]), s)};
  (void)m;
  return lw * bvl_mean_excess(2, w, a);
}

/* a = c with u = b / v: |v|^(2 + s) = b^2 / (q level), 2 + s = 4 / (2 - q). */
static void balance(const bvl_surrogate_shape *shape, int64_t m, double *theta)
{
  double q = exponent(shape), b = theta[0];
  double v = pow(b * b / (q * level(q)), 0.25 * (2.0 - q));
  (void)m;
  theta[0] = b / v;
  theta[1] = v;
}

static double stretch(const bvl_surrogate_shape *shape)
{
  (void)shape;
  return 2.0;
}

const bvl_surrogate_type bvl_surrogate_two_vector = {
    .name = "two-vector",
    .max_depth = 3.0 - 1e-9,
    .length = bvl_length_twice,
    .forward = forward,
    .pull_back = pull_back,
    .penalty = penalty,
    .imbalance = imbalance,
    .balance = balance,
    .stretch = stretch,
};
