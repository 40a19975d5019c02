/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes into a network: X in every storage gives what doubles give, with every scaling; bad
 * labels and sizes are refused, with the row. */
#include "net_fit.h"

static const bvl_scaling scalings[] = {BVL_SCALE_NONE, BVL_SCALE_STANDARD, BVL_SCALE_MAX,
                                       BVL_SCALE_GLOBAL};
enum { N_SCALINGS = sizeof scalings / sizeof *scalings };

/* Small integers, most of them 0, so that all storages hold the same numbers. */
static const net_case few = {.layers = "9-5-3",
                             .activation = BVL_TANH,
                             .family = "multinomial",
                             .n = 40,
                             .n_slices = 4,
                             .weighted = 1,
                             .zero_share = 0.7};

/* ---- storages --------------------------------------------------------------------------------
 */

/* The same sums in another order. */
static void compare(net_fit *fit, net_fit *dense)
{
  double ours[NET_MAX_THETA], theirs[NET_MAX_THETA];
  for (int64_t batch = -1; batch < 2; batch++) {
    const double wanted = net_value(dense, dense->theta, batch);
    ASSERT_ALL(bvl_test_near(net_value(fit, fit->theta, batch), wanted, 1e-12));
    net_gather(fit, fit->grad, ours);
    net_gather(dense, dense->grad, theirs);
    ASSERT_ALL(net_apart(fit->n_theta, ours, theirs) <= 1e-12);
  }
}

static void check_storage(const net_case *base, net_storage storage, bvl_scaling scaling)
{
  net_case what = *base;
  int shapes[8][2];
  net_fit fit, dense;
  what.scaling = scaling;
  const int n_shapes = net_grids(&what, shapes);
  for (int g = 0; g < n_shapes; g++) {
    net_open(&what, MPI_COMM_SELF, 1, 1, &dense);
    what.storage = storage;
    net_open(&what, MPI_COMM_WORLD, shapes[g][0], shapes[g][1], &fit);
    compare(&fit, &dense);
    net_close(&fit);
    net_close(&dense);
    what.storage = NET_F64;
  }
}

static void test_every_storage(void **state)
{
  (void)state;
  const net_storage storages[] = {NET_F32, NET_I8, NET_U8, NET_CSC, NET_CSR};
  for (int s = 0; s < 5; s++)
    for (int c = 0; c < N_SCALINGS; c++)
      if (!net_is_spared(s + c)) check_storage(&few, storages[s], scalings[c]);
}

/* Groups of neurons keep weights the other way round. */
static void test_sparse_rows_by_neuron(void **state)
{
  (void)state;
  net_case what = few;
  what.penalty = "group-lasso";
  what.structure = BVL_BY_NEURON;
  what.lambda = 0.01;
  check_storage(&what, NET_CSR, BVL_SCALE_STANDARD);
  check_storage(&what, NET_CSC, BVL_SCALE_NONE);
}

/* Sparse rows by products in float32: 1e-6 of the size of some ten terms, as dense ones. */
static void test_sparse_rows_in_float32(void **state)
{
  (void)state;
  int shapes[8][2];
  net_fit fit, exact;
  double ours[NET_MAX_THETA], theirs[NET_MAX_THETA];
  net_case what = few;
  what.scaling = BVL_SCALE_STANDARD;
  const int n_shapes = net_grids(&what, shapes);
  net_open(&what, MPI_COMM_SELF, 1, 1, &exact);
  what.storage = NET_CSR;
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

/* ---- scalings --------------------------------------------------------------------------------
 */

/* What is observed, as the plain array has it. */
static int observed(const net_data *d, int64_t i, int64_t j)
{
  return d->what->storage != NET_I8 || !d->what->missing || d->X8[i * d->p + j] != -1;
}

/* Mean and deviation of a column, missing entries at the mean of the others. */
static void moments(const net_data *d, int64_t j, double *mean, double *variance)
{
  double sum = 0.0, seen = 0.0, all = 0.0, squares = 0.0;
  for (int64_t i = 0; i < d->what->n; i++) {
    all += d->w[i];
    if (!observed(d, i, j)) continue;
    sum += d->w[i] * d->X[i * d->p + j];
    seen += d->w[i];
  }
  *mean = sum / seen;
  for (int64_t i = 0; i < d->what->n; i++)
    if (observed(d, i, j)) squares += d->w[i] * pow(d->X[i * d->p + j] - *mean, 2.0);
  *variance = squares / all;
}

/* x~ by plain loops into d->X itself, unscaled from then on. */
static void scale_plainly(net_data *d, bvl_scaling scaling)
{
  double mean[NET_MAX_PARAMS], variance[NET_MAX_PARAMS], largest = 0.0, all = 0.0;
  for (int64_t j = 0; j < d->p; j++) {
    moments(d, j, &mean[j], &variance[j]);
    all += variance[j] / (double)d->p;
    for (int64_t i = 0; i < d->what->n; i++)
      if (observed(d, i, j)) largest = fmax(largest, fabs(d->X[i * d->p + j]));
  }
  for (int64_t j = 0; j < d->p; j++) {
    const int centred = scaling == BVL_SCALE_STANDARD || scaling == BVL_SCALE_GLOBAL;
    double scale = 1.0;
    if (scaling == BVL_SCALE_STANDARD) scale = sqrt(variance[j]);
    if (scaling == BVL_SCALE_MAX) scale = largest;
    if (scaling == BVL_SCALE_GLOBAL) scale = sqrt(all);
    for (int64_t i = 0; i < d->what->n; i++) {
      double *x = &d->X[i * d->p + j];
      *x = ((observed(d, i, j) ? *x : mean[j]) - (centred ? mean[j] : 0.0)) / scale;
    }
  }
}

/* A network on the plainly scaled rows against one that scales them itself. */
static void check_scaling(net_case what)
{
  const bvl_scaling scaling = what.scaling;
  int shapes[8][2];
  net_fit fit, plain;
  const int n_shapes = net_grids(&what, shapes);
  net_open(&what, MPI_COMM_WORLD, shapes[n_shapes / 2][0], shapes[n_shapes / 2][1], &fit);
  what.scaling = BVL_SCALE_NONE;
  net_open(&what, MPI_COMM_SELF, 1, 1, &plain);
  bvl_net_rows *rows = NULL;
  scale_plainly(&plain.data, scaling);
  what.storage = NET_F64;
  ASSERT_OK(net_rows(&plain.data, plain.grid, bvl_architecture_outputs(&plain.arch), &rows));
  bvl_net_rows_destroy(&plain.rows);
  plain.rows = rows;
  plain.objective->rows = rows;
  compare(&fit, &plain);
  net_close(&fit);
  net_close(&plain);
}

static void test_scalings_by_plain_loops(void **state)
{
  (void)state;
  for (int c = 0; c < N_SCALINGS; c++) {
    net_case what = few;
    what.scaling = scalings[c];
    check_scaling(what);
    what.storage = NET_I8;
    what.missing = 1;
    check_scaling(what);
  }
}

/* Pictures stand channel by channel in files: a convolution of 1 x 1 is a dense layer a place. */
static void test_pictures_lie_as_files_say(void **state)
{
  (void)state;
  const net_case what = {
      .layers = "input 2x2x2\nconv 1 2x2 tanh\ndense 2", .family = "multinomial", .n = 20};
  const net_case flat = {
      .layers = "8-1-2", .activation = BVL_TANH, .family = "multinomial", .n = 20};
  double params[NET_MAX_PARAMS];
  net_fit picture, line;
  net_open(&what, MPI_COMM_WORLD, bvl_test_size(), 1, &picture);
  net_open(&flat, MPI_COMM_SELF, 1, 1, &line);
  net_gather_params(&line, line.params, params);
  for (int64_t k = 0; k < picture.net->n_params; k++)
    picture.params[k] = params[net_file_place(picture.net, k)];
  bvl_sparsity_start(picture.sparsity, picture.params, picture.theta);
  const double wanted = net_value(&line, line.theta, -1);
  ASSERT_ALL(bvl_test_near(net_value(&picture, picture.theta, -1), wanted, 1e-13));
  net_close(&picture);
  net_close(&line);
}

/* ---- refusals --------------------------------------------------------------------------------
 */

static void expect_refusal(net_case what, bvl_status wanted, const char *first, const char *second)
{
  net_data data;
  bvl_architecture arch;
  bvl_grid *grid = NULL;
  bvl_net_rows *rows = NULL;
  ASSERT_OK(net_architecture(&what, &arch));
  net_data_make(&data, &what, &arch);
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, bvl_test_size(), 1, &grid));
  const bvl_status status = net_rows(&data, grid, bvl_architecture_outputs(&arch), &rows);
  ASSERT_ALL(status == wanted && rows == NULL);
  ASSERT_ALL(strstr(bvl_last_error(), first) != NULL && strstr(bvl_last_error(), second) != NULL);
  bvl_grid_destroy(&grid);
  net_data_free(&data);
}

static void test_labels_are_checked(void **state)
{
  (void)state;
  net_case what = few;
  what.bad_row = 23;
  what.bad = NAN;
  expect_refusal(what, BVL_ERR_INPUT, "row 23", "nan");
  what.bad = 3.0; /* one more than there are */
  expect_refusal(what, BVL_ERR_INPUT, "row 23", "3 outputs");
  what.bad = -1.0;
  expect_refusal(what, BVL_ERR_INPUT, "row 23", "-1");
  what.bad = 0.5;
  expect_refusal(what, BVL_ERR_INPUT, "row 23", "0.5");
  what.family = "gaussian";
  what.n_responses = 3;
  what.bad = INFINITY;
  expect_refusal(what, BVL_ERR_INPUT, "row 23", "inf");
}

static void test_outputs_are_checked(void **state)
{
  (void)state;
  net_case what = few;
  what.family = "poisson";
  expect_refusal(what, BVL_ERR_USAGE, "3 outputs", "poisson");
  what.family = "binomial";
  expect_refusal(what, BVL_ERR_USAGE, "3 outputs", "binomial");
  what.family = "gaussian";
  what.n_responses = 2;
  expect_refusal(what, BVL_ERR_USAGE, "3 outputs", "gaussian wants 2");
  what.family = "multinomial";
  expect_refusal(what, BVL_ERR_INPUT, "2 columns", "multinomial");
  what.n_responses = 1;
  what.layers = "9-5-1";
  expect_refusal(what, BVL_ERR_USAGE, "1 outputs", "at least 2");
}

/* Rows that the network cannot take in. */
static void expect_no_objective(const net_case *what, const char *layers, const char *words)
{
  net_case other = *what;
  bvl_architecture arch;
  bvl_net *net = NULL;
  bvl_net_objective *objective = NULL;
  net_fit fit;
  net_open(what, MPI_COMM_WORLD, bvl_test_size(), 1, &fit);
  other.layers = layers;
  ASSERT_OK(net_architecture(&other, &arch));
  ASSERT_OK(bvl_net_create(fit.grid, &arch, 1, &net));
  ASSERT_ALL(bvl_net_objective_create(net, fit.rows, fit.sparsity, &objective) == BVL_ERR_USAGE);
  ASSERT_ALL(objective == NULL && strstr(bvl_last_error(), words) != NULL);
  bvl_net_destroy(&net);
  net_close(&fit);
}

static void test_sizes_are_checked(void **state)
{
  (void)state;
  net_case what = few;
  expect_no_objective(&what, "8-5-3", "8 inputs");
  what.storage = NET_CSR;
  expect_no_objective(&what, "input 1x3x3\nconv 2 2x2\ndense 3", "sparse");
}

BVL_TEST_MAIN_MPI(
    cmocka_unit_test(test_every_storage), cmocka_unit_test(test_sparse_rows_by_neuron),
    cmocka_unit_test(test_sparse_rows_in_float32), cmocka_unit_test(test_scalings_by_plain_loops),
    cmocka_unit_test(test_pictures_lie_as_files_say), cmocka_unit_test(test_labels_are_checked),
    cmocka_unit_test(test_outputs_are_checked), cmocka_unit_test(test_sizes_are_checked))
