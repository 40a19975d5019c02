/* SPDX-License-Identifier: BSD-3-Clause */
/* Value, gradient and Hessian of the outer problem. */
#include "solver/varpro/varpro_outer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* v below this is no number that its square could hold. */
static const double SMALLEST = 1e-100;
/* Part of its proximal step below which a block counts as standing at zero. */
static const double NEAR_ZERO = 1e-3;

void bvl_varpro_outer_free(bvl_varpro_outer *o)
{
  double *doubles[] = {o->v,         o->gradient, o->diagonal, o->modified, o->norm,
                       o->curvature, o->e,        o->a,        o->x,        o->y};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  for (int k = 0; k < BVL_VARPRO_VECTORS; k++) free(o->vector[k]);
  free(o->at);
  memset(o, 0, sizeof *o);
}

static bvl_status reserve(bvl_varpro_outer *o, int64_t n_blocks, int64_t m)
{
  bvl_status status = BVL_OK;
  const int64_t wide = m * o->problem->outputs;
  int64_t *room = o->room;
  double **by_block[] = {&o->v, &o->gradient, &o->diagonal, &o->modified, &o->norm, &o->curvature};
  double **by_column[] = {&o->e, &o->a, &o->x, &o->y};
  for (int k = 0; k < 6; k++) BVL_TRY(BVL_GROW(by_block[k], room++, n_blocks));
  for (int k = 0; k < 4; k++) BVL_TRY(BVL_GROW(by_column[k], room++, k == 0 ? m : wide));
  int64_t first = *room;
  BVL_TRY(BVL_GROW(&o->at, room++, n_blocks));
  for (int k = 0; k < BVL_VARPRO_VECTORS; k++) {
    int64_t each = first;
    BVL_TRY(BVL_GROW(&o->vector[k], &each, n_blocks));
  }
cleanup:
  return status;
}

bvl_status bvl_varpro_outer_bind(bvl_varpro_outer *o, bvl_varpro_form *form)
{
  bvl_status status = BVL_OK;
  int64_t j = 0;
  o->form = form;
  BVL_TRY(bvl_agree(&o->problem->grid->all, reserve(o, form->n_blocks, form->m)));
  for (int64_t g = 0; g < form->n_blocks; g++) {
    o->curvature[g] = 0; /* the trace bounds the largest eigenvalue */
    for (int64_t k = 0; k < bvl_varpro_block_len(form, g); k++)
      o->curvature[g] += form->mean_square[j++];
    /* the one of the certificate, which judges zeros by it */
    if (o->problem->curvature != NULL) o->curvature[g] = form->set->curvature[form->block[g]];
  }
cleanup:
  return status;
}

double bvl_varpro_outer_prox(const bvl_varpro_outer *o, int64_t g)
{
  const double weight = o->form->set->weight[o->form->block[g]];
  const double h = o->curvature[g];
  const bvl_penalty pen = bvl_penalty_at(&o->problem->penalty, weight);
  if (!(h > 0)) return 0;
  return pen.type->prox(&pen, o->lambda * weight, h, o->norm[g] * (o->at[g].d + o->lambda / h));
}

double bvl_varpro_outer_start(const bvl_varpro_outer *o, int64_t g)
{
  const double weight = o->form->set->weight[o->form->block[g]];
  const bvl_penalty pen = bvl_penalty_curved(bvl_penalty_at(&o->problem->penalty, weight),
                                             o->curvature[g]);
  const double size = o->at[g].d * o->norm[g];
  const double moved = bvl_varpro_outer_prox(o, g);
  if (size < NEAR_ZERO * moved) return moved;
  /* below all that a local minimum can be */
  return pen.type->least != NULL && size < pen.type->least(&pen, o->lambda * weight) ? moved : 0;
}

/* Everything of block g that its v and a tell. */
static void take_block(bvl_varpro_outer *o, int64_t g, int64_t column, bvl_varpro_sums *sums)
{
  const bvl_varpro_form *form = o->form;
  const bvl_varpro_values *at = &o->at[g];
  double square = 0;
  for (int64_t q = 0; q < o->problem->outputs; q++)
    for (int64_t k = 0; k < bvl_varpro_block_len(form, g); k++) {
      const double a = o->a[column + k + q * form->m];
      square += a * a;
    }
  o->norm[g] = sqrt(square);
  o->gradient[g] = o->lambda * (at->phi1 - at->d1 * square / 2);
  o->diagonal[g] = o->lambda * (at->phi2 - at->d2 * square / 2);
  o->modified[g] = fabs(o->lambda * (at->phi_v - at->d2 * square / 2));
  const double moved = bvl_varpro_outer_prox(o, g);
  sums->value += o->lambda * at->phi;
  sums->violators += bvl_varpro_outer_start(o, g) > 0;
  if (o->v[g] == 0) {
    o->gradient[g] = o->diagonal[g] = o->modified[g] = 0;
    return;
  }
  sums->gradient += o->gradient[g] * o->gradient[g];
  sums->slack += fabs(o->v[g] * o->gradient[g]);
  sums->support++;
  if (!(moved > 0)) {
    sums->candidates++;
  } else {
    const double off = sqrt(square * at->d1 / (2 * at->phi1)) - 1;
    sums->stationary += off * off;
  }
}

bvl_status bvl_varpro_outer_eval(bvl_varpro_outer *o)
{
  bvl_status status = BVL_OK;
  bvl_varpro_form *form = o->form;
  const bvl_comm *all = &o->problem->grid->all;
  bvl_varpro_sums sums = {0};
  double smooth = 0;
  int64_t j = 0;
  for (int64_t g = 0; g < form->n_blocks; g++) {
    if (fabs(o->v[g]) < SMALLEST) o->v[g] = 0;
    o->map->at(&o->problem->penalty, form->set->weight[form->block[g]], o->v[g], &o->at[g]);
    for (int64_t k = 0; k < bvl_varpro_block_len(form, g); k++) o->e[j++] = sqrt(o->at[g].d);
  }
  form->lambda = o->lambda;
  BVL_TRY(form->type->eval(form, o->e, o->a, &smooth));
  o->evaluations++;
  if (all->rank == 0) sums.value = smooth;
  j = 0;
  for (int64_t g = 0; g < form->n_blocks; g++) {
    take_block(o, g, j, &sums);
    j += bvl_varpro_block_len(form, g);
  }
  if (o->control != NULL) bvl_wants_to_flags(bvl_solve_wants(o->problem, o->control), sums.flags);
  BVL_TRY(bvl_sum(all, (double *)&sums, sizeof sums / sizeof(double)));
  o->sums = sums;
cleanup:
  return status;
}

bvl_status bvl_varpro_outer_hessian(bvl_varpro_outer *o, const double *diagonal, const double *d,
                                    double *out)
{
  bvl_status status = BVL_OK;
  bvl_varpro_form *form = o->form;
  const int64_t K = o->problem->outputs;
  const int64_t m = form->m;
  int64_t j = 0;
  for (int64_t g = 0; g < form->n_blocks; g++)
    for (int64_t k = 0; k < bvl_varpro_block_len(form, g); k++, j++)
      for (int64_t q = 0; q < K; q++) o->x[j + q * m] = o->at[g].d1 * d[g] * o->a[j + q * m];
  BVL_TRY(form->type->apply(form, o->x, o->y));
  j = 0;
  for (int64_t g = 0; g < form->n_blocks; g++) {
    double sum = 0;
    for (int64_t k = 0; k < bvl_varpro_block_len(form, g); k++, j++)
      for (int64_t q = 0; q < K; q++) sum += o->a[j + q * m] * o->y[j + q * m];
    out[g] = diagonal[g] * d[g] + o->lambda * o->at[g].d1 * sum;
  }
cleanup:
  return status;
}
