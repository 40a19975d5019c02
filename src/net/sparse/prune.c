/* SPDX-License-Identifier: BSD-3-Clause */
/* Thresholds, masks, counts. Ranks decide alike: thresholds come out of one reduction, and what is
 * cut of the head is rank 0's word. */
#include "net/sparse/prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "net/sparse/live.h"

/* ---- thresholds --------------------------------------------------------------------------------
 */

/* Does this rank count the tensor: each of its entries lies on one such rank. */
static int is_counted(const bvl_net *net, int64_t q)
{
  return net->grid->i == 0 && (q == 0 || net->grid->j == 0);
}

/* cut[q] <- what the weights of tensor q must exceed. */
static bvl_status find_cuts(const bvl_net *net, const bvl_prune_rule *rule, const double *params,
                            double *cut)
{
  bvl_status status = BVL_OK;
  double sums[2 * 2 * BVL_NET_MAX_LAYERS] = {0.0}; /* of w and w^2 */
  for (int64_t q = 0; q < net->n_tensors && !isnan(rule->deviations); q++) {
    const double *w = params + net->tensor[q].begin;
    for (int64_t k = 0; k < net->tensor[q].count && is_counted(net, q); k++) {
      sums[2 * q] += w[k];
      sums[2 * q + 1] += w[k] * w[k];
    }
  }
  BVL_TRY(bvl_sum(&net->grid->all, sums, 2 * net->n_tensors));
  for (int64_t q = 0; q < net->n_tensors; q++) {
    const bvl_tensor *t = &net->tensor[q];
    const double n = (double)(t->outputs * t->all_columns);
    const double mean = sums[2 * q] / n;
    const double variance = fmax(0.0, sums[2 * q + 1] / n - mean * mean);
    cut[q] = fmax(0.0, fmax(rule->threshold, rule->deviations * sqrt(variance)));
  }
cleanup:
  return status;
}

/* Small weights <- 0; of the head as rank 0 has it. */
static bvl_status cut_small(const bvl_net *net, const double *cut, unsigned char *mask,
                            double *params)
{
  bvl_status status = BVL_OK;
  for (int64_t q = 0; q < net->n_tensors; q++) {
    const bvl_tensor *t = &net->tensor[q];
    for (int64_t k = t->begin; k < t->begin + t->count; k++)
      mask[k] = t->is_bias || !(fabs(params[k]) <= cut[q]); /* a NaN is to be seen */
  }
  const int64_t first = net->split ? net->n_first : 0;
  BVL_TRY(bvl_bcast_bytes(&net->grid->col, 0, mask, net->n_params));
  BVL_TRY(bvl_bcast_bytes(&net->grid->row, 0, mask + first, net->n_params - first));
  for (int64_t k = 0; k < net->n_params; k++)
    if (!mask[k]) params[k] = 0.0;
cleanup:
  return status;
}

/* ---- what is left ------------------------------------------------------------------------------
 */

/* Weights that are left; biases of live units. */
static void mask_left(const bvl_net *net, const bvl_live *live, const double *params,
                      unsigned char *mask)
{
  for (int64_t q = 0; q < net->n_tensors; q++) {
    const bvl_tensor *t = &net->tensor[q];
    for (int64_t k = 0; k < t->count; k++)
      mask[t->begin + k] = t->is_bias ? live->unit[t->layer][k] : params[t->begin + k] != 0.0;
  }
}

static bvl_status count_left(const bvl_net *net, const bvl_live *live, const double *params,
                             bvl_prune_counts *counts)
{
  bvl_status status = BVL_OK;
  *counts = (bvl_prune_counts){.n_layers = net->arch.n,
                               .inputs = bvl_architecture_inputs(&net->arch)};
  for (int64_t q = 0; q < net->n_tensors; q++) {
    const bvl_tensor *t = &net->tensor[q];
    const int64_t l = t->layer;
    counts->params[l] += t->outputs * t->all_columns;
    counts->units[l] = t->outputs;
    counts->units_left[l] = live->n_units[l];
    for (int64_t k = t->begin; k < t->begin + t->count && is_counted(net, q); k++)
      counts->params_left[l] += params[k] != 0.0;
  }
  BVL_TRY(bvl_sum_i64(&net->grid->all, counts->params_left, net->arch.n));
  for (int64_t l = 0; l < net->arch.n; l++) {
    counts->all += counts->params[l];
    counts->left += counts->params_left[l];
  }
  const bvl_picture *in = &net->arch.layer[0].in;
  counts->inputs_left = live->n_inputs * (net->split ? 1 : in->height * in->width);
cleanup:
  return status;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static bvl_status check_rule(const bvl_prune_rule *rule)
{
  if (rule->threshold < 0.0 || rule->deviations < 0.0)
    return bvl_fail(BVL_ERR_USAGE, "pruning below %g, or %g standard deviations", rule->threshold,
                    rule->deviations);
  return BVL_OK;
}

bvl_status bvl_prune(const bvl_net *net, const bvl_prune_rule *rule, double *params,
                     unsigned char *mask, bvl_prune_counts *counts)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &net->grid->all;
  double cut[2 * BVL_NET_MAX_LAYERS];
  unsigned char *own = NULL;
  bvl_live *live = NULL;
  BVL_TRY(bvl_agree(all, check_rule(rule)));
  if (mask == NULL) {
    BVL_TRY(bvl_agree(all, BVL_ALLOC(&own, net->n_params)));
    mask = own;
  }
  BVL_TRY(find_cuts(net, rule, params, cut));
  BVL_TRY(cut_small(net, cut, mask, params));
  BVL_TRY(bvl_live_create(net, params, &live));
  mask_left(net, live, params, mask);
  if (counts != NULL) BVL_TRY(count_left(net, live, params, counts));
cleanup:
  bvl_live_destroy(&live);
  free(own);
  return status;
}
