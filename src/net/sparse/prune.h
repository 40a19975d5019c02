/* SPDX-License-Identifier: BSD-3-Clause */
/* Pruning: small weights become 0, what then no longer matters goes (live.h), and a mask says what
 * may still be trained: a bvl_sparsity with it and another bvl_train are the finetuning. */
#ifndef BVL_NET_PRUNE_H
#define BVL_NET_PRUNE_H

#include "net/net.h"

/** A weight is pruned when a rule says so; biases go with their units alone. */
typedef struct bvl_prune_rule {
  double threshold;  /* |w| <= threshold; 0 = what is 0 already; NaN = not by this */
  double deviations; /* |w| <= deviations * its layer's standard deviation, of all its weights about
                        their mean; NaN = not by this */
} bvl_prune_rule;

/** What a network has and what is left of it; parameters are weights and biases. */
typedef struct bvl_prune_counts {
  int64_t n_layers;
  int64_t params[BVL_NET_MAX_LAYERS];      /* 0 of pools, as the next three */
  int64_t params_left[BVL_NET_MAX_LAYERS]; /* that are not 0 */
  int64_t units[BVL_NET_MAX_LAYERS];
  int64_t units_left[BVL_NET_MAX_LAYERS];
  int64_t all; /* sums over layers */
  int64_t left;
  int64_t inputs; /* columns of X */
  int64_t inputs_left;
} bvl_prune_counts;

/** Sets pruned parameters to 0 and folds what became constant into biases: the network computes
 * what it does with the small weights at 0. Collective over the grid: four small reductions, a
 * broadcast of a byte a parameter of the head.
 *
 * @param[in,out] params  n_params.
 * @param[out]    mask    n_params, NULL = not wanted: 1 = may be trained, as bvl_sparsity_options
 *                        has it. Biases of units that are left may.
 * @param[out]    counts  NULL = not wanted; the same on every rank.
 * @return BVL_ERR_USAGE (a rule that is negative), BVL_ERR_NOMEM, BVL_ERR_MPI. */
bvl_status bvl_prune(const bvl_net *net, const bvl_prune_rule *rule, double *params,
                     unsigned char *mask, bvl_prune_counts *counts);

#endif
