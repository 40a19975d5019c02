/* SPDX-License-Identifier: BSD-3-Clause */
/* What of X a path job holds, so that it stays within its memory: X and an 8-bit copy of it, X
 * alone, or neither: then X is streamed from its file, with the copy if that fits. */
#include "base/checked.h"
#include "data/design.h"
#include "data/rounded.h"
#include "loss/loss.h"
#include "run/job.h"
#include "run/memory.h"

static int64_t count_free(const bvl_job *job)
{
  int64_t count = 0;
  for (int64_t j = 0; job->penalty_factor != NULL && j < job->p; j++)
    count += job->penalty_factor[j] == 0;
  return count;
}

bvl_memory_shape bvl_job_shape(const bvl_job *job, int64_t n_lambda)
{
  const bvl_solver solver = job->options->path.solver;
  const int certified = solver == BVL_SOLVER_AUTO || solver == BVL_SOLVER_NEWTON;
  const int64_t dfmax = job->options->path.dfmax;
  bvl_memory_shape shape = {
      .n = job->n,
      .p = job->p,
      .nnz = job->nnz,
      .format = job->format,
      .dtype = job->dtype,
      .solver = solver,
      .gram = job->options->path.gram,
      .grouped = job->penalty.type->grouped,
      .whole = bvl_penalty_is_whole(&job->penalty, job->groups != NULL),
      .rounded = certified && !bvl_job_is_multi(job) &&
                 bvl_rounded_pays(job->format, job->dtype, job->n),
      .responses = bvl_loss_find(job->family)->coupled ? 10 : job->n_responses,
      .coupled = bvl_loss_find(job->family)->coupled,
      .bounded = job->lower != NULL || job->upper != NULL,
      .n_free = count_free(job),
      .folded = job->steps != NULL && job->steps->folded,
      .most_df = dfmax >= 0 ? bvl_greater(dfmax, 1) : 0,
      .weighted = !bvl_loss_find(job->family)->quadratic,
      .concave = !job->penalty.type->convex,
      .unpolished = !certified && !job->options->path.polish && solver != BVL_SOLVER_CD,
      .n_lambda = n_lambda,
      .grid_rows = job->grid_rows,
      .grid_cols = job->grid_cols,
  };
  bvl_job_param(job, &shape.n_factors);
  return shape;
}

/* Why X cannot be streamed; NULL when it can. */
static const char *held_because(const bvl_job *job)
{
  const bvl_source *source = &job->rows.source;
  const bvl_solver solver = job->options->path.solver;
  if (source->format != BVL_DENSE) return "it is sparse";
  if (source->read_alone == NULL) return "rows of it are left out";
  if (source->has_missing && source->dtype != BVL_I8) return "missing values are filled in";
  if (solver != BVL_SOLVER_AUTO && solver != BVL_SOLVER_NEWTON && solver != BVL_SOLVER_CD)
    return "only solver auto, newton or cd can";
  return NULL;
}

/* X held with an 8-bit copy beside it, held, or streamed, with the copy if it fits: the first that
 * fits `allowed`. Pure arithmetic on what all ranks have alike. */
bvl_status bvl_job_choose_stream(const bvl_job *job, int64_t allowed, bvl_memory_shape *shape)
{
  const char *why_not = held_because(job);
  const bvl_streaming asked = job->options->stream;
  const int rounded = shape->rounded;
  if (asked == BVL_STREAMING_ON && why_not != NULL)
    return bvl_fail(BVL_ERR_USAGE, "stream on: X cannot be streamed, %s", why_not);
  if (asked != BVL_STREAMING_ON && bvl_memory_estimate(shape) <= allowed) return BVL_OK;
  shape->rounded = 0;
  if (asked != BVL_STREAMING_ON && bvl_memory_estimate(shape) <= allowed) return BVL_OK;
  if (asked == BVL_STREAMING_OFF || why_not != NULL) return BVL_OK; /* to be refused */
  shape->streamed = 1;
  for (shape->rounded = rounded;; shape->rounded = 0) {
    shape->stream_bytes = 0;
    const int64_t others = bvl_memory_estimate(shape);
    shape->stream_bytes = bvl_memory_for_stream(shape, others, allowed);
    if (shape->stream_bytes > 0) return BVL_OK;
    shape->stream_bytes = bvl_memory_least_streamed(shape) - others; /* for the refusal */
    if (shape->rounded == 0) return BVL_OK;
  }
}

static void say_stream(const bvl_job *job)
{
  char words[32];
  if (job->stream_bytes == 0) return;
  bvl_memory_words(job->stream_bytes, words, sizeof words);
  bvl_job_log(job, "X is not held but streamed from %s: %s a rank for what is in use%s",
              job->options->data, words, job->rounded ? ", and an 8-bit copy" : "");
}

bvl_status bvl_job_plan_memory(bvl_job *job, int64_t n_lambda, bvl_run_outcome *outcome)
{
  bvl_memory_shape shape = bvl_job_shape(job, n_lambda);
  int64_t allowed = 0;
  bvl_status status = bvl_memory_allowed(&job->comm, job->options->memory_limit, &allowed);
  if (status != BVL_OK) return status;
  BVL_TRY(bvl_job_choose_stream(job, allowed, &shape));
  job->rounded = shape.rounded;
  job->stream_bytes = shape.stream_bytes;
  outcome->estimate_bytes = bvl_memory_estimate(&shape);
  outcome->estimate_all_bytes = bvl_memory_estimate_all(&shape);
  BVL_TRY(bvl_memory_refuse(&job->comm, outcome->estimate_bytes, allowed));
  say_stream(job);
cleanup:
  return status;
}
