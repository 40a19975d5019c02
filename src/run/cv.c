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
#include "run/memory.h"

void bvl_cv_options_init(bvl_cv_options *options)
{
  *options = (bvl_cv_options){.folds = 10};
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

/* Rows row0 .. of a vector, NULL where the data have none. */
static bvl_status read_rows(const bvl_job *job, const char *what, int64_t width, int64_t row0,
                            int64_t count, double **out)
{
  bvl_status status = BVL_OK;
  int present = 1;
  BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(out, count * width)));
  BVL_TRY(job->rows.read_rows(job->rows.context, what, row0, count, *out, &present));
  if (!present) {
    free(*out);
    *out = NULL;
  }
cleanup:
  return status;
}

static bvl_status read_vectors(bvl_cv_job *cv, const bvl_job *job)
{
  bvl_status status = BVL_OK;
  const bvl_rows *rows = &bvl_problem_design(job->problem)->rows;
  const int64_t row0 = rows->row0, n_local = rows->n_local;
  const int64_t n_root = job->comm.rank == 0 ? job->n : 0;
  BVL_TRY(read_rows(job, "y", job->n_responses, row0, n_local, &cv->y));
  BVL_TRY(read_rows(job, "weights", 1, row0, n_local, &cv->w));
  BVL_TRY(read_rows(job, "offset", 1, row0, n_local, &cv->offset));
  BVL_TRY(read_rows(job, "y", job->n_responses, 0, n_root, &cv->all_y));
  BVL_TRY(read_rows(job, "weights", 1, 0, n_root, &cv->all_w));
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

typedef struct fold_rows {
  const bvl_cv_job *cv;
  int64_t n_responses, row0;
} fold_rows;

/* bvl_problem_data.read_rows of the fold in work: its rows weigh nothing. */
static bvl_status read_fold(void *context, const char *what, int64_t row0, int64_t count,
                            double *out, int *present)
{
  const fold_rows *rows = context;
  const bvl_cv_job *cv = rows->cv;
  const int64_t at = row0 - rows->row0;
  *present = 1;
  if (strcmp(what, "weights") == 0) {
    for (int64_t i = 0; i < count; i++)
      out[i] = cv->fold[row0 + i] == cv->now ? 0.0 : cv->w != NULL ? cv->w[at + i] : 1.0;
    return BVL_OK;
  }
  const int is_y = strcmp(what, "y") == 0;
  const int64_t width = is_y ? rows->n_responses : 1;
  const double *from = is_y ? cv->y : cv->offset;
  *present = from != NULL;
  if (from != NULL && count > 0)
    memcpy(out, from + at * width, (size_t)(count * width) * sizeof *out);
  return BVL_OK;
}

/* What an error of the data is about. */
static bvl_status name_fold(const bvl_cv_job *cv, bvl_status status)
{
  char message[BVL_MESSAGE_BYTES];
  if (status != BVL_ERR_INPUT) return status;
  snprintf(message, sizeof message, "%s", bvl_last_error());
  return bvl_fail(status, "without fold %" PRId64 ": %s", cv->fold_id[cv->now], message);
}

/* The lambdas that the full path came to, and where they stand in it. */
static int64_t list_lambdas(const bvl_job *job, double *lambda, int64_t *at)
{
  int64_t count = 0;
  for (int64_t q = 0; q < bvl_path_n_lambda(job->path); q++) {
    bvl_path_point point;
    bvl_path_get(job->path, q, &point);
    if (point.status == 3) continue;
    lambda[count] = point.lambda;
    at[count++] = q;
  }
  return count;
}

static int64_t count_unfinished(const bvl_path *path)
{
  int64_t count = 0;
  for (int64_t q = 0; q < bvl_path_n_lambda(path); q++) {
    bvl_path_point point;
    bvl_path_get(path, q, &point);
    count += point.status != 0;
  }
  return count;
}

static bvl_status solve_fold(bvl_cv_job *cv, bvl_job *job, const bvl_path_options *options,
                             const int64_t *at)
{
  const bvl_run_options *o = job->options;
  bvl_design *X = bvl_problem_design(job->problem);
  bvl_penalty_parameters parameters;
  bvl_problem_data data = bvl_job_problem_data(job, &parameters);
  fold_rows rows = {cv, job->n_responses, X->rows.row0};
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  bvl_status status = BVL_OK;
  data.context = &rows;
  data.read_rows = read_fold;
  BVL_TRY(bvl_problem_create_beside(job->problem, &data, &problem));
  BVL_TRY(bvl_path_create(problem, options, job->monitor, &path));
  cv->path = path;
  if (o->checkpoint != NULL && o->resume) BVL_TRY(bvl_cv_restore_fold(cv, job));
  BVL_TRY(bvl_path_solve(path, o->checkpoint != NULL ? bvl_job_save : NULL, job));
  BVL_TRY(bvl_cv_predict(cv, job, cv->now, problem, path, at));
  cv->done[cv->now] = 1.0 + (double)count_unfinished(path);
  cv->path = NULL;
  if (o->checkpoint != NULL) BVL_TRY(bvl_job_save(job));
cleanup:
  cv->path = NULL;
  status = name_fold(cv, status);
  bvl_path_destroy(&path);
  if (problem != NULL) X->bytes_touched += bvl_design_bytes_touched(bvl_problem_design(problem));
  bvl_problem_destroy(&problem);
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

/* A fold's time limit is what the full path and the folds before have left. Collective: all ranks
 * get rank 0's. */
static bvl_status limit_time(const bvl_job *job, double start_s, bvl_path_options *options)
{
  const double most = job->options->path.max_seconds;
  if (!(most > 0.0)) return BVL_OK;
  options->max_seconds = fmax(most - (bvl_now_s() - start_s), 1e-9);
  return bvl_bcast(&job->comm, 0, &options->max_seconds, 1);
}

static bvl_status solve_folds(bvl_cv_job *cv, bvl_job *job, bvl_path_options *options,
                              const int64_t *at, double start_s)
{
  bvl_status status = BVL_OK;
  for (int64_t f = 0; f < cv->n_folds; f++) {
    if (cv->done[f] == 0.0) {
      cv->now = f;
      BVL_TRY(limit_time(job, start_s, options));
      BVL_TRY(solve_fold(cv, job, options, at));
      bvl_job_log(job, "fold %" PRId64 " of %" PRId64, f + 1, cv->n_folds);
    }
    cv->outcome->n_points += options->n_lambda;
    cv->outcome->n_unfinished += (int64_t)cv->done[f] - 1;
  }
cleanup:
  cv->now = -1;
  return status;
}

static bvl_status solved(void *context, bvl_job *job, bvl_run_outcome *outcome)
{
  bvl_cv_job *cv = context;
  bvl_status status = BVL_OK;
  bvl_path_options options = job->options->path;
  double *lambda = NULL;
  int64_t *at = NULL;
  const double start_s = bvl_now_s() - outcome->solve_s;
  cv->outcome->path_s = outcome->solve_s;
  BVL_TRY(bvl_cv_allocate(cv, job));
  status = BVL_ALLOC(&lambda, cv->n_lambda);
  if (status == BVL_OK) status = BVL_ALLOC(&at, cv->n_lambda);
  BVL_TRY(bvl_agree(&job->comm, status));
  options.n_lambda = list_lambdas(job, lambda, at);
  options.lambda = lambda;
  options.dfmax = -1;
  options.rounded = options.rounded && job->rounded;
  if (options.gram_limit == 0)
    BVL_TRY(bvl_memory_gram_limit(&job->comm, job->options->memory_limit, &options.gram_limit));
  if (options.n_lambda > 0) BVL_TRY(solve_folds(cv, job, &options, at, start_s));
  BVL_TRY(draw_curve(cv, job));
  report_choice(cv, job);
cleanup:
  free(at);
  free(lambda);
  return status;
}

static void free_cv(bvl_cv_job *cv)
{
  free(cv->fold);
  free(cv->fold_id);
  free(cv->y);
  free(cv->w);
  free(cv->offset);
  free(cv->all_y);
  free(cv->all_w);
  free(cv->oof);
  free(cv->done);
  free(cv->curve.mean);
  free(cv->curve.sd);
  free(cv->curve.by_fold);
}

bvl_status bvl_run_cv(MPI_Comm comm, const bvl_run_options *run, const bvl_cv_options *options,
                      const bvl_monitor *monitor, bvl_cv_outcome *outcome)
{
  bvl_cv_job cv = {.options = options, .outcome = outcome, .now = -1, .taken = -1};
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
  free_cv(&cv);
  return status;
}
