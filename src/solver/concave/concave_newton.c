/* SPDX-License-Identifier: BSD-3-Clause */
/* Rounds of: sweeps until the pieces stand still, then one Newton step on them, or an escape. */
#include "solver/concave/concave_newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"

enum { MAX_ROUNDS = 300, FEW_SWEEPS = 24, MANY_SWEEPS = 128, CALM = 2, MAX_BACKTRACKS = 40 };

/* A piece whose curvature changed by less is the same one, for profiles that are all curve. */
static const double SAME_PIECE = 0.1;

void bvl_concave_newton_free(bvl_concave_newton *s)
{
  double *doubles[] = {s->q,     s->threshold, s->step,  s->rest,
                       s->delta, s->moved,     s->trial, s->piece};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  free(s->support);
  bvl_concave_system_free(&s->system);
  *s = (bvl_concave_newton){.capacity = 0};
}

static bvl_status reserve(bvl_concave_newton *s, int64_t d)
{
  return BVL_GROW_ALL(&s->capacity, d, BVL_GROWN(&s->q), BVL_GROWN(&s->step), BVL_GROWN(&s->rest),
                      BVL_GROWN(&s->delta), BVL_GROWN(&s->moved), BVL_GROWN(&s->trial),
                      BVL_GROWN(&s->piece), BVL_GROWN(&s->support), BVL_GROWN(&s->threshold));
}

/* out = G x; d is far below a BLAS integer: its square was allocated. */
static void multiply(const bvl_concave_problem *p, const double *x, double *out)
{
  const int d = (int)p->d;
  if (d == 0) return;
  cblas_dgemv(CblasColMajor, CblasNoTrans, d, d, 1, p->G, (int)p->ld, x, 1, 0, out, 1);
}

/* q = c - G b from scratch. */
static void refresh(bvl_concave_newton *s, const bvl_concave_problem *p, const double *b)
{
  multiply(p, b, s->moved);
  for (int64_t k = 0; k < p->d; k++) s->q[k] = p->c[k] - s->moved[k];
}

double bvl_concave_violation(const bvl_penalty *penalty, double lw, double curvature, double b,
                             double q)
{
  if (lw == 0) return fabs(q);
  if (b != 0) return fabs(q - copysign(penalty->type->slope(penalty, lw, fabs(b)), b));
  const bvl_penalty pen = bvl_penalty_curved(*penalty, curvature);
  return fmax(fabs(q) - bvl_penalty_threshold(&pen, lw), 0);
}

double bvl_concave_block_violation(const bvl_penalty *penalty, double lw, double curvature,
                                   int64_t m, const double *b, double *q)
{
  if (m == 1) return bvl_concave_violation(penalty, lw, curvature, *b, *q);
  const bvl_penalty pen = bvl_penalty_curved(*penalty, curvature);
  /* the distance is that of the gradient, from the other side */
  for (int64_t i = 0; i < m; i++) q[i] = -q[i];
  const double distance = bvl_penalty_distance(&pen, lw, m, b, q);
  for (int64_t i = 0; i < m; i++) q[i] = -q[i];
  return distance;
}

/* The same that bvl_concave_violation compares with. */
static void set_thresholds(bvl_concave_newton *s, const bvl_concave_problem *p)
{
  for (int64_t k = 0; k < p->d; k++) {
    const bvl_penalty pen = bvl_penalty_curved(*p->penalty, p->G[k + k * p->ld]);
    s->threshold[k] = p->lw[k] > 0 ? bvl_penalty_threshold(&pen, p->lw[k]) : 0;
  }
}

static double violation(const bvl_concave_newton *s, const bvl_concave_problem *p, int64_t k,
                        double b)
{
  if (b == 0 && p->lw[k] > 0) return fmax(fabs(s->q[k]) - s->threshold[k], 0);
  return bvl_concave_violation(p->penalty, p->lw[k], p->G[k + k * p->ld], b, s->q[k]);
}

static double largest_violation(const bvl_concave_newton *s, const bvl_concave_problem *p,
                                const double *b)
{
  double largest = 0;
  for (int64_t k = 0; k < p->d; k++) {
    const double at = violation(s, p, k, b[k]);
    if (!(at <= largest)) largest = at; /* a NaN stays */
  }
  return largest;
}

/* ---- sweeps ------------------------------------------------------------------------------------
 */

/* Every coordinate to its minimiser, the others fixed. */
static void sweep(bvl_concave_newton *s, const bvl_concave_problem *p, double *b)
{
  for (int64_t k = 0; k < p->d; k++) {
    const double *column = p->G + k * p->ld;
    const double curvature = column[k];
    if (!(curvature > 0)) continue; /* a zero column: nothing to gain */
    if (b[k] == 0 && fabs(s->q[k]) <= s->threshold[k]) continue;
    double x = b[k] + s->q[k] / curvature;
    if (p->lw[k] > 0)
      x = copysign(x != 0 ? p->penalty->type->prox(p->penalty, p->lw[k], curvature, fabs(x)) : 0,
                   x);
    if (x == 0) x = 0; /* no -0 */
    const double delta = x - b[k];
    if (delta == 0) continue;
    b[k] = x;
    cblas_daxpy((int)p->d, -delta, column, 1, s->q, 1);
  }
}

/* Looks which piece each coefficient is on; returns whether any changed since the last look. */
static int look_at_pieces(bvl_concave_newton *s, const bvl_concave_problem *p, const double *b)
{
  int changed = 0;
  for (int64_t k = 0; k < p->d; k++) {
    const double before = s->piece[k];
    const double now = p->lw[k] == 0 ? 0
                       : b[k] == 0   ? NAN
                                     : p->penalty->type->bend(p->penalty, p->lw[k], fabs(b[k]));
    s->piece[k] = now;
    if (isnan(now) || isnan(before))
      changed |= isnan(now) != isnan(before);
    else
      changed |= fabs(now - before) > SAME_PIECE * fmax(fabs(now), fabs(before));
  }
  return changed;
}

/* ---- Newton's step ---------------------------------------------------------------------------
 */

/* support and rest: those in the factor. */
static void list_support(bvl_concave_newton *s, const bvl_concave_problem *p, const double *b)
{
  for (int64_t l = 0; l < s->system.factor.m; l++) {
    const int64_t k = s->system.factor.index[l];
    s->support[l] = k;
    s->rest[l] = s->q[k];
    if (p->lw[k] > 0)
      s->rest[l] -= copysign(p->penalty->type->slope(p->penalty, p->lw[k], fabs(b[k])), b[k]);
  }
}

bvl_status bvl_concave_newton_direction(bvl_concave_newton *s, const bvl_concave_problem *p,
                                        const double *b, double *out)
{
  bvl_status status = BVL_OK;
  BVL_TRY(reserve(s, p->d));
  refresh(s, p, b);
  if (!p->kept) bvl_concave_system_forget(&s->system);
  double weight = 0;
  do {
    BVL_TRY(bvl_concave_system_follow(&s->system, p, b, weight));
    weight = fmax(1e-6, 10 * weight);
  } while (s->system.n_refused > 0 && weight < 1e6);
  list_support(s, p, b);
  memcpy(s->step, s->rest, (size_t)s->system.factor.m * sizeof *s->step);
  bvl_factor_solve(&s->system.factor, s->step);
  memset(out, 0, (size_t)p->d * sizeof *out);
  for (int64_t l = 0; l < s->system.factor.m; l++) out[s->support[l]] = s->step[l];
cleanup:
  return status;
}

/* step: along the first unknown the factor refused, with what those in it do about it: x'Hx is the
 * pivot that was not positive. Downhill. Returns how many it moves. */
static int64_t choose_escape(bvl_concave_newton *s, const bvl_concave_problem *p, const double *b)
{
  const int64_t m = s->system.factor.m;
  const int64_t out = s->system.refused[0];
  for (int64_t i = 0; i < m; i++) s->step[i] = -p->G[s->support[i] + out * p->ld];
  bvl_factor_solve(&s->system.factor, s->step);
  s->support[m] = out;
  s->step[m] = 1;
  s->rest[m] = s->q[out];
  if (p->lw[out] > 0)
    s->rest[m] -= copysign(p->penalty->type->slope(p->penalty, p->lw[out], fabs(b[out])), b[out]);
  double along = 0;
  for (int64_t i = 0; i <= m; i++) along += s->rest[i] * s->step[i];
  for (int64_t i = 0; along < 0 && i <= m; i++) s->step[i] = -s->step[i];
  return m + 1;
}

/* Fraction of the step at which the first penalised coefficient reaches zero; INFINITY when none
 * does. */
static double first_crossing(const bvl_concave_newton *s, const bvl_concave_problem *p,
                             const double *b, int64_t m)
{
  double t = INFINITY;
  for (int64_t i = 0; i < m; i++) {
    const int64_t k = s->support[i];
    if (p->lw[k] > 0 && s->step[i] * b[k] < 0) t = fmin(t, -b[k] / s->step[i]);
  }
  return t;
}

/* trial <- b + t step, stopped at zero where it would pass it (or reaches it to rounding). Returns
 * whether it lowers the objective, or leaves it to rounding; *change is by how much. */
static int descends(bvl_concave_newton *s, const bvl_concave_problem *p, const double *b, int64_t m,
                    double t, double *change)
{
  double sum = 0;
  double rounding = 0;
  memcpy(s->trial, b, (size_t)p->d * sizeof *b);
  memset(s->delta, 0, (size_t)p->d * sizeof *s->delta);
  for (int64_t i = 0; i < m; i++) {
    const int64_t k = s->support[i];
    double x = b[k] + t * s->step[i];
    if (p->lw[k] > 0 && !(x * b[k] > 1e-14 * b[k] * b[k])) x = 0;
    s->trial[k] = x;
    s->delta[k] = x - b[k];
  }
  multiply(p, s->delta, s->moved);
  for (int64_t i = 0; i < m; i++) {
    const int64_t k = s->support[i];
    sum += s->delta[k] * (s->moved[k] / 2 - s->q[k]);
    if (p->lw[k] == 0) continue;
    const double before = bvl_penalty_value(p->penalty, p->lw[k], 1, b + k);
    sum += bvl_penalty_value(p->penalty, p->lw[k], 1, s->trial + k) - before;
    rounding += 4 * 0x1p-53 * before;
  }
  *change = sum;
  return sum <= rounding;
}

/* To the trial point. */
static void accept(bvl_concave_newton *s, const bvl_concave_problem *p, double *b)
{
  memcpy(b, s->trial, (size_t)p->d * sizeof *b);
  for (int64_t k = 0; k < p->d; k++) s->q[k] -= s->moved[k];
}

/* Along `step`: the whole of it, to the first zero, shorter and shorter. Returns the fraction that
 * was gone. */
static double go(bvl_concave_newton *s, const bvl_concave_problem *p, double *b, int64_t m)
{
  const double crossing = first_crossing(s, p, b, m);
  double change = 0;
  double t = 1;
  for (int back = 0; back < MAX_BACKTRACKS; back++, t /= 2) {
    if (back == 1 && crossing < 1) t = crossing;
    if (!descends(s, p, b, m, t, &change)) continue;
    accept(s, p, b);
    return t;
  }
  return 0;
}

/* Along an escape: to the first zero, or as far as it goes down. */
static double escape(bvl_concave_newton *s, const bvl_concave_problem *p, double *b, int64_t m)
{
  const double crossing = first_crossing(s, p, b, m);
  double change = 0;
  double further = 0;
  double size = 0;
  double length = 0;
  for (int64_t i = 0; i < m; i++) {
    size = fmax(size, fabs(b[s->support[i]]));
    length = fmax(length, fabs(s->step[i]));
  }
  double t = isinf(crossing) ? (size > 0 ? size / length : 1) : crossing;
  for (int back = 0; back < MAX_BACKTRACKS && !descends(s, p, b, m, t, &change); back++) t /= 2;
  for (int on = 0; isinf(crossing) && change < 0 && on < MAX_BACKTRACKS; on++) {
    if (!descends(s, p, b, m, 2 * t, &further) || further >= change) break;
    change = further;
    t *= 2;
  }
  if (!descends(s, p, b, m, t, &change)) return 0;
  accept(s, p, b);
  return t;
}

/* One step. *whole: to the end and on the pieces it began on. */
static bvl_status take_step(bvl_concave_newton *s, const bvl_concave_problem *p, double *b,
                            bvl_concave_outcome *outcome, int *whole)
{
  bvl_status status = bvl_concave_system_follow(&s->system, p, b, 0);
  const int64_t m = s->system.factor.m;
  *whole = m + s->system.n_refused == 0;
  if (status != BVL_OK || *whole) return status;
  list_support(s, p, b);
  outcome->steps++;
  if (s->system.n_refused == 0) {
    memcpy(s->step, s->rest, (size_t)m * sizeof *s->step);
    bvl_factor_solve(&s->system.factor, s->step);
    *whole = go(s, p, b, m) == 1;
  } else {
    outcome->escapes++;
    escape(s, p, b, choose_escape(s, p, b));
  }
  *whole &= !look_at_pieces(s, p, b);
  return status;
}

static double objective(const bvl_concave_newton *s, const bvl_concave_problem *p, const double *b)
{
  double sum = 0;
  for (int64_t k = 0; k < p->d; k++) {
    if (b[k] == 0) continue;
    sum -= b[k] * (p->c[k] + s->q[k]) / 2;
    if (p->lw[k] > 0) sum += bvl_penalty_value(p->penalty, p->lw[k], 1, b + k);
  }
  return sum;
}

bvl_status bvl_concave_newton_solve(bvl_concave_newton *s, const bvl_concave_problem *p, double tol,
                                    int64_t max_rounds, double *b, bvl_concave_outcome *outcome)
{
  bvl_status status = reserve(s, p->d);
  const int64_t budget = max_rounds > 0 ? max_rounds : MAX_ROUNDS;
  int sweeps = FEW_SWEEPS;
  int fresh = 1;
  *outcome = (bvl_concave_outcome){.solved = 0};
  if (status != BVL_OK) return status;
  if (!p->kept) bvl_concave_system_forget(&s->system);
  set_thresholds(s, p);
  refresh(s, p, b);
  look_at_pieces(s, p, b);
  const double start = objective(s, p, b);
  for (int64_t round = 0; round <= budget; round++) {
    if (!fresh && largest_violation(s, p, b) <= tol) {
      refresh(s, p, b);
      fresh = 1;
    }
    outcome->residual = largest_violation(s, p, b);
    outcome->solved = fresh && outcome->residual <= tol;
    if (outcome->solved || round == budget || bvl_watch_is_over(p->watch)) break;
    int whole = 0;
    for (int k = 0, calm = 0; k < sweeps && calm < CALM; k++, outcome->sweeps++) {
      sweep(s, p, b);
      calm = look_at_pieces(s, p, b) ? 0 : calm + 1;
    }
    BVL_TRY(take_step(s, p, b, outcome, &whole));
    sweeps = whole ? FEW_SWEEPS : (int)bvl_lesser(2 * sweeps, MANY_SWEEPS);
    fresh = 0;
  }
  outcome->change = objective(s, p, b) - start;
cleanup:
  return status;
}
