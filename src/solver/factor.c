/* SPDX-License-Identifier: BSD-3-Clause */
/* Block append by a triangular solve, drop by Givens rotations of neighbouring columns of L. */
#include "solver/factor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"

enum { BLOCK = 64 };
static const double PIVOT_FLOOR = 1e-12;

void bvl_factor_free(bvl_factor *factor)
{
  free(factor->L);
  free(factor->index);
  free(factor->work);
  *factor = (bvl_factor){0};
}

void bvl_factor_clear(bvl_factor *factor)
{
  factor->m = 0;
}

static bvl_status reserve(bvl_factor *factor, int64_t m)
{
  bvl_status status = BVL_OK;
  bvl_factor grown = {.m = factor->m, .capacity = factor->capacity + factor->capacity / 2};
  if (m <= factor->capacity) return BVL_OK;
  grown.capacity = bvl_greater(bvl_greater(grown.capacity, m), BLOCK);
  int limit = 0;
  BVL_TRY(bvl_to_int(grown.capacity, &limit)); /* every size below fits a BLAS integer */
  BVL_TRY(BVL_ALLOC(&grown.L, grown.capacity * grown.capacity));
  BVL_TRY(BVL_ALLOC(&grown.index, grown.capacity));
  BVL_TRY(BVL_ALLOC(&grown.work, grown.capacity));
  for (int64_t l = 0; l < factor->m; l++)
    memcpy(grown.L + l + l * grown.capacity, factor->L + l + l * factor->capacity,
           (size_t)(factor->m - l) * sizeof *grown.L);
  if (factor->m > 0) memcpy(grown.index, factor->index, (size_t)factor->m * sizeof *grown.index);
  bvl_factor_free(factor);
  *factor = grown;
  grown = (bvl_factor){0};
cleanup:
  bvl_factor_free(&grown);
  return status;
}

/* Row m of L for unknown k: L l = g by substitution against the part of the row that the block
 * solve has not done yet (columns first..m-1). Returns 0 when the pivot is gone. */
static int finish_row(bvl_factor *f, int64_t row, int64_t first, double diagonal)
{
  const int64_t ld = f->capacity;
  double rest = diagonal;
  for (int64_t j = 0; j < first; j++) rest -= f->L[row + j * ld] * f->L[row + j * ld];
  for (int64_t j = first; j < row; j++) {
    double value = f->L[row + j * ld];
    for (int64_t i = 0; i < j; i++) value -= f->L[row + i * ld] * f->L[j + i * ld];
    value /= f->L[j + j * ld];
    f->L[row + j * ld] = value;
    rest -= value * value;
  }
  if (!(rest > PIVOT_FLOOR * diagonal)) return 0;
  f->L[row + row * ld] = sqrt(rest);
  return 1;
}

static void append_block(bvl_factor *f, const double *G, int64_t ld_g, const double *ridge,
                         int64_t n, const int64_t *wanted, int64_t *n_refused, int64_t *refused)
{
  const int64_t ld = f->capacity;
  const int64_t m = f->m;
  for (int64_t j = 0; j < m; j++)
    for (int64_t r = 0; r < n; r++) f->L[(m + r) + j * ld] = G[wanted[r] + f->index[j] * ld_g];
  if (m > 0) /* rows m .. m+n-1 of L: solve X L' = G_new,A */
    cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, (int)n, (int)m, 1,
                f->L, (int)ld, f->L + m, (int)ld);
  for (int64_t r = 0; r < n; r++) {
    const int64_t row = f->m;
    const int64_t k = wanted[r];
    if (row != m + r) /* an earlier one was refused: close the gap */
      for (int64_t j = 0; j < m; j++) f->L[row + j * ld] = f->L[(m + r) + j * ld];
    for (int64_t j = m; j < row; j++) f->L[row + j * ld] = G[k + f->index[j] * ld_g];
    if (!finish_row(f, row, m, G[k + k * ld_g] + (ridge != NULL ? ridge[k] : 0))) {
      refused[(*n_refused)++] = k;
      continue;
    }
    f->index[f->m++] = k;
  }
}

bvl_status bvl_factor_append(bvl_factor *factor, const double *G, int64_t ld, const double *ridge,
                             int64_t n, const int64_t *wanted, int64_t *n_refused, int64_t *refused)
{
  *n_refused = 0;
  bvl_status status = reserve(factor, factor->m + n);
  for (int64_t at = 0; status == BVL_OK && at < n; at += BLOCK)
    append_block(factor, G, ld, ridge, bvl_lesser(BLOCK, n - at), wanted + at, n_refused, refused);
  return status;
}

void bvl_factor_drop(bvl_factor *factor, int64_t position)
{
  const int64_t ld = factor->capacity;
  const int64_t m = factor->m;
  for (int64_t j = 0; j < m; j++) {
    const int64_t from = bvl_greater(position + 1, j);
    double *column = factor->L + j * ld;
    if (m > from) memmove(column + from - 1, column + from, (size_t)(m - from) * sizeof *column);
  }
  memmove(factor->index + position, factor->index + position + 1,
          (size_t)(m - 1 - position) * sizeof *factor->index);
  /* row i >= position of the remaining matrix now reaches column i + 1: rotate columns i, i + 1 so
   * that its last entry is gone */
  for (int64_t i = position; i < m - 1; i++) {
    double *a = factor->L + i * ld;
    double *b = factor->L + (i + 1) * ld;
    const double radius = hypot(a[i], b[i]);
    const double c = a[i] / radius;
    const double s = b[i] / radius;
    a[i] = radius;
    b[i] = 0;
    cblas_drot((int)(m - 2 - i), a + i + 1, 1, b + i + 1, 1, c, s);
  }
  factor->m = m - 1;
}

void bvl_factor_solve(const bvl_factor *factor, double *x)
{
  const int m = (int)factor->m;
  const int ld = (int)factor->capacity;
  if (m == 0) return;
  cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, m, factor->L, ld, x, 1);
  cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, m, factor->L, ld, x, 1);
}
