/* SPDX-License-Identifier: BSD-3-Clause */
/* More ranks than CPUs. A rank that waits spins, and one that is waited for does not run:
 * everything takes several times as long, and looks like a slow program. CPUs are counted as the
 * ranks of a node may use them (binding, cpusets), not as they are built in. */
#define _GNU_SOURCE
#include "crowding.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* Ranks and CPUs of this rank's node. Returns -1 when unknown. */
static int count_node(MPI_Comm comm, int *ranks, int *cpus)
{
  cpu_set_t mine, all;
  MPI_Comm node = MPI_COMM_NULL;
  CPU_ZERO(&mine);
  const int known = sched_getaffinity(0, sizeof mine, &mine) == 0;
  if (!known) memset(&mine, 0xff, sizeof mine); /* any */
  if (MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node) != MPI_SUCCESS)
    return -1;
  MPI_Comm_size(node, ranks);
  MPI_Allreduce(&mine, &all, (int)sizeof all, MPI_BYTE, MPI_BOR, node);
  MPI_Comm_free(&node);
  *cpus = CPU_COUNT(&all);
  return 0;
}

int crowding_worst(MPI_Comm comm, int *ranks, int *cpus, char name[MPI_MAX_PROCESSOR_NAME])
{
  struct {
    int excess, rank;
  } mine = {0, 0}, worst;
  int node[2] = {0, 0}, length = 0;
  MPI_Comm_rank(comm, &mine.rank);
  if (count_node(comm, &node[0], &node[1]) == 0) mine.excess = node[0] - node[1];
  memset(name, 0, MPI_MAX_PROCESSOR_NAME);
  MPI_Get_processor_name(name, &length);
  MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MAXLOC, comm);
  MPI_Bcast(node, 2, MPI_INT, worst.rank, comm);
  MPI_Bcast(name, MPI_MAX_PROCESSOR_NAME, MPI_CHAR, worst.rank, comm);
  *ranks = node[0];
  *cpus = node[1];
  return worst.excess > 0;
}

int crowding_yields(void)
{
  const char *yields = getenv("OMPI_MCA_mpi_yield_when_idle");
  return yields != NULL && atoi(yields) > 0;
}
