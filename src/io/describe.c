/* SPDX-License-Identifier: BSD-3-Clause */
/* What `bevel info FILE` prints. By one process; reads headers and a result's vectors over lambda.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/data_file.h"
#include "io/describe.h"
#include "io/look.h"
#include "io/stamp.h"

/* ---- attributes of the root --------------------------------------------------------------------
 */

static void say_number(const bvl_printer *to, const char *name)
{
  hid_t attr = H5Aopen(to->file, name, H5P_DEFAULT);
  hid_t type = H5Aget_type(attr);
  hid_t space = H5Aget_space(attr);
  double value;
  int64_t integer;
  H5T_class_t class = H5Tget_class(type);
  if (H5Sget_simple_extent_npoints(space) != 1)
    bvl_say(to->lines, "%s: (%lld values)", name, (long long)H5Sget_simple_extent_npoints(space));
  else if (class == H5T_INTEGER && H5Aread(attr, H5T_NATIVE_INT64, &integer) >= 0)
    bvl_say(to->lines, "%s: %" PRId64, name, integer);
  else if (class == H5T_FLOAT && H5Aread(attr, H5T_NATIVE_DOUBLE, &value) >= 0)
    bvl_say(to->lines, "%s: %.10g", name, value);
  bvl_h5_release(&space);
  bvl_h5_release(&type);
  bvl_h5_release(&attr);
}

static herr_t say_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
  const bvl_printer *to = context;
  (void)info;
  char *text = bvl_h5_attr_text(object, name);
  if (text != NULL)
    bvl_say(to->lines, "%s: %s", name, text);
  else
    say_number(to, name);
  free(text);
  return 0;
}

void bvl_say_attributes(const bvl_printer *to)
{
  hsize_t from = 0;
  H5Aiterate2(to->file, H5_INDEX_NAME, H5_ITER_INC, &from, say_attribute, (void *)to);
}

/* ---- data --------------------------------------------------------------------------------------
 */

static const char *dtype_name(const bvl_array *array)
{
  if (array->class == H5T_FLOAT) return array->n_bytes == 4 ? "float32" : "float64";
  if (array->class == H5T_STRING) return "strings";
  if (array->class == H5T_ENUM) return "boolean";
  switch (array->n_bytes) {
  case 1: return array->is_signed ? "int8" : "uint8";
  case 2: return array->is_signed ? "int16" : "uint16";
  case 4: return array->is_signed ? "int32" : "uint32";
  default: return array->is_signed ? "int64" : "uint64";
  }
}

static void say_x(const bvl_printer *to, const bvl_data *data)
{
  const bvl_source *x = &data->source;
  if (x->format == BVL_DENSE) {
    bvl_say(to->lines, "%s: %" PRId64 " x %" PRId64 ", dense %s%s", x->name, x->n, x->p,
            dtype_name(&data->x), data->x.filtered ? ", compressed" : "");
    if (x->has_missing)
      bvl_say(to->lines, "%s: %d stands for a missing value", x->name, x->missing);
    return;
  }
  bvl_say(to->lines, "%s: %" PRId64 " x %" PRId64 ", sparse %s %s, %" PRId64 " entries (%.3g%%)",
          x->name, x->n, x->p, x->format == BVL_CSC ? "csc" : "csr", dtype_name(&data->values),
          x->nnz, 100.0 * (double)x->nnz / ((double)x->n * (double)x->p));
}

static void say_vector(const bvl_printer *to, const char *name)
{
  bvl_array array;
  if (bvl_h5_kind_of(to->file, name) != BVL_H5_DATASET ||
      bvl_array_open(to->file, name, &array) != BVL_OK)
    return;
  if (array.n_dims == 1)
    bvl_say(to->lines, "%s: %" PRId64 " %s", name, array.dims[0], dtype_name(&array));
  else
    bvl_say(to->lines, "%s: %" PRId64 " x %" PRId64 " %s", name, array.dims[0], array.dims[1],
            dtype_name(&array));
  bvl_array_close(&array);
}

static int compare_ids(const void *a, const void *b)
{
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left > right) - (left < right);
}

static bvl_status say_groups(const bvl_printer *to)
{
  bvl_array array = {0};
  int64_t *ids = NULL, n_groups = 0;
  bvl_status status = BVL_OK;
  if (bvl_h5_kind_of(to->file, "/groups") != BVL_H5_DATASET) return BVL_OK;
  BVL_TRY(bvl_array_open(to->file, "/groups", &array));
  if (!bvl_array_is_integer(&array) || array.dims[1] != 1) goto cleanup;
  BVL_TRY(BVL_ALLOC(&ids, array.dims[0]));
  BVL_TRY(bvl_array_read(&array, H5T_NATIVE_INT64, 0, array.dims[0], ids));
  qsort(ids, (size_t)array.dims[0], sizeof *ids, compare_ids);
  for (int64_t k = 0; k < array.dims[0]; k++) n_groups += k == 0 || ids[k] != ids[k - 1];
  bvl_say(to->lines, "/groups: %" PRId64 " columns in %" PRId64 " groups", array.dims[0], n_groups);
cleanup:
  free(ids);
  bvl_array_close(&array);
  return status;
}

static herr_t say_column(hid_t obs, const char *name, const H5L_info_t *info, void *context)
{
  const bvl_printer *to = context;
  char path[512];
  (void)obs;
  (void)info;
  snprintf(path, sizeof path, "/obs/%s", name);
  if (bvl_anndata_is_categorical(to->file, path))
    bvl_say(to->lines, "%s: categorical", path);
  else
    say_vector(to, path);
  return 0;
}

/* AnnData's columns over samples: what --y may name. */
static void say_obs(const bvl_printer *to)
{
  hsize_t from = 0;
  if (bvl_h5_kind_of(to->file, "/obs") == BVL_H5_GROUP)
    H5Literate_by_name(to->file, "/obs", H5_INDEX_NAME, H5_ITER_INC, &from, say_column, (void *)to,
                       H5P_DEFAULT);
}

static bvl_status describe_data(const bvl_printer *to, const char *path)
{
  static const char *const vectors[] = {
      "/y",           "/weights", "/offset", "/group_weights", "/penalty_factor", "/feature_names",
      "/sample_names"};
  static const bvl_data_names x_only = {.offset = "none"};
  bvl_traffic traffic = {0};
  bvl_comm self = {0};
  bvl_data *data = NULL;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_comm_dup(MPI_COMM_SELF, &traffic, &self));
  BVL_TRY(bvl_data_open(&self, path, &x_only, 0, 0, &data));
  bvl_say(to->lines, "data file %s", path);
  say_x(to, data);
  for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++) say_vector(to, vectors[k]);
  BVL_TRY(say_groups(to));
  say_obs(to);
  bvl_say_attributes(to);
cleanup:
  bvl_data_close(&data);
  bvl_comm_free(&self);
  return status;
}

/* ---- results -----------------------------------------------------------------------------------
 */

bvl_status bvl_load_vector(const bvl_printer *to, const char *name, int64_t *n, double **out)
{
  bvl_array array = {0};
  bvl_status status = BVL_OK;
  *n = 0;
  *out = NULL;
  if (bvl_h5_kind_of(to->file, name) != BVL_H5_DATASET) return BVL_OK;
  BVL_TRY(bvl_array_open(to->file, name, &array));
  if (!bvl_array_is_numeric(&array) || array.dims[1] != 1) goto cleanup;
  BVL_TRY(BVL_ALLOC(out, array.dims[0]));
  BVL_TRY(bvl_array_read(&array, H5T_NATIVE_DOUBLE, 0, array.dims[0], *out));
  *n = array.dims[0];
cleanup:
  bvl_array_close(&array);
  return status;
}

bvl_status bvl_say_range(const bvl_printer *to, const char *name)
{
  int64_t n;
  double *values;
  double low = INFINITY, high = -INFINITY;
  bvl_status status = bvl_load_vector(to, name, &n, &values);
  for (int64_t k = 0; k < n; k++) {
    if (isnan(values[k])) continue; /* not attempted, or not convex */
    low = fmin(low, values[k]);
    high = fmax(high, values[k]);
  }
  if (status == BVL_OK && n > 0 && low <= high)
    bvl_say(to->lines, "%s: %" PRId64 " values, %.6g to %.6g", name, n, low, high);
  free(values);
  return status;
}

static bvl_status say_status(const bvl_printer *to)
{
  static const char *const words[] = {"converged", "budget spent", "diverged", "not attempted"};
  int64_t n, counts[4] = {0};
  double *values;
  bvl_status status = bvl_load_vector(to, "/status", &n, &values);
  for (int64_t k = 0; k < n; k++)
    if (values[k] >= 0.0 && values[k] <= 3.0) counts[(int)values[k]]++;
  for (int s = 0; s < 4 && status == BVL_OK; s++)
    if (counts[s] > 0) bvl_say(to->lines, "/status: %" PRId64 " %s", counts[s], words[s]);
  free(values);
  return status;
}

static bvl_status describe_result(const bvl_printer *to, const char *path)
{
  static const char *const ranges[] = {"/lambda",   "/df",           "/dev_ratio", "/objective",
                                       "/dual_gap", "/kkt_residual", "/seconds"};
  bvl_status status = BVL_OK;
  int64_t shape[2] = {0, 0};
  bvl_say(to->lines, "result file %s", path);
  hid_t group = H5Gopen2(to->file, "/coef", H5P_DEFAULT);
  if (bvl_h5_attr_i64(group, "shape", 2, shape) == 2)
    bvl_say(to->lines, "/coef: %" PRId64 " coefficients x %" PRId64 " lambdas", shape[0], shape[1]);
  bvl_h5_release(&group);
  for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) BVL_TRY(bvl_say_range(to, ranges[k]));
  BVL_TRY(say_status(to));
  bvl_say_attributes(to);
cleanup:
  return status;
}

/* ---- checkpoints -------------------------------------------------------------------------------
 */

static herr_t say_array(hid_t root, const char *name, const H5O_info_t *info, void *context)
{
  char path[512];
  (void)root;
  if (info->type != H5O_TYPE_DATASET) return 0;
  snprintf(path, sizeof path, "/%s", name);
  say_vector(context, path);
  return 0;
}

/* `text` holds lines of its own. */
static void say_lines(const bvl_printer *to, char *text)
{
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
    bvl_say(to->lines, "%s", line);
}

static void describe_checkpoint(const bvl_printer *to, const char *path)
{
  int64_t complete = 0;
  int whole = bvl_h5_attr_i64(to->file, "complete", 1, &complete) == 1 && complete == 1;
  bvl_say(to->lines, "%s %s", whole ? "checkpoint" : "unfinished checkpoint", path);
  char *text = bvl_h5_attr_text(to->file, "text");
  if (text != NULL) say_lines(to, text);
  free(text);
  H5Ovisit2(to->file, H5_INDEX_NAME, H5_ITER_INC, say_array, (void *)to, H5O_INFO_BASIC);
}

static void say_stamp(const bvl_printer *to, bvl_stamp stamp)
{
  if (stamp == BVL_STAMP_HOLDS) bvl_say(to->lines, "checksum: holds");
  if (stamp == BVL_STAMP_CHANGED)
    bvl_say(to->lines, "checksum: does not hold: added to, or damaged, since bevel wrote it");
}

bvl_status bvl_describe_file(const char *path, const bvl_lines *lines)
{
  bvl_printer to = {.lines = lines, .file = 0};
  bvl_stamp stamp;
  bvl_status status = bvl_stamp_check(path, &stamp);
  if (status == BVL_OK)
    status = stamp == BVL_STAMP_HOLDS ? bvl_h5_open_serial(path, &to.file)
                                      : bvl_h5_open_foreign(path, &to.file);
  if (status != BVL_OK) return status;
  if (H5Aexists(to.file, "bevel_checkpoint") > 0)
    describe_checkpoint(&to, path);
  else if (bvl_h5_kind_of(to.file, "/coef") == BVL_H5_GROUP &&
           bvl_h5_kind_of(to.file, "/lambda") == BVL_H5_DATASET)
    status = describe_result(&to, path);
  else if (bvl_h5_kind_of(to.file, "/layers") == BVL_H5_GROUP ||
           (bvl_h5_kind_of(to.file, "/loss") == BVL_H5_DATASET &&
            bvl_h5_kind_of(to.file, "/l1") == BVL_H5_DATASET))
    status = bvl_describe_network(&to, path);
  else if (bvl_h5_kind_of(to.file, "/codes") == BVL_H5_GROUP &&
           bvl_h5_kind_of(to.file, "/dictionary") == BVL_H5_DATASET)
    status = bvl_describe_dictionary(&to, path);
  else if (bvl_h5_kind_of(to.file, "/summary") == BVL_H5_GROUP &&
           bvl_h5_kind_of(to.file, "/tasks") == BVL_H5_GROUP)
    status = bvl_describe_study(&to, path);
  else
    status = describe_data(&to, path);
  say_stamp(&to, stamp);
  bvl_h5_release(&to.file);
  return status;
}

void bvl_hdf5_version(char *out, size_t size)
{
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;
  H5get_libversion(&major, &minor, &patch);
  snprintf(out, size, "%u.%u.%u", major, minor, patch);
}
