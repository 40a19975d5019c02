/* SPDX-License-Identifier: BSD-3-Clause */
/* A result file read back: rank 0 reads and checks it, everyone gets a copy. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/hdf5_util.h"
#include "io/look.h"
#include "io/result_file.h"

/* A whole vector of 8-byte numbers of a known length (-1 = any). */
static bvl_status read_vector(hid_t file, const char *name, hid_t memory_type, int64_t *length,
                              void *out_pointer)
{
  bvl_array array;
  void **out = out_pointer;
  bvl_status status = bvl_array_open(file, name, &array);
  if (status != BVL_OK) return status;
  if (array.dims[1] != 1 || !bvl_array_is_numeric(&array))
    status = bvl_fail(BVL_ERR_INPUT, "%s: not a vector of numbers", name);
  else if (*length >= 0 && array.dims[0] != *length)
    status = bvl_fail(BVL_ERR_INPUT, "%s has %" PRId64 " entries, not %" PRId64, name,
                      array.dims[0], *length);
  *length = array.dims[0];
  if (status == BVL_OK) status = bvl_alloc_bytes(*length, 8, out);
  if (status == BVL_OK) status = bvl_array_read(&array, memory_type, 0, *length, *out);
  bvl_array_close(&array);
  return status;
}

/* One a lambda, or K of several responses or classes. */
static bvl_status read_intercepts(hid_t file, bvl_result *result)
{
  bvl_array array;
  bvl_status status = bvl_array_open(file, "intercept", &array);
  if (status != BVL_OK) return status;
  result->outputs = array.dims[1];
  if (!bvl_array_is_numeric(&array) || result->outputs < 1)
    status = bvl_fail(BVL_ERR_INPUT, "/intercept: not numbers");
  else if (array.dims[0] != result->n_lambda)
    status = bvl_fail(BVL_ERR_INPUT, "/intercept has %" PRId64 " entries, not %" PRId64,
                      array.dims[0], result->n_lambda);
  if (status == BVL_OK) status = BVL_ALLOC(&result->intercept, result->n_lambda * result->outputs);
  if (status == BVL_OK)
    status = bvl_array_read(&array, H5T_NATIVE_DOUBLE, 0, result->n_lambda, result->intercept);
  bvl_array_close(&array);
  return status;
}

static bvl_status check_coef(const bvl_result *result, int64_t nnz)
{
  const int64_t *indptr = result->indptr;
  for (int64_t k = 0; k < result->n_lambda; k++)
    if (indptr[0] != 0 || indptr[k] > indptr[k + 1])
      return bvl_fail(BVL_ERR_INPUT, "/coef/indptr does not ascend from 0");
  if (indptr[result->n_lambda] != nnz)
    return bvl_fail(BVL_ERR_INPUT,
                    "/coef/indptr ends with %" PRId64 ", /coef/data has %" PRId64 " entries",
                    indptr[result->n_lambda], nnz);
  for (int64_t k = 0; k < nnz; k++)
    if (result->indices[k] < 0 || result->indices[k] >= result->p * result->outputs)
      return bvl_fail(BVL_ERR_INPUT, "/coef/indices: %" PRId64 " is not a column of %" PRId64,
                      result->indices[k], result->p * result->outputs);
  return BVL_OK;
}

static bvl_status read_coef(hid_t file, bvl_result *result)
{
  bvl_status status = BVL_OK;
  int64_t shape[2] = {-1, -1};
  int64_t nnz = -1, n_pointers = result->n_lambda + 1;
  if (bvl_h5_kind_of(file, "coef") != BVL_H5_GROUP)
    return bvl_fail(BVL_ERR_INPUT, "there is no group /coef: not a result file");
  hid_t group = H5Gopen2(file, "coef", H5P_DEFAULT);
  char *encoding = bvl_h5_attr_text(group, "encoding-type");
  int n_shape = bvl_h5_attr_i64(group, "shape", 2, shape);
  if (encoding == NULL || strcmp(encoding, "csc_matrix") != 0 || n_shape != 2 || shape[0] < 1 ||
      shape[1] != result->n_lambda)
    BVL_TRY(bvl_fail(BVL_ERR_INPUT, "/coef is not a csc_matrix with a column per lambda"));
  if (shape[0] % result->outputs != 0)
    BVL_TRY(bvl_fail(BVL_ERR_INPUT, "/coef has %" PRId64 " rows, /intercept %" PRId64 " a lambda",
                     shape[0], result->outputs));
  result->p = shape[0] / result->outputs;
  BVL_TRY(read_vector(file, "coef/indptr", H5T_NATIVE_INT64, &n_pointers, &result->indptr));
  BVL_TRY(read_vector(file, "coef/data", H5T_NATIVE_DOUBLE, &nnz, &result->values));
  BVL_TRY(read_vector(file, "coef/indices", H5T_NATIVE_INT64, &nnz, &result->indices));
  BVL_TRY(check_coef(result, nnz));
cleanup:
  free(encoding);
  bvl_h5_release(&group);
  return status;
}

bvl_status bvl_names_read(hid_t file, int64_t p, char ***out, int64_t *n_bytes)
{
  bvl_array names;
  *n_bytes = -1;
  if (bvl_h5_kind_of(file, "feature_names") == BVL_H5_NONE) return BVL_OK;
  bvl_status status = bvl_array_open(file, "feature_names", &names);
  if (status != BVL_OK) return status;
  if (names.dims[0] != p || names.dims[1] != 1 || !bvl_array_is_string(&names))
    status = bvl_fail(BVL_ERR_INPUT, "/feature_names: not a name per column");
  else
    status = bvl_array_read_strings(&names, out, n_bytes);
  bvl_array_close(&names);
  return status;
}

/* What a missing code read as when the model was fitted: the columns' means, which are also the
 * centres of a model with an intercept. */
static bvl_status read_fill(hid_t file, bvl_result *result)
{
  int64_t p = result->p, intercept = 0;
  const char *name = "fill";
  if (bvl_h5_kind_of(file, name) == BVL_H5_NONE) {
    name = "center";
    if (bvl_h5_attr_i64(file, "intercept", 1, &intercept) != 1 || intercept == 0) return BVL_OK;
    if (bvl_h5_kind_of(file, name) == BVL_H5_NONE) return BVL_OK;
  }
  return read_vector(file, name, H5T_NATIVE_DOUBLE, &p, &result->fill);
}

static void read_attributes(hid_t file, bvl_result *result)
{
  int64_t offset = 0;
  char *family = bvl_h5_attr_text(file, "family");
  if (family != NULL) strncpy(result->family, family, sizeof result->family - 1);
  if (bvl_h5_attr_i64(file, "offset", 1, &offset) == 1) result->trained_offset = offset != 0;
  char *precision = bvl_h5_attr_text(file, "precision");
  result->single = precision != NULL && strcmp(precision, "single") == 0;
  free(precision);
  free(family);
}

static bvl_status read_choice(hid_t file, const char *name, double *value)
{
  int64_t one = 1;
  double *read = NULL;
  bvl_status status = BVL_OK;
  *value = NAN;
  if (bvl_h5_kind_of(file, name) == BVL_H5_NONE) return BVL_OK;
  status = read_vector(file, name, H5T_NATIVE_DOUBLE, &one, &read);
  if (status == BVL_OK) *value = *read;
  free(read);
  return status;
}

/* A group of the file, as one would open a file of its own; names are relative to it. */
static bvl_status open_group(hid_t whole, const char *group, hid_t *out)
{
  if (strcmp(group, "/") != 0 && bvl_h5_kind_of(whole, group) != BVL_H5_GROUP)
    return bvl_fail(BVL_ERR_INPUT, "there is no %s: not a study, or the task failed", group);
  *out = H5Gopen2(whole, group, H5P_DEFAULT);
  return *out >= 0 ? BVL_OK : bvl_h5_fail(BVL_ERR_IO, "cannot open %s", group);
}

/* Rank 0's part. */
static bvl_status read_file(const char *path, const char *group, bvl_result *result,
                            int64_t *n_bytes)
{
  hid_t whole = 0, file = 0;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_h5_open_own(path, &whole));
  BVL_TRY(open_group(whole, group, &file));
  result->n_lambda = -1;
  BVL_TRY(read_vector(file, "lambda", H5T_NATIVE_DOUBLE, &result->n_lambda, &result->lambda));
  BVL_TRY(read_choice(file, "lambda_min", &result->lambda_min));
  BVL_TRY(read_choice(file, "lambda_1se", &result->lambda_1se));
  BVL_TRY(read_choice(file, "lambda_aic", &result->lambda_criterion[0]));
  BVL_TRY(read_choice(file, "lambda_bic", &result->lambda_criterion[1]));
  BVL_TRY(read_choice(file, "lambda_ebic", &result->lambda_criterion[2]));
  BVL_TRY(read_intercepts(file, result));
  BVL_TRY(read_coef(file, result));
  BVL_TRY(read_fill(file, result));
  BVL_TRY(bvl_names_read(file, result->p, &result->feature_names, n_bytes));
  read_attributes(file, result);
cleanup:
  bvl_h5_release(&file);
  bvl_h5_release(&whole);
  return status;
}

/* The other ranks' arrays, to be filled by broadcasts. */
static bvl_status allocate_copy(bvl_result *result, int64_t nnz, int has_fill)
{
  bvl_status status = BVL_ALLOC(&result->lambda, result->n_lambda);
  if (status == BVL_OK) status = BVL_ALLOC(&result->intercept, result->n_lambda * result->outputs);
  if (status == BVL_OK) status = BVL_ALLOC(&result->indptr, result->n_lambda + 1);
  if (status == BVL_OK) status = BVL_ALLOC(&result->indices, nnz);
  if (status == BVL_OK) status = BVL_ALLOC(&result->values, nnz);
  if (status == BVL_OK && has_fill) status = BVL_ALLOC(&result->fill, result->p);
  return status;
}

bvl_status bvl_names_share(const bvl_comm *comm, int64_t p, int64_t n_bytes, char ***inout)
{
  bvl_status status = BVL_OK;
  char *bytes = NULL;
  if (n_bytes < 0) return BVL_OK;
  if (comm->rank != 0) status = BVL_ALLOC(&bytes, n_bytes);
  BVL_TRY(bvl_agree(comm, status));
  /* on rank 0 the bytes follow the pointers in the one block */
  void *from = comm->rank == 0 ? (void *)(*inout + p) : bytes;
  BVL_TRY(bvl_bcast_bytes(comm, 0, from, n_bytes));
  if (comm->rank != 0) status = bvl_strings_unpack(p, n_bytes, bytes, inout);
  BVL_TRY(bvl_agree(comm, status));
cleanup:
  free(bytes);
  return status;
}

bvl_status bvl_result_read(const bvl_comm *comm, const char *path, bvl_result *out)
{
  return bvl_result_read_at(comm, path, "/", out);
}

bvl_status bvl_result_read_at(const bvl_comm *comm, const char *path, const char *group,
                              bvl_result *out)
{
  bvl_status status = BVL_OK;
  int64_t n_bytes = -1;
  memset(out, 0, sizeof *out);
  if (comm->rank == 0) status = read_file(path, group, out, &n_bytes);
  BVL_TRY(bvl_agree(comm, status));
  int64_t nnz = comm->rank == 0 ? out->indptr[out->n_lambda] : 0;
  int64_t head[] = {out->p,       out->n_lambda,    nnz, n_bytes, out->trained_offset, out->single,
                    out->outputs, out->fill != NULL};
  BVL_TRY(bvl_bcast_i64(comm, 0, head, 8));
  out->p = head[0];
  out->n_lambda = head[1];
  out->trained_offset = head[4] != 0;
  out->single = head[5] != 0;
  out->outputs = head[6];
  if (comm->rank != 0) status = allocate_copy(out, head[2], head[7] != 0);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(bvl_bcast_bytes(comm, 0, out->family, sizeof out->family));
  BVL_TRY(bvl_bcast(comm, 0, out->lambda, out->n_lambda));
  BVL_TRY(bvl_bcast(comm, 0, &out->lambda_min, 1));
  BVL_TRY(bvl_bcast(comm, 0, &out->lambda_1se, 1));
  BVL_TRY(bvl_bcast(comm, 0, out->lambda_criterion, 3));
  BVL_TRY(bvl_bcast(comm, 0, out->intercept, out->n_lambda * out->outputs));
  BVL_TRY(bvl_bcast_i64(comm, 0, out->indptr, out->n_lambda + 1));
  BVL_TRY(bvl_bcast_i64(comm, 0, out->indices, head[2]));
  BVL_TRY(bvl_bcast(comm, 0, out->values, head[2]));
  if (head[7]) BVL_TRY(bvl_bcast(comm, 0, out->fill, out->p));
  BVL_TRY(bvl_names_share(comm, out->p, head[3], &out->feature_names));
cleanup:
  if (status != BVL_OK) bvl_result_free(out);
  return status;
}

/* ---- relaxed fits ------------------------------------------------------------------------------
 */

/* Mixes column k of the model with one of the relaxed fits, which has its rows or is empty. */
static bvl_status mix_column(const bvl_result *from, int64_t k, double gamma, bvl_result *to)
{
  const int64_t begin = to->indptr[k], n = to->indptr[k + 1] - begin;
  const int64_t relaxed = from->indptr[k];
  const int there = !isnan(from->intercept[k]);
  int same = !there || from->indptr[k + 1] - relaxed == n;
  to->intercept[k] = gamma * to->intercept[k] + (1.0 - gamma) * from->intercept[k];
  for (int64_t e = 0; same && e < n; e++) {
    double *value = &to->values[begin + e];
    same = !there || from->indices[relaxed + e] == to->indices[begin + e];
    if (same) *value = there ? gamma * *value + (1.0 - gamma) * from->values[relaxed + e] : 0.0;
  }
  if (same) return BVL_OK;
  return bvl_fail(BVL_ERR_INPUT, "/relaxed/coef: column %" PRId64 " is of another support", k);
}

/* On rank 0. */
static bvl_status relax_file(const char *path, const char *group, double gamma, bvl_result *result)
{
  hid_t whole = 0, file = 0;
  int64_t nnz = -1, n_pointers = result->n_lambda + 1;
  bvl_result relaxed = {.p = result->p, .outputs = 1, .n_lambda = result->n_lambda};
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_h5_open_serial(path, &whole));
  BVL_TRY(open_group(whole, group, &file));
  if (bvl_h5_kind_of(file, "relaxed") != BVL_H5_GROUP || result->outputs != 1)
    BVL_TRY(bvl_fail(BVL_ERR_USAGE, "relax-gamma: the model was fitted without --relax"));
  BVL_TRY(read_vector(file, "relaxed/intercept", H5T_NATIVE_DOUBLE, &relaxed.n_lambda,
                      &relaxed.intercept));
  BVL_TRY(read_vector(file, "relaxed/coef/indptr", H5T_NATIVE_INT64, &n_pointers, &relaxed.indptr));
  BVL_TRY(read_vector(file, "relaxed/coef/data", H5T_NATIVE_DOUBLE, &nnz, &relaxed.values));
  BVL_TRY(read_vector(file, "relaxed/coef/indices", H5T_NATIVE_INT64, &nnz, &relaxed.indices));
  BVL_TRY(check_coef(&relaxed, nnz));
  for (int64_t k = 0; k < result->n_lambda; k++) BVL_TRY(mix_column(&relaxed, k, gamma, result));
cleanup:
  bvl_h5_release(&file);
  bvl_h5_release(&whole);
  bvl_result_free(&relaxed);
  return status;
}

bvl_status bvl_result_relax(const bvl_comm *comm, const char *path, const char *group, double gamma,
                            bvl_result *result)
{
  bvl_status status = BVL_OK;
  if (comm->rank == 0) status = relax_file(path, group, gamma, result);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(bvl_bcast(comm, 0, result->intercept, result->n_lambda * result->outputs));
  status = bvl_bcast(comm, 0, result->values, result->indptr[result->n_lambda]);
cleanup:
  return status;
}

void bvl_result_free(bvl_result *result)
{
  free(result->lambda);
  free(result->intercept);
  free(result->indptr);
  free(result->indices);
  free(result->values);
  free(result->fill);
  free(result->feature_names);
  memset(result, 0, sizeof *result);
}
