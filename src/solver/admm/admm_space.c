/* SPDX-License-Identifier: BSD-3-Clause */
/* Second moments of all columns and their factor, for the x-steps of ADMM with p < n. */
#include "solver/admm/admm_space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/lapack.h"
#include "base/phase.h"
#include "data/covariance.h"

enum { POWER_STEPS = 40 };

void bvl_admm_space_close(bvl_admm_space *space)
{
  free(space->kind);
  free(space->M);
  free(space->A);
}

static bvl_status classify(bvl_admm_space *s)
{
  const bvl_problem *problem = s->problem;
  for (int64_t c = 0; problem->grid->i == 0 && c < problem->X->columns.p_local; c++) {
    const double weight = problem->blocks.weight[problem->block_of[c]];
    int64_t kind = weight > 0 ? BVL_ADMM_PENALISED : BVL_ADMM_FREE;
    if (weight == INFINITY) kind = BVL_ADMM_EXCLUDED;
    s->kind[problem->X->columns.first + c] = kind;
  }
  return bvl_sum_i64(&problem->grid->all, s->kind, problem->X->columns.p);
}

bvl_status bvl_admm_space_open(bvl_problem *problem, bvl_admm_space *out)
{
  const int64_t m = problem->intercept + problem->X->columns.p;
  *out = (bvl_admm_space){.problem = problem};
  bvl_status status = bvl_to_int(m, &out->m);
  if (status == BVL_OK) status = BVL_ALLOC(&out->kind, problem->X->columns.p);
  if (status == BVL_OK) status = BVL_ALLOC(&out->M, (m + 1) * (m + 1));
  if (status == BVL_OK) status = BVL_ALLOC(&out->A, m * m);
  BVL_TRY(bvl_agree(&problem->grid->all, status));
  BVL_TRY(classify(out));
cleanup:
  return status;
}

bvl_status bvl_admm_space_moments(bvl_admm_space *s, const double *h, const double *u)
{
  bvl_status status = BVL_OK;
  bvl_problem *problem = s->problem;
  const bvl_comm *all = &problem->grid->all;
  const int64_t d = s->m + 1;
  const double *M = NULL;
  double error = 0;
  bvl_covariance *covariance = NULL;
  bvl_covariance_plan plan;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_GRAM);
  s->rho = 0;
  BVL_TRY(bvl_covariance_choose(problem->X, h, &plan));
  BVL_TRY(bvl_covariance_create(problem->X, &plan, problem->intercept, h, u, &covariance));
  BVL_TRY(bvl_agree(all, bvl_covariance_add(covariance, 0, 1)));
  BVL_TRY(bvl_covariance_finish(covariance, &error, &M));
  if (M != NULL) memcpy(s->M, M, (size_t)(d * d) * sizeof *M);
  BVL_TRY(bvl_bcast(all, 0, s->M, d * d));
cleanup:
  bvl_covariance_destroy(&covariance);
  bvl_phase_leave(before);
  return status;
}

/* M + rho I, with excluded columns cut off and a ridge on the unpenalised. */
static void fill(bvl_admm_space *s, double rho, double ridge)
{
  const int64_t m = s->m;
  for (int64_t l = 0; l < m; l++) {
    const int64_t kind = bvl_admm_kind(s, l);
    const int out = kind == BVL_ADMM_EXCLUDED;
    for (int64_t k = l; k < m; k++) {
      const int cut = out || bvl_admm_kind(s, k) == BVL_ADMM_EXCLUDED;
      s->A[k + l * m] = cut ? 0 : s->M[k + l * (m + 1)];
    }
    s->A[l + l * m] += out ? 1 : kind == BVL_ADMM_PENALISED ? rho : ridge;
  }
}

bvl_status bvl_admm_space_factor(bvl_admm_space *s, double rho)
{
  int bad = 1;
  double most = 0;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_INNER);
  for (int64_t k = 0; k < s->m; k++) most = fmax(most, s->M[k + k * (s->m + 1)]);
  for (double ridge = 0; bad && ridge <= 1; ridge = ridge > 0 ? 100 * ridge : 1e-13) {
    fill(s, rho, ridge * most);
    bad = bvl_cholesky(s->m, s->A, s->m);
  }
  s->rho = bad ? 0 : rho;
  bvl_phase_leave(before);
  return bad ? bvl_fail(BVL_ERR_USAGE, "admm: no factor of the x-step at rho %g (--admm-rho)", rho)
             : BVL_OK;
}

void bvl_admm_space_solve(const bvl_admm_space *s, double *v)
{
  const int m = s->m;
  for (int k = 0; k < m; k++)
    if (bvl_admm_kind(s, k) == BVL_ADMM_EXCLUDED) v[k] = 0;
  cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, m, s->A, m, v, 1);
  cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, m, s->A, m, v, 1);
}

double bvl_admm_space_norm(const bvl_admm_space *s, double *v, double *work)
{
  double norm = 0;
  for (int k = 0; k < s->m; k++) work[k] = 1 + 0.5 * sin(k + 1.0);
  for (int step = 0; step < POWER_STEPS; step++) {
    const double scale = norm > 0 ? 1 / norm : 1;
    for (int k = 0; k < s->m; k++)
      v[k] = bvl_admm_kind(s, k) == BVL_ADMM_PENALISED ? scale * work[k] : 0;
    bvl_symmetric_apply(s->m, s->M, s->m + 1, v, work);
    norm = 0;
    for (int k = 0; k < s->m; k++)
      if (bvl_admm_kind(s, k) == BVL_ADMM_PENALISED) norm += work[k] * work[k];
    norm = sqrt(norm);
  }
  return norm;
}

void bvl_admm_space_take(const bvl_admm_space *s, double rho, const double *b, const double *v,
                         bvl_admm_iterate *it)
{
  const bvl_columns *columns = &s->problem->X->columns;
  const double *x = v + s->problem->intercept + columns->first;
  for (int64_t c = 0; c < columns->p_local; c++) {
    it->x[c] = x[c];
    if (s->kind[columns->first + c] == BVL_ADMM_PENALISED)
      it->d[c] = rho * (x[c] - b[columns->first + c]);
  }
  it->intercept = s->problem->intercept ? v[0] : 0;
}

bvl_status bvl_admm_space_spread(const bvl_admm_space *s, const bvl_point *point, double *v)
{
  const bvl_problem *problem = s->problem;
  const bvl_columns *columns = &problem->X->columns;
  double *x = v + problem->intercept;
  memset(v, 0, (size_t)s->m * sizeof *v);
  if (problem->intercept && problem->grid->all.rank == 0) v[0] = point->intercept;
  for (int64_t c = 0; problem->grid->i == 0 && c < columns->p_local; c++)
    x[columns->first + c] = point->beta[c];
  return bvl_sum(&problem->grid->all, v, s->m);
}

/* ---- a system's ------------------------------------------------------------------------------ */

int64_t bvl_admm_space_length(const void *system)
{
  return ((const bvl_admm_space *)system)->problem->X->columns.p;
}

bvl_status bvl_admm_space_put(void *system, const bvl_admm_iterate *it, const double *b,
                              double *part)
{
  const bvl_admm_space *s = system;
  const bvl_columns *columns = &s->problem->X->columns;
  (void)it;
  memset(part, 0, (size_t)columns->p * sizeof *part);
  if (s->problem->grid->i == 0 && columns->p_local > 0)
    memcpy(part + columns->first, b, (size_t)columns->p_local * sizeof *b);
  return BVL_OK;
}

void bvl_admm_space_image(void *system, double rho, double relax, double *sum)
{
  (void)system;
  (void)rho;
  (void)relax;
  (void)sum;
}
