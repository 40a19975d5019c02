/* SPDX-License-Identifier: BSD-3-Clause */
/* What a network does not do is refused before anything is computed, the same way on every rank. */
#include "net_fit.h"

static const net_case plain = {
    .layers = "7-5-3", .activation = BVL_TANH, .family = "multinomial", .n = 20, .n_slices = 2};

static bvl_status create(const net_case *what, int n_rows, int n_cols, bvl_grid **grid,
                         bvl_net **net)
{
  bvl_architecture arch;
  *net = NULL;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, n_rows, n_cols, grid));
  ASSERT_OK(net_architecture(what, &arch));
  return bvl_net_create(*grid, &arch, 1, net);
}

/* Convolutions, groups of neurons and Group-HS want all inputs on a rank; the message says how. */
static void test_grids_of_columns(void **state)
{
  (void)state;
  const int size = bvl_test_size();
  net_case what = plain;
  bvl_grid *grid = NULL;
  bvl_net *net = NULL;
  bvl_hoyer_state *hoyer = NULL;
  char words[32];
  const bvl_status wanted = size > 1 ? BVL_ERR_USAGE : BVL_OK;
  snprintf(words, sizeof words, "%dx1", size);
  ASSERT_OK(create(&what, 1, size, &grid, &net));
  ASSERT_ALL(bvl_hoyer_create(net, BVL_HOYER_GROUP, &hoyer) == wanted);
  ASSERT_ALL(size == 1 || (hoyer == NULL && strstr(bvl_last_error(), words) != NULL));
  bvl_hoyer_destroy(&hoyer);
  bvl_net_destroy(&net);
  bvl_grid_destroy(&grid);
  what.structure = BVL_BY_NEURON;
  ASSERT_ALL(create(&what, 1, size, &grid, &net) == wanted);
  ASSERT_ALL(size == 1 || (net == NULL && strstr(bvl_last_error(), words) != NULL));
  bvl_net_destroy(&net);
  bvl_grid_destroy(&grid);
  what.structure = BVL_BY_ELEMENT;
  what.layers = "input 1x3x3\nconv 2 2x2\ndense 3";
  ASSERT_ALL(create(&what, 1, size, &grid, &net) == wanted);
  ASSERT_ALL(size == 1 || (net == NULL && strstr(bvl_last_error(), words) != NULL));
  bvl_net_destroy(&net);
  bvl_grid_destroy(&grid);
}

/* A penalty without factors, a map that does not induce it. */
static void test_penalties_without_a_map(void **state)
{
  (void)state;
  net_case what = plain;
  net_fit fit;
  net_open(&what, MPI_COMM_WORLD, 1, bvl_test_size(), &fit);
  bvl_sparsity_destroy(&fit.sparsity);
  what.penalty = "mcp";
  ASSERT_ALL(net_sparsity(&what, &fit) == BVL_ERR_USAGE && fit.sparsity == NULL);
  ASSERT_ALL(strstr(bvl_last_error(), "mcp") != NULL);
  what.penalty = "lasso";
  what.param = "own-norm";
  ASSERT_ALL(net_sparsity(&what, &fit) == BVL_ERR_USAGE && fit.sparsity == NULL);
  ASSERT_ALL(strstr(bvl_last_error(), "product") != NULL); /* what works */
  net_close(&fit);
}

static void test_options_of_training(void **state)
{
  (void)state;
  bvl_optim_options options;
  bvl_train *train = NULL;
  net_fit fit;
  net_open(&plain, MPI_COMM_WORLD, 1, bvl_test_size(), &fit);
  bvl_optim_options_init(BVL_OPTIM_SGD, &options);
  options.step = -1.0;
  ASSERT_ALL(bvl_train_create(fit.objective, NULL, &options, fit.params, &train) == BVL_ERR_USAGE);
  ASSERT_ALL(train == NULL && strstr(bvl_last_error(), "-1") != NULL);
  net_close(&fit);
}

/* Weights of one row, which one grid row reads. */
static void test_weights(void **state)
{
  (void)state;
  const double bad[] = {-1.0, NAN, INFINITY};
  for (int c = 0; c < 3; c++) {
    net_case what = plain;
    net_data data;
    bvl_architecture arch;
    bvl_grid *grid = NULL;
    bvl_net_rows *rows = NULL;
    what.weighted = 1;
    ASSERT_OK(net_architecture(&what, &arch));
    net_data_make(&data, &what, &arch);
    data.w[11] = bad[c];
    ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, bvl_test_size(), 1, &grid));
    ASSERT_ALL(net_rows(&data, grid, 3, &rows) == BVL_ERR_INPUT && rows == NULL);
    ASSERT_ALL(strstr(bvl_last_error(), "weights: row 11") != NULL);
    bvl_grid_destroy(&grid);
    net_data_free(&data);
  }
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_grids_of_columns),
                  cmocka_unit_test(test_penalties_without_a_map),
                  cmocka_unit_test(test_options_of_training), cmocka_unit_test(test_weights))
