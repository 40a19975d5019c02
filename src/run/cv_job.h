/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of a cross-validation, for the files of run/ that share it. */
#ifndef BVL_RUN_CV_JOB_H
#define BVL_RUN_CV_JOB_H

#include "run/beside.h"
#include "run/cv.h"
#include "run/cv_measure.h"
#include "run/job.h"

typedef struct bvl_cv_job {
  const bvl_cv_options *options; /* borrowed */
  bvl_cv_outcome *outcome;       /* borrowed */
  bvl_fold_kind kind;            /* what it came to */
  int64_t n_folds;
  int64_t *fold;     /* n: 0 .. n_folds - 1, replicated, owned */
  int64_t *fold_id;  /* n_folds: what the folds are called, replicated, owned */
  bvl_beside beside; /* the fold in work, and what all folds share */
  /* rank 0: all rows, in input order, owned; NULL elsewhere */
  double *all_y;    /* n x responses */
  double *all_w;    /* n */
  int64_t outputs;  /* K */
  int64_t n_lambda; /* L */
  /* Linear predictors of rows by the fold that left them out: n_local block rows in input order x
   * K x L, row-major, owned; NaN where there is none (yet). */
  double *oof;
  double *done; /* n_folds: 0, or when solved 1 and its unfinished lambdas; replicated, owned */
  bvl_cv_curve curve;
} bvl_cv_job;

/** fold, n_folds, fold_id and kind from the options, the data file and rank 0's labels. Collective.
 */
bvl_status bvl_cv_make_folds(bvl_cv_job *cv, const bvl_job *job);

/** Predictors of the rows of `fold` at all lambdas of the path in work into cv->oof. Collective: a
 * reduction along the grid row. */
bvl_status bvl_cv_predict(bvl_cv_job *cv, const bvl_job *job, int64_t fold);

/** Room for cv->oof, done and the curve, once. Collective. */
bvl_status bvl_cv_allocate(bvl_cv_job *cv, const bvl_job *job);
/** Predictors at lambda q on rank 0: n x K, row-major. Collective. */
bvl_status bvl_cv_gather(const bvl_cv_job *cv, const bvl_job *job, int64_t q, double *all);

/** Solves a fold, keeps what it predicts and counts it as done. Collective. */
bvl_status bvl_cv_solve_fold(bvl_cv_job *cv, bvl_job *job, int64_t fold);
/** Whether every rank has room for what options->replicas asks. Collective. @return BVL_ERR_NOMEM
 * with both figures, BVL_ERR_USAGE. */
bvl_status bvl_cv_check_replicas(const bvl_cv_job *cv, const bvl_job *job);
/** The folds that are not done, dealt to sub-grids; with a checkpoint in rounds, and one is written
 * after each. Collective. */
bvl_status bvl_cv_solve_replicas(bvl_cv_job *cv, bvl_job *job);
/** Frees what cv owns. Not collective. */
void bvl_cv_job_free(bvl_cv_job *cv);

/** The steps of bvl_job_steps that are about files; context is the bvl_cv_job. */
void bvl_cv_identify(void *context, FILE *text);
bvl_status bvl_cv_save(void *context, bvl_job *job, const bvl_store *store);
bvl_status bvl_cv_restore(void *context, bvl_job *job, const bvl_store *store);
bvl_status bvl_cv_write(void *context, bvl_job *job);

#endif
