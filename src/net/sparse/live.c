/* SPDX-License-Identifier: BSD-3-Clause */
/* Constants forward, uselessness backward; cost: a few looks at every weight. */
#include "net/sparse/live.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* ---- weights that are there --------------------------------------------------------------------
 */

/* The tensor of layer l's weights, NULL for pools. */
static const bvl_tensor *weights_of(const bvl_net *net, int64_t l)
{
  return net->weight_of[l] < 0 ? NULL : &net->tensor[net->weight_of[l]];
}

/* The next layer with weights after l, -1 behind the last. */
static int64_t next_layer(const bvl_net *net, int64_t l)
{
  for (l++; l < net->arch.n; l++)
    if (net->weight_of[l] >= 0) return l;
  return -1;
}

/* From how many sources the tensor's columns come; column k from source k % that many. */
static int64_t sources(const bvl_net *net, const bvl_tensor *t)
{
  return t->layer == 0 && net->split ? t->columns : net->arch.layer[t->layer].in.channels;
}

/* gathers[o] (outputs), sends[c] (sources), either may be NULL: |= is there a weight that is not
 * 0. */
static void scan(const bvl_net *net, const bvl_tensor *t, const double *params,
                 unsigned char *gathers, unsigned char *sends)
{
  const int64_t n = sources(net, t);
  for (int64_t k = 0; k < t->columns; k++)
    for (int64_t o = 0; o < t->outputs; o++) {
      if (params[bvl_tensor_place(net, t, o, k)] == 0.0) continue;
      if (gathers != NULL) gathers[o] = 1;
      if (sends != NULL) sends[k % n] = 1;
    }
}

/* ---- constants, forward ------------------------------------------------------------------------
 */

static double activate(bvl_activation activation, double z)
{
  switch (activation) {
  case BVL_LINEAR: return z;
  case BVL_RELU: return z < 0.0 ? 0.0 : z;
  case BVL_TANH: return tanh(z);
  }
  return z;
}

/* Source c of the tensor is `value` everywhere: its part goes into the biases. */
static void fold(const bvl_net *net, const bvl_tensor *t, int64_t c, double value, double *params)
{
  double *bias = params + (t + 1)->begin;
  for (int64_t k = c; k < t->columns; k += sources(net, t))
    for (int64_t o = 0; o < t->outputs; o++) {
      double *w = &params[bvl_tensor_place(net, t, o, k)];
      bias[o] += value * *w;
      *w = 0.0;
    }
}

static void fold_constants(const bvl_net *net, int64_t l, const unsigned char *gathers,
                           double *params)
{
  const bvl_tensor *t = weights_of(net, l), *next = weights_of(net, next_layer(net, l));
  const int padded = net->arch.layer[next->layer].kind == BVL_LAYER_CONV &&
                     net->arch.layer[next->layer].padding > 0;
  for (int64_t o = 0; o < t->outputs; o++) {
    const double value = activate(net->arch.layer[l].activation, params[(t + 1)->begin + o]);
    if (!gathers[o] && (value == 0.0 || !padded)) fold(net, next, o, value, params);
  }
}

/* live->unit serves as memory for which units gather something. */
static bvl_status go_forward(bvl_live *live, double *params)
{
  const bvl_net *net = live->net;
  bvl_status status = BVL_OK;
  int64_t *sums = NULL;
  for (int64_t l = 0; l < net->arch.n; l++) {
    const bvl_tensor *t = weights_of(net, l);
    if (t == NULL || next_layer(net, l) < 0) continue;
    scan(net, t, params, live->unit[l], NULL);
    if (l == 0 && net->split) { /* other ranks may have something of its units */
      BVL_TRY(bvl_agree(&net->grid->all, BVL_ALLOC(&sums, t->outputs)));
      for (int64_t o = 0; o < t->outputs; o++) sums[o] = live->unit[l][o];
      BVL_TRY(bvl_max_i64(&net->grid->row, sums, t->outputs));
      for (int64_t o = 0; o < t->outputs; o++) live->unit[l][o] = sums[o] != 0;
    }
    fold_constants(net, l, live->unit[l], params);
  }
cleanup:
  free(sums);
  return status;
}

/* ---- what sends nothing, backward --------------------------------------------------------------
 */

static void drop_unit(const bvl_net *net, const bvl_tensor *t, int64_t o, double *params)
{
  for (int64_t k = 0; k < t->columns; k++) params[bvl_tensor_place(net, t, o, k)] = 0.0;
  params[(t + 1)->begin + o] = 0.0;
}

static void go_backward(bvl_live *live, double *params)
{
  const bvl_net *net = live->net;
  for (int64_t l = net->arch.n - 1; l >= 0; l--) {
    const bvl_tensor *t = weights_of(net, l);
    if (t == NULL) continue;
    const int64_t next = next_layer(net, l);
    memset(live->unit[l], next < 0, (size_t)t->outputs);
    if (next < 0) continue;
    scan(net, weights_of(net, next), params, NULL, live->unit[l]);
    for (int64_t o = 0; o < t->outputs; o++)
      if (!live->unit[l][o]) drop_unit(net, t, o, params);
  }
}

/* ---- one answer for all ranks ------------------------------------------------------------------
 */

static int64_t count(const unsigned char *flags, int64_t n)
{
  int64_t sum = 0;
  for (int64_t k = 0; k < n; k++) sum += flags[k];
  return sum;
}

/* Rank 0's word on units, and one at least of every layer. */
static bvl_status agree_on_units(bvl_live *live, double *params)
{
  const bvl_net *net = live->net;
  bvl_status status = BVL_OK;
  for (int64_t l = 0; l < net->arch.n; l++) {
    const bvl_tensor *t = weights_of(net, l);
    if (t == NULL) continue;
    BVL_TRY(bvl_bcast_bytes(&net->grid->all, 0, live->unit[l], t->outputs));
    for (int64_t o = 0; o < t->outputs; o++)
      if (!live->unit[l][o]) drop_unit(net, t, o, params);
    if (count(live->unit[l], t->outputs) == 0) live->unit[l][0] = 1;
    live->n_units[l] = count(live->unit[l], t->outputs);
  }
cleanup:
  return status;
}

static bvl_status find_inputs(bvl_live *live, const double *params)
{
  const bvl_net *net = live->net;
  const int64_t first = next_layer(net, -1); /* before it pools, which keep channels */
  const bvl_tensor *t = weights_of(net, first);
  bvl_status status = BVL_OK;
  const int64_t n = sources(net, t);
  scan(net, t, params, NULL, live->input);
  if (!net->split) BVL_TRY(bvl_bcast_bytes(&net->grid->all, 0, live->input, n));
  live->n_inputs = count(live->input, n);
  BVL_TRY(bvl_sum_i64(&net->grid->row, &live->n_inputs, 1));
  /* the last word is the first grid row's, as ranks of a grid column hold the same columns */
  if (net->split && n > 0) BVL_TRY(bvl_bcast_bytes(&net->grid->col, 0, live->input, n));
  BVL_TRY(bvl_bcast_i64(&net->grid->all, 0, &live->n_inputs, 1));
  if (live->n_inputs > 0) goto cleanup;
  if (t->first_column == 0 && n > 0) live->input[0] = 1;
  live->n_inputs = 1;
cleanup:
  return status;
}

/* ---- life cycle --------------------------------------------------------------------------------
 */

static bvl_status allocate(const bvl_net *net, bvl_live **out)
{
  bvl_status status = BVL_OK;
  BVL_TRY(BVL_ALLOC(out, 1));
  (*out)->net = net;
  for (int64_t l = 0; l < net->arch.n; l++)
    if (net->weight_of[l] >= 0)
      BVL_TRY(BVL_ALLOC(&(*out)->unit[l], bvl_layer_outputs(&net->arch.layer[l])));
  BVL_TRY(BVL_ALLOC(&(*out)->input,
                    net->split ? net->tensor[0].columns : net->arch.layer[0].in.channels));
cleanup:
  return status;
}

bvl_status bvl_live_create(const bvl_net *net, double *params, bvl_live **out)
{
  bvl_status status = BVL_OK;
  bvl_live *live = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(&net->grid->all, allocate(net, &live)));
  BVL_TRY(go_forward(live, params));
  go_backward(live, params);
  BVL_TRY(agree_on_units(live, params));
  BVL_TRY(find_inputs(live, params));
  *out = live;
  live = NULL;
cleanup:
  bvl_live_destroy(&live);
  return status;
}

void bvl_live_destroy(bvl_live **handle)
{
  bvl_live *live = *handle;
  *handle = NULL;
  if (live == NULL) return;
  for (int l = 0; l < BVL_NET_MAX_LAYERS; l++) free(live->unit[l]);
  free(live->input);
  free(live);
}

int bvl_live_column(const bvl_live *live, const bvl_tensor *t, int64_t k)
{
  const bvl_net *net = live->net;
  int64_t below = t->layer - 1;
  while (below >= 0 && live->unit[below] == NULL) below--;
  return (below < 0 ? live->input : live->unit[below])[k % sources(net, t)];
}
