/* SPDX-License-Identifier: BSD-3-Clause */
/* Following the working set; the factor of an active set. */
#include "solver/scalar/distributed_gram.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { PANEL_DOUBLES = 4 << 20 };

/* A pivot below this part of its diagonal is rounding; what is then added to the diagonal, at
 * first. */
static const double PIVOT_FLOOR = 1e-13;
static const double FIRST_SHIFT = 1e-10;

bvl_status bvl_distributed_gram_create(bvl_working_set *set, bvl_distributed_gram **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &set->problem->grid->all;
  bvl_distributed_gram *g = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&g, 1)));
  g->set = set;
  BVL_TRY(bvl_block_grid_create(all, &g->grid));
  BVL_TRY(bvl_agree(all, bvl_block_cyclic_create(g->grid, &g->G)));
  BVL_TRY(bvl_agree(all, bvl_block_cyclic_create(g->grid, &g->factor)));
  *out = g;
  g = NULL;
cleanup:
  bvl_distributed_gram_destroy(&g);
  return status;
}

void bvl_distributed_gram_destroy(bvl_distributed_gram **gram)
{
  bvl_distributed_gram *g = *gram;
  *gram = NULL;
  if (g == NULL) return;
  bvl_block_cyclic_destroy(&g->factor);
  bvl_block_cyclic_destroy(&g->G);
  bvl_block_grid_destroy(&g->grid);
  free(g->position);
  free(g->in_factor);
  free(g);
}

static int64_t position_of(const bvl_working_set *set, int64_t k)
{
  const int64_t shift = set->problem->intercept;
  return k < shift ? -1 : set->columns->position[k - shift];
}

/* kept <- the unknowns of G that are still in the set, moved[k] <- the new number of each of G's
 * (-1 = gone). The set keeps the order of what it keeps and appends behind it, so one walk finds
 * them. */
static int64_t find_kept(const bvl_distributed_gram *g, int64_t *kept, int64_t *moved)
{
  int64_t n = 0;
  for (int64_t k = 0; k < g->G->d; k++) {
    const int there = n < g->set->d && position_of(g->set, n) == g->position[k];
    moved[k] = there ? n : -1;
    if (there) kept[n++] = k;
  }
  return n;
}

/* Drops all of G but kept[0..n). */
static bvl_status shrink(bvl_distributed_gram *g, int64_t n, const int64_t *kept)
{
  bvl_status status = BVL_OK;
  bvl_block_cyclic *smaller = NULL;
  BVL_TRY(bvl_agree(g->grid->comm, bvl_block_cyclic_create(g->grid, &smaller)));
  BVL_TRY(bvl_block_cyclic_take(g->G, n, kept, smaller));
  bvl_block_cyclic *swapped = g->G;
  g->G = smaller;
  smaller = swapped;
cleanup:
  bvl_block_cyclic_destroy(&smaller);
  return status;
}

/* This rank's share of G[row0 .., col0 ..]; ones[k]: of column k with the intercept's. */
static bvl_status compute_panel(const bvl_distributed_gram *g, const double *ones, int64_t row0,
                                int64_t n_rows, int64_t col0, int64_t n_cols, double *panel)
{
  const bvl_working_set *set = g->set;
  const bvl_problem *problem = set->problem;
  const int64_t shift = problem->intercept;
  const double scale = 1 / (double)problem->n;
  const int64_t skip_row = bvl_greater(0, shift - row0);
  const int64_t skip_col = bvl_greater(0, shift - col0);
  for (int64_t k = 0; skip_col > 0 && k < n_rows; k++) panel[k] = ones[row0 + k] * scale;
  return bvl_active_gram_panel(set->columns, problem->w + problem->X->rows.split0, scale,
                               row0 + skip_row - shift, n_rows - skip_row, col0 + skip_col - shift,
                               n_cols - skip_col, panel + skip_row + skip_col * n_rows, n_rows);
}

/* Rows first.. of G, which are 0 so far. */
static bvl_status fill(bvl_distributed_gram *g, int64_t first)
{
  bvl_status status = BVL_OK;
  const bvl_working_set *set = g->set;
  const int64_t d = set->d;
  const int64_t blocks = bvl_greater(1, PANEL_DOUBLES / bvl_greater(d, 1) / BVL_BLOCK);
  const int64_t width = bvl_lesser(d, blocks * BVL_BLOCK);
  double *ones = NULL;
  double *panel = NULL;
  status = BVL_ALLOC(&ones, d);
  if (status == BVL_OK) status = BVL_ALLOC(&panel, width * d);
  BVL_TRY(bvl_agree(g->grid->comm, status));
  bvl_working_set_correlate(set, set->problem->w + set->problem->X->rows.split0, ones);
  for (int64_t col0 = 0; col0 < d; col0 += width) {
    const int64_t cols = bvl_lesser(width, d - col0);
    const int64_t row0 = bvl_greater(first, col0);
    status = compute_panel(g, ones, row0, d - row0, col0, cols, panel);
    BVL_TRY(bvl_agree(g->grid->comm, status));
    BVL_TRY(bvl_block_cyclic_add(g->G, row0, d - row0, col0, cols, panel, d - row0));
  }
cleanup:
  free(panel);
  free(ones);
  return status;
}

static void renumber_factor(bvl_distributed_gram *g, const int64_t *moved)
{
  for (int64_t k = 0; k < g->n_factor; k++)
    if (g->in_factor[k] >= 0) g->in_factor[k] = moved[g->in_factor[k]];
}

bvl_status bvl_distributed_gram_update(bvl_distributed_gram *g)
{
  bvl_status status = BVL_OK;
  const bvl_working_set *set = g->set;
  int64_t *kept = NULL;
  int64_t *moved = NULL;
  status = BVL_ALLOC(&kept, g->G->d);
  if (status == BVL_OK) status = BVL_ALLOC(&moved, g->G->d);
  if (status == BVL_OK) status = BVL_GROW(&g->position, &g->capacity, set->d);
  BVL_TRY(bvl_agree(g->grid->comm, status));
  const int64_t n = find_kept(g, kept, moved);
  renumber_factor(g, moved);
  if (n < g->G->d) BVL_TRY(shrink(g, n, kept));
  for (int64_t k = 0; k < set->d; k++) g->position[k] = position_of(set, k);
  if (n < set->d) {
    BVL_TRY(bvl_block_cyclic_resize(g->G, set->d));
    BVL_TRY(fill(g, n));
  }
cleanup:
  free(moved);
  free(kept);
  return status;
}

bvl_status bvl_distributed_gram_factor(bvl_distributed_gram *g, int64_t n, const int64_t *index,
                                       const double *extra)
{
  bvl_status status = BVL_OK;
  double *diagonal = NULL;
  double more = 0;
  int64_t bad = 1;
  status = BVL_ALLOC(&diagonal, n);
  if (status == BVL_OK) status = BVL_GROW(&g->in_factor, &g->factor_capacity, n);
  BVL_TRY(bvl_agree(g->grid->comm, status));
  while (bad != 0) { /* with twice its diagonal any Gram matrix is definite */
    if (more > 1e4) BVL_TRY(bvl_fail(BVL_ERR_INPUT, "the Gram matrix is not finite"));
    BVL_TRY(bvl_block_cyclic_take(g->G, n, index, g->factor));
    bvl_block_cyclic_shift(g->factor, extra);
    if (more > 0) {
      BVL_TRY(bvl_block_cyclic_diagonal(g->factor, diagonal));
      for (int64_t k = 0; k < n; k++) diagonal[k] = more * (diagonal[k] > 0 ? diagonal[k] : 1);
      bvl_block_cyclic_shift(g->factor, diagonal);
    }
    BVL_TRY(bvl_block_cyclic_factor(g->factor, PIVOT_FLOOR, &bad));
    more = more > 0 ? 100 * more : FIRST_SHIFT;
  }
  g->n_factor = n;
  for (int64_t k = 0; k < n; k++) g->in_factor[k] = index[k];
cleanup:
  if (status != BVL_OK) g->n_factor = 0;
  free(diagonal);
  return status;
}
