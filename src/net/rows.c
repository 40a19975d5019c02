/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading what a network learns from, checking its labels, and scaling its inputs. */
#include "net/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/read.h"

/* The loss of `outputs` outputs, or why there is none. */
static bvl_status choose_loss(const char *family, int64_t outputs, int64_t n_responses,
                              bvl_net_rows *rows)
{
  const bvl_loss *loss = bvl_loss_find(family);
  if (loss == NULL) return bvl_fail(BVL_ERR_USAGE, "family %.31s: not available", family);
  if (strcmp(family, "binomial") == 0 && outputs == 2) loss = &bvl_loss_multinomial;
  const int labels = loss != &bvl_loss_gaussian;
  if (labels && n_responses != 1)
    return bvl_fail(BVL_ERR_INPUT, "y has %" PRId64 " columns: family %s wants one", n_responses,
                    family);
  const int64_t wanted = labels ? 1 : n_responses;
  if (loss->coupled ? outputs < 2 : outputs != wanted)
    return bvl_fail(BVL_ERR_USAGE,
                    "the last layer has %" PRId64 " outputs: family %s wants %s%" PRId64, outputs,
                    family, loss->coupled ? "at least " : "", loss->coupled ? 2 : wanted);
  rows->loss = loss;
  rows->outputs = outputs;
  rows->n_values = n_responses;
  return BVL_OK;
}

static bvl_status check_row(const bvl_net_rows *rows, const bvl_source *source, int64_t i,
                            const double *y)
{
  const int64_t row = bvl_source_row(source, rows->X->rows.input[i]);
  for (int64_t v = 0; v < rows->n_values; v++) {
    if (!isfinite(y[v]) || !rows->loss->label_ok(y[v]))
      return bvl_fail(BVL_ERR_INPUT, "y: row %" PRId64 ": %g is outside the %s family (%s)", row,
                      y[v], rows->loss->name, rows->loss->labels);
    if (rows->loss->coupled && y[v] >= (double)rows->outputs)
      return bvl_fail(BVL_ERR_INPUT,
                      "y: row %" PRId64 ": label %g, but the last layer has %" PRId64 " outputs",
                      row, y[v], rows->outputs);
  }
  return BVL_OK;
}

static bvl_status read_y(bvl_net_rows *rows, const bvl_source *source, void *context,
                         bvl_read_rows read_rows)
{
  bvl_status status = BVL_OK;
  const bvl_rows *place = &rows->X->rows;
  const int64_t m = rows->n_values;
  double *in_order = NULL;
  int present = 1;
  status = BVL_ALLOC(&in_order, place->n_local * m);
  if (status == BVL_OK) status = BVL_ALLOC(&rows->y, place->n_local * m);
  BVL_TRY(bvl_agree(&rows->X->grid->all, status));
  BVL_TRY(read_rows(context, "y", place->row0, place->n_local, in_order, &present));
  if (!present) BVL_TRY(bvl_fail(BVL_ERR_INPUT, "y: no response in the data"));
  for (int64_t i = 0; i < place->n_local; i++) {
    double *y = rows->y + i * m;
    memcpy(y, in_order + (place->input[i] - place->row0) * m, (size_t)m * sizeof *y);
    if (status == BVL_OK) status = check_row(rows, source, i, y);
  }
  status = bvl_agree(&rows->X->grid->all, status);
cleanup:
  free(in_order);
  return status;
}

static bvl_status check_weight(int64_t row, double w)
{
  if (isfinite(w) && w >= 0.0) return BVL_OK;
  return bvl_fail(BVL_ERR_INPUT, "weights: row %" PRId64 ": %g", row, w);
}

/* Weights scaled to sum n; ones where there are none. */
static bvl_status read_weights(bvl_net_rows *rows, const bvl_source *source, void *context,
                               bvl_read_rows read_rows)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &rows->X->grid->all;
  const bvl_rows *place = &rows->X->rows;
  double *in_order = NULL;
  double sum = 0.0;
  int present = 1;
  status = BVL_ALLOC(&in_order, place->n_local);
  if (status == BVL_OK) status = BVL_ALLOC(&rows->w, place->n_local);
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(read_rows(context, "weights", place->row0, place->n_local, in_order, &present));
  for (int64_t i = 0; i < place->n_local; i++) {
    rows->w[i] = present ? in_order[place->input[i] - place->row0] : 1.0;
    if (status == BVL_OK)
      status = check_weight(bvl_source_row(source, place->input[i]), rows->w[i]);
    if (i >= place->split0 && i < place->split1) sum += rows->w[i];
  }
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(bvl_sum(all, &sum, 1));
  if (!(sum > 0.0)) BVL_TRY(bvl_fail(BVL_ERR_INPUT, "weights: their sum is %g", sum));
  for (int64_t i = 0; i < place->n_local; i++) rows->w[i] *= (double)rows->n / sum;
cleanup:
  free(in_order);
  return status;
}

bvl_status bvl_net_rows_create(const bvl_grid *grid, const bvl_source *source, const char *family,
                               int64_t outputs, int64_t n_responses, int64_t n_slices,
                               void *context, bvl_read_rows read_rows, bvl_net_rows **out)
{
  bvl_status status = BVL_OK;
  bvl_net_rows *rows = NULL;
  const bvl_design_options options = {.n_slices = n_slices, .row_access = 1, .equal_columns = 1};
  *out = NULL;
  BVL_TRY(bvl_agree(&grid->all, BVL_ALLOC(&rows, 1)));
  rows->n = source->n;
  BVL_TRY(choose_loss(family, outputs, n_responses, rows));
  BVL_TRY(bvl_design_create(grid, source, &options, &rows->X));
  BVL_TRY(read_y(rows, source, context, read_rows));
  BVL_TRY(read_weights(rows, source, context, read_rows));
  *out = rows;
  rows = NULL;
cleanup:
  bvl_net_rows_destroy(&rows);
  return status;
}

void bvl_net_rows_destroy(bvl_net_rows **rows)
{
  if (*rows == NULL) return;
  bvl_design_destroy(&(*rows)->X);
  free((*rows)->y);
  free((*rows)->w);
  free(*rows);
  *rows = NULL;
}

/* ---- scaling ---------------------------------------------------------------------------------
 */

/* The largest |x| of this rank's block. */
static double largest(const bvl_design *X)
{
  double x[BVL_PANEL_ROWS], most = 0.0;
  const int64_t p_local = X->columns.p_local;
  if (X->format != BVL_DENSE) {
    for (int64_t e = 0; e < X->col_ptr[p_local]; e++) most = fmax(most, fabs(X->col_val[e]));
    return most;
  }
  for (int64_t panel = 0; panel < X->n_panels; panel++)
    for (int64_t c = 0; c < p_local; c++) {
      bvl_design_load(X, panel, c, x);
      for (int64_t i = 0; i < X->panel_begin[panel + 1] - X->panel_begin[panel]; i++)
        most = fmax(most, fabs(x[i])); /* a missing code is NaN, and no maximum */
    }
  return most;
}

/* One deviation for all columns: the root of their mean variance. */
static bvl_status share_deviation(bvl_design *X, double *deviation)
{
  bvl_status status = BVL_OK;
  double sums[2] = {0.0, 0.0};
  for (int64_t c = 0; c < X->columns.p_local; c++) {
    if (!X->constant[c]) sums[0] += X->scale[c] * X->scale[c];
    sums[1] += 1.0;
  }
  BVL_TRY(bvl_sum(&X->grid->row, sums, 2));
  *deviation = sums[0] > 0.0 ? sqrt(sums[0] / sums[1]) : 1.0;
cleanup:
  return status;
}

bvl_status bvl_net_rows_scale(bvl_net_rows *rows, bvl_scaling scaling)
{
  bvl_status status = BVL_OK;
  bvl_design *X = rows->X;
  double *center = NULL, *scale = NULL;
  double all = 1.0;
  const int per_column = scaling == BVL_SCALE_STANDARD || scaling == BVL_SCALE_GLOBAL;
  BVL_TRY(bvl_design_standardize(X, rows->w, per_column, per_column));
  if (scaling == BVL_SCALE_NONE || scaling == BVL_SCALE_STANDARD) goto cleanup;
  if (scaling == BVL_SCALE_MAX) {
    all = largest(X);
    BVL_TRY(bvl_max(&X->grid->all, &all, 1));
    if (!(all > 0.0)) all = 1.0;
  } else {
    BVL_TRY(share_deviation(X, &all));
  }
  status = BVL_ALLOC(&center, X->columns.p_local);
  if (status == BVL_OK) status = BVL_ALLOC(&scale, X->columns.p_local);
  BVL_TRY(bvl_agree(&X->grid->all, status));
  for (int64_t c = 0; c < X->columns.p_local; c++) {
    center[c] = scaling == BVL_SCALE_GLOBAL ? X->center[c] : 0.0;
    scale[c] = all;
  }
  BVL_TRY(bvl_agree(&X->grid->all, bvl_design_set_scaling(X, center, scale)));
cleanup:
  free(center);
  free(scale);
  return status;
}
