/* SPDX-License-Identifier: BSD-3-Clause */
/* From a network file into a bvl_net's vector. */
#include "run/network_load.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "net/file_order.h"

bvl_status bvl_loaded_open(const bvl_comm *comm, const char *path, bvl_loaded *out)
{
  *out = (bvl_loaded){.path = path};
  return bvl_network_read(comm, path, "", 1, &out->file);
}

/* Everything but a split first layer's weights. */
static void fill_head(const bvl_loaded *loaded)
{
  const bvl_net *net = loaded->net;
  for (int64_t q = 0; q < net->n_tensors; q++) {
    const bvl_tensor *t = &net->tensor[q];
    double *to = loaded->params + t->begin;
    if (t->is_bias)
      memcpy(to, loaded->file.bias[t->layer], (size_t)t->count * sizeof *to);
    else if (q > 0 || !net->split)
      bvl_layer_from_file(&net->arch.layer[t->layer], loaded->file.weight[t->layer], to);
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
  BVL_TRY(bvl_network_read_first(comm, loaded->path, "", 0, n, first));
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
  fill_head(loaded);
  const bvl_tensor *first = &loaded->net->tensor[0];
  if (loaded->net->split && place != NULL)
    BVL_TRY(scatter_first(comm, loaded, place));
  else if (loaded->net->split)
    BVL_TRY(bvl_network_read_first(comm, loaded->path, "", first->first_column, first->columns,
                                   loaded->params));
cleanup:
  return status;
}

void bvl_loaded_close(bvl_loaded *loaded)
{
  free(loaded->params);
  loaded->params = NULL;
  bvl_net_destroy(&loaded->net);
  bvl_grid_destroy(&loaded->grid);
  bvl_network_free(&loaded->file);
}
