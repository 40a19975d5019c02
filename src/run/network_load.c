/* SPDX-License-Identifier: BSD-3-Clause */
/* From a network file into a bvl_net's vector. */
#include "run/network_load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "net/layers/file_order.h"
#include "run/job.h"

bvl_status bvl_loaded_open(const bvl_comm *comm, const char *path, int64_t point, bvl_loaded *out)
{
  *out = (bvl_loaded){.path = path};
  if (point >= 0) snprintf(out->prefix, sizeof out->prefix, "/points/%" PRId64, point);
  return bvl_network_read(comm, path, out->prefix, 1, &out->file);
}

/* Everything but a split first layer's weights. */
static void fill_head(const bvl_net *net, const bvl_network_file *file, double *params)
{
  for (int64_t q = 0; q < net->n_tensors; q++) {
    const bvl_tensor *t = &net->tensor[q];
    double *to = params + t->begin;
    if (t->is_bias)
      memcpy(to, file->bias[t->layer], (size_t)t->count * sizeof *to);
    else if (q > 0 || !net->split)
      bvl_layer_from_file(&net->arch.layer[t->layer], file->weight[t->layer], to);
  }
}

/* All inputs of the file, each to its place. */
static bvl_status scatter_first(const bvl_comm *comm, const bvl_loaded *loaded,
                                const int64_t *place)
{
  bvl_status status = BVL_OK;
  const int64_t H = loaded->net->tensor[0].outputs, n = loaded->file.n_kept;
  double *first = NULL;
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&first, H * n)));
  BVL_TRY(bvl_network_read_first(comm, loaded->path, loaded->prefix, 0, n, first));
  for (int64_t k = 0; k < n; k++)
    memcpy(loaded->params + place[k] * H, first + k * H, (size_t)H * sizeof *first);
cleanup:
  free(first);
  return status;
}

bvl_status bvl_loaded_lay_out(const bvl_comm *comm, bvl_loaded *loaded, int cut_columns,
                              const int64_t *place)
{
  bvl_status status = BVL_OK;
  const bvl_architecture *arch = &loaded->file.arch;
  const int cut = cut_columns && arch->layer[0].kind == BVL_LAYER_DENSE;
  BVL_TRY(bvl_grid_create(comm->mpi, cut ? 1 : comm->size, cut ? comm->size : 1, &loaded->grid));
  BVL_TRY(bvl_agree(comm, bvl_net_create(loaded->grid, arch, !loaded->file.single, &loaded->net)));
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&loaded->params, loaded->net->n_params)));
  fill_head(loaded->net, &loaded->file, loaded->params);
  const bvl_tensor *first = &loaded->net->tensor[0];
  if (loaded->net->split && place != NULL)
    BVL_TRY(scatter_first(comm, loaded, place));
  else if (loaded->net->split)
    BVL_TRY(bvl_network_read_first(comm, loaded->path, loaded->prefix, first->first_column,
                                   first->columns, loaded->params));
cleanup:
  return status;
}

static int64_t units(const bvl_layer *layer)
{
  return bvl_picture_size(&layer->out);
}

/* The first layer in which two networks differ decides. */
static bvl_status compare_layers(const bvl_net *net, const char *path, const bvl_network_file *file)
{
  const bvl_architecture *here = &net->arch, *there = &file->arch;
  if (here->n != there->n)
    return bvl_fail(BVL_ERR_USAGE, "%s has %" PRId64 " layers, the network %" PRId64, path,
                    there->n, here->n);
  if (file->n_kept != bvl_architecture_inputs(here))
    return bvl_fail(BVL_ERR_USAGE, "%s has %" PRId64 " inputs, the network %" PRId64, path,
                    file->n_kept, bvl_architecture_inputs(here));
  for (int64_t l = 0; l < here->n; l++) {
    const bvl_layer *a = &here->layer[l], *b = &there->layer[l];
    if (a->kind != b->kind || units(a) != units(b) || a->out.channels != b->out.channels ||
        bvl_layer_fan_in(a) != bvl_layer_fan_in(b))
      return bvl_fail(BVL_ERR_USAGE,
                      "layer %" PRId64 " of %s is %s with %" PRId64 " units, the network's %s with "
                      "%" PRId64,
                      l, path, bvl_layer_kind_name(b->kind), units(b), bvl_layer_kind_name(a->kind),
                      units(a));
  }
  return BVL_OK;
}

/* This rank's columns of a split first layer; the file has them by input. */
static bvl_status take_first(const bvl_net *net, const char *path, double *params)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &net->grid->all;
  const bvl_tensor *t = &net->tensor[0];
  double *first = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&first, t->count)));
  BVL_TRY(bvl_network_read_first(all, path, "", t->first_column, t->columns, first));
  for (int64_t k = 0; k < t->columns; k++)
    for (int64_t o = 0; o < t->outputs; o++)
      params[bvl_tensor_place(net, t, o, k)] = first[k * t->outputs + o];
cleanup:
  free(first);
  return status;
}

bvl_status bvl_network_take(const bvl_net *net, const char *path, double *params)
{
  bvl_status status = BVL_OK;
  bvl_network_file file = {0};
  BVL_TRY(bvl_network_read(&net->grid->all, path, "", 1, &file));
  BVL_TRY(bvl_agree(&net->grid->all, compare_layers(net, path, &file)));
  fill_head(net, &file, params);
  if (net->split) BVL_TRY(take_first(net, path, params));
cleanup:
  bvl_network_free(&file);
  return bvl_name_file(path, status);
}

void bvl_loaded_close(bvl_loaded *loaded)
{
  free(loaded->params);
  loaded->params = NULL;
  bvl_net_destroy(&loaded->net);
  bvl_grid_destroy(&loaded->grid);
  bvl_network_free(&loaded->file);
}
