/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening a data file: every shape, type and header is checked before anything large is read. A
 * child of rank 0 looks at the file first and alone (io/look.h), so that what cannot be opened, or
 * what HDF5 dies of, is refused in words; then all ranks open it and read the metadata for
 * themselves. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/data_file.h"
#include "io/look.h"

static bvl_status open_dense(bvl_data *data)
{
  bvl_status status = bvl_array_open(data->file, data->x_name, &data->x);
  if (status != BVL_OK) return status;
  const bvl_array *x = &data->x;
  bvl_source *source = &data->source;
  if (x->n_dims != 2)
    return bvl_fail(BVL_ERR_INPUT, "%s has %d dimension, not 2", x->name, x->n_dims);
  if (!bvl_array_is_numeric(x)) return bvl_fail(BVL_ERR_INPUT, "%s: not numbers", x->name);
  source->format = BVL_DENSE;
  source->n = x->dims[0];
  source->p = x->dims[1];
  if (x->dims[1] > 0 && x->dims[0] > INT64_MAX / x->dims[1])
    return bvl_fail(BVL_ERR_INPUT, "%s has too many elements", x->name);
  source->nnz = source->n * source->p;
  source->dtype = BVL_F64;
  if (x->class == H5T_FLOAT && x->n_bytes == 4) source->dtype = BVL_F32;
  if (x->class == H5T_INTEGER && x->n_bytes == 1) source->dtype = x->is_signed ? BVL_I8 : BVL_U8;
  return BVL_OK;
}

/* The code of int8 data that stands for the column's mean. */
static bvl_status read_missing(bvl_data *data)
{
  if (data->x.dataset == 0 || H5Aexists(data->x.dataset, "missing") == 0) return BVL_OK;
  int64_t code;
  if (data->source.dtype != BVL_I8)
    return bvl_fail(BVL_ERR_INPUT, "%s: the attribute missing is for int8 only", data->x_name);
  if (bvl_h5_attr_i64(data->x.dataset, "missing", 1, &code) != 1 || code < INT8_MIN ||
      code > INT8_MAX)
    return bvl_fail(BVL_ERR_INPUT, "%s: the attribute missing is not an int8", data->x_name);
  data->source.has_missing = 1;
  data->source.missing = (int)code;
  return BVL_OK;
}

static bvl_status open_x(bvl_data *data)
{
  bvl_status status = bvl_h5_kind_of(data->file, data->x_name) == BVL_H5_GROUP
                          ? bvl_anndata_open_sparse(data)
                          : open_dense(data);
  if (status == BVL_OK) status = read_missing(data);
  if (status != BVL_OK) return status;
  bvl_source *source = &data->source;
  if (source->n == 0 || source->p == 0)
    return bvl_fail(BVL_ERR_INPUT, "%s is empty (%" PRId64 " x %" PRId64 ")", data->x_name,
                    source->n, source->p);
  source->context = data;
  source->name = data->x_name;
  bvl_data_set_callbacks(data);
  return BVL_OK;
}

/* Opens a vector unless it is declined ("none"), or absent without having been asked for by name. A
 * `length` of -1 leaves the length open. */
static bvl_status open_vector(bvl_data *data, const char *asked, const char *usual, int64_t length,
                              const char *per, bvl_array *out)
{
  const char *name = asked != NULL ? asked : usual;
  if (strcmp(name, "none") == 0) return BVL_OK;
  if (asked == NULL && bvl_h5_kind_of(data->file, name) == BVL_H5_NONE) return BVL_OK;
  bvl_status status = bvl_array_open(data->file, name, out);
  if (status != BVL_OK) return status;
  if (length >= 0 && out->dims[0] != length)
    return bvl_fail(BVL_ERR_INPUT, "%s has %" PRId64 " entries, %s has %" PRId64 " %s", out->name,
                    out->dims[0], data->x_name, length, per);
  if (out->dims[1] != 1)
    return bvl_fail(BVL_ERR_INPUT, "%s is %" PRId64 " x %" PRId64 ", not a vector", out->name,
                    out->dims[0], out->dims[1]);
  return BVL_OK;
}

static bvl_status open_numbers(bvl_data *data, const char *asked, const char *usual, int64_t length,
                               const char *per, bvl_array *out)
{
  bvl_status status = open_vector(data, asked, usual, length, per, out);
  if (status == BVL_OK && out->dataset != 0 && !bvl_array_is_numeric(out))
    return bvl_fail(BVL_ERR_INPUT, "%s: not numbers", out->name);
  return status;
}

static void rename_array(bvl_array *array, const char *name)
{
  char *copy = strdup(name);
  if (copy == NULL) return;
  free(array->name);
  array->name = copy;
}

/* A code means something only below the number of categories. */
static bvl_status count_categories(bvl_data *data, const char *name)
{
  char path[512];
  bvl_array categories = {0};
  snprintf(path, sizeof path, "%s/categories", name);
  if (bvl_h5_kind_of(data->file, path) == BVL_H5_GROUP) { /* encoded in a way of its own */
    data->n_categories = INT64_MAX;
    return BVL_OK;
  }
  const bvl_status status = bvl_array_open(data->file, path, &categories);
  data->n_categories = categories.dims[0];
  bvl_array_close(&categories);
  return status;
}

static bvl_status open_y(bvl_data *data, const char *asked)
{
  const char *name = asked != NULL ? asked : "/y";
  if (strcmp(name, "none") == 0) return bvl_fail(BVL_ERR_USAGE, "a response is needed: y is none");
  char codes[512];
  bvl_status status = BVL_OK;
  if (bvl_h5_kind_of(data->file, name) == BVL_H5_GROUP) {
    if (!bvl_anndata_is_categorical(data->file, name))
      return bvl_fail(BVL_ERR_INPUT, "%s is a group that is not a categorical column", name);
    data->y_is_codes = 1;
    int n_bytes = snprintf(codes, sizeof codes, "%s/codes", name);
    if (n_bytes < 0 || (size_t)n_bytes >= sizeof codes)
      return bvl_fail(BVL_ERR_USAGE, "the name of y is too long");
    status = count_categories(data, name);
  }
  if (status == BVL_OK)
    status = bvl_array_open(data->file, data->y_is_codes ? codes : name, &data->y);
  if (status != BVL_OK) return status;
  rename_array(&data->y, name);
  const bvl_array *y = &data->y;
  if (bvl_array_is_string(y))
    return bvl_fail(BVL_ERR_INPUT, "%s: strings cannot be a response, give numbers or labels 0, 1",
                    name);
  if (!bvl_array_is_numeric(y)) return bvl_fail(BVL_ERR_INPUT, "%s: not numbers", name);
  if (data->y_is_codes && y->n_dims != 1)
    return bvl_fail(BVL_ERR_INPUT, "%s: its codes have %d dimensions, not 1", name, y->n_dims);
  if (y->dims[0] != data->source.n)
    return bvl_fail(BVL_ERR_INPUT, "%s has %" PRId64 " entries, %s has %" PRId64 " rows", name,
                    y->dims[0], data->x_name, data->source.n);
  if (y->dims[1] < 1 || y->dims[1] > BVL_MAX_RESPONSES)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s is %" PRId64 " x %" PRId64 ": 1 to %d responses are possible", name,
                    y->dims[0], y->dims[1], BVL_MAX_RESPONSES);
  return BVL_OK;
}

static bvl_status open_feature_names(bvl_data *data)
{
  char index[BVL_H5_NAME_BYTES] = "/feature_names";
  bvl_status status = BVL_OK;
  if (bvl_h5_kind_of(data->file, index) == BVL_H5_NONE)
    status = bvl_anndata_var_index(data->file, index);
  if (status != BVL_OK || index[0] == '\0') return status;
  status = open_vector(data, index, index, data->source.p, "columns", &data->feature_names);
  if (status == BVL_OK && !bvl_array_is_string(&data->feature_names))
    status = bvl_fail(BVL_ERR_INPUT, "%s: not strings", index);
  return status;
}

/* What only fitting needs; prediction looks at X, the offset and the names. */
static bvl_status open_training(bvl_data *data, const bvl_data_names *names)
{
  int64_t n = data->source.n, p = data->source.p;
  bvl_status status = open_y(data, names->y);
  if (status == BVL_OK)
    status = open_numbers(data, names->weights, "/weights", n, "rows", &data->weights);
  if (status == BVL_OK)
    status = open_numbers(data, names->groups, "/groups", p, "columns", &data->groups);
  if (status == BVL_OK && data->groups.dataset != 0 && !bvl_array_is_integer(&data->groups))
    return bvl_fail(BVL_ERR_INPUT, "%s: not integers", data->groups.name);
  if (status == BVL_OK)
    status = open_numbers(data, names->group_weights, "/group_weights", -1, "",
                          &data->group_weights);
  if (status == BVL_OK)
    status = open_numbers(data, names->penalty_factor, "/penalty_factor", p, "columns",
                          &data->penalty_factor);
  if (status == BVL_OK && names->lower != NULL)
    status = open_numbers(data, names->lower, names->lower, p, "columns", &data->lower);
  if (status == BVL_OK && names->upper != NULL)
    status = open_numbers(data, names->upper, names->upper, p, "columns", &data->upper);
  return status;
}

static bvl_status open_contents(bvl_data *data, const bvl_data_names *names, int need_y)
{
  bvl_status status = open_x(data);
  if (status != BVL_OK) return status;
  if (need_y) status = open_training(data, names);
  if (status == BVL_OK)
    status = open_numbers(data, names->offset, "/offset", data->source.n, "rows", &data->offset);
  if (status == BVL_OK) status = open_feature_names(data);
  if (status != BVL_OK) return status;
  errno = 0;
  data->family = bvl_h5_attr_text(data->file, "family");
  if (data->family == NULL && errno == ENOMEM)
    return bvl_fail(BVL_ERR_NOMEM, "no memory for the family");
  if (data->family == NULL && H5Aexists(data->file, "family") != 0)
    return bvl_fail(BVL_ERR_INPUT, "%s: the attribute family is not a string", data->path);
  return BVL_OK;
}

/* ---- the file --------------------------------------------------------------------------------
 */

enum { N_ARRAYS = 13 };

static void list_arrays(bvl_data *data, bvl_array *arrays[N_ARRAYS])
{
  bvl_array *const all[N_ARRAYS] = {&data->x,
                                    &data->values,
                                    &data->indices,
                                    &data->indptr,
                                    &data->y,
                                    &data->weights,
                                    &data->offset,
                                    &data->groups,
                                    &data->group_weights,
                                    &data->penalty_factor,
                                    &data->lower,
                                    &data->upper,
                                    &data->feature_names};
  memcpy(arrays, all, sizeof all);
}

/* How a file is to be opened, for the child that looks at it. */
typedef struct glance {
  bvl_data *data;
  const bvl_data_names *names;
  int need_y;
} glance;

/* Leaves nothing open: where no child can be made, `data` is the one that will be opened. */
static bvl_status look_at_data(void *context)
{
  const glance *how = context;
  bvl_data *data = how->data;
  bvl_array *arrays[N_ARRAYS];
  bvl_status status = bvl_h5_open_serial(data->path, &data->file);
  if (status == BVL_OK) status = open_contents(data, how->names, how->need_y);
  list_arrays(data, arrays);
  for (int k = 0; k < N_ARRAYS && status == BVL_OK; k++)
    if (arrays[k]->dataset != 0) status = bvl_look_array(arrays[k]);
  if (status == BVL_OK && data->y_is_codes) status = bvl_data_look_at_classes(data);
  for (int k = 0; k < N_ARRAYS; k++) bvl_array_close(arrays[k]);
  bvl_h5_release(&data->file);
  free(data->family);
  data->family = NULL;
  data->source = (bvl_source){0};
  data->y_is_codes = 0;
  return status;
}

static bvl_status open_file(bvl_data *data, const bvl_data_names *names, int need_y)
{
  bvl_status status = BVL_OK;
  glance how = {.data = data, .names = names, .need_y = need_y};
  if (data->comm.rank == 0) status = bvl_look(data->path, look_at_data, &how, 0);
  status = bvl_agree(&data->comm, status);
  if (status != BVL_OK) return status;
  hid_t access = bvl_h5_access(&data->comm);
  data->file = H5Fopen(data->path, H5F_ACC_RDONLY, access);
  if (data->file < 0) status = bvl_h5_fail(BVL_ERR_IO, "cannot open %s", data->path);
  bvl_h5_release(&access);
  return bvl_agree(&data->comm, status);
}

bvl_status bvl_data_open(const bvl_comm *comm, const char *path, const bvl_data_names *names,
                         int collective_io, int need_y, bvl_data **out)
{
  static const bvl_data_names usual;
  bvl_status status = BVL_OK;
  bvl_data *data = calloc(1, sizeof *data);
  *out = NULL;
  if (names == NULL) names = &usual;
  if (data != NULL) {
    data->path = strdup(path);
    data->x_name = strdup(names->x != NULL ? names->x : "/X");
    data->collective = collective_io && comm->size > 1;
  }
  int complete = data != NULL && data->path != NULL && data->x_name != NULL;
  BVL_TRY(
      bvl_agree(comm, complete ? BVL_OK : bvl_fail(BVL_ERR_NOMEM, "no memory to open %s", path)));
  BVL_TRY(bvl_comm_dup(comm->mpi, comm->traffic, &data->comm));
  BVL_TRY(open_file(data, names, need_y));
  BVL_TRY(bvl_agree(comm, open_contents(data, names, need_y)));
  *out = data;
  data = NULL;
cleanup:
  bvl_data_close(&data);
  return status;
}

void bvl_data_close(bvl_data **handle)
{
  bvl_data *data = *handle;
  *handle = NULL;
  if (data == NULL) return;
  bvl_array *arrays[N_ARRAYS];
  list_arrays(data, arrays);
  for (int k = 0; k < N_ARRAYS; k++) bvl_array_close(arrays[k]);
  bvl_data_pieces_free(&data->pieces);
  bvl_h5_release(&data->file); /* after everything inside it */
  bvl_comm_free(&data->comm);
  free(data->family);
  free(data->x_name);
  free(data->path);
  free(data);
}

const bvl_source *bvl_data_source(const bvl_data *data)
{
  return &data->source;
}

int64_t bvl_data_responses(const bvl_data *data)
{
  return data->y.dataset != 0 ? data->y.dims[1] : 1;
}

const char *bvl_data_family(const bvl_data *data)
{
  return data->family;
}
