/* SPDX-License-Identifier: BSD-3-Clause */
/* Where factors start and start again: balanced ones of given coefficients, and ways out of the
 * absorbing zero. */
#include <math.h>
#include <string.h>

#include "penalty/lpq.h"
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

static int restart_convex(const bvl_surrogate *map, const bvl_surrogate_start *start,
                          const bvl_blocks *blocks, int64_t g, double *theta)
{
  const int64_t m = bvl_block_len(blocks, g);
  const double *b = start->beta + blocks->begin[g], *grad = start->grad_beta + blocks->begin[g];
  const double least = pow(start->floor, map->shape.depth);
  if (bvl_block_norm(m, b) > least) return 0;
  if (pull(map, m, grad) <= bvl_penalty_threshold(start->pen, start->lambda * blocks->weight[g]))
    return 0;
  set_along(map, m, least, grad, theta);
  return 1;
}

/* --- the others, by the problem of one block: (h/2) ||x - z||^2 + lw Pen(x), z = b - g / h --- */

/* Along the direction of z the problem is that of l_q at level lw. */
typedef struct {
  bvl_penalty lq;
  double lw;
  double pull; /* h ||z||; ||g|| to the last bit for b = 0, as all others compare it */
} ray;

/* For a penalty of the norm lw is the block's; for l_pq it depends on the direction. */
static ray look_along(const bvl_surrogate_start *start, double weight, double h, int64_t m,
                      const double *b, const double *g, double *scratch)
{
  for (int64_t k = 0; k < m; k++) scratch[k] = b != NULL ? h * b[k] - g[k] : -g[k];
  ray out = {.lq = bvl_penalty_curved(*start->pen, h), .pull = bvl_block_norm(m, scratch)};
  if (start->pen->type->nested && out.pull > 0.0) weight *= bvl_lpq_along(start->pen, m, scratch);
  out.lw = start->lambda * weight;
  return out;
}

static int stays_at_zero(const ray *z)
{
  return z->pull <= bvl_penalty_threshold(&z->lq, z->lw);
}

/* No local minimiser other than zero is smaller. */
static double least_size(const ray *z)
{
  return z->lq.type->least(&z->lq, z->lw);
}

/* The size at which the penalty's slope is the share 1/(2-q) of the gradient's: midway between
 * where factors begin to grow (share 1) and where the proximal step lands at its threshold (share
 * q/(2-q)). */
static double start_size(const ray *away)
{
  const double q = away->lq.shape, slope = away->pull / (2.0 - q);
  return pow(away->lw * q / slope, 1.0 / (1.0 - q));
}

/* --- l_pq: columns inside a group that stays --- */

/* What column j of the block should be in its own problem, level |b_j|^p with curvature h: zero, a
 * start that grows, or what it is. t = ||b_g||. */
static double settle(const ray *column, double b, double g, double t)
{
  if (column->lq.shape < 1.0) {
    if (b != 0.0 && fabs(b) >= least_size(column)) return b;
    if (stays_at_zero(column)) return 0.0;
    const ray away = {.lq = column->lq, .lw = column->lw, .pull = fabs(g)};
    const double size = start_size(&away);
    return fabs(b) >= 0.5 * size ? b : -copysign(size, g);
  }
  if (fabs(g) > column->lw) return fabs(b) > 1e-6 * t ? b : -copysign(1e-3 * t, g);
  return column->pull <= column->lw ? 0.0 : b;
}

/* out = the settled columns (with `starts` = 0 only zeros are new); returns how many changed. */
static int64_t settle_columns(const bvl_surrogate_start *start, const bvl_blocks *blocks, int64_t g,
                              int starts, double *out)
{
  const int64_t m = bvl_block_len(blocks, g);
  const double *b = start->beta + blocks->begin[g], *grad = start->grad_beta + blocks->begin[g];
  const double t = bvl_block_norm(m, b), h = start->curvature[g];
  ray column = {.lq = *start->pen,
                .lw = bvl_lpq_level(start->pen, start->lambda * blocks->weight[g], m, b)};
  int64_t changed = 0;
  column.lq.shape = 2.0 / start->pen->k1;
  column.lq.curvature = h;
  for (int64_t j = 0; j < m; j++) {
    column.pull = fabs(h * b[j] - grad[j]);
    const double settled = settle(&column, b[j], grad[j], t);
    out[j] = starts || settled == 0.0 ? settled : b[j];
    changed += out[j] != b[j];
  }
  return changed;
}

void bvl_surrogate_set_zeros(const bvl_surrogate *map, const bvl_surrogate_start *start,
                             const bvl_blocks *blocks, int64_t g, double *scratch, double *out)
{
  const int64_t m = bvl_block_len(blocks, g);
  const double h = start->curvature[g], *b = start->beta + blocks->begin[g];
  const double *grad = start->grad_beta + blocks->begin[g];
  const double t = bvl_block_norm(m, b);
  if (!(h > 0.0) || !(t > 0.0)) return;
  const ray z = look_along(start, blocks->weight[g], h, m, b, grad, scratch);
  if (t < least_size(&z) && stays_at_zero(&z))
    memset(out, 0, (size_t)m * sizeof *out);
  else if (map->type->nested)
    settle_columns(start, blocks, g, 0, out);
}

static int restart_columns(const bvl_surrogate *map, const bvl_surrogate_start *start,
                           const bvl_blocks *blocks, int64_t g, double *theta, double *scratch)
{
  const int64_t m = bvl_block_len(blocks, g);
  if (settle_columns(start, blocks, g, 1, scratch) == 0) return 0;
  if (!(bvl_block_norm(m, scratch) > 0.0)) return 0; /* the group's business */
  memcpy(theta, scratch, (size_t)m * sizeof *theta);
  map->type->balance(&map->shape, m, theta);
  return 1;
}

static int restart_other(const bvl_surrogate *map, const bvl_surrogate_start *start,
                         const bvl_blocks *blocks, int64_t g, double *theta, double *scratch)
{
  const int64_t m = bvl_block_len(blocks, g), length = map->type->length(&map->shape, m);
  const double h = start->curvature[g];
  const double *b = start->beta + blocks->begin[g], *grad = start->grad_beta + blocks->begin[g];
  const double t = bvl_block_norm(m, b);
  if (!(h > 0.0) || !(bvl_block_norm(m, grad) > 0.0)) return 0;
  const ray z = look_along(start, blocks->weight[g], h, m, b, grad, scratch);
  if (t > 0.0 && t >= least_size(&z))
    return map->type->nested ? restart_columns(map, start, blocks, g, theta, scratch) : 0;
  if (stays_at_zero(&z)) {
    const int moved = bvl_block_norm(length, theta) > 0.0;
    memset(theta, 0, (size_t)length * sizeof *theta);
    return moved;
  }
  const ray away = look_along(start, blocks->weight[g], h, m, NULL, grad, scratch);
  const double size = start_size(&away);
  if (!isfinite(size) || t >= 0.5 * size) return 0;
  set_along(map, m, size, grad, theta);
  return 1;
}

int64_t bvl_surrogate_reseed(const bvl_surrogate *map, const bvl_surrogate_start *start,
                             const bvl_blocks *blocks, double *scratch, double *theta)
{
  int64_t moved = 0;
  for (int64_t g = 0; g < blocks->n; g++) {
    if (bvl_surrogate_is_penalised(blocks->weight[g]))
      moved += start->pen->type->convex ? restart_convex(map, start, blocks, g, theta)
                                        : restart_other(map, start, blocks, g, theta, scratch);
    theta += bvl_surrogate_block_length(map, blocks, g);
  }
  return moved;
}
