/* SPDX-License-Identifier: BSD-3-Clause */
/* CG under a bordered factor. A column of the border costs 2 m^2 flops, an iteration a product and
 * a solve that read the matrix, a factor m^3 / 3: whichever has been paid for is bought. */
#include "solver/scalar/distributed_step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { MAX_CG = 400, MIN_PAID = 6, PAID_SHARE = 100, MIN_BORDER = 32, BORDER_SHARE = 8 };

static const double FLAT = 1e-12; /* curvature that is rounding next to the diagonal's */

bvl_status bvl_distributed_note_factor(bvl_distributed_newton *s, int64_t n, const int64_t *index)
{
  bvl_status status = BVL_GROW(&s->in_factor, &s->factor_capacity, n);
  s->n_factor = status == BVL_OK ? n : 0;
  for (int64_t i = 0; i < s->n_factor; i++) s->in_factor[i] = index[i];
  return status;
}

static bvl_status factor_active(bvl_distributed_newton *s, const bvl_lasso *p)
{
  for (int64_t i = 0; i < s->m; i++) s->packed[i] = bvl_lasso_ridge(p, s->list[i]);
  s->paid = 0;
  bvl_border_clear(&s->border, s->m);
  bvl_status status = s->calls.factor(s->calls.context, s->m, s->list, s->packed);
  return status == BVL_OK ? bvl_distributed_note_factor(s, s->m, s->list) : status;
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
  if (name >= 0) C[at] += bvl_lasso_ridge(p, name);
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

double bvl_distributed_curvature(const bvl_distributed_newton *s, const bvl_lasso *p,
                                 const double *x, double *size)
{
  double sum = 0;
  *size = 0;
  for (int64_t i = 0; i < s->m; i++) {
    const int64_t k = s->list[i];
    sum += x[k] * (s->product[k] + bvl_lasso_ridge(p, k) * x[k]);
    *size += x[k] * x[k] * (s->diagonal[k] + bvl_lasso_ridge(p, k));
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
  const double bend = bvl_distributed_curvature(s, p, s->direction, &size);
  *flat = !(bend > FLAT * size);
  if (*flat || status != BVL_OK) return status;
  const double alpha = rz / bend;
  *largest = 0;
  for (int64_t i = 0; i < s->m; i++) {
    const int64_t k = s->list[i];
    s->step[k] += alpha * s->direction[k];
    s->residual[k] -= alpha * (s->product[k] + bvl_lasso_ridge(p, k) * s->direction[k]);
    *largest = fmax(*largest, fabs(s->residual[k]));
  }
  for (int64_t k = 0; k < s->d; k++) s->product_step[k] += alpha * s->product[k];
  return status;
}

bvl_status bvl_distributed_step(bvl_distributed_newton *s, const bvl_lasso *p, double target,
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
