/* SPDX-License-Identifier: BSD-3-Clause */
/* A factored matrix that gains and loses unknowns without being factored again: they stand in a
 * border,
 *
 *   [ F  B ]      B: for an unknown that joined, its column of the matrix; for one that left, the
 *   [ B' C ]      unit vector that forbids it. Y = F^-1 B, S = C - B'Y (factored, LU).
 *
 * (The Schur-complement updates of Gill, Murray, Saunders & Wright 1984.) A column costs one solve
 * with F; a solve with the bordered matrix one with F and 4 m n flops here. Purely local: on the
 * rank that leads, 2 m n doubles. */
#ifndef BVL_SOLVER_BORDER_H
#define BVL_SOLVER_BORDER_H

#include <stdint.h>

#include "base/status.h"

typedef struct bvl_border {
  int64_t m;        /* of F */
  int64_t n;        /* columns */
  int64_t capacity; /* columns there is room for */
  int64_t *name;    /* n: the caller's, owned */
  double *B;        /* m x capacity, owned */
  double *Y;        /* m x capacity, owned */
  double *C;        /* capacity x capacity: S; new columns as C, until close. Owned */
  double *S;        /* n x n: its LU factors, owned */
  double *t;        /* capacity, owned scratch */
  int *pivots;      /* capacity, owned */
} bvl_border;

void bvl_border_free(bvl_border *border);

/** No columns, over another factor of m unknowns. */
void bvl_border_clear(bvl_border *border, int64_t m);

/** Keeps the columns with keep[k] != 0, in order. */
void bvl_border_keep(bvl_border *border, const unsigned char *keep);

/** Room for n columns more: they are to be written to name, B, Y and C from column `n` on (C's rows
 * too, as far as the new columns) before bvl_border_close counts them in. @return BVL_ERR_NOMEM,
 * and the border is then empty. */
bvl_status bvl_border_open(bvl_border *border, int64_t n);

/** Takes in n columns more (0 after bvl_border_keep) and factors S. @return BVL_OK with *singular
 * != 0 when S is singular to rounding. */
bvl_status bvl_border_close(bvl_border *border, int64_t n, int *singular);

/** u (m): F^-1 r in, the solution out; rest (n): the border's right-hand side in, its solution
 * out. r (m): what u came from. */
void bvl_border_solve(bvl_border *border, const double *r, double *u, double *rest);

#endif
