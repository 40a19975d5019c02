/* SPDX-License-Identifier: BSD-3-Clause */
/* What a second-order solver on the working set needs from the rows of X: rank 0 decides alone and
 * orders, every rank works on its rows and the sums come back to rank 0. So there is one message to
 * all and one sum to rank 0 an order, and no branch that another rank could take differently.
 *
 *   rank 0:                                     the others:
 *     bvl_row_work_evaluate(w, b, active, ...)    bvl_row_work_serve(w)
 *     bvl_row_work_gram(...)  ...                   (returns at the stop)
 *     bvl_row_work_stop(w, status)
 *
 * Traffic: a broadcast of d + 3 with every order; a reduction of (active unknowns + 1) an
 * evaluation, of the others a completion, of n_new x n a Gram (with an agreement on memory). */
#ifndef BVL_SOLVER_ROW_WORK_H
#define BVL_SOLVER_ROW_WORK_H

#include "solver/working_set.h"

typedef struct bvl_row_work {
  bvl_problem *problem; /* borrowed */
  bvl_working_set *set; /* borrowed */
  double *eta;          /* n_split, owned */
  double *r;            /* n_split, at the point last evaluated; owned */
  double *h;            /* n_split, curvature there; owned */
  double *h_gram;       /* n_split, curvature the Gram is made with; owned */
  double *message;      /* d + 3: the order, its parameters, a value an unknown; owned */
  double *v;            /* d + 1: one product an unknown, then packed; owned */
  int64_t *list;        /* d: columns the order is about, owned */
  int64_t capacity;     /* unknowns there is room for */
  double *gram;         /* this rank's part, then on rank 0 the sum; owned */
  int64_t gram_capacity;
} bvl_row_work;

bvl_status bvl_row_work_create(bvl_problem *problem, bvl_working_set *set, bvl_row_work *out);
void bvl_row_work_free(bvl_row_work *w);

/** Room for the set as it is now. Collective; before the first order after the set changed. */
bvl_status bvl_row_work_open(bvl_row_work *w);

/** For every rank but 0: carries out orders until the stop. @return the status stopped with. */
bvl_status bvl_row_work_serve(bvl_row_work *w);

/* ---- rank 0 alone --------------------------------------------------------------------------- */

/** Moves to b (d; b[k] counts where active[k] != 0): loss <- mean loss there and g[k] <- x_k'r / n,
 * minus the gradient, for active k (all k where `whole`); other g untouched. */
bvl_status bvl_row_work_evaluate(bvl_row_work *w, const double *b, const unsigned char *active,
                                 int whole, double *loss, double *g);
/** g[k] for the other k at the point last evaluated. */
bvl_status bvl_row_work_complete(bvl_row_work *w, const unsigned char *active, double *g);
/** w->gram (n_new x n, n_new apart) <- products over n of the last n_new of the n unknowns with all
 * of them, at the curvature of the last evaluation (anew) or of the Gram before. */
bvl_status bvl_row_work_gram(bvl_row_work *w, int anew, int64_t n_new, int64_t n,
                             const int64_t *unknowns);
/** Ends the others' serving. @return status */
bvl_status bvl_row_work_stop(bvl_row_work *w, bvl_status status);

#endif
