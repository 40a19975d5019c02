/* SPDX-License-Identifier: BSD-3-Clause */
/* CRC-32C (Castagnoli), the checksum of iSCSI and ext4 (RFC 3720, B.4): finds every error of up to
 * 32 neighbouring bits, and of five bits anywhere in 2^31. x86 has an instruction for it: 8 bytes
 * every 3 cycles, some 8 GB/s, as much as a page cache gives. Not collective. */
#ifndef BVL_BASE_CRC32C_H
#define BVL_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/** The checksum of what `crc` is the checksum of (0 = of nothing) followed by n more bytes. */
uint32_t bvl_crc32c(uint32_t crc, const void *bytes, size_t n);
/** The same by the definition, a table of bytes: on every machine, and the oracle. */
uint32_t bvl_crc32c_ref(uint32_t crc, const void *bytes, size_t n);

/** What `crc` counts for when n bytes follow it: crc(A B) = shift(crc(A), |B|) ^ crc(B), so that
 * parts may be summed apart. log2(n) products of polynomials. */
uint32_t bvl_crc32c_shift(uint32_t crc, int64_t n);

#endif
