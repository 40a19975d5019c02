/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of the ADMM solver (methods of Ke, Shin, Lou, Ahn 2024; Boyd et al. 2011):
 *
 *   min L(x, c) + P(z)  s.t.  x = z,     c: intercept and unpenalised columns, in x alone
 *   z = prox_P(x + d / rho),   x = argmin L + rho/2 ||x - a + d / rho||^2,   d += rho (x - a)
 *
 * with a = relax z + (1 - relax) x_old, so that the x-step sees its aim b = a - d / rho alone. The
 * dual d is not scaled, so that a change of rho leaves it alone; after an exact x-step d = -grad
 * L(x). What x-step there is, is a system: one for fewer rows than columns, one for fewer columns.
 */
#ifndef BVL_SOLVER_ADMM_H
#define BVL_SOLVER_ADMM_H

#include "solver/solver.h"

/** What every system shares of the iterate: this rank's columns, equal over the grid column.
 * Excluded columns stay 0 in all; unpenalised ones are c in x and 0 in d. */
typedef struct bvl_admm_iterate {
  double *x;        /* p_local, owned */
  double *z;        /* p_local, owned; 0 at unpenalised columns */
  double *d;        /* p_local, owned: the dual, -grad L(x) */
  double intercept; /* replicated */
  double loss;      /* L at x as this rank counts it: the sum over ranks is L */
} bvl_admm_iterate;

/** The x-step. A sweep is put, a sum over all ranks of `length` doubles (with whatever rides along
 * behind), and step. */
typedef struct bvl_admm_system_type {
  /** Collective. */
  bvl_status (*create)(bvl_problem *problem, void **out);
  void (*destroy)(void **system);
  /** Doubles that put fills. */
  int64_t (*length)(const void *system);
  /** A bound of the Lipschitz constant of grad L (Poisson, which has none: about that at the null
   * fit), by power iteration; replicated up to rounding. Collective. */
  bvl_status (*lipschitz)(void *system, double *out);
  /** it->x, intercept <- point; it->d <- -grad L there. Collective. */
  bvl_status (*start)(void *system, const bvl_point *point, bvl_admm_iterate *it);
  /** This rank's part of what tells the aim b = relax z + (1 - relax) x - d / rho (p_local, 0 where
   * unpenalised), to be summed over all ranks. Not collective. @return BVL_ERR_NOMEM. */
  bvl_status (*put)(void *system, const bvl_admm_iterate *it, const double *b, double *part);
  /** The sum becomes what the x-step knows b by, a linear image of it. Not collective. */
  void (*image)(void *system, double rho, double relax, double *sum);
  /** x <- argmin L + rho/2 ||x - b||^2, for any b and its image, warm from the last one; d = rho (x
   * - b), intercept and loss go with it. Collective. */
  bvl_status (*step)(void *system, double rho, const double *b, const double *image,
                     bvl_admm_iterate *it);
} bvl_admm_system_type;

extern const bvl_admm_system_type bvl_admm_rows;    /* n x n */
extern const bvl_admm_system_type bvl_admm_columns; /* p x p, quadratic loss */
extern const bvl_admm_system_type bvl_admm_tall;    /* p x p, any loss */

/** G (n x n, column-major, lower triangle, the same on every rank) <- sum over penalised columns of
 * x~_j x~_j', rows in the order of grid rows and block rows. Collective: products local where the
 * grid has one row, else each column goes once along its grid column; one reduction of n^2.
 * @return BVL_ERR_NOMEM. */
bvl_status bvl_admm_gram(bvl_problem *problem, double *G);

/** First row of this rank's block rows in that order. Collective. */
bvl_status bvl_admm_first_row(const bvl_problem *problem, int64_t *first);

/** out (n, that order, the same on every rank) <- the ranks' split rows. Collective: a reduction of
 * n. */
bvl_status bvl_admm_gather_rows(const bvl_problem *problem, int64_t first_row, const double *split,
                                double *out);

static inline int bvl_admm_is_penalised(const bvl_problem *problem, int64_t block)
{
  const double weight = problem->blocks.weight[block];
  return weight > 0 && weight < INFINITY;
}

#endif
