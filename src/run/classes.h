/* SPDX-License-Identifier: BSD-3-Clause */
/* Predicted classes in words. */
#ifndef BVL_RUN_CLASSES_H
#define BVL_RUN_CLASSES_H

#include <stddef.h>

#include "comm/comm.h"

/** How many rows are of each class, as "setosa 50, versicolor 48, ..." cut to `room` >= 16 bytes.
 *
 * Collective: one sum of K integers. names: a line a class, replicated; NULL leaves `out` empty.
 * classes: this rank's n, NaN where there is none.
 * @return BVL_ERR_NOMEM, BVL_ERR_MPI. */
bvl_status bvl_classes_count(const bvl_comm *comm, const char *names, int64_t n,
                             const double *classes, char *out, size_t room);

#endif
