/* SPDX-License-Identifier: BSD-3-Clause */
/* Upper bounds of each block's part of the loss's Hessian, for penalties whose zeros are judged by
 * the prox at that curvature (bvl_penalty_type.rest):
 *
 *   h_g = largest absolute row sum of X~_g' diag(h) X~_g / n   (Gershgorin; one column: its square)
 *
 * h = w (gaussian), w / 4 (binomial: the bound of the curvature at every point, so that the prox
 * majorises), w mu at the point (poisson, whose curvature has no bound). Standardised single
 * columns have x~'diag(w)x~ / n = 1 and need no pass. Traffic: a reduction of sum m_g^2 along the
 * grid column, in parts of at most a megabyte or a block; poisson, a gather of n_local more. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/phase.h"
#include "model/problem.h"

enum { PART = 1 << 17 };

/* The upper triangle of this rank's rows of X~_g' diag(h) X~_g, m x m; x is n_local x m scratch. */
static bvl_status add_gram(bvl_problem *problem, int64_t g, const double *h, double *x,
                           double *unit, double *gram)
{
  const int64_t n = problem->X->rows.n_local;
  const int64_t p_local = problem->X->columns.p_local;
  const int64_t begin = problem->blocks.begin[g];
  const int64_t m = bvl_block_len(&problem->blocks, g);
  memset(x, 0, (size_t)(n * m) * sizeof *x);
  for (int64_t k = 0; k < m; k++) {
    const int64_t column = begin + k;
    unit[column] = 1;
    const bvl_status status = bvl_design_forward_local(problem->X, 0, n, 1, &column, 1, unit,
                                                       p_local, x + k * n, bvl_greater(n, 1));
    unit[column] = 0;
    if (status != BVL_OK) return status;
  }
  for (int64_t l = 0; l < m; l++)
    for (int64_t k = 0; k <= l; k++) {
      double sum = 0;
      for (int64_t i = 0; i < n; i++) sum += h[i] * x[i + k * n] * x[i + l * n];
      gram[k + l * m] = sum;
    }
  return BVL_OK;
}

static double row_sum_bound(int64_t m, const double *gram)
{
  double largest = 0;
  for (int64_t k = 0; k < m; k++) {
    double row = 0;
    for (int64_t l = 0; l < m; l++) row += fabs(k < l ? gram[k + l * m] : gram[l + k * m]);
    largest = fmax(largest, row);
  }
  return largest;
}

/* Of all blocks, from block rows h (already divided by n). */
static bvl_status sum_blocks(bvl_problem *problem, const double *h)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const bvl_blocks *blocks = &problem->blocks;
  const int64_t room = bvl_greater(PART, blocks->max_len * blocks->max_len);
  double *x = NULL;
  double *unit = NULL;
  double *gram = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&x, problem->X->rows.n_local * blocks->max_len)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&unit, problem->X->columns.p_local)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&gram, room)));
  for (int64_t from = 0, to = 0; from < blocks->n; from = to) {
    int64_t used = 0;
    for (to = from; to < blocks->n; to++) {
      const int64_t m = bvl_block_len(blocks, to);
      if (used + m * m > room) break;
      if (status == BVL_OK && blocks->weight[to] < INFINITY)
        status = add_gram(problem, to, h, x, unit, gram + used);
      used += m * m;
    }
    BVL_TRY(bvl_agree(&problem->grid->col, status));
    BVL_TRY(bvl_sum(&problem->grid->col, gram, used));
    used = 0;
    for (int64_t g = from; g < to; g++) {
      const int64_t m = bvl_block_len(blocks, g);
      problem->curvature[g] = row_sum_bound(m, gram + used);
      used += m * m;
    }
  }
cleanup:
  status = bvl_agree(all, status);
  free(gram);
  free(unit);
  free(x);
  return status;
}

bvl_status bvl_problem_set_curvature(bvl_problem *problem, const double *eta)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const bvl_penalty_type *type = problem->penalty.type;
  const double bound = problem->loss->curvature_bound;
  double *h = NULL;
  double *rows = NULL;
  if (type->rest == NULL || (problem->curvature != NULL && isfinite(bound))) return BVL_OK;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_SCREEN);
  if (problem->curvature == NULL)
    BVL_TRY(bvl_agree(all, BVL_ALLOC(&problem->curvature, problem->blocks.n)));
  if (isfinite(bound) && !type->grouped && problem->standardize) {
    for (int64_t g = 0; g < problem->blocks.n; g++) problem->curvature[g] = bound;
    goto cleanup;
  }
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&rows, problem->X->rows.n_local)));
  if (isfinite(bound)) {
    for (int64_t i = 0; i < problem->X->rows.n_local; i++)
      rows[i] = problem->w[i] * bound / (double)problem->n;
  } else {
    const int64_t split0 = problem->X->rows.split0;
    BVL_TRY(bvl_agree(all, BVL_ALLOC(&h, bvl_problem_n_split(problem))));
    bvl_loss_eval(problem->loss, bvl_problem_n_split(problem), problem->y + split0,
                  problem->w + split0, eta, NULL, h);
    BVL_TRY(bvl_problem_spread_rows(problem, 1, h, rows));
  }
  BVL_TRY(sum_blocks(problem, rows));
cleanup:
  bvl_phase_leave(before);
  free(rows);
  free(h);
  return status;
}
