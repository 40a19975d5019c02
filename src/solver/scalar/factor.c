/* SPDX-License-Identifier: BSD-3-Clause */
/* Block append by a triangular solve, drop by Givens rotations of neighbouring columns of L. */
#include "solver/scalar/factor.h"

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

/* A block of new rows on its way in. Their products with the columns that are in already stand in L
 * itself, those among themselves in `corner`. */
typedef struct block {
  int64_t n;
  double corner[BLOCK * BLOCK]; /* lower triangle, BLOCK apart */
  double diagonal[BLOCK];       /* before anything was subtracted */
  int in[BLOCK];                /* not refused */
} block;

/* corner -> its Cholesky factor, passing over rows whose pivot is gone. */
static void factor_corner(block *b)
{
  for (int64_t r = 0; r < b->n; r++) {
    double *column = b->corner + r * BLOCK;
    b->in[r] = column[r] > PIVOT_FLOOR * b->diagonal[r];
    if (!b->in[r]) continue;
    column[r] = sqrt(column[r]);
    for (int64_t i = r + 1; i < b->n; i++) column[i] /= column[r];
    for (int64_t c = r + 1; c < b->n; c++) {
      double *rest = b->corner + c * BLOCK;
      for (int64_t i = c; i < b->n; i++) rest[i] -= column[i] * column[c];
    }
  }
}

/* Rows m .. m+n-1 of L from what append gathered: X L' = products by substitution, then the corner.
 */
static void finish_block(bvl_factor *f, block *b, const int64_t *wanted, int64_t *n_refused,
                         int64_t *refused)
{
  const int64_t ld = f->capacity;
  const int64_t m = f->m;
  if (m > 0) {
    cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, (int)b->n, (int)m,
                1, f->L, (int)ld, f->L + m, (int)ld);
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, (int)b->n, (int)m, -1, f->L + m, (int)ld,
                1, b->corner, BLOCK);
  }
  factor_corner(b);
  for (int64_t r = 0; r < b->n; r++) {
    const int64_t row = f->m;
    int64_t at = m;
    if (!b->in[r]) {
      refused[(*n_refused)++] = wanted[r];
      continue;
    }
    if (row != m + r) /* an earlier one was refused: close the gap */
      for (int64_t j = 0; j < m; j++) f->L[row + j * ld] = f->L[(m + r) + j * ld];
    for (int64_t c = 0; c <= r; c++)
      if (b->in[c]) f->L[row + at++ * ld] = b->corner[r + c * BLOCK];
    f->index[f->m++] = wanted[r];
  }
}

bvl_status bvl_factor_append(bvl_factor *factor, const double *G, int64_t ld, const double *ridge,
                             int64_t n, const int64_t *wanted, int64_t *n_refused, int64_t *refused)
{
  bvl_status status = reserve(factor, factor->m + n);
  block b;
  *n_refused = 0;
  for (int64_t at = 0; status == BVL_OK && at < n; at += BLOCK) {
    const int64_t *list = wanted + at;
    b.n = bvl_lesser(BLOCK, n - at);
    for (int64_t j = 0; j < factor->m; j++)
      for (int64_t r = 0; r < b.n; r++)
        factor->L[(factor->m + r) + j * factor->capacity] = G[list[r] + factor->index[j] * ld];
    for (int64_t c = 0; c < b.n; c++) {
      for (int64_t r = c; r < b.n; r++) b.corner[r + c * BLOCK] = G[list[r] + list[c] * ld];
      b.corner[c + c * BLOCK] += ridge != NULL ? ridge[list[c]] : 0;
      b.diagonal[c] = b.corner[c + c * BLOCK];
    }
    finish_block(factor, &b, list, n_refused, refused);
  }
  return status;
}

bvl_status bvl_factor_append_rows(bvl_factor *factor, const double *rows, int64_t n,
                                  const int64_t *wanted, int64_t *n_refused, int64_t *refused)
{
  const int64_t old = factor->m;
  bvl_status status = reserve(factor, old + n);
  block b;
  *n_refused = 0;
  for (int64_t at = 0; status == BVL_OK && at < n; at += BLOCK) {
    b.n = bvl_lesser(BLOCK, n - at);
    int64_t next = 0; /* new columns in the factor stand in the order of `wanted` */
    for (int64_t j = 0; j < factor->m; j++) {
      while (j >= old && wanted[next] != factor->index[j]) next++;
      const double *from = rows + at + (j < old ? j : old + next) * n;
      memcpy(factor->L + factor->m + j * factor->capacity, from, (size_t)b.n * sizeof *from);
    }
    for (int64_t c = 0; c < b.n; c++) {
      for (int64_t r = c; r < b.n; r++)
        b.corner[r + c * BLOCK] = rows[(at + r) + (old + at + c) * n];
      b.diagonal[c] = b.corner[c + c * BLOCK];
    }
    finish_block(factor, &b, wanted + at, n_refused, refused);
  }
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
