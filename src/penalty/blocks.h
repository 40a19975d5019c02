/* SPDX-License-Identifier: BSD-3-Clause */
/* How columns form penalty blocks: groups of a group penalty, single columns otherwise. */
#ifndef BVL_PENALTY_BLOCKS_H
#define BVL_PENALTY_BLOCKS_H

#include <math.h>
#include <stdint.h>

#include "base/status.h"

/** Blocks over positions (or, in a problem, over local columns). Block g is columns begin[g] ..
 * begin[g + 1] - 1 with penalty factor weight[g] >= 0: 0 = unpenalised, INFINITY = excluded (its
 * coefficients are 0); both kinds are always blocks of one column. */
typedef struct bvl_blocks {
  int64_t n;
  int64_t *begin;  /* n + 1, owned */
  double *weight;  /* n, owned */
  int64_t max_len; /* longest block */
} bvl_blocks;

/** Plans the blocks of p columns and the permutation that makes them contiguous.
 *
 * grouped = 0: blocks are single columns in input order with weight penalty_factor[j] (NULL = 1);
 * *input is NULL (identity). grouped = 1: columns of equal id form a block, blocks in the order of
 * each id's first column, columns inside a block in input order; weight = group_weights[k] for the
 * k-th distinct id ascending (NULL: sqrt of the number of its penalised columns). A column with
 * factor 0 or INFINITY leaves its group and is a block of its own, standing where its group stands;
 * other factors are refused when grouped. groups NULL with grouped = 1 is refused.
 *
 * Not collective; replicated arguments. *input (p, position -> column) is the caller's, freed with
 * free(). @return BVL_ERR_INPUT (negative or NaN factor or weight, with the column or group; wrong
 * n_group_weights), BVL_ERR_NOMEM. */
bvl_status bvl_blocks_plan(int64_t p, int grouped, const int64_t *groups, int64_t n_group_weights,
                           const double *group_weights, const double *penalty_factor,
                           bvl_blocks *out, int64_t **input);

/** Makes all blocks that are penalised (0 < weight < INFINITY) one block of weight 1, the first;
 * the others follow. `inside` (the caller's) gets what it is made of, input (p) is brought along.
 * Not collective. @return BVL_ERR_NOMEM. */
bvl_status bvl_blocks_join(bvl_blocks *blocks, int64_t *input, bvl_blocks *inside);

/** The blocks inside positions [first, first + count), renumbered from 0. Cuts must be at block
 * boundaries. Not collective. @return BVL_ERR_INTERNAL (a cut through a block), BVL_ERR_NOMEM. */
bvl_status bvl_blocks_slice(const bvl_blocks *blocks, int64_t first, int64_t count,
                            bvl_blocks *out);
void bvl_blocks_free(bvl_blocks *blocks);

static inline int64_t bvl_block_len(const bvl_blocks *blocks, int64_t g)
{
  return blocks->begin[g + 1] - blocks->begin[g];
}

#endif
