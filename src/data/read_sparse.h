/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files that read sparse sources. */
#ifndef BVL_DATA_READ_SPARSE_H
#define BVL_DATA_READ_SPARSE_H

#include "data/read.h"

/** Called for indptr[position] = value, positions ascending. */
typedef bvl_status (*bvl_indptr_visitor)(void *context, int64_t position, int64_t value);

/** Streams this rank's positions first .. first + count - 1 through a visitor. Collective over all;
 * a failure of the visitor on one rank fails all at the end. */
bvl_status bvl_read_indptr(const bvl_comm *all, const bvl_source *source, int64_t first,
                           int64_t count, int64_t buffer_bytes, bvl_indptr_visitor visit,
                           void *context);

#endif
