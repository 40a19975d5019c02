/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks that maps take many at a time give what they give one by one, to the last bit but for the
 * order of a sum. */
#include "bvl_test.h"

#include "base/rng.h"
#include "surrogate/maps.h"

enum { MAX_BLOCKS = 1100, MAX_COLUMNS = MAX_BLOCKS + 8, MAX_THETA = 5 * MAX_COLUMNS };

typedef struct plan {
  int64_t begin[MAX_BLOCKS + 1];
  double weight[MAX_BLOCKS];
  bvl_blocks blocks;
} plan;

static double random_value(uint64_t stream, int64_t k)
{
  return bvl_rng_normal(9, BVL_STREAM_INIT, stream, (uint64_t)k);
}

/* n single columns of weight 1, some of them (odd = the place of the first, 0 = none) otherwise:
 * unpenalised and three columns long, excluded, of another weight. */
static void lay_out(plan *p, int64_t n, int64_t odd)
{
  p->blocks = (bvl_blocks){.n = n, .begin = p->begin, .weight = p->weight, .max_len = 3};
  p->begin[0] = 0;
  for (int64_t g = 0; g < n; g++) {
    const int which = odd > 0 && g >= odd ? (int)(g - odd) : 3;
    p->weight[g] = which == 0 ? 0.0 : which == 1 ? INFINITY : which == 2 ? 1.7 : 1.0;
    p->begin[g + 1] = p->begin[g] + (which == 0 ? 3 : 1);
  }
}

/* What the functions over all blocks should give, by the map's own of one block. */
static double one_by_one(const bvl_surrogate *map, const bvl_blocks *blocks, double level,
                         const double *theta, const double *g, double *beta, double *grad)
{
  double sum = 0.0;
  for (int64_t k = 0; k < blocks->n; k++) {
    const int64_t m = bvl_block_len(blocks, k), length = bvl_surrogate_block_length(map, blocks, k);
    const int64_t at = blocks->begin[k];
    if (bvl_surrogate_is_penalised(blocks->weight[k])) {
      map->type->forward(&map->shape, m, theta, beta + at);
      map->type->pull_back(&map->shape, m, theta, g + at, grad);
      sum += map->type->penalty(&map->shape, level * blocks->weight[k], m, theta, grad);
    } else {
      for (int64_t i = 0; i < m; i++) beta[at + i] = i < length ? theta[i] : 0.0;
      for (int64_t i = 0; i < length; i++) grad[i] = g[at + i];
    }
    theta += length;
    grad += length;
  }
  return sum;
}

static void check(const bvl_penalty *pen, const char *name, int64_t n, int64_t odd)
{
  static plan p;
  static double theta[MAX_THETA], g[MAX_COLUMNS], beta[2][MAX_COLUMNS], grad[2][MAX_THETA];
  bvl_surrogate map;
  assert_int_equal(bvl_surrogate_find(name, pen, 0, &map), BVL_OK);
  lay_out(&p, n, odd);
  const int64_t length = bvl_surrogate_length(&map, &p.blocks), columns = p.begin[n];
  for (int64_t k = 0; k < length; k++) theta[k] = random_value(0, k);
  for (int64_t k = 0; k < columns; k++) g[k] = random_value(1, k);
  const double wanted = one_by_one(&map, &p.blocks, 0.3, theta, g, beta[0], grad[0]);
  bvl_surrogate_forward(&map, &p.blocks, theta, beta[1]);
  bvl_surrogate_pull_back(&map, &p.blocks, theta, g, grad[1]);
  const double value = bvl_surrogate_penalty(&map, pen, 0.3, &p.blocks, theta, grad[1]);
  assert_memory_equal(beta[0], beta[1], (size_t)columns * sizeof(double));
  assert_memory_equal(grad[0], grad[1], (size_t)length * sizeof(double));
  ASSERT_NEAR(value, wanted, 1e-13 * wanted); /* thousands of terms > 0 in another order */
  ASSERT_NEAR(bvl_surrogate_penalty(&map, pen, 0.3, &p.blocks, theta, NULL), wanted,
              1e-13 * wanted);
}

static bvl_penalty penalty_of(const char *name, double q)
{
  bvl_penalty pen;
  bvl_penalty_parameters parameters = with_alpha(NAN);
  parameters.q = q;
  assert_int_equal(bvl_penalty_init(bvl_penalty_find(name), &parameters, &pen), BVL_OK);
  return pen;
}

static void test_runs(void **state)
{
  (void)state;
  const int64_t sizes[] = {1, 7, 255, 256, 257, 1024, MAX_BLOCKS};
  const bvl_penalty lasso = penalty_of("lasso", NAN), third = penalty_of("lq", 2.0 / 3.0),
                    fifth = penalty_of("lq", 0.4);
  for (int s = 0; s < 7; s++) {
    check(&lasso, "product", sizes[s], 0);
    check(&third, "product", sizes[s], 0);
    check(&fifth, "product", sizes[s], 0);
    check(&third, "power", sizes[s], 0); /* one by one always */
  }
}

/* Around other blocks, whatever the places of both in a run. */
static void test_runs_around_others(void **state)
{
  (void)state;
  const bvl_penalty lasso = penalty_of("lasso", NAN), third = penalty_of("lq", 2.0 / 3.0);
  const int64_t places[] = {1, 252, 253, 254, 255, 256, 257, 600, MAX_BLOCKS - 3, MAX_BLOCKS - 1};
  for (int s = 0; s < 10; s++) {
    check(&lasso, NULL, MAX_BLOCKS, places[s]);
    check(&third, NULL, MAX_BLOCKS, places[s]);
  }
}

/* The elastic net's ridge is in the value and the gradient. */
static void test_ridge(void **state)
{
  (void)state;
  static plan p;
  static double theta[MAX_THETA], plain[MAX_THETA], both[MAX_THETA];
  const bvl_penalty lasso = penalty_of("lasso", NAN);
  bvl_penalty_parameters parameters = with_alpha(0.5);
  bvl_penalty enet;
  bvl_surrogate map;
  double ridge = 0.0;
  assert_int_equal(bvl_penalty_init(bvl_penalty_find("enet"), &parameters, &enet), BVL_OK);
  assert_int_equal(bvl_surrogate_find("product", &enet, 0, &map), BVL_OK);
  lay_out(&p, 300, 0);
  for (int64_t k = 0; k < 600; k++) theta[k] = random_value(0, k);
  const double l1 = bvl_surrogate_penalty(&map, &lasso, 0.1, &p.blocks, theta, plain);
  const double all = bvl_surrogate_penalty(&map, &enet, 0.2, &p.blocks, theta, both);
  for (int64_t k = 0; k < 300; k++) {
    const double u = theta[2 * k], v = theta[2 * k + 1];
    ridge += 0.05 * u * u * v * v;
    ASSERT_NEAR(both[2 * k] - plain[2 * k], 0.1 * u * v * v, 1e-14 * (1.0 + fabs(u * v * v)));
  }
  ASSERT_NEAR(all - l1, ridge, 1e-12 * all);
}

BVL_TEST_MAIN(cmocka_unit_test(test_runs), cmocka_unit_test(test_runs_around_others),
              cmocka_unit_test(test_ridge))
