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

/* Blocks are taken RUN at a time: few enough that what one pass over them reads is still in cache
 * for the next. */
enum { RUN = 256 };

static int64_t run_end(const bvl_blocks *blocks, int64_t g)
{
  return g + RUN < blocks->n ? g + RUN : blocks->n;
}

/* Are blocks g .. end - 1 penalised, of one column and one weight, and the map one that takes them
 * side by side? No block is empty. */
static int is_run(const bvl_surrogate *map, const bvl_blocks *blocks, int64_t g, int64_t end)
{
  const double *weight = blocks->weight + g;
  if (map->type == NULL || map->type->forward_run == NULL) return 0;
  if (blocks->begin[end] - blocks->begin[g] != end - g) return 0;
  if (!bvl_surrogate_is_penalised(weight[0])) return 0;
  return memcmp(weight, weight + 1, (size_t)(end - g - 1) * sizeof *weight) == 0;
}

static void forward_block(const bvl_surrogate *map, const bvl_blocks *blocks, int64_t g,
                          int64_t length, const double *theta, double *b)
{
  const int64_t m = bvl_block_len(blocks, g);
  if (bvl_surrogate_is_penalised(blocks->weight[g]))
    map->type->forward(&map->shape, m, theta, b);
  else
    for (int64_t k = 0; k < m; k++) b[k] = k < length ? theta[k] : 0.0;
}

void bvl_surrogate_forward(const bvl_surrogate *map, const bvl_blocks *blocks, const double *theta,
                           double *beta)
{
  for (int64_t g = 0; g < blocks->n;) {
    const int64_t end = run_end(blocks, g);
    if (is_run(map, blocks, g, end)) {
      map->type->forward_run(&map->shape, end - g, theta, beta + blocks->begin[g]);
      theta += (end - g) * map->single;
      g = end;
    }
    for (; g < end; g++) {
      const int64_t length = bvl_surrogate_block_length(map, blocks, g);
      forward_block(map, blocks, g, length, theta, beta + blocks->begin[g]);
      theta += length;
    }
  }
}

static void pull_back_block(const bvl_surrogate *map, const bvl_blocks *blocks, int64_t g,
                            int64_t length, const double *theta, const double *grad_beta,
                            double *grad_theta)
{
  if (bvl_surrogate_is_penalised(blocks->weight[g]))
    map->type->pull_back(&map->shape, bvl_block_len(blocks, g), theta, grad_beta, grad_theta);
  else
    for (int64_t k = 0; k < length; k++) grad_theta[k] = grad_beta[k];
}

void bvl_surrogate_pull_back(const bvl_surrogate *map, const bvl_blocks *blocks,
                             const double *theta, const double *grad_beta, double *grad_theta)
{
  for (int64_t g = 0; g < blocks->n;) {
    const int64_t end = run_end(blocks, g);
    if (is_run(map, blocks, g, end)) {
      map->type->pull_back_run(&map->shape, end - g, theta, grad_beta + blocks->begin[g],
                               grad_theta);
      theta += (end - g) * map->single;
      grad_theta += (end - g) * map->single;
      g = end;
    }
    for (; g < end; g++) {
      const int64_t length = bvl_surrogate_block_length(map, blocks, g);
      pull_back_block(map, blocks, g, length, theta, grad_beta + blocks->begin[g], grad_theta);
      theta += length;
      grad_theta += length;
    }
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

static double penalty_of_block(const bvl_surrogate *map, double level, double ridge, double weight,
                               int64_t m, int64_t length, const double *theta, double *grad_theta)
{
  if (!bvl_surrogate_is_penalised(weight)) return 0.0;
  double sum = map->type->penalty(&map->shape, level * weight, m, theta, grad_theta);
  if (ridge > 0.0) sum += add_ridge(map, ridge * weight, theta, length, grad_theta);
  return sum;
}

double bvl_surrogate_penalty(const bvl_surrogate *map, const bvl_penalty *pen, double lambda,
                             const bvl_blocks *blocks, const double *theta, double *grad_theta)
{
  const double level = level_of(pen, lambda), ridge = ridge_of(pen, lambda);
  double sum = 0.0;
  for (int64_t g = 0; g < blocks->n;) {
    const int64_t end = run_end(blocks, g);
    if (!(ridge > 0.0) && is_run(map, blocks, g, end)) {
      sum += map->type->penalty_run(&map->shape, level * blocks->weight[g], end - g, theta,
                                    grad_theta);
      theta += (end - g) * map->single;
      if (grad_theta != NULL) grad_theta += (end - g) * map->single;
      g = end;
    }
    for (; g < end; g++) {
      const int64_t length = bvl_surrogate_block_length(map, blocks, g);
      sum += penalty_of_block(map, level, ridge, blocks->weight[g], bvl_block_len(blocks, g),
                              length, theta, grad_theta);
      theta += length;
      if (grad_theta != NULL) grad_theta += length;
    }
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
