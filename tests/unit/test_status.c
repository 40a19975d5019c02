/* SPDX-License-Identifier: BSD-3-Clause */
/* Statuses, their names and the last message. */
#include "bvl_test.h"

#include "base/status.h"

static void test_fail_keeps_the_message(void **state)
{
  (void)state;
  assert_int_equal(bvl_fail(BVL_ERR_INPUT, "ld %d < n_local %d", 3, 5), BVL_ERR_INPUT);
  assert_string_equal(bvl_last_error(), "ld 3 < n_local 5");
}

static void test_long_message_is_cut(void **state)
{
  (void)state;
  char text[2 * BVL_MESSAGE_BYTES];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  bvl_fail(BVL_ERR_IO, "%s", text);
  assert_int_equal(strlen(bvl_last_error()), BVL_MESSAGE_BYTES - 1);
}

static void test_every_status_has_its_own_name(void **state)
{
  (void)state;
  for (int a = BVL_OK; a <= BVL_ERR_INTERNAL; a++) {
    assert_string_not_equal(bvl_status_text((bvl_status)a), "unknown status");
    for (int b = BVL_OK; b < a; b++)
      assert_string_not_equal(bvl_status_text((bvl_status)a), bvl_status_text((bvl_status)b));
  }
}

static bvl_status try_twice(bvl_status first, bvl_status second, int *cleaned)
{
  bvl_status status = BVL_OK;
  BVL_TRY(first);
  BVL_TRY(second);
cleanup:
  *cleaned = 1;
  return status;
}

static void test_try_stops_at_the_first_failure(void **state)
{
  (void)state;
  int cleaned = 0;
  assert_int_equal(try_twice(BVL_OK, BVL_OK, &cleaned), BVL_OK);
  assert_int_equal(try_twice(BVL_ERR_DISK, BVL_ERR_NOMEM, &cleaned), BVL_ERR_DISK);
  assert_int_equal(try_twice(BVL_OK, BVL_ERR_NOMEM, &cleaned), BVL_ERR_NOMEM);
  assert_true(cleaned);
}

static void test_version_has_three_numbers(void **state)
{
  (void)state;
  int major, minor, patch;
  char rest;
  assert_int_equal(sscanf(bvl_version(), "%d.%d.%d%c", &major, &minor, &patch, &rest), 3);
}

BVL_TEST_MAIN(cmocka_unit_test(test_fail_keeps_the_message),
              cmocka_unit_test(test_long_message_is_cut),
              cmocka_unit_test(test_every_status_has_its_own_name),
              cmocka_unit_test(test_try_stops_at_the_first_failure),
              cmocka_unit_test(test_version_has_three_numbers))
