/* SPDX-License-Identifier: BSD-3-Clause */
/* Moving coefficients about. */
#include "solver/varpro/varpro_point.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

void bvl_varpro_point_free(bvl_varpro_point *at)
{
  free(at->B);
  free(at->work);
  memset(at, 0, sizeof *at);
}

static bvl_status reserve(bvl_varpro_point *at)
{
  bvl_status status = BVL_GROW(&at->B, &at->room[0], at->set->d * at->K);
  if (status == BVL_OK) status = BVL_GROW(&at->work, &at->room[1], at->set->d * at->K);
  return bvl_agree(&at->set->problem->grid->all, status);
}

/* This rank's local column of unknown j, -1 when another grid column owns it. */
static int64_t local_column(const bvl_working_set *set, int64_t j)
{
  const bvl_columns *columns = &set->problem->X->columns;
  const int64_t local = set->columns->position[j - set->problem->intercept] - columns->first;
  return local >= 0 && local < columns->p_local ? local : -1;
}

/* What the set counts as zero. */
static void note_norms(bvl_varpro_point *at)
{
  for (int64_t j = 0; j < at->set->d; j++) at->set->b[j] = bvl_block_norm(at->K, at->B + j * at->K);
}

bvl_status bvl_varpro_point_load(bvl_varpro_point *at, const bvl_point *point)
{
  bvl_status status = BVL_OK;
  const bvl_working_set *set = at->set;
  const int64_t shift = set->problem->intercept;
  const int64_t K = at->K;
  BVL_TRY(reserve(at));
  for (int64_t j = shift; j < set->d; j++) {
    const int64_t local = local_column(set, j);
    for (int64_t k = 0; k < K; k++) at->B[j * K + k] = local >= 0 ? point->beta[local * K + k] : 0;
  }
  const double *intercepts = K > 1 ? point->intercepts : &point->intercept;
  if (shift) memcpy(at->B, intercepts, (size_t)K * sizeof *at->B);
  BVL_TRY(bvl_sum(&set->problem->grid->row, at->B + shift * K, (set->d - shift) * K));
  note_norms(at);
cleanup:
  return status;
}

bvl_status bvl_varpro_point_take(bvl_varpro_point *at, const bvl_varpro_outer *o)
{
  bvl_status status = BVL_OK;
  const bvl_working_set *set = at->set;
  const int64_t K = at->K;
  int64_t j = 0;
  memset(at->work, 0, (size_t)(set->d * K) * sizeof *at->work);
  for (int64_t g = 0; g < o->form->n_blocks; g++) {
    double *b = at->work + set->begin[o->form->block[g]] * K;
    for (int64_t l = 0; l < bvl_varpro_block_len(o->form, g); l++, j++)
      for (int64_t k = 0; k < K; k++) *b++ = o->at[g].d * o->a[j + k * o->form->m];
  }
  BVL_TRY(bvl_sum(&set->problem->grid->all, at->work, set->d * K));
  for (int64_t g = 0; g < set->n_blocks; g++)
    for (int64_t e = set->begin[g] * K; set->weight[g] > 0 && e < set->begin[g + 1] * K; e++)
      at->B[e] = at->work[e];
  note_norms(at);
cleanup:
  return status;
}

void bvl_varpro_point_give(const bvl_varpro_point *at, bvl_varpro_outer *o)
{
  for (int64_t g = 0; g < o->form->n_blocks; g++) {
    const double *b = at->B + at->set->begin[o->form->block[g]] * at->K;
    const double t = bvl_block_norm(bvl_varpro_block_len(o->form, g) * at->K, b);
    o->v[g] = t > 0 ? o->map->from_norm(&o->problem->penalty, t) : 0;
  }
}

void bvl_varpro_point_store(bvl_varpro_point *at, bvl_point *point)
{
  const bvl_problem *problem = at->set->problem;
  const int64_t K = at->K;
  memset(point->beta, 0, (size_t)bvl_problem_n_coef(problem) * sizeof *point->beta);
  for (int64_t j = problem->intercept; j < at->set->d; j++) {
    const int64_t local = local_column(at->set, j);
    if (local >= 0) memcpy(point->beta + local * K, at->B + j * K, (size_t)K * sizeof *at->B);
  }
  double *intercepts = K > 1 ? point->intercepts : &point->intercept;
  for (int64_t k = 0; k < K; k++) intercepts[k] = problem->intercept ? at->B[k] : 0;
}

void bvl_varpro_point_eta(bvl_varpro_point *at, double *eta)
{
  const bvl_working_set *set = at->set;
  const bvl_problem *problem = set->problem;
  const int64_t shift = problem->intercept;
  const int64_t n = set->columns->n_split;
  const double *offset = problem->offset != NULL ? problem->offset + problem->X->rows.split0 : NULL;
  for (int64_t k = 0; k < at->K; k++) {
    for (int64_t i = 0; i < n; i++)
      eta[i + k * n] = (shift ? at->B[k] : 0) + (offset != NULL ? offset[i] : 0);
    for (int64_t j = 0; j < set->d; j++) at->work[j + k * set->d] = at->B[j * at->K + k];
  }
  bvl_active_forward_many(set->columns, at->K, at->work + shift, set->d, eta, n);
}
