/* SPDX-License-Identifier: BSD-3-Clause */
/* DeepHoyer's regularizers of a network's weights (Yang, Wen, Li, ICLR 2020), summed over layers:
 *
 *   Hoyer-Square   (sum |w|)^2 / sum w^2
 *   Group-HS       (sum_g ||w_g||)^2 / sum w^2, over rows and again over columns (convolutions:
 *                  filters, channels)
 *
 * with gradients 2 sgn(w) A (B - |w| A) / B^2 and 2 w A (B / ||w_g|| - A) / B^2,
 * A the sum of absolute values or norms, B of squares. Both see no scale: entries below B / A
 * shrink, larger ones grow. A layer of zeros counts nothing. */
#ifndef BVL_NET_HOYER_H
#define BVL_NET_HOYER_H

#include "net/sparse/sparsity.h"

enum { BVL_HOYER_RIDERS = 2 };

typedef struct bvl_hoyer_state {
  const bvl_net *net; /* borrowed */
  bvl_hoyer kind;
  double squares[2 * BVL_NET_MAX_LAYERS];  /* B of each tensor */
  double total[2][2 * BVL_NET_MAX_LAYERS]; /* A: by element or row; by column */
  double *norms[2];                        /* Group-HS: of every row and of every column, owned */
} bvl_hoyer_state;

/** Not collective. @return BVL_ERR_USAGE (Group-HS on a grid of several columns), BVL_ERR_NOMEM. */
bvl_status bvl_hoyer_create(const bvl_net *net, bvl_hoyer kind, bvl_hoyer_state **out);
void bvl_hoyer_destroy(bvl_hoyer_state **state);

/** Measures the rank's parameters. `riders` (BVL_HOYER_RIDERS) get what must be summed over the
 * grid row before the functions below are used; bvl_hoyer_settle takes the sums. Not collective. */
void bvl_hoyer_measure(bvl_hoyer_state *state, const double *params, double *riders);
void bvl_hoyer_settle(bvl_hoyer_state *state, const double *riders);

/** The regularizer of the whole network, the same on every rank. Not collective. */
double bvl_hoyer_value(const bvl_hoyer_state *state);
/** grad[0 .. count) += scale times the gradient by parameters begin .. Not collective. */
void bvl_hoyer_gradient(const bvl_hoyer_state *state, const double *params, double scale,
                        int64_t begin, int64_t count, double *grad);
/** The magnitude (Hoyer-Square) or norm of a row (Group-HS) below which tensor t's entries shrink
 * now; 0 for what it does not touch. Not collective. */
double bvl_hoyer_threshold(const bvl_hoyer_state *state, int64_t t);

#endif
