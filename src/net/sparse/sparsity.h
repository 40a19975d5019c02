/* SPDX-License-Identifier: BSD-3-Clause */
/* What makes a network sparse, and which rank steps which parameters.
 *
 * A penalty on weights becomes factors of a surrogate map, block by block (Kolb et al. 2023; spred:
 * Ziyin, Wang 2023; D-Gating: Kolb et al. 2025). The parameter vector is cut at block boundaries
 * over the ranks of a grid column; a rank holds the factors of its share alone, so factors and an
 * optimizer's moments shrink with ranks, and what travels are parameters and gradients whatever the
 * depth. Biases are never penalised. Hoyer-Square and Group-HS act on the weights themselves
 * (hoyer.h). */
#ifndef BVL_NET_SPARSITY_H
#define BVL_NET_SPARSITY_H

#include "net/net.h"
#include "surrogate/surrogate.h"

typedef enum bvl_structure {
  BVL_BY_ELEMENT, /* every weight by itself */
  BVL_BY_INPUT,   /* what an input sends out */
  BVL_BY_NEURON   /* what a neuron or filter gathers, but in the last layer, where neither goes */
} bvl_structure;

typedef enum bvl_hoyer { BVL_HOYER_NONE, BVL_HOYER_SQUARE, BVL_HOYER_GROUP } bvl_hoyer;

typedef struct bvl_sparsity_options {
  const bvl_penalty *penalty; /* NULL = none: theta is the parameters */
  const char *param;          /* name of the map; NULL = the penalty's default */
  bvl_structure structure;    /* a group penalty's blocks; must be the layers' by_output too */
  double lambda;
  bvl_hoyer hoyer;
  double hoyer_lambda;
  double weight_decay;       /* (weight_decay / 2) ||parameters||^2 is added to the objective */
  const unsigned char *mask; /* n_params, NULL = none: entries with 0 are 0 and stay it; without a
                                penalty alone; only read during create */
  int whole_blocks; /* shares end where the structure's blocks do, also without a penalty */
} bvl_sparsity_options;

typedef struct bvl_sparsity {
  const bvl_net *net; /* borrowed */
  bvl_sparsity_options options;
  bvl_penalty penalty; /* a copy; type NULL = none */
  bvl_surrogate map;
  int plain;            /* theta is this rank's share of the parameters as they are */
  int64_t *share_begin; /* Pr + 1: first parameter of each grid row's share, owned */
  int64_t begin;        /* of this rank's share, and its length */
  int64_t count;
  bvl_blocks part[2];    /* its blocks, owned: of the first layer's weights, and of the rest */
  int64_t part_begin[2]; /* first parameter of each */
  int64_t part_count[2];
  int64_t theta_count[2]; /* entries of theta of each part */
  int64_t n_theta;
} bvl_sparsity;

/** Not collective; replicated arguments. @return BVL_ERR_USAGE (a penalty without such a map),
 * BVL_ERR_NOMEM. */
bvl_status bvl_sparsity_create(const bvl_net *net, const bvl_sparsity_options *options,
                               bvl_sparsity **out);
void bvl_sparsity_destroy(bvl_sparsity **sparsity);

/** theta <- balanced factors of the share of `params` (n_params). No entry that is penalised may be
 * 0, which absorbs: it is taken for a tiny one. Not collective. */
void bvl_sparsity_start(const bvl_sparsity *s, const double *params, double *theta);
/** share (count) <- the parameters that theta makes. Not collective. */
void bvl_sparsity_forward(const bvl_sparsity *s, const double *theta, double *share);
/** The factor penalty and the weight decay of the share, each parameter of the network counted on
 * one rank of a grid row. Not collective. */
double bvl_sparsity_penalty(const bvl_sparsity *s, const double *theta, const double *share);
/** grad (n_theta) <- the gradient of the loss, pulled back from grad_share (count, the loss's by
 * the share; weight decay is added to it), and of that penalty. Where theta is the share itself
 * (plain) the two may be the same array. Not collective. */
void bvl_sparsity_pull_back(const bvl_sparsity *s, const double *theta, const double *share,
                            double *grad_share, double *grad);
/** The penalty of the parameters themselves: lambda Pen, 0 without one; the share's, counted
 * likewise. */
double bvl_sparsity_value(const bvl_sparsity *s, const double *share);
/** Blocks of the share that are penalised, and of these those whose norm is at most `tiny`, counted
 * likewise. Not collective. */
void bvl_sparsity_count_dead(const bvl_sparsity *s, const double *share, double tiny,
                             int64_t *n_blocks, int64_t *n_dead);

#endif
