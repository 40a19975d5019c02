/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs of lambdas, several at once, where one of the models beside this file solves a few of them
 * on the working set alone: bvl_batch_model (scalar convex penalties), bvl_group_model,
 * bvl_multi_model, bvl_concave_model.
 *
 *   widen W for the whole batch (strong rule at its last lambda) -> rank 0 solves every lambda of
 * the batch from the Gram of W alone -> one sweep over X certifies them all -> the lambdas before
 * the first violation are finished, the rest start again with the violators in W
 *
 * The batch is as long as the number of columns the strong rule would add allows.
 * Per batch: one reduction of counts, the working set's growth, one broadcast of batch x d, the
 * certificate's traffic for the batch. */
#ifndef BVL_SOLVER_GRAM_PATH_H
#define BVL_SOLVER_GRAM_PATH_H

#include "solver/solver.h"
#include "solver/working_set.h"

typedef struct bvl_gram_path bvl_gram_path; /* opaque */

/** Can this problem be solved so? Not collective. */
int bvl_gram_path_fits(const bvl_problem *problem);

/** @param set  the working set to use; borrowed, may be used by others between runs. Collective. */
bvl_status bvl_gram_path_create(bvl_problem *problem, bvl_working_set *set, bvl_gram_path **out);
void bvl_gram_path_destroy(bvl_gram_path **path);

/** Solves lambdas[0..n) (descending) from state; control->finished is called for each as it is
 * certified. `*n_done` of them are finished on return: fewer than n when time is up, when a stop is
 * wanted (BVL_ERR_INTERRUPTED) or, *general = 1, when the next lambda needs the general solver.
 * Rank 0's control->watch may cut a lambda short, which then is not finished. Needs state->v.
 * Collective. */
bvl_status bvl_gram_path_run(bvl_gram_path *path, int64_t n, const double *lambdas,
                             bvl_solve_state *state, bvl_solve_control *control, int64_t *n_done,
                             int *general);

#endif
