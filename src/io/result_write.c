/* SPDX-License-Identifier: BSD-3-Clause */
/* Result files: the vectors and attributes of any, which are rank 0's; and of a path, written by
 * rank 0, one column of a sparse matrix at a time (/coef, then any others), which the other ranks
 * send their nonzeros for. Per column: a gather of the counts and one of the nonzeros. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/result_file.h"

typedef struct entry {
  int64_t column;
  double value;
} entry;

/* Elements of a chunk: one suits one column, within reason. */
static int64_t chunk_length(int64_t p)
{
  return bvl_greater(1024, bvl_lesser(p, 65536));
}

/* A dataset that grows from nothing. */
static hid_t create_growing(hid_t file, const char *name, hid_t type, int64_t p)
{
  hsize_t none = 0, unlimited = H5S_UNLIMITED;
  hsize_t chunk = (hsize_t)chunk_length(p);
  hid_t space = H5Screate_simple(1, &none, &unlimited);
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plist, 1, &chunk);
  hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  bvl_h5_release(&plist);
  bvl_h5_release(&space);
  return dataset;
}

static bvl_status create_entries(bvl_result_writer *writer)
{
  char name[48];
  if (!writer->out.writes) return BVL_OK;
  snprintf(name, sizeof name, "%s/data", writer->csc);
  writer->values = create_growing(writer->out.file, name, H5T_IEEE_F64LE, writer->p);
  snprintf(name, sizeof name, "%s/indices", writer->csc);
  writer->indices = create_growing(writer->out.file, name, H5T_STD_I64LE, writer->p);
  if (writer->values < 0 || writer->indices < 0)
    return bvl_h5_fail(BVL_ERR_IO, "%s: cannot create %s", writer->out.path, writer->csc);
  return BVL_OK;
}

/* The matrix in work is whole: its indptr. */
static bvl_status end_csc(bvl_result_writer *writer)
{
  char name[48];
  if (writer->n_written != writer->n_lambda)
    return bvl_fail(BVL_ERR_USAGE, "%s has %" PRId64 " of its %" PRId64 " columns", writer->csc,
                    writer->n_written, writer->n_lambda);
  if (writer->indptr == NULL) return BVL_OK;
  snprintf(name, sizeof name, "%s/indptr", writer->csc);
  const bvl_status status = bvl_result_put_i64(writer, name, writer->n_lambda + 1, writer->indptr);
  bvl_h5_release(&writer->values);
  bvl_h5_release(&writer->indices);
  free(writer->indptr);
  writer->indptr = NULL;
  return status;
}

bvl_status bvl_result_begin_csc(bvl_result_writer *writer, const char *name, int64_t p,
                                int64_t n_cols)
{
  bvl_status status = BVL_OK;
  BVL_TRY(end_csc(writer));
  BVL_TRY(bvl_agree(&writer->out.comm, BVL_ALLOC(&writer->indptr, n_cols + 1)));
  snprintf(writer->csc, sizeof writer->csc, "%s", name);
  writer->p = p;
  writer->n_lambda = n_cols;
  writer->n_written = 0;
  BVL_TRY(bvl_out_sparse_group(&writer->out, name, "csc_matrix", p, n_cols));
  BVL_TRY(bvl_out_claim(&writer->out, 16 * chunk_length(p))); /* the last chunks, partly filled */
  status = bvl_agree(&writer->out.comm, create_entries(writer));
cleanup:
  return status;
}

bvl_status bvl_result_create(const bvl_comm *comm, const char *path, int64_t p, int64_t n_lambda,
                             bvl_result_writer **out)
{
  bvl_status status = BVL_OK;
  bvl_result_writer *writer = NULL;
  *out = NULL;
  status = BVL_ALLOC(&writer, 1);
  if (status == BVL_OK) status = BVL_ALLOC(&writer->counts, comm->size);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(bvl_out_create(comm, path, 0, &writer->out));
  BVL_TRY(bvl_result_begin_csc(writer, "/coef", p, n_lambda));
  *out = writer;
  writer = NULL;
cleanup:
  bvl_result_close(&writer, 0);
  return status;
}

/* Entries of a vector that this rank writes: rank 0 all of them. */
static int64_t mine(const bvl_result_writer *writer, int64_t n)
{
  return writer->out.comm.rank == 0 ? n : 0;
}

bvl_status bvl_result_put_f64(bvl_result_writer *writer, const char *name, int64_t n,
                              const double *values)
{
  return bvl_out_vector(&writer->out, name, H5T_NATIVE_DOUBLE, n, 0, mine(writer, n), values);
}

bvl_status bvl_result_put_rows(bvl_result_writer *writer, const char *name, int64_t n,
                               int64_t n_cols, const double *values)
{
  const int64_t dims[2] = {n, n_cols};
  hid_t dataset = 0;
  bvl_status status = bvl_out_dataset(&writer->out, name, H5T_IEEE_F64LE, 2, dims, &dataset);
  if (status == BVL_OK)
    status = bvl_out_rows(&writer->out, dataset, H5T_NATIVE_DOUBLE, 0, mine(writer, n), n_cols,
                          values);
  bvl_h5_release(&dataset);
  return status;
}

bvl_status bvl_result_put_i64(bvl_result_writer *writer, const char *name, int64_t n,
                              const int64_t *values)
{
  return bvl_out_vector(&writer->out, name, H5T_NATIVE_INT64, n, 0, mine(writer, n), values);
}

/* HDF5 writes strings of variable length from one process alone; what all write has them padded to
 * the longest. */
static bvl_status put_padded(bvl_result_writer *writer, const char *name, int64_t n,
                             char *const *values)
{
  bvl_status status = BVL_OK;
  char *padded = NULL;
  hid_t dataset = 0, type = 0;
  int64_t width = 1;
  for (int64_t k = 0; k < mine(writer, n); k++)
    width = bvl_greater(width, (int64_t)strlen(values[k]));
  BVL_TRY(bvl_bcast_i64(&writer->out.comm, 0, &width, 1));
  BVL_TRY(bvl_agree(&writer->out.comm, BVL_ALLOC(&padded, mine(writer, n) * width)));
  for (int64_t k = 0; k < mine(writer, n); k++)
    memcpy(padded + k * width, values[k], strlen(values[k]));
  type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, (size_t)width);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  BVL_TRY(bvl_out_dataset(&writer->out, name, type, 1, &n, &dataset));
  BVL_TRY(bvl_out_rows(&writer->out, dataset, type, 0, mine(writer, n), 1, padded));
cleanup:
  bvl_h5_release(&dataset);
  bvl_h5_release(&type);
  free(padded);
  return status;
}

bvl_status bvl_result_put_strings(bvl_result_writer *writer, const char *name, int64_t n,
                                  char *const *values)
{
  if (writer->parallel) return put_padded(writer, name, n, values);
  hid_t dataset = 0;
  int64_t n_bytes = 0; /* of HDF5's heap: the strings, each with a head and padded */
  for (int64_t k = 0; k < n && writer->out.writes; k++) n_bytes += 32 + (int64_t)strlen(values[k]);
  bvl_status status = bvl_out_claim(&writer->out, n_bytes + n_bytes / 4);
  if (status != BVL_OK) return status;
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  status = bvl_out_dataset(&writer->out, name, type, 1, &n, &dataset);
  if (status == BVL_OK) status = bvl_out_rows(&writer->out, dataset, type, 0, n, 1, values);
  bvl_h5_release(&dataset);
  bvl_h5_release(&type);
  return status;
}

static int compare_columns(const void *a, const void *b)
{
  int64_t left = ((const entry *)a)->column, right = ((const entry *)b)->column;
  return (left > right) - (left < right);
}

/* Sorts a column's nonzeros by input column, in place. */
static bvl_status sort_column(const bvl_result_writer *writer, int64_t n, int64_t *columns,
                              double *values)
{
  const int64_t p = writer->p;
  entry *entries;
  bvl_status status = BVL_ALLOC(&entries, n);
  if (status != BVL_OK) return status;
  for (int64_t k = 0; k < n; k++) entries[k] = (entry){columns[k], values[k]};
  qsort(entries, (size_t)n, sizeof *entries, compare_columns);
  for (int64_t k = 0; k < n && status == BVL_OK; k++) {
    columns[k] = entries[k].column;
    values[k] = entries[k].value;
    if (columns[k] < 0 || columns[k] >= p || (k > 0 && columns[k] == columns[k - 1]))
      status = bvl_fail(BVL_ERR_USAGE, "%s: column %" PRId64 " of %" PRId64 " is %s", writer->csc,
                        columns[k], p,
                        columns[k] >= 0 && columns[k] < p ? "given twice" : "out of range");
  }
  free(entries);
  return status;
}

static bvl_status append(hid_t dataset, hid_t memory_type, int64_t from, int64_t n,
                         const void *values)
{
  hsize_t start = (hsize_t)from, size = (hsize_t)n, extent = (hsize_t)(from + n);
  if (n == 0) return BVL_OK;
  if (H5Dset_extent(dataset, &extent) < 0)
    return bvl_h5_fail(BVL_ERR_IO, "cannot extend a sparse matrix");
  hid_t file_space = H5Dget_space(dataset);
  hid_t memory_space = H5Screate_simple(1, &size, NULL);
  bvl_status status = BVL_OK;
  if (H5Sselect_hyperslab(file_space, H5S_SELECT_SET, &start, NULL, &size, NULL) < 0 ||
      H5Dwrite(dataset, memory_type, memory_space, file_space, H5P_DEFAULT, values) < 0)
    status = bvl_h5_fail(BVL_ERR_IO, "cannot write a sparse matrix");
  bvl_h5_release(&memory_space);
  bvl_h5_release(&file_space);
  return status;
}

/* Rank 0: sorts and appends one gathered column. */
static bvl_status append_column(bvl_result_writer *writer, int64_t n, int64_t *columns,
                                double *values)
{
  int64_t nnz = writer->indptr[writer->n_written];
  bvl_status status = sort_column(writer, n, columns, values);
  if (status == BVL_OK) status = append(writer->indices, H5T_NATIVE_INT64, nnz, n, columns);
  if (status == BVL_OK) status = append(writer->values, H5T_NATIVE_DOUBLE, nnz, n, values);
  writer->indptr[writer->n_written + 1] = nnz + n;
  return status;
}

bvl_status bvl_result_put_coef(bvl_result_writer *writer, int64_t n_nonzero, const int64_t *column,
                               const double *value)
{
  const bvl_comm *comm = &writer->out.comm;
  bvl_status status = BVL_OK;
  int64_t *columns = NULL;
  double *values = NULL;
  int64_t n = 0;
  if (writer->n_written == writer->n_lambda)
    return bvl_fail(BVL_ERR_USAGE, "%s has all its %" PRId64 " columns already", writer->csc,
                    writer->n_lambda);
  memset(writer->counts, 0, (size_t)comm->size * sizeof *writer->counts);
  writer->counts[comm->rank] = n_nonzero;
  BVL_TRY(bvl_sum_i64(comm, writer->counts, comm->size));
  for (int r = 0; r < comm->size; r++) n += writer->counts[r];
  if (comm->rank == 0) {
    status = BVL_ALLOC(&columns, n);
    if (status == BVL_OK) status = BVL_ALLOC(&values, n);
  }
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(bvl_out_claim(&writer->out, 20 * n)); /* 16 bytes each, and the index of the chunks */
  BVL_TRY(bvl_gather_to_i64(comm, 0, column, writer->counts, columns));
  BVL_TRY(bvl_gather_to(comm, 0, value, writer->counts, values));
  if (comm->rank == 0) status = append_column(writer, n, columns, values);
  BVL_TRY(bvl_agree(comm, status));
  writer->n_written++;
cleanup:
  free(values);
  free(columns);
  return status;
}

/* All ranks that have the file open must write the same attribute: rank 0's. */
static bvl_status share_text(const bvl_result_writer *writer, const char *value, char **out)
{
  const bvl_comm *comm = &writer->out.comm;
  int64_t n_bytes = comm->rank == 0 ? (int64_t)strlen(value) + 1 : 0;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_bcast_i64(comm, 0, &n_bytes, 1));
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(out, n_bytes)));
  if (comm->rank == 0) memcpy(*out, value, (size_t)n_bytes);
  BVL_TRY(bvl_bcast_bytes(comm, 0, *out, n_bytes));
cleanup:
  return status;
}

bvl_status bvl_result_attr_origin(bvl_result_writer *writer, const bvl_origin *origin)
{
  return bvl_out_origin(&writer->out, origin);
}

bvl_status bvl_result_attr_text(bvl_result_writer *writer, const char *name, const char *value)
{
  if (!writer->parallel) return bvl_out_attr_text(&writer->out, name, value);
  char *shared = NULL;
  bvl_status status = share_text(writer, value, &shared);
  if (status == BVL_OK) status = bvl_out_attr_text(&writer->out, name, shared);
  free(shared);
  return status;
}

bvl_status bvl_result_attr_f64(bvl_result_writer *writer, const char *name, double value)
{
  bvl_status status = writer->parallel ? bvl_bcast(&writer->out.comm, 0, &value, 1) : BVL_OK;
  return status != BVL_OK ? status : bvl_out_attr_f64(&writer->out, name, value);
}

bvl_status bvl_result_attr_i64(bvl_result_writer *writer, const char *name, int64_t value)
{
  bvl_status status = writer->parallel ? bvl_bcast_i64(&writer->out.comm, 0, &value, 1) : BVL_OK;
  return status != BVL_OK ? status : bvl_out_attr_i64(&writer->out, name, value);
}

bvl_status bvl_result_close(bvl_result_writer **handle, int commit)
{
  bvl_result_writer *writer = *handle;
  bvl_status status = BVL_OK;
  *handle = NULL;
  if (writer == NULL) return BVL_OK;
  if (commit) status = end_csc(writer);
  bvl_h5_release(&writer->values);
  bvl_h5_release(&writer->indices);
  if (writer->out.path != NULL) {
    bvl_status closed = bvl_out_close(&writer->out, commit && status == BVL_OK);
    if (status == BVL_OK) status = closed;
  }
  free(writer->counts);
  free(writer->indptr);
  free(writer);
  return status;
}
