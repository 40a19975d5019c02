/* SPDX-License-Identifier: BSD-3-Clause */
/* Projected quasi-Newton on a norm ball. Branches test values that came out of a reduction. */
#include "net/front/corrector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/rng.h"

enum { INNER_STEPS = 20, MAX_HALVINGS = 20, IN_A_ROW = 2 };
static const double inner_tol = 1e-3; /* of the first inner step's slope */
static const double armijo = 1e-4;

/* ---- life cycle ------------------------------------------------------------------------------
 */

static bvl_status allocate(bvl_corrector *c)
{
  bvl_status status = BVL_OK;
  const int64_t n = c->f->space.n_local;
  double **vectors[] = {&c->grad, &c->next,  &c->next_grad, &c->target,
                        &c->step, &c->slope, &c->trial};
  BVL_TRY(bvl_bfgs_init(&c->f->space, &c->model));
  for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++) BVL_TRY(BVL_ALLOC(vectors[k], n));
cleanup:
  return status;
}

bvl_status bvl_corrector_create(const bvl_objective *f, bvl_ball *ball, bvl_corrector **out)
{
  bvl_status status = BVL_OK;
  bvl_corrector *c = NULL;
  *out = NULL;
  status = BVL_ALLOC(&c, 1);
  if (status == BVL_OK) {
    c->f = f;
    c->ball = ball;
    status = allocate(c);
  }
  BVL_TRY(bvl_agree(f->space.comm, status));
  *out = c;
  c = NULL;
cleanup:
  bvl_corrector_destroy(&c);
  return status;
}

void bvl_corrector_destroy(bvl_corrector **handle)
{
  bvl_corrector *c = *handle;
  *handle = NULL;
  if (c == NULL) return;
  bvl_bfgs_free(&c->model);
  free(c->grad);
  free(c->next);
  free(c->next_grad);
  free(c->target);
  free(c->step);
  free(c->slope);
  free(c->trial);
  free(c);
}

/* ---- the model's minimum ---------------------------------------------------------------------
 */

enum { N_DOTS = 2 * BVL_BFGS_PAIRS };

typedef struct inner {
  double length;       /* of the next gradient step */
  double dots[N_DOTS]; /* N'(target - x), unscaled */
  double c[N_DOTS];    /* M^-1 of it */
} inner;

/* Products of v with the pairs, with grad, with step, and with itself. */
static bvl_status multiply(const bvl_corrector *c, const double *v, double *out)
{
  const double *left[N_DOTS + 3], *right[N_DOTS + 3];
  const int n = c->model.n;
  for (int i = 0; i < n; i++) {
    left[i] = c->model.s[i];
    left[n + i] = c->model.y[i];
  }
  left[2 * n] = c->grad;
  left[2 * n + 1] = c->step;
  left[2 * n + 2] = v;
  for (int i = 0; i < 2 * n + 3; i++) right[i] = v;
  return bvl_space_dots(&c->f->space, 2 * n + 3, left, right, out, 0, NULL);
}

/* One projected gradient step on the model, of exact length along its line. *slope <- the model's
 * directional derivative (0: nowhere to go). */
static bvl_status inner_step(bvl_corrector *c, double tau, const double *x, inner *at,
                             double *slope)
{
  bvl_status status = BVL_OK;
  const int64_t n_local = c->f->space.n_local;
  const int n = c->model.n;
  double dots[N_DOTS + 3], solved[N_DOTS];
  memcpy(c->slope, c->grad, (size_t)n_local * sizeof *c->slope);
  bvl_bfgs_add(&c->model, c->step, at->c, c->slope);
  for (int64_t k = 0; k < n_local; k++) c->trial[k] = c->target[k] - at->length * c->slope[k];
  BVL_TRY(bvl_ball_project(c->ball, tau, &c->threshold, c->trial));
  for (int64_t k = 0; k < n_local; k++) c->slope[k] = c->trial[k] - c->target[k];
  BVL_TRY(multiply(c, c->slope, dots));
  bvl_bfgs_solve(&c->model, dots, solved);
  const double sigma = c->model.sigma, square = dots[2 * n + 2];
  const double curvature = sigma * square - bvl_bfgs_form(&c->model, dots, solved);
  *slope = dots[2 * n] + sigma * dots[2 * n + 1] - bvl_bfgs_form(&c->model, at->dots, solved);
  if (!(*slope < 0.0)) goto cleanup;
  const double full = curvature > 0.0 ? -*slope / curvature : 1.0;
  if (full >= 1.0)
    memcpy(c->target, c->trial, (size_t)n_local * sizeof *c->target); /* its zeros are exact */
  else
    for (int64_t k = 0; k < n_local; k++) c->target[k] += full * c->slope[k];
  for (int64_t k = 0; k < n_local; k++) c->step[k] = c->target[k] - x[k];
  for (int i = 0; i < 2 * n; i++) {
    at->dots[i] += fmin(full, 1.0) * dots[i];
    at->c[i] += fmin(full, 1.0) * solved[i];
  }
  if (curvature > 0.0) at->length = square / curvature;
cleanup:
  return status;
}

/* target <- about where the model is least in the ball, step <- target - x. */
static bvl_status minimise_model(bvl_corrector *c, double tau, const double *x)
{
  bvl_status status = BVL_OK;
  const int64_t n_local = c->f->space.n_local;
  inner at = {.length = 1.0 / c->model.sigma};
  double first = 0.0, slope = 0.0;
  memcpy(c->target, x, (size_t)n_local * sizeof *x);
  memset(c->step, 0, (size_t)n_local * sizeof *c->step);
  for (int k = 0; k < (c->model.n > 0 ? INNER_STEPS : 1); k++) {
    BVL_TRY(inner_step(c, tau, x, &at, &slope));
    if (k == 0) first = slope;
    if (!(slope < inner_tol * first)) break;
  }
cleanup:
  return status;
}

/* ---- steps -----------------------------------------------------------------------------------
 */

static bvl_status slope_of_step(const bvl_corrector *c, double *slope)
{
  const double *left[1] = {c->grad}, *right[1] = {c->step};
  return bvl_space_dots(&c->f->space, 1, left, right, slope, 0, NULL);
}

/* next <- the point on the way to target where f1 has fallen enough; *value is f1's, before and
 * after; *moved 0: there is none. */
static bvl_status search(bvl_corrector *c, const double *x, double noise, double *value, int *moved,
                         int *wants)
{
  bvl_status status = BVL_OK;
  const int64_t n_local = c->f->space.n_local;
  double slope = 0.0, length = 1.0, tried = 0.0;
  *moved = 0;
  BVL_TRY(slope_of_step(c, &slope));
  if (!(slope < 0.0)) goto cleanup;
  for (int k = 0; k < MAX_HALVINGS && !*moved; k++) {
    int more = 0;
    if (k == 0)
      memcpy(c->next, c->target, (size_t)n_local * sizeof *x);
    else
      for (int64_t j = 0; j < n_local; j++) c->next[j] = x[j] + length * c->step[j];
    BVL_TRY(c->f->eval(c->f->context, c->next, -1, &tried, c->next_grad, &more));
    *wants |= more;
    *moved = tried <= *value + armijo * length * slope + noise * fabs(*value);
    if (*moved) break;
    const double fitted = 0.5 * slope * length * length / (*value + slope * length - tried);
    length = isfinite(fitted) ? fmax(0.1 * length, fmin(0.5 * length, fitted)) : 0.1 * length;
  }
  if (*moved) *value = tried;
cleanup:
  return status;
}

static void swap(double **a, double **b)
{
  double *c = *a;
  *a = *b;
  *b = c;
}

/* One step; *moved 0: x is where no step lowers f1. */
static bvl_status advance(bvl_corrector *c, double tau, double noise, double *x,
                          bvl_correction *out, int *moved)
{
  bvl_status status = BVL_OK;
  const size_t bytes = (size_t)c->f->space.n_local * sizeof *x;
  BVL_TRY(minimise_model(c, tau, x));
  BVL_TRY(search(c, x, noise, &out->value, moved, &out->wants));
  if (!*moved && c->model.n > 0) { /* the model is wrong here: its gradient step may do */
    bvl_bfgs_reset(&c->model);
    BVL_TRY(minimise_model(c, tau, x));
    BVL_TRY(search(c, x, noise, &out->value, moved, &out->wants));
  }
  if (!*moved) goto cleanup;
  BVL_TRY(bvl_bfgs_update(&c->model, x, c->grad, c->next, c->next_grad));
  memcpy(x, c->next, bytes);
  swap(&c->grad, &c->next_grad);
cleanup:
  return status;
}

/* A projected gradient step, kept when f1 does not rise: it sets small entries to 0, which averages
 * of points on the ball do not. */
static bvl_status tidy(bvl_corrector *c, double tau, double noise, double *x, bvl_correction *out)
{
  bvl_status status = BVL_OK;
  const int64_t n_local = c->f->space.n_local;
  double threshold = 0.0, tried = 0.0;
  int more = 0;
  for (int64_t k = 0; k < n_local; k++) c->next[k] = x[k] - c->grad[k] / c->model.sigma;
  BVL_TRY(bvl_ball_project(c->ball, tau, &threshold, c->next));
  BVL_TRY(c->f->eval(c->f->context, c->next, -1, &tried, c->next_grad, &more));
  out->wants |= more;
  if (!(tried <= out->value + noise * fabs(out->value))) goto cleanup;
  memcpy(x, c->next, (size_t)n_local * sizeof *x);
  swap(&c->grad, &c->next_grad);
  out->value = tried;
cleanup:
  return status;
}

/* ---- minibatches -----------------------------------------------------------------------------
 */

bvl_status bvl_corrector_stir(bvl_corrector *c, double tau, const bvl_stir *stir, uint64_t pass,
                              double *x, int *wants)
{
  bvl_status status = BVL_OK;
  const int64_t n_local = c->f->space.n_local, n = c->f->n_batches;
  int64_t *order = NULL;
  double threshold = 0.0, value = 0.0;
  int enough = 0;
  BVL_TRY(bvl_agree(c->f->space.comm, BVL_ALLOC(&order, n)));
  memset(c->step, 0, (size_t)n_local * sizeof *c->step);
  for (int64_t e = 0; e < stir->epochs && !enough; e++) {
    bvl_rng_permutation(stir->seed, BVL_STREAM_BATCH_ORDER,
                        pass * (uint64_t)stir->epochs + (uint64_t)e, n, order);
    for (int64_t k = 0; k < n && !enough; k++) {
      int more = 0;
      const double gone = (double)e + (double)k / (double)n;
      const double h = stir->step *
                       bvl_schedule_factor(BVL_SCHEDULE_COSINE, gone, (double)stir->epochs);
      BVL_TRY(c->f->eval(c->f->context, x, n > 1 ? order[k] : -1, &value, c->grad, &more));
      *wants |= more;
      enough = (more & (BVL_WANT_STOP | BVL_WANT_TIME_UP)) != 0;
      for (int64_t j = 0; j < n_local; j++) {
        c->step[j] = stir->momentum * c->step[j] + c->grad[j];
        x[j] -= h * c->step[j];
      }
      BVL_TRY(bvl_ball_project(c->ball, tau, &threshold, x));
    }
  }
cleanup:
  free(order);
  return status;
}

/* ---- the whole -------------------------------------------------------------------------------
 */

bvl_status bvl_corrector_run(bvl_corrector *c, double tau, const bvl_corrector_limits *limits,
                             double *x, bvl_correction *out)
{
  bvl_status status = BVL_OK;
  double threshold = 0.0;
  int moved = 1, slow = 0;
  *out = (bvl_correction){0};
  BVL_TRY(bvl_ball_project(c->ball, tau, &threshold, x));
  BVL_TRY(c->f->eval(c->f->context, x, -1, &out->value, c->grad, &out->wants));
  while (moved && isfinite(out->value)) {
    const double before = out->value;
    BVL_TRY(bvl_ball_check(c->ball, x, c->grad, &out->at));
    out->converged = out->at.violation <= limits->tol * out->at.lambda;
    if (out->converged || out->steps >= limits->max_steps || slow >= IN_A_ROW ||
        (out->wants & (BVL_WANT_STOP | BVL_WANT_TIME_UP)))
      break;
    BVL_TRY(advance(c, tau, limits->noise, x, out, &moved));
    out->steps += moved;
    slow = before - out->value <= limits->decrease_tol * fabs(before) ? slow + 1 : 0;
  }
  if (!out->converged && isfinite(out->value) && tau > 0.0) {
    BVL_TRY(tidy(c, tau, limits->noise, x, out));
    BVL_TRY(bvl_ball_check(c->ball, x, c->grad, &out->at));
    out->converged = out->at.violation <= limits->tol * out->at.lambda;
  }
cleanup:
  return status;
}
