/* SPDX-License-Identifier: BSD-3-Clause */
/* Block functions of every penalty, made from its scalar profile P on t = ||b||_2. A block of one
 * column takes |b| itself, whose square may underflow, and a sign: a group of one is the lasso to
 * the last bit. Cost O(m), the curvature O(m^2). */
#include "penalty/penalty.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "penalty/profile.h"

static const bvl_penalty_type *const types[] = {&bvl_penalty_lasso, &bvl_penalty_enet,
                                                &bvl_penalty_group_lasso, NULL};

const bvl_penalty_type *bvl_penalty_find(const char *name)
{
  for (const bvl_penalty_type *const *type = types; *type != NULL; type++)
    if (strcmp((*type)->name, name) == 0) return *type;
  return NULL;
}

const bvl_penalty_type *const *bvl_penalty_all(void)
{
  return types;
}

bvl_status bvl_penalty_init(const bvl_penalty_type *type, double alpha, bvl_penalty *out)
{
  out->type = type;
  out->alpha = isnan(alpha) ? type->default_alpha : alpha;
  if (type->default_alpha == 1.0 && out->alpha != 1.0)
    return bvl_fail(BVL_ERR_USAGE, "penalty %s takes no alpha (%g given)", type->name, alpha);
  if (!(out->alpha > 0.0 && out->alpha <= 1.0))
    return bvl_fail(BVL_ERR_USAGE, "alpha %g is not in (0, 1]", alpha);
  return BVL_OK;
}

double bvl_block_norm(int64_t m, const double *x)
{
  if (m == 1) return fabs(x[0]);
  double sum = 0.0;
  for (int64_t k = 0; k < m; k++) sum += x[k] * x[k];
  return sqrt(sum);
}

/* out = b scaled to norm `length`, t = ||b||. */
static void rescale(int64_t m, const double *b, double t, double length, double *out)
{
  if (m == 1) {
    out[0] = copysign(length, b[0]);
    return;
  }
  double factor = t > 0.0 ? length / t : 0.0;
  for (int64_t k = 0; k < m; k++) out[k] = factor * b[k];
}

double bvl_penalty_value(const bvl_penalty *pen, double lw, int64_t m, const double *b)
{
  double t = bvl_block_norm(m, b);
  return t > 0.0 ? pen->type->profile(pen, lw, t) : 0.0; /* not Inf * 0 */
}

void bvl_penalty_prox(const bvl_penalty *pen, double lw, double rho, int64_t m, const double *z,
                      double *out)
{
  double t = bvl_block_norm(m, z);
  double length = 0.0;
  if (t > 0.0 && lw < INFINITY) length = pen->type->prox(pen, lw, rho, t);
  if (length > 0.0)
    rescale(m, z, t, length, out);
  else
    for (int64_t k = 0; k < m; k++) out[k] = 0.0;
}

double bvl_penalty_distance(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                            const double *g)
{
  if (isinf(lw)) return 0.0;
  double t = bvl_block_norm(m, b);
  if (!(t > 0.0)) return fmax(bvl_block_norm(m, g) - bvl_penalty_threshold(pen, lw), 0.0);
  double slope = pen->type->slope(pen, lw, t);
  if (m == 1) return fabs(g[0] + copysign(slope, b[0]));
  double sum = 0.0;
  for (int64_t k = 0; k < m; k++) {
    double d = g[k] + slope / t * b[k];
    sum += d * d;
  }
  return sqrt(sum);
}

void bvl_penalty_gradient(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                          double *out)
{
  double t = bvl_block_norm(m, b);
  rescale(m, b, t, pen->type->slope(pen, lw, t), out);
}

void bvl_penalty_add_curvature(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                               double *H, int64_t ld)
{
  double t = bvl_block_norm(m, b);
  double along = pen->type->bend(pen, lw, t);
  if (m == 1) {
    H[0] += along;
    return;
  }
  double across = pen->type->slope(pen, lw, t) / t;
  for (int64_t l = 0; l < m; l++) {
    for (int64_t k = 0; k < m; k++) H[k + l * ld] += (along - across) * (b[k] / t) * (b[l] / t);
    H[l + l * ld] += across;
  }
}

double bvl_penalty_threshold(const bvl_penalty *pen, double lw)
{
  return pen->type->slope(pen, lw, 0.0);
}

static int stays_zero(const bvl_penalty *pen, double weight, double norm, double lambda)
{
  return norm <= bvl_penalty_threshold(pen, lambda * weight);
}

/* Non-negative doubles are ordered as their bit patterns are. */
static uint64_t bits_of(double x)
{
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static double from_bits(uint64_t bits)
{
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

double bvl_penalty_lambda_max(const bvl_penalty *pen, double weight, double norm)
{
  if (isnan(norm)) return norm;
  if (weight == 0.0 || isinf(weight) || norm == 0.0) return 0.0;
  /* the quotient is right to a few ulps: bisect those (or, if it under- or overflowed, every
   * double) on the comparison itself, which is monotone in lambda */
  double guess = norm / (weight * bvl_penalty_threshold(pen, 1.0));
  double low = guess * (1.0 - 4.0 * DBL_EPSILON);
  double high = guess * (1.0 + 4.0 * DBL_EPSILON);
  if (stays_zero(pen, weight, norm, low)) low = 0.0;
  if (!stays_zero(pen, weight, norm, high)) high = INFINITY;
  uint64_t fails = bits_of(low);
  uint64_t holds = bits_of(high);
  while (holds - fails > 1) {
    uint64_t middle = fails + (holds - fails) / 2;
    if (stays_zero(pen, weight, norm, from_bits(middle)))
      holds = middle;
    else
      fails = middle;
  }
  return from_bits(holds);
}
