/* SPDX-License-Identifier: BSD-3-Clause */
/* Sparse coding as a smooth function of factors, what an optimizer sees:
 *
 *   C = s^2 U o V,   D = N(A) or, with lambda_D > 0, N(P o Q),
 *   (1/n) sum_i [ 1/2 ||x_i - D c_i||^2 + (lambda s^2 / 2) (||u_i||^2 + ||v_i||^2) ]
 *     + (lambda_D / 2) (||P||^2 + ||Q||^2),
 *
 * the surrogate room's product maps. N keeps atoms in the unit ball: d = a / ||a||, since a shorter
 * atom only costs larger codes; with lambda_D it may pay, d = a / max(1, ||a||), whose kink at the
 * sphere costs a quasi-Newton method its last digits. s = sqrt(n) brings codes, each in one of n
 * terms, to the curvature of the dictionary, in all of them; Adam does that by itself, s = 1.
 *
 * theta = [dictionary, replicated | codes of this rank's samples, two factors a code]: codes never
 * travel. One evaluation: one allreduce of p K + 5 doubles. */
#ifndef BVL_NET_DICTIONARY_FACTORS_H
#define BVL_NET_DICTIONARY_FACTORS_H

#include "net/coding/dictionary.h"
#include "optim/optim.h"
#include "surrogate/surrogate.h"

typedef struct bvl_dictionary_factors {
  bvl_objective objective;             /* context is this struct, which may not move */
  bvl_dictionary *dictionary;          /* borrowed */
  const bvl_dictionary_limits *limits; /* borrowed */
  bvl_surrogate map;                   /* of one number */
  const int64_t *slice_begin;          /* n_batches + 1 samples of this rank, borrowed */
  double stretch;                      /* s^2 */
  int64_t n_dictionary;                /* entries of theta before the codes */
  double *theta;                       /* n_local of objective.space, owned */
  double *a;                           /* p K: A, owned */
  double *atoms;                       /* p K: N(A), owned */
  double *packed;                      /* p K gradient and riders, owned */
  double *codes;                       /* K x a block of samples, owned, as the next two */
  double *residual;                    /* p x a block */
  double *pulled;                      /* K x a block */
} bvl_dictionary_factors;

/** theta are balanced factors of the dictionary and the codes there are; those that are 0 start a
 * hundredth of their sample's largest correlation from it, the way they would leave. Collective.
 * @param[in] slice_begin  n_batches + 1 local samples; NULL and 1 for full batches.
 * @return BVL_ERR_NOMEM. */
bvl_status bvl_dictionary_factors_create(bvl_dictionary *dictionary,
                                         const bvl_dictionary_limits *limits, int64_t n_batches,
                                         const int64_t *slice_begin, int adaptive,
                                         bvl_dictionary_factors **out);
void bvl_dictionary_factors_destroy(bvl_dictionary_factors **self);

/** bvl_objective.eval. */
bvl_status bvl_dictionary_factors_eval(void *self, const double *theta, int64_t batch,
                                       double *value, double *grad, int *wants);

/** Steps until the optimizer is through or a limit is reached; then dictionary->D and C are what
 * the factors say. The history gets the mean value of each epoch, or each iteration's. Collective.
 */
bvl_status bvl_dictionary_factors_run(bvl_dictionary_factors *self,
                                      const bvl_optim_options *options, int *converged, int *wants);

#endif
