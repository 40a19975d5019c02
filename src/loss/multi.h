/* SPDX-License-Identifier: BSD-3-Clause */
/* Losses of K predictors a row: several gaussian responses, or a label among K classes. eta, r and
 * gaussian y are n x K, column-major with leading dimension n; multinomial y holds n labels. Cost
 * O(nK); nothing is collective.
 *
 *   family       loss(y, eta)                    mean         conjugate term c(y, y - theta)
 *   gaussian     ||y - eta||^2 / 2               eta          theta'y - ||theta||^2 / 2
 *   multinomial  log sum_k e^eta_k - eta_y       softmax      -sum_k m_k log m_k, m = e_y - theta
 *
 * theta = y - mean (e_y - softmax for a label) and r = w theta, as for one predictor. */
#ifndef BVL_LOSS_MULTI_H
#define BVL_LOSS_MULTI_H

#include "loss/loss.h"

/** Sum of w loss over the n rows; r = w theta (NULL to skip; may be eta). Rows of weight 0 give
 * exact zeros. */
double bvl_multi_eval(const bvl_loss *loss, int64_t n, int64_t K, const double *y, const double *w,
                      const double *eta, double *r);

/** Sum of w c(y, y - s theta), theta = r / w; -INFINITY outside the domain. */
double bvl_multi_dual(const bvl_loss *loss, int64_t n, int64_t K, const double *y, const double *w,
                      const double *r, double s);

/** out (n x K) <- the mean at eta, which it may be. */
void bvl_multi_mean(const bvl_loss *loss, int64_t n, int64_t K, const double *eta, double *out);

#endif
