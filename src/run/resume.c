/* SPDX-License-Identifier: BSD-3-Clause */
/* Checkpoints of a path job: what identifies a run, saving, and taking a run up again. */
#include "run/checkpoint.h"
#include "run/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/phase.h"

uint64_t bvl_hash_bytes(uint64_t hash, const void *bytes, int64_t n)
{
  const unsigned char *byte = bytes;
  for (int64_t k = 0; bytes != NULL && k < n; k++)
    hash = (hash ^ byte[k]) * UINT64_C(0x100000001b3);
  return hash;
}

static uint64_t hash_columns(const bvl_job *job)
{
  uint64_t hash = BVL_HASH_START;
  hash = bvl_hash_bytes(hash, job->groups, job->p * (int64_t)sizeof *job->groups);
  hash = bvl_hash_bytes(hash, job->group_weights,
                        job->n_group_weights * (int64_t)sizeof *job->group_weights);
  hash = bvl_hash_bytes(hash, job->penalty_factor, job->p * (int64_t)sizeof *job->penalty_factor);
  hash = bvl_hash_bytes(hash, job->lower, job->p * (int64_t)sizeof *job->lower);
  return bvl_hash_bytes(hash, job->upper, job->p * (int64_t)sizeof *job->upper);
}

static void print_lambdas(FILE *text, const bvl_path_options *path)
{
  if (path->path_to > 0.0) {
    fprintf(text, "lambda=down to %.17g\n", path->path_to);
  } else if (path->lambda == NULL) {
    fprintf(text, "lambda=%" PRId64 " from lambda_max, ratio %.17g\n", path->n_lambda,
            path->lambda_min_ratio);
  } else {
    int64_t bytes = path->n_lambda * (int64_t)sizeof *path->lambda;
    fprintf(text, "lambda=%" PRId64 " from %.17g, hash %016" PRIx64 "\n", path->n_lambda,
            path->lambda[0], bvl_hash_bytes(BVL_HASH_START, path->lambda, bytes));
  }
}

bvl_status bvl_job_identify(bvl_job *job)
{
  const bvl_run_options *o = job->options;
  const bvl_path_options *path = &o->path;
  size_t length = 0;
  FILE *text = open_memstream(&job->identity, &length);
  if (text == NULL) return bvl_fail(BVL_ERR_NOMEM, "cannot describe the run");
  fprintf(text, "fingerprint=%016" PRIx64 "\nn=%" PRId64 "\np=%" PRId64 "\n", job->fingerprint,
          job->n, job->p);
  fprintf(text, "x=%s\ny=%s\nweights=%s\noffset=%s\n", job->names.x, job->names.y,
          job->names.weights, job->names.offset);
  fprintf(text, "lower=%s\nupper=%s\n", job->names.lower, job->names.upper);
  fprintf(text, "groups=%s\ngroup_weights=%s\npenalty_factor=%s\ncolumns=%016" PRIx64 "\n",
          job->names.groups, job->names.group_weights, job->names.penalty_factor,
          hash_columns(job));
  fprintf(text, "family=%s\nresponses=%" PRId64 "\npenalty=%s\nalpha=%.17g\n", job->family,
          bvl_problem_outputs(job->problem), job->penalty.type->name, job->penalty.alpha);
  if (job->penalty.type->nested)
    fprintf(text, "k1=%.17g\nk2=%.17g\n", job->penalty.k1, job->penalty.k2);
  if (job->penalty.type->shape_name != NULL)
    fprintf(text, "%s=%.17g\n", job->penalty.type->shape_name, job->penalty.shape);
  fprintf(text, "intercept=%d\nstandardize=%d\nprecision=%s\nsolver=%s\ngram=%s\n", o->intercept,
          o->standardize, o->single ? "single" : "double", bvl_solver_name(path->solver),
          bvl_gram_name(path->gram));
  fprintf(text, "missing=%s\n", bvl_missing_name(o->missing));
  print_lambdas(text, path);
  fprintf(text,
          "tol=%.17g\ndfmax=%" PRId64 "\nmax_iter=%" PRId64 "\npolish=%d\nepochs=%" PRId64 "\n",
          path->tol, path->dfmax, path->max_iter, path->polish, path->epochs);
  fprintf(text, "starts=%" PRId64 "\n", path->starts);
  fprintf(text, "admm_rho=%.17g\n", path->admm_rho);
  fprintf(text, "lr=%.17g\nschedule=%d\nseed=%" PRIu64 "\nslices=%" PRId64 "\n", path->step,
          path->schedule, path->seed, job->n_slices);
  if (bvl_solver_is_surrogate(path->solver))
    fprintf(text, "param=%s\n", path->param != NULL ? path->param : "default");
  if (job->steps != NULL && job->steps->identify != NULL)
    job->steps->identify(job->steps->context, text);
  if (fclose(text) != 0) return bvl_fail(BVL_ERR_NOMEM, "cannot describe the run");
  return BVL_OK;
}

bvl_status bvl_compare_identity(const char *file, const char *there, const char *here)
{
  while (*there != '\0' || *here != '\0') {
    size_t there_len = strcspn(there, "\n"), here_len = strcspn(here, "\n");
    if (there_len != here_len || strncmp(there, here, here_len) != 0)
      return bvl_fail(BVL_ERR_USAGE, "%s: a checkpoint of another run: %.*s there, %.*s now", file,
                      (int)(there_len < 60 ? there_len : 60), there,
                      (int)(here_len < 60 ? here_len : 60), here);
    there += there_len + (there[there_len] != '\0');
    here += here_len + (here[here_len] != '\0');
  }
  return BVL_OK;
}

static int64_t count_done(const bvl_path *path)
{
  int64_t n_done = 0;
  for (int64_t k = 0; k < bvl_path_n_lambda(path); k++) {
    bvl_path_point point;
    bvl_path_get(path, k, &point);
    n_done += point.status != 3;
  }
  return n_done;
}

static bvl_status put_path(void *context, const bvl_store *store)
{
  bvl_job *job = context;
  bvl_status status = bvl_path_save(job->path, store);
  if (status == BVL_OK && job->steps != NULL && job->steps->save != NULL)
    status = job->steps->save(job->steps->context, job, store);
  return status;
}

static bvl_status get_path(void *context, const bvl_store *store)
{
  bvl_job *job = context;
  bvl_status status = bvl_path_restore(job->path, store);
  if (status == BVL_OK && job->steps != NULL && job->steps->restore != NULL)
    status = job->steps->restore(job->steps->context, job, store);
  return status;
}

static bvl_checkpointed frame_of(bvl_job *job)
{
  return (bvl_checkpointed){.comm = &job->comm,
                            .monitor = job->monitor,
                            .file = job->options->checkpoint,
                            .identity = job->identity,
                            .context = job,
                            .put = put_path,
                            .get = get_path};
}

bvl_status bvl_job_save(void *job)
{
  const bvl_checkpointed frame = frame_of(job);
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_WRITE);
  bvl_status status = bvl_checkpointed_write(&frame);
  bvl_phase_leave(before);
  return status;
}

bvl_status bvl_job_resume(bvl_job *job, int64_t *n_done)
{
  const bvl_checkpointed frame = frame_of(job);
  int found = 0;
  *n_done = -1;
  bvl_status status = bvl_checkpointed_take(&frame, &found);
  if (status != BVL_OK || !found) return status;
  *n_done = count_done(job->path);
  bvl_job_log(job, "resumed from %s: %" PRId64 " of %" PRId64 " lambdas done", frame.file, *n_done,
              bvl_path_n_lambda(job->path));
  return BVL_OK;
}
