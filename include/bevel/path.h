/* SPDX-License-Identifier: BSD-3-Clause */
/** @file bevel/path.h
 * Regularization paths: options, solving, points with their certificates. */
#ifndef BEVEL_PATH_H
#define BEVEL_PATH_H

#include <stdint.h>

#include "bevel/monitor.h"
#include "bevel/problem.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A regularization path: one certified fit per lambda. Opaque. */
typedef struct bvl_path bvl_path;

/** Which engine solves a path; `bevel help solvers` has what each takes. */
typedef enum bvl_solver {
  BVL_SOLVER_AUTO,     /**< certified working-set solver; what `newton` is today */
  BVL_SOLVER_NEWTON,   /**< working sets, second order inside */
  BVL_SOLVER_CD,       /**< the same with coordinate descent inside: fallback and oracle */
  BVL_SOLVER_SGD,      /**< this and the next three on the surrogate's factors: minibatches, */
  BVL_SOLVER_MOMENTUM, /**< with momentum, */
  BVL_SOLVER_ADAM,     /**< with Adam's steps, */
  BVL_SOLVER_LBFGS,    /**< all rows, L-BFGS */
  BVL_SOLVER_VARPRO,   /**< variable projection: gaussian family, Newton on the outer variable */
  BVL_SOLVER_ADMM      /**< splits loss and penalty: every penalty that has a prox */
} bvl_solver;

/** Where the certified solver keeps the Gram matrix of its working set and the factor. Only a
 * gaussian family with lasso or enet can have it distributed. */
typedef enum bvl_gram {
  BVL_GRAM_AUTO,       /**< distributed once the working set is large (gram_limit) */
  BVL_GRAM_REPLICATED, /**< whole, on the rank that solves */
  BVL_GRAM_DISTRIBUTED /**< block-cyclic over all ranks, always */
} bvl_gram;

/** All open: set to the defaults by bvl_path_options_init, then changed. */
typedef struct bvl_path_options {
  bvl_solver solver;       /**< BVL_SOLVER_AUTO */
  int64_t n_lambda;        /**< 100; ignored when lambda is given */
  double lambda_min_ratio; /**< NaN = 0.01 if n < p else 1e-4 */
  const double *lambda;    /**< n_lambda values as asked for, any order, borrowed; NULL = grid.
                                Points come back in this order, solved from the largest down */
  double path_to;          /**< > 0: solve down from lambda_max to this (bevel fit); the grid's
                                intermediate points are not reported */
  double tol;              /**< 1e-8: relative duality gap; KKT residual to 100 tol */
  int64_t dfmax;           /**< stop below the first lambda with more nonzero coefficients than
                                this, which is kept (as glmnet does); < 0 (the default): never */
  int64_t max_iter;        /**< Newton / CD / L-BFGS iterations a lambda; 0 = a default */
  double max_seconds;      /**< 0 = no limit */
  bvl_gram gram;           /**< BVL_GRAM_AUTO */
  int64_t gram_limit;      /**< auto: working set columns above which it is distributed; 0 = 8000 */
  int rounded;             /**< 1: sweeps over a dense X read an 8-bit copy of it, made once, and X
                                itself only where the copy cannot prove a column inactive */
  int64_t starts;    /**< 1; more, where the penalty is not convex: the lambdas are solved that
                          many times, down, up, down ..., from the third on from points with
                          random blocks at zero, and the lowest objectives are kept */
  int polish;        /**< 1: certified engine after a surrogate solver */
  double admm_rho;   /**< ADMM: the augmented Lagrangian's, fixed; 0 = adapted */
  int64_t epochs;    /**< stochastic epochs a lambda; 0 = default */
  double step;       /**< learning rate; 0 = default from the data's curvature */
  int schedule;      /**< bvl_schedule: constant, step, cosine (default cosine) */
  const char *param; /**< factors of the surrogate solvers: "product", "difference", "power",
                          "shared", "square", "two-vector", "own-norm"; borrowed; NULL = the
                          penalty's default */
  uint64_t seed;     /**< 0: of minibatches and random starts */
  double checkpoint_every_s; /**< <= 0: only on demand */
} bvl_path_options;

/** Sets the defaults above. Not collective. */
void bvl_path_options_init(bvl_path_options *options);

/** Prepares a path: null fit, lambda_max, grid.
 *
 * Collective over the problem's grid. Two passes over X.
 *
 * @param[in]  problem  borrowed until destroy; outlives the path.
 * @param[in]  options  copied (with the lambda values); equal on all ranks.
 * @param[in]  monitor  borrowed until destroy; NULL = none.
 * @param[out] out      the caller's, freed by bvl_path_destroy; NULL on failure.
 * @return BVL_OK; BVL_ERR_USAGE (an option out of its range, a solver that does not take the
 *         penalty or family, a factor map that does not induce the penalty), BVL_ERR_NOMEM,
 * BVL_ERR_MPI: the same on every rank.
 */
bvl_status bvl_path_create(bvl_problem *problem, const bvl_path_options *options,
                           const bvl_monitor *monitor, bvl_path **out);
/** Frees it and nulls the handle; NULL is fine. Not collective. */
void bvl_path_destroy(bvl_path **path);

/** Solves every lambda that is not solved yet. Collective. When the monitor wants a checkpoint (or
 * checkpoint_every_s have passed on rank 0) calls `save(save_context)` with the path in a state
 * that bvl_path_save can write: also inside a lambda. save NULL = no checkpoints.
 * @return BVL_OK (look at each point's status), BVL_ERR_INTERRUPTED after a wanted stop, or a
 * failure. */
bvl_status bvl_path_solve(bvl_path *path, bvl_status (*save)(void *context), void *save_context);

/** Writes the whole state. Collective. @return BVL_OK or what the store's callbacks return. */
bvl_status bvl_path_save(const bvl_path *path, const bvl_store *store);
/** Takes a saved state up again, on any grid, before bvl_path_solve. Collective.
 * @return BVL_OK; BVL_ERR_USAGE when the state is of another problem, with what differs;
 *         BVL_ERR_NOMEM, or what the store's callbacks return. */
bvl_status bvl_path_restore(bvl_path *path, const bvl_store *store);

/** One fit, as stored in a result file. */
typedef struct bvl_path_point {
  double lambda;       /**< as asked for */
  double intercept;    /**< on the input's scale; the first of several */
  double *intercepts;  /**< responses or classes of them, owned by the path; NULL with one. Those of
                            classes have mean 0 */
  int64_t df;          /**< nonzero coefficients over all ranks */
  double dev_ratio;    /**< 1 - deviance / null deviance */
  double objective;    /**< of the standardised problem, penalty included */
  double dual_gap;     /**< relative to bvl_problem_null_deviance_half; NaN if not convex */
  double kkt_residual; /**< largest violation of stationarity, relative to lambda */
  int64_t iterations;  /**< of the engine, at this lambda */
  double seconds;      /**< wall clock, at this lambda; lambdas solved together share theirs */
  int status;          /**< 0 certified, 1 budget spent, 2 diverged, 3 not attempted */
  /* what a surrogate solver handed to the polish; NaN and 0 without one */
  double surrogate_objective; /**< objective at the hand-over */
  double surrogate_gap;       /**< relative duality gap at the hand-over */
  double surrogate_epochs;    /**< epochs (or evaluations) until then */
  int64_t surrogate_support;  /**< nonzero coefficients then */
  /* this rank's nonzeros on the input's scale; owned by the path. Ranks of one grid column hold the
   * same: grid row 0 speaks for all. */
  int64_t n_nonzero; /**< length of column and value */
  /** input columns, ascending by position; of K responses or classes column j is j K .. j K + K - 1
   */
  const int64_t *column;
  const double *value; /**< n_nonzero coefficients */
} bvl_path_point;

/** What happened in one batch of lambdas solved and certified together. */
typedef struct bvl_batch {
  int64_t offered;   /**< lambdas that screening looked at */
  int64_t lambdas;   /**< of these, solved and certified together: one sweep over X */
  int64_t finished;  /**< of these, accepted; the others start again in the next batch */
  int64_t before;    /**< columns in the working set */
  int64_t screened;  /**< columns that screening added */
  int64_t violators; /**< columns that the certificate added */
  int64_t after;     /**< columns left when stale ones were dropped */
  /* of those added */
  int64_t joined_here;  /**< columns that were this rank's */
  int64_t entries_sent; /**< sparse X: stored entries of these that went to other ranks */
  int surveyed;         /**< 1: its answer was surveyed for the time left */
} bvl_batch;

/** The batches of this process's bvl_path_solve, in order; owned by the path, NULL when there are
 * none (other engines, no memory for them). Not collective. */
const bvl_batch *bvl_path_batches(const bvl_path *path, int64_t *n);

/** What was expected of the rest of a path when some of it was done. */
typedef struct bvl_outlook {
  int64_t finished; /**< lambdas finished */
  double elapsed_s; /**< until then */
  double left_s;    /**< expected from there to the end */
  double support;   /**< nonzero coefficients expected at the last lambda */
} bvl_outlook;

/** The outlooks of this process's bvl_path_solve, in order; owned by the path, NULL when there are
 * none (every rank but 0; see bvl_progress.left_s). Not collective. */
const bvl_outlook *bvl_path_outlooks(const bvl_path *path, int64_t *n);

/** Points of the path. Not collective. */
int64_t bvl_path_n_lambda(const bvl_path *path);
/** The smallest lambda at which all penalised coefficients are 0. Not collective. */
double bvl_path_lambda_max(const bvl_path *path);
/** Point k, 0 <= k < bvl_path_n_lambda, in the order asked for; its pointers stay the path's. A
 * point that was not solved has status 3. Not collective. */
void bvl_path_get(const bvl_path *path, int64_t k, bvl_path_point *point);

#ifdef __cplusplus
}
#endif
#endif
