/* SPDX-License-Identifier: BSD-3-Clause */
/* Solve the small problem, look who wants in, until nobody does. */
#include "solver/concave/concave_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "solver/quadratic.h"

enum { MAX_LOOKS = 100, MIN_ROOM = 64, MAX_SWEEPS = 2000 };

void bvl_concave_set_free(bvl_concave_set *s)
{
  double *doubles[] = {s->b, s->q, s->G, s->lw, s->curvature, s->c, s->x, s->gradient};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  bvl_concave_newton_free(&s->newton);
  free(s->in);
  free(s->wish);
  free(s->block);
  free(s->begin);
  free(s->unknown);
  *s = (bvl_concave_set){.capacity = 0};
}

static bvl_status reserve(bvl_concave_set *s, int64_t d)
{
  return BVL_GROW_ALL(&s->capacity, d, BVL_GROWN(&s->b), BVL_GROWN(&s->q), BVL_GROWN(&s->in),
                      BVL_GROWN(&s->wish));
}

/* Room for n unknowns in the small problem. Another leading dimension: G is gathered anew. */
static bvl_status make_room(bvl_concave_set *s, int64_t n)
{
  bvl_status status = BVL_OK;
  if (n <= s->room) return BVL_OK;
  const int64_t room = bvl_greater(bvl_greater(n, s->room + s->room / 2), MIN_ROOM);
  int64_t capacity = s->room;
  int64_t bounds = s->room > 0 ? s->room + 1 : 0;
  int64_t entries = s->room * s->room;
  s->room = 0; /* until all have grown; the list stays what it is */
  s->n_held = 0;
  BVL_TRY(BVL_GROW_ALL(&capacity, room, BVL_GROWN(&s->block), BVL_GROWN(&s->unknown),
                       BVL_GROWN(&s->lw), BVL_GROWN(&s->curvature), BVL_GROWN(&s->c),
                       BVL_GROWN(&s->x), BVL_GROWN(&s->gradient)));
  BVL_TRY(BVL_GROW(&s->begin, &bounds, room + 1));
  BVL_TRY(BVL_GROW(&s->G, &entries, room * room));
  s->room = room;
cleanup:
  return status;
}

/* q = c - G b from scratch, by the columns that count. */
static void refresh(bvl_concave_set *s, const bvl_concave_task *p)
{
  const int d = (int)p->d; /* its square was allocated: far below a BLAS integer */
  memcpy(s->q, p->c, (size_t)p->d * sizeof *s->q);
  for (int64_t l = 0; l < s->n; l++) {
    const int64_t k = s->unknown[l];
    if (s->b[k] != 0) cblas_daxpy(d, -s->b[k], p->G + k * p->ld, 1, s->q, 1);
  }
}

static bvl_status enlist(bvl_concave_set *s, const bvl_concave_task *p, int64_t g)
{
  bvl_status status = make_room(s, s->n + p->begin[g + 1] - p->begin[g]);
  if (status != BVL_OK) return status;
  s->in[g] = 1;
  s->block[s->n_listed] = g;
  s->begin[s->n_listed++] = s->n;
  for (int64_t k = p->begin[g]; k < p->begin[g + 1]; k++) s->unknown[s->n++] = k;
  s->begin[s->n_listed] = s->n;
  return BVL_OK;
}

static int is_zero(const bvl_concave_task *p, int64_t g, const double *b)
{
  for (int64_t k = p->begin[g]; k < p->begin[g + 1]; k++)
    if (b[k] != 0) return 0;
  return 1;
}

bvl_status bvl_concave_set_start(bvl_concave_set *s, const bvl_concave_task *p, const double *b)
{
  bvl_status status = BVL_OK;
  BVL_TRY(reserve(s, p->d));
  memcpy(s->b, b, (size_t)p->d * sizeof *b);
  memset(s->in, 0, (size_t)p->n_blocks);
  s->n = s->n_listed = s->n_held = 0;
  s->kept = 0;
  for (int64_t g = 0; g < p->n_blocks; g++)
    if (p->lw[g] == 0 || !is_zero(p, g, b)) BVL_TRY(enlist(s, p, g));
  refresh(s, p);
cleanup:
  return status;
}

static double violation(bvl_concave_set *s, const bvl_concave_task *p, int64_t g)
{
  const int64_t k = p->begin[g];
  return bvl_concave_block_violation(p->penalty, p->lw[g], p->curvature[g], p->begin[g + 1] - k,
                                     s->b + k, s->q + k);
}

/* The largest excess first; equal ones in the order of the blocks. */
static int compare_wishes(const void *a, const void *b)
{
  const bvl_concave_wish *one = a;
  const bvl_concave_wish *other = b;
  if (one->excess != other->excess) return one->excess > other->excess ? -1 : 1;
  return one->block < other->block ? -1 : one->block > other->block;
}

/* Enlists whoever wants to leave zero by more than tol; *n_new = how many. */
static bvl_status enlist_violators(bvl_concave_set *s, const bvl_concave_task *p, double tol,
                                   int64_t *n_new)
{
  bvl_status status = BVL_OK;
  int64_t n = 0;
  for (int64_t g = 0; g < p->n_blocks; g++) {
    const double excess = s->in[g] ? 0 : violation(s, p, g);
    if (excess > tol) s->wish[n++] = (bvl_concave_wish){.block = g, .excess = excess};
  }
  if (n > 1) qsort(s->wish, (size_t)n, sizeof *s->wish, compare_wishes);
  for (int64_t i = 0; i < n; i++) BVL_TRY(enlist(s, p, s->wish[i].block));
cleanup:
  *n_new = n;
  return status;
}

/* The small problem's matrix for those who joined since; its start, gradient and weights. */
static void gather(bvl_concave_set *s, const bvl_concave_task *p)
{
  for (int64_t l = 0; l < s->n; l++) {
    const double *column = p->G + s->unknown[l] * p->ld;
    for (int64_t i = l < s->n_held ? s->n_held : 0; i < s->n; i++)
      s->G[i + l * s->room] = column[s->unknown[i]];
  }
  s->n_held = s->n;
  for (int64_t l = 0; l < s->n; l++) {
    const int64_t k = s->unknown[l];
    s->c[l] = p->c[k]; /* what is not in the list is zero */
    s->x[l] = s->b[k];
    s->gradient[l] = -s->q[k];
  }
  for (int64_t i = 0; i < s->n_listed; i++) {
    s->lw[i] = p->lw[s->block[i]];
    s->curvature[i] = p->curvature[s->block[i]];
  }
}

static bvl_status solve_blocks(bvl_concave_set *s, const bvl_concave_task *p, double tol,
                               int64_t max_rounds, bvl_concave_outcome *outcome)
{
  bvl_quadratic_outcome part;
  const bvl_quadratic small = {.d = s->n,
                               .G = s->G,
                               .ld = s->room,
                               .n_blocks = s->n_listed,
                               .begin = s->begin,
                               .lw = s->lw,
                               .penalty = p->penalty,
                               .curvature = s->curvature,
                               .watch = p->watch};
  bvl_status status = bvl_quadratic_solve(&small, 1, tol, max_rounds > 0 ? max_rounds : MAX_SWEEPS,
                                          s->x, s->gradient, &part);
  outcome->sweeps += part.sweeps;
  outcome->steps += part.newton_steps;
  outcome->solved = part.residual <= tol;
  return status;
}

static bvl_status solve_unknowns(bvl_concave_set *s, const bvl_concave_task *p, double tol,
                                 int64_t max_rounds, bvl_concave_outcome *outcome)
{
  bvl_concave_outcome part;
  const bvl_concave_problem small = {.d = s->n,
                                     .G = s->G,
                                     .ld = s->room,
                                     .c = s->c,
                                     .lw = s->lw,
                                     .penalty = p->penalty,
                                     .kept = s->kept,
                                     .watch = p->watch};
  bvl_status status = bvl_concave_newton_solve(&s->newton, &small, tol, max_rounds, s->x, &part);
  outcome->sweeps += part.sweeps;
  outcome->steps += part.steps;
  outcome->escapes += part.escapes;
  s->kept = 1;
  outcome->solved = part.solved;
  return status;
}

bvl_status bvl_concave_set_solve(bvl_concave_set *s, const bvl_concave_task *p, double tol,
                                 int64_t max_rounds, bvl_concave_outcome *outcome)
{
  bvl_status status = BVL_OK;
  const double start = bvl_concave_set_objective(s, p);
  int64_t n_new = 0;
  *outcome = (bvl_concave_outcome){.residual = 0};
  for (int look = 0; look < MAX_LOOKS; look++) {
    if (look > 0 || s->n_listed == 0) {
      BVL_TRY(enlist_violators(s, p, tol, &n_new));
      if (n_new == 0) break;
    }
    gather(s, p);
    if (p->penalty->type->grouped)
      BVL_TRY(solve_blocks(s, p, 0.5 * tol, max_rounds, outcome));
    else
      BVL_TRY(solve_unknowns(s, p, 0.5 * tol, max_rounds, outcome));
    for (int64_t l = 0; l < s->n; l++) s->b[s->unknown[l]] = s->x[l];
    refresh(s, p);
    if (!outcome->solved) break;
  }
  outcome->residual = 0;
  for (int64_t g = 0; g < p->n_blocks; g++)
    outcome->residual = fmax(outcome->residual, violation(s, p, g));
  outcome->solved = outcome->residual <= 10 * tol;
  outcome->change = bvl_concave_set_objective(s, p) - start;
cleanup:
  return status;
}

double bvl_concave_set_objective(const bvl_concave_set *s, const bvl_concave_task *p)
{
  double sum = 0;
  for (int64_t l = 0; l < s->n; l++) {
    const int64_t k = s->unknown[l];
    sum -= s->b[k] * (p->c[k] + s->q[k]) / 2;
  }
  for (int64_t i = 0; i < s->n_listed; i++) {
    const int64_t g = s->block[i];
    const int64_t m = p->begin[g + 1] - p->begin[g];
    if (p->lw[g] > 0) sum += bvl_penalty_value(p->penalty, p->lw[g], m, s->b + p->begin[g]);
  }
  return sum;
}
