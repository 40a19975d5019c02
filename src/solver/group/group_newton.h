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
 *
 * With more rows than columns the coefficients z take the predictor's place, z_g - tau_g v_g(z) =
 * 0, and the Gram G = X'diag(h)X / n that of the rows: with T the diagonal of tau by column (0 of
 * free ones), U the columns u_g = v_g / ||v_g|| (or the free unknown's unit vector), and
 *
 *     S = I + T^1/2 G T^1/2 = L L' (columns with tau > 0),   V = L^-1 T^1/2 G U,
 *     K = U'GU - V'V = U'(G^-1 + T)^-1 U,   K dx = (||v|| - lambda omega) + U'G F1 - V'f
 *     dz = U dx - F1 - T^1/2 L^-T (V dx - f),   f = L^-1 T^1/2 G F1
 *
 * which is the same step: only what is below L^-1 D and L^-T differs.
 * L, V and K may be stale: the residuals are exact, so
 * a stale matrix costs steps, not accuracy. Columns may join V and K between refreshes.
 * Several lambdas step together on one matrix, so that L and V are read once for all of them.
 * Cost: refresh 2 n^3 / 3 + n^2 m, joining n^2 a column, step 2 n^2 + 4 n m a point (by the Gram 4
 * n^2), m columns of V, n rows or columns.
 */
#ifndef BVL_SOLVER_GROUP_NEWTON_H
#define BVL_SOLVER_GROUP_NEWTON_H

#include "solver/scalar/active_newton.h"

enum { BVL_GROUP_LANES = 8 };

typedef struct bvl_group_newton {
  int64_t n;     /* length of F1: rows, or unknowns of the Gram */
  int64_t order; /* of S: rows, or unknowns with tau > 0 */
  double *L; /* order^2, owned: lower triangle of B, then L, diagonal blocks inverted; zero above */
  double *D; /* n, owned: square roots of the curvature that S has, or of G's diagonal */
  double *V; /* order x m, owned */
  double *K; /* ld x ld, owned, both triangles */
  int64_t ld;
  int64_t m; /* columns of V */
  int64_t capacity;
  double *c;  /* capacity, owned */
  double *lw; /* capacity, owned */
  /* each lane's quadratic has its own active set, and so its own factor of K */
  bvl_active_newton quadratic[BVL_GROUP_LANES];
  int64_t m_known[BVL_GROUP_LANES]; /* columns each has heard of since the refresh; 0 = none */
  /* by the Gram: */
  const double *G; /* n x n, both triangles, leading dimension ld_G, borrowed; NULL = by rows */
  int64_t ld_G;
  int64_t *list;    /* order: the unknowns of S, owned */
  double *root_tau; /* order, owned */
  double *u; /* n: by unknown, its place in the one column of U that it has a part in; owned */
  int64_t *column;              /* n: that column, -1 = none; owned */
  int64_t *used;                /* n, owned scratch */
  int64_t room, L_room, V_room; /* of the arrays by unknown, of L and of V */
} bvl_group_newton;

/** @return BVL_ERR_NOMEM. A second call with the same n costs nothing. */
bvl_status bvl_group_newton_open(bvl_group_newton *s, int64_t n);
void bvl_group_newton_free(bvl_group_newton *s);

/** Factors S = I + sqrt(h) B sqrt(h), B (n x n, lower triangle) given in s->L, and forgets V.
 * h[i] = 0 is allowed. @return 0 when rounding leaves S indefinite, else 1. */
int bvl_group_newton_factor(bvl_group_newton *s, const double *h);

/** The same by the Gram: takes n unknowns' G, borrowed until the next call, in place of rows.
 * @return BVL_ERR_NOMEM. */
bvl_status bvl_group_newton_by_gram(bvl_group_newton *s, int64_t n, const double *G, int64_t ld);
/** out (n x k) += G z. */
void bvl_group_newton_multiply(const bvl_group_newton *s, int64_t k, const double *z, double *out);
/** Factors S at tau (n, by unknown) and forgets V. *ok = 0 when rounding leaves S indefinite.
 * @return BVL_ERR_NOMEM. */
bvl_status bvl_group_newton_factor_gram(bvl_group_newton *s, const double *tau, int *ok);

/** Appends k columns Z (n x k, overwritten), by the Gram U, whose columns have no unknown in
 * common. @return BVL_ERR_NOMEM. */
bvl_status bvl_group_newton_append(bvl_group_newton *s, int64_t k, double *Z);

/** One step at k points at once, point a of lane[a] (0 .. BVL_GROUP_LANES - 1, which stays the same
 * point from step to step). F1 (n x k) in, deta (dz) out. excess, x (m x k): ||v|| - lambda omega
 * (of a free column its own v); x in the points, out the new ones. bounded (m): 1 for groups, 0 for
 * free columns. tol (k): of the quadratic's gradient. @return BVL_ERR_NOMEM. */
bvl_status bvl_group_newton_step(bvl_group_newton *s, int64_t k, const int64_t *lane,
                                 const double *excess, const unsigned char *bounded,
                                 const double *tol, double *x, double *F1);

#endif
