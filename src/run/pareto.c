/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel pareto: open, find the front, try its networks, write. */
#include "run/pareto.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "net/front/quasi_newton.h"
#include "run/job.h"
#include "run/pareto_job.h"

/* Numbers kept for a parameter beside the points, which are there twice at the end: pairs and
 * vectors of the corrector, the optimizer's. */
#define FRONT_DOUBLES (2.0 * BVL_BFGS_PAIRS + 15.0)

void bvl_pareto_options_init(bvl_pareto_options *options)
{
  *options = (bvl_pareto_options){.points = 25,
                                  .starts = 1,
                                  .sweeps = 1,
                                  .limits = {.max_steps = 50, .tol = 1e-3, .decrease_tol = 1e-6},
                                  .stir = {.step = 0.1, .momentum = 0.9},
                                  .lambda_min = 1e-4,
                                  .lambda_max = 1e-1,
                                  .max_seconds = INFINITY,
                                  .checkpoint_every_s = 600.0};
  bvl_network_options_init(&options->network);
  bvl_optim_options_init(BVL_OPTIM_ADAM, &options->optim);
  options->optim.step = 1e-3;
  options->optim.epochs = 20;
}

/* Up to so many parameters one rank keeps a front's vectors: about forty, and the points. */
enum { SERVED_PARAMETERS = 1 << 17 };

/* ---- the two objectives ----------------------------------------------------------------------
 */

/* What an input sends out is a block of the root of its size; a bias is one by itself. */
static bvl_status list_blocks(bvl_pareto_job *job, int64_t *n_blocks)
{
  bvl_status status = BVL_OK;
  const bvl_net *net = job->network.net;
  const int64_t begin = job->begin, count = job->f->space.n_local;
  int64_t n = 0;
  *n_blocks = 0;
  if (job->options->structure == BVL_BY_ELEMENT) return BVL_OK;
  BVL_TRY(BVL_ALLOC(&job->block_begin, count + 1));
  BVL_TRY(BVL_ALLOC(&job->block_weight, count));
  for (int64_t q = 0; q < net->n_tensors; q++) {
    const bvl_tensor *t = &net->tensor[q];
    const int64_t length = t->is_bias ? 1 : t->outputs;
    for (int64_t k = t->begin; k < t->begin + t->count; k += length) {
      if (k < begin || k >= begin + count) continue;
      job->block_begin[n] = k - begin;
      job->block_weight[n++] = sqrt((double)length);
    }
  }
  job->block_begin[n] = count;
  *n_blocks = n;
cleanup:
  return status;
}

/* Whose vector f's is: a share, or all of it on rank 0. */
static bvl_status choose_side(bvl_pareto_job *job)
{
  const bvl_grid *grid = job->network.grid;
  job->f = &job->objective->objective;
  job->begin = job->sparsity->begin;
  if (grid->all.size == 1 || grid->n_cols > 1 || job->network.net->n_params > SERVED_PARAMETERS)
    return BVL_OK;
  bvl_status status = bvl_served_create(job->f, &job->served);
  if (status != BVL_OK) return status;
  job->f = &job->served->objective;
  job->begin = 0;
  return BVL_OK;
}

static bvl_status create_objectives(bvl_pareto_job *job)
{
  bvl_status status = BVL_OK;
  const bvl_pareto_options *o = job->options;
  bvl_network_job *network = &job->network;
  const bvl_sparsity_options sparsity = {.structure = o->structure,
                                         .whole_blocks = o->structure == BVL_BY_INPUT};
  int64_t n_blocks = 0;
  BVL_TRY(bvl_agree(&network->comm, bvl_sparsity_create(network->net, &sparsity, &job->sparsity)));
  BVL_TRY(bvl_net_objective_create(network->net, network->train, job->sparsity, &job->objective));
  job->objective->control.monitor = network->monitor;
  if (network->comm.rank == 0) job->objective->control.deadline_s = job->start_s + o->max_seconds;
  BVL_TRY(choose_side(job));
  status = list_blocks(job, &n_blocks);
  if (status == BVL_OK)
    status = bvl_ball_init(&job->f->space, n_blocks, job->block_begin, job->block_weight,
                           &job->ball);
  if (status == BVL_OK) status = BVL_ALLOC(&job->params, network->net->n_params);
  if (status == BVL_OK) status = BVL_ALLOC(&job->theta, job->f->space.n_local);
  BVL_TRY(bvl_agree(&network->comm, status));
cleanup:
  return status;
}

/* ---- what the points are worth ---------------------------------------------------------------
 */

static bvl_status try_rows(bvl_pareto_job *job, bvl_net_rows *rows, double *accuracy)
{
  bvl_status status = BVL_OK;
  bvl_pass_sums sums;
  *accuracy = NAN;
  if (rows == NULL || !(rows->loss->coupled || rows->loss == &bvl_loss_binomial)) return BVL_OK;
  BVL_TRY(bvl_net_objective_try(job->objective, rows, &sums));
  *accuracy = sums.hits / sums.weight;
cleanup:
  return status;
}

bvl_status bvl_pareto_expand(bvl_pareto_job *job, int64_t k)
{
  double *params = job->objective->params;
  const int64_t n = job->network.net->n_params;
  if (job->served == NULL) return bvl_net_objective_expand(job->objective, job->point[k].x);
  if (job->network.comm.rank == 0) memcpy(params, job->point[k].x, (size_t)n * sizeof *params);
  return bvl_bcast(&job->network.comm, 0, params, n);
}

static bvl_status try_points(bvl_pareto_job *job)
{
  bvl_status status = BVL_OK;
  status = BVL_ALLOC(&job->train_accuracy, job->n);
  if (status == BVL_OK) status = BVL_ALLOC(&job->test_accuracy, job->n);
  BVL_TRY(bvl_agree(&job->network.comm, status));
  for (int64_t k = 0; k < job->n; k++) {
    BVL_TRY(bvl_pareto_expand(job, k));
    BVL_TRY(try_rows(job, job->network.train, &job->train_accuracy[k]));
    BVL_TRY(try_rows(job, job->network.test, &job->test_accuracy[k]));
  }
cleanup:
  return status;
}

static int is_dominated(const bvl_pareto_job *job, const bvl_front_point *p)
{
  for (int64_t j = 0; j < job->n; j++) {
    const bvl_front_point *q = &job->point[j];
    if (q->value <= p->value && q->at.value <= p->at.value &&
        (q->value < p->value || q->at.value < p->at.value))
      return 1;
  }
  return 0;
}

static void measure(const bvl_pareto_job *job, bvl_pareto_outcome *outcome)
{
  const bvl_network_job *network = &job->network;
  outcome->n = network->n;
  outcome->p = network->p;
  outcome->n_train = network->n_train;
  outcome->n_test = network->n_test;
  outcome->n_params = bvl_architecture_parameters(&network->arch);
  outcome->grid_rows = network->grid_rows;
  outcome->grid_cols = network->grid_cols;
  outcome->points = job->n;
  for (int64_t k = 0; k < job->n; k++) {
    const bvl_front_point *p = &job->point[k];
    outcome->converged += p->converged;
    outcome->nondominated += !is_dominated(job, p);
    outcome->norm_max = fmax(outcome->norm_max, p->at.value);
    outcome->worst_violation = fmax(outcome->worst_violation, p->at.violation / p->at.lambda);
    outcome->best_test_accuracy = fmax(outcome->best_test_accuracy, job->test_accuracy[k]);
  }
}

/* ---- the job ---------------------------------------------------------------------------------
 */

bvl_status bvl_pareto_make_points(bvl_pareto_job *job, int64_t n)
{
  bvl_status status = BVL_ALLOC(&job->point, n);
  if (status == BVL_OK) job->n = n;
  for (int64_t k = 0; k < n && status == BVL_OK; k++)
    status = BVL_ALLOC(&job->point[k].x, job->f->space.n_local);
  return bvl_agree(job->f->space.comm, status);
}

static void close_job(bvl_pareto_job *job)
{
  if (job->writer != NULL) bvl_result_close(&job->writer, 0);
  for (int64_t k = 0; k < job->n && job->point != NULL; k++) free(job->point[k].x);
  free(job->point);
  free(job->train_accuracy);
  free(job->test_accuracy);
  free(job->params);
  free(job->theta);
  free(job->identity);
  bvl_ball_free(&job->ball);
  free(job->block_begin);
  free(job->block_weight);
  bvl_served_destroy(&job->served);
  bvl_net_objective_destroy(&job->objective);
  bvl_sparsity_destroy(&job->sparsity);
  bvl_network_close(&job->network);
}

static bvl_status run_method(bvl_pareto_job *job)
{
  switch (job->options->method) {
  case BVL_FRONT_CONTINUATION: return bvl_pareto_continue(job);
  case BVL_FRONT_WEIGHTED_SUM: return bvl_pareto_weigh(job);
  case BVL_FRONT_LAMBDA_PATH: return bvl_pareto_walk(job);
  }
  return bvl_fail(BVL_ERR_USAGE, "no such method");
}

/* What rank 0 found, but for the vectors, to all. */
static bvl_status share_points(bvl_pareto_job *job)
{
  enum { N = 9 };
  bvl_status status = BVL_OK;
  const bvl_comm *comm = &job->network.comm;
  int64_t n = job->n;
  BVL_TRY(bvl_bcast_i64(comm, 0, &n, 1));
  if (comm->rank != 0) status = BVL_ALLOC(&job->point, n);
  if (status == BVL_OK) job->n = n;
  BVL_TRY(bvl_agree(comm, status));
  for (int64_t k = 0; k < n; k++) {
    bvl_front_point *p = &job->point[k];
    double v[N] = {p->radius,    p->value,        p->at.value,
                   p->at.lambda, p->at.violation, (double)p->at.nonzeros,
                   p->converged, p->seconds,      (double)p->steps};
    BVL_TRY(bvl_bcast(comm, 0, v, N));
    p->radius = v[0];
    p->value = v[1];
    p->at = (bvl_stationarity){v[2], v[3], v[4], (int64_t)v[5]};
    p->converged = v[6] != 0.0;
    p->seconds = v[7];
    p->steps = (int64_t)v[8];
  }
cleanup:
  return status;
}

static bvl_status find_points(bvl_pareto_job *job)
{
  bvl_status status = BVL_OK, released = BVL_OK;
  if (job->served == NULL) return run_method(job);
  if (job->network.comm.rank == 0) {
    status = run_method(job);
    released = bvl_served_release(job->served);
    if (status == BVL_OK) status = released;
  } else {
    status = bvl_served_work(job->served);
  }
  BVL_TRY(bvl_agree(&job->network.comm, status));
  BVL_TRY(share_points(job));
cleanup:
  return status;
}

bvl_status bvl_run_pareto(MPI_Comm comm, const bvl_pareto_options *options,
                          const bvl_monitor *monitor, bvl_pareto_outcome *outcome)
{
  bvl_status status = BVL_OK;
  const double start_s = bvl_now_s();
  bvl_pareto_job job = {.options = options};
  *outcome = (bvl_pareto_outcome){.best_test_accuracy = NAN};
  BVL_TRY(bvl_network_open(comm, &options->network, monitor, &job.network));
  BVL_TRY(bvl_network_create(&job.network.comm, options->output, "front", &job.writer));
  BVL_TRY(bvl_network_job_read(&job.network, 2.0 * (double)options->points + FRONT_DOUBLES));
  job.start_s = bvl_now_s();
  outcome->load_s = job.start_s - start_s;
  BVL_TRY(create_objectives(&job));
  BVL_TRY(bvl_agree(&job.network.comm, bvl_pareto_identify(&job)));
  BVL_TRY(find_points(&job));
  outcome->solve_s = bvl_now_s() - job.start_s;
  BVL_TRY(try_points(&job));
  measure(&job, outcome);
  BVL_TRY(bvl_pareto_write(&job, outcome));
  BVL_TRY(bvl_result_close(&job.writer, 1));
  outcome->write_s = bvl_now_s() - job.start_s - outcome->solve_s;
cleanup:
  close_job(&job);
  return status;
}
