/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel info --estimate: what a path would need, from the data file's shapes alone. Rank 0 opens
 * the file by itself; X is not read. */
#include "run/estimate.h"

#include "base/lines.h"
#include "run/job.h"
#include "run/memory.h"

static void say_row(const bvl_lines *to, const bvl_memory_shape *shape, int ranks)
{
  char each[32], all[32];
  bvl_memory_words(bvl_memory_estimate(shape), each, sizeof each);
  bvl_memory_words(bvl_memory_estimate_all(shape), all, sizeof all);
  bvl_say(to, "  %3d rank%s  grid %dx%d  largest rank %s, in all %s", ranks, ranks == 1 ? " " : "s",
          shape->grid_rows, shape->grid_cols, each, all);
}

static bvl_status say_ranks(bvl_job *job, int ranks, const bvl_lines *to)
{
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_job_choose_grid(job, ranks));
  const bvl_memory_shape shape = bvl_job_shape(job, job->options->path.n_lambda);
  say_row(to, &shape, ranks);
cleanup:
  return status;
}

/* Rank 0 alone. */
static bvl_status estimate(const bvl_run_options *options, int ranks, const bvl_lines *to)
{
  bvl_job job = {.options = options};
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_comm_dup(MPI_COMM_SELF, &job.traffic, &job.comm));
  BVL_TRY(bvl_job_open(&job));
  bvl_say(to, "memory for %s %s%s, %lld lambdas%s:", job.family, job.penalty.type->name,
          job.n_responses > 1 ? " of several responses" : "", (long long)options->path.n_lambda,
          options->path.dfmax < 0 ? " (without --dfmax at most 2048 nonzero coefficients assumed)"
                                  : "");
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
