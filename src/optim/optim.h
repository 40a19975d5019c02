/* SPDX-License-Identifier: BSD-3-Clause */
/* Optimizers of smooth functions on a bvl_space. They know nothing of models: an objective has a
 * value, a gradient, and (for stochastic ones) minibatches. */
#ifndef BVL_OPTIM_OPTIM_H
#define BVL_OPTIM_OPTIM_H

#include <stdint.h>

#include "bevel/monitor.h"
#include "optim/space.h"

typedef struct bvl_objective {
  bvl_space space;
  int64_t n_batches; /* minibatches an epoch; 1 = none */
  void *context;
  /** Value and gradient at theta (n_local) over minibatch `batch`, or over everything for batch =
   * -1. Collective; two reductions (one along each side of the grid). `*value` and `*wants` (OR of
   * bvl_monitor.poll over all ranks; rides in the reductions) come out equal on all ranks. */
  bvl_status (*eval)(void *context, const double *theta, int64_t batch, double *value, double *grad,
                     int *wants);
} bvl_objective;

typedef enum bvl_schedule {
  BVL_SCHEDULE_CONSTANT,
  BVL_SCHEDULE_STEP,
  BVL_SCHEDULE_COSINE
} bvl_schedule;
typedef enum bvl_optimizer {
  BVL_OPTIM_SGD,
  BVL_OPTIM_MOMENTUM,
  BVL_OPTIM_ADAM,
  BVL_OPTIM_LBFGS
} bvl_optimizer;

/** The step-size factor at epoch e (from 0, may be fractional) of `epochs`: 1; 0.1^(number of
 * thirds passed); (1 + cos(pi e / epochs)) / 2. */
double bvl_schedule_factor(bvl_schedule schedule, double epoch, double epochs);

typedef enum bvl_stop {
  BVL_STOP_CONVERGED, /**< the tolerance is met, or no step lowers the value in floating point */
  BVL_STOP_MAX_ITER,
  BVL_STOP_DIVERGED,
  BVL_STOP_WANTED /**< the monitor asked: state is whole, call again to go on */
} bvl_stop;

typedef struct bvl_optim_options {
  bvl_optimizer method;
  bvl_schedule schedule;
  double step;                  /* > 0: learning rate of the stochastic methods */
  double momentum;              /* in [0, 1): 0.9 */
  double beta1, beta2, epsilon; /* Adam: 0.9, 0.999, 1e-8 */
  int64_t epochs;               /* >= 1, stochastic: length of the schedule */
  int64_t memory;               /* 1..100: L-BFGS pairs, 10 */
  double gradient_tol;          /* L-BFGS: ||grad|| <= tol * max(1, |value|) */
  double decrease_tol;          /* L-BFGS: stop when the value falls by less than this times |value|
                                   over 5 iterations; 0 = off */
  uint64_t seed;                /* order of the minibatches */
} bvl_optim_options;

/** The defaults above; step 0.01, 100 epochs, cosine, both tolerances 0. */
void bvl_optim_options_init(bvl_optimizer method, bvl_optim_options *options);

/** The optimizer's own memory between calls, so that a run can stop at any step, be saved, and go
 * on. Opaque. Vectors are as long as the space's n_local. */
typedef struct bvl_optim bvl_optim;

/** Collective over the space's communicator; one small reduction.
 *
 * @param[in]  objective  borrowed until destroy.
 * @param[in]  options    copied; equal on all ranks.
 * @return BVL_OK, BVL_ERR_USAGE (an option out of its range) or BVL_ERR_NOMEM, on every rank. */
bvl_status bvl_optim_create(const bvl_objective *objective, const bvl_optim_options *options,
                            bvl_optim **out);
/** Frees it and nulls the handle; NULL is fine. Not collective. */
void bvl_optim_destroy(bvl_optim **optim);

typedef struct bvl_optim_outcome {
  bvl_stop stop;
  double value; /* stochastic: mean minibatch value over the last whole epoch (NaN before the
                   first); L-BFGS: the value at theta */
  double gradient_norm; /* L-BFGS only */
  int64_t evaluations;  /* of eval, since create */
  int64_t iterations;   /* steps, since create */
  double epochs;        /* data seen since create, in epochs */
  int wants;            /* what the monitor wanted */
} bvl_optim_outcome;

/** Runs until `until`: epochs of the schedule (stochastic; at most options.epochs) or iterations
 * since create (L-BFGS), or until the tolerance. theta (n_local) is updated in place. Minibatch
 * order in epoch e is a permutation drawn from (seed, e). Stops at a step boundary when the monitor
 * wants something (BVL_STOP_WANTED). Collective: stochastic methods reduce nothing beyond eval,
 * L-BFGS once an evaluation. A non-finite value or gradient norm ends in BVL_STOP_DIVERGED with
 * theta at the last epoch's start that had a finite value (stochastic; a later call goes on from
 * there with empty momenta) or at the last iterate (L-BFGS, after ever shorter steps). */
bvl_status bvl_optim_run(bvl_optim *optim, double until, double *theta, bvl_optim_outcome *outcome);

/** Forgets curvature pairs, momenta and moments (after theta was changed from outside: re-seeding,
 * another lambda), keeping the counters. Not collective. */
void bvl_optim_reset(bvl_optim *optim);

/** Multiplies the learning rate of the steps to come. Not collective; equal on all ranks. */
void bvl_optim_scale_step(bvl_optim *optim, double factor);

/** Visits everything needed to go on, in a fixed order: `number` is called for each scalar,
 * `vector` for each n_local vector with its name. The visitor copies out (saving) or in
 * (restoring). */
typedef struct bvl_optim_visitor {
  void *context;
  bvl_status (*vector)(void *context, const char *name, double *values);
  bvl_status (*number)(void *context, const char *name, double *value);
} bvl_optim_visitor;
bvl_status bvl_optim_visit(bvl_optim *optim, const bvl_optim_visitor *visitor);

#endif
