/* SPDX-License-Identifier: BSD-3-Clause */
/* One lambda: steps on the active set (bvl_distributed_step), projected; violators join when the
 * face is nearly minimised; done when gradient and violations, from a fresh product, are within
 * tolerance. */
#include "solver/scalar/distributed_newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "solver/scalar/distributed_step.h"

enum { MAX_STEPS = 300, MAX_REFRESHES = 6, ARRAYS = 11 };

static const double FACE_RATIO = 0.1; /* violators join below this part of their violation */
static const double CG_RATIO = 1e-2;  /* a step's residual next to the one it starts from */
static const double DESCENT = 0.1;    /* of the slope's promise: accepted */
static const double SHORTEN = 0.25;

static void list_arrays(bvl_distributed_newton *s, double **arrays[ARRAYS])
{
  double **const all[ARRAYS] = {&s->b,       &s->sign,         &s->q,         &s->rest,
                                &s->step,    &s->residual,     &s->direction, &s->moved,
                                &s->product, &s->product_step, &s->packed};
  memcpy(arrays, all, sizeof all);
}

void bvl_distributed_newton_free(bvl_distributed_newton *s)
{
  double **arrays[ARRAYS];
  list_arrays(s, arrays);
  for (int k = 0; k < ARRAYS; k++) free(*arrays[k]);
  free(s->active);
  free(s->covered);
  free(s->columns);
  bvl_border_free(&s->border);
  free(s->list);
  free(s->in_factor);
  *s = (bvl_distributed_newton){.capacity = 0};
}

bvl_status bvl_distributed_newton_reserve(bvl_distributed_newton *s, int64_t d)
{
  bvl_status status = BVL_OK;
  double **arrays[ARRAYS];
  int64_t capacity;
  list_arrays(s, arrays);
  for (int k = 0; k < ARRAYS; k++) {
    capacity = s->capacity;
    BVL_TRY(BVL_GROW(arrays[k], &capacity, d));
  }
  capacity = s->capacity;
  BVL_TRY(BVL_GROW(&s->active, &capacity, d));
  capacity = s->capacity;
  BVL_TRY(BVL_GROW(&s->covered, &capacity, d));
  capacity = s->capacity * BVL_GRAM_CALL;
  BVL_TRY(BVL_GROW(&s->columns, &capacity, d * BVL_GRAM_CALL));
  capacity = s->capacity;
  BVL_TRY(BVL_GROW(&s->list, &capacity, d));
  s->capacity = capacity;
cleanup:
  return status;
}

/* ---- where the point stands ----------------------------------------------------------------- */

/* q = c - G b from scratch. */
static bvl_status refresh(bvl_distributed_newton *s, const bvl_lasso *p)
{
  bvl_status status = s->calls.product(s->calls.context, s->b, s->product);
  for (int64_t k = 0; k < s->d; k++) s->q[k] = p->c[k] - s->product[k];
  return status;
}

bvl_status bvl_distributed_newton_start(bvl_distributed_newton *s, const bvl_lasso *p,
                                        const double *b, int64_t n_factor, const int64_t *in_factor)
{
  bvl_status status = bvl_distributed_note_factor(s, n_factor, in_factor);
  if (status != BVL_OK) return status;
  bvl_border_clear(&s->border, n_factor); /* its names may be of before a renumbering */
  s->d = p->d;
  for (int64_t k = 0; k < p->d; k++) {
    s->b[k] = b[k];
    s->sign[k] = p->lw[k] > 0 ? (double)((b[k] > 0) - (b[k] < 0)) : 0;
    s->active[k] = p->lw[k] == 0 || b[k] != 0;
    s->rest[k] = s->step[k] = s->direction[k] = s->moved[k] = s->residual[k] = 0;
  }
  return refresh(s, p);
}

static void list_active(bvl_distributed_newton *s)
{
  s->m = 0;
  for (int64_t k = 0; k < s->d; k++) {
    if (s->active[k])
      s->list[s->m++] = k;
    else
      s->rest[k] = s->step[k] = s->direction[k] = s->moved[k] = s->residual[k] = 0;
  }
}

static void deactivate(bvl_distributed_newton *s, int64_t k)
{
  s->b[k] = 0;
  s->sign[k] = 0;
  s->active[k] = 0;
}

/* rest on A; its largest entry. */
static double face_residual(bvl_distributed_newton *s, const bvl_lasso *p)
{
  double largest = 0;
  list_active(s);
  for (int64_t i = 0; i < s->m; i++) {
    const int64_t k = s->list[i];
    s->rest[k] = s->q[k] - (p->lw[k] > 0 ? p->lw[k] * s->sign[k] : 0) -
                 bvl_lasso_ridge(p, k) * s->b[k];
    largest = fmax(largest, fabs(s->rest[k]));
  }
  return largest;
}

static double worst_violation(const bvl_distributed_newton *s, const bvl_lasso *p)
{
  double largest = 0;
  for (int64_t k = 0; k < s->d; k++)
    if (!s->active[k]) largest = fmax(largest, fabs(s->q[k]) - p->lw[k]);
  return largest;
}

static void let_violators_in(bvl_distributed_newton *s, const bvl_lasso *p, double tol)
{
  for (int64_t k = 0; k < s->d; k++) {
    if (s->active[k] || fabs(s->q[k]) <= p->lw[k] + tol) continue;
    s->active[k] = 1;
    s->sign[k] = s->q[k] > 0 ? 1 : -1;
  }
}

/* ---- along it ------------------------------------------------------------------------------- */

/* Whether b + t step has left the orthant at k (or reached its border). */
static int crosses(const bvl_distributed_newton *s, const bvl_lasso *p, int64_t k, double t)
{
  return p->lw[k] > 0 && s->sign[k] * (s->b[k] + t * s->step[k]) <= 1e-14 * fabs(s->b[k]);
}

/* moved <- P(b + t step) - b; how many were cut off. *slope <- that of the objective. */
static int64_t project(bvl_distributed_newton *s, const bvl_lasso *p, double t, double *slope)
{
  int64_t cut = 0;
  *slope = 0;
  for (int64_t i = 0; i < s->m; i++) {
    const int64_t k = s->list[i];
    const int out = crosses(s, p, k, t);
    s->moved[k] = out ? -s->b[k] : t * s->step[k];
    cut += out;
    *slope -= s->rest[k] * s->moved[k];
  }
  return cut;
}

/* The smallest t > 0 at which a coefficient reaches zero; *stuck <- how many are at zero already
 * and would go the wrong way. */
static double first_crossing(const bvl_distributed_newton *s, const bvl_lasso *p, int64_t *stuck)
{
  double t = INFINITY;
  *stuck = 0;
  for (int64_t i = 0; i < s->m; i++) {
    const int64_t k = s->list[i];
    if (p->lw[k] == 0 || s->step[k] * s->sign[k] > 0) continue;
    if (s->b[k] == 0)
      (*stuck)++;
    else if (s->step[k] != 0)
      t = fmin(t, fabs(s->b[k] / s->step[k]));
  }
  return t;
}

/* b += moved, q -= product; what was cut off leaves. */
static void accept(bvl_distributed_newton *s, const bvl_lasso *p, double t,
                   bvl_active_outcome *outcome)
{
  for (int64_t k = 0; k < s->d; k++) s->q[k] -= s->product[k];
  for (int64_t i = 0; i < s->m; i++) {
    const int64_t k = s->list[i];
    const int out = crosses(s, p, k, t);
    s->b[k] += s->moved[k];
    if (!out) continue;
    deactivate(s, k);
    outcome->drops++;
  }
}

/* The coefficients at zero that would go the wrong way leave again. */
static void drop_stuck(bvl_distributed_newton *s, const bvl_lasso *p, bvl_active_outcome *outcome)
{
  for (int64_t i = 0; i < s->m; i++) {
    const int64_t k = s->list[i];
    if (p->lw[k] == 0 || s->b[k] != 0 || s->step[k] * s->sign[k] > 0) continue;
    deactivate(s, k);
    outcome->drops++;
  }
}

/* Follows the projected step as far as the objective falls in earnest. */
static bvl_status search(bvl_distributed_newton *s, const bvl_lasso *p, int flat,
                         bvl_active_outcome *outcome, int *moved)
{
  bvl_status status = BVL_OK;
  int64_t stuck = 0;
  double size = 0;
  double slope = 0;
  const double least = first_crossing(s, p, &stuck);
  double t = flat ? least : 1;
  *moved = 1;
  while (isfinite(t)) {
    const int64_t cut = project(s, p, t, &slope);
    if (cut == 0 && t == 1 && !flat) { /* the whole step: CG knows its product */
      memcpy(s->product, s->product_step, (size_t)s->d * sizeof *s->product);
      accept(s, p, t, outcome);
      return BVL_OK;
    }
    if (slope < 0) {
      BVL_TRY(s->calls.product(s->calls.context, s->moved, s->product));
      const double bend = bvl_distributed_curvature(s, p, s->moved, &size);
      if (slope + bend / 2 <= DESCENT * slope) {
        accept(s, p, t, outcome);
        return BVL_OK;
      }
    }
    if (t <= least) break;
    t = fmax(SHORTEN * t, fmin(least, t));
  }
  *moved = stuck > 0;
  drop_stuck(s, p, outcome);
cleanup:
  return status;
}

/* ---- one lambda ----------------------------------------------------------------------------- */

bvl_status bvl_distributed_newton_solve(bvl_distributed_newton *s, const bvl_lasso *p, double tol,
                                        int64_t max_steps, bvl_active_outcome *outcome)
{
  bvl_status status = BVL_OK;
  const int64_t budget = max_steps > 0 ? max_steps : MAX_STEPS;
  int refreshes = 0;
  int fresh = 0; /* is q right to rounding? */
  int moved = 1;
  *outcome = (bvl_active_outcome){.solved = 0};
  while (moved && outcome->steps < budget && !bvl_watch_is_over(p->watch)) {
    int flat = 0;
    double residual = face_residual(s, p);
    const double violation = worst_violation(s, p);
    if (residual <= tol && violation <= tol) {
      if (fresh || refreshes++ >= MAX_REFRESHES) break;
      BVL_TRY(refresh(s, p));
      fresh = 1;
      continue;
    }
    if (residual <= tol || residual <= FACE_RATIO * violation) {
      let_violators_in(s, p, tol);
      residual = face_residual(s, p);
    }
    fresh = 0;
    outcome->steps++;
    BVL_TRY(bvl_distributed_step(s, p, fmax(0.1 * tol, CG_RATIO * residual), &flat));
    BVL_TRY(search(s, p, flat, outcome, &moved));
  }
  if (!fresh) BVL_TRY(refresh(s, p));
  outcome->residual = fmax(face_residual(s, p), worst_violation(s, p));
  outcome->solved = outcome->residual <= 10 * tol;
cleanup:
  return status;
}
