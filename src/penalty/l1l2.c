/* SPDX-License-Identifier: BSD-3-Clause */
/* Cost O(m), the curvature O(s^2) for s columns that are not zero. */
#include "penalty/l1l2.h"

#include <math.h>
#include <stddef.h>

#include "penalty/blocks.h"
#include "penalty/profile.h"

/* ---- pieces ---------------------------------------------------------------------------------- */

int64_t bvl_penalty_pieces(const bvl_penalty *pen, int64_t m, const int64_t **begin)
{
  *begin = NULL;
  if (!pen->type->difference) return 1;
  const bvl_blocks *inside = pen->inside;
  /* an unpenalised column beside the block of all others is no part of it */
  if (inside == NULL || inside->begin[inside->n] != m) return m;
  *begin = inside->begin;
  return inside->n;
}

typedef struct piece {
  int64_t begin;
  int64_t len;
  double omega;
} piece;

static piece piece_at(const bvl_penalty *pen, const int64_t *begin, int64_t i)
{
  if (begin == NULL) return (piece){i, 1, 1.0};
  return (piece){begin[i], begin[i + 1] - begin[i], pen->inside->weight[i]};
}

static double norm_of(piece at, const double *b)
{
  return bvl_block_norm(at.len, b + at.begin);
}

/* ---- the block ------------------------------------------------------------------------------- */

double bvl_l1l2_value(const bvl_penalty *pen, double lw, int64_t m, const double *b)
{
  const int64_t *begin = NULL;
  const int64_t n = bvl_penalty_pieces(pen, m, &begin);
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    const piece at = piece_at(pen, begin, i);
    sum += at.omega * norm_of(at, b);
  }
  return sum > 0.0 ? lw * (sum - pen->alpha * bvl_block_norm(m, b)) : 0.0;
}

double bvl_l1l2_pull(const bvl_penalty *pen, int64_t m, const double *v)
{
  const int64_t *begin = NULL;
  const int64_t n = bvl_penalty_pieces(pen, m, &begin);
  double most = 0.0;
  for (int64_t i = 0; i < n; i++) {
    const piece at = piece_at(pen, begin, i);
    double size = norm_of(at, v);
    if (isnan(size)) return size;
    if (at.omega != 1.0) size *= (1.0 - pen->alpha) / (at.omega - pen->alpha);
    most = fmax(most, size);
  }
  return most;
}

/* With s_i = (||z_i|| - mu omega_i)_+, mu = lw / rho: where some s_i > 0 pieces keep their
 * directions, shrink to s_i and are all stretched by 1 + alpha mu / ||s||; elsewhere only the piece
 * of the largest ||z_i|| - mu (omega_i - alpha) is not zero, if that is positive. (On the sphere of
 * radius r the cost is r times a linear form in the direction: its minimum over directions >= 0 is
 * -||s||, or, with no negative coefficient, at a corner.) */
void bvl_l1l2_prox(const bvl_penalty *pen, double lw, double rho, int64_t m, const double *z,
                   double *out)
{
  const int64_t *begin = NULL;
  const int64_t n = bvl_penalty_pieces(pen, m, &begin);
  const double mu = lw / rho;
  double sum = 0.0;
  double most = 0.0;
  int64_t best = -1;
  for (int64_t i = 0; i < n && lw < INFINITY; i++) {
    const piece at = piece_at(pen, begin, i);
    const double size = norm_of(at, z);
    const double s = fmax(size - mu * at.omega, 0.0);
    sum += s * s;
    const double left = size - (at.omega - pen->alpha) * lw / rho; /* rounds as thresholds do */
    if (!(left > most)) continue;
    most = left;
    best = i;
  }
  const double stretch = sum > 0.0 ? 1.0 + pen->alpha * mu / sqrt(sum) : 0.0;
  for (int64_t i = 0; i < n; i++) {
    const piece at = piece_at(pen, begin, i);
    const double size = norm_of(at, z);
    double length = i == best ? most : 0.0;
    if (sum > 0.0) length = stretch * fmax(size - mu * at.omega, 0.0);
    for (int64_t k = at.begin; k < at.begin + at.len; k++)
      out[k] = length > 0.0 ? z[k] * (length / size) : 0.0;
  }
}

double bvl_l1l2_distance(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                         const double *g)
{
  const int64_t *begin = NULL;
  const int64_t n = bvl_penalty_pieces(pen, m, &begin);
  const double t = bvl_block_norm(m, b);
  double sum = 0.0;
  double most = 0.0;
  if (isinf(lw)) return 0.0;
  if (lw == 0.0) return bvl_block_norm(m, g);
  for (int64_t i = 0; i < n; i++) {
    const piece at = piece_at(pen, begin, i);
    const double size = norm_of(at, b);
    const double level = lw * (t > 0.0 ? at.omega : at.omega - pen->alpha);
    const double along = size > 0.0 ? lw * (at.omega / size - pen->alpha / t) : 0.0;
    for (int64_t k = at.begin; size > 0.0 && k < at.begin + at.len; k++)
      sum += (g[k] + along * b[k]) * (g[k] + along * b[k]);
    if (size > 0.0) continue;
    const double excess = norm_of(at, g) - level;
    if (isnan(excess)) return excess;
    most = fmax(most, excess);
    sum += excess > 0.0 ? excess * excess : 0.0;
  }
  return t > 0.0 ? sqrt(sum) : most; /* off zero the excesses hold one by one */
}

void bvl_l1l2_gradient(const bvl_penalty *pen, double lw, int64_t m, const double *b, double *out)
{
  const int64_t *begin = NULL;
  const int64_t n = bvl_penalty_pieces(pen, m, &begin);
  const double t = bvl_block_norm(m, b);
  for (int64_t i = 0; i < n; i++) {
    const piece at = piece_at(pen, begin, i);
    const double size = norm_of(at, b);
    const double along = size > 0.0 ? lw * (at.omega / size - pen->alpha / t) : 0.0;
    for (int64_t k = at.begin; k < at.begin + at.len; k++) out[k] = along * b[k];
  }
}

/* sum_i (lw omega_i / ||b_i||) (I - u_i u_i') on its piece, less (lw alpha / ||b||) (I - u u') */
void bvl_l1l2_add_curvature(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                            double *H, int64_t ld)
{
  const int64_t *begin = NULL;
  const int64_t n = bvl_penalty_pieces(pen, m, &begin);
  const double t = bvl_block_norm(m, b);
  const double bent = lw * pen->alpha / t;
  int64_t row = 0; /* of H */
  for (int64_t i = 0; i < n; i++) {
    const piece at = piece_at(pen, begin, i);
    const double size = norm_of(at, b);
    if (!(size > 0.0)) continue;
    const double *b_i = b + at.begin;
    const double across = at.len > 1 ? lw * at.omega / size : 0.0;
    for (int64_t l = 0; l < at.len; l++) {
      double *column = H + (row + l) * ld;
      for (int64_t k = 0; k < at.len && across > 0.0; k++)
        column[row + k] -= across * (b_i[k] / size) * (b_i[l] / size);
      column[row + l] += across - bent;
      int64_t at_row = 0;
      for (int64_t j = 0; j < n; j++) {
        const piece other = piece_at(pen, begin, j);
        if (!(norm_of(other, b) > 0.0)) continue;
        for (int64_t k = other.begin; k < other.begin + other.len; k++)
          column[at_row++] += bent * (b[k] / t) * (b_i[l] / t);
      }
    }
    row += at.len;
  }
}

/* ---- a block of one column of weight 1 ------------------------------------------------------- */

static double profile(const bvl_penalty *pen, double lw, double t)
{
  return (1.0 - pen->alpha) * lw * t;
}

static double slope(const bvl_penalty *pen, double lw, double t)
{
  (void)t;
  return (1.0 - pen->alpha) * lw;
}

static double prox(const bvl_penalty *pen, double lw, double rho, double t)
{
  return bvl_linear_prox(pen, (1.0 - pen->alpha) * lw, rho, t);
}

const bvl_penalty_type bvl_penalty_l1_l2 = {
    .name = "l1-l2",
    .grouped = 1,
    .difference = 1,
    .mixes = 1,
    .default_alpha = 0.5,
    .profile = profile,
    .slope = slope,
    .bend = bvl_linear_bend,
    .prox = prox,
};

const bvl_penalty_type bvl_penalty_group_l1_l2 = {
    .name = "group-l1-l2",
    .grouped = 1,
    .difference = 1,
    .whole = 1,
    .mixes = 1,
    .default_alpha = 0.5,
    .profile = profile,
    .slope = slope,
    .bend = bvl_linear_bend,
    .prox = prox,
};
