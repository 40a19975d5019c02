/* SPDX-License-Identifier: BSD-3-Clause */
/* A file in the making: written as PATH.partial and renamed when it is whole, so that no
 * half-written file ever stands under the final name. Written by rank 0 alone or by all ranks in
 * parallel; every call is collective over comm in both cases and returns the same status on every
 * rank. Parallel transfers are independent: a rank whose write fails must not leave the others
 * inside one.
 *
 * The finished file begins with a checksum of all that follows it (io/stamp.h).
 *
 * Room on the disk is reserved before HDF5 is handed anything: HDF5 1.10 cannot close a file that
 * it could not flush, and then takes the process with it in MPI_Finalize. */
#ifndef BVL_IO_HDF5_OUT_H
#define BVL_IO_HDF5_OUT_H

#include "io/hdf5_util.h"
#include "io/io.h"

typedef struct bvl_out {
  bvl_comm comm; /* owned duplicate */
  char *path;    /* owned */
  char *partial; /* path.partial, owned */
  int writes;    /* this rank has the file open */
  int is_data;   /* a data file, which users may add to: so says its stamp; set by the caller */
  hid_t file;
  int fd;           /* rank 0: the same file for reserving and syncing; -1 elsewhere */
  int64_t claimed;  /* rank 0: upper bound of what has been written or will be */
  int64_t reserved; /* rank 0: bytes of the disk that are the file's */
} bvl_out;

/** Creates PATH.partial. @return BVL_ERR_IO (directory missing, not writable), BVL_ERR_DISK. */
bvl_status bvl_out_create(const bvl_comm *comm, const char *path, int parallel, bvl_out *out);

/** Claims n_bytes more on the disk (rank 0's value), besides what the calls below claim for
 * fixed-size elements themselves. @return BVL_ERR_DISK. */
bvl_status bvl_out_claim(bvl_out *out, int64_t n_bytes);

/** Creates a dataset (n_dims 1 to 4; HDF5 file type; groups in its name are made) and, in
 * `*dataset` when that is not NULL, leaves it open on the ranks that write. */
bvl_status bvl_out_dataset(bvl_out *out, const char *name, hid_t file_type, int n_dims,
                           const int64_t *dims, hid_t *dataset);
/** Writes this rank's rows first .. first + count - 1 (of n_cols values each). */
bvl_status bvl_out_rows(bvl_out *out, hid_t dataset, hid_t memory_type, int64_t first,
                        int64_t count, int64_t n_cols, const void *values);
/** Both at once for a vector; doubles or int64_t by memory_type. */
bvl_status bvl_out_vector(bvl_out *out, const char *name, hid_t memory_type, int64_t n_global,
                          int64_t first, int64_t count, const void *values);

/** Attributes of the root. */
bvl_status bvl_out_attr_text(bvl_out *out, const char *name, const char *value);
/** Version, ranks, end_time and what the origin says. */
bvl_status bvl_out_origin(bvl_out *out, const bvl_origin *origin);
bvl_status bvl_out_attr_i64(bvl_out *out, const char *name, int64_t value);
bvl_status bvl_out_attr_f64(bvl_out *out, const char *name, double value);

/** The head of an AnnData sparse group at `name` ("csc_matrix" | "csr_matrix"). */
bvl_status bvl_out_sparse_group(bvl_out *out, const char *name, const char *encoding,
                                int64_t n_rows, int64_t n_cols);

/** Closes the file (everything inside it must be closed already) and brings it to the disk, still
 * under its partial name. */
bvl_status bvl_out_finish(bvl_out *out);
/** Renames `from` to `to` on rank 0 and brings the directory to the disk. */
bvl_status bvl_out_rename(const bvl_out *out, const char *from, const char *to);
/** Finishes and renames to the final name (commit = 1); otherwise, or on a failure, removes the
 * partial file. Frees what `out` holds. */
bvl_status bvl_out_close(bvl_out *out, int commit);
/** Frees what `out` holds, and removes the partial file when it is still there. */
void bvl_out_discard(bvl_out *out);

#endif
