/* SPDX-License-Identifier: BSD-3-Clause */
/* One job at a time on a file that is written: a result, a checkpoint. The job holds a lock
 * (flock) on FILE.lock while it runs. The kernel lets go of it however the job ends, so no lock is
 * ever stale: what a killed job leaves is an empty claim, taken over by the next. On NFS the lock
 * holds between nodes (Linux makes it a byte-range lock there); a file system without locks gives
 * none, and the job runs as without. */
#ifndef BVL_RUN_LOCK_H
#define BVL_RUN_LOCK_H

#include <mpi.h>

#include "base/status.h"

typedef struct bvl_lock bvl_lock;

/** Takes the lock of `path`, waiting BVL_LOCK_WAIT_S for a job that is on its way out (the ranks of
 * a killed mpirun live on for a moment). Rank 0 holds it. Where FILE.lock cannot be made *out is a
 * lock of nothing: the writing will say why. Collective: one agreement.
 * @return BVL_ERR_IO naming the file and who writes it; BVL_ERR_NOMEM; the same on every rank. */
bvl_status bvl_run_lock(MPI_Comm comm, const char *path, bvl_lock **out);
/** Lets go and removes FILE.lock. Accepts NULL. Not collective. */
void bvl_run_unlock(bvl_lock **lock);

#define BVL_LOCK_WAIT_S 3.0

#endif
