/* SPDX-License-Identifier: BSD-3-Clause */
/* Symmetric matrices spread over all ranks in ScaLAPACK's block-cyclic layout.
 *
 * Rank (i, j) of a grid of its own, as square as the rank count allows, holds the blocks (a, b) of
 * BLOCK x BLOCK entries with a = i mod rows, b = j mod columns. Only the lower triangle counts.
 * The layout of an entry does not depend on d, so a matrix grows in place. Memory: about d^2 /
 * ranks doubles a rank; no rank ever holds more than a panel of the rest.
 *
 * Vectors are replicated: d doubles are nothing next to the matrix, and a product or a solve then
 * costs one reduction of d besides ScaLAPACK's own messages (which bvl_traffic does not count). */
#ifndef BVL_COMM_BLOCK_CYCLIC_H
#define BVL_COMM_BLOCK_CYCLIC_H

#include "comm/comm.h"

enum { BVL_BLOCK = 64 };

/** The BLACS process grid over a communicator. */
typedef struct bvl_block_grid {
  const bvl_comm *comm; /* borrowed; every rank of it takes part */
  int context;          /* BLACS's; -1 = none */
  int handle;           /* BLACS's of comm; -1 = none */
  int rows, cols;       /* rows * cols = comm->size */
  int i, j;             /* this rank's place */
} bvl_block_grid;

/** @param comm  borrowed until destroy. Collective. */
bvl_status bvl_block_grid_create(const bvl_comm *comm, bvl_block_grid **out);
void bvl_block_grid_destroy(bvl_block_grid **grid);

typedef struct bvl_block_cyclic {
  const bvl_block_grid *grid; /* borrowed */
  int64_t d;                  /* rows and columns */
  int64_t ld;                 /* local rows there is room for, at least 1 */
  int64_t room;               /* local columns there is room for */
  double *values;             /* ld x room, column-major, owned */
  double *work;               /* 2 ld, owned scratch */
} bvl_block_cyclic;

/** An empty matrix (d = 0). Not collective. */
bvl_status bvl_block_cyclic_create(const bvl_block_grid *grid, bvl_block_cyclic **out);
void bvl_block_cyclic_destroy(bvl_block_cyclic **matrix);

/** Makes the matrix d x d: what was there stays, new rows and columns are 0. Collective; d equal on
 * all ranks. @return BVL_ERR_NOMEM; BVL_ERR_USAGE when a rank's part is beyond ScaLAPACK's 32-bit
 * indices (2^31 entries). */
bvl_status bvl_block_cyclic_resize(bvl_block_cyclic *matrix, int64_t d);

/** matrix[row0 + k, col0 + l] += sum over the ranks of values[k + l ld], for the entries of this
 * panel in the lower triangle; those above it are ignored. Collective, one reduction of the panel;
 * the shape equal on all ranks. `values` is only read. */
bvl_status bvl_block_cyclic_add(bvl_block_cyclic *matrix, int64_t row0, int64_t n_rows,
                                int64_t col0, int64_t n_cols, const double *values, int64_t ld);

/** out <- matrix[index, index], index[0..n) ascending and replicated; out is resized and may not be
 * matrix. Collective: one exchange for each few thousand columns. */
bvl_status bvl_block_cyclic_take(const bvl_block_cyclic *matrix, int64_t n, const int64_t *index,
                                 bvl_block_cyclic *out);

/** matrix[k, k] += values[k]; values (d) replicated. Not collective. */
void bvl_block_cyclic_shift(bvl_block_cyclic *matrix, const double *values);

/** diagonal (d) <- the matrix's, replicated. Collective. */
bvl_status bvl_block_cyclic_diagonal(const bvl_block_cyclic *matrix, double *diagonal);

/** out (d x n, column-major) <- columns index[0..n) of the matrix, replicated as index is.
 * Collective: one reduction of d n. */
bvl_status bvl_block_cyclic_columns(const bvl_block_cyclic *matrix, int64_t n, const int64_t *index,
                                    double *out);

/** y = matrix x, both of d entries, replicated. Collective: one reduction of d. */
bvl_status bvl_block_cyclic_product(const bvl_block_cyclic *matrix, const double *x, double *y);

/** Overwrites the matrix by its Cholesky factor (pdpotrf). *bad <- 0, or k + 1 when pivot k is not
 * positive or is below floor times its diagonal: the matrix is then undefined. Collective; *bad the
 * same on every rank. */
bvl_status bvl_block_cyclic_factor(bvl_block_cyclic *matrix, double floor, int64_t *bad);

/** b <- A^-1 b for n right-hand sides (replicated, ld apart) and a factor of A (pdpotrs).
 * Collective: ScaLAPACK's messages and one reduction of d n. */
bvl_status bvl_block_cyclic_solve(const bvl_block_cyclic *factor, int64_t n, double *b, int64_t ld);

#endif
