/* SPDX-License-Identifier: BSD-3-Clause */
/* The default process grid and the memory estimate. */
#include "bvl_test.h"

#include "run/grid.h"
#include "run/memory.h"

static void choose(int64_t n, int64_t p, int64_t nnz, int64_t batch, int ranks, int *rows,
                   int *cols)
{
  const bvl_step_shape step = {n, p, nnz, batch, batch < n};
  bvl_grid_choose(&step, ranks, rows, cols);
  assert_int_equal(*rows * *cols, ranks);
}

static void test_wide_paths_split_columns(void **state)
{
  (void)state;
  int rows, cols;
  for (int ranks = 1; ranks <= 48; ranks++) {
    choose(1000, 20000, 20000000, 1000, ranks, &rows, &cols);
    assert_int_equal(cols, ranks);
  }
}

static void test_tall_paths_split_rows(void **state)
{
  (void)state;
  int rows, cols;
  for (int ranks = 1; ranks <= 16; ranks++) {
    choose(10000000, 100, 1000000000, 10000000, ranks, &rows, &cols);
    assert_int_equal(rows, ranks);
  }
}

/* A minibatch of dense rows is read once only when no column is split off. */
static void test_dense_minibatches_split_rows(void **state)
{
  (void)state;
  int rows, cols;
  choose(7000, 20000, 140000000, 256, 2, &rows, &cols);
  assert_int_equal(rows, 2);
}

/* A sparse minibatch touches far fewer numbers than a gradient has: reducing p of them is what
 * would cost. */
static void test_sparse_minibatches_split_columns(void **state)
{
  (void)state;
  int rows, cols;
  choose(1000000, 5000000, 100000000, 256, 8, &rows, &cols);
  assert_int_equal(cols, 8);
}

static void test_square_problems_split_both(void **state)
{
  (void)state;
  int rows, cols;
  choose(1000000, 1000000, INT64_C(1) << 36, 1000000, 16, &rows, &cols);
  assert_int_equal(rows, 4); /* n / r + p r / 16 is least at r = 4 when n = p */
}

static void test_nothing_to_share(void **state)
{
  (void)state;
  int rows, cols;
  choose(1, 1, 1, 1, 7, &rows, &cols);
  assert_int_equal(bvl_grid_check(6, 2, 3), BVL_OK);
  assert_int_equal(bvl_grid_check(6, 2, 2), BVL_ERR_USAGE);
  assert_int_equal(bvl_grid_check(1, -1, -1), BVL_ERR_USAGE);
  assert_int_equal(bvl_grid_check(0, 65536, 65536),
                   BVL_ERR_USAGE); /* the product is 0 in 32 bits */
}

static bvl_memory_shape shape_of(int64_t n, int64_t p, int rows, int cols)
{
  const bvl_memory_shape shape = {.n = n,
                                  .p = p,
                                  .nnz = n * p,
                                  .format = BVL_DENSE,
                                  .dtype = BVL_F64,
                                  .solver = BVL_SOLVER_AUTO,
                                  .n_lambda = 100,
                                  .grid_rows = rows,
                                  .grid_cols = cols,
                                  .gram = BVL_GRAM_AUTO};
  return shape;
}

/* Streamed, X counts with what is kept of it alone: the limit is used, never passed, and what is
 * too little for a few columns is told. */
static void test_stream_stays_within_the_limit(void **state)
{
  (void)state;
  bvl_memory_shape shape = shape_of(7500, 100000, 1, 2);
  const int64_t held = bvl_memory_estimate(&shape);
  shape.streamed = 1;
  shape.rounded = 1;
  const int64_t others = bvl_memory_estimate(&shape);
  assert_true(others > INT64_C(7500) * 50000 && others < held / 3); /* the 8-bit copy */
  const int64_t limit = INT64_C(1) << 30;
  shape.stream_bytes = bvl_memory_for_stream(&shape, others, limit);
  assert_true(shape.stream_bytes > (limit - others) / 2);
  assert_true(bvl_memory_estimate(&shape) <= limit);
  assert_true(bvl_memory_for_stream(&shape, others, others + (1 << 20)) < 0);
  assert_true(bvl_memory_for_stream(&shape, others, INT64_C(1) << 50) < held); /* no more than X */
  shape.rounded = 0;
  shape.stream_bytes = 0;
  const int64_t bare = bvl_memory_estimate(&shape), least = bvl_memory_least_streamed(&shape);
  assert_true(bvl_memory_for_stream(&shape, bare, least) > 0);
  assert_true(bvl_memory_for_stream(&shape, bare, least - (1 << 20)) < 0);
}

/* The estimate is at least what the blocks of X must take, and not far above for a large X. */
static void test_estimate_holds_x(void **state)
{
  (void)state;
  const int64_t n = 12500, p = 20000;
  for (int ranks = 1; ranks <= 8; ranks++) {
    bvl_memory_shape wide = shape_of(n, p, 1, ranks), tall = shape_of(n, p, ranks, 1);
    int64_t x = 8 * n * p / ranks;
    assert_true(bvl_memory_estimate(&wide) >= x);
    assert_true(bvl_memory_estimate(&tall) >= x);
    /* beside X: 2048 columns of the working set, their Gram and factor, 72 MiB of everything else
     */
    int64_t beside = 8 * 2048 * (n + 2 * 2048) + (INT64_C(200) << 20);
    assert_true(bvl_memory_estimate(&wide) <= x + x / 8 + beside);
    assert_true(bvl_memory_estimate(&tall) <= x + x / 8 + beside);
  }
}

static void test_estimate_follows_type_and_solver(void **state)
{
  (void)state;
  bvl_memory_shape shape = shape_of(100000, 10000, 1, 1);
  int64_t f64 = bvl_memory_estimate(&shape);
  shape.dtype = BVL_F32;
  int64_t f32 = bvl_memory_estimate(&shape);
  assert_true(f64 - f32 == INT64_C(4000000000)); /* 4 bytes of 1e9 entries */
  shape.solver = BVL_SOLVER_LBFGS;
  assert_true(bvl_memory_estimate(&shape) > f32); /* and is polished */
  shape = shape_of(100000, 10000, 1, 1);
  shape.format = BVL_CSC;
  shape.nnz = 10000000;
  int64_t csc = bvl_memory_estimate(&shape);
  shape.solver = BVL_SOLVER_SGD;
  assert_true(bvl_memory_estimate(&shape) - csc >= 12 * shape.nnz); /* CSR beside it */
}

/* With dfmax the working set is known, and its Gram and factor are on one rank or over eight. */
static void test_estimate_follows_the_gram(void **state)
{
  (void)state;
  bvl_memory_shape shape = shape_of(10000, 100000, 2, 4);
  const int64_t guessed = bvl_memory_estimate(&shape);
  shape.most_df = 500;
  const int64_t small = bvl_memory_estimate(&shape);
  assert_true(guessed - small >= 8 * (2048 * 2048 - 1000 * 1000));
  shape.most_df = 4000;
  const int64_t whole = bvl_memory_estimate(&shape);
  assert_true(whole - small >= 2 * 8 * (INT64_C(4000) * 4000 - 1000 * 1000));
  shape.gram = BVL_GRAM_DISTRIBUTED;
  assert_true(whole - bvl_memory_estimate(&shape) >= 8 * INT64_C(4000) * 4000);
}

/* All ranks: rank 0's Gram counts once, X once. */
static void test_estimate_of_all_ranks(void **state)
{
  (void)state;
  const int64_t x = INT64_C(8) * 10000 * 100000;
  for (int ranks = 1; ranks <= 8; ranks *= 2) {
    bvl_memory_shape shape = shape_of(10000, 100000, 1, ranks);
    shape.most_df = 500;
    const int64_t all = bvl_memory_estimate_all(&shape), largest = bvl_memory_estimate(&shape);
    assert_true(ranks == 1 ? all == largest : all < ranks * largest);
    assert_true(all > x && all < x + x / 10 + ranks * (INT64_C(30) << 20));
  }
}

/* Two n x n matrices at least; beyond the group engine's rows, none. */
static void test_estimate_follows_groups(void **state)
{
  (void)state;
  bvl_memory_shape shape = shape_of(4000, 10000, 1, 1);
  shape.most_df = 100; /* so that Gram and factor of the lasso's set are little */
  const int64_t single = bvl_memory_estimate(&shape);
  shape.grouped = 1;
  assert_true(bvl_memory_estimate(&shape) - single >= 16 * 4000 * 4000);
  shape.n = 100000;
  assert_true(bvl_memory_estimate(&shape) <
              INT64_C(8) * 100000 * 10000 + 16 * INT64_C(100000) * 100000);
}

/* Moments of all columns instead of a working set: of a tall gaussian lasso, not of a binomial. */
static void test_estimate_of_tall_data(void **state)
{
  (void)state;
  bvl_memory_shape shape = shape_of(100000, 300, 1, 1);
  const int64_t x = INT64_C(8) * 100000 * 300;
  assert_true(bvl_memory_estimate(&shape) < x + x / 5);
  shape.weighted = 1; /* all columns once more, standardised */
  assert_true(bvl_memory_estimate(&shape) > 2 * x);
  shape.only_x = 1;
  assert_true(bvl_memory_estimate(&shape) < x + x / 5);
}

/* 3000 unpenalised columns, beyond any guess of the working set's: twice, and two matrices of them;
 * two ends a column, on the scale given and standardised, as given everywhere. */
static void test_estimate_follows_free_columns_and_bounds(void **state)
{
  (void)state;
  bvl_memory_shape shape = shape_of(20480, 10000, 2, 1);
  const int64_t plain = bvl_memory_estimate(&shape);
  shape.n_free = 3000;
  const int64_t with_free = bvl_memory_estimate(&shape);
  assert_true(llabs(with_free - plain - (16 * 3000 * 10240 + 16 * 3000 * 3000)) <= 1);
  shape.bounded = 1;
  assert_true(llabs(bvl_memory_estimate(&shape) - with_free - 4 * 16 * 10000) <= 1);
}

/* Shapes whose byte counts pass 64 bits neither wrap nor fit. */
static void test_estimate_saturates(void **state)
{
  (void)state;
  bvl_memory_shape shape = shape_of(INT64_C(1) << 40, INT64_C(1) << 20, 1, 1);
  shape.nnz = INT64_C(1) << 60;
  assert_true(bvl_memory_estimate(&shape) >= INT64_C(1) << 62);
}

static void test_words(void **state)
{
  (void)state;
  char words[32];
  bvl_memory_words(1023, words, sizeof words);
  assert_string_equal(words, "1023 B");
  bvl_memory_words(INT64_C(3) << 29, words, sizeof words);
  assert_string_equal(words, "1.5 GiB");
  assert_true(bvl_memory_machine() > 0);
}

BVL_TEST_MAIN(
    cmocka_unit_test(test_wide_paths_split_columns), cmocka_unit_test(test_tall_paths_split_rows),
    cmocka_unit_test(test_dense_minibatches_split_rows),
    cmocka_unit_test(test_sparse_minibatches_split_columns),
    cmocka_unit_test(test_square_problems_split_both), cmocka_unit_test(test_nothing_to_share),
    cmocka_unit_test(test_estimate_holds_x), cmocka_unit_test(test_stream_stays_within_the_limit),
    cmocka_unit_test(test_estimate_follows_type_and_solver),
    cmocka_unit_test(test_estimate_follows_the_gram), cmocka_unit_test(test_estimate_of_all_ranks),
    cmocka_unit_test(test_estimate_of_tall_data), cmocka_unit_test(test_estimate_follows_groups),
    cmocka_unit_test(test_estimate_follows_free_columns_and_bounds),
    cmocka_unit_test(test_estimate_saturates), cmocka_unit_test(test_words))
