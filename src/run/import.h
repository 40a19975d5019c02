/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel import: files of other programs into data files. */
#ifndef BVL_RUN_IMPORT_H
#define BVL_RUN_IMPORT_H

#include <mpi.h>

#include "io/io.h"

/** With memory_limit 0: 256 MiB, or an eighth of what a rank may have where that is less.
 * Collective over comm. @return as bvl_import_file. */
bvl_status bvl_run_import(MPI_Comm comm, const bvl_import_options *options,
                          const bvl_monitor *monitor, bvl_import_outcome *outcome);

#endif
