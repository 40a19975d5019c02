/* SPDX-License-Identifier: BSD-3-Clause */
/* Chosen rows of a bvl_source as a source of their own: row i is row rows[i] of the base. Every
 * callback reads the span of base rows that covers what is asked for, in pieces of a bounded buffer
 * whose number the ranks agree on, so that base callbacks stay collective and equally often
 * called; stretches of rows that are all chosen go straight to the caller's memory. */
#ifndef BVL_DATA_ROW_SUBSET_H
#define BVL_DATA_ROW_SUBSET_H

#include "bevel/source.h"
#include "comm/comm.h"

typedef struct bvl_row_subset {
  const bvl_comm *comm;   /* borrowed: all ranks that read */
  const bvl_source *base; /* borrowed */
  const int64_t *rows;    /* n, borrowed */
  int64_t n;
  int64_t buffer_bytes;
  /* csr: rows' entries in the base and here, replicated */
  int64_t *begin;    /* n: first entry of each row in the base, owned */
  int64_t *indptr;   /* n + 1: the same among the chosen rows, owned */
  bvl_source source; /* of the chosen rows; `context` points to this struct, which must not move */
} bvl_row_subset;

/** Makes out->source. Collective over comm; csr reads the base's indptr of the chosen rows and
 * keeps 16 bytes a chosen row on every rank, dense nothing.
 *
 * @param[in] comm  outlives the subset, as do base and rows.
 * @param[in] rows  n rows of the base, strictly ascending, equal on all ranks; n = 0 is allowed.
 * @param[in] buffer_bytes  staging memory, never less than a row or an entry; 0 = 8 MiB.
 * @return BVL_OK, the same as everything else on every rank; BVL_ERR_INPUT (the base is csc; its
 *         indptr is broken), BVL_ERR_USAGE (rows out of range or order), BVL_ERR_NOMEM, or what the
 *         base returns.
 */
bvl_status bvl_row_subset_create(const bvl_comm *comm, const bvl_source *base, int64_t n,
                                 const int64_t *rows, int64_t buffer_bytes, bvl_row_subset *out);
/** Accepts a zeroed one. Not collective. */
void bvl_row_subset_free(bvl_row_subset *subset);

/** What stands beside the base's rows, for the chosen rows alone. */
typedef struct bvl_row_subset_vectors {
  const bvl_row_subset *subset;
  void *context;       /* of the base's read_rows */
  int64_t n_responses; /* values of "y" a row; 0 = 1 */
  bvl_status (*read_rows)(void *context, const char *what, int64_t row0, int64_t count, double *out,
                          int *present); /* as bvl_problem_data.read_rows */
} bvl_row_subset_vectors;

/** A bvl_problem_data.read_rows: `context` is a bvl_row_subset_vectors, rows are those of the
 * subset. What the base refuses in rows between the chosen ones is refused here too. Collective. */
bvl_status bvl_row_subset_read_rows(void *context, const char *what, int64_t row0, int64_t count,
                                    double *out, int *present);

#endif
