/* SPDX-License-Identifier: BSD-3-Clause */
/* Counter-based random numbers (Philox-4x32-10 of Random123): a draw is a pure function of
 * (seed, stream, index), so that every rank count, grid and order of evaluation sees the same
 * numbers. Salmon, Moraes, Dror, Shaw, SC'11. */
#ifndef BVL_BASE_RNG_H
#define BVL_BASE_RNG_H

#include <stdint.h>

/** What a draw is for; each purpose is a stream of its own. */
typedef enum bvl_stream {
  BVL_STREAM_TILE_ORDER = 1, /* order of the rows inside a tile */
  BVL_STREAM_BATCH_ORDER,    /* order of the minibatches inside an epoch */
  BVL_STREAM_INIT,           /* factors */
  BVL_STREAM_SIM_X,          /* simulated design */
  BVL_STREAM_SIM_PATTERN,    /* simulated sparsity */
  BVL_STREAM_SIM_BETA,       /* simulated coefficients */
  BVL_STREAM_SIM_NOISE,      /* simulated responses */
  BVL_STREAM_FOLD            /* folds, subsamples */
} bvl_stream;

/** 64 random bits. `major` and `minor` index the draw (row and column, epoch and position). */
uint64_t bvl_rng_bits(uint64_t seed, bvl_stream stream, uint64_t major, uint64_t minor);

/** Uniform on [0, 1) with 53 bits. */
double bvl_rng_uniform(uint64_t seed, bvl_stream stream, uint64_t major, uint64_t minor);

/** Standard normal (Box-Muller on one Philox block). */
double bvl_rng_normal(uint64_t seed, bvl_stream stream, uint64_t major, uint64_t minor);

/** Fills order[0..n) with a random permutation of 0..n-1 (Fisher-Yates on the counters
 * (major, k)): the same on every rank. */
void bvl_rng_permutation(uint64_t seed, bvl_stream stream, uint64_t major, int64_t n,
                         int64_t *order);

#endif
