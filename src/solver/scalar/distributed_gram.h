/* SPDX-License-Identifier: BSD-3-Clause */
/* The Gram matrix of a working set, and the factor of some active set of it, spread over all ranks
 * (block-cyclic). The Gram follows the set by its columns' positions: it computes what is new and
 * drops what left, so the set need not know of it.
 *
 * Working set columns have their rows on all ranks, so every entry is a sum over the ranks: panels
 * of 32 MB are computed everywhere and summed into their owners. Per update by m new of d columns:
 * 2 m d n / ranks flops and m d doubles through one reduction a panel. */
#ifndef BVL_SOLVER_DISTRIBUTED_GRAM_H
#define BVL_SOLVER_DISTRIBUTED_GRAM_H

#include "comm/block_cyclic.h"
#include "solver/working_set.h"

typedef struct bvl_distributed_gram {
  bvl_working_set *set;     /* borrowed */
  bvl_block_grid *grid;     /* owned */
  bvl_block_cyclic *G;      /* Gram / n of the set as of the last update, owned */
  bvl_block_cyclic *factor; /* of G[in_factor, in_factor] + a diagonal, owned */
  int64_t *position;  /* G->d: position of the column of each unknown, -1 = intercept; owned */
  int64_t capacity;   /* of position */
  int64_t n_factor;   /* unknowns in the factor */
  int64_t *in_factor; /* n_factor: ascending, -1 = no longer in the set; owned */
  int64_t factor_capacity;
} bvl_distributed_gram;

/** Empty. @param set  borrowed. Collective. */
bvl_status bvl_distributed_gram_create(bvl_working_set *set, bvl_distributed_gram **out);
void bvl_distributed_gram_destroy(bvl_distributed_gram **gram);

/** Brings G in step with the set, and in_factor with its numbering. Collective. */
bvl_status bvl_distributed_gram_update(bvl_distributed_gram *gram);

/** Factors G[index, index] + diag(extra), index[0..n) ascending; where that is not definite to
 * rounding, with as much more on the diagonal as it takes: a preconditioner, then. Collective;
 * arguments replicated. */
bvl_status bvl_distributed_gram_factor(bvl_distributed_gram *gram, int64_t n, const int64_t *index,
                                       const double *extra);

#endif
