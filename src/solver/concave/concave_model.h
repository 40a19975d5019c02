/* SPDX-License-Identifier: BSD-3-Clause */
/* Solves a few lambdas on the working set for penalties that are not convex, elementwise and of
 * groups.
 *
 * Quadratic loss: rank 0 solves the whole batch alone from the Gram matrix and one gradient
 * (bvl_concave_set). Other losses: rank 0 leads and all ranks work on their rows
 * (bvl_concave_rows). Each lambda starts from the answer of the one before, and no objective is
 * above its start's nor above that of the null fit. */
#ifndef BVL_SOLVER_CONCAVE_MODEL_H
#define BVL_SOLVER_CONCAVE_MODEL_H

#include "solver/scalar/batch_model.h"

typedef struct bvl_concave_model bvl_concave_model; /* opaque */

/** Can this problem be solved so? Not collective. */
int bvl_concave_model_fits(const bvl_problem *problem);

/** As bvl_batch_model_create and bvl_batch_model_solve. Collective. */
bvl_status bvl_concave_model_create(bvl_problem *problem, bvl_working_set *set,
                                    bvl_concave_model **out);
void bvl_concave_model_destroy(bvl_concave_model **model);
bvl_status bvl_concave_model_solve(bvl_concave_model *model, int64_t batch, const double *lambdas,
                                   double tol, int64_t max_iter, const bvl_watch *watch,
                                   double *answer);

#endif
