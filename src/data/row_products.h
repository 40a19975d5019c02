/* SPDX-License-Identifier: BSD-3-Clause */
/* Second moments of a sparse X from the products of each row's stored entries; part of
 * bvl_covariance, which see. For grids of one column. */
#ifndef BVL_DATA_ROW_PRODUCTS_H
#define BVL_DATA_ROW_PRODUCTS_H

#include "data/design.h"

typedef struct bvl_row_products bvl_row_products; /* opaque */

/** *products = products of two entries over all rows; INFINITY where this way is not open: several
 * grid columns, or a column with over half the weight w in its nonzeros. Collective, two small
 * reductions. */
bvl_status bvl_row_products_count(bvl_design *X, const double *w, double *products);

/** Not collective. */
bvl_status bvl_row_products_create(bvl_design *X, int intercept, bvl_row_products **out);
void bvl_row_products_destroy(bvl_row_products **products);

/** M's lower triangle += [1 | X | u]'W[1 | X | u] over local rows row0 .. row0 + m - 1, X as it is
 * stored, d = intercept + p + 1. Rows must come in order. Not collective. */
bvl_status bvl_row_products_add(bvl_row_products *products, int64_t row0, int64_t m,
                                const double *w, const double *u, double *M);

/** M's upper triangle <- the moments of the standardised columns, from the lower one's. Not
 * collective. */
void bvl_row_products_standardize(const bvl_row_products *products, double *M);

#endif
