/* SPDX-License-Identifier: BSD-3-Clause */
/* Do the chunks of a dataset hold as many bytes as its head says? HDF5 does not ask: where they
 * unpack to fewer (a damaged chunk shape), it hands out what memory held behind them, another
 * number at every reading.
 *
 * HDF5 does not tell how much a chunk unpacks to either. So one stored chunk goes, as it is, into a
 * dataset in memory that has the same filters and before them one more, which counts what comes out
 * of the others. Cost: one chunk read and unpacked once. */
#include <stdlib.h>

#include "base/checked.h"
#include "io/look.h"

enum { COUNTER = 411 };                 /* among the numbers kept for tests and private use */
#define MOST_BYTES ((hsize_t)256 << 20) /* of a chunk that is looked at */

static size_t wanted;  /* bytes of a whole chunk */
static size_t counted; /* in the last one that passed */

static size_t count_bytes(unsigned flags, size_t n_values, const unsigned values[], size_t n_bytes,
                          size_t *room, void **buffer)
{
  (void)n_values;
  (void)values;
  (void)room;
  (void)buffer;
  if ((flags & H5Z_FLAG_REVERSE) == 0) return n_bytes;
  counted = n_bytes;
  return n_bytes == wanted ? n_bytes : 0; /* a failure: nothing beyond its end is read */
}

static const H5Z_class2_t counter = {H5Z_CLASS_T_VERS, COUNTER, 1,    1,
                                     "counts bytes",   NULL,    NULL, count_bytes};

/* Layout and filters of a dataset of one chunk: those of `like`, and the counter where what is read
 * passes last. */
static hid_t one_chunk_plist(hid_t like, int rank, const hsize_t *chunk)
{
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  herr_t failed = H5Pset_chunk(plist, rank, chunk);
  if (failed >= 0) failed = H5Pset_filter(plist, COUNTER, H5Z_FLAG_MANDATORY, 0, NULL);
  for (int k = 0; failed >= 0 && k < H5Pget_nfilters(like); k++) {
    unsigned values[32], flags = 0;
    size_t n_values = sizeof values / sizeof *values;
    const H5Z_filter_t id = H5Pget_filter2(like, (unsigned)k, &flags, &n_values, values, 0, NULL,
                                           NULL);
    failed = n_values <= sizeof values / sizeof *values
                 ? H5Pset_filter(plist, id, flags, n_values, values)
                 : -1;
  }
  if (failed < 0) bvl_h5_release(&plist);
  return failed < 0 ? -1 : plist;
}

/* The bytes that a stored chunk unpacks to; 0 = they cannot be told. */
static size_t unpack(const bvl_array *array, hid_t like, const hsize_t *chunk, hsize_t size,
                     const hsize_t *at, hsize_t n_stored, unsigned char *stored)
{
  static const hsize_t origin[2] = {0, 0};
  const int rank = array->n_dims;
  unsigned char *values = malloc((size_t)size);
  uint32_t filters = 0;
  hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = -1, dataset = -1, space = -1;
  hid_t type = H5Dget_type(array->dataset), plist = one_chunk_plist(like, rank, chunk);
  H5Pset_fapl_core(access, 1 << 16, 0);
  counted = 0;
  wanted = (size_t)size;
  if (values != NULL && plist > 0 &&
      H5Dread_chunk(array->dataset, H5P_DEFAULT, at, &filters, stored) >= 0)
    file = H5Fcreate("one chunk", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  if (file > 0) space = H5Screate_simple(rank, chunk, NULL);
  if (space > 0) dataset = H5Dcreate2(file, "chunk", type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  if (dataset > 0 &&
      H5Dwrite_chunk(dataset, H5P_DEFAULT, filters << 1, origin, (size_t)n_stored, stored) >= 0)
    H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  bvl_h5_release(&dataset);
  bvl_h5_release(&space);
  bvl_h5_release(&file);
  bvl_h5_release(&plist);
  bvl_h5_release(&type);
  bvl_h5_release(&access);
  free(values);
  return counted;
}

bvl_status bvl_look_chunk(const bvl_array *array)
{
  hsize_t chunk[2] = {1, 1}, at[2] = {0, 0}, n_stored = 0, n_chunks = 0;
  haddr_t address = 0;
  unsigned filters = 0;
  unsigned char *stored = NULL;
  bvl_status status = BVL_OK;
  hid_t layout = H5Dget_create_plist(array->dataset), space = H5Dget_space(array->dataset);
  if (H5Pget_chunk(layout, array->n_dims, chunk) != array->n_dims) goto cleanup;
  const hsize_t size = chunk[0] * chunk[1] * (hsize_t)array->n_bytes;
  if (chunk[0] > MOST_BYTES || chunk[1] > MOST_BYTES || size > MOST_BYTES) goto cleanup;
  if (H5Dget_num_chunks(array->dataset, space, &n_chunks) < 0 || n_chunks == 0 ||
      H5Dget_chunk_info(array->dataset, space, 0, at, &filters, &address, &n_stored) < 0 ||
      /* the first of an index; of several that a damaged shape puts in one place, the one read */
      H5Dget_chunk_storage_size(array->dataset, at, &n_stored) < 0 || n_stored == 0 ||
      n_stored > 2 * MOST_BYTES || H5Zregister(&counter) < 0)
    goto cleanup;
  BVL_TRY(BVL_ALLOC(&stored, (int64_t)n_stored));
  const size_t unpacked = unpack(array, layout, chunk, size, at, n_stored, stored);
  if (unpacked != 0 && unpacked != (size_t)size)
    status = bvl_fail(BVL_ERR_INPUT,
                      "%s: a chunk holds %zu bytes, one of its shape %llu: the file is damaged",
                      array->name, unpacked, (unsigned long long)size);
cleanup:
  free(stored);
  bvl_h5_release(&space);
  bvl_h5_release(&layout);
  return status;
}
