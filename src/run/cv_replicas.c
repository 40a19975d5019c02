/* SPDX-License-Identifier: BSD-3-Clause */
/* Folds on sub-grids. The ranks are cut into R groups; each reads all of X once more, and solves
 * every R-th fold as the whole grid would: no reduction of a fold leaves its group. What the folds
 * predict comes together afterwards: an allreduce of n K numbers a lambda. With a checkpoint the
 * groups meet after each fold, and what is done is saved: it does not know of replicas, and a run
 * goes on with any R, or none. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/design.h"
#include "model/problem.h"
#include "run/cv_job.h"
#include "run/grid.h"
#include "run/memory.h"

typedef struct replica {
  int64_t index; /* of replicas */
  int64_t replicas;
  bvl_run_options options; /* the job's, without a checkpoint */
  bvl_monitor monitor;     /* the job's; all but world rank 0 are silent */
  bvl_job job;             /* the job's vectors over columns, on this group's ranks */
  bvl_cv_job cv;           /* the folds are the whole's */
} replica;

static void shape_grid(const bvl_job *job, int size, int *rows, int *cols)
{
  const bvl_step_shape step = {
      .n = job->n,
      .p = job->p,
      .nnz = job->nnz,
      .batch = job->n / job->n_slices,
      .fused = bvl_solver_is_stochastic(job->options->path.solver),
  };
  *rows = size;
  *cols = 1;
  if (!bvl_penalty_is_whole(&job->penalty, job->groups != NULL))
    bvl_grid_choose(&step, size, rows, cols);
}

bvl_status bvl_cv_check_replicas(const bvl_cv_job *cv, const bvl_job *job)
{
  const int64_t R = cv->options->replicas;
  const int64_t n_lambda = job->options->path.n_lambda;
  char needed[32], have[32];
  int64_t allowed = 0;
  if (R <= 1) return BVL_OK;
  if (R > job->comm.size)
    return bvl_fail(BVL_ERR_USAGE, "replicas: %" PRId64 " of %d ranks", R, job->comm.size);
  const bvl_status status = bvl_memory_allowed(&job->comm, job->options->memory_limit, &allowed);
  if (status != BVL_OK) return status;
  bvl_memory_shape shape = bvl_job_shape(job, n_lambda);
  const int64_t whole = bvl_memory_estimate(&shape);
  const int smallest = job->comm.size / (int)R;
  shape_grid(job, smallest, &shape.grid_rows, &shape.grid_cols);
  const int64_t both = whole + bvl_memory_estimate(&shape);
  if (both <= allowed) return BVL_OK;
  bvl_memory_words(both, needed, sizeof needed);
  bvl_memory_words(allowed, have, sizeof have);
  return bvl_fail(BVL_ERR_NOMEM,
                  "%" PRId64 " replicas of X: about %s a rank needed, the limit is %s a rank", R,
                  needed, have);
}

/* X of the group, what stands beside it, and the lambdas of the whole's path. Collective over the
 * group. */
static bvl_status load_replica(replica *r, double start_s)
{
  bvl_penalty_parameters parameters;
  bvl_job *mine = &r->job;
  const bvl_run_options *o = &r->options;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_data_open(&mine->comm, o->data, &o->names, o->collective_io, 1, &mine->data));
  BVL_TRY(bvl_missing_open(&mine->comm, mine->data, o->missing, &mine->rows));
  BVL_TRY(bvl_grid_create(mine->comm.mpi, mine->grid_rows, mine->grid_cols, &mine->grid));
  const bvl_problem_data data = bvl_job_problem_data(mine, &parameters);
  BVL_TRY(bvl_problem_create(mine->grid, &mine->rows.source, &data, &mine->problem));
  BVL_TRY(bvl_beside_load(&r->cv.beside, mine));
  BVL_TRY(bvl_beside_prepare(&r->cv.beside, 0.0));
  r->cv.beside.start_s = start_s;
  BVL_TRY(bvl_cv_allocate(&r->cv, mine));
  bvl_data_close(&mine->data);
cleanup:
  return status;
}

/* This rank's group and its own X. Collective. */
static bvl_status make_replica(const bvl_cv_job *cv, const bvl_job *job, replica *out)
{
  bvl_job *mine = &out->job;
  bvl_status status = BVL_OK;
  out->replicas = cv->options->replicas;
  while (bvl_cut(job->comm.size, out->replicas, out->index + 1) <= job->comm.rank) out->index++;
  out->options = *job->options;
  out->options.checkpoint = NULL;
  if (job->monitor != NULL) out->monitor = *job->monitor;
  if (job->comm.rank != 0) {
    out->monitor.log = NULL;
    out->monitor.progress = NULL;
  }
  *mine = *job; /* vectors over columns are borrowed */
  mine->options = &out->options;
  mine->monitor = &out->monitor;
  mine->steps = NULL;
  mine->comm = (bvl_comm){0};
  mine->data = NULL;
  mine->rows = (bvl_missing_rows){0};
  mine->grid = NULL;
  mine->problem = NULL;
  mine->traffic = (bvl_traffic){0};
  out->cv = (bvl_cv_job){
      .options = cv->options,
      .outcome = cv->outcome,
      .kind = cv->kind,
      .n_folds = cv->n_folds,
      .fold = cv->fold,
      .fold_id = cv->fold_id,
      .outputs = cv->outputs,
      .beside.prefix = cv->beside.prefix,
  };
  if (out->options.path.gram_limit == 0) /* a group does not know who else is on its nodes */
    BVL_TRY(bvl_memory_gram_limit(&job->comm, job->options->memory_limit,
                                  &out->options.path.gram_limit));
  BVL_TRY(bvl_comm_split(&job->comm, (int)out->index, job->comm.rank, &mine->comm));
  mine->comm.traffic = &mine->traffic;
  shape_grid(job, mine->comm.size, &mine->grid_rows, &mine->grid_cols);
  status = bvl_agree(&job->comm, load_replica(out, cv->beside.start_s));
cleanup:
  return status;
}

/* What it took is the job's. */
static void free_replica(replica *r, bvl_job *job)
{
  bvl_job *mine = &r->job;
  if (mine->problem != NULL)
    bvl_problem_design(job->problem)->bytes_touched += bvl_design_bytes_touched(
        bvl_problem_design(mine->problem));
  job->traffic = bvl_traffic_add(&job->traffic, &mine->traffic, 1);
  if (mine->grid != NULL) job->traffic = bvl_traffic_add(&job->traffic, &mine->grid->traffic, 1);
  r->cv.fold = r->cv.fold_id = NULL; /* the whole's */
  bvl_cv_job_free(&r->cv);
  bvl_problem_destroy(&mine->problem);
  bvl_grid_destroy(&mine->grid);
  bvl_missing_close(&mine->rows);
  bvl_data_close(&mine->data);
  bvl_comm_free(&mine->comm);
}

/* This group's share of the folds to do: every R-th. Collective over the group. */
static bvl_status solve_mine(replica *r, const int64_t *todo, int64_t n_todo)
{
  bvl_status status = BVL_OK;
  for (int64_t k = r->index; k < n_todo; k += r->replicas) {
    BVL_TRY(bvl_cv_solve_fold(&r->cv, &r->job, todo[k]));
    bvl_job_log(&r->job, "fold %" PRId64 " of %" PRId64, todo[k] + 1, r->cv.n_folds);
  }
cleanup:
  return status;
}

/* What the groups have finished of `todo` into the whole's. Collective. */
static bvl_status merge(replica *r, bvl_cv_job *cv, const bvl_job *job, const int64_t *todo,
                        int64_t n_todo)
{
  const bvl_rows *rows = &bvl_problem_design(job->problem)->rows;
  const int64_t K = cv->outputs, L = cv->n_lambda;
  const int speaks = r->job.comm.rank == 0;
  double *all = NULL, *done = NULL;
  bvl_status status = BVL_ALLOC(&all, job->n * K);
  if (status == BVL_OK) status = BVL_ALLOC(&done, cv->n_folds);
  BVL_TRY(bvl_agree(&job->comm, status));
  for (int64_t k = 0; k < n_todo; k++) done[todo[k]] = speaks ? r->cv.done[todo[k]] : 0.0;
  BVL_TRY(bvl_sum(&job->comm, done, cv->n_folds));
  for (int64_t q = 0; q < L; q++) {
    BVL_TRY(bvl_cv_gather(&r->cv, &r->job, q, all));
    for (int64_t i = 0; i < job->n; i++)
      for (int64_t k = 0; k < K; k++)
        if (!speaks || r->cv.done[cv->fold[i]] == 0.0 || done[cv->fold[i]] == 0.0)
          all[i * K + k] = 0.0;
    BVL_TRY(bvl_sum(&job->comm, all, job->n * K));
    for (int64_t i = 0; i < rows->n_local; i++)
      for (int64_t k = 0; k < K; k++)
        if (done[cv->fold[rows->row0 + i]] > 0.0)
          cv->oof[(i * K + k) * L + q] = all[(rows->row0 + i) * K + k];
  }
  for (int64_t k = 0; k < n_todo; k++) {
    if (done[todo[k]] > 0.0) cv->done[todo[k]] = done[todo[k]];
    r->cv.done[todo[k]] = 0.0; /* handed over */
  }
cleanup:
  free(done);
  free(all);
  return status;
}

bvl_status bvl_cv_solve_replicas(bvl_cv_job *cv, bvl_job *job)
{
  replica r = {.index = 0};
  const int saves = job->options->checkpoint != NULL;
  int64_t *todo = NULL, n_todo = 0;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(&todo, cv->n_folds)));
  for (int64_t f = 0; f < cv->n_folds; f++)
    if (cv->done[f] == 0.0) todo[n_todo++] = f;
  if (n_todo == 0) goto cleanup;
  BVL_TRY(make_replica(cv, job, &r));
  for (int64_t first = 0; first < n_todo;) {
    const int64_t n = saves ? bvl_lesser(r.replicas, n_todo - first) : n_todo;
    const bvl_status solved = bvl_agree(&job->comm, solve_mine(&r, todo + first, n));
    if (solved != BVL_OK && solved != BVL_ERR_INTERRUPTED) BVL_TRY(solved);
    BVL_TRY(merge(&r, cv, job, todo + first, n));
    if (saves) BVL_TRY(bvl_job_save(job));
    BVL_TRY(solved == BVL_OK ? BVL_OK : bvl_fail(solved, "interrupted"));
    first += n;
  }
cleanup:
  free_replica(&r, job);
  free(todo);
  return status;
}
