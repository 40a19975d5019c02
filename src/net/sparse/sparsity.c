/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of a network's parameters, their cut into shares, and the factors of a share. */
#include "net/sparse/sparsity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* ---- blocks ----------------------------------------------------------------------------------
 */

/* How many entries of a tensor make a block: 0 = it is not penalised. */
static int64_t block_length(const bvl_sparsity *s, const bvl_tensor *t)
{
  const bvl_layer *layer = &s->net->arch.layer[t->layer];
  if (s->options.whole_blocks && !t->is_bias) return t->outputs;
  if (t->is_bias || s->penalty.type == NULL) return 0;
  if (!s->penalty.type->grouped) return 1;
  if (s->options.structure == BVL_BY_INPUT) return t->outputs;
  if (s->options.structure == BVL_BY_ELEMENT) return 1;
  return layer->by_output ? t->columns : 0;
}

static double block_weight(const bvl_sparsity *s, int64_t length)
{
  return s->penalty.type->grouped ? sqrt((double)length) : 1.0;
}

static int is_masked(const bvl_sparsity *s, int64_t k)
{
  return s->options.mask != NULL && s->options.mask[k] == 0;
}

/* Runs of free parameters between masked ones. */
static int64_t next_run(const bvl_sparsity *s, int64_t k, int64_t end)
{
  if (is_masked(s, k)) return k + 1;
  while (k < end && !is_masked(s, k)) k++;
  return k;
}

/* The blocks of parameters begin .. end - 1, whole tensors or pieces of them at block boundaries:
 * counts them, and writes them when `out` has room. */
static int64_t list_blocks(const bvl_sparsity *s, int64_t begin, int64_t end, bvl_blocks *out)
{
  int64_t n = 0;
  for (int64_t q = 0; q < s->net->n_tensors; q++) {
    const bvl_tensor *t = &s->net->tensor[q];
    const int64_t length = block_length(s, t);
    const int64_t last = bvl_lesser(end, t->begin + t->count);
    for (int64_t k = bvl_greater(begin, t->begin); k < last; n++) {
      const int64_t next = length > 0 ? k + length : next_run(s, k, last);
      if (out->begin != NULL) {
        out->begin[n] = k - begin;
        out->weight[n] = length > 0 ? block_weight(s, length) : is_masked(s, k) ? INFINITY : 0.0;
        out->begin[n + 1] = next - begin;
        out->max_len = bvl_greater(out->max_len, next - k);
      }
      k = next;
    }
  }
  return n;
}

static bvl_status make_blocks(const bvl_sparsity *s, int64_t begin, int64_t end, bvl_blocks *out)
{
  bvl_status status = BVL_OK;
  out->n = list_blocks(s, begin, end, out);
  BVL_TRY(BVL_ALLOC(&out->weight, out->n));
  BVL_TRY(BVL_ALLOC(&out->begin, out->n + 1));
  list_blocks(s, begin, end, out);
cleanup:
  return status;
}

/* The block boundary at or before a place. */
static int64_t boundary_before(const bvl_sparsity *s, int64_t place)
{
  for (int64_t q = 0; q < s->net->n_tensors; q++) {
    const bvl_tensor *t = &s->net->tensor[q];
    const int64_t length = bvl_greater(block_length(s, t), 1);
    if (place < t->begin + t->count) return t->begin + (place - t->begin) / length * length;
  }
  return s->net->n_params;
}

/* ---- life cycle ------------------------------------------------------------------------------
 */

static bvl_status cut_shares(bvl_sparsity *s)
{
  bvl_status status = BVL_OK;
  const bvl_grid *grid = s->net->grid;
  BVL_TRY(BVL_ALLOC(&s->share_begin, (int64_t)grid->n_rows + 1));
  for (int i = 0; i <= grid->n_rows; i++)
    s->share_begin[i] = boundary_before(s, bvl_cut(s->net->n_params, grid->n_rows, i));
  s->begin = s->share_begin[grid->i];
  s->count = s->share_begin[grid->i + 1] - s->begin;
  const int64_t first = bvl_lesser(bvl_greater(s->net->n_first - s->begin, 0), s->count);
  s->part_begin[0] = s->begin;
  s->part_count[0] = first;
  s->part_begin[1] = s->begin + first;
  s->part_count[1] = s->count - first;
cleanup:
  return status;
}

bvl_status bvl_sparsity_create(const bvl_net *net, const bvl_sparsity_options *options,
                               bvl_sparsity **out)
{
  bvl_status status = BVL_OK;
  bvl_sparsity *s = NULL;
  *out = NULL;
  BVL_TRY(BVL_ALLOC(&s, 1));
  s->net = net;
  s->options = *options;
  if (options->penalty != NULL) {
    s->penalty = *options->penalty;
    BVL_TRY(bvl_surrogate_find(options->param, &s->penalty, 0, &s->map));
  }
  s->plain = options->penalty == NULL && options->mask == NULL;
  BVL_TRY(cut_shares(s));
  for (int k = 0; k < 2; k++) {
    s->theta_count[k] = s->part_count[k];
    if (!s->plain) {
      BVL_TRY(make_blocks(s, s->part_begin[k], s->part_begin[k] + s->part_count[k], &s->part[k]));
      s->theta_count[k] = bvl_surrogate_length(&s->map, &s->part[k]);
    }
    s->n_theta += s->theta_count[k];
  }
  s->options.mask = NULL;
  s->options.penalty = NULL;
  *out = s;
  s = NULL;
cleanup:
  bvl_sparsity_destroy(&s);
  return status;
}

void bvl_sparsity_destroy(bvl_sparsity **handle)
{
  bvl_sparsity *s = *handle;
  *handle = NULL;
  if (s == NULL) return;
  for (int k = 0; k < 2; k++) bvl_blocks_free(&s->part[k]);
  free(s->share_begin);
  free(s);
}

/* ---- the share -------------------------------------------------------------------------------
 */

/* Does this rank count the part: the head is on every rank of a grid row. */
static int counts(const bvl_sparsity *s, int part)
{
  return part == 0 || s->net->grid->j == 0;
}

void bvl_sparsity_start(const bvl_sparsity *s, const double *params, double *theta)
{
  /* what stands for an exact zero: far below any weight that matters */
  const double tiny = 1e-6;
  for (int k = 0; k < 2; k++) {
    const double *b = params + s->part_begin[k];
    if (s->plain)
      memcpy(theta, b, (size_t)s->part_count[k] * sizeof *b);
    else
      bvl_surrogate_balance(&s->map, &s->part[k], b, NULL, sqrt(tiny), theta);
    theta += s->theta_count[k];
  }
}

void bvl_sparsity_forward(const bvl_sparsity *s, const double *theta, double *share)
{
  for (int k = 0; k < 2; k++) {
    if (s->plain)
      memcpy(share, theta, (size_t)s->part_count[k] * sizeof *share);
    else
      bvl_surrogate_forward(&s->map, &s->part[k], theta, share);
    theta += s->theta_count[k];
    share += s->part_count[k];
  }
}

static double sum_of_squares(int64_t n, const double *x)
{
  double sum = 0.0;
  for (int64_t k = 0; k < n; k++) sum += x[k] * x[k];
  return sum;
}

double bvl_sparsity_penalty(const bvl_sparsity *s, const double *theta, const double *share)
{
  double value = 0.0;
  for (int k = 0; k < 2; k++) {
    if (counts(s, k) && s->options.weight_decay > 0.0)
      value += 0.5 * s->options.weight_decay * sum_of_squares(s->part_count[k], share);
    if (counts(s, k) && s->penalty.type != NULL)
      value += bvl_surrogate_penalty(&s->map, &s->penalty, s->options.lambda, &s->part[k], theta,
                                     NULL);
    theta += s->theta_count[k];
    share += s->part_count[k];
  }
  return value;
}

void bvl_sparsity_pull_back(const bvl_sparsity *s, const double *theta, const double *share,
                            double *grad_share, double *grad)
{
  const double decay = s->options.weight_decay;
  for (int64_t k = 0; k < s->count && decay > 0.0; k++) grad_share[k] += decay * share[k];
  for (int k = 0; k < 2; k++) {
    if (s->plain)
      memmove(grad, grad_share, (size_t)s->part_count[k] * sizeof *grad); /* nothing in place */
    else
      bvl_surrogate_pull_back(&s->map, &s->part[k], theta, grad_share, grad);
    if (s->penalty.type != NULL)
      bvl_surrogate_penalty(&s->map, &s->penalty, s->options.lambda, &s->part[k], theta, grad);
    theta += s->theta_count[k];
    grad += s->theta_count[k];
    grad_share += s->part_count[k];
  }
}

/* ---- what the share looks like ---------------------------------------------------------------
 */

static double norm(int64_t m, const double *b)
{
  return sqrt(sum_of_squares(m, b));
}

double bvl_sparsity_value(const bvl_sparsity *s, const double *share)
{
  double value = 0.0;
  for (int k = 0; k < 2 && s->penalty.type != NULL; k++) {
    const bvl_blocks *blocks = &s->part[k];
    for (int64_t g = 0; g < blocks->n && counts(s, k); g++)
      if (bvl_surrogate_is_penalised(blocks->weight[g]))
        value += s->penalty.type->profile(&s->penalty, s->options.lambda * blocks->weight[g],
                                          norm(bvl_block_len(blocks, g), share + blocks->begin[g]));
    share += s->part_count[k];
  }
  return value;
}

void bvl_sparsity_count_dead(const bvl_sparsity *s, const double *share, double tiny,
                             int64_t *n_blocks, int64_t *n_dead)
{
  *n_blocks = *n_dead = 0;
  for (int k = 0; k < 2 && s->penalty.type != NULL; k++) {
    const bvl_blocks *blocks = &s->part[k];
    for (int64_t g = 0; g < blocks->n && counts(s, k); g++) {
      if (!bvl_surrogate_is_penalised(blocks->weight[g])) continue;
      *n_blocks += 1;
      *n_dead += norm(bvl_block_len(blocks, g), share + blocks->begin[g]) <= tiny;
    }
    share += s->part_count[k];
  }
}
