/* SPDX-License-Identifier: BSD-3-Clause */
/* From stored rows into a network. A dense first layer multiplies the rank's own columns and sums
 * over the grid row; its weights' gradient needs no sum over columns. Dense X is written out some
 * columns at a time; sparse X is multiplied as it stands, an entry times a column of weights. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "net/pass.h"

static void unpack(const bvl_pass *pass, const bvl_design *X, int64_t row0, int64_t row1,
                   int64_t c0, int64_t c1)
{
  if (pass->net->real == &bvl_real_f32)
    bvl_design_unpack_f32(X, row0, row1, c0, c1, pass->input);
  else
    bvl_design_unpack_f64(X, row0, row1, c0, c1, pass->input);
}

/* ---- dense X ---------------------------------------------------------------------------------
 */

/* Weights of columns c0 .. of the first layer, and their leading dimension. */
static void *weights_at(const bvl_net *net, void *vector, int64_t c0, int64_t *ld)
{
  const bvl_tensor *t = &net->tensor[0];
  const int by_output = net->arch.layer[0].by_output;
  *ld = by_output ? t->columns : t->outputs;
  return bvl_real_at(net, vector, by_output ? c0 : c0 * t->outputs);
}

static void forward_dense(bvl_pass *pass, const bvl_design *X, int64_t row0, int64_t row1)
{
  const bvl_net *net = pass->net;
  const int64_t H = net->tensor[0].outputs, p = net->tensor[0].columns, B = row1 - row0;
  const int by_output = net->arch.layer[0].by_output;
  int64_t ld = 0;
  for (int64_t c0 = 0; c0 < p; c0 += pass->columns_at_once) {
    const int64_t c1 = bvl_lesser(c0 + pass->columns_at_once, p);
    unpack(pass, X, row0, row1, c0, c1);
    const void *w = weights_at(net, pass->w, c0, &ld);
    net->real->gemm(by_output, 1, H, B, c1 - c0, w, ld, pass->input, B, c0 > 0, pass->out[0], H);
  }
}

static void backward_dense(bvl_pass *pass, const bvl_design *X, int64_t row0, int64_t row1,
                           const void *delta)
{
  const bvl_net *net = pass->net;
  const int64_t H = net->tensor[0].outputs, p = net->tensor[0].columns, B = row1 - row0;
  int64_t ld = 0;
  for (int64_t c0 = 0; c0 < p; c0 += pass->columns_at_once) {
    const int64_t c1 = bvl_lesser(c0 + pass->columns_at_once, p);
    if (p > pass->columns_at_once) unpack(pass, X, row0, row1, c0, c1); /* else still there */
    void *g = weights_at(net, pass->g, c0, &ld);
    if (net->arch.layer[0].by_output)
      net->real->gemm(1, 1, c1 - c0, H, B, pass->input, B, delta, H, 0, g, ld);
    else
      net->real->gemm(0, 0, H, c1 - c0, B, delta, H, pass->input, B, 0, g, ld);
  }
}

/* ---- sparse X --------------------------------------------------------------------------------
 */

/* Weights of H outputs as they lie in a vector: output o of column c at c * column + o * output. */
typedef struct layout {
  int64_t H;
  int64_t column;
  int64_t output;
} layout;

static layout layout_of(const bvl_net *net)
{
  const bvl_tensor *t = &net->tensor[0];
  return net->arch.layer[0].by_output ? (layout){t->outputs, 1, t->columns}
                                      : (layout){t->outputs, t->outputs, 1};
}

/* z (H x rows) <- W x~ by rows, and g <- z' x~, both zero on entry. Entries are multiplied one by
 * one; what a centre takes off is the same for all rows, `shared` (H doubles). */
#define DEFINE_SPARSE(real_type, suffix)                                                           \
  static void axpy_##suffix(int64_t n, real_type a, const real_type *x, int64_t x_step,            \
                            real_type *y, int64_t y_step)                                          \
  {                                                                                                \
    if (x_step == 1 && y_step == 1)                                                                \
      for (int64_t k = 0; k < n; k++) y[k] += a * x[k];                                            \
    else                                                                                           \
      for (int64_t k = 0; k < n; k++) y[k * y_step] += a * x[k * x_step];                          \
  }                                                                                                \
  static void forward_sparse_##suffix(const bvl_design *X, int64_t row0, int64_t row1, layout at,  \
                                      const real_type *W, double *shared, real_type *z)            \
  {                                                                                                \
    for (int64_t i = row0; i < row1; i++)                                                          \
      for (int64_t e = X->row_ptr[i]; e < X->row_ptr[i + 1]; e++) {                                \
        const int64_t c = X->col_idx[e];                                                           \
        axpy_##suffix(at.H, (real_type)(X->row_val[e] * X->inv_scale[c]), W + c * at.column,       \
                      at.output, z + (i - row0) * at.H, 1);                                        \
      }                                                                                            \
    if (!X->centered) return;                                                                      \
    memset(shared, 0, (size_t)at.H * sizeof *shared);                                              \
    for (int64_t c = 0; c < X->columns.p_local; c++)                                               \
      for (int64_t o = 0; o < at.H; o++)                                                           \
        shared[o] += X->center[c] * X->inv_scale[c] * (double)W[c * at.column + o * at.output];    \
    for (int64_t i = 0; i < row1 - row0; i++)                                                      \
      for (int64_t o = 0; o < at.H; o++) z[i * at.H + o] -= (real_type)shared[o];                  \
  }                                                                                                \
  static void backward_sparse_##suffix(const bvl_design *X, int64_t row0, int64_t row1, layout at, \
                                       const real_type *delta, double *shared, real_type *g)       \
  {                                                                                                \
    for (int64_t i = row0; i < row1; i++)                                                          \
      for (int64_t e = X->row_ptr[i]; e < X->row_ptr[i + 1]; e++) {                                \
        const int64_t c = X->col_idx[e];                                                           \
        axpy_##suffix(at.H, (real_type)(X->row_val[e] * X->inv_scale[c]),                          \
                      delta + (i - row0) * at.H, 1, g + c * at.column, at.output);                 \
      }                                                                                            \
    if (!X->centered) return;                                                                      \
    memset(shared, 0, (size_t)at.H * sizeof *shared);                                              \
    for (int64_t i = 0; i < row1 - row0; i++)                                                      \
      for (int64_t o = 0; o < at.H; o++) shared[o] += (double)delta[i * at.H + o];                 \
    for (int64_t c = 0; c < X->columns.p_local; c++)                                               \
      for (int64_t o = 0; o < at.H; o++)                                                           \
        g[c * at.column + o * at.output] -= (real_type)(X->center[c] * X->inv_scale[c] *           \
                                                        shared[o]);                                \
  }

DEFINE_SPARSE(float, f32)
DEFINE_SPARSE(double, f64)

/* pass->z is free until the sum over the grid row. */
static void forward_sparse(bvl_pass *pass, const bvl_design *X, int64_t row0, int64_t row1)
{
  const bvl_net *net = pass->net;
  const layout at = layout_of(net);
  memset(pass->out[0], 0, (size_t)(at.H * (row1 - row0)) * net->real->bytes);
  if (net->real == &bvl_real_f32)
    forward_sparse_f32(X, row0, row1, at, pass->w, pass->z, pass->out[0]);
  else
    forward_sparse_f64(X, row0, row1, at, pass->w, pass->z, pass->out[0]);
}

static void backward_sparse(bvl_pass *pass, const bvl_design *X, int64_t row0, int64_t row1,
                            const void *delta)
{
  const bvl_net *net = pass->net;
  const layout at = layout_of(net);
  memset(pass->g, 0, (size_t)net->n_first * net->real->bytes);
  if (net->real == &bvl_real_f32)
    backward_sparse_f32(X, row0, row1, at, delta, pass->z, pass->g);
  else
    backward_sparse_f64(X, row0, row1, at, delta, pass->z, pass->g);
}

/* ---- either ----------------------------------------------------------------------------------
 */

/* The sum over the grid row, in double, with the riders behind it. */
static bvl_status sum_row(bvl_pass *pass, int64_t n, int64_t n_riders, double *riders)
{
  const bvl_net *net = pass->net;
  bvl_status status = BVL_OK;
  net->real->to_double(n, pass->out[0], pass->z);
  for (int64_t k = 0; k < n_riders; k++) pass->z[n + k] = riders[k];
  BVL_TRY(bvl_sum(&net->grid->row, pass->z, n + n_riders));
  for (int64_t k = 0; k < n_riders; k++) riders[k] = pass->z[n + k];
  net->real->from_double(n, pass->z, pass->out[0]);
cleanup:
  return status;
}

/* Rows as they stand in files, channel by channel, to samples with channels fastest. */
#define DEFINE_PICTURES(name, real_type)                                                           \
  static void name(const bvl_picture *in, int64_t B, const real_type *rows, real_type *out)        \
  {                                                                                                \
    const int64_t area = in->height * in->width, C = in->channels;                                 \
    for (int64_t i = 0; i < B; i++)                                                                \
      for (int64_t k = 0; k < area; k++)                                                           \
        for (int64_t c = 0; c < C; c++)                                                            \
          out[(i * area + k) * C + c] = rows[(c * area + k) * B + i];                              \
  }

DEFINE_PICTURES(pictures_f32, float)
DEFINE_PICTURES(pictures_f64, double)

bvl_status bvl_input_forward(bvl_pass *pass, const bvl_design *X, int64_t row0, int64_t row1,
                             int64_t n_riders, double *riders)
{
  const bvl_net *net = pass->net;
  const bvl_layer *layer = &net->arch.layer[0];
  const int64_t B = row1 - row0;
  if (net->split) {
    if (X->format == BVL_DENSE)
      forward_dense(pass, X, row0, row1);
    else
      forward_sparse(pass, X, row0, row1);
    if (net->tensor[0].columns == 0)
      memset(pass->out[0], 0, (size_t)(B * net->tensor[0].outputs) * net->real->bytes);
    if (net->grid->n_cols == 1) return BVL_OK;
    return sum_row(pass, B * net->tensor[0].outputs, n_riders, riders);
  }
  unpack(pass, X, row0, row1, 0, X->columns.p_local);
  if (net->real == &bvl_real_f32)
    pictures_f32(&layer->in, B, pass->input, pass->picture);
  else
    pictures_f64(&layer->in, B, pass->input, pass->picture);
  return BVL_OK;
}

void bvl_input_backward(bvl_pass *pass, const bvl_design *X, int64_t row0, int64_t row1,
                        const void *delta)
{
  if (X->format == BVL_DENSE)
    backward_dense(pass, X, row0, row1, delta);
  else
    backward_sparse(pass, X, row0, row1, delta);
}
