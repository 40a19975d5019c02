/* SPDX-License-Identifier: BSD-3-Clause */
/* What all optimizers share: options, life cycle, counters, saving. */
#include "optim/optim.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "optim/method.h"

void bvl_optim_options_init(bvl_optimizer method, bvl_optim_options *options)
{
  *options = (bvl_optim_options){.method = method,
                                 .schedule = BVL_SCHEDULE_COSINE,
                                 .step = 0.01,
                                 .momentum = 0.9,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .epsilon = 1e-8,
                                 .epochs = 100,
                                 .memory = 10};
}

static bvl_status check_options(const bvl_optim_options *options)
{
  if (!(options->step > 0.0) || isinf(options->step))
    return bvl_fail(BVL_ERR_USAGE, "learning rate %g is not positive", options->step);
  if (!(options->momentum >= 0.0 && options->momentum < 1.0))
    return bvl_fail(BVL_ERR_USAGE, "momentum %g is not in [0, 1)", options->momentum);
  if (!(options->beta1 >= 0.0 && options->beta1 < 1.0 && options->beta2 >= 0.0 &&
        options->beta2 < 1.0 && options->epsilon > 0.0))
    return bvl_fail(BVL_ERR_USAGE, "Adam's beta1 %g, beta2 %g, epsilon %g out of range",
                    options->beta1, options->beta2, options->epsilon);
  if (options->epochs < 1) return bvl_fail(BVL_ERR_USAGE, "fewer than 1 epoch");
  if (options->memory < 1 || options->memory > 100)
    return bvl_fail(BVL_ERR_USAGE, "L-BFGS memory is not in 1..100");
  return BVL_OK;
}

static bvl_status build(const bvl_objective *objective, const bvl_optim_options *options,
                        bvl_optim *optim)
{
  bvl_status status = check_options(options);
  if (status != BVL_OK) return status;
  int stochastic = options->method != BVL_OPTIM_LBFGS;
  optim->objective = objective;
  optim->options = *options;
  optim->value = NAN;
  optim->step_scale = 1.0;
  optim->runner = stochastic ? &bvl_runner_stochastic : &bvl_runner_lbfgs;
  status = BVL_ALLOC(&optim->grad, objective->space.n_local);
  return status == BVL_OK ? optim->runner->create(optim) : status;
}

bvl_status bvl_optim_create(const bvl_objective *objective, const bvl_optim_options *options,
                            bvl_optim **out)
{
  bvl_optim *optim = NULL;
  *out = NULL;
  bvl_status status = BVL_ALLOC(&optim, 1);
  if (status == BVL_OK) status = build(objective, options, optim);
  BVL_TRY(bvl_agree(objective->space.comm, status));
  *out = optim;
  optim = NULL;
cleanup:
  bvl_optim_destroy(&optim);
  return status;
}

void bvl_optim_destroy(bvl_optim **optim)
{
  if (*optim == NULL) return;
  if ((*optim)->runner != NULL) (*optim)->runner->destroy(*optim);
  free((*optim)->grad);
  free(*optim);
  *optim = NULL;
}

bvl_status bvl_optim_run(bvl_optim *optim, double until, double *theta, bvl_optim_outcome *outcome)
{
  *outcome = (bvl_optim_outcome){.stop = BVL_STOP_MAX_ITER, .gradient_norm = NAN};
  bvl_status status = optim->runner->run(optim, until, theta, outcome);
  outcome->value = optim->value;
  outcome->evaluations = optim->evaluations;
  outcome->iterations = optim->iterations;
  return status;
}

void bvl_optim_reset(bvl_optim *optim)
{
  optim->runner->reset(optim);
}

void bvl_optim_scale_step(bvl_optim *optim, double factor)
{
  optim->step_scale *= factor;
}

bvl_status bvl_visit_count(const bvl_optim_visitor *visitor, const char *name, int64_t *count)
{
  double value = (double)*count;
  bvl_status status = visitor->number(visitor->context, name, &value);
  *count = (int64_t)value;
  return status;
}

bvl_status bvl_optim_visit(bvl_optim *optim, const bvl_optim_visitor *visitor)
{
  bvl_status status = BVL_OK;
  BVL_TRY(visitor->number(visitor->context, "value", &optim->value));
  BVL_TRY(visitor->number(visitor->context, "step_scale", &optim->step_scale));
  BVL_TRY(bvl_visit_count(visitor, "evaluations", &optim->evaluations));
  BVL_TRY(bvl_visit_count(visitor, "iterations", &optim->iterations));
  BVL_TRY(optim->runner->visit(optim, visitor));
cleanup:
  return status;
}
