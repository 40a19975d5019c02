/* SPDX-License-Identifier: BSD-3-Clause */
/* A least-squares problem in at most BVL_ADMM_DEPTH unknowns a sweep, by its normal equations. */
#include "solver/admm/admm_memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/lapack.h"

enum { SHORTEST_HOLD = 2, MOST_DOUBLINGS = 1 };
enum { DEPTH = BVL_ADMM_DEPTH, SIZE_F = 2 * DEPTH, SIZE_G };

static const double RIDGE = 1e-10;
static const double FARTHEST = 1024; /* a push, in steps */

void bvl_admm_memory_close(bvl_admm_memory *m)
{
  free(m->b);
  free(m->f);
  free(m->g);
  free(m->image);
  free(m->aimed);
  for (int k = 0; k < DEPTH; k++) {
    free(m->dg[k]);
    free(m->df[k]);
    free(m->dimage[k]);
  }
  *m = (bvl_admm_memory){0};
}

bvl_status bvl_admm_memory_open(int64_t n, int64_t n_image, int pushes, bvl_admm_memory *m)
{
  bvl_status status = BVL_OK;
  *m = (bvl_admm_memory){.n = n, .n_image = n_image, .last = INFINITY, .pushes = pushes};
  BVL_TRY(BVL_ALLOC(&m->b, n));
  BVL_TRY(BVL_ALLOC(&m->f, n));
  BVL_TRY(BVL_ALLOC(&m->g, n));
  BVL_TRY(BVL_ALLOC(&m->image, n_image));
  BVL_TRY(BVL_ALLOC(&m->aimed, n_image));
  for (int k = 0; k < DEPTH; k++) {
    BVL_TRY(BVL_ALLOC(&m->dg[k], n));
    BVL_TRY(BVL_ALLOC(&m->df[k], n));
    BVL_TRY(BVL_ALLOC(&m->dimage[k], n_image));
  }
cleanup:
  return status;
}

void bvl_admm_memory_reset(bvl_admm_memory *m)
{
  m->count = 0;
  m->moved = 0;
  m->last = INFINITY;
}

void bvl_admm_memory_forgive(bvl_admm_memory *m)
{
  bvl_admm_memory_reset(m);
  m->misled = m->hold = 0;
  m->push = 0;
}

static double dot(int64_t n, const double *a, const double *b)
{
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* count: 0 there is no b yet, 1 there is a b and no f, 2 one f, ... */
void bvl_admm_memory_note(bvl_admm_memory *m, const double *g, int counted, double *dots)
{
  const int64_t depth = bvl_lesser(bvl_greater(m->count - 1, 0), DEPTH);
  memset(dots, 0, BVL_ADMM_N_DOTS * sizeof *dots);
  if (m->count == 0) return;
  const int64_t newest = (m->count + DEPTH - 2) % DEPTH;
  for (int64_t i = 0; i < m->n; i++) {
    const double f = g[i] - m->b[i];
    if (depth > 0) {
      m->df[newest][i] = f - m->f[i];
      m->dg[newest][i] = g[i] - m->g[i];
    }
    m->f[i] = f;
  }
  if (!counted) return;
  dots[SIZE_F] = dot(m->n, m->f, m->f);
  dots[SIZE_G] = dot(m->n, g, g);
  for (int64_t k = 0; k < depth; k++) {
    dots[k] = dot(m->n, m->df[k], m->f);
    dots[DEPTH + k] = dot(m->n, m->df[k], m->df[newest]);
  }
}

/* gamma <- argmin ||f - sum gamma_k df_k||; 0 when that cannot be told. */
static int combine(const bvl_admm_memory *m, int64_t depth, const double *dots, double *gamma)
{
  double normal[DEPTH * DEPTH];
  for (int64_t k = 0; k < depth; k++) {
    gamma[k] = dots[k];
    for (int64_t l = 0; l < depth; l++) normal[l + k * depth] = m->normal[l][k];
    normal[k + k * depth] *= 1 + RIDGE;
  }
  return bvl_cholesky_solve(depth, normal, depth, gamma) == 0;
}

double bvl_admm_memory_growth(const bvl_admm_memory *m, const double *dots)
{
  return m->count > 0 ? dots[SIZE_F] / m->last : 0;
}

int bvl_admm_memory_aim(bvl_admm_memory *m, const double *dots, bvl_admm_judgement judgement,
                        double *g, double *image)
{
  double gamma[DEPTH];
  int moved = 0;
  if (m->moved && judgement == BVL_ADMM_MISLED) {
    memcpy(g, m->g, (size_t)m->n * sizeof *g);
    memcpy(image, m->image, (size_t)m->n_image * sizeof *image);
    memcpy(m->b, g, (size_t)m->n * sizeof *g);
    memcpy(m->aimed, image, (size_t)m->n_image * sizeof *image);
    bvl_admm_memory_reset(m);
    m->count = 1;
    m->push = m->pushes && m->push == 0 ? 1 : 0; /* where zero is no way, away from it may be one */
    m->hold = (int64_t)SHORTEST_HOLD << bvl_lesser(m->misled++, MOST_DOUBLINGS);
    return 1;
  }
  const int64_t depth = bvl_lesser(bvl_greater(m->count - 1, 0), DEPTH);
  if (depth > 0) {
    const int64_t newest = (m->count + DEPTH - 2) % DEPTH;
    for (int64_t k = 0; k < depth; k++)
      m->normal[k][newest] = m->normal[newest][k] = dots[DEPTH + k];
    for (int64_t i = 0; i < m->n_image; i++) m->dimage[newest][i] = image[i] - m->image[i];
    moved = judgement != BVL_ADMM_PLAIN && m->hold == 0 && combine(m, depth, dots, gamma);
  }
  const int pushed = !moved && judgement != BVL_ADMM_PLAIN && m->push > 0 && m->count > 0;
  if (m->count > 0) m->last = dots[SIZE_F];
  memcpy(m->g, g, (size_t)m->n * sizeof *g);
  memcpy(m->image, image, (size_t)m->n_image * sizeof *image);
  for (int64_t k = 0; k < depth && moved; k++) {
    for (int64_t i = 0; i < m->n; i++) g[i] -= gamma[k] * m->dg[k][i];
    for (int64_t i = 0; i < m->n_image; i++) image[i] -= gamma[k] * m->dimage[k][i];
  }
  if (pushed) {
    for (int64_t i = 0; i < m->n; i++) g[i] += m->push * m->f[i];
    for (int64_t i = 0; i < m->n_image; i++) image[i] += m->push * (image[i] - m->aimed[i]);
    m->push = fmin(2 * m->push, FARTHEST);
  }
  memcpy(m->b, g, (size_t)m->n * sizeof *g);
  memcpy(m->aimed, image, (size_t)m->n_image * sizeof *image);
  m->moved = moved || pushed;
  m->count++;
  if (m->hold > 0 && !pushed) m->hold--;
  return m->moved;
}
