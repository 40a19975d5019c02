/* SPDX-License-Identifier: BSD-3-Clause */
/* The layers of a network file, by one process. Nothing in the file is trusted: sizes follow from
 * one another or are refused with the dataset's name. */
#include "io/network_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define MOST_WEIGHTS (INT64_C(1) << 48)

/* ---- datasets of any number of dimensions ------------------------------------------------------
 */

bvl_status bvl_block_open(hid_t file, const char *name, int n_dims, bvl_block *out)
{
  *out = (bvl_block){0};
  if (bvl_h5_kind_of(file, name) != BVL_H5_DATASET)
    return bvl_fail(BVL_ERR_INPUT, "there is no dataset %s", name);
  out->dataset = H5Dopen2(file, name, H5P_DEFAULT);
  if (out->dataset < 0) return bvl_h5_fail(BVL_ERR_IO, "cannot open %s", name);
  hsize_t dims[H5S_MAX_RANK] = {0};
  hid_t space = H5Dget_space(out->dataset);
  hid_t type = H5Dget_type(out->dataset);
  out->n_dims = H5Sget_simple_extent_ndims(space);
  if (out->n_dims >= 0) H5Sget_simple_extent_dims(space, dims, NULL);
  for (int d = 0; d < 4; d++) out->dims[d] = (int64_t)dims[d];
  const int is_float = H5Tget_class(type) == H5T_FLOAT;
  out->is_float32 = is_float && H5Tget_size(type) == 4;
  bvl_h5_release(&type);
  bvl_h5_release(&space);
  if (!is_float) return bvl_fail(BVL_ERR_INPUT, "%s: not floating-point numbers", name);
  if (out->n_dims != n_dims)
    return bvl_fail(BVL_ERR_INPUT, "%s has %d dimensions, not %d", name, out->n_dims, n_dims);
  return BVL_OK;
}

bvl_status bvl_block_read(const bvl_block *t, const char *name, int64_t rows, int64_t width,
                          double **out)
{
  bvl_status status = BVL_ALLOC(out, rows * width);
  if (status != BVL_OK) return status;
  if (H5Dread(t->dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out) < 0)
    return bvl_h5_fail(BVL_ERR_IO, "cannot read %s", name);
  for (int64_t e = 0; e < rows * width; e++)
    if (!isfinite((*out)[e]))
      return bvl_fail(BVL_ERR_INPUT, "%s: output %" PRId64 ", entry %" PRId64 ": %s", name,
                      e / width, e % width, isnan((*out)[e]) ? "NaN" : "infinite");
  return BVL_OK;
}

bvl_status bvl_block_read_vector(hid_t file, const char *name, int64_t *length, double **out)
{
  bvl_block t;
  bvl_status status = bvl_block_open(file, name, 1, &t);
  if (status == BVL_OK && *length >= 0 && t.dims[0] != *length)
    status = bvl_fail(BVL_ERR_INPUT, "%s has %" PRId64 " entries, not %" PRId64, name, t.dims[0],
                      *length);
  *length = t.dims[0];
  if (status == BVL_OK) status = bvl_block_read(&t, name, *length, 1, out);
  bvl_h5_release(&t.dataset);
  return status;
}

/* ---- layers ------------------------------------------------------------------------------------
 */

/* One integer attribute from `least` to 2^31 - 1, or several. */
static bvl_status read_sizes(hid_t group, const char *at, const char *name, int n, int64_t least,
                             int64_t *out)
{
  const int found = bvl_h5_attr_i64(group, name, n, out);
  if (found != n)
    return bvl_fail(BVL_ERR_INPUT, "%s: the attribute %s is not %d integer%s", at, name, n,
                    n == 1 ? "" : "s");
  for (int k = 0; k < n; k++)
    if (out[k] < least || out[k] > INT32_MAX)
      return bvl_fail(BVL_ERR_INPUT, "%s: %s is %" PRId64, at, name, out[k]);
  return BVL_OK;
}

static int64_t windows(int64_t size, int64_t kernel, int64_t stride, int64_t padding)
{
  const int64_t room = size + 2 * padding - kernel;
  return room < 0 ? 0 : room / stride + 1;
}

/* out's height and width from the layer's own sizes. */
static bvl_status slide(const char *at, bvl_layer *layer)
{
  const bvl_picture *in = &layer->in;
  layer->out.height = windows(in->height, layer->kernel_h, layer->stride, layer->padding);
  layer->out.width = windows(in->width, layer->kernel_w, layer->stride, layer->padding);
  if (layer->out.height < 1 || layer->out.width < 1)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s: windows of %" PRId64 " x %" PRId64 " in pictures of %" PRId64 " x %" PRId64
                    " with padding %" PRId64,
                    at, layer->kernel_h, layer->kernel_w, in->height, in->width, layer->padding);
  return BVL_OK;
}

static bvl_status check_size(const char *at, const bvl_layer *layer)
{
  const bvl_picture *out = &layer->out;
  const int64_t fan_in = bvl_layer_fan_in(layer);
  if (out->channels > INT32_MAX || out->channels * out->height > INT32_MAX ||
      out->channels * out->height * out->width > INT32_MAX ||
      (fan_in > 0 && out->channels > MOST_WEIGHTS / fan_in))
    return bvl_fail(BVL_ERR_INPUT, "%s: too large", at);
  return BVL_OK;
}

static bvl_status size_dense(const char *weight, const bvl_block *t, bvl_layer *layer)
{
  const int64_t inputs = bvl_picture_size(&layer->in);
  layer->kernel_h = layer->kernel_w = layer->stride = 1;
  layer->out = (bvl_picture){t->dims[0], 1, 1};
  if (t->dims[1] != inputs || t->dims[0] < 1)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s is %" PRId64 " x %" PRId64 ", its layer has %" PRId64 " inputs", weight,
                    t->dims[0], t->dims[1], inputs);
  return BVL_OK;
}

static bvl_status size_conv(hid_t group, const char *at, const char *weight, const bvl_block *t,
                            bvl_layer *layer)
{
  bvl_status status = BVL_OK;
  layer->out.channels = t->dims[0];
  layer->kernel_h = t->dims[2];
  layer->kernel_w = t->dims[3];
  if (t->dims[1] != layer->in.channels || t->dims[0] < 1 || t->dims[2] < 1 || t->dims[3] < 1 ||
      t->dims[2] > INT32_MAX || t->dims[3] > INT32_MAX)
    BVL_TRY(bvl_fail(BVL_ERR_INPUT,
                     "%s is %" PRId64 " x %" PRId64 " x %" PRId64 " x %" PRId64
                     ", its layer has %" PRId64 " channels",
                     weight, t->dims[0], t->dims[1], t->dims[2], t->dims[3], layer->in.channels));
  BVL_TRY(read_sizes(group, at, "stride", 1, 1, &layer->stride));
  BVL_TRY(read_sizes(group, at, "padding", 1, 0, &layer->padding));
  BVL_TRY(slide(at, layer));
cleanup:
  return status;
}

static bvl_status size_pool(hid_t group, const char *at, bvl_layer *layer)
{
  int64_t pool[2];
  bvl_status status = BVL_OK;
  BVL_TRY(read_sizes(group, at, "pool", 2, 1, pool));
  BVL_TRY(read_sizes(group, at, "stride", 1, 1, &layer->stride));
  layer->kernel_h = pool[0];
  layer->kernel_w = pool[1];
  layer->out.channels = layer->in.channels;
  BVL_TRY(slide(at, layer));
cleanup:
  return status;
}

static bvl_status read_words(hid_t group, const char *at, bvl_layer *layer)
{
  bvl_status status = BVL_OK;
  char *kind = bvl_h5_attr_text(group, "kind");
  char *activation = bvl_h5_attr_text(group, "activation");
  const int k = kind != NULL ? bvl_layer_kind_find(kind) : -1;
  const int a = activation != NULL ? bvl_activation_find(activation) : -1;
  if (k < 0)
    BVL_TRY(bvl_fail(BVL_ERR_INPUT, "%s: the kind %s is not dense, conv2d or maxpool2d", at,
                     kind != NULL ? kind : "(none)"));
  layer->kind = (bvl_layer_kind)k;
  layer->activation = BVL_LINEAR;
  if (layer->kind == BVL_LAYER_MAX_POOL) goto cleanup;
  if (a < 0)
    BVL_TRY(bvl_fail(BVL_ERR_INPUT, "%s: the activation %s is not linear, relu or tanh", at,
                     activation != NULL ? activation : "(none)"));
  layer->activation = (bvl_activation)a;
cleanup:
  free(activation);
  free(kind);
  return status;
}

/* Layer k, whose input picture is known. */
static bvl_status read_layer(hid_t file, const char *at, int64_t k, int skip, bvl_network_file *out)
{
  bvl_layer *layer = &out->arch.layer[k];
  char weight[BVL_NETWORK_NAME + 8], bias[BVL_NETWORK_NAME + 8];
  bvl_status status = BVL_OK;
  bvl_block t = {0};
  hid_t group = H5Gopen2(file, at, H5P_DEFAULT);
  if (group < 0) BVL_TRY(bvl_h5_fail(BVL_ERR_IO, "cannot open %s", at));
  snprintf(weight, sizeof weight, "%s/weight", at);
  snprintf(bias, sizeof bias, "%s/bias", at);
  BVL_TRY(read_words(group, at, layer));
  if (layer->kind == BVL_LAYER_MAX_POOL) {
    BVL_TRY(size_pool(group, at, layer));
    BVL_TRY(check_size(at, layer));
    goto cleanup;
  }
  const int is_conv = layer->kind == BVL_LAYER_CONV;
  BVL_TRY(bvl_block_open(file, weight, is_conv ? 4 : 2, &t));
  BVL_TRY(is_conv ? size_conv(group, at, weight, &t, layer) : size_dense(weight, &t, layer));
  BVL_TRY(check_size(at, layer));
  out->single |= t.is_float32;
  int64_t outputs = bvl_layer_outputs(layer);
  if (!skip || is_conv)
    BVL_TRY(bvl_block_read(&t, weight, outputs, bvl_layer_fan_in(layer), &out->weight[k]));
  BVL_TRY(bvl_block_read_vector(file, bias, &outputs, &out->bias[k]));
cleanup:
  bvl_h5_release(&t.dataset);
  bvl_h5_release(&group);
  return status;
}

static bvl_status read_input_shape(hid_t file, const char *prefix, bvl_picture *in)
{
  int64_t shape[3] = {1, 1, 1};
  hid_t group = H5Gopen2(file, prefix[0] != '\0' ? prefix : "/", H5P_DEFAULT);
  if (group < 0) return bvl_fail(BVL_ERR_INPUT, "there is no group %s", prefix);
  const int n = bvl_h5_attr_i64(group, "input_shape", 3, shape);
  bvl_h5_release(&group);
  int good = n == 1 || n == 3;
  for (int d = 0; d < 3; d++) good = good && shape[d] >= 1 && shape[d] <= INT32_MAX;
  good = good && shape[0] * shape[1] <= INT32_MAX && shape[0] * shape[1] * shape[2] <= INT32_MAX;
  if (!good)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s: the attribute input_shape is not a number of inputs, nor channels, height "
                    "and width",
                    prefix[0] != '\0' ? prefix : "/");
  *in = (bvl_picture){shape[0], shape[1], shape[2]};
  return BVL_OK;
}

static bvl_status count_layers(hid_t file, const char *prefix, int64_t *n)
{
  char name[BVL_NETWORK_NAME];
  H5G_info_t info = {0};
  snprintf(name, sizeof name, "%s/layers", prefix);
  if (bvl_h5_kind_of(file, name) != BVL_H5_GROUP)
    return bvl_fail(BVL_ERR_INPUT, "there is no group %s: not a network", name);
  if (H5Gget_info_by_name(file, name, &info, H5P_DEFAULT) < 0)
    return bvl_h5_fail(BVL_ERR_IO, "cannot read %s", name);
  *n = (int64_t)info.nlinks;
  if (*n < 1 || *n > BVL_NET_MAX_LAYERS)
    return bvl_fail(BVL_ERR_INPUT, "%s has %" PRId64 " layers, not 1 to %d", name, *n,
                    BVL_NET_MAX_LAYERS);
  return BVL_OK;
}

bvl_status bvl_network_read_layers(hid_t file, const char *prefix, int without_first,
                                   bvl_network_file *out)
{
  bvl_status status = BVL_OK;
  char at[BVL_NETWORK_NAME];
  bvl_picture now;
  BVL_TRY(count_layers(file, prefix, &out->arch.n));
  BVL_TRY(read_input_shape(file, prefix, &now));
  for (int64_t k = 0; k < out->arch.n; k++) {
    snprintf(at, sizeof at, "%s/layers/%" PRId64, prefix, k);
    if (bvl_h5_kind_of(file, at) != BVL_H5_GROUP)
      BVL_TRY(bvl_fail(BVL_ERR_INPUT, "there is no group %s among the %" PRId64 " layers", at,
                       out->arch.n));
    out->arch.layer[k].in = now;
    BVL_TRY(read_layer(file, at, k, k == 0 && without_first, out));
    now = out->arch.layer[k].out;
  }
cleanup:
  return status;
}
