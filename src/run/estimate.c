/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel info --estimate: what a path would need, from the data file's shapes alone. Rank 0 opens
 * the file by itself; X is not read. */
#include "run/estimate.h"

#include <stdio.h>

#include "base/lines.h"
#include "run/job.h"
#include "run/memory.h"

/* What becomes of X where a rank may have `allowed` bytes. */
static void fate_words(const bvl_memory_shape *shape, int64_t allowed, char out[96])
{
  const char *copy = shape->rounded ? ", with an 8-bit copy" : "";
  char in_use[32];
  bvl_memory_words(shape->stream_bytes, in_use, sizeof in_use);
  if (bvl_memory_estimate(shape) > allowed)
    snprintf(out, 96, "; does not fit");
  else if (shape->streamed)
    snprintf(out, 96, "; X is streamed, %s a rank for what is in use%s", in_use, copy);
  else
    snprintf(out, 96, "; X is held%s", copy);
}

static void say_row(const bvl_lines *to, const bvl_memory_shape *shape, int ranks, const char *fate)
{
  char each[32], all[32];
  bvl_memory_words(bvl_memory_estimate(shape), each, sizeof each);
  bvl_memory_words(bvl_memory_estimate_all(shape), all, sizeof all);
  bvl_say(to, "  %3d rank%s  grid %dx%d  largest rank %s, in all %s%s", ranks,
          ranks == 1 ? " " : "s", shape->grid_rows, shape->grid_cols, each, all, fate);
}

/* What all ranks may have together; 0: nobody asks. */
static int64_t limit_of(const bvl_run_options *options)
{
  if (options->memory_limit == 0 && options->stream == BVL_STREAMING_ON)
    return bvl_memory_machine();
  return options->memory_limit;
}

static bvl_status say_ranks(bvl_job *job, int ranks, const bvl_lines *to)
{
  const int64_t limit = limit_of(job->options), allowed = limit / ranks;
  bvl_status status = BVL_OK;
  char fate[96] = "";
  BVL_TRY(bvl_job_choose_grid(job, ranks));
  bvl_memory_shape shape = bvl_job_shape(job, job->options->path.n_lambda);
  if (limit > 0) {
    BVL_TRY(bvl_job_choose_stream(job, allowed, &shape));
    fate_words(&shape, allowed, fate);
  }
  say_row(to, &shape, ranks, fate);
cleanup:
  return status;
}

/* Rank 0 alone. */
static bvl_status estimate(const bvl_run_options *options, int ranks, const bvl_lines *to)
{
  bvl_job job = {.options = options};
  char limit[32], within[80] = "";
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_comm_dup(MPI_COMM_SELF, &job.traffic, &job.comm));
  BVL_TRY(bvl_job_open(&job));
  bvl_memory_words(limit_of(options), limit, sizeof limit);
  if (limit_of(options) > 0)
    snprintf(within, sizeof within, ", within %s for all of these ranks", limit);
  bvl_say(to, "memory for %s %s%s, %lld lambdas%s%s:", job.family, job.penalty.type->name,
          job.n_responses > 1 ? " of several responses" : "", (long long)options->path.n_lambda,
          options->path.dfmax < 0 ? " (without --dfmax at most 2048 nonzero coefficients assumed)"
                                  : "",
          within);
  if (ranks > 0) {
    status = say_ranks(&job, ranks, to);
    goto cleanup;
  }
  for (int r = 1; r <= 64; r *= 2) BVL_TRY(say_ranks(&job, r, to));
cleanup:
  status = bvl_name_file(options->data, status);
  bvl_job_close(&job);
  return status;
}

bvl_status bvl_run_estimate(MPI_Comm comm, const bvl_run_options *options, int ranks,
                            void (*emit)(void *context, const char *line), void *context)
{
  const bvl_lines to = {emit, context};
  bvl_traffic traffic = {0};
  bvl_comm all = {0};
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_comm_dup(comm, &traffic, &all));
  if (all.rank == 0) status = estimate(options, ranks, &to);
  status = bvl_agree(&all, status);
cleanup:
  bvl_comm_free(&all);
  return status;
}
