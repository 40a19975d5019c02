/* SPDX-License-Identifier: BSD-3-Clause */
/* Forward, loss and backward of a few rows at a time; cost: three products of the layers' sizes. */
#include "net/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "loss/multi.h"

/* Elements of X written out at once: about a core's L2 in float32. */
enum { INPUT_ELEMENTS = 1 << 19 };

/* ---- life cycle ------------------------------------------------------------------------------
 */

static int64_t columns_at_once(const bvl_net *net)
{
  const int64_t p_local = net->columns.p_local;
  if (!net->split) return bvl_greater(p_local, 1);
  return bvl_greater(1, bvl_lesser(p_local, INPUT_ELEMENTS / BVL_PASS_ROWS));
}

static int64_t most_features(const bvl_net *net)
{
  int64_t most = 0;
  for (int64_t l = 0; l < net->arch.n; l++)
    most = bvl_greater(most, bvl_picture_size(&net->arch.layer[l].out));
  return most;
}

static int64_t most_work(const bvl_net *net)
{
  int64_t most = 0;
  for (int64_t l = 0; l < net->arch.n; l++)
    most = bvl_greater(most, bvl_layer_work(&net->arch.layer[l], BVL_PASS_ROWS));
  return most;
}

int64_t bvl_pass_bytes(const bvl_net *net, int64_t rows_forward, int64_t rows_back)
{
  const int64_t rows = bvl_lesser(BVL_PASS_ROWS, rows_forward), p_local = net->columns.p_local;
  int64_t reals = net->n_params * (rows_back > 0 ? 2 : 1) + most_work(net);
  int64_t a_row = columns_at_once(net) + (net->split ? 0 : p_local);
  int64_t doubles = 2 * bvl_architecture_outputs(&net->arch), places = 0;
  if (net->split) doubles += net->tensor[0].outputs;
  for (int64_t l = 0; l < net->arch.n; l++) {
    const int64_t size = bvl_picture_size(&net->arch.layer[l].out);
    a_row += size;
    if (net->arch.layer[l].kind == BVL_LAYER_MAX_POOL) places += size;
  }
  reals += rows * a_row + 2 * bvl_lesser(rows, rows_back) * most_features(net);
  return reals * (int64_t)net->real->bytes + rows * (8 * doubles + 4 * places);
}

static bvl_status allocate(const bvl_net *net, int64_t count, void *pointer)
{
  return bvl_alloc_bytes(count, net->real->bytes, pointer);
}

static bvl_status allocate_layers(bvl_pass *pass, int with_gradient)
{
  const bvl_net *net = pass->net;
  bvl_status status = BVL_OK;
  for (int64_t l = 0; l < net->arch.n; l++) {
    const int64_t size = bvl_picture_size(&net->arch.layer[l].out) * BVL_PASS_ROWS;
    BVL_TRY(allocate(net, size, &pass->out[l]));
    if (net->arch.layer[l].kind == BVL_LAYER_MAX_POOL) BVL_TRY(BVL_ALLOC(&pass->where[l], size));
  }
  for (int k = 0; k < 2 && with_gradient; k++)
    BVL_TRY(allocate(net, most_features(net) * BVL_PASS_ROWS, &pass->delta[k]));
  BVL_TRY(allocate(net, most_work(net), &pass->work));
cleanup:
  return status;
}

bvl_status bvl_pass_create(const bvl_net *net, int with_gradient, bvl_pass **out)
{
  bvl_status status = BVL_OK;
  bvl_pass *pass = NULL;
  const int64_t rows = BVL_PASS_ROWS;
  const int64_t outputs = bvl_architecture_outputs(&net->arch);
  *out = NULL;
  BVL_TRY(BVL_ALLOC(&pass, 1));
  pass->net = net;
  pass->columns_at_once = columns_at_once(net);
  BVL_TRY(allocate(net, net->n_params, &pass->w));
  if (with_gradient) BVL_TRY(allocate(net, net->n_params, &pass->g));
  BVL_TRY(allocate(net, rows * pass->columns_at_once, &pass->input));
  if (!net->split) BVL_TRY(allocate(net, rows * net->columns.p_local, &pass->picture));
  BVL_TRY(allocate_layers(pass, with_gradient));
  if (net->split) BVL_TRY(BVL_ALLOC(&pass->z, rows * net->tensor[0].outputs + BVL_PASS_RIDERS));
  BVL_TRY(BVL_ALLOC(&pass->eta, rows * outputs));
  BVL_TRY(BVL_ALLOC(&pass->y, rows * outputs));
  *out = pass;
  pass = NULL;
cleanup:
  bvl_pass_destroy(&pass);
  return status;
}

void bvl_pass_destroy(bvl_pass **handle)
{
  bvl_pass *pass = *handle;
  *handle = NULL;
  if (pass == NULL) return;
  for (int l = 0; l < BVL_NET_MAX_LAYERS; l++) {
    free(pass->out[l]);
    free(pass->where[l]);
  }
  free(pass->w);
  free(pass->g);
  free(pass->input);
  free(pass->picture);
  free(pass->delta[0]);
  free(pass->delta[1]);
  free(pass->work);
  free(pass->z);
  free(pass->eta);
  free(pass->y);
  free(pass);
}

void bvl_pass_load(bvl_pass *pass, const double *params)
{
  pass->net->real->from_double(pass->net->n_params, params, pass->w);
}

/* ---- the loss --------------------------------------------------------------------------------
 */

/* One element of a vector of reals. */
static double get(const bvl_net *net, const void *vector, int64_t k)
{
  return net->real == &bvl_real_f32 ? (double)((const float *)vector)[k]
                                    : ((const double *)vector)[k];
}

static void set(const bvl_net *net, void *vector, int64_t k, double value)
{
  if (net->real == &bvl_real_f32)
    ((float *)vector)[k] = (float)value;
  else
    ((double *)vector)[k] = value;
}

/* Is the label's output the largest (one output: on its side of 0)? */
static int is_hit(const bvl_net_rows *rows, int64_t B, int64_t i, double y, const double *eta)
{
  if (rows->loss == &bvl_loss_binomial) return (eta[i] > 0.0) == (y > 0.5);
  if (!rows->loss->coupled) return 0;
  int64_t best = 0;
  for (int64_t k = 1; k < rows->outputs; k++)
    if (eta[i + k * B] > eta[i + best * B]) best = k;
  return best == (int64_t)y;
}

double bvl_pass_accuracy(const bvl_net_rows *rows, const bvl_pass_sums *sums)
{
  const int labels = rows->loss->coupled || rows->loss == &bvl_loss_binomial;
  return labels && sums->weight > 0.0 ? sums->hits / sums->weight : NAN;
}

/* Adds B rows' loss; pass->eta (B x outputs) holds the outputs and becomes w (y - mean). */
static void add_loss(bvl_pass *pass, const bvl_net_rows *rows, int64_t row0, int64_t B,
                     bvl_pass_sums *sums)
{
  const double *w = rows->w + row0;
  for (int64_t i = 0; i < B; i++) {
    for (int64_t v = 0; v < rows->n_values; v++)
      pass->y[i + v * B] = rows->y[(row0 + i) * rows->n_values + v];
    if (is_hit(rows, B, i, pass->y[i], pass->eta)) sums->hits += w[i];
    sums->weight += w[i];
  }
  if (rows->outputs == 1)
    sums->loss += bvl_loss_eval(rows->loss, B, pass->y, w, pass->eta, pass->eta, NULL);
  else
    sums->loss += bvl_multi_eval(rows->loss, B, rows->outputs, pass->y, w, pass->eta, pass->eta);
}

/* ---- the layers ------------------------------------------------------------------------------
 */

static const void *weight_of(const bvl_pass *pass, int64_t l)
{
  const int64_t t = pass->net->weight_of[l];
  return t < 0 ? NULL : bvl_real_at(pass->net, pass->w, pass->net->tensor[t].begin);
}

static const void *bias_of(const bvl_pass *pass, int64_t l)
{
  const int64_t t = pass->net->weight_of[l];
  return t < 0 ? NULL : bvl_real_at(pass->net, pass->w, pass->net->tensor[t + 1].begin);
}

static void forward(bvl_pass *pass, int64_t B)
{
  const bvl_net *net = pass->net;
  const bvl_layer *layer = net->arch.layer;
  if (net->split)
    net->real->activate(layer[0].activation, layer[0].out.channels, B, bias_of(pass, 0),
                        pass->out[0]);
  for (int64_t l = net->split ? 1 : 0; l < net->arch.n; l++)
    net->real->forward(&layer[l], B, weight_of(pass, l), bias_of(pass, l),
                       l == 0 ? pass->picture : pass->out[l - 1], pass->out[l], pass->where[l],
                       pass->work);
}

/* pass->g <- scale times the gradient of sum w loss, whose derivative by the outputs is -pass->eta.
 */
static void backward(bvl_pass *pass, const bvl_design *X, int64_t row0, int64_t B, double scale)
{
  const bvl_net *net = pass->net;
  const bvl_layer *layer = net->arch.layer;
  const int64_t outputs = bvl_architecture_outputs(&net->arch);
  void *delta = pass->delta[0], *below = pass->delta[1];
  for (int64_t i = 0; i < B; i++)
    for (int64_t k = 0; k < outputs; k++)
      set(net, delta, i * outputs + k, -scale * pass->eta[i + k * B]);
  for (int64_t l = net->arch.n - 1; l >= (net->split ? 1 : 0); l--) {
    const int64_t t = net->weight_of[l];
    void *grad_w = t < 0 ? NULL : bvl_real_at(net, pass->g, net->tensor[t].begin);
    void *grad_b = t < 0 ? NULL : bvl_real_at(net, pass->g, net->tensor[t + 1].begin);
    net->real->backward(&layer[l], B, weight_of(pass, l), l == 0 ? pass->picture : pass->out[l - 1],
                        pass->out[l], pass->where[l], delta, grad_w, grad_b, l > 0 ? below : NULL,
                        pass->work);
    void *swap = delta;
    delta = below;
    below = swap;
  }
  if (!net->split) return;
  const int64_t H = layer[0].out.channels;
  net->real->activate_back(layer[0].activation, H * B, pass->out[0], delta);
  net->real->sum_columns(H, B, delta, bvl_real_at(net, pass->g, net->tensor[1].begin));
  bvl_input_backward(pass, X, row0, row0 + B, delta);
}

static bvl_status run_rows(bvl_pass *pass, bvl_net_rows *rows, int64_t row0, int64_t row1,
                           int64_t n_riders, double *riders, bvl_pass_sums *sums, double scale,
                           int with_gradient, double *outputs, int64_t ld_outputs)
{
  const bvl_net *net = pass->net;
  const int64_t B = row1 - row0, K = rows->outputs;
  bvl_status status = bvl_input_forward(pass, rows->X, row0, row1, n_riders, riders);
  if (status != BVL_OK) return status;
  forward(pass, B);
  for (int64_t i = 0; i < B; i++)
    for (int64_t k = 0; k < K; k++)
      pass->eta[i + k * B] = get(net, pass->out[net->arch.n - 1], i * K + k);
  for (int64_t k = 0; outputs != NULL && k < K; k++)
    memcpy(outputs + k * ld_outputs, pass->eta + k * B, (size_t)B * sizeof *outputs);
  if (rows->y != NULL) add_loss(pass, rows, row0, B, sums);
  if (with_gradient) backward(pass, rows->X, row0, B, scale);
  return BVL_OK;
}

bvl_status bvl_pass_run(bvl_pass *pass, bvl_net_rows *rows, int64_t row0, int64_t row1,
                        int64_t n_riders, double *riders, bvl_pass_sums *sums, double scale,
                        double *grad, double *outputs, int64_t ld_outputs)
{
  bvl_status status = BVL_OK;
  const bvl_grid *grid = pass->net->grid;
  const bvl_real *real = pass->net->real;
  const int64_t n = pass->net->n_params;
  if (row1 == row0 && grad != NULL) memset(grad, 0, (size_t)n * sizeof *grad);
  /* ranks of a grid row hold the same rows: all of them are here, or none */
  if (row1 == row0 && grid->n_cols > 1 && n_riders > 0)
    return bvl_sum(&grid->row, riders, n_riders);
  for (int64_t row = row0; row < row1; row += BVL_PASS_ROWS) {
    const int64_t end = bvl_lesser(row + BVL_PASS_ROWS, row1);
    BVL_TRY(run_rows(pass, rows, row, end, row == row0 ? n_riders : 0, riders, sums, scale,
                     grad != NULL, outputs != NULL ? outputs + (row - row0) : NULL, ld_outputs));
    if (grad != NULL) (row == row0 ? real->to_double : real->add_to_double)(n, pass->g, grad);
  }
cleanup:
  return status;
}

bvl_status bvl_pass_run_once(bvl_pass *pass, bvl_net_rows *rows, int64_t row0, int64_t row1,
                             int64_t n_riders, double *riders, bvl_pass_sums *sums, double scale)
{
  const bvl_net *net = pass->net;
  if (row1 > row0)
    return run_rows(pass, rows, row0, row1, n_riders, riders, sums, scale, 1, NULL, 0);
  memset(pass->g, 0, (size_t)net->n_params * net->real->bytes);
  if (net->grid->n_cols == 1 || n_riders == 0) return BVL_OK;
  return bvl_sum(&net->grid->row, riders, n_riders);
}
