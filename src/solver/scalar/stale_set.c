/* SPDX-License-Identifier: BSD-3-Clause */
/* What stale_newton.c's active set needs so that factor, pairs and signs stay in step with it: who
 * joins and leaves, a factor anew, the working set's renumberings. */
#include "solver/scalar/stale_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

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
  BVL_TRY(BVL_GROW_ALL(&s->capacity, d, BVL_GROWN(&s->b), BVL_GROWN(&s->sign), BVL_GROWN(&s->g),
                       BVL_GROWN(&s->b_before), BVL_GROWN(&s->g_before), BVL_GROWN(&s->rest),
                       BVL_GROWN(&s->step), BVL_GROWN(&s->list), BVL_GROWN(&s->joining),
                       BVL_GROWN(&s->refused), BVL_GROWN(&s->position), BVL_GROWN(&s->active)));
  BVL_TRY(bvl_secant_reserve(&s->secant, d));
cleanup:
  return status;
}

/* ---- joining and leaving ----------------------------------------------------------------------
 */

/* `moved` in the step under way. */
void bvl_stale_leave(bvl_stale_newton *s, int64_t position, double moved)
{
  const int64_t k = s->factor.index[position];
  bvl_secant_dismiss(&s->secant, &s->factor, position, moved);
  s->sign[k] = 0;
  s->active[k] = 0;
  bvl_factor_drop(&s->factor, position);
}

/* Appends joining[0..n) to the factor, at the weights it was made with; anew: makes it for the
 * active and the joining ones at the weights of the last evaluation. */
bvl_status bvl_stale_join(bvl_stale_newton *s, const bvl_stale_problem *p, int anew, int64_t n,
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
  for (int64_t r = 0; r < n; r++) rows[r + (m + r) * n] += bvl_stale_ridge(p, s->list[m + r]);
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
void bvl_stale_set_sign(bvl_stale_newton *s, const bvl_stale_problem *p, int64_t k)
{
  const double towards = s->b[k] != 0 ? s->b[k] : s->g[k];
  s->sign[k] = p->lw[k] > 0 ? (towards > 0 ? 1 : -1) : 0;
}

/* Makes the active set the support of b (and what is not penalised). */
bvl_status bvl_stale_match_support(bvl_stale_newton *s, const bvl_stale_problem *p)
{
  int64_t n = 0;
  int64_t n_refused = 0;
  for (int64_t i = s->factor.m - 1; i >= 0; i--)
    if (p->lw[s->factor.index[i]] > 0 && s->b[s->factor.index[i]] == 0) bvl_stale_leave(s, i, 0);
  for (int64_t k = 0; k < s->d; k++) {
    if (p->lw[k] > 0 && s->b[k] == 0) continue;
    bvl_stale_set_sign(s, p, k);
    if (!s->active[k]) s->joining[n++] = k;
  }
  if (!s->has_factor) { /* nothing to append to: the first step makes it */
    for (int64_t r = 0; r < n; r++) s->active[s->joining[r]] = 1;
    return BVL_OK;
  }
  bvl_status status = bvl_stale_join(s, p, 0, n, &n_refused);
  for (int64_t r = 0; r < n_refused; r++) s->b[s->refused[r]] = 0;
  return status;
}

/* The factor anew, with joining[0..n) in it. *moved: dependent columns had to go to zero. */
bvl_status bvl_stale_refresh(bvl_stale_newton *s, const bvl_stale_problem *p, int64_t n, int *moved)
{
  int64_t n_refused = 0;
  if (!s->has_factor) { /* the active ones are not in it yet: all in order, the intercept first */
    for (int64_t r = 0; r < n; r++) s->active[s->joining[r]] = 1;
    n = 0;
    for (int64_t k = 0; k < s->d; k++)
      if (s->active[k]) s->joining[n++] = k;
  }
  bvl_status status = bvl_stale_join(s, p, 1, n, &n_refused);
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

bvl_status bvl_stale_evaluate(bvl_stale_newton *s, int whole)
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
  BVL_TRY(bvl_stale_match_support(s, p));
  BVL_TRY(bvl_stale_evaluate(s, 1));
cleanup:
  return status;
}
