/* SPDX-License-Identifier: BSD-3-Clause */
/* Checked conversion and allocation, and the even cuts. */
#include "bvl_test.h"

#include <limits.h>

#include "base/checked.h"

static void test_to_int_at_the_border(void **state)
{
  (void)state;
  int v = 7;
  assert_int_equal(bvl_to_int(INT_MAX, &v), BVL_OK);
  assert_int_equal(v, INT_MAX);
  assert_int_equal(bvl_to_int(INT_MIN, &v), BVL_OK);
  assert_int_equal(v, INT_MIN);
  assert_int_equal(bvl_to_int((int64_t)INT_MAX + 1, &v), BVL_ERR_USAGE);
  assert_non_null(strstr(bvl_last_error(), "2147483648"));
  assert_int_equal(bvl_to_int((int64_t)INT_MIN - 1, &v), BVL_ERR_USAGE);
  assert_int_equal(v, INT_MIN);
}

static void test_alloc_is_zero_and_freeable(void **state)
{
  (void)state;
  double *x = NULL;
  assert_int_equal(BVL_ALLOC(&x, 1000), BVL_OK);
  for (int i = 0; i < 1000; i++) assert_true(x[i] == 0.0);
  free(x);
  assert_int_equal(BVL_ALLOC(&x, 0), BVL_OK);
  assert_non_null(x);
  free(x);
}

static void test_alloc_refuses(void **state)
{
  (void)state;
  double here = 0.0;
  double *x = &here;
  assert_int_equal(BVL_ALLOC(&x, -1), BVL_ERR_NOMEM);
  assert_null(x);
  /* 8 (2^63 - 1) bytes do not fit size_t: must not wrap around to a small block */
  assert_int_equal(BVL_ALLOC(&x, INT64_MAX), BVL_ERR_NOMEM);
  assert_null(x);
  assert_non_null(strstr(bvl_last_error(), "9223372036854775807 x 8"));
}

static void test_grow_keeps_and_zeroes(void **state)
{
  (void)state;
  int64_t *x = NULL;
  int64_t capacity = 0;
  for (int64_t n = 0; n <= 300; n += 7) {
    int64_t before = capacity;
    assert_int_equal(BVL_GROW(&x, &capacity, n), BVL_OK);
    assert_true(capacity >= n);
    for (int64_t i = 0; i < before; i++) assert_int_equal(x[i], i + 1);
    for (int64_t i = before; i < capacity; i++) {
      assert_int_equal(x[i], 0);
      x[i] = i + 1;
    }
  }
  int64_t held = capacity;
  assert_int_equal(BVL_GROW(&x, &capacity, INT64_MAX), BVL_ERR_NOMEM);
  assert_int_equal(capacity, held); /* a refusal leaves the array as it was */
  assert_int_equal(x[held - 1], held);
  free(x);
}

/* floor(k n / parts) <=> parts cut <= k n < parts (cut + 1) */
/* Arrays of several types keep what they held, are zero beyond, and share one capacity. */
static void test_grow_all_alike(void **state)
{
  (void)state;
  double *x = NULL;
  unsigned char *y = NULL;
  int64_t capacity = 0;
  for (int64_t n = 0; n <= 300; n += 7) {
    const int64_t before = capacity;
    assert_int_equal(BVL_GROW_ALL(&capacity, n, BVL_GROWN(&x), BVL_GROWN(&y)), BVL_OK);
    assert_true(capacity >= n && x != NULL && y != NULL);
    for (int64_t i = 0; i < before; i++) assert_true(x[i] == (double)i + 1 && y[i] == i % 200 + 1);
    for (int64_t i = before; i < capacity; i++) {
      assert_true(x[i] == 0 && y[i] == 0);
      x[i] = (double)i + 1;
      y[i] = (unsigned char)(i % 200 + 1);
    }
  }
  free(x);
  free(y);
}

/* What cannot be had leaves the capacity that all still have. */
static void test_grow_all_refuses(void **state)
{
  (void)state;
  double *x = NULL;
  unsigned char *y = NULL;
  int64_t capacity = 0;
  assert_int_equal(BVL_GROW_ALL(&capacity, 5, BVL_GROWN(&y), BVL_GROWN(&x)), BVL_OK);
  x[4] = 3;
  y[4] = 4;
  /* more bytes than size_t counts */
  assert_int_equal(BVL_GROW_ALL(&capacity, INT64_MAX, BVL_GROWN(&x), BVL_GROWN(&y)), BVL_ERR_NOMEM);
  assert_int_equal(capacity, 5);
  assert_true(x[4] == 3 && y[4] == 4);
  free(x);
  free(y);
}

static void test_cut_is_the_floor(void **state)
{
  (void)state;
  const int64_t sizes[] = {0, 1, 2, 63, 64, 65, 1000, 1234567};
  for (size_t a = 0; a < sizeof sizes / sizeof *sizes; a++)
    for (int64_t parts = 1; parts <= 70; parts++)
      for (int64_t k = 0; k <= parts; k++) {
        int64_t cut = bvl_cut(sizes[a], parts, k);
        assert_true(parts * cut <= k * sizes[a] && k * sizes[a] < parts * (cut + 1));
      }
}

static void test_cut_of_large_numbers(void **state)
{
  (void)state;
  int64_t n = ((int64_t)1 << 53) - 1;
  int64_t parts = INT_MAX - 1;
  assert_int_equal(bvl_cut(n, parts, parts), n);
  int64_t share = bvl_cut(n, parts, 1);
  for (int64_t k = parts - 5; k < parts; k++) { /* equal shares, to a unit */
    int64_t part = bvl_cut(n, parts, k + 1) - bvl_cut(n, parts, k);
    assert_true(part == share || part == share + 1);
  }
}

BVL_TEST_MAIN(cmocka_unit_test(test_to_int_at_the_border),
              cmocka_unit_test(test_alloc_is_zero_and_freeable),
              cmocka_unit_test(test_alloc_refuses), cmocka_unit_test(test_grow_keeps_and_zeroes),
              cmocka_unit_test(test_grow_all_alike), cmocka_unit_test(test_grow_all_refuses),
              cmocka_unit_test(test_cut_is_the_floor), cmocka_unit_test(test_cut_of_large_numbers))
