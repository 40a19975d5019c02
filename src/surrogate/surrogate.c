/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of factor maps, and their functions over all blocks. */
#include "surrogate/surrogate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "surrogate/maps.h"

/* The first that induces a penalty is its default. */
static const bvl_surrogate_type *const types[] = {&bvl_surrogate_product,
                                                  &bvl_surrogate_power,
                                                  &bvl_surrogate_difference,
                                                  &bvl_surrogate_shared,
                                                  &bvl_surrogate_square,
                                                  &bvl_surrogate_two_vector,
                                                  &bvl_surrogate_group_product,
                                                  &bvl_surrogate_group_power,
                                                  &bvl_surrogate_own_norm,
                                                  &bvl_surrogate_lpq,
                                                  NULL};

/* --- which map --- */

/* The penalty is |b|^q near zero: its q, NaN when it is no power there. */
static double exponent_of(const bvl_penalty *pen)
{
  if (pen->type->nested) return pen->shape;
  static const char *const linear[] = {"lasso", "enet", "group-lasso"};
  const char *name = pen->type->name;
  for (size_t k = 0; k < sizeof linear / sizeof linear[0]; k++)
    if (strcmp(name, linear[k]) == 0) return 1.0;
  return strcmp(name, "lq") == 0 || strcmp(name, "group-lq") == 0 ? pen->shape : NAN;
}

/* What the maps need to know; depth NaN when there are none. 2/q is rounded where q is. */
static bvl_surrogate_shape shape_of(const bvl_penalty *pen)
{
  double depth = 2.0 / exponent_of(pen), whole = round(depth);
  if (fabs(depth - whole) <= 1e-9 * depth) depth = whole;
  return (bvl_surrogate_shape){.depth = depth, .k1 = (int64_t)pen->k1, .k2 = (int64_t)pen->k2};
}

static int induces(const bvl_surrogate_type *type, const bvl_penalty *pen, int one_sided,
                   const bvl_surrogate_shape *shape)
{
  if (type->grouped != (pen->type->grouped != 0) || type->nested != (shape->k1 > 0)) return 0;
  if (type->one_sided != (one_sided != 0)) return 0;
  if (!(shape->depth >= 2.0 && shape->depth <= type->max_depth)) return 0;
  return !type->whole || shape->depth == floor(shape->depth);
}

bvl_status bvl_surrogate_find(const char *name, const bvl_penalty *pen, int one_sided,
                              bvl_surrogate *out)
{
  char text[96] = "none";
  size_t used = 0;
  const bvl_surrogate_shape shape = shape_of(pen);
  *out = (bvl_surrogate){.type = NULL, .shape = shape};
  for (size_t k = 0; types[k] != NULL; k++) {
    if (!induces(types[k], pen, one_sided, &shape)) continue;
    if (name == NULL || strcmp(name, types[k]->name) == 0) {
      *out = bvl_surrogate_of(types[k], shape);
      return BVL_OK;
    }
    int n = snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "", types[k]->name);
    if (n > 0) used += (size_t)n;
    if (used >= sizeof text) used = sizeof text - 1;
  }
  return bvl_fail(BVL_ERR_USAGE, "param %s does not induce penalty %s%s (these do: %s)",
                  name != NULL ? name : "(default)", pen->type->name,
                  one_sided ? " with a lower bound of 0" : "", text);
}

void bvl_surrogate_names(char *text, size_t text_bytes)
{
  size_t used = 0;
  text[0] = '\0';
  for (size_t k = 0; types[k] != NULL; k++) {
    int seen = 0;
    for (size_t l = 0; l < k; l++) seen |= strcmp(types[l]->name, types[k]->name) == 0;
    if (seen || used >= text_bytes) continue;
    int n = snprintf(text + used, text_bytes - used, "%s%s", used > 0 ? "|" : "", types[k]->name);
    if (n > 0) used += (size_t)n;
  }
}

/* --- all blocks --- */

int64_t bvl_surrogate_block_length(const bvl_surrogate *map, const bvl_blocks *blocks, int64_t g)
{
  const double weight = blocks->weight[g];
  const int64_t m = bvl_block_len(blocks, g);
  if (isinf(weight)) return 0;
  if (!(weight > 0.0)) return m;
  return m == 1 ? map->single : map->type->length(&map->shape, m);
}

int64_t bvl_surrogate_length(const bvl_surrogate *map, const bvl_blocks *blocks)
{
  int64_t length = 0;
  for (int64_t g = 0; g < blocks->n; g++) length += bvl_surrogate_block_length(map, blocks, g);
  return length;
}

void bvl_surrogate_forward(const bvl_surrogate *map, const bvl_blocks *blocks, const double *theta,
                           double *beta)
{
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t m = bvl_block_len(blocks, g), length = bvl_surrogate_block_length(map, blocks, g);
    double *b = beta + blocks->begin[g];
    if (bvl_surrogate_is_penalised(blocks->weight[g]))
      map->type->forward(&map->shape, m, theta, b);
    else
      for (int64_t k = 0; k < m; k++) b[k] = k < length ? theta[k] : 0.0;
    theta += length;
  }
}

void bvl_surrogate_pull_back(const bvl_surrogate *map, const bvl_blocks *blocks,
                             const double *theta, const double *grad_beta, double *grad_theta)
{
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t m = bvl_block_len(blocks, g), length = bvl_surrogate_block_length(map, blocks, g);
    const double *grad = grad_beta + blocks->begin[g];
    if (bvl_surrogate_is_penalised(blocks->weight[g]))
      map->type->pull_back(&map->shape, m, theta, grad, grad_theta);
    else
      for (int64_t k = 0; k < length; k++) grad_theta[k] = grad[k];
    theta += length;
    grad_theta += length;
  }
}

/* The factor penalties' level and the ridge beside it, at unit weight. */
static double level_of(const bvl_penalty *pen, double lambda)
{
  return pen->type->convex ? pen->type->slope(pen, lambda, 0.0) : lambda;
}

static double ridge_of(const bvl_penalty *pen, double lambda)
{
  return pen->type->convex ? pen->type->bend(pen, lambda, 1.0) : 0.0;
}

/* (ridge/2) b^2 of a single column. */
static double add_ridge(const bvl_surrogate *map, double ridge, const double *theta, int64_t length,
                        double *grad)
{
  double b = 0.0, pulled[BVL_SURROGATE_MAX_FACTORS];
  map->type->forward(&map->shape, 1, theta, &b);
  const double along = ridge * b;
  if (grad != NULL) {
    map->type->pull_back(&map->shape, 1, theta, &along, pulled);
    for (int64_t l = 0; l < length; l++) grad[l] += pulled[l];
  }
  return 0.5 * ridge * b * b;
}

double bvl_surrogate_penalty(const bvl_surrogate *map, const bvl_penalty *pen, double lambda,
                             const bvl_blocks *blocks, const double *theta, double *grad_theta)
{
  const double level = level_of(pen, lambda), ridge = ridge_of(pen, lambda);
  double sum = 0.0;
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t length = bvl_surrogate_block_length(map, blocks, g);
    double weight = blocks->weight[g];
    if (bvl_surrogate_is_penalised(weight)) {
      sum += map->type->penalty(&map->shape, level * weight, bvl_block_len(blocks, g), theta,
                                grad_theta);
      if (ridge > 0.0) sum += add_ridge(map, ridge * weight, theta, length, grad_theta);
    }
    theta += length;
    if (grad_theta != NULL) grad_theta += length;
  }
  return sum;
}

double bvl_surrogate_imbalance(const bvl_surrogate *map, const bvl_penalty *pen, double lambda,
                               const bvl_blocks *blocks, const double *theta)
{
  const double level = level_of(pen, lambda);
  double sum = 0.0;
  for (int64_t g = 0; g < blocks->n; g++) {
    double weight = blocks->weight[g];
    if (bvl_surrogate_is_penalised(weight))
      sum += map->type->imbalance(&map->shape, level * weight, bvl_block_len(blocks, g), theta);
    theta += bvl_surrogate_block_length(map, blocks, g);
  }
  return sum;
}
