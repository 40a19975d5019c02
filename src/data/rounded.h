/* SPDX-License-Identifier: BSD-3-Clause */
/* A copy of a dense design in 8 bits an element, which says within a known error what a product
 * with X would be, from an eighth of its memory:
 *
 *     x_j = mid_j 1 + step_j code_j + e_j,     |x~_j'r - v_j| <= (||e_j|| / s_j) ||r||
 *
 * v_j being the product without e_j (Cauchy and Schwarz; what sums in float may lose is counted in
 * the bound). A sweep that asks which columns exceed a threshold needs X itself only for those the
 * bound cannot tell. Codes of 8 bits leave ||e_j|| near 0.008 s_j sqrt(n) for normal columns, and
 * nothing for small integers. */
#ifndef BVL_DATA_ROUNDED_H
#define BVL_DATA_ROUNDED_H

#include "bevel/design.h"

typedef struct bvl_rounded bvl_rounded;

/** Is a copy worth its memory? For wider elements, dense, and not so many rows that the bound,
 * which falls no faster than 1, leaves the thresholds, which fall as 1/sqrt(n), far behind. A pure
 * function. */
int bvl_rounded_pays(bvl_format format, bvl_dtype dtype, int64_t n);

/** Rounds X, standardized already; X is borrowed. Collective: a reduction of 2 p_local doubles
 * along the grid column, on X's grid. One pass over X. @return BVL_ERR_NOMEM. */
bvl_status bvl_rounded_create(bvl_design *X, bvl_rounded **out);
/** The copy that `base` has, with bounds for X, a view of base's design that is standardised its
 * own way. base outlives it, and the two are not used at once. Collective. @return BVL_ERR_NOMEM.
 */
bvl_status bvl_rounded_share(const bvl_rounded *base, bvl_design *X, bvl_rounded **out);
void bvl_rounded_destroy(bvl_rounded **rounded);

/** V (p_local x k) = X~'R as the rounded columns give it, for R (n_local x k), and norm[q] =
 * ||R_q|| over all rows. Collective: two reductions along the grid column, of p_local k and k
 * doubles. */
bvl_status bvl_rounded_adjoint(bvl_rounded *rounded, int64_t k, const double *R, double *V,
                               double *norm);

/** error[c] (p_local) with |V - X~'R| <= error[c] norm[q]; NaN or INFINITY where nothing is known.
 */
const double *bvl_rounded_error(const bvl_rounded *rounded);

#endif
