/* SPDX-License-Identifier: BSD-3-Clause */
/* Read bandwidth of the ranks together: each sums its share of the given bytes, the best of five
 * rounds counts. Prints GB/s (1e9). Compiled and run by scripts/bench. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <mpi.h>

/* Eight independent sums, so that the additions' latency does not limit the loads. */
static double sum(const double *x, int64_t n)
{
  double s[8] = {0};
  for (int64_t i = 0; i + 8 <= n; i += 8)
    for (int k = 0; k < 8; k++) s[k] += x[i + k];
  return s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7];
}

int main(int argc, char **argv)
{
  int rank = 0, size = 1;
  double best_s = 1e300, total = 0.0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  double bytes = argc > 1 ? atof(argv[1]) : 1e9;
  int64_t n = (int64_t)(bytes / 8.0) / size;
  double *x = malloc((size_t)n * sizeof *x);
  if (x == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
  for (int64_t i = 0; i < n; i++) x[i] = (double)(i % 7);
  for (int round = 0; round < 5; round++) {
    MPI_Barrier(MPI_COMM_WORLD);
    double begin_s = MPI_Wtime(), elapsed_s, slowest_s;
    total += sum(x, n);
    elapsed_s = MPI_Wtime() - begin_s;
    MPI_Allreduce(&elapsed_s, &slowest_s, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    if (slowest_s < best_s) best_s = slowest_s;
  }
  if (rank == 0) printf("%.3f %g\n", 8.0 * (double)n * size / best_s / 1e9, total);
  free(x);
  MPI_Finalize();
  return 0;
}
