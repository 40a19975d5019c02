/* SPDX-License-Identifier: BSD-3-Clause */
/* Cross-validation error from predictions of rows left out, as glmnet's cv.glmnet has it: a
 * weighted mean in each fold, their weighted mean over the folds and its standard error. Folds of
 * under 3 rows are not averaged first. Nothing is collective. */
#ifndef BVL_RUN_CV_MEASURE_H
#define BVL_RUN_CV_MEASURE_H

#include "loss/loss.h"
#include "run/cv.h"

/** What rows were, and who left them out. All borrowed. */
typedef struct bvl_cv_rows {
  const bvl_loss *loss;
  int64_t n, outputs, n_responses; /* K predictors a row, of one label or n_responses values */
  const double *y;                 /* n x n_responses */
  const double *w;                 /* n */
  const int64_t *fold;             /* n */
  int64_t n_folds;
} bvl_cv_rows;

/** Over the lambdas; all owned. */
typedef struct bvl_cv_curve {
  int64_t n_lambda;
  double *mean;    /* cvm; NaN where a fold is missing */
  double *sd;      /* cvsd */
  double *by_fold; /* n_lambda x n_folds */
  int64_t best;    /* of lambda_min, -1: there is none */
  int64_t one_se;  /* of lambda_1se */
} bvl_cv_curve;

/** A row's error at its predictors; not for auc. */
double bvl_cv_error(const bvl_cv_rows *rows, bvl_measure measure, int64_t row, const double *eta);

/** Point q of the curve from the predictors there (n x K, row-major). @return BVL_ERR_NOMEM. */
bvl_status bvl_cv_point(const bvl_cv_rows *rows, bvl_measure measure, const double *eta, int64_t q,
                        bvl_cv_curve *curve);

/** best: the largest lambda with the least mean (auc: the greatest); one_se: the largest whose mean
 * is within a standard error of it. */
void bvl_cv_choose(bvl_measure measure, const double *lambda, bvl_cv_curve *curve);

#endif
