/* SPDX-License-Identifier: BSD-3-Clause */
/* beta = u o v with (k/2) sum w (u^2 + v^2) + (r/2) sum w (u v)^2. By the inequality of the means
 * the first term is at least k sum w |u v|, with equality iff |u| = |v|: it induces k w |b| and
 * the second is smooth already. k and r are the penalty's slope at 0 and its constant curvature at
 * unit weight: (lambda, 0) for the lasso, (lambda alpha, lambda (1 - alpha)) for the elastic net.
 *
 * Every block is one column; a penalised one stores (u, v), an unpenalised one beta. */
#include "surrogate/surrogate.h"

#include <math.h>
#include <string.h>

static int induces(const bvl_penalty *pen)
{
  return strcmp(pen->type->name, "lasso") == 0 || strcmp(pen->type->name, "enet") == 0;
}

static int64_t block_length(const bvl_blocks *blocks, int64_t g)
{
  if (isinf(blocks->weight[g])) return 0;
  return blocks->weight[g] > 0.0 ? 2 : 1;
}

static void forward(const bvl_blocks *blocks, const double *theta, double *beta)
{
  for (int64_t g = 0; g < blocks->n; g++) {
    double weight = blocks->weight[g];
    if (isinf(weight)) {
      beta[g] = 0.0;
    } else if (weight > 0.0) {
      beta[g] = theta[0] * theta[1];
      theta += 2;
    } else {
      beta[g] = *theta++;
    }
  }
}

static void pull_back(const bvl_blocks *blocks, const double *theta, const double *grad_beta,
                      double *grad_theta)
{
  for (int64_t g = 0; g < blocks->n; g++) {
    double weight = blocks->weight[g];
    if (isinf(weight)) continue;
    if (weight > 0.0) {
      grad_theta[0] = theta[1] * grad_beta[g];
      grad_theta[1] = theta[0] * grad_beta[g];
      theta += 2;
      grad_theta += 2;
    } else {
      *grad_theta++ = grad_beta[g];
      theta++;
    }
  }
}

static double penalty(const bvl_penalty *pen, double lambda, const bvl_blocks *blocks,
                      const double *theta, double *grad_theta)
{
  double kink = pen->type->slope(pen, lambda, 0.0);
  double ridge = pen->type->bend(pen, lambda, 1.0);
  double sum = 0.0;
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t length = block_length(blocks, g);
    if (length == 2) {
      double u = theta[0], v = theta[1], weight = blocks->weight[g];
      sum += 0.5 * weight * (kink * (u * u + v * v) + ridge * (u * v) * (u * v));
      if (grad_theta != NULL) {
        grad_theta[0] += weight * (kink + ridge * v * v) * u;
        grad_theta[1] += weight * (kink + ridge * u * u) * v;
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
    int64_t length = block_length(blocks, g);
    if (length == 2) {
      double excess = fabs(theta[0]) - fabs(theta[1]);
      sum += 0.5 * kink * blocks->weight[g] * excess * excess;
    }
    theta += length;
  }
  return sum;
}

/* (u, v) of magnitude `size` with u v of the sign of `direction`. */
static void set_factors(double size, double direction, double *theta)
{
  theta[0] = copysign(size, direction);
  theta[1] = size;
}

static void balance(const bvl_blocks *blocks, const double *beta, const double *grad_beta,
                    double floor, double *theta)
{
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t length = block_length(blocks, g);
    double grad = grad_beta != NULL ? grad_beta[g] : 0.0;
    if (length == 2 && beta[g] != 0.0)
      set_factors(sqrt(fabs(beta[g])), beta[g], theta);
    else if (length == 2)
      set_factors(floor, grad > 0.0 ? -1.0 : 1.0, theta);
    else if (length == 1)
      *theta = beta[g];
    theta += length;
  }
}

static int64_t reseed(const bvl_penalty *pen, double lambda, const bvl_blocks *blocks,
                      const double *grad_beta, double floor, double *theta)
{
  int64_t moved = 0;
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t length = block_length(blocks, g);
    if (length == 2 && fabs(theta[0] * theta[1]) <= floor * floor &&
        fabs(grad_beta[g]) > bvl_penalty_threshold(pen, lambda * blocks->weight[g])) {
      set_factors(floor, -grad_beta[g], theta);
      moved++;
    }
    theta += length;
  }
  return moved;
}

const bvl_surrogate bvl_surrogate_product = {
    .name = "product",
    .induces = induces,
    .block_length = block_length,
    .forward = forward,
    .pull_back = pull_back,
    .penalty = penalty,
    .imbalance = imbalance,
    .balance = balance,
    .reseed = reseed,
};
