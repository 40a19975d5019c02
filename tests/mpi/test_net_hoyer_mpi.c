/* SPDX-License-Identifier: BSD-3-Clause */
/* Penalties of a network by plain loops over its weights in the order of files: Hoyer-Square and
 * Group-HS with their gradients, and the lasso's and group lasso's of balanced factors. */
#include "net_fit.h"

static const char *const channels =
    "input 2x4x4\nconv 3 3x3 padding 1 tanh\npool 2x2\nconv 2 2x2 relu\ndense 3";

static const net_case dense = {.layers = "7-5-4-3",
                               .activation = BVL_TANH,
                               .family = "multinomial",
                               .n = 20,
                               .hoyer = BVL_HOYER_SQUARE,
                               .hoyer_lambda = 1.0};
static const net_case convolution = {.layers = channels,
                                     .family = "multinomial",
                                     .n = 20,
                                     .hoyer = BVL_HOYER_SQUARE,
                                     .hoyer_lambda = 1.0};

/* ---- by plain loops --------------------------------------------------------------------------
 */

/* Weight k of output o of a layer, in the order of files; the group of that input: a channel's
 * window for convolutions. */
static int64_t input_group(const bvl_layer *layer, int64_t k)
{
  return layer->kind == BVL_LAYER_CONV ? k / (layer->kernel_h * layer->kernel_w) : k;
}

/* sum over groups of norms: by output (side 0) or input (side 1). */
static double total_of_norms(const bvl_layer *layer, const double *w, int side)
{
  const int64_t n_in = bvl_layer_fan_in(layer), n_out = bvl_layer_outputs(layer);
  double total = 0.0;
  for (int64_t g = 0; g < (side == 0 ? n_out : n_in); g++) {
    double squares = 0.0;
    for (int64_t o = 0; o < n_out; o++)
      for (int64_t k = 0; k < n_in; k++)
        if ((side == 0 ? o : input_group(layer, k)) == g)
          squares += w[o * n_in + k] * w[o * n_in + k];
    total += sqrt(squares);
  }
  return total;
}

/* params: all, in the order of files. */
static double plain_hoyer(const bvl_architecture *arch, bvl_hoyer kind, const double *params)
{
  double value = 0.0;
  for (int64_t l = 0; l < arch->n; l++) {
    const bvl_layer *layer = &arch->layer[l];
    const int64_t n_in = bvl_layer_fan_in(layer), n_out = bvl_layer_outputs(layer);
    double sum = 0.0, squares = 0.0;
    for (int64_t k = 0; k < n_in * n_out; k++) {
      sum += fabs(params[k]);
      squares += params[k] * params[k];
    }
    params += (n_in + 1) * n_out * (n_in > 0);
    if (squares > 0.0 && kind == BVL_HOYER_SQUARE) value += sum * sum / squares;
    for (int side = 0; side < 2 && squares > 0.0 && kind == BVL_HOYER_GROUP; side++)
      value += pow(total_of_norms(layer, params - (n_in + 1) * n_out, side), 2.0) / squares;
  }
  return value;
}

/* ---- the room's ------------------------------------------------------------------------------
 */

/* The regularizer at params of this rank: what an evaluation does, with the sums along the row. */
static double measure(const net_fit *fit, bvl_hoyer_state *hoyer, const double *params)
{
  double riders[BVL_HOYER_RIDERS];
  bvl_hoyer_measure(hoyer, params, riders);
  ASSERT_OK(bvl_sum(&fit->grid->row, riders, BVL_HOYER_RIDERS));
  bvl_hoyer_settle(hoyer, riders);
  return bvl_hoyer_value(hoyer);
}

/* The gradient in pieces that cut through layers, as shares do. */
static void gradient_in_pieces(const net_fit *fit, const bvl_hoyer_state *hoyer, double *grad)
{
  const int64_t n = fit->net->n_params;
  memset(grad, 0, (size_t)n * sizeof *grad);
  for (int64_t begin = 0; begin < n; begin += 13) {
    const int64_t count = n - begin < 13 ? n - begin : 13;
    bvl_hoyer_gradient(hoyer, fit->params, 0.7, begin, count, grad + begin);
  }
}

/* A layer's <w, gradient>: 0, as no scale changes the value. */
static double along_weights(const bvl_architecture *arch, int64_t l, const double *params,
                            const double *grad)
{
  int64_t begin = 0;
  double sum = 0.0;
  for (int64_t k = 0; k < l; k++)
    begin += bvl_layer_outputs(&arch->layer[k]) * (bvl_layer_fan_in(&arch->layer[k]) + 1);
  const int64_t count = bvl_layer_outputs(&arch->layer[l]) * bvl_layer_fan_in(&arch->layer[l]);
  for (int64_t k = begin; k < begin + count; k++) sum += params[k] * grad[k];
  return sum;
}

/* Central differences of the plain value; h^2 times a third derivative of size 1/|w|^3. */
static void check_gradient(const net_fit *fit, bvl_hoyer kind, double *params, const double *grad)
{
  const double h = 1e-6;
  int agree = 1;
  for (int64_t k = 0; k < fit->net->n_all; k++) {
    const double w = params[k];
    params[k] = w + h;
    const double above = plain_hoyer(&fit->arch, kind, params);
    params[k] = w - h;
    const double below = plain_hoyer(&fit->arch, kind, params);
    params[k] = w;
    const double wanted = 0.7 * (above - below) / (2.0 * h);
    if (w != 0.0) agree &= bvl_test_near(grad[k], wanted, 1e-6 * fmax(1.0, fabs(wanted)));
  }
  ASSERT_ALL(agree);
}

static void check_hoyer(const net_case *what, bvl_hoyer kind, int n_rows, int n_cols)
{
  double params[NET_MAX_PARAMS], grad[NET_MAX_PARAMS], local[NET_MAX_PARAMS];
  bvl_hoyer_state *hoyer = NULL;
  net_fit fit;
  net_open(what, MPI_COMM_WORLD, n_rows, n_cols, &fit);
  ASSERT_OK(bvl_hoyer_create(fit.net, kind, &hoyer));
  const double value = measure(&fit, hoyer, fit.params);
  gradient_in_pieces(&fit, hoyer, local);
  net_gather_params(&fit, fit.params, params);
  net_gather_params(&fit, local, grad);
  ASSERT_ALL(bvl_test_near(value, plain_hoyer(&fit.arch, kind, params), 1e-12 * value));
  check_gradient(&fit, kind, params, grad);
  for (int64_t l = 0; l < fit.arch.n; l++)
    ASSERT_ALL(bvl_test_near(along_weights(&fit.arch, l, params, grad), 0.0, 1e-13 * value));
  for (int64_t k = 0; k < fit.net->n_params; k++) fit.params[k] *= 1e-3;
  ASSERT_ALL(bvl_test_near(measure(&fit, hoyer, fit.params), value, 1e-12 * value));
  bvl_hoyer_destroy(&hoyer);
  net_close(&fit);
}

static void test_hoyer_square(void **state)
{
  (void)state;
  int shapes[8][2];
  const int n_shapes = net_grids(&dense, shapes);
  for (int g = 0; g < n_shapes; g++)
    check_hoyer(&dense, BVL_HOYER_SQUARE, shapes[g][0], shapes[g][1]);
  check_hoyer(&convolution, BVL_HOYER_SQUARE, bvl_test_size(), 1);
}

static void test_group_hs(void **state)
{
  (void)state;
  net_case by_neuron = dense;
  by_neuron.structure = BVL_BY_NEURON;
  check_hoyer(&dense, BVL_HOYER_GROUP, bvl_test_size(), 1);
  check_hoyer(&by_neuron, BVL_HOYER_GROUP, bvl_test_size(), 1);
  check_hoyer(&convolution, BVL_HOYER_GROUP, bvl_test_size(), 1);
}

/* Entries shrink below the threshold and grow above it. */
static void test_threshold_parts_shrinking_from_growing(void **state)
{
  (void)state;
  bvl_hoyer_state *hoyer = NULL;
  double grad[NET_MAX_PARAMS];
  net_fit fit;
  net_open(&dense, MPI_COMM_WORLD, 1, bvl_test_size(), &fit);
  ASSERT_OK(bvl_hoyer_create(fit.net, BVL_HOYER_SQUARE, &hoyer));
  measure(&fit, hoyer, fit.params);
  gradient_in_pieces(&fit, hoyer, grad);
  int right = 1;
  for (int64_t q = 0; q < fit.net->n_tensors; q++) {
    const bvl_tensor *t = &fit.net->tensor[q];
    const double threshold = bvl_hoyer_threshold(hoyer, q);
    if (t->is_bias) right &= threshold == 0.0;
    for (int64_t k = t->begin; k < t->begin + t->count && !t->is_bias; k++)
      right &= (grad[k] * fit.params[k] > 0.0) == (fabs(fit.params[k]) < threshold);
  }
  ASSERT_ALL(right);
  bvl_hoyer_destroy(&hoyer);
  net_close(&fit);
}

/* Layers of zeros, and groups of zeros in a layer, are no numbers divided by zero. */
static void test_zeros(void **state)
{
  (void)state;
  const bvl_hoyer kinds[] = {BVL_HOYER_SQUARE, BVL_HOYER_GROUP};
  for (int c = 0; c < 2; c++) {
    bvl_hoyer_state *hoyer = NULL;
    double params[NET_MAX_PARAMS], grad[NET_MAX_PARAMS];
    net_fit fit;
    net_open(&dense, MPI_COMM_WORLD, bvl_test_size(), 1, &fit);
    const bvl_tensor *first = &fit.net->tensor[0], *second = &fit.net->tensor[2];
    for (int64_t k = 0; k < first->count; k++)
      if (k % first->outputs == 1) fit.params[first->begin + k] = 0.0;
    memset(fit.params + second->begin, 0, (size_t)second->count * sizeof(double));
    ASSERT_OK(bvl_hoyer_create(fit.net, kinds[c], &hoyer));
    const double value = measure(&fit, hoyer, fit.params);
    net_gather_params(&fit, fit.params, params);
    ASSERT_ALL(bvl_test_near(value, plain_hoyer(&fit.arch, kinds[c], params), 1e-12 * value));
    gradient_in_pieces(&fit, hoyer, grad);
    int still = 1;
    for (int64_t k = 0; k < fit.net->n_params; k++) still &= fit.params[k] != 0.0 || grad[k] == 0.0;
    ASSERT_ALL(still && isfinite(net_most(fit.net->n_params, grad)));
    bvl_hoyer_destroy(&hoyer);
    net_close(&fit);
  }
}

/* ---- penalties of balanced factors -----------------------------------------------------------
 */

/* lambda sum over weights |w|^q, or over what inputs send out sqrt(size) ||w_g||^q. */
static double plain_penalty(const net_fit *fit, const double *params)
{
  const net_case *what = fit->data.what;
  const double q = what->q > 0.0 ? what->q : 1.0;
  const int grouped = strncmp(what->penalty, "group", 5) == 0;
  double value = 0.0;
  for (int64_t l = 0; l < fit->arch.n; l++) {
    const bvl_layer *layer = &fit->arch.layer[l];
    const int64_t n_in = bvl_layer_fan_in(layer), n_out = bvl_layer_outputs(layer);
    const int neurons = what->structure == BVL_BY_NEURON;
    if (neurons && l + 1 == fit->arch.n) continue; /* neither goes */
    for (int64_t k = 0; k < n_in * n_out && !grouped; k++) value += pow(fabs(params[k]), q);
    for (int64_t g = 0; g < (neurons ? n_out : n_in) && grouped; g++) {
      const int64_t size = neurons ? n_in : n_out;
      double squares = 0.0;
      for (int64_t k = 0; k < size; k++)
        squares += pow(params[neurons ? g * n_in + k : k * n_in + g], 2.0);
      value += sqrt((double)size) * pow(sqrt(squares), q);
    }
    params += (n_in + 1) * n_out;
  }
  return what->lambda * value;
}

/* Both ways to the penalty: of the factors, and of the parameters. Biases are not in it. */
static void check_penalty(const net_case *what)
{
  int shapes[8][2];
  const int n_shapes = net_grids(what, shapes);
  for (int g = 0; g < n_shapes; g++) {
    double params[NET_MAX_PARAMS], share[NET_MAX_PARAMS], sums[2];
    net_fit fit;
    net_open(what, MPI_COMM_WORLD, shapes[g][0], shapes[g][1], &fit);
    bvl_sparsity_forward(fit.sparsity, fit.theta, share);
    sums[0] = bvl_sparsity_penalty(fit.sparsity, fit.theta, share);
    sums[1] = bvl_sparsity_value(fit.sparsity, share);
    ASSERT_OK(bvl_sum(&fit.grid->all, sums, 2));
    net_gather_params(&fit, fit.params, params);
    const double wanted = plain_penalty(&fit, params);
    ASSERT_ALL(bvl_test_near(sums[0], wanted, 1e-12 * wanted));
    ASSERT_ALL(bvl_test_near(sums[1], wanted, 1e-12 * wanted));
    ASSERT_ALL(net_apart(fit.sparsity->count, share, fit.params + fit.sparsity->begin) <= 1e-15);
    net_close(&fit);
  }
}

static void test_penalty_of_balanced_factors(void **state)
{
  (void)state;
  net_case what = dense;
  what.hoyer = BVL_HOYER_NONE;
  what.lambda = 0.3;
  what.penalty = "lasso";
  check_penalty(&what);
  what.penalty = "lq";
  what.q = 0.5;
  check_penalty(&what);
  what.penalty = "group-lasso";
  what.q = 0.0;
  what.structure = BVL_BY_INPUT;
  check_penalty(&what);
  what.structure = BVL_BY_NEURON;
  check_penalty(&what);
  what.penalty = "group-lq";
  what.q = 2.0 / 3.0;
  check_penalty(&what);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_hoyer_square), cmocka_unit_test(test_group_hs),
                  cmocka_unit_test(test_threshold_parts_shrinking_from_growing),
                  cmocka_unit_test(test_zeros), cmocka_unit_test(test_penalty_of_balanced_factors))
