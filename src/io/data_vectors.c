/* SPDX-License-Identifier: BSD-3-Clause */
/* Vectors beside X: response, weights and offset by rows; groups, factors and names over columns,
 * which rank 0 reads and broadcasts; and the file's fingerprint. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/data_file.h"

static bvl_status check_values(const bvl_data *data, const bvl_array *array, int64_t row0,
                               int64_t count, const double *values)
{
  for (int64_t e = 0; e < count * array->dims[1]; e++) {
    const double v = values[e];
    const int64_t row = row0 + e / array->dims[1];
    if (isnan(v) && array == &data->y && data->keeps_missing) continue;
    if (isnan(v)) return bvl_fail(BVL_ERR_INPUT, "%s: row %" PRId64 ": NaN", array->name, row);
    if (isinf(v)) return bvl_fail(BVL_ERR_INPUT, "%s: row %" PRId64 ": infinite", array->name, row);
    if (array == &data->weights && v < 0.0)
      return bvl_fail(BVL_ERR_INPUT, "%s: row %" PRId64 ": negative weight %g", array->name, row,
                      v);
    if (array == &data->y && data->y_is_codes && v < 0.0)
      return bvl_fail(BVL_ERR_INPUT, "%s: row %" PRId64 ": no label", array->name, row);
    if (array == &data->y && data->y_is_codes && v >= (double)data->n_categories)
      return bvl_fail(BVL_ERR_INPUT, "%s: row %" PRId64 ": code %g of %" PRId64 " categories",
                      array->name, row, v, data->n_categories);
  }
  return BVL_OK;
}

void bvl_data_keep_missing(bvl_data *data)
{
  data->keeps_missing = 1;
}

bvl_status bvl_data_read_rows(void *context, const char *what, int64_t row0, int64_t count,
                              double *out, int *present)
{
  bvl_data *data = context;
  const bvl_array *array = NULL;
  if (strcmp(what, "y") == 0) array = &data->y;
  if (strcmp(what, "weights") == 0) array = &data->weights;
  if (strcmp(what, "offset") == 0) array = &data->offset;
  *present = array != NULL && array->dataset != 0;
  if (!*present) return BVL_OK;
  bvl_status status = bvl_data_read_slice(data, array, H5T_NATIVE_DOUBLE, row0, count, out);
  if (status != BVL_OK) return status;
  for (int64_t e = 0; data->keeps_missing && e < count * array->dims[1]; e++)
    if (array == &data->y && data->y_is_codes && out[e] < 0.0) out[e] = NAN;
  return bvl_agree(&data->comm, check_values(data, array, row0, count, out));
}

/* A whole vector of 8-byte elements, read by rank 0, on every rank; *out stays NULL without one. */
static bvl_status read_replicated(bvl_data *data, const bvl_array *array, hid_t memory_type,
                                  void *out_pointer)
{
  bvl_status status = BVL_OK;
  void **out = out_pointer;
  int64_t n = array->dims[0];
  *out = NULL;
  if (array->dataset == 0) return BVL_OK;
  BVL_TRY(bvl_agree(&data->comm, bvl_alloc_bytes(n, 8, out)));
  if (data->comm.rank == 0) status = bvl_array_read(array, memory_type, 0, n, *out);
  BVL_TRY(bvl_agree(&data->comm, status));
  BVL_TRY(bvl_bcast_bytes(&data->comm, 0, *out, n * 8));
cleanup:
  if (status != BVL_OK) {
    free(*out);
    *out = NULL;
  }
  return status;
}

bvl_status bvl_data_read_groups(bvl_data *data, int64_t **out)
{
  return read_replicated(data, &data->groups, H5T_NATIVE_INT64, out);
}

bvl_status bvl_data_read_group_weights(bvl_data *data, int64_t *count, double **out)
{
  *count = data->group_weights.dims[0];
  return read_replicated(data, &data->group_weights, H5T_NATIVE_DOUBLE, out);
}

bvl_status bvl_data_read_penalty_factor(bvl_data *data, double **out)
{
  return read_replicated(data, &data->penalty_factor, H5T_NATIVE_DOUBLE, out);
}

bvl_status bvl_data_read_bounds(bvl_data *data, double **lower, double **upper)
{
  bvl_status status = read_replicated(data, &data->lower, H5T_NATIVE_DOUBLE, lower);
  *upper = NULL;
  return status != BVL_OK ? status : read_replicated(data, &data->upper, H5T_NATIVE_DOUBLE, upper);
}

static int compare_rows(const void *a, const void *b)
{
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Sorts row numbers; the message about a bad one names its value. */
static bvl_status sort_index(const char *name, int64_t n_rows, int64_t count, int64_t *rows)
{
  qsort(rows, (size_t)count, sizeof *rows, compare_rows);
  for (int64_t k = 0; k < count; k++) {
    if (rows[k] < 0 || rows[k] >= n_rows)
      return bvl_fail(BVL_ERR_INPUT, "%s: row %" PRId64 " is outside 0..%" PRId64, name, rows[k],
                      n_rows - 1);
    if (k > 0 && rows[k] == rows[k - 1])
      return bvl_fail(BVL_ERR_INPUT, "%s: row %" PRId64 " is there twice", name, rows[k]);
  }
  return count > 0 ? BVL_OK : bvl_fail(BVL_ERR_INPUT, "%s is empty", name);
}

bvl_status bvl_data_read_index(bvl_data *data, const char *name, int64_t *count, int64_t **out)
{
  bvl_array array = {0};
  bvl_status status = BVL_OK;
  *out = NULL;
  *count = 0;
  status = bvl_array_open(data->file, name, &array);
  if (status == BVL_OK && (array.class != H5T_INTEGER || array.n_dims != 1))
    status = bvl_fail(BVL_ERR_INPUT, "%s: not a vector of integers", name);
  BVL_TRY(bvl_agree(&data->comm, status));
  BVL_TRY(read_replicated(data, &array, H5T_NATIVE_INT64, out));
  *count = array.dims[0];
  BVL_TRY(bvl_agree(&data->comm, sort_index(name, data->source.n, *count, *out)));
cleanup:
  bvl_array_close(&array);
  if (status != BVL_OK) {
    free(*out);
    *out = NULL;
  }
  return status;
}

bvl_status bvl_data_read_row_ids(bvl_data *data, const char *name, int64_t **out)
{
  bvl_array array = {0};
  *out = NULL;
  bvl_status status = bvl_array_open(data->file, name, &array);
  if (status == BVL_OK && (array.class != H5T_INTEGER || array.n_dims != 1))
    status = bvl_fail(BVL_ERR_INPUT, "%s: not a vector of integers", name);
  if (status == BVL_OK && array.dims[0] != data->source.n)
    status = bvl_fail(BVL_ERR_INPUT, "%s has %" PRId64 " entries, X %" PRId64 " rows", name,
                      array.dims[0], data->source.n);
  BVL_TRY(bvl_agree(&data->comm, status));
  BVL_TRY(read_replicated(data, &array, H5T_NATIVE_INT64, out));
cleanup:
  bvl_array_close(&array);
  return status;
}

bvl_status bvl_data_read_feature_names(bvl_data *data, char ***out)
{
  bvl_status status = BVL_OK;
  int64_t n_bytes;
  *out = NULL;
  if (data->feature_names.dataset == 0) return BVL_OK;
  if (data->comm.rank == 0) status = bvl_array_read_strings(&data->feature_names, out, &n_bytes);
  return bvl_agree(&data->comm, status);
}

/* ---- fingerprint: FNV-1a over 64-bit words, in the file's order, by rank 0 alone ---------------
 */

enum { N_SAMPLES = 16, SAMPLE = BVL_MAX_RESPONSES };

static void mix(uint64_t *hash, const void *words, int64_t n)
{
  const unsigned char *bytes = words;
  for (int64_t k = 0; k < n; k++) {
    uint64_t word;
    memcpy(&word, bytes + 8 * k, sizeof word);
    *hash = (*hash ^ word) * UINT64_C(1099511628211);
    *hash ^= *hash >> 29; /* lets high bits reach low ones, which the product alone never does */
  }
}

/* Rows first, first + count of a vector (or of several, side by side), in pieces of the buffer. */
static bvl_status mix_slice(const bvl_array *array, int64_t first, int64_t count, double *buffer,
                            uint64_t *hash)
{
  const int64_t rows = SAMPLE / array->dims[1]; /* the widest y is that wide */
  for (int64_t done = 0; done < count; done += rows) {
    int64_t piece = bvl_lesser(rows, count - done);
    bvl_status status = bvl_array_read(array, H5T_NATIVE_DOUBLE, first + done, piece, buffer);
    if (status != BVL_OK) return status;
    mix(hash, buffer, piece * array->dims[1]);
  }
  return BVL_OK;
}

/* Stretches of the stored entries, spread evenly. */
static bvl_status mix_spread(const bvl_array *array, double *buffer, uint64_t *hash)
{
  int64_t n = array->dims[0];
  int64_t length = bvl_lesser(SAMPLE, n / N_SAMPLES + 1);
  bvl_status status = BVL_OK;
  for (int64_t k = 0; k < N_SAMPLES && status == BVL_OK; k++) {
    int64_t first = bvl_cut(n, N_SAMPLES, k);
    status = mix_slice(array, first, bvl_lesser(length, n - first), buffer, hash);
  }
  return status;
}

static bvl_status mix_rows(const bvl_array *x, uint64_t *hash)
{
  double *row = NULL;
  bvl_status status = BVL_ALLOC(&row, x->dims[1]);
  int64_t n_rows = bvl_lesser(N_SAMPLES, x->dims[0]);
  for (int64_t k = 0; k < n_rows && status == BVL_OK; k++) {
    status = bvl_array_read(x, H5T_NATIVE_DOUBLE, bvl_cut(x->dims[0], n_rows, k), 1, row);
    if (status == BVL_OK) mix(hash, row, x->dims[1]);
  }
  free(row);
  return status;
}

static bvl_status fingerprint(const bvl_data *data, uint64_t *hash)
{
  const bvl_source *x = &data->source;
  int64_t shape[] = {x->n, x->p, x->nnz, (int64_t)x->format, (int64_t)x->dtype};
  double *buffer = NULL;
  bvl_status status = BVL_OK;
  *hash = UINT64_C(14695981039346656037);
  mix(hash, shape, sizeof shape / sizeof *shape);
  BVL_TRY(BVL_ALLOC(&buffer, SAMPLE));
  if (data->y.dataset != 0) BVL_TRY(mix_slice(&data->y, 0, x->n, buffer, hash));
  if (x->format == BVL_DENSE) {
    BVL_TRY(mix_rows(&data->x, hash));
  } else {
    BVL_TRY(mix_spread(&data->indptr, buffer, hash));
    BVL_TRY(mix_spread(&data->indices, buffer, hash));
    BVL_TRY(mix_spread(&data->values, buffer, hash));
  }
cleanup:
  free(buffer);
  return status;
}

bvl_status bvl_data_fingerprint(bvl_data *data, uint64_t *out)
{
  bvl_status status = BVL_OK;
  *out = 0;
  if (data->comm.rank == 0) status = fingerprint(data, out);
  status = bvl_agree(&data->comm, status);
  if (status == BVL_OK) status = bvl_bcast_bytes(&data->comm, 0, out, sizeof *out);
  return status;
}
