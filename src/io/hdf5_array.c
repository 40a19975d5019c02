/* SPDX-License-Identifier: BSD-3-Clause */
/* Datasets of one or two dimensions: opening with every refusal, and reading. */
#include "io/hdf5_util.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* A row of chunks up to this size is kept, so that reading row strips thinner than a chunk does not
 * decompress it again for each strip. */
#define CACHE_BYTES (INT64_C(32) << 20)

static bvl_status check_filters(hid_t plist, bvl_array *array)
{
  int n = H5Pget_nfilters(plist);
  for (int k = 0; k < n; k++) {
    char name[64] = "";
    unsigned flags = 0;
    size_t n_values = 0;
    H5Z_filter_t id = H5Pget_filter2(plist, (unsigned)k, &flags, &n_values, NULL, sizeof name, name,
                                     NULL);
    unsigned config = 0;
    if (id < 0 || H5Zfilter_avail(id) <= 0 || H5Zget_filter_info(id, &config) < 0 ||
        (config & H5Z_FILTER_CONFIG_DECODE_ENABLED) == 0)
      return bvl_fail(BVL_ERR_INPUT, "%s: compressed by filter %d (%s), which this HDF5 lacks",
                      array->name, (int)id, name[0] != '\0' ? name : "unnamed");
  }
  array->filtered = n > 0;
  return BVL_OK;
}

static bvl_status describe_shape(bvl_array *array)
{
  hid_t space = H5Dget_space(array->dataset);
  array->n_dims = space > 0 ? H5Sget_simple_extent_ndims(space) : -1;
  int simple = space > 0 && H5Sget_simple_extent_type(space) == H5S_SIMPLE;
  hsize_t dims[2] = {0, 1};
  if (simple && array->n_dims >= 1 && array->n_dims <= 2)
    H5Sget_simple_extent_dims(space, dims, NULL);
  bvl_h5_release(&space);
  if (!simple || array->n_dims < 1 || array->n_dims > 2)
    return bvl_fail(BVL_ERR_INPUT, "%s has %d dimensions, not 1 or 2", array->name,
                    simple ? array->n_dims : 0);
  if (dims[0] > INT64_MAX || dims[1] > INT64_MAX)
    return bvl_fail(BVL_ERR_INPUT, "%s has too many elements", array->name);
  array->dims[0] = (int64_t)dims[0];
  array->dims[1] = (int64_t)dims[1];
  return BVL_OK;
}

/* Sign, exponent and mantissa as IEEE has them, in any width and byte order, the exponent's bias in
 * its middle: HDF5 reads any other as well, but only damage makes one. An explicit leading bit is
 * the x87's. */
static int is_ieee(hid_t type)
{
  size_t sign = 0, exponent_at = 0, exponent = 0, mantissa_at = 0, mantissa = 0;
  if (H5Tget_fields(type, &sign, &exponent_at, &exponent, &mantissa_at, &mantissa) < 0) return 0;
  return H5Tget_offset(type) == 0 && mantissa_at == 0 && exponent_at == mantissa &&
         sign == exponent_at + exponent && sign + 1 == H5Tget_precision(type) && exponent > 1 &&
         exponent < 16 && H5Tget_ebias(type) == ((size_t)1 << (exponent - 1)) - 1 &&
         (H5Tget_norm(type) == H5T_NORM_IMPLIED || exponent == 15);
}

/* Are there bytes for what the type is made of? */
static int has_room(hid_t type, H5T_class_t class)
{
  const size_t n_bytes = H5Tget_size(type);
  if (class != H5T_INTEGER && class != H5T_FLOAT) return n_bytes > 0;
  const int begin = H5Tget_offset(type);
  const size_t n_bits = H5Tget_precision(type);
  return begin >= 0 && n_bits > 0 && n_bits + (size_t)begin <= 8 * n_bytes;
}

static bvl_status describe_type(bvl_array *array)
{
  hid_t type = H5Dget_type(array->dataset);
  if (type < 0) return bvl_h5_fail(BVL_ERR_IO, "cannot read the type of %s", array->name);
  array->class = H5Tget_class(type);
  array->n_bytes = (int)H5Tget_size(type);
  array->is_signed = array->class == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2;
  int known = has_room(type, array->class) && (array->class != H5T_FLOAT || is_ieee(type));
  if (known && array->class == H5T_STRING)
    known = H5Tget_cset(type) == H5T_CSET_ASCII || H5Tget_cset(type) == H5T_CSET_UTF8;
  bvl_h5_release(&type);
  if (!known) return bvl_fail(BVL_ERR_INPUT, "%s: elements of an unknown format", array->name);
  return BVL_OK;
}

/* Opens the dataset again with a cache that holds a row of its chunks. */
static void widen_cache(hid_t file, hid_t plist, bvl_array *array)
{
  hsize_t chunk[2];
  if (!array->filtered || array->n_dims != 2 || H5Pget_chunk(plist, 2, chunk) != 2) return;
  int64_t chunks_a_row = (array->dims[1] + (int64_t)chunk[1] - 1) / (int64_t)chunk[1];
  double wanted = (double)chunk[0] * (double)chunk[1] * array->n_bytes * (double)chunks_a_row;
  if (wanted <= 1 << 20 || wanted > (double)CACHE_BYTES) return;
  hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  H5Pset_chunk_cache(access, 12421, (size_t)wanted, H5D_CHUNK_CACHE_W0_DEFAULT);
  hid_t again = H5Dopen2(file, array->name, access);
  if (again > 0) {
    bvl_h5_release(&array->dataset);
    array->dataset = again;
  }
  bvl_h5_release(&access);
}

bvl_status bvl_array_open(hid_t file, const char *name, bvl_array *out)
{
  bvl_status status = BVL_OK;
  hid_t plist = 0;
  memset(out, 0, sizeof *out);
  bvl_h5_kind kind = bvl_h5_kind_of(file, name);
  if (kind == BVL_H5_NONE) return bvl_fail(BVL_ERR_INPUT, "there is no dataset %s", name);
  if (kind == BVL_H5_BROKEN) return bvl_h5_fail(BVL_ERR_IO, "cannot read what is at %s", name);
  if (kind == BVL_H5_GROUP) return bvl_fail(BVL_ERR_INPUT, "%s is a group, not a dataset", name);
  out->name = strdup(name);
  if (out->name == NULL) return bvl_fail(BVL_ERR_NOMEM, "no memory for the name %s", name);
  out->dataset = H5Dopen2(file, name, H5P_DEFAULT);
  if (out->dataset < 0) BVL_TRY(bvl_h5_fail(BVL_ERR_IO, "cannot open %s", name));
  BVL_TRY(describe_shape(out));
  BVL_TRY(describe_type(out));
  plist = H5Dget_create_plist(out->dataset);
  BVL_TRY(check_filters(plist, out));
  widen_cache(file, plist, out);
cleanup:
  bvl_h5_release(&plist);
  if (status != BVL_OK) bvl_array_close(out);
  return status;
}

void bvl_array_close(bvl_array *array)
{
  bvl_h5_release(&array->dataset);
  free(array->name);
  memset(array, 0, sizeof *array);
}

int bvl_array_is_integer(const bvl_array *array)
{
  return array->class == H5T_INTEGER || array->class == H5T_ENUM;
}

int bvl_array_is_numeric(const bvl_array *array)
{
  return array->class == H5T_FLOAT || bvl_array_is_integer(array);
}

int bvl_array_is_string(const bvl_array *array)
{
  return array->class == H5T_STRING;
}

/* HDF5 does not convert enumerations (h5py's booleans) to numbers: read their codes, then convert
 * these in place. */
static herr_t read_codes(const bvl_array *array, hid_t memory_type, hid_t memory_space,
                         hid_t file_space, hid_t how, void *out)
{
  hid_t type = H5Dget_type(array->dataset);
  hid_t native = H5Tget_native_type(type, H5T_DIR_ASCEND);
  hid_t base = H5Tget_super(native);
  herr_t failed = -1;
  if (base > 0 && H5Tget_size(base) <= H5Tget_size(memory_type))
    failed = H5Dread(array->dataset, native, memory_space, file_space, how, out);
  if (failed >= 0)
    failed = H5Tconvert(base, memory_type, (size_t)H5Sget_select_npoints(file_space), out, NULL,
                        H5P_DEFAULT);
  bvl_h5_release(&base);
  bvl_h5_release(&native);
  bvl_h5_release(&type);
  return failed;
}

bvl_status bvl_array_transfer(const bvl_array *array, hid_t memory_type, hid_t memory_space,
                              hid_t file_space, int collective, void *out)
{
  char nothing[8];
  hid_t how = H5Pcreate(H5P_DATASET_XFER);
  if (collective) H5Pset_dxpl_mpio(how, H5FD_MPIO_COLLECTIVE);
  if (out == NULL) out = nothing; /* an empty selection still needs a buffer */
  herr_t failed;
  if (array->class == H5T_ENUM)
    failed = read_codes(array, memory_type, memory_space, file_space, how, out);
  else
    failed = H5Dread(array->dataset, memory_type, memory_space, file_space, how, out);
  bvl_status status = BVL_OK;
  if (failed < 0) status = bvl_h5_fail(BVL_ERR_IO, "cannot read %s", array->name);
  bvl_h5_release(&how);
  return status;
}

bvl_status bvl_array_read(const bvl_array *array, hid_t memory_type, int64_t first, int64_t count,
                          void *out)
{
  if (count == 0) return BVL_OK;
  if (first < 0 || count < 0 || first > array->dims[0] - count)
    return bvl_fail(BVL_ERR_INTERNAL, "%s: rows %" PRId64 " + %" PRId64 " of %" PRId64, array->name,
                    first, count, array->dims[0]);
  hsize_t start[2] = {(hsize_t)first, 0};
  hsize_t size[2] = {(hsize_t)count, (hsize_t)array->dims[1]};
  hid_t file_space = H5Dget_space(array->dataset);
  hid_t memory_space = H5Screate_simple(2, size, NULL);
  H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, size, NULL);
  bvl_status status = bvl_array_transfer(array, memory_type, memory_space, file_space, 0, out);
  bvl_h5_release(&memory_space);
  bvl_h5_release(&file_space);
  return status;
}

bvl_status bvl_strings_unpack(int64_t n, int64_t n_bytes, const char *bytes, char ***out)
{
  char **block = malloc((size_t)n * sizeof *block + (size_t)n_bytes + 1);
  *out = block;
  if (block == NULL) return bvl_fail(BVL_ERR_NOMEM, "no memory for %" PRId64 " names", n);
  char *next = memcpy(block + n, bytes, (size_t)n_bytes);
  for (int64_t k = 0; k < n; k++) {
    block[k] = next;
    next += strlen(next) + 1;
  }
  return BVL_OK;
}

/* Fixed-length strings as HDF5 returns them -> one after another, each with its NUL. */
static bvl_status pack_fixed(int64_t n, size_t width, const char *from, char **bytes, int64_t *used)
{
  bvl_status status = BVL_ALLOC(bytes, n * ((int64_t)width + 1));
  if (status != BVL_OK) return status;
  *used = 0;
  for (int64_t k = 0; k < n; k++) {
    size_t length = strnlen(from + (size_t)k * width, width);
    memcpy(*bytes + *used, from + (size_t)k * width, length);
    *used += (int64_t)length + 1;
  }
  return BVL_OK;
}

static bvl_status pack_variable(int64_t n, char *const *from, char **bytes, int64_t *used)
{
  int64_t total = 0;
  for (int64_t k = 0; k < n; k++) total += (from[k] != NULL ? (int64_t)strlen(from[k]) : 0) + 1;
  bvl_status status = BVL_ALLOC(bytes, total);
  if (status != BVL_OK) return status;
  *used = 0;
  for (int64_t k = 0; k < n; k++) {
    size_t length = from[k] != NULL ? strlen(from[k]) : 0;
    memcpy(*bytes + *used, from[k] != NULL ? from[k] : "", length);
    *used += (int64_t)length + 1;
  }
  return BVL_OK;
}

bvl_status bvl_array_read_strings(const bvl_array *array, char ***out, int64_t *n_bytes)
{
  bvl_status status = BVL_OK;
  char *raw = NULL, *bytes = NULL;
  int64_t n = array->dims[0];
  hid_t type = H5Dget_type(array->dataset);
  hid_t space = H5Dget_space(array->dataset);
  int variable = H5Tis_variable_str(type) > 0;
  int64_t width = (int64_t)H5Tget_size(type); /* of a pointer when variable */
  *out = NULL;
  BVL_TRY(BVL_ALLOC(&raw, n * width));
  BVL_TRY(bvl_array_transfer(array, type, H5S_ALL, H5S_ALL, 0, raw));
  if (variable)
    BVL_TRY(pack_variable(n, (char *const *)(void *)raw, &bytes, n_bytes));
  else
    BVL_TRY(pack_fixed(n, (size_t)width, raw, &bytes, n_bytes));
  BVL_TRY(bvl_strings_unpack(n, *n_bytes, bytes, out));
cleanup:
  if (variable && raw != NULL) H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw);
  free(bytes);
  free(raw);
  bvl_h5_release(&space);
  bvl_h5_release(&type);
  return status;
}
