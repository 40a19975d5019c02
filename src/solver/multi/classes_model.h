/* SPDX-License-Identifier: BSD-3-Clause */
/* Solves a few lambdas on the working set where the K predictors of a row are those of classes: one
 * after the other, each from the last. What does not depend on the loss is bvl_multi_model's.
 * Per batch: the orders of bvl_class_work, one broadcast of the answers. */
#ifndef BVL_SOLVER_CLASSES_MODEL_H
#define BVL_SOLVER_CLASSES_MODEL_H

#include "solver/multi/multi_model.h"

typedef struct bvl_classes_model bvl_classes_model; /* opaque */

/** @param set  a new working set (only free unknowns); borrowed. Collective. */
bvl_status bvl_classes_model_create(bvl_problem *problem, bvl_working_set *set,
                                    bvl_classes_model **out);
void bvl_classes_model_destroy(bvl_classes_model **model);

/** As bvl_multi_model_solve, from start (d x K, the same on every rank). Collective. */
bvl_status bvl_classes_model_solve(bvl_classes_model *model, const double *start, int64_t batch,
                                   const double *lambdas, double tol, int64_t max_iter,
                                   const bvl_watch *watch, double *answer);

#endif
