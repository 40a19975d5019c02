/* SPDX-License-Identifier: BSD-3-Clause */
/* For losses that are not quadratic,
 *
 *   min over b  loss(b) / n + sum_g P(||b_g||; lw_g),   P not convex,
 *
 * along lambdas: the loss's quadratic model on the nonzero unknowns and those that want to be is
 * solved by bvl_concave_newton (blocks: bvl_quadratic), the answer is taken where the objective
 * does not rise and asked for again nearer by (a heavier diagonal) where it does. The model's
 * gradient is exact, its matrix may be several steps and lambdas old. Rank 0 runs this; what
 * concerns rows it orders from all ranks (bvl_row_work). A step: an evaluation with the gradient of
 * all unknowns, sometimes a Gram. */
#ifndef BVL_SOLVER_CONCAVE_ROWS_H
#define BVL_SOLVER_CONCAVE_ROWS_H

#include "solver/concave/concave_newton.h"
#include "solver/row_work.h"

typedef struct bvl_concave_rows {
  bvl_row_work *work;         /* borrowed */
  const bvl_penalty *penalty; /* borrowed */
  bvl_concave_newton newton;
  int64_t d;             /* unknowns */
  int64_t n_blocks;      /* of them, as in the working set */
  const int64_t *begin;  /* n_blocks + 1, borrowed */
  int64_t capacity;      /* of the arrays over unknowns */
  double *b;             /* d, owned */
  double *g;             /* d: minus the loss's gradient at b, owned */
  double *b_before;      /* d, owned */
  double *g_before;      /* d, owned */
  unsigned char *listed; /* d, owned */
  double loss;           /* at b */
  double damping;        /* the last step's, of the model's diagonal */
  int64_t n_listed;      /* blocks in the model */
  int64_t n;             /* unknowns in the model */
  int64_t n_held;        /* of them with rows in G */
  int64_t room;          /* of the model, its leading dimension */
  int64_t *list;         /* room, owned */
  double *G;             /* room x room, lower triangle: the model without damping; owned */
  double *H;             /* room x room: what is solved, owned */
  /* room each (begin_listed: one more), owned */
  int64_t *block;        /* listed blocks, in the order they came */
  int64_t *begin_listed; /* of each in the model */
  int64_t *moving;       /* the model's unknowns in a Newton step of blocks */
  double *lw_listed;
  double *curvature; /* of listed blocks: what a penalty with a rest judges zeros by */
  double *c;
  double *x;
  double *gradient;
} bvl_concave_rows;

typedef struct bvl_concave_step_count {
  int64_t steps;
  int solved;
} bvl_concave_step_count;

void bvl_concave_rows_free(bvl_concave_rows *s);

/** Goes to the working set as it is now and to its b, and forgets the model. lw: of its blocks. */
bvl_status bvl_concave_rows_open(bvl_concave_rows *s, bvl_row_work *work, const double *lw);

/** Solves at lw (n_blocks; 0 = unpenalised) from where s stands, to residual <= tol; the answer is
 * s->b. @param watch  NULL = none. */
bvl_status bvl_concave_rows_solve(bvl_concave_rows *s, const double *lw, double tol,
                                  int64_t max_steps, const bvl_watch *watch,
                                  bvl_concave_step_count *outcome);

#endif
