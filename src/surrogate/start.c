/* SPDX-License-Identifier: BSD-3-Clause */
/* Where factors start and start again: balanced ones of given coefficients, and ways out of the
 * absorbing zero. */
#include <math.h>
#include <string.h>

#include "surrogate/surrogate.h"

/* Balanced factors of the vector of norm `size` along -g; along (1, 1, ...) without a direction. */
static void set_along(const bvl_surrogate *map, int64_t m, double size, const double *g,
                      double *theta)
{
  double norm = g != NULL ? bvl_block_norm(m, g) : 0.0;
  for (int64_t k = 0; k < m; k++)
    theta[k] = norm > 0.0 ? -size * (g[k] / norm) : size / sqrt((double)m);
  map->type->balance(&map->shape, m, theta);
}

void bvl_surrogate_balance(const bvl_surrogate *map, const bvl_blocks *blocks, const double *beta,
                           const double *grad_beta, double floor, double *theta)
{
  const double least = pow(floor, map->shape.depth);
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t m = bvl_block_len(blocks, g), length = bvl_surrogate_block_length(map, blocks, g);
    const double *b = beta + blocks->begin[g];
    memset(theta, 0, (size_t)length * sizeof *theta);
    if (!bvl_surrogate_is_penalised(blocks->weight[g])) {
      for (int64_t k = 0; k < length; k++) theta[k] = b[k];
    } else if (bvl_block_norm(m, b) > 0.0) {
      for (int64_t k = 0; k < m; k++) theta[k] = b[k];
      map->type->balance(&map->shape, m, theta);
    } else if (least > 0.0) {
      set_along(map, m, least, grad_beta != NULL ? grad_beta + blocks->begin[g] : NULL, theta);
    }
    theta += length;
  }
}

/* --- convex penalties: a block that stands at zero and wants to leave --- */

/* What of the gradient can move the block: with beta >= 0 a fall alone. */
static double pull(const bvl_surrogate *map, int64_t m, const double *g)
{
  return map->type->one_sided ? fmax(-g[0], 0.0) : bvl_block_norm(m, g);
}

static int restart_convex(const bvl_surrogate *map, const bvl_surrogate_start *start, double weight,
                          int64_t m, const double *b, const double *g, double *theta)
{
  const double least = pow(start->floor, map->shape.depth);
  if (bvl_block_norm(m, b) > least) return 0;
  if (pull(map, m, g) <= bvl_penalty_threshold(start->pen, start->lambda * weight)) return 0;
  set_along(map, m, least, g, theta);
  return 1;
}

/* --- the others, by the problem of one block: (h/2) ||x - z||^2 + lw Pen(x), z = b - g / h --- */

/* Along the direction of z the penalty is `level` t^q. */
typedef struct {
  double level;
  double size; /* ||z|| */
} ray;

/* Puts z / ||z|| through the map: balanced factors cost what the penalty does. */
static ray look_along(const bvl_surrogate *map, double lw, double h, int64_t m, const double *b,
                      const double *g, double *theta)
{
  ray out = {0.0, 0.0};
  for (int64_t k = 0; k < m; k++) theta[k] = (b != NULL ? b[k] : 0.0) - g[k] / h;
  out.size = bvl_block_norm(m, theta);
  if (!(out.size > 0.0)) return out;
  for (int64_t k = 0; k < m; k++) theta[k] /= out.size;
  map->type->balance(&map->shape, m, theta);
  out.level = map->type->penalty(&map->shape, lw, m, theta, NULL);
  return out;
}

/* Is zero the global minimum along the ray? */
static int stays_at_zero(double q, double h, const ray *z)
{
  const double mu = z->level / h;
  const double jump = (2.0 - q) / (2.0 * (1.0 - q)) * pow(2.0 * mu * (1.0 - q), 1.0 / (2.0 - q));
  return z->size <= jump;
}

/* No local minimiser other than zero is smaller: its curvature h - level q (1-q) t^(q-2) < 0. */
static double least_size(double q, double h, const ray *z)
{
  return pow(z->level * q * (1.0 - q) / h, 1.0 / (2.0 - q));
}

int bvl_surrogate_belongs_at_zero(const bvl_surrogate *map, const bvl_surrogate_start *start,
                                  double weight, int64_t m, const double *beta_block,
                                  const double *g_block, double *theta_block)
{
  const double q = 2.0 / map->shape.depth, h = start->curvature;
  const double t = bvl_block_norm(m, beta_block);
  const ray z = look_along(map, start->lambda * weight, h, m, beta_block, g_block, theta_block);
  return t < least_size(q, h, &z) && stays_at_zero(q, h, &z);
}

/* The size at which the penalty's slope is the share 1/(2-q) of the gradient's: midway between
 * where factors begin to grow (share 1) and where the proximal step lands at its threshold (share
 * q/(2-q)). */
static double start_size(double q, double h, const ray *away)
{
  const double slope = h * away->size / (2.0 - q);
  return pow(away->level * q / slope, 1.0 / (1.0 - q));
}

static int restart_other(const bvl_surrogate *map, const bvl_surrogate_start *start, double weight,
                         int64_t m, const double *b, const double *g, double *theta,
                         double *scratch)
{
  const double q = 2.0 / map->shape.depth, h = start->curvature, lw = start->lambda * weight;
  const int64_t length = map->type->length(&map->shape, m);
  const double t = bvl_block_norm(m, b);
  const ray z = look_along(map, lw, h, m, b, g, scratch);
  if (t > 0.0 && t >= least_size(q, h, &z)) return 0;
  if (stays_at_zero(q, h, &z)) {
    const int moved = bvl_block_norm(length, theta) > 0.0;
    memset(theta, 0, (size_t)length * sizeof *theta);
    return moved;
  }
  const ray away = look_along(map, lw, h, m, NULL, g, scratch);
  const double size = start_size(q, h, &away);
  if (!isfinite(size) || t >= 0.5 * size) return 0;
  set_along(map, m, size, g, theta);
  return 1;
}

int64_t bvl_surrogate_reseed(const bvl_surrogate *map, const bvl_surrogate_start *start,
                             const bvl_blocks *blocks, double *scratch, double *theta)
{
  int64_t moved = 0;
  for (int64_t g = 0; g < blocks->n; g++) {
    const double weight = blocks->weight[g];
    const int64_t m = bvl_block_len(blocks, g);
    const double *b = start->beta + blocks->begin[g], *grad = start->grad_beta + blocks->begin[g];
    if (bvl_surrogate_is_penalised(weight))
      moved += start->pen->type->convex
                   ? restart_convex(map, start, weight, m, b, grad, theta)
                   : restart_other(map, start, weight, m, b, grad, theta, scratch);
    theta += bvl_surrogate_block_length(map, blocks, g);
  }
  return moved;
}
