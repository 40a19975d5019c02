/* SPDX-License-Identifier: BSD-3-Clause */
/* One lambda: steps on the active set by preconditioned CG, projected; violators join when the
 * face is nearly minimised; done when gradient and violations, from a fresh product, are within
 * tolerance. */
#include "solver/distributed_newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { MAX_STEPS = 300, MAX_CG = 400, MAX_REFRESHES = 6, MIN_PAID = 6, PAID_SHARE = 100 };

static const double FLAT = 1e-12;     /* curvature that is rounding next to the diagonal's */
static const double FACE_RATIO = 0.1; /* violators join below this part of their violation */
static const double CG_RATIO = 1e-2;  /* a step's residual next to the one it starts from */
static const double DESCENT = 0.1;    /* of the slope's promise: accepted */
static const double SHORTEN = 0.25;

void bvl_distributed_newton_free(bvl_distributed_newton *s)
{
  double **arrays[] = {&s->b,       &s->sign,         &s->q,         &s->rest,
                       &s->step,    &s->residual,     &s->direction, &s->moved,
                       &s->product, &s->product_step, &s->packed};
  for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++) free(*arrays[k]);
  free(s->active);
  free(s->list);
  free(s->in_factor);
  *s = (bvl_distributed_newton){.capacity = 0};
}

bvl_status bvl_distributed_newton_reserve(bvl_distributed_newton *s, int64_t d)
{
  bvl_status status = BVL_OK;
  int64_t capacity = s->capacity;
  double **arrays[] = {&s->b,       &s->sign,         &s->q,         &s->rest,
                       &s->step,    &s->residual,     &s->direction, &s->moved,
                       &s->product, &s->product_step, &s->packed};
  for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++) {
    capacity = s->capacity;
    BVL_TRY(BVL_GROW(arrays[k], &capacity, d));
  }
  capacity = s->capacity;
  BVL_TRY(BVL_GROW(&s->active, &capacity, d));
  capacity = s->capacity;
  BVL_TRY(BVL_GROW(&s->list, &capacity, d));
  s->capacity = capacity;
cleanup:
  return status;
}

/* ---- where the point stands ----------------------------------------------------------------- */

static double ridge_of(const bvl_lasso *p, int64_t k)
{
  return p->ridge != NULL ? p->ridge[k] : 0;
}

/* q = c - G b from scratch. */
static bvl_status refresh(bvl_distributed_newton *s, const bvl_lasso *p)
{
  bvl_status status = s->calls.product(s->calls.context, s->b, s->product);
  for (int64_t k = 0; k < s->d; k++) s->q[k] = p->c[k] - s->product[k];
  return status;
}

/* Notes what the factor is of now. */
static bvl_status note_factor(bvl_distributed_newton *s, int64_t n, const int64_t *index)
{
  bvl_status status = BVL_GROW(&s->in_factor, &s->factor_capacity, n);
  s->n_factor = status == BVL_OK ? n : 0;
  for (int64_t i = 0; i < s->n_factor; i++) s->in_factor[i] = index[i];
  return status;
}

bvl_status bvl_distributed_newton_start(bvl_distributed_newton *s, const bvl_lasso *p,
                                        const double *b, int64_t n_factor, const int64_t *in_factor)
{
  bvl_status status = note_factor(s, n_factor, in_factor);
  if (status != BVL_OK) return status;
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
    s->rest[k] = s->q[k] - (p->lw[k] > 0 ? p->lw[k] * s->sign[k] : 0) - ridge_of(p, k) * s->b[k];
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

/* ---- the step ------------------------------------------------------------------------------- */

static bvl_status factor_active(bvl_distributed_newton *s, const bvl_lasso *p)
{
  for (int64_t i = 0; i < s->m; i++) s->packed[i] = ridge_of(p, s->list[i]);
  s->paid = 0;
  bvl_status status = s->calls.factor(s->calls.context, s->m, s->list, s->packed);
  return status == BVL_OK ? note_factor(s, s->m, s->list) : status;
}

/* How many active unknowns the factor does not have. */
static int64_t count_missing(const bvl_distributed_newton *s)
{
  int64_t there = 0;
  for (int64_t i = 0; i < s->n_factor; i++)
    there += s->in_factor[i] >= 0 && s->active[s->in_factor[i]];
  return s->m - there;
}

/* z <- the preconditioner times residual. */
static bvl_status precondition(bvl_distributed_newton *s, const bvl_lasso *p, double *z)
{
  for (int64_t i = 0; i < s->n_factor; i++)
    s->packed[i] = s->in_factor[i] >= 0 ? s->residual[s->in_factor[i]] : 0;
  bvl_status status = s->n_factor > 0 ? s->calls.solve(s->calls.context, s->packed) : BVL_OK;
  for (int64_t i = 0; i < s->m; i++) {
    const int64_t k = s->list[i];
    const double diagonal = s->diagonal[k] + ridge_of(p, k);
    z[k] = s->residual[k] / (diagonal > 0 ? diagonal : 1);
  }
  for (int64_t i = 0; i < s->n_factor; i++) {
    const int64_t k = s->in_factor[i];
    if (k >= 0 && s->active[k]) z[k] = s->packed[i];
  }
  return status;
}

static double dot(const bvl_distributed_newton *s, const double *x, const double *y)
{
  double sum = 0;
  for (int64_t i = 0; i < s->m; i++) sum += x[s->list[i]] * y[s->list[i]];
  return sum;
}

/* x'(G + ridge)x with product = G x; *size <- x'diag x. */
static double curvature(const bvl_distributed_newton *s, const bvl_lasso *p, const double *x,
                        double *size)
{
  double sum = 0;
  *size = 0;
  for (int64_t i = 0; i < s->m; i++) {
    const int64_t k = s->list[i];
    sum += x[k] * (s->product[k] + ridge_of(p, k) * x[k]);
    *size += x[k] * x[k] * (s->diagonal[k] + ridge_of(p, k));
  }
  return sum;
}

/* One CG iteration along direction: step, residual and product_step move; *largest <- the largest
 * entry of the new residual. *flat = 1, and nothing moved, where the direction has no curvature. */
static bvl_status advance(bvl_distributed_newton *s, const bvl_lasso *p, double rz, int *flat,
                          double *largest)
{
  double size = 0;
  bvl_status status = s->calls.product(s->calls.context, s->direction, s->product);
  const double bend = curvature(s, p, s->direction, &size);
  *flat = !(bend > FLAT * size);
  if (*flat || status != BVL_OK) return status;
  const double alpha = rz / bend;
  *largest = 0;
  for (int64_t i = 0; i < s->m; i++) {
    const int64_t k = s->list[i];
    s->step[k] += alpha * s->direction[k];
    s->residual[k] -= alpha * (s->product[k] + ridge_of(p, k) * s->direction[k]);
    *largest = fmax(*largest, fabs(s->residual[k]));
  }
  for (int64_t k = 0; k < s->d; k++) s->product_step[k] += alpha * s->product[k];
  return status;
}

/* step <- (G_AA + ridge)^-1 rest to a residual of target. *flat = 1: step is instead a direction of
 * descent along which the loss does not bend. */
static bvl_status conjugate_gradients(bvl_distributed_newton *s, const bvl_lasso *p, double target,
                                      int *flat)
{
  bvl_status status = BVL_OK;
  const int64_t allowance = bvl_greater(MIN_PAID, s->m / PAID_SHARE);
  double largest = INFINITY;
  double rz_before = 0;
  int exact = 0;
  int restart = 1;
  *flat = 0;
  memcpy(s->residual, s->rest, (size_t)s->d * sizeof *s->rest);
  memset(s->step, 0, (size_t)s->d * sizeof *s->step);
  memset(s->product_step, 0, (size_t)s->d * sizeof *s->step);
  if (count_missing(s) > s->m / 8) s->paid = allowance; /* nothing to precondition with */
  for (int64_t it = 0; it < MAX_CG && largest > target; it++) {
    if (s->paid >= allowance && !exact) {
      BVL_TRY(factor_active(s, p));
      exact = restart = 1;
    }
    BVL_TRY(precondition(s, p, s->moved));
    const double rz = dot(s, s->residual, s->moved);
    const double beta = restart ? 0 : rz / rz_before;
    for (int64_t i = 0; i < s->m; i++)
      s->direction[s->list[i]] = s->moved[s->list[i]] + beta * s->direction[s->list[i]];
    restart = 0;
    rz_before = rz;
    BVL_TRY(advance(s, p, rz, flat, &largest));
    if (*flat) break;
    if (it > 0) s->paid++;
  }
  if (*flat) memcpy(s->step, s->direction, (size_t)s->d * sizeof *s->step);
cleanup:
  return status;
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
      const double bend = curvature(s, p, s->moved, &size);
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
  while (moved && outcome->steps < budget) {
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
    BVL_TRY(conjugate_gradients(s, p, fmax(0.1 * tol, CG_RATIO * residual), &flat));
    BVL_TRY(search(s, p, flat, outcome, &moved));
  }
  if (!fresh) BVL_TRY(refresh(s, p));
  outcome->residual = fmax(face_residual(s, p), worst_violation(s, p));
  outcome->solved = outcome->residual <= 10 * tol;
cleanup:
  return status;
}
