/* SPDX-License-Identifier: BSD-3-Clause */
/* AnnData's on-disk conventions: sparse matrices (encoding-type csc_matrix | csr_matrix),
 * categorical columns (codes + categories), the index of /var. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/data_file.h"

/* "group/child"; a name that does not fit is of nothing. */
static void child_path(const char *group, const char *child, char out[BVL_H5_NAME_BYTES])
{
  const int length = snprintf(out, BVL_H5_NAME_BYTES, "%s/%s", group, child);
  if (length < 0 || length >= BVL_H5_NAME_BYTES) out[0] = '\0';
}

static bvl_status open_child(const bvl_data *data, const char *child, int integers, bvl_array *out)
{
  char path[BVL_H5_NAME_BYTES];
  child_path(data->x_name, child, path);
  bvl_status status = bvl_array_open(data->file, path, out);
  if (status != BVL_OK) return status;
  if (out->n_dims != 1)
    return bvl_fail(BVL_ERR_INPUT, "%s has %d dimensions, not 1", out->name, out->n_dims);
  if (integers && out->class != H5T_INTEGER)
    return bvl_fail(BVL_ERR_INPUT, "%s: not integers", out->name);
  if (!bvl_array_is_numeric(out)) return bvl_fail(BVL_ERR_INPUT, "%s: not numbers", out->name);
  return BVL_OK;
}

static bvl_status read_header(bvl_data *data)
{
  hid_t group = H5Gopen2(data->file, data->x_name, H5P_DEFAULT);
  if (group < 0) return bvl_h5_fail(BVL_ERR_IO, "cannot open %s", data->x_name);
  errno = 0;
  char *encoding = bvl_h5_attr_text(group, "encoding-type");
  const int no_memory = encoding == NULL && errno == ENOMEM;
  int64_t shape[2];
  int n_shape = bvl_h5_attr_i64(group, "shape", 2, shape);
  bvl_status status = BVL_OK;
  bvl_source *source = &data->source;
  if (no_memory)
    status = bvl_fail(BVL_ERR_NOMEM, "no memory for the encoding of %s", data->x_name);
  else if (encoding == NULL)
    status = bvl_fail(BVL_ERR_INPUT, "%s is a group without the attribute encoding-type",
                      data->x_name);
  else if (strcmp(encoding, "csc_matrix") != 0 && strcmp(encoding, "csr_matrix") != 0)
    status = bvl_fail(BVL_ERR_INPUT, "%s: encoding-type %.60s is not csc_matrix or csr_matrix",
                      data->x_name, encoding);
  else if (n_shape != 2 || shape[0] < 0 || shape[1] < 0)
    status = bvl_fail(BVL_ERR_INPUT, "%s: the attribute shape is not two integers from 0",
                      data->x_name);
  if (status == BVL_OK) {
    source->format = strcmp(encoding, "csc_matrix") == 0 ? BVL_CSC : BVL_CSR;
    source->n = shape[0];
    source->p = shape[1];
  }
  free(encoding);
  bvl_h5_release(&group);
  return status;
}

static bvl_status check_ends(const bvl_data *data, int64_t n_pointers)
{
  int64_t first = 0, last = 0, nnz = data->values.dims[0];
  bvl_status status = bvl_array_read(&data->indptr, H5T_NATIVE_INT64, 0, 1, &first);
  if (status == BVL_OK)
    status = bvl_array_read(&data->indptr, H5T_NATIVE_INT64, n_pointers - 1, 1, &last);
  if (status != BVL_OK) return status;
  if (first != 0)
    return bvl_fail(BVL_ERR_INPUT, "%s begins with %" PRId64 ", not 0", data->indptr.name, first);
  if (last != nnz)
    return bvl_fail(BVL_ERR_INPUT, "%s ends with %" PRId64 ", %s has %" PRId64 " entries",
                    data->indptr.name, last, data->values.name, nnz);
  return BVL_OK;
}

bvl_status bvl_anndata_open_sparse(bvl_data *data)
{
  bvl_source *source = &data->source;
  bvl_status status = read_header(data);
  if (status == BVL_OK) status = open_child(data, "data", 0, &data->values);
  if (status == BVL_OK) status = open_child(data, "indices", 1, &data->indices);
  if (status == BVL_OK) status = open_child(data, "indptr", 1, &data->indptr);
  if (status != BVL_OK) return status;
  if (data->indices.dims[0] != data->values.dims[0])
    return bvl_fail(BVL_ERR_INPUT, "%s has %" PRId64 " entries, %s has %" PRId64,
                    data->indices.name, data->indices.dims[0], data->values.name,
                    data->values.dims[0]);
  int64_t n_major = source->format == BVL_CSC ? source->p : source->n;
  if (data->indptr.dims[0] - 1 != n_major)
    return bvl_fail(BVL_ERR_INPUT, "%s has %" PRId64 " entries, %s has %" PRId64 " %s",
                    data->indptr.name, data->indptr.dims[0], data->x_name, n_major,
                    source->format == BVL_CSC ? "columns" : "rows");
  source->dtype = BVL_F64;
  source->nnz = data->values.dims[0];
  return check_ends(data, n_major + 1);
}

int bvl_anndata_is_categorical(hid_t file, const char *name)
{
  char codes[BVL_H5_NAME_BYTES], categories[BVL_H5_NAME_BYTES];
  child_path(name, "codes", codes);
  child_path(name, "categories", categories);
  return bvl_h5_kind_of(file, codes) == BVL_H5_DATASET &&
         bvl_h5_kind_of(file, categories) != BVL_H5_NONE;
}

bvl_status bvl_anndata_var_index(hid_t file, char out[BVL_H5_NAME_BYTES])
{
  const bvl_h5_kind var = bvl_h5_kind_of(file, "/var");
  out[0] = '\0';
  if (var == BVL_H5_BROKEN) return bvl_fail(BVL_ERR_IO, "cannot read what is at /var");
  hid_t group = var == BVL_H5_GROUP ? H5Gopen2(file, "/var", H5P_DEFAULT) : 0;
  if (group <= 0) return BVL_OK;
  errno = 0;
  bvl_status status = BVL_OK;
  char *index = bvl_h5_attr_text(group, "_index"); /* the column that serves as index */
  if (index == NULL && errno == ENOMEM)
    status = bvl_fail(BVL_ERR_NOMEM, "no memory for the index of /var");
  else if (index == NULL && H5Aexists(group, "_index") != 0)
    status = bvl_fail(BVL_ERR_INPUT, "/var: the attribute _index is not a string");
  child_path("/var", index != NULL ? index : "_index", out);
  const bvl_h5_kind kind = bvl_h5_kind_of(file, out);
  if (index != NULL && (index[0] == '\0' || kind == BVL_H5_NONE))
    status = bvl_fail(BVL_ERR_INPUT, "/var: the index is said to be %.60s, which is not there",
                      out);
  free(index);
  bvl_h5_release(&group);
  if (kind != BVL_H5_DATASET && kind != BVL_H5_BROKEN) out[0] = '\0';
  return status;
}
