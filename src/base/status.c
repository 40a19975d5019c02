/* SPDX-License-Identifier: BSD-3-Clause */
/* Status texts and the rank-local message behind bvl_last_error(). */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

#include <mpi.h>

#ifndef BVL_VERSION
#define BVL_VERSION "0.0.0"
#endif

static _Thread_local char message[BVL_MESSAGE_BYTES];

bvl_status bvl_fail(bvl_status status, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return status;
}

const char *bvl_last_error(void)
{
  return message;
}

const char *bvl_version(void)
{
  return BVL_VERSION;
}

const char *bvl_status_text(bvl_status status)
{
  switch (status) {
  case BVL_OK: return "ok";
  case BVL_ERR_USAGE: return "usage";
  case BVL_ERR_INPUT: return "bad input";
  case BVL_ERR_IO: return "file error";
  case BVL_ERR_INTERRUPTED: return "interrupted";
  case BVL_ERR_DISK: return "disk full";
  case BVL_ERR_NOMEM: return "out of memory";
  case BVL_ERR_MPI: return "MPI error";
  case BVL_ERR_INTERNAL: return "internal error";
  }
  return "unknown status";
}

#ifndef NDEBUG
_Noreturn void bvl_assert_failed(const char *condition, const char *file, int line)
{
  int rank = -1;
  int initialized = 0;
  MPI_Initialized(&initialized);
  if (initialized) MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  fprintf(stderr, "bevel: rank %d: %s:%d: assertion failed: %s\n", rank, file, line, condition);
  MPI_Abort(MPI_COMM_WORLD, 1);
  for (;;) {
  }
}
#endif
