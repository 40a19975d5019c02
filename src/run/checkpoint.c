/* SPDX-License-Identifier: BSD-3-Clause */
/* What is the same around every job's checkpoint. */
#include "run/checkpoint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "run/job.h"

void bvl_log_line(const bvl_comm *comm, const bvl_monitor *monitor, const char *format, ...)
{
  char line[512];
  va_list arguments;
  if (comm->rank != 0 || monitor == NULL || monitor->log == NULL) return;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  monitor->log(monitor->context, line);
}

bvl_status bvl_checkpointed_write(const bvl_checkpointed *job)
{
  bvl_checkpoint *checkpoint = NULL;
  bvl_store store;
  bvl_status status = bvl_checkpoint_begin(job->comm, job->file, job->identity, &checkpoint,
                                           &store);
  if (status == BVL_OK) {
    status = job->put(job->context, &store);
    bvl_status closed = bvl_checkpoint_end(&checkpoint, status == BVL_OK);
    if (status == BVL_OK) status = closed;
  }
  if (status == BVL_OK || status == BVL_ERR_MPI) return status;
  bvl_log_line(job->comm, job->monitor, "warning: checkpoint %s not written: %s", job->file,
               bvl_last_error());
  return BVL_OK;
}

bvl_status bvl_checkpointed_take(const bvl_checkpointed *job, int *found)
{
  bvl_status status = BVL_OK;
  bvl_checkpoint *checkpoint = NULL;
  bvl_store store;
  char *text = NULL;
  *found = 0;
  BVL_TRY(bvl_checkpoint_open(job->comm, job->file, &checkpoint, &store, &text));
  if (checkpoint == NULL) {
    bvl_log_line(job->comm, job->monitor, "no checkpoint %s: starting afresh", job->file);
    goto cleanup;
  }
  if (bvl_checkpoint_note(checkpoint)[0] != '\0')
    bvl_log_line(job->comm, job->monitor, "warning: %s", bvl_checkpoint_note(checkpoint));
  BVL_TRY(bvl_agree(job->comm, bvl_compare_identity(job->file, text, job->identity)));
  BVL_TRY(job->get(job->context, &store));
  *found = 1;
cleanup:
  free(text);
  if (checkpoint != NULL) {
    bvl_status closed = bvl_checkpoint_end(&checkpoint, 0);
    if (status == BVL_OK) status = closed;
  }
  return status;
}
