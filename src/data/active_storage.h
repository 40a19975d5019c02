/* SPDX-License-Identifier: BSD-3-Clause */
/* The two ways bvl_active keeps columns, behind active.c, which knows what every rank holds. None
 * of these is collective but the exchanges. */
#ifndef BVL_DATA_ACTIVE_STORAGE_H
#define BVL_DATA_ACTIVE_STORAGE_H

#include "data/active.h"

/** What one append moves: for each rank of the grid row, which new columns are its own. */
typedef struct bvl_append {
  int64_t n_mine;       /* this rank's new columns */
  const int64_t *mine;  /* n_mine local columns, borrowed */
  int64_t n_new;        /* sum of counts */
  int64_t *counts;      /* size: new columns of each rank of the grid row, owned */
  int64_t *send_counts; /* size: doubles to each, owned */
  int64_t *recv_counts; /* size: doubles from each, owned */
  int64_t entries_sent; /* sparse X, out: stored entries that went to other ranks */
} bvl_append;

/** Makes room for the values of append->n_new more columns and brings them to this rank's split
 * rows; n_cols and position are the caller's to change after it. Collective over the grid row; what
 * may fail on one rank alone is agreed over all. */
bvl_status bvl_active_dense_append(bvl_active *A, bvl_append *append);
bvl_status bvl_active_sparse_append(bvl_active *A, bvl_append *append);

/** A->place[k]: the place that column k of n_cols moves to (never up), -1 = it leaves. */
void bvl_active_dense_keep(bvl_active *A);
void bvl_active_sparse_keep(bvl_active *A);

void bvl_active_dense_column(const bvl_active *A, int64_t k, double *out);
void bvl_active_sparse_column(const bvl_active *A, int64_t k, double *out);

/** As bvl_active_forward_many, at least one column. */
void bvl_active_dense_forward(const bvl_active *A, int64_t k, const double *b, int64_t ld_b,
                              double *eta, int64_t ld_eta);
void bvl_active_sparse_forward(const bvl_active *A, int64_t k, const double *b, int64_t ld_b,
                               double *eta, int64_t ld_eta);

/** v += values' r for k vectors; at least one column, as above. */
void bvl_active_dense_adjoint(const bvl_active *A, int64_t k, const double *r, int64_t ld_r,
                              double *v, int64_t ld_v);
void bvl_active_sparse_adjoint(const bvl_active *A, int64_t k, const double *r, int64_t ld_r,
                               double *v, int64_t ld_v);

/** As bvl_active_gram and bvl_active_gram_panel, with at least one column. @return BVL_ERR_NOMEM.
 */
bvl_status bvl_active_dense_gram(bvl_active *A, const double *h, int64_t first, double *G);
bvl_status bvl_active_sparse_gram(bvl_active *A, const double *h, int64_t first, double *G);
bvl_status bvl_active_dense_gram_panel(bvl_active *A, const double *h, double scale, int64_t row0,
                                       int64_t n_rows, int64_t col0, int64_t n_cols, double *G,
                                       int64_t ld);
bvl_status bvl_active_sparse_gram_panel(bvl_active *A, const double *h, double scale, int64_t row0,
                                        int64_t n_rows, int64_t col0, int64_t n_cols, double *G,
                                        int64_t ld);

#endif
