/* SPDX-License-Identifier: BSD-3-Clause */
/* bvl_multi_newton's step at a matrix of an earlier point: what makes lambda after lambda cheap
 * once many rows are active.
 *
 * The unknowns are tau and B = T Vh, the equations V~(B) = C - (G + ridge) B, B = T V~ and ||V~_g||
 * = target_g. With F = B - T V~, u_g = V~_g / ||V~_g||, x_g = tau_g ||V~_g|| and
 *
 *     M = ((G + ridge)^-1 + T)^-1 = (G + ridge) - (G + ridge) T^1/2 S^-1 T^1/2 (G + ridge)
 *
 * a Newton step is H dx = (||V~|| - target) + <u, M F>, H_gh = sum over j in g, l in h of M_jl
 * <u_j, u_l>, x >= 0, and then V~ - M (dx u - F), whose T-fold is the next B. Residuals are exact,
 * so M and H of an earlier tau, and of another lambda, cost steps, not accuracy; and unlike S^-1
 * they are smooth where tau_g is 0: blocks near their threshold are in M before they enter. Cost: a
 * matrix 2 a^2 n + a n^2 flops, n rows in it; a step (2 a d + 4 n^2) K and the quadratic's. */
#ifndef BVL_SOLVER_MULTI_STALE_H
#define BVL_SOLVER_MULTI_STALE_H

#include "solver/anderson.h"
#include "solver/scalar/active_newton.h"

typedef struct bvl_multi_stale {
  int64_t n;       /* rows M has; 0 = there is no M */
  int64_t m;       /* their blocks */
  int64_t *row;    /* n, ascending */
  int64_t *own;    /* n: number in `block` */
  int64_t *block;  /* m */
  int64_t *member; /* by block: number in `block`, -1 = not in M */
  int64_t n_known; /* blocks `member` tells of */
  double *M;       /* n x n, both triangles */
  double *H;       /* m x m, both triangles */
  double *W;       /* a x n scratch */
  double *F, *MF;  /* n x K, a row's K together */
  double *U;       /* n x K */
  double *tau;     /* m: that of M */
  double *x, *c, *lw;
  double *wide; /* 2 n K scratch */
  int64_t room[15];
  double *z, *f; /* m + n K: a point and its step */
  bvl_anderson anderson;
  bvl_active_newton quadratic;
  int is_started; /* does `quadratic` have H? */
  /* the last two solutions, the newest first: d_past x K, and a number in proportion to lambda */
  double *past[2];
  int64_t past_room[2];
  double level[2];
  double level_M;    /* the same of M */
  int64_t d_past[2]; /* 0 = there is none */
} bvl_multi_stale;

struct bvl_multi_newton;
struct bvl_multi_quadratic;

void bvl_multi_stale_free(bvl_multi_stale *s);

/** M and H at the point B where s (bvl_multi_newton) has S's factor and V. @return BVL_ERR_NOMEM.
 */
bvl_status bvl_multi_stale_refresh(struct bvl_multi_newton *s, const struct bvl_multi_quadratic *q,
                                   const double *B);

/** Takes in a solution, for starts to come. @return BVL_ERR_NOMEM. */
bvl_status bvl_multi_stale_keep(struct bvl_multi_newton *s, const struct bvl_multi_quadratic *q,
                                const double *B);

/** B (penalised rows, 0 elsewhere) and s->tau <- what the last two solutions tell of q's. */
void bvl_multi_stale_start(struct bvl_multi_newton *s, const struct bvl_multi_quadratic *q,
                           double *B);

/** Steps from s->tau and the penalised rows of B, which is tau's, until the stationarity conditions
 * hold to tol. *solved = 0: M is of no use here; s->tau is the best point's. @return BVL_ERR_NOMEM.
 */
bvl_status bvl_multi_stale_solve(struct bvl_multi_newton *s, const struct bvl_multi_quadratic *q,
                                 double tol, int64_t max_steps, double *B, int64_t *steps,
                                 int *solved);

#endif
