/* SPDX-License-Identifier: BSD-3-Clause */
/* Sparse group lasso: lambda (alpha ||b||_1 + (1 - alpha) sum_g omega_g ||b_g||_2), Simon,
 * Friedman, Hastie, Tibshirani 2013. The profile is the group part; the l1 part is the penalty's
 * `l1`, which the block functions honour. Dual set ||S(v_g, lambda alpha)|| <= (1 - alpha) lw. */
#include "penalty/profile.h"

static double profile(const bvl_penalty *pen, double lw, double t)
{
  return (1.0 - pen->alpha) * lw * t;
}

static double slope(const bvl_penalty *pen, double lw, double t)
{
  (void)t;
  return (1.0 - pen->alpha) * lw;
}

static double prox(const bvl_penalty *pen, double lw, double rho, double t)
{
  return bvl_linear_prox(pen, (1.0 - pen->alpha) * lw, rho, t);
}

static double dual_scale(const bvl_penalty *pen, double lw, double v)
{
  return bvl_linear_dual_scale(pen, (1.0 - pen->alpha) * lw, v);
}

const bvl_penalty_type bvl_penalty_sparse_group_lasso = {
    .name = "sparse-group-lasso",
    .grouped = 1,
    .convex = 1,
    .sparse = 1,
    .mixes = 1,
    .default_alpha = 0.05,
    .at_zero = &bvl_penalty_group_lasso,
    .at_one = &bvl_penalty_lasso,
    .profile = profile,
    .slope = slope,
    .bend = bvl_linear_bend,
    .prox = prox,
    .dual_scale = dual_scale,
    .dual_loss = bvl_linear_dual_loss,
};
