/* SPDX-License-Identifier: BSD-3-Clause */
/* The three ways to a front. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "net/front/rivals.h"
#include "run/pareto_job.h"

/* A sweep that lowers no point by more than this, relative, was the last. */
static const double least_gain = 1e-3;
/* Rounding of f1 as the layers compute it, relative. */
static bvl_corrector_limits limits_of(const bvl_pareto_job *job)
{
  bvl_corrector_limits limits = job->options->limits;
  limits.noise = job->options->network.is_double ? 1e-14 : 1e-7;
  return limits;
}

/* ---- dense ends ------------------------------------------------------------------------------
 */

static void start(bvl_pareto_job *job, uint64_t seed)
{
  bvl_net_start(job->network.net, seed, job->params);
  memcpy(job->theta, job->params + job->begin, (size_t)job->f->space.n_local * sizeof(double));
}

bvl_status bvl_pareto_train(bvl_pareto_job *job, const bvl_objective *f, uint64_t seed)
{
  bvl_status status = BVL_OK;
  bvl_optim *optim = NULL;
  bvl_optim_outcome outcome = {0};
  bvl_optim_options options = job->options->optim;
  start(job, seed);
  if (options.epochs == 0) return BVL_OK;
  options.seed = seed;
  BVL_TRY(bvl_optim_create(f, &options, &optim));
  BVL_TRY(bvl_optim_run(optim, (double)options.epochs, job->theta, &outcome));
  if (outcome.wants & BVL_WANT_STOP) status = bvl_fail(BVL_ERR_INTERRUPTED, "stopped on request");
  if (outcome.stop == BVL_STOP_DIVERGED)
    status = bvl_fail(BVL_ERR_USAGE, "the loss is no number at step %lld, learning rate %g",
                      (long long)outcome.iterations, options.step);
cleanup:
  bvl_optim_destroy(&optim);
  return status;
}

/* ---- continuation ----------------------------------------------------------------------------
 */

static bvl_status create_front(bvl_pareto_job *job)
{
  bvl_status status = BVL_OK;
  const bvl_pareto_options *o = job->options;
  const bvl_corrector_limits limits = limits_of(job);
  BVL_TRY(bvl_front_create(job->f, &job->ball, o->points, o->norm_max, &limits, &job->front));
  job->front->monitor = job->network.monitor;
  job->front->stir = o->stir;
  job->front->stir.seed = o->network.seed;
cleanup:
  return status;
}

static void take_points(bvl_pareto_job *job, const bvl_front *front)
{
  int64_t n = 0;
  for (int64_t k = 0; k < front->n; k++) {
    if (!isfinite(front->point[k].value)) continue; /* time was up */
    double *x = job->point[n].x;
    job->point[n] = front->point[k];
    job->point[n].x = x;
    memcpy(x, front->point[k].x, (size_t)front->f->space.n_local * sizeof *x);
    n++;
  }
  while (job->n > n) free(job->point[--job->n].x);
}

/* A dense end, trained and brought to the front. No checkpoints on the way. */
static bvl_status find_end(bvl_pareto_job *job)
{
  bvl_status status = BVL_OK;
  bvl_front *front = job->front;
  job->objective->control.next_checkpoint_s = INFINITY;
  BVL_TRY(bvl_pareto_train(job, job->f, job->options->network.seed + (uint64_t)front->at.round));
  memcpy(front->walker, job->theta, (size_t)job->f->space.n_local * sizeof *front->walker);
  BVL_TRY(bvl_front_approach(front));
cleanup:
  return status;
}

/* What follows on the stage that is through. */
static void begin_next(bvl_front *front, const bvl_pareto_options *o)
{
  const int64_t next = front->at.round + 1;
  switch (front->at.stage) {
  case BVL_FRONT_TRAIN: bvl_front_begin(front, BVL_FRONT_DOWN, front->at.round); break;
  case BVL_FRONT_DOWN:
    if (next < o->starts)
      bvl_front_begin(front, BVL_FRONT_TRAIN, next);
    else
      bvl_front_begin(front, o->sweeps > 0 ? BVL_FRONT_UP : BVL_FRONT_SETTLE, 0);
    break;
  case BVL_FRONT_UP: bvl_front_begin(front, BVL_FRONT_BACK, front->at.round); break;
  case BVL_FRONT_BACK:
    bvl_front_begin(
        front, next < o->sweeps && front->at.gain > least_gain ? BVL_FRONT_UP : BVL_FRONT_SETTLE,
        next);
    break;
  case BVL_FRONT_SETTLE:
  case BVL_FRONT_DONE: bvl_front_begin(front, BVL_FRONT_DONE, 0);
  }
}

/* Time that is up ends the stages, too: those left would only pass. */
static bvl_status walk_stages(bvl_pareto_job *job)
{
  bvl_status status = BVL_OK;
  bvl_front *front = job->front;
  while (front->at.stage != BVL_FRONT_DONE && !front->time_up) {
    if (front->at.stage == BVL_FRONT_TRAIN) {
      BVL_TRY(find_end(job));
    } else {
      if (front->save != NULL && isinf(job->objective->control.next_checkpoint_s))
        job->objective->control.next_checkpoint_s = bvl_now_s() + job->options->checkpoint_every_s;
      BVL_TRY(bvl_front_sweep(front));
    }
    if (!front->time_up) begin_next(front, job->options);
  }
cleanup:
  return status;
}

bvl_status bvl_pareto_continue(bvl_pareto_job *job)
{
  bvl_status status = BVL_OK;
  BVL_TRY(create_front(job));
  BVL_TRY(bvl_pareto_open_checkpoints(job));
  status = walk_stages(job);
  /* the front is as it was after its last point */
  if (status == BVL_ERR_INTERRUPTED && job->front->save != NULL) {
    job->front->passes = job->front->at.passes;
    const bvl_status saved = bvl_pareto_save(job);
    if (saved != BVL_OK) status = saved;
  }
  if (status != BVL_OK) goto cleanup;
  BVL_TRY(bvl_pareto_make_points(job, job->front->n));
  take_points(job, job->front);
cleanup:
  bvl_front_destroy(&job->front);
  return status;
}

/* ---- the others ------------------------------------------------------------------------------
 */

static void keep(bvl_pareto_job *job, int64_t k, const bvl_correction *found, double start_s)
{
  bvl_front_point *p = &job->point[k];
  p->value = found->value;
  p->at = found->at;
  p->radius = found->at.value;
  p->converged = found->converged;
  p->steps = found->steps;
  p->seconds = bvl_now_s() - start_s;
  memcpy(p->x, job->theta, (size_t)job->f->space.n_local * sizeof *p->x);
}

static bvl_status judge(bvl_pareto_job *job, bvl_correction *found)
{
  bvl_status status = BVL_OK;
  const bvl_objective *f = job->f;
  double *grad = NULL;
  *found = (bvl_correction){0};
  BVL_TRY(bvl_agree(f->space.comm, BVL_ALLOC(&grad, f->space.n_local)));
  BVL_TRY(f->eval(f->context, job->theta, -1, &found->value, grad, &found->wants));
  BVL_TRY(bvl_ball_check(&job->ball, job->theta, grad, &found->at));
cleanup:
  free(grad);
  return status;
}

static int by_norm(const void *a, const void *b)
{
  const double x = ((const bvl_front_point *)a)->at.value,
               y = ((const bvl_front_point *)b)->at.value;
  return (x > y) - (x < y);
}

/* Weights 0, 1/(K-1), ..., 1; the norm counts 1/K, as published. */
bvl_status bvl_pareto_weigh(bvl_pareto_job *job)
{
  bvl_status status = BVL_OK;
  const int64_t K = job->options->points;
  bvl_weighted weighted;
  bvl_correction found;
  BVL_TRY(bvl_pareto_make_points(job, K));
  for (int64_t k = 0; k < K; k++) {
    const double start_s = bvl_now_s();
    bvl_weighted_init(job->f, &job->ball, (double)k / (double)(K - 1), 1.0 / (double)K, &weighted);
    BVL_TRY(bvl_pareto_train(job, &weighted.objective, job->options->network.seed + (uint64_t)k));
    BVL_TRY(judge(job, &found));
    keep(job, k, &found, start_s);
  }
  qsort(job->point, (size_t)job->n, sizeof *job->point, by_norm);
cleanup:
  return status;
}

bvl_status bvl_pareto_walk(bvl_pareto_job *job)
{
  bvl_status status = BVL_OK;
  const bvl_pareto_options *o = job->options;
  const bvl_corrector_limits limits = limits_of(job);
  const double ratio = o->lambda_max / o->lambda_min;
  double length = 1.0;
  bvl_correction found = {0};
  BVL_TRY(bvl_pareto_make_points(job, o->points));
  BVL_TRY(bvl_pareto_train(job, job->f, o->network.seed));
  for (int64_t k = 0; k < o->points; k++) {
    const double start_s = bvl_now_s();
    const double lambda = o->lambda_min * pow(ratio, (double)k / (double)(o->points - 1));
    BVL_TRY(bvl_prox_run(job->f, &job->ball, lambda, &limits, &length, job->theta, &found));
    keep(job, k, &found, start_s);
    if (found.wants & BVL_WANT_STOP) BVL_TRY(bvl_fail(BVL_ERR_INTERRUPTED, "stopped on request"));
  }
  qsort(job->point, (size_t)job->n, sizeof *job->point, by_norm);
cleanup:
  return status;
}
