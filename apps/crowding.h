/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEVEL_APPS_CROWDING_H
#define BEVEL_APPS_CROWDING_H

#include <mpi.h>

/** The node with most ranks beyond the CPUs they may run on: its ranks, those CPUs together, and
 * its name, on every rank. Collective over comm; three small reductions. Returns 1 when there is
 * such a node, 0 else (and when MPI cannot say). */
int crowding_worst(MPI_Comm comm, int *ranks, int *cpus, char name[MPI_MAX_PROCESSOR_NAME]);

/** Whether waiting ranks were told to give their CPU away: then it is on purpose. */
int crowding_yields(void);

#endif
