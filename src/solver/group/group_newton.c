/* SPDX-License-Identifier: BSD-3-Clause */
/* The factor's inverse, the columns V = L^-1 D Z, and the small non-negative quadratic in x that
 * couples the groups. */
#include "solver/group/group_newton.h"

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
  free(s->list);
  free(s->used);
  free(s->root_tau);
  free(s->u);
  free(s->column);
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
  s->order = n;
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
  double *K = NULL;
  int limit = 0;
  BVL_TRY(BVL_GROW(&s->V, &s->V_room, m * s->order));
  if (m <= s->capacity) return BVL_OK;
  BVL_TRY(bvl_to_int(capacity, &limit));
  BVL_TRY(BVL_ALLOC(&K, capacity * capacity));
  for (int64_t l = 0; l < s->m; l++)
    memcpy(K + l * capacity, s->K + l * s->ld, (size_t)s->m * sizeof *K);
  free(s->K);
  s->K = K;
  s->ld = capacity;
  BVL_TRY(BVL_GROW_ALL(&s->capacity, capacity, BVL_GROWN(&s->c), BVL_GROWN(&s->lw)));
cleanup:
  return status;
}

/* K = U'GU + this V'V; by rows the first is not there. */
static double scale_of(const bvl_group_newton *s)
{
  return s->G != NULL ? -1 : 1 / (double)s->n;
}

static void forget_columns(bvl_group_newton *s)
{
  s->m = 0;
  memset(s->m_known, 0, sizeof s->m_known);
  for (int64_t k = 0; s->G != NULL && k < s->n; k++) s->column[k] = -1;
}

/* S -> L, with its diagonal blocks inverted. */
static int factor_S(bvl_group_newton *s)
{
  const int64_t n = s->order;
  int ok = n == 0 || bvl_cholesky(n, s->L, n) == 0;
  for (int64_t c = 0; ok && c < n; c += PANEL)
    ok = bvl_invert_lower(bvl_lesser(PANEL, n - c), s->L + c + c * n, n) == 0;
  return ok;
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
  forget_columns(s);
  return largest > 0 && factor_S(s);
}

bvl_status bvl_group_newton_by_gram(bvl_group_newton *s, int64_t n, const double *G, int64_t ld)
{
  bvl_status status = BVL_OK;
  int limit = 0;
  BVL_TRY(bvl_to_int(ld, &limit));
  BVL_TRY(BVL_GROW_ALL(&s->room, n, BVL_GROWN(&s->D), BVL_GROWN(&s->list), BVL_GROWN(&s->root_tau),
                       BVL_GROWN(&s->u), BVL_GROWN(&s->column), BVL_GROWN(&s->used)));
  for (int64_t k = s->n; k < n; k++) s->column[k] = -1;
  for (int64_t k = 0; k < n; k++) s->D[k] = sqrt(fmax(G[k + k * ld], 0));
  s->n = n;
  s->G = G;
  s->ld_G = ld;
cleanup:
  return status;
}

bvl_status bvl_group_newton_factor_gram(bvl_group_newton *s, const double *tau, int *ok)
{
  s->order = 0;
  for (int64_t k = 0; k < s->n; k++) {
    if (!(tau[k] > 0)) continue;
    s->root_tau[s->order] = sqrt(tau[k]);
    s->list[s->order++] = k;
  }
  forget_columns(s);
  const int64_t m = s->order;
  bvl_status status = BVL_GROW(&s->L, &s->L_room, m * m);
  if (status != BVL_OK) return status;
  for (int64_t l = 0; l < m; l++) {
    const double *from = s->G + s->list[l] * s->ld_G;
    double *to = s->L + l * m;
    memset(to, 0, (size_t)l * sizeof *to);
    for (int64_t k = l; k < m; k++) to[k] = s->root_tau[k] * s->root_tau[l] * from[s->list[k]];
    to[l] += 1;
  }
  *ok = factor_S(s);
  return BVL_OK;
}

/* T^1/2 of k vectors, from the n unknowns to those of S. */
static void take_root(const bvl_group_newton *s, int64_t k, const double *from, double *to)
{
  for (int64_t a = 0; a < k; a++)
    for (int64_t i = 0; i < s->order; i++)
      to[i + a * s->order] = s->root_tau[i] * from[s->list[i] + a * s->n];
}

/* V <- what L^-1 is to be applied to for the columns Z: D Z, or T^1/2 G Z, and then K's part Z'GZ.
 */
static bvl_status weigh_columns(bvl_group_newton *s, int64_t k, const double *Z, double *V)
{
  bvl_status status = BVL_OK;
  const int64_t n = s->n;
  double *GZ = NULL;
  for (int64_t e = 0; s->G == NULL && e < n * k; e++) V[e] = s->D[e % n] * Z[e];
  if (s->G == NULL) return BVL_OK;
  BVL_TRY(BVL_ALLOC(&GZ, n * k));
  for (int64_t l = 0; l < k; l++) {
    for (int64_t i = 0; i < n; i++) {
      if (Z[i + l * n] == 0) continue;
      s->u[i] = Z[i + l * n];
      s->column[i] = s->m + l;
      cblas_daxpy((int)n, s->u[i], s->G + i * s->ld_G, 1, GZ + l * n, 1);
    }
  }
  take_root(s, k, GZ, V);
  for (int64_t l = 0; l < k; l++) {
    double *K = s->K + (s->m + l) * s->ld;
    memset(K, 0, (size_t)(s->m + k) * sizeof *K);
    for (int64_t i = 0; i < n; i++)
      if (s->column[i] >= 0) K[s->column[i]] += s->u[i] * GZ[i + l * n];
  }
cleanup:
  free(GZ);
  return status;
}

/* V <- L^-1 V, many columns. */
static void solve_columns(const bvl_group_newton *s, int k, double *V)
{
  const int n = (int)s->order;
  for (int c = 0; c < n; c += PANEL) {
    const int width = n - c < PANEL ? n - c : PANEL;
    const double *L = s->L + c + (int64_t)c * n;
    cblas_dtrmm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, width, k, 1, L, n,
                V + c, n);
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n - c - width, k, width, -1, L + width,
                n, V + c, n, 1, V + c + width, n);
  }
}

bvl_status bvl_group_newton_append(bvl_group_newton *s, int64_t k, double *Z)
{
  bvl_status status = reserve(s, s->m + k);
  const int order = (int)s->order; /* checked with n; s->m and k with the capacity */
  const int64_t m = s->m + k;
  if (status != BVL_OK || k == 0) return status;
  double *V = s->V + s->m * s->order;
  status = weigh_columns(s, k, Z, V);
  if (status != BVL_OK) return status;
  if (order > 0) {
    solve_columns(s, (int)k, V);
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, (int)m, (int)k, order, scale_of(s), s->V,
                order, V, order, s->G != NULL, s->K + s->m * s->ld, (int)s->ld);
  }
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

/* x <- the new points, dx <- their change; f as in the head, c (m x k) <- the right side but for
 * V'f. */
static bvl_status solve_groups(bvl_group_newton *s, int64_t k, const int64_t *lane,
                               const unsigned char *bounded, const double *tol, const double *f,
                               double *c, double *x, double *dx)
{
  bvl_status status = BVL_OK;
  const int order = (int)s->order;
  const int m = (int)s->m;
  const int lanes = (int)k;
  if (m == 0) return BVL_OK;
  if (order > 0)
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, m, lanes, order, scale_of(s), s->V, order,
                f, order, 1, c, m);
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, m, lanes, m, 1, s->K, (int)s->ld, x, m, 1,
              c, m);
  for (int64_t l = 0; l < s->m * k; l++) dx[l] = -x[l];
  for (int64_t a = 0; a < k; a++)
    BVL_TRY(solve_nonnegative(s, lane[a], c + a * s->m, bounded, tol[a], x + a * s->m));
  for (int64_t l = 0; l < s->m * k; l++) dx[l] += x[l];
cleanup:
  return status;
}

/* F (order x k) <- L^-1 F, panel by panel of the triangle: read once for all k, and nothing is
 * packed, which for few k costs BLAS as much as the product. */
static void solve_lower(const bvl_group_newton *s, int64_t k, double *F)
{
  const bvl_kern_dense forward = bvl_kernels_get()->dense_forward[BVL_F64];
  const int64_t n = s->order;
  double part[PANEL * BVL_GROUP_LANES];
  for (int64_t c = 0; c < n; c += PANEL) {
    const int64_t width = bvl_lesser(PANEL, n - c);
    const double *L = s->L + c + c * n;
    for (int64_t a = 0; a < k; a++) {
      memcpy(part + a * width, F + c + a * n, (size_t)width * sizeof *part);
      memset(F + c + a * n, 0, (size_t)width * sizeof *F);
    }
    forward(L, n, width, width, NULL, k, part, width, F + c, n, 0, NULL);
    for (int64_t e = 0; e < width * k; e++) part[e] = -F[c + e % width + e / width * n];
    forward(L + width, n, n - c - width, width, NULL, k, part, width, F + c + width, n, 0, NULL);
  }
}

/* F <- L^-T F. */
static void solve_upper(const bvl_group_newton *s, int64_t k, double *F)
{
  const bvl_kern_dense adjoint = bvl_kernels_get()->dense_adjoint[BVL_F64];
  const int64_t n = s->order;
  double part[PANEL * BVL_GROUP_LANES];
  for (int64_t end = n; end > 0; end = (end - 1) / PANEL * PANEL) {
    const int64_t c = (end - 1) / PANEL * PANEL;
    const int64_t width = end - c;
    const double *L = s->L + c + c * n;
    memset(part, 0, sizeof part);
    adjoint(L + width, n, n - end, width, NULL, k, F + end, n, part, width, 0, NULL);
    for (int64_t e = 0; e < width * k; e++) {
      double *to = F + c + e % width + e / width * n;
      part[e] = *to - part[e];
      *to = 0;
    }
    adjoint(L, n, width, width, NULL, k, part, width, F + c, n, 0, NULL);
  }
}

void bvl_group_newton_multiply(const bvl_group_newton *s, int64_t k, const double *z, double *out)
{
  int64_t n = 0;
  for (int64_t i = 0; i < s->n; i++) {
    int any = 0;
    for (int64_t a = 0; a < k; a++) any |= z[i + a * s->n] != 0;
    if (any) s->used[n++] = i;
  }
  bvl_kernels_get()->dense_forward[BVL_F64](s->G, s->ld_G, s->n, n, s->used, k, z, s->n, out, s->n,
                                            0, NULL);
}

/* E (order x k) <- D F1, or T^1/2 G F1 with c += U'G F1. */
static bvl_status weigh_residuals(const bvl_group_newton *s, int64_t k, const double *F1, double *E,
                                  double *c)
{
  bvl_status status = BVL_OK;
  const int64_t n = s->n;
  double *P = NULL;
  for (int64_t e = 0; s->G == NULL && e < n * k; e++) E[e] = s->D[e % n] * F1[e];
  if (s->G == NULL) return BVL_OK;
  BVL_TRY(BVL_ALLOC(&P, n * k));
  bvl_group_newton_multiply(s, k, F1, P);
  take_root(s, k, P, E);
  for (int64_t a = 0; a < k; a++)
    for (int64_t i = 0; i < n; i++)
      if (s->column[i] >= 0) c[s->column[i] + a * s->m] += s->u[i] * P[i + a * n];
cleanup:
  free(P);
  return status;
}

/* F1 <- the step: E / D, or U dx - F1 - T^1/2 E. */
static void unweigh_step(const bvl_group_newton *s, int64_t k, const double *dx, const double *E,
                         double *F1)
{
  const int64_t n = s->n;
  for (int64_t e = 0; s->G == NULL && e < n * k; e++) F1[e] = E[e] / s->D[e % n];
  for (int64_t a = 0; s->G != NULL && a < k; a++) {
    double *to = F1 + a * n;
    for (int64_t i = 0; i < n; i++)
      to[i] = (s->column[i] >= 0 ? s->u[i] * dx[s->column[i] + a * s->m] : 0) - to[i];
    for (int64_t i = 0; i < s->order; i++) to[s->list[i]] -= s->root_tau[i] * E[i + a * s->order];
  }
}

bvl_status bvl_group_newton_step(bvl_group_newton *s, int64_t k, const int64_t *lane,
                                 const double *excess, const unsigned char *bounded,
                                 const double *tol, double *x, double *F1)
{
  bvl_status status = BVL_OK;
  const int order = (int)s->order;
  double *c = NULL;
  double *dx = NULL;
  double *f = NULL;
  BVL_TRY(BVL_ALLOC(&c, s->m * k));
  BVL_TRY(BVL_ALLOC(&dx, s->m * k));
  BVL_TRY(BVL_ALLOC(&f, s->order * k));
  memcpy(c, excess, (size_t)(s->m * k) * sizeof *c);
  BVL_TRY(weigh_residuals(s, k, F1, f, c));
  solve_lower(s, k, f);
  BVL_TRY(solve_groups(s, k, lane, bounded, tol, f, c, x, dx));
  for (int64_t l = 0; l < s->order * k; l++) f[l] = -f[l];
  if (s->m > 0 && order > 0)
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, order, (int)k, (int)s->m, 1, s->V, order,
                dx, (int)s->m, 1, f, order);
  solve_upper(s, k, f);
  unweigh_step(s, k, dx, f, F1);
cleanup:
  free(c);
  free(dx);
  free(f);
  return status;
}
