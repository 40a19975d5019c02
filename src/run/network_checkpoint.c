/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame of a network job's checkpoints; what is inside is the job's. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "run/job.h"
#include "run/network.h"

void bvl_network_job_print(const bvl_network_job *network, FILE *text)
{
  const bvl_network_options *o = network->options;
  fprintf(text, "fingerprint=%016" PRIx64 "\nn=%" PRId64 "\np=%" PRId64 "\nfamily=%s\n",
          network->fingerprint, network->n, network->p, network->family);
  /* the same number of rows may be others */
  fprintf(text, "rows=%016" PRIx64 "\n",
          bvl_hash_bytes(BVL_HASH_START, network->train_index,
                         network->n_train * (int64_t)sizeof *network->train_index));
  fprintf(text,
          "train_rows=%" PRId64 "\nslices=%" PRId64 "\nscale=%d\nprecision=%d\nseed=%" PRIu64 "\n",
          network->n_train, network->n_slices, (int)o->scaling, o->is_double, o->seed);
  for (int64_t l = 0; l < network->arch.n; l++) {
    const bvl_layer *layer = &network->arch.layer[l];
    fprintf(text,
            "layer%" PRId64 "=%s %s %" PRId64 "x%" PRId64 "x%" PRId64 " kernel %" PRId64 "x%" PRId64
            " stride %" PRId64 " padding %" PRId64 "\n",
            l, bvl_layer_kind_name(layer->kind), bvl_activation_name(layer->activation),
            layer->out.channels, layer->out.height, layer->out.width, layer->kernel_h,
            layer->kernel_w, layer->stride, layer->padding);
  }
}

void bvl_network_job_say(const bvl_network_job *job, const char *line)
{
  const bvl_monitor *monitor = job->monitor;
  if (job->comm.rank == 0 && monitor != NULL && monitor->log != NULL)
    monitor->log(monitor->context, line);
}

bvl_status bvl_network_job_save(const bvl_network_job *job, const bvl_comm *comm, const char *file,
                                const char *identity, bvl_status (*put)(void *, const bvl_store *),
                                void *context)
{
  bvl_checkpoint *checkpoint = NULL;
  bvl_store store;
  char line[512];
  bvl_status status = bvl_checkpoint_begin(comm, file, identity, &checkpoint, &store);
  if (status == BVL_OK) {
    status = put(context, &store);
    bvl_status closed = bvl_checkpoint_end(&checkpoint, status == BVL_OK);
    if (status == BVL_OK) status = closed;
  }
  if (status == BVL_OK || status == BVL_ERR_MPI) return status;
  snprintf(line, sizeof line, "warning: checkpoint %s not written: %s", file, bvl_last_error());
  bvl_network_job_say(job, line);
  return BVL_OK;
}

bvl_status bvl_network_job_resume(const bvl_network_job *job, const bvl_comm *comm,
                                  const char *file, const char *identity,
                                  bvl_status (*get)(void *, const bvl_store *), void *context,
                                  int *found)
{
  bvl_status status = BVL_OK;
  bvl_checkpoint *checkpoint = NULL;
  bvl_store store;
  char *text = NULL, line[512];
  *found = 0;
  BVL_TRY(bvl_checkpoint_open(comm, file, &checkpoint, &store, &text));
  if (checkpoint == NULL) {
    snprintf(line, sizeof line, "no checkpoint %s: starting afresh", file);
    bvl_network_job_say(job, line);
    goto cleanup;
  }
  BVL_TRY(bvl_agree(comm, bvl_compare_identity(file, text, identity)));
  BVL_TRY(get(context, &store));
  *found = 1;
cleanup:
  free(text);
  if (checkpoint != NULL) {
    bvl_status closed = bvl_checkpoint_end(&checkpoint, 0);
    if (status == BVL_OK) status = closed;
  }
  return status;
}
