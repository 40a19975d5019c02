/* SPDX-License-Identifier: BSD-3-Clause */
/* What several maps share. */
#include "surrogate/maps.h"

#include <math.h>

/* e^x - 1 - x, never negative. */
static double second_order(double x)
{
  if (fabs(x) > 0.05) return fmax(expm1(x) - x, 0.0);
  /* the next term is x^9 / 9!: below 1e-16 of the first */
  return x * x / 2 *
         (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7 * (1 + x / 8))))));
}

/* With x_i = log(a_i / G), G the geometric mean, sum w_i x_i = 0: the excess is
 * G sum w_i (e^x_i - 1 - x_i). */
double bvl_mean_excess(int64_t n, const double *w, const double *a)
{
  double x[BVL_SURROGATE_MAX_FACTORS], mean = 0.0, arithmetic = 0.0, sum = 0.0;
  int vanishes = 0;
  for (int64_t i = 0; i < n; i++) {
    arithmetic += w[i] * a[i];
    vanishes |= !(a[i] > 0.0);
  }
  if (vanishes) return arithmetic;
  for (int64_t i = 0; i < n; i++) {
    x[i] = log(a[i] / a[0]);
    mean += w[i] * x[i];
  }
  for (int64_t i = 0; i < n; i++) sum += w[i] * second_order(x[i] - mean);
  return a[0] * exp(mean) * sum;
}

void bvl_spread_evenly(int64_t k, double b, double *theta)
{
  double size = k == 2 ? sqrt(fabs(b)) : pow(fabs(b), 1.0 / (double)k), rest = 1.0;
  for (int64_t l = 1; l < k; l++) {
    theta[l] = size;
    rest *= size;
  }
  theta[0] = k == 2 || !(rest > 0.0) ? copysign(size, b) : b / rest;
}

int64_t bvl_length_once(const bvl_surrogate_shape *shape, int64_t m)
{
  (void)shape;
  return m;
}

int64_t bvl_length_twice(const bvl_surrogate_shape *shape, int64_t m)
{
  (void)shape;
  return 2 * m;
}

double bvl_square_penalty(const bvl_surrogate_shape *shape, double lw, int64_t m,
                          const double *theta, double *grad)
{
  (void)shape;
  (void)m;
  if (grad != NULL) grad[0] += 2.0 * lw * theta[0];
  return lw * theta[0] * theta[0];
}

double bvl_always_balanced(const bvl_surrogate_shape *shape, double lw, int64_t m,
                           const double *theta)
{
  (void)shape;
  (void)lw;
  (void)m;
  (void)theta;
  return 0.0;
}
