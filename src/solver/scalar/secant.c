/* SPDX-License-Identifier: BSD-3-Clause */
/* Two-loop recursion over the pairs restricted to the factor's unknowns. */
#include "solver/scalar/secant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"

/* A pair counts where s'y is above this part of |s||y|: its inverse curvature is then harmless. */
static const double CURVED = 1e-8;

void bvl_secant_free(bvl_secant *secant)
{
  for (int q = 0; q < BVL_SECANT_PAIRS; q++) {
    free(secant->s[q]);
    free(secant->y[q]);
  }
  free(secant->left);
  free(secant->products);
  free(secant->packed);
  *secant = (bvl_secant){0};
}

bvl_status bvl_secant_reserve(bvl_secant *secant, int64_t d)
{
  bvl_status status = BVL_OK;
  int64_t packed = 2 * BVL_SECANT_PAIRS * secant->capacity;
  int64_t capacity = secant->capacity;
  for (int q = 0; q < BVL_SECANT_PAIRS; q++) {
    capacity = secant->capacity;
    BVL_TRY(BVL_GROW_ALL(&capacity, d, BVL_GROWN(&secant->s[q]), BVL_GROWN(&secant->y[q])));
  }
  capacity = secant->capacity;
  BVL_TRY(BVL_GROW_ALL(&capacity, d, BVL_GROWN(&secant->left), BVL_GROWN(&secant->products)));
  BVL_TRY(BVL_GROW(&secant->packed, &packed, 2 * BVL_SECANT_PAIRS * capacity));
  secant->capacity = capacity;
cleanup:
  return status;
}

void bvl_secant_clear(bvl_secant *secant)
{
  secant->n = 0;
  for (int64_t k = 0; k < secant->capacity; k++) secant->left[k] = 0;
}

/* The q-th pair from the oldest. */
static int64_t place(const bvl_secant *secant, int64_t q)
{
  return (secant->first + q) % BVL_SECANT_PAIRS;
}

void bvl_secant_forget(bvl_secant *secant, double least)
{
  int64_t kept = 0;
  for (int64_t q = 0; q < secant->n; q++) {
    const int64_t from = place(secant, q);
    const int64_t to = place(secant, kept);
    double *s = secant->s[from];
    double *y = secant->y[from];
    if (fabs(y[cblas_idamax((int)secant->capacity, y, 1)]) < least) continue;
    secant->s[from] = secant->s[to];
    secant->y[from] = secant->y[to];
    secant->s[to] = s;
    secant->y[to] = y;
    kept++;
  }
  secant->n = kept;
}

void bvl_secant_push(bvl_secant *secant, const bvl_factor *factor, const double *b,
                     const double *b_before, const double *g, const double *g_before)
{
  if (secant->n == BVL_SECANT_PAIRS) {
    secant->first = place(secant, 1);
    secant->n--;
  }
  const int64_t at = place(secant, secant->n);
  memset(secant->s[at], 0, (size_t)secant->capacity * sizeof **secant->s);
  memset(secant->y[at], 0, (size_t)secant->capacity * sizeof **secant->y);
  double along = 0;
  for (int64_t i = 0; i < factor->m; i++) {
    const int64_t k = factor->index[i];
    secant->s[at][k] = b[k] - b_before[k];
    secant->y[at][k] = g_before[k] - g[k] - secant->left[k];
    along += secant->s[at][k] * secant->y[at][k];
  }
  secant->n += along > 0;
  memset(secant->left, 0, (size_t)secant->capacity * sizeof *secant->left);
}

/* products[0..m) <- column `position` of L L'. */
static void factored_column(bvl_secant *secant, const bvl_factor *f, int64_t position)
{
  const int64_t ld = f->capacity;
  const int head = (int)position + 1;
  double *out = secant->products;
  if (f->m > head)
    cblas_dgemv(CblasColMajor, CblasNoTrans, (int)f->m - head, head, 1, f->L + head, (int)ld,
                f->L + position, (int)ld, 0, out + head, 1);
  cblas_dcopy(head, f->L + position, (int)ld, out, 1);
  cblas_dtrmv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, head, f->L, (int)ld, out, 1);
}

void bvl_secant_dismiss(bvl_secant *secant, const bvl_factor *factor, int64_t position,
                        double moved)
{
  const int64_t k = factor->index[position];
  factored_column(secant, factor, position);
  for (int64_t i = 0; i < factor->m; i++)
    secant->left[factor->index[i]] += moved * secant->products[i];
  for (int64_t q = 0; q < secant->n; q++) {
    double *s = secant->s[place(secant, q)];
    double *y = secant->y[place(secant, q)];
    const double s_k = s[k];
    for (int64_t i = 0; s_k != 0 && i < factor->m; i++)
      y[factor->index[i]] -= s_k * secant->products[i];
    s[k] = y[k] = 0;
  }
}

void bvl_secant_admit(bvl_secant *secant, const bvl_factor *factor, int64_t k, const double *row,
                      int64_t ld)
{
  for (int64_t q = 0; q < secant->n; q++) {
    const int64_t at = place(secant, q);
    double sum = 0;
    for (int64_t j = 0; j < factor->m; j++) sum += row[j * ld] * secant->s[at][factor->index[j]];
    secant->s[at][k] = 0;
    secant->y[at][k] = sum;
  }
}

void bvl_secant_renumber(bvl_secant *secant, int64_t d, const int64_t *to)
{
  for (int64_t q = 0; q < secant->n; q++) {
    double *s = secant->s[place(secant, q)];
    double *y = secant->y[place(secant, q)];
    for (int64_t k = 0; k < d; k++) {
      const double s_k = s[k];
      const double y_k = y[k];
      s[k] = y[k] = 0;
      if (to[k] < 0) continue;
      s[to[k]] = s_k;
      y[to[k]] = y_k;
    }
  }
}

/* The pairs that count, packed one after the other as s, y; 1 / s'y of each. */
static int64_t pack(bvl_secant *secant, const bvl_factor *factor, const double *ridge,
                    double *inverse)
{
  const int64_t m = factor->m;
  int64_t n = 0;
  for (int64_t q = 0; q < secant->n; q++) {
    const double *s_all = secant->s[place(secant, q)];
    const double *y_all = secant->y[place(secant, q)];
    double *s = secant->packed + 2 * n * m;
    double *y = s + m;
    double sy = 0;
    double ss = 0;
    double yy = 0;
    for (int64_t i = 0; i < m; i++) {
      const int64_t k = factor->index[i];
      s[i] = s_all[k];
      y[i] = y_all[k] + (ridge != NULL ? ridge[k] * s_all[k] : 0);
      sy += s[i] * y[i];
      ss += s[i] * s[i];
      yy += y[i] * y[i];
    }
    if (!(sy > CURVED * sqrt(ss * yy))) continue;
    inverse[n++] = 1 / sy;
  }
  return n;
}

void bvl_secant_apply(bvl_secant *secant, const bvl_factor *factor, const double *ridge, double *x)
{
  double inverse[BVL_SECANT_PAIRS];
  double a[BVL_SECANT_PAIRS] = {0};
  const int64_t n = pack(secant, factor, ridge, inverse);
  const int m = (int)factor->m;
  for (int64_t q = n - 1; q >= 0; q--) {
    const double *s = secant->packed + 2 * q * m;
    a[q] = inverse[q] * cblas_ddot(m, s, 1, x, 1);
    cblas_daxpy(m, -a[q], s + m, 1, x, 1);
  }
  bvl_factor_solve(factor, x);
  for (int64_t q = 0; q < n; q++) {
    const double *s = secant->packed + 2 * q * m;
    cblas_daxpy(m, a[q] - inverse[q] * cblas_ddot(m, s + m, 1, x, 1), s, 1, x, 1);
  }
}
