/* SPDX-License-Identifier: BSD-3-Clause */
/* A network: its architecture and where its numbers live.
 *
 * On a rank the parameters are one vector: the first layer's weights of the rank's own input
 * columns, then the first bias, then weights and bias of every later layer (the head). A dense
 * first layer is cut over the grid's columns like the design matrix, so it is held in parts however
 * many inputs there are; the head is the same on every rank. Rows are cut over the grid's rows.
 * Products run in `real` (float32 or float64); the vector itself is double. */
#ifndef BVL_NET_NET_H
#define BVL_NET_NET_H

#include "comm/grid.h"
#include "net/layers/architecture.h"
#include "net/layers/layers.h"

/** One layer's weights, or its biases (columns = 1). */
typedef struct bvl_tensor {
  int64_t layer;
  int is_bias;
  int64_t outputs;
  int64_t columns;      /* here: fan-in; the first layer's are this rank's inputs */
  int64_t first_column; /* place of column 0 among all */
  int64_t all_columns;
  int64_t begin; /* of its entries in the parameter vector */
  int64_t count; /* outputs * columns */
} bvl_tensor;

typedef struct bvl_net {
  const bvl_grid *grid; /* borrowed */
  bvl_architecture arch;
  const bvl_real *real; /* bvl_real_f32 or bvl_real_f64 */
  int split;            /* the first layer is dense: cut over grid columns */
  bvl_columns columns;  /* of the inputs, owned */
  int64_t n_tensors;
  bvl_tensor tensor[2 * BVL_NET_MAX_LAYERS];
  int64_t weight_of[BVL_NET_MAX_LAYERS]; /* tensor of a layer's weights, -1 for pools; its bias is
                                            the next */
  int64_t n_params;                      /* entries of the vector here */
  int64_t n_first;                       /* of these the first layer's weights, at the front */
  int64_t n_all;                         /* entries of all ranks, the head counted once */
} bvl_net;

/** Lays the network out over the grid: input columns are cut like those of a bvl_design without
 * blocks. Not collective; replicated arguments.
 * @return BVL_ERR_USAGE when a first layer that is no dense one meets a grid of several columns,
 * BVL_ERR_NOMEM. */
bvl_status bvl_net_create(const bvl_grid *grid, const bvl_architecture *arch, int is_double,
                          bvl_net **out);
void bvl_net_destroy(bvl_net **net);

/** Place of the tensor's entry (output o, column k here) in the parameter vector. */
static inline int64_t bvl_tensor_place(const bvl_net *net, const bvl_tensor *t, int64_t o,
                                       int64_t k)
{
  const int by_output = net->arch.layer[t->layer].by_output && !t->is_bias;
  return t->begin + (by_output ? o * t->columns + k : k * t->outputs + o);
}

/** params (n_params) <- the usual start: biases 0, weights N(0, g / fan-in), g = 2 before relu and
 * 1 otherwise; a draw depends on the seed and on the weight's place in the file, not on the grid.
 * Not collective. */
void bvl_net_start(const bvl_net *net, uint64_t seed, double *params);

#endif
