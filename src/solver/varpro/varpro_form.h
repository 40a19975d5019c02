/* SPDX-License-Identifier: BSD-3-Clause */
/* The inner problem of variable projection: with every column's d_j >= 0 fixed, plain ridge in
 * closed form (Poon, Peyre, arXiv 2106.01429, 2205.01385). X and Y here are weighted by sqrt(w / n)
 * and free of the intercept and the unpenalised columns (projected out).
 *
 *     S = lambda I + X diag(d) X'     A = S^-1 Y     b_j = d_j a_j,  a = X'A = X'(residual) /
 * lambda smooth = (lambda / 2) <Y, A>    what the outer Hessian needs: G x = X'S^-1 X x
 *
 * The same numbers come from S itself (columns dealt whole to the ranks, S replicated), from
 * K = lambda I + E C E with C = X'X, E = diag(sqrt d) on rank 0, or from conjugate gradients on S.
 */
#ifndef BVL_SOLVER_VARPRO_FORM_H
#define BVL_SOLVER_VARPRO_FORM_H

#include "solver/working_set.h"

typedef struct bvl_varpro_form bvl_varpro_form;

typedef struct bvl_varpro_form_type {
  const char *name;
  /** Allocates form->data. Collective. */
  bvl_status (*create)(bvl_varpro_form *form);
  void (*destroy)(bvl_varpro_form *form);
  /** Takes up what changed in the working set: fills n_blocks, block, m, mean_square. Collective.
   */
  bvl_status (*follow)(bvl_varpro_form *form);
  /** a (m x outputs) and *smooth from e = sqrt(d) (m); rank 0's *smooth is the one that counts, NaN
   * when the system is not positive definite in floating point. Collective. */
  bvl_status (*eval)(bvl_varpro_form *form, const double *e, double *a, double *smooth);
  /** out = G x (m x outputs) over columns with e > 0 at the last eval, 0 elsewhere, where x is 0
   * too. Collective. */
  bvl_status (*apply)(bvl_varpro_form *form, const double *x, double *out);
} bvl_varpro_form_type;

struct bvl_varpro_form {
  const bvl_varpro_form_type *type;
  bvl_problem *problem;   /* borrowed */
  bvl_working_set *set;   /* borrowed */
  const double *residual; /* n_split x outputs: y - eta of the null fit; borrowed */
  double lambda;          /* > 0, set before eval */
  int64_t n_blocks;       /* penalised blocks of the set that are this rank's */
  int64_t *block;         /* n_blocks: which of the set's, ascending; owned */
  int64_t m;              /* their columns */
  double *mean_square;    /* m: squared norm of each column of X; owned */
  int64_t room[2];        /* of block and mean_square */
  void *data;             /* the type's own */
};

extern const bvl_varpro_form_type bvl_varpro_rows;   /* n x n, on every rank */
extern const bvl_varpro_form_type bvl_varpro_cyclic; /* n x n, over all ranks (ScaLAPACK) */
extern const bvl_varpro_form_type bvl_varpro_cg;     /* n x n, conjugate gradients, never formed */
extern const bvl_varpro_form_type bvl_varpro_gram;   /* p x p on rank 0 */

/** Collective. problem, set and residual are borrowed until destroy. */
bvl_status bvl_varpro_form_create(const bvl_varpro_form_type *type, bvl_problem *problem,
                                  bvl_working_set *set, const double *residual,
                                  bvl_varpro_form **out);
void bvl_varpro_form_destroy(bvl_varpro_form **form);

/** Room for the lists of n_blocks blocks and m columns. Not collective. */
bvl_status bvl_varpro_form_reserve(bvl_varpro_form *form, int64_t n_blocks, int64_t m);

static inline int64_t bvl_varpro_block_len(const bvl_varpro_form *form, int64_t g)
{
  const int64_t *begin = form->set->begin + form->block[g];
  return begin[1] - begin[0];
}

#endif
