/* SPDX-License-Identifier: BSD-3-Clause */
/* Counter-based random numbers: the published known answers, and moments. */
#include "bvl_test.h"

#include <Random123/philox.h>

#include "base/rng.h"

/* Random123's file kat_vectors, philox4x32 with 10 rounds: counter, key, result. */
static const uint32_t known[3][10] = {
    {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
    {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
     0xa20bc7c6, 0x6d5451fd},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
     0x5001e420, 0x24126ea1}};

static uint64_t join(uint32_t high, uint32_t low)
{
  return (uint64_t)high << 32 | low;
}

static void test_library_gives_the_known_answers(void **state)
{
  (void)state;
  for (int v = 0; v < 3; v++) {
    const uint32_t *k = known[v];
    philox4x32_ctr_t counter = {{k[0], k[1], k[2], k[3]}};
    philox4x32_key_t key = {{k[4], k[5]}};
    philox4x32_ctr_t r = philox4x32(counter, key);
    for (int i = 0; i < 4; i++) assert_int_equal(r.v[i], k[6 + i]);
  }
}

/* Our counters and seeds reach the same vectors: minor, major are the counter's halves, and the
 * stream is undone in the seed's high byte. */
static void test_bits_give_the_known_answers(void **state)
{
  (void)state;
  for (int v = 0; v < 3; v++) {
    const uint32_t *k = known[v];
    for (int s = BVL_STREAM_TILE_ORDER; s <= BVL_STREAM_FOLD; s++) {
      uint64_t seed = join(k[5] ^ (uint32_t)s << 24, k[4]);
      uint64_t bits = bvl_rng_bits(seed, (bvl_stream)s, join(k[3], k[2]), join(k[1], k[0]));
      assert_true(bits == join(k[6], k[7]));
    }
  }
}

static void test_uniform_moments(void **state)
{
  (void)state;
  const int n = 100000;
  int cells[16] = {0};
  double sum = 0.0;
  for (int i = 0; i < n; i++) {
    double u = bvl_rng_uniform(7, BVL_STREAM_INIT, 3, (uint64_t)i);
    assert_true(u >= 0.0 && u < 1.0);
    sum += u;
    cells[(int)(16 * u)]++;
  }
  /* The mean's standard deviation is 1 / sqrt(12 n) = 9.1e-4: six of them. */
  assert_true(fabs(sum / n - 0.5) < 6 / sqrt(12.0 * n));
  /* Chi-square with 15 degrees of freedom: mean 15, standard deviation sqrt(30); 15 + 8 sqrt(30).
   */
  double chi2 = 0.0;
  for (int c = 0; c < 16; c++) chi2 += pow(cells[c] - n / 16.0, 2) / (n / 16.0);
  assert_true(chi2 < 15 + 8 * sqrt(30.0));
}

static void test_normal_moments(void **state)
{
  (void)state;
  const int n = 100000;
  double m[4] = {0};
  for (int i = 0; i < n; i++) {
    double z = bvl_rng_normal(7, BVL_STREAM_SIM_X, (uint64_t)i, 5);
    assert_true(isfinite(z));
    for (int k = 0; k < 4; k++) m[k] += pow(z, k + 1) / n;
  }
  /* Six standard deviations of the sample moments: var z^k / n = 1, 2, 15, 96 over n. */
  const double expected[4] = {0, 1, 0, 3};
  const double variance[4] = {1, 2, 15, 96};
  for (int k = 0; k < 4; k++) assert_true(fabs(m[k] - expected[k]) < 6 * sqrt(variance[k] / n));
}

static void test_streams_and_indices_differ(void **state)
{
  (void)state;
  uint64_t a = bvl_rng_bits(1, BVL_STREAM_INIT, 0, 0);
  assert_true(a == bvl_rng_bits(1, BVL_STREAM_INIT, 0, 0));
  assert_true(a != bvl_rng_bits(2, BVL_STREAM_INIT, 0, 0));
  assert_true(a != bvl_rng_bits(1, BVL_STREAM_FOLD, 0, 0));
  assert_true(a != bvl_rng_bits(1, BVL_STREAM_INIT, 1, 0));
  assert_true(a != bvl_rng_bits(1, BVL_STREAM_INIT, 0, 1));
  assert_true(a != bvl_rng_bits(1, BVL_STREAM_INIT, 0, (uint64_t)1 << 32));
}

static void test_permutation_is_one(void **state)
{
  (void)state;
  const int64_t sizes[] = {0, 1, 2, 3, 17, 1024};
  int64_t order[1024];
  for (size_t a = 0; a < sizeof sizes / sizeof *sizes; a++) {
    unsigned char seen[1024] = {0};
    bvl_rng_permutation(0, BVL_STREAM_TILE_ORDER, a, sizes[a], order);
    for (int64_t k = 0; k < sizes[a]; k++) {
      assert_in_range(order[k], 0, sizes[a] - 1);
      assert_false(seen[order[k]]++);
    }
  }
}

/* All 24 orders of 4 things, equally often: chi-square with 23 degrees of freedom. */
static void test_permutations_are_uniform(void **state)
{
  (void)state;
  const int n = 24000;
  int times[256] = {0};
  for (int i = 0; i < n; i++) {
    int64_t o[4];
    bvl_rng_permutation(11, BVL_STREAM_BATCH_ORDER, (uint64_t)i, 4, o);
    times[o[0] + 4 * o[1] + 16 * o[2] + 64 * o[3]]++;
  }
  double chi2 = 0.0;
  int kinds = 0;
  for (int c = 0; c < 256; c++) {
    kinds += times[c] > 0;
    if (times[c] > 0) chi2 += pow(times[c] - n / 24.0, 2) / (n / 24.0);
  }
  assert_int_equal(kinds, 24);
  assert_true(chi2 < 23 + 8 * sqrt(46.0)); /* mean 23, standard deviation sqrt(46) */
}

BVL_TEST_MAIN(cmocka_unit_test(test_library_gives_the_known_answers),
              cmocka_unit_test(test_bits_give_the_known_answers),
              cmocka_unit_test(test_uniform_moments), cmocka_unit_test(test_normal_moments),
              cmocka_unit_test(test_streams_and_indices_differ),
              cmocka_unit_test(test_permutation_is_one),
              cmocka_unit_test(test_permutations_are_uniform))
