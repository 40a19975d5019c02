/* SPDX-License-Identifier: BSD-3-Clause */
/* A first layer of more columns than are written out at once: dense X against sparse X, which is
 * multiplied entry by entry. */
#define NET_PARAMS 10500
#include "net_fit.h"

static const net_case wide = {.layers = "5000-2-2",
                              .activation = BVL_TANH,
                              .family = "multinomial",
                              .n = 14,
                              .n_slices = 2,
                              .weighted = 1,
                              .zero_share = 0.8};

static net_fit fit, sparse;
static double ours[NET_MAX_THETA], theirs[NET_MAX_THETA];

static void check(const net_case *what, int n_rows, int n_cols)
{
  net_case other = *what;
  other.storage = NET_CSC;
  net_open(what, MPI_COMM_WORLD, n_rows, n_cols, &fit);
  net_open(&other, MPI_COMM_SELF, 1, 1, &sparse);
  ASSERT_ALL(bvl_test_size() > 1 || fit.objective->pass->columns_at_once < fit.data.p);
  for (int64_t batch = -1; batch < 2; batch++) {
    const double wanted = net_value(&sparse, sparse.theta, batch);
    ASSERT_ALL(bvl_test_near(net_value(&fit, fit.theta, batch), wanted, 1e-12 * wanted));
    net_gather(&fit, fit.grad, ours);
    net_gather(&sparse, sparse.grad, theirs);
    ASSERT_ALL(net_apart(fit.n_theta, ours, theirs) <= 1e-12);
  }
  net_close(&fit);
  net_close(&sparse);
}

static void test_dense_is_sparse(void **state)
{
  (void)state;
  net_case what = wide;
  int shapes[8][2];
  const int n_shapes = net_grids(&what, shapes);
  for (int g = 0; g < n_shapes; g++) check(&what, shapes[g][0], shapes[g][1]);
  what.scaling = BVL_SCALE_STANDARD;
  check(&what, shapes[0][0], shapes[0][1]);
}

static void test_dense_is_sparse_by_neuron(void **state)
{
  (void)state;
  net_case what = wide;
  what.structure = BVL_BY_NEURON;
  what.penalty = "group-lasso";
  what.lambda = 0.01;
  check(&what, bvl_test_size(), 1);
}

/* What a rank holds falls with the columns' ranks. */
static void test_memory_falls(void **state)
{
  (void)state;
  const int size = bvl_test_size();
  net_open(&wide, MPI_COMM_WORLD, 1, size, &fit);
  ASSERT_ALL(fit.net->n_params <= fit.net->n_all / size + 2 + 8);
  ASSERT_ALL(fit.sparsity->n_theta == fit.net->n_params);
  net_close(&fit);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_dense_is_sparse),
                  cmocka_unit_test(test_dense_is_sparse_by_neuron),
                  cmocka_unit_test(test_memory_falls))
