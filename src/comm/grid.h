/* SPDX-License-Identifier: BSD-3-Clause */
/* The process grid Pr x Pc and what each rank owns of an n x p matrix.
 *
 * Rank (i, j) = (rank / Pc, rank % Pc) holds X[I_i, J_j].
 *
 * Rows. Input rows are cut into T tiles of nearly equal length (T fixed by n alone); grid row i
 * owns whole consecutive tiles. Inside a tile the rows stand in a pseudorandom order that depends
 * on the tile alone, so slice b of every tile is a stratified sample whatever order the file has,
 * while reading stays contiguous. Rows of I_i are *block rows*, replicated over the Pc ranks of the
 * grid row; rank (i, j) answers alone for its *split rows*, the j-th of Pc cuts of them: sums over
 * samples run over split rows and bvl_grid.all, so nothing is counted twice.
 *
 * Columns. Position k = 0..p-1 is a column's place after the one permutation that makes blocks
 * (groups) contiguous; it does not depend on the rank count. J_j is an interval of positions that
 * no block crosses, balanced by weight (nonzeros or bytes).
 *
 * Any rank may own no rows or no columns. */
#ifndef BVL_COMM_GRID_H
#define BVL_COMM_GRID_H

#include "bevel/grid.h"
#include "comm/comm.h"

struct bvl_grid {
  bvl_comm all; /* every rank */
  bvl_comm row; /* the Pc ranks of grid row i, ordered by j: sums X_J B_J over columns */
  bvl_comm col; /* the Pr ranks of grid column j, ordered by i: sums X_I'r over rows */
  int n_rows;   /* Pr */
  int n_cols;   /* Pc */
  int i;        /* this rank's grid row */
  int j;        /* this rank's grid column */
  bvl_traffic traffic;
};

/** Number of tiles for n rows: min(n, 64) below 2^16 rows, n / 1024 from there on. */
int64_t bvl_tile_count(int64_t n);

typedef struct bvl_rows {
  int64_t n;        /* global */
  int64_t n_tiles;  /* T */
  int64_t tile0;    /* first tile of this grid row */
  int64_t tile1;    /* one past the last */
  int64_t row0;     /* first input row of this grid row */
  int64_t n_local;  /* block rows: input rows row0 .. row0 + n_local - 1 */
  int64_t n_slices; /* S: minibatches an epoch; 1 when there are none */
  int64_t *input;   /* n_local: input row of each local row; local order is slice, tile, place */
  int64_t *slice_begin; /* S + 1: local rows of slice s are slice_begin[s] .. slice_begin[s+1]-1 */
  int64_t split0;       /* split rows: local rows split0 .. split1 - 1 */
  int64_t split1;
} bvl_rows;

/** Rows of this rank for n rows cut into n_slices minibatches (>= 1, at most max(n, 1)). Not
 * collective. Every input row lies in exactly one slice; slice sizes differ by about one row a
 * tile: slice s of a tile of m rows is the places floor(s m / S + f) .. floor((s+1) m / S + f) - 1,
 * f the tile's own fraction (a golden-ratio sequence), so tiles shorter than S still spread. */
bvl_status bvl_rows_create(const bvl_grid *grid, int64_t n, int64_t n_slices, bvl_rows *out);
void bvl_rows_free(bvl_rows *rows);

typedef struct bvl_columns {
  int64_t p;       /* global */
  int64_t *input;  /* p: input column of each position, replicated; NULL when the identity */
  int64_t *begin;  /* Pc + 1: first position of each grid column, replicated */
  int64_t first;   /* begin[j] of this rank */
  int64_t p_local; /* begin[j + 1] - begin[j] */
} bvl_columns;

/** Columns of this rank. `input` (p, replicated; NULL = identity) is copied; `block_begin`
 * (n_blocks
 * + 1 positions, 0 first and p last; NULL = every column a block) marks where J may be cut;
 * `weight` (p, per position; NULL = equal) is what is balanced. Not collective, replicated
 * arguments. */
bvl_status bvl_columns_create(const bvl_grid *grid, int64_t p, const int64_t *input,
                              int64_t n_blocks, const int64_t *block_begin, const double *weight,
                              bvl_columns *out);
void bvl_columns_free(bvl_columns *columns);

/** The input column at a position. */
static inline int64_t bvl_columns_input(const bvl_columns *columns, int64_t position)
{
  return columns->input != NULL ? columns->input[position] : position;
}

#endif
