/* SPDX-License-Identifier: BSD-3-Clause */
/* A quadratic of K right-hand sides under a penalty on whole blocks of rows, on one rank:
 *
 *     min over B (d x K)  <B, G B> / 2 - <B, C> + sum_g (target_g ||B_g|| + ridge_g ||B_g||^2 / 2)
 *
 * with one G for all right-hand sides.
 *
 * target ||b|| is the least of ||b||^2 / (2 tau) + target^2 tau / 2 over tau >= 0 (Hoff 2017; Poon,
 * Peyre 2021), so with T = diag(tau) over the active rows, S = I + T^1/2 G T^1/2 = L L':
 *
 *     S Y = T^1/2 C,   B = T^1/2 Y,   V = C - G B = T^-1/2 Y,   wanted: ||V_g|| = target_g
 *
 * a block of rows has one unknown, however many K is, and all K share one factor. Newton on
 * 1 / ||V_g|| = 1 / target_g, which for orthogonal columns is linear in tau (the secular equation
 * of More, Sorensen 1983): in delta = dtau / tau,
 *
 *     H delta = ||Y_g||^2 (||V_g|| / target_g - 1),   H_gh = sum over j in g, l in h of
 *                                                            (I - S^-1)_jl <Y_j, Y_l>
 *
 * The solution's matrices serve the next lambdas (multi_stale.h), which are solved so as a rule.
 * The reduced objective sum target^2 tau / 2 - <C, B> / 2 is convex in tau and must not rise. Rows
 * without penalty lead; they are eliminated first. A step costs 2 a^3 + 2 a^2 K flops at
 * most, a active rows; a check of all rows 2 d a K. Purely local. */
#ifndef BVL_SOLVER_MULTI_NEWTON_H
#define BVL_SOLVER_MULTI_NEWTON_H

#include <stdint.h>

#include "base/status.h"
#include "base/watch.h"
#include "solver/multi/multi_stale.h"

typedef struct bvl_multi_quadratic {
  int64_t d;       /* rows of B */
  int64_t K;       /* right-hand sides */
  int64_t n_free;  /* leading rows without penalty; blocks of one row */
  const double *G; /* d x d, both triangles, leading dimension ld */
  int64_t ld;
  const double *C;        /* d x K, a row's K together (as B) */
  int64_t n_blocks;       /* with the free ones */
  const int64_t *begin;   /* n_blocks + 1 rows */
  const double *target;   /* n_blocks, > 0 but for free ones; INFINITY = stays 0 */
  const double *ridge;    /* n_blocks */
  const bvl_watch *watch; /* NULL = none */
} bvl_multi_quadratic;

typedef struct bvl_multi_newton {
  double *tau; /* n_blocks: the caller's start, then the solution; owned */
  int64_t block_capacity;
  /* the rest is scratch, owned */
  double *old_tau, *norm;   /* n_blocks */
  double *rhs, *step, *x;   /* n_blocks, by number in `active` */
  unsigned char *leaves;    /* the same */
  int64_t *active;          /* n_blocks: blocks with tau > 0 */
  unsigned char *is_active; /* n_blocks */
  int64_t n_active;
  int64_t *row; /* d: the active rows */
  int64_t *own; /* d: number in `active` of each active row's block */
  double *root; /* d: sqrt(tau) of each active row */
  int64_t n_rows;
  double *Y;    /* d x K, a row's K together: of active rows, one after another */
  double *E;    /* d x K: C without the free rows' part */
  double *V;    /* d x K */
  double *wide; /* 2 d x K scratch, column-major */
  int64_t row_capacity, wide_capacity, wide_room;
  double *S; /* n_rows x n_rows */
  double *H; /* n_rows x n_rows */
  double *A; /* n_active x n_active */
  int64_t square_capacity[3];
  double *free_factor; /* n_free x n_free */
  double *P;           /* n_free x d: the factor's inverse times G's free rows */
  double *free_C;      /* n_free x K, column-major: the same times C's */
  int64_t free_capacity, P_capacity, free_C_capacity;
  bvl_multi_stale stale; /* the matrix of an earlier solution, if any */
} bvl_multi_newton;

typedef struct bvl_multi_outcome {
  int64_t steps;
  int solved;
} bvl_multi_outcome;

void bvl_multi_newton_free(bvl_multi_newton *s);

/** Room for q, zero tau for new blocks, and the free rows' elimination: again after q's G or shape
 * changed. @return BVL_ERR_NOMEM. */
bvl_status bvl_multi_newton_open(bvl_multi_newton *s, const bvl_multi_quadratic *q);

/** The same where rows and blocks joined at the end and nothing else changed in G: what was learnt
 * at earlier points is kept. @return BVL_ERR_NOMEM. */
bvl_status bvl_multi_newton_widen(bvl_multi_newton *s, const bvl_multi_quadratic *q);

/** Solves from s->tau until | ||V_g|| - target_g | <= tol on active blocks and ||V_g|| <= target_g
 * + tol elsewhere, or in max_steps. B (d x K) <- the answer. @return BVL_ERR_NOMEM. */
bvl_status bvl_multi_newton_solve(bvl_multi_newton *s, const bvl_multi_quadratic *q, double tol,
                                  int64_t max_steps, double *B, bvl_multi_outcome *outcome);

/* ---- for multi_stale.c ---------------------------------------------------------------------- */

/** An entry of G without the free rows' part. */
double bvl_multi_newton_entry(const bvl_multi_newton *s, const bvl_multi_quadratic *q, int64_t j,
                              int64_t l);
/** V of all rows at the penalised rows of B, whose blocks are those with tau > 0: also listed.
 * @return BVL_ERR_NOMEM. */
bvl_status bvl_multi_newton_residual(bvl_multi_newton *s, const bvl_multi_quadratic *q,
                                     const double *B);

#endif
