/* SPDX-License-Identifier: BSD-3-Clause */
/* The linear solve of bvl_distributed_newton: factor of a recent active set, border, CG. */
#ifndef BVL_SOLVER_DISTRIBUTED_STEP_H
#define BVL_SOLVER_DISTRIBUTED_STEP_H

#include <stddef.h>

#include "solver/scalar/distributed_newton.h"

static inline double bvl_lasso_ridge(const bvl_lasso *p, int64_t k)
{
  return p->ridge != NULL ? p->ridge[k] : 0;
}

/** Notes what the factor is of now (index is copied). @return BVL_ERR_NOMEM. */
bvl_status bvl_distributed_note_factor(bvl_distributed_newton *s, int64_t n, const int64_t *index);

/** s->step <- (G_AA + ridge)^-1 s->rest on s->list, to a residual whose largest entry is target;
 * s->product_step <- G step. *flat = 1: step is instead a direction of descent along which the loss
 * does not bend. */
bvl_status bvl_distributed_step(bvl_distributed_newton *s, const bvl_lasso *p, double target,
                                int *flat);

/** x'(G + ridge)x over s->list, with s->product = G x; *size <- x'diag x. */
double bvl_distributed_curvature(const bvl_distributed_newton *s, const bvl_lasso *p,
                                 const double *x, double *size);

#endif
