/* SPDX-License-Identifier: BSD-3-Clause */
/* beta_j = u_1j ... u_k1,j nu^k2 for the columns j of a group, with (lw/k) (sum_l ||u_l||^2 +
 * k2 nu^2), k = k1 + k2. Twice the inequality of the means: with a_j = |u_1j ... u_k1,j|^(2/k1) the
 * sum over l is at least k1 sum_j a_j = k1 A, and (k1/k) A + (k2/k) nu^2 >= A^(k1/k) nu^(2 k2/k) =
 * (sum_j |beta_j|^p)^(k1/k) = ||beta_g||_p^q, p = 2/k1, q = 2/k. A block stores u_1 (m entries),
 * ..., u_k1, then nu. The gate's sign is free for odd k2 alone; that of the factors always is. */
#include "surrogate/maps.h"

#include <math.h>

/* nu^k */
static double whole_power(double nu, int64_t k)
{
  double power = 1.0;
  for (int64_t l = 0; l < k; l++) power *= nu;
  return power;
}

static int64_t length(const bvl_surrogate_shape *shape, int64_t m)
{
  return m * shape->k1 + 1;
}

/* The product of column j's own factors. */
static double own(const bvl_surrogate_shape *shape, int64_t m, const double *theta, int64_t j)
{
  double product = theta[j];
  for (int64_t l = 1; l < shape->k1; l++) product *= theta[l * m + j];
  return product;
}

static void forward(const bvl_surrogate_shape *shape, int64_t m, const double *theta, double *b)
{
  double gate = whole_power(theta[m * shape->k1], shape->k2);
  for (int64_t j = 0; j < m; j++) b[j] = gate * own(shape, m, theta, j);
}

static void pull_back(const bvl_surrogate_shape *shape, int64_t m, const double *theta,
                      const double *g, double *grad)
{
  int64_t k1 = shape->k1;
  double nu = theta[m * k1], gate = whole_power(nu, shape->k2), along = 0.0;
  for (int64_t j = 0; j < m; j++) {
    double before = gate * g[j], after = 1.0;
    for (int64_t l = 0; l < k1; l++) {
      grad[l * m + j] = before;
      before *= theta[l * m + j];
    }
    for (int64_t l = k1 - 1; l >= 0; l--) {
      grad[l * m + j] *= after;
      after *= theta[l * m + j];
    }
    along += g[j] * after;
  }
  grad[m * k1] = along * (double)shape->k2 * whole_power(nu, shape->k2 - 1);
}

static double penalty(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta,
                      double *grad)
{
  int64_t n = m * shape->k1;
  double each = lw / shape->depth, gate = each * (double)shape->k2, sum = 0.0;
  for (int64_t k = 0; k < n; k++) {
    sum += theta[k] * theta[k];
    if (grad != NULL) grad[k] += 2.0 * each * theta[k];
  }
  if (grad != NULL) grad[n] += 2.0 * gate * theta[n];
  return each * sum + gate * theta[n] * theta[n];
}

/* The excess inside the columns, and that between the columns and the gate. */
static double imbalance(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta)
{
  int64_t k1 = shape->k1;
  double w[BVL_SURROGATE_MAX_FACTORS], a[BVL_SURROGATE_MAX_FACTORS];
  double inside = 0.0, total = 0.0, share = (double)k1 / shape->depth;
  for (int64_t j = 0; j < m; j++) {
    for (int64_t l = 0; l < k1; l++) {
      w[l] = 1.0 / (double)k1;
      a[l] = theta[l * m + j] * theta[l * m + j];
    }
    inside += bvl_mean_excess(k1, w, a);
    total += pow(fabs(own(shape, m, theta, j)), 2.0 / (double)k1);
  }
  const double weights[] = {share, 1.0 - share};
  const double means[] = {total, theta[m * k1] * theta[m * k1]};
  return lw * (share * inside + bvl_mean_excess(2, weights, means));
}

/* nu^2 = (sum_j |b_j|^p)^(k1/k), the sum relative to the largest lest it underflow. */
static void balance(const bvl_surrogate_shape *shape, int64_t m, double *theta)
{
  int64_t k1 = shape->k1;
  double p = 2.0 / (double)k1, largest = 0.0, sum = 0.0, factors[BVL_SURROGATE_MAX_FACTORS];
  for (int64_t j = 0; j < m; j++) largest = fmax(largest, fabs(theta[j]));
  for (int64_t j = 0; j < m; j++) sum += pow(fabs(theta[j]) / largest, p);
  double nu = pow(largest, 1.0 / shape->depth) * pow(sum, 0.5 * (double)k1 / shape->depth);
  double gate = whole_power(nu, shape->k2);
  for (int64_t j = 0; j < m; j++) {
    bvl_spread_evenly(k1, theta[j] / gate, factors);
    for (int64_t l = 0; l < k1; l++) theta[l * m + j] = factors[l];
  }
  theta[m * k1] = nu;
}

static double stretch(const bvl_surrogate_shape *shape)
{
  return (double)(shape->k1 + shape->k2 * shape->k2);
}

const bvl_surrogate_type bvl_surrogate_lpq = {
    .name = "product",
    .grouped = 1,
    .nested = 1,
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
