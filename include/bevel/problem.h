/* SPDX-License-Identifier: BSD-3-Clause */
/** @file bevel/problem.h
 * A penalised regression problem on distributed data. */
#ifndef BEVEL_PROBLEM_H
#define BEVEL_PROBLEM_H

#include <stdint.h>

#include "bevel/design.h"
#include "bevel/grid.h"
#include "bevel/penalty.h"
#include "bevel/source.h"
#include "bevel/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A penalised regression problem on distributed data,
 *
 *     (1/n) sum_i w_i loss(y_i, o_i + b0 + x~_i'b) + lambda sum_g omega_g Pen(b_g).   Opaque. */
typedef struct bvl_problem bvl_problem;

/** Everything but X that defines a problem. Vectors over samples are this rank's block of input
 * rows (see bvl_problem_rows), in input order; vectors over features are replicated, in input
 * order. All are copied. Must agree on all ranks. */
typedef struct bvl_problem_data {
  const char *family;  /**< "gaussian", "binomial", "poisson", "multinomial" */
  const char *penalty; /**< "lasso", "enet", "group-lasso", "sparse-group-lasso"; not convex: "mcp",
                            "scad", "tl1", "log", "lq", "l1-l2", and each with "group-" before it */
  const bvl_penalty_parameters *parameters; /**< of the penalty; NULL = its defaults */
  int intercept;                            /**< 1 */
  int standardize;                          /**< 1 */
  const int64_t *groups; /**< p ids, NULL = none: an error, but to l1-l2 all columns are one */
  const double *group_weights;  /**< one per distinct id ascending, NULL = sqrt(size), l1-l2: 1 */
  int64_t n_group_weights;      /**< their number: distinct ids */
  const double *penalty_factor; /**< p, NULL = ones */
  /** Bounds lower_j <= b_j <= upper_j on the input's scale, lower <= 0 <= upper, infinite ones
   * allowed; p, NULL = none. Scalar penalties alone, and not on unpenalised columns. */
  const double *lower;
  const double *upper; /**< p, >= 0; NULL = none */
  /** Values of "y" a row; 0 = 1. More: gaussian responses, a column's coefficients for all of them
   * one block of the penalty, as a multinomial family has them for its classes. */
  int64_t n_responses;
  int64_t n_slices;  /**< minibatches an epoch, 1 = none */
  int stochastic;    /**< lay X out for minibatch steps */
  int store_float32; /**< round dense float64 X to float32: all that follows is of the rounded X */
  int64_t stream_bytes; /**< 0 = X is held; else see bvl_design_options: dense X, full batches */
  void *context;        /**< handed to read_rows */
  /** Fills out with "y" (n_responses a row), "weights" or "offset" of input rows row0 .. row0 +
   * count
   * - 1; collective; sets *present = 0 (and nothing else) when there are none. Used during create.
   */
  bvl_status (*read_rows)(void *context, const char *what, int64_t row0, int64_t count, double *out,
                          int *present);
} bvl_problem_data;

/** Reads X's blocks, standardises, and checks labels and weights.
 *
 * Collective over the grid.
 *
 * @param[in]  grid    outlives the problem.
 * @param[in]  source  X; used only during the call.
 * @param[in]  data    copied or used only during the call.
 * @param[out] out     the caller's; NULL on failure.
 * @return BVL_OK; BVL_ERR_INPUT (label outside the family, negative weight, NaN, all weights 0, no
 *         finite intercept, a bound on the wrong side of 0; dataset and row in the message),
 * BVL_ERR_USAGE (unknown family or penalty; bounds with a group penalty), BVL_ERR_NOMEM,
 * BVL_ERR_MPI: the same on every rank.
 */
bvl_status bvl_problem_create(const bvl_grid *grid, const bvl_source *source,
                              const bvl_problem_data *data, bvl_problem **out);
/** Frees it and nulls the handle; NULL is fine. Not collective. */
void bvl_problem_destroy(bvl_problem **problem);

/** The problem's design matrix, owned by the problem. Not collective. */
bvl_design *bvl_problem_design(bvl_problem *problem);
/** Coefficients a column has: responses or classes, 1 otherwise. Not collective. */
int64_t bvl_problem_outputs(const bvl_problem *problem);
/** Mean loss of the null model (intercept, offset, unpenalised columns) less that of the saturated
 * one: half the null deviance per unit of weight, what gaps are relative to. Not collective. */
double bvl_problem_null_deviance_half(const bvl_problem *problem);

#ifdef __cplusplus
}
#endif
#endif
