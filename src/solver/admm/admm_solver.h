/* SPDX-License-Identifier: BSD-3-Clause */
/* The ADMM solver's own: where it stands inside a lambda, a sweep, rho, and how it is saved. */
#ifndef BVL_SOLVER_ADMM_SOLVER_H
#define BVL_SOLVER_ADMM_SOLVER_H

#include "solver/admm/admm.h"
#include "solver/admm/admm_memory.h"

/* What rides in a sweep's reduction. Norms are squared. */
typedef enum bvl_admm_sum {
  BVL_ADMM_PRIMAL, /* x - z */
  BVL_ADMM_DUAL,   /* z - z_previous */
  BVL_ADMM_SIZE_X,
  BVL_ADMM_SIZE_Z,
  BVL_ADMM_SIZE_D,
  BVL_ADMM_COST,     /* lambda Pen(z) */
  BVL_ADMM_CROSS,    /* d'(x - z) */
  BVL_ADMM_LOSS,     /* L(x) */
  BVL_ADMM_SWITCHED, /* blocks that z made or unmade zero */
  BVL_ADMM_SUPPORT,  /* coefficients of z in blocks that are not zero */
  BVL_ADMM_START,    /* in the first sweep of a lambda: lambda Pen where it began */
  BVL_ADMM_FAILED,
  BVL_ADMM_FLAGS,
  BVL_ADMM_DOTS = BVL_ADMM_FLAGS + 3,
  BVL_ADMM_N_SUMS = BVL_ADMM_DOTS + BVL_ADMM_N_DOTS
} bvl_admm_sum;

typedef struct bvl_admm {
  bvl_problem *problem; /* borrowed */
  const bvl_admm_system_type *type;
  void *system;
  int64_t length;
  bvl_admm_iterate it;
  double *before; /* p_local: z of the sweep before, owned */
  double *aim;    /* p_local: b, owned; 0 where unpenalised */
  bvl_admm_memory memory;
  double *sum;     /* length + BVL_ADMM_N_SUMS, owned */
  double *eta;     /* n_split, owned */
  double *v;       /* p_local, owned: of the point last certified */
  bvl_point point; /* the point last certified, beta owned */
  bvl_certificate certificate;
  double asked;     /* options->admm_rho, 0: adapted */
  double lipschitz; /* of grad L, 0: not known yet */
  double rho;       /* 0 before the first lambda */
  double concavity; /* of the penalty at this lambda */
  double least;     /* what rho may not fall below again */
  double lambda;    /* that it belongs to when inside */
  int inside;       /* a lambda was interrupted, or is being solved */
  int warned;
  int64_t sweeps; /* of this lambda */
} bvl_admm;

/** What is wanted of a lambda and how far it is. */
typedef struct bvl_admm_progress {
  double target_gap;
  double target_kkt;
  double certify_at; /* residual at which the next certificate is due */
  double before;     /* the Lagrangian one sweep before this one's, and this one's */
  double now;
  double last;        /* the Lagrangian one sweep before, INFINITY after a change of rho */
  int64_t balance_at; /* sweep at which rho is looked at again */
  int64_t most;       /* sweeps */
  int64_t settled;    /* sweeps since z's support last changed */
  int64_t support_at; /* sweep from which on Newton's method may end it */
  double start;       /* the objective where the lambda began; INFINITY: not known */
  double reached;     /* the objective where that last ended */
  int restarts;
  int nudged; /* in this sweep, which then has no x-step */
  int done;   /* the certificate says so */
  int over;   /* the budget, the time, or divergence */
  int diverged;
} bvl_admm_progress;

/** The z-step, and the reduction of the sweep: *sums (BVL_ADMM_N_SUMS) over all ranks. Collective.
 */
bvl_status bvl_admm_begin_sweep(bvl_admm *s, bvl_solve_control *control, const double **sums);
/** The rest of it, with the rho it began with. Collective. */
bvl_status bvl_admm_end_sweep(bvl_admm *s, double rho, bvl_admm_progress *at);

/** At a lambda's first point: measures the loss and the penalty, for a rho to begin with.
 * Collective. */
bvl_status bvl_admm_choose_rho(bvl_admm *s);
/** The next rho, from this sweep's sums. Not collective. */
void bvl_admm_adapt_rho(bvl_admm *s, const double *sums, bvl_admm_progress *at);
/** Says once that rho is below what descent is proved for. Not collective. */
void bvl_admm_warn(bvl_admm *s, bvl_solve_control *control);

/** bvl_solver_type.save and .restore. Collective. */
bvl_status bvl_admm_save(const void *solver, const bvl_store *store);
bvl_status bvl_admm_restore(void *solver, const bvl_store *store);

#endif
