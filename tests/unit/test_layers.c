/* SPDX-License-Identifier: BSD-3-Clause */
/* Layers: forward against plain loops over the definition, gradients against central differences,
 * float32 against float64. */
#include <float.h>

#include "bvl_test.h"

#include "base/rng.h"
#include "net/layers/layers.h"

/* One layer's arrays, in float64 and float32, for B samples. */
typedef struct arrays {
  bvl_layer layer;
  int64_t B, n_weight, n_bias, n_in, n_out;
  double *weight, *bias, *in, *out, *delta; /* delta: dL/d out, L = <delta, out> */
  double *grad_weight, *grad_bias, *delta_in;
  int32_t *where;
  void *work;
} arrays;

static double *doubles(int64_t n)
{
  double *x = calloc((size_t)n + 1, sizeof *x);
  assert_non_null(x);
  return x;
}

/* Uniform on [-1, 1). */
static double *draws(int64_t n, uint64_t what)
{
  double *x = doubles(n);
  for (int64_t i = 0; i < n; i++)
    x[i] = 2 * bvl_rng_uniform(17, BVL_STREAM_INIT, what, (uint64_t)i) - 1;
  return x;
}

/* The first layer of an architecture, whatever its last one must be. */
static void make(arrays *a, const char *text, int by_output, int64_t B)
{
  bvl_architecture arch;
  if (bvl_architecture_read(text, BVL_RELU, &arch) != BVL_OK) fail_msg("%s", bvl_last_error());
  a->layer = arch.layer[0];
  a->layer.by_output = by_output;
  a->B = B;
  a->n_weight = bvl_layer_outputs(&a->layer) * bvl_layer_fan_in(&a->layer);
  a->n_bias = bvl_layer_outputs(&a->layer);
  a->n_in = bvl_picture_size(&a->layer.in) * B;
  a->n_out = bvl_picture_size(&a->layer.out) * B;
  a->weight = draws(a->n_weight, 1);
  a->bias = draws(a->n_bias, 2);
  a->in = draws(a->n_in, 3);
  a->delta = draws(a->n_out, 4);
  a->out = doubles(a->n_out);
  a->grad_weight = draws(a->n_weight, 5); /* what was there does not matter */
  a->grad_bias = draws(a->n_bias, 6);
  a->delta_in = draws(a->n_in, 7);
  a->where = calloc((size_t)a->n_out + 1, sizeof *a->where);
  a->work = doubles(bvl_layer_work(&a->layer, B));
  assert_non_null(a->where);
}

static void clean(arrays *a)
{
  double *const owned[] = {a->weight,      a->bias,      a->in,       a->delta, a->out,
                           a->grad_weight, a->grad_bias, a->delta_in, a->work};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  free(a->where);
}

static void forward(arrays *a)
{
  bvl_real_f64.forward(&a->layer, a->B, a->weight, a->bias, a->in, a->out, a->where, a->work);
}

static void backward(arrays *a)
{
  double *delta = doubles(a->n_out);
  memcpy(delta, a->delta, (size_t)a->n_out * sizeof *delta);
  bvl_real_f64.backward(&a->layer, a->B, a->weight, a->in, a->out, a->where, delta, a->grad_weight,
                        a->grad_bias, a->delta_in, a->work);
  free(delta);
}

/* L after a fresh forward pass. */
static double loss(arrays *a)
{
  double sum = 0;
  forward(a);
  for (int64_t i = 0; i < a->n_out; i++) sum += a->delta[i] * a->out[i];
  return sum;
}

/* dL/dx of every (or every `stride`th) entry of x against g. In one entry L is linear between the
 * kinks of relu and max, with rounding of about 1e-15 |L| / h, and smooth through tanh, with an
 * error of h^2: 1e-7 of the largest gradient is far above both, far below a wrong one. */
static void check_gradient(arrays *a, const char *what, int64_t n, double *x, const double *g)
{
  const double h = 1e-6;
  const int64_t stride = n / 60 + 1;
  double largest = 0;
  for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(g[i]));
  if (n > 0) assert_true(largest > 0);
  for (int64_t i = 0; i < n; i += stride) {
    const double kept = x[i];
    x[i] = kept + h;
    const double above = loss(a);
    x[i] = kept - h;
    const double below = loss(a);
    x[i] = kept;
    const double slope = (above - below) / (2 * h);
    if (!(fabs(slope - g[i]) <= 1e-7 * fmax(1, largest)))
      fail_msg("%s %d: %.12g, differences say %.12g", what, (int)i, g[i], slope);
  }
}

static const char *const shapes[] = {
    "input 13\ndense 5 linear\ndense 1\n",
    "input 13\ndense 70 relu\ndense 1\n",
    "input 1\ndense 4 tanh\ndense 1\n",
    "input 3x4x5\ndense 6 tanh\ndense 1\n",
    "input 1x8x8\nconv 3 3x3 relu\ndense 1\n",
    "input 1x8x9\nconv 20 5x5 tanh\ndense 1\n",
    "input 3x7x6\nconv 4 3x2 stride 2 padding 1 tanh\ndense 1\n",
    "input 2x6x5\nconv 2 5x5 stride 3 padding 4 linear\ndense 1\n",
    "input 1x7x6\nconv 4 3x2 stride 2 padding 1 tanh\ndense 1\n",
    "input 1x6x5\nconv 2 5x5 stride 3 padding 4 relu\ndense 1\n",
    "input 1x3x2\nconv 70 2x2 padding 1 stride 5 linear\ndense 1\n",
    "input 5x4x4\nconv 6 1x1 relu\ndense 1\n",
    "input 2x4x5\nconv 7 4x5 relu\ndense 1\n",
    "input 2x3x3\nconv 1 1x2 padding 0 stride 2 tanh\ndense 1\n",
    "input 20x14x14\nconv 3 5x5 relu\ndense 1\n", /* several groups of samples at B = 40 */
    "input 3x6x6\npool 2x2\ndense 1\n",
    "input 20x7x5\npool 2x2\ndense 1\n", /* a row and a column are left out */
    "input 3x5x6\npool 2x2 stride 1\ndense 1\n",
    "input 9x6x5\npool 2x2 stride 3\ndense 1\n",
    "input 2x7x7\npool 3x3 stride 2\ndense 1\n", /* windows overlap */
    "input 4x7x8\npool 2x1 stride 3\ndense 1\n", /* and leave gaps */
};

enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static void test_gradients(void **state)
{
  (void)state;
  for (int s = 0; s < N_SHAPES; s++)
    for (int by_output = 0; by_output < 2; by_output++)
      for (int64_t B = 1; B <= 7; B += 6) {
        arrays a;
        make(&a, shapes[s], by_output, B);
        forward(&a);
        backward(&a);
        check_gradient(&a, "weight", a.n_weight, a.weight, a.grad_weight);
        check_gradient(&a, "bias", a.n_bias, a.bias, a.grad_bias);
        check_gradient(&a, "input", a.n_in, a.in, a.delta_in);
        clean(&a);
      }
}

/* z of one output by the definition, in the file's order of weights. */
static double plain_output(const arrays *a, int64_t b, int64_t o, int64_t y, int64_t x)
{
  const bvl_layer *l = &a->layer;
  const int64_t fan_in = bvl_layer_fan_in(l), C = l->in.channels, W = l->in.width;
  const double *in = a->in + b * bvl_picture_size(&l->in);
  const int64_t kh = l->kind == BVL_LAYER_DENSE ? l->in.height : l->kernel_h;
  const int64_t kw = l->kind == BVL_LAYER_DENSE ? l->in.width : l->kernel_w;
  double sum = a->bias[o];
  for (int64_t k = 0; k < fan_in; k++) {
    const int64_t at = bvl_layer_file_index(l, k), c = at / (kh * kw);
    const int64_t i = y * l->stride - l->padding + at / kw % kh;
    const int64_t j = x * l->stride - l->padding + at % kw;
    const double w = a->weight[l->by_output ? k + o * fan_in : o + k * a->n_bias];
    if (i >= 0 && i < l->in.height && j >= 0 && j < W) sum += w * in[c + C * (j + W * i)];
  }
  return sum;
}

static double plain_activation(bvl_activation activation, double z)
{
  if (activation == BVL_TANH) return tanh(z);
  return activation == BVL_RELU ? fmax(z, 0) : z;
}

/* Sums of at most 500 terms below 1: rounding below 500^2 eps/2. */
static void test_forward(void **state)
{
  (void)state;
  for (int s = 0; s < N_SHAPES; s++)
    for (int by_output = 0; by_output < 2; by_output++) {
      arrays a;
      make(&a, shapes[s], by_output, 7);
      forward(&a);
      const bvl_picture *out = &a.layer.out;
      int64_t i = 0;
      if (a.n_bias == 0) a.B = 0; /* pools: below */
      for (int64_t b = 0; b < a.B; b++)
        for (int64_t y = 0; y < out->height; y++)
          for (int64_t x = 0; x < out->width; x++)
            for (int64_t o = 0; o < out->channels; o++, i++)
              assert_true(fabs(a.out[i] - plain_activation(a.layer.activation,
                                                           plain_output(&a, b, o, y, x))) < 3e-11);
      clean(&a);
    }
}

/* Convolutions too large for one part: a sample in several parts of rows, of windows and by place,
 * and parts that are limited by memory. */
static const char *const large[] = {
    "input 20x12x11\nconv 50 5x5 linear\ndense 1\n",
    "input 20x23x12\nconv 50 5x5 stride 2 padding 2 linear\ndense 1\n",
    "input 1x40x40\nconv 40 5x5 linear\ndense 1\n",
    "input 20x9x10\nconv 400 5x5 linear\ndense 1\n",
};

static double dot(int64_t n, const double *x, const double *y)
{
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

/* Every 7th output by the definition, and for a linear layer without bias
 *   <delta, layer(x; W)> = <delta_in, x> = <grad_weight, W>
 * for any x and any W that were not there when the gradients were computed. Some 10^7 products of
 * at most 1 on either side: rounding stays below 1e-9, a wrong entry shows by 1e-2 or more. */
static void test_large(void **state)
{
  (void)state;
  for (int s = 0; s < 4; s++) {
    arrays a;
    make(&a, large[s], s % 2, 3);
    const bvl_picture *out = &a.layer.out;
    double *const other_in = draws(a.n_in, 12), *const other_weight = draws(a.n_weight, 13);
    double *const in = a.in, *const weight = a.weight;
    forward(&a);
    for (int64_t i = 0; i < a.n_out; i += 7) {
      const int64_t o = i % out->channels, place = i / out->channels;
      const int64_t x = place % out->width, y = place / out->width % out->height;
      const double z = plain_output(&a, place / out->width / out->height, o, y, x);
      assert_true(fabs(a.out[i] - z) < 3e-11);
    }
    memset(a.bias, 0, (size_t)a.n_bias * sizeof *a.bias);
    forward(&a);
    backward(&a);
    a.in = other_in;
    assert_true(fabs(loss(&a) - dot(a.n_in, a.delta_in, a.in)) < 1e-7);
    a.in = in;
    a.weight = other_weight;
    assert_true(fabs(loss(&a) - dot(a.n_weight, a.grad_weight, a.weight)) < 1e-7);
    a.weight = weight;
    for (int64_t o = 0; o < a.n_bias; o++) {
      double sum = 0;
      for (int64_t i = o; i < a.n_out; i += a.n_bias) sum += a.delta[i];
      assert_true(fabs(sum - a.grad_bias[o]) < 1e-10);
    }
    free(other_in);
    free(other_weight);
    clean(&a);
  }
}

/* Groups of samples are computed apart: one large batch is its samples one by one, and its
 * gradients are their sums. The sums differ by rounding. */
static void test_batches(void **state)
{
  (void)state;
  enum { B = 40 };
  for (int s = 0; s < N_SHAPES; s++) {
    arrays a, one;
    make(&a, shapes[s], s % 2, B);
    make(&one, shapes[s], s % 2, 1);
    double *const sums = doubles(a.n_weight + a.n_bias);
    double *const in = one.in, *const delta = one.delta;
    const int64_t n_in = one.n_in, n_out = one.n_out;
    forward(&a);
    backward(&a);
    for (int64_t b = 0; b < B; b++) {
      one.in = a.in + b * n_in;
      one.delta = a.delta + b * n_out;
      forward(&one);
      backward(&one);
      for (int64_t i = 0; i < n_out; i++)
        assert_true(fabs(one.out[i] - a.out[b * n_out + i]) < 1e-12);
      for (int64_t i = 0; i < n_in; i++)
        assert_true(fabs(one.delta_in[i] - a.delta_in[b * n_in + i]) < 1e-12);
      for (int64_t i = 0; i < a.n_weight; i++) sums[i] += one.grad_weight[i];
      for (int64_t i = 0; i < a.n_bias; i++) sums[a.n_weight + i] += one.grad_bias[i];
    }
    for (int64_t i = 0; i < a.n_weight; i++) assert_true(fabs(sums[i] - a.grad_weight[i]) < 1e-11);
    for (int64_t i = 0; i < a.n_bias; i++)
      assert_true(fabs(sums[a.n_weight + i] - a.grad_bias[i]) < 1e-11);
    one.in = in;
    one.delta = delta;
    free(sums);
    clean(&one);
    clean(&a);
  }
}

/* Every output of a pool is the largest of its window, the first of equals, and the gradient goes
 * there and nowhere else. */
static void test_pool(void **state)
{
  (void)state;
  for (int s = 0; s < N_SHAPES; s++) {
    arrays a;
    make(&a, shapes[s], 0, 3);
    const bvl_layer *l = &a.layer;
    const int64_t C = l->in.channels, W = l->in.width, size = bvl_picture_size(&l->in);
    double *expected = doubles(a.n_in);
    for (int64_t i = 0; i < a.n_in; i++) a.in[i] = floor(3 * a.in[i]); /* many equal ones */
    forward(&a);
    backward(&a);
    int64_t at = 0;
    if (l->kind != BVL_LAYER_MAX_POOL) a.B = 0;
    for (int64_t b = 0; b < a.B; b++)
      for (int64_t y = 0; y < l->out.height; y++)
        for (int64_t x = 0; x < l->out.width; x++)
          for (int64_t c = 0; c < C; c++, at++) {
            int64_t best = -1;
            for (int64_t i = y * l->stride; i < y * l->stride + l->kernel_h; i++)
              for (int64_t j = x * l->stride; j < x * l->stride + l->kernel_w; j++) {
                const int64_t place = b * size + c + C * (j + W * i);
                if (best < 0 || a.in[place] > a.in[best]) best = place;
              }
            assert_true(a.out[at] == a.in[best]);
            assert_int_equal(a.where[at], best - b * size);
            expected[best] += a.delta[at];
          }
    for (int64_t i = 0; a.B > 0 && i < a.n_in; i++)
      assert_true(fabs(expected[i] - a.delta_in[i]) < 1e-14); /* order of a few terms */
    free(expected);
    clean(&a);
  }
}

/* x, rounded. */
static float *rounded(int64_t n, const double *x)
{
  float *f = calloc((size_t)n + 1, sizeof *f);
  assert_non_null(f);
  bvl_real_f32.from_double(n, x, f);
  return f;
}

/* |f - x| <= 1e-5 max |x|: some hundred float32 roundings. Frees f. */
static void check_close(const char *what, int64_t n, float *f, const double *x)
{
  double *back = doubles(n);
  double largest = 1;
  bvl_real_f32.to_double(n, f, back);
  for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(x[i]));
  for (int64_t i = 0; i < n; i++)
    if (!(fabs(back[i] - x[i]) <= 1e-5 * largest))
      fail_msg("%s %d: %.9g, in float64 %.9g", what, (int)i, back[i], x[i]);
  free(back);
  free(f);
}

/* Subnormal numbers, slow to compute with, become 0; the smallest normal ones and NaN stay. */
static void test_subnormals(void **state)
{
  const double x[] = {FLT_MIN, -FLT_MIN, 0.5 * FLT_MIN, -0.5 * FLT_MIN, 1e-300, NAN};
  float f[6];
  (void)state;
  bvl_real_f32.from_double(6, x, f);
  assert_true(f[0] == FLT_MIN && f[1] == -FLT_MIN);
  assert_true(f[2] == 0 && f[3] == 0 && f[4] == 0 && isnan(f[5]));
}

/* Rounds in place, so that float32 starts from the same numbers (and relu from the same signs). */
static void round_all(int64_t n, double *x)
{
  for (int64_t i = 0; i < n; i++) x[i] = (double)(float)x[i];
}

static void test_float32(void **state)
{
  (void)state;
  for (int s = 0; s < N_SHAPES; s++) {
    arrays a;
    make(&a, shapes[s], s % 2, 7);
    round_all(a.n_weight, a.weight);
    round_all(a.n_bias, a.bias);
    round_all(a.n_in, a.in);
    round_all(a.n_out, a.delta);
    float *weight = rounded(a.n_weight, a.weight), *bias = rounded(a.n_bias, a.bias);
    float *in = rounded(a.n_in, a.in), *out = rounded(a.n_out, a.out);
    float *delta = rounded(a.n_out, a.delta), *delta_in = rounded(a.n_in, a.delta_in);
    float *grad_weight = rounded(a.n_weight, a.grad_weight);
    float *grad_bias = rounded(a.n_bias, a.grad_bias);
    forward(&a);
    backward(&a);
    bvl_real_f32.forward(&a.layer, a.B, weight, bias, in, out, a.where, a.work);
    bvl_real_f32.backward(&a.layer, a.B, weight, in, out, a.where, delta, grad_weight, grad_bias,
                          delta_in, a.work);
    check_close("out", a.n_out, out, a.out);
    check_close("delta_in", a.n_in, delta_in, a.delta_in);
    check_close("grad_weight", a.n_weight, grad_weight, a.grad_weight);
    check_close("grad_bias", a.n_bias, grad_bias, a.grad_bias);
    free(weight);
    free(bias);
    free(in);
    free(delta);
    clean(&a);
  }
}

/* No samples: gradients are zero, nothing else is touched. delta_in may be NULL. */
static void test_no_samples(void **state)
{
  (void)state;
  for (int s = 0; s < N_SHAPES; s++) {
    arrays a;
    make(&a, shapes[s], s % 2, 0);
    free(a.delta_in);
    a.delta_in = NULL;
    forward(&a);
    backward(&a);
    for (int64_t i = 0; i < a.n_weight; i++) assert_true(a.grad_weight[i] == 0);
    for (int64_t i = 0; i < a.n_bias; i++) assert_true(a.grad_bias[i] == 0);
    clean(&a);
  }
}

/* A NaN in a sample is a NaN in its outputs, and in no other sample's. */
static void test_nan(void **state)
{
  (void)state;
  for (int s = 0; s < N_SHAPES; s++) {
    arrays a;
    make(&a, shapes[s], 0, 3);
    const int64_t size = a.n_in / 3;
    int found = 0;
    a.in[size] = NAN;
    forward(&a);
    for (int64_t i = 0; i < a.n_out; i++) {
      const int its_own = i / (a.n_out / 3) == 1;
      if (isnan(a.out[i])) {
        assert_true(its_own);
        found = 1;
      }
    }
    assert_true(found);
    clean(&a);
  }
}

static void check_product(const bvl_real *real, int trans_a, int trans_b, int add)
{
  enum { M = 5, N = 4, K = 3, LD = 7 };
  double *A = draws(LD * LD, 8), *B = draws(LD * LD, 9), *C = draws(LD * LD, 10);
  double *got = doubles(LD * LD);
  float *fA = rounded(LD * LD, A), *fB = rounded(LD * LD, B), *fC = rounded(LD * LD, C);
  if (real->bytes == sizeof(float)) {
    real->gemm(trans_a, trans_b, M, N, K, fA, LD, fB, LD, add, fC, LD);
    real->to_double(LD * LD, fC, got);
  } else {
    memcpy(got, C, LD * LD * sizeof *got);
    real->gemm(trans_a, trans_b, M, N, K, A, LD, B, LD, add, got, LD);
  }
  for (int j = 0; j < LD; j++)
    for (int i = 0; i < LD; i++) {
      double sum = add || i >= M || j >= N ? C[i + LD * j] : 0;
      for (int k = 0; i < M && j < N && k < K; k++)
        sum += A[trans_a ? k + LD * i : i + LD * k] * B[trans_b ? j + LD * k : k + LD * j];
      /* six roundings of numbers below 4 */
      assert_true(fabs(got[i + LD * j] - sum) <= (real->bytes == sizeof(float) ? 2e-6 : 4e-15));
    }
  free(A);
  free(B);
  free(C);
  free(fA);
  free(fB);
  free(fC);
  free(got);
}

static void test_product(void **state)
{
  (void)state;
  for (int bits = 0; bits < 8; bits++) {
    check_product(&bvl_real_f32, bits & 1, bits >> 1 & 1, bits >> 2);
    check_product(&bvl_real_f64, bits & 1, bits >> 1 & 1, bits >> 2);
  }
}

/* tanh through activate: its relative error in both precisions, everywhere from 1e-300 (1e-30) to
 * beyond where it is 1, on both sides, against libm's in float64. */
static void test_tanh(void **state)
{
  (void)state;
  enum { N = 20000 };
  double *x = doubles(N), *z = doubles(N), *back = doubles(N);
  const double zero = 0;
  double worst = 0, worst32 = 0;
  for (int i = 0; i < N; i++) {
    const double u = bvl_rng_uniform(17, BVL_STREAM_INIT, 11, (uint64_t)i);
    x[i] = i % 2 == 0 ? 25 * u : pow(10, -30 * u); /* all are floats' range */
    if (i % 4 < 2) x[i] = -x[i];
    x[i] = (double)(float)x[i];
  }
  float *f = rounded(N, x), none = 0;
  memcpy(z, x, N * sizeof *z);
  bvl_real_f64.activate(BVL_TANH, 1, N, &zero, z);
  bvl_real_f32.activate(BVL_TANH, 1, N, &none, f);
  bvl_real_f32.to_double(N, f, back);
  for (int i = 0; i < N; i++) {
    const double truth = tanh(x[i]);
    worst = fmax(worst, fabs(z[i] / truth - 1));
    worst32 = fmax(worst32, fabs(back[i] / truth - 1));
    assert_true(fabs(z[i]) <= 1 && fabs(back[i]) <= 1);
  }
  assert_true(worst <= 4 * 0x1p-52); /* libm's own ulp included */
  assert_true(worst32 <= 4 * 0x1p-23);
  free(x);
  free(z);
  free(back);
  free(f);
}

static void test_tanh_ends(void **state)
{
  (void)state;
  double z[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1e300, 5e-324, -1e-310};
  float f[] = {0.0F, -0.0F, INFINITY, -INFINITY, NAN, 1e38F, 1e-45F, -1e-40F};
  const double expected[] = {0, -0.0, 1, -1, NAN, 1, 5e-324, -1e-310};
  const double zero = -0.0; /* adds nothing, not even a sign */
  const float none = -0.0F;
  bvl_real_f64.activate(BVL_TANH, 1, 8, &zero, z);
  bvl_real_f32.activate(BVL_TANH, 1, 8, &none, f);
  for (int i = 0; i < 8; i++) {
    assert_true(i == 4 ? isnan(z[i]) && isnan(f[i]) : z[i] == expected[i]);
    assert_true(i == 4 || !signbit(z[i]) == !signbit(expected[i]));
    assert_true(i == 4 || !signbit(f[i]) == !signbit(expected[i]));
    assert_true(i >= 4 || (double)f[i] == expected[i]);
  }
  assert_true(f[5] == 1 && f[6] == 1e-45F && f[7] == -1e-40F);
}

/* Sums over very many columns, where adding up in float32 would lose three digits: 0.1f sums to
 * 0.1f n to a few roundings. */
static void test_long_sums(void **state)
{
  (void)state;
  enum { OUTPUTS = 67, COLUMNS = 100000 };
  float *delta = calloc((size_t)OUTPUTS * COLUMNS, sizeof *delta);
  float sums[OUTPUTS];
  double twice[OUTPUTS];
  assert_non_null(delta);
  for (int64_t i = 0; i < (int64_t)OUTPUTS * COLUMNS; i++) delta[i] = 0.1F;
  bvl_real_f32.sum_columns(OUTPUTS, COLUMNS, delta, sums);
  bvl_real_f32.to_double(OUTPUTS, sums, twice);
  bvl_real_f32.add_to_double(OUTPUTS, sums, twice);
  for (int o = 0; o < OUTPUTS; o++) {
    assert_true(fabs((double)sums[o] - COLUMNS * (double)0.1F) <= 1e-6 * COLUMNS * 0.1);
    assert_true(twice[o] == 2 * (double)sums[o]);
  }
  free(delta);
}

BVL_TEST_MAIN(cmocka_unit_test(test_gradients), cmocka_unit_test(test_forward),
              cmocka_unit_test(test_large), cmocka_unit_test(test_batches),
              cmocka_unit_test(test_pool), cmocka_unit_test(test_float32),
              cmocka_unit_test(test_subnormals), cmocka_unit_test(test_no_samples),
              cmocka_unit_test(test_nan), cmocka_unit_test(test_product),
              cmocka_unit_test(test_long_sums), cmocka_unit_test(test_tanh),
              cmocka_unit_test(test_tanh_ends))
