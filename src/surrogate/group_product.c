/* SPDX-License-Identifier: BSD-3-Clause */
/* beta_g = nu_g u_g with (lambda/2) sum w_g (||u_g||^2 + nu_g^2) >= lambda sum w_g ||beta_g||, with
 * equality iff ||u_g|| = |nu_g|. A penalised block stores u_g and then nu_g, an unpenalised one
 * its single beta. */
#include "surrogate/surrogate.h"

#include <math.h>
#include <string.h>

static int induces(const bvl_penalty *pen)
{
  return strcmp(pen->type->name, "group-lasso") == 0;
}

/* Penalised blocks alone have a factor nu_g. */
static int is_penalised(double weight)
{
  return weight > 0.0 && !isinf(weight);
}

static int64_t block_length(const bvl_blocks *blocks, int64_t g)
{
  if (isinf(blocks->weight[g])) return 0;
  return bvl_block_len(blocks, g) + is_penalised(blocks->weight[g]);
}

static void forward(const bvl_blocks *blocks, const double *theta, double *beta)
{
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t m = bvl_block_len(blocks, g);
    double *b = beta + blocks->begin[g];
    if (is_penalised(blocks->weight[g]))
      for (int64_t k = 0; k < m; k++) b[k] = theta[m] * theta[k];
    else
      for (int64_t k = 0; k < m; k++) b[k] = isinf(blocks->weight[g]) ? 0.0 : theta[k];
    theta += block_length(blocks, g);
  }
}

static void pull_back(const bvl_blocks *blocks, const double *theta, const double *grad_beta,
                      double *grad_theta)
{
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t m = bvl_block_len(blocks, g), length = block_length(blocks, g);
    const double *grad = grad_beta + blocks->begin[g];
    if (length > m) {
      double along = 0.0;
      for (int64_t k = 0; k < m; k++) {
        grad_theta[k] = theta[m] * grad[k];
        along += theta[k] * grad[k];
      }
      grad_theta[m] = along;
    } else {
      for (int64_t k = 0; k < length; k++) grad_theta[k] = grad[k];
    }
    theta += length;
    grad_theta += length;
  }
}

static double penalty(const bvl_penalty *pen, double lambda, const bvl_blocks *blocks,
                      const double *theta, double *grad_theta)
{
  double kink = pen->type->slope(pen, lambda, 0.0);
  double sum = 0.0;
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t length = block_length(blocks, g);
    if (is_penalised(blocks->weight[g])) {
      double weight = kink * blocks->weight[g];
      for (int64_t k = 0; k < length; k++) {
        sum += 0.5 * weight * theta[k] * theta[k];
        if (grad_theta != NULL) grad_theta[k] += weight * theta[k];
      }
    }
    theta += length;
    if (grad_theta != NULL) grad_theta += length;
  }
  return sum;
}

static double imbalance(const bvl_penalty *pen, double lambda, const bvl_blocks *blocks,
                        const double *theta)
{
  double kink = pen->type->slope(pen, lambda, 0.0);
  double sum = 0.0;
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t m = bvl_block_len(blocks, g);
    if (is_penalised(blocks->weight[g])) {
      double excess = bvl_block_norm(m, theta) - fabs(theta[m]);
      sum += 0.5 * kink * blocks->weight[g] * excess * excess;
    }
    theta += block_length(blocks, g);
  }
  return sum;
}

/* u = (sign * size / norm) direction and nu = size; the direction (1, 1, ...) when norm is 0. */
static void set_factors(int64_t m, double size, double sign, const double *direction, double norm,
                        double *theta)
{
  for (int64_t k = 0; k < m; k++)
    theta[k] = norm > 0.0 ? sign * size * (direction[k] / norm) : size / sqrt((double)m);
  theta[m] = size;
}

static void balance(const bvl_blocks *blocks, const double *beta, const double *grad_beta,
                    double floor, double *theta)
{
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t m = bvl_block_len(blocks, g), length = block_length(blocks, g);
    const double *b = beta + blocks->begin[g];
    const double *grad = grad_beta != NULL ? grad_beta + blocks->begin[g] : NULL;
    double t = bvl_block_norm(m, b);
    if (length > m && t > 0.0)
      set_factors(m, sqrt(t), 1.0, b, t, theta);
    else if (length > m)
      set_factors(m, floor, -1.0, grad, grad != NULL ? bvl_block_norm(m, grad) : 0.0, theta);
    else
      for (int64_t k = 0; k < length; k++) theta[k] = b[k];
    theta += length;
  }
}

static int64_t reseed(const bvl_penalty *pen, double lambda, const bvl_blocks *blocks,
                      const double *grad_beta, double floor, double *theta)
{
  int64_t moved = 0;
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t m = bvl_block_len(blocks, g);
    if (is_penalised(blocks->weight[g]) &&
        fabs(theta[m]) * bvl_block_norm(m, theta) <= floor * floor) {
      const double *grad = grad_beta + blocks->begin[g];
      double slope = bvl_block_norm(m, grad);
      if (slope > bvl_penalty_threshold(pen, lambda * blocks->weight[g])) {
        set_factors(m, floor, -1.0, grad, slope, theta);
        moved++;
      }
    }
    theta += block_length(blocks, g);
  }
  return moved;
}

const bvl_surrogate bvl_surrogate_group_product = {
    .name = "group product",
    .induces = induces,
    .block_length = block_length,
    .forward = forward,
    .pull_back = pull_back,
    .penalty = penalty,
    .imbalance = imbalance,
    .balance = balance,
    .reseed = reseed,
};
