/* SPDX-License-Identifier: BSD-3-Clause */
/* Solves a few lambdas on the working set where a row has K predictors: several gaussian responses,
 * or classes. The unknowns are the set's, K coefficients each: an answer is d x K, an unknown's K
 * together, the K intercepts first where there are any.
 *
 * Classes are solved by bvl_classes_model; the rest of this is theirs too. Responses: everything
 * follows from the Gram matrix and X'R at the null fit, so rank 0 solves the whole batch alone
 * (bvl_multi_newton). Per batch: a reduction of d K when the set changed, the new part of the Gram,
 * one broadcast of the answers. */
#ifndef BVL_SOLVER_MULTI_MODEL_H
#define BVL_SOLVER_MULTI_MODEL_H

#include "solver/scalar/batch_model.h"

typedef struct bvl_multi_model bvl_multi_model; /* opaque */

/** @param set  a new working set (only free unknowns); borrowed. Collective. */
bvl_status bvl_multi_model_create(bvl_problem *problem, bvl_working_set *set,
                                  bvl_multi_model **out);
void bvl_multi_model_destroy(bvl_multi_model **model);

/** The start of the next solve <- point; set->b <- the norm of each unknown's K coefficients, which
 * is what bvl_working_set_prune asks for. Collective: one reduction along the grid row. */
bvl_status bvl_multi_model_load(bvl_multi_model *model, const bvl_point *point);

/** That start: d x K, the same on every rank; borrowed, until the next load. */
const double *bvl_multi_model_start(const bvl_multi_model *model);

/** As bvl_batch_model_solve; answer: batch x (d K + extra). Collective. */
bvl_status bvl_multi_model_solve(bvl_multi_model *model, int64_t batch, const double *lambdas,
                                 double tol, int64_t max_iter, const bvl_watch *watch,
                                 double *answer);

/** eta (n_split x K x batch) of the answers, from scratch. Collective: an agreement on memory. */
bvl_status bvl_multi_model_eta(bvl_multi_model *model, int64_t batch, const double *answer,
                               double *eta);

/** beta (p_local x K) of the set's columns <- one answer (NULL = 0); the rest untouched. Not
 * collective. */
void bvl_multi_model_scatter(const bvl_multi_model *model, const double *answer, double *beta);

#endif
