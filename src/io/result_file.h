/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of bvl_result_writer, for the files of this room. */
#ifndef BVL_IO_RESULT_FILE_H
#define BVL_IO_RESULT_FILE_H

#include "io/hdf5_out.h"
#include "io/io.h"

struct bvl_result_writer {
  bvl_out out;
  int parallel; /* all ranks write: networks; else rank 0 alone: paths, which have /coef */
  /* the sparse matrix in work: /coef first */
  char csc[32];
  int64_t p;             /* its rows */
  int64_t n_lambda;      /* its columns */
  int64_t n_written;     /* of these, so far */
  int64_t *indptr;       /* n_lambda + 1, owned; filled on rank 0; NULL without one */
  int64_t *counts;       /* size, owned: every rank's nonzeros in the column at hand */
  hid_t values, indices; /* its data and indices on rank 0; 0 elsewhere */
};

/** /feature_names of a result, p of them, by this process alone: NULL and n_bytes = -1 when there
 * are none. */
bvl_status bvl_names_read(hid_t file, int64_t p, char ***out, int64_t *n_bytes);
/** Rank 0's names, in a block as bvl_array_read_strings makes it, for all. `n_bytes` is replicated.
 * Collective. */
bvl_status bvl_names_share(const bvl_comm *comm, int64_t p, int64_t n_bytes, char ***inout);

#endif
