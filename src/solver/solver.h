/* SPDX-License-Identifier: BSD-3-Clause */
/* GLM solvers at one lambda, behind one table: the path picks a row and knows no more. This is the
 * seam: a faster certified engine replaces a row, not the path. */
#ifndef BVL_SOLVER_SOLVER_H
#define BVL_SOLVER_SOLVER_H

#include "base/watch.h"
#include "bevel/monitor.h"
#include "bevel/path.h"
#include "model/problem.h"

/** Where the path stands, shared by path and solver. */
typedef struct bvl_solve_state {
  double lambda;          /* the one to solve */
  double lambda_previous; /* v belongs to this one's solution; lambda_max at first */
  bvl_point point;        /* in: warm start; out: the answer */
  double *v;              /* p_local: x~'r/n at `point` when v_valid */
  int v_valid;
  const double *slope;         /* p_local: dv/dlambda at `point`, the solver's, or NULL; only while
                                  control->finished is called for the last lambda of a batch */
  bvl_certificate certificate; /* of `point` at `lambda`, out */
  int64_t iterations;          /* of this lambda so far, also over interruptions */
  double epochs;               /* of this lambda so far (stochastic) */
  int status;                  /* as in a result file */
} bvl_solve_state;

/** What a solver may ask of the path while it works. */
typedef struct bvl_solve_control {
  const bvl_monitor *monitor; /* never NULL; members may be */
  const bvl_path_options *options;
  double start_s;           /* bvl_now_s() when the path began */
  double deadline_s;        /* bvl_now_s() to stop at; INFINITY. Rank 0's clock decides */
  double next_checkpoint_s; /* bvl_now_s() of the next periodic checkpoint; INFINITY */
  bvl_watch watch;          /* for rank 0's loops between polls: is a stop wanted, or time up? */
  /** Called, collectively, when the state is whole and someone wants a checkpoint. */
  bvl_status (*checkpoint)(void *context);
  /** Called, collectively, by solve_run as each lambda is finished: takes state's answer and makes
   * state ready for the next (lambda_previous, iterations, epochs). */
  bvl_status (*finished)(void *context);
  /** Told of each batch of lambdas solved together; may be NULL. Not collective. */
  void (*batch_done)(void *context, const bvl_batch *batch);
  double end_s;     /* bvl_now_s() at which the path is expected to end; 0: not known. Rank 0's */
  int moments;      /* set by a solver that has all columns' second moments: no more sweeps */
  int enough;       /* set by finished: no further lambda is wanted. The same on all ranks */
  int64_t together; /* set before the first of that many calls of finished: they share their time */
  void *context;
  bvl_progress progress; /* k, n_lambda, elapsed: for monitor->progress */
} bvl_solve_control;

typedef struct bvl_solver_type {
  const char *name;
  bvl_status (*create)(bvl_problem *problem, const bvl_path_options *options, void **solver);
  void (*destroy)(void **solver);
  /** Solves at state->lambda from state->point. Collective. Leaves point, v, certificate,
   * iterations, epochs and status. BVL_ERR_INTERRUPTED when a stop was wanted: state (and what save
   * writes) then lets a later call go on. */
  bvl_status (*solve)(void *solver, bvl_solve_state *state, bvl_solve_control *control);
  /** Solves lambdas[0..n) (descending) as many at once as it likes, at least the first; NULL = one
   * at a time by solve. Calls control->finished for each. */
  bvl_status (*solve_run)(void *solver, int64_t n, const double *lambdas, bvl_solve_state *state,
                          bvl_solve_control *control);
  /** The solver's own memory inside a lambda (factors, momenta); may be NULL when point is enough.
   */
  bvl_status (*save)(const void *solver, const bvl_store *store);
  bvl_status (*restore)(void *solver, const bvl_store *store);
} bvl_solver_type;

extern const bvl_solver_type bvl_solver_newton; /* working set, second order inside */
extern const bvl_solver_type bvl_solver_cd;     /* working set, coordinate descent inside */
extern const bvl_solver_type
    bvl_solver_surrogate;                       /* sgd, momentum, adam, lbfgs by options->solver */
extern const bvl_solver_type bvl_solver_varpro; /* variable projection, gaussian loss */
extern const bvl_solver_type
    bvl_solver_admm; /* splits loss and penalty; every penalty with a prox */

/** This rank's monitor->poll, on rank 0 with BVL_WANT_TIME_UP past the deadline and
 * BVL_WANT_CHECKPOINT when due. Not collective: for solvers that put the answer (as three flags
 * whose sum over ranks is read back) into a reduction they make anyway. */
int bvl_solve_wants(const bvl_problem *problem, bvl_solve_control *control);
void bvl_wants_to_flags(int wants, double flags[3]);
int bvl_wants_from_flags(const double flags[3]);

/** The same in a reduction of its own: every rank's wants, equal on all. Collective. */
bvl_status bvl_solve_poll(const bvl_problem *problem, bvl_solve_control *control, int *wants);

/** Acts on agreed wants: checkpoint on STOP or CHECKPOINT, then BVL_ERR_INTERRUPTED on STOP. State
 * must be whole. Collective. */
bvl_status bvl_solve_heed(bvl_solve_control *control, int wants);

/** Fills control->progress from state and hands it to the monitor on rank 0. Not collective. */
void bvl_solve_report(const bvl_problem *problem, bvl_solve_control *control, const char *phase,
                      const bvl_solve_state *state);

#endif
