/* SPDX-License-Identifier: BSD-3-Clause */
/* The factor's inverse, the columns V = L^-1 D Z, and the small non-negative quadratic in x that
 * couples the groups. */
#include "solver/group_newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/lapack.h"
#include "kernels/kernels.h"

enum { PANEL = 64 };

/* Rows without curvature keep this share of the largest: they then move with the others. */
static const double CURVATURE_FLOOR = 1e-12;

void bvl_group_newton_free(bvl_group_newton *s)
{
  free(s->L);
  free(s->D);
  free(s->V);
  free(s->K);
  free(s->c);
  free(s->lw);
  for (int a = 0; a < BVL_GROUP_LANES; a++) bvl_active_newton_free(&s->quadratic[a]);
  *s = (bvl_group_newton){0};
}

bvl_status bvl_group_newton_open(bvl_group_newton *s, int64_t n)
{
  bvl_status status = BVL_OK;
  int limit = 0;
  if (s->L != NULL && s->n == n) return BVL_OK;
  s->n = n;
  BVL_TRY(bvl_to_int(n, &limit)); /* every size below fits a BLAS integer */
  BVL_TRY(BVL_ALLOC(&s->L, n * n));
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

int bvl_group_newton_factor(bvl_group_newton *s, const double *h)
{
  const int64_t n = s->n;
  double largest = 0;
  for (int64_t i = 0; i < n; i++) largest = fmax(largest, h[i]);
  for (int64_t i = 0; i < n; i++) s->D[i] = sqrt(fmax(h[i], CURVATURE_FLOOR * largest));
  for (int64_t l = 0; l < n; l++) {
    double *column = s->L + l * n;
    for (int64_t i = l; i < n; i++) column[i] *= s->D[i] * s->D[l];
    column[l] += 1;
  }
  s->m = 0;
  memset(s->m_known, 0, sizeof s->m_known);
  return largest > 0 && bvl_cholesky(n, s->L, n) == 0 && bvl_invert_lower(n, s->L, n) == 0;
}

bvl_status bvl_group_newton_append(bvl_group_newton *s, int64_t k, double *Z)
{
  bvl_status status = reserve(s, s->m + k);
  const int n = (int)s->n; /* checked in open; s->m and k with the capacity */
  if (status != BVL_OK || k == 0) return status;
  double *V = s->V + s->m * s->n;
  for (int64_t l = 0; l < k; l++)
    for (int64_t i = 0; i < s->n; i++) V[i + l * s->n] = s->D[i] * Z[i + l * s->n];
  cblas_dtrmm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, (int)k, 1, s->L,
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
 * the shift cancel for x > 0 and add for x < 0. c (m) is used up. */
static bvl_status solve_nonnegative(bvl_group_newton *s, int64_t lane, double *c,
                                    const unsigned char *bounded, double tol, double *x)
{
  bvl_active_newton *quadratic = &s->quadratic[lane];
  bvl_active_outcome outcome;
  double W = 0;
  for (int64_t k = 0; k < s->m; k++) W = fmax(W, fabs(c[k]));
  W = 2 * W + 1e-300;
  for (int64_t k = 0; k < s->m; k++) {
    s->lw[k] = bounded[k] ? W : 0;
    if (bounded[k]) c[k] += W;
  }
  const bvl_lasso p = {.d = s->m, .G = s->K, .ld = s->ld, .c = c, .lw = s->lw};
  bvl_status status = s->m_known[lane] == 0 ? bvl_active_newton_start(quadratic, &p, x)
                                            : bvl_active_newton_widen(quadratic, &p);
  s->m_known[lane] = s->m;
  if (status == BVL_OK) status = bvl_active_newton_solve(quadratic, &p, tol, 0, &outcome);
  if (status == BVL_OK)
    for (int64_t k = 0; k < s->m; k++)
      x[k] = bounded[k] ? fmax(quadratic->b[k], 0) : quadratic->b[k];
  return status;
}

/* x <- the new points, dx <- their change; F1 is L^-1 D F1 already. */
static bvl_status solve_groups(bvl_group_newton *s, int64_t k, const int64_t *lane,
                               const double *excess, const unsigned char *bounded,
                               const double *tol, const double *F1, double *x, double *dx)
{
  bvl_status status = BVL_OK;
  const int n = (int)s->n;
  const int m = (int)s->m;
  const int lanes = (int)k;
  double *c = NULL;
  BVL_TRY(BVL_ALLOC(&c, s->m * k));
  memcpy(c, excess, (size_t)(s->m * k) * sizeof *c);
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, m, lanes, n, 1 / (double)n, s->V, n, F1, n,
              1, c, m);
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, m, lanes, m, 1, s->K, (int)s->ld, x, m, 1,
              c, m);
  for (int64_t l = 0; l < s->m * k; l++) dx[l] = -x[l];
  for (int64_t a = 0; a < k; a++)
    BVL_TRY(solve_nonnegative(s, lane[a], c + a * s->m, bounded, tol[a], x + a * s->m));
  for (int64_t l = 0; l < s->m * k; l++) dx[l] += x[l];
cleanup:
  free(c);
  return status;
}

/* out (n x k) = L^-1 F, or its transpose times F, panel by panel of the triangle: read once for all
 * k, and nothing is packed, which for few k costs BLAS as much as the product. */
static void apply_inverse(const bvl_group_newton *s, int transpose, int64_t k, const double *F,
                          double *out)
{
  const bvl_kernels *kernels = bvl_kernels_get();
  const bvl_kern_dense product = (transpose ? kernels->dense_adjoint
                                            : kernels->dense_forward)[BVL_F64];
  memset(out, 0, (size_t)(s->n * k) * sizeof *out);
  for (int64_t c = 0; c < s->n; c += PANEL)
    product(s->L + c + c * s->n, s->n, s->n - c, bvl_lesser(PANEL, s->n - c), NULL, k, F + c, s->n,
            out + c, s->n, 0, NULL);
}

bvl_status bvl_group_newton_step(bvl_group_newton *s, int64_t k, const int64_t *lane,
                                 const double *excess, const unsigned char *bounded,
                                 const double *tol, double *x, double *F1)
{
  bvl_status status = BVL_OK;
  const int n = (int)s->n;
  double *dx = NULL;
  double *f = NULL;
  BVL_TRY(BVL_ALLOC(&dx, s->m * k));
  BVL_TRY(BVL_ALLOC(&f, s->n * k));
  for (int64_t a = 0; a < k; a++)
    for (int64_t i = 0; i < s->n; i++) F1[i + a * s->n] *= s->D[i];
  apply_inverse(s, 0, k, F1, f);
  if (s->m > 0) BVL_TRY(solve_groups(s, k, lane, excess, bounded, tol, f, x, dx));
  for (int64_t l = 0; l < s->n * k; l++) f[l] = -f[l];
  if (s->m > 0)
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, (int)k, (int)s->m, 1, s->V, n, dx,
                (int)s->m, 1, f, n);
  apply_inverse(s, 1, k, f, F1);
  for (int64_t a = 0; a < k; a++)
    for (int64_t i = 0; i < s->n; i++) F1[i + a * s->n] /= s->D[i];
cleanup:
  free(f);
  free(dx);
  return status;
}
