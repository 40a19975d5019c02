/* SPDX-License-Identifier: BSD-3-Clause */
/* A pruned network made small: its dead units, filters and inputs really gone (live.h), with the
 * same outputs. */
#ifndef BVL_NET_COMPACT_H
#define BVL_NET_COMPACT_H

#include "net/net.h"

typedef struct bvl_compact {
  bvl_architecture arch;
  int64_t n_kept; /* its inputs */
  int64_t *kept;  /* n_kept of the network's inputs, ascending, in the order of files (columns of
                     X); the same on every rank, owned */
  /* The parameters, as bvl_net has them, of a rank that has inputs first .. first + n_first - 1 of
   * the small network; all of them unless a first layer is split. */
  int64_t first;
  int64_t n_first;
  double *params; /* n_params, owned */
  int64_t n_params;
  int64_t weight[BVL_NET_MAX_LAYERS]; /* where they begin, -1 for pools */
  int64_t bias[BVL_NET_MAX_LAYERS];
} bvl_compact;

/** Collective over the grid. Takes beside the small network a copy of the rank's parameters while
 * it works; a split first layer stays where it is.
 * @return BVL_ERR_NOMEM, BVL_ERR_MPI. */
bvl_status bvl_compact_create(const bvl_net *net, const double *params, bvl_compact **out);
void bvl_compact_destroy(bvl_compact **compact);

#endif
