/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a network's parameters live, and how they start. */
#include "net/net.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/rng.h"

static void add_tensor(bvl_net *net, int64_t layer, int is_bias, int64_t columns, int64_t first,
                       int64_t all)
{
  bvl_tensor *t = &net->tensor[net->n_tensors++];
  *t = (bvl_tensor){.layer = layer,
                    .is_bias = is_bias,
                    .outputs = bvl_layer_outputs(&net->arch.layer[layer]),
                    .columns = columns,
                    .first_column = first,
                    .all_columns = all,
                    .begin = net->n_params};
  t->count = t->outputs * columns;
  net->n_params += t->count;
  net->n_all += t->outputs * all;
}

static void add_tensors(bvl_net *net)
{
  for (int64_t l = 0; l < net->arch.n; l++) {
    const int64_t fan_in = bvl_layer_fan_in(&net->arch.layer[l]);
    net->weight_of[l] = -1;
    if (fan_in == 0) continue;
    net->weight_of[l] = net->n_tensors;
    if (l == 0 && net->split)
      add_tensor(net, l, 0, net->columns.p_local, net->columns.first, fan_in);
    else
      add_tensor(net, l, 0, fan_in, 0, fan_in);
    if (net->n_tensors == 1) net->n_first = net->n_params;
    add_tensor(net, l, 1, 1, 0, 1);
  }
}

bvl_status bvl_net_create(const bvl_grid *grid, const bvl_architecture *arch, int is_double,
                          bvl_net **out)
{
  bvl_status status = BVL_OK;
  bvl_net *net = NULL;
  *out = NULL;
  const int split = arch->layer[0].kind == BVL_LAYER_DENSE;
  if (!split && grid->n_cols > 1)
    return bvl_fail(BVL_ERR_USAGE,
                    "a network that begins with %s needs all inputs on a rank: a grid of %dx1",
                    bvl_layer_kind_name(arch->layer[0].kind), grid->all.size);
  if (arch->layer[0].by_output && grid->n_cols > 1)
    return bvl_fail(BVL_ERR_USAGE, "groups of neurons need all inputs on a rank: a grid of %dx1",
                    grid->all.size);
  BVL_TRY(BVL_ALLOC(&net, 1));
  net->grid = grid;
  net->arch = *arch;
  net->real = is_double ? &bvl_real_f64 : &bvl_real_f32;
  net->split = split;
  BVL_TRY(
      bvl_columns_create(grid, bvl_architecture_inputs(arch), NULL, 0, NULL, NULL, &net->columns));
  add_tensors(net);
  *out = net;
  net = NULL;
cleanup:
  bvl_net_destroy(&net);
  return status;
}

void bvl_net_destroy(bvl_net **net)
{
  if (*net == NULL) return;
  bvl_columns_free(&(*net)->columns);
  free(*net);
  *net = NULL;
}

void bvl_net_start(const bvl_net *net, uint64_t seed, double *params)
{
  for (int64_t q = 0; q < net->n_tensors; q++) {
    const bvl_tensor *t = &net->tensor[q];
    const bvl_layer *layer = &net->arch.layer[t->layer];
    const double gain = layer->activation == BVL_RELU ? 2.0 : 1.0;
    const double deviation = t->is_bias ? 0.0 : sqrt(gain / (double)t->all_columns);
    for (int64_t k = 0; k < t->columns; k++) {
      const int64_t in = t->is_bias ? 0 : bvl_layer_file_index(layer, t->first_column + k);
      for (int64_t o = 0; o < t->outputs; o++)
        params[bvl_tensor_place(net, t, o, k)] =
            t->is_bias ? 0.0
                       : deviation * bvl_rng_normal(seed, BVL_STREAM_INIT, (uint64_t)t->layer,
                                                    (uint64_t)(o * t->all_columns + in));
    }
  }
}
