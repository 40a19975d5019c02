/* SPDX-License-Identifier: BSD-3-Clause */
/* Small lasso and elastic net problems given by Gram and gradient, c - G b, for the engines that
 * work on those: regular, wide (more columns than rows) and collinear, with unpenalised and
 * excluded columns; and how far a point is from stationary. */
#ifndef BVL_TEST_LASSO_SETTINGS_H
#define BVL_TEST_LASSO_SETTINGS_H

#include "bvl_test.h"

#include "base/rng.h"

enum { ROWS = 25, D = 60 };

typedef struct setting {
  int64_t d;
  int64_t copies; /* the last columns repeat the first ones, every other one mirrored */
  double alpha;
  int factors; /* unpenalised, excluded and unequal weights */
} setting;

static const setting settings[] = {{12, 0, 1, 0},   {12, 0, 1, 1},    {60, 0, 1, 0},
                                   {60, 0, 1, 1},   {30, 10, 1, 0},   {30, 10, 1, 1},
                                   {60, 0, 0.5, 0}, {60, 20, 0.7, 1}, {60, 20, 1, 0}};

static double G[D * D];
static double c[D];

static double entry(const setting *s, int64_t i, int64_t k)
{
  const int64_t source = k >= s->d - s->copies ? k - (s->d - s->copies) : k;
  const double sign = source != k && k % 2 ? -1 : 1;
  return sign * bvl_rng_normal(4, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)source);
}

static void make(const setting *s)
{
  for (int64_t k = 0; k < s->d; k++) {
    c[k] = 0;
    for (int64_t i = 0; i < ROWS; i++)
      c[k] += entry(s, i, k) * bvl_rng_normal(4, BVL_STREAM_SIM_NOISE, (uint64_t)i, 0) / ROWS;
    for (int64_t l = 0; l < s->d; l++) {
      double sum = 0;
      for (int64_t i = 0; i < ROWS; i++) sum += entry(s, i, k) * entry(s, i, l) / ROWS;
      G[k + l * s->d] = sum;
    }
  }
}

static double weight(const setting *s, int64_t k)
{
  if (!s->factors) return 1;
  if (k == 2 || k == 7) return 0;
  return k == 4 ? INFINITY : 0.5 + (double)(k % 5) / 4;
}

static inline double violation(const setting *s, const double *lw, const double *ridge,
                               const double *b)
{
  double worst = 0;
  for (int64_t k = 0; k < s->d; k++) {
    double g = -c[k] + ridge[k] * b[k];
    for (int64_t l = 0; l < s->d; l++) g += G[k + l * s->d] * b[l];
    if (isinf(lw[k]))
      worst = fmax(worst, fabs(b[k]));
    else if (b[k] == 0)
      worst = fmax(worst, fabs(g) - lw[k]);
    else
      worst = fmax(worst, fabs(g + (b[k] > 0 ? lw[k] : -lw[k])));
  }
  return worst;
}

static inline void set_weights(const setting *s, double lambda, double *lw, double *ridge)
{
  for (int64_t k = 0; k < s->d; k++) {
    const double w = weight(s, k);
    lw[k] = w > 0 ? lambda * s->alpha * w : 0;
    ridge[k] = w > 0 && w < INFINITY ? lambda * (1 - s->alpha) * w : 0;
  }
}

/* Gradients are sums of some 60 products of size at most 10: rounding is near 1e-14, times the
 * conditioning of the active columns near saturation (about 1e2). */
static const double TOLERANCE = 1e-11;

#endif
