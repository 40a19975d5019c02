/* SPDX-License-Identifier: BSD-3-Clause */
/* The unpenalised fit on given columns: what a relaxed lasso goes towards. */
#ifndef BVL_MODEL_REFIT_H
#define BVL_MODEL_REFIT_H

#include "model/problem.h"

typedef struct bvl_refit {
  double loss;     /* (1/n) sum w loss */
  double gradient; /* largest |x~_j'r / n| over the columns and, with one, the intercept */
  int finite;      /* 0: there is no finite fit (classes that the columns separate), or none was
                      found; the rest is undefined */
} bvl_refit;

/** Minimises (1/n) sum_i w_i loss(y_i, o_i + b0 + x~_i'b) over the intercept, if the problem has
 * one, and the m columns of `columns`, all other coefficients 0: Newton. One output alone.
 *
 * Collective over the grid: a small reduction of m^2 doubles an iteration; X itself is read twice,
 * at the start's nonzeros.
 *
 * @param[in]     columns  a set of columns of the problem's X.
 * @param[in,out] point    where to start from, 0 outside of the set; the fit.
 * @return BVL_OK also without a finite fit, BVL_ERR_NOMEM, BVL_ERR_MPI. */
bvl_status bvl_problem_refit(bvl_problem *problem, bvl_active *columns, bvl_point *point,
                             bvl_refit *out);

#endif
