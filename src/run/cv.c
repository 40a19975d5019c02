/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel cv: the path, the folds one after another, the curve. */
#include "run/cv.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/phase.h"
#include "data/design.h"
#include "model/problem.h"
#include "run/cv_job.h"

void bvl_cv_options_init(bvl_cv_options *options)
{
  *options = (bvl_cv_options){.folds = 10, .replicas = 1};
}

const char *bvl_measure_name(bvl_measure measure)
{
  static const char *const name[] = {"deviance", "mse", "mae", "class", "auc"};
  return name[measure];
}

/* ---- rows ------------------------------------------------------------------------------------
 */

static bvl_status check_measure(const bvl_cv_job *cv, const bvl_job *job)
{
  const bvl_loss *loss = bvl_loss_find(job->family);
  const bvl_measure measure = cv->options->measure;
  const int labels = loss->coupled || loss == &bvl_loss_binomial;
  if (measure == BVL_MEASURE_AUC && loss != &bvl_loss_binomial)
    return bvl_fail(BVL_ERR_USAGE, "type-measure auc: for family binomial, not %s", job->family);
  if (measure == BVL_MEASURE_CLASS && !labels)
    return bvl_fail(BVL_ERR_USAGE, "type-measure class: for labels, family %s has none",
                    job->family);
  return BVL_OK;
}

static bvl_status read_vectors(bvl_cv_job *cv, bvl_job *job)
{
  bvl_status status = BVL_OK;
  const int64_t n_root = job->comm.rank == 0 ? job->n : 0;
  BVL_TRY(bvl_beside_load(&cv->beside, job));
  BVL_TRY(bvl_beside_read_rows(job, "y", job->n_responses, 0, n_root, &cv->all_y));
  BVL_TRY(bvl_beside_read_rows(job, "weights", 1, 0, n_root, &cv->all_w));
  if (cv->all_w == NULL) {
    BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(&cv->all_w, n_root)));
    for (int64_t i = 0; i < n_root; i++) cv->all_w[i] = 1.0;
  }
cleanup:
  return status;
}

/* Rank 0 alone: the area under a curve needs both labels on it. */
static bvl_status check_areas(const bvl_cv_job *cv, const bvl_job *job)
{
  double *of = NULL; /* weight of ones and of zeros in each fold */
  bvl_status status = BVL_ALLOC(&of, 2 * cv->n_folds);
  for (int64_t i = 0; status == BVL_OK && i < job->n; i++) {
    of[2 * cv->fold[i]] += cv->all_w[i] * cv->all_y[i];
    of[2 * cv->fold[i] + 1] += cv->all_w[i] * (1.0 - cv->all_y[i]);
  }
  for (int64_t f = 0; status == BVL_OK && f < cv->n_folds; f++)
    if (!(of[2 * f] > 0.0) || !(of[2 * f + 1] > 0.0))
      status = bvl_fail(BVL_ERR_INPUT,
                        "fold %" PRId64 ": no row of class %d, type-measure auc "
                        "needs both",
                        cv->fold_id[f], of[2 * f] > 0.0 ? 0 : 1);
  free(of);
  return status;
}

static bvl_status loaded(void *context, bvl_job *job)
{
  bvl_cv_job *cv = context;
  bvl_status status = BVL_OK;
  cv->outputs = bvl_problem_outputs(job->problem);
  BVL_TRY(check_measure(cv, job));
  BVL_TRY(bvl_cv_check_replicas(cv, job));
  BVL_TRY(read_vectors(cv, job));
  BVL_TRY(bvl_cv_make_folds(cv, job));
  if (cv->options->measure == BVL_MEASURE_AUC && job->comm.rank == 0) status = check_areas(cv, job);
  status = bvl_agree(&job->comm, status);
  cv->outcome->folds = cv->n_folds;
cleanup:
  return status;
}

bvl_status bvl_cv_allocate(bvl_cv_job *cv, const bvl_job *job)
{
  const int64_t n_local = bvl_problem_design(job->problem)->rows.n_local;
  const int64_t L = bvl_path_n_lambda(job->path);
  const int64_t width = cv->outputs * L;
  bvl_cv_curve *curve = &cv->curve;
  if (cv->oof != NULL) return BVL_OK;
  cv->n_lambda = curve->n_lambda = L;
  bvl_status status = BVL_ALLOC(&cv->oof, n_local * width);
  if (status == BVL_OK) status = BVL_ALLOC(&cv->done, cv->n_folds);
  if (status == BVL_OK) status = BVL_ALLOC(&curve->mean, L);
  if (status == BVL_OK) status = BVL_ALLOC(&curve->sd, L);
  if (status == BVL_OK) status = BVL_ALLOC(&curve->by_fold, L * cv->n_folds);
  for (int64_t e = 0; status == BVL_OK && e < n_local * width; e++) cv->oof[e] = NAN;
  return bvl_agree(&job->comm, status);
}

/* ---- a fold ----------------------------------------------------------------------------------
 */

bvl_status bvl_cv_solve_fold(bvl_cv_job *cv, bvl_job *job, int64_t fold)
{
  const bvl_rows *rows = &bvl_problem_design(job->problem)->rows;
  bvl_beside *beside = &cv->beside;
  char who[48];
  bvl_status status = BVL_OK;
  snprintf(who, sizeof who, "without fold %" PRId64, cv->fold_id[fold]);
  for (int64_t i = 0; i < rows->n_local; i++) beside->factor[i] = cv->fold[rows->row0 + i] != fold;
  BVL_TRY(bvl_beside_solve(beside, fold, who));
  BVL_TRY(bvl_cv_predict(cv, job, fold));
  cv->done[fold] = 1.0 + (double)bvl_beside_unfinished(beside);
  bvl_beside_end(beside);
  if (job->options->checkpoint != NULL) BVL_TRY(bvl_job_save(job));
cleanup:
  bvl_beside_end(beside);
  return status;
}

/* ---- the curve -------------------------------------------------------------------------------
 */

bvl_status bvl_cv_gather(const bvl_cv_job *cv, const bvl_job *job, int64_t q, double *all)
{
  const bvl_comm *col = &job->grid->col;
  const int64_t K = cv->outputs, L = cv->n_lambda;
  const int64_t mine_n = bvl_problem_design(job->problem)->rows.n_local * K;
  int64_t *counts = NULL;
  double *mine = NULL, *whole = NULL;
  bvl_status status = BVL_ALLOC(&mine, mine_n);
  if (status == BVL_OK) status = BVL_ALLOC(&counts, col->size);
  /* the first rank of every grid column gathers, and rank 0's answer counts */
  if (status == BVL_OK && col->rank == 0) status = BVL_ALLOC(&whole, job->n * K);
  BVL_TRY(bvl_agree(&job->comm, status));
  for (int64_t e = 0; e < mine_n; e++) mine[e] = cv->oof[e * L + q];
  counts[col->rank] = mine_n;
  BVL_TRY(bvl_sum_i64(col, counts, col->size));
  BVL_TRY(bvl_gather_to(col, 0, mine, counts, whole));
  if (job->comm.rank == 0) memcpy(all, whole, (size_t)(job->n * K) * sizeof *all);
cleanup:
  free(whole);
  free(mine);
  free(counts);
  return status;
}

static bvl_status draw_curve(bvl_cv_job *cv, const bvl_job *job)
{
  const int root = job->comm.rank == 0;
  const bvl_measure measure = cv->options->measure;
  const bvl_cv_rows rows = {bvl_loss_find(job->family),
                            job->n,
                            cv->outputs,
                            job->n_responses,
                            cv->all_y,
                            cv->all_w,
                            cv->fold,
                            cv->n_folds};
  bvl_cv_curve *curve = &cv->curve;
  double *eta = NULL, *lambda = NULL;
  bvl_status status = BVL_ALLOC(&lambda, cv->n_lambda);
  if (status == BVL_OK && root) status = BVL_ALLOC(&eta, job->n * cv->outputs);
  BVL_TRY(bvl_agree(&job->comm, status));
  for (int64_t q = 0; q < cv->n_lambda; q++) {
    bvl_path_point point;
    bvl_path_get(job->path, q, &point);
    lambda[q] = point.lambda;
    BVL_TRY(bvl_cv_gather(cv, job, q, eta));
    if (root) status = bvl_cv_point(&rows, measure, eta, q, curve);
    BVL_TRY(bvl_agree(&job->comm, status));
  }
  BVL_TRY(bvl_bcast(&job->comm, 0, curve->mean, cv->n_lambda));
  BVL_TRY(bvl_bcast(&job->comm, 0, curve->sd, cv->n_lambda));
  bvl_cv_choose(measure, lambda, curve);
cleanup:
  free(lambda);
  free(eta);
  return status;
}

static void report_choice(bvl_cv_job *cv, const bvl_job *job)
{
  bvl_cv_outcome *out = cv->outcome;
  const bvl_cv_curve *curve = &cv->curve;
  bvl_path_point point;
  if (curve->best < 0) return;
  bvl_path_get(job->path, curve->best, &point);
  out->lambda_min = point.lambda;
  out->df_min = point.df;
  out->cvm = curve->mean[curve->best];
  out->cvsd = curve->sd[curve->best];
  bvl_path_get(job->path, curve->one_se, &point);
  out->lambda_1se = point.lambda;
  out->df_1se = point.df;
}

/* ---- the job ---------------------------------------------------------------------------------
 */

static bvl_status solve_folds(bvl_cv_job *cv, bvl_job *job)
{
  bvl_status status = BVL_OK;
  if (cv->options->replicas > 1) BVL_TRY(bvl_cv_solve_replicas(cv, job));
  for (int64_t f = 0; f < cv->n_folds; f++) {
    if (cv->done[f] == 0.0) {
      BVL_TRY(bvl_cv_solve_fold(cv, job, f));
      bvl_job_log(job, "fold %" PRId64 " of %" PRId64, f + 1, cv->n_folds);
    }
    cv->outcome->n_points += cv->beside.n_lambda;
    cv->outcome->n_unfinished += (int64_t)cv->done[f] - 1;
  }
cleanup:
  return status;
}

static bvl_status solved(void *context, bvl_job *job, bvl_run_outcome *outcome)
{
  bvl_cv_job *cv = context;
  bvl_status status = BVL_OK;
  cv->outcome->path_s = outcome->solve_s;
  BVL_TRY(bvl_cv_allocate(cv, job));
  BVL_TRY(bvl_beside_prepare(&cv->beside, outcome->solve_s));
  if (cv->beside.n_lambda > 0) BVL_TRY(solve_folds(cv, job));
  BVL_TRY(draw_curve(cv, job));
  report_choice(cv, job);
cleanup:
  return status;
}

void bvl_cv_job_free(bvl_cv_job *cv)
{
  free(cv->fold);
  free(cv->fold_id);
  free(cv->all_y);
  free(cv->all_w);
  free(cv->oof);
  free(cv->done);
  free(cv->curve.mean);
  free(cv->curve.sd);
  free(cv->curve.by_fold);
  bvl_beside_free(&cv->beside);
}

bvl_status bvl_run_cv(MPI_Comm comm, const bvl_run_options *run, const bvl_cv_options *options,
                      const bvl_monitor *monitor, bvl_cv_outcome *outcome)
{
  bvl_cv_job cv = {.options = options, .outcome = outcome, .beside.prefix = "fold"};
  const bvl_job_steps steps = {
      .context = &cv,
      .folded = 1,
      .loaded = loaded,
      .identify = bvl_cv_identify,
      .solved = solved,
      .write = bvl_cv_write,
      .save = bvl_cv_save,
      .restore = bvl_cv_restore,
  };
  *outcome = (bvl_cv_outcome){.lambda_min = NAN, .lambda_1se = NAN, .cvm = NAN, .cvsd = NAN};
  const bvl_status status = bvl_job_run(comm, run, &steps, monitor, &outcome->path);
  bvl_cv_job_free(&cv);
  return status;
}
