/* SPDX-License-Identifier: BSD-3-Clause */
/* One lambda: violators join, a step, an evaluation, until the gradient says it is solved. The
 * gradient outside the active set is asked for only after something joined and at the end.
 * A violator that depends linearly on the active columns cannot be factored: the loss is then flat
 * along a known direction on which the penalty falls, and following it to the first zero makes
 * room. */
#include "solver/stale_newton.h"

#include <math.h>
#include <stdlib.h>
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

void bvl_stale_newton_free(bvl_stale_newton *s)
{
  bvl_factor_free(&s->factor);
  bvl_secant_free(&s->secant);
  free(s->b);
  free(s->sign);
  free(s->g);
  free(s->b_before);
  free(s->g_before);
  free(s->rest);
  free(s->step);
  free(s->list);
  free(s->joining);
  free(s->refused);
  free(s->position);
  free(s->active);
  *s = (bvl_stale_newton){0};
}

static bvl_status reserve(bvl_stale_newton *s, int64_t d)
{
  bvl_status status = BVL_OK;
  int64_t capacity[12];
  for (int k = 0; k < 12; k++) capacity[k] = s->capacity;
  BVL_TRY(BVL_GROW(&s->b, &capacity[0], d));
  BVL_TRY(BVL_GROW(&s->sign, &capacity[1], d));
  BVL_TRY(BVL_GROW(&s->g, &capacity[2], d));
  BVL_TRY(BVL_GROW(&s->b_before, &capacity[3], d));
  BVL_TRY(BVL_GROW(&s->g_before, &capacity[4], d));
  BVL_TRY(BVL_GROW(&s->rest, &capacity[5], d));
  BVL_TRY(BVL_GROW(&s->step, &capacity[6], d));
  BVL_TRY(BVL_GROW(&s->list, &capacity[7], d));
  BVL_TRY(BVL_GROW(&s->joining, &capacity[8], d));
  BVL_TRY(BVL_GROW(&s->refused, &capacity[9], d));
  BVL_TRY(BVL_GROW(&s->position, &capacity[10], d));
  BVL_TRY(BVL_GROW(&s->active, &capacity[11], d));
  BVL_TRY(bvl_secant_reserve(&s->secant, d));
  s->capacity = capacity[0]; /* all grew alike */
cleanup:
  return status;
}

static double ridge_of(const bvl_stale_problem *p, int64_t k)
{
  return p->ridge != NULL ? p->ridge[k] : 0;
}

/* ---- joining and leaving ----------------------------------------------------------------------
 */

/* `moved` in the step under way. */
static void leave(bvl_stale_newton *s, int64_t position, double moved)
{
  const int64_t k = s->factor.index[position];
  bvl_secant_dismiss(&s->secant, &s->factor, position, moved);
  s->sign[k] = 0;
  s->active[k] = 0;
  bvl_factor_drop(&s->factor, position);
}

/* Appends joining[0..n) to the factor, at the weights it was made with; anew: makes it for the
 * active and the joining ones at the weights of the last evaluation. */
static bvl_status join(bvl_stale_newton *s, const bvl_stale_problem *p, int anew, int64_t n,
                       int64_t *n_refused)
{
  bvl_status status = BVL_OK;
  int64_t m = s->factor.m;
  for (int64_t i = 0; i < m; i++) s->list[i] = s->factor.index[i];
  for (int64_t r = 0; r < n; r++) s->list[m + r] = s->joining[r];
  n = anew ? m + n : n;
  m = anew ? 0 : m;
  *n_refused = 0;
  if (n == 0) return BVL_OK;
  BVL_TRY(bvl_row_work_gram(s->work, anew, n, m + n, s->list));
  double *rows = s->work->gram;
  for (int64_t r = 0; r < n; r++) rows[r + (m + r) * n] += ridge_of(p, s->list[m + r]);
  if (anew) {
    bvl_factor_clear(&s->factor);
    bvl_secant_clear(&s->secant);
  }
  for (int64_t r = 0; r < n; r++) {
    s->active[s->list[m + r]] = 1;
    bvl_secant_admit(&s->secant, &s->factor, s->list[m + r], rows + r, n);
  }
  BVL_TRY(bvl_factor_append_rows(&s->factor, rows, n, s->list + m, n_refused, s->refused));
  for (int64_t r = 0; r < *n_refused; r++) {
    s->active[s->refused[r]] = 0;
    s->sign[s->refused[r]] = 0;
  }
cleanup:
  return status;
}

/* Signs by b, or by the gradient where b is zero. */
static void set_sign(bvl_stale_newton *s, const bvl_stale_problem *p, int64_t k)
{
  const double towards = s->b[k] != 0 ? s->b[k] : s->g[k];
  s->sign[k] = p->lw[k] > 0 ? (towards > 0 ? 1 : -1) : 0;
}

/* Makes the active set the support of b (and what is not penalised). */
static bvl_status match_support(bvl_stale_newton *s, const bvl_stale_problem *p)
{
  int64_t n = 0;
  int64_t n_refused = 0;
  for (int64_t i = s->factor.m - 1; i >= 0; i--)
    if (p->lw[s->factor.index[i]] > 0 && s->b[s->factor.index[i]] == 0) leave(s, i, 0);
  for (int64_t k = 0; k < s->d; k++) {
    if (p->lw[k] > 0 && s->b[k] == 0) continue;
    set_sign(s, p, k);
    if (!s->active[k]) s->joining[n++] = k;
  }
  if (!s->has_factor) { /* nothing to append to: the first step makes it */
    for (int64_t r = 0; r < n; r++) s->active[s->joining[r]] = 1;
    return BVL_OK;
  }
  bvl_status status = join(s, p, 0, n, &n_refused);
  for (int64_t r = 0; r < n_refused; r++) s->b[s->refused[r]] = 0;
  return status;
}

/* The factor anew, with joining[0..n) in it. *moved: dependent columns had to go to zero. */
static bvl_status refresh(bvl_stale_newton *s, const bvl_stale_problem *p, int64_t n, int *moved)
{
  int64_t n_refused = 0;
  if (!s->has_factor) { /* the active ones are not in it yet: all in order, the intercept first */
    for (int64_t r = 0; r < n; r++) s->active[s->joining[r]] = 1;
    n = 0;
    for (int64_t k = 0; k < s->d; k++)
      if (s->active[k]) s->joining[n++] = k;
  }
  bvl_status status = join(s, p, 1, n, &n_refused);
  const double m = (double)s->factor.m;
  const double rows = (double)bvl_problem_n_split(s->work->problem);
  s->has_factor = 1;
  s->cycle_cost = m > 0 ? (rows * m * m + m * m * m / 3) / (24 * m * (rows + m)) : 0;
  s->cycle_lambdas = 0;
  s->due = 0;
  *moved = 0;
  for (int64_t r = 0; r < n_refused; r++) {
    *moved |= s->b[s->refused[r]] != 0;
    s->b[s->refused[r]] = 0;
  }
  return status;
}

/* ---- following the working set -------------------------------------------------------------- */

/* to (in joining) <- the new number of each old unknown, -1 where it left the set: those that
 * stayed kept their order, newcomers stand behind. */
static void renumber(bvl_stale_newton *s, const bvl_working_set *set)
{
  const int64_t shift = set->problem->intercept;
  int64_t next = 0;
  for (int64_t k = 0; k < s->d; k++) {
    s->joining[k] = k < shift ? k : -1;
    if (k < shift || next == set->columns->n_cols) continue;
    if (s->position[k - shift] == set->columns->position[next]) s->joining[k] = shift + next++;
  }
  for (int64_t i = s->factor.m - 1; i >= 0; i--) {
    const int64_t to = s->joining[s->factor.index[i]];
    if (to < 0)
      bvl_factor_drop(&s->factor, i);
    else
      s->factor.index[i] = to;
  }
  bvl_secant_renumber(&s->secant, s->d, s->joining);
}

static bvl_status evaluate(bvl_stale_newton *s, int whole)
{
  s->whole = whole;
  return bvl_row_work_evaluate(s->work, s->b, s->active, whole, &s->loss, s->g);
}

bvl_status bvl_stale_newton_open(bvl_stale_newton *s, bvl_row_work *work,
                                 const bvl_stale_problem *p)
{
  bvl_status status = BVL_OK;
  const bvl_working_set *set = work->set;
  const int64_t n_cols = set->columns->n_cols;
  s->work = work;
  BVL_TRY(reserve(s, bvl_greater(bvl_greater(set->d, s->d), 1)));
  renumber(s, set);
  s->d = set->d;
  for (int64_t k = 0; k < n_cols; k++) s->position[k] = set->columns->position[k];
  memcpy(s->b, set->b, (size_t)s->d * sizeof *s->b);
  memset(s->active, 0, (size_t)s->d * sizeof *s->active);
  memset(s->sign, 0, (size_t)s->d * sizeof *s->sign);
  memset(s->g, 0, (size_t)s->d * sizeof *s->g);
  for (int64_t i = 0; i < s->factor.m; i++) s->active[s->factor.index[i]] = 1;
  BVL_TRY(match_support(s, p));
  BVL_TRY(evaluate(s, 1));
cleanup:
  return status;
}

/* ---- a step -----------------------------------------------------------------------------------
 */

/* Minus the derivative along active unknown k, its sign fixed. */
static double descent_along(const bvl_stale_newton *s, const bvl_stale_problem *p, int64_t k)
{
  return s->g[k] - p->lw[k] * s->sign[k] - ridge_of(p, k) * s->b[k];
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
    leave(s, position, -s->b_before[k]);
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
    const double violation = fabs(s->g[k]) - p->lw[k];
    largest = fmax(largest, violation);
    if (violation <= fmax(level, p->tol)) continue;
    set_sign(s, p, k);
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
  leave(s, position, 0);
  s->b[k] = t * sigma;
  s->sign[k] = sigma;
  status = join(s, p, 0, 1, &n_refused);
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
    if (s->b[k] != 0) value += p->lw[k] * fabs(s->b[k]) + ridge_of(p, k) * s->b[k] * s->b[k] / 2;
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
    BVL_TRY(evaluate(s, whole));
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
    BVL_TRY(match_support(s, p));
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
    BVL_TRY(refresh(s, p, n, &moved));
  else
    BVL_TRY(join(s, p, 0, n, &n_refused));
  if (n > 0 && n_refused == n) {
    int swapped = 0;
    BVL_TRY(swap_in(s, p, s->refused[0], &swapped));
    *stuck = !swapped;
    moved = 1;
  }
  if (moved) { /* no step from a point whose gradient is not known */
    BVL_TRY(evaluate(s, 1));
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
