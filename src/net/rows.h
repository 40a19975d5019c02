/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows a network learns from or is tried on: X, y, weights, and the family that says what the
 * last layer's outputs mean.
 *
 *   gaussian     m outputs, m responses       ||y - out||^2 / 2
 *   binomial     1 output: log-odds           log(1 + e^out) - y out
 *   poisson      1 output: log-mean
 *   multinomial  K outputs, labels 0 .. K-1   softmax cross-entropy; binomial labels with 2 outputs
 *                                             are this too */
#ifndef BVL_NET_ROWS_H
#define BVL_NET_ROWS_H

#include "data/design.h"
#include "loss/loss.h"

/** Reads values of "y" (n_values a row), "weights" of rows row0 .. as bvl_problem_data.read_rows.
 */
typedef bvl_status (*bvl_read_rows)(void *context, const char *what, int64_t row0, int64_t count,
                                    double *out, int *present);

typedef struct bvl_net_rows {
  bvl_design *X; /* owned */
  const bvl_loss *loss;
  int64_t n;        /* global */
  int64_t outputs;  /* of the network */
  int64_t n_values; /* of y a row: outputs, or 1 for labels */
  double *y;        /* n_local x n_values, row by row, owned */
  double *w;        /* n_local, owned; their sum over all rows is n */
} bvl_net_rows;

/** Collective over the grid. `source` and the callback are only used during the call.
 * @param[in] n_slices  minibatches an epoch, 1 = none.
 * @return BVL_ERR_INPUT (a label outside the family or not below `outputs`, with its row; a
 * response that is not finite), BVL_ERR_USAGE (outputs that are not the family's), BVL_ERR_NOMEM.
 */
bvl_status bvl_net_rows_create(const bvl_grid *grid, const bvl_source *source, const char *family,
                               int64_t outputs, int64_t n_responses, int64_t n_slices,
                               void *context, bvl_read_rows read_rows, bvl_net_rows **out);
void bvl_net_rows_destroy(bvl_net_rows **rows);

typedef enum bvl_scaling {
  BVL_SCALE_NONE,
  BVL_SCALE_STANDARD, /* each column by its mean and deviation */
  BVL_SCALE_MAX,      /* all by the largest |x| */
  BVL_SCALE_GLOBAL    /* each column by its mean, all by one deviation */
} bvl_scaling;
/** Sets X's centre and scale from these rows; wanted once before rows are used, also as
 * BVL_SCALE_NONE. Collective: at most four reductions. */
bvl_status bvl_net_rows_scale(bvl_net_rows *rows, bvl_scaling scaling);

#endif
