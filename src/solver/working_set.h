/* SPDX-License-Identifier: BSD-3-Clause */
/* The blocks a solver works on, gathered from all ranks: their columns (bvl_active, rows split over
 * all ranks), their coefficients (replicated) and their weighted Gram (on rank 0 alone, where the
 * inner problem is solved). Unknowns are ordered: intercept (if any), unpenalised columns, then
 * blocks in the order they came. */
#ifndef BVL_SOLVER_WORKING_SET_H
#define BVL_SOLVER_WORKING_SET_H

#include "bevel/path.h"
#include "model/problem.h"

typedef struct bvl_working_set {
  bvl_problem *problem; /* borrowed */
  bvl_active *columns;  /* owned */
  int64_t d;            /* unknowns: intercept + columns->n_cols */
  int64_t n_blocks;     /* the intercept is block 0 when there is one */
  int64_t *begin;       /* n_blocks + 1 unknowns, replicated, owned */
  double *weight;       /* n_blocks, replicated; 0 = unpenalised; owned */
  double *curvature;    /* n_blocks: the problem's, where it has some; 1 elsewhere; owned */
  int64_t *idle;        /* n_blocks: lambdas in a row that ended with the block at 0; owned */
  int64_t block_capacity;
  double *b; /* d coefficients, replicated, owned */
  int64_t b_capacity;
  unsigned char *member; /* problem->blocks.n: is this rank's block in the set? owned */
  double *G;             /* rank 0: Gram / n, d x d, leading dimension ld; owned */
  int64_t ld;
  int64_t generation; /* how often unknowns were renumbered (prune) */
  int64_t gram_d;     /* unknowns whose Gram G holds */
  double *h;          /* n_split: the Gram's weights, owned */
  int weighed;        /* is h in use (or the problem's own weights)? */
  int64_t weighing;   /* how often h was changed */
  bvl_gram gram;      /* where engines that can choose keep the Gram; set once by the solver */
  int64_t gram_limit; /* BVL_GRAM_AUTO: unknowns from which on it is distributed, 0 = a default */
} bvl_working_set;

/** A set with the intercept and the unpenalised columns. Collective. */
bvl_status bvl_working_set_create(bvl_problem *problem, bvl_working_set **out);
void bvl_working_set_destroy(bvl_working_set **set);

/** wanted[g] <- is this rank's block g outside the set, and nonzero in point or with ||v_g|| at or
 * (strict) above the threshold of `level`? The strong rule with level = 2 lambda - lambda_previous,
 * the violators with level = lambda, strict. Returns how many are wanted. Not collective. */
int64_t bvl_working_set_mark(const bvl_working_set *set, const double *v, const bvl_point *point,
                             double level, int strict, unsigned char *wanted);

/** Raises `level` until at most about `limit` blocks outside the set stand at or above it (v as for
 * mark), none of which is expected above `top`; some block always does when one did. Collective: a
 * small reduction. */
bvl_status bvl_working_set_cap(const bvl_working_set *set, const double *v, double top,
                               int64_t limit, double *level);

/** Adds this rank's blocks with wanted[g] != 0 (those not in yet); their b starts at 0.
 * Collective; one count, one gather of block shapes and one exchange of columns along grid rows. */
bvl_status bvl_working_set_add(bvl_working_set *set, const unsigned char *wanted);

/** b <- point (one reduction along the grid row) / point <- b, zero outside the set. */
bvl_status bvl_working_set_load(bvl_working_set *set, const bvl_point *point);
void bvl_working_set_store(const bvl_working_set *set, bvl_point *point);

/** beta[c] <- b of the set's columns that are this rank's (NULL = 0), the rest of beta untouched.
 * Not collective; d steps where bvl_working_set_store takes p_local. */
void bvl_working_set_scatter(const bvl_working_set *set, const double *b, double *beta);
/** The problem's bounds of all d unknowns, the intercept's infinite; for a problem that has bounds.
 * Collective: a reduction along the grid row. */
bvl_status bvl_working_set_bounds(const bvl_working_set *set, bvl_interval *out);
/** The penalty at a lambda as the lasso engines take it, d each: threshold and curvature of every
 * unknown, 0 where there is no penalty. For blocks of single columns. Not collective. */
void bvl_working_set_penalty(const bvl_working_set *set, double lambda, double *threshold,
                             double *ridge);

/** eta (n_split x k) = offset + intercept + columns b, from scratch, for k vectors b ld_b apart.
 * Not collective. */
void bvl_working_set_eta(const bvl_working_set *set, int64_t k, const double *b, int64_t ld_b,
                         double *eta);

/** out[0..d) = [sum r, columns'r] over this rank's rows: the caller reduces. Not collective. */
void bvl_working_set_correlate(const bvl_working_set *set, const double *r, double *out);

/** From now on the Gram is with weights h (n_split, copied) instead of the problem's own; what
 * there is of it is forgotten. Not collective. */
void bvl_working_set_weigh(bvl_working_set *set, const double *h);

/** Brings G on rank 0 up to date, computing only what is new since the last call (everything after
 * bvl_working_set_weigh). Collective; one reduction to rank 0 of new x all columns. */
bvl_status bvl_working_set_gram(bvl_working_set *set);

/** Counts idle lambdas and, when the set has grown to over twice its support, drops the blocks that
 * have been zero for several. Decided on rank 0. Collective: one broadcast. */
bvl_status bvl_working_set_prune(bvl_working_set *set);

#endif
