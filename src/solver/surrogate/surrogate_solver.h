/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of the surrogate solver: where it stands inside a lambda, what a round does to it, and
 * how it is saved. */
#ifndef BVL_SOLVER_SURROGATE_SOLVER_H
#define BVL_SOLVER_SURROGATE_SOLVER_H

#include "solver/surrogate/surrogate_objective.h"

/** A point with what is known of it. */
typedef struct bvl_certified {
  bvl_point point; /* beta p_local, owned */
  double *v;       /* p_local, owned: x~'r/n at the point */
  bvl_certificate certificate;
} bvl_certified;

typedef struct bvl_surrogate_solver {
  bvl_problem *problem;      /* borrowed */
  bvl_optim_options options; /* step 0 = a default for each lambda */
  int64_t max_iter;          /* L-BFGS iterations a lambda */
  double target_gap;         /* where a lambda is done */
  int polish;                /* somebody else makes the point exact afterwards */
  int convex;                /* there is a gap; otherwise stationarity and rest are all */
  double curvature;          /* of the loss along a column, at the null fit, in the mean */
  double intercept_curvature;
  double max_len; /* longest block of all ranks */
  bvl_surrogate_objective *objective;
  double *theta;        /* objective->n_theta */
  double *eta;          /* n_split */
  bvl_certified now;    /* the last certified collapse of theta */
  bvl_certified zeroed; /* scratch: the best with exact zeros */
  bvl_certified best;   /* of this lambda; gap INFINITY before the first */
  bvl_optim *optim;     /* NULL outside a lambda */
  double lambda;        /* being solved when optim is there */
  double step;          /* learning rate of this lambda, before halvings */
  double floor;         /* magnitude of the factors of a coefficient that stands at zero */
  double *scratch;      /* the longest block's factors, owned */
  int64_t unsettled;    /* blocks that the last tidying moved, over all ranks */
  int64_t rounds;       /* of this lambda */
  int64_t halvings;     /* of the learning rate in this lambda */
} bvl_surrogate_solver;

/** Creates the optimizer of solver->lambda with solver->step. Collective. */
bvl_status bvl_surrogate_new_optim(bvl_surrogate_solver *solver);

/** Certifies the warm start at solver->lambda: the first solver->best. Collective. `*finite` = 0
 * when the loss overflows there. */
bvl_status bvl_surrogate_certify_start(bvl_surrogate_solver *solver, const bvl_point *point,
                                       int *finite);

/** Collapses theta to coefficients and certifies them (solver->now); keeps the better in
 * solver->best.
 * `*finite` = 0 when the loss overflows (nothing is certified then). Collective: one certificate.
 */
bvl_status bvl_surrogate_certify(bvl_surrogate_solver *solver, int *finite);

/** Sets the blocks of solver->best to zero that belong there, and keeps that when its certificate
 * is as good. Collective: one certificate. */
bvl_status bvl_surrogate_make_exact(bvl_surrogate_solver *solver);

/** theta <- balanced factors of solver->best, and starts of what stands at zero. Not collective. */
void bvl_surrogate_take_best(bvl_surrogate_solver *solver);

/** Between rounds, by solver->now: blocks proven zero at this lambda (gap-safe sphere) leave the
 * products for good; blocks that stand at zero but violate its condition are put back on their way;
 * where the penalty is not convex, blocks too small for a local minimum go to zero or to a start.
 * Resets the optimizer when theta moved. Sets solver->unsettled. Collective; one reduction. */
bvl_status bvl_surrogate_tidy(bvl_surrogate_solver *solver);

/** Columns whose blocks still have factors: products touch these. Not collective. */
void bvl_surrogate_list_columns(bvl_surrogate_solver *solver);

/** bvl_solver_type.save and .restore: arrays over column positions, so that another grid can read
 * them. Collective. */
bvl_status bvl_surrogate_save(const void *solver, const bvl_store *store);
bvl_status bvl_surrogate_restore(void *solver, const bvl_store *store);

#endif
