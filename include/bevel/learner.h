/* SPDX-License-Identifier: BSD-3-Clause */
/** @file bevel/learner.h
 * Networks on the same data: training, parameters, prediction. */
#ifndef BEVEL_LEARNER_H
#define BEVEL_LEARNER_H

#include <stdint.h>

#include "bevel/grid.h"
#include "bevel/monitor.h"
#include "bevel/penalty.h"
#include "bevel/source.h"
#include "bevel/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A network on the rows it learns from,
 *
 *     (1/n) sum_i w_i loss(y_i, net(x~_i; b)) + lambda Pen(weights) + (weight_decay / 2) ||b||^2,
 *
 * x~ = (x - center) / scale. Rows are cut over the grid's rows; a dense first layer over its
 * columns. Opaque. */
typedef struct bvl_learner bvl_learner;

/** All open: set to the defaults by bvl_learner_options_init, then changed. Must agree on all
 * ranks. Strings are borrowed during create. */
typedef struct bvl_learner_options {
  /** "784-300-10": dense layers; "lenet300", "lenet5"; or a line a layer, as in
   * "input 1x28x28\nconv 20 5x5\npool 2x2\ndense 10". Inputs are X's columns. */
  const char *layers;
  const char *activation; /**< "relu" (default), "tanh", "linear": but of the last layer */
  /** What the outputs are: "gaussian" (means; default), "binomial" (one log-odds), "poisson" (one
   * log-mean), "multinomial" (log-probabilities of classes 0, 1, ... up to a constant) */
  const char *family;
  int64_t n_responses; /**< values of "y" a row: gaussian outputs; 1 (default) elsewhere */
  const char *penalty; /**< NULL (default) = none, "lasso", "lq", "group-lasso", "group-lq": weights
                            as products of factors; "hoyer-square", "group-hs" */
  const bvl_penalty_parameters *parameters; /**< of the penalty; NULL = its defaults */
  const char *structure; /**< groups: "input" (default; what an input sends out), "neuron" (what a
                              neuron or filter gathers). "neuron", "group-hs": a grid of 1 column */
  double lambda;         /**< level of the penalty, 0 */
  double weight_decay;   /**< 0 */
  int standardize;       /**< 1: inputs by their mean and deviation; 0 (default): as they are */
  int single;            /**< 1 (default): products in float32; 0: in float64. Sums are double */
  const char *optimizer; /**< "adam" (default), "sgd", "momentum", "lbfgs" */
  const char *schedule;  /**< of the rate: "cosine" (default), "step", "constant" */
  double step;           /**< learning rate, 1e-3; lbfgs has none */
  int64_t epochs;        /**< 100; lbfgs: iterations */
  int64_t batch;         /**< rows a minibatch, 100; 0 = all, which lbfgs always takes */
  uint64_t seed;         /**< of the start and the order of minibatches, 1 */
  void *context;         /**< handed to read_rows */
  /** Fills out with "y" (n_responses a row) or "weights" of input rows row0 .. row0 + count - 1;
   * collective; sets *present = 0 (and nothing else) when there are none. Used during create. */
  bvl_status (*read_rows)(void *context, const char *what, int64_t row0, int64_t count, double *out,
                          int *present);
} bvl_learner_options;

/** Sets the defaults above. Not collective. */
void bvl_learner_options_init(bvl_learner_options *options);

/** Reads X and y, lays the network out and draws its start (weights N(0, 2 / fan-in) before relu,
 * N(0, 1 / fan-in) elsewhere; biases 0; the same at every rank count).
 *
 * Collective over the grid.
 *
 * @param[in]  grid     outlives the learner.
 * @param[in]  source   X, n x p; used only during the call.
 * @param[in]  options  used only during the call.
 * @param[in]  monitor  borrowed until destroy; NULL = none.
 * @param[out] out      the caller's, freed by bvl_learner_destroy; NULL on failure.
 * @return BVL_OK; BVL_ERR_USAGE (layers that do not fit X or the family, an unknown word, a batch
 *         above n, a grid that the layers cannot be cut over), BVL_ERR_INPUT (labels, NaN, with
 * their row), BVL_ERR_NOMEM, BVL_ERR_MPI: the same on every rank.
 */
bvl_status bvl_learner_create(const bvl_grid *grid, const bvl_source *source,
                              const bvl_learner_options *options, const bvl_monitor *monitor,
                              bvl_learner **out);

/** Frees it and nulls the handle; NULL is fine. Not collective. */
void bvl_learner_destroy(bvl_learner **learner);

/** Trains to the last epoch, or goes on after an interruption. A loss that is no number ends it
 * with `diverged` and the parameters of the last good epoch.
 *
 * Collective. A minibatch is a gather of the parameters and a sum of the gradient along the grid
 * column, and where the grid has several columns a sum of the first layer's outputs along the row.
 *
 * @return BVL_OK (look at bvl_learner_figures), BVL_ERR_INTERRUPTED after a wanted stop,
 *         BVL_ERR_MPI.
 */
bvl_status bvl_learner_train(bvl_learner *learner);

/** What training came to. */
typedef struct bvl_learner_figures {
  int64_t epochs;    /**< done */
  int diverged;      /**< the loss became no number */
  double loss;       /**< (1/n) sum w_i loss of all rows, without penalties */
  double accuracy;   /**< share (of weight) of labels with the largest output; NaN without labels */
  double l1;         /**< sum of |b|, weights and biases */
  int64_t n_nonzero; /**< parameters that are not 0 */
  int64_t n_all;     /**< parameters */
} bvl_learner_figures;

/** A pass over the rows. Collective; two reductions. @return BVL_OK or BVL_ERR_MPI. */
bvl_status bvl_learner_measure(bvl_learner *learner, bvl_learner_figures *out);

/** All parameters, layer by layer: weights outputs x inputs, row-major (convolutions outputs x
 * channels x height x width), then biases, of inputs that are x~.
 *
 * Collective; one allreduce of n doubles.
 *
 * @param[in]  learner  trained or not.
 * @param[in]  n        bvl_learner_figures.n_all.
 * @param[out] out      n, caller's, replicated.
 * @return BVL_OK, BVL_ERR_USAGE (another n), BVL_ERR_MPI.
 */
bvl_status bvl_learner_parameters(bvl_learner *learner, int64_t n, double *out);

/** The last layer's outputs for other rows of the same columns, standardised as those learnt from.
 *
 * Collective; one allreduce of m * K doubles, K the number of outputs.
 *
 * @param[in]  learner  trained or not.
 * @param[in]  source   m x p; used only during the call.
 * @param[out] out      m x K, row-major, caller's, replicated.
 * @return BVL_OK, BVL_ERR_USAGE (another p), BVL_ERR_INPUT (NaN), BVL_ERR_NOMEM, BVL_ERR_MPI.
 */
bvl_status bvl_learner_predict(bvl_learner *learner, const bvl_source *source, double *out);

#ifdef __cplusplus
}
#endif
#endif
