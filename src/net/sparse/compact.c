/* SPDX-License-Identifier: BSD-3-Clause */
/* Shapes of what is left, and its numbers picked out of the whole. */
#include "net/sparse/compact.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "net/sparse/live.h"

/* ---- shapes ------------------------------------------------------------------------------------
 */

static void shrink_shapes(const bvl_live *live, bvl_architecture *arch)
{
  const bvl_net *net = live->net;
  *arch = net->arch;
  bvl_picture below = arch->layer[0].in;
  below.channels = live->n_inputs;
  if (net->split) below = (bvl_picture){live->n_inputs, 1, 1};
  for (int64_t l = 0; l < arch->n; l++) {
    bvl_layer *layer = &arch->layer[l];
    layer->in = below;
    layer->out.channels = net->weight_of[l] >= 0 ? live->n_units[l] : below.channels;
    below = layer->out;
  }
}

/* Where each tensor begins; the vector's length. */
static void lay_out(bvl_compact *compact, const bvl_net *net)
{
  for (int64_t l = 0; l < compact->arch.n; l++) {
    const bvl_layer *layer = &compact->arch.layer[l];
    const int64_t outputs = bvl_layer_outputs(layer);
    compact->weight[l] = compact->bias[l] = -1;
    if (outputs == 0) continue;
    const int64_t columns = l == 0 && net->split ? compact->n_first : bvl_layer_fan_in(layer);
    compact->weight[l] = compact->n_params;
    compact->bias[l] = compact->weight[l] + outputs * columns;
    compact->n_params = compact->bias[l] + outputs;
  }
}

/* ---- inputs ------------------------------------------------------------------------------------
 */

/* A split first layer: every rank of a grid row knows its own. */
static bvl_status gather_columns(bvl_compact *compact, const bvl_live *live)
{
  bvl_status status = BVL_OK;
  const bvl_net *net = live->net;
  const bvl_comm *row = &net->grid->row;
  int64_t *mine = NULL, *counts = NULL, n = 0;
  for (int64_t k = 0; k < net->columns.p_local; k++) compact->n_first += live->input[k];
  BVL_TRY(bvl_offsets(row, compact->n_first, &compact->first, NULL));
  status = BVL_ALLOC(&mine, compact->n_first);
  if (status == BVL_OK) status = BVL_ALLOC(&counts, (int64_t)row->size);
  if (status == BVL_OK) status = BVL_ALLOC(&compact->kept, compact->n_kept);
  BVL_TRY(bvl_agree(&net->grid->all, status));
  for (int64_t k = 0; k < net->columns.p_local; k++)
    if (live->input[k]) mine[n++] = net->columns.first + k;
  counts[row->rank] = n;
  BVL_TRY(bvl_sum_i64(row, counts, row->size));
  BVL_TRY(bvl_gather_all_i64(row, mine, counts, compact->kept));
cleanup:
  free(counts);
  free(mine);
  return status;
}

static bvl_status list_channels(bvl_compact *compact, const bvl_live *live)
{
  const bvl_picture *in = &live->net->arch.layer[0].in;
  const int64_t area = in->height * in->width;
  int64_t n = 0;
  bvl_status status = BVL_ALLOC(&compact->kept, compact->n_kept);
  for (int64_t k = 0; status == BVL_OK && k < in->channels * area; k++)
    if (live->input[k / area]) compact->kept[n++] = k;
  compact->n_first = compact->n_kept;
  return bvl_agree(&live->net->grid->all, status);
}

/* ---- numbers -----------------------------------------------------------------------------------
 */

/* What is left of a tensor, in the order it had. */
static void pick(const bvl_live *live, const bvl_tensor *t, const double *params, int64_t outputs,
                 int64_t columns, double *out)
{
  const bvl_net *net = live->net;
  const unsigned char *unit = live->unit[t->layer];
  const int by_output = net->arch.layer[t->layer].by_output && !t->is_bias;
  int64_t k_new = 0;
  for (int64_t k = 0; k < t->columns; k++) {
    if (!t->is_bias && !bvl_live_column(live, t, k)) continue;
    int64_t o_new = 0;
    for (int64_t o = 0; o < t->outputs; o++) {
      if (!unit[o]) continue;
      out[by_output ? o_new * columns + k_new : k_new * outputs + o_new] =
          params[bvl_tensor_place(net, t, o, k)];
      o_new++;
    }
    k_new++;
  }
}

static void pick_all(bvl_compact *compact, const bvl_live *live, const double *params)
{
  const bvl_net *net = live->net;
  for (int64_t l = 0; l < net->arch.n; l++) {
    if (net->weight_of[l] < 0) continue;
    const bvl_tensor *t = &net->tensor[net->weight_of[l]];
    const int64_t outputs = live->n_units[l];
    pick(live, t, params, outputs, (compact->bias[l] - compact->weight[l]) / outputs,
         compact->params + compact->weight[l]);
    pick(live, t + 1, params, outputs, 1, compact->params + compact->bias[l]);
  }
}

/* ---- life cycle --------------------------------------------------------------------------------
 */

bvl_status bvl_compact_create(const bvl_net *net, const double *params, bvl_compact **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &net->grid->all;
  bvl_compact *compact = NULL;
  bvl_live *live = NULL;
  double *work = NULL;
  *out = NULL;
  status = BVL_ALLOC(&compact, 1);
  if (status == BVL_OK) status = BVL_ALLOC(&work, net->n_params);
  BVL_TRY(bvl_agree(all, status));
  memcpy(work, params, (size_t)net->n_params * sizeof *work);
  BVL_TRY(bvl_live_create(net, work, &live));
  shrink_shapes(live, &compact->arch);
  compact->n_kept = bvl_architecture_inputs(&compact->arch);
  BVL_TRY(net->split ? gather_columns(compact, live) : list_channels(compact, live));
  lay_out(compact, net);
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&compact->params, compact->n_params)));
  pick_all(compact, live, work);
  *out = compact;
  compact = NULL;
cleanup:
  bvl_compact_destroy(&compact);
  bvl_live_destroy(&live);
  free(work);
  return status;
}

void bvl_compact_destroy(bvl_compact **compact)
{
  if (*compact == NULL) return;
  free((*compact)->kept);
  free((*compact)->params);
  free(*compact);
  *compact = NULL;
}
