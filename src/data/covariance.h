/* SPDX-License-Identifier: BSD-3-Clause */
/* The weighted second moments of everything at once, from one pass over X:
 *
 *   M = Z'WZ / n,   Z = [1 | X~ | u]      (the 1 only with an intercept; u a vector over rows)
 *
 * Dense: rows go by chunks that stay in the second-level cache: a chunk is standardised, multiplied
 * by the square roots of its weights and handed to dsyrk, so that no digits are lost to the centre,
 * as they would be by correcting the moments of the raw columns; n d^2 flops.
 * Sparse, few entries a row: products of the entries of each row as they are stored, standardised
 * afterwards. That loses digits only where a mean is large next to its deviation, and
 * (mean / deviation)^2 <= f / (1 - f) for a column with a share f of (weighted) nonzeros: columns
 * must be at most half full. sum (entries of a row)^2 flops. Other sparse X goes as dense.
 *
 * Rows are split over all ranks; memory 8 d (d + chunk) bytes a rank. Traffic: with several grid
 * columns an exchange of each chunk along the grid row; one reduction of d^2 to rank 0. */
#ifndef BVL_DATA_COVARIANCE_H
#define BVL_DATA_COVARIANCE_H

#include "data/design.h"

typedef struct bvl_covariance bvl_covariance; /* opaque */

typedef struct bvl_covariance_plan {
  int by_entries; /* sparse: products of stored entries */
  double seconds; /* what it may take on one core, all ranks' work together: for comparisons */
} bvl_covariance_plan;

/** Which way is open and cheapest, with weights w (split rows, none negative). Collective: nothing
 * for dense X, three small collectives for sparse. */
bvl_status bvl_covariance_choose(bvl_design *X, const double *w, bvl_covariance_plan *plan);

/** Room for the moments, zero. `intercept` is 0 or 1; w and u (split rows) are borrowed until
 * destroy. Collective. */
bvl_status bvl_covariance_create(bvl_design *X, const bvl_covariance_plan *plan, int intercept,
                                 const double *w, const double *u, bvl_covariance **out);
void bvl_covariance_destroy(bvl_covariance **covariance);

/** Adds part `part` of `n_parts` of the rows: all parts, in order, before finish. Collective along
 * the grid row. */
bvl_status bvl_covariance_add(bvl_covariance *covariance, int64_t part, int64_t n_parts);

/** Sums over ranks. On rank 0 *M (the covariance's, both triangles, order intercept + p + 1,
 * unknowns in order of position, u last) is ready; elsewhere it is NULL. *error bounds its
 * rounding: |M_kl - exact| <= error sqrt(M_kk M_ll) whatever the order of the additions.
 * Collective. */
bvl_status bvl_covariance_finish(bvl_covariance *covariance, double *error, const double **M);

#endif
