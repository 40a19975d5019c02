/* SPDX-License-Identifier: BSD-3-Clause */
/* One lambda: violators join, a step, an evaluation, until the gradient says it is solved. The
 * gradient outside the active set is asked for only after something joined and at the end.
 * A violator that depends linearly on the active columns cannot be factored: the loss is then flat
 * along a known direction on which the penalty falls, and following it to the first zero makes
 * room. */
#include "solver/scalar/stale_set.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"

enum { MAX_HALVINGS = 30, MAX_STALLS = 3, MAX_REFRESHES = 40 };

/* A step that leaves more than this part of the residual stalls. */
static const double STALL = 0.5;

/* Unpenalised unknowns are solved this much better: what is left of their gradient costs the dual
 * bound ten times their size (certificate.c). */
static const double FREE_WEIGHT = 30;

/* Pairs are kept for the next lambda from this many tolerances on. */
static const double KEEP_PAIR = 1e6;

/* ---- a step -----------------------------------------------------------------------------------
 */

/* Minus the derivative along active unknown k, its sign fixed. */
static double descent_along(const bvl_stale_newton *s, const bvl_stale_problem *p, int64_t k)
{
  return s->g[k] - p->lw[k] * s->sign[k] - bvl_stale_ridge(p, k) * s->b[k];
}

/* Fraction (at most `most`) of the step at which the first active coefficient reaches zero, and its
 * position (-1: none does). One that just joined has b = 0: it must move along its sign. */
static double first_crossing(const bvl_stale_newton *s, double most, int64_t *position)
{
  double t = most;
  *position = -1;
  for (int64_t i = 0; i < s->factor.m; i++) {
    const int64_t k = s->factor.index[i];
    if (s->step[i] * s->sign[k] >= 0) continue;
    const double at = fabs(s->b[k] / s->step[i]);
    if (at >= t) continue;
    t = at;
    *position = i;
  }
  return t;
}

static void move(bvl_stale_newton *s, double t)
{
  for (int64_t i = 0; i < s->factor.m; i++) s->b[s->factor.index[i]] += t * s->step[i];
}

/* To the minimum of the model on the face of signs. A cut step shrinks the rest by 1 - t. */
static void newton_step(bvl_stale_newton *s, const bvl_stale_problem *p)
{
  for (int64_t i = 0; i < s->factor.m; i++) s->rest[i] = descent_along(s, p, s->factor.index[i]);
  for (;;) {
    int64_t position = 0;
    memcpy(s->step, s->rest, (size_t)s->factor.m * sizeof *s->step);
    bvl_secant_apply(&s->secant, &s->factor, p->ridge, s->step);
    const double t = first_crossing(s, 1, &position);
    move(s, t);
    if (position < 0) break;
    const int64_t k = s->factor.index[position];
    s->b[k] = 0;
    bvl_stale_leave(s, position, -s->b_before[k]);
    memmove(s->rest + position, s->rest + position + 1,
            (size_t)(s->factor.m - position) * sizeof *s->rest);
    for (int64_t i = 0; i < s->factor.m; i++) s->rest[i] *= 1 - t;
  }
}

/* Outside the active set: the largest violation; those above `level`, the residual on the active
 * set, into joining, with signs. The others may well be gone after the next step. */
static double find_violators(bvl_stale_newton *s, const bvl_stale_problem *p, double level,
                             int64_t *n)
{
  double largest = 0;
  for (int64_t k = 0; k < s->d; k++) {
    if (s->active[k]) continue;
    const double pull = p->bounds != NULL ? bvl_bounded_pull(p->bounds[k], s->g[k]) : fabs(s->g[k]);
    const double violation = pull - p->lw[k];
    largest = fmax(largest, violation);
    if (violation <= fmax(level, p->tol)) continue;
    bvl_stale_set_sign(s, p, k);
    s->joining[(*n)++] = k;
  }
  return largest;
}

/* Unknown k depends on the active ones, row of its products with them given: b_A - t sigma H^-1
 * row, b_k + t sigma leaves the loss as it is and lowers the penalty; at the first zero k takes
 * that one's place. */
static bvl_status swap_in(bvl_stale_newton *s, const bvl_stale_problem *p, int64_t k, int *swapped)
{
  const double sigma = s->g[k] > 0 ? 1 : -1;
  int64_t position = 0;
  int64_t n_refused = 0;
  *swapped = 0;
  s->joining[0] = k; /* its row, of the weights the factor has */
  for (int64_t i = 0; i < s->factor.m; i++) s->list[i] = s->factor.index[i];
  s->list[s->factor.m] = k;
  bvl_status status = bvl_row_work_gram(s->work, 0, 1, s->factor.m + 1, s->list);
  if (status != BVL_OK) return status;
  for (int64_t i = 0; i < s->factor.m; i++) s->step[i] = -sigma * s->work->gram[i];
  bvl_factor_solve(&s->factor, s->step);
  const double t = first_crossing(s, INFINITY, &position);
  if (position < 0) return BVL_OK;
  move(s, t);
  s->b[s->factor.index[position]] = 0;
  bvl_stale_leave(s, position, 0);
  s->b[k] = t * sigma;
  s->sign[k] = sigma;
  status = bvl_stale_join(s, p, 0, 1, &n_refused);
  if (n_refused > 0) s->b[k] = 0; /* still dependent: leave it, honestly */
  *swapped = n_refused == 0;
  return status;
}

/* ---- one lambda -------------------------------------------------------------------------------
 */

static double objective_at(const bvl_stale_newton *s, const bvl_stale_problem *p)
{
  double value = s->loss;
  for (int64_t k = 0; k < s->d; k++)
    if (s->b[k] != 0)
      value += p->lw[k] * fabs(s->b[k]) + bvl_stale_ridge(p, k) * s->b[k] * s->b[k] / 2;
  return value;
}

/* Evaluates the new point, and points nearer to the one before until the objective does not rise.
 * *rose: even the nearest did. */
static bvl_status settle(bvl_stale_newton *s, const bvl_stale_problem *p, int whole,
                         double *objective, int *rose)
{
  bvl_status status = BVL_OK;
  const double slack = 1e-13 * fmax(fabs(*objective), s->work->problem->null_half);
  *rose = 0;
  for (int halvings = 0;; halvings++) {
    BVL_TRY(bvl_stale_evaluate(s, whole));
    const double here = objective_at(s, p);
    if (here <= *objective + slack) { /* not for NaN, nor overflow */
      *objective = here;
      break;
    }
    *rose = halvings == MAX_HALVINGS;
    if (*rose) break;
    for (int64_t k = 0; k < s->d; k++)
      s->b[k] = s->active[k] || s->b_before[k] != 0 ? 0.5 * (s->b[k] + s->b_before[k]) : 0;
    memcpy(s->g, s->g_before, (size_t)s->d * sizeof *s->g); /* a joining one's sign */
    bvl_secant_clear(&s->secant);
    BVL_TRY(bvl_stale_match_support(s, p));
  }
cleanup:
  return status;
}

/* What is known of the descent at this lambda. */
typedef struct progress {
  double objective;
  double best; /* least residual */
  int stalls;  /* steps in a row that did not do much better */
  int refreshes;
} progress;

/* Largest violation, *outside: some of it outside the active set; those who should join in
 * joining[0..*n). */
static bvl_status inspect(bvl_stale_newton *s, const bvl_stale_problem *p, int64_t *n, int *outside,
                          double *residual)
{
  bvl_status status = BVL_OK;
  *n = 0;
  *residual = 0;
  for (int64_t k = 0; k < s->d; k++)
    if (s->active[k])
      *residual = fmax(*residual, (p->lw[k] > 0 ? 1 : FREE_WEIGHT) * fabs(descent_along(s, p, k)));
  if (*residual <= p->tol && !s->whole) {
    BVL_TRY(bvl_row_work_complete(s->work, s->active, s->g));
    s->whole = 1;
  }
  const double violation = s->whole ? find_violators(s, p, *residual, n) : 0;
  *outside = violation > p->tol;
  *residual = fmax(*residual, violation);
cleanup:
  return status;
}

/* Lets joining[0..n) in, makes the factor anew when that is due, goes a step and evaluates.
 * *stuck: neither is possible. */
static bvl_status advance(bvl_stale_newton *s, const bvl_stale_problem *p, int64_t n, int anew,
                          int whole, progress *at, int *stuck)
{
  bvl_status status = BVL_OK;
  int64_t n_refused = 0;
  int moved = 0;
  memcpy(s->b_before, s->b, (size_t)s->d * sizeof *s->b);
  memcpy(s->g_before, s->g, (size_t)s->d * sizeof *s->g);
  *stuck = 0;
  if (anew)
    BVL_TRY(bvl_stale_refresh(s, p, n, &moved));
  else
    BVL_TRY(bvl_stale_join(s, p, 0, n, &n_refused));
  if (n > 0 && n_refused == n) {
    int swapped = 0;
    BVL_TRY(swap_in(s, p, s->refused[0], &swapped));
    *stuck = !swapped;
    moved = 1;
  }
  if (moved) { /* no step from a point whose gradient is not known */
    BVL_TRY(bvl_stale_evaluate(s, 1));
    at->objective = objective_at(s, p);
    goto cleanup;
  }
  newton_step(s, p);
  BVL_TRY(settle(s, p, whole, &at->objective, stuck));
  bvl_secant_push(&s->secant, &s->factor, s->b, s->b_before, s->g, s->g_before);
cleanup:
  return status;
}

/* A factor that this lambda's steps show to be useless, or that its age makes dear, is made anew.
 */
static int wants_refresh(const bvl_stale_newton *s, int64_t steps, double residual, progress *at)
{
  at->stalls = residual > STALL * at->best ? at->stalls + 1 : 0;
  at->best = fmin(at->best, residual);
  const int anew = !s->has_factor || (s->due && steps == 1) || at->stalls >= MAX_STALLS;
  if (anew) at->stalls = 0;
  at->refreshes += anew;
  return anew;
}

bvl_status bvl_stale_newton_solve(bvl_stale_newton *s, const bvl_stale_problem *p,
                                  bvl_stale_outcome *outcome)
{
  bvl_status status = BVL_OK;
  progress at = {.best = INFINITY, .objective = objective_at(s, p)};
  double residual = 0;
  int64_t n = 0;
  int outside = 0;
  int stuck = 0;
  *outcome = (bvl_stale_outcome){0};
  for (;;) {
    BVL_TRY(inspect(s, p, &n, &outside, &residual));
    outcome->solved = residual <= p->tol;
    if (outcome->solved || stuck || outcome->steps >= p->max_steps) break;
    if (bvl_watch_is_over(p->watch)) break;
    const int anew = wants_refresh(s, outcome->steps, residual, &at);
    if (at.refreshes > MAX_REFRESHES) break;
    BVL_TRY(advance(s, p, n, anew, outside, &at, &stuck));
    outcome->steps++;
  }
  bvl_secant_forget(&s->secant, KEEP_PAIR * p->tol);
  s->cycle_cost += (double)outcome->steps;
  s->cycle_lambdas++;
  s->due = (double)outcome->steps * (double)s->cycle_lambdas > s->cycle_cost;
cleanup:
  return status;
}
