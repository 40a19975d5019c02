/* SPDX-License-Identifier: BSD-3-Clause */
/** @file bevel/source.h
 * Where a matrix comes from: memory or callbacks. */
#ifndef BEVEL_SOURCE_H
#define BEVEL_SOURCE_H

#include <stdint.h>

#include "bevel/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Types of a dense matrix' elements. */
typedef enum bvl_dtype { BVL_F64, BVL_F32, BVL_I8, BVL_U8 } bvl_dtype;
/** How a matrix is stored: row by row or compressed by columns or rows. */
typedef enum bvl_format { BVL_DENSE, BVL_CSC, BVL_CSR } bvl_format;

/** Bytes of one element. Not collective. */
int64_t bvl_dtype_bytes(bvl_dtype dtype);

/** Where an n x p matrix comes from. The reading callbacks are collective over the communicator of
 * the design that reads: every rank calls each equally often, a rank with nothing left asks for
 * zero rows or entries. They fill native-endian memory and return the same status on every rank
 * with the dataset's name in the message. The struct is the caller's and only used during
 * bvl_design_create; what `context` points to must outlive a design that streams. */
typedef struct bvl_source {
  void *context;              /**< handed to the callbacks */
  const char *name;           /**< what to call the matrix in messages: "/X" */
  bvl_format format;          /**< which callbacks below are there */
  bvl_dtype dtype;            /**< dense: element type in `out` of read_dense; sparse: BVL_F64 */
  int64_t n;                  /**< rows (samples) */
  int64_t p;                  /**< columns (features) */
  int64_t nnz;                /**< stored entries; n * p when dense */
  int has_missing;            /**< dense: int8 `missing`, or NaN of floats, stands for the column's
                                   weighted mean */
  int missing;                /**< int8: that code */
  const int64_t *row_name;    /**< n: what to call each row in messages; NULL = its index */
  const int64_t *column_name; /**< p: the same of columns of dense ones */
  /** Dense: rows row0 .. row0 + n_rows - 1, columns cols[0 .. n_cols) (ascending input columns;
   * NULL = 0 .. n_cols - 1), row-major with n_cols elements a row. */
  bvl_status (*read_dense)(void *context, int64_t row0, int64_t n_rows, int64_t n_cols,
                           const int64_t *cols, void *out);
  /** Dense, may be NULL (then X cannot be streamed): as read_dense, but not collective: any rank
   * calls it as often as it likes. *elements grows by the number of elements that were read to get
   * at those asked for. */
  bvl_status (*read_alone)(void *context, int64_t row0, int64_t n_rows, int64_t n_cols,
                           const int64_t *cols, void *out, int64_t *elements);
  /** Sparse: indptr[first .. first + count) (columns when CSC, rows when CSR). */
  bvl_status (*read_indptr)(void *context, int64_t first, int64_t count, int64_t *indptr);
  /** Sparse: stored entries begin .. begin + count - 1. Indices are returned as they are in the
   * file; bvl_design_create validates them. Either pointer may be NULL (on all ranks). */
  bvl_status (*read_entries)(void *context, int64_t begin, int64_t count, int64_t *indices,
                             double *values);
} bvl_source;

/** A source over a dense matrix in this process' memory: element (i, j) is values[i + j * ld] when
 * col_major, values[i * ld + j] otherwise. Not collective; the whole matrix must be readable on
 * every rank; `values` is borrowed until bvl_source_memory_free. `dtype` names its elements. */
bvl_status bvl_source_dense_borrow(bvl_dtype dtype, int64_t n, int64_t p, const void *values,
                                   int64_t ld, int col_major, bvl_source *out);

/** The same over a CSC (or, with `format` = BVL_CSR, CSR) matrix: indptr has p + 1 (n + 1) entries.
 * All three arrays are borrowed until bvl_source_memory_free. */
bvl_status bvl_source_sparse_borrow(bvl_format format, int64_t n, int64_t p, const int64_t *indptr,
                                    const int64_t *indices, const double *values, bvl_source *out);

/** Frees what the two calls above allocated, not the borrowed arrays; a source that was used may be
 * freed as soon as create has returned. Not collective. */
void bvl_source_memory_free(bvl_source *source);

#ifdef __cplusplus
}
#endif
#endif
