/* SPDX-License-Identifier: BSD-3-Clause */
/* Families. One file each: scalar functions of one observation; the loops over observations are in
 * loss.c, once. Conventions: methods of McCullagh & Nelder with canonical links; eta is the linear
 * predictor, mu the mean, theta = y - mu the working residual, r = w theta.
 *
 *   family    loss(y, eta)            mu             curvature    conjugate term c(y, m), m = y -
 * theta gaussian  (y - eta)^2 / 2         eta            1            theta y - theta^2 / 2
 *   binomial  log(1 + e^eta) - y eta  1/(1+e^-eta)   mu (1 - mu)  -m log m - (1-m) log(1-m)
 *   poisson   e^eta - y eta           e^eta          mu           m - m log m
 */
#ifndef BVL_LOSS_LOSS_H
#define BVL_LOSS_LOSS_H

#include <stdint.h>

#include "base/status.h"

typedef struct bvl_loss {
  const char *name;
  double curvature_bound; /* sup of the curvature over eta; INFINITY when there is none */
  int quadratic;          /* curvature constant: one Newton step is exact */
  int coupled;            /* K predictors a row, of one label (multi.h): the functions of one
                             predictor are NULL but for label_ok */
  double (*value)(double y, double eta);
  double (*mean)(double eta);
  double (*curvature)(double eta);
  /* c(y, m) of the dual objective; -INFINITY outside the domain of m (by more than the rounding of
   * m = y - theta, 4 ulps of y: within that m is taken for the boundary). 0 log 0 = 0. */
  double (*conjugate)(double y, double m);
  /* loss of the saturated model: inf over eta of value(y, eta) */
  double (*saturated)(double y);
  int (*label_ok)(double y);
  const char *labels; /* what label_ok accepts, for the message: "a number in [0, 1]" */
} bvl_loss;

extern const bvl_loss bvl_loss_gaussian;
extern const bvl_loss bvl_loss_binomial;
extern const bvl_loss bvl_loss_poisson;
extern const bvl_loss bvl_loss_multinomial;

/** The family of that name, NULL when there is none. */
const bvl_loss *bvl_loss_find(const char *name);
/** All families, NULL-terminated. */
const bvl_loss *const *bvl_loss_all(void);

/** Weighted pass over n observations at predictor eta: r_i = w_i (y_i - mu_i) and h_i = w_i
 * curvature_i; NULL outputs are skipped; r may be eta. Observations of weight 0 give exact zeros,
 * whatever their eta. Returns sum w_i loss_i over these n. Not collective. */
double bvl_loss_eval(const bvl_loss *loss, int64_t n, const double *y, const double *w,
                     const double *eta, double *r, double *h);

/** sum w_i [c(y_i, y_i - s theta_i) - s theta_i o_i] with theta_i = r_i / w_i (observations of
 * weight 0 count nothing); o NULL = 0. -INFINITY outside the domain. Not collective. */
double bvl_loss_dual(const bvl_loss *loss, int64_t n, const double *y, const double *w,
                     const double *o, const double *r, double s);

#endif
