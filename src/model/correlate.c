/* SPDX-License-Identifier: BSD-3-Clause */
/* V = X~'R / n for residuals as the solvers hold them, split over all ranks: of all columns, or to
 * full precision only of those that the rounded copy of X cannot prove to stay below their
 * thresholds.
 *
 * Traffic: one gather of n_local along the grid row and the sweep's reduction of p_local along the
 * grid column; screened, two more small ones there, of the norms and of the columns left. */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/phase.h"
#include "data/rounded.h"
#include "model/problem.h"

/* The pieces of k residual vectors, [rank][vector][row] as gathered, side by side as block rows and
 * divided by n: they are shorter than v in all problems where this counts. */
static void lay_out(const bvl_problem *problem, int64_t k, const double *gathered, double *r)
{
  const int64_t n_local = problem->X->rows.n_local;
  const int64_t size = problem->grid->row.size;
  for (int64_t j = 0; j < size; j++) {
    const int64_t begin = bvl_cut(n_local, size, j);
    const int64_t len = bvl_cut(n_local, size, j + 1) - begin;
    for (int64_t q = 0; q < k; q++)
      for (int64_t i = 0; i < len; i++)
        r[q * n_local + begin + i] = gathered[begin * k + q * len + i] / (double)problem->n;
  }
}

bvl_status bvl_problem_spread_rows(bvl_problem *problem, int64_t k, const double *r_split,
                                   double *r)
{
  bvl_status status = BVL_OK;
  const bvl_comm *row = &problem->grid->row;
  const int64_t n_local = problem->X->rows.n_local;
  int64_t *counts = NULL;
  double *gathered = NULL;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&counts, row->size)));
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&gathered, k * n_local)));
  for (int64_t j = 0; j < row->size; j++)
    counts[j] = k * (bvl_cut(n_local, row->size, j + 1) - bvl_cut(n_local, row->size, j));
  BVL_TRY(bvl_gather_all(row, r_split, counts, gathered));
  lay_out(problem, k, gathered, r);
cleanup:
  free(gathered);
  free(counts);
  return status;
}

bvl_status bvl_correlate(bvl_problem *problem, int64_t k, const double *r_split, double *v)
{
  bvl_status status = BVL_OK;
  double *r = NULL;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_SCREEN);
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&r, k * problem->X->rows.n_local)));
  BVL_TRY(bvl_problem_spread_rows(problem, k, r_split, r));
  bvl_phase_enter(BVL_PHASE_SWEEP);
  BVL_TRY(bvl_design_adjoint(problem->X, 0, NULL, k, r, v, 0, NULL));
cleanup:
  bvl_phase_leave(before);
  free(r);
  return status;
}

/* ---- screened ---------------------------------------------------------------------------------
 */

/* Are both block g's true v and the rounded one at or below the threshold at every lambda, and beta
 * 0? A NaN bounds nothing. limit = thresholds / (lambda weight). */
static int is_below(const bvl_problem *problem, int64_t g, int64_t k, const double *limit,
                    const double *beta, const double *v, const double *norm)
{
  const int64_t begin = problem->blocks.begin[g];
  const int64_t m = bvl_block_len(&problem->blocks, g);
  const int64_t p_local = problem->X->columns.p_local;
  const double error = bvl_block_norm(m, bvl_rounded_error(problem->rounded) + begin);
  for (int64_t q = 0; q < k; q++) {
    const int64_t at = begin + q * p_local;
    if (!(bvl_block_norm(m, v + at) + error * norm[q] <= limit[q])) return 0;
    for (int64_t c = 0; c < m; c++)
      if (beta[at + c] != 0) return 0;
  }
  return 1;
}

/* The columns that need X itself, the same on all ranks of a grid column. */
static int64_t list_columns(const bvl_problem *problem, int64_t k, const double *lambda,
                            const double *beta, const double *v, const double *norm, double *limit,
                            int64_t *cols)
{
  const bvl_blocks *blocks = &problem->blocks;
  double weight = NAN; /* that limit was made for: blocks of one weight come in long runs */
  int64_t n_cols = 0;
  for (int64_t g = 0; g < blocks->n; g++) {
    if (blocks->weight[g] == INFINITY) continue;
    const bvl_penalty pen = bvl_problem_penalty(problem, g);
    for (int64_t q = 0; q < k && (pen.type->rest != NULL || blocks->weight[g] != weight); q++)
      limit[q] = bvl_penalty_threshold(&pen, lambda[q] * blocks->weight[g]);
    weight = blocks->weight[g];
    if (weight > 0 && is_below(problem, g, k, limit, beta, v, norm)) continue;
    for (int64_t c = blocks->begin[g]; c < blocks->begin[g + 1]; c++) cols[n_cols++] = c;
  }
  return n_cols;
}

bvl_status bvl_correlate_screened(bvl_problem *problem, int64_t k, const double *lambda,
                                  const double *beta, const double *r_split, double *v)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const bvl_comm *col = &problem->grid->col;
  const int64_t p_local = problem->X->columns.p_local;
  double *r = NULL;
  double *norm = NULL; /* and limits behind them */
  int64_t *cols = NULL;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_SCREEN);
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&r, k * problem->X->rows.n_local)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&norm, 2 * k)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&cols, p_local)));
  BVL_TRY(bvl_problem_spread_rows(problem, k, r_split, r));
  bvl_phase_enter(BVL_PHASE_SWEEP);
  BVL_TRY(bvl_rounded_adjoint(problem->rounded, k, r, v, norm));
  if (col->size > 1) BVL_TRY(bvl_bcast(col, 0, norm, k)); /* one list for the grid column */
  int64_t n_cols = list_columns(problem, k, lambda, beta, v, norm, norm + k, cols);
  BVL_TRY(bvl_design_adjoint(problem->X, n_cols, cols, k, r, v, 0, NULL));
cleanup:
  bvl_phase_leave(before);
  free(cols);
  free(norm);
  free(r);
  return status;
}

bvl_status bvl_problem_round(bvl_problem *problem)
{
  const bvl_design *X = problem->X;
  if (problem->rounded != NULL || !bvl_rounded_pays(X->format, X->dtype, problem->n)) return BVL_OK;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_STANDARDIZE);
  const bvl_status status = bvl_rounded_create(problem->X, &problem->rounded);
  bvl_phase_leave(before);
  return status;
}
