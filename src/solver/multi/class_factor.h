/* SPDX-License-Identifier: BSD-3-Clause */
/* A preconditioner for Newton's system in the rows of a class model that are not 0: a Cholesky
 * factor of an older Hessian in older rows, and for rows that came since (or all, where that would
 * be too large) the column's mean square times the mean spread of the classes. The penalty's
 * curvature of a block b of rows is
 *
 *     target / ||b|| (I - u u') + ridge I,   u = b / ||b||
 *
 * A Hessian or a factor is made anew when the iterations that its age has cost are worth it. On
 * rank 0. Cost: a^3 K^3 / 3 a factor, 2 a^2 K^2 an application, a rows. */
#ifndef BVL_SOLVER_CLASS_FACTOR_H
#define BVL_SOLVER_CLASS_FACTOR_H

#include "solver/multi/class_work.h"

/** Newton's system: the rows that are not 0, ascending, n_free free ones first. */
typedef struct bvl_class_rows {
  int64_t n;      /* rows */
  int64_t n_free; /* of them without penalty */
  int64_t K;
  const int64_t *row;   /* n: as numbered in the working set */
  const int64_t *block; /* n: the block each row is of */
  const double *u;      /* n x K: a row's part of b / ||b||, 0 of free rows */
  const double *bend;   /* n: target / ||b||, 0 of free rows */
  const double *ridge;  /* n */
  const double *moment; /* n: mean squares of the columns */
  const double *spread; /* K: mean of mu (1 - mu) */
} bvl_class_rows;

typedef struct bvl_class_factor {
  int64_t n;        /* rows of the Hessian, 0 = there is none */
  int64_t *row;     /* n, owned */
  double *H;        /* n K x n K, the loss's, lower triangle; owned */
  int64_t n_used;   /* rows of the factor */
  int64_t *used;    /* n_used: the rows, owned */
  double *L;        /* n_used K x n_used K, owned */
  int64_t *place;   /* n_used: number among the system's rows, -1 = not there; owned */
  int64_t *missing; /* n_missing of the system's rows, owned */
  int64_t n_missing;
  double *x; /* n_used K, owned scratch */
  int64_t capacity[7];
  /* what age costs, in iterations: a digit's when either was new, and what came on top since */
  double fresh_H, fresh_L, excess_H, excess_L;
  int is_new_H, is_new_L;
} bvl_class_factor;

void bvl_class_factor_free(bvl_class_factor *f);

/** Rows have other numbers now: nothing is known. */
void bvl_class_factor_forget(bvl_class_factor *f);

/** Makes ready for the rows, which `work` was just linearised on. */
bvl_status bvl_class_factor_open(bvl_class_factor *f, bvl_class_work *work,
                                 const bvl_class_rows *rows);

/** z <- the preconditioner times r, n x K both. */
void bvl_class_factor_apply(const bvl_class_factor *f, const bvl_class_rows *rows, const double *r,
                            double *z);

/** A solve took so many iterations for so many digits. */
void bvl_class_factor_note(bvl_class_factor *f, int64_t iterations, double digits);

#endif
