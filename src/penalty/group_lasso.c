/* SPDX-License-Identifier: BSD-3-Clause */
/* Group lasso: P(t) = lw t on the norm of a group. Dual set ||v_g|| <= lw. */
#include "penalty/profile.h"

const bvl_penalty_type bvl_penalty_group_lasso = {
    .name = "group-lasso",
    .grouped = 1,
    .convex = 1,
    .default_alpha = 1.0,
    .profile = bvl_linear_profile,
    .slope = bvl_linear_slope,
    .bend = bvl_linear_bend,
    .prox = bvl_linear_prox,
    .dual_scale = bvl_linear_dual_scale,
    .dual_loss = bvl_linear_dual_loss,
};
