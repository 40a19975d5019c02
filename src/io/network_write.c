/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing networks. The file is open on every rank: a dense first layer is written by the ranks
 * that hold its inputs, each for itself; everything else is rank 0's. */
#include "io/network.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/result_file.h"
#include "net/layers/file_order.h"

/* Weights on their way from a rank's order to the file's. */
#define STAGE_BYTES (INT64_C(8) << 20)
/* Contiguous runs of inputs in one selection: HDF5 gets slow with more. */
enum { MOST_RUNS = 64, NAME_BYTES = 512 };

bvl_status bvl_network_create(const bvl_comm *comm, const char *path, const char *kind,
                              bvl_result_writer **out)
{
  bvl_status status = BVL_OK;
  bvl_result_writer *writer = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&writer, 1)));
  writer->parallel = 1;
  BVL_TRY(bvl_out_create(comm, path, 1, &writer->out));
  BVL_TRY(bvl_out_attr_text(&writer->out, "kind", kind));
  *out = writer;
  writer = NULL;
cleanup:
  bvl_result_close(&writer, 0);
  return status;
}

/* ---- attributes --------------------------------------------------------------------------------
 */

static bvl_status put_integers(hid_t group, const char *name, int64_t n, const int64_t *values)
{
  return bvl_h5_put_attr(group, name, H5T_STD_I64LE, H5T_NATIVE_INT64, n, values);
}

static bvl_status describe_layer(hid_t group, const bvl_layer *layer)
{
  const int64_t pool[2] = {layer->kernel_h, layer->kernel_w};
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_h5_put_attr_text(group, "kind", bvl_layer_kind_name(layer->kind)));
  if (layer->kind != BVL_LAYER_MAX_POOL)
    BVL_TRY(bvl_h5_put_attr_text(group, "activation", bvl_activation_name(layer->activation)));
  if (layer->kind != BVL_LAYER_DENSE) BVL_TRY(put_integers(group, "stride", 1, &layer->stride));
  if (layer->kind == BVL_LAYER_CONV) BVL_TRY(put_integers(group, "padding", 1, &layer->padding));
  if (layer->kind == BVL_LAYER_MAX_POOL) BVL_TRY(put_integers(group, "pool", 2, pool));
cleanup:
  return status;
}

/* Makes the group `name` (and those on the way to it), or opens it when it is there. "" is the
 * root. */
static hid_t make_group(hid_t file, const char *name)
{
  if (name[0] == '\0') return H5Gopen2(file, "/", H5P_DEFAULT);
  if (bvl_h5_kind_of(file, name) == BVL_H5_GROUP) return H5Gopen2(file, name, H5P_DEFAULT);
  hid_t links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  hid_t group = H5Gcreate2(file, name, links, H5P_DEFAULT, H5P_DEFAULT);
  bvl_h5_release(&links);
  return group;
}

static bvl_status write_heads(const bvl_out *out, const char *prefix, const bvl_architecture *arch)
{
  const bvl_picture *in = &arch->layer[0].in;
  const int64_t shape[3] = {in->channels, in->height, in->width};
  const int is_picture = in->height * in->width > 1;
  char name[NAME_BYTES];
  hid_t group = make_group(out->file, prefix);
  bvl_status status = BVL_OK;
  if (group < 0) BVL_TRY(bvl_h5_fail(BVL_ERR_IO, "%s: cannot create %s", out->path, prefix));
  BVL_TRY(put_integers(group, "input_shape", is_picture ? 3 : 1, shape));
  for (int64_t k = 0; k < arch->n; k++) {
    bvl_h5_release(&group);
    snprintf(name, sizeof name, "%s/layers/%" PRId64, prefix, k);
    group = make_group(out->file, name);
    if (group < 0) BVL_TRY(bvl_h5_fail(BVL_ERR_IO, "%s: cannot create %s", out->path, name));
    BVL_TRY(describe_layer(group, &arch->layer[k]));
  }
cleanup:
  bvl_h5_release(&group);
  return status;
}

/* ---- rank 0's tensors --------------------------------------------------------------------------
 */

static hid_t weight_type(const bvl_network_values *values)
{
  return values->single ? H5T_IEEE_F32LE : H5T_IEEE_F64LE;
}

/* A layer's weight dataset, empty. */
static bvl_status create_weight(bvl_out *out, const char *name, const bvl_network_values *values,
                                const bvl_layer *layer, hid_t *dataset)
{
  const int64_t dense[2] = {bvl_layer_outputs(layer), bvl_layer_fan_in(layer)};
  const int64_t conv[4] = {dense[0], layer->in.channels, layer->kernel_h, layer->kernel_w};
  const int is_conv = layer->kind == BVL_LAYER_CONV;
  return bvl_out_dataset(out, name, weight_type(values), is_conv ? 4 : 2, is_conv ? conv : dense,
                         dataset);
}

static bvl_status put_weight(bvl_out *out, const char *name, const bvl_network_values *values,
                             int64_t k)
{
  const bvl_layer *layer = &values->arch->layer[k];
  const int64_t outputs = bvl_layer_outputs(layer), fan_in = bvl_layer_fan_in(layer);
  const int root = out->comm.rank == 0;
  bvl_status status = BVL_OK;
  hid_t dataset = 0;
  double *ordered = NULL;
  if (root) status = BVL_ALLOC(&ordered, outputs * fan_in);
  BVL_TRY(bvl_agree(&out->comm, status));
  if (root) bvl_layer_to_file(layer, values->weight[k], ordered);
  BVL_TRY(create_weight(out, name, values, layer, &dataset));
  BVL_TRY(bvl_out_rows(out, dataset, H5T_NATIVE_DOUBLE, 0, root ? outputs : 0, fan_in, ordered));
cleanup:
  bvl_h5_release(&dataset);
  free(ordered);
  return status;
}

static bvl_status put_bias(bvl_out *out, const char *name, const bvl_network_values *values,
                           int64_t k)
{
  const int64_t outputs = bvl_layer_outputs(&values->arch->layer[k]);
  hid_t dataset = 0;
  bvl_status status = bvl_out_dataset(out, name, weight_type(values), 1, &outputs, &dataset);
  if (status == BVL_OK)
    status = bvl_out_rows(out, dataset, H5T_NATIVE_DOUBLE, 0, out->comm.rank == 0 ? outputs : 0, 1,
                          values->bias[k]);
  bvl_h5_release(&dataset);
  return status;
}

/* ---- a first layer in parts --------------------------------------------------------------------
 */

/* An input of the first layer and its place among this rank's. */
typedef struct input {
  int64_t input;
  int64_t here;
} input;

static int compare_inputs(const void *a, const void *b)
{
  const int64_t x = ((const input *)a)->input, y = ((const input *)b)->input;
  return (x > y) - (x < y);
}

static bvl_status list_inputs(const bvl_network_values *values, int64_t inputs, input **out)
{
  bvl_status status = BVL_ALLOC(out, values->n_first);
  if (status != BVL_OK) return status;
  for (int64_t c = 0; c < values->n_first; c++) {
    const int64_t at = values->first_input != NULL ? values->first_input[c]
                                                   : values->first_begin + c;
    if (at < 0 || at >= inputs)
      return bvl_fail(BVL_ERR_INTERNAL, "input %" PRId64 " of %" PRId64 " of the first layer", at,
                      inputs);
    (*out)[c] = (input){at, c};
  }
  if (values->first_input != NULL)
    qsort(*out, (size_t)values->n_first, sizeof **out, compare_inputs);
  return BVL_OK;
}

/* Selects up to `most` of the inputs, in all rows. @return how many. */
static int64_t select_inputs(hid_t space, int64_t outputs, const input *list, int64_t n,
                             int64_t most)
{
  int64_t taken = 0;
  H5Sselect_none(space);
  for (int runs = 0; taken < bvl_lesser(n, most) && runs < MOST_RUNS; runs++) {
    const int64_t begin = taken++;
    while (taken < bvl_lesser(n, most) && list[taken].input == list[taken - 1].input + 1) taken++;
    const hsize_t start[2] = {0, (hsize_t)list[begin].input};
    const hsize_t size[2] = {(hsize_t)outputs, (hsize_t)(taken - begin)};
    H5Sselect_hyperslab(space, H5S_SELECT_OR, start, NULL, size, NULL);
  }
  return taken;
}

/* This rank's inputs, as many at a time as the stage holds; by itself. */
static bvl_status write_inputs(const bvl_network_values *values, int64_t outputs, const input *list,
                               hid_t dataset, double *stage, int64_t at_once)
{
  bvl_status status = BVL_OK;
  hid_t space = H5Dget_space(dataset), memory = 0;
  for (int64_t done = 0; done < values->n_first && status == BVL_OK;) {
    const input *next = list + done;
    const int64_t n = select_inputs(space, outputs, next, values->n_first - done, at_once);
    const hsize_t size = (hsize_t)(outputs * n);
    for (int64_t o = 0; o < outputs; o++)
      for (int64_t c = 0; c < n; c++)
        stage[o * n + c] =
            values->first[o * values->output_step + next[c].here * values->input_step];
    memory = H5Screate_simple(1, &size, NULL);
    if (H5Dwrite(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, stage) < 0)
      status = bvl_h5_fail(BVL_ERR_IO, "cannot write the first layer's weights");
    bvl_h5_release(&memory);
    done += n;
  }
  bvl_h5_release(&space);
  return status;
}

static bvl_status put_first(bvl_out *out, const char *name, const bvl_network_values *values)
{
  const bvl_layer *layer = &values->arch->layer[0];
  const int64_t outputs = bvl_layer_outputs(layer), inputs = bvl_layer_fan_in(layer);
  int64_t at_once = bvl_greater(STAGE_BYTES / (int64_t)sizeof(double) / outputs, 1);
  int64_t all = values->n_first;
  bvl_status status = BVL_OK;
  hid_t dataset = 0;
  input *list = NULL;
  double *stage = NULL;
  at_once = bvl_lesser(at_once, bvl_greater(values->n_first, 1));
  status = list_inputs(values, inputs, &list);
  if (status == BVL_OK) status = BVL_ALLOC(&stage, outputs * at_once);
  BVL_TRY(bvl_agree(&out->comm, status));
  BVL_TRY(bvl_sum_i64(&out->comm, &all, 1));
  if (all != inputs)
    BVL_TRY(bvl_fail(BVL_ERR_INTERNAL, "%s: the ranks have %" PRId64 " of %" PRId64 " inputs", name,
                     all, inputs));
  BVL_TRY(create_weight(out, name, values, layer, &dataset));
  status = write_inputs(values, outputs, list, dataset, stage, at_once);
  BVL_TRY(bvl_agree(&out->comm, status));
cleanup:
  bvl_h5_release(&dataset);
  free(stage);
  free(list);
  return status;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static bvl_status put_layers(bvl_out *out, const char *prefix, const bvl_network_values *values)
{
  bvl_status status = BVL_OK;
  char name[NAME_BYTES];
  for (int64_t k = 0; k < values->arch->n; k++) {
    const bvl_layer_kind kind = values->arch->layer[k].kind;
    if (kind == BVL_LAYER_MAX_POOL) continue;
    snprintf(name, sizeof name, "%s/layers/%" PRId64 "/weight", prefix, k);
    if (k == 0 && kind == BVL_LAYER_DENSE)
      BVL_TRY(put_first(out, name, values));
    else
      BVL_TRY(put_weight(out, name, values, k));
    snprintf(name, sizeof name, "%s/layers/%" PRId64 "/bias", prefix, k);
    BVL_TRY(put_bias(out, name, values, k));
  }
cleanup:
  return status;
}

static bvl_status put_kept(bvl_result_writer *writer, const char *name,
                           const bvl_network_values *values)
{
  const bvl_comm *comm = &writer->out.comm;
  const int64_t *kept = values->kept;
  int64_t *all = NULL;
  bvl_status status = BVL_OK;
  if (comm->rank == 0 && kept == NULL) status = BVL_ALLOC(&all, values->n_kept);
  BVL_TRY(bvl_agree(comm, status));
  for (int64_t j = 0; all != NULL && j < values->n_kept; j++) all[j] = j;
  BVL_TRY(bvl_result_put_i64(writer, name, values->n_kept, all != NULL ? all : kept));
cleanup:
  free(all);
  return status;
}

static bvl_status put_input(bvl_result_writer *writer, const char *prefix,
                            const bvl_network_values *values)
{
  const struct {
    const char *name;
    int there;
    const double *values;
  } vectors[] = {{"center", 1, values->center},
                 {"scale", 1, values->scale},
                 {"fill", values->has_fill, values->fill}};
  bvl_status status = BVL_OK;
  char name[NAME_BYTES];
  for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++) {
    if (!vectors[k].there) continue;
    snprintf(name, sizeof name, "%s/input/%s", prefix, vectors[k].name);
    BVL_TRY(bvl_result_put_f64(writer, name, values->p, vectors[k].values));
  }
  snprintf(name, sizeof name, "%s/input/kept", prefix);
  BVL_TRY(put_kept(writer, name, values));
cleanup:
  return status;
}

bvl_status bvl_network_put(bvl_result_writer *writer, const char *prefix,
                           const bvl_network_values *values)
{
  const bvl_architecture *arch = values->arch;
  const int64_t inputs = bvl_architecture_inputs(arch);
  bvl_status status = BVL_OK;
  if (!writer->parallel || values->n_kept != inputs || values->n_kept > values->p ||
      strlen(prefix) > NAME_BYTES - 64)
    return bvl_fail(BVL_ERR_INTERNAL,
                    "a network of %" PRId64 " inputs, %" PRId64 " kept of %" PRId64 " columns",
                    inputs, values->n_kept, values->p);
  BVL_TRY(bvl_out_claim(&writer->out, (arch->n + 4) * (INT64_C(16) << 10)));
  BVL_TRY(bvl_agree(&writer->out.comm, write_heads(&writer->out, prefix, arch)));
  BVL_TRY(put_layers(&writer->out, prefix, values));
  BVL_TRY(put_input(writer, prefix, values));
cleanup:
  return status;
}
