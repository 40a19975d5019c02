/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel pareto: the front between a network's training loss and the l1 (or group-l1) norm of all
 * its weights and biases, by continuation, and by the two methods it is compared with. A network of
 * one layer is a generalised linear model. */
#ifndef BVL_RUN_PARETO_H
#define BVL_RUN_PARETO_H

#include "net/front/front.h"
#include "net/sparse/sparsity.h"
#include "run/network.h"

typedef enum bvl_front_method {
  BVL_FRONT_CONTINUATION,
  BVL_FRONT_WEIGHTED_SUM, /* Adam from scratch for each of `points` weights */
  BVL_FRONT_LAMBDA_PATH   /* proximal gradients, each lambda from the next smaller one */
} bvl_front_method;

typedef struct bvl_pareto_options {
  bvl_network_options network;
  const char *output;
  bvl_front_method method;
  bvl_structure structure; /* BVL_BY_ELEMENT: l1; BVL_BY_INPUT: sum of the norms of what each input
                              sends out, over the root of their number; biases one by one */
  int64_t points;          /* the front's, or weights, or lambdas; >= 2 */
  double norm_max;         /* the dense end's norm; 0 = where training from a random start ends */
  int64_t starts;          /* dense ends to come down from, >= 1 */
  int64_t sweeps;          /* up and down again at most so often, while it pays */
  bvl_stir stir;           /* minibatch steps before each correction; 0 epochs = none */
  bvl_corrector_limits limits;
  double lambda_min, lambda_max; /* of the lambda path */
  bvl_optim_options optim;       /* of the dense ends (epochs 0: none) and of weighted sums */
  double max_seconds;
  const char *checkpoint; /* of a continuation; NULL = none */
  double checkpoint_every_s;
  int resume;
} bvl_pareto_options;

/** Continuation, 25 points, 1 start, 1 sweep, Adam 1e-3 for 20 epochs. */
void bvl_pareto_options_init(bvl_pareto_options *options);

typedef struct bvl_pareto_outcome {
  int64_t n, p, n_train, n_test, n_params;
  int64_t points;       /* found */
  int64_t converged;    /* of these: their violation is at most tol lambda */
  int64_t nondominated; /* by another point of the same run */
  double norm_max;
  double best_test_accuracy; /* NaN without test rows or labels */
  double worst_violation;    /* relative to lambda */
  int grid_rows, grid_cols;
  double load_s, solve_s, write_s;
} bvl_pareto_outcome;

/** Collective over comm. @return BVL_OK, BVL_ERR_INTERRUPTED, or why not; the same on every rank.
 */
bvl_status bvl_run_pareto(MPI_Comm comm, const bvl_pareto_options *options,
                          const bvl_monitor *monitor, bvl_pareto_outcome *outcome);

#endif
