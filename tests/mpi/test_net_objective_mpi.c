/* SPDX-License-Identifier: BSD-3-Clause */
/* The objective of a network: its gradient is the derivative of its value, and neither depends on
 * the grid. */
#include "net_fit.h"

static const char *const pictures = "input 1x6x6\nconv 2 3x3 relu\npool 2x2\ndense 4 tanh\ndense 3";
static const char *const channels =
    "input 2x4x4\nconv 3 3x3 padding 1 tanh\npool 2x2\nconv 2 2x2 relu\ndense 3";

static const net_case cases[] = {
    {.layers = "7-5-3", .activation = BVL_TANH, .family = "multinomial", .n = 40, .n_slices = 4},
    {.layers = "7-5-3", .activation = BVL_RELU, .family = "multinomial", .n = 40, .n_slices = 3},
    {.layers = "3-4-2", .activation = BVL_TANH, .family = "binomial", .n = 5, .n_slices = 2},
    /* more rows than go through the layers together */
    {.layers = "4-3-2",
     .activation = BVL_TANH,
     .family = "binomial",
     .n = 600,
     .n_slices = 5,
     .weighted = 1,
     .hoyer = BVL_HOYER_SQUARE,
     .hoyer_lambda = 0.01},
    {.layers = "6-3", .activation = BVL_TANH, .family = "multinomial", .n = 30, .n_slices = 4},
    {.layers = pictures, .activation = BVL_TANH, .family = "multinomial", .n = 20, .n_slices = 3},
    {.layers = channels, .activation = BVL_TANH, .family = "multinomial", .n = 20, .n_slices = 2},
    {.layers = "7-5-1", .activation = BVL_TANH, .family = "binomial", .n = 40, .n_slices = 4},
    {.layers = "7-5-1", .activation = BVL_TANH, .family = "gaussian", .n = 40, .n_slices = 4},
    {.layers = "7-5-1", .activation = BVL_TANH, .family = "poisson", .n = 40, .n_slices = 4},
    {.layers = "7-5-3",
     .activation = BVL_TANH,
     .family = "gaussian",
     .n = 40,
     .n_responses = 3,
     .n_slices = 4,
     .weighted = 1},
    {.layers = "7-5-4-3",
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 40,
     .n_slices = 5,
     .weighted = 1,
     .weight_decay = 0.03,
     .scaling = BVL_SCALE_STANDARD},
    {.layers = "7-5-3",
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 40,
     .n_slices = 4,
     .hoyer = BVL_HOYER_SQUARE,
     .hoyer_lambda = 0.01},
    {.layers = "7-5-3",
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 40,
     .n_slices = 4,
     .weight_decay = 0.01,
     .hoyer = BVL_HOYER_GROUP,
     .hoyer_lambda = 0.01},
    {.layers = channels,
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 20,
     .n_slices = 2,
     .hoyer = BVL_HOYER_GROUP,
     .hoyer_lambda = 0.01},
    {.layers = "7-5-3",
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 40,
     .n_slices = 4,
     .penalty = "lasso",
     .lambda = 0.02,
     .weight_decay = 0.01},
    {.layers = "7-5-3",
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 40,
     .n_slices = 4,
     .penalty = "lq",
     .q = 2.0 / 3.0,
     .param = "product",
     .lambda = 0.02},
    {.layers = "7-5-3",
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 40,
     .n_slices = 4,
     .penalty = "lq",
     .q = 2.0 / 3.0,
     .param = "power",
     .lambda = 0.02},
    {.layers = "7-5-3",
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 40,
     .n_slices = 4,
     .penalty = "lq",
     .q = 2.0 / 3.0,
     .param = "difference",
     .lambda = 0.02},
    {.layers = "7-5-3",
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 40,
     .n_slices = 4,
     .penalty = "lq",
     .q = 2.0 / 3.0,
     .param = "shared",
     .lambda = 0.02},
    {.layers = "7-5-3",
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 40,
     .n_slices = 4,
     .penalty = "group-lasso",
     .structure = BVL_BY_INPUT,
     .lambda = 0.02,
     .hoyer = BVL_HOYER_SQUARE,
     .hoyer_lambda = 0.01},
    {.layers = "7-5-4-3",
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 40,
     .n_slices = 4,
     .penalty = "group-lasso",
     .structure = BVL_BY_NEURON,
     .lambda = 0.02},
    {.layers = channels,
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 20,
     .n_slices = 2,
     .penalty = "group-lq",
     .q = 2.0 / 3.0,
     .structure = BVL_BY_NEURON,
     .lambda = 0.02},
    {.layers = "7-5-3",
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 40,
     .n_slices = 4,
     .masked = 1,
     .weight_decay = 0.01},
};
enum { N_CASES = sizeof cases / sizeof *cases };

/* Factors out of balance, the same on every grid. */
static void shake(net_fit *fit)
{
  double all[NET_MAX_THETA];
  net_gather(fit, fit->theta, all);
  for (int64_t k = 0; k < fit->n_theta; k++)
    all[k] *= 1.0 + 0.3 * bvl_rng_uniform(21, BVL_STREAM_INIT, 0, (uint64_t)k);
  net_scatter(fit, all, fit->theta);
}

/* ---- the derivative of the value -------------------------------------------------------------
 */

/* (F(theta + h d) - F(theta - h d)) / 2h */
static double slope_along(net_fit *fit, const double *direction, double h, int64_t batch)
{
  double local[NET_MAX_THETA], theta[NET_MAX_THETA], value[2];
  const int64_t n = fit->sparsity->n_theta;
  net_scatter(fit, direction, local);
  for (int side = 0; side < 2; side++) {
    for (int64_t k = 0; k < n; k++) theta[k] = fit->theta[k] + (side ? -h : h) * local[k];
    value[side] = net_value(fit, theta, batch);
  }
  return (value[0] - value[1]) / (2.0 * h);
}

/* With h = 1e-5 a central difference is off by h^2 F''' and by 1e-16 F / h, both near 1e-10 here.
 */
static int agrees(double slope, double wanted)
{
  return bvl_test_near(slope, wanted, 1e-6 * fabs(wanted) + 1e-8);
}

static void check_slopes(net_fit *fit, int64_t batch)
{
  double grad[NET_MAX_THETA], direction[NET_MAX_THETA];
  const int alone = fit->grid->all.size == 1;
  net_value(fit, fit->theta, batch);
  net_gather(fit, fit->grad, grad);
  const int64_t n_directions = alone ? fit->n_theta : 2;
  for (int64_t q = 0; q < n_directions; q++) {
    double wanted = 0.0;
    for (int64_t k = 0; k < fit->n_theta; k++) {
      direction[k] = alone ? k == q : bvl_rng_normal(22, BVL_STREAM_INIT, (uint64_t)q, (uint64_t)k);
      wanted += direction[k] * grad[k];
    }
    ASSERT_ALL(agrees(slope_along(fit, direction, 1e-5, batch), wanted));
  }
}

/* Entry by entry at one rank, along random directions on more. */
static void test_gradient_is_the_derivative(void **state)
{
  (void)state;
  for (int c = 0; c < N_CASES; c++) {
    int shapes[8][2];
    net_fit fit;
    const int n_shapes = net_is_spared(c) ? 0 : net_grids(&cases[c], shapes);
    for (int g = 0; g < n_shapes; g++) {
      net_open(&cases[c], MPI_COMM_WORLD, shapes[g][0], shapes[g][1], &fit);
      shake(&fit);
      check_slopes(&fit, -1);
      check_slopes(&fit, fit.objective->objective.n_batches - 1);
      net_close(&fit);
    }
  }
}

/* ---- the same on every grid ------------------------------------------------------------------
 */

static int equal_everywhere(double x)
{
  double low = x, high = x;
  MPI_Allreduce(MPI_IN_PLACE, &low, 1, MPI_DOUBLE, MPI_MIN, MPI_COMM_WORLD);
  MPI_Allreduce(MPI_IN_PLACE, &high, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return low == high;
}

/* Sums in another order: a few hundred terms of size 1 round by less than 1e-13. */
static void compare(net_fit *fit, net_fit *alone, int64_t batch)
{
  double ours[NET_MAX_THETA], theirs[NET_MAX_THETA];
  const double wanted = net_value(alone, alone->theta, batch);
  const double value = net_value(fit, fit->theta, batch);
  ASSERT_ALL(bvl_test_near(value, wanted, 1e-12 * fmax(1.0, fabs(wanted))));
  ASSERT_ALL(equal_everywhere(value)); /* to the last bit: optimizers branch on it */
  net_gather(fit, fit->grad, ours);
  net_gather(alone, alone->grad, theirs);
  const double most = net_most(fit->n_theta, theirs);
  ASSERT_ALL(net_apart(fit->n_theta, ours, theirs) <= 1e-12 * fmax(1.0, most));
  ASSERT_ALL(bvl_net_objective_expand(fit->objective, fit->theta) == BVL_OK);
  ASSERT_ALL(bvl_net_objective_expand(alone->objective, alone->theta) == BVL_OK);
  net_gather_params(fit, fit->objective->params, ours);
  net_gather_params(alone, alone->objective->params, theirs);
  ASSERT_ALL(net_apart(fit->net->n_all, ours, theirs) == 0.0);
}

static void test_every_grid_says_the_same(void **state)
{
  (void)state;
  for (int c = 0; c < N_CASES; c++) {
    int shapes[8][2];
    double ours[NET_MAX_THETA], theirs[NET_MAX_THETA];
    net_fit fit, alone;
    const int n_shapes = net_grids(&cases[c], shapes);
    for (int g = 0; g < n_shapes; g++) {
      net_open(&cases[c], MPI_COMM_SELF, 1, 1, &alone);
      net_open(&cases[c], MPI_COMM_WORLD, shapes[g][0], shapes[g][1], &fit);
      ASSERT_ALL(fit.n_theta == alone.n_theta && fit.net->n_all == alone.net->n_all);
      net_gather(&fit, fit.theta, ours);
      net_gather(&alone, alone.theta, theirs);
      ASSERT_ALL(net_apart(fit.n_theta, ours, theirs) == 0.0); /* starts know no grid */
      shake(&fit);
      shake(&alone);
      compare(&fit, &alone, -1);
      compare(&fit, &alone, 0);
      net_close(&fit);
      net_close(&alone);
    }
  }
}

/* Values and gradients of the minibatches have those of everything as their mean. */
static void test_an_epoch_is_everything(void **state)
{
  (void)state;
  for (int c = 0; c < N_CASES; c++) {
    int shapes[8][2];
    net_fit fit;
    if (net_is_spared(c)) continue;
    net_grids(&cases[c], shapes);
    net_open(&cases[c], MPI_COMM_WORLD, shapes[0][0], shapes[0][1], &fit);
    const int64_t n_batches = fit.objective->objective.n_batches, n = fit.sparsity->n_theta;
    double value = 0.0, grad[NET_MAX_THETA] = {0.0};
    fit.objective->epoch = (bvl_pass_sums){0};
    for (int64_t b = 0; b < n_batches; b++) {
      value += net_value(&fit, fit.theta, b) / (double)n_batches;
      for (int64_t k = 0; k < n; k++) grad[k] += fit.grad[k] / (double)n_batches;
    }
    ASSERT_ALL(bvl_test_near(fit.objective->epoch.weight, (double)cases[c].n, 1e-10));
    const double wanted = net_value(&fit, fit.theta, -1);
    ASSERT_ALL(bvl_test_near(value, wanted, 1e-12 * fmax(1.0, fabs(wanted))));
    ASSERT_ALL(net_apart(n, grad, fit.grad) <= 1e-12 * fmax(1.0, net_most(n, fit.grad)));
    net_close(&fit);
  }
}

/* ---- a second opinion ------------------------------------------------------------------------
 */

/* The outputs of a dense tanh network at row x, weights in the order of files. */
static void plain_outputs(const bvl_architecture *arch, const double *params, const double *x,
                          double *out)
{
  double in[64];
  memcpy(in, x, (size_t)bvl_architecture_inputs(arch) * sizeof *x);
  for (int64_t l = 0; l < arch->n; l++) {
    const int64_t n_in = bvl_layer_fan_in(&arch->layer[l]), n_out = arch->layer[l].out.channels;
    for (int64_t o = 0; o < n_out; o++) {
      out[o] = params[n_in * n_out + o];
      for (int64_t k = 0; k < n_in; k++) out[o] += params[o * n_in + k] * in[k];
      if (l + 1 < arch->n) out[o] = tanh(out[o]);
    }
    memcpy(in, out, (size_t)n_out * sizeof *in);
    params += (n_in + 1) * n_out;
  }
}

static double plain_loss(const net_data *d, int64_t i, int64_t K, const double *out)
{
  double sum = 0.0;
  if (strcmp(d->what->family, "gaussian") == 0) {
    for (int64_t k = 0; k < K; k++) sum += 0.5 * pow(d->y[i * K + k] - out[k], 2.0);
    return sum;
  }
  for (int64_t k = 0; k < K; k++) sum += exp(out[k]);
  return log(sum) - out[(int64_t)d->y[i]];
}

static void test_value_by_plain_loops(void **state)
{
  (void)state;
  const int which[] = {0, 2, 4, 10};
  for (int c = 0; c < 4; c++) {
    int shapes[8][2];
    double params[NET_MAX_PARAMS], out[64], sum = 0.0, weight = 0.0;
    net_fit fit;
    const int n_shapes = net_grids(&cases[which[c]], shapes);
    net_open(&cases[which[c]], MPI_COMM_WORLD, shapes[n_shapes - 1][0], shapes[n_shapes - 1][1],
             &fit);
    net_gather_params(&fit, fit.params, params);
    const int64_t K = bvl_architecture_outputs(&fit.arch);
    for (int64_t i = 0; i < fit.data.what->n; i++) {
      const double w = fit.data.what->weighted ? fit.data.w[i] : 1.0;
      plain_outputs(&fit.arch, params, fit.data.X + i * fit.data.p, out);
      sum += w * plain_loss(&fit.data, i, K, out);
      weight += w;
    }
    ASSERT_ALL(bvl_test_near(net_value(&fit, fit.theta, -1), sum / weight, 1e-12 * sum));
    net_close(&fit);
  }
}

/* ---- float32 ---------------------------------------------------------------------------------
 */

/* Products of some ten terms in float32: 1e-6 of their size. */
static void test_float32_is_near(void **state)
{
  (void)state;
  for (int c = 0; c < N_CASES; c++) {
    int shapes[8][2];
    double ours[NET_MAX_THETA], theirs[NET_MAX_THETA];
    net_case what = cases[c];
    net_fit fit, exact;
    const int n_shapes = net_grids(&what, shapes);
    net_open(&cases[c], MPI_COMM_SELF, 1, 1, &exact);
    what.single = 1;
    net_open(&what, MPI_COMM_WORLD, shapes[n_shapes - 1][0], shapes[n_shapes - 1][1], &fit);
    const double wanted = net_value(&exact, exact.theta, 0);
    const double value = net_value(&fit, fit.theta, 0);
    ASSERT_ALL(value != wanted); /* it is another */
    ASSERT_ALL(bvl_test_near(value, wanted, 1e-6 * fmax(1.0, fabs(wanted))));
    net_gather(&fit, fit.grad, ours);
    net_gather(&exact, exact.grad, theirs);
    ASSERT_ALL(net_apart(fit.n_theta, ours, theirs) <=
               2e-6 * fmax(1.0, net_most(fit.n_theta, theirs)));
    net_close(&fit);
    net_close(&exact);
  }
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_value_by_plain_loops),
                  cmocka_unit_test(test_gradient_is_the_derivative),
                  cmocka_unit_test(test_every_grid_says_the_same),
                  cmocka_unit_test(test_an_epoch_is_everything),
                  cmocka_unit_test(test_float32_is_near))
