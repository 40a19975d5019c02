/* SPDX-License-Identifier: BSD-3-Clause */
/* Turns a hang into a message that names the ranks that are late. Every rank keeps its beat
 * (base/beat.h) in memory shared by its node; a thread on the node's first rank, and one on its
 * second for the case that the first is the one that hangs, looks at them a few times an interval.
 *
 * A rank is late when it has not beaten for the whole interval outside of a collective, while
 * another has waited in one as long, or when it has used no processor time in it (blocked by a
 * file system); and, wherever it is, when its process is stopped. When all ranks of a job on one
 * node wait for each other in collectives, all are. Told once; after as long again the job is given
 * up, but after ten times as long where the late rank computes, since a large factorization beats
 * only at its end. Where all compute nobody is late. Time in which the watchdog itself did not run
 * (a suspended job, a clock that jumps) does not count. Nodes do not see each other: the late
 * rank's own node speaks. The thread makes no MPI call and takes no lock of the others'. */
#ifndef BVL_COMM_WATCHDOG_H
#define BVL_COMM_WATCHDOG_H

#include <mpi.h>

#include "base/status.h"

typedef struct bvl_watchdog bvl_watchdog;

/** In the watchdog's thread: a line about who is late; `give_up`: the job is to be ended. */
typedef void (*bvl_watchdog_fn)(void *context, const char *text, int give_up);

/** Collective over comm. seconds: the interval, > 0 and equal on all ranks. *out is NULL, without
 * an error, where there is one rank or the node shares no memory.
 * @return BVL_ERR_NOMEM, BVL_ERR_MPI. */
bvl_status bvl_watchdog_start(MPI_Comm comm, double seconds, bvl_watchdog_fn say, void *context,
                              bvl_watchdog **out);
/** Collective; NULL is fine. */
void bvl_watchdog_stop(bvl_watchdog **watchdog);

#endif
