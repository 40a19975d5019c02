/* SPDX-License-Identifier: BSD-3-Clause */
/* Products with X as it is stored, and the standardisation around them; shared inside the data
 * room. Not collective. All vectors over columns are indexed by local column, cols or not. */
#ifndef BVL_DATA_PRODUCT_H
#define BVL_DATA_PRODUCT_H

#include "data/design.h"

typedef enum bvl_direction { BVL_FORWARD, BVL_ADJOINT } bvl_direction;

/** Over local rows row0 .. row1 - 1, with vectors over rows starting at row0:
 *     BVL_FORWARD  out += X in: columns outside cols must be 0 in `in` when bvl_product_by_rows,
 *     BVL_ADJOINT  out += X'in: columns outside cols are undefined in `out` when it is.
 * @return BVL_OK where X is held; streamed, why reading failed. */
bvl_status bvl_product_raw(bvl_design *X, bvl_direction direction, int64_t row0, int64_t row1,
                           int64_t n_cols, const int64_t *cols, int64_t k, const double *in,
                           int64_t ld_in, double *out, int64_t ld_out);

/** One past the rows that are best done together with `row`: its panel, or BVL_PANEL_ROWS. */
int64_t bvl_product_rows_end(const bvl_design *X, int64_t row);

/** Do these rows go by CSR, which cannot skip columns? */
int bvl_product_by_rows(const bvl_design *X, int64_t row0, int64_t row1);

/** scaled[c] = b[c] / s_c over cols (and 0 elsewhere when `clear`); returns m'scaled. */
double bvl_product_scale(const bvl_design *X, int64_t n_cols, const int64_t *cols, int clear,
                         const double *b, double *scaled);

/** v[c] += (raw[c] - m_c r_sum) / s_c over cols. */
void bvl_product_unscale(const bvl_design *X, int64_t n_cols, const int64_t *cols,
                         const double *raw, double r_sum, double *v);

/** Adds the entries of these columns in m rows to X->bytes_touched, as if rows were equally full.
 */
void bvl_product_count(bvl_design *X, int64_t m, int64_t n_cols, const int64_t *cols);

/** Sets v[c] = 0 over cols (NULL = 0 .. n_cols - 1). */
void bvl_product_clear(int64_t n_cols, const int64_t *cols, double *v);

/** bvl_product_raw for a streamed X (product_streamed.c); by columns (cols not NULL) in the order
 * of those in its cache first. @return BVL_ERR_NOMEM or what reading failed with. */
bvl_status bvl_product_streamed(bvl_design *X, bvl_direction direction, int64_t row0, int64_t row1,
                                int64_t n_cols, const int64_t *cols, int64_t k, const double *in,
                                int64_t ld_in, double *out, int64_t ld_out);

/** Several vectors at once by the compressed columns of a sparse X (product_wide.c): is that how k
 * of them go, what X->work must have room for, and bvl_design_forward_local and _adjoint_local over
 * n_cols columns (all of them when cols is NULL); without `add` V is set, not added to. */
int bvl_product_goes_wide(const bvl_design *X, int64_t row0, int64_t row1, int64_t k);
int64_t bvl_product_wide_room(const bvl_design *X);
bvl_status bvl_product_forward_wide(bvl_design *X, int64_t row0, int64_t row1, int64_t n_cols,
                                    const int64_t *cols, int64_t k, const double *B, int64_t ld_b,
                                    double *eta, int64_t ld_eta);
bvl_status bvl_product_adjoint_wide(bvl_design *X, int64_t row0, int64_t row1, int64_t n_cols,
                                    const int64_t *cols, int64_t k, const double *R, int64_t ld_r,
                                    int add, double *V, int64_t ld_v);

#endif
