/* SPDX-License-Identifier: BSD-3-Clause */
/* Who left or changed goes out by rotations, who came joins at the end. */
#include "solver/concave/concave_system.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"

/* How much longer a flop of a rotation takes than one of a triangular solve of many columns. */
static const double ROTATION_COST = 6;

void bvl_concave_system_free(bvl_concave_system *s)
{
  bvl_factor_free(&s->factor);
  free(s->held);
  free(s->addition);
  free(s->list);
  free(s->refused);
  *s = (bvl_concave_system){.capacity = 0};
}

void bvl_concave_system_forget(bvl_concave_system *s)
{
  bvl_factor_clear(&s->factor);
  s->d = 0;
}

static bvl_status reserve(bvl_concave_system *s, int64_t d)
{
  bvl_status status = BVL_OK;
  BVL_TRY(BVL_GROW_ALL(&s->capacity, d, BVL_GROWN(&s->held), BVL_GROWN(&s->addition),
                       BVL_GROWN(&s->list), BVL_GROWN(&s->refused)));
  for (; s->d < d; s->d++) s->held[s->d] = NAN;
cleanup:
  return status;
}

/* Returns how many unknowns the matrix has. */
static int64_t set_additions(bvl_concave_system *s, const bvl_concave_problem *p, const double *b,
                             double weight)
{
  int64_t m = 0;
  for (int64_t k = 0; k < p->d; k++) {
    s->addition[k] = NAN;
    if (b[k] == 0 && p->lw[k] > 0) continue;
    const double own = p->G[k + k * p->ld];
    const double bend = p->lw[k] > 0 ? p->penalty->type->bend(p->penalty, p->lw[k], fabs(b[k])) : 0;
    s->addition[k] = bend;
    if (weight > 0) s->addition[k] += weight * (own + fmax(0, -bend));
    m++;
  }
  return m;
}

static int stays(const bvl_concave_system *s, int64_t k)
{
  return s->held[k] == s->addition[k]; /* not where one is NAN */
}

static void clear(bvl_concave_system *s)
{
  for (int64_t i = 0; i < s->factor.m; i++) s->held[s->factor.index[i]] = NAN;
  bvl_factor_clear(&s->factor);
}

/* Takes out who left or changed, or everybody where that is less work. */
static void drop(bvl_concave_system *s, int64_t m)
{
  double rotations = 0;
  int64_t staying = 0;
  for (int64_t i = 0; i < s->factor.m; i++) {
    const double behind = (double)(s->factor.m - i);
    if (stays(s, s->factor.index[i]))
      staying++;
    else
      rotations += 3 * behind * behind;
  }
  const double new_one = (double)m * (double)m * (double)m / 3;
  const double joining = (double)(m - staying) * (double)m * (double)m;
  if (ROTATION_COST * rotations + joining > new_one) {
    clear(s);
    return;
  }
  for (int64_t i = s->factor.m - 1; i >= 0; i--) {
    const int64_t k = s->factor.index[i];
    if (stays(s, k)) continue;
    s->held[k] = NAN;
    bvl_factor_drop(&s->factor, i);
  }
}

bvl_status bvl_concave_system_follow(bvl_concave_system *s, const bvl_concave_problem *p,
                                     const double *b, double weight)
{
  bvl_status status = BVL_OK;
  int64_t n_new = 0;
  BVL_TRY(reserve(s, p->d));
  drop(s, set_additions(s, p, b, weight));
  /* where the matrix is not positive definite it is for those the penalty bends: they come last */
  for (int late = 0; late < 2; late++)
    for (int64_t k = 0; k < p->d; k++)
      if (!isnan(s->addition[k]) && isnan(s->held[k]) && (s->addition[k] < 0) == late)
        s->list[n_new++] = k;
  for (int64_t i = 0; i < n_new; i++) s->held[s->list[i]] = s->addition[s->list[i]];
  BVL_TRY(bvl_factor_append(&s->factor, p->G, p->ld, s->addition, n_new, s->list, &s->n_refused,
                            s->refused));
  for (int64_t i = 0; i < s->n_refused; i++) s->held[s->refused[i]] = NAN;
cleanup:
  if (status != BVL_OK) bvl_concave_system_forget(s);
  return status;
}
