/* SPDX-License-Identifier: BSD-3-Clause */
/* CRC-32C: published values, the instruction against the table, parts put together. */
#include "bvl_test.h"

#include "base/crc32c.h"

enum { N = 1000 };
static unsigned char bytes[N + 8];

static void fill(void)
{
  uint32_t state = 12345;
  for (int k = 0; k < N + 8; k++) {
    state = state * 1664525u + 1013904223u;
    bytes[k] = (unsigned char)(state >> 24);
  }
}

/* RFC 3720, B.4, and the check value of every catalogue of CRCs. */
static void test_published(void **state)
{
  (void)state;
  unsigned char block[32] = {0};
  assert_int_equal(bvl_crc32c_ref(0, "123456789", 9), 0xE3069283u);
  assert_int_equal(bvl_crc32c_ref(0, block, 32), 0x8A9136AAu);
  memset(block, 0xFF, 32);
  assert_int_equal(bvl_crc32c_ref(0, block, 32), 0x62A8AB43u);
  for (int k = 0; k < 32; k++) block[k] = (unsigned char)k;
  assert_int_equal(bvl_crc32c_ref(0, block, 32), 0x46DD794Eu);
}

static void test_variant_is_the_reference(void **state)
{
  (void)state;
  static const size_t length[] = {0, 1, 7, 8, 9, 15, 16, 17, N};
  fill();
  for (size_t k = 0; k < sizeof length / sizeof length[0]; k++)
    for (size_t off = 0; off < 8; off++)
      assert_int_equal(bvl_crc32c(0x1234u, bytes + off, length[k]),
                       bvl_crc32c_ref(0x1234u, bytes + off, length[k]));
}

static void test_parts(void **state)
{
  (void)state;
  fill();
  const uint32_t whole = bvl_crc32c(0, bytes, N);
  for (size_t cut = 0; cut <= N; cut += 37) {
    const uint32_t head = bvl_crc32c(0, bytes, cut), tail = bvl_crc32c(0, bytes + cut, N - cut);
    assert_int_equal(bvl_crc32c(head, bytes + cut, N - cut), whole);
    assert_int_equal(bvl_crc32c_shift(head, (int64_t)(N - cut)) ^ tail, whole);
  }
}

static void test_every_bit_counts(void **state)
{
  (void)state;
  fill();
  const uint32_t whole = bvl_crc32c(0, bytes, N);
  for (size_t k = 0; k < 8 * N; k++) {
    bytes[k / 8] ^= (unsigned char)(1u << k % 8);
    assert_int_not_equal(bvl_crc32c(0, bytes, N), whole);
    bytes[k / 8] ^= (unsigned char)(1u << k % 8);
  }
}

BVL_TEST_MAIN(cmocka_unit_test(test_published), cmocka_unit_test(test_variant_is_the_reference),
              cmocka_unit_test(test_parts), cmocka_unit_test(test_every_bit_counts))
