/* SPDX-License-Identifier: BSD-3-Clause */
/* From a solver's state to a reported point: coefficients on the input's scale, figures of merit.
 */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "path/path_state.h"

static void clear_columns(bvl_path_point *point)
{
  free((void *)point->column);
  free((void *)point->value);
  point->column = NULL;
  point->value = NULL;
  point->n_nonzero = 0;
}

void bvl_path_blank(bvl_path *path, int64_t k)
{
  bvl_path_point *point = &path->points[k];
  clear_columns(point);
  double *intercepts = point->intercepts;
  for (int64_t l = 0; intercepts != NULL && l < path->problem->outputs; l++) intercepts[l] = NAN;
  *point = (bvl_path_point){.lambda = path->lambda[k],
                            .intercepts = intercepts,
                            .intercept = NAN,
                            .dev_ratio = NAN,
                            .objective = NAN,
                            .dual_gap = NAN,
                            .kkt_residual = NAN,
                            .seconds = 0,
                            .status = 3,
                            .surrogate_objective = NAN,
                            .surrogate_gap = NAN};
}

/* One pass over beta, which is long and nearly all zero: the arrays grow as they fill. shift: one
 * an output. */
static bvl_status store_columns(const bvl_path *path, bvl_path_point *point, double *shift)
{
  bvl_status status = BVL_OK;
  const bvl_design *X = path->problem->X;
  const double *beta = path->state.point.beta;
  int64_t *column = NULL;
  double *value = NULL;
  int64_t room[2] = {0, 0};
  int64_t count = 0;
  BVL_TRY(BVL_GROW(&column, &room[0], 1));
  BVL_TRY(BVL_GROW(&value, &room[1], 1));
  const int64_t K = path->problem->outputs;
  for (int64_t e = 0; e < X->columns.p_local * K; e++) {
    if (beta[e] == 0) continue;
    const int64_t k = e / K;
    const double coefficient = bvl_problem_input_scale(path->problem, k, beta[e]);
    shift[e % K] += X->center[k] * coefficient;
    if (coefficient == 0) continue;
    BVL_TRY(BVL_GROW(&column, &room[0], count + 1));
    BVL_TRY(BVL_GROW(&value, &room[1], count + 1));
    column[count] = bvl_design_input_column(X, k) * K + e % K;
    value[count++] = coefficient;
  }
  point->n_nonzero = count;
  point->column = column;
  point->value = value;
  column = NULL;
  value = NULL;
cleanup:
  free(column);
  free(value);
  return status;
}

/* On the input's scale; those of classes, where only differences count, with mean 0. */
static void set_intercepts(const bvl_path *path, const double *shift, bvl_path_point *point)
{
  const int64_t K = path->problem->outputs;
  double mean = 0;
  for (int64_t k = 0; k < K; k++) {
    point->intercepts[k] = path->problem->y_mean[k] + path->state.point.intercepts[k] - shift[k];
    mean += point->intercepts[k] / (double)K;
  }
  for (int64_t k = 0; path->problem->loss->coupled && path->problem->intercept && k < K; k++)
    point->intercepts[k] -= mean;
}

bvl_status bvl_path_record(bvl_path *path, int64_t k, double seconds)
{
  bvl_status status = BVL_OK;
  const bvl_problem *problem = path->problem;
  const bvl_solve_state *state = &path->state;
  const bvl_certificate *c = &state->certificate;
  bvl_path_point *point = &path->points[k];
  const int64_t K = problem->outputs;
  double *shift = NULL;
  clear_columns(point);
  status = BVL_ALLOC(&shift, K);
  if (status == BVL_OK) status = store_columns(path, point, shift);
  BVL_TRY(bvl_agree(&problem->grid->all, status));
  BVL_TRY(bvl_sum(&problem->grid->row, shift, K));
  point->lambda = path->lambda[k];
  if (K > 1) set_intercepts(path, shift, point);
  point->intercept = K > 1 ? point->intercepts[0]
                           : problem->y_mean[0] + (state->point.intercept - shift[0]);
  point->df = (int64_t)c->support;
  point->dev_ratio = problem->null_half > 0 ? (problem->null_loss - c->loss) / problem->null_half
                                            : 0;
  point->objective = c->objective;
  point->dual_gap = c->gap;
  point->kkt_residual = c->kkt;
  point->iterations = state->iterations;
  point->seconds = seconds;
  point->status = state->status;
cleanup:
  free(shift);
  return status;
}
