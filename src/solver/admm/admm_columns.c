/* SPDX-License-Identifier: BSD-3-Clause */
/* The x-step of ADMM in the space of the columns, for p < n and a quadratic loss:
 *
 *   (M + rho I) [c; x] = m + rho b,   M = Z'WZ / n,  m = Z'W(y - o) / n,  Z = [1 | X~]
 *
 * b = a - d / rho; no rho at the intercept and unpenalised columns. M comes from one pass over X;
 * after that no sweep reads it. Traffic of a sweep: the sum of p (b); work 2 p^2 on every rank, and
 * p^3 / 3 a rho. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/lapack.h"
#include "solver/admm/admm_space.h"

typedef struct columns_system {
  bvl_admm_space space; /* first: bvl_admm_space_put and its like take the system for it */
  double *v;            /* m: the solution, owned */
  double *rhs;          /* m, owned */
} columns_system;

static void destroy(void **out)
{
  columns_system *s = *out;
  *out = NULL;
  if (s == NULL) return;
  bvl_admm_space_close(&s->space);
  free(s->v);
  free(s->rhs);
  free(s);
}

/* M of the problem's own weights; u is the response less the offset. */
static bvl_status moments(columns_system *s)
{
  bvl_status status = BVL_OK;
  const bvl_problem *problem = s->space.problem;
  const int64_t split0 = problem->X->rows.split0;
  const int64_t n_split = bvl_problem_n_split(problem);
  double *u = NULL;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&u, n_split)));
  for (int64_t i = 0; i < n_split; i++)
    u[i] = problem->y[split0 + i] - (problem->offset != NULL ? problem->offset[split0 + i] : 0);
  BVL_TRY(bvl_admm_space_moments(&s->space, problem->w + split0, u));
cleanup:
  free(u);
  return status;
}

static bvl_status create(bvl_problem *problem, void **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  columns_system *s = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s, 1)));
  BVL_TRY(bvl_admm_space_open(problem, &s->space));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s->v, s->space.m)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s->rhs, s->space.m)));
  BVL_TRY(moments(s));
  *out = s;
  s = NULL;
cleanup:
  destroy((void **)&s);
  return status;
}

static bvl_status lipschitz(void *system, double *out)
{
  columns_system *s = system;
  *out = bvl_admm_space_norm(&s->space, s->v, s->rhs);
  return BVL_OK;
}

static const double *response(const columns_system *s)
{
  return s->space.M + (int64_t)s->space.m * (s->space.m + 1);
}

/* L at v from v'Mv. */
static void note_loss(const columns_system *s, double quadratic, bvl_admm_iterate *it)
{
  const double *m = response(s);
  const int order = s->space.m;
  const double loss = (m[order] - 2 * cblas_ddot(order, m, 1, s->v, 1) + quadratic) / 2;
  it->loss = s->space.problem->grid->all.rank == 0 ? loss : 0;
}

static bvl_status step(void *system, double rho, const double *b, const double *whole,
                       bvl_admm_iterate *it)
{
  columns_system *s = system;
  const bvl_admm_space *space = &s->space;
  const double *m = response(s);
  const int64_t first = space->problem->intercept;
  double quadratic = 0;
  (void)b;
  if (space->rho != rho && bvl_admm_space_factor(&s->space, rho) != BVL_OK) {
    it->loss = INFINITY; /* every rank's, and told by the next sum */
    return BVL_OK;
  }
  for (int64_t k = 0; k < space->m; k++)
    s->rhs[k] = m[k] + (bvl_admm_kind(space, k) == BVL_ADMM_PENALISED ? rho * whole[k - first] : 0);
  memcpy(s->v, s->rhs, (size_t)space->m * sizeof *s->v);
  bvl_admm_space_solve(space, s->v);
  for (int64_t k = 0; k < space->m; k++)
    quadratic += s->v[k] *
                 (s->rhs[k] - (bvl_admm_kind(space, k) == BVL_ADMM_PENALISED ? rho * s->v[k] : 0));
  bvl_admm_space_take(space, rho, whole, s->v, it);
  note_loss(s, quadratic, it);
  return BVL_OK;
}

static bvl_status start(void *system, const bvl_point *point, bvl_admm_iterate *it)
{
  columns_system *s = system;
  const bvl_problem *problem = s->space.problem;
  const int m = s->space.m;
  bvl_status status = bvl_admm_space_spread(&s->space, point, s->v);
  if (status != BVL_OK) return status;
  bvl_symmetric_apply(m, s->space.M, m + 1, s->v, s->rhs);
  memcpy(it->x, point->beta, (size_t)problem->X->columns.p_local * sizeof *it->x);
  it->intercept = point->intercept;
  for (int64_t c = 0; c < problem->X->columns.p_local; c++) {
    const int64_t k = problem->intercept + problem->X->columns.first + c;
    const int penalised = bvl_admm_kind(&s->space, k) == BVL_ADMM_PENALISED;
    it->d[c] = penalised ? response(s)[k] - s->rhs[k] : 0;
  }
  note_loss(s, cblas_ddot(m, s->v, 1, s->rhs, 1), it);
  return BVL_OK;
}

const bvl_admm_system_type bvl_admm_columns = {.create = create,
                                               .destroy = destroy,
                                               .length = bvl_admm_space_length,
                                               .lipschitz = lipschitz,
                                               .start = start,
                                               .put = bvl_admm_space_put,
                                               .image = bvl_admm_space_image,
                                               .step = step};
