/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/cv_measure.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "loss/multi.h"

/* A probability this close to 0 or 1 counts as no closer, as in glmnet. */
static const double PROBABILITY_MIN = 1e-5;

static double kept_off(double p)
{
  return fmin(fmax(p, PROBABILITY_MIN), 1.0 - PROBABILITY_MIN);
}

static double x_log_x(double x)
{
  return x > 0.0 ? x * log(x) : 0.0;
}

/* ---- one row ---------------------------------------------------------------------------------
 */

static double binomial_error(bvl_measure measure, double y, double eta)
{
  const double p = bvl_loss_binomial.mean(eta);
  const double kept = kept_off(p);
  switch (measure) {
  case BVL_MEASURE_MSE: return 2.0 * (y - p) * (y - p);
  case BVL_MEASURE_MAE: return 2.0 * fabs(y - p);
  case BVL_MEASURE_CLASS: return eta > 0.0 ? 1.0 - y : y;
  default:
    return 2.0 * (x_log_x(y) + x_log_x(1.0 - y) - y * log(kept) - (1.0 - y) * log(1.0 - kept));
  }
}

/* log sum_k e^eta_k */
static double log_sum(int64_t K, const double *eta)
{
  double top = eta[0];
  for (int64_t k = 1; k < K; k++) top = fmax(top, eta[k]);
  double sum = exp(eta[0] - top);
  for (int64_t k = 1; k < K; k++) sum += exp(eta[k] - top);
  return top + log(sum);
}

static double multinomial_error(bvl_measure measure, int64_t K, int64_t label, const double *eta)
{
  const double level = log_sum(K, eta);
  double squares = 0.0, absolute = 0.0;
  int64_t guess = 0;
  for (int64_t k = 0; k < K; k++) {
    const double d = (k == label) - exp(eta[k] - level);
    squares += d * d;
    absolute += fabs(d);
    if (eta[k] > eta[guess]) guess = k;
  }
  switch (measure) {
  case BVL_MEASURE_MSE: return squares;
  case BVL_MEASURE_MAE: return absolute;
  case BVL_MEASURE_CLASS: return guess != label;
  default: return -2.0 * log(kept_off(exp(eta[label] - level)));
  }
}

static double poisson_error(bvl_measure measure, double y, double eta)
{
  const double mean = exp(eta);
  if (measure == BVL_MEASURE_MSE) return (y - mean) * (y - mean);
  if (measure == BVL_MEASURE_MAE) return fabs(y - mean);
  return 2.0 * (x_log_x(y) - y - (y * eta - mean));
}

static double gaussian_error(bvl_measure measure, int64_t K, const double *y, const double *eta)
{
  double sum = 0.0;
  for (int64_t k = 0; k < K; k++) {
    const double d = y[k] - eta[k];
    sum += measure == BVL_MEASURE_MAE ? fabs(d) : d * d;
  }
  return sum;
}

double bvl_cv_error(const bvl_cv_rows *rows, bvl_measure measure, int64_t row, const double *eta)
{
  const double *y = rows->y + row * rows->n_responses;
  if (rows->loss == &bvl_loss_binomial) return binomial_error(measure, *y, *eta);
  if (rows->loss == &bvl_loss_poisson) return poisson_error(measure, *y, *eta);
  if (rows->loss->coupled) return multinomial_error(measure, rows->outputs, (int64_t)*y, eta);
  return gaussian_error(measure, rows->outputs, y, eta);
}

/* ---- area under the curve --------------------------------------------------------------------
 */

typedef struct scored {
  double eta, y, w;
} scored;

static int by_score(const void *a, const void *b)
{
  const scored *x = a, *y = b;
  return (x->eta > y->eta) - (x->eta < y->eta);
}

/* The weight of pairs of a 1 and a 0 that stand in the right order, ties half. NaN without both. */
static double area(int64_t n, scored *rows)
{
  double ones = 0.0, zeros = 0.0, right = 0.0;
  qsort(rows, (size_t)n, sizeof *rows, by_score);
  for (int64_t i = 0; i < n;) {
    double one = 0.0, zero = 0.0;
    int64_t end = i;
    for (; end < n && !(rows[end].eta > rows[i].eta); end++) {
      one += rows[end].w * rows[end].y;
      zero += rows[end].w * (1.0 - rows[end].y);
    }
    right += one * (zeros + zero / 2.0);
    ones += one;
    zeros += zero;
    i = end;
  }
  return right / (ones * zeros);
}

static bvl_status areas(const bvl_cv_rows *rows, const double *eta, double *out)
{
  scored *some = NULL;
  bvl_status status = BVL_ALLOC(&some, rows->n);
  for (int64_t f = 0; status == BVL_OK && f < rows->n_folds; f++) {
    int64_t count = 0, missing = 0;
    for (int64_t i = 0; i < rows->n; i++) {
      if (rows->fold[i] != f || !(rows->w[i] > 0.0)) continue;
      some[count++] = (scored){eta[i], rows->y[i], rows->w[i]};
      missing += isnan(eta[i]);
    }
    out[f] = missing > 0 ? NAN : area(count, some);
  }
  free(some);
  return status;
}

/* ---- folds -----------------------------------------------------------------------------------
 */

/* Weighted mean of n values and its standard error; what has no weight does not count. */
static void summarise(int64_t n, const double *value, const double *weight, double *mean,
                      double *sd)
{
  double total = 0.0, sum = 0.0, squares = 0.0, count = 0.0;
  for (int64_t k = 0; k < n; k++) {
    if (!(weight[k] > 0.0)) continue;
    total += weight[k];
    sum += weight[k] * value[k];
    count += 1.0;
  }
  *mean = sum / total;
  for (int64_t k = 0; k < n; k++)
    if (weight[k] > 0.0) squares += weight[k] * (value[k] - *mean) * (value[k] - *mean);
  *sd = sqrt(squares / total / (count - 1.0));
}

/* Folds' weights, and unless it is auc their mean errors. */
static void average(const bvl_cv_rows *rows, const double *error, double *weight, double *out)
{
  for (int64_t f = 0; f < rows->n_folds; f++) weight[f] = 0.0;
  for (int64_t i = 0; i < rows->n; i++) weight[rows->fold[i]] += rows->w[i];
  if (error == NULL) return;
  for (int64_t f = 0; f < rows->n_folds; f++) out[f] = 0.0;
  for (int64_t i = 0; i < rows->n; i++)
    if (rows->w[i] > 0.0) out[rows->fold[i]] += rows->w[i] * error[i];
  for (int64_t f = 0; f < rows->n_folds; f++) out[f] /= weight[f];
}

bvl_status bvl_cv_point(const bvl_cv_rows *rows, bvl_measure measure, const double *eta, int64_t q,
                        bvl_cv_curve *curve)
{
  double *by_fold = curve->by_fold + q * rows->n_folds;
  double *error = NULL, *weight = NULL;
  bvl_status status = BVL_ALLOC(&weight, rows->n_folds);
  if (status == BVL_OK && measure == BVL_MEASURE_AUC) {
    average(rows, NULL, weight, NULL);
    status = areas(rows, eta, by_fold);
  } else if (status == BVL_OK) {
    status = BVL_ALLOC(&error, rows->n);
    for (int64_t i = 0; status == BVL_OK && i < rows->n; i++)
      error[i] = bvl_cv_error(rows, measure, i, eta + i * rows->outputs);
    if (status == BVL_OK) average(rows, error, weight, by_fold);
  }
  if (status == BVL_OK && error != NULL && rows->n < 3 * rows->n_folds)
    summarise(rows->n, error, rows->w, &curve->mean[q], &curve->sd[q]);
  else if (status == BVL_OK)
    summarise(rows->n_folds, by_fold, weight, &curve->mean[q], &curve->sd[q]);
  free(error);
  free(weight);
  return status;
}

void bvl_cv_choose(bvl_measure measure, const double *lambda, bvl_cv_curve *curve)
{
  const double sign = measure == BVL_MEASURE_AUC ? -1.0 : 1.0;
  int64_t best = -1, one_se = -1;
  for (int64_t q = 0; q < curve->n_lambda; q++) {
    const double here = sign * curve->mean[q];
    if (isnan(here)) continue;
    const double least = best >= 0 ? sign * curve->mean[best] : INFINITY;
    if (here < least || (here == least && lambda[q] > lambda[best])) best = q;
  }
  const double limit = best >= 0 ? sign * curve->mean[best] + curve->sd[best] : NAN;
  for (int64_t q = 0; q < curve->n_lambda; q++)
    if (sign * curve->mean[q] <= limit && (one_se < 0 || lambda[q] > lambda[one_se])) one_se = q;
  curve->best = best;
  curve->one_se = one_se >= 0 ? one_se : best;
}
