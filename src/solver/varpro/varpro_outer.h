/* SPDX-License-Identifier: BSD-3-Clause */
/* The outer problem of variable projection: the objective as a smooth function of one variable v a
 * penalised block, the inner ridge solved in closed form (bvl_varpro_form),
 *
 *     f(v) = (lambda / 2) <Y, A> + lambda sum w_g phi(v_g)
 *     grad = lambda (w phi' - d' ||a_g||^2 / 2)
 *     H    = lambda [diag(w phi'' - d'' ||a_g||^2 / 2) + D G D'],  D = d' a by block
 *
 * (Poon, Peyre, arXiv 2106.01429; for the lasso w - a^2 / w and 2 v a / w.) A block with v = 0 is
 * stationary; the curvature there is negative exactly where its condition fails. Blocks lie where
 * the form has put them; every decision is made on sums over all ranks. */
#ifndef BVL_SOLVER_VARPRO_OUTER_H
#define BVL_SOLVER_VARPRO_OUTER_H

#include "solver/solver.h"
#include "solver/varpro/varpro_form.h"
#include "solver/varpro/varpro_map.h"

/** What an evaluation sums over all ranks. */
typedef struct bvl_varpro_sums {
  double value;    /* f */
  double gradient; /* ||grad||^2 */
  double slack;    /* sum |v_g grad_g|: what is left of complementarity, in units of f */
  double
      stationary; /* sum (||a_g|| / target - 1)^2 over v_g != 0 that are no candidates for zero */
  double support; /* blocks with v_g != 0 */
  double candidates; /* of them, those whose proximal step is zero */
  double violators;  /* blocks that stand at or near zero and whose proximal step is not */
  double flags[3];   /* what the monitor wants */
} bvl_varpro_sums;   /* doubles only: it is reduced as one array */

enum { BVL_VARPRO_VECTORS = 7 };

typedef struct bvl_varpro_outer {
  bvl_problem *problem; /* borrowed */
  const bvl_varpro_map *map;
  bvl_varpro_form *form;      /* borrowed, see bind */
  bvl_solve_control *control; /* asked at every evaluation; NULL = nobody asks; borrowed */
  double lambda;
  int64_t evaluations;
  /* by block of the form, owned */
  double *v;
  double *gradient;
  double *diagonal;
  double *modified;  /* the diagonal of a majorant: phi' / v in place of phi'' */
  double *norm;      /* ||a_g|| */
  double *curvature; /* of the loss along the block, at most */
  bvl_varpro_values *at;
  double *vector[BVL_VARPRO_VECTORS]; /* of the minimiser */
  /* by column of the form, owned; those with outputs are column-major, m apart */
  double *e;
  double *a;
  double *x;
  double *y;
  int64_t room[12];
  bvl_varpro_sums sums; /* of the last evaluation, the same on every rank */
} bvl_varpro_outer;

void bvl_varpro_outer_free(bvl_varpro_outer *outer);

/** Takes up a form after its follow: room for its blocks, v undefined. Collective. */
bvl_status bvl_varpro_outer_bind(bvl_varpro_outer *outer, bvl_varpro_form *form);

/** f, gradient and everything else at outer->v, into outer. Collective: the form's traffic and one
 * small reduction. */
bvl_status bvl_varpro_outer_eval(bvl_varpro_outer *outer);

/** out <- H d at the last evaluation's v, H with this diagonal part (outer->diagonal is the true
 * one). Collective: the form's traffic. */
bvl_status bvl_varpro_outer_hessian(bvl_varpro_outer *outer, const double *diagonal,
                                    const double *d, double *out);

/** Norm of the block's coefficients after a proximal step on it alone. Not collective. */
double bvl_varpro_outer_prox(const bvl_varpro_outer *outer, int64_t g);

/** That norm where the block has to start from it: it stands at zero, or so near that no step of a
 * descent brings it away in time, or a concave penalty holds it there. Else 0. Not collective. */
double bvl_varpro_outer_start(const bvl_varpro_outer *outer, int64_t g);

/** Minimises f from outer->v: Newton-CG with a line search; blocks whose proximal step is zero are
 * set to zero where f does not rise, blocks at zero that violate their condition are put on their
 * way. Until `stationary` is below stationary^2 and slack below `slack`.
 * @param[in,out] steps  Newton steps: taken are added; at most `most`. Collective. */
bvl_status bvl_varpro_minimise(bvl_varpro_outer *outer, double stationary, double slack,
                               int64_t most, int64_t *steps);

#endif
