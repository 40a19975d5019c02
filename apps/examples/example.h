/* SPDX-License-Identifier: BSD-3-Clause */
/* What the three examples share: errors, and numbers. */
#ifndef BEVEL_EXAMPLE_H
#define BEVEL_EXAMPLE_H

#include <stdint.h>
#include <stdio.h>

#include <bevel/status.h>
#include <mpi.h>

/* A failure is the same status on every rank, with one line that says why. */
#define TRY(call)                                                                                  \
  do {                                                                                             \
    if ((call) != BVL_OK) {                                                                        \
      fprintf(stderr, "%s\n", bvl_last_error());                                                   \
      MPI_Abort(MPI_COMM_WORLD, 1);                                                                \
    }                                                                                              \
  } while (0)

/* A number in [-0.5, 0.5) made of its place, so that every rank and every rank count has the same
 * matrix (splitmix64). */
static inline double entry(int64_t i, int64_t j)
{
  uint64_t z = (uint64_t)(i * 1000003 + j + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return (double)((z ^ (z >> 31)) >> 40) / 16777216.0 - 0.5;
}

#endif
