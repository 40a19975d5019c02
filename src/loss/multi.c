/* SPDX-License-Identifier: BSD-3-Clause */
/* Several predictors a row: gaussian responses one after another; softmax row by row, from the
 * largest predictor down, so that nothing overflows and the label's residual 1 - mu_y, and a loss
 * near 0, keep their relative accuracy. */
#include "loss/multi.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

/* The largest predictor of row i, and sum_k e^(eta_k - largest) with the label's own term left out
 * (label < 0: with all). */
static double row_sum(int64_t n, int64_t K, const double *eta, int64_t i, int64_t label,
                      double *largest)
{
  double top = eta[i];
  double sum = 0.0;
  for (int64_t k = 1; k < K; k++) top = fmax(top, eta[i + k * n]);
  for (int64_t k = 0; k < K; k++)
    if (k != label) sum += exp(eta[i + k * n] - top);
  *largest = top;
  return sum;
}

static double multinomial_row(int64_t n, int64_t K, int64_t i, int64_t label, double w,
                              const double *eta, double *r)
{
  double top;
  const double others = row_sum(n, K, eta, i, label, &top);
  const double behind = eta[i + label * n] - top; /* <= 0; 0 where the label leads */
  const double own = exp(behind);
  const double total = own + others;
  for (int64_t k = 0; r != NULL && k < K; k++)
    r[i + k * n] = k == label ? w * (others / total) : -w * (exp(eta[i + k * n] - top) / total);
  return w * (behind == 0.0 ? log1p(others) : log(total) - behind);
}

double bvl_multi_eval(const bvl_loss *loss, int64_t n, int64_t K, const double *y, const double *w,
                      const double *eta, double *r)
{
  double sum = 0.0;
  if (!loss->coupled) {
    for (int64_t k = 0; k < K; k++)
      sum += bvl_loss_eval(loss, n, y + k * n, w, eta + k * n, r != NULL ? r + k * n : NULL, NULL);
    return sum;
  }
  for (int64_t i = 0; i < n; i++) {
    if (w[i] > 0.0)
      sum += multinomial_row(n, K, i, (int64_t)y[i], w[i], eta, r);
    else
      for (int64_t k = 0; r != NULL && k < K; k++) r[i + k * n] = 0.0;
  }
  return sum;
}

/* -m log m, 0 at 0 and for what rounding leaves below it; -INFINITY further out. */
static double entropy(double m)
{
  if (!(m >= -4.0 * DBL_EPSILON && m <= 1.0 + 4.0 * DBL_EPSILON)) return -INFINITY;
  return m > 0.0 && m < 1.0 ? -m * log(m) : 0.0;
}

double bvl_multi_dual(const bvl_loss *loss, int64_t n, int64_t K, const double *y, const double *w,
                      const double *r, double s)
{
  double sum = 0.0;
  if (!loss->coupled) {
    for (int64_t k = 0; k < K; k++) sum += bvl_loss_dual(loss, n, y + k * n, w, NULL, r + k * n, s);
    return sum;
  }
  for (int64_t i = 0; i < n; i++) {
    if (!(w[i] > 0.0)) continue;
    double c = 0.0;
    for (int64_t k = 0; k < K; k++)
      c += entropy((k == (int64_t)y[i] ? 1.0 : 0.0) - s * (r[i + k * n] / w[i]));
    if (!(c > -INFINITY)) return -INFINITY; /* also the NaN of an infinite r */
    sum += w[i] * c;
  }
  return sum;
}

void bvl_multi_mean(const bvl_loss *loss, int64_t n, int64_t K, const double *eta, double *out)
{
  for (int64_t i = 0; i < n; i++) {
    double top = 0.0;
    const double total = loss->coupled ? row_sum(n, K, eta, i, -1, &top) : 1.0;
    for (int64_t k = 0; k < K; k++)
      out[i + k * n] = loss->coupled ? exp(eta[i + k * n] - top) / total : eta[i + k * n];
  }
}
