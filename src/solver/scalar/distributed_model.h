/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches of lambdas for a quadratic loss when the Gram is too large for one rank: the same task as
 * bvl_batch_model's, on bvl_distributed_gram. Rank 0 leads (bvl_distributed_newton), all ranks
 * carry out what it asks for: a product, a factor, a solve. So no branch of another rank depends on
 * arithmetic of its own.
 * Per call: one broadcast of two integers, one of the vector, one reduction of as many doubles. */
#ifndef BVL_SOLVER_DISTRIBUTED_MODEL_H
#define BVL_SOLVER_DISTRIBUTED_MODEL_H

#include "solver/null_fit.h"
#include "solver/scalar/batch_model.h"
#include "solver/working_set.h"

enum { BVL_GRAM_LIMIT = 8000 }; /* default: unknowns from which on the Gram is distributed */

typedef struct bvl_distributed_model bvl_distributed_model; /* opaque */

/** Whether the set's Gram is to be distributed now: set->gram, and its size. Not collective; the
 * same on every rank. */
int bvl_distributed_model_wanted(const bvl_working_set *set);

/** @param set  borrowed; frees the Gram it has on rank 0. Collective. */
bvl_status bvl_distributed_model_create(bvl_problem *problem, bvl_working_set *set,
                                        bvl_distributed_model **out);
void bvl_distributed_model_destroy(bvl_distributed_model **model);

/** Solves lambdas[0..batch) from set->b, each from the one before, to a residual of tol * lambda in
 * at most max_iter steps (0 = a default). null: in step with the set. answer (rank 0; batch x
 * (d + 2)) as in bvl_batch_model_solve. Collective. */
bvl_status bvl_distributed_model_solve(bvl_distributed_model *model, int64_t batch,
                                       const double *lambdas, const bvl_null_fit *null, double tol,
                                       int64_t max_iter, const bvl_watch *watch, double *answer);

#endif
