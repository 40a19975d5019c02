/* SPDX-License-Identifier: BSD-3-Clause */
/* Which lambdas, and in which order. */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "path/path_state.h"

/* Warm-up lambdas on the way to a single one: a step this small keeps Newton's start near. */
static const double WARM_RATIO = 0.8;

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

static bvl_status add_stop(bvl_path *path, int64_t *capacity, double lambda, int64_t point)
{
  int64_t point_capacity = *capacity;
  bvl_status status = BVL_GROW(&path->stop, capacity, path->n_stops + 1);
  if (status == BVL_OK) status = BVL_GROW(&path->stop_point, &point_capacity, path->n_stops + 1);
  if (status != BVL_OK) return status;
  path->stop[path->n_stops] = lambda;
  path->stop_point[path->n_stops++] = point;
  return BVL_OK;
}

/* Points in descending order of lambda, equal ones in the order asked for: insertion sort, since
 * the grid comes sorted. */
static void sort_stops(bvl_path *path)
{
  for (int64_t k = 1; k < path->n_stops; k++) {
    const double lambda = path->stop[k];
    const int64_t point = path->stop_point[k];
    int64_t at = k;
    for (; at > 0 && path->stop[at - 1] < lambda; at--) {
      path->stop[at] = path->stop[at - 1];
      path->stop_point[at] = path->stop_point[at - 1];
    }
    path->stop[at] = lambda;
    path->stop_point[at] = point;
  }
}

bvl_status bvl_path_make_grid(bvl_path *path)
{
  bvl_status status = BVL_OK;
  const bvl_path_options *options = &path->options;
  int64_t capacity = 0;
  path->n_lambda = options->path_to > 0 ? 1 : options->n_lambda;
  BVL_TRY(BVL_ALLOC(&path->lambda, path->n_lambda));
  BVL_TRY(BVL_ALLOC(&path->points, path->n_lambda));
  if (options->path_to > 0) {
    path->lambda[0] = options->path_to;
    for (double lambda = path->lambda_max * WARM_RATIO; lambda * WARM_RATIO > options->path_to;
         lambda *= WARM_RATIO)
      BVL_TRY(add_stop(path, &capacity, lambda, -1));
  } else if (options->lambda != NULL) {
    for (int64_t k = 0; k < path->n_lambda; k++) path->lambda[k] = options->lambda[k];
  } else {
    automatic_grid(path);
  }
  for (int64_t k = 0; k < path->n_lambda; k++)
    BVL_TRY(add_stop(path, &capacity, path->lambda[k], k));
  sort_stops(path);
  BVL_TRY(bvl_path_add_starts(path));
cleanup:
  path->options.lambda = path->lambda;
  return status;
}
