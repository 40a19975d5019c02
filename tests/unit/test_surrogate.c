/* SPDX-License-Identifier: BSD-3-Clause */
/* Factor maps: what they induce, their derivatives, balance, starts. Every check runs on a mix of
 * penalised, unpenalised (weight 0) and excluded (INFINITY) blocks. */
#include "bvl_test.h"

#include "base/rng.h"
#include "surrogate/surrogate.h"

enum { MAX_COLS = 16, MAX_THETA = 24 };

static double random_value(uint64_t k)
{
  return bvl_rng_normal(7, BVL_STREAM_INIT, 0, k);
}

/* The pairs that exist, each with blocks of its kind. */
typedef struct {
  const bvl_surrogate *map;
  bvl_penalty pen;
  bvl_blocks blocks;
} fixture;

static int64_t single_begin[] = {0, 1, 2, 3, 4, 5};
static double single_weight[] = {1.0, 0.0, 0.5, INFINITY, 2.0};
static int64_t group_begin[] = {0, 3, 4, 6, 7, 11, 12};
static double group_weight[] = {1.7320508, 0.0, 0.5, INFINITY, 2.0, 1.0};

static int make_fixtures(fixture *out)
{
  static const struct {
    const char *penalty;
    double alpha;
  } pairs[] = {{"lasso", NAN}, {"enet", 0.4}, {"group-lasso", NAN}};
  for (int k = 0; k < 3; k++) {
    const bvl_penalty_type *type = bvl_penalty_find(pairs[k].penalty);
    assert_non_null(type);
    const bvl_penalty_parameters parameters = with_alpha(pairs[k].alpha);
    assert_int_equal(bvl_penalty_init(type, &parameters, &out[k].pen), BVL_OK);
    assert_int_equal(bvl_surrogate_find(NULL, &out[k].pen, &out[k].map), BVL_OK);
    if (type->grouped)
      out[k].blocks = (bvl_blocks){
          .n = 6, .begin = group_begin, .weight = group_weight, .max_len = 4};
    else
      out[k].blocks = (bvl_blocks){
          .n = 5, .begin = single_begin, .weight = single_weight, .max_len = 1};
  }
  return 3;
}

static int64_t n_columns(const bvl_blocks *blocks)
{
  return blocks->begin[blocks->n];
}

static int is_penalised(const bvl_blocks *blocks, int64_t g)
{
  return blocks->weight[g] > 0.0 && !isinf(blocks->weight[g]);
}

/* lambda Pen(beta) from the penalty room. */
static double penalty_of(const fixture *f, double lambda, const double *beta)
{
  double sum = 0.0;
  for (int64_t g = 0; g < f->blocks.n; g++)
    if (is_penalised(&f->blocks, g))
      sum += bvl_penalty_value(&f->pen, lambda * f->blocks.weight[g], bvl_block_len(&f->blocks, g),
                               beta + f->blocks.begin[g]);
  return sum;
}

static void random_theta(const fixture *f, uint64_t seed, double *theta)
{
  int64_t length = bvl_surrogate_length(f->map, &f->blocks);
  assert_true(length <= MAX_THETA);
  for (int64_t k = 0; k < length; k++) theta[k] = random_value(100 * seed + (uint64_t)k);
}

/* The factor penalty of one block of m columns on the fibre point nu = e^x, u = b / nu. */
static double on_fibre(const fixture *f, const bvl_blocks *block, double lambda, int64_t m,
                       const double *b, double x)
{
  double theta[MAX_COLS + 1];
  for (int64_t k = 0; k < m; k++) theta[k] = b[k] * exp(-x);
  theta[m] = exp(x);
  return f->map->penalty(&f->pen, lambda, block, theta, NULL);
}

static void test_minimum_over_a_fibre(void **state)
{
  (void)state;
  fixture fixtures[3];
  int count = make_fixtures(fixtures);
  for (int q = 0; q < count; q++) {
    const fixture *f = &fixtures[q];
    for (uint64_t trial = 0; trial < 20; trial++) {
      int64_t begin[] = {0, f->pen.type->grouped ? 1 + (int64_t)trial % 4 : 1};
      double weight = 0.3 + 0.1 * (double)trial, lambda = 0.7, b[4];
      bvl_blocks block = {.n = 1, .begin = begin, .weight = &weight, .max_len = begin[1]};
      for (int64_t k = 0; k < begin[1]; k++) b[k] = 2.0 * random_value(10 * trial + (uint64_t)k);
      /* golden sections: the function of log nu is convex, and |b| lies within [1e-4, 1e4] */
      double low = -6.0, high = 6.0, share = 0.6180339887498949;
      for (int step = 0; step < 80; step++) {
        double x1 = high - share * (high - low), x2 = low + share * (high - low);
        if (on_fibre(f, &block, lambda, begin[1], b, x1) <
            on_fibre(f, &block, lambda, begin[1], b, x2))
          high = x2;
        else
          low = x1;
      }
      double minimum = on_fibre(f, &block, lambda, begin[1], b, 0.5 * (low + high));
      double wanted = bvl_penalty_value(&f->pen, lambda * weight, begin[1], b);
      /* the search stops 1e-8 from the minimiser, where the value is flat: 1e-16 */
      assert_true(fabs(minimum - wanted) <= 1e-10);
    }
  }
}

/* d/dtheta [c'phi(theta) + penalty] by central differences. */
static void test_gradient(void **state)
{
  (void)state;
  fixture fixtures[3];
  int count = make_fixtures(fixtures);
  const double lambda = 0.3, step = 1e-6;
  for (int q = 0; q < count; q++) {
    const fixture *f = &fixtures[q];
    double theta[MAX_THETA], grad[MAX_THETA], c[MAX_COLS], beta[MAX_COLS];
    int64_t length = bvl_surrogate_length(f->map, &f->blocks), p = n_columns(&f->blocks);
    random_theta(f, 1, theta);
    for (int64_t k = 0; k < p; k++) c[k] = random_value(900 + (uint64_t)k);
    f->map->pull_back(&f->blocks, theta, c, grad);
    double value = f->map->penalty(&f->pen, lambda, &f->blocks, theta, grad);
    assert_true(value == f->map->penalty(&f->pen, lambda, &f->blocks, theta, NULL));
    for (int64_t i = 0; i < length; i++) {
      double sides[2], kept = theta[i];
      for (int side = 0; side < 2; side++) {
        theta[i] = kept + (side ? step : -step);
        f->map->forward(&f->blocks, theta, beta);
        sides[side] = f->map->penalty(&f->pen, lambda, &f->blocks, theta, NULL);
        for (int64_t k = 0; k < p; k++) sides[side] += c[k] * beta[k];
      }
      theta[i] = kept;
      /* quartic in theta[i] at most: truncation step^2, rounding 1e-15 / step */
      assert_true(fabs((sides[1] - sides[0]) / (2.0 * step) - grad[i]) <= 1e-7);
    }
  }
}

static void test_balance_keeps_beta(void **state)
{
  (void)state;
  fixture fixtures[3];
  int count = make_fixtures(fixtures);
  const double lambda = 0.6;
  for (int q = 0; q < count; q++) {
    const fixture *f = &fixtures[q];
    double theta[MAX_THETA], beta[MAX_COLS], again[MAX_COLS];
    random_theta(f, 2, theta);
    f->map->forward(&f->blocks, theta, beta);
    f->map->balance(&f->blocks, beta, NULL, 0.1, theta);
    f->map->forward(&f->blocks, theta, again);
    for (int64_t k = 0; k < n_columns(&f->blocks); k++)
      assert_true(fabs(again[k] - beta[k]) <=
                  4e-16 * fabs(beta[k])); /* one square root, products */
    /* magnitudes agree to an ulp or two, and the imbalance is their difference squared */
    assert_true(f->map->imbalance(&f->pen, lambda, &f->blocks, theta) <= 1e-30);
    double penalty = f->map->penalty(&f->pen, lambda, &f->blocks, theta, NULL);
    assert_true(fabs(penalty - penalty_of(f, lambda, beta)) <= 1e-14 * penalty);
  }
}

static void test_imbalance_is_the_excess(void **state)
{
  (void)state;
  fixture fixtures[3];
  int count = make_fixtures(fixtures);
  const double lambda = 0.6;
  for (int q = 0; q < count; q++) {
    const fixture *f = &fixtures[q];
    for (uint64_t trial = 0; trial < 50; trial++) {
      double theta[MAX_THETA], beta[MAX_COLS];
      random_theta(f, 10 + trial, theta);
      f->map->forward(&f->blocks, theta, beta);
      double excess = f->map->imbalance(&f->pen, lambda, &f->blocks, theta);
      double penalty = f->map->penalty(&f->pen, lambda, &f->blocks, theta, NULL);
      assert_true(excess >= 0.0);
      /* a difference of two sums of a dozen terms */
      assert_true(fabs(penalty - penalty_of(f, lambda, beta) - excess) <= 1e-14 * penalty);
    }
  }
}

/* Zero blocks start at norm floor^2 along -gradient, balanced, with no factor at exact zero in the
 * direction that counts; unpenalised zeros stay zero. */
static void test_balance_of_zeros(void **state)
{
  (void)state;
  fixture fixtures[3];
  int count = make_fixtures(fixtures);
  const double floor = 0.03;
  for (int q = 0; q < count; q++) {
    const fixture *f = &fixtures[q];
    double theta[MAX_THETA], grad[MAX_COLS], beta[MAX_COLS], zero[MAX_COLS] = {0.0};
    for (int64_t k = 0; k < n_columns(&f->blocks); k++) grad[k] = random_value(500 + (uint64_t)k);
    for (int with_grad = 0; with_grad < 2; with_grad++) {
      f->map->balance(&f->blocks, zero, with_grad ? grad : NULL, floor, theta);
      f->map->forward(&f->blocks, theta, beta);
      for (int64_t g = 0; g < f->blocks.n; g++) {
        double norm = 0.0, along = 0.0, slope = 0.0;
        for (int64_t k = f->blocks.begin[g]; k < f->blocks.begin[g + 1]; k++) {
          norm += beta[k] * beta[k];
          along -= beta[k] * grad[k];
          slope += grad[k] * grad[k];
        }
        double wanted = is_penalised(&f->blocks, g) ? floor * floor : 0.0;
        assert_true(fabs(sqrt(norm) - wanted) <= 1e-15);
        /* parallel: the inner product is the product of the norms */
        if (with_grad) assert_true(fabs(along - wanted * sqrt(slope)) <= 1e-14);
      }
      assert_true(f->map->imbalance(&f->pen, 1.0, &f->blocks, theta) <= 1e-30);
    }
  }
}

/* Only blocks near zero whose gradient exceeds the threshold move, and they end along -gradient. */
static void test_reseed(void **state)
{
  (void)state;
  fixture fixtures[3];
  int count = make_fixtures(fixtures);
  const double floor = 0.1, lambda = 0.5;
  for (int q = 0; q < count; q++) {
    const fixture *f = &fixtures[q];
    double theta[MAX_THETA], before[MAX_THETA], grad[MAX_COLS], beta[MAX_COLS];
    int64_t p = n_columns(&f->blocks), n_penalised = 0;
    for (int64_t k = 0; k < p; k++) {
      grad[k] = 5.0;  /* above every threshold here */
      beta[k] = 1e-6; /* the wrong side */
    }
    for (int64_t g = 0; g < f->blocks.n; g++) n_penalised += is_penalised(&f->blocks, g);
    f->map->balance(&f->blocks, beta, NULL, floor, theta);
    int64_t moved = f->map->reseed(&f->pen, lambda, &f->blocks, grad, floor, theta);
    assert_int_equal(moved, n_penalised);
    f->map->forward(&f->blocks, theta, beta);
    for (int64_t g = 0; g < f->blocks.n; g++)
      for (int64_t k = f->blocks.begin[g]; k < f->blocks.begin[g + 1]; k++)
        if (is_penalised(&f->blocks, g)) assert_true(beta[k] < 0.0 && beta[k] < -1e-3);

    for (int64_t k = 0; k < p; k++) grad[k] = 1e-3; /* below every threshold */
    memcpy(before, theta, sizeof theta);
    assert_int_equal(f->map->reseed(&f->pen, lambda, &f->blocks, grad, floor, theta), 0);
    for (int64_t k = 0; k < p; k++) grad[k] = 5.0, beta[k] = 1.0; /* large blocks stand */
    f->map->balance(&f->blocks, beta, NULL, floor, theta);
    assert_int_equal(f->map->reseed(&f->pen, lambda, &f->blocks, grad, floor, theta), 0);
  }
}

static void test_special_blocks(void **state)
{
  (void)state;
  fixture fixtures[3];
  int count = make_fixtures(fixtures);
  for (int q = 0; q < count; q++) {
    const fixture *f = &fixtures[q];
    double theta[MAX_THETA], beta[MAX_COLS], grad[MAX_THETA] = {0.0};
    int64_t place = 0, sum = 0;
    random_theta(f, 3, theta);
    f->map->forward(&f->blocks, theta, beta);
    f->map->penalty(&f->pen, 0.5, &f->blocks, theta, grad);
    for (int64_t g = 0; g < f->blocks.n; g++) {
      int64_t length = f->map->block_length(&f->blocks, g), begin = f->blocks.begin[g];
      if (isinf(f->blocks.weight[g])) {
        assert_int_equal(length, 0);
        assert_true(beta[begin] == 0.0);
      } else if (f->blocks.weight[g] == 0.0) {
        assert_int_equal(length, 1);
        assert_true(beta[begin] == theta[place] && grad[place] == 0.0);
      } else {
        assert_int_equal(length, bvl_block_len(&f->blocks, g) + 1);
      }
      place += length;
      sum += length;
    }
    assert_int_equal(sum, bvl_surrogate_length(f->map, &f->blocks));
  }
}

static void test_find(void **state)
{
  (void)state;
  fixture fixtures[3];
  const bvl_surrogate *map = NULL;
  make_fixtures(fixtures);
  assert_ptr_equal(fixtures[0].map, &bvl_surrogate_product);
  assert_ptr_equal(fixtures[2].map, &bvl_surrogate_group_product);
  assert_int_equal(bvl_surrogate_find("product", &fixtures[1].pen, &map), BVL_OK);
  assert_int_equal(bvl_surrogate_find("product", &fixtures[2].pen, &map), BVL_ERR_USAGE);
  assert_null(map);
  assert_non_null(strstr(bvl_last_error(), "group product")); /* what works is named */
  assert_int_equal(bvl_surrogate_find("no such map", &fixtures[0].pen, &map), BVL_ERR_USAGE);
}

BVL_TEST_MAIN(cmocka_unit_test(test_minimum_over_a_fibre), cmocka_unit_test(test_gradient),
              cmocka_unit_test(test_balance_keeps_beta),
              cmocka_unit_test(test_imbalance_is_the_excess),
              cmocka_unit_test(test_balance_of_zeros), cmocka_unit_test(test_reseed),
              cmocka_unit_test(test_special_blocks), cmocka_unit_test(test_find))
