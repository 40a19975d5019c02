/* SPDX-License-Identifier: BSD-3-Clause */
/* Sums, value and gradient of Hoyer-Square and Group-HS. */
#include "net/sparse/hoyer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { ROWS, COLUMNS };

/* Columns of a tensor that form a group: a dense input is one; a channel of a convolution is every
 * place of its window, `channels` apart. */
static int64_t column_groups(const bvl_hoyer_state *h, const bvl_tensor *t)
{
  const bvl_layer *layer = &h->net->arch.layer[t->layer];
  return layer->kind == BVL_LAYER_CONV ? layer->in.channels : t->columns;
}

/* First norm of a tensor's groups among all. */
static int64_t first_norm(const bvl_hoyer_state *h, int64_t q, int side)
{
  int64_t first = 0;
  for (int64_t r = 0; r < q; r++) {
    const bvl_tensor *t = &h->net->tensor[r];
    if (!t->is_bias) first += side == ROWS ? t->outputs : column_groups(h, t);
  }
  return first;
}

bvl_status bvl_hoyer_create(const bvl_net *net, bvl_hoyer kind, bvl_hoyer_state **out)
{
  bvl_status status = BVL_OK;
  bvl_hoyer_state *h = NULL;
  *out = NULL;
  if (kind == BVL_HOYER_GROUP && net->grid->n_cols > 1)
    return bvl_fail(BVL_ERR_USAGE, "group-hs needs all inputs on a rank: a grid of %dx1",
                    net->grid->all.size);
  BVL_TRY(BVL_ALLOC(&h, 1));
  h->net = net;
  h->kind = kind;
  for (int side = 0; side < 2 && kind == BVL_HOYER_GROUP; side++)
    BVL_TRY(BVL_ALLOC(&h->norms[side], first_norm(h, net->n_tensors, side)));
  *out = h;
  h = NULL;
cleanup:
  bvl_hoyer_destroy(&h);
  return status;
}

void bvl_hoyer_destroy(bvl_hoyer_state **handle)
{
  if (*handle == NULL) return;
  free((*handle)->norms[ROWS]);
  free((*handle)->norms[COLUMNS]);
  free(*handle);
  *handle = NULL;
}

/* ---- sums ------------------------------------------------------------------------------------
 */

static void measure_elements(bvl_hoyer_state *h, int64_t q, const double *params)
{
  const bvl_tensor *t = &h->net->tensor[q];
  double sum = 0.0, squares = 0.0;
  for (int64_t k = t->begin; k < t->begin + t->count; k++) {
    sum += fabs(params[k]);
    squares += params[k] * params[k];
  }
  h->total[ROWS][q] = sum;
  h->squares[q] = squares;
}

static double total_of_roots(int64_t n, double *squares)
{
  double total = 0.0;
  for (int64_t g = 0; g < n; g++) total += squares[g] = sqrt(squares[g]);
  return total;
}

static void measure_groups(bvl_hoyer_state *h, int64_t q, const double *params)
{
  const bvl_tensor *t = &h->net->tensor[q];
  const int64_t groups = column_groups(h, t);
  double *row = h->norms[ROWS] + first_norm(h, q, ROWS);
  double *column = h->norms[COLUMNS] + first_norm(h, q, COLUMNS);
  memset(row, 0, (size_t)t->outputs * sizeof *row);
  memset(column, 0, (size_t)groups * sizeof *column);
  h->squares[q] = 0.0;
  for (int64_t k = 0; k < t->columns; k++) {
    double sum = 0.0;
    for (int64_t o = 0; o < t->outputs; o++) {
      const double w = params[bvl_tensor_place(h->net, t, o, k)];
      row[o] += w * w;
      sum += w * w;
    }
    column[k % groups] += sum;
    h->squares[q] += sum;
  }
  h->total[ROWS][q] = total_of_roots(t->outputs, row);
  h->total[COLUMNS][q] = total_of_roots(groups, column);
}

void bvl_hoyer_measure(bvl_hoyer_state *h, const double *params, double *riders)
{
  for (int64_t q = 0; q < h->net->n_tensors; q++) {
    if (h->net->tensor[q].is_bias) continue;
    if (h->kind == BVL_HOYER_GROUP)
      measure_groups(h, q, params);
    else
      measure_elements(h, q, params);
  }
  riders[0] = h->total[ROWS][0];
  riders[1] = h->squares[0];
}

void bvl_hoyer_settle(bvl_hoyer_state *h, const double *riders)
{
  h->total[ROWS][0] = riders[0];
  h->squares[0] = riders[1];
}

/* ---- value and gradient ----------------------------------------------------------------------
 */

double bvl_hoyer_value(const bvl_hoyer_state *h)
{
  double value = 0.0;
  for (int64_t q = 0; q < h->net->n_tensors; q++) {
    if (h->net->tensor[q].is_bias || !(h->squares[q] > 0.0)) continue;
    value += h->total[ROWS][q] * h->total[ROWS][q] / h->squares[q];
    if (h->kind == BVL_HOYER_GROUP)
      value += h->total[COLUMNS][q] * h->total[COLUMNS][q] / h->squares[q];
  }
  return value;
}

static void add_elements(const bvl_hoyer_state *h, int64_t q, const double *params, double scale,
                         int64_t begin, int64_t end, double *grad)
{
  const double A = h->total[ROWS][q], B = h->squares[q];
  const double constant = 2.0 * scale * A / B, slope = 2.0 * scale * A * A / (B * B);
  for (int64_t k = begin; k < end; k++) {
    const double w = params[k];
    if (w != 0.0) *grad += copysign(constant, w) - slope * w;
    grad++;
  }
}

static void add_groups(const bvl_hoyer_state *h, int64_t q, const double *params, double scale,
                       int64_t begin, int64_t end, double *grad)
{
  const bvl_tensor *t = &h->net->tensor[q];
  const int by_output = h->net->arch.layer[t->layer].by_output;
  const int64_t groups = column_groups(h, t);
  const double *row = h->norms[ROWS] + first_norm(h, q, ROWS);
  const double *column = h->norms[COLUMNS] + first_norm(h, q, COLUMNS);
  const double B = h->squares[q], A_row = h->total[ROWS][q], A_column = h->total[COLUMNS][q];
  for (int64_t e = begin; e < end; e++, grad++) {
    const double w = params[e];
    const int64_t place = e - t->begin;
    const int64_t o = by_output ? place / t->columns : place % t->outputs;
    const int64_t k = by_output ? place % t->columns : place / t->outputs;
    if (w == 0.0) continue;
    const double pull = A_row * (B / row[o] - A_row) +
                        A_column * (B / column[k % groups] - A_column);
    *grad += 2.0 * scale * w * pull / (B * B);
  }
}

void bvl_hoyer_gradient(const bvl_hoyer_state *h, const double *params, double scale, int64_t begin,
                        int64_t count, double *grad)
{
  for (int64_t q = 0; q < h->net->n_tensors; q++) {
    const bvl_tensor *t = &h->net->tensor[q];
    const int64_t first = bvl_greater(begin, t->begin);
    const int64_t last = bvl_lesser(begin + count, t->begin + t->count);
    if (t->is_bias || first >= last || !(h->squares[q] > 0.0)) continue;
    if (h->kind == BVL_HOYER_GROUP)
      add_groups(h, q, params, scale, first, last, grad + (first - begin));
    else
      add_elements(h, q, params, scale, first, last, grad + (first - begin));
  }
}

double bvl_hoyer_threshold(const bvl_hoyer_state *h, int64_t t)
{
  return h->total[ROWS][t] > 0.0 ? h->squares[t] / h->total[ROWS][t] : 0.0;
}
