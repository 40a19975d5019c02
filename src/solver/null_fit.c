/* SPDX-License-Identifier: BSD-3-Clause */
/* Residuals at the null fit, and the set's gradient from them. */
#include "solver/null_fit.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

void bvl_null_fit_free(bvl_null_fit *fit)
{
  free(fit->b);
  free(fit->r);
  free(fit->c);
  *fit = (bvl_null_fit){0};
}

static bvl_status allocate(bvl_null_fit *fit, double **eta)
{
  bvl_status status = BVL_OK;
  const int64_t n_split = bvl_problem_n_split(fit->problem);
  BVL_TRY(BVL_ALLOC(&fit->b, fit->free_d));
  BVL_TRY(BVL_ALLOC(&fit->r, n_split));
  BVL_TRY(BVL_ALLOC(eta, n_split));
cleanup:
  return status;
}

bvl_status bvl_null_fit_create(const bvl_problem *problem, bvl_working_set *set, bvl_null_fit *out)
{
  bvl_status status = BVL_OK;
  const int64_t split0 = problem->X->rows.split0;
  double *eta = NULL;
  *out = (bvl_null_fit){.problem = problem, .set = set, .free_d = set->d, .generation = -1};
  BVL_TRY(bvl_agree(&problem->grid->all, allocate(out, &eta)));
  BVL_TRY(bvl_working_set_load(set, &problem->null_point));
  memcpy(out->b, set->b, (size_t)out->free_d * sizeof *out->b);
  bvl_working_set_eta(set, 1, set->b, set->d, eta);
  bvl_loss_eval(problem->loss, bvl_problem_n_split(problem), problem->y + split0,
                problem->w + split0, eta, out->r, NULL);
cleanup:
  free(eta);
  return status;
}

bvl_status bvl_null_fit_reserve(bvl_null_fit *fit)
{
  return BVL_GROW(&fit->c, &fit->capacity, fit->set->d);
}

bvl_status bvl_null_fit_follow(bvl_null_fit *fit)
{
  const int64_t d = fit->set->d;
  if (fit->d == d && fit->generation == fit->set->generation) return BVL_OK;
  bvl_working_set_correlate(fit->set, fit->r, fit->c);
  const bvl_status status = bvl_sum_to(&fit->problem->grid->all, 0, fit->c, d);
  for (int64_t k = 0; k < d; k++) fit->c[k] /= (double)fit->problem->n;
  fit->d = d;
  fit->generation = fit->set->generation;
  return status;
}

void bvl_null_fit_subtract(const bvl_null_fit *fit, double *b)
{
  for (int64_t k = 0; k < fit->free_d; k++) b[k] -= fit->b[k];
}

void bvl_null_fit_add(const bvl_null_fit *fit, double *b)
{
  for (int64_t k = 0; k < fit->free_d; k++) b[k] += fit->b[k];
}
