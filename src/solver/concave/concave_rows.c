/* SPDX-License-Identifier: BSD-3-Clause */
/* Model, solve, try, until the exact gradient says it is solved. */
#include "solver/concave/concave_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/lapack.h"
#include "solver/quadratic.h"

enum { MAX_DAMPINGS = 30, MAX_HALVINGS = 12, MIN_ROOM = 64, MAX_SWEEPS = 2000 };

/* A step with an old matrix that leaves more than this part of the residual asks for a new one. */
static const double STALL = 0.1;

static const double MIN_DAMPING = 0.5, DAMPING_GROWS = 4;

void bvl_concave_rows_free(bvl_concave_rows *s)
{
  double *doubles[] = {s->b, s->g,         s->b_before, s->g_before,  s->G,       s->H,
                       s->c, s->lw_listed, s->x,        s->curvature, s->gradient};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  free(s->listed);
  free(s->list);
  free(s->block);
  free(s->moving);
  free(s->begin_listed);
  bvl_concave_newton_free(&s->newton);
  *s = (bvl_concave_rows){.capacity = 0};
}

static bvl_status reserve(bvl_concave_rows *s, int64_t d)
{
  return BVL_GROW_ALL(&s->capacity, d, BVL_GROWN(&s->b), BVL_GROWN(&s->g), BVL_GROWN(&s->b_before),
                      BVL_GROWN(&s->g_before), BVL_GROWN(&s->listed));
}

/* Room for n unknowns in the model; *lost: what G held is gone, its columns stand elsewhere. */
static bvl_status make_room(bvl_concave_rows *s, int64_t n, int *lost)
{
  bvl_status status = BVL_OK;
  if (n <= s->room) return BVL_OK;
  const int64_t room = bvl_greater(bvl_greater(n, s->room + s->room / 2), MIN_ROOM);
  int64_t capacity = s->room;
  int64_t bounds = s->room > 0 ? s->room + 1 : 0;
  int64_t entries = s->room * s->room;
  *lost = 1;
  s->room = 0;
  s->n_held = 0;
  BVL_TRY(BVL_GROW_ALL(&capacity, room, BVL_GROWN(&s->list), BVL_GROWN(&s->c),
                       BVL_GROWN(&s->lw_listed), BVL_GROWN(&s->x), BVL_GROWN(&s->curvature),
                       BVL_GROWN(&s->gradient), BVL_GROWN(&s->block), BVL_GROWN(&s->moving)));
  BVL_TRY(BVL_GROW(&s->begin_listed, &bounds, room + 1));
  BVL_TRY(BVL_GROW_ALL(&entries, room * room, BVL_GROWN(&s->G), BVL_GROWN(&s->H)));
  s->room = room;
cleanup:
  return status;
}

static int64_t block_len(const bvl_concave_rows *s, int64_t g)
{
  return s->begin[g + 1] - s->begin[g];
}

static int is_zero(const bvl_concave_rows *s, int64_t g)
{
  for (int64_t k = s->begin[g]; k < s->begin[g + 1]; k++)
    if (s->b[k] != 0) return 0;
  return 1;
}

static double objective(const bvl_concave_rows *s, const double *lw)
{
  double sum = s->loss;
  for (int64_t g = 0; g < s->n_blocks; g++)
    if (lw[g] > 0 && !is_zero(s, g))
      sum += bvl_penalty_value(s->penalty, lw[g], block_len(s, g), s->b + s->begin[g]);
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
  s->n_blocks = set->n_blocks;
  s->begin = set->begin;
  s->n = s->n_held = s->n_listed = 0;
  s->damping = 0;
  memcpy(s->b, set->b, (size_t)s->d * sizeof *s->b);
  for (int64_t g = 0; g < s->n_blocks; g++)
    memset(s->listed + s->begin[g], lw[g] == 0 || !is_zero(s, g), (size_t)block_len(s, g));
  return evaluate(s);
}

static double violation(const bvl_concave_rows *s, const double *lw, int64_t g)
{
  const int64_t k = s->begin[g];
  return bvl_concave_block_violation(s->penalty, lw[g], s->work->set->curvature[g], block_len(s, g),
                                     s->b + k, s->g + k);
}

static double largest_violation(const bvl_concave_rows *s, const double *lw)
{
  double largest = 0;
  for (int64_t g = 0; g < s->n_blocks; g++) {
    const double at = violation(s, lw, g);
    if (!(at <= largest)) largest = at; /* a NaN stays */
  }
  return largest;
}

/* ---- the model --------------------------------------------------------------------------------
 */

static void enlist(bvl_concave_rows *s, int64_t g)
{
  s->block[s->n_listed] = g;
  s->begin_listed[s->n_listed++] = s->n;
  for (int64_t k = s->begin[g]; k < s->begin[g + 1]; k++) {
    s->listed[k] = 1;
    s->list[s->n++] = k;
  }
  s->begin_listed[s->n_listed] = s->n;
}

/* Lists whoever is nonzero, unpenalised or wants to leave zero by more than tol: from scratch
 * (anew), or those who are not in yet. */
static bvl_status make_list(bvl_concave_rows *s, const double *lw, double tol, int *anew)
{
  bvl_status status = BVL_OK;
  int64_t n_new = 0;
  for (int64_t g = 0; g < s->n_blocks; g++)
    if (lw[g] == 0 || !is_zero(s, g) || violation(s, lw, g) > tol) n_new += block_len(s, g);
  BVL_TRY(make_room(s, s->n + n_new, anew)); /* more than enough */
  if (*anew) {
    s->n = s->n_held = s->n_listed = 0;
    memset(s->listed, 0, (size_t)s->d);
  }
  for (int64_t g = 0; g < s->n_blocks; g++) {
    if (s->n_held > 0 && s->listed[s->begin[g]]) continue;
    if (lw[g] == 0 || !is_zero(s, g) || violation(s, lw, g) > tol) enlist(s, g);
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

static bvl_status solve_blocks(bvl_concave_rows *s, double tol)
{
  bvl_quadratic_outcome outcome;
  const bvl_quadratic model = {.d = s->n,
                               .G = s->H,
                               .ld = s->room,
                               .n_blocks = s->n_listed,
                               .begin = s->begin_listed,
                               .lw = s->lw_listed,
                               .penalty = s->penalty,
                               .curvature = s->curvature};
  for (int64_t l = 0; l < s->n; l++) s->gradient[l] = -s->g_before[s->list[l]];
  return bvl_quadratic_solve(&model, 1, tol, MAX_SWEEPS, s->x, s->gradient, &outcome);
}

/* b <- the model's answer from b_before, its diagonal heavier by the damping. */
static bvl_status solve_model(bvl_concave_rows *s, const double *lw, double tol)
{
  bvl_status status = BVL_OK;
  bvl_concave_outcome outcome;
  const int64_t n = s->n;
  for (int64_t l = 0; l < n; l++) {
    s->H[l + l * s->room] = s->G[l + l * s->room] * (1 + s->damping);
    for (int64_t i = l + 1; i < n; i++)
      s->H[i + l * s->room] = s->H[l + i * s->room] = s->G[i + l * s->room];
  }
  for (int64_t l = 0; l < n; l++) {
    s->x[l] = s->b_before[s->list[l]];
    s->c[l] = s->g_before[s->list[l]];
  }
  for (int64_t i = 0; i < s->n_listed; i++) {
    s->lw_listed[i] = lw[s->block[i]];
    s->curvature[i] = s->work->set->curvature[s->block[i]];
  }
  for (int64_t l = 0; l < n; l++)
    for (int64_t i = 0; i < n && s->x[l] != 0; i++) s->c[i] += s->H[i + l * s->room] * s->x[l];
  const bvl_concave_problem model = model_of(s);
  if (s->penalty->type->grouped)
    status = solve_blocks(s, tol);
  else
    status = bvl_concave_newton_solve(&s->newton, &model, tol, 0, s->x, &outcome);
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

/* Of blocks: H (lower triangle) <- the model's matrix with the penalty's on those unpenalised or
 * nonzero at x, the diagonal heavier by `weight` of the loss's; gradient <- minus the slope there.
 * Returns the number of their unknowns, which are in `moving`. */
static int64_t build_system(bvl_concave_rows *s, double weight)
{
  int64_t m = 0;
  for (int64_t i = 0; i < s->n_listed; i++) {
    const int64_t begin = s->begin_listed[i];
    const int64_t len = s->begin_listed[i + 1] - begin;
    if (s->lw_listed[i] > 0 && !(bvl_block_norm(len, s->x + begin) > 0)) continue;
    for (int64_t l = begin; l < begin + len; l++) s->moving[m++] = l;
  }
  for (int64_t a = 0; a < m; a++) {
    const double *column = s->G + s->moving[a] * s->room;
    for (int64_t i = a; i < m; i++) s->H[i + a * m] = column[s->moving[i]];
    s->H[a + a * m] *= 1 + weight;
    s->gradient[a] = s->g_before[s->list[s->moving[a]]];
  }
  int64_t at = 0;
  for (int64_t i = 0; i < s->n_listed && at < m; i++) {
    const int64_t begin = s->begin_listed[i];
    const int64_t len = s->begin_listed[i + 1] - begin;
    if (s->moving[at] != begin) continue;
    if (s->lw_listed[i] > 0) {
      bvl_penalty_gradient(s->penalty, s->lw_listed[i], len, s->x + begin, s->c);
      for (int64_t l = 0; l < len; l++) s->gradient[at + l] -= s->c[l];
      bvl_penalty_add_curvature(s->penalty, s->lw_listed[i], len, s->x + begin, s->H + at + at * m,
                                m);
    }
    at += len;
  }
  return m;
}

/* c <- Newton's direction from x on the blocks that are not zero, downhill. */
static void choose_direction(bvl_concave_rows *s)
{
  int64_t m = 0;
  int bad = 1;
  for (double weight = 0; bad != 0 && weight < 1e6; weight = fmax(1e-6, 10 * weight)) {
    m = build_system(s, weight);
    bad = bvl_cholesky_solve(m, s->H, m, s->gradient);
  }
  memset(s->c, 0, (size_t)s->n * sizeof *s->c);
  for (int64_t a = 0; a < m && bad == 0; a++) s->c[s->moving[a]] = s->gradient[a];
}

/* Newton's direction on the support, shorter and shorter: downhill where the model as a whole, that
 * lets coefficients leap where rows have next to no curvature left, is not. */
static bvl_status search_line(bvl_concave_rows *s, const double *lw, double *at, int64_t *steps,
                              int *rose)
{
  bvl_status status = BVL_OK;
  const int blocks = s->penalty->type->grouped;
  const bvl_concave_problem model = model_of(s);
  for (int64_t l = 0; l < s->n; l++) s->x[l] = s->b_before[s->list[l]];
  if (blocks)
    choose_direction(s);
  else
    BVL_TRY(bvl_concave_newton_direction(&s->newton, &model, s->x, s->c));
  for (int k = 0; k < MAX_HALVINGS && *rose; k++) {
    for (int64_t l = 0; l < s->n; l++) {
      const double x = s->x[l] + ldexp(s->c[l], -k);
      const int passes = !blocks && s->lw_listed[l] > 0 && x * s->x[l] <= 0;
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
                                  int64_t max_steps, const bvl_watch *watch,
                                  bvl_concave_step_count *outcome)
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
    if (bvl_watch_is_over(watch)) break;
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
