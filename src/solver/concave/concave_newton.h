/* SPDX-License-Identifier: BSD-3-Clause */
/* A quadratic with an elementwise penalty that need not be convex,
 *
 *   min over b  b'Gb/2 - c'b + sum_k P(|b_k|; lw_k),
 *
 * to a stationary point. A zero stays one while its gradient is at or below the penalty's
 * threshold, though another place may be lower. Everything comes from the penalty's slope, bend and
 * prox: sweeps of exact coordinate steps find out which pieces of P the coefficients are on, Newton
 * on those pieces ends there. Where its matrix G_AA + P'' is not positive definite (P'' < 0 may
 * outweigh G) the factor names a direction of no curvature or less, which is followed downhill to
 * the first zero. No step raises the objective. Purely local: what rank 0 does
 * while the others wait. Cost: a sweep d flops a coefficient that moves, a Newton step d^2 and
 * what concave_system.h says. */
#ifndef BVL_SOLVER_CONCAVE_NEWTON_H
#define BVL_SOLVER_CONCAVE_NEWTON_H

#include "solver/concave/concave_system.h"

/** Scratch that outlives a problem. All zero is a valid start. */
typedef struct bvl_concave_newton {
  int64_t capacity;  /* of the arrays below, unknowns */
  double *q;         /* d: c - G b, owned */
  double *threshold; /* d: up to which |q| a zero stays one, owned */
  double *step;      /* d, in the order of support, owned */
  double *rest;      /* d: minus the gradient of everything, in the order of support, owned */
  double *delta;     /* d: trial - b, owned */
  double *moved;     /* d: G delta, owned */
  double *trial;     /* d, owned */
  double *piece;     /* d: what tells the pieces of the last look apart, owned */
  int64_t *support;  /* d: unknowns that the step moves, owned */
  bvl_concave_system system;
} bvl_concave_newton;

typedef struct bvl_concave_outcome {
  double residual; /* largest violation of stationarity at the answer */
  double change;   /* of the objective since the start: not positive, to rounding */
  int64_t sweeps;
  int64_t steps;   /* linear solves */
  int64_t escapes; /* of them along a direction of no positive curvature */
  int solved;
} bvl_concave_outcome;

void bvl_concave_newton_free(bvl_concave_newton *s);

/** How far unknown k, standing at b with q = c - G b there, is from stationary; at zero by how much
 * it wants out. curvature = G_kk or a bound of it, for a penalty with a rest. */
double bvl_concave_violation(const bvl_penalty *penalty, double lw, double curvature, double b,
                             double q);
/** The same of a block of m unknowns; q is as it was on return. */
double bvl_concave_block_violation(const bvl_penalty *penalty, double lw, double curvature,
                                   int64_t m, const double *b, double *q);

/** out (d) <- Newton's direction at b on its nonzero and unpenalised unknowns, 0 elsewhere:
 * downhill, by a heavier diagonal where the matrix is not positive definite. @return BVL_ERR_NOMEM.
 */
bvl_status bvl_concave_newton_direction(bvl_concave_newton *s, const bvl_concave_problem *p,
                                        const double *b, double *out);

/** b (d): the start and the answer, its zeros exact. To residual <= tol, in at most max_rounds
 * rounds of sweeps and a step (0 = a default). @return BVL_ERR_NOMEM. */
bvl_status bvl_concave_newton_solve(bvl_concave_newton *s, const bvl_concave_problem *p, double tol,
                                    int64_t max_rounds, double *b, bvl_concave_outcome *outcome);

#endif
