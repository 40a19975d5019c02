/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans penalty blocks: O(p log p) time, O(p) memory, local. */
#include "penalty/blocks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* What is sorted: columns by group id, then groups by their first column. */
typedef struct entry {
  int64_t key;
  int64_t index;
} entry;

static int compare_entries(const void *left, const void *right)
{
  const entry *a = left;
  const entry *b = right;
  if (a->key != b->key) return a->key < b->key ? -1 : 1;
  return a->index < b->index ? -1 : a->index > b->index;
}

static void sort_entries(int64_t n, entry *entries)
{
  if (n > 1) qsort(entries, (size_t)n, sizeof *entries, compare_entries);
}

/* Neither penalised with its group nor penalised at all. */
static int stands_alone(double factor)
{
  return factor == 0.0 || isinf(factor);
}

static bvl_status check_factors(int64_t p, int grouped, const double *factor)
{
  for (int64_t j = 0; factor != NULL && j < p; j++) {
    if (isnan(factor[j]))
      return bvl_fail(BVL_ERR_INPUT, "/penalty_factor: column %" PRId64 ": NaN", j);
    if (factor[j] < 0.0)
      return bvl_fail(BVL_ERR_INPUT, "/penalty_factor: column %" PRId64 ": negative (%g)", j,
                      factor[j]);
    if (grouped && factor[j] != 1.0 && !stands_alone(factor[j]))
      return bvl_fail(BVL_ERR_INPUT,
                      "/penalty_factor: column %" PRId64
                      ": %g, but a group penalty knows only 0, 1 and Inf",
                      j, factor[j]);
  }
  return BVL_OK;
}

static bvl_status check_group_weights(int64_t n_groups, int64_t n_values, const double *weight)
{
  if (weight == NULL) return BVL_OK;
  if (n_values != n_groups)
    return bvl_fail(BVL_ERR_INPUT, "/group_weights: %" PRId64 " values for %" PRId64 " groups",
                    n_values, n_groups);
  for (int64_t k = 0; k < n_groups; k++)
    if (!(weight[k] >= 0.0))
      return bvl_fail(BVL_ERR_INPUT, "/group_weights: group %" PRId64 ": %s", k,
                      isnan(weight[k]) ? "NaN" : "negative");
  return BVL_OK;
}

static bvl_status alloc_blocks(int64_t n, bvl_blocks *out)
{
  bvl_status status = BVL_OK;
  *out = (bvl_blocks){0};
  BVL_TRY(BVL_ALLOC(&out->begin, n + 1));
  BVL_TRY(BVL_ALLOC(&out->weight, n));
cleanup:
  if (status != BVL_OK) bvl_blocks_free(out);
  return status;
}

/* Ends the current block after `len` more columns. */
static void push_block(bvl_blocks *blocks, int64_t len, double weight)
{
  blocks->weight[blocks->n] = weight;
  blocks->begin[blocks->n + 1] = blocks->begin[blocks->n] + len;
  blocks->n++;
  blocks->max_len = bvl_greater(blocks->max_len, len);
}

/* Lays out one group's columns (ascending): the penalised ones as a block, then those that left it;
 * every column by itself when the group as a whole is unpenalised or excluded. */
static void push_group(int64_t len, const entry *columns, const double *factor,
                       const double *group_weight, bvl_blocks *blocks, int64_t *input)
{
  int64_t at = blocks->begin[blocks->n];
  int64_t n_kept = 0;
  for (int64_t k = 0; k < len; k++) {
    int64_t j = columns[k].index;
    if (factor == NULL || !stands_alone(factor[j])) input[at + n_kept++] = j;
  }
  double weight = group_weight != NULL ? *group_weight : sqrt((double)n_kept);
  if (n_kept > 0 && !stands_alone(weight)) push_block(blocks, n_kept, weight);
  for (int64_t k = 0; k < n_kept && stands_alone(weight); k++) push_block(blocks, 1, weight);
  for (int64_t k = 0; factor != NULL && k < len; k++) {
    int64_t j = columns[k].index;
    if (!stands_alone(factor[j])) continue;
    input[blocks->begin[blocks->n]] = j;
    push_block(blocks, 1, factor[j]);
  }
}

static bvl_status plan_groups(int64_t p, const int64_t *groups, int64_t n_group_weights,
                              const double *group_weights, const double *factor, bvl_blocks *out,
                              int64_t *input)
{
  bvl_status status = BVL_OK;
  entry *columns = NULL; /* p, by id and column */
  entry *order = NULL;   /* groups by first column; index = rank of the id */
  int64_t *begin = NULL; /* of each group in columns, ascending ids */
  int64_t n_groups = 0;
  BVL_TRY(BVL_ALLOC(&columns, p));
  BVL_TRY(BVL_ALLOC(&begin, p + 1));
  for (int64_t j = 0; j < p; j++) columns[j] = (entry){groups[j], j};
  sort_entries(p, columns);
  for (int64_t k = 0; k < p; k++)
    if (k == 0 || columns[k].key != columns[k - 1].key) begin[n_groups++] = k;
  begin[n_groups] = p;
  BVL_TRY(check_group_weights(n_groups, n_group_weights, group_weights));
  BVL_TRY(BVL_ALLOC(&order, n_groups));
  for (int64_t g = 0; g < n_groups; g++) order[g] = (entry){columns[begin[g]].index, g};
  sort_entries(n_groups, order);
  for (int64_t k = 0; k < n_groups; k++) {
    int64_t g = order[k].index;
    push_group(begin[g + 1] - begin[g], columns + begin[g], factor,
               group_weights != NULL ? group_weights + g : NULL, out, input);
  }
cleanup:
  free(columns);
  free(order);
  free(begin);
  return status;
}

bvl_status bvl_blocks_plan(int64_t p, int grouped, const int64_t *groups, int64_t n_group_weights,
                           const double *group_weights, const double *penalty_factor,
                           bvl_blocks *out, int64_t **input)
{
  bvl_status status = BVL_OK;
  *out = (bvl_blocks){0};
  *input = NULL;
  if (grouped && groups == NULL)
    return bvl_fail(BVL_ERR_INPUT, "/groups: missing, and the penalty acts on groups");
  BVL_TRY(check_factors(p, grouped, penalty_factor));
  BVL_TRY(alloc_blocks(p, out)); /* at most one block a column */
  if (grouped) {
    BVL_TRY(BVL_ALLOC(input, p));
    BVL_TRY(plan_groups(p, groups, n_group_weights, group_weights, penalty_factor, out, *input));
  } else {
    for (int64_t j = 0; j < p; j++)
      push_block(out, 1, penalty_factor != NULL ? penalty_factor[j] : 1.0);
  }
cleanup:
  if (status != BVL_OK) {
    bvl_blocks_free(out);
    free(*input);
    *input = NULL;
  }
  return status;
}

/* Copies the blocks that are penalised, or those that are not, and their columns. */
static void move_blocks(const bvl_blocks *from, const int64_t *columns, int alone, bvl_blocks *to,
                        int64_t *input)
{
  for (int64_t g = 0; g < from->n; g++) {
    if (stands_alone(from->weight[g]) != alone) continue;
    for (int64_t k = from->begin[g]; k < from->begin[g + 1]; k++)
      input[to->begin[to->n] + k - from->begin[g]] = columns[k];
    push_block(to, bvl_block_len(from, g), from->weight[g]);
  }
}

bvl_status bvl_blocks_join(bvl_blocks *blocks, int64_t *input, bvl_blocks *inside)
{
  bvl_status status = BVL_OK;
  bvl_blocks joined = {0};
  int64_t *columns = NULL;
  const int64_t p = blocks->begin[blocks->n];
  *inside = (bvl_blocks){0};
  BVL_TRY(BVL_ALLOC(&columns, p));
  BVL_TRY(alloc_blocks(blocks->n, inside));
  BVL_TRY(alloc_blocks(blocks->n, &joined));
  if (p > 0) memcpy(columns, input, (size_t)p * sizeof *columns);
  move_blocks(blocks, columns, 0, inside, input);
  if (inside->n > 0) push_block(&joined, inside->begin[inside->n], 1.0);
  move_blocks(blocks, columns, 1, &joined, input);
  bvl_blocks_free(blocks);
  *blocks = joined;
  joined = (bvl_blocks){0}; /* now the caller's */
cleanup:
  free(columns);
  bvl_blocks_free(&joined);
  return status;
}

/* The block that begins at `position` (n when position is the end); -1 when none does. */
static int64_t block_at(const bvl_blocks *blocks, int64_t position)
{
  int64_t low = 0;
  int64_t high = blocks->n;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (blocks->begin[middle] < position)
      low = middle + 1;
    else
      high = middle;
  }
  return blocks->begin[low] == position ? low : -1;
}

bvl_status bvl_blocks_slice(const bvl_blocks *blocks, int64_t first, int64_t count, bvl_blocks *out)
{
  *out = (bvl_blocks){0};
  if (count == 0) return alloc_blocks(0, out);
  int64_t g0 = block_at(blocks, first);
  int64_t g1 = block_at(blocks, first + count);
  if (g0 < 0 || g1 < 0)
    return bvl_fail(BVL_ERR_INTERNAL, "columns %" PRId64 " .. %" PRId64 " cut a block", first,
                    first + count);
  bvl_status status = alloc_blocks(g1 - g0, out);
  if (status != BVL_OK) return status;
  for (int64_t g = g0; g < g1; g++) push_block(out, bvl_block_len(blocks, g), blocks->weight[g]);
  return BVL_OK;
}

void bvl_blocks_free(bvl_blocks *blocks)
{
  free(blocks->begin);
  free(blocks->weight);
  *blocks = (bvl_blocks){0};
}
