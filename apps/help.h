/* SPDX-License-Identifier: BSD-3-Clause */
/* What works without MPI_Init: help, version, man pages, completions. */
#ifndef BEVEL_APPS_HELP_H
#define BEVEL_APPS_HELP_H

#include "flags.h"

/** Answers a command line that asks about bevel and not bevel to work. `speaks`: whether this
 * process prints (rank 0). Returns the exit code, -1 when the line is none of these. */
int help_answer(int argc, char **argv, command which, int speaks);

#endif
