/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel path over many files in one process, for tests that would start the program hundreds of
 * times: run_paths LIST. Each line of LIST names a data file, and after a tab the name of /y and a
 * family where they are not the usual; the result goes to FILE.result. One line of output each,
 * before the run "FILE", after it "\tSTATUS\tMESSAGE": who died in the middle has a line that does
 * not end. The ranks must agree on status and message, or status is -1. */
#include <stdio.h>
#include <string.h>

#include <mpi.h>

#include "base/status.h"
#include "run/run.h"

static int agree_on(int status, const char *message)
{
  char first[BVL_MESSAGE_BYTES] = "";
  int from_first = status, rank = 0, same = 0, all = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 0) snprintf(first, sizeof first, "%s", message);
  MPI_Bcast(first, sizeof first, MPI_CHAR, 0, MPI_COMM_WORLD);
  MPI_Bcast(&from_first, 1, MPI_INT, 0, MPI_COMM_WORLD);
  same = status == from_first && (status == BVL_OK || strcmp(first, message) == 0);
  MPI_Allreduce(&same, &all, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD);
  return all ? status : -1;
}

static void run_one(char *line, int rank)
{
  const char *file = strtok(line, "\t\n");
  char output[512];
  bvl_run_options options;
  bvl_run_outcome outcome;
  bvl_run_options_init(&options);
  snprintf(output, sizeof output, "%s.result", file);
  options.data = file;
  options.names.y = strtok(NULL, "\t\n");
  options.family = strtok(NULL, "\t\n");
  options.output = output;
  options.path.n_lambda = 5;
  options.path.lambda_min_ratio = 0.2;
  options.path.max_iter = 200;
  if (rank == 0) printf("%s", file);
  fflush(stdout);
  bvl_status status = bvl_run_path(MPI_COMM_WORLD, &options, NULL, &outcome);
  const int agreed = agree_on((int)status, status != BVL_OK ? bvl_last_error() : "");
  if (status == BVL_OK) bvl_run_outcome_free(&outcome);
  if (rank == 0) printf("\t%d\t%s\n", agreed, status != BVL_OK ? bvl_last_error() : "");
  fflush(stdout);
}

int main(int argc, char **argv)
{
  char line[400];
  int rank = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  FILE *list = argc == 2 ? fopen(argv[1], "r") : NULL;
  while (list != NULL && fgets(line, sizeof line, list) != NULL) run_one(line, rank);
  if (list != NULL) fclose(list);
  MPI_Finalize();
  return list == NULL;
}
