/* SPDX-License-Identifier: BSD-3-Clause */
/* Penalty blocks: what stands together, in which order, with which factor. */
#include "bvl_test.h"

#include "base/rng.h"
#include "penalty/blocks.h"

static const double inf = INFINITY;

static void assert_plan(const bvl_blocks *blocks, const int64_t *input, int64_t n,
                        const int64_t *begin, const double *weight, const int64_t *columns)
{
  assert_int_equal(blocks->n, n);
  int64_t longest = 0;
  for (int64_t g = 0; g < n; g++) {
    assert_int_equal(blocks->begin[g], begin[g]);
    assert_true(blocks->weight[g] == weight[g]);
    if (bvl_block_len(blocks, g) > longest) longest = bvl_block_len(blocks, g);
  }
  assert_int_equal(blocks->begin[n], begin[n]);
  assert_int_equal(blocks->max_len, longest);
  for (int64_t k = 0; columns != NULL && k < begin[n]; k++) assert_int_equal(input[k], columns[k]);
}

static void test_single_columns_keep_their_order(void **state)
{
  (void)state;
  const double factor[] = {1.0, 0.0, 2.5, INFINITY};
  const int64_t begin[] = {0, 1, 2, 3, 4};
  const double ones[] = {1.0, 1.0, 1.0, 1.0};
  const int64_t groups[] = {1, 1, 2, 2}; /* not used by a penalty on single columns */
  bvl_blocks blocks;
  int64_t *input = NULL;
  assert_int_equal(bvl_blocks_plan(4, 0, groups, 0, NULL, factor, &blocks, &input), BVL_OK);
  assert_null(input);
  assert_plan(&blocks, NULL, 4, begin, factor, NULL);
  bvl_blocks_free(&blocks);
  assert_int_equal(bvl_blocks_plan(4, 0, NULL, 0, NULL, NULL, &blocks, &input), BVL_OK);
  assert_plan(&blocks, NULL, 4, begin, ones, NULL);
  bvl_blocks_free(&blocks);
}

static void test_groups_in_any_order(void **state)
{
  (void)state;
  const int64_t groups[] = {7, -3, 7, INT64_MAX, -3, INT64_MIN, 7};
  const int64_t begin[] = {0, 3, 5, 6, 7};
  const int64_t columns[] = {0, 2, 6, 1, 4, 3, 5};
  const double sizes[] = {sqrt(3.0), sqrt(2.0), 1.0, 1.0};
  bvl_blocks blocks;
  int64_t *input = NULL;
  assert_int_equal(bvl_blocks_plan(7, 1, groups, 0, NULL, NULL, &blocks, &input), BVL_OK);
  assert_plan(&blocks, input, 4, begin, sizes, columns);
  bvl_blocks_free(&blocks);
  free(input);
  /* given weights go by ascending id: INT64_MIN, -3, 7, INT64_MAX */
  const double weights[] = {0.25, 2.0, 3.0, 4.0};
  const double expected[] = {3.0, 2.0, 4.0, 0.25};
  assert_int_equal(bvl_blocks_plan(7, 1, groups, 4, weights, NULL, &blocks, &input), BVL_OK);
  assert_plan(&blocks, input, 4, begin, expected, columns);
  bvl_blocks_free(&blocks);
  free(input);
}

static void test_columns_leave_their_groups(void **state)
{
  (void)state;
  const int64_t groups[] = {5, 2, 5, 2, 5, 9};
  const double factor[] = {0.0, 1.0, 1.0, INFINITY, 1.0, 0.0};
  /* group 5: columns 2 and 4 stay, 0 leaves and stands behind them; group 2: 1 stays, 3 leaves;
   * group 9 has no penalised column and is no block */
  const int64_t begin[] = {0, 2, 3, 4, 5, 6};
  const int64_t columns[] = {2, 4, 0, 1, 3, 5};
  const double expected[] = {sqrt(2.0), 0.0, 1.0, inf, 0.0};
  bvl_blocks blocks;
  int64_t *input = NULL;
  assert_int_equal(bvl_blocks_plan(6, 1, groups, 0, NULL, factor, &blocks, &input), BVL_OK);
  assert_plan(&blocks, input, 5, begin, expected, columns);
  bvl_blocks_free(&blocks);
  free(input);
}

static void test_groups_without_penalty_fall_apart(void **state)
{
  (void)state;
  const int64_t groups[] = {1, 2, 3, 1, 2, 3};
  const double weights[] = {0.0, INFINITY, 1.5};
  const int64_t begin[] = {0, 1, 2, 3, 4, 6};
  const int64_t columns[] = {0, 3, 1, 4, 2, 5};
  const double expected[] = {0.0, 0.0, inf, inf, 1.5};
  bvl_blocks blocks;
  int64_t *input = NULL;
  assert_int_equal(bvl_blocks_plan(6, 1, groups, 3, weights, NULL, &blocks, &input), BVL_OK);
  assert_plan(&blocks, input, 5, begin, expected, columns);
  bvl_blocks_free(&blocks);
  free(input);
}

/* Whatever the ids and factors: a permutation; equal ids and only they share a block; singles for
 * factors 0 and Inf; blocks in the order of first appearance; default weights. */
static void test_random_plans_keep_the_rules(void **state)
{
  (void)state;
  enum { P = 60 };
  for (uint64_t trial = 0; trial < 200; trial++) {
    int64_t groups[P];
    double factor[P];
    int seen[P] = {0};
    for (uint64_t j = 0; j < P; j++) {
      double u = bvl_rng_uniform(trial, BVL_STREAM_INIT, 1, j);
      groups[j] = (int64_t)(12.0 * bvl_rng_uniform(trial, BVL_STREAM_INIT, 0, j)) * 3 - 20;
      factor[j] = u < 0.1 ? 0.0 : u < 0.2 ? inf : 1.0;
    }
    bvl_blocks blocks;
    int64_t *input = NULL;
    assert_int_equal(bvl_blocks_plan(P, 1, groups, 0, NULL, factor, &blocks, &input), BVL_OK);
    assert_int_equal(blocks.begin[blocks.n], P);
    for (int64_t g = 0; g < blocks.n; g++) {
      int64_t first = input[blocks.begin[g]];
      double members = 0.0;
      for (int64_t j = 0; j < P; j++) members += groups[j] == groups[first] && factor[j] == 1.0;
      assert_true(blocks.weight[g] == (factor[first] == 1.0 ? sqrt(members) : factor[first]));
      assert_int_equal(bvl_block_len(&blocks, g), factor[first] == 1.0 ? (int64_t)members : 1);
      for (int64_t k = blocks.begin[g]; k < blocks.begin[g + 1]; k++) {
        assert_int_equal(groups[input[k]], groups[first]);
        assert_true(k == blocks.begin[g] || input[k] > input[k - 1]);
        seen[input[k]]++;
      }
    }
    for (int64_t j = 0; j < P; j++) assert_int_equal(seen[j], 1);
    bvl_blocks_free(&blocks);
    free(input);
  }
}

static void assert_refused(int64_t p, int grouped, const int64_t *groups, int64_t n_weights,
                           const double *weights, const double *factor, const char *message)
{
  bvl_blocks blocks;
  int64_t *input = NULL;
  assert_int_equal(bvl_blocks_plan(p, grouped, groups, n_weights, weights, factor, &blocks, &input),
                   BVL_ERR_INPUT);
  assert_non_null(strstr(bvl_last_error(), message));
  assert_null(input);
  assert_null(blocks.begin);
  bvl_blocks_free(&blocks);
}

static void test_refusals_name_dataset_and_place(void **state)
{
  (void)state;
  const int64_t groups[] = {4, 4, 2, 1, 0};
  const double negative[] = {1.0, 1.0, 1.0, -2.0, 1.0};
  const double not_a_number[] = {1.0, NAN, 1.0, 1.0, 1.0};
  const double half[] = {1.0, 1.0, 0.5, 1.0, 1.0};
  const double below[] = {-INFINITY, 1.0, 1.0, 1.0, 1.0};
  assert_refused(5, 0, NULL, 0, NULL, negative, "/penalty_factor: column 3: negative");
  assert_refused(5, 0, NULL, 0, NULL, below, "/penalty_factor: column 0: negative");
  assert_refused(5, 1, groups, 0, NULL, not_a_number, "/penalty_factor: column 1: NaN");
  assert_refused(5, 1, groups, 0, NULL, half, "/penalty_factor: column 2: 0.5");
  assert_refused(5, 1, groups, 3, half, NULL, "/group_weights: 3 values for 4 groups");
  assert_refused(5, 1, groups, 4, negative, NULL, "/group_weights: group 3: negative");
  assert_refused(5, 1, groups, 4, not_a_number, NULL, "/group_weights: group 1: NaN");
  assert_refused(5, 1, NULL, 0, NULL, NULL, "/groups: missing");
}

static void test_memory_that_cannot_be_had(void **state)
{
  (void)state;
  bvl_blocks blocks;
  int64_t *input = NULL;
  assert_int_equal(bvl_blocks_plan(INT64_MAX / 2, 0, NULL, 0, NULL, NULL, &blocks, &input),
                   BVL_ERR_NOMEM);
  assert_null(blocks.begin);
}

static void test_slices_renumber(void **state)
{
  (void)state;
  const int64_t groups[] = {1, 2, 1, 3, 3, 3};
  const int64_t begin[] = {0, 1, 4};
  const double expected[] = {1.0, sqrt(3.0)};
  bvl_blocks blocks;
  bvl_blocks slice;
  int64_t *input = NULL;
  assert_int_equal(bvl_blocks_plan(6, 1, groups, 0, NULL, NULL, &blocks, &input), BVL_OK);
  assert_int_equal(bvl_blocks_slice(&blocks, 2, 4, &slice), BVL_OK);
  assert_plan(&slice, NULL, 2, begin, expected, NULL);
  bvl_blocks_free(&slice);
  for (int64_t first = 0; first <= 6; first += 6) { /* a rank with no columns */
    assert_int_equal(bvl_blocks_slice(&blocks, first, 0, &slice), BVL_OK);
    assert_int_equal(slice.n, 0);
    assert_int_equal(slice.begin[0], 0);
    assert_int_equal(slice.max_len, 0);
    bvl_blocks_free(&slice);
  }
  assert_int_equal(bvl_blocks_slice(&blocks, 0, 4, &slice), BVL_ERR_INTERNAL);
  assert_int_equal(bvl_blocks_slice(&blocks, 1, 2, &slice), BVL_ERR_INTERNAL);
  assert_non_null(strstr(bvl_last_error(), "cut a block"));
  bvl_blocks_free(&blocks);
  assert_null(blocks.begin);
  bvl_blocks_free(&blocks); /* twice is fine */
  free(input);
}

static void test_no_columns_at_all(void **state)
{
  (void)state;
  bvl_blocks blocks;
  int64_t *input = NULL;
  const int64_t none = 0;
  assert_int_equal(bvl_blocks_plan(0, 1, &none, 0, NULL, NULL, &blocks, &input), BVL_OK);
  assert_int_equal(blocks.n, 0);
  assert_int_equal(blocks.begin[0], 0);
  bvl_blocks_free(&blocks);
  free(input);
}

BVL_TEST_MAIN(cmocka_unit_test(test_single_columns_keep_their_order),
              cmocka_unit_test(test_groups_in_any_order),
              cmocka_unit_test(test_columns_leave_their_groups),
              cmocka_unit_test(test_groups_without_penalty_fall_apart),
              cmocka_unit_test(test_random_plans_keep_the_rules),
              cmocka_unit_test(test_refusals_name_dataset_and_place),
              cmocka_unit_test(test_memory_that_cannot_be_had),
              cmocka_unit_test(test_slices_renumber), cmocka_unit_test(test_no_columns_at_all))
