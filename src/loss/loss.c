/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of families and the loops over observations: O(n), local. */
#include "loss/loss.h"

#include <math.h>
#include <string.h>

static const bvl_loss *const families[] = {&bvl_loss_gaussian, &bvl_loss_binomial,
                                           &bvl_loss_poisson, &bvl_loss_multinomial, NULL};

const bvl_loss *bvl_loss_find(const char *name)
{
  for (const bvl_loss *const *loss = families; *loss != NULL; loss++)
    if (strcmp((*loss)->name, name) == 0) return *loss;
  return NULL;
}

const bvl_loss *const *bvl_loss_all(void)
{
  return families;
}

double bvl_loss_eval(const bvl_loss *loss, int64_t n, const double *y, const double *w,
                     const double *eta, double *r, double *h)
{
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    int counts = w[i] > 0.0; /* 0 * Inf must not reach a sum */
    double eta_i = eta[i];   /* r may be eta */
    if (counts) sum += w[i] * loss->value(y[i], eta_i);
    if (r != NULL) r[i] = counts ? w[i] * (y[i] - loss->mean(eta_i)) : 0.0;
    if (h != NULL) h[i] = counts ? w[i] * loss->curvature(eta_i) : 0.0;
  }
  return sum;
}

double bvl_loss_dual(const bvl_loss *loss, int64_t n, const double *y, const double *w,
                     const double *o, const double *r, double s)
{
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    if (!(w[i] > 0.0)) continue;
    double theta = s * (r[i] / w[i]);
    double c = loss->conjugate(y[i], y[i] - theta);
    if (!(c > -INFINITY)) return -INFINITY; /* also the NaN of an infinite r */
    sum += w[i] * (o != NULL ? c - theta * o[i] : c);
  }
  return sum;
}
