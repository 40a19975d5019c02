/* SPDX-License-Identifier: BSD-3-Clause */
/* Products with the intercept's column of ones and the unpenalised columns. */
#include "model/free_block.h"

#include <string.h>

void bvl_free_correlate(const bvl_problem *problem, const double *r, double *out)
{
  const int64_t b = problem->intercept; /* columns before the unpenalised ones */
  const int64_t n = bvl_problem_n_split(problem);
  for (int64_t i = 0; b && i < n; i++) out[0] += r[i];
  bvl_active_adjoint(problem->free_columns, r, out + b);
}

bvl_status bvl_free_gram(const bvl_problem *problem, const double *h, double *scratch, double *out)
{
  bvl_active *F = problem->free_columns;
  const int64_t b = problem->intercept;
  const int64_t m = bvl_free_width(problem);
  const int64_t n = bvl_problem_n_split(problem);
  for (int64_t i = 0; b && i < n; i++) out[0] += h[i];
  if (F->n_cols == 0) return BVL_OK;
  bvl_status status = bvl_active_gram(F, h, 0, scratch);
  for (int64_t l = 0; l < F->n_cols; l++)
    memcpy(out + b + (b + l) * m, scratch + l * F->n_cols, (size_t)F->n_cols * sizeof *out);
  if (b) bvl_active_adjoint(F, h, out + b);
  for (int64_t l = 0; b && l < F->n_cols; l++) out[(1 + l) * m] = out[1 + l];
  return status;
}

void bvl_free_add_step(const bvl_problem *problem, double t, const double *step, double *scratch,
                       const double *from, double *to)
{
  const bvl_active *F = problem->free_columns;
  const int64_t b = problem->intercept;
  const int64_t n = bvl_problem_n_split(problem);
  const double shift = b ? t * step[0] : 0;
  for (int64_t i = 0; i < n; i++) to[i] = from[i] + shift;
  if (F->n_cols == 0) return;
  for (int64_t k = 0; k < F->n_cols; k++) scratch[k] = t * step[b + k];
  bvl_active_forward(F, scratch, to);
}
