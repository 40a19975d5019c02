/* SPDX-License-Identifier: BSD-3-Clause */
/* The working set's columns dealt out whole: where bvl_active cuts every column over all ranks,
 * here each column lies on one rank with all its rows, so that products with few rows and many
 * columns stay local and their load is even whoever owns the columns in X. */
#ifndef BVL_DATA_DEALT_H
#define BVL_DATA_DEALT_H

#include "data/active.h"

typedef struct bvl_dealt {
  const bvl_active *A; /* borrowed */
  int64_t n;           /* rows of all ranks: split rows in rank order */
  int64_t *row_begin;  /* size + 1: first row of each rank's split rows, replicated, owned */
  int64_t n_cols;      /* columns here */
  int64_t capacity;
  double *values; /* n x n_cols, column-major, standardised, owned */
} bvl_dealt;

/** No columns yet. Collective: one gather of the row counts. */
bvl_status bvl_dealt_create(const bvl_active *A, bvl_dealt **out);
void bvl_dealt_destroy(bvl_dealt **D);

/** Deals A's columns first .. n_cols - 1: column first + k goes to rank owner[k] (replicated) of
 * all, behind what it has, in order. Collective; one exchange of the new columns. */
bvl_status bvl_dealt_append(bvl_dealt *D, int64_t first, const int64_t *owner);

/** Forgets all columns. Not collective. */
void bvl_dealt_clear(bvl_dealt *D);

/** out (n, the same on every rank) <- the ranks' split rows. Collective: one gather. */
bvl_status bvl_dealt_rows(const bvl_dealt *D, const double *split, double *out);

#endif
