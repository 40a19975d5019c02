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

/* --- many coefficients side by side; two factors are loops that a compiler makes wide --- */

static void forward_run(const bvl_surrogate_shape *shape, int64_t n, const double *restrict theta,
                        double *restrict b)
{
  const int64_t k = count(shape);
  if (k == 2)
    for (int64_t i = 0; i < n; i++) b[i] = theta[2 * i] * theta[2 * i + 1];
  else
    for (int64_t i = 0; i < n; i++) forward(shape, 1, theta + k * i, b + i);
}

static void pull_back_run(const bvl_surrogate_shape *shape, int64_t n, const double *restrict theta,
                          const double *restrict g, double *restrict grad)
{
  const int64_t k = count(shape);
  if (k != 2) {
    for (int64_t i = 0; i < n; i++) pull_back(shape, 1, theta + k * i, g + i, grad + k * i);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    grad[2 * i] = g[i] * theta[2 * i + 1];
    grad[2 * i + 1] = g[i] * theta[2 * i];
  }
}

/* Sums run side by side, or each would wait for the last. */
static double sum_of_squares(int64_t n, const double *restrict theta)
{
  enum { SIDE = 8 };
  double sum[SIDE] = {0.0}, rest = 0.0;
  for (int64_t i = 0; i + SIDE <= n; i += SIDE)
    for (int64_t s = 0; s < SIDE; s++) sum[s] += theta[i + s] * theta[i + s];
  for (int64_t i = n / SIDE * SIDE; i < n; i++) rest += theta[i] * theta[i];
  for (int64_t s = 0; s < SIDE; s++) rest += sum[s];
  return rest;
}

/* However many factors: each counts alike. */
static double penalty_run(const bvl_surrogate_shape *shape, double lw, int64_t n,
                          const double *restrict theta, double *restrict grad)
{
  const double each = lw / shape->depth, slope = 2.0 * each;
  const int64_t n_factors = n * count(shape);
  for (int64_t i = 0; i < n_factors && grad != NULL; i++) grad[i] += slope * theta[i];
  return each * sum_of_squares(n_factors, theta);
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
    .forward_run = forward_run,
    .pull_back_run = pull_back_run,
    .penalty_run = penalty_run,
    .imbalance = imbalance,
    .balance = balance,
    .stretch = stretch,
};
