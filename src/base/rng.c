/* SPDX-License-Identifier: BSD-3-Clause */
/* Philox-4x32-10 keyed by (seed ^ stream), counted by (major, minor). */
#include "base/rng.h"

#include <Random123/philox.h>
#include <math.h>

static philox4x32_ctr_t block(uint64_t seed, bvl_stream stream, uint64_t major, uint64_t minor)
{
  philox4x32_ctr_t counter = {{0}};
  philox4x32_key_t key = {{0}};
  counter.v[0] = (uint32_t)minor;
  counter.v[1] = (uint32_t)(minor >> 32);
  counter.v[2] = (uint32_t)major;
  counter.v[3] = (uint32_t)(major >> 32);
  key.v[0] = (uint32_t)seed;
  /* the stream goes into the high byte of the key: seeds up to 2^56 keep streams apart */
  key.v[1] = (uint32_t)(seed >> 32) ^ ((uint32_t)stream << 24);
  return philox4x32(counter, key);
}

static double unit(uint32_t high, uint32_t low)
{
  uint64_t bits = ((uint64_t)high << 32) | low;
  return (double)(bits >> 11) * 0x1p-53;
}

uint64_t bvl_rng_bits(uint64_t seed, bvl_stream stream, uint64_t major, uint64_t minor)
{
  philox4x32_ctr_t r = block(seed, stream, major, minor);
  return ((uint64_t)r.v[0] << 32) | r.v[1];
}

double bvl_rng_uniform(uint64_t seed, bvl_stream stream, uint64_t major, uint64_t minor)
{
  philox4x32_ctr_t r = block(seed, stream, major, minor);
  return unit(r.v[0], r.v[1]);
}

double bvl_rng_normal(uint64_t seed, bvl_stream stream, uint64_t major, uint64_t minor)
{
  philox4x32_ctr_t r = block(seed, stream, major, minor);
  double radius = sqrt(-2.0 * log1p(-unit(r.v[0], r.v[1]))); /* 1 - u is never 0 */
  return radius * cos(6.283185307179586476925 * unit(r.v[2], r.v[3]));
}

void bvl_rng_permutation(uint64_t seed, bvl_stream stream, uint64_t major, int64_t n,
                         int64_t *order)
{
  for (int64_t k = 0; k < n; k++) order[k] = k;
  for (int64_t k = n - 1; k > 0; k--) {
    double u = bvl_rng_uniform(seed, stream, major, (uint64_t)k);
    int64_t other = (int64_t)(u * (double)(k + 1));
    int64_t swap = order[k];
    order[k] = order[other];
    order[other] = swap;
  }
}
