/* SPDX-License-Identifier: BSD-3-Clause */
/* One lambda: steps on the active set by preconditioned CG, projected; violators join when the
 * face is nearly minimised; done when gradient and violations, from a fresh product, are within
 * tolerance. */
#include "solver/distributed_newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum {
  MAX_STEPS = 300,
  MAX_CG = 400,
  MAX_REFRESHES = 6,
  MIN_PAID = 6,
  PAID_SHARE = 100,
  MIN_BORDER = 32,
  BORDER_SHARE = 8
};

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
  capacity = s->capacity;
  BVL_TRY(BVL_GROW(&s->covered, &capacity, d));
  capacity = s->capacity * BVL_GRAM_CALL;
  BVL_TRY(BVL_GROW(&s->columns, &capacity, d * BVL_GRAM_CALL));
  capacity /= BVL_GRAM_CALL;
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
  bvl_border_clear(&s->border, s->m);
  bvl_status status = s->calls.factor(s->calls.context, s->m, s->list, s->packed);
  return status == BVL_OK ? note_factor(s, s->m, s->list) : status;
}

/* Is the unknown at this place of the factor active? */
static int is_in(const bvl_distributed_newton *s, int64_t place)
{
  return s->in_factor[place] >= 0 && s->active[s->in_factor[place]];
}

/* The border without what the set no longer differs by. */
static void trim_border(bvl_distributed_newton *s)
{
  for (int64_t l = 0; l < s->border.n; l++) {
    const int64_t name = s->border.name[l];
    s->covered[l] = (unsigned char)(name >= 0 ? s->active[name] : !is_in(s, -1 - name));
  }
  bvl_border_keep(&s->border, s->covered);
}

/* fresh <- names of what the border lacks; how many. */
static int64_t list_fresh(bvl_distributed_newton *s, int64_t *fresh)
{
  int64_t n = 0;
  memset(s->covered, 0, (size_t)s->capacity);
  for (int64_t l = 0; l < s->border.n; l++)
    if (s->border.name[l] >= 0) s->covered[s->border.name[l]] = 1;
  for (int64_t i = 0; i < s->n_factor; i++)
    if (is_in(s, i)) s->covered[s->in_factor[i]] = 1;
  for (int64_t i = 0; i < s->m; i++)
    if (!s->covered[s->list[i]]) fresh[n++] = s->list[i];
  memset(s->covered, 0, (size_t)s->capacity);
  for (int64_t l = 0; l < s->border.n; l++)
    if (s->border.name[l] < 0) s->covered[-1 - s->border.name[l]] = 1;
  for (int64_t i = 0; i < s->n_factor; i++)
    if (!is_in(s, i) && !s->covered[i]) fresh[n++] = -1 - i;
  return n;
}

/* Column `at` of the border for `name`; column: that of G when it joined. */
static void write_column(bvl_distributed_newton *s, const bvl_lasso *p, int64_t at, int64_t name,
                         const double *column)
{
  bvl_border *border = &s->border;
  double *B = border->B + at * border->m;
  double *C = border->C + at * border->capacity;
  border->name[at] = name;
  for (int64_t i = 0; i < border->m; i++)
    B[i] = name >= 0 && s->in_factor[i] >= 0 ? column[s->in_factor[i]] : 0;
  if (name < 0) B[-1 - name] = 1;
  for (int64_t l = 0; l <= at; l++)
    C[l] = name >= 0 && border->name[l] >= 0 ? column[border->name[l]] : 0;
  if (name >= 0) C[at] += ridge_of(p, name);
}

/* Writes the new columns of the border and has them solved for, a call's worth at a time. */
static bvl_status extend_border(bvl_distributed_newton *s, const bvl_lasso *p, int64_t n,
                                const int64_t *fresh)
{
  bvl_status status = BVL_OK;
  bvl_border *border = &s->border;
  for (int64_t begin = 0; begin < n; begin += BVL_GRAM_CALL) {
    const int64_t count = bvl_lesser(BVL_GRAM_CALL, n - begin);
    const int64_t first = border->n + begin;
    int64_t joined = 0; /* they stand before those that left */
    while (joined < count && fresh[begin + joined] >= 0) joined++;
    if (joined > 0) BVL_TRY(s->calls.columns(s->calls.context, joined, fresh + begin, s->columns));
    for (int64_t k = 0; k < count; k++)
      write_column(s, p, first + k, fresh[begin + k], k < joined ? s->columns + k * s->d : NULL);
    double *Y = border->Y + first * border->m;
    if (border->m == 0) continue;
    memcpy(Y, border->B + first * border->m, (size_t)(count * border->m) * sizeof *Y);
    BVL_TRY(s->calls.solve(s->calls.context, count, Y));
  }
cleanup:
  return status;
}

/* Brings the border in step with A, or factors A where that is cheaper (a column costs 2 m^2 flops
 * and stays, a factor m^3 / 3) or the border singular. */
static bvl_status follow(bvl_distributed_newton *s, const bvl_lasso *p)
{
  bvl_status status = BVL_OK;
  int64_t *fresh = NULL;
  int singular = 0;
  trim_border(s);
  BVL_TRY(BVL_ALLOC(&fresh, s->m + s->n_factor));
  const int64_t n = list_fresh(s, fresh);
  if (s->border.n + n > MIN_BORDER + s->n_factor / BORDER_SHARE) {
    BVL_TRY(factor_active(s, p));
  } else if (n > 0 || s->border.n > 0) {
    BVL_TRY(bvl_border_open(&s->border, n));
    BVL_TRY(extend_border(s, p, n, fresh));
    BVL_TRY(bvl_border_close(&s->border, n, &singular));
    if (singular) BVL_TRY(factor_active(s, p));
  }
cleanup:
  free(fresh);
  return status;
}

/* z <- the preconditioner times residual. */
static bvl_status precondition(bvl_distributed_newton *s, double *z)
{
  bvl_status status = BVL_OK;
  double *r = s->columns; /* what is solved for, kept for the border */
  double *rest = s->border.t;
  for (int64_t i = 0; i < s->n_factor; i++)
    s->packed[i] = r[i] = is_in(s, i) ? s->residual[s->in_factor[i]] : 0;
  for (int64_t l = 0; l < s->border.n; l++)
    rest[l] = s->border.name[l] >= 0 ? s->residual[s->border.name[l]] : 0;
  if (s->n_factor > 0) status = s->calls.solve(s->calls.context, 1, s->packed);
  bvl_border_solve(&s->border, r, s->packed, rest);
  for (int64_t i = 0; i < s->n_factor; i++)
    if (is_in(s, i)) z[s->in_factor[i]] = s->packed[i];
  for (int64_t l = 0; l < s->border.n; l++)
    if (s->border.name[l] >= 0) z[s->border.name[l]] = rest[l];
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
  BVL_TRY(follow(s, p));
  for (int64_t it = 0; it < MAX_CG && largest > target; it++) {
    if (s->paid >= allowance && !exact) {
      BVL_TRY(factor_active(s, p));
      exact = restart = 1;
    }
    BVL_TRY(precondition(s, s->moved));
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
