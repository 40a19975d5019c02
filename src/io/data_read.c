/* SPDX-License-Identifier: BSD-3-Clause */
/* The reading callbacks of a data file's source. Each is one or a few transfers that every rank
 * takes part in, with an empty selection where it has nothing to read. Compressed datasets are read
 * independently: a rank whose chunk does not decompress must not leave the others inside a
 * collective transfer. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/data_file.h"

/* Up to this many contiguous runs of columns are one selection; more are picked out of the rows. */
#define MAX_RUNS 64
/* Staging buffer for picking columns, at least one row. */
#define STRIP_BYTES (INT64_C(4) << 20)

/* One transfer; a collective one that fails somewhere is repeated independently, and so is every
 * later one. Collective: one bvl_agree. */
static bvl_status transfer(bvl_data *data, const bvl_array *array, hid_t memory_type,
                           hid_t memory_space, hid_t file_space, void *out)
{
  for (;;) {
    int collective = data->collective && !array->filtered;
    bvl_status status = bvl_array_transfer(array, memory_type, memory_space, file_space, collective,
                                           out);
    status = bvl_agree(&data->comm, status);
    if (status != BVL_ERR_IO || !collective) return status;
    data->collective = 0;
  }
}

/* The file's side of a transfer: rows x columns, or nothing. */
static hid_t select_block(const bvl_array *array, int64_t row0, int64_t n_rows, int64_t col0,
                          int64_t n_cols)
{
  hid_t space = H5Dget_space(array->dataset);
  hsize_t start[2] = {(hsize_t)row0, (hsize_t)col0};
  hsize_t size[2] = {(hsize_t)n_rows, (hsize_t)n_cols};
  if (n_rows == 0 || n_cols == 0)
    H5Sselect_none(space);
  else
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL);
  return space;
}

static hid_t memory_block(int64_t n_values)
{
  hsize_t size = (hsize_t)bvl_greater(n_values, 1);
  hid_t space = H5Screate_simple(1, &size, NULL);
  if (n_values == 0) H5Sselect_none(space);
  return space;
}

static bvl_status read_block(bvl_data *data, const bvl_array *array, hid_t memory_type,
                             int64_t row0, int64_t n_rows, int64_t col0, int64_t n_cols, void *out)
{
  hid_t file_space = select_block(array, row0, n_rows, col0, n_cols);
  hid_t memory_space = memory_block(n_rows * n_cols);
  bvl_status status = transfer(data, array, memory_type, memory_space, file_space, out);
  bvl_h5_release(&memory_space);
  bvl_h5_release(&file_space);
  return status;
}

bvl_status bvl_data_read_slice(bvl_data *data, const bvl_array *array, hid_t memory_type,
                               int64_t first, int64_t count, void *out)
{
  BVL_ASSERT(count == 0 || (first >= 0 && first <= array->dims[0] - count));
  return read_block(data, array, memory_type, first, count, 0, array->dims[1], out);
}

hid_t bvl_data_native_type(bvl_dtype dtype)
{
  switch (dtype) {
  case BVL_F32: return H5T_NATIVE_FLOAT;
  case BVL_I8: return H5T_NATIVE_INT8;
  case BVL_U8: return H5T_NATIVE_UINT8;
  default: return H5T_NATIVE_DOUBLE;
  }
}

static int64_t count_runs(int64_t n_cols, const int64_t *cols)
{
  int64_t n_runs = n_cols > 0;
  if (cols == NULL) return n_runs;
  for (int64_t k = 1; k < n_cols; k++) n_runs += cols[k] != cols[k - 1] + 1;
  return n_runs;
}

/* All runs in one selection: HDF5 walks it row by row, which is the order of `out`. */
static bvl_status read_runs(bvl_data *data, hid_t type, int64_t row0, int64_t n_rows,
                            int64_t n_cols, const int64_t *cols, void *out)
{
  hid_t file_space = select_block(&data->x, 0, 0, 0, 0);
  for (int64_t k = 0; k < n_cols && n_rows > 0;) {
    int64_t end = cols == NULL ? n_cols : k + 1;
    while (end < n_cols && cols[end] == cols[end - 1] + 1) end++;
    hsize_t start[2] = {(hsize_t)row0, cols == NULL ? 0 : (hsize_t)cols[k]};
    hsize_t size[2] = {(hsize_t)n_rows, (hsize_t)(end - k)};
    H5Sselect_hyperslab(file_space, H5S_SELECT_OR, start, NULL, size, NULL);
    k = end;
  }
  hid_t memory_space = memory_block(n_rows * n_cols);
  bvl_status status = transfer(data, &data->x, type, memory_space, file_space, out);
  bvl_h5_release(&memory_space);
  bvl_h5_release(&file_space);
  return status;
}

/* Picks columns out of full strips of the covering column range. */
static void pick(const char *strip, int64_t n_rows, int64_t width, int64_t n_cols,
                 const int64_t *cols, size_t n_bytes, char *out)
{
  for (int64_t i = 0; i < n_rows; i++)
    for (int64_t k = 0; k < n_cols; k++)
      memcpy(out + (size_t)(i * n_cols + k) * n_bytes,
             strip + (size_t)(i * width + cols[k] - cols[0]) * n_bytes, n_bytes);
}

/* How a rank reads its part of a call: in one selection, or in strips of strip_rows rows. */
typedef struct plan {
  int in_runs;
  int64_t width;      /* columns of a strip */
  int64_t strip_rows; /* 0 when in_runs */
  int64_t n_transfers;
} plan;

static plan make_plan(int64_t n_rows, int64_t n_cols, const int64_t *cols, int64_t n_bytes)
{
  plan how = {.in_runs = 1, .width = 0, .strip_rows = 0, .n_transfers = 1};
  if (n_rows == 0 || count_runs(n_cols, cols) <= MAX_RUNS) return how;
  how.in_runs = 0;
  how.width = cols[n_cols - 1] - cols[0] + 1;
  how.strip_rows = bvl_greater(1, STRIP_BYTES / (how.width * n_bytes));
  how.strip_rows = bvl_lesser(how.strip_rows, n_rows);
  how.n_transfers = (n_rows + how.strip_rows - 1) / how.strip_rows;
  return how;
}

/* Ranks may need different numbers of strips: all make as many transfers as the one that needs
 * most. */
static bvl_status read_columns(bvl_data *data, hid_t type, int64_t row0, int64_t n_rows,
                               int64_t n_cols, const int64_t *cols, char *out)
{
  bvl_status status = BVL_OK;
  int64_t n_bytes = bvl_dtype_bytes(data->source.dtype);
  plan how = make_plan(n_rows, n_cols, cols, n_bytes);
  int64_t n_transfers = how.n_transfers;
  char *strip = NULL;
  status = BVL_ALLOC(&strip, how.strip_rows * how.width * n_bytes);
  BVL_TRY(bvl_agree(&data->comm, status));
  BVL_TRY(bvl_max_i64(&data->comm, &n_transfers, 1));
  for (int64_t t = 0; t < n_transfers; t++) {
    if (how.in_runs) {
      BVL_TRY(read_runs(data, type, row0, t == 0 ? n_rows : 0, n_cols, cols, out));
      continue;
    }
    int64_t first = bvl_lesser(t * how.strip_rows, n_rows);
    int64_t count = bvl_lesser(how.strip_rows, n_rows - first);
    BVL_TRY(read_block(data, &data->x, type, row0 + first, count, cols[0], how.width, strip));
    pick(strip, count, how.width, n_cols, cols, (size_t)n_bytes,
         out + (size_t)(first * n_cols * n_bytes));
  }
cleanup:
  free(strip);
  return status;
}

static bvl_status read_dense(void *context, int64_t row0, int64_t n_rows, int64_t n_cols,
                             const int64_t *cols, void *out)
{
  bvl_data *data = context;
  hid_t type = bvl_data_native_type(data->source.dtype);
  return read_columns(data, type, row0, n_rows, n_cols, cols, out);
}

static bvl_status read_indptr(void *context, int64_t first, int64_t count, int64_t *indptr)
{
  bvl_data *data = context;
  return bvl_data_read_slice(data, &data->indptr, H5T_NATIVE_INT64, first, count, indptr);
}

static bvl_status read_entries(void *context, int64_t begin, int64_t count, int64_t *indices,
                               double *values)
{
  bvl_data *data = context;
  bvl_status status = BVL_OK;
  if (indices != NULL)
    status = bvl_data_read_slice(data, &data->indices, H5T_NATIVE_INT64, begin, count, indices);
  if (status == BVL_OK && values != NULL)
    status = bvl_data_read_slice(data, &data->values, H5T_NATIVE_DOUBLE, begin, count, values);
  return status;
}

void bvl_data_set_callbacks(bvl_data *data)
{
  bvl_source *source = &data->source;
  if (source->format == BVL_DENSE) {
    source->read_dense = read_dense;
    source->read_alone = bvl_data_read_alone;
  } else {
    source->read_indptr = read_indptr;
    source->read_entries = read_entries;
  }
}
