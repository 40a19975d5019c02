/* SPDX-License-Identifier: BSD-3-Clause */
/* Checkpoints of a training job. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "run/job.h"
#include "run/train_job.h"

static void print_network(FILE *text, const bvl_network_job *network)
{
  const bvl_network_options *o = network->options;
  fprintf(text, "fingerprint=%016" PRIx64 "\nn=%" PRId64 "\np=%" PRId64 "\nfamily=%s\n",
          network->fingerprint, network->n, network->p, network->family);
  fprintf(text,
          "train_rows=%" PRId64 "\nslices=%" PRId64 "\nscale=%d\nprecision=%d\nseed=%" PRIu64 "\n",
          network->n_train, network->n_slices, (int)o->scaling, o->is_double, o->seed);
  for (int64_t l = 0; l < network->arch.n; l++) {
    const bvl_layer *layer = &network->arch.layer[l];
    fprintf(text, "layer%" PRId64 "=%s %s %" PRId64 "x%" PRId64 "x%" PRId64 "\n", l,
            bvl_layer_kind_name(layer->kind), bvl_activation_name(layer->activation),
            layer->out.channels, layer->out.height, layer->out.width);
  }
}

bvl_status bvl_train_job_identify(bvl_train_job *job)
{
  const bvl_train_options *o = job->options;
  size_t length = 0;
  FILE *text = open_memstream(&job->identity, &length);
  if (text == NULL) return bvl_fail(BVL_ERR_NOMEM, "cannot describe the run");
  print_network(text, &job->network);
  fprintf(text, "penalty=%s\nlambda=%.17g\nparam=%s\nstructure=%d\nweight_decay=%.17g\n",
          o->penalty, o->lambda, o->param != NULL ? o->param : "default", (int)o->structure,
          o->weight_decay);
  fprintf(text, "q=%.17g\nalpha=%.17g\n", o->parameters.q, o->parameters.alpha);
  fprintf(text, "optimizer=%d\nlr=%.17g\nepochs=%" PRId64 "\nschedule=%d\n", (int)o->optim.method,
          o->optim.step, o->optim.epochs, (int)o->optim.schedule);
  if (fclose(text) != 0) return bvl_fail(BVL_ERR_NOMEM, "cannot describe the run");
  return BVL_OK;
}

static void say(const bvl_train_job *job, const char *line)
{
  const bvl_monitor *monitor = job->network.monitor;
  if (job->network.comm.rank == 0 && monitor != NULL && monitor->log != NULL)
    monitor->log(monitor->context, line);
}

bvl_status bvl_train_job_save(void *context)
{
  bvl_train_job *job = context;
  bvl_checkpoint *checkpoint = NULL;
  bvl_store store;
  char line[512];
  bvl_status status = bvl_checkpoint_begin(&job->network.comm, job->options->checkpoint,
                                           job->identity, &checkpoint, &store);
  if (status == BVL_OK) {
    status = bvl_train_save(job->train, &store);
    bvl_status closed = bvl_checkpoint_end(&checkpoint, status == BVL_OK);
    if (status == BVL_OK) status = closed;
  }
  if (status == BVL_OK || status == BVL_ERR_MPI) return status;
  snprintf(line, sizeof line, "warning: checkpoint %s not written: %s", job->options->checkpoint,
           bvl_last_error());
  say(job, line);
  return BVL_OK;
}

bvl_status bvl_train_job_resume(bvl_train_job *job, int64_t *n_done)
{
  const char *file = job->options->checkpoint;
  bvl_status status = BVL_OK;
  bvl_checkpoint *checkpoint = NULL;
  bvl_store store;
  char *text = NULL, line[512];
  *n_done = -1;
  BVL_TRY(bvl_checkpoint_open(&job->network.comm, file, &checkpoint, &store, &text));
  if (checkpoint == NULL) {
    snprintf(line, sizeof line, "no checkpoint %s: starting afresh", file);
    say(job, line);
    goto cleanup;
  }
  BVL_TRY(bvl_agree(&job->network.comm, bvl_compare_identity(file, text, job->identity)));
  BVL_TRY(bvl_train_restore(job->train, &store));
  *n_done = job->train->n_epochs;
  snprintf(line, sizeof line, "resumed from %s: %" PRId64 " of %" PRId64 " epochs done", file,
           *n_done, job->train->epochs);
  say(job, line);
cleanup:
  free(text);
  if (checkpoint != NULL) {
    bvl_status closed = bvl_checkpoint_end(&checkpoint, 0);
    if (status == BVL_OK) status = closed;
  }
  return status;
}
