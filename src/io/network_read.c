/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading networks: rank 0 reads and checks, everyone gets a copy; a large first layer is read by
 * the ranks for themselves. */
#include "io/network.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/look.h"
#include "io/network_file.h"
#include "io/result_file.h"
#include "io/stamp.h"

#define STAGE_BYTES (INT64_C(8) << 20)

static bvl_status read_integers(hid_t file, const char *name, int64_t *length, int64_t **out)
{
  bvl_array array;
  bvl_status status = bvl_array_open(file, name, &array);
  if (status != BVL_OK) return status;
  if (!bvl_array_is_integer(&array) || array.dims[1] != 1)
    status = bvl_fail(BVL_ERR_INPUT, "%s: not a vector of integers", name);
  *length = array.dims[0];
  if (status == BVL_OK) status = BVL_ALLOC(out, *length);
  if (status == BVL_OK) status = bvl_array_read(&array, H5T_NATIVE_INT64, 0, *length, *out);
  bvl_array_close(&array);
  return status;
}

/* ---- what stands beside the layers -------------------------------------------------------------
 */

static bvl_status check_kept(const char *name, int64_t inputs, const bvl_network_file *net)
{
  if (net->n_kept != inputs)
    return bvl_fail(BVL_ERR_INPUT, "%s has %" PRId64 " columns, the first layer %" PRId64 " inputs",
                    name, net->n_kept, inputs);
  for (int64_t k = 0; k < net->n_kept; k++)
    if (net->kept[k] < 0 || net->kept[k] >= net->p || (k > 0 && net->kept[k] <= net->kept[k - 1]))
      return bvl_fail(BVL_ERR_INPUT,
                      "%s: entry %" PRId64 " is %" PRId64 ", not ascending within 0..%" PRId64,
                      name, k, net->kept[k], net->p - 1);
  return BVL_OK;
}

static bvl_status read_input(hid_t file, const char *prefix, bvl_network_file *out)
{
  bvl_status status = BVL_OK;
  char name[BVL_NETWORK_NAME];
  out->p = -1;
  snprintf(name, sizeof name, "%s/input/center", prefix);
  BVL_TRY(bvl_block_read_vector(file, name, &out->p, &out->center));
  snprintf(name, sizeof name, "%s/input/scale", prefix);
  BVL_TRY(bvl_block_read_vector(file, name, &out->p, &out->scale));
  for (int64_t j = 0; j < out->p; j++)
    if (!(out->scale[j] > 0.0))
      BVL_TRY(bvl_fail(BVL_ERR_INPUT, "%s: column %" PRId64 ": %g is not positive", name, j,
                       out->scale[j]));
  snprintf(name, sizeof name, "%s/input/fill", prefix);
  if (bvl_h5_kind_of(file, name) != BVL_H5_NONE)
    BVL_TRY(bvl_block_read_vector(file, name, &out->p, &out->fill));
  snprintf(name, sizeof name, "%s/input/kept", prefix);
  BVL_TRY(read_integers(file, name, &out->n_kept, &out->kept));
  BVL_TRY(check_kept(name, bvl_architecture_inputs(&out->arch), out));
cleanup:
  return status;
}

/* A network's own rows, or the root's for all the networks of a file. */
static bvl_status read_rows(hid_t file, const char *prefix, const char *what, int64_t *n,
                            int64_t **out)
{
  char name[BVL_NETWORK_NAME];
  *n = -1;
  snprintf(name, sizeof name, "%s/%s", prefix, what);
  if (bvl_h5_kind_of(file, name) == BVL_H5_NONE) snprintf(name, sizeof name, "/%s", what);
  return bvl_h5_kind_of(file, name) != BVL_H5_NONE ? read_integers(file, name, n, out) : BVL_OK;
}

static bvl_status read_network(const char *path, const char *prefix, int without_first,
                               bvl_network_file *out, int64_t *name_bytes)
{
  bvl_status status = BVL_OK;
  hid_t file = 0;
  char *family = NULL;
  if (strlen(prefix) > BVL_NETWORK_NAME - 64)
    return bvl_fail(BVL_ERR_USAGE, "the name of a network is too long");
  BVL_TRY(bvl_h5_open_own(path, &file));
  if (prefix[0] != '\0' && bvl_h5_kind_of(file, prefix) != BVL_H5_GROUP)
    BVL_TRY(bvl_fail(BVL_ERR_INPUT, "%s: there is no group %s", path, prefix));
  BVL_TRY(bvl_network_read_layers(file, prefix, without_first, out));
  BVL_TRY(read_input(file, prefix, out));
  BVL_TRY(read_rows(file, prefix, "train_index", &out->n_train, &out->train_index));
  BVL_TRY(read_rows(file, prefix, "test_index", &out->n_test, &out->test_index));
  BVL_TRY(bvl_names_read(file, out->p, &out->feature_names, name_bytes));
  family = bvl_h5_attr_text(file, "family");
  if (family != NULL) strncpy(out->family, family, sizeof out->family - 1);
cleanup:
  free(family);
  bvl_h5_release(&file);
  return status;
}

char *bvl_network_text(const char *path, const char *name)
{
  hid_t file = 0;
  if (bvl_h5_open_foreign(path, &file) != BVL_OK) return NULL;
  char *text = bvl_h5_attr_text(file, name);
  bvl_h5_release(&file);
  return text;
}

bvl_network_kind bvl_network_kind_of(const char *path)
{
  bvl_stamp stamp;
  if (bvl_stamp_check(path, &stamp) != BVL_OK) return BVL_NO_NETWORK; /* before HDF5 looks at it */
  char *kind = bvl_network_text(path, "kind");
  const int is_one = kind != NULL && strcmp(kind, "network") == 0;
  const int is_front = kind != NULL && strcmp(kind, "front") == 0;
  free(kind);
  return is_one ? BVL_ONE_NETWORK : is_front ? BVL_FRONT : BVL_NO_NETWORK;
}

/* ---- a copy for everyone -----------------------------------------------------------------------
 */

/* A replicated vector of 8-byte elements that rank 0 has; NULL stays NULL. */
static bvl_status share(const bvl_comm *comm, int64_t n, void *inout_pointer)
{
  void **values = inout_pointer;
  int64_t there = *values != NULL;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_bcast_i64(comm, 0, &there, 1));
  if (!there) return BVL_OK;
  if (comm->rank != 0) status = bvl_alloc_bytes(n, 8, values);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(bvl_bcast_bytes(comm, 0, *values, 8 * n));
cleanup:
  return status;
}

/* The sizes, then what they are sizes of. */
static bvl_status share_network(const bvl_comm *comm, int64_t name_bytes, bvl_network_file *net)
{
  int64_t head[] = {net->single, net->p, net->n_kept, net->n_train, net->n_test, name_bytes};
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_bcast_i64(comm, 0, head, 6));
  BVL_TRY(bvl_bcast_bytes(comm, 0, &net->arch, sizeof net->arch));
  BVL_TRY(bvl_bcast_bytes(comm, 0, net->family, sizeof net->family));
  net->single = head[0] != 0;
  net->p = head[1];
  net->n_kept = head[2];
  net->n_train = head[3];
  net->n_test = head[4];
  BVL_TRY(bvl_names_share(comm, net->p, head[5], &net->feature_names));
  BVL_TRY(share(comm, net->p, &net->center));
  BVL_TRY(share(comm, net->p, &net->scale));
  BVL_TRY(share(comm, net->p, &net->fill));
  BVL_TRY(share(comm, net->n_kept, &net->kept));
  BVL_TRY(share(comm, net->n_train, &net->train_index));
  BVL_TRY(share(comm, net->n_test, &net->test_index));
  for (int64_t k = 0; k < net->arch.n; k++) {
    const int64_t outputs = bvl_layer_outputs(&net->arch.layer[k]);
    BVL_TRY(share(comm, outputs * bvl_layer_fan_in(&net->arch.layer[k]), &net->weight[k]));
    BVL_TRY(share(comm, outputs, &net->bias[k]));
  }
cleanup:
  return status;
}

bvl_status bvl_network_read(const bvl_comm *comm, const char *path, const char *prefix,
                            int without_first, bvl_network_file *out)
{
  bvl_status status = BVL_OK;
  int64_t name_bytes = -1;
  memset(out, 0, sizeof *out);
  if (comm->rank == 0) status = read_network(path, prefix, without_first, out, &name_bytes);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(share_network(comm, name_bytes, out));
cleanup:
  if (status != BVL_OK) bvl_network_free(out);
  return status;
}

void bvl_network_free(bvl_network_file *network)
{
  free(network->center);
  free(network->scale);
  free(network->fill);
  free(network->kept);
  free(network->feature_names);
  free(network->train_index);
  free(network->test_index);
  for (int k = 0; k < BVL_NET_MAX_LAYERS; k++) {
    free(network->weight[k]);
    free(network->bias[k]);
  }
  memset(network, 0, sizeof *network);
}

/* ---- a first layer in parts --------------------------------------------------------------------
 */

/* Inputs begin .. begin + count - 1 of a layer, transposed on the way. */
static bvl_status read_inputs(const bvl_block *weight, const char *name, int64_t begin,
                              int64_t count, double *stage, double *out)
{
  const int64_t outputs = weight->dims[0];
  const hsize_t start[2] = {0, (hsize_t)begin};
  const hsize_t size[2] = {(hsize_t)outputs, (hsize_t)count};
  hid_t space = H5Dget_space(weight->dataset);
  hid_t memory = H5Screate_simple(2, size, NULL);
  bvl_status status = BVL_OK;
  if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL) < 0 ||
      H5Dread(weight->dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, stage) < 0)
    status = bvl_h5_fail(BVL_ERR_IO, "cannot read %s", name);
  for (int64_t e = 0; e < outputs * count && status == BVL_OK; e++) {
    const int64_t o = e / count, c = e % count;
    out[c * outputs + o] = stage[e];
    if (!isfinite(stage[e]))
      status = bvl_fail(BVL_ERR_INPUT, "%s: output %" PRId64 ", entry %" PRId64 ": %s", name, o,
                        begin + c, isnan(stage[e]) ? "NaN" : "infinite");
  }
  bvl_h5_release(&memory);
  bvl_h5_release(&space);
  return status;
}

static bvl_status read_first(const char *path, const char *prefix, int64_t begin, int64_t count,
                             double *out)
{
  bvl_status status = BVL_OK;
  char name[BVL_NETWORK_NAME];
  hid_t file = 0;
  bvl_block weight = {0};
  double *stage = NULL;
  BVL_TRY(bvl_h5_open_serial(path, &file));
  snprintf(name, sizeof name, "%s/layers/0/weight", prefix);
  BVL_TRY(bvl_block_open(file, name, 2, &weight));
  if (begin < 0 || count < 0 || begin > weight.dims[1] - count || weight.dims[0] < 1)
    BVL_TRY(bvl_fail(BVL_ERR_INPUT, "%s: inputs %" PRId64 " + %" PRId64 " of %" PRId64, name, begin,
                     count, weight.dims[1]));
  const int64_t outputs = weight.dims[0];
  const int64_t at_once = bvl_greater(STAGE_BYTES / (int64_t)sizeof *stage / outputs, 1);
  BVL_TRY(BVL_ALLOC(&stage, outputs * bvl_lesser(at_once, count)));
  for (int64_t c = 0; c < count; c += at_once)
    BVL_TRY(read_inputs(&weight, name, begin + c, bvl_lesser(at_once, count - c), stage,
                        out + c * outputs));
cleanup:
  free(stage);
  bvl_h5_release(&weight.dataset);
  bvl_h5_release(&file);
  return status;
}

bvl_status bvl_network_read_first(const bvl_comm *comm, const char *path, const char *prefix,
                                  int64_t begin, int64_t count, double *out)
{
  return bvl_agree(comm, count != 0 ? read_first(path, prefix, begin, count, out) : BVL_OK);
}
