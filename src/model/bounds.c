/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounds on coefficients: checked, brought to the standardised scale, and the block functions that
 * heed them. A problem whose bounds are all infinite has none, to the last bit. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "model/problem.h"

static double limit(const double *values, int64_t j, double absent)
{
  return values != NULL ? values[j] : absent;
}

/* Replicated arguments: every rank sees the same. *any = 1 when something is bounded, *ends = 1
 * when at another value than zero. */
static bvl_status check_limits(const bvl_problem *problem, const bvl_problem_data *data, int64_t p,
                               int *any, int *ends)
{
  *any = *ends = 0;
  for (int64_t j = 0; j < p; j++) {
    const double l = limit(data->lower, j, -INFINITY);
    const double u = limit(data->upper, j, INFINITY);
    if (!(l <= 0)) return bvl_fail(BVL_ERR_INPUT, "lower: column %" PRId64 ": %g, not <= 0", j, l);
    if (!(u >= 0)) return bvl_fail(BVL_ERR_INPUT, "upper: column %" PRId64 ": %g, not >= 0", j, u);
    const int bounded = !isinf(l) || !isinf(u);
    *any |= bounded;
    *ends |= (l < 0 && !isinf(l)) || (u > 0 && !isinf(u));
    if (bounded && (l < 0 || u > 0) && data->penalty_factor != NULL && data->penalty_factor[j] == 0)
      return bvl_fail(BVL_ERR_INPUT,
                      "lower, upper: column %" PRId64 " is unpenalised and has bounds [%g, %g]", j,
                      l, u);
  }
  if (*any && (problem->penalty.type->grouped || !problem->penalty.type->convex))
    return bvl_fail(BVL_ERR_USAGE, "lower, upper: not with penalty %s (lasso and enet have bounds)",
                    problem->penalty.type->name);
  return BVL_OK;
}

static bvl_status allocate(bvl_problem *problem)
{
  bvl_status status = BVL_OK;
  const int64_t p_local = problem->X->columns.p_local;
  BVL_TRY(BVL_ALLOC(&problem->bounds, p_local));
  BVL_TRY(BVL_ALLOC(&problem->bounds_input, p_local));
cleanup:
  return status;
}

bvl_status bvl_problem_set_bounds(bvl_problem *problem, const bvl_problem_data *data)
{
  bvl_status status = BVL_OK;
  const bvl_design *X = problem->X;
  const bvl_comm *all = &problem->grid->all;
  int any = 0;
  if (data->lower == NULL && data->upper == NULL) return BVL_OK;
  BVL_TRY(bvl_agree(all, check_limits(problem, data, X->columns.p, &any, &problem->has_ends)));
  if (!any) return BVL_OK;
  BVL_TRY(bvl_agree(all, allocate(problem)));
  for (int64_t k = 0; k < X->columns.p_local; k++) {
    const int64_t j = bvl_design_input_column(X, k);
    const bvl_interval in = {limit(data->lower, j, -INFINITY), limit(data->upper, j, INFINITY)};
    problem->bounds_input[k] = in;
    problem->bounds[k] = (bvl_interval){in.lower * X->scale[k], in.upper * X->scale[k]};
    if (in.lower == 0 && in.upper == 0) problem->blocks.weight[problem->block_of[k]] = INFINITY;
  }
cleanup:
  return status;
}

double bvl_problem_pull(const bvl_problem *problem, const bvl_penalty *pen, double lw, int64_t g,
                        const double *v_block)
{
  const int64_t k = bvl_problem_begin(problem, g);
  if (problem->bounds != NULL) return bvl_bounded_pull(problem->bounds[k], v_block[0]);
  return bvl_penalty_shrunk_norm(pen, lw, bvl_problem_len(problem, g), v_block);
}

double bvl_problem_entry(const bvl_problem *problem, int64_t g, const double *v_block)
{
  const int64_t k = bvl_problem_begin(problem, g);
  const double weight = problem->blocks.weight[g];
  bvl_penalty pen = problem->penalty;
  if (problem->curvature != NULL) pen = bvl_penalty_curved(pen, problem->curvature[g]);
  if (problem->bounds == NULL)
    return bvl_penalty_lambda_max(&pen, weight, bvl_problem_len(problem, g), v_block);
  const double pull = bvl_bounded_pull(problem->bounds[k], v_block[0]);
  return bvl_penalty_lambda_max(&problem->penalty, weight, 1, &pull);
}

double bvl_problem_distance(const bvl_problem *problem, double lw, int64_t g, const double *beta,
                            const double *g_block)
{
  const int64_t k = bvl_problem_begin(problem, g);
  const bvl_penalty pen = bvl_problem_penalty(problem, g);
  if (problem->bounds != NULL)
    return bvl_bounded_distance(&pen, lw, problem->bounds[k], beta[k], g_block[0]);
  return bvl_penalty_distance(&pen, lw, bvl_problem_len(problem, g), beta + k, g_block);
}

double bvl_problem_dual_scale(const bvl_problem *problem, double lw, int64_t g, const double *beta,
                              const double *v)
{
  const int64_t k = bvl_problem_begin(problem, g);
  const bvl_penalty pen = bvl_penalty_at(&problem->penalty, problem->blocks.weight[g]);
  if (problem->bounds != NULL)
    return bvl_bounded_dual_scale(&pen, lw, problem->bounds[k], beta[k], v[k]);
  return bvl_penalty_dual_scale(&pen, lw, bvl_problem_len(problem, g), v + k);
}

double bvl_problem_dual_loss(const bvl_problem *problem, double lw, int64_t g, double s,
                             const double *v)
{
  const int64_t k = bvl_problem_begin(problem, g);
  const bvl_penalty *pen = &problem->penalty;
  if (problem->bounds != NULL) return bvl_bounded_dual_loss(pen, lw, problem->bounds[k], s * v[k]);
  return pen->type->dual_loss(pen, lw, s * bvl_block_norm(bvl_problem_len(problem, g), v + k));
}

double bvl_problem_input_scale(const bvl_problem *problem, int64_t k, double beta)
{
  const double coefficient = beta * problem->X->inv_scale[k];
  if (problem->bounds == NULL || beta == 0) return coefficient;
  if (beta == problem->bounds[k].lower) return problem->bounds_input[k].lower;
  if (beta == problem->bounds[k].upper) return problem->bounds_input[k].upper;
  return bvl_interval_clip(problem->bounds_input[k], coefficient);
}
