/* SPDX-License-Identifier: BSD-3-Clause */
/* Compact BFGS: pairs, their inner products, and the small matrix between them. */
#include "net/front/quasi_newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { M = BVL_BFGS_PAIRS };

/* s'y below this times s's says too little: noise, or a function bent the other way. */
static const double least_curvature = 1e-8;

bvl_status bvl_bfgs_init(const bvl_space *space, bvl_bfgs *out)
{
  bvl_status status = BVL_OK;
  memset(out, 0, sizeof *out);
  out->space = *space;
  out->sigma = 1.0;
  for (int i = 0; i < M; i++) {
    BVL_TRY(BVL_ALLOC(&out->s[i], space->n_local));
    BVL_TRY(BVL_ALLOC(&out->y[i], space->n_local));
  }
cleanup:
  return status;
}

void bvl_bfgs_free(bvl_bfgs *B)
{
  for (int i = 0; i < M; i++) {
    free(B->s[i]);
    free(B->y[i]);
  }
  memset(B, 0, sizeof *B);
}

void bvl_bfgs_reset(bvl_bfgs *B)
{
  B->n = 0;
}

/* ---- the small matrix ------------------------------------------------------------------------
 */

/* A (n x n, row by row) is replaced by its inverse: Gauss-Jordan with row pivots. 0 = singular. */
static int invert(int n, double *A)
{
  int pivot_of[2 * M];
  for (int k = 0; k < n; k++) {
    int best = k;
    for (int i = k + 1; i < n; i++)
      if (fabs(A[i * n + k]) > fabs(A[best * n + k])) best = i;
    pivot_of[k] = best;
    if (!(fabs(A[best * n + k]) > 0.0)) return 0;
    for (int j = 0; j < n && best != k; j++) {
      const double swap = A[k * n + j];
      A[k * n + j] = A[best * n + j];
      A[best * n + j] = swap;
    }
    const double pivot = 1.0 / A[k * n + k];
    A[k * n + k] = 1.0;
    for (int j = 0; j < n; j++) A[k * n + j] *= pivot;
    for (int i = 0; i < n; i++) {
      const double times = A[i * n + k];
      if (i == k) continue;
      A[i * n + k] = 0.0;
      for (int j = 0; j < n; j++) A[i * n + j] -= times * A[k * n + j];
    }
  }
  for (int k = n - 1; k >= 0; k--)
    for (int i = 0; i < n && pivot_of[k] != k; i++) {
      const double swap = A[i * n + k];
      A[i * n + k] = A[i * n + pivot_of[k]];
      A[i * n + pivot_of[k]] = swap;
    }
  return 1;
}

static int factor(bvl_bfgs *B)
{
  const int n = B->n;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      double *m = B->inverse;
      m[i * 2 * n + j] = B->sigma * B->ss[i][j];
      m[i * 2 * n + n + j] = i > j ? B->sy[i][j] : 0.0;
      m[(n + j) * 2 * n + i] = i > j ? B->sy[i][j] : 0.0;
      m[(n + i) * 2 * n + n + j] = i == j ? -B->sy[i][i] : 0.0;
    }
  return invert(2 * n, B->inverse);
}

void bvl_bfgs_solve(const bvl_bfgs *B, const double *dots, double *c)
{
  const int n = B->n;
  for (int i = 0; i < 2 * n; i++) {
    c[i] = 0.0;
    for (int j = 0; j < 2 * n; j++)
      c[i] += B->inverse[i * 2 * n + j] * dots[j] * (j < n ? B->sigma : 1.0);
  }
}

double bvl_bfgs_form(const bvl_bfgs *B, const double *dots, const double *c)
{
  double sum = 0.0;
  for (int j = 0; j < 2 * B->n; j++) sum += dots[j] * c[j] * (j < B->n ? B->sigma : 1.0);
  return sum;
}

void bvl_bfgs_add(const bvl_bfgs *B, const double *v, const double *c, double *out)
{
  const int64_t n_local = B->space.n_local;
  for (int64_t k = 0; k < n_local; k++) out[k] += B->sigma * v[k];
  for (int i = 0; i < B->n; i++) {
    const double a = B->sigma * c[i], b = c[B->n + i];
    const double *s = B->s[i], *y = B->y[i];
    for (int64_t k = 0; k < n_local; k++) out[k] -= a * s[k] + b * y[k];
  }
}

/* ---- pairs -----------------------------------------------------------------------------------
 */

static void drop_oldest(bvl_bfgs *B)
{
  double *s = B->s[0], *y = B->y[0];
  for (int i = 0; i + 1 < M; i++) {
    B->s[i] = B->s[i + 1];
    B->y[i] = B->y[i + 1];
    for (int j = 0; j + 1 < M; j++) {
      B->ss[i][j] = B->ss[i + 1][j + 1];
      B->sy[i][j] = B->sy[i + 1][j + 1];
    }
  }
  B->s[M - 1] = s;
  B->y[M - 1] = y;
  B->n = M - 1;
}

/* Products of the newest pair with all: s_i's, s_i'y, s'y_i, and y'y. */
static bvl_status multiply(const bvl_bfgs *B, int last, double *out)
{
  const double *left[3 * M + 1], *right[3 * M + 1];
  for (int i = 0; i <= last; i++) {
    left[3 * i] = left[3 * i + 1] = B->s[i];
    right[3 * i] = B->s[last];
    right[3 * i + 1] = B->y[last];
    left[3 * i + 2] = B->s[last];
    right[3 * i + 2] = B->y[i];
  }
  left[3 * last + 3] = right[3 * last + 3] = B->y[last];
  return bvl_space_dots(&B->space, 3 * last + 4, left, right, out, 0, NULL);
}

bvl_status bvl_bfgs_update(bvl_bfgs *B, const double *x0, const double *g0, const double *x1,
                           const double *g1)
{
  bvl_status status = BVL_OK;
  double dots[3 * M + 1];
  if (B->n == M) drop_oldest(B);
  const int last = B->n;
  for (int64_t k = 0; k < B->space.n_local; k++) {
    B->s[last][k] = x1[k] - x0[k];
    B->y[last][k] = g1[k] - g0[k];
  }
  BVL_TRY(multiply(B, last, dots));
  const double ss = dots[3 * last], sy = dots[3 * last + 1], yy = dots[3 * last + 3];
  if (sy > least_curvature * ss && sy > 0.0) {
    for (int i = 0; i <= last; i++) {
      B->ss[i][last] = B->ss[last][i] = dots[3 * i];
      B->sy[i][last] = dots[3 * i + 1];
      B->sy[last][i] = dots[3 * i + 2];
    }
    B->sigma = yy / sy;
    B->n = last + 1;
  }
  while (B->n > 0 && !factor(B)) drop_oldest(B), B->n = 0;
cleanup:
  return status;
}
