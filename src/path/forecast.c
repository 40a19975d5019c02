/* SPDX-License-Identifier: BSD-3-Clause */
/* State evolution of the lasso on a grid of thresholds, and the survey it starts from. */
#include "path/forecast.h"

#include <math.h>
#include <string.h>

enum { THRESHOLDS = 128, STEPS = 40 };

static const double bin_ratio = 1.15;     /* of the survey's sizes */
static const double least_left = 0.02;    /* of the variance: below it is no estimate */
static const double thinning = 0.4;       /* columns of noise alone: p multiplicity^-this */
static const double separation = 0.3;     /* see flatten */
static const double unclear = 0.25;       /* noise where more stands out than can be explained */
static const double top_theta = 9;        /* nothing of noise alone passes it */
static const double bottom_theta = 2e-3;  /* everything does */
static const double longest_step = 0.89;  /* from one threshold to the next */
static const double leap = 0.06;          /* share of the support that may join in a step */
static const double finest_step = 0.9995; /* closer than this are no thresholds */
static const double most_shift = 1;       /* of a forecast along log lambda */
static const double fewest_to_go_by = 20; /* support below which a forecast is left alone, ... */
static const double beyond_atoms = 2;     /* ... and this many for each coefficient known of */

/* ---- survey ------------------------------------------------------------------------------------
 */

/* The square of what v or a coefficient of pure noise hardly reaches in any of p columns. */
static double standing_out(const bvl_response_facts *facts, double variance)
{
  return 2 * log1p((double)facts->p) * variance / (double)facts->n;
}

double bvl_survey_null(const bvl_response_facts *facts, int64_t p_local, const double *v)
{
  const double least = standing_out(facts, facts->variance);
  const double noise = facts->variance / (double)facts->n;
  double energy = 0;
  for (int64_t j = 0; j < p_local; j++)
    if (v[j] * v[j] > least) energy += v[j] * v[j] - noise;
  return energy;
}

static int bin_of(double square, double least)
{
  const double k = floor(0.5 * log(square / least) / log(bin_ratio));
  return (int)fmax(0, fmin(k, BVL_FORECAST_BINS - 1));
}

static double size_of(int bin, double least)
{
  return sqrt(least) * pow(bin_ratio, bin + 0.5);
}

void bvl_survey_add(const bvl_response_facts *facts, double lambda, int64_t p_local,
                    const double *beta, const double *v, const double *slope, bvl_survey *survey)
{
  const double least = standing_out(facts, facts->left);
  const double noise = facts->left / (double)facts->n;
  for (int64_t j = 0; j < p_local; j++) {
    if (beta[j] != 0) { /* what it would be without the penalty, were columns orthogonal */
      const double bend = facts->curvature + (1 - facts->level) * lambda;
      const double size = fabs(beta[j]) * bend + facts->level * lambda;
      if (size * size > least)
        survey->support[bin_of(size * size, least)]++;
      else
        survey->doubtful += size * size;
      continue;
    }
    const double z = slope != NULL ? v[j] - lambda * slope[j] : v[j];
    if (!(z * z > least)) continue;
    survey->outside[bin_of(z * z, least)]++;
    survey->stand_out += z * z - noise;
  }
}

/* Columns' worth of energy that a unit of explained variance brings. */
static double multiplicity(const bvl_response_facts *facts, const bvl_survey *survey)
{
  const double explained = facts->variance - facts->left;
  const double sure = fmax(explained - survey->doubtful, 0.5 * explained);
  const double gone = survey->stood_out - survey->stand_out;
  if (!(sure > least_left * facts->variance) || !(gone > sure)) return 1;
  return fmin(gone / sure, (double)facts->p);
}

void bvl_survey_read(const bvl_response_facts *facts, const bvl_survey *survey, bvl_forecast *out)
{
  const double least = standing_out(facts, facts->left);
  const double explained = fmax(facts->variance - facts->left, 0);
  *out = (bvl_forecast){.n = facts->n, .p = facts->p, .bounded = facts->bounded};
  out->ridge = (1 - facts->level) / (facts->level * facts->curvature);
  out->multiplicity = multiplicity(facts, survey);
  const double more = survey->stand_out / out->multiplicity; /* that coefficients will explain */
  const double can = more > facts->left ? (1 - unclear) * facts->left
                                        : fmin(more, 0.9 * facts->left);
  const double share = more > 0 ? can / more / out->multiplicity : 0;
  out->noise = fmin(facts->left - can + fmin(survey->doubtful, explained), facts->variance);
  for (int k = 0; k < BVL_FORECAST_BINS; k++) {
    const double count = survey->support[k] + share * survey->outside[k];
    if (!(count > 0)) continue;
    out->size[out->n_atoms] = size_of(k, least);
    out->count[out->n_atoms++] = count;
  }
}

/* ---- state evolution ---------------------------------------------------------------------------
 */

/* Of shrink times soft thresholding at theta of a + Z: mean squared error, and how likely it is not
 * 0. */
static double soft_error(double a, double theta, double shrink, double *passes)
{
  const double density = 0.398942280401432678; /* 1 / sqrt(2 pi) */
  const double root = 0.707106781186547524;    /* sqrt(1 / 2) */
  const double up = theta - a, down = theta + a;
  const double p_up = 0.5 * erfc(up * root), p_down = 0.5 * erfc(down * root);
  const double at_up = density * exp(-0.5 * up * up), at_down = density * exp(-0.5 * down * down);
  const double mean = at_up - up * p_up - at_down + down * p_down;
  const double square = (1 + up * up) * p_up - up * at_up + (1 + down * down) * p_down -
                        down * at_down;
  *passes = p_up + p_down;
  return shrink * shrink * square - 2 * shrink * a * mean + a * a;
}

typedef struct state_point {
  double tau;
  double df;
} state_point;

/* What the penalty's l2 part makes of what its l1 part has let through. */
static double shrinkage(const bvl_forecast *f, double theta, double tau)
{
  return 1 / (1 + f->ridge * theta * tau);
}

/* The fixed point at theta; `at` holds a guess of tau. Is there one? */
static int settle(const bvl_forecast *f, double theta, state_point *at)
{
  const double n = (double)f->n;
  double nulls = (double)f->p, null_passes = 0;
  for (int64_t k = 0; k < f->n_atoms; k++) nulls -= f->count[k];
  nulls = fmax(nulls, 0) * pow(f->multiplicity, -thinning * fmin(1, 0.25 * theta * theta));
  const double null_error = soft_error(0, theta, 1, &null_passes);
  /* the columns of noise solved for: tau^2 is linear in theirs, but for a ridge */
  const double damping = f->ridge > 0 ? 1 : 1 - nulls * null_error / n;
  if (!(damping > 0)) return 0;
  for (int step = 0; step < STEPS; step++) {
    const double shrink = shrinkage(f, theta, at->tau);
    double error = f->noise, df = nulls * null_passes;
    if (f->ridge > 0) error += nulls * null_error * pow(shrink * at->tau, 2);
    for (int64_t k = 0; k < f->n_atoms; k++) {
      double passes = 0;
      const double e = soft_error(f->size[k] / at->tau, theta, shrink, &passes);
      error += f->count[k] * at->tau * at->tau * e;
      df += f->count[k] * passes;
    }
    const double tau = sqrt(error / n / damping);
    const int done = fabs(tau - at->tau) <= 1e-4 * tau;
    *at = (state_point){tau, df};
    if (done) break;
  }
  return at->df * shrinkage(f, theta, at->tau) < n;
}

static double largest_support(const bvl_forecast *f)
{
  return (double)(f->n < f->p && f->ridge == 0 ? f->n : f->p);
}

/* A loss whose residuals vanish as classes come apart lets the support level off below n. */
static double flatten(const bvl_forecast *f, double df)
{
  const double most = largest_support(f);
  df = fmin(df, most);
  return !f->bounded ? df : df * (1 - separation * df / (double)f->n);
}

/* df on a grid of thresholds, and -log lambda ascending with it. Steps are halved where df leaps,
 * and on the way to the smallest threshold there is with more columns than rows, where df reaches
 * n. */
static int64_t tabulate(const bvl_forecast *f, double *x, double *df)
{
  const double most = largest_support(f);
  double step = longest_step;
  double energy = f->noise, theta = top_theta / step;
  for (int64_t k = 0; k < f->n_atoms; k++) energy += f->count[k] * f->size[k] * f->size[k];
  state_point at = {sqrt(energy / (double)f->n), 0};
  int64_t count = 0;
  if (!(at.tau > 0)) return 0;
  for (int k = 0; k < THRESHOLDS && step < finest_step && theta > bottom_theta; k++) {
    state_point next = at;
    if (!settle(f, theta * step, &next) || (count > 0 && next.df - at.df > leap * most)) {
      step = sqrt(step);
      continue;
    }
    if (next.df - at.df < 0.25 * leap * most) step = fmax(longest_step, step * step);
    at = next;
    theta *= step;
    const double freedom = at.df * shrinkage(f, theta, at.tau);
    const double lambda = theta * at.tau * (1 - freedom / (double)f->n);
    if (count > 0 && -log(lambda) <= x[count - 1]) continue;
    x[count] = -log(lambda);
    df[count++] = at.df;
  }
  return count;
}

/* Piecewise linear; beyond the ends the end's value. */
static double read_off(int64_t n, const double *x, const double *y, double at)
{
  if (n == 0) return 0;
  if (at <= x[0]) return y[0];
  for (int64_t k = 1; k < n; k++)
    if (at < x[k]) return y[k - 1] + (y[k] - y[k - 1]) * (at - x[k - 1]) / (x[k] - x[k - 1]);
  return y[n - 1];
}

void bvl_forecast_df(const bvl_forecast *forecast, int64_t n_lambda, const double *lambda,
                     double *df)
{
  double x[THRESHOLDS], y[THRESHOLDS];
  const double most = largest_support(forecast);
  const int64_t count = tabulate(forecast, x, y);
  for (int64_t k = 0; k < n_lambda; k++) {
    const double at = -log(fmax(lambda[k], 1e-300));
    double here = read_off(count, x, y, at);
    if (count > 0 && at > x[count - 1] && forecast->ridge == 0)
      here = most - (most - here) * exp(x[count - 1] - at);
    df[k] = flatten(forecast, here);
    if (k > 0) df[k] = fmax(df[k], df[k - 1]);
  }
}

/* df between two lambdas, on log lambda; beyond the ends the end's value. */
static double between(int64_t n_lambda, const double *lambda, const double *df, double at)
{
  int64_t j = 0;
  while (j < n_lambda - 1 && lambda[j] > at) j++;
  if (j == 0 || lambda[j] >= at) return df[j];
  return df[j] - (df[j] - df[j - 1]) * log(at / lambda[j]) / log(lambda[j - 1] / lambda[j]);
}

void bvl_forecast_adjust(const bvl_forecast *forecast, int64_t n_lambda, const double *lambda,
                         const double *expected, int64_t now, double found, double *df)
{
  double least = fewest_to_go_by, shift = 0;
  for (int64_t k = 0; k < forecast->n_atoms; k++) least += beyond_atoms * forecast->count[k];
  if (found >= least && lambda[n_lambda - 1] > 0) {
    int64_t k = 0;
    while (k < n_lambda - 1 && expected[k] < found) k++;
    double there = log(lambda[k]); /* where as many were expected */
    if (k > 0 && expected[k] > found)
      there += (expected[k] - found) / (expected[k] - expected[k - 1]) *
               log(lambda[k - 1] / lambda[k]);
    shift = fmax(-most_shift, fmin(most_shift, there - log(lambda[now])));
  }
  df[now] = found;
  for (int64_t q = now + 1; q < n_lambda; q++)
    df[q] = fmax(found, between(n_lambda, lambda, expected, lambda[q] * exp(shift)));
}
