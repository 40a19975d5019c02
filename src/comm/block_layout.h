/* SPDX-License-Identifier: BSD-3-Clause */
/* Where an index lies in one direction of a block-cyclic layout: block b belongs to process b mod
 * parts. */
#ifndef BVL_COMM_BLOCK_LAYOUT_H
#define BVL_COMM_BLOCK_LAYOUT_H

#include "comm/block_cyclic.h"

static inline int bvl_block_owner(int64_t k, int parts)
{
  return (int)(k / BVL_BLOCK % parts);
}

/** Place of index k among its owner's. */
static inline int64_t bvl_block_local(int64_t k, int parts)
{
  return k / BVL_BLOCK / parts * BVL_BLOCK + k % BVL_BLOCK;
}

/** The index at place k of process `part`. */
static inline int64_t bvl_block_global(int64_t k, int parts, int part)
{
  return (k / BVL_BLOCK * parts + part) * BVL_BLOCK + k % BVL_BLOCK;
}

/** How many of the indices [0, n) process `part` owns: its place for the first one at or after n.
 */
static inline int64_t bvl_block_count(int64_t n, int parts, int part)
{
  const int64_t block = n / BVL_BLOCK;
  const int64_t full = (block / parts + (part < block % parts)) * BVL_BLOCK;
  return full + (block % parts == part ? n % BVL_BLOCK : 0);
}

#endif
