/* SPDX-License-Identifier: BSD-3-Clause */
/* beta_g = u_g nu_1 ... nu_(k-1) with (lw/k) (||u_g||^2 + sum nu_d^2) >= lw ||beta_g||^(2/k), with
 * equality iff ||u_g|| = |nu_d| for all d (D-Gating: Kolb, Frost, Bischl, Ruegamer 2025). A block
 * stores u_g, then its gates. k = 2: nu_g u_g, the group lasso. */
#include "surrogate/maps.h"

#include <math.h>

static int64_t n_gates(const bvl_surrogate_shape *shape)
{
  return (int64_t)shape->depth - 1;
}

static int64_t length(const bvl_surrogate_shape *shape, int64_t m)
{
  return m + n_gates(shape);
}

static double gate_product(int64_t gates, const double *nu)
{
  double product = nu[0];
  for (int64_t d = 1; d < gates; d++) product *= nu[d];
  return product;
}

static void forward(const bvl_surrogate_shape *shape, int64_t m, const double *theta, double *b)
{
  double gate = gate_product(n_gates(shape), theta + m);
  for (int64_t k = 0; k < m; k++) b[k] = gate * theta[k];
}

static void pull_back(const bvl_surrogate_shape *shape, int64_t m, const double *theta,
                      const double *g, double *grad)
{
  const double *nu = theta + m;
  double gate = gate_product(n_gates(shape), nu), along = 0.0, after = 1.0;
  for (int64_t k = 0; k < m; k++) {
    grad[k] = gate * g[k];
    along += theta[k] * g[k];
  }
  for (int64_t d = 0; d < n_gates(shape); d++) { /* the gates before d ... */
    grad[m + d] = along;
    along *= nu[d];
  }
  for (int64_t d = n_gates(shape) - 1; d >= 0; d--) { /* ... and those after */
    grad[m + d] *= after;
    after *= nu[d];
  }
}

static double penalty(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta,
                      double *grad)
{
  double each = lw / shape->depth, sum = 0.0;
  for (int64_t k = 0; k < length(shape, m); k++) {
    sum += theta[k] * theta[k];
    if (grad != NULL) grad[k] += 2.0 * each * theta[k];
  }
  return each * sum;
}

static double imbalance(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta)
{
  double w[BVL_SURROGATE_MAX_FACTORS], a[BVL_SURROGATE_MAX_FACTORS];
  double norm = bvl_block_norm(m, theta);
  if (n_gates(shape) == 1) {
    double excess = norm - fabs(theta[m]);
    return 0.5 * lw * excess * excess;
  }
  for (int64_t d = 0; d <= n_gates(shape); d++) {
    double size = d == 0 ? norm : theta[m + d - 1];
    w[d] = 1.0 / shape->depth;
    a[d] = size * size;
  }
  return lw * bvl_mean_excess(n_gates(shape) + 1, w, a);
}

static void balance(const bvl_surrogate_shape *shape, int64_t m, double *theta)
{
  double t = bvl_block_norm(m, theta), factors[BVL_SURROGATE_MAX_FACTORS];
  bvl_spread_evenly(n_gates(shape) + 1, t, factors);
  for (int64_t k = 0; k < m; k++) theta[k] = factors[0] * (theta[k] / t);
  for (int64_t d = 0; d < n_gates(shape); d++) theta[m + d] = factors[d + 1];
}

static double stretch(const bvl_surrogate_shape *shape)
{
  return shape->depth;
}

const bvl_surrogate_type bvl_surrogate_group_product = {
    .name = "product",
    .grouped = 1,
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
