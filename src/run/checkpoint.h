/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame of a job's checkpoints; what is inside is the job's. */
#ifndef BVL_RUN_CHECKPOINT_H
#define BVL_RUN_CHECKPOINT_H

#include "bevel/monitor.h"
#include "comm/comm.h"

typedef struct bvl_checkpointed {
  const bvl_comm *comm; /* of the ranks that write and read, all of them in every call */
  const bvl_monitor *monitor;
  const char *file;
  const char *identity; /* what a checkpoint must match: "key=value\n" lines; this rank's */
  void *context;
  bvl_status (*put)(void *context, const bvl_store *store); /* collective, as the next one */
  bvl_status (*get)(void *context, const bvl_store *store);
} bvl_checkpointed;

/** Writes a checkpoint. One that cannot be written is a line in the log, not a failure; the one
 * before stands. Collective. @return BVL_OK, BVL_ERR_MPI. */
bvl_status bvl_checkpointed_write(const bvl_checkpointed *job);

/** Takes up the newest checkpoint; *found = 0 when there is none, and the log says so. Collective.
 * @return BVL_ERR_USAGE when it is of another run, with what differs; what reading and `get` do. */
bvl_status bvl_checkpointed_take(const bvl_checkpointed *job, int *found);

/** One line (printf format, 512 bytes) to the monitor's log, from rank 0. Not collective. */
void bvl_log_line(const bvl_comm *comm, const bvl_monitor *monitor, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
