/* SPDX-License-Identifier: BSD-3-Clause */
/* Cross-validation of a path: all data first, then each fold's rows left out, at the same lambdas.
 *
 * A fold is the same X, read once, with its rows at weight 0: it has its own means and deviations
 * (as glmnet standardises inside each fold's fit), its own null fit, and the certificate of every
 * lambda. It equals a path on a file with those weights. */
#ifndef BVL_RUN_CV_H
#define BVL_RUN_CV_H

#include "run/run.h"

typedef enum bvl_fold_kind {
  BVL_FOLDS_AUTO, /* stratified for labels, else random */
  BVL_FOLDS_RANDOM,
  BVL_FOLDS_STRATIFIED, /* every fold has its share of each label */
  BVL_FOLDS_GROUPED     /* rows of a group stay together */
} bvl_fold_kind;

/** What a prediction is judged by, as glmnet has them: classes count for binomial and multinomial
 * (mse and mae over all classes' probabilities, deviance with probabilities kept 1e-5 off 0 and 1).
 */
typedef enum bvl_measure {
  BVL_MEASURE_DEVIANCE,
  BVL_MEASURE_MSE,
  BVL_MEASURE_MAE,
  BVL_MEASURE_CLASS, /* share of rows put in the wrong class */
  BVL_MEASURE_AUC    /* binomial; the more the better */
} bvl_measure;

/** Strings are borrowed during the call. */
typedef struct bvl_cv_options {
  int64_t folds; /* 10; ignored with fold_id */
  bvl_fold_kind kind;
  const char *fold_id;     /* dataset of n integers: equal ones are a fold; NULL = none */
  const char *fold_groups; /* dataset of n integers for BVL_FOLDS_GROUPED */
  bvl_measure measure;
  int64_t replicas; /* 1; more: so many sub-grids, each with all of X, share out the folds */
} bvl_cv_options;

void bvl_cv_options_init(bvl_cv_options *options);
/** "deviance" ... Not collective. */
const char *bvl_measure_name(bvl_measure measure);

/** The same on every rank. */
typedef struct bvl_cv_outcome {
  bvl_run_outcome path; /* of all data; bvl_run_outcome_free; solve_s is of path and folds */
  double path_s;        /* of that, the path of all data; this rank's */
  int64_t folds;
  int64_t n_points;              /* lambdas of all folds */
  int64_t n_unfinished;          /* of these, not converged */
  double lambda_min, lambda_1se; /* NaN: no lambda has all folds */
  double cvm, cvsd;              /* at lambda_min */
  int64_t df_min, df_1se;
} bvl_cv_outcome;

/** bevel cv: `run` as for bvl_run_path, not with path_to. Collective over comm. A checkpoint holds
 * the path, what the finished folds predicted, and the path of the fold in work. @return as
 * bvl_run_path; BVL_ERR_NOMEM (X does not fit so often);
 * BVL_ERR_USAGE (fewer than 2 folds, more replicas than ranks, more than rows; a kind or measure
 * that is not the family's), BVL_ERR_INPUT (fold ids of another length, fewer groups than folds, a
 * fold whose other rows lack a class, with auc one that lacks a class itself). */
bvl_status bvl_run_cv(MPI_Comm comm, const bvl_run_options *run, const bvl_cv_options *options,
                      const bvl_monitor *monitor, bvl_cv_outcome *outcome);

#endif
