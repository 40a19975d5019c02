/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BVL_RUN_ESTIMATE_H
#define BVL_RUN_ESTIMATE_H

#include "run/run.h"

/** Says what `bevel path` with these options would need on `ranks` ranks (0: on 1, 2, 4, .. 64):
 * the grid, the largest rank's memory and all ranks'; with a memory limit, which these ranks share
 * as if they were on one node, or with stream on, also whether X would be held, streamed or the run
 * refused. options->output is not looked at. Within 20%
 * of what a run takes (PSS), from about 100 MB on, where dfmax tells how many columns become active
 * or all do. Rank 0 opens the file and reads its vectors over columns, not X. Collective. @return
 * as bvl_run_path for options and files. */
bvl_status bvl_run_estimate(MPI_Comm comm, const bvl_run_options *options, int ranks,
                            void (*emit)(void *context, const char *line), void *context);

#endif
