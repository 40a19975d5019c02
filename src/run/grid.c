/* SPDX-License-Identifier: BSD-3-Clause */
/* The default process grid. Minibatch steps on tall data come out as Pr x 1 (one pass, one
 * reduction of p), wide data and wide paths as 1 x Pc (one reduction of n), large square ones in
 * between. */
#include "run/grid.h"

#include "comm/grid.h"

/* Costs in seconds, to the nearest power of two or so: a double streamed from memory by one of
 * several busy cores, a double through an allreduce, and an allreduce's latency. Only their ratios
 * matter. */
static const double read_s = 1e-9;
static const double reduce_s = 4e-9;
static const double latency_s = 5e-6;

static double reduction(int ranks, double length)
{
  return ranks > 1 ? latency_s + reduce_s * length : 0.0;
}

/* Largest share when `items` whole things are dealt to `parts`. */
static double largest_share(int64_t items, int parts)
{
  if (items <= 0) return 1.0;
  return (double)((items + parts - 1) / parts) / (double)items;
}

static double step_cost(const bvl_step_shape *step, int n_rows, int n_cols)
{
  double rows = largest_share(bvl_tile_count(step->n), n_rows);
  double cols = largest_share(step->p, n_cols);
  double density = step->n > 0 ? (double)step->nnz / (double)step->n : 0.0;
  double entries = (double)step->batch * density * rows * cols;
  double passes = step->fused && n_cols == 1 ? 1.0 : 2.0;
  return passes * read_s * entries + reduction(n_cols, (double)step->batch * rows) +
         reduction(n_rows, (double)step->p * cols);
}

void bvl_grid_choose(const bvl_step_shape *step, int n_ranks, int *n_rows, int *n_cols)
{
  double best = 0.0;
  *n_rows = 1;
  *n_cols = n_ranks;
  for (int rows = 1; rows <= n_ranks; rows++) {
    if (n_ranks % rows != 0) continue;
    double cost = step_cost(step, rows, n_ranks / rows);
    if (rows == 1 || cost < best) {
      best = cost;
      *n_rows = rows;
      *n_cols = n_ranks / rows;
    }
  }
}

bvl_status bvl_grid_check(int n_ranks, int n_rows, int n_cols)
{
  int64_t wanted = (int64_t)n_rows * n_cols;
  if (n_rows < 1 || n_cols < 1 || wanted != n_ranks)
    return bvl_fail(BVL_ERR_USAGE, "a %dx%d grid is not made of %d rank%s", n_rows, n_cols, n_ranks,
                    n_ranks == 1 ? "" : "s");
  return BVL_OK;
}
