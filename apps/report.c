/* SPDX-License-Identifier: BSD-3-Clause */
/* Failures and their exit codes; what commands came to is in report_*.c. */
#include "report.h"

#include <stdio.h>

#include "report_json.h"

int report_exit_code(bvl_status status)
{
  switch (status) {
  case BVL_OK: return EXIT_DONE;
  case BVL_ERR_USAGE: return EXIT_USAGE;
  case BVL_ERR_INPUT:
  case BVL_ERR_IO: return EXIT_INPUT;
  case BVL_ERR_INTERRUPTED: return EXIT_RESUMABLE;
  case BVL_ERR_DISK:
  case BVL_ERR_NOMEM: return EXIT_RESOURCES;
  default: return EXIT_INTERNAL;
  }
}

int report_failure(const settings *s, int rank, bvl_status status)
{
  int code = report_exit_code(status);
  const char *why = bvl_last_error();
  if (rank == 0) {
    fprintf(stderr, "bevel %s: %s\n", command_name(s->command),
            why[0] != '\0' ? why : bvl_status_text(status));
    if (s->json) {
      json_begin(s, bvl_status_text(status), code);
      printf(", ");
      json_text("message", why);
      json_end();
    }
  }
  if (status == BVL_ERR_MPI) MPI_Abort(MPI_COMM_WORLD, EXIT_INTERNAL);
  return code;
}

int report_usage(const char *name, int rank, const char *error)
{
  if (rank == 0) fprintf(stderr, "%s: %s\n", name, error);
  return EXIT_USAGE;
}
