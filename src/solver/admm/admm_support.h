/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton's method for L + P on the blocks of a point that are not zero, for penalties that are not
 * convex: what ends the sweeps of ADMM once they have found the support, where they would crawl
 * along a piece of no curvature, off a saddle, or after a fit of saturated data whose minimum is
 * far out or nowhere. It is no step of ADMM: it moves x and z together, never uphill. It is the
 * objective that is held to: the augmented Lagrangian is the same where x = z, but before it may be
 * below the objective of z by the order of ||x - z||^2.
 *
 * A step solves |H| + mu I, H = X~'diag(h)X~ / n + P'' over those blocks, |H| by its eigenvalues
 * where it is not positive definite: down from saddles, not to them (Dauphin et al. 2014). mu grows
 * where the objective does not fall. A block that a step would turn round is zero from there on. */
#ifndef BVL_SOLVER_ADMM_SUPPORT_H
#define BVL_SOLVER_ADMM_SUPPORT_H

#include "model/problem.h"

enum { BVL_ADMM_WIDEST_SUPPORT = 1024 }; /* unknowns it is worth its work for */

typedef struct bvl_admm_descent {
  int64_t steps;    /* evaluations of the objective, each two passes over the support's columns */
  double objective; /* L + lambda Pen where it ended */
  double fall;      /* of the objective, not negative */
} bvl_admm_descent;

/** point: its blocks, intercept and unpenalised columns move until the largest violation of theirs
 * is at most tol, or after max_steps. Collective: moves the support's columns to all ranks' rows;
 * per step a broadcast and a reduction of their number and a reduction of its square, solved on
 * rank 0. @return BVL_ERR_NOMEM. */
bvl_status bvl_admm_solve_support(bvl_problem *problem, double lambda, double tol,
                                  int64_t max_steps, bvl_point *point, bvl_admm_descent *out);

#endif
