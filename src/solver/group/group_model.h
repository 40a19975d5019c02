/* SPDX-License-Identifier: BSD-3-Clause */
/* Solves a few lambdas on the working set, convex group penalties, any loss: bvl_group_newton's
 * method. The lambdas of a batch start from the quadratic extrapolation of the last three and step
 * together, at one matrix, which is made anew when a step gains too little.
 *
 * By rows (few rows, any number of columns): the columns of the set are dealt whole to the ranks
 * (bvl_dealt), vectors over rows are replicated. A step of k lambdas costs a reduction of k (n + m)
 * to rank 0 and a broadcast of k (n + m), m active groups; a new matrix a reduction of n^2 / 2 and
 * one of n m.
 * By the Gram (tall: d columns in the set, any number of rows): rank 0 has the set's Gram, weighted
 * for losses that are not quadratic, and n is d above. A quadratic then needs no rows at all;
 * other losses a pass over the set's rows and a reduction of k d a step, and of d^2 where the
 * curvature is renewed. */
#ifndef BVL_SOLVER_GROUP_MODEL_H
#define BVL_SOLVER_GROUP_MODEL_H

#include "solver/scalar/batch_model.h"

enum { BVL_GROUP_MAX_ROWS = 8192 }; /* an n x n factor of 512 MB on rank 0 */

/** Lambdas at a time where steps are by the Gram: next to a new factor a sweep is cheap, and one
 * factor serves few lambdas well. Group lasso n=20000 x p=2000 to 0.01, 1 rank: 8, 4, 3 at a time
 * take 5.7, 4.1, 4.0 s gaussian, 27, 19, 24 s binomial. */
enum { BVL_GROUP_TALL_BATCH = 4 };

typedef struct bvl_group_model bvl_group_model; /* opaque */

/** Convex group penalty. Not collective. */
int bvl_group_model_fits(const bvl_problem *problem);
/** Is a problem of n rows and p columns for the Gram? Not collective. */
int bvl_group_model_is_tall(int64_t n, int64_t p);

/** @param set  borrowed. Collective. */
bvl_status bvl_group_model_create(bvl_problem *problem, bvl_working_set *set,
                                  bvl_group_model **out);
void bvl_group_model_destroy(bvl_group_model **model);

/** As bvl_batch_model_solve; lambdas descend and are positive. Collective. */
bvl_status bvl_group_model_solve(bvl_group_model *model, int64_t batch, const double *lambdas,
                                 double tol, int64_t max_iter, const bvl_watch *watch,
                                 double *answer);

/** Of the last batch only the first `accepted` lambdas stand: the next batch starts from there; or,
 * after bvl_group_model_forget, from set->b. Not collective. */
void bvl_group_model_keep(bvl_group_model *model, int64_t accepted);
void bvl_group_model_forget(bvl_group_model *model);

#endif
