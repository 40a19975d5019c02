/* SPDX-License-Identifier: BSD-3-Clause */
/* More starts, for penalties with several stationary points: after the way down the lambdas are
 * gone up again, down, ... each from its neighbour's answer; from the third time on (for a single
 * lambda: the second) every nonzero block is first put to zero with probability one half. Of each
 * lambda's answers the one of the lowest objective is kept. */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/rng.h"
#include "path/path_state.h"

/* A stop of the way down again, if it is a point. */
static bvl_status add_again(bvl_path *path, int64_t *capacity, int64_t stop)
{
  const int64_t at = path->n_stops;
  int64_t point_capacity = *capacity;
  if (path->stop_point[stop] < 0) return BVL_OK; /* was for the warm start alone */
  bvl_status status = BVL_GROW(&path->stop, capacity, at + 1);
  if (status == BVL_OK) status = BVL_GROW(&path->stop_point, &point_capacity, at + 1);
  if (status != BVL_OK) return status;
  path->stop[at] = path->stop[stop];
  path->stop_point[at] = path->stop_point[stop];
  path->n_stops++;
  return BVL_OK;
}

bvl_status bvl_path_add_starts(bvl_path *path)
{
  bvl_status status = BVL_OK;
  const int64_t n = path->n_stops;
  const int64_t n_starts = bvl_greater(path->options.starts, 1);
  const int single = path->n_lambda == 1;
  int64_t capacity = n;
  path->n_first = n;
  path->first_shaken = single ? n : n + path->n_lambda;
  for (int64_t start = 2; start <= n_starts; start++)
    for (int64_t k = 0; k < n; k++)
      BVL_TRY(add_again(path, &capacity, start % 2 == 0 ? n - 1 - k : k));
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
