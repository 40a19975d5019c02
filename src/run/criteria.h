/* SPDX-License-Identifier: BSD-3-Clause */
/* Information criteria along a path.
 *
 *     AIC = D + 2 k,   BIC = D + k log n,   EBIC = BIC + 2 gamma log binomial(p, s)
 *
 * D is -2 log likelihood up to a constant of the data: n log(RSS / n) for family gaussian (the
 * variance at its own maximum), the deviance for binomial and poisson; weights scaled to mean 1
 * over the n rows that weigh anything. k = nonzero coefficients and the intercept: without bias for
 * the lasso's degrees of freedom (Zou, Hastie and Tibshirani, Ann. Statist. 2007; exact for family
 * gaussian), the convention for scalar penalties that are not convex. s of the p penalised columns
 * that are not constant are in the support (Chen and Chen, Biometrika 2008; gamma 1 by default).
 * NaN where k is not the degrees of freedom: penalties on groups, elastic nets with alpha < 1,
 * several responses or classes, a surrogate's own answers. Rows: a pass over w; columns: over the
 * blocks; one reduction each. */
#ifndef BVL_RUN_CRITERIA_H
#define BVL_RUN_CRITERIA_H

#include "run/job.h"

/** "aic" ... Not collective. */
const char *bvl_criterion_name(bvl_criterion criterion);

/** What D, k and s come from, for one point. Pure. */
typedef struct bvl_criteria_point {
  int gaussian;
  double n;         /* rows that weigh */
  double mean_loss; /* (1/n) sum w (loss - saturated) */
  double df;        /* k without the intercept */
  double intercept; /* 0 or 1 */
  double penalised; /* p */
  double selected;  /* s */
} bvl_criteria_point;
void bvl_criteria_at(const bvl_criteria_point *at, double ebic_gamma, double out[BVL_N_CRITERIA]);

/** /aic, /bic, /ebic (L), /lambda_aic ... (1: where each is least over the lambdas with status 0 or
 * 1; ties: the largest) and attributes into job->writer; the choices into outcome. Collective. */
bvl_status bvl_job_write_criteria(bvl_job *job, bvl_run_outcome *outcome);

#endif
