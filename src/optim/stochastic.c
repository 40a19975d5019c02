/* SPDX-License-Identifier: BSD-3-Clause */
/* The epoch loop of the stochastic methods: minibatches in an order drawn from (seed, epoch), one
 * update rule, one schedule. Traffic: eval's alone. Branches test only what eval handed out as
 * equal on all ranks (value, wants) and counters. */
#include "optim/method.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/rng.h"

enum { MAX_MOMENTS = 2 };

typedef struct {
  const bvl_step_rule *rule;
  int64_t steps;               /* done in the schedule: epoch steps / n_batches */
  double epoch_sum;            /* of the running epoch's minibatch values */
  double *good;                /* n_local: theta at the last epoch start with a finite value */
  int64_t good_steps;          /* -1: none yet */
  double *moment[MAX_MOMENTS]; /* n_local each, owned */
  double power[MAX_MOMENTS];
  int64_t *order;      /* n_batches, owned */
  int64_t order_epoch; /* the epoch `order` is of; -1 = none */
} stochastic;

static const bvl_step_rule *rule_of(bvl_optimizer method)
{
  if (method == BVL_OPTIM_MOMENTUM) return &bvl_step_momentum;
  return method == BVL_OPTIM_ADAM ? &bvl_step_adam : &bvl_step_sgd;
}

static void reset(bvl_optim *optim)
{
  stochastic *s = optim->memory;
  for (int k = 0; k < MAX_MOMENTS; k++) {
    s->power[k] = 1.0;
    if (s->moment[k] != NULL)
      memset(s->moment[k], 0, (size_t)optim->objective->space.n_local * sizeof(double));
  }
}

static bvl_status create(bvl_optim *optim)
{
  bvl_status status = BVL_OK;
  stochastic *s = NULL;
  int64_t n = optim->objective->space.n_local;
  BVL_TRY(BVL_ALLOC(&s, 1));
  optim->memory = s;
  s->rule = rule_of(optim->options.method);
  s->good_steps = s->order_epoch = -1;
  BVL_TRY(BVL_ALLOC(&s->good, n));
  BVL_TRY(BVL_ALLOC(&s->order, optim->objective->n_batches));
  for (int k = 0; k < s->rule->n_moments; k++) BVL_TRY(BVL_ALLOC(&s->moment[k], n));
  reset(optim);
cleanup:
  return status;
}

static void destroy(bvl_optim *optim)
{
  stochastic *s = optim->memory;
  if (s == NULL) return;
  free(s->good);
  free(s->order);
  for (int k = 0; k < MAX_MOMENTS; k++) free(s->moment[k]);
  free(s);
}

/* The minibatch of the next step. */
static int64_t next_batch(const bvl_optim *optim, stochastic *s)
{
  int64_t n_batches = optim->objective->n_batches;
  int64_t epoch = s->steps / n_batches;
  if (epoch != s->order_epoch)
    bvl_rng_permutation(optim->options.seed, BVL_STREAM_BATCH_ORDER, (uint64_t)epoch, n_batches,
                        s->order);
  s->order_epoch = epoch;
  return s->order[s->steps % n_batches];
}

/* Back to the last epoch start known to be finite. */
static void fall_back(bvl_optim *optim, double *theta)
{
  stochastic *s = optim->memory;
  if (s->good_steps >= 0) {
    memcpy(theta, s->good, (size_t)optim->objective->space.n_local * sizeof *theta);
    s->steps = s->good_steps;
  }
  s->epoch_sum = 0.0;
  reset(optim);
}

/* One step from an evaluated gradient; the value of the batch goes into the epoch's mean. */
static void advance(bvl_optim *optim, double batch_value, double *theta)
{
  stochastic *s = optim->memory;
  const bvl_optim_options *options = &optim->options;
  int64_t n = optim->objective->space.n_local, n_batches = optim->objective->n_batches;
  if (s->steps % n_batches == 0) {
    memcpy(s->good, theta, (size_t)n * sizeof *theta);
    s->good_steps = s->steps;
  }
  double epoch = (double)s->steps / (double)n_batches;
  double rate = options->step * optim->step_scale *
                bvl_schedule_factor(options->schedule, epoch, (double)options->epochs);
  s->rule->step(options, rate, n, optim->grad, s->moment, s->power, theta);
  s->epoch_sum += batch_value;
  s->steps++;
  optim->iterations++;
  if (s->steps % n_batches == 0) {
    optim->value = s->epoch_sum / (double)n_batches;
    s->epoch_sum = 0.0;
  }
}

static bvl_status run(bvl_optim *optim, double until, double *theta, bvl_optim_outcome *outcome)
{
  stochastic *s = optim->memory;
  const bvl_objective *objective = optim->objective;
  double n_batches = (double)objective->n_batches;
  double last = fmin(until, (double)optim->options.epochs) * n_batches;
  bvl_status status = BVL_OK;
  while ((double)s->steps < last && outcome->wants == 0) {
    double value = 0.0;
    BVL_TRY(objective->eval(objective->context, theta, next_batch(optim, s), &value, optim->grad,
                            &outcome->wants));
    optim->evaluations++;
    if (!isfinite(value)) {
      fall_back(optim, theta);
      outcome->stop = BVL_STOP_DIVERGED;
      goto cleanup;
    }
    advance(optim, value, theta);
  }
  outcome->stop = outcome->wants != 0 ? BVL_STOP_WANTED : BVL_STOP_MAX_ITER;
cleanup:
  outcome->epochs = (double)optim->evaluations / n_batches;
  return status;
}

static bvl_status visit(bvl_optim *optim, const bvl_optim_visitor *visitor)
{
  static const char *const names[MAX_MOMENTS] = {"moment0", "moment1"};
  static const char *const powers[MAX_MOMENTS] = {"power0", "power1"};
  stochastic *s = optim->memory;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_visit_count(visitor, "steps", &s->steps));
  BVL_TRY(bvl_visit_count(visitor, "good_steps", &s->good_steps));
  BVL_TRY(visitor->number(visitor->context, "epoch_sum", &s->epoch_sum));
  for (int k = 0; k < MAX_MOMENTS; k++)
    BVL_TRY(visitor->number(visitor->context, powers[k], &s->power[k]));
  BVL_TRY(visitor->vector(visitor->context, "good", s->good));
  for (int k = 0; k < s->rule->n_moments; k++)
    BVL_TRY(visitor->vector(visitor->context, names[k], s->moment[k]));
  s->order_epoch = -1;
cleanup:
  return status;
}

const bvl_runner bvl_runner_stochastic = {
    .create = create, .destroy = destroy, .run = run, .reset = reset, .visit = visit};
