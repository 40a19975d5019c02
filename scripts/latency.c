/* SPDX-License-Identifier: BSD-3-Clause */
/* Latency and inverse bandwidth of the ranks' collectives: an allreduce of one double, and what
 * each byte of one of 8 MB takes more. Prints seconds a message, seconds a byte. Compiled and run
 * by scripts/scaling. */
#include <stdio.h>
#include <stdlib.h>

#include <mpi.h>

/* The least seconds of one allreduce of n doubles over so many rounds of `times`. */
static double allreduce_s(double *values, int n, int rounds, int times)
{
  double best_s = 1e300;
  for (int round = 0; round < rounds; round++) {
    MPI_Barrier(MPI_COMM_WORLD);
    double begin_s = MPI_Wtime();
    for (int k = 0; k < times; k++)
      MPI_Allreduce(MPI_IN_PLACE, values, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    double elapsed_s = (MPI_Wtime() - begin_s) / times;
    if (elapsed_s < best_s) best_s = elapsed_s;
  }
  return best_s;
}

int main(int argc, char **argv)
{
  enum { LONG = 1 << 20 };
  int rank = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  double *values = calloc(LONG, sizeof *values);
  if (values == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
  const double short_s = allreduce_s(values, 1, 20, 200);
  const double long_s = allreduce_s(values, LONG, 10, 2);
  if (rank == 0) printf("%.9g %.9g\n", short_s, (long_s - short_s) / (8.0 * LONG));
  free(values);
  MPI_Finalize();
  return 0;
}
