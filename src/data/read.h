/* SPDX-License-Identifier: BSD-3-Clause */
/* Filling a design from a bvl_source. Both readers are collective over grid->all, hold at most
 * buffer_bytes (and always at least one row or entry) of staged data, and refuse what is not finite
 * or not sorted with the dataset, row and column in the message, on every rank. */
#ifndef BVL_DATA_READ_H
#define BVL_DATA_READ_H

#include "data/design.h"

/** What a message calls row i of a source. */
static inline int64_t bvl_source_row(const bvl_source *source, int64_t i)
{
  return source->row_name != NULL ? source->row_name[i] : i;
}

/** What a message calls column j of a dense source. Not collective. */
static inline int64_t bvl_source_column(const bvl_source *source, int64_t j)
{
  return source->column_name != NULL ? source->column_name[j] : j;
}

/** This rank's columns in ascending input order: input[s] is the input column of local column
 * local[s]; p_local each, the caller's to free. Not collective. */
bvl_status bvl_read_order(const bvl_columns *columns, int64_t **input, int64_t **local);

/** Fills X->values; rows, columns, dtype and panels are set, values allocated. */
bvl_status bvl_read_dense(bvl_design *X, const bvl_source *source, int64_t buffer_bytes);

/** counts[j] <- stored entries of input column j (p, replicated); checks indptr on the way. Entries
 * with an index out of range are left to bvl_read_sparse. */
bvl_status bvl_read_counts(const bvl_grid *grid, const bvl_source *source, int64_t buffer_bytes,
                           double *counts);

/** Allocates and fills the CSC arrays of X (rows and columns are set), and CSR with row_access. */
bvl_status bvl_read_sparse(bvl_design *X, const bvl_source *source, int row_access,
                           int64_t buffer_bytes);

#endif
