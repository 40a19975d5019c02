/* SPDX-License-Identifier: BSD-3-Clause */
/* The factor L, the columns V = L^-1 D Z, and the small non-negative quadratic in x that couples
 * the groups. */
#include "solver/group_newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/lapack.h"

/* Rows without curvature keep this share of the largest: they then move with the others. */
static const double CURVATURE_FLOOR = 1e-12;

void bvl_group_newton_free(bvl_group_newton *s)
{
  free(s->S);
  free(s->D);
  free(s->V);
  free(s->K);
  free(s->c);
  free(s->lw);
  bvl_active_newton_free(&s->newton);
  *s = (bvl_group_newton){0};
}

bvl_status bvl_group_newton_open(bvl_group_newton *s, int64_t n)
{
  bvl_status status = BVL_OK;
  int limit = 0;
  if (s->S != NULL && s->n == n) return BVL_OK;
  s->n = n;
  BVL_TRY(bvl_to_int(n, &limit)); /* every size below fits a BLAS integer */
  BVL_TRY(BVL_ALLOC(&s->S, n * n));
  BVL_TRY(BVL_ALLOC(&s->D, n));
cleanup:
  return status;
}

static bvl_status reserve(bvl_group_newton *s, int64_t m)
{
  bvl_status status = BVL_OK;
  const int64_t capacity = bvl_greater(bvl_greater(m, s->capacity + s->capacity / 2), 64);
  int64_t room = s->capacity;
  double *K = NULL;
  int limit = 0;
  if (m <= s->capacity) return BVL_OK;
  BVL_TRY(bvl_to_int(capacity, &limit));
  BVL_TRY(BVL_ALLOC(&K, capacity * capacity));
  for (int64_t l = 0; l < s->m; l++)
    memcpy(K + l * capacity, s->K + l * s->ld, (size_t)s->m * sizeof *K);
  free(s->K);
  s->K = K;
  s->ld = capacity;
  BVL_TRY(BVL_GROW(&s->c, &room, capacity));
  room = s->capacity;
  BVL_TRY(BVL_GROW(&s->lw, &room, capacity));
  room = s->capacity * s->n;
  BVL_TRY(BVL_GROW(&s->V, &room, capacity * s->n));
  s->capacity = capacity;
cleanup:
  return status;
}

bvl_status bvl_group_newton_factor(bvl_group_newton *s, const double *h, int *ok)
{
  const int64_t n = s->n;
  double largest = 0;
  for (int64_t i = 0; i < n; i++) largest = fmax(largest, h[i]);
  for (int64_t i = 0; i < n; i++) s->D[i] = sqrt(fmax(h[i], CURVATURE_FLOOR * largest));
  for (int64_t l = 0; l < n; l++) {
    double *column = s->S + l * n;
    for (int64_t i = l; i < n; i++) column[i] *= s->D[i] * s->D[l];
    column[l] += 1;
  }
  s->m = 0;
  s->m_known = 0;
  *ok = largest > 0 && bvl_cholesky(n, s->S, n) == 0;
  return BVL_OK;
}

bvl_status bvl_group_newton_append(bvl_group_newton *s, int64_t k, double *Z)
{
  bvl_status status = reserve(s, s->m + k);
  const int n = (int)s->n; /* checked in open; s->m and k with the capacity */
  if (status != BVL_OK || k == 0) return status;
  double *V = s->V + s->m * s->n;
  for (int64_t l = 0; l < k; l++)
    for (int64_t i = 0; i < s->n; i++) V[i + l * s->n] = s->D[i] * Z[i + l * s->n];
  cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, (int)k, 1, s->S,
              n, V, n);
  const int64_t m = s->m + k;
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, (int)m, (int)k, n, 1 / (double)n, s->V, n, V,
              n, 0, s->K + s->m * s->ld, (int)s->ld);
  for (int64_t l = s->m; l < m; l++)
    for (int64_t i = 0; i < l; i++) s->K[l + i * s->ld] = s->K[i + l * s->ld];
  s->m = m;
  return BVL_OK;
}

/* x >= 0 as a lasso: |x| at a weight W >> and W added to the gradient at 0, so that the penalty and
 * the shift cancel for x > 0 and add for x < 0. */
static bvl_status solve_nonnegative(bvl_group_newton *s, const unsigned char *bounded, double tol,
                                    double *x)
{
  bvl_active_outcome outcome;
  double W = 0;
  for (int64_t k = 0; k < s->m; k++) W = fmax(W, fabs(s->c[k]));
  W = 2 * W + 1e-300;
  for (int64_t k = 0; k < s->m; k++) {
    s->lw[k] = bounded[k] ? W : 0;
    if (bounded[k]) s->c[k] += W;
  }
  const bvl_lasso p = {.d = s->m, .G = s->K, .ld = s->ld, .c = s->c, .lw = s->lw};
  bvl_status status = s->m_known == 0 ? bvl_active_newton_start(&s->newton, &p, x)
                                      : bvl_active_newton_widen(&s->newton, &p);
  s->m_known = s->m;
  if (status == BVL_OK) status = bvl_active_newton_solve(&s->newton, &p, tol, 0, &outcome);
  if (status == BVL_OK)
    for (int64_t k = 0; k < s->m; k++) x[k] = bounded[k] ? fmax(s->newton.b[k], 0) : s->newton.b[k];
  return status;
}

bvl_status bvl_group_newton_step(bvl_group_newton *s, const double *excess,
                                 const unsigned char *bounded, double tol, double *x, double *F1)
{
  bvl_status status = BVL_OK;
  const int n = (int)s->n;
  const int m = (int)s->m;
  double *dx = NULL;
  BVL_TRY(BVL_ALLOC(&dx, s->m));
  for (int64_t i = 0; i < s->n; i++) F1[i] *= s->D[i];
  cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, s->S, n, F1, 1);
  if (m > 0) {
    memcpy(s->c, excess, (size_t)m * sizeof *excess);
    cblas_dgemv(CblasColMajor, CblasTrans, n, m, 1 / (double)n, s->V, n, F1, 1, 1, s->c, 1);
    cblas_dgemv(CblasColMajor, CblasNoTrans, m, m, 1, s->K, (int)s->ld, x, 1, 1, s->c, 1);
    for (int64_t k = 0; k < s->m; k++) dx[k] = -x[k];
    BVL_TRY(solve_nonnegative(s, bounded, tol, x));
    for (int64_t k = 0; k < s->m; k++) dx[k] += x[k];
    cblas_dgemv(CblasColMajor, CblasNoTrans, n, m, 1, s->V, n, dx, 1, -1, F1, 1);
  } else {
    for (int64_t i = 0; i < s->n; i++) F1[i] = -F1[i];
  }
  cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, n, s->S, n, F1, 1);
  for (int64_t i = 0; i < s->n; i++) F1[i] /= s->D[i];
cleanup:
  free(dx);
  return status;
}
