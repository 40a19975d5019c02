/* SPDX-License-Identifier: BSD-3-Clause */
/* Only in the build that counts lines (BVL_COVERAGE). gcov writes its counts when main returns or
 * exit is called; a process that ends by _exit or MPI_Abort would take its own with it, and with
 * them what they are for: the child that looks at a file, the message of a job that cannot go on.
 * Both are wrapped here, _exit by standing before libc's, MPI_Abort by MPI's profiling interface.
 * What a signal ends still loses its counts: ranks that another rank's MPI_Abort takes along, and
 * the tests that kill jobs. */
#include <stdlib.h>
#include <unistd.h>

#include <mpi.h>

extern void __gcov_dump(void);

void _exit(int code)
{
  __gcov_dump();
  _Exit(code); /* libc's own, by its other name */
}

int MPI_Abort(MPI_Comm comm, int code)
{
  __gcov_dump();
  return PMPI_Abort(comm, code);
}
