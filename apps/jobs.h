/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands that write a file: from settings to options, through the run, to its report. A new
 * command is a function and a row in jobs.c. */
#ifndef BEVEL_APPS_JOBS_H
#define BEVEL_APPS_JOBS_H

#include <mpi.h>

#include "flags.h"
#include "progress.h"

/** A command's run from its settings; *code is the exit code it came to when BVL_OK is returned.
 * Collective over comm. */
typedef bvl_status (*run_fn)(settings *s, MPI_Comm comm, progress *p, int *code);

typedef struct job {
  unsigned commands;
  run_fn run;
  int polls; /* asks the monitor, so signals may wait for it */
} job;

/** NULL: a command that writes no file. */
const job *job_of(command which);

#endif
