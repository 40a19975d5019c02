/* SPDX-License-Identifier: BSD-3-Clause */
/* The coefficients of a working set, of one or several responses, replicated: between a solver's
 * point and what variable projection has of them. */
#ifndef BVL_SOLVER_VARPRO_POINT_H
#define BVL_SOLVER_VARPRO_POINT_H

#include "solver/varpro/varpro_outer.h"

typedef struct bvl_varpro_point {
  bvl_working_set *set; /* borrowed; its b gets the norm of each unknown's coefficients */
  int64_t K;            /* responses */
  double *B;            /* d x K, the K of an unknown together, owned */
  double *work;         /* d x K, owned */
  int64_t room[2];
} bvl_varpro_point;

void bvl_varpro_point_free(bvl_varpro_point *at);

/** B <- point. Collective: one reduction along the grid row. */
bvl_status bvl_varpro_point_load(bvl_varpro_point *at, const bvl_point *point);

/** The penalised part of B <- d a of the outer problem's last evaluation. Collective: one reduction
 * of d x K. */
bvl_status bvl_varpro_point_take(bvl_varpro_point *at, const bvl_varpro_outer *outer);

/** v of balanced factors of B. Not collective. */
void bvl_varpro_point_give(const bvl_varpro_point *at, bvl_varpro_outer *outer);

/** point <- B, zero outside the set; eta (n_split x K) <- its predictors. Not collective. */
void bvl_varpro_point_store(bvl_varpro_point *at, bvl_point *point);
void bvl_varpro_point_eta(bvl_varpro_point *at, double *eta);

#endif
