/* SPDX-License-Identifier: BSD-3-Clause */
/* Sweeps along the radii of a front. A radius costs a prediction (up to two evaluations) and a
 * correction. */
#include "net/front/front.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"

/* A value must fall by this, relative, for a point to be replaced: less is the end of a correction,
 * not another minimum. */
static const double least_gain = 1e-9;
static const double shrinkage = 0.8; /* of a norm on its way to the dense end */
static const double explained = 0.99;
enum { SHORT_IN_A_ROW = 3 };

/* ---- life cycle ------------------------------------------------------------------------------
 */

static void set_radii(bvl_front *front, double f2_max)
{
  front->f2_max = f2_max;
  for (int64_t k = 0; k < front->n; k++)
    front->point[k].radius = f2_max * (double)k / (double)(front->n - 1);
}

static bvl_status allocate(bvl_front *front)
{
  bvl_status status = BVL_OK;
  const int64_t n_local = front->f->space.n_local;
  BVL_TRY(BVL_ALLOC(&front->predicted, n_local));
  BVL_TRY(BVL_ALLOC(&front->other, n_local));
  BVL_TRY(BVL_ALLOC(&front->walker, n_local));
  BVL_TRY(BVL_ALLOC(&front->behind, n_local));
  BVL_TRY(BVL_ALLOC(&front->point, front->n));
  for (int64_t k = 0; k < front->n; k++) {
    front->point[k].value = INFINITY;
    BVL_TRY(BVL_ALLOC(&front->point[k].x, n_local));
  }
cleanup:
  return status;
}

static bvl_status evaluate(bvl_front *front, const double *x, double *value)
{
  int wants = 0;
  bvl_corrector *c = front->corrector;
  return front->f->eval(front->f->context, x, -1, value, c->next_grad, &wants);
}

static bvl_status begin_at_zero(bvl_front *front)
{
  bvl_status status = BVL_OK;
  bvl_front_point *zero = &front->point[0];
  BVL_TRY(evaluate(front, zero->x, &zero->value));
  BVL_TRY(bvl_ball_check(front->ball, zero->x, front->corrector->next_grad, &zero->at));
  zero->converged = 1;
cleanup:
  return status;
}

bvl_status bvl_front_create(const bvl_objective *f, bvl_ball *ball, int64_t n, double f2_max,
                            const bvl_corrector_limits *limits, bvl_front **out)
{
  bvl_status status = BVL_OK;
  bvl_front *front = NULL;
  *out = NULL;
  status = BVL_ALLOC(&front, 1);
  if (status == BVL_OK) {
    front->f = f;
    front->ball = ball;
    front->n = n;
    front->limits = *limits;
    front->start_s = bvl_now_s();
    status = allocate(front);
    if (status == BVL_OK) set_radii(front, f2_max);
  }
  BVL_TRY(bvl_agree(f->space.comm, status));
  BVL_TRY(bvl_corrector_create(f, ball, &front->corrector));
  BVL_TRY(begin_at_zero(front));
  *out = front;
  front = NULL;
cleanup:
  bvl_front_destroy(&front);
  return status;
}

void bvl_front_destroy(bvl_front **handle)
{
  bvl_front *front = *handle;
  *handle = NULL;
  if (front == NULL) return;
  bvl_corrector_destroy(&front->corrector);
  for (int64_t k = 0; k < front->n && front->point != NULL; k++) free(front->point[k].x);
  free(front->point);
  free(front->predicted);
  free(front->other);
  free(front->walker);
  free(front->behind);
  free(front);
}

/* ---- one radius ------------------------------------------------------------------------------
 */

static void report(const bvl_front *front, int64_t k)
{
  const bvl_monitor *monitor = front->monitor;
  const bvl_front_point *p = &front->point[k];
  if (monitor == NULL || monitor->progress == NULL || front->f->space.comm->rank != 0) return;
  const bvl_progress progress = {.phase = "front",
                                 .k = k,
                                 .n_lambda = front->n,
                                 .lambda = p->at.lambda,
                                 .support = p->at.nonzeros,
                                 .loss = p->value,
                                 .gap = NAN,
                                 .iterations = p->steps,
                                 .elapsed_s = bvl_now_s() - front->start_s};
  monitor->progress(monitor->context, &progress);
}

/* x is brought to the front at radius tau. */
static bvl_status correct(bvl_front *front, double tau, int stir, double *x, bvl_correction *found)
{
  bvl_status status = BVL_OK;
  int wants = 0;
  if (stir && front->stir.epochs > 0)
    BVL_TRY(bvl_corrector_stir(front->corrector, tau, &front->stir, front->passes++, x, &wants));
  BVL_TRY(bvl_corrector_run(front->corrector, tau, &front->limits, x, found));
  wants |= found->wants;
  front->wants |= wants;
  if (wants & BVL_WANT_TIME_UP) front->time_up = 1;
  if (wants & BVL_WANT_STOP) BVL_TRY(bvl_fail(BVL_ERR_INTERRUPTED, "stopped on request"));
cleanup:
  return status;
}

/* x is corrected at point k's radius and kept there when it is lower. */
static bvl_status offer(bvl_front *front, int64_t k, int stir, double *x, double *gain)
{
  bvl_status status = BVL_OK;
  bvl_front_point *p = &front->point[k];
  bvl_correction found;
  const double start_s = bvl_now_s();
  BVL_TRY(correct(front, p->radius, stir, x, &found));
  p->steps += found.steps;
  if (isfinite(found.value) && found.value < p->value * (1.0 - least_gain)) {
    if (gain != NULL && isfinite(p->value))
      *gain = fmax(*gain, (p->value - found.value) / p->value);
    p->value = found.value;
    p->at = found.at;
    p->converged = found.converged;
    memcpy(p->x, x, (size_t)front->f->space.n_local * sizeof *x);
  }
  p->seconds += bvl_now_s() - start_s;
  report(front, k);
cleanup:
  return status;
}

/* x <- scale a + extra (a - b), on the ball. */
static bvl_status place(bvl_front *front, double tau, double scale, double extra, const double *a,
                        const double *b, double *x)
{
  double threshold = 0.0;
  for (int64_t j = 0; j < front->f->space.n_local; j++)
    x[j] = scale * a[j] + (b != NULL ? extra * (a[j] - b[j]) : 0.0);
  return bvl_ball_project(front->ball, tau, &threshold, x);
}

/* predicted <- the better of: a, stretched or shrunk to the radius; the line through b and a. */
static bvl_status predict(bvl_front *front, int64_t k, const double *a, double radius_a,
                          const double *b, double radius_b)
{
  bvl_status status = BVL_OK;
  const double tau = front->point[k].radius;
  const double stretch = radius_a > 0.0 && tau > radius_a ? tau / radius_a : 1.0;
  double values[2];
  BVL_TRY(place(front, tau, stretch, 0.0, a, NULL, front->predicted));
  if (b == NULL || radius_a == radius_b) goto cleanup;
  BVL_TRY(place(front, tau, 1.0, (tau - radius_a) / (radius_a - radius_b), a, b, front->other));
  BVL_TRY(evaluate(front, front->predicted, &values[0]));
  BVL_TRY(evaluate(front, front->other, &values[1]));
  if (values[1] < values[0]) {
    double *swap = front->predicted;
    front->predicted = front->other;
    front->other = swap;
  }
cleanup:
  return status;
}

/* ---- sweeps ----------------------------------------------------------------------------------
 */

/* Where f2_max is given: down to it. */
static bvl_status walk_to_end(bvl_front *front, double norm, double *x)
{
  bvl_status status = BVL_OK;
  bvl_correction found;
  while (norm > front->f2_max && !front->time_up) {
    norm = fmax(shrinkage * norm, front->f2_max);
    BVL_TRY(correct(front, norm, 1, x, &found));
  }
cleanup:
  return status;
}

/* Where it is not: down until f1 has been above what is enough for a while; a single correction
 * may fall short. x is what it was at the smallest norm that was enough. */
static bvl_status find_end(bvl_front *front, double norm, double *x)
{
  bvl_status status = BVL_OK;
  const size_t bytes = (size_t)front->f->space.n_local * sizeof *x;
  bvl_correction found;
  double end = 0.0, enough = (1.0 - explained) * front->point[0].value;
  double *now = NULL;
  BVL_TRY(bvl_agree(front->f->space.comm, BVL_ALLOC(&now, front->f->space.n_local)));
  memcpy(now, x, bytes);
  for (int short_of = 0; short_of < SHORT_IN_A_ROW && !front->time_up; norm *= shrinkage) {
    BVL_TRY(correct(front, norm, 1, now, &found));
    if (end == 0.0) enough = fmax(enough, found.value); /* x may be no better */
    norm = found.at.value;
    short_of = found.value <= enough ? 0 : short_of + 1;
    if (short_of > 0) continue;
    memcpy(x, now, bytes);
    end = norm;
  }
  set_radii(front, end);
cleanup:
  free(now);
  return status;
}

bvl_status bvl_front_approach(bvl_front *front)
{
  double norm = 0.0;
  bvl_status status = bvl_ball_value(front->ball, front->walker, &norm);
  if (status != BVL_OK) return status;
  return front->f2_max > 0.0 ? walk_to_end(front, norm, front->walker)
                             : find_end(front, norm, front->walker);
}

static bvl_status step_down(bvl_front *front, int64_t k)
{
  bvl_status status = BVL_OK;
  const size_t bytes = (size_t)front->f->space.n_local * sizeof *front->walker;
  const double radius = front->point[k].radius, step = front->point[1].radius;
  if (k == front->n - 1)
    memcpy(front->predicted, front->walker, bytes);
  else
    BVL_TRY(predict(front, k, front->walker, radius + step, k + 2 < front->n ? front->behind : NULL,
                    radius + 2.0 * step));
  BVL_TRY(offer(front, k, 1, front->predicted, NULL));
  memcpy(front->behind, front->walker, bytes);
  memcpy(front->walker, front->predicted, bytes);
cleanup:
  return status;
}

/* Point k from point `near` and the one beyond it. */
static bvl_status move(bvl_front *front, int64_t k, int64_t near, int64_t beyond, double *gain)
{
  bvl_status status = BVL_OK;
  const bvl_front_point *a = &front->point[near];
  const bvl_front_point *b = beyond >= 0 && beyond < front->n &&
                                     isfinite(front->point[beyond].value)
                                 ? &front->point[beyond]
                                 : NULL;
  if (!isfinite(a->value)) goto cleanup;
  BVL_TRY(predict(front, k, a->x, a->radius, b != NULL ? b->x : NULL, b != NULL ? b->radius : 0.0));
  BVL_TRY(offer(front, k, 1, front->predicted, gain));
cleanup:
  return status;
}

/* The point before lies in this ball too: where it is as low, this one starts from it. */
static bvl_status settle(bvl_front *front, int64_t k, double *gain)
{
  const bvl_front_point *before = &front->point[k - 1];
  if (!isfinite(before->value) || front->point[k].value < before->value) return BVL_OK;
  memcpy(front->predicted, before->x, (size_t)front->f->space.n_local * sizeof *before->x);
  return offer(front, k, 0, front->predicted, gain);
}

static bvl_status step_up(bvl_front *front, int64_t k)
{
  bvl_status status = BVL_OK;
  if (k > 1) BVL_TRY(move(front, k, k - 1, k - 2, &front->at.gain));
  BVL_TRY(settle(front, k, &front->at.gain));
cleanup:
  return status;
}

static bvl_status step(bvl_front *front, int64_t k)
{
  switch (front->at.stage) {
  case BVL_FRONT_DOWN: return step_down(front, k);
  case BVL_FRONT_UP: return step_up(front, k);
  case BVL_FRONT_BACK: return move(front, k, k + 1, k + 2, &front->at.gain);
  case BVL_FRONT_SETTLE: return settle(front, k, NULL);
  case BVL_FRONT_TRAIN:
  case BVL_FRONT_DONE: break;
  }
  return bvl_fail(BVL_ERR_INTERNAL, "a front has no such sweep");
}

/* A point is through. */
static bvl_status pause_at(bvl_front *front, int64_t next)
{
  const int saves = front->save != NULL && (front->wants & BVL_WANT_CHECKPOINT) != 0;
  front->at.k = next;
  front->at.passes = front->passes;
  front->wants = 0;
  return saves ? front->save(front->save_context) : BVL_OK;
}

void bvl_front_begin(bvl_front *front, bvl_front_stage stage, int64_t round)
{
  const int64_t first[] = {
      [BVL_FRONT_TRAIN] = 0,           [BVL_FRONT_DOWN] = front->n - 1, [BVL_FRONT_UP] = 1,
      [BVL_FRONT_BACK] = front->n - 2, [BVL_FRONT_SETTLE] = 1,          [BVL_FRONT_DONE] = 0};
  if (stage != BVL_FRONT_BACK) front->at.gain = 0.0;
  front->at.stage = stage;
  front->at.round = round;
  front->at.k = first[stage];
  front->at.passes = front->passes;
}

bvl_status bvl_front_sweep(bvl_front *front)
{
  bvl_status status = BVL_OK;
  const bvl_front_place *at = &front->at;
  const int64_t way = at->stage == BVL_FRONT_DOWN || at->stage == BVL_FRONT_BACK ? -1 : 1;
  while (at->k > 0 && at->k < front->n && !front->time_up) {
    BVL_TRY(step(front, at->k));
    BVL_TRY(pause_at(front, at->k + way));
  }
cleanup:
  return status;
}
