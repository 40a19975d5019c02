/* SPDX-License-Identifier: BSD-3-Clause */
/* Truncated Newton for classes whose rows of coefficients are penalised by their norm:
 *
 *     min over B (d x K)  loss(F B) / n + sum_g (target_g ||B_g|| + ridge_g ||B_g||^2 / 2)
 *
 * smooth where no block B_g is 0: Newton's system in the blocks that are not, by conjugate
 * gradients (Dembo, Eisenstat, Steihaug 1982: only as exactly as the residual deserves) under an
 * older factor (bvl_class_factor), and a search along the step that never lets the objective rise.
 * A block that the step would turn round goes to 0, and the rest solves again; blocks at 0 with
 * ||V_g|| > target_g enter along V_g. Rank 0 runs this; what concerns rows of X it orders from all
 * ranks (bvl_class_work).
 * Cost: an evaluation has two products of X with K vectors, so has an iteration of the system. */
#ifndef BVL_SOLVER_CLASS_NEWTON_H
#define BVL_SOLVER_CLASS_NEWTON_H

#include "base/watch.h"
#include "solver/multi/class_factor.h"

typedef struct bvl_class_problem {
  int64_t n_free;       /* leading rows without penalty; blocks of one row */
  int64_t n_blocks;     /* with the free ones */
  const int64_t *begin; /* n_blocks + 1 rows */
  double *target;       /* n_blocks, 0 of free ones */
  double *ridge;        /* n_blocks */
  double tol;           /* of the largest violation of stationarity of a block */
  double unit;          /* what a violation is large against */
  int64_t max_steps;
  const bvl_watch *watch; /* NULL = none */
} bvl_class_problem;

typedef struct bvl_class_newton {
  bvl_class_work *work; /* borrowed */
  bvl_class_factor factor;
  int64_t d, K;
  /* d x K each, owned */
  double *B, *V; /* the point, and minus the loss's gradient there */
  double *trial, *trial_V;
  double *step;   /* of the system's rows, as the next six */
  double *g, *g0; /* the system's residual; minus the objective's gradient */
  double *z, *q, *Hq;
  double *u;    /* bvl_class_rows.u */
  double *size; /* n_blocks: ||B_g||, owned */
  /* d each, owned: bvl_class_rows */
  int64_t *row, *block;
  unsigned char *leaves; /* of the system's rows: those of blocks on their way to 0 */
  double *bend, *ridge, *moment;
  double *spread; /* K, owned */
  double loss;    /* mean loss at B */
  int64_t wide_capacity, capacity;
} bvl_class_newton;

typedef struct bvl_class_outcome {
  int64_t evaluations, products;
  int solved;
} bvl_class_outcome;

void bvl_class_newton_free(bvl_class_newton *s);

/** Goes to the working set as it is now and to B (d x K). @param renumbered  rows have other
 * numbers than before. */
bvl_status bvl_class_newton_open(bvl_class_newton *s, bvl_class_work *work, const double *B,
                                 int renumbered);

/** Solves from where s stands; the answer is s->B. */
bvl_status bvl_class_newton_solve(bvl_class_newton *s, const bvl_class_problem *p,
                                  bvl_class_outcome *outcome);

#endif
