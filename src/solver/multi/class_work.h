/* SPDX-License-Identifier: BSD-3-Clause */
/* What a second-order solver for classes needs from the rows of X: rank 0 decides alone and orders,
 * every rank works on its rows and the sums come back to rank 0, as bvl_row_work has it for one
 * predictor. So no rank takes a branch that another could take differently.
 *
 *   rank 0:                                        the others:
 *     bvl_class_work_evaluate(w, B, V, &loss)        bvl_class_work_serve(w)
 *     bvl_class_work_linearise(w, n, rows)             (returns at the stop)
 *     bvl_class_work_product(...)  ...
 *     bvl_class_work_stop(w, status)
 *
 * F = [1 | the set's columns], B and V are d x K, a row's K together; mu = softmax(F B).
 * Traffic: a broadcast of d K + 2 with every order; a reduction of d K + 1 an evaluation, K a
 * linearisation, n K a product with n rows, K (K + 1) / 2 of n^2 a Hessian (and an agreement on
 * memory). */
#ifndef BVL_SOLVER_CLASS_WORK_H
#define BVL_SOLVER_CLASS_WORK_H

#include "solver/working_set.h"

typedef struct bvl_class_work {
  bvl_problem *problem; /* borrowed */
  bvl_working_set *set; /* borrowed */
  int64_t K;            /* classes */
  double *eta;          /* n_split x K: the predictor at the point last evaluated, owned */
  double *mu;           /* n_split x K: the mean at the point last linearised, owned */
  double *u;            /* n_split x K, owned scratch */
  double *h;            /* n_split, owned scratch */
  double *message;      /* 2 + d K: the order, its size, its values; owned */
  double *v;            /* (d + 1) K + 1: what came of it, on rank 0 the sum; owned */
  double *wide;         /* K of d + 1: coefficients or products class by class; owned */
  int64_t *list;        /* d: columns linearised on, -1 the intercept's; owned */
  int64_t n_list;
  double *moment; /* d: each column's weighted mean square, the same on every rank; owned */
  int64_t moment_d, generation; /* unknowns and generation of the set it is right for */
  int64_t capacity[4];
  double *gram; /* n x n, this rank's part, then on rank 0 the sum; owned */
  int64_t gram_capacity;
  double *hessian; /* rank 0: n K x n K, row a's class k is number a K + k; owned */
  int64_t hessian_capacity;
} bvl_class_work;

bvl_status bvl_class_work_create(bvl_problem *problem, bvl_working_set *set, bvl_class_work *out);
void bvl_class_work_free(bvl_class_work *w);

/** Room for the set as it is now, and its moments. Collective; before the first order after the set
 * changed. */
bvl_status bvl_class_work_open(bvl_class_work *w);

/** For every rank but 0: carries out orders until the stop. @return the status stopped with. */
bvl_status bvl_class_work_serve(bvl_class_work *w);

/* ---- rank 0 alone --------------------------------------------------------------------------- */

/** Moves to B: loss <- mean loss there, V <- F'R / n, minus the gradient, of all d rows. */
bvl_status bvl_class_work_evaluate(bvl_class_work *w, const double *B, double *V, double *loss);
/** From here on products are with the Hessian at the point last evaluated, in the n given rows
 * (ascending). spread (K) <- the mean of w mu_k (1 - mu_k). */
bvl_status bvl_class_work_linearise(bvl_class_work *w, int64_t n, const int64_t *rows,
                                    double *spread);
/** out (n x K) <- the loss's Hessian times x (n x K). */
bvl_status bvl_class_work_product(bvl_class_work *w, const double *x, double *out);
/** w->hessian's lower triangle <- that Hessian. */
bvl_status bvl_class_work_hessian(bvl_class_work *w);
/** Ends the others' serving. @return status */
bvl_status bvl_class_work_stop(bvl_class_work *w, bvl_status status);

#endif
