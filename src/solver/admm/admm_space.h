/* SPDX-License-Identifier: BSD-3-Clause */
/* The unknowns of an x-step in the space of the columns - intercept first, then every column by
 * position - with their second moments and factor, on every rank: memory 16 p^2 bytes each. */
#ifndef BVL_SOLVER_ADMM_SPACE_H
#define BVL_SOLVER_ADMM_SPACE_H

#include "solver/admm/admm.h"

typedef struct bvl_admm_space {
  bvl_problem *problem; /* borrowed */
  int m;                /* unknowns: intercept + p */
  int64_t *kind;        /* p: whether the column at a position is penalised, owned */
  double *M;            /* (m + 1) x (m + 1), u last; owned, the same on every rank */
  double *A;            /* m x m: factor of M + rho I over penalised columns, owned */
  double rho;           /* that A was made for; 0: none */
} bvl_admm_space;

enum { BVL_ADMM_PENALISED, BVL_ADMM_FREE, BVL_ADMM_EXCLUDED };

/** Collective. M is not made yet. */
bvl_status bvl_admm_space_open(bvl_problem *problem, bvl_admm_space *out);
void bvl_admm_space_close(bvl_admm_space *space);

/** M <- Z'HZ / n, Z = [1 | X~ | u], h and u over split rows, h not negative. Forgets the factor.
 * Collective: a pass over X, a reduction and a broadcast of p^2. */
bvl_status bvl_admm_space_moments(bvl_admm_space *space, const double *h, const double *u);

/** The factor at rho. Collinear unpenalised columns get a ridge. Not collective.
 * @return BVL_ERR_INTERNAL without one. */
bvl_status bvl_admm_space_factor(bvl_admm_space *space, double rho);
/** v (m) <- A^-1 v, 0 at excluded columns. */
void bvl_admm_space_solve(const bvl_admm_space *space, double *v);

/** Largest eigenvalue of M over the penalised columns; v and work are m. Not collective. */
double bvl_admm_space_norm(const bvl_admm_space *space, double *v, double *work);

/** From the solution v and b (p): this rank's x and d, and the intercept. */
void bvl_admm_space_take(const bvl_admm_space *space, double rho, const double *b, const double *v,
                         bvl_admm_iterate *it);

/** v (m) <- a point, the same on every rank. Collective: one reduction. */
bvl_status bvl_admm_space_spread(const bvl_admm_space *space, const bvl_point *point, double *v);

/* What bvl_admm_system_type wants of a system whose first member is its space: a sweep's sum is of
 * p doubles, b at this rank's columns and 0 elsewhere, so that the image is b itself, whole. */
int64_t bvl_admm_space_length(const void *system);
bvl_status bvl_admm_space_put(void *system, const bvl_admm_iterate *it, const double *b,
                              double *part);
void bvl_admm_space_image(void *system, double rho, double relax, double *sum);

/** What unknown k is; the intercept is unpenalised. */
static inline int64_t bvl_admm_kind(const bvl_admm_space *space, int64_t k)
{
  const int64_t intercept = space->problem->intercept;
  return k < intercept ? BVL_ADMM_FREE : space->kind[k - intercept];
}

#endif
