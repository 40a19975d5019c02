/* SPDX-License-Identifier: BSD-3-Clause */
/* One lambda: take Newton's step on the active set, stopping at the first coefficient that reaches
 * zero (it leaves); after a full step let every violator in; done when there is none.
 * A violator that depends linearly on the active columns cannot be factored: then the loss is flat
 * along a known direction on which the penalty falls, and following it to the first zero makes
 * room. */
#include "solver/scalar/active_newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"

enum { MAX_EVENTS_PER_UNKNOWN = 20 };

void bvl_active_newton_free(bvl_active_newton *s)
{
  bvl_factor_free(&s->factor);
  free(s->b);
  free(s->sign);
  free(s->q);
  free(s->b_of_q);
  free(s->rest);
  free(s->step);
  free(s->list);
  free(s->refused);
  free(s->active);
  *s = (bvl_active_newton){.capacity = 0};
}

static bvl_status reserve(bvl_active_newton *s, int64_t d)
{
  return BVL_GROW_ALL(&s->capacity, d, BVL_GROWN(&s->b), BVL_GROWN(&s->sign), BVL_GROWN(&s->q),
                      BVL_GROWN(&s->step), BVL_GROWN(&s->list), BVL_GROWN(&s->refused),
                      BVL_GROWN(&s->active), BVL_GROWN(&s->b_of_q), BVL_GROWN(&s->rest));
}

/* q -= G delta. One product where most of delta moves, else column by column. */
static void subtract_product(bvl_active_newton *s, const bvl_lasso *p, const double *delta)
{
  const int d = (int)p->d; /* its square was allocated: far below a BLAS integer */
  int64_t moving = 0;
  for (int64_t k = 0; k < p->d; k++) moving += delta[k] != 0;
  if (2 * moving > p->d) {
    cblas_dgemv(CblasColMajor, CblasNoTrans, d, d, -1, p->G, (int)p->ld, delta, 1, 1, s->q, 1);
    return;
  }
  for (int64_t k = 0; k < p->d; k++)
    if (delta[k] != 0) cblas_daxpy(d, -delta[k], p->G + k * p->ld, 1, s->q, 1);
}

/* q = c - G b from scratch. */
static void refresh(bvl_active_newton *s, const bvl_lasso *p)
{
  memcpy(s->q, p->c, (size_t)p->d * sizeof *s->q);
  memcpy(s->b_of_q, s->b, (size_t)p->d * sizeof *s->b);
  subtract_product(s, p, s->b);
}

static double ridge_of(const bvl_lasso *p, int64_t k)
{
  return p->ridge != NULL ? p->ridge[k] : 0;
}

/* The end of k's interval on the way from zero or from where it is. */
static double end_ahead(const bvl_lasso *p, int64_t k, double way)
{
  if (p->bounds == NULL) return copysign(INFINITY, way);
  return way > 0 ? p->bounds[k].upper : p->bounds[k].lower;
}

/* Appends list[0..n) to the factor and marks what got in. */
static bvl_status activate(bvl_active_newton *s, const bvl_lasso *p, int64_t n, int64_t *n_refused)
{
  bvl_status status = bvl_factor_append(&s->factor, p->G, p->ld, p->ridge, n, s->list, n_refused,
                                        s->refused);
  for (int64_t k = 0; status == BVL_OK && k < n; k++) s->active[s->list[k]] = 1;
  for (int64_t k = 0; status == BVL_OK && k < *n_refused; k++) s->active[s->refused[k]] = 0;
  return status;
}

bvl_status bvl_active_newton_start(bvl_active_newton *s, const bvl_lasso *p, const double *b)
{
  int64_t n = 0;
  int64_t n_refused = 0;
  const int own = b == s->b; /* which reserve may move */
  bvl_status status = reserve(s, p->d);
  if (status != BVL_OK) return status;
  bvl_factor_clear(&s->factor);
  if (!own) memcpy(s->b, b, (size_t)p->d * sizeof *b);
  for (int64_t k = 0; k < p->d; k++) {
    s->active[k] = 0;
    const int at_end = p->bounds != NULL && s->b[k] == end_ahead(p, k, s->b[k]);
    const int free = p->lw[k] == 0;
    s->sign[k] = free || at_end ? 0 : (double)((s->b[k] > 0) - (s->b[k] < 0));
    if (free || (s->b[k] != 0 && !at_end)) s->list[n++] = k;
  }
  status = activate(s, p, n, &n_refused);
  /* a start on dependent columns: those left out go to zero, Newton finds the way from there */
  for (int64_t k = 0; k < n_refused; k++) {
    s->b[s->refused[k]] = 0;
    s->sign[s->refused[k]] = 0;
  }
  s->d = p->d;
  if (status == BVL_OK) refresh(s, p);
  return status;
}

bvl_status bvl_active_newton_widen(bvl_active_newton *s, const bvl_lasso *p)
{
  bvl_status status = reserve(s, p->d);
  if (status != BVL_OK) return status;
  for (int64_t k = s->d; k < p->d; k++) {
    s->b[k] = 0;
    s->sign[k] = 0;
    s->active[k] = 0;
  }
  s->d = p->d;
  refresh(s, p);
  return BVL_OK;
}

/* The active unknown at `position` leaves at what stops it on the way of `step`: zero, or the end
 * on its side. */
static void deactivate(bvl_active_newton *s, const bvl_lasso *p, int64_t position, double step)
{
  const int64_t k = s->factor.index[position];
  s->b[k] = step * s->sign[k] < 0 ? 0 : end_ahead(p, k, step);
  s->sign[k] = 0;
  s->active[k] = 0;
  bvl_factor_drop(&s->factor, position);
}

/* Minus the gradient of the smooth part on the active set, with the signs fixed. */
static double active_residual(const bvl_active_newton *s, const bvl_lasso *p, double *out)
{
  double largest = 0;
  for (int64_t i = 0; i < s->factor.m; i++) {
    const int64_t k = s->factor.index[i];
    const double lw = p->lw[k] > 0 ? p->lw[k] * s->sign[k] : 0;
    out[i] = s->q[k] - lw - ridge_of(p, k) * s->b[k];
    largest = fmax(largest, fabs(out[i]));
  }
  return largest;
}

/* Fraction of `step` at which the first active coefficient reaches zero or its end (1 when none
 * does), and whose position it is. One that just came in has b = 0: it must move along its sign; or
 * stands at its end, and must move inwards. */
static double first_crossing(const bvl_active_newton *s, const bvl_lasso *p, const double *step,
                             double limit, int64_t *position)
{
  double t = limit;
  *position = -1;
  for (int64_t i = 0; i < s->factor.m; i++) {
    const int64_t k = s->factor.index[i];
    const int outwards = step[i] * s->sign[k] >= 0;
    if (p->lw[k] == 0 || (outwards && (p->bounds == NULL || step[i] == 0))) continue;
    const double left = outwards ? end_ahead(p, k, step[i]) - s->b[k] : s->b[k];
    const double at = fabs(left / step[i]);
    if (at >= t) continue;
    t = at;
    *position = i;
  }
  return t;
}

/* b_A += t step, without touching q. */
static void move(bvl_active_newton *s, double t, const double *step)
{
  for (int64_t i = 0; i < s->factor.m; i++) s->b[s->factor.index[i]] += t * step[i];
}

/* Brings q to b: G times what changed since q was last right. */
static void catch_up(bvl_active_newton *s, const bvl_lasso *p)
{
  for (int64_t k = 0; k < p->d; k++) s->step[k] = s->b[k] - s->b_of_q[k];
  subtract_product(s, p, s->step);
  memcpy(s->b_of_q, s->b, (size_t)p->d * sizeof *s->b);
}

/* Newton to the minimum on the active set and its face of signs: steps cut at zeros, each followed
 * by one coefficient's leaving, until a whole one fits, or the
 * watch says that it is over. A cut step shrinks the active residual by 1
 * - t, so only the end needs a product with G. */
static void newton(bvl_active_newton *s, const bvl_lasso *p, bvl_active_outcome *outcome)
{
  active_residual(s, p, s->rest);
  for (;;) {
    int64_t position = 0;
    memcpy(s->step, s->rest, (size_t)s->factor.m * sizeof *s->step);
    bvl_factor_solve(&s->factor, s->step);
    outcome->steps++;
    const double t = first_crossing(s, p, s->step, 1, &position);
    move(s, t, s->step);
    if (position < 0) break;
    const int64_t behind = s->factor.m - 1 - position;
    deactivate(s, p, position, s->step[position]);
    outcome->drops++;
    memmove(s->rest + position, s->rest + position + 1, (size_t)behind * sizeof *s->rest);
    for (int64_t i = 0; i < s->factor.m; i++) s->rest[i] *= 1 - t;
    if (bvl_watch_is_over(p->watch)) break;
  }
  catch_up(s, p);
}

/* By how much inactive unknown k wants in: from zero to a side that is open, from an end inwards.
 */
static double violation(const bvl_active_newton *s, const bvl_lasso *p, int64_t k)
{
  if (p->bounds == NULL) return fabs(s->q[k]) - p->lw[k];
  if (s->b[k] == 0) return bvl_bounded_pull(p->bounds[k], s->q[k]) - p->lw[k];
  const double inwards = s->q[k] - ridge_of(p, k) * s->b[k];
  return p->lw[k] - (s->b[k] > 0 ? inwards : -inwards);
}

static int64_t find_violators(const bvl_active_newton *s, const bvl_lasso *p, double tol)
{
  int64_t n = 0;
  for (int64_t k = 0; k < p->d; k++)
    if (!s->active[k] && violation(s, p, k) > tol) s->list[n++] = k;
  return n;
}

/* Unknown k depends on the active ones: b_A - t sigma G_AA^-1 G_Ak, b_k + t sigma leaves G b as it
 * is and lowers the penalty; at the first zero k takes that one's place. */
static bvl_status swap_in(bvl_active_newton *s, const bvl_lasso *p, int64_t k, int *swapped)
{
  const double sigma = s->q[k] > 0 ? 1 : -1;
  int64_t position = 0;
  int64_t n_refused = 0;
  *swapped = 0;
  for (int64_t i = 0; i < s->factor.m; i++)
    s->step[i] = -sigma * p->G[s->factor.index[i] + k * p->ld];
  bvl_factor_solve(&s->factor, s->step);
  const double t = first_crossing(s, p, s->step, INFINITY, &position);
  if (position < 0) return BVL_OK;
  /* k from an end, or to one, is beyond this */
  if (p->bounds != NULL && (s->b[k] != 0 || t > fabs(end_ahead(p, k, sigma)))) return BVL_OK;
  move(s, t, s->step);
  deactivate(s, p, position, s->step[position]);
  s->b[k] = t * sigma;
  catch_up(s, p);
  s->sign[k] = sigma;
  s->list[0] = k;
  bvl_status status = activate(s, p, 1, &n_refused);
  if (n_refused == 0) {
    *swapped = 1;
    return status;
  }
  s->b[k] = 0; /* still dependent: leave it, honestly */
  s->sign[k] = 0;
  refresh(s, p);
  return status;
}

static bvl_status let_in(bvl_active_newton *s, const bvl_lasso *p, int64_t n, int *stuck)
{
  int64_t n_refused = 0;
  for (int64_t k = 0; k < n; k++) {
    const double towards = s->b[s->list[k]] != 0 ? s->b[s->list[k]] : s->q[s->list[k]];
    s->sign[s->list[k]] = towards > 0 ? 1 : -1;
  }
  for (int64_t k = 0; k < n; k++)
    if (p->lw[s->list[k]] == 0) s->sign[s->list[k]] = 0;
  bvl_status status = activate(s, p, n, &n_refused);
  *stuck = n_refused == n;
  for (int64_t k = 0; k < n_refused; k++) s->sign[s->refused[k]] = 0;
  if (*stuck && status == BVL_OK) {
    int swapped = 0;
    status = swap_in(s, p, s->refused[0], &swapped);
    *stuck = !swapped;
  }
  return status;
}

static double residual_everywhere(bvl_active_newton *s, const bvl_lasso *p)
{
  double largest = active_residual(s, p, s->step);
  for (int64_t k = 0; k < p->d; k++)
    if (!s->active[k]) largest = fmax(largest, violation(s, p, k));
  return largest;
}

bvl_status bvl_active_newton_solve(bvl_active_newton *s, const bvl_lasso *p, double tol,
                                   int64_t max_steps, bvl_active_outcome *outcome)
{
  bvl_status status = BVL_OK;
  const int64_t budget = max_steps > 0 ? max_steps : MAX_EVENTS_PER_UNKNOWN * (p->d + 10);
  int stuck = 0;
  int refreshed = 0;
  *outcome = (bvl_active_outcome){.solved = 1};
  while (outcome->steps < budget && !bvl_watch_is_over(p->watch)) {
    if (active_residual(s, p, s->step) > tol) {
      newton(s, p, outcome);
      /* a whole step that leaves a residual is at rounding: refresh once, then accept */
      if (active_residual(s, p, s->step) > tol) {
        if (refreshed) break;
        refreshed = 1;
        refresh(s, p);
      }
      continue;
    }
    const int64_t n = find_violators(s, p, tol);
    if (n == 0) break;
    BVL_TRY(let_in(s, p, n, &stuck));
    if (stuck) break;
    refreshed = 0;
    outcome->steps++;
  }
  refresh(s, p);
  outcome->residual = residual_everywhere(s, p);
  outcome->solved = outcome->residual <= 10 * tol;
cleanup:
  return status;
}
