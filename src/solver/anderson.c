/* SPDX-License-Identifier: BSD-3-Clause */
/* A least-squares problem in at most DEPTH unknowns a step, by its normal equations: the
 * differences are few, and what is lost when they are nearly dependent is only acceleration. */
#include "solver/anderson.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/lapack.h"

enum { DEPTH = BVL_ANDERSON_DEPTH };

static const double RIDGE = 1e-12;

void bvl_anderson_free(bvl_anderson *s)
{
  free(s->z);
  free(s->f);
  for (int k = 0; k < DEPTH; k++) {
    free(s->dz[k]);
    free(s->df[k]);
  }
  *s = (bvl_anderson){0};
}

void bvl_anderson_reset(bvl_anderson *s)
{
  s->count = 0;
}

static bvl_status grow(double **vector, int64_t old_room, int64_t room)
{
  return BVL_GROW(vector, &old_room, room);
}

static bvl_status reserve(bvl_anderson *s, int64_t n)
{
  bvl_status status = BVL_OK;
  if (n <= s->room) return BVL_OK;
  BVL_TRY(grow(&s->z, s->room, n));
  BVL_TRY(grow(&s->f, s->room, n));
  for (int k = 0; k < DEPTH; k++) {
    BVL_TRY(grow(&s->dz[k], s->room, n));
    BVL_TRY(grow(&s->df[k], s->room, n));
  }
  s->room = n;
cleanup:
  return status;
}

static double dot(int64_t n, const double *weight, const double *a, const double *b)
{
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    const double w = weight != NULL ? weight[i] : 1;
    sum += w * a[i] * (w * b[i]);
  }
  return sum;
}

/* gamma <- argmin ||f - sum gamma_k df_k||; returns 0 when that cannot be told. */
static int combine(const bvl_anderson *s, int64_t depth, int64_t measured, const double *weight,
                   const double *f, double *gamma)
{
  double normal[DEPTH * DEPTH];
  for (int64_t k = 0; k < depth; k++) {
    gamma[k] = dot(measured, weight, s->df[k], f);
    for (int64_t l = 0; l < depth; l++)
      normal[l + k * depth] = dot(measured, weight, s->df[l], s->df[k]);
    normal[k + k * depth] *= 1 + RIDGE;
  }
  return bvl_cholesky_solve(depth, normal, depth, gamma) == 0;
}

bvl_status bvl_anderson_step(bvl_anderson *s, int64_t n, int64_t measured, const double *weight,
                             const double *z, double *f)
{
  double gamma[DEPTH];
  bvl_status status = reserve(s, n);
  if (status != BVL_OK) return status;
  if (n != s->n) s->count = 0;
  s->n = n;
  if (s->count > 0) {
    const int64_t newest = (s->count - 1) % DEPTH;
    for (int64_t i = 0; i < n; i++) {
      s->dz[newest][i] = z[i] - s->z[i];
      s->df[newest][i] = f[i] - s->f[i];
    }
  }
  memcpy(s->z, z, (size_t)n * sizeof *z);
  memcpy(s->f, f, (size_t)n * sizeof *f);
  const int64_t depth = bvl_lesser(s->count++, DEPTH);
  if (depth == 0 || !combine(s, depth, measured, weight, s->f, gamma)) return BVL_OK;
  for (int64_t k = 0; k < depth; k++)
    for (int64_t i = 0; i < n; i++) f[i] -= gamma[k] * (s->dz[k][i] + s->df[k][i]);
  return BVL_OK;
}
