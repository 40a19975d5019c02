/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/crc32c.h"

#include <string.h>

/* x^32 + x^28 + x^27 + ... + 1, the lowest power in the highest bit, x^32 not written. */
#define POLYNOMIAL UINT32_C(0x82F63B78)

uint32_t bvl_crc32c_ref(uint32_t crc, const void *bytes, size_t n)
{
  const unsigned char *byte = bytes;
  uint32_t table[256];
  for (uint32_t k = 0; k < 256; k++) {
    uint32_t remainder = k;
    for (int bit = 0; bit < 8; bit++)
      remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? POLYNOMIAL : 0);
    table[k] = remainder;
  }
  crc = ~crc;
  for (size_t k = 0; k < n; k++) crc = (crc >> 8) ^ table[(crc ^ byte[k]) & 0xFF];
  return ~crc;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *bytes,
                                                               size_t n)
{
  const unsigned char *byte = bytes;
  uint64_t state = (uint32_t)~crc;
  for (; n >= 8; n -= 8, byte += 8) {
    uint64_t word;
    memcpy(&word, byte, sizeof word); /* any alignment */
    state = _mm_crc32_u64(state, word);
  }
  uint32_t last = (uint32_t)state;
  for (; n > 0; n--, byte++) last = _mm_crc32_u8(last, *byte);
  return ~last;
}

uint32_t bvl_crc32c(uint32_t crc, const void *bytes, size_t n)
{
  return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, bytes, n)
                                          : bvl_crc32c_ref(crc, bytes, n);
}
#else
uint32_t bvl_crc32c(uint32_t crc, const void *bytes, size_t n)
{
  return bvl_crc32c_ref(crc, bytes, n);
}
#endif

/* a b modulo the polynomial. 1 is the highest bit; a times x is a shift to the right. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
  uint32_t product = 0;
  for (uint32_t bit = UINT32_C(1) << 31; bit != 0; bit >>= 1) {
    if ((b & bit) != 0) product ^= a;
    a = (a >> 1) ^ ((a & 1) != 0 ? POLYNOMIAL : 0);
  }
  return product;
}

/* Times x^(8 n), by squaring. */
uint32_t bvl_crc32c_shift(uint32_t crc, int64_t n)
{
  uint32_t power = UINT32_C(1) << (31 - 8); /* x^8: a byte */
  for (uint64_t left = (uint64_t)n; left != 0; left >>= 1) {
    if ((left & 1) != 0) crc = multiply(crc, power);
    power = multiply(power, power);
  }
  return crc;
}
