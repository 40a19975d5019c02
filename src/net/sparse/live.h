/* SPDX-License-Identifier: BSD-3-Clause */
/* What of a network with zeros among its weights still matters.
 *
 * A unit (a neuron or a filter) that gathers nothing is a constant, act(bias), also behind pools:
 * what it sends moves into the next layer's biases. Behind a convolution with padding that is exact
 * for the constant 0 alone; another constant stays a unit. A unit that sends nothing goes, with
 * what it gathers. Constants are followed from the input on, then uselessness from the output back:
 * then there is nothing more to find. */
#ifndef BVL_NET_LIVE_H
#define BVL_NET_LIVE_H

#include "net/net.h"

typedef struct bvl_live {
  const bvl_net *net; /* borrowed */
  /* 1 for units that are left, 0 for the others; NULL for pools; owned. At least one a layer, all
   * of the last. */
  unsigned char *unit[BVL_NET_MAX_LAYERS];
  int64_t n_units[BVL_NET_MAX_LAYERS];
  /* Likewise inputs, at least one of all: a split first layer's columns here, else channels. */
  unsigned char *input;
  int64_t n_inputs; /* how many are left, over all ranks */
} bvl_live;

/** Finds what is left, and sets everything else in params (n_params) to 0: the network computes
 * what it did. Collective over the grid: three small reductions, a broadcast of a byte a unit.
 * @return BVL_ERR_NOMEM, BVL_ERR_MPI. */
bvl_status bvl_live_create(const bvl_net *net, double *params, bvl_live **out);
void bvl_live_destroy(bvl_live **live);

/** Whether a weight's column (fan-in entry here, of tensor t) comes from something left. */
int bvl_live_column(const bvl_live *live, const bvl_tensor *t, int64_t k);

#endif
