/* SPDX-License-Identifier: BSD-3-Clause */
/* More starts, for penalties with several stationary points: after the way down the lambdas are
 * gone up again, down, ... each from its neighbour's answer; from the third time on (for a single
 * lambda, unless under lq: the second) every nonzero block is first put to zero with probability
 * one half. Of each lambda's answers the one of the lowest objective is kept.
 *
 * Under lq a block at zero rests there whatever lambda is, so that the way up would see little that
 * the way down has not. It begins, and every ANCHOR of lambda begins anew, next to the convex
 * penalty, whose answer hangs on no start: from there the shape q is brought down to its own in
 * steps, at the lambda that leaves zeros where they are up to the same gradient (the continuation
 * of SparseNet: Mazumder, Friedman, Hastie 2011, there in the gamma of MCP). */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/rng.h"
#include "path/path_state.h"

/* From the convex end, 1, to the penalty's own q, 0. */
static const double SHAPES[BVL_PATH_SHAPES] = {0.8, 0.4};
static const double ANCHOR = 1.6;

static double shape_at(const bvl_path *path, int i)
{
  const double q = path->problem->penalty.shape;
  return q + SHAPES[i] * (1 - q);
}

static int goes_by_shapes(const bvl_path *path)
{
  return path->options.starts > 1 && path->problem->penalty.type->rest != NULL &&
         path->lambda_max > 0;
}

bvl_status bvl_path_measure_shapes(bvl_path *path)
{
  bvl_problem *problem = path->problem;
  const double own = problem->penalty.shape;
  if (!goes_by_shapes(path)) return BVL_OK;
  for (int i = 0; i < BVL_PATH_SHAPES; i++) {
    const double shape = shape_at(path, i);
    problem->penalty.shape = shape;
    for (int64_t g = 0; g < problem->blocks.n; g++) {
      const double *v = path->state.v + bvl_problem_begin(problem, g);
      path->shape_top[i] = fmax(path->shape_top[i], bvl_problem_entry(problem, g, v));
    }
    problem->penalty.shape = own;
  }
  return bvl_max(&problem->grid->all, path->shape_top, BVL_PATH_SHAPES);
}

double bvl_path_bend(bvl_path *path)
{
  const double own = path->problem->penalty.shape;
  const double shape = path->stop_shape[path->next_stop];
  const double before = path->stop_shape[path->next_stop - 1];
  /* where lambda means something else than before, nothing is known of a step's length */
  if (path->state.iterations == 0 && (isnan(shape) ? !isnan(before) : shape != before))
    path->state.lambda_previous = path->stop[path->next_stop];
  if (!isnan(shape)) path->problem->penalty.shape = shape;
  return own;
}

/* The gradient up to which a zero stays one goes with lambda^(1/(2 - q)). */
static bvl_status add_shapes(bvl_path *path, int64_t *capacity, double lambda)
{
  bvl_status status = BVL_OK;
  const double q = path->problem->penalty.shape;
  for (int i = 0; i < BVL_PATH_SHAPES; i++) {
    const double power = (2 - shape_at(path, i)) / (2 - q);
    const double there = path->shape_top[i] * pow(lambda / path->lambda_max, power);
    BVL_TRY(bvl_path_add_stop(path, capacity, there, -1, shape_at(path, i)));
  }
cleanup:
  return status;
}

/* The points of the first n stops once more, upwards or not. */
static bvl_status add_again(bvl_path *path, int64_t *capacity, int64_t n, int up, int by_shapes)
{
  bvl_status status = BVL_OK;
  double anchor = 0;
  for (int64_t k = 0; k < n; k++) {
    const int64_t stop = up ? n - 1 - k : k;
    const double lambda = path->stop[stop];
    if (path->stop_point[stop] < 0) continue; /* was for the warm start alone */
    if (by_shapes && lambda > 0 && lambda >= ANCHOR * anchor) {
      BVL_TRY(add_shapes(path, capacity, lambda));
      anchor = lambda;
    }
    BVL_TRY(bvl_path_add_stop(path, capacity, lambda, path->stop_point[stop], NAN));
  }
cleanup:
  return status;
}

bvl_status bvl_path_add_starts(bvl_path *path)
{
  bvl_status status = BVL_OK;
  const int64_t n = path->n_stops;
  const int by_shapes = goes_by_shapes(path);
  int64_t capacity = n;
  path->n_first = path->first_shaken = n;
  for (int64_t start = 2; start <= path->options.starts; start++) {
    BVL_TRY(add_again(path, &capacity, n, start % 2 == 0, start == 2 && by_shapes));
    if (start == 2 && (by_shapes || path->n_lambda > 1)) path->first_shaken = path->n_stops;
  }
cleanup:
  return status;
}

/* Without half of a fit the rest may be far off, where a loss saturates and no curvature leads
 * back: it is drawn towards zero until it is no worse than that. */
static bvl_status settle(bvl_path *path, double lambda)
{
  enum { MAX_SHRINKS = 12 };
  bvl_status status = BVL_OK;
  bvl_problem *problem = path->problem;
  bvl_solve_state *state = &path->state;
  double *eta = NULL;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&eta, bvl_problem_n_split(problem))));
  for (int shrink = 0; shrink < MAX_SHRINKS; shrink++) {
    BVL_TRY(bvl_problem_eta(problem, &state->point, eta));
    BVL_TRY(bvl_certify(problem, lambda, &state->point, eta, state->v, &state->certificate));
    if (state->certificate.objective <= problem->null_loss) break;
    for (int64_t k = 0; k < bvl_problem_n_coef(problem); k++) state->point.beta[k] /= 4;
  }
cleanup:
  free(eta);
  return status;
}

bvl_status bvl_path_shake(bvl_path *path)
{
  const bvl_problem *problem = path->problem;
  const bvl_blocks *blocks = &problem->blocks;
  bvl_solve_state *state = &path->state;
  if (path->next_stop < path->first_shaken || state->iterations > 0) return BVL_OK;
  for (int64_t g = 0; g < blocks->n; g++) {
    const int64_t first = blocks->begin[g];
    const uint64_t position = (uint64_t)(problem->X->columns.first + first);
    const double u = bvl_rng_uniform(path->options.seed, BVL_STREAM_INIT, (uint64_t)path->next_stop,
                                     position);
    if (!(blocks->weight[g] > 0) || u >= 0.5) continue;
    for (int64_t k = first; k < blocks->begin[g + 1]; k++) state->point.beta[k] = 0;
  }
  state->v_valid = 0;
  return settle(path, path->stop[path->next_stop]);
}

int bvl_path_improves(const bvl_path *path, int64_t k)
{
  const bvl_path_point *best = &path->points[k];
  const bvl_solve_state *state = &path->state;
  if (best->status == 3) return 1;
  if ((state->status == 0) != (best->status == 0)) return state->status == 0;
  const double objective = state->certificate.objective;
  return objective < best->objective - 1e-12 * fabs(best->objective);
}
