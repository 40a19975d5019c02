/* SPDX-License-Identifier: BSD-3-Clause */
/* The working set's blocks dealt whole to the ranks, and products with them for several vectors
 * over rows at once. Vectors over rows have all n rows, in the order of bvl_dealt. Blocks are those
 * of bvl_working_set: free unknowns (the intercept, unpenalised columns) first, then groups. */
#ifndef BVL_SOLVER_GROUP_SET_H
#define BVL_SOLVER_GROUP_SET_H

#include "data/dealt.h"
#include "solver/working_set.h"

typedef struct bvl_group_set {
  const bvl_problem *problem; /* borrowed */
  const bvl_working_set *set; /* borrowed */
  bvl_dealt *dealt;           /* owned */
  int64_t n;                  /* rows of all ranks */
  int64_t n_blocks;           /* blocks of the set that were dealt */
  int64_t *load;              /* ranks: columns dealt to each, replicated, owned */
  int64_t capacity;           /* of the arrays by block */
  int64_t *owner;             /* rank, replicated, owned */
  int64_t *first;             /* its first column in `dealt`; -1 where it is not; owned */
} bvl_group_set;

/** Collective. */
bvl_status bvl_group_set_create(const bvl_problem *problem, const bvl_working_set *set,
                                bvl_group_set **out);
void bvl_group_set_destroy(bvl_group_set **G);

/** Deals the blocks that joined the set since, each to the rank with the fewest columns. After the
 * set was renumbered: bvl_group_set_clear first. Collective; one exchange. */
bvl_status bvl_group_set_follow(bvl_group_set *G);
void bvl_group_set_clear(bvl_group_set *G);

/** All blocks to rank 0, without their columns: for those who have products of them. Collective. */
bvl_status bvl_group_set_follow_root(bvl_group_set *G);

static inline int bvl_group_is_free(const bvl_group_set *G, int64_t g)
{
  return G->set->weight[g] == 0;
}

static inline int64_t bvl_group_len(const bvl_group_set *G, int64_t g)
{
  return G->set->begin[g + 1] - G->set->begin[g];
}

static inline int bvl_group_is_here(const bvl_group_set *G, int64_t g)
{
  return G->owner[g] == G->problem->grid->all.rank;
}

/** norm[a] <- ||v_a|| (v len x k), under a sparse penalty soft-thresholded at its l1 level at
 * lambda[a]; of a free block v_a itself. Not collective. */
void bvl_group_shrink(const bvl_group_set *G, int64_t g, int64_t k, const double *lambda, double *v,
                      double *norm);

/** v (len x k) <- X_g'R / n for k residuals (n x k) of a block that is here, and as
 * bvl_group_shrink. Not collective. */
void bvl_group_correlate(const bvl_group_set *G, int64_t g, int64_t k, const double *lambda,
                         const double *R, double *v, double *norm);

/** out (n x k) += X_g b, b len x k, of a block that is here. Not collective. */
void bvl_group_forward(const bvl_group_set *G, int64_t g, int64_t k, const double *b, double *out);

/** The norm of v_g, soft-thresholded under a sparse penalty, at which a group is active: 0 of free
 * blocks. Not collective. */
double bvl_group_target(const bvl_group_set *G, double lambda, int64_t g);

#endif
