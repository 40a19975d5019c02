/* SPDX-License-Identifier: BSD-3-Clause */
/* The epoch loop. Beside the steps' own traffic an epoch gathers the parameters once, tries the
 * test rows, and sums six numbers. */
#include "net/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"

bvl_status bvl_train_create(bvl_net_objective *objective, bvl_net_rows *test,
                            const bvl_optim_options *options, const double *params, bvl_train **out)
{
  bvl_status status = BVL_OK;
  bvl_train *train = NULL;
  *out = NULL;
  status = BVL_ALLOC(&train, 1);
  if (status == BVL_OK) status = BVL_ALLOC(&train->theta, objective->sparsity->n_theta);
  BVL_TRY(bvl_agree(&objective->net->grid->all, status));
  train->objective = objective;
  train->test = test;
  train->epochs = options->epochs;
  BVL_TRY(bvl_optim_create(&objective->objective, options, &train->optim));
  train->options = *options;
  train->rate = options->step *
                bvl_schedule_factor(options->schedule, 0.0, (double)options->epochs);
  bvl_sparsity_start(objective->sparsity, params, train->theta);
  *out = train;
  train = NULL;
cleanup:
  bvl_train_destroy(&train);
  return status;
}

void bvl_train_destroy(bvl_train **handle)
{
  bvl_train *train = *handle;
  *handle = NULL;
  if (train == NULL) return;
  bvl_optim_destroy(&train->optim);
  free(train->theta);
  free(train->history);
  free(train);
}

/* ---- an epoch's figures ----------------------------------------------------------------------
 */

static bvl_status count_parameters(const bvl_net_objective *o, bvl_epoch *epoch)
{
  const bvl_sparsity *s = o->sparsity;
  const double *share = o->params + s->begin;
  const int64_t counted = o->net->grid->j == 0 ? s->count : s->part_count[0];
  double sums[2] = {0.0, 0.0};
  for (int64_t k = 0; k < counted; k++) {
    sums[0] += fabs(share[k]);
    sums[1] += share[k] != 0.0;
  }
  bvl_status status = bvl_sum(&o->net->grid->all, sums, 2);
  epoch->l1 = sums[0];
  epoch->nonzeros = sums[1];
  return status;
}

static bvl_status record(bvl_train *train, double value, double start_s)
{
  bvl_status status = BVL_OK;
  bvl_net_objective *o = train->objective;
  bvl_pass_sums tried = {0};
  bvl_epoch epoch = {.epoch = (double)(train->n_epochs + 1),
                     .objective = value,
                     .train_loss = o->epoch.loss / o->epoch.weight,
                     .train_accuracy = bvl_pass_accuracy(o->rows, &o->epoch),
                     .test_loss = NAN,
                     .test_accuracy = NAN};
  BVL_TRY(bvl_net_objective_expand(o, train->theta));
  BVL_TRY(count_parameters(o, &epoch));
  if (train->test != NULL) {
    BVL_TRY(bvl_net_objective_try(o, train->test, &tried));
    epoch.test_loss = tried.loss / tried.weight;
    epoch.test_accuracy = bvl_pass_accuracy(train->test, &tried);
  }
  epoch.seconds = train->seconds + bvl_now_s() - start_s;
  BVL_TRY(bvl_bcast(&o->net->grid->all, 0, &epoch.seconds, 1));
  BVL_TRY(bvl_agree(&o->net->grid->all,
                    BVL_GROW(&train->history, &train->capacity, train->n_epochs + 1)));
  train->history[train->n_epochs++] = epoch;
  o->epoch = (bvl_pass_sums){0};
cleanup:
  return status;
}

static void report(const bvl_train *train)
{
  const bvl_net_objective *o = train->objective;
  const bvl_monitor *monitor = o->control.monitor;
  if (monitor == NULL || monitor->progress == NULL || o->net->grid->all.rank != 0) return;
  const bvl_epoch *last = &train->history[train->n_epochs - 1];
  const bvl_progress progress = {.phase = "train",
                                 .k = train->n_epochs,
                                 .n_lambda = train->epochs,
                                 .lambda = o->sparsity->options.lambda,
                                 .support = (int64_t)last->nonzeros,
                                 .gap = NAN,
                                 .loss = last->train_loss,
                                 .iterations = train->step,
                                 .elapsed_s = last->seconds};
  monitor->progress(monitor->context, &progress);
}

/* ---- the loop --------------------------------------------------------------------------------
 */

static bvl_status heed(bvl_train *train, int wants, double every_s, void *context,
                       bvl_train_save_fn save)
{
  bvl_status status = BVL_OK;
  if ((wants & (BVL_WANT_STOP | BVL_WANT_CHECKPOINT)) && save != NULL) BVL_TRY(save(context));
  train->objective->control.next_checkpoint_s = save != NULL ? bvl_now_s() + every_s : INFINITY;
  if (wants & BVL_WANT_STOP) BVL_TRY(bvl_fail(BVL_ERR_INTERRUPTED, "stopped on request"));
cleanup:
  return status;
}

/* How far the optimizer came, and the learning rate of the step before it. */
static void note_step(bvl_train *train, int64_t step)
{
  const bvl_optim_options *options = &train->options;
  const double n_batches = (double)train->objective->objective.n_batches;
  const double epoch = fmax(0.0, (double)step - 1.0) / n_batches;
  train->step = step;
  train->rate = options->step *
                bvl_schedule_factor(options->schedule, epoch, (double)options->epochs);
}

bvl_status bvl_train_run(bvl_train *train, double every_s, void *context, bvl_train_save_fn save)
{
  bvl_status status = BVL_OK;
  bvl_net_objective *o = train->objective;
  bvl_optim_outcome outcome = {0};
  const double start_s = bvl_now_s();
  BVL_TRY(heed(train, 0, every_s, NULL, save));
  while (train->n_epochs < train->epochs && !train->diverged) {
    const double until = (double)(train->n_epochs + 1);
    BVL_TRY(bvl_optim_run(train->optim, until, train->theta, &outcome));
    note_step(train, outcome.iterations);
    train->diverged = outcome.stop == BVL_STOP_DIVERGED;
    if (outcome.stop == BVL_STOP_WANTED) {
      if (save != NULL) train->seconds += bvl_now_s() - start_s;
      BVL_TRY(heed(train, outcome.wants, every_s, context, save));
      if (save != NULL) train->seconds -= bvl_now_s() - start_s;
      if (outcome.wants & BVL_WANT_TIME_UP) break;
    } else if (!train->diverged) {
      BVL_TRY(record(train, outcome.value, start_s));
      report(train);
      if (outcome.stop == BVL_STOP_CONVERGED) break;
    }
  }
  train->seconds += bvl_now_s() - start_s;
  BVL_TRY(bvl_net_objective_expand(o, train->theta));
cleanup:
  return status;
}
