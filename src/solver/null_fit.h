/* SPDX-License-Identifier: BSD-3-Clause */
/* A quadratic loss measured from the null fit: the unknowns without penalty count from their
 * coefficients there, so that the gradient c = X'r / n carries no mean of y, and loses no digits to
 * it. */
#ifndef BVL_SOLVER_NULL_FIT_H
#define BVL_SOLVER_NULL_FIT_H

#include "solver/working_set.h"

/* All-zero is valid and empty. */
typedef struct bvl_null_fit {
  const bvl_problem *problem; /* borrowed */
  bvl_working_set *set;       /* borrowed */
  int64_t free_d;             /* leading unknowns without penalty */
  double *b;                  /* free_d: the null fit, owned */
  double *r;                  /* n_split: residuals there, owned */
  double *c;                  /* d: X'r / n, on rank 0; owned */
  int64_t capacity;           /* of c */
  int64_t d;                  /* unknowns c is right for */
  int64_t generation;         /* of the set then */
} bvl_null_fit;

/** @param set  a new working set (only free unknowns); borrowed. Loads the null fit into it.
 * Collective. */
bvl_status bvl_null_fit_create(const bvl_problem *problem, bvl_working_set *set, bvl_null_fit *out);
void bvl_null_fit_free(bvl_null_fit *fit);

/** Room for c of the set as it is now. Not collective. */
bvl_status bvl_null_fit_reserve(bvl_null_fit *fit);

/** Brings c in step with the set: a pass over its columns and a reduction to rank 0 where the set
 * has changed. Collective; there must be room. */
bvl_status bvl_null_fit_follow(bvl_null_fit *fit);

/** Coefficients b (d), from 0 -> from the null fit, and back. Not collective. */
void bvl_null_fit_subtract(const bvl_null_fit *fit, double *b);
void bvl_null_fit_add(const bvl_null_fit *fit, double *b);

#endif
