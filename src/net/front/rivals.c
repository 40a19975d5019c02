/* SPDX-License-Identifier: BSD-3-Clause */
/* Weighted sums and proximal gradients. */
#include "net/front/rivals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* ---- weighted sums ---------------------------------------------------------------------------
 */

static bvl_status eval_weighted(void *context, const double *x, int64_t batch, double *value,
                                double *grad, int *wants)
{
  const bvl_weighted *self = context;
  bvl_status status = BVL_OK;
  double second = 0.0;
  BVL_TRY(self->f->eval(self->f->context, x, batch, value, grad, wants));
  BVL_TRY(bvl_ball_value(self->ball, x, &second));
  *value = self->weight * *value + (1.0 - self->weight) * self->scale * second;
  for (int64_t k = 0; k < self->f->space.n_local; k++) grad[k] *= self->weight;
  bvl_ball_add_gradient(self->ball, x, (1.0 - self->weight) * self->scale, grad);
cleanup:
  return status;
}

void bvl_weighted_init(const bvl_objective *f, bvl_ball *ball, double weight, double scale,
                       bvl_weighted *out)
{
  *out = (bvl_weighted){.objective = *f, .f = f, .ball = ball, .weight = weight, .scale = scale};
  out->objective.context = out;
  out->objective.eval = eval_weighted;
}

/* ---- proximal gradients ----------------------------------------------------------------------
 */

enum { MAX_HALVINGS = 40, IN_A_ROW = 5 };

typedef struct prox {
  const bvl_objective *f;
  bvl_ball *ball;
  double lambda;
  double length;
  double *from; /* the extrapolated point, and its gradient; n_local each, owned */
  double *grad;
  double *next;
  double *next_grad;
  int wants;
} prox;

/* next <- prox of a step from `from`; lengths are halved until the quadratic bound holds.
 * *value <- f1 there. */
static bvl_status step(prox *p, double noise, double *value)
{
  bvl_status status = BVL_OK;
  const int64_t n = p->f->space.n_local;
  double at = 0.0;
  int more = 0;
  BVL_TRY(p->f->eval(p->f->context, p->from, -1, &at, p->grad, &more));
  p->wants |= more;
  for (int k = 0; k < MAX_HALVINGS; k++) {
    double dots[2];
    for (int64_t j = 0; j < n; j++) p->next[j] = p->from[j] - p->length * p->grad[j];
    bvl_ball_shrink(p->ball, p->length * p->lambda, p->next);
    BVL_TRY(p->f->eval(p->f->context, p->next, -1, value, p->next_grad, &more));
    for (int64_t j = 0; j < n; j++) p->next_grad[j] = p->next[j] - p->from[j];
    const double *left[2] = {p->next_grad, p->next_grad}, *right[2] = {p->grad, p->next_grad};
    BVL_TRY(bvl_space_dots(&p->f->space, 2, left, right, dots, 0, NULL));
    if (*value <= at + dots[0] + 0.5 * dots[1] / p->length + noise * fabs(at)) break;
    p->length *= 0.5;
  }
cleanup:
  return status;
}

static bvl_status allocate(prox *p)
{
  bvl_status status = BVL_OK;
  const int64_t n = p->f->space.n_local;
  BVL_TRY(BVL_ALLOC(&p->from, n));
  BVL_TRY(BVL_ALLOC(&p->grad, n));
  BVL_TRY(BVL_ALLOC(&p->next, n));
  BVL_TRY(BVL_ALLOC(&p->next_grad, n));
cleanup:
  return status;
}

static bvl_status objective_at(const prox *p, const double *x, double value, double *out)
{
  double second = 0.0;
  bvl_status status = bvl_ball_value(p->ball, x, &second);
  *out = value + p->lambda * second;
  return status;
}

/* Value, gradient and stationarity of the last point. */
static bvl_status finish(prox *p, double tol, const double *x, bvl_correction *out)
{
  bvl_status status = BVL_OK;
  int more = 0;
  BVL_TRY(p->f->eval(p->f->context, x, -1, &out->value, p->grad, &more));
  BVL_TRY(bvl_ball_check(p->ball, x, p->grad, &out->at));
  out->wants = p->wants | more;
  out->converged = out->at.violation <= tol * out->at.lambda;
cleanup:
  return status;
}

bvl_status bvl_prox_run(const bvl_objective *f, bvl_ball *ball, double lambda,
                        const bvl_corrector_limits *limits, double *length, double *x,
                        bvl_correction *out)
{
  bvl_status status = BVL_OK;
  const int64_t n = f->space.n_local;
  prox p = {.f = f, .ball = ball, .lambda = lambda, .length = *length};
  double best = INFINITY, value = 0.0, now = 0.0;
  int64_t k = 0;
  int slow = 0;
  *out = (bvl_correction){0};
  BVL_TRY(bvl_agree(f->space.comm, allocate(&p)));
  memcpy(p.from, x, (size_t)n * sizeof *x);
  while (out->steps < limits->max_steps && slow < IN_A_ROW) {
    BVL_TRY(step(&p, limits->noise, &value));
    BVL_TRY(objective_at(&p, p.next, value, &now));
    if (!isfinite(now) || (p.wants & (BVL_WANT_STOP | BVL_WANT_TIME_UP))) break;
    slow = best - now <= limits->decrease_tol * fabs(now) ? slow + 1 : 0;
    k = now > best ? 1 : k + 1;
    const double momentum = (double)(k - 1) / (double)(k + 2);
    for (int64_t j = 0; j < n; j++) p.from[j] = p.next[j] + momentum * (p.next[j] - x[j]);
    memcpy(x, p.next, (size_t)n * sizeof *x);
    best = now;
    out->steps++;
    p.length *= 1.1;
  }
  *length = p.length;
  BVL_TRY(finish(&p, limits->tol, x, out));
cleanup:
  free(p.from);
  free(p.grad);
  free(p.next);
  free(p.next_grad);
  return status;
}
