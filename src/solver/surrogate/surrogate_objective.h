/* SPDX-License-Identifier: BSD-3-Clause */
/* A penalised regression as a smooth function of the factors of its coefficients:
 *
 *     F(theta) = (1/n) sum_i w_i loss(y_i, o_i + b0 + x~_i'phi(factors)) + Q(factors)
 *
 * Q the factor penalty of a bvl_surrogate. On a rank theta is [b0 | factors of its columns'
 * blocks]: b0 (absent without an intercept) is copied on every rank, factors on every rank of a
 * grid column; grid row 0 counts them, rank (0, 0) counts b0. */
#ifndef BVL_SOLVER_SURROGATE_OBJECTIVE_H
#define BVL_SOLVER_SURROGATE_OBJECTIVE_H

#include "optim/optim.h"
#include "solver/solver.h"
#include "surrogate/surrogate.h"

typedef struct bvl_surrogate_objective {
  bvl_objective objective; /* what an optimizer sees; context is this struct, which may not move */
  bvl_problem *problem;    /* borrowed */
  bvl_surrogate map;
  bvl_solve_control *control; /* asked at every evaluation; NULL = nobody asks; borrowed */
  double lambda;
  int64_t n_theta;    /* length of theta on this rank */
  int64_t n_cols;     /* columns that products touch; the others' factors are 0 for good */
  int64_t *cols;      /* n_cols local columns, ascending, owned */
  double *beta;       /* p_local, owned */
  double *grad_beta;  /* p_local + scalars that ride along, owned */
  double *eta;        /* n_local + scalars that ride along, owned */
  double loss;        /* of the evaluation in work: sum w loss */
  double residual;    /* and sum r, over this rank's rows */
  bvl_status failure; /* of this rank, announced in the next reduction */
} bvl_surrogate_objective;

/** Collective; one small reduction. The objective starts with every column but the excluded ones.
 * @return BVL_OK, BVL_ERR_NOMEM, BVL_ERR_MPI. */
bvl_status bvl_surrogate_objective_create(bvl_problem *problem, const bvl_surrogate *map,
                                          bvl_surrogate_objective **out);
void bvl_surrogate_objective_destroy(bvl_surrogate_objective **self);

/** F and its gradient, bvl_objective.eval: over all rows (batch = -1), or over one slice with the
 * loss part times the number of slices, so that the mean over an epoch's slices is F exactly,
 * however unequal they are.
 *
 * Collective; two reductions at most: along the grid row n_rows + 5 doubles (none when Pc = 1),
 * along the grid column n_cols + 6. With Pc = 1 the slice's rows are read once. */
bvl_status bvl_surrogate_objective_eval(void *self, const double *theta, int64_t batch,
                                        double *value, double *grad, int *wants);

/** b0 and the factors inside theta. Not collective. */
static inline double *bvl_surrogate_factors(const bvl_surrogate_objective *self, double *theta)
{
  return theta + (self->problem->intercept ? 1 : 0);
}

#endif
