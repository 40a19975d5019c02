/* SPDX-License-Identifier: BSD-3-Clause */
/* Which lambdas, in which order, and by way of which others. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "path/path_state.h"

/* Lambdas further apart than this factor are joined by stops that are not reported: a step this
 * small keeps the start near and what joins the working set few. Below LEAST of lambda_max next to
 * nothing changes, and a step may be as long as it likes. */
static const double STRIDE = 0.7, LEAST = 1e-5;

static double min_ratio(const bvl_path *path)
{
  if (!isnan(path->options.lambda_min_ratio)) return path->options.lambda_min_ratio;
  return path->problem->n < bvl_design_p(path->problem->X) ? 0.01 : 1e-4;
}

/* lambda_max first, exactly; then evenly on the log scale. Without any penalised signal (lambda_max
 * = 0) every lambda > 0 gives the null model: the grid then hangs from 1. */
static void automatic_grid(bvl_path *path)
{
  const double top = path->lambda_max > 0 ? path->lambda_max : 1;
  const double ratio = min_ratio(path);
  const int64_t n = path->n_lambda;
  for (int64_t k = 0; k < n; k++)
    path->lambda[k] = k == 0 ? top : top * pow(ratio, (double)k / (double)(n - 1));
}

bvl_status bvl_path_add_stop(bvl_path *path, int64_t *capacity, double lambda, int64_t point,
                             double shape)
{
  int64_t others[2] = {*capacity, *capacity};
  bvl_status status = BVL_GROW(&path->stop, capacity, path->n_stops + 1);
  if (status == BVL_OK) status = BVL_GROW(&path->stop_point, &others[0], path->n_stops + 1);
  if (status == BVL_OK) status = BVL_GROW(&path->stop_shape, &others[1], path->n_stops + 1);
  if (status != BVL_OK) return status;
  path->stop[path->n_stops] = lambda;
  path->stop_shape[path->n_stops] = shape;
  path->stop_point[path->n_stops++] = point;
  return BVL_OK;
}

/* Points in descending order of lambda, equal ones in the order asked for: insertion sort, since
 * the grid comes sorted. */
static void sort_points(const bvl_path *path, int64_t *order)
{
  for (int64_t k = 0; k < path->n_lambda; k++) {
    int64_t at = k;
    for (; at > 0 && path->lambda[order[at - 1]] < path->lambda[k]; at--) order[at] = order[at - 1];
    order[at] = k;
  }
}

/* Do stops on the way pay? Those whose cost grows with the distance from the start; the surrogates
 * spend about as much at any lambda, and take them only on the way down to a single one. */
static int is_led(const bvl_path *path)
{
  const bvl_solver solver = path->options.solver;
  return path->options.path_to > 0 || solver == BVL_SOLVER_AUTO || solver == BVL_SOLVER_NEWTON ||
         solver == BVL_SOLVER_CD;
}

/* Stops between two lambdas, evenly on the log scale. How many must not hang on lambda_max's last
 * bits, which another rank count may change. */
static bvl_status add_way(bvl_path *path, int64_t *capacity, double from, double to)
{
  bvl_status status = BVL_OK;
  const double end = fmax(to, LEAST * path->lambda_max);
  if (!(end < from)) return BVL_OK;
  const int64_t parts = (int64_t)ceil(log(end / from) / log(STRIDE) - 1e-6);
  const int64_t n = end > to ? parts + 1 : parts; /* the last one is the end itself */
  for (int64_t k = 1; k < n; k++)
    BVL_TRY(bvl_path_add_stop(path, capacity, from * pow(end / from, (double)k / (double)parts), -1,
                              NAN));
cleanup:
  return status;
}

static bvl_status add_stops(bvl_path *path)
{
  bvl_status status = BVL_OK;
  int64_t *order = NULL;
  int64_t capacity = 0;
  double from = path->lambda_max;
  BVL_TRY(BVL_ALLOC(&order, path->n_lambda));
  sort_points(path, order);
  for (int64_t k = 0; k < path->n_lambda; k++) {
    const double lambda = path->lambda[order[k]];
    if (is_led(path)) BVL_TRY(add_way(path, &capacity, from, lambda));
    BVL_TRY(bvl_path_add_stop(path, &capacity, lambda, order[k], NAN));
    from = fmin(from, lambda);
  }
cleanup:
  free(order);
  return status;
}

bvl_status bvl_path_make_grid(bvl_path *path)
{
  bvl_status status = BVL_OK;
  const bvl_path_options *options = &path->options;
  path->n_lambda = options->path_to > 0 ? 1 : options->n_lambda;
  BVL_TRY(BVL_ALLOC(&path->lambda, path->n_lambda));
  BVL_TRY(BVL_ALLOC(&path->points, path->n_lambda));
  if (options->path_to > 0)
    path->lambda[0] = options->path_to;
  else if (options->lambda != NULL)
    memcpy(path->lambda, options->lambda, (size_t)path->n_lambda * sizeof *path->lambda);
  else
    automatic_grid(path);
  BVL_TRY(add_stops(path));
  BVL_TRY(bvl_path_add_starts(path));
cleanup:
  path->options.lambda = path->lambda;
  return status;
}

int64_t bvl_path_count_points(const bvl_path *path, int64_t n)
{
  int64_t count = 0;
  for (int64_t k = 0; k < n; k++) count += path->stop_point[k] >= 0;
  return count;
}
