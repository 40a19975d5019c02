/* SPDX-License-Identifier: BSD-3-Clause */
/* A penalised regression problem: reads X and the vectors beside it, standardises, checks labels
 * and weights, and fits the null model. */
#include "model/problem.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/phase.h"
#include "loss/multi.h"

/* Block rows of one vector, from input order to local order. *out stays NULL when there is none. */
static bvl_status read_vector(bvl_problem *problem, const bvl_problem_data *data, const char *what,
                              double **out)
{
  bvl_status status = BVL_OK;
  const bvl_rows *rows = &problem->X->rows;
  double *in_order = NULL;
  int present = 1;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&in_order, rows->n_local)));
  BVL_TRY(data->read_rows(data->context, what, rows->row0, rows->n_local, in_order, &present));
  if (!present) goto cleanup;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(out, rows->n_local)));
  for (int64_t i = 0; i < rows->n_local; i++) (*out)[i] = in_order[rows->input[i] - rows->row0];
cleanup:
  free(in_order);
  return status;
}

static bvl_status check_labels(const bvl_problem *problem)
{
  const bvl_rows *rows = &problem->X->rows;
  for (int64_t i = 0; i < rows->n_local; i++)
    if (!problem->loss->label_ok(problem->y[i]))
      return bvl_fail(BVL_ERR_INPUT, "y: row %" PRId64 ": %g is outside the %s family (%s)",
                      rows->input[i], problem->y[i], problem->loss->name, problem->loss->labels);
  return BVL_OK;
}

static bvl_status check_finite(const bvl_problem *problem, const char *what, const double *values,
                               int non_negative)
{
  const bvl_rows *rows = &problem->X->rows;
  for (int64_t i = 0; values != NULL && i < rows->n_local; i++)
    if (!isfinite(values[i]) || (non_negative && values[i] < 0))
      return bvl_fail(BVL_ERR_INPUT, "%s: row %" PRId64 ": %g", what, rows->input[i], values[i]);
  return BVL_OK;
}

/* w <- w n / sum w, so that the loss is a weighted mean whatever scale the weights came on. */
static bvl_status scale_weights(bvl_problem *problem)
{
  bvl_status status = BVL_OK;
  const bvl_rows *rows = &problem->X->rows;
  if (problem->w == NULL) {
    BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&problem->w, rows->n_local)));
    for (int64_t i = 0; i < rows->n_local; i++) problem->w[i] = 1;
    return BVL_OK;
  }
  BVL_TRY(bvl_agree(&problem->grid->all, check_finite(problem, "weights", problem->w, 1)));
  double sum = 0;
  for (int64_t i = rows->split0; i < rows->split1; i++) sum += problem->w[i];
  BVL_TRY(bvl_sum(&problem->grid->all, &sum, 1));
  if (!(sum > 0) || !isfinite(sum))
    return bvl_fail(BVL_ERR_INPUT, "weights: their sum is %g, not positive", sum);
  for (int64_t i = 0; i < rows->n_local; i++) problem->w[i] *= (double)problem->n / sum;
cleanup:
  return status;
}

/* Several responses, row by row as they come, to split rows response by response; problem->y keeps
 * the first one. */
static bvl_status read_responses(bvl_problem *problem, const bvl_problem_data *data)
{
  bvl_status status = BVL_OK;
  const bvl_rows *rows = &problem->X->rows;
  const int64_t K = problem->outputs;
  const int64_t n_split = bvl_problem_n_split(problem);
  double *in_order = NULL;
  int present = 1;
  status = BVL_ALLOC(&in_order, rows->n_local * K);
  if (status == BVL_OK) status = BVL_ALLOC(&problem->responses, n_split * K);
  if (status == BVL_OK) status = BVL_ALLOC(&problem->y, rows->n_local);
  BVL_TRY(bvl_agree(&problem->grid->all, status));
  BVL_TRY(data->read_rows(data->context, "y", rows->row0, rows->n_local, in_order, &present));
  if (!present) BVL_TRY(bvl_fail(BVL_ERR_INPUT, "y: no response in the data"));
  for (int64_t i = 0; i < rows->n_local; i++) {
    const double *row = in_order + (rows->input[i] - rows->row0) * K;
    problem->y[i] = row[0];
    for (int64_t k = 0; k < K; k++) {
      if (i >= rows->split0 && i < rows->split1)
        problem->responses[i - rows->split0 + k * n_split] = row[k];
      if (status == BVL_OK && !isfinite(row[k]))
        status = bvl_fail(BVL_ERR_INPUT, "y: row %" PRId64 ", column %" PRId64 ": %g",
                          rows->input[i], k, row[k]);
    }
  }
  status = bvl_agree(&problem->grid->all, status);
cleanup:
  free(in_order);
  return status;
}

/* Classes are 0 .. the largest label; with an intercept each needs a row that counts. */
static bvl_status count_classes(bvl_problem *problem)
{
  enum { MOST = 4096 };
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const bvl_rows *rows = &problem->X->rows;
  double *weight = NULL;
  int64_t K = 0;
  for (int64_t i = 0; i < rows->n_local; i++) K = bvl_greater(K, (int64_t)problem->y[i] + 1);
  BVL_TRY(bvl_max_i64(all, &K, 1));
  if (K > MOST) BVL_TRY(bvl_fail(BVL_ERR_INPUT, "y: %" PRId64 " classes, at most %d", K, MOST));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&weight, K)));
  for (int64_t i = rows->split0; i < rows->split1; i++)
    weight[(int64_t)problem->y[i]] += problem->w[i];
  BVL_TRY(bvl_sum(all, weight, K));
  for (int64_t k = 0; k < K && problem->intercept; k++)
    if (!(weight[k] > 0))
      BVL_TRY(bvl_fail(BVL_ERR_INPUT,
                       "y: no finite multinomial fit of the intercept: no row of class %" PRId64
                       " (classes are 0 .. %" PRId64 ")",
                       k, K - 1));
  if (K < 2) BVL_TRY(bvl_fail(BVL_ERR_INPUT, "y: one class only"));
  problem->outputs = K;
cleanup:
  free(weight);
  return status;
}

/* Takes each response's mean away where an intercept makes it good: a mean far larger than the
 * spread would cost the certificate the digits it needs. */
static bvl_status centre_responses(bvl_problem *problem)
{
  bvl_status status = BVL_OK;
  const bvl_rows *rows = &problem->X->rows;
  const int64_t n_split = bvl_problem_n_split(problem);
  const double *w = problem->w + rows->split0;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&problem->y_mean, problem->outputs)));
  if (!problem->intercept || !problem->loss->quadratic) return BVL_OK;
  for (int64_t k = 0; k < problem->outputs; k++) {
    const double *y = problem->responses != NULL ? problem->responses + k * n_split
                                                 : problem->y + rows->split0;
    for (int64_t i = 0; i < n_split; i++) problem->y_mean[k] += w[i] * y[i] / (double)problem->n;
  }
  BVL_TRY(bvl_sum(&problem->grid->all, problem->y_mean, problem->outputs));
  for (int64_t i = 0; i < rows->n_local; i++) problem->y[i] -= problem->y_mean[0];
  for (int64_t e = 0; problem->responses != NULL && e < n_split * problem->outputs; e++)
    problem->responses[e] -= problem->y_mean[e / n_split];
cleanup:
  return status;
}

static bvl_status read_vectors(bvl_problem *problem, const bvl_problem_data *data)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  if (problem->outputs > 1)
    BVL_TRY(read_responses(problem, data));
  else
    BVL_TRY(read_vector(problem, data, "y", &problem->y));
  if (problem->y == NULL) return bvl_fail(BVL_ERR_INPUT, "y: no response in the data");
  BVL_TRY(read_vector(problem, data, "weights", &problem->w));
  BVL_TRY(read_vector(problem, data, "offset", &problem->offset));
  BVL_TRY(bvl_agree(all, check_finite(problem, "y", problem->y, 0)));
  BVL_TRY(bvl_agree(all, check_labels(problem)));
  BVL_TRY(bvl_agree(all, check_finite(problem, "offset", problem->offset, 0)));
  BVL_TRY(scale_weights(problem));
  if (problem->loss->coupled) BVL_TRY(count_classes(problem));
  BVL_TRY(centre_responses(problem));
  if (problem->outputs > 1 && problem->offset != NULL)
    status = bvl_fail(BVL_ERR_USAGE, "offset: not with several responses or classes");
  if (status != BVL_OK) goto cleanup; /* the same on every rank */
  BVL_TRY(
      bvl_agree(all, BVL_ALLOC(&problem->block_work, problem->blocks.max_len * problem->outputs)));
cleanup:
  return status;
}

/* A constant column carries no information: x~ = 0 from here on, so its coefficient is 0 in a group
 * and alone; alone it is excluded, so that an unpenalised one does not make the null fit singular.
 */
static void drop_constant_columns(bvl_problem *problem)
{
  bvl_design *X = problem->X;
  for (int64_t g = 0; g < problem->blocks.n; g++)
    for (int64_t k = problem->blocks.begin[g]; k < problem->blocks.begin[g + 1]; k++) {
      if (!bvl_design_is_constant(X, k)) continue;
      X->inv_scale[k] = 0;
      if (bvl_block_len(&problem->blocks, g) == 1) problem->blocks.weight[g] = INFINITY;
    }
}

static bvl_status gather_free_columns(bvl_problem *problem)
{
  bvl_status status = BVL_OK;
  int64_t *local = NULL;
  int64_t count = 0;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&local, problem->blocks.n)));
  for (int64_t g = 0; g < problem->blocks.n; g++)
    if (problem->blocks.weight[g] == 0) local[count++] = problem->blocks.begin[g];
  BVL_TRY(bvl_agree(&problem->grid->all, bvl_active_create(problem->X, &problem->free_columns)));
  BVL_TRY(bvl_active_append(problem->free_columns, count, local));
cleanup:
  free(local);
  return status;
}

/* Intercept and unpenalised columns alone: what lambda_max, the deviance ratio and relative gaps
 * stand on. */
static bvl_status fit_null_multi(bvl_problem *problem)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const int64_t K = problem->outputs;
  bvl_point *point = &problem->null_point;
  double *eta = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&eta, bvl_problem_n_split(problem) * K)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&point->beta, bvl_problem_n_coef(problem))));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&point->intercepts, K)));
  BVL_TRY(bvl_problem_eta(problem, point, eta));
  BVL_TRY(bvl_problem_fit_free(problem, point, eta));
  problem->null_loss = bvl_problem_residuals(problem, eta, eta);
  BVL_TRY(bvl_sum(all, &problem->null_loss, 1));
  problem->null_loss /= (double)problem->n;
  problem->sat_loss = 0; /* labels and responses can be met exactly */
  problem->null_half = problem->null_loss;
cleanup:
  free(eta);
  return status;
}

static bvl_status fit_null(bvl_problem *problem)
{
  bvl_status status = BVL_OK;
  const bvl_rows *rows = &problem->X->rows;
  bvl_point point = {.intercept = 0, .beta = NULL};
  if (problem->outputs > 1) return fit_null_multi(problem);
  double *eta = NULL;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&eta, rows->split1 - rows->split0)));
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&point.beta, bvl_design_p_local(problem->X))));
  BVL_TRY(bvl_problem_eta(problem, &point, eta));
  BVL_TRY(bvl_problem_fit_free(problem, &point, eta));
  double sums[3] = {0, 0, 0};
  for (int64_t i = rows->split0; i < rows->split1; i++) {
    sums[0] += problem->w[i] * problem->loss->value(problem->y[i], eta[i - rows->split0]);
    sums[1] += problem->w[i] * problem->loss->saturated(problem->y[i]);
    sums[2] += problem->w[i] * problem->loss->curvature(eta[i - rows->split0]);
  }
  BVL_TRY(bvl_sum(&problem->grid->all, sums, 3));
  /* one class only, or no counts at all: the fit runs to infinity and takes all curvature with it
   */
  if (!(sums[2] > 1e-12 * (double)problem->n))
    BVL_TRY(bvl_fail(BVL_ERR_INPUT,
                     "y: no finite %s fit of the intercept (one class only, or all "
                     "zero)",
                     problem->loss->name));
  problem->null_loss = sums[0] / (double)problem->n;
  problem->sat_loss = sums[1] / (double)problem->n;
  problem->null_half = problem->null_loss - problem->sat_loss;
  problem->null_point = point;
  point.beta = NULL; /* now the problem's */
cleanup:
  free(point.beta);
  free(eta);
  return status;
}

/* A block is solved on one rank, with a Gram of all its columns. */
static bvl_status check_whole(const bvl_penalty *pen, int64_t p, const bvl_problem_data *data)
{
  if (!bvl_penalty_is_whole(pen, data->groups != NULL) || p <= BVL_WHOLE_MOST) return BVL_OK;
  return bvl_fail(BVL_ERR_INPUT,
                  "penalty %s takes all columns as one block%s: at most %d of them, not %" PRId64,
                  pen->type->name, data->groups == NULL ? " where there are no /groups" : "",
                  BVL_WHOLE_MOST, p);
}

/* l1 - l2 of groups: they weigh 1 unless told otherwise (what keeps zeros is the largest entry, not
 * the norm), and all columns are one where there are none. */
static bvl_status plan_l1_l2(int64_t p, const bvl_problem_data *data, bvl_blocks *blocks,
                             int64_t **input)
{
  int64_t *one = NULL;
  bvl_status status = data->groups == NULL ? BVL_ALLOC(&one, p) : BVL_OK;
  if (status != BVL_OK) return status;
  status = bvl_blocks_plan(p, 1, one != NULL ? one : data->groups, data->n_group_weights,
                           data->group_weights, data->penalty_factor, blocks, input);
  for (int64_t g = 0; status == BVL_OK && data->group_weights == NULL && g < blocks->n; g++)
    if (blocks->weight[g] > 0 && blocks->weight[g] < INFINITY) blocks->weight[g] = 1;
  free(one);
  return status;
}

/* The groups a penalty on all columns is made of: each must outweigh what is taken off. */
static bvl_status join(bvl_problem *problem, bvl_blocks *blocks, int64_t *input)
{
  const double alpha = problem->penalty.alpha;
  bvl_status status = bvl_blocks_join(blocks, input, &problem->inside);
  for (int64_t g = 0; status == BVL_OK && g < problem->inside.n; g++)
    if (!(problem->inside.weight[g] > alpha))
      status = bvl_fail(BVL_ERR_INPUT,
                        "/group_weights: %g, but penalty %s wants more than alpha %g",
                        problem->inside.weight[g], problem->penalty.type->name, alpha);
  problem->penalty.inside = &problem->inside;
  return status;
}

static bvl_status plan_blocks(bvl_problem *problem, int64_t p, const bvl_problem_data *data,
                              bvl_blocks *blocks, int64_t **input)
{
  const bvl_penalty_type *type = problem->penalty.type;
  bvl_status status = check_whole(&problem->penalty, p, data);
  if (status != BVL_OK) return status;
  if (type->difference && !type->whole) return plan_l1_l2(p, data, blocks, input);
  status = bvl_blocks_plan(p, type->grouped, data->groups, data->n_group_weights,
                           data->group_weights, data->penalty_factor, blocks, input);
  if (status == BVL_OK && type->whole) status = join(problem, blocks, *input);
  return status;
}

/* Blocks of the penalty, the permutation they ask for, and X's blocks laid out accordingly: read
 * from source, or as base has them. */
static bvl_status create_design(bvl_problem *problem, const bvl_source *source,
                                const bvl_problem *base, const bvl_problem_data *data)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  bvl_blocks blocks = {0};
  int64_t *input = NULL;
  const int grouped = problem->penalty.type->grouped;
  const int64_t p = base != NULL ? base->X->columns.p : source->p;
  BVL_TRY(bvl_agree(all, plan_blocks(problem, p, data, &blocks, &input)));
  bvl_design_options options = {
      .n_slices = bvl_greater(data->n_slices, 1),
      .panel_bytes = data->stochastic ? 1300 << 10 : 0,
      .row_access = data->stochastic,
      .store_float32 = data->store_float32,
      .stream_bytes = data->stream_bytes,
      .n_blocks = grouped ? blocks.n : 0,
      .block_begin = grouped ? blocks.begin : NULL,
      .input = input,
  };
  BVL_TRY(base != NULL ? bvl_design_view(base->X, &problem->X)
                       : bvl_design_create(problem->grid, source, &options, &problem->X));
  const int64_t first = bvl_design_first(problem->X);
  BVL_TRY(bvl_agree(
      all, bvl_blocks_slice(&blocks, first, bvl_design_p_local(problem->X), &problem->blocks)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&problem->block_of, bvl_design_p_local(problem->X))));
  for (int64_t g = 0; g < problem->blocks.n; g++)
    for (int64_t k = problem->blocks.begin[g]; k < problem->blocks.begin[g + 1]; k++)
      problem->block_of[k] = g;
cleanup:
  bvl_blocks_free(&blocks);
  free(input);
  return status;
}

static bvl_status find_rows(bvl_problem *problem, const bvl_problem_data *data)
{
  const char *family = data->family != NULL ? data->family : "gaussian";
  const char *penalty = data->penalty != NULL ? data->penalty : "lasso";
  problem->loss = bvl_loss_find(family);
  if (problem->loss == NULL) return bvl_fail(BVL_ERR_USAGE, "no family %s", family);
  const bvl_penalty_type *type = bvl_penalty_find(penalty);
  if (type == NULL) return bvl_fail(BVL_ERR_USAGE, "no penalty %s", penalty);
  problem->outputs = bvl_greater(data->n_responses, 1);
  if (problem->outputs > 1 && problem->loss != &bvl_loss_gaussian)
    return bvl_fail(BVL_ERR_USAGE, "%" PRId64 " responses: not with family %s", problem->outputs,
                    family);
  const int multi = problem->outputs > 1 || problem->loss->coupled;
  if (multi && (type->sparse || !type->convex))
    return bvl_fail(BVL_ERR_USAGE, "penalty %s: not with several responses or classes", penalty);
  if (multi && (data->lower != NULL || data->upper != NULL))
    return bvl_fail(BVL_ERR_USAGE, "lower, upper: not with several responses or classes");
  return bvl_penalty_init(type, data->parameters, &problem->penalty);
}

static bvl_status create(const bvl_grid *grid, const bvl_source *source, const bvl_problem *base,
                         const bvl_problem_data *data, bvl_problem **out)
{
  bvl_status status = BVL_OK;
  bvl_problem *problem = NULL;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_READ);
  *out = NULL;
  BVL_TRY(bvl_agree(&grid->all, BVL_ALLOC(&problem, 1)));
  problem->grid = grid;
  problem->n = base != NULL ? base->n : source->n;
  problem->intercept = data->intercept;
  problem->standardize = data->standardize;
  BVL_TRY(bvl_agree(&grid->all, find_rows(problem, data)));
  BVL_TRY(create_design(problem, source, base, data));
  BVL_TRY(read_vectors(problem, data));
  bvl_phase_enter(BVL_PHASE_STANDARDIZE);
  BVL_TRY(base != NULL
              ? bvl_design_standardize_beside(problem->X, base->X, base->w, problem->w,
                                              data->intercept, data->standardize)
              : bvl_design_standardize(problem->X, problem->w, data->intercept, data->standardize));
  if (data->intercept || data->standardize) drop_constant_columns(problem);
  BVL_TRY(bvl_problem_set_bounds(problem, data));
  BVL_TRY(gather_free_columns(problem));
  BVL_TRY(fit_null(problem));
  if (base != NULL && base->rounded != NULL)
    BVL_TRY(bvl_rounded_share(base->rounded, problem->X, &problem->rounded));
  *out = problem;
  problem = NULL; /* now the caller's */
cleanup:
  bvl_phase_leave(before);
  bvl_problem_destroy(&problem);
  return status;
}

bvl_status bvl_problem_create(const bvl_grid *grid, const bvl_source *source,
                              const bvl_problem_data *data, bvl_problem **out)
{
  return create(grid, source, NULL, data, out);
}

bvl_status bvl_problem_create_beside(const bvl_problem *base, const bvl_problem_data *data,
                                     bvl_problem **out)
{
  return create(base->grid, NULL, base, data, out);
}

void bvl_problem_destroy(bvl_problem **problem)
{
  bvl_problem *p = *problem;
  *problem = NULL;
  if (p == NULL) return;
  bvl_active_destroy(&p->free_columns);
  bvl_rounded_destroy(&p->rounded);
  bvl_blocks_free(&p->blocks);
  bvl_blocks_free(&p->inside);
  bvl_design_destroy(&p->X);
  free(p->null_point.beta);
  free(p->null_point.intercepts);
  free(p->responses);
  free(p->y_mean);
  free(p->curvature);
  free(p->block_work);
  free(p->block_of);
  free(p->bounds);
  free(p->bounds_input);
  free(p->offset);
  free(p->w);
  free(p->y);
  free(p);
}

bvl_design *bvl_problem_design(bvl_problem *problem)
{
  return problem->X;
}

int64_t bvl_problem_outputs(const bvl_problem *problem)
{
  return problem->outputs;
}

double bvl_problem_null_deviance_half(const bvl_problem *problem)
{
  return problem->null_half;
}

double bvl_problem_residuals(const bvl_problem *problem, const double *eta, double *r)
{
  const int64_t split0 = problem->X->rows.split0;
  const int64_t n = bvl_problem_n_split(problem);
  const double *w = problem->w + split0;
  const double *y = problem->responses != NULL ? problem->responses : problem->y + split0;
  if (problem->outputs > 1) return bvl_multi_eval(problem->loss, n, problem->outputs, y, w, eta, r);
  return bvl_loss_eval(problem->loss, n, y, w, eta, r, NULL);
}

/* bvl_problem_eta for several outputs: the columns in use, their coefficients output by output. */
static bvl_status eta_multi(bvl_problem *problem, const bvl_point *point, double *eta)
{
  bvl_status status = BVL_OK;
  bvl_design *X = problem->X;
  const bvl_rows *rows = &X->rows;
  const int64_t K = problem->outputs;
  const int64_t p_local = X->columns.p_local;
  const int64_t n_split = bvl_problem_n_split(problem);
  double *B = NULL;
  double *block_eta = NULL;
  int64_t *cols = NULL;
  int64_t n_cols = 0;
  status = BVL_ALLOC(&B, p_local * K);
  if (status == BVL_OK) status = BVL_ALLOC(&block_eta, rows->n_local * K);
  if (status == BVL_OK) status = BVL_ALLOC(&cols, p_local);
  BVL_TRY(bvl_agree(&problem->grid->all, status));
  for (int64_t j = 0; j < p_local; j++) {
    if (bvl_block_norm(K, point->beta + j * K) != 0) cols[n_cols++] = j;
    for (int64_t k = 0; k < K; k++) B[j + k * p_local] = point->beta[j * K + k];
  }
  BVL_TRY(bvl_design_forward(X, n_cols, cols, K, B, block_eta));
  for (int64_t k = 0; k < K; k++)
    for (int64_t i = 0; i < n_split; i++)
      eta[i + k * n_split] = block_eta[rows->split0 + i + k * rows->n_local] + point->intercepts[k];
cleanup:
  free(cols);
  free(block_eta);
  free(B);
  return status;
}

bvl_status bvl_problem_eta(bvl_problem *problem, const bvl_point *point, double *eta)
{
  bvl_status status = BVL_OK;
  bvl_design *X = problem->X;
  const bvl_rows *rows = &X->rows;
  double *block_eta = NULL;
  int64_t *cols = NULL;
  int64_t n_cols = 0;
  if (problem->outputs > 1) return eta_multi(problem, point, eta);
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&block_eta, rows->n_local)));
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&cols, X->columns.p_local)));
  for (int64_t k = 0; k < X->columns.p_local; k++)
    if (point->beta[k] != 0) cols[n_cols++] = k;
  BVL_TRY(bvl_design_forward(X, n_cols, cols, 1, point->beta, block_eta));
  for (int64_t i = rows->split0; i < rows->split1; i++)
    eta[i - rows->split0] = block_eta[i] + point->intercept +
                            (problem->offset != NULL ? problem->offset[i] : 0);
cleanup:
  free(cols);
  free(block_eta);
  return status;
}
