/* SPDX-License-Identifier: BSD-3-Clause */
/* What `bevel info FILE` prints of networks: layers, what of them is not zero, and how well it
 * went.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/describe.h"
#include "io/network_file.h"

#define STAGE_BYTES (INT64_C(8) << 20)

typedef struct tally {
  int64_t weights;
  int64_t nonzeros;
  double l1;
} tally;

static void count_values(int64_t n, const double *values, tally *sum)
{
  for (int64_t e = 0; e < n; e++) {
    sum->nonzeros += values[e] != 0.0;
    sum->l1 += fabs(values[e]);
  }
  sum->weights += n;
}

/* A few rows of a weight matrix at a time: a first layer may be large. */
static bvl_status count_rows(const bvl_block *weight, const char *name, tally *sum)
{
  const int64_t width = weight->dims[1];
  const int64_t at_once = bvl_greater(STAGE_BYTES / 8 / bvl_greater(width, 1), 1);
  double *stage = NULL;
  bvl_status status = BVL_ALLOC(&stage, bvl_lesser(at_once, weight->dims[0]) * width);
  hid_t space = H5Dget_space(weight->dataset);
  for (int64_t row = 0; row < weight->dims[0] && status == BVL_OK; row += at_once) {
    const int64_t n = bvl_lesser(at_once, weight->dims[0] - row);
    const hsize_t start[2] = {(hsize_t)row, 0};
    const hsize_t size[2] = {(hsize_t)n, (hsize_t)width};
    hid_t memory = H5Screate_simple(2, size, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL);
    if (H5Dread(weight->dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, stage) < 0)
      status = bvl_h5_fail(BVL_ERR_IO, "cannot read %s", name);
    else
      count_values(n * width, stage, sum);
    bvl_h5_release(&memory);
  }
  bvl_h5_release(&space);
  free(stage);
  return status;
}

static bvl_status count_layer(hid_t file, const char *prefix, const bvl_network_file *net,
                              int64_t k, tally *sum)
{
  const bvl_layer *layer = &net->arch.layer[k];
  char name[BVL_NETWORK_NAME];
  bvl_block weight;
  if (net->weight[k] != NULL) {
    count_values(bvl_layer_outputs(layer) * bvl_layer_fan_in(layer), net->weight[k], sum);
    return BVL_OK;
  }
  if (layer->kind == BVL_LAYER_MAX_POOL) return BVL_OK;
  snprintf(name, sizeof name, "%s/layers/%" PRId64 "/weight", prefix, k);
  bvl_status status = bvl_block_open(file, name, 2, &weight);
  if (status == BVL_OK) status = count_rows(&weight, name, sum);
  bvl_h5_release(&weight.dataset);
  return status;
}

/* "20 x 24 x 24", or "300" of a dense layer. */
static void picture_words(const bvl_picture *picture, char words[64])
{
  if (picture->height * picture->width == 1)
    snprintf(words, 64, "%" PRId64, picture->channels);
  else
    snprintf(words, 64, "%" PRId64 " x %" PRId64 " x %" PRId64, picture->channels, picture->height,
             picture->width);
}

static void say_layer(const bvl_printer *to, int64_t k, const bvl_layer *layer, const tally *sum)
{
  char in[64], out[64], how[128] = "", count[96] = "";
  picture_words(&layer->in, in);
  picture_words(&layer->out, out);
  if (layer->kind != BVL_LAYER_DENSE)
    snprintf(how, sizeof how, " %" PRId64 " x %" PRId64 " stride %" PRId64 "", layer->kernel_h,
             layer->kernel_w, layer->stride);
  if (layer->kind == BVL_LAYER_CONV && layer->padding > 0)
    snprintf(how + strlen(how), sizeof how - strlen(how), " padding %" PRId64, layer->padding);
  if (sum->weights > 0)
    snprintf(count, sizeof count, ", %s: %" PRId64 " weights, %" PRId64 " not zero (%.3g%%)",
             bvl_activation_name(layer->activation), sum->weights, sum->nonzeros,
             100.0 * (double)sum->nonzeros / (double)sum->weights);
  bvl_say(to->lines, "/layers/%" PRId64 ": %s%s, %s -> %s%s", k, bvl_layer_kind_name(layer->kind),
          how, in, out, count);
}

/* The layers of one network, and all of them together. */
static bvl_status say_layers(const bvl_printer *to, const char *prefix)
{
  bvl_status status = BVL_OK;
  bvl_network_file *net = NULL;
  tally all = {0, 0, 0.0};
  BVL_TRY(BVL_ALLOC(&net, 1));
  BVL_TRY(bvl_network_read_layers(to->file, prefix, 1, net));
  for (int64_t k = 0; k < net->arch.n; k++) {
    tally one = {0, 0, 0.0};
    BVL_TRY(count_layer(to->file, prefix, net, k, &one));
    say_layer(to, k, &net->arch.layer[k], &one);
    all.weights += one.weights;
    all.nonzeros += one.nonzeros;
    all.l1 += one.l1;
  }
  bvl_say(to->lines, "weights: %" PRId64 ", %" PRId64 " not zero (%.3g%%), l1 %.6g, %s",
          all.weights, all.nonzeros, 100.0 * (double)all.nonzeros / (double)all.weights, all.l1,
          net->single ? "float32" : "float64");
cleanup:
  if (net != NULL) bvl_network_free(net);
  free(net);
  return status;
}

static int64_t length_of(hid_t file, const char *name)
{
  bvl_array array;
  if (bvl_h5_kind_of(file, name) != BVL_H5_DATASET || bvl_array_open(file, name, &array) != BVL_OK)
    return -1;
  const int64_t length = array.dims[0];
  bvl_array_close(&array);
  return length;
}

static void say_rows(const bvl_printer *to)
{
  const int64_t kept = length_of(to->file, "/input/kept");
  const int64_t p = length_of(to->file, "/input/center");
  const int64_t n_train = length_of(to->file, "/train_index");
  const int64_t n_test = length_of(to->file, "/test_index");
  if (kept >= 0 && p >= 0)
    bvl_say(to->lines, "/input: %" PRId64 " of %" PRId64 " columns kept", kept, p);
  if (n_train >= 0) bvl_say(to->lines, "/train_index: %" PRId64 " rows", n_train);
  if (n_test >= 0) bvl_say(to->lines, "/test_index: %" PRId64 " rows", n_test);
}

/* The last epoch. */
static bvl_status say_history(const bvl_printer *to)
{
  static const char *const names[] = {"epoch",         "train_loss", "train_accuracy", "test_loss",
                                      "test_accuracy", "l1",         "nonzeros",       "seconds"};
  char line[384] = "", name[64];
  int64_t n_epochs = 0;
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    double *values;
    int64_t n;
    snprintf(name, sizeof name, "/history/%s", names[k]);
    bvl_status status = bvl_load_vector(to, name, &n, &values);
    if (status == BVL_OK && n > 0 && !isnan(values[n - 1]))
      snprintf(line + strlen(line), sizeof line - strlen(line), ", %s %.6g", names[k],
               values[n - 1]);
    n_epochs = bvl_greater(n_epochs, n);
    free(values);
    if (status != BVL_OK) return status;
  }
  if (n_epochs > 0)
    bvl_say(to->lines, "/history: %" PRId64 " entries, the last: %s", n_epochs,
            line[0] != '\0' ? line + 2 : "empty");
  return BVL_OK;
}

static bvl_status say_points(const bvl_printer *to)
{
  static const char *const ranges[] = {"/loss", "/l1", "/train_accuracy", "/test_accuracy",
                                       "/seconds"};
  H5G_info_t info = {0};
  bvl_status status = BVL_OK;
  if (bvl_h5_kind_of(to->file, "/points") == BVL_H5_GROUP)
    H5Gget_info_by_name(to->file, "/points", &info, H5P_DEFAULT);
  if (info.nlinks > 0) bvl_say(to->lines, "/points: %" PRId64 " networks", (int64_t)info.nlinks);
  for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) BVL_TRY(bvl_say_range(to, ranges[k]));
cleanup:
  return status;
}

bvl_status bvl_describe_network(const bvl_printer *to, const char *path)
{
  const int is_front = bvl_h5_kind_of(to->file, "/layers") != BVL_H5_GROUP;
  bvl_status status = BVL_OK;
  bvl_say(to->lines, "%s file %s", is_front ? "front" : "network", path);
  if (is_front)
    BVL_TRY(say_points(to));
  else
    BVL_TRY(say_layers(to, ""));
  say_rows(to);
  BVL_TRY(say_history(to));
  bvl_say_attributes(to);
cleanup:
  return status;
}
