/* SPDX-License-Identifier: BSD-3-Clause */
/* The rho of ADMM: near the Lipschitz constant l of the gradient at first, then where the two
 * residuals balance, looked at in sweeps that grow further apart. Where the penalty is not convex
 * it stays above its concavity, so that the z-step has one answer, and is raised for good when the
 * augmented Lagrangian rises: above sqrt(2) l it cannot. */
#include <math.h>
#include <stdio.h>

#include "solver/admm/admm_solver.h"

static const double BALANCED = 2.0;      /* residuals whose ratio is below this stay as they are */
static const double FASTEST_CHANGE = 20; /* of rho at once */
static const double ABOVE_CONCAVITY = 1.2; /* times -P'' */
static const double NONCONVEX_MOST = 1.5;  /* of l, for what balances */
static const double NONCONVEX_LEAST = 0.1; /* of l, for rho where the penalty is not convex */

/* Below it a falling Lagrangian is no theorem: said once. */
void bvl_admm_warn(bvl_admm *s, bvl_solve_control *control)
{
  char line[160];
  const bvl_monitor *monitor = control->monitor;
  if (s->problem->penalty.type->convex || s->warned) return;
  if (s->rho > sqrt(2) * s->lipschitz) return;
  s->warned = 1;
  if (s->problem->grid->all.rank != 0 || monitor->log == NULL) return;
  snprintf(line, sizeof line,
           "admm: rho %.3g is below sqrt(2) l = %.3g, which is sufficient for descent, not "
           "necessary: the Lagrangian is watched",
           s->rho, sqrt(2) * s->lipschitz);
  monitor->log(monitor->context, line);
}

/* The largest -P'' there is at this lambda: above it the z-step has one answer. 0 where it has no
 * bound, as for lq, whose zeros are left by jumps; infinite for a difference, which near zero is
 * the more concave the nearer. */
static bvl_status measure_concavity(bvl_admm *s)
{
  static const double at[] = {1e-6, 1e-3, 1e-2, 0.1, 0.3, 0.9, 1.1, 1.5, 2.0, 3.0};
  const bvl_problem *problem = s->problem;
  const bvl_blocks *blocks = &problem->blocks;
  double most = problem->penalty.type->difference ? INFINITY : 0;
  for (int64_t g = 0; !problem->penalty.type->convex && g < blocks->n; g++) {
    if (!bvl_admm_is_penalised(problem, g)) continue;
    const bvl_penalty pen = bvl_penalty_at(&problem->penalty, blocks->weight[g]);
    const double lw = s->lambda * blocks->weight[g];
    if (!isfinite(bvl_penalty_threshold(&pen, lw))) continue;
    for (size_t k = 0; k < sizeof at / sizeof at[0]; k++) {
      most = fmax(most, -pen.type->bend(&pen, lw, at[k]));
      most = fmax(most, -pen.type->bend(&pen, lw, at[k] * lw));
    }
  }
  s->concavity = most;
  return bvl_max(&problem->grid->all, &s->concavity, 1);
}

/* The first rho, near l: rank 0's arithmetic is everyone's. */
static bvl_status measure_loss(bvl_admm *s)
{
  bvl_status status = BVL_OK;
  if (s->lipschitz > 0) return BVL_OK;
  BVL_TRY(s->type->lipschitz(s->system, &s->lipschitz));
  BVL_TRY(bvl_bcast(&s->problem->grid->all, 0, &s->lipschitz, 1));
  if (!(s->lipschitz > 0) || !isfinite(s->lipschitz)) s->lipschitz = 1; /* nothing penalised */
  if (s->rho == 0) s->rho = s->asked > 0 ? s->asked : s->lipschitz;
cleanup:
  return status;
}

/* What balances the residuals, each relative to what it is of. */
static double balanced(const bvl_admm *s, const double *sums)
{
  const double size = fmax(sums[BVL_ADMM_SIZE_X], sums[BVL_ADMM_SIZE_Z]);
  const double ratio = sqrt(sums[BVL_ADMM_PRIMAL] / size) /
                       (s->rho * sqrt(sums[BVL_ADMM_DUAL] / sums[BVL_ADMM_SIZE_D]));
  if (!(ratio > 0) || !isfinite(ratio)) return s->rho;
  if (ratio < BALANCED && ratio > 1 / BALANCED) return s->rho;
  const double factor = fmin(fmax(sqrt(ratio), 1 / FASTEST_CHANGE), FASTEST_CHANGE);
  const double most = s->problem->penalty.type->convex ? INFINITY : NONCONVEX_MOST * s->lipschitz;
  return fmax(fmin(s->rho * factor, most), s->least);
}

/* The Lagrangian at (x, z, d), from the sums of a sweep. */
static double lagrangian(const bvl_admm *s, const double *sums)
{
  return sums[BVL_ADMM_LOSS] + sums[BVL_ADMM_COST] + sums[BVL_ADMM_CROSS] +
         s->rho / 2 * sums[BVL_ADMM_PRIMAL];
}

/* The next rho, from this sweep's sums. */
void bvl_admm_adapt_rho(bvl_admm *s, const double *sums, bvl_admm_progress *at)
{
  const int convex = s->problem->penalty.type->convex;
  const double now = lagrangian(s, sums);
  const double rho = s->rho;
  const double noise = 1e-12 * (fabs(now) + s->problem->null_half);
  at->before = at->now;
  at->now = now;
  if (s->asked > 0) return;
  if (!convex && now > at->last + noise) {
    s->rho *= 2;
    s->least = s->rho;
  } else if (s->sweeps >= at->balance_at && (convex || !s->memory.moved)) {
    s->rho = balanced(s, sums);
    at->balance_at *= 2;
  }
  at->last = s->rho == rho ? now : INFINITY;
}

bvl_status bvl_admm_choose_rho(bvl_admm *s)
{
  bvl_status status = BVL_OK;
  BVL_TRY(measure_loss(s));
  BVL_TRY(measure_concavity(s));
  if (s->problem->penalty.type->convex) goto cleanup;
  const double enough = fmin(ABOVE_CONCAVITY * s->concavity, s->lipschitz);
  s->least = fmax(s->least, fmax(NONCONVEX_LEAST * s->lipschitz, enough));
  if (!(s->asked > 0)) s->rho = fmax(s->rho, s->least);
cleanup:
  return status;
}
