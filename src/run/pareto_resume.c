/* SPDX-License-Identifier: BSD-3-Clause */
/* Checkpoints of a continuation. Where rank 0 alone has the vectors it writes and reads alone. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "run/checkpoint.h"
#include "run/job.h"
#include "run/pareto_job.h"

bvl_status bvl_pareto_identify(bvl_pareto_job *job)
{
  const bvl_pareto_options *o = job->options;
  size_t length = 0;
  FILE *text = open_memstream(&job->identity, &length);
  if (text == NULL) return bvl_fail(BVL_ERR_NOMEM, "cannot describe the run");
  bvl_network_job_print(&job->network, text);
  fprintf(text,
          "points=%" PRId64 "\nnorm=%s\nnorm_max=%.17g\nstarts=%" PRId64 "\nsweeps=%" PRId64 "\n",
          o->points, o->structure == BVL_BY_ELEMENT ? "l1" : "group-l1", o->norm_max, o->starts,
          o->sweeps);
  fprintf(text, "tol=%.17g\nmax_iter=%" PRId64 "\nepochs=%" PRId64 "\nlr=%.17g\n", o->limits.tol,
          (int64_t)o->limits.max_steps, o->optim.epochs, o->optim.step);
  fprintf(text, "schedule=%d\ncorrect_epochs=%" PRId64 "\ncorrect_lr=%.17g\n",
          (int)o->optim.schedule, (int64_t)o->stir.epochs, o->stir.step);
  if (fclose(text) != 0) return bvl_fail(BVL_ERR_NOMEM, "cannot describe the run");
  return BVL_OK;
}

/* Entries of the vectors follow one another in the order of ranks; the head's stand in grid column
 * 0 alone, on each grid row a part. */
static bvl_status lay_out(bvl_pareto_job *job)
{
  bvl_status status = BVL_OK;
  const bvl_net *net = job->network.net;
  const bvl_grid *grid = job->network.grid;
  bvl_front_layout *l = &job->layout;
  int64_t in_column = 0, before = 0;
  if (job->served != NULL) {
    *l = (bvl_front_layout){.all = {net->n_first, net->n_params - net->n_first}};
    for (int part = 0; part < 2; part++) l->count[part] = l->speaks[part] = l->all[part];
    return BVL_OK;
  }
  const int64_t *count = job->sparsity->theta_count;
  for (int part = 0; part < 2; part++) l->count[part] = l->speaks[part] = count[part];
  if (grid->j != 0) l->speaks[1] = 0;
  BVL_TRY(bvl_offsets(&grid->col, count[0], &in_column, &l->all[0]));
  BVL_TRY(bvl_offsets(&grid->row, l->all[0], &before, &l->all[0]));
  l->first[0] = before + in_column;
  BVL_TRY(bvl_offsets(&grid->col, count[1], &l->first[1], &l->all[1]));
cleanup:
  return status;
}

static bvl_status put_front(void *context, const bvl_store *store)
{
  const bvl_pareto_job *job = context;
  return bvl_front_save(job->front, &job->layout, store);
}

static bvl_status get_front(void *context, const bvl_store *store)
{
  bvl_pareto_job *job = context;
  return bvl_front_restore(job->front, &job->layout, store);
}

static void set_next(bvl_pareto_job *job)
{
  job->objective->control.next_checkpoint_s = bvl_now_s() + job->options->checkpoint_every_s;
}

static bvl_checkpointed frame_of(bvl_pareto_job *job)
{
  return (bvl_checkpointed){.comm = job->f->space.comm,
                            .monitor = job->network.monitor,
                            .file = job->options->checkpoint,
                            .identity = job->identity,
                            .context = job,
                            .put = put_front,
                            .get = get_front};
}

bvl_status bvl_pareto_save(void *context)
{
  bvl_pareto_job *job = context;
  const bvl_checkpointed frame = frame_of(job);
  bvl_status status = bvl_checkpointed_write(&frame);
  set_next(job);
  return status;
}

bvl_status bvl_pareto_open_checkpoints(bvl_pareto_job *job)
{
  const bvl_pareto_options *o = job->options;
  const bvl_front *front = job->front;
  const bvl_checkpointed frame = frame_of(job);
  int found = 0;
  if (o->checkpoint == NULL) return BVL_OK;
  bvl_status status = lay_out(job);
  if (status == BVL_OK && o->resume) status = bvl_checkpointed_take(&frame, &found);
  if (status != BVL_OK) return status;
  if (found) {
    int64_t known = 0;
    for (int64_t k = 0; k < front->n; k++) known += isfinite(front->point[k].value) != 0;
    bvl_log_line(frame.comm, frame.monitor,
                 "resumed from %s: %" PRId64 " of %" PRId64 " points found", o->checkpoint, known,
                 front->n);
  }
  job->front->save = bvl_pareto_save;
  job->front->save_context = job;
  return BVL_OK;
}
