/* SPDX-License-Identifier: BSD-3-Clause */
/* Unpenalised fits: the free block (model/free.c) with the given columns in the place of the
 * problem's own unpenalised ones. */
#include "model/refit.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"

/* Where classes are separated Newton's method ends with fitted means that are 0 or 1 to rounding,
 * far beyond what data without separation lead to (R's glm warns of the same). */
static const double LEAST_CURVATURE = 1e-10;

/* Rows whose mean has run to the end of its domain, on this rank. */
static double count_extreme(const bvl_problem *problem, const double *eta)
{
  const bvl_rows *rows = &problem->X->rows;
  double count = 0;
  for (int64_t i = rows->split0; i < rows->split1; i++)
    count += problem->w[i] > 0 && problem->loss->curvature(eta[i - rows->split0]) < LEAST_CURVATURE;
  return count;
}

static bvl_status measure(bvl_problem *problem, const bvl_active *columns, double *eta,
                          bvl_refit *out)
{
  const int64_t n_split = bvl_problem_n_split(problem), m = columns->n_cols;
  double *sums = NULL; /* m gradients, the intercept's, loss, extreme rows */
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&sums, m + 3)));
  sums[m + 2] = count_extreme(problem, eta);
  sums[m + 1] = bvl_problem_residuals(problem, eta, eta);
  for (int64_t i = 0; i < n_split; i++) sums[m] += eta[i];
  bvl_active_adjoint(columns, eta, sums);
  BVL_TRY(bvl_sum(&problem->grid->all, sums, m + 3));
  if (!problem->intercept) sums[m] = 0;
  out->gradient = 0;
  for (int64_t k = 0; k <= m; k++)
    out->gradient = fmax(out->gradient, fabs(sums[k]) / (double)problem->n);
  out->loss = sums[m + 1] / (double)problem->n;
  out->finite = sums[m + 2] == 0 && isfinite(out->loss);
cleanup:
  free(sums);
  return status;
}

bvl_status bvl_problem_refit(bvl_problem *problem, bvl_active *columns, bvl_point *point,
                             bvl_refit *out)
{
  bvl_active *own = problem->free_columns;
  double *eta = NULL;
  bvl_status status = BVL_OK;
  *out = (bvl_refit){.loss = NAN, .gradient = NAN};
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&eta, bvl_problem_n_split(problem))));
  BVL_TRY(bvl_problem_eta(problem, point, eta));
  problem->free_columns = columns;
  status = bvl_problem_fit_free(problem, point, eta);
  problem->free_columns = own;
  if (status == BVL_ERR_INPUT) {
    status = BVL_OK; /* the same on every rank */
    goto cleanup;
  }
  if (status == BVL_OK) status = measure(problem, columns, eta, out);
cleanup:
  free(eta);
  return status;
}
