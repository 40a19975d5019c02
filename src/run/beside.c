/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths beside a job's own, on the same X. */
#include "run/beside.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "data/design.h"
#include "model/problem.h"
#include "run/memory.h"

/* ---- rows ------------------------------------------------------------------------------------
 */

bvl_status bvl_beside_read_rows(const bvl_job *job, const char *what, int64_t width, int64_t row0,
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

bvl_status bvl_beside_load(bvl_beside *beside, bvl_job *job)
{
  bvl_status status = BVL_OK;
  const bvl_rows *rows = &bvl_problem_design(job->problem)->rows;
  const int64_t row0 = rows->row0, n_local = rows->n_local;
  beside->job = job;
  beside->dfmax = beside->now = beside->taken = -1;
  BVL_TRY(bvl_beside_read_rows(job, "y", job->n_responses, row0, n_local, &beside->y));
  BVL_TRY(bvl_beside_read_rows(job, "weights", 1, row0, n_local, &beside->w));
  BVL_TRY(bvl_beside_read_rows(job, "offset", 1, row0, n_local, &beside->offset));
  BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(&beside->factor, n_local)));
  for (int64_t i = 0; i < n_local; i++) beside->factor[i] = 1.0;
cleanup:
  return status;
}

/* bvl_problem_data.read_rows of the piece in work. */
static bvl_status read_piece(void *context, const char *what, int64_t row0, int64_t count,
                             double *out, int *present)
{
  const bvl_beside *beside = context;
  const int64_t at = row0 - bvl_problem_design(beside->job->problem)->rows.row0;
  *present = 1;
  if (strcmp(what, "weights") == 0) {
    for (int64_t i = 0; i < count; i++)
      out[i] = beside->factor[at + i] * (beside->w != NULL ? beside->w[at + i] : 1.0);
    return BVL_OK;
  }
  const int is_y = strcmp(what, "y") == 0;
  const int64_t width = is_y ? beside->job->n_responses : 1;
  const double *from = is_y ? beside->y : beside->offset;
  *present = from != NULL;
  if (from != NULL && count > 0)
    memcpy(out, from + at * width, (size_t)(count * width) * sizeof *out);
  return BVL_OK;
}

/* ---- lambdas ---------------------------------------------------------------------------------
 */

bvl_status bvl_beside_prepare(bvl_beside *beside, double solve_s)
{
  const bvl_path *path = beside->job->path;
  const int64_t most = bvl_path_n_lambda(path);
  beside->start_s = bvl_now_s() - solve_s;
  bvl_status status = BVL_ALLOC(&beside->lambda, most);
  if (status == BVL_OK) status = BVL_ALLOC(&beside->at, most);
  status = bvl_agree(&beside->job->comm, status);
  for (int64_t q = 0; status == BVL_OK && q < most; q++) {
    bvl_path_point point;
    bvl_path_get(path, q, &point);
    if (point.status == 3) continue;
    beside->lambda[beside->n_lambda] = point.lambda;
    beside->at[beside->n_lambda++] = q;
  }
  return status;
}

/* A piece's time limit is what the job's path and the pieces before have left: rank 0's. */
static bvl_status limit_time(const bvl_beside *beside, bvl_path_options *options)
{
  const double most = beside->job->options->path.max_seconds;
  if (!(most > 0.0)) return BVL_OK;
  options->max_seconds = fmax(most - (bvl_now_s() - beside->start_s), 1e-9);
  return bvl_bcast(&beside->job->comm, 0, &options->max_seconds, 1);
}

static bvl_status choose_options(const bvl_beside *beside, bvl_path_options *options)
{
  const bvl_job *job = beside->job;
  bvl_status status = BVL_OK;
  *options = job->options->path;
  options->n_lambda = beside->n_lambda;
  options->lambda = beside->lambda;
  options->dfmax = options->starts > 1 ? -1 : beside->dfmax; /* the way up needs the way down */
  options->rounded = options->rounded && job->rounded;
  if (options->gram_limit == 0)
    BVL_TRY(bvl_memory_gram_limit(&job->comm, job->options->memory_limit, &options->gram_limit));
  status = limit_time(beside, options);
cleanup:
  return status;
}

/* ---- a store within a store ------------------------------------------------------------------
 */

typedef struct inner_store {
  bvl_store outer;
  const char *prefix;
} inner_store;

enum { NAME_BYTES = 96 };

static const char *inside(const inner_store *inner, const char *name, char out[NAME_BYTES])
{
  snprintf(out, NAME_BYTES, "%s/%s", inner->prefix, name);
  return out;
}

static bvl_status put_f64(void *context, const char *name, int64_t n, int64_t first, int64_t count,
                          const double *values)
{
  const inner_store *to = context;
  char longer[NAME_BYTES];
  return to->outer.put_f64(to->outer.context, inside(to, name, longer), n, first, count, values);
}

static bvl_status put_i64(void *context, const char *name, int64_t n, int64_t first, int64_t count,
                          const int64_t *values)
{
  const inner_store *to = context;
  char longer[NAME_BYTES];
  return to->outer.put_i64(to->outer.context, inside(to, name, longer), n, first, count, values);
}

static bvl_status length(void *context, const char *name, int64_t *n)
{
  const inner_store *of = context;
  char longer[NAME_BYTES];
  return of->outer.length(of->outer.context, inside(of, name, longer), n);
}

static bvl_status get_f64(void *context, const char *name, int64_t first, int64_t count,
                          double *values)
{
  const inner_store *from = context;
  char longer[NAME_BYTES];
  return from->outer.get_f64(from->outer.context, inside(from, name, longer), first, count, values);
}

static bvl_status get_i64(void *context, const char *name, int64_t first, int64_t count,
                          int64_t *values)
{
  const inner_store *from = context;
  char longer[NAME_BYTES];
  return from->outer.get_i64(from->outer.context, inside(from, name, longer), first, count, values);
}

static bvl_store store_of(inner_store *inner)
{
  return (bvl_store){inner, put_f64, put_i64, length, get_f64, get_i64};
}

/* ---- checkpoints -----------------------------------------------------------------------------
 */

bvl_status bvl_beside_save(const bvl_beside *beside, const bvl_store *store)
{
  inner_store inner = {*store, beside->prefix};
  const bvl_store part = store_of(&inner);
  const double now = (double)(beside->path != NULL ? beside->now : -1);
  bvl_status status = part.put_f64(part.context, "now", 1, 0, beside->job->comm.rank == 0, &now);
  if (status == BVL_OK && beside->path != NULL) status = bvl_path_save(beside->path, &part);
  return status;
}

bvl_status bvl_beside_restore(bvl_beside *beside, const bvl_store *store)
{
  inner_store inner = {*store, beside->prefix};
  const bvl_store part = store_of(&inner);
  double now = -1.0;
  const bvl_status status = part.get_f64(part.context, "now", 0, 1, &now);
  beside->taken = (int64_t)now;
  return status;
}

/* Takes up the path in work where the checkpoint holds it. */
static bvl_status restore_path(bvl_beside *beside)
{
  const bvl_job *job = beside->job;
  bvl_status status = BVL_OK;
  bvl_checkpoint *checkpoint = NULL;
  inner_store inner = {.prefix = beside->prefix};
  char *text = NULL;
  if (beside->taken != beside->now) return BVL_OK;
  beside->taken = -1;
  BVL_TRY(
      bvl_checkpoint_open(&job->comm, job->options->checkpoint, &checkpoint, &inner.outer, &text));
  if (checkpoint == NULL) goto cleanup;
  int64_t there = -1; /* it may have been written since */
  const bvl_store part = store_of(&inner);
  BVL_TRY(part.length(part.context, "path/stops", &there));
  if (there < 0) goto cleanup;
  BVL_TRY(bvl_path_restore(beside->path, &part));
  bvl_job_log(job, "%s %" PRId64 " goes on where it was", beside->prefix, beside->now + 1);
cleanup:
  free(text);
  if (checkpoint != NULL) {
    const bvl_status closed = bvl_checkpoint_end(&checkpoint, 0);
    if (status == BVL_OK) status = closed;
  }
  return status;
}

/* ---- a piece ---------------------------------------------------------------------------------
 */

/* What an error of the data is about. */
static bvl_status name_piece(const char *who, bvl_status status)
{
  char message[BVL_MESSAGE_BYTES];
  if (status != BVL_ERR_INPUT) return status;
  snprintf(message, sizeof message, "%s", bvl_last_error());
  return bvl_fail(status, "%s: %s", who, message);
}

bvl_status bvl_beside_solve(bvl_beside *beside, int64_t which, const char *who)
{
  bvl_job *job = beside->job;
  const bvl_run_options *o = job->options;
  bvl_penalty_parameters parameters;
  bvl_problem_data data = bvl_job_problem_data(job, &parameters);
  bvl_path_options options;
  bvl_status status = BVL_OK;
  data.context = beside;
  data.read_rows = read_piece;
  if (beside->penalty_factor != NULL) data.penalty_factor = beside->penalty_factor;
  beside->now = which;
  BVL_TRY(choose_options(beside, &options));
  BVL_TRY(bvl_problem_create_beside(job->problem, &data, &beside->problem));
  BVL_TRY(bvl_path_create(beside->problem, &options, job->monitor, &beside->path));
  if (o->checkpoint != NULL && o->resume) BVL_TRY(restore_path(beside));
  BVL_TRY(bvl_path_solve(beside->path, o->checkpoint != NULL ? bvl_job_save : NULL, job));
cleanup:
  return name_piece(who, status);
}

int64_t bvl_beside_unfinished(const bvl_beside *beside)
{
  int64_t count = 0;
  for (int64_t q = 0; q < bvl_path_n_lambda(beside->path); q++) {
    bvl_path_point point;
    bvl_path_get(beside->path, q, &point);
    count += point.status != 0;
  }
  return count;
}

void bvl_beside_end(bvl_beside *beside)
{
  bvl_path_destroy(&beside->path);
  if (beside->problem != NULL)
    bvl_problem_design(beside->job->problem)->bytes_touched += bvl_design_bytes_touched(
        bvl_problem_design(beside->problem));
  bvl_problem_destroy(&beside->problem);
  beside->now = -1;
}

void bvl_beside_free(bvl_beside *beside)
{
  bvl_path_destroy(&beside->path);
  bvl_problem_destroy(&beside->problem);
  free(beside->y);
  free(beside->w);
  free(beside->offset);
  free(beside->factor);
  free(beside->lambda);
  free(beside->at);
}
