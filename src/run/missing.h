/* SPDX-License-Identifier: BSD-3-Clause */
/* --missing: what a NaN in X, or in y, means to a job, put between its data file and its problem.
 *     error  refused with its place, where X is read (int8 X with the attribute `missing`: the
 * mean) mean   NaN of dense float X reads as the weighted mean of what is there; standardization is
 * of what is there, as for a missing code of int8 X. NaN in y is refused. drop   rows with a NaN
 * (or the code) in dense X, or in y, are left out: one more reading of X NaN among the stored
 * entries of a sparse X is refused in any case. */
#ifndef BVL_RUN_MISSING_H
#define BVL_RUN_MISSING_H

#include "data/row_subset.h"
#include "io/io.h"

typedef struct bvl_missing_rows {
  bvl_source source; /* X as the job is to read it; holds until `data` or this is gone */
  void *context;     /* of read_rows, and that */
  bvl_status (*read_rows)(void *context, const char *what, int64_t row0, int64_t count, double *out,
                          int *present); /* as bvl_problem_data.read_rows */
  int64_t n_dropped;
  int64_t *rows; /* source.n rows of the file, ascending, replicated, owned; NULL = all */
  bvl_row_subset subset;
  bvl_row_subset_vectors vectors;
} bvl_missing_rows;

/** Collective over comm; *out must not move afterwards. drop: X is read once, 8 MiB at a time on
 * every rank, and 8 bytes a row kept. @return BVL_ERR_INPUT: no row is left, or drop from an X by
 * columns (csc). */
bvl_status bvl_missing_open(const bvl_comm *comm, bvl_data *data, bvl_missing missing,
                            bvl_missing_rows *out);
/** Accepts a zeroed one. Not collective. */
void bvl_missing_close(bvl_missing_rows *rows);

/** values[i] <- that of row i of those kept, of n of the file. Not collective. */
void bvl_missing_pick(const bvl_missing_rows *rows, int64_t *values);

/** "error", "mean" or "drop". Not collective. */
const char *bvl_missing_name(bvl_missing missing);

#endif
