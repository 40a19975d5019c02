/* SPDX-License-Identifier: BSD-3-Clause */
/* A quadratic with a penalty that need not be convex, on single unknowns or on blocks of them, of
 * which few are ever nonzero,
 *
 *   min over b  b'Gb/2 - c'b + sum_g P(||b_g||; lw_g):
 *
 * those and the ones that want to be are gathered into a small problem (bvl_concave_newton for
 * single unknowns, bvl_quadratic for blocks); the gradient of all says who else wants in. There are
 * many stationary points: the low ones are found where those that are in settle first, which leaves
 * less for others to explain, and those that want in then come by how much. No solution has a
 * higher objective than its start. Purely local. Cost of a look at all d unknowns:
 * d x nonzero. */
#ifndef BVL_SOLVER_CONCAVE_SET_H
#define BVL_SOLVER_CONCAVE_SET_H

#include "solver/concave/concave_newton.h"

typedef struct bvl_concave_task {
  int64_t d;       /* unknowns */
  const double *G; /* d x d, both triangles, leading dimension ld */
  int64_t ld;
  const double *c; /* d: the gradient's negative at b = 0 */
  int64_t n_blocks;
  const int64_t *begin;    /* n_blocks + 1; block g is unknowns begin[g] .. begin[g + 1] - 1 */
  const double *lw;        /* n_blocks: lambda times the factor; 0 = unpenalised, of one unknown */
  const double *curvature; /* n_blocks: what a penalty with a rest judges zeros by */
  const bvl_penalty *penalty;
  const bvl_watch *watch; /* NULL = none */
} bvl_concave_task;

typedef struct bvl_concave_wish {
  int64_t block;
  double excess; /* by how much it wants in */
} bvl_concave_wish;

typedef struct bvl_concave_set {
  bvl_concave_newton newton;
  int64_t capacity;       /* of the arrays over all unknowns */
  double *b;              /* d, owned */
  double *q;              /* d: c - G b, owned */
  unsigned char *in;      /* n_blocks <= d: is the block in the list? owned */
  bvl_concave_wish *wish; /* n_blocks <= d: who wants in, owned */
  int64_t n_listed;       /* blocks in the list */
  int64_t n;              /* their unknowns */
  int64_t n_held;         /* of those, with rows in the small G already */
  int kept;     /* is the small G that of its last solution, but for those joined since? */
  int64_t room; /* of the small problem, its leading dimension */
  double *G;    /* room x room, owned */
  /* room each (begin: one more), owned */
  int64_t *block;    /* listed blocks, in the order they came */
  int64_t *begin;    /* of each in the small problem */
  int64_t *unknown;  /* which each of the small problem's stands for */
  double *lw;        /* of listed blocks */
  double *curvature; /* of listed blocks */
  double *c;
  double *x;
  double *gradient;
} bvl_concave_set;

void bvl_concave_set_free(bvl_concave_set *s);

/** Begins at b (p->d; may not be s->b) with what is nonzero or unpenalised there. Needed first and
 * whenever the unknowns changed. @return BVL_ERR_NOMEM. */
bvl_status bvl_concave_set_start(bvl_concave_set *s, const bvl_concave_task *p, const double *b);

/** Solves at p's lw from where s stands; the answer is s->b. As bvl_concave_newton_solve. */
bvl_status bvl_concave_set_solve(bvl_concave_set *s, const bvl_concave_task *p, double tol,
                                 int64_t max_rounds, bvl_concave_outcome *outcome);

/** The objective at s->b; 0 is that of b = 0. */
double bvl_concave_set_objective(const bvl_concave_set *s, const bvl_concave_task *p);

#endif
