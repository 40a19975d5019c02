/* SPDX-License-Identifier: BSD-3-Clause */
/* What cross-validation adds to checkpoints and to the result. The path of the fold in work stands
 * in the checkpoint beside the full one, its arrays named "fold/...". */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/design.h"
#include "run/cv_job.h"

/* /oof holds all lambdas up to this many numbers, else those at lambda_min. */
enum { MOST_OOF = 1 << 24 };

void bvl_cv_identify(void *context, FILE *text)
{
  const bvl_cv_job *cv = context;
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  const int64_t n = cv->outcome->path.n;
  for (int64_t i = 0; i < n; i++) hash = (hash ^ (uint64_t)cv->fold[i]) * UINT64_C(0x100000001b3);
  fprintf(text, "folds=%" PRId64 "\nfold=%016" PRIx64 "\n", cv->n_folds, hash);
}

/* ---- checkpoints -----------------------------------------------------------------------------
 */

bvl_status bvl_cv_save(void *context, bvl_job *job, const bvl_store *store)
{
  bvl_cv_job *cv = context;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_cv_allocate(cv, job)); /* the full path may still be in work */
  const bvl_rows *rows = &bvl_problem_design(job->problem)->rows;
  const int64_t width = cv->outputs * cv->n_lambda;
  const int root = job->comm.rank == 0, speaks = job->grid->j == 0;
  BVL_TRY(
      store->put_f64(store->context, "cv/done", cv->n_folds, 0, root ? cv->n_folds : 0, cv->done));
  BVL_TRY(store->put_f64(store->context, "cv/oof", job->n * width, rows->row0 * width,
                         speaks ? rows->n_local * width : 0, cv->oof));
  status = bvl_beside_save(&cv->beside, store);
cleanup:
  return status;
}

bvl_status bvl_cv_restore(void *context, bvl_job *job, const bvl_store *store)
{
  bvl_cv_job *cv = context;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_cv_allocate(cv, job));
  const bvl_rows *rows = &bvl_problem_design(job->problem)->rows;
  const int64_t width = cv->outputs * cv->n_lambda;
  BVL_TRY(store->get_f64(store->context, "cv/done", 0, cv->n_folds, cv->done));
  BVL_TRY(
      store->get_f64(store->context, "cv/oof", rows->row0 * width, rows->n_local * width, cv->oof));
  status = bvl_beside_restore(&cv->beside, store);
cleanup:
  return status;
}

/* ---- the result ------------------------------------------------------------------------------
 */

/* One lambda, or all of them: rank 0 gathers n x K x L, and writes it as n x (K L). */
static bvl_status write_predictions(const bvl_cv_job *cv, bvl_job *job)
{
  const int64_t K = cv->outputs, L = cv->n_lambda, best = cv->curve.best;
  const int all = job->n * K <= MOST_OOF / L;
  const int64_t width = all ? L : 1;
  const int root = job->comm.rank == 0;
  double *one = NULL, *out = NULL;
  bvl_status status = BVL_OK;
  if (!all && best < 0) return BVL_OK;
  if (root) status = BVL_ALLOC(&one, job->n * K);
  if (status == BVL_OK && root) status = BVL_ALLOC(&out, job->n * K * width);
  BVL_TRY(bvl_agree(&job->comm, status));
  for (int64_t q = 0; q < width; q++) {
    BVL_TRY(bvl_cv_gather(cv, job, all ? q : best, one));
    for (int64_t e = 0; root && e < job->n * K; e++) out[e * width + q] = one[e];
  }
  if (K * width == 1)
    BVL_TRY(bvl_result_put_f64(job->writer, "/oof", job->n, out));
  else
    BVL_TRY(bvl_result_put_rows(job->writer, "/oof", job->n, K * width, out));
  status = bvl_result_attr_text(job->writer, "oof", all ? "all" : "lambda.min");
cleanup:
  free(out);
  free(one);
  return status;
}

static bvl_status write_attributes(const bvl_cv_job *cv, bvl_job *job)
{
  static const char *const kind[] = {"auto", "random", "stratified", "grouped"};
  const bvl_cv_options *o = cv->options;
  bvl_result_writer *writer = job->writer;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_result_attr_text(writer, "type_measure", bvl_measure_name(o->measure)));
  BVL_TRY(bvl_result_attr_text(writer, "fold_kind", o->fold_id != NULL ? "given" : kind[cv->kind]));
  BVL_TRY(bvl_result_attr_text(writer, "fold_id", o->fold_id != NULL ? o->fold_id : "none"));
  BVL_TRY(bvl_result_attr_text(writer, "fold_groups",
                               cv->kind == BVL_FOLDS_GROUPED ? o->fold_groups : "none"));
  BVL_TRY(bvl_result_attr_i64(writer, "folds", cv->n_folds));
  BVL_TRY(bvl_result_attr_i64(writer, "fold_lambdas", cv->outcome->n_points));
  BVL_TRY(bvl_result_attr_i64(writer, "fold_lambdas_unfinished", cv->outcome->n_unfinished));
cleanup:
  return status;
}

bvl_status bvl_cv_write(void *context, bvl_job *job)
{
  const bvl_cv_job *cv = context;
  const bvl_cv_curve *curve = &cv->curve;
  bvl_status status = BVL_OK;
  int64_t *fold = NULL;
  BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(&fold, job->n)));
  for (int64_t i = 0; i < job->n; i++) fold[i] = cv->fold_id[cv->fold[i]];
  BVL_TRY(bvl_result_put_f64(job->writer, "/cvm", curve->n_lambda, curve->mean));
  BVL_TRY(bvl_result_put_f64(job->writer, "/cvsd", curve->n_lambda, curve->sd));
  BVL_TRY(bvl_result_put_rows(job->writer, "/fold_measure", curve->n_lambda, cv->n_folds,
                              curve->by_fold));
  BVL_TRY(bvl_result_put_f64(job->writer, "/lambda_min", 1, &cv->outcome->lambda_min));
  BVL_TRY(bvl_result_put_f64(job->writer, "/lambda_1se", 1, &cv->outcome->lambda_1se));
  BVL_TRY(bvl_result_put_i64(job->writer, "/fold", job->n, fold));
  BVL_TRY(write_predictions(cv, job));
  BVL_TRY(write_attributes(cv, job));
cleanup:
  free(fold);
  return status;
}
