/* SPDX-License-Identifier: BSD-3-Clause */
/* A network of a file, laid out over ranks. */
#ifndef BVL_RUN_NETWORK_LOAD_H
#define BVL_RUN_NETWORK_LOAD_H

#include "io/network.h"
#include "net/net.h"

typedef struct bvl_loaded {
  const char *path;      /* borrowed */
  char prefix[32];       /* of the network in it: "", or "/points/<k>" of a front */
  bvl_network_file file; /* without the weights of a dense first layer; arch may be changed between
                            the two calls below */
  bvl_grid *grid;        /* owned, as the next ones */
  bvl_net *net;
  double *params; /* net->n_params */
} bvl_loaded;

/** Reads all but the weights of a dense first layer, of the network alone in its file or, with
 * `point` >= 0, of that one of a front. Collective over comm; point equal on all ranks.
 * bvl_loaded_close in any case. @return what bvl_network_read does. */
bvl_status bvl_loaded_open(const bvl_comm *comm, const char *path, int64_t point, bvl_loaded *out);

/** Lays out the network and fills params, each rank reading its own part of a dense first layer.
 * Collective.
 *
 * @param[in] cut_columns  a dense first layer is cut over all ranks; else every rank has all.
 * @param[in] place  NULL: inputs are the file's. Else the arch's first layer was given other inputs
 *                   (one a column, cut_columns = 0), and input k of the file is place[k] of them;
 *                   what the file has nothing for gets 0. */
bvl_status bvl_loaded_lay_out(const bvl_comm *comm, bvl_loaded *loaded, int cut_columns,
                              const int64_t *place);
void bvl_loaded_close(bvl_loaded *loaded);

/** params (net->n_params) <- a file's, for a network that is laid out already. Collective over
 * net's grid. @return BVL_ERR_USAGE when the file's network has other layers, or has lost some of
 * its inputs, with both sizes; what bvl_network_read does. */
bvl_status bvl_network_take(const bvl_net *net, const char *path, double *params);

#endif
