/* SPDX-License-Identifier: BSD-3-Clause */
/* Products with F = [1 | unpenalised columns], m of them, over this rank's split rows. Not
 * collective: callers sum over ranks. */
#ifndef BVL_MODEL_FREE_BLOCK_H
#define BVL_MODEL_FREE_BLOCK_H

#include "model/problem.h"

static inline int64_t bvl_free_width(const bvl_problem *problem)
{
  return problem->intercept + problem->free_columns->n_cols;
}

/** out (m, zero) <- F'r. */
void bvl_free_correlate(const bvl_problem *problem, const double *r, double *out);

/** out (m x m, zero) <- F' diag(h) F. scratch: m x m. @return BVL_ERR_NOMEM */
bvl_status bvl_free_gram(const bvl_problem *problem, const double *h, double *scratch, double *out);

/** to <- from + t F step. scratch: m. */
void bvl_free_add_step(const bvl_problem *problem, double t, const double *step, double *scratch,
                       const double *from, double *to);

#endif
