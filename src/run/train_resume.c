/* SPDX-License-Identifier: BSD-3-Clause */
/* Checkpoints of a training job. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "run/checkpoint.h"
#include "run/job.h"
#include "run/train_job.h"

bvl_status bvl_train_job_identify(bvl_train_job *job)
{
  const bvl_train_options *o = job->options;
  size_t length = 0;
  FILE *text = open_memstream(&job->identity, &length);
  if (text == NULL) return bvl_fail(BVL_ERR_NOMEM, "cannot describe the run");
  bvl_network_job_print(&job->network, text);
  fprintf(text, "penalty=%s\nlambda=%.17g\nparam=%s\nstructure=%d\nweight_decay=%.17g\n",
          o->penalty, o->lambda, o->param != NULL ? o->param : "default", (int)o->structure,
          o->weight_decay);
  fprintf(text,
          "prune_threshold=%.17g\nprune_std=%.17g\nfinetune_epochs=%" PRId64
          "\nfinetune_lr=%.17g\n",
          o->prune_threshold, o->prune_std, o->finetune_epochs, o->finetune_step);
  fprintf(text, "init=%s\n", o->init != NULL ? o->init : "none");
  fprintf(text, "q=%.17g\nalpha=%.17g\n", o->parameters.q, o->parameters.alpha);
  fprintf(text, "optimizer=%d\nlr=%.17g\nepochs=%" PRId64 "\nschedule=%d\n", (int)o->optim.method,
          o->optim.step, o->optim.epochs, (int)o->optim.schedule);
  if (fclose(text) != 0) return bvl_fail(BVL_ERR_NOMEM, "cannot describe the run");
  return BVL_OK;
}

/* ---- what was cut ----------------------------------------------------------------------------
 */

enum { CUT, CUT_HISTORY, CUT_ACCURACY, CUT_BLOCKS, CUT_DEAD, CUT_IMBALANCE, N_CUT };

/* The mask as two arrays that any grid can read: the first layer's columns in order, and the head.
 */
typedef struct mask_place {
  int64_t first, all, count;
} mask_place;

static void place_mask(const bvl_train_job *job, mask_place place[2])
{
  const bvl_net *net = job->network.net;
  const bvl_tensor *t = &net->tensor[0];
  const int by_output = net->arch.layer[0].by_output; /* then all inputs are here */
  place[0] = (mask_place){by_output ? 0 : t->first_column * t->outputs, t->all_columns * t->outputs,
                          net->n_first};
  place[1] = (mask_place){0, net->n_params - net->n_first, net->n_params - net->n_first};
}

static bvl_status move_mask(bvl_train_job *job, const bvl_store *store, int out)
{
  static const char *const name[2] = {"net/mask/first", "net/mask/head"};
  bvl_status status = BVL_OK;
  const bvl_grid *grid = job->network.grid;
  mask_place place[2];
  double *values = NULL;
  place_mask(job, place);
  BVL_TRY(bvl_agree(&grid->all, BVL_ALLOC(&values, job->network.net->n_params)));
  for (int64_t k = 0; k < job->network.net->n_params && out; k++) values[k] = job->mask[k];
  double *at = values;
  for (int k = 0; k < 2; k++) {
    const int speaks = grid->i == 0 && (k == 0 || grid->j == 0);
    if (out)
      BVL_TRY(store->put_f64(store->context, name[k], place[k].all, place[k].first,
                             speaks ? place[k].count : 0, at));
    else
      BVL_TRY(store->get_f64(store->context, name[k], place[k].first, place[k].count, at));
    at += place[k].count;
  }
  for (int64_t k = 0; k < job->network.net->n_params && !out; k++) job->mask[k] = values[k] != 0.0;
cleanup:
  free(values);
  return status;
}

static bvl_status put_replicated(const bvl_train_job *job, const bvl_store *store, const char *name,
                                 int64_t n, const double *values)
{
  return store->put_f64(store->context, name, n, 0, job->network.comm.rank == 0 ? n : 0, values);
}

static bvl_status save_cut(bvl_train_job *job, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  const double head[N_CUT] = {[CUT] = job->cut,
                              [CUT_HISTORY] = (double)job->n_history,
                              [CUT_ACCURACY] = job->pruned_accuracy,
                              [CUT_BLOCKS] = (double)job->n_blocks,
                              [CUT_DEAD] = (double)job->n_dead,
                              [CUT_IMBALANCE] = job->imbalance};
  BVL_TRY(put_replicated(job, store, "net/cut", N_CUT, head));
  if (!job->cut) goto cleanup;
  BVL_TRY(put_replicated(job, store, "net/past", job->n_history * BVL_EPOCH_COLUMNS,
                         (const double *)job->history));
  BVL_TRY(move_mask(job, store, 1));
cleanup:
  return status;
}

/* The trainer of what was left, when the checkpoint is of it. */
static bvl_status restore_cut(bvl_train_job *job, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  const bvl_comm *comm = &job->network.comm;
  double head[N_CUT], *params = NULL;
  BVL_TRY(store->get_f64(store->context, "net/cut", 0, N_CUT, head));
  if (head[CUT] == 0.0) return BVL_OK;
  job->cut = 1;
  job->n_before_cut = job->n_history = (int64_t)head[CUT_HISTORY];
  job->pruned_accuracy = head[CUT_ACCURACY];
  job->n_blocks = (int64_t)head[CUT_BLOCKS];
  job->n_dead = (int64_t)head[CUT_DEAD];
  job->imbalance = head[CUT_IMBALANCE];
  status = BVL_GROW(&job->history, &job->history_capacity, job->n_history);
  if (status == BVL_OK) status = BVL_ALLOC(&job->mask, job->network.net->n_params);
  if (status == BVL_OK) status = BVL_ALLOC(&params, job->network.net->n_params);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(store->get_f64(store->context, "net/past", 0, job->n_history * BVL_EPOCH_COLUMNS,
                         (double *)job->history));
  BVL_TRY(move_mask(job, store, 0));
  BVL_TRY(bvl_train_job_begin(job, params)); /* theta comes with the trainer */
cleanup:
  free(params);
  return status;
}

/* ---- the file --------------------------------------------------------------------------------
 */

static bvl_status put_all(void *context, const bvl_store *store)
{
  bvl_train_job *job = context;
  bvl_status status = save_cut(job, store);
  return status != BVL_OK ? status : bvl_train_save(job->train, store);
}

static bvl_status get_all(void *context, const bvl_store *store)
{
  bvl_train_job *job = context;
  bvl_status status = restore_cut(job, store);
  return status != BVL_OK ? status : bvl_train_restore(job->train, store);
}

static bvl_checkpointed frame_of(bvl_train_job *job)
{
  return (bvl_checkpointed){.comm = &job->network.comm,
                            .monitor = job->network.monitor,
                            .file = job->options->checkpoint,
                            .identity = job->identity,
                            .context = job,
                            .put = put_all,
                            .get = get_all};
}

bvl_status bvl_train_job_save(void *job)
{
  const bvl_checkpointed frame = frame_of(job);
  return bvl_checkpointed_write(&frame);
}

bvl_status bvl_train_job_resume(bvl_train_job *job, int64_t *n_done)
{
  const bvl_checkpointed frame = frame_of(job);
  int found = 0;
  *n_done = -1;
  bvl_status status = bvl_checkpointed_take(&frame, &found);
  if (status != BVL_OK || !found) return status;
  *n_done = job->n_history + job->train->n_epochs;
  bvl_log_line(frame.comm, frame.monitor, "resumed from %s: %" PRId64 " of %" PRId64 " epochs done",
               frame.file, *n_done, job->options->optim.epochs + job->options->finetune_epochs);
  return BVL_OK;
}
