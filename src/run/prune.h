/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel prune: a network cut and made small. */
#ifndef BVL_RUN_PRUNE_H
#define BVL_RUN_PRUNE_H

#include <mpi.h>

#include "net/sparse/prune.h"

typedef struct bvl_prune_options {
  const char *model;
  const char *output;
  bvl_prune_rule rule;
  const char *command_line; /* for the file's attributes */
} bvl_prune_options;

/** No rule: what is 0 already goes. */
void bvl_prune_options_init(bvl_prune_options *options);

typedef struct bvl_prune_outcome {
  bvl_prune_counts counts;
  int64_t stored; /* parameters of the small network, zeros among them too */
} bvl_prune_outcome;

/** Reads a network, prunes it, writes what is left of it. A dense first layer is cut over the
 * ranks: a rank holds its part of that, of what the rule leaves of it, and the rest of the network.
 * Collective over comm. @return BVL_ERR_IO, BVL_ERR_INPUT, BVL_ERR_USAGE ..., the same on every
 * rank. */
bvl_status bvl_run_prune(MPI_Comm comm, const bvl_prune_options *options,
                         bvl_prune_outcome *outcome);

#endif
