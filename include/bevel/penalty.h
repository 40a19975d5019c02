/* SPDX-License-Identifier: BSD-3-Clause */
/** @file bevel/penalty.h
 * Shape parameters of penalties. */
#ifndef BEVEL_PENALTY_H
#define BEVEL_PENALTY_H

#ifdef __cplusplus
extern "C" {
#endif

/** What a penalty's shape depends on; NaN = the penalty's default, and what a penalty does not take
 * must be NaN (alpha may be 1). Set to NaN all by bvl_penalty_parameters_init, then changed. */
typedef struct bvl_penalty_parameters {
  double alpha;   /**< share of l1: enet (0, 1], 0.5; sparse-group-lasso [0, 1], 0.05; l1-l2,
                       group-l1-l2 [0, 1), 0.5: how much of the l2 norm is taken off */
  double gamma;   /**< mcp, group-mcp: > 1, 3; scad, group-scad (there called a): > 2, 3.7 */
  double q;       /**< lq, group-lq: (0, 1], 0.5; at 1 they are lasso and group-lasso */
  double tl1_a;   /**< tl1, group-tl1: > 0, 1 */
  double log_eps; /**< log, group-log: > 0, 1 */
  double k1;      /**< lpq: p = 2/k1, an integer >= 1, 2; at 1 it is group-lq */
  double k2;      /**< lpq: q = 2/(k1 + k2), an integer >= 1, 1 */
} bvl_penalty_parameters; /* doubles only */

/** Sets all to NaN: the penalty's defaults. Not collective. */
void bvl_penalty_parameters_init(bvl_penalty_parameters *parameters);

#ifdef __cplusplus
}
#endif
#endif
