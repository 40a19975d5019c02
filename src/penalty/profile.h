/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows of the table of penalties. Scalar forms shared by those whose profile is lw t: one copy,
 * so that the lasso, the group lasso and the elastic net at alpha = 1 round alike. */
#ifndef BVL_PENALTY_PROFILE_H
#define BVL_PENALTY_PROFILE_H

#include "penalty/penalty.h"

extern const bvl_penalty_type bvl_penalty_lasso;
extern const bvl_penalty_type bvl_penalty_enet;
extern const bvl_penalty_type bvl_penalty_group_lasso;
extern const bvl_penalty_type bvl_penalty_sparse_group_lasso;
extern const bvl_penalty_type bvl_penalty_mcp;
extern const bvl_penalty_type bvl_penalty_group_mcp;
extern const bvl_penalty_type bvl_penalty_scad;
extern const bvl_penalty_type bvl_penalty_group_scad;
extern const bvl_penalty_type bvl_penalty_tl1;
extern const bvl_penalty_type bvl_penalty_group_tl1;
extern const bvl_penalty_type bvl_penalty_log;
extern const bvl_penalty_type bvl_penalty_group_log;
extern const bvl_penalty_type bvl_penalty_lq;
extern const bvl_penalty_type bvl_penalty_group_lq;
extern const bvl_penalty_type bvl_penalty_lpq;
extern const bvl_penalty_type bvl_penalty_l1_l2;
extern const bvl_penalty_type bvl_penalty_group_l1_l2;

/** A row for single columns and the same, `group-` before its name, for the norm of a group; what
 * follows the name is what both have. */
#define BVL_PENALTY_ROWS(row, row_name, ...)                                                       \
  const bvl_penalty_type bvl_penalty_##row = {.name = row_name, __VA_ARGS__};                      \
  const bvl_penalty_type bvl_penalty_group_##row = {                                               \
      .name = "group-" row_name, .grouped = 1, __VA_ARGS__}

double bvl_linear_profile(const bvl_penalty *pen, double lw, double t);
double bvl_linear_slope(const bvl_penalty *pen, double lw, double t);
double bvl_linear_bend(const bvl_penalty *pen, double lw, double t);
double bvl_linear_prox(const bvl_penalty *pen, double lw, double rho, double t);
double bvl_linear_dual_scale(const bvl_penalty *pen, double lw, double v);
double bvl_linear_dual_loss(const bvl_penalty *pen, double lw, double v);

#endif
