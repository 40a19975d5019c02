/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel train: open, lay out, train with checkpoints, cut and finetune, write. */
#include "run/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/phase.h"
#include "penalty/penalty.h"
#include "run/job.h"
#include "run/network_load.h"
#include "run/train_job.h"

/* A block of factors below this norm stands for an exact zero: the loss cannot tell. */
#define TINY 1e-8

void bvl_train_options_init(bvl_train_options *options)
{
  *options = (bvl_train_options){.penalty = "none",
                                 .prune_threshold = NAN,
                                 .prune_std = NAN,
                                 .finetune_step = NAN,
                                 .checkpoint_every_s = 600.0,
                                 .max_seconds = INFINITY};
  bvl_network_options_init(&options->network);
  options->network.batch = 100;
  bvl_penalty_parameters_init(&options->parameters);
  bvl_optim_options_init(BVL_OPTIM_ADAM, &options->optim);
  options->optim.step = 1e-3;
  options->optim.epochs = 100;
}

/* ---- the objective ---------------------------------------------------------------------------
 */

/* What the penalty's name asks for. */
static bvl_status choose_sparsity(bvl_train_job *job, bvl_sparsity_options *out)
{
  const bvl_train_options *o = job->options;
  *out = (bvl_sparsity_options){.param = o->param,
                                .structure = o->structure,
                                .lambda = o->lambda,
                                .weight_decay = o->weight_decay};
  if (strcmp(o->penalty, "none") == 0) return BVL_OK;
  if (strcmp(o->penalty, "hoyer-square") == 0 || strcmp(o->penalty, "group-hs") == 0) {
    out->hoyer = o->penalty[0] == 'h' ? BVL_HOYER_SQUARE : BVL_HOYER_GROUP;
    out->hoyer_lambda = o->lambda;
    return BVL_OK;
  }
  const bvl_penalty_type *type = bvl_penalty_find(o->penalty);
  if (type == NULL) return bvl_fail(BVL_ERR_USAGE, "penalty %.31s: not available", o->penalty);
  bvl_status status = bvl_penalty_init(type, &o->parameters, &job->penalty);
  out->penalty = &job->penalty;
  return status;
}

static bvl_optim_options finetuning(const bvl_train_options *o)
{
  bvl_optim_options optim = o->optim;
  optim.epochs = bvl_greater(o->finetune_epochs, 1);
  optim.step = isnan(o->finetune_step) ? 0.1 * o->optim.step : o->finetune_step;
  return optim;
}

bvl_status bvl_train_job_begin(bvl_train_job *job, const double *params)
{
  bvl_status status = BVL_OK;
  bvl_network_job *network = &job->network;
  const bvl_train_options *o = job->options;
  const bvl_optim_options optim = job->cut ? finetuning(o) : o->optim;
  bvl_sparsity_options sparsity = {.mask = job->mask, .weight_decay = o->weight_decay};
  bvl_train_destroy(&job->train);
  bvl_net_objective_destroy(&job->objective);
  bvl_sparsity_destroy(&job->sparsity);
  if (!job->cut) BVL_TRY(bvl_agree(&network->comm, choose_sparsity(job, &sparsity)));
  BVL_TRY(bvl_agree(&network->comm, bvl_sparsity_create(network->net, &sparsity, &job->sparsity)));
  BVL_TRY(bvl_net_objective_create(network->net, network->train, job->sparsity, &job->objective));
  job->objective->control.monitor = network->monitor;
  if (network->comm.rank == 0) job->objective->control.deadline_s = job->deadline_s;
  BVL_TRY(bvl_train_create(job->objective, network->test, &optim, params, &job->train));
cleanup:
  return status;
}

static bvl_status run_trainer(bvl_train_job *job)
{
  const bvl_train_options *o = job->options;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_train_run(job->train, o->checkpoint_every_s, job,
                        o->checkpoint != NULL ? bvl_train_job_save : NULL));
  if (o->checkpoint != NULL) BVL_TRY(bvl_train_job_save(job));
cleanup:
  return status;
}

/* ---- training --------------------------------------------------------------------------------
 */

/* Blocks that the factors have brought to zero for all the loss can tell become exact zeros. */
static void settle_zeros(bvl_train_job *job)
{
  const bvl_sparsity *s = job->sparsity;
  if (s->penalty.type == NULL) return;
  for (int64_t k = 0; k < job->network.net->n_params; k++)
    if (fabs(job->objective->params[k]) <= TINY) job->objective->params[k] = 0.0;
}

static bvl_status count_dead(bvl_train_job *job)
{
  const bvl_sparsity *s = job->sparsity;
  const double *share = job->objective->params + s->begin;
  int64_t counts[2] = {0, 0};
  double sums[2] = {0.0, 0.0};
  bvl_status status = BVL_OK;
  if (s->penalty.type == NULL) return BVL_OK;
  bvl_sparsity_count_dead(s, share, TINY, &counts[0], &counts[1]);
  sums[0] = bvl_sparsity_penalty(s, job->train->theta, share);
  sums[1] = bvl_sparsity_value(s, share);
  BVL_TRY(bvl_sum_i64(&job->network.comm, counts, 2));
  BVL_TRY(bvl_sum(&job->network.comm, sums, 2));
  job->n_blocks = counts[0];
  job->n_dead = counts[1];
  if (!(s->options.weight_decay > 0.0)) job->imbalance = sums[0] - sums[1];
cleanup:
  return status;
}

/* History of what came before the trainer of now goes in front. */
static bvl_status keep_history(bvl_train_job *job)
{
  bvl_train *train = job->train;
  const int64_t n = job->n_history + train->n_epochs;
  const double before = job->n_history > 0 ? job->history[job->n_history - 1].epoch : 0.0;
  const double seconds = job->n_history > 0 ? job->history[job->n_history - 1].seconds : 0.0;
  bvl_status status = BVL_GROW(&job->history, &job->history_capacity, n);
  for (int64_t k = 0; status == BVL_OK && k < train->n_epochs; k++) {
    job->history[job->n_history] = train->history[k];
    job->history[job->n_history].epoch += before;
    job->history[job->n_history++].seconds += seconds;
  }
  return bvl_agree(&job->network.comm, status);
}

/* Whether training is through: not stopped by its deadline or a loss that is no number. */
static int is_through(const bvl_train_job *job)
{
  const bvl_train *train = job->train;
  const int converged = job->options->optim.method == BVL_OPTIM_LBFGS && train->n_epochs > 0;
  return !train->diverged && (train->n_epochs >= train->epochs || converged);
}

static int is_cutting(const bvl_train_options *o)
{
  return !isnan(o->prune_threshold) || !isnan(o->prune_std);
}

/* What comes after training: zeros, cutting, finetuning. params (n_params) is scratch. */
static bvl_status finish(bvl_train_job *job, double *params)
{
  bvl_status status = BVL_OK;
  const int64_t n = job->network.net->n_params;
  if (!job->cut) {
    BVL_TRY(count_dead(job));
    settle_zeros(job);
    BVL_TRY(keep_history(job));
    if (!is_cutting(job->options) || !is_through(job)) return BVL_OK;
    memcpy(params, job->objective->params, (size_t)n * sizeof *params);
    BVL_TRY(bvl_train_job_cut(job, params));
    if (job->options->finetune_epochs == 0) return BVL_OK;
    job->cut = 1;
    BVL_TRY(bvl_train_job_begin(job, params));
  }
  BVL_TRY(run_trainer(job));
  BVL_TRY(keep_history(job));
cleanup:
  return status;
}

static bvl_status learn(bvl_train_job *job, bvl_train_outcome *outcome)
{
  const bvl_train_options *o = job->options;
  bvl_status status = BVL_OK;
  double *params = NULL;
  BVL_TRY(bvl_agree(&job->network.comm, BVL_ALLOC(&params, job->network.net->n_params)));
  bvl_net_start(job->network.net, o->network.seed, params);
  if (o->init != NULL) BVL_TRY(bvl_network_take(job->network.net, o->init, params));
  BVL_TRY(bvl_train_job_begin(job, params));
  if (o->checkpoint != NULL && o->resume)
    BVL_TRY(bvl_train_job_resume(job, &outcome->resumed_from));
  if (!job->cut) BVL_TRY(run_trainer(job));
  BVL_TRY(finish(job, params));
cleanup:
  free(params);
  return status;
}

/* ---- the job ---------------------------------------------------------------------------------
 */

/* What training keeps for a parameter: its factors, in every copy of the optimizer's and once more
 * where the trainer has them, and a block's limits. */
static bvl_status count_doubles(bvl_train_job *job, double *out)
{
  static const double copies[] = {
      [BVL_OPTIM_SGD] = 3.0, [BVL_OPTIM_MOMENTUM] = 4.0, [BVL_OPTIM_ADAM] = 5.0};
  const bvl_optim_options *optim = &job->options->optim;
  const bvl_tensor *first = &job->network.net->tensor[0];
  const int lbfgs = optim->method == BVL_OPTIM_LBFGS;
  const double vectors = lbfgs ? 2.0 * (double)optim->memory + 7.0 : copies[optim->method];
  bvl_sparsity_options sparsity;
  bvl_surrogate map;
  bvl_status status = choose_sparsity(job, &sparsity);
  *out = vectors;
  if (status != BVL_OK || sparsity.penalty == NULL) return status;
  status = bvl_surrogate_find(sparsity.param, sparsity.penalty, 0, &map);
  if (status != BVL_OK) return status;
  const int grouped = sparsity.penalty->type->grouped && sparsity.structure != BVL_BY_ELEMENT;
  const int64_t most = sparsity.structure == BVL_BY_NEURON ? first->all_columns : first->outputs;
  const int64_t m = grouped ? most : 1;
  *out = vectors * (double)map.type->length(&map.shape, m) / (double)m + 2.0 / (double)m;
  return status;
}

/* Loss and accuracy of the network that is written, on rows learnt from and kept apart. */
static bvl_status try_all(bvl_train_job *job, bvl_train_outcome *outcome)
{
  bvl_status status = BVL_OK;
  bvl_network_job *network = &job->network;
  bvl_net_rows *const rows[2] = {network->train, network->test};
  double *const loss[2] = {&outcome->train_loss, &outcome->test_loss};
  double *const accuracy[2] = {&outcome->train_accuracy, &outcome->test_accuracy};
  for (int k = 0; k < 2; k++) {
    bvl_pass_sums sums = {0};
    *loss[k] = *accuracy[k] = NAN;
    if (rows[k] == NULL) continue;
    BVL_TRY(bvl_net_objective_try(job->objective, rows[k], &sums));
    *loss[k] = sums.loss / sums.weight;
    *accuracy[k] = bvl_pass_accuracy(rows[k], &sums);
  }
cleanup:
  return status;
}

static bvl_status measure(bvl_train_job *job, bvl_train_outcome *outcome)
{
  bvl_status status = BVL_OK;
  BVL_TRY(try_all(job, outcome));
  const bvl_network_job *network = &job->network;
  const bvl_sparsity *s = job->sparsity;
  const bvl_grid *grid = network->grid;
  int64_t left = 0;
  double l1 = 0.0;
  const int64_t counted = grid->j == 0 ? s->count : s->part_count[0];
  for (int64_t k = 0; k < counted; k++) {
    left += job->objective->params[s->begin + k] != 0.0;
    l1 += fabs(job->objective->params[s->begin + k]);
  }
  BVL_TRY(bvl_sum_i64(&network->comm, &left, 1));
  BVL_TRY(bvl_sum(&network->comm, &l1, 1));
  outcome->left = left;
  outcome->l1 = l1;
  outcome->n = network->n;
  outcome->p = network->p;
  outcome->n_train = network->n_train;
  outcome->n_test = network->n_test;
  outcome->n_params = bvl_architecture_parameters(&network->arch);
  outcome->grid_rows = network->grid_rows;
  outcome->grid_cols = network->grid_cols;
  outcome->estimate_bytes = network->estimate_bytes;
  outcome->epochs = job->n_history;
  outcome->epochs_wanted = job->options->optim.epochs + job->options->finetune_epochs;
  if (job->n_history > 0) outcome->last = job->history[job->n_history - 1];
  if (job->n_before_cut > 0) outcome->before_prune = job->history[job->n_before_cut - 1];
  outcome->pruned_accuracy = job->pruned_accuracy;
  outcome->n_blocks = job->n_blocks;
  outcome->n_dead = job->n_dead;
  outcome->imbalance = job->imbalance;
  outcome->diverged = job->train->diverged;
  outcome->step = job->train->step;
  outcome->rate = job->train->rate;
  outcome->traffic = bvl_traffic_add(&network->traffic, &grid->traffic, 1);
cleanup:
  return status;
}

static bvl_status measure_peak(const bvl_train_job *job, bvl_train_outcome *outcome)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  outcome->peak_bytes = (int64_t)usage.ru_maxrss * 1024;
  return bvl_max_i64(&job->network.comm, &outcome->peak_bytes, 1);
}

static void close_job(bvl_train_job *job)
{
  if (job->writer != NULL) bvl_result_close(&job->writer, 0);
  bvl_train_destroy(&job->train);
  bvl_net_objective_destroy(&job->objective);
  bvl_sparsity_destroy(&job->sparsity);
  free(job->mask);
  free(job->history);
  free(job->identity);
  bvl_network_close(&job->network);
}

bvl_status bvl_run_train(MPI_Comm comm, const bvl_train_options *options,
                         const bvl_monitor *monitor, bvl_train_outcome *outcome)
{
  bvl_status status = BVL_OK;
  const double start_s = bvl_now_s();
  double doubles = 0.0;
  bvl_train_job job = {
      .options = options, .deadline_s = INFINITY, .pruned_accuracy = NAN, .imbalance = NAN};
  *outcome = (bvl_train_outcome){.resumed_from = -1};
  BVL_TRY(bvl_network_open(comm, &options->network, monitor, &job.network));
  BVL_TRY(bvl_network_create(&job.network.comm, options->output, "network", &job.writer));
  BVL_TRY(bvl_agree(&job.network.comm, count_doubles(&job, &doubles)));
  BVL_TRY(bvl_network_job_read(&job.network, doubles));
  outcome->load_s = bvl_now_s() - start_s;
  job.deadline_s = bvl_now_s() + options->max_seconds;
  BVL_TRY(bvl_agree(&job.network.comm, bvl_train_job_identify(&job)));
  BVL_TRY(learn(&job, outcome));
  outcome->solve_s = bvl_now_s() - start_s - outcome->load_s;
  BVL_TRY(measure(&job, outcome));
  bvl_train_destroy(&job.train); /* makes room for the copies that are written */
  BVL_TRY(bvl_train_job_write(&job, outcome));
  BVL_TRY(bvl_result_close(&job.writer, 1));
  BVL_TRY(measure_peak(&job, outcome));
  outcome->write_s = bvl_now_s() - start_s - outcome->load_s - outcome->solve_s;
cleanup:
  close_job(&job);
  return status;
}
