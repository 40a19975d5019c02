/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading X's numbers, wherever they are: the one door for everybody in this room who wants more
 * than a product. X is held in panels, or it is streamed: only the source is kept, and what is
 * wanted is read from it each time.
 *
 *   walk    all columns of a streamed X, or some, piece by piece, rows in ascending order: a
 *           sweep. It costs one pass over (these columns of) the file, in strips of rows that are
 *           contiguous in it, turned column-major block by block in the cache.
 *   fetch   some columns whole, into a cache that drops those not used for longest; then
 *           bvl_design_load and products with these columns find them there.
 *
 * A streamed design reads by itself, never collectively, so ranks may differ in how often. What
 * fails there fails for good: reading stops, zeros are handed out, and whoever is next to agree
 * with the other ranks asks bvl_design_failure. */
#ifndef BVL_DATA_STREAMED_H
#define BVL_DATA_STREAMED_H

#include "data/design.h"

enum { BVL_STREAMED_BLOCK = 512 }; /* no piece of a streamed X has more columns */

/** Some rows of some columns of X. */
typedef struct bvl_piece {
  int64_t row0; /* first local row */
  int64_t n_rows;
  int64_t first; /* columns first .. first + n_cols - 1 ... */
  int64_t n_cols;
  const int64_t *cols; /* ... or, where not NULL, these */
  const void *values;  /* of X->dtype: row i of the k-th column at [k ld + i] */
  int64_t ld;
} bvl_piece;

typedef void (*bvl_piece_fn)(void *context, const bvl_design *X, const bvl_piece *piece);

/** Visits local rows row0 .. row1 - 1 of every column (cols NULL: pieces are runs of columns, which
 * begin at a multiple of 16), or of n_cols local columns, ascending (pieces have `cols`). No piece
 * has more than BVL_PANEL_ROWS rows. X is streamed. Not collective.
 * @return BVL_OK, BVL_ERR_IO, BVL_ERR_INPUT for what is not finite. */
bvl_status bvl_design_walk(const bvl_design *X, int64_t row0, int64_t row1, int64_t n_cols,
                           const int64_t *cols, bvl_piece_fn visit, void *context);

/** The k-th column of a piece in double, a missing code as NaN. */
void bvl_piece_load(const bvl_design *X, const bvl_piece *piece, int64_t k, double *out);

/** Columns that can be in the cache together; INT64_MAX where X is held. */
int64_t bvl_design_fetch_most(const bvl_design *X);
/** Brings local columns (ascending, at most fetch_most) into the cache: worth it before loading
 * several, which would else be read one by one. Nothing to do where X is held. Not collective. */
void bvl_design_fetch(const bvl_design *X, int64_t n_cols, const int64_t *cols);

/** BVL_OK, or what made reading fail: always BVL_OK where X is held. Not collective. */
bvl_status bvl_design_failure(const bvl_design *X);

/* ---- of a streamed design ---- */

/** Sets up X->streamed; rows, columns and dtype of X are set. Not collective. */
bvl_status bvl_streamed_create(bvl_design *X, const bvl_source *source, int64_t bytes);
void bvl_streamed_destroy(bvl_streamed **streamed);

/** Where the whole local column c is, in the cache; NULL when it is not there. */
const void *bvl_streamed_find(const bvl_design *X, int64_t c);
/** Its n_local values, after a failure zeros. */
const void *bvl_streamed_column(const bvl_design *X, int64_t c);
/** The cache itself: column c at slot[c] n_local (slot[c] < 0: not there), room for `capacity`. */
const void *bvl_streamed_cache(const bvl_design *X, const int32_t **slot, int64_t *capacity);

/** Smallest and largest value of each local column over this rank's rows (p_local each, owned by
 * X): noted by the walk that standardises, +-INFINITY before. */
void bvl_streamed_range(const bvl_design *X, double **low, double **high);

#endif
