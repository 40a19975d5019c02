/* SPDX-License-Identifier: BSD-3-Clause */
/* The weighted second moments of everything at once, from one pass over X:
 *
 *   M = Z'WZ / n,   Z = [1 | X~ | u]      (the 1 only with an intercept; u a vector over rows)
 *
 * Rows go by chunks that stay in the second-level cache: a chunk is standardised, multiplied by the
 * square roots of its weights and handed to dsyrk, so that no digits are lost to the centre, as
 * they would be by correcting the moments of the raw columns. Rows are split over all ranks.
 *
 * n d^2 flops in all, over the ranks; memory 8 (d^2 + chunk d) bytes a rank. Traffic: with several
 * grid columns an exchange of the chunk along the grid row for each; one reduction of d^2 to rank
 * 0. */
#ifndef BVL_DATA_COVARIANCE_H
#define BVL_DATA_COVARIANCE_H

#include "data/design.h"

typedef struct bvl_covariance bvl_covariance; /* opaque */

/** Room for the moments, zero. `intercept` is 0 or 1. Collective. */
bvl_status bvl_covariance_create(bvl_design *X, int intercept, bvl_covariance **out);
void bvl_covariance_destroy(bvl_covariance **covariance);

/** Order of M: intercept + p + 1, unknowns in order of position, u last. */
int64_t bvl_covariance_order(const bvl_covariance *covariance);

/** Adds part `part` of `n_parts` of this rank's split rows. w (weights, none negative) and u are
 * n_split. Collective along the grid row (no communication with one grid column); call for all
 * parts before finish. */
bvl_status bvl_covariance_add(bvl_covariance *covariance, int64_t part, int64_t n_parts,
                              const double *w, const double *u);

/** Sums over ranks. On rank 0 *M (the covariance's, both triangles, leading dimension = order) is
 * ready and *error bounds its rounding: |M_kl - exact| <= error sqrt(M_kk M_ll), whatever the order
 * in which dsyrk adds. Elsewhere *M is NULL. Collective. */
bvl_status bvl_covariance_finish(bvl_covariance *covariance, double *error, const double **M);

#endif
