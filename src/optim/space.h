/* SPDX-License-Identifier: BSD-3-Clause */
/* A vector space spread over ranks, some of it replicated: what an optimizer must know to take
 * inner products. */
#ifndef BVL_OPTIM_SPACE_H
#define BVL_OPTIM_SPACE_H

#include <stdint.h>

#include "comm/comm.h"

/** A rank holds n_local entries. Those in [own_begin, own_end) are counted by this rank; the rest
 * are copies of entries some other rank counts. Every entry of the global vector is counted once.
 */
typedef struct bvl_space {
  const bvl_comm *comm; /* every rank that holds a part, borrowed */
  int64_t n_local;
  int64_t own_begin;
  int64_t own_end;
} bvl_space;

/** Sums that fit one reduction. */
enum { BVL_SPACE_MAX_SUMS = 512 };

/** out[q] = <x_q, y_q> for q < k, in one reduction: the same values on every rank, so they may
 * decide branches. `extra` (n_extra values, may be NULL with 0) is summed in the same reduction.
 * Collective over space->comm. @return BVL_ERR_USAGE when k + n_extra exceeds BVL_SPACE_MAX_SUMS,
 * BVL_ERR_MPI. */
bvl_status bvl_space_dots(const bvl_space *space, int64_t k, const double *const *x,
                          const double *const *y, double *out, int64_t n_extra, double *extra);

#endif
