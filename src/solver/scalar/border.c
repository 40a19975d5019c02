/* SPDX-License-Identifier: BSD-3-Clause */
/* Schur complement of a border. */
#include "solver/scalar/border.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/lapack.h"

static const double PIVOT_FLOOR = 1e-13; /* of S, next to the largest: rounding */

void bvl_border_free(bvl_border *s)
{
  free(s->name);
  free(s->B);
  free(s->Y);
  free(s->C);
  free(s->S);
  free(s->t);
  free(s->pivots);
  *s = (bvl_border){0};
}

void bvl_border_clear(bvl_border *s, int64_t m)
{
  if (m != s->m) bvl_border_free(s);
  s->m = m;
  s->n = 0;
}

void bvl_border_keep(bvl_border *s, const unsigned char *keep)
{
  int64_t kept = 0;
  for (int64_t l = 0; l < s->n; l++) {
    if (!keep[l]) continue;
    int64_t row = 0;
    s->name[kept] = s->name[l];
    if (kept < l) {
      memcpy(s->B + kept * s->m, s->B + l * s->m, (size_t)s->m * sizeof *s->B);
      memcpy(s->Y + kept * s->m, s->Y + l * s->m, (size_t)s->m * sizeof *s->Y);
    }
    for (int64_t k = 0; k < s->n; k++)
      if (keep[k]) s->C[row++ + kept * s->capacity] = s->C[k + l * s->capacity];
    kept++;
  }
  s->n = kept;
}

bvl_status bvl_border_open(bvl_border *s, int64_t n)
{
  bvl_status status = BVL_OK;
  int64_t limit = 0;
  const int64_t capacity = bvl_greater(s->n + n, s->capacity + s->capacity / 2);
  double *C = NULL;
  if (s->n + n <= s->capacity) return BVL_OK;
  BVL_TRY(BVL_ALLOC(&C, capacity * capacity));
  for (int64_t l = 0; l < s->n; l++)
    memcpy(C + l * capacity, s->C + l * s->capacity, (size_t)s->n * sizeof *C);
  limit = s->capacity * s->m;
  BVL_TRY(BVL_GROW(&s->B, &limit, capacity * s->m));
  limit = s->capacity * s->m;
  BVL_TRY(BVL_GROW(&s->Y, &limit, capacity * s->m));
  limit = s->capacity;
  BVL_TRY(BVL_GROW(&s->name, &limit, capacity));
  limit = s->capacity;
  BVL_TRY(BVL_GROW(&s->t, &limit, capacity));
  limit = s->capacity;
  BVL_TRY(BVL_GROW(&s->pivots, &limit, capacity));
  limit = s->capacity * s->capacity;
  BVL_TRY(BVL_GROW(&s->S, &limit, capacity * capacity));
  free(s->C);
  s->C = C;
  C = NULL;
  s->capacity = capacity;
cleanup:
  free(C);
  if (status != BVL_OK) bvl_border_free(s); /* arrays of different lengths */
  return status;
}

bvl_status bvl_border_close(bvl_border *s, int64_t n, int *singular)
{
  bvl_status status = BVL_OK;
  double least = INFINITY;
  double largest = 0;
  int size = 0;
  int rows = 0;
  const int64_t old = s->n;
  s->n += n;
  *singular = 0;
  BVL_TRY(bvl_to_int(s->n, &size));
  BVL_TRY(bvl_to_int(bvl_greater(1, s->m), &rows));
  if (s->m > 0 && n > 0)
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, size, (int)n, (int)s->m, -1, s->B, rows,
                s->Y + old * s->m, rows, 1, s->C + old * s->capacity, (int)s->capacity);
  for (int64_t l = old; l < s->n; l++)
    for (int64_t k = 0; k < l; k++) s->C[l + k * s->capacity] = s->C[k + l * s->capacity];
  for (int64_t l = 0; l < s->n; l++)
    memcpy(s->S + l * s->n, s->C + l * s->capacity, (size_t)s->n * sizeof *s->S);
  *singular = bvl_lu_factor(s->n, s->S, s->n, s->pivots) != 0;
  for (int64_t k = 0; k < s->n; k++) {
    least = fmin(least, fabs(s->S[k * (s->n + 1)]));
    largest = fmax(largest, fabs(s->S[k * (s->n + 1)]));
  }
  *singular = *singular || (s->n > 0 && !(least > PIVOT_FLOOR * largest));
cleanup:
  return status;
}

void bvl_border_solve(bvl_border *s, const double *r, double *u, double *rest)
{
  const int m = (int)s->m; /* both fit: bvl_border_close */
  const int n = (int)s->n;
  if (n == 0) return;
  if (m > 0) cblas_dgemv(CblasColMajor, CblasTrans, m, n, -1, s->Y, m, r, 1, 1, rest, 1);
  bvl_lu_solve(s->n, s->S, s->n, s->pivots, rest);
  if (m > 0) cblas_dgemv(CblasColMajor, CblasNoTrans, m, n, -1, s->Y, m, rest, 1, 1, u, 1);
}
