/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton's method on a group-penalised model in one unknown a group: what one rank does.
 *
 * A penalty lambda omega ||b_g|| is the least of ||b_g||^2 / (2 tau) + (lambda omega)^2 tau / 2
 * over tau >= 0, so at the optimum b_g = tau_g v_g with v_g = X_g'r / n and ||v_g|| = lambda omega
 * on active groups (variable projection: Poon & Peyre 2021; Hoff 2017). The unknowns are the
 * predictor eta (n), x_g = tau_g ||v_g|| >= 0 and the free coefficients:
 *
 *     eta - o - sum_g X_g tau_g v_g(eta) - F b = 0        ||v_g|| = lambda omega_g       F'r = 0
 *
 * They are smooth where the primal is singular (a group that enters starts at x_g = 0), and
 * Newton's matrix needs the rows alone: with D = sqrt(diag h) of the loss's curvature and
 * B = sum_g tau_g X_g X_g' / n,
 *
 *     S = I + D B D = L L',  Z_g = X_g v_g / ||v_g|| (or the free column),  V = L^-1 D Z,
 *     K dx = (||v|| - lambda omega) + V' L^-1 D F1 / n,  x >= 0,           K = V'V / n
 *     D deta = L^-T (V dx - L^-1 D F1)
 *
 * however many columns the active groups have. Under a sparse group lasso v_g is soft-thresholded
 * first, v_g = S(X_g'r / n, lambda alpha), which is piecewise linear: B then runs over the columns
 * with v_k != 0, Z is as it was, and the method is semismooth.
 * L, V and K may be stale: the residuals are exact, so
 * a stale matrix costs steps, not accuracy. Columns may join V and K between refreshes.
 * Several lambdas step together on one matrix, so that L and V are read once for all of them.
 * Cost: refresh 2 n^3 / 3 + n^2 m, joining n^2 a column, step 2 n^2 + 4 n m a point, m columns of
 * V.
 */
#ifndef BVL_SOLVER_GROUP_NEWTON_H
#define BVL_SOLVER_GROUP_NEWTON_H

#include "solver/active_newton.h"

enum { BVL_GROUP_LANES = 8 };

typedef struct bvl_group_newton {
  int64_t n; /* rows */
  double *L; /* n x n, owned: lower triangle of B, then of L^-1; zero above */
  double *D; /* n, owned: square roots of the curvature that S has */
  double *V; /* n x m, owned */
  double *K; /* ld x ld, owned, both triangles */
  int64_t ld;
  int64_t m; /* columns of V */
  int64_t capacity;
  double *c;  /* capacity, owned */
  double *lw; /* capacity, owned */
  /* each lane's quadratic has its own active set, and so its own factor of K */
  bvl_active_newton quadratic[BVL_GROUP_LANES];
  int64_t m_known[BVL_GROUP_LANES]; /* columns each has heard of since the refresh; 0 = none */
} bvl_group_newton;

/** @return BVL_ERR_NOMEM. A second call with the same n costs nothing. */
bvl_status bvl_group_newton_open(bvl_group_newton *s, int64_t n);
void bvl_group_newton_free(bvl_group_newton *s);

/** Factors S = I + sqrt(h) B sqrt(h), B (n x n, lower triangle) given in s->L, and forgets V.
 * h[i] = 0 is allowed. @return 0 when rounding leaves S indefinite, else 1. */
int bvl_group_newton_factor(bvl_group_newton *s, const double *h);

/** Appends k columns Z (n x k, overwritten). @return BVL_ERR_NOMEM. */
bvl_status bvl_group_newton_append(bvl_group_newton *s, int64_t k, double *Z);

/** One step at k points at once, point a of lane[a] (0 .. BVL_GROUP_LANES - 1, which stays the same
 * point from step to step). F1 (n x k) in, deta out. excess, x (m x k): ||v|| - lambda omega
 * (of a free column its own v); x in the points, out the new ones. bounded (m): 1 for groups, 0 for
 * free columns. tol (k): of the quadratic's gradient. @return BVL_ERR_NOMEM. */
bvl_status bvl_group_newton_step(bvl_group_newton *s, int64_t k, const int64_t *lane,
                                 const double *excess, const unsigned char *bounded,
                                 const double *tol, double *x, double *F1);

#endif
