/* SPDX-License-Identifier: BSD-3-Clause */
/* Block functions of every penalty, made from its scalar profile P on t = ||b||_2. A block of one
 * column takes |b| itself, whose square may underflow, and a sign: a group of one is the lasso to
 * the last bit. Cost O(m), the curvature O(m^2). */
#include "penalty/penalty.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "penalty/l1l2.h"
#include "penalty/lpq.h"
#include "penalty/profile.h"

static const bvl_penalty_type *const types[] = {
    &bvl_penalty_lasso,       &bvl_penalty_enet,
    &bvl_penalty_group_lasso, &bvl_penalty_sparse_group_lasso,
    &bvl_penalty_mcp,         &bvl_penalty_scad,
    &bvl_penalty_tl1,         &bvl_penalty_log,
    &bvl_penalty_lq,          &bvl_penalty_group_mcp,
    &bvl_penalty_group_scad,  &bvl_penalty_group_tl1,
    &bvl_penalty_group_log,   &bvl_penalty_group_lq,
    &bvl_penalty_lpq,         &bvl_penalty_l1_l2,
    &bvl_penalty_group_l1_l2, NULL};

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

void bvl_penalty_parameters_init(bvl_penalty_parameters *parameters)
{
  *parameters = (bvl_penalty_parameters){
      .alpha = NAN, .gamma = NAN, .q = NAN, .tl1_a = NAN, .log_eps = NAN, .k1 = NAN, .k2 = NAN};
}

/* The shape parameters by name: the one table of them. */
static double *find_shape(bvl_penalty_parameters *parameters, int k, const char **name)
{
  const char *const names[] = {"gamma", "q", "tl1_a", "log_eps"};
  double *const values[] = {&parameters->gamma, &parameters->q, &parameters->tl1_a,
                            &parameters->log_eps};
  *name = k < 4 ? names[k] : NULL;
  return k < 4 ? values[k] : NULL;
}

bvl_penalty_parameters bvl_penalty_parameters_of(const bvl_penalty *pen)
{
  bvl_penalty_parameters parameters;
  const char *name = NULL;
  bvl_penalty_parameters_init(&parameters);
  parameters.alpha = pen->alpha;
  if (pen->type->nested) parameters.k1 = pen->k1, parameters.k2 = pen->k2;
  for (int k = 0; pen->type->shape_name != NULL; k++) {
    double *value = find_shape(&parameters, k, &name);
    if (name == NULL) break;
    if (strcmp(name, pen->type->shape_name) == 0) *value = pen->shape;
  }
  return parameters;
}

static bvl_status init_shape(const bvl_penalty_type *type, bvl_penalty_parameters given,
                             bvl_penalty *out)
{
  const char *name = NULL;
  out->shape = type->shape_name != NULL ? type->default_shape : NAN;
  for (int k = 0;; k++) {
    const double *value = find_shape(&given, k, &name);
    if (name == NULL) return BVL_OK;
    if (isnan(*value)) continue;
    if (type->shape_name == NULL || strcmp(name, type->shape_name) != 0)
      return bvl_fail(BVL_ERR_USAGE, "penalty %s takes no %s (%g given)", type->name, name, *value);
    if (!(*value > type->shape_above && *value <= type->shape_to && *value < INFINITY))
      return bvl_fail(BVL_ERR_USAGE, "%s %g is not in (%g, %g%c", name, *value, type->shape_above,
                      type->shape_to, isinf(type->shape_to) ? ')' : ']');
    out->shape = *value;
  }
}

bvl_status bvl_penalty_init(const bvl_penalty_type *type, const bvl_penalty_parameters *parameters,
                            bvl_penalty *out)
{
  const int zero = type->at_zero != NULL;
  bvl_penalty_parameters given;
  bvl_penalty_parameters_init(&given);
  if (parameters != NULL) given = *parameters;
  *out = (bvl_penalty){.type = type,
                       .alpha = isnan(given.alpha) ? type->default_alpha : given.alpha,
                       .curvature = 1.0};
  bvl_status status = init_shape(type, given, out);
  if (status != BVL_OK) return status;
  if (!type->nested && !(isnan(given.k1) && isnan(given.k2)))
    return bvl_fail(BVL_ERR_USAGE, "penalty %s takes no k1 or k2", type->name);
  if (type->nested) status = bvl_lpq_init(&given, out);
  if (status != BVL_OK) return status;
  if (!type->mixes && out->alpha != 1.0)
    return bvl_fail(BVL_ERR_USAGE, "penalty %s takes no alpha (%g given)", type->name, out->alpha);
  if (type->difference) {
    if (out->alpha >= 0.0 && out->alpha < 1.0) return BVL_OK;
    return bvl_fail(BVL_ERR_USAGE, "alpha %g is not in [0, 1): at 1 no lambda keeps zeros",
                    out->alpha);
  }
  if (!((out->alpha > 0.0 || (zero && out->alpha == 0.0)) && out->alpha <= 1.0))
    return bvl_fail(BVL_ERR_USAGE, "alpha %g is not in %s0, 1]", out->alpha, zero ? "[" : "(");
  if (out->alpha == 1.0 && type->at_one != NULL) out->type = type->at_one;
  if (out->alpha == 0.0)
    *out = (bvl_penalty){.type = type->at_zero, .alpha = 1.0, .shape = NAN, .curvature = 1.0};
  if (out->shape == 1.0 && type->at_shape_one != NULL)
    *out = (bvl_penalty){.type = type->at_shape_one, .alpha = 1.0, .shape = NAN, .curvature = 1.0};
  return BVL_OK;
}

int bvl_penalty_is_whole(const bvl_penalty *pen, int has_groups)
{
  return pen->type->whole || (pen->type->difference && !has_groups);
}

bvl_penalty bvl_penalty_at(const bvl_penalty *pen, double weight)
{
  bvl_penalty at = *pen;
  if (pen->type->sparse && weight > 0.0 && weight < INFINITY) at.l1 = pen->alpha / weight;
  return at;
}

double bvl_block_norm(int64_t m, const double *x)
{
  if (m == 1) return fabs(x[0]);
  double sum = 0.0;
  for (int64_t k = 0; k < m; k++) sum += x[k] * x[k];
  return sqrt(sum);
}

/* ||S(scale v, level)||. Monotone in level and in scale to the last bit: every operation is. A NaN
 * comes through. */
static double soft_norm(double level, double scale, int64_t m, const double *v)
{
  double sum = 0.0;
  for (int64_t k = 0; k < m; k++) {
    const double excess = fabs(scale * v[k]) - level;
    if (m == 1) return excess <= 0.0 ? 0.0 : excess;
    if (!(excess <= 0.0)) sum += excess * excess;
  }
  return sqrt(sum);
}

double bvl_penalty_shrunk_norm(const bvl_penalty *pen, double lw, int64_t m, const double *v)
{
  if (pen->type->difference) return bvl_l1l2_pull(pen, m, v);
  return pen->l1 > 0.0 ? soft_norm(pen->l1 * lw, 1.0, m, v) : bvl_block_norm(m, v);
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
  if (!(t > 0.0)) return 0.0; /* not Inf * 0 */
  if (pen->type->nested) return bvl_lpq_value(pen, lw, m, b);
  if (pen->type->difference) return bvl_l1l2_value(pen, lw, m, b);
  double value = pen->type->profile(pen, lw, t);
  if (pen->l1 > 0.0)
    for (int64_t k = 0; k < m; k++) value += b[k] != 0.0 ? pen->l1 * lw * fabs(b[k]) : 0.0;
  return value;
}

void bvl_penalty_prox(const bvl_penalty *pen, double lw, double rho, int64_t m, const double *z,
                      double *out)
{
  if (pen->type->difference) {
    bvl_l1l2_prox(pen, lw, rho, m, z, out);
    return;
  }
  if (pen->l1 > 0.0) { /* the soft threshold first, then the group's shrinkage */
    const double level = pen->l1 * lw / rho;
    for (int64_t k = 0; k < m; k++) out[k] = copysign(fmax(fabs(z[k]) - level, 0.0), z[k]);
    z = out;
  }
  double t = bvl_block_norm(m, z);
  double length = 0.0;
  if (t > 0.0 && lw < INFINITY) length = pen->type->prox(pen, lw, rho, t);
  if (length > 0.0)
    rescale(m, z, t, length, out);
  else
    for (int64_t k = 0; k < m; k++) out[k] = 0.0;
}

/* The distance for b != 0 with an l1 part: a zero inside the block has a subdifferential of its
 * own.
 */
static double sparse_distance(double per_t, double level, int64_t m, const double *b,
                              const double *g)
{
  double sum = 0.0;
  for (int64_t k = 0; k < m; k++) {
    double d = b[k] != 0.0 ? g[k] + per_t * b[k] + copysign(level, b[k]) : fabs(g[k]) - level;
    if (b[k] == 0.0 && d <= 0.0) continue;
    sum += d * d;
  }
  return sqrt(sum);
}

double bvl_penalty_distance(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                            const double *g)
{
  if (isinf(lw)) return 0.0;
  if (pen->type->nested) return bvl_lpq_distance(pen, lw, m, b, g);
  if (pen->type->difference) return bvl_l1l2_distance(pen, lw, m, b, g);
  double t = bvl_block_norm(m, b);
  if (!(t > 0.0))
    return fmax(bvl_penalty_shrunk_norm(pen, lw, m, g) - bvl_penalty_threshold(pen, lw), 0.0);
  double slope = pen->type->slope(pen, lw, t);
  if (pen->l1 > 0.0) return sparse_distance(slope / t, pen->l1 * lw, m, b, g);
  double missing = 0.0;
  if (pen->type->least != NULL && lw > 0.0)
    missing = pen->curvature * fmax(pen->type->least(pen, lw) - t, 0.0);
  if (m == 1) return fmax(fabs(g[0] + copysign(slope, b[0])), missing);
  double sum = 0.0;
  for (int64_t k = 0; k < m; k++) {
    double d = g[k] + slope / t * b[k];
    sum += d * d;
  }
  return fmax(sqrt(sum), missing);
}

void bvl_penalty_gradient(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                          double *out)
{
  if (pen->type->difference) {
    bvl_l1l2_gradient(pen, lw, m, b, out);
    return;
  }
  double t = bvl_block_norm(m, b);
  rescale(m, b, t, pen->type->slope(pen, lw, t), out);
  if (pen->l1 > 0.0)
    for (int64_t k = 0; k < m; k++) out[k] += b[k] != 0.0 ? copysign(pen->l1 * lw, b[k]) : 0.0;
}

void bvl_penalty_add_curvature(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                               double *H, int64_t ld)
{
  if (pen->type->difference) {
    bvl_l1l2_add_curvature(pen, lw, m, b, H, ld);
    return;
  }
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
  return pen->type->rest != NULL ? pen->type->rest(pen, lw) : pen->type->slope(pen, lw, 0.0);
}

static int stays_zero(const bvl_penalty *pen, double weight, int64_t m, const double *v,
                      double lambda)
{
  return bvl_penalty_shrunk_norm(pen, lambda * weight, m, v) <=
         bvl_penalty_threshold(pen, lambda * weight);
}

/* The u at which ||S(v, level u)|| = slope u, to rounding. The difference of the two is convex and
 * decreasing, so Newton's method climbs from a point below the root without passing it. */
static double balance(double level, double slope, int64_t m, const double *v)
{
  const double norm = bvl_block_norm(m, v);
  double u = norm / (slope + level * sqrt((double)m));
  for (int step = 0; step < 100; step++) {
    double sum = 0.0;
    const double shrunk = soft_norm(level * u, 1.0, m, v);
    for (int64_t k = 0; k < m; k++) sum += fmax(fabs(v[k]) - level * u, 0.0);
    const double fall = slope + (shrunk > 0.0 ? level * (sum / shrunk) : 0.0);
    const double next = u + (shrunk - slope * u) / fall;
    if (!(next > u * (1.0 + DBL_EPSILON))) break;
    u = next;
  }
  return u;
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

double bvl_penalty_lambda_max(const bvl_penalty *pen, double weight, int64_t m, const double *v)
{
  const int difference = pen->type->difference;
  const double norm = difference ? bvl_l1l2_pull(pen, m, v) : bvl_block_norm(m, v);
  const bvl_penalty at = bvl_penalty_at(pen, weight);
  if (isnan(norm)) return norm;
  if (weight == 0.0 || isinf(weight) || norm == 0.0) return 0.0;
  if (pen->type->nested) weight *= bvl_lpq_along(pen, m, v);
  /* the quotient is right to a few ulps: bisect those (or, if it under- or overflowed, every
   * double) on the comparison itself, which is monotone in lambda */
  const int curved = pen->type->rest != NULL;
  const double slope = weight * bvl_penalty_threshold(pen, 1.0);
  double guess = at.l1 > 0.0 ? balance(pen->alpha, slope, m, v) : norm / slope;
  if (curved) guess = pen->type->entry(pen, norm) / weight;
  const double width = at.l1 > 0.0 || curved ? 64.0 * DBL_EPSILON : 4.0 * DBL_EPSILON;
  double low = guess * (1.0 - width);
  double high = guess * (1.0 + width);
  if (stays_zero(&at, weight, m, v, low)) low = 0.0;
  if (!stays_zero(&at, weight, m, v, high)) high = INFINITY;
  uint64_t fails = bits_of(low);
  uint64_t holds = bits_of(high);
  while (holds - fails > 1) {
    uint64_t middle = fails + (holds - fails) / 2;
    if (stays_zero(&at, weight, m, v, from_bits(middle)))
      holds = middle;
    else
      fails = middle;
  }
  return from_bits(holds);
}

double bvl_penalty_dual_scale(const bvl_penalty *pen, double lw, int64_t m, const double *v)
{
  if (!(pen->l1 > 0.0)) return pen->type->dual_scale(pen, lw, bvl_block_norm(m, v));
  const double level = pen->l1 * lw;
  const double threshold = bvl_penalty_threshold(pen, lw);
  if (lw == 0.0 || soft_norm(level, 1.0, m, v) <= threshold) return 1.0;
  /* ||S(s v, level)|| = threshold at s = 1 / u */
  double s = 1.0 / balance(level, threshold, m, v);
  while (soft_norm(level, s, m, v) > threshold) s *= 1.0 - 2.0 * DBL_EPSILON;
  return s;
}
