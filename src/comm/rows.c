/* SPDX-License-Identifier: BSD-3-Clause */
/* Which input rows a rank holds, and in which order: tiles, slices, places (see grid.h). A pure
 * function of (n, n_slices, grid): O(n_local + n_slices) time, no communication. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/rng.h"
#include "comm/grid.h"

int64_t bvl_tile_count(int64_t n)
{
  return n < 65536 ? bvl_lesser(n, 64) : n / 1024;
}

/* The tile's own fraction in [0, 1): multiples of the golden ratio modulo 1, in integers, so that
 * every machine has the same. */
static double tile_fraction(int64_t tile)
{
  return (double)(((uint64_t)tile * UINT64_C(0x9E3779B97F4A7C15)) >> 11) * 0x1p-53;
}

/* First place of slice s in a tile of m rows with fraction f: floor(s m / S + f). */
static int64_t slice_place(int64_t s, int64_t m, int64_t n_slices, double f)
{
  int64_t scaled = s * m; /* m is about 1024, so no overflow */
  double rest = (double)(scaled % n_slices) / (double)n_slices;
  return scaled / n_slices + (rest + f >= 1.0);
}

/* The slice of a place: the last s with slice_place(s) <= place. The estimate is off by one at most
 * for rounding; slice_place decides. */
static int64_t slice_of(int64_t place, int64_t m, int64_t n_slices, double f)
{
  int64_t s = (int64_t)(((double)place + 1.0 - f) * (double)n_slices / (double)m);
  s = bvl_lesser(s, n_slices - 1);
  while (slice_place(s, m, n_slices, f) > place) s--;
  while (s + 1 < n_slices && slice_place(s + 1, m, n_slices, f) <= place) s++;
  return s;
}

/* Sorts this grid row's rows by (slice, tile, place): counts them per slice, then deals them out.
 */
static void order_rows(bvl_rows *rows, int64_t *order)
{
  int64_t *begin = rows->slice_begin;
  int64_t S = rows->n_slices;
  for (int pass = 0; pass < 2; pass++) {
    for (int64_t t = rows->tile0; t < rows->tile1; t++) {
      int64_t row0 = bvl_cut(rows->n, rows->n_tiles, t);
      int64_t m = bvl_cut(rows->n, rows->n_tiles, t + 1) - row0;
      double f = tile_fraction(t);
      if (pass == 1) bvl_rng_permutation(0, BVL_STREAM_TILE_ORDER, (uint64_t)t, m, order);
      for (int64_t place = 0; place < m; place++) {
        int64_t s = slice_of(place, m, S, f);
        if (pass == 0)
          begin[s + 1]++;
        else
          rows->input[begin[s]++] = row0 + order[place];
      }
    }
    if (pass == 0)
      for (int64_t s = 0; s < S; s++) begin[s + 1] += begin[s];
  }
  for (int64_t s = S; s > 0; s--) begin[s] = begin[s - 1]; /* dealing moved each to its end */
  begin[0] = 0;
}

bvl_status bvl_rows_create(const bvl_grid *grid, int64_t n, int64_t n_slices, bvl_rows *out)
{
  bvl_status status = BVL_OK;
  int64_t *order = NULL;
  *out = (bvl_rows){.n = n, .n_slices = n_slices};
  if (n < 0 || n_slices < 1 || n_slices > bvl_greater(n, 1))
    return bvl_fail(BVL_ERR_USAGE, "cannot cut %" PRId64 " rows into %" PRId64 " minibatches", n,
                    n_slices);
  int64_t T = bvl_tile_count(n);
  out->n_tiles = T;
  out->tile0 = bvl_cut(T, grid->n_rows, grid->i);
  out->tile1 = bvl_cut(T, grid->n_rows, grid->i + 1);
  out->row0 = T > 0 ? bvl_cut(n, T, out->tile0) : 0;
  out->n_local = T > 0 ? bvl_cut(n, T, out->tile1) - out->row0 : 0;
  out->split0 = bvl_cut(out->n_local, grid->n_cols, grid->j);
  out->split1 = bvl_cut(out->n_local, grid->n_cols, grid->j + 1);
  BVL_TRY(BVL_ALLOC(&out->input, out->n_local));
  BVL_TRY(BVL_ALLOC(&out->slice_begin, n_slices + 1));
  BVL_TRY(BVL_ALLOC(&order, T > 0 ? n / T + 1 : 0)); /* the longest tile */
  order_rows(out, order);
cleanup:
  free(order);
  if (status != BVL_OK) bvl_rows_free(out);
  return status;
}

void bvl_rows_free(bvl_rows *rows)
{
  free(rows->input);
  free(rows->slice_begin);
  *rows = (bvl_rows){0};
}
