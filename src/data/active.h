/* SPDX-License-Identifier: BSD-3-Clause */
/* The working set's columns, standardised, rows split over *all* ranks: rank (i, j) holds its split
 * rows of every column in the set, whoever owns the column. Those of a dense X are dense. Those of
 * a sparse X are compressed by rows, scaled but not centred: x~_ik = entry_ik - shift_k, entry_ik =
 * 0 where nothing is stored. */
#ifndef BVL_DATA_ACTIVE_H
#define BVL_DATA_ACTIVE_H

#include "data/design.h"

typedef struct bvl_active {
  bvl_design *X;     /* borrowed */
  int64_t n_split;   /* split1 - split0 of X->rows */
  int64_t n_cols;    /* columns in the set, the same on every rank */
  int64_t capacity;  /* columns that position and place have room for */
  int64_t *position; /* n_cols: column positions (global), in the order they came; replicated */
  int64_t *place;    /* n_cols, owned scratch */
  double *values;    /* dense X: n_split x n_cols, column-major, ld = n_split (at least 1), owned;
                        NULL for a sparse X, as the four below are for a dense one */
  int64_t values_len;
  int64_t *row_ptr; /* n_split + 1, owned */
  int32_t *column;  /* row_ptr[n_split]: places in the set, ascending in a row; owned */
  double *entry;    /* row_ptr[n_split]: values / scale, owned */
  double *shift;    /* n_cols: center / scale; 0 where the entries are centred already (a column
                        stored in every row here), so that nothing is lost to a large mean; owned */
  int64_t shift_len;
  int64_t column_len;
  int64_t entry_len;
  int64_t appended;     /* columns of this rank that ever joined */
  int64_t entries_sent; /* sparse X: stored entries of theirs that went to other ranks */
  double *work;         /* owned scratch: one weighted block of columns, or packed vectors */
  int64_t work_len;
} bvl_active;

/** An empty set. Not collective. */
bvl_status bvl_active_create(bvl_design *X, bvl_active **out);
void bvl_active_destroy(bvl_active **A);

/** Appends columns: each rank of a grid row names the local columns it wants in (ascending, not in
 * the set already; equal over the grid column). Collective; per call one gather of the ids and one
 * alltoallv of the values along the grid row (sparse X: one of 3 numbers a column before it). New
 * columns are ordered by position. */
bvl_status bvl_active_append(bvl_active *A, int64_t n_new, const int64_t *local_cols);

/** Keeps only the columns with keep[k] != 0 (replicated flags), in order. Not collective. */
void bvl_active_keep(bvl_active *A, const unsigned char *keep);

/** out[0..n_split) = column k, standardised. Not collective. */
void bvl_active_column(const bvl_active *A, int64_t k, double *out);

/** eta[0..n_split) += sum_k values_k b_k. Not collective; b replicated (n_cols). */
void bvl_active_forward(const bvl_active *A, const double *b, double *eta);

/** The same for k vectors with leading dimensions ld_b and ld_eta, reading the values once. */
void bvl_active_forward_many(const bvl_active *A, int64_t k, const double *b, int64_t ld_b,
                             double *eta, int64_t ld_eta);

/** v[0..n_cols) = values' r, this rank's rows only: the caller sums over bvl_grid.all. */
void bvl_active_adjoint(const bvl_active *A, const double *r, double *v);

/** The same for k vectors with leading dimensions ld_r and ld_v, reading the values once. */
void bvl_active_adjoint_many(const bvl_active *A, int64_t k, const double *r, int64_t ld_r,
                             double *v, int64_t ld_v);

/** G[k, l] = sum_i h_i values_ik values_il for k in [first, n_cols), l in [0, n_cols), this rank's
 * rows only (the caller sums): column-major, G[(k - first) + l * (n_cols - first)]. h (n_split,
 * none negative) NULL = ones. Dense: blocked over rows, dgemm/dsyrk inside. Sparse: a multiply-add
 * for every pair of entries in a row, or dense blocks of rows where that is less work. */
bvl_status bvl_active_gram(bvl_active *A, const double *h, int64_t first, double *G);

/** A rectangle of it: G[k + l ld] = scale sum_i h_i values_i,row0+k values_i,col0+l for k < n_rows,
 * l < n_cols, this rank's rows only. h is not NULL. dgemm inside, or as above. */
bvl_status bvl_active_gram_panel(bvl_active *A, const double *h, double scale, int64_t row0,
                                 int64_t n_rows, int64_t col0, int64_t n_cols, double *G,
                                 int64_t ld);

#endif
