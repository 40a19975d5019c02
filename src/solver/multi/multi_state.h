/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of bvl_multi_model, as its file sees it. */
#ifndef BVL_SOLVER_MULTI_STATE_H
#define BVL_SOLVER_MULTI_STATE_H

#include "solver/multi/multi_model.h"
#include "solver/multi/multi_newton.h"

struct bvl_multi_model {
  bvl_problem *problem; /* borrowed */
  bvl_working_set *set; /* borrowed */
  int64_t K;
  int64_t n_free;     /* leading unknowns without penalty */
  int64_t generation; /* of the set when C was made */
  int is_renumbered;  /* since rank 0's newton last saw the unknowns */
  int64_t C_d;        /* unknowns C is right for */
  double *null_b;     /* n_free x K: the null fit, which responses' unknowns are measured from */
  double *r;          /* n_split x K, owned: responses: at the null fit */
  double *eta;        /* n_split x K, owned */
  /* d x K, owned */
  double *B;    /* the start, replicated */
  double *C;    /* rank 0 */
  double *wide; /* scratch */
  int64_t capacity;
  double *target; /* n_blocks, owned: rank 0 */
  double *ridge;  /* n_blocks, owned: rank 0 */
  int64_t block_capacity;
  bvl_multi_newton newton; /* rank 0 */
};

/** The quadratic model of rank 0's Gram and C at lambda. */
bvl_multi_quadratic bvl_multi_quadratic_at(bvl_multi_model *m, double lambda);

/** m->newton.tau <- that of B (d x K), as far as B tells. Rank 0. */
void bvl_multi_set_tau(bvl_multi_model *m, const bvl_multi_quadratic *q, const double *B);

/** out (d x K) <- this rank's part of [1 | columns]'R for R (n_split x K). Not collective. */
void bvl_multi_correlate(bvl_multi_model *m, const double *R, double *out);

/** eta (n_split x K) <- the predictor at B (d x K). Not collective; m->wide is used. */
void bvl_multi_forward(bvl_multi_model *m, const double *B, double *eta);

#endif
