/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of an optimizer: what every method shares, and the seam between the two ways of
 * running (steps on minibatches; line searches on everything) and optim.c. */
#ifndef BVL_OPTIM_METHOD_H
#define BVL_OPTIM_METHOD_H

#include "optim/optim.h"

/* A stochastic update rule: moves theta (n entries) against grad by the learning rate. `moment` are
 * its n_moments vectors, zero at the start, and `power` two scalars, 1 at the start. */
typedef struct bvl_step_rule {
  int n_moments;
  void (*step)(const bvl_optim_options *options, double rate, int64_t n, const double *grad,
               double *const *moment, double *power, double *theta);
} bvl_step_rule;

extern const bvl_step_rule bvl_step_sgd;
extern const bvl_step_rule bvl_step_momentum;
extern const bvl_step_rule bvl_step_adam;

/* A way of running; `memory` is its own struct in bvl_optim. */
typedef struct bvl_runner {
  bvl_status (*create)(bvl_optim *optim);
  void (*destroy)(bvl_optim *optim);
  bvl_status (*run)(bvl_optim *optim, double until, double *theta, bvl_optim_outcome *outcome);
  void (*reset)(bvl_optim *optim);
  bvl_status (*visit)(bvl_optim *optim, const bvl_optim_visitor *visitor);
} bvl_runner;

extern const bvl_runner bvl_runner_stochastic;
extern const bvl_runner bvl_runner_lbfgs;

struct bvl_optim {
  const bvl_objective *objective; /* borrowed */
  bvl_optim_options options;
  const bvl_runner *runner;
  void *memory;      /* the runner's, owned */
  double *grad;      /* n_local, owned */
  double value;      /* as in bvl_optim_outcome */
  double step_scale; /* on options.step */
  int64_t evaluations;
  int64_t iterations;
};

/** Visits a count kept as int64_t (exact below 2^53). Not collective. */
bvl_status bvl_visit_count(const bvl_optim_visitor *visitor, const char *name, int64_t *count);

#endif
