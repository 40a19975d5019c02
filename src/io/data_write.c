/* SPDX-License-Identifier: BSD-3-Clause */
/* Data files and predictions, written in parallel: every rank its rows. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/hdf5_out.h"
#include "io/io.h"

struct bvl_data_writer {
  bvl_out out;
  int64_t n;
  int64_t p;
  int has_x; /* /X exists */
  hid_t x;   /* dense /X */
};

bvl_status bvl_data_create(const bvl_comm *comm, const char *path, int64_t n, int64_t p,
                           bvl_data_writer **out)
{
  bvl_status status = BVL_OK;
  bvl_data_writer *writer = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&writer, 1)));
  writer->n = n;
  writer->p = p;
  BVL_TRY(bvl_out_create(comm, path, 1, &writer->out));
  writer->out.is_data = 1;
  *out = writer;
  writer = NULL;
cleanup:
  free(writer);
  return status;
}

bvl_status bvl_data_put_dense(bvl_data_writer *writer, int64_t row0, int64_t count,
                              const double *rows)
{
  int64_t dims[2] = {writer->n, writer->p};
  bvl_status status = BVL_OK;
  if (!writer->has_x) {
    status = bvl_out_dataset(&writer->out, "/X", H5T_IEEE_F64LE, 2, dims, &writer->x);
    if (status != BVL_OK) return status;
    writer->has_x = 1;
  }
  return bvl_out_rows(&writer->out, writer->x, H5T_NATIVE_DOUBLE, row0, count, writer->p, rows);
}

/* This rank's row starts, counted from the matrix' first entry. Rank 0 also gives the leading 0. */
static bvl_status put_indptr(bvl_data_writer *writer, int64_t row0, int64_t n_rows, int64_t nnz0,
                             const int64_t *indptr)
{
  int first_rank = writer->out.comm.rank == 0;
  int64_t *shifted = NULL;
  bvl_status status = BVL_ALLOC(&shifted, n_rows + 1);
  status = bvl_agree(&writer->out.comm, status);
  if (status == BVL_OK) {
    shifted[0] = 0;
    for (int64_t i = 1; i <= n_rows; i++) shifted[i] = nnz0 + indptr[i];
    status = bvl_out_vector(&writer->out, "/X/indptr", H5T_NATIVE_INT64, writer->n + 1,
                            first_rank ? 0 : row0 + 1, first_rank ? n_rows + 1 : n_rows,
                            first_rank ? shifted : shifted + 1);
  }
  free(shifted);
  return status;
}

bvl_status bvl_data_put_csr(bvl_data_writer *writer, int64_t n_rows, const int64_t *indptr,
                            const int64_t *indices, const double *values)
{
  const bvl_comm *comm = &writer->out.comm;
  bvl_status status = BVL_OK;
  int64_t count = n_rows > 0 ? indptr[n_rows] : 0;
  int64_t row0, nnz0, nnz, n_total;
  BVL_TRY(bvl_offsets(comm, n_rows, &row0, &n_total));
  BVL_TRY(bvl_offsets(comm, count, &nnz0, &nnz));
  if (n_total != writer->n)
    return bvl_fail(BVL_ERR_USAGE, "/X: %" PRId64 " rows given, %" PRId64 " wanted", n_total,
                    writer->n);
  BVL_TRY(bvl_out_sparse_group(&writer->out, "/X", "csr_matrix", writer->n, writer->p));
  writer->has_x = 1;
  BVL_TRY(bvl_out_vector(&writer->out, "/X/data", H5T_NATIVE_DOUBLE, nnz, nnz0, count, values));
  BVL_TRY(bvl_out_vector(&writer->out, "/X/indices", H5T_NATIVE_INT64, nnz, nnz0, count, indices));
  BVL_TRY(put_indptr(writer, row0, n_rows, nnz0, indptr));
cleanup:
  return status;
}

bvl_status bvl_data_put_f64(bvl_data_writer *writer, const char *name, int64_t n_global,
                            int64_t first, int64_t count, const double *values)
{
  return bvl_out_vector(&writer->out, name, H5T_NATIVE_DOUBLE, n_global, first, count, values);
}

bvl_status bvl_data_put_rows(bvl_data_writer *writer, const char *name, int64_t n_global,
                             int64_t n_cols, int64_t first, int64_t count, const double *values)
{
  const int64_t dims[2] = {n_global, n_cols};
  hid_t dataset = 0;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_out_dataset(&writer->out, name, H5T_IEEE_F64LE, 2, dims, &dataset));
  BVL_TRY(bvl_out_rows(&writer->out, dataset, H5T_NATIVE_DOUBLE, first, count, n_cols, values));
cleanup:
  bvl_h5_release(&dataset);
  return status;
}

bvl_status bvl_data_put_i64(bvl_data_writer *writer, const char *name, int64_t n_global,
                            int64_t first, int64_t count, const int64_t *values)
{
  return bvl_out_vector(&writer->out, name, H5T_NATIVE_INT64, n_global, first, count, values);
}

bvl_status bvl_data_attr_origin(bvl_data_writer *writer, const bvl_origin *origin)
{
  return bvl_out_origin(&writer->out, origin);
}

bvl_status bvl_data_attr_text(bvl_data_writer *writer, const char *name, const char *value)
{
  return bvl_out_attr_text(&writer->out, name, value);
}

bvl_status bvl_data_finish(bvl_data_writer **handle, int commit)
{
  bvl_data_writer *writer = *handle;
  *handle = NULL;
  if (writer == NULL) return BVL_OK;
  bvl_h5_release(&writer->x);
  bvl_status status = bvl_out_close(&writer->out, commit);
  free(writer);
  return status;
}

bvl_status bvl_prediction_write(const bvl_comm *comm, const char *path, int64_t n, int64_t outputs,
                                int64_t n_lambda, const double *lambda, const char *type,
                                const char *class_names, int64_t row0, int64_t count,
                                const double *values, const bvl_origin *origin)
{
  bvl_status status = BVL_OK;
  bvl_out out;
  hid_t dataset = 0;
  int64_t dims[3] = {n};
  int n_dims = 1;
  if (outputs > 1) dims[n_dims++] = outputs;
  if (n_lambda > 1) dims[n_dims++] = n_lambda;
  int64_t n_here = comm->rank == 0 ? n_lambda : 0;
  status = bvl_out_create(comm, path, 1, &out);
  if (status != BVL_OK) return status;
  BVL_TRY(bvl_out_dataset(&out, "/prediction", H5T_IEEE_F64LE, n_dims, dims, &dataset));
  BVL_TRY(bvl_out_rows(&out, dataset, H5T_NATIVE_DOUBLE, row0, count, outputs * n_lambda, values));
  if (lambda != NULL)
    BVL_TRY(bvl_out_vector(&out, "/lambda", H5T_NATIVE_DOUBLE, n_lambda, 0, n_here, lambda));
  BVL_TRY(bvl_out_attr_text(&out, "type", type));
  if (class_names != NULL) BVL_TRY(bvl_out_attr_text(&out, "class_names", class_names));
  if (origin != NULL) BVL_TRY(bvl_out_origin(&out, origin));
  bvl_h5_release(&dataset);
  return bvl_out_close(&out, 1);
cleanup:
  bvl_h5_release(&dataset);
  bvl_out_discard(&out);
  return status;
}
