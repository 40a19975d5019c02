/* SPDX-License-Identifier: BSD-3-Clause */
/* A sparse matrix by rows in a file that all ranks write together. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "io/result_file.h"

enum { NAME_BYTES = 256 };

static bvl_status put_part(bvl_result_writer *writer, const char *name, const char *part,
                           hid_t type, int64_t n, int64_t first, int64_t count, const void *values)
{
  char full[NAME_BYTES];
  snprintf(full, sizeof full, "%s/%s", name, part);
  return bvl_out_vector(&writer->out, full, type, n, first, count, values);
}

bvl_status bvl_result_put_csr(bvl_result_writer *writer, const char *name, int64_t n_rows,
                              int64_t n_cols, const int64_t *indptr, const int64_t *indices,
                              const double *values)
{
  const bvl_comm *comm = &writer->out.comm;
  const int64_t count = indptr[n_rows], is_first = comm->rank == 0;
  bvl_status status = BVL_OK;
  int64_t row0 = 0, n = 0, nnz0 = 0, nnz = 0, *shifted = NULL;
  if (!writer->parallel) return bvl_fail(BVL_ERR_INTERNAL, "%s: the file is rank 0's alone", name);
  BVL_TRY(bvl_offsets(comm, n_rows, &row0, &n));
  BVL_TRY(bvl_offsets(comm, count, &nnz0, &nnz));
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&shifted, n_rows + 1)));
  for (int64_t i = 0; i <= n_rows; i++) shifted[i] = nnz0 + indptr[i];
  BVL_TRY(bvl_out_sparse_group(&writer->out, name, "csr_matrix", n, n_cols));
  BVL_TRY(put_part(writer, name, "data", H5T_NATIVE_DOUBLE, nnz, nnz0, count, values));
  BVL_TRY(put_part(writer, name, "indices", H5T_NATIVE_INT64, nnz, nnz0, count, indices));
  BVL_TRY(put_part(writer, name, "indptr", H5T_NATIVE_INT64, n + 1, is_first ? 0 : row0 + 1,
                   n_rows + is_first, shifted + !is_first)); /* entry 0 is the first rank's */
cleanup:
  free(shifted);
  return status;
}
