/* SPDX-License-Identifier: BSD-3-Clause */
/* Forward and backward through a network, some rows at a time. */
#ifndef BVL_NET_PASS_H
#define BVL_NET_PASS_H

#include "net/net.h"
#include "net/rows.h"

/** Rows that go through the layers together: enough for fast products, few enough for the cache. */
enum { BVL_PASS_ROWS = 256, BVL_PASS_RIDERS = 16 };

/** Buffers of a pass. Elements are the network's real unless their type says otherwise. */
typedef struct bvl_pass {
  const bvl_net *net; /* borrowed */
  void *w;            /* n_params: what products use, owned */
  void *g;            /* n_params: gradient of the last rows, owned; NULL: forward alone */
  int64_t columns_at_once;
  void *input;                        /* rows x columns_at_once, owned */
  void *picture;                      /* inputs x rows: a first layer that is not cut; owned */
  void *out[BVL_NET_MAX_LAYERS];      /* features x rows of each layer, owned */
  int32_t *where[BVL_NET_MAX_LAYERS]; /* the same of pools, owned */
  void *delta[2];                     /* most features x rows, owned */
  void *work;                         /* the layers', owned */
  double *z;                          /* a cut first layer's outputs x rows + riders, owned */
  double *eta;                        /* rows x outputs, owned */
  double *y;                          /* rows x n_values, owned */
} bvl_pass;

/** What a pass adds up over this rank's rows. */
typedef struct bvl_pass_sums {
  double loss;   /* sum of w loss */
  double hits;   /* sum of w over rows whose label has the largest output */
  double weight; /* sum of w */
} bvl_pass_sums;

/** The share of labels hit, NaN where the family has none. Not collective. */
double bvl_pass_accuracy(const bvl_net_rows *rows, const bvl_pass_sums *sums);

/** with_gradient 0: forward alone, with less memory. Not collective. @return BVL_ERR_NOMEM. */
bvl_status bvl_pass_create(const bvl_net *net, int with_gradient, bvl_pass **out);
void bvl_pass_destroy(bvl_pass **pass);
/** Bytes of one that will be used, all but a few hundred: at most rows_forward rows at once will go
 * through the network and rows_back back, 0 = it is made without a gradient. Not collective. */
int64_t bvl_pass_bytes(const bvl_net *net, int64_t rows_forward, int64_t rows_back);

/** Sets the parameters (n_params doubles). Not collective. */
void bvl_pass_load(bvl_pass *pass, const double *params);

/** Local rows row0 .. row1 - 1: adds to `sums` and, when grad is not NULL, grad (n_params) <-
 * scale times the gradient of sum w loss, 0 without rows.
 *
 * Collective over the grid row when the first layer is cut over several ranks: one sum of its
 * outputs for every BVL_PASS_ROWS rows, in double. `riders` (n_riders <= BVL_PASS_RIDERS of them)
 * are summed over the grid row on the way, also when there are no rows.
 *
 * outputs, when not NULL, gets the last layer's outputs, rows x outputs column-major with leading
 * dimension ld_outputs, from its row 0 on. */
bvl_status bvl_pass_run(bvl_pass *pass, bvl_net_rows *rows, int64_t row0, int64_t row1,
                        int64_t n_riders, double *riders, bvl_pass_sums *sums, double scale,
                        double *grad, double *outputs, int64_t ld_outputs);

/** The same for at most BVL_PASS_ROWS rows whose gradient (times scale) is left in pass->g as it
 * comes, in the network's reals. */
bvl_status bvl_pass_run_once(bvl_pass *pass, bvl_net_rows *rows, int64_t row0, int64_t row1,
                             int64_t n_riders, double *riders, bvl_pass_sums *sums, double scale);

/* ---- the first layer (input.c) --------------------------------------------------------------- */

/** Cut: out[0] <- W x~ + nothing yet, summed over the grid row with the riders. Else: picture <-
 * the rows. */
bvl_status bvl_input_forward(bvl_pass *pass, const bvl_design *X, int64_t row0, int64_t row1,
                             int64_t n_riders, double *riders);
/** Cut: the weights' part of g from delta = dL/dz of the first layer. */
void bvl_input_backward(bvl_pass *pass, const bvl_design *X, int64_t row0, int64_t row1,
                        const void *delta);

/** The place of parameter `entry` in a vector of reals. */
static inline void *bvl_real_at(const bvl_net *net, void *vector, int64_t entry)
{
  return (char *)vector + (size_t)entry * net->real->bytes;
}

#endif
