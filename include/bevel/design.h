/* SPDX-License-Identifier: BSD-3-Clause */
/** @file bevel/design.h
 * The distributed design matrix: products with it, its standardization. */
#ifndef BEVEL_DESIGN_H
#define BEVEL_DESIGN_H

#include <stdint.h>

#include "bevel/grid.h"
#include "bevel/source.h"
#include "bevel/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The distributed design matrix: rank (i, j) of the grid holds X[I_i, J_j]. Opaque. */
typedef struct bvl_design bvl_design;

/** How X is laid out; all zero is the default. Equal on all ranks. */
typedef struct bvl_design_options {
  int64_t n_slices;     /**< minibatches an epoch, 1..n; 1 (default 0 -> 1) for full-batch work */
  int64_t panel_bytes;  /**< dense: target size of a row panel, 0 = a default that suits sweeps;
                           stochastic solvers ask for two thirds of a core's L2 so that forward and
                           backward of a panel share one pass over memory */
  int row_access;       /**< sparse: also keep CSR, for minibatch steps */
  int store_float32;    /**< round dense float64 values to float32 on reading: all that
                           follows, standardization too, is of the rounded X */
  int64_t buffer_bytes; /**< staging buffer for reading, 0 = 8 MiB */
  int64_t n_blocks;     /**< column blocks that no rank boundary may cross; 0 = every column */
  const int64_t *block_begin; /**< n_blocks + 1 positions; borrowed during create */
  const int64_t *input;       /**< p: input column at each position, NULL = identity; copied */
  int64_t stream_bytes; /**< dense: 0 = X is held. Else it is not: sweeps read it from the source
                           each time, rows in order and without collectives, and at most about this
                           many bytes a rank hold strips on their way and columns in use. With
                           n_slices 1 alone. What is not finite is then found by the first sweep */
  int equal_columns; /**< sparse: cut columns by their number, as dense ones are, not by nonzeros */
} bvl_design_options;

/** Reads this rank's block of the matrix and nothing else.
 *
 * Collective over the grid. Dense and sparse blocks are staged through a buffer of buffer_bytes, so
 * that no rank ever holds more than its share and that buffer. Validates what it reads.
 *
 * @param[in]  grid    outlives the design.
 * @param[in]  source  used only during this call; streamed, copied, and its context used for as
 *                     long as the design lives.
 * @param[in]  options NULL = all defaults; equal on all ranks.
 * @param[out] out     the caller's, freed by bvl_design_destroy; NULL on failure.
 * @return BVL_OK; BVL_ERR_INPUT (NaN or Inf, bad sparse index; dataset, row and column in the
 *         message), BVL_ERR_NOMEM, BVL_ERR_USAGE or whatever the source returns: the same on every
 *         rank.
 */
bvl_status bvl_design_create(const bvl_grid *grid, const bvl_source *source,
                             const bvl_design_options *options, bvl_design **out);

/** Frees it and nulls the handle; NULL is fine. Not collective. */
void bvl_design_destroy(bvl_design **X);

/** Centres and scales lazily: from now on every product is with x~_j = (x_j - m_j) / s_j.
 *
 *     m_j = sum_i w_i x_ij / sum w (center) or 0,   s_j = sqrt(sum_i w_i (x_ij - mean_j)^2 / sum w)
 *     (scale) or 1; a constant column gets s_j = 1.
 *
 * Collective; two passes over X (one when it is streamed), three allreduces of at most 2 p_local +
 * 1 along grid columns. int8 data with a missing code need this call (center = scale = 0 will do):
 * before it the code reads 0.
 *
 * @param[in] X       made by bvl_design_create; not standardised yet.
 * @param[in] w       block rows (n_local), replicated over the grid row, not all zero; NULL = ones.
 * @param[in] center  1: m_j as above, 0: m_j = 0.
 * @param[in] scale   1: s_j as above, 0: s_j = 1.
 * @return BVL_OK, BVL_ERR_NOMEM, BVL_ERR_MPI.
 */
bvl_status bvl_design_standardize(bvl_design *X, const double *w, int center, int scale);

/** Rows of the whole matrix. Not collective. */
int64_t bvl_design_n(const bvl_design *X);
/** Columns of the whole matrix. Not collective. */
int64_t bvl_design_p(const bvl_design *X);
/** Rows of this rank's block, at least 0. Not collective. */
int64_t bvl_design_n_local(const bvl_design *X);
/** Columns of this rank's block, at least 0. Not collective. */
int64_t bvl_design_p_local(const bvl_design *X);
/** First position of this rank's columns. Not collective. */
int64_t bvl_design_first(const bvl_design *X);
/** The input column at local column k, 0 <= k < p_local. Not collective. */
int64_t bvl_design_input_column(const bvl_design *X, int64_t k);
/** Input row of local row i, 0 <= i < n_local. Not collective. */
int64_t bvl_design_input_row(const bvl_design *X, int64_t i);
/** Bytes of X here, held or streamed. Not collective. */
int64_t bvl_design_bytes(const bvl_design *X);
/** Bytes of X touched by this rank's products so far. Not collective. */
int64_t bvl_design_bytes_touched(const bvl_design *X);
/** Bytes of X that this rank has read from the source so far. Not collective. */
int64_t bvl_design_bytes_read(const bvl_design *X);
/** m (p_local, owned by X; NULL before bvl_design_standardize). Not collective. */
const double *bvl_design_center(const bvl_design *X);
/** s (p_local, owned by X; NULL before bvl_design_standardize). Not collective. */
const double *bvl_design_scale(const bvl_design *X);
/** What a missing code reads as (p_local, owned by X; 0 before bvl_design_standardize, then the
 * weighted mean of what is observed); NULL when X has no such code. Not collective. */
const double *bvl_design_fill(const bvl_design *X);
/** Replaces bvl_design_fill's values (p_local, copied) where X has a missing code. Not collective.
 */
void bvl_design_set_fill(bvl_design *X, const double *values);
/** 1 when local column k is constant over the rows with w > 0, else 0. Not collective. */
int bvl_design_is_constant(const bvl_design *X, int64_t k);

/** eta = X~ B, k right-hand sides.
 *
 * Collective; one allreduce of n_local * k along the grid row (none when Pc = 1).
 *
 * @param[in]  X       standardised or as it is; only read.
 * @param[in]  n_cols  length of cols.
 * @param[in]  cols    only these local columns of X and rows of B are used (ascending); NULL = all
 *                     p_local. May differ between ranks.
 * @param[in]  k       right-hand sides, at least 0; equal on all ranks.
 * @param[in]  B       p_local x k, column-major, ld = p_local: this rank's part.
 * @param[out] eta     n_local x k, column-major: block rows, the same on every rank of the grid
 * row.
 * @return BVL_OK, BVL_ERR_NOMEM or BVL_ERR_MPI.
 */
bvl_status bvl_design_forward(bvl_design *X, int64_t n_cols, const int64_t *cols, int64_t k,
                              const double *B, double *eta);

/** V = X~' R, k right-hand sides, with scalars riding along.
 *
 * Collective; one allreduce of p_local * k + n_extra along the grid column (none when Pr = 1).
 *
 * @param[in]  X        standardised or as it is; only read.
 * @param[in]  n_cols   length of cols.
 * @param[in]  cols     only these local columns are computed (ascending); NULL = all p_local.
 * @param[in]  k        right-hand sides, at least 0; equal on all ranks.
 * @param[in]  R        n_local x k, column-major, block rows.
 * @param[out] V        p_local x k, column-major; only the rows in cols are written when cols is
 *                      given (which must then be equal over the grid column).
 * @param[in]  n_extra  length of extra, equal on all ranks.
 * @param[in,out] extra  n_extra scalars of this rank's block rows, summed over the grid column.
 * @return BVL_OK, BVL_ERR_NOMEM or BVL_ERR_MPI.
 */
bvl_status bvl_design_adjoint(bvl_design *X, int64_t n_cols, const int64_t *cols, int64_t k,
                              const double *R, double *V, int64_t n_extra, double *extra);

#ifdef __cplusplus
}
#endif
#endif
