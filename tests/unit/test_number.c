/* SPDX-License-Identifier: BSD-3-Clause */
/* Decimal text to doubles: strtod is the truth, bit by bit. */
#include "bvl_test.h"

#include <float.h>
#include <inttypes.h>
#include <locale.h>

#include "base/rng.h"
#include "io/number.h"

static int same_bits(double a, double b)
{
  return memcmp(&a, &b, sizeof a) == 0;
}

/* As strtod says, to the last bit and the last character. */
static void agrees(const char *text)
{
  const char *past;
  char *end;
  double mine = -1.0, truth = strtod(text, &end);
  const bvl_number_kind kind = bvl_number(text, &past, &mine);
  if (kind != BVL_NUMBER_FINITE || past != end || !same_bits(mine, truth))
    fail_msg("%s: %.17g, not %.17g; kind %d, %d of %d characters", text, mine, truth, (int)kind,
             (int)(past - text), (int)(end - text));
}

static void test_plain(void **state)
{
  static const char *const texts[] = {"0",
                                      "-0",
                                      "+1",
                                      "1.",
                                      ".5",
                                      "-.5e1",
                                      "1e",
                                      "1e+",
                                      "1e-",
                                      "1e5x",
                                      "3.14159 2",
                                      "00012",
                                      "1e22",
                                      "1e23",
                                      "9007199254740993",
                                      "9007199254740992e-22",
                                      "123456789012345678",
                                      "1e-22",
                                      "1e-23",
                                      "9999999999999999999",
                                      "99999999999999999999",
                                      "18446744073709551615",
                                      "0.1e-300",
                                      "5e-324",
                                      "2.2250738585072011e-308",
                                      "1.7976931348623157e308",
                                      "4.9e-324",
                                      "1e-400",
                                      "0e400",
                                      "0e99999",
                                      "0.000000000000000000000000000000000001",
                                      "100000000000000000000000000000000000",
                                      "6.02214076e23",
                                      "1.00000000000000011102230246251565",
                                      "0.3e1e5",
                                      "1..2",
                                      "8.5e-5-3"};
  (void)state;
  for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) agrees(texts[k]);
}

/* Uniform bits as doubles in several notations, and random digits and powers around every edge. */
static void test_random(void **state)
{
  char text[64];
  (void)state;
  for (uint64_t k = 0; k < 20000; k++) {
    const double u = bvl_rng_uniform(5, BVL_STREAM_SIM_BETA, k, 0);
    const double v = bvl_rng_uniform(5, BVL_STREAM_SIM_BETA, k, 1);
    const int digits = 1 + (int)(19 * bvl_rng_uniform(5, BVL_STREAM_SIM_BETA, k, 2));
    snprintf(text, sizeof text, "%.*g", digits, (u - 0.5) * exp(100.0 * (v - 0.5)));
    agrees(text);
    snprintf(text, sizeof text, "%.17g", (u - 0.5) * 8.0);
    agrees(text);
    snprintf(text, sizeof text, "%" PRIu64 "e%d", (uint64_t)(u * 0x1p63) * 2 + (k & 1),
             (int)(70.0 * v) - 35);
    agrees(text);
    snprintf(text, sizeof text, "%" PRIu64 ".%07" PRIu64, (uint64_t)(u * 1e9), (uint64_t)(v * 1e7));
    agrees(text);
  }
}

/* Halfway between two doubles, and next to it: where rounding twice would err. */
static void test_halfway(void **state)
{
  char text[64];
  (void)state;
  for (uint64_t k = 0; k < 4000; k++) {
    const uint64_t odd = (UINT64_C(1) << 53) + 2 * k + 1; /* between two doubles of 54 bits */
    for (int near = -1; near <= 1; near++) {
      snprintf(text, sizeof text, "%" PRIu64, odd * 2 + (uint64_t)(near + 1) - 1);
      agrees(text);
      snprintf(text, sizeof text, "%" PRIu64 "e-1", odd * 10 + (uint64_t)(near + 1) - 1);
      agrees(text);
      snprintf(text, sizeof text, "%" PRIu64 "e-27", odd * 512 + (uint64_t)(near + 1) - 1);
      agrees(text);
    }
  }
}

static void test_kinds(void **state)
{
  static const struct {
    const char *text;
    bvl_number_kind kind;
    int taken;
  } cases[] = {{"1e400", BVL_NUMBER_TOO_LARGE, 5},
               {"-1e400 ", BVL_NUMBER_TOO_LARGE, 6},
               {"1e99999999999999999999", BVL_NUMBER_TOO_LARGE, 22},
               {"nan", BVL_NUMBER_NAN, 3},
               {"NaN,", BVL_NUMBER_NAN, 3},
               {"-inf", BVL_NUMBER_INFINITE, 4},
               {"Infinity", BVL_NUMBER_INFINITE, 8},
               {"", BVL_NUMBER_NONE, 0},
               {"-", BVL_NUMBER_NONE, 0},
               {".", BVL_NUMBER_NONE, 0},
               {"e5", BVL_NUMBER_NONE, 0},
               {" 1", BVL_NUMBER_NONE, 0},
               {"x", BVL_NUMBER_NONE, 0}};
  (void)state;
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    const char *past;
    double value;
    assert_int_equal(bvl_number(cases[k].text, &past, &value), cases[k].kind);
    assert_int_equal(past - cases[k].text, cases[k].taken);
  }
  agrees("1e-99999999999999999999");
  const char *past;
  double value;
  assert_int_equal(bvl_number("0x10", &past, &value), BVL_NUMBER_FINITE); /* 0, then an x */
  assert_true(value == 0.0 && *past == 'x');
}

/* Long ones are strtod's, and more than it would ever need are nobody's. */
static void test_long(void **state)
{
  char text[3000];
  const char *past;
  double value;
  (void)state;
  memset(text, '3', sizeof text);
  text[1] = '.';
  text[1000] = '\0';
  agrees(text);
  text[1000] = '3';
  text[sizeof text - 1] = '\0';
  assert_int_equal(bvl_number(text, &past, &value), BVL_NUMBER_NONE);
}

static void test_locale(void **state)
{
  (void)state;
  static const char *const commas[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"};
  for (size_t k = 0; k < 3; k++)
    if (setlocale(LC_NUMERIC, commas[k]) != NULL) break;
  const char *past;
  double value;
  assert_int_equal(bvl_number("0.1234567890123456789012", &past, &value), BVL_NUMBER_FINITE);
  setlocale(LC_NUMERIC, "C");
  assert_true(same_bits(value, 0.1234567890123456789012));
}

static void test_index(void **state)
{
  const char *past;
  int64_t value;
  (void)state;
  assert_int_equal(bvl_number_index("0:", &past, &value), 0);
  assert_true(value == 0 && *past == ':');
  assert_int_equal(bvl_number_index("4611686018427387904:", &past, &value), 0);
  assert_true(value == INT64_C(1) << 62);
  assert_int_equal(bvl_number_index("4611686018427387905", &past, &value), -1);
  assert_int_equal(bvl_number_index("99999999999999999999", &past, &value), -1);
  assert_int_equal(bvl_number_index("-1", &past, &value), -1);
  assert_int_equal(bvl_number_index("", &past, &value), -1);
}

BVL_TEST_MAIN(cmocka_unit_test(test_plain), cmocka_unit_test(test_random),
              cmocka_unit_test(test_halfway), cmocka_unit_test(test_kinds),
              cmocka_unit_test(test_long), cmocka_unit_test(test_locale),
              cmocka_unit_test(test_index))
