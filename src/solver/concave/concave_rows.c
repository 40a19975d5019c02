/* SPDX-License-Identifier: BSD-3-Clause */
/* Model, solve, try, until the exact gradient says it is solved. */
#include "solver/concave/concave_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { MAX_DAMPINGS = 30, MAX_HALVINGS = 12, MIN_ROOM = 64 };

/* A step with an old matrix that leaves more than this part of the residual asks for a new one. */
static const double STALL = 0.1;

static const double MIN_DAMPING = 0.5, DAMPING_GROWS = 4;

void bvl_concave_rows_free(bvl_concave_rows *s)
{
  double *doubles[] = {s->b, s->g, s->b_before, s->g_before, s->G, s->H, s->c, s->lw_listed, s->x};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  free(s->listed);
  free(s->list);
  bvl_concave_newton_free(&s->newton);
  *s = (bvl_concave_rows){.capacity = 0};
}

static bvl_status reserve(bvl_concave_rows *s, int64_t d)
{
  bvl_status status = BVL_OK;
  int64_t capacity[5];
  for (int k = 0; k < 5; k++) capacity[k] = s->capacity;
  BVL_TRY(BVL_GROW(&s->b, &capacity[0], d));
  BVL_TRY(BVL_GROW(&s->g, &capacity[1], d));
  BVL_TRY(BVL_GROW(&s->b_before, &capacity[2], d));
  BVL_TRY(BVL_GROW(&s->g_before, &capacity[3], d));
  BVL_TRY(BVL_GROW(&s->listed, &capacity[4], d));
  s->capacity = capacity[0];
cleanup:
  return status;
}

/* Room for n unknowns in the model; *lost: what G held is gone, its columns stand elsewhere. */
static bvl_status make_room(bvl_concave_rows *s, int64_t n, int *lost)
{
  bvl_status status = BVL_OK;
  if (n <= s->room) return BVL_OK;
  const int64_t room = bvl_greater(bvl_greater(n, s->room + s->room / 2), MIN_ROOM);
  int64_t capacity[6] = {s->room, s->room, s->room, s->room, s->room * s->room, s->room * s->room};
  *lost = 1;
  s->room = 0;
  s->n_held = 0;
  BVL_TRY(BVL_GROW(&s->list, &capacity[0], room));
  BVL_TRY(BVL_GROW(&s->c, &capacity[1], room));
  BVL_TRY(BVL_GROW(&s->lw_listed, &capacity[2], room));
  BVL_TRY(BVL_GROW(&s->x, &capacity[3], room));
  BVL_TRY(BVL_GROW(&s->G, &capacity[4], room * room));
  BVL_TRY(BVL_GROW(&s->H, &capacity[5], room * room));
  s->room = room;
cleanup:
  return status;
}

static double objective(const bvl_concave_rows *s, const double *lw)
{
  double sum = s->loss;
  for (int64_t k = 0; k < s->d; k++)
    if (s->b[k] != 0 && lw[k] > 0) sum += bvl_penalty_value(s->penalty, lw[k], 1, s->b + k);
  return sum;
}

/* The loss and all of g at b. */
static bvl_status evaluate(bvl_concave_rows *s)
{
  return bvl_row_work_evaluate(s->work, s->b, s->listed, 1, &s->loss, s->g);
}

bvl_status bvl_concave_rows_open(bvl_concave_rows *s, bvl_row_work *work, const double *lw)
{
  const bvl_working_set *set = work->set;
  bvl_status status = reserve(s, set->d);
  if (status != BVL_OK) return status;
  s->work = work;
  s->penalty = &work->problem->penalty;
  s->d = set->d;
  s->n = s->n_held = 0;
  s->damping = 0;
  memcpy(s->b, set->b, (size_t)s->d * sizeof *s->b);
  for (int64_t k = 0; k < s->d; k++) s->listed[k] = s->b[k] != 0 || lw[k] == 0;
  return evaluate(s);
}

static double violation(const bvl_concave_rows *s, const double *lw, int64_t k)
{
  const double curvature = s->work->set->curvature[k]; /* a block is an unknown */
  return bvl_concave_violation(s->penalty, lw[k], curvature, s->b[k], s->g[k]);
}

static double largest_violation(const bvl_concave_rows *s, const double *lw)
{
  double largest = 0;
  for (int64_t k = 0; k < s->d; k++) {
    const double at = violation(s, lw, k);
    if (!(at <= largest)) largest = at; /* a NaN stays */
  }
  return largest;
}

/* ---- the model --------------------------------------------------------------------------------
 */

/* Lists whoever is nonzero, unpenalised or wants to leave zero by more than tol: from scratch
 * (anew), or those who are not in yet. */
static bvl_status make_list(bvl_concave_rows *s, const double *lw, double tol, int *anew)
{
  bvl_status status = BVL_OK;
  int64_t n_new = 0;
  for (int64_t k = 0; k < s->d; k++)
    n_new += s->b[k] != 0 || lw[k] == 0 || violation(s, lw, k) > tol;
  BVL_TRY(make_room(s, s->n + n_new, anew)); /* more than enough */
  if (*anew) {
    s->n = s->n_held = 0;
    memset(s->listed, 0, (size_t)s->d);
  }
  for (int64_t k = 0; k < s->d; k++) {
    if (s->n_held > 0 && s->listed[k]) continue;
    if (s->b[k] == 0 && lw[k] > 0 && !(violation(s, lw, k) > tol)) continue;
    s->listed[k] = 1;
    s->list[s->n++] = k;
  }
cleanup:
  return status;
}

/* G for those listed since, at the weights it has, or all of it at those of the last evaluation. */
static bvl_status make_gram(bvl_concave_rows *s, int anew)
{
  bvl_status status = BVL_OK;
  const int64_t n_new = s->n - s->n_held;
  if (n_new == 0) return BVL_OK;
  BVL_TRY(bvl_row_work_gram(s->work, anew, n_new, s->n, s->list));
  for (int64_t l = 0; l < s->n; l++)
    for (int64_t i = l > s->n_held ? l - s->n_held : 0; i < n_new; i++)
      s->G[s->n_held + i + l * s->room] = s->work->gram[i + l * n_new];
  s->n_held = s->n;
cleanup:
  return status;
}

static bvl_concave_problem model_of(const bvl_concave_rows *s)
{
  return (bvl_concave_problem){
      .d = s->n, .G = s->H, .ld = s->room, .c = s->c, .lw = s->lw_listed, .penalty = s->penalty};
}

/* b <- the model's answer from b_before, its diagonal heavier by the damping. */
static bvl_status solve_model(bvl_concave_rows *s, const double *lw, double tol)
{
  bvl_concave_outcome outcome;
  const int64_t n = s->n;
  for (int64_t l = 0; l < n; l++) {
    s->H[l + l * s->room] = s->G[l + l * s->room] * (1 + s->damping);
    for (int64_t i = l + 1; i < n; i++)
      s->H[i + l * s->room] = s->H[l + i * s->room] = s->G[i + l * s->room];
  }
  for (int64_t l = 0; l < n; l++) {
    s->x[l] = s->b_before[s->list[l]];
    s->lw_listed[l] = lw[s->list[l]];
    s->c[l] = s->g_before[s->list[l]];
  }
  for (int64_t l = 0; l < n; l++)
    for (int64_t i = 0; i < n && s->x[l] != 0; i++) s->c[i] += s->H[i + l * s->room] * s->x[l];
  const bvl_concave_problem model = model_of(s);
  bvl_status status = bvl_concave_newton_solve(&s->newton, &model, tol, 0, s->x, &outcome);
  for (int64_t l = 0; l < n; l++) s->b[s->list[l]] = s->x[l];
  return status;
}

/* Evaluates b; *rose: the objective is above *at there, which else becomes it. */
static bvl_status try_point(bvl_concave_rows *s, const double *lw, double *at, int64_t *steps,
                            int *rose)
{
  const double slack = 1e-13 * fmax(fabs(*at), s->work->problem->null_half);
  bvl_status status = evaluate(s);
  const double here = objective(s, lw);
  ++*steps;
  *rose = !(here <= *at + slack); /* nor for NaN, nor overflow */
  if (!*rose) *at = here;
  return status;
}

/* Newton's direction on the support, shorter and shorter: downhill where the model as a whole, that
 * lets coefficients leap where rows have next to no curvature left, is not. */
static bvl_status search_line(bvl_concave_rows *s, const double *lw, double *at, int64_t *steps,
                              int *rose)
{
  bvl_status status = BVL_OK;
  const bvl_concave_problem model = model_of(s);
  for (int64_t l = 0; l < s->n; l++) s->x[l] = s->b_before[s->list[l]];
  BVL_TRY(bvl_concave_newton_direction(&s->newton, &model, s->x, s->c));
  for (int k = 0; k < MAX_HALVINGS && *rose; k++) {
    for (int64_t l = 0; l < s->n; l++) {
      const double x = s->x[l] + ldexp(s->c[l], -k);
      const int passes = s->lw_listed[l] > 0 && x * s->x[l] <= 0;
      s->b[s->list[l]] = passes ? 0 : x;
    }
    BVL_TRY(try_point(s, lw, at, steps, rose));
  }
cleanup:
  return status;
}

/* One step from b: *rose when none was found that does not raise the objective. */
static bvl_status take_step(bvl_concave_rows *s, const double *lw, double tol, double *at,
                            int64_t *steps, int *rose)
{
  bvl_status status = BVL_OK;
  memcpy(s->b_before, s->b, (size_t)s->d * sizeof *s->b);
  memcpy(s->g_before, s->g, (size_t)s->d * sizeof *s->g);
  BVL_TRY(solve_model(s, lw, tol));
  BVL_TRY(try_point(s, lw, at, steps, rose));
  if (*rose) BVL_TRY(search_line(s, lw, at, steps, rose));
  for (int k = 0; k < MAX_DAMPINGS && *rose; k++) {
    s->damping = fmax(MIN_DAMPING, DAMPING_GROWS * s->damping);
    BVL_TRY(solve_model(s, lw, tol));
    BVL_TRY(try_point(s, lw, at, steps, rose));
  }
  if (*rose) {
    memcpy(s->b, s->b_before, (size_t)s->d * sizeof *s->b);
    BVL_TRY(evaluate(s));
  }
cleanup:
  return status;
}

bvl_status bvl_concave_rows_solve(bvl_concave_rows *s, const double *lw, double tol,
                                  int64_t max_steps, bvl_concave_step_count *outcome)
{
  bvl_status status = BVL_OK;
  double at = objective(s, lw);
  double last = INFINITY;
  int rose = 0;
  int anew = s->n_held == 0;
  *outcome = (bvl_concave_step_count){0};
  for (;;) {
    const double residual = largest_violation(s, lw);
    outcome->solved = residual <= tol;
    if (outcome->solved || (rose && anew) || outcome->steps >= max_steps) break;
    anew = s->n_held == 0 || rose || s->damping > 0 || residual > STALL * last;
    last = residual;
    s->damping = s->damping > MIN_DAMPING / 4 ? s->damping / 8 : 0;
    BVL_TRY(make_list(s, lw, tol, &anew));
    BVL_TRY(make_gram(s, anew));
    BVL_TRY(take_step(s, lw, fmax(0.1 * tol, 1e-3 * residual), &at, &outcome->steps, &rose));
  }
cleanup:
  return status;
}
