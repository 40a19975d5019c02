/* SPDX-License-Identifier: BSD-3-Clause */
/* Dealing, and products one block at a time: a block's columns are read once for X'R, and what
 * follows finds them in the cache. */
#include "solver/group/group_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/kernels.h"

bvl_status bvl_group_set_create(const bvl_problem *problem, const bvl_working_set *set,
                                bvl_group_set **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  bvl_group_set *G = NULL;
  *out = NULL;
  status = BVL_ALLOC(&G, 1);
  if (status == BVL_OK) status = BVL_ALLOC(&G->load, all->size);
  BVL_TRY(bvl_agree(all, status));
  G->problem = problem;
  G->set = set;
  BVL_TRY(bvl_dealt_create(set->columns, &G->dealt));
  G->n = G->dealt->n;
  *out = G;
  G = NULL;
cleanup:
  bvl_group_set_destroy(&G);
  return status;
}

void bvl_group_set_destroy(bvl_group_set **handle)
{
  bvl_group_set *G = *handle;
  *handle = NULL;
  if (G == NULL) return;
  bvl_dealt_destroy(&G->dealt);
  free(G->load);
  free(G->owner);
  free(G->first);
  free(G);
}

void bvl_group_set_clear(bvl_group_set *G)
{
  G->n_blocks = 0;
  memset(G->load, 0, (size_t)G->problem->grid->all.size * sizeof *G->load);
  bvl_dealt_clear(G->dealt);
}

static int is_intercept(const bvl_group_set *G, int64_t g)
{
  return G->problem->intercept && g == 0;
}

static bvl_status reserve(bvl_group_set *G, int64_t n_blocks)
{
  bvl_status status = BVL_OK;
  int64_t owner_room = G->capacity;
  int64_t first_room = G->capacity;
  BVL_TRY(BVL_GROW(&G->owner, &owner_room, n_blocks));
  BVL_TRY(BVL_GROW(&G->first, &first_room, n_blocks));
  G->capacity = bvl_lesser(owner_room, first_room);
cleanup:
  return status;
}

bvl_status bvl_group_set_follow_root(bvl_group_set *G)
{
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_agree(&G->problem->grid->all, reserve(G, G->set->n_blocks)));
  for (G->n_blocks = 0; G->n_blocks < G->set->n_blocks; G->n_blocks++) {
    G->owner[G->n_blocks] = 0;
    G->first[G->n_blocks] = -1;
  }
cleanup:
  return status;
}

bvl_status bvl_group_set_follow(bvl_group_set *G)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &G->problem->grid->all;
  const bvl_working_set *set = G->set;
  const int64_t shift = G->problem->intercept;
  const int64_t column0 = G->n_blocks > 0 ? set->begin[G->n_blocks] - shift : 0;
  int64_t mine = G->dealt->n_cols;
  int64_t *owner = NULL;
  if (G->n_blocks == set->n_blocks) return BVL_OK;
  status = reserve(G, set->n_blocks);
  if (status == BVL_OK) status = BVL_ALLOC(&owner, set->columns->n_cols - column0);
  BVL_TRY(bvl_agree(all, status));
  for (int64_t g = G->n_blocks; g < set->n_blocks; g++) {
    int to = 0;
    for (int r = 1; r < all->size; r++)
      if (G->load[r] < G->load[to]) to = r;
    G->owner[g] = is_intercept(G, g) ? 0 : to;
    G->first[g] = -1;
    if (is_intercept(G, g)) continue;
    G->load[to] += bvl_group_len(G, g);
    for (int64_t k = set->begin[g]; k < set->begin[g + 1]; k++) owner[k - shift - column0] = to;
    if (to != all->rank) continue;
    G->first[g] = mine;
    mine += bvl_group_len(G, g);
  }
  BVL_TRY(bvl_dealt_append(G->dealt, column0, owner));
  G->n_blocks = set->n_blocks;
cleanup:
  free(owner);
  return status;
}

/* v (len) <- S(v, l1 level at lambda). */
static void soften(const bvl_group_set *G, int64_t g, double lambda, double *v)
{
  const double weight = G->set->weight[g];
  const double level = bvl_penalty_at(&G->problem->penalty, weight).l1 * (lambda * weight);
  for (int64_t l = 0; l < bvl_group_len(G, g); l++) {
    const double excess = fabs(v[l]) - level;
    v[l] = excess <= 0 ? 0 : copysign(excess, v[l]);
  }
}

void bvl_group_shrink(const bvl_group_set *G, int64_t g, int64_t k, const double *lambda, double *v,
                      double *norm)
{
  const int sparse = G->problem->penalty.type->sparse && !bvl_group_is_free(G, g);
  const int64_t len = bvl_group_len(G, g);
  for (int64_t a = 0; sparse && a < k; a++) soften(G, g, lambda[a], v + a * len);
  for (int64_t a = 0; a < k; a++)
    norm[a] = bvl_group_is_free(G, g) ? v[a] : bvl_block_norm(len, v + a * len);
}

void bvl_group_correlate(const bvl_group_set *G, int64_t g, int64_t k, const double *lambda,
                         const double *R, double *v, double *norm)
{
  const int64_t len = bvl_group_len(G, g);
  const int64_t n = G->n;
  const double scale = 1 / (double)n;
  memset(v, 0, (size_t)(len * k) * sizeof *v);
  if (is_intercept(G, g))
    for (int64_t i = 0; i < n * k; i++) v[i / n] += R[i];
  else
    bvl_kernels_get()->dense_adjoint[BVL_F64](G->dealt->values + G->first[g] * n, n, n, len, NULL,
                                              k, R, n, v, len, 0, NULL);
  for (int64_t l = 0; l < len * k; l++) v[l] *= scale;
  bvl_group_shrink(G, g, k, lambda, v, norm);
}

void bvl_group_forward(const bvl_group_set *G, int64_t g, int64_t k, const double *b, double *out)
{
  const int64_t len = bvl_group_len(G, g);
  const int64_t n = G->n;
  if (is_intercept(G, g))
    for (int64_t i = 0; i < n * k; i++) out[i] += b[i / n];
  else
    bvl_kernels_get()->dense_forward[BVL_F64](G->dealt->values + G->first[g] * n, n, n, len, NULL,
                                              k, b, len, out, n, 0, NULL);
}

double bvl_group_target(const bvl_group_set *G, double lambda, int64_t g)
{
  if (bvl_group_is_free(G, g)) return 0;
  return bvl_penalty_threshold(&G->problem->penalty, lambda * G->set->weight[g]);
}
