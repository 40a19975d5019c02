/* SPDX-License-Identifier: BSD-3-Clause */
/* A sweep of ADMM: z by the prox of every block, the sums that ride with it, and the x-step at an
 * aim that the past may move. Convex penalties are over-relaxed. */
#include <math.h>
#include <string.h>

#include "solver/admm/admm_solver.h"

static const double RELAX = 1.6;
static const double LED_AWAY = 2;   /* growth of the squared residual */
static const double NOISE = 1e-13;  /* of the Lagrangian */
static const double SETTLED = 1e-3; /* ||x - z||^2 / ||z||^2 */

/* z <- prox(x + d / rho) block by block; the one before is kept. */
static void prox(bvl_admm *s)
{
  const bvl_problem *problem = s->problem;
  const bvl_blocks *blocks = &problem->blocks;
  double *swap = s->before;
  s->before = s->it.z;
  s->it.z = swap;
  for (int64_t g = 0; g < blocks->n; g++) {
    if (!bvl_admm_is_penalised(problem, g)) continue;
    const bvl_penalty pen = bvl_penalty_at(&problem->penalty, blocks->weight[g]);
    double *z = s->it.z + blocks->begin[g];
    for (int64_t c = blocks->begin[g]; c < blocks->begin[g + 1]; c++)
      s->it.z[c] = s->it.x[c] + s->it.d[c] / s->rho;
    bvl_penalty_prox(&pen, s->lambda * blocks->weight[g], s->rho, bvl_block_len(blocks, g), z, z);
  }
}

static int is_zero(int64_t m, const double *z)
{
  for (int64_t k = 0; k < m; k++)
    if (z[k] != 0) return 0;
  return 1;
}

/* This rank's part of the sums: grid row 0 speaks for its grid column. */
static void note_sums(const bvl_admm *s, double *sum)
{
  const bvl_problem *problem = s->problem;
  const bvl_blocks *blocks = &problem->blocks;
  sum[BVL_ADMM_LOSS] = s->it.loss;
  for (int64_t g = 0; problem->grid->i == 0 && g < blocks->n; g++) {
    if (!bvl_admm_is_penalised(problem, g)) continue;
    const bvl_penalty pen = bvl_penalty_at(&problem->penalty, blocks->weight[g]);
    const int64_t begin = blocks->begin[g];
    sum[BVL_ADMM_COST] += bvl_penalty_value(&pen, s->lambda * blocks->weight[g],
                                            bvl_block_len(blocks, g), s->it.z + begin);
    const int64_t m = bvl_block_len(blocks, g);
    if (s->sweeps == 0)
      sum[BVL_ADMM_START] += bvl_penalty_value(&pen, s->lambda * blocks->weight[g], m,
                                               s->before + begin);
    const int is_in = !is_zero(m, s->it.z + begin);
    sum[BVL_ADMM_SWITCHED] += is_in == is_zero(m, s->before + begin);
    sum[BVL_ADMM_SUPPORT] += is_in ? (double)m : 0;
    for (int64_t c = begin; c < begin + m; c++) {
      const double primal = s->it.x[c] - s->it.z[c];
      const double dual = s->it.z[c] - s->before[c];
      sum[BVL_ADMM_PRIMAL] += primal * primal;
      sum[BVL_ADMM_DUAL] += dual * dual;
      sum[BVL_ADMM_SIZE_X] += s->it.x[c] * s->it.x[c];
      sum[BVL_ADMM_SIZE_Z] += s->it.z[c] * s->it.z[c];
      sum[BVL_ADMM_SIZE_D] += s->it.d[c] * s->it.d[c];
      sum[BVL_ADMM_CROSS] += s->it.d[c] * primal;
    }
  }
}

/* b = a - d / rho. */
static void aim(bvl_admm *s, double relax)
{
  const bvl_problem *problem = s->problem;
  const bvl_admm_iterate *it = &s->it;
  for (int64_t c = 0; c < problem->X->columns.p_local; c++)
    if (bvl_admm_is_penalised(problem, problem->block_of[c]))
      s->aim[c] = relax * it->z[c] + (1 - relax) * it->x[c] - it->d[c] / s->rho;
}

static double relaxation(const bvl_admm *s)
{
  return s->problem->penalty.type->convex ? RELAX : 1;
}

bvl_status bvl_admm_begin_sweep(bvl_admm *s, bvl_solve_control *control, const double **sums)
{
  double *scalars = s->sum + s->length;
  prox(s);
  memset(scalars, 0, BVL_ADMM_N_SUMS * sizeof *scalars);
  note_sums(s, scalars);
  aim(s, relaxation(s));
  bvl_admm_memory_note(&s->memory, s->aim, s->problem->grid->i == 0, scalars + BVL_ADMM_DOTS);
  const bvl_status put = s->type->put(s->system, &s->it, s->aim, s->sum);
  scalars[BVL_ADMM_FAILED] = put != BVL_OK;
  bvl_wants_to_flags(bvl_solve_wants(s->problem, control), scalars + BVL_ADMM_FLAGS);
  bvl_status status = bvl_sum(&s->problem->grid->all, s->sum, s->length + BVL_ADMM_N_SUMS);
  *sums = scalars;
  s->sweeps++;
  if (status == BVL_OK && scalars[BVL_ADMM_FAILED] > 0)
    return bvl_agree(&s->problem->grid->all, put);
  return status;
}

/* Of the aim behind this sweep: where the penalty is convex by the residual, which plain sweeps
 * bring down again; elsewhere by the Lagrangian, and only once it settles, so that it is the sweeps
 * that choose where to. */
static bvl_admm_judgement judge(const bvl_admm *s, const double *sums, const bvl_admm_progress *at)
{
  if (s->problem->penalty.type->convex)
    return bvl_admm_memory_growth(&s->memory, sums + BVL_ADMM_DOTS) > LED_AWAY ? BVL_ADMM_MISLED
                                                                               : BVL_ADMM_FINE;
  if (at->now > at->before + NOISE * fabs(at->now)) return BVL_ADMM_MISLED;
  return sums[BVL_ADMM_PRIMAL] <= SETTLED * sums[BVL_ADMM_SIZE_Z] ? BVL_ADMM_FINE : BVL_ADMM_PLAIN;
}

bvl_status bvl_admm_end_sweep(bvl_admm *s, double rho, bvl_admm_progress *at)
{
  const double *sums = s->sum + s->length;
  s->type->image(s->system, rho, relaxation(s), s->sum);
  if (bvl_admm_memory_aim(&s->memory, sums + BVL_ADMM_DOTS, judge(s, sums, at), s->aim, s->sum))
    at->last = INFINITY;
  const bvl_status status = s->type->step(s->system, rho, s->aim, s->sum, &s->it);
  if (s->rho != rho) bvl_admm_memory_reset(&s->memory);
  return status;
}
