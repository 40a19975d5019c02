/* SPDX-License-Identifier: BSD-3-Clause */
/* The result file of a path: one value or column a lambda, the standardization, and attributes from
 * which the run can be repeated. */
#include "run/job.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "data/design.h"
#include "optim/optim.h"

typedef struct field {
  const char *name;
  size_t offset;
  int surrogate; /* only written after a surrogate solver */
} field;

static const field reals[] = {
    {"/intercept", offsetof(bvl_path_point, intercept), 0},
    {"/dev_ratio", offsetof(bvl_path_point, dev_ratio), 0},
    {"/objective", offsetof(bvl_path_point, objective), 0},
    {"/dual_gap", offsetof(bvl_path_point, dual_gap), 0},
    {"/kkt_residual", offsetof(bvl_path_point, kkt_residual), 0},
    {"/seconds", offsetof(bvl_path_point, seconds), 0},
    {"/surrogate_objective", offsetof(bvl_path_point, surrogate_objective), 1},
    {"/surrogate_gap", offsetof(bvl_path_point, surrogate_gap), 1},
    {"/surrogate_epochs", offsetof(bvl_path_point, surrogate_epochs), 1},
};

static const field integers[] = {
    {"/df", offsetof(bvl_path_point, df), 0},
    {"/iterations", offsetof(bvl_path_point, iterations), 0},
    {"/surrogate_support", offsetof(bvl_path_point, surrogate_support), 1},
};

/* A lambda that was not attempted has nothing but its place: NaN, and an empty column. */
static void get_point(const bvl_path *path, int64_t k, bvl_path_point *point)
{
  bvl_path_get(path, k, point);
  if (point->status != 3) return;
  point->intercept = point->dev_ratio = point->objective = NAN;
  point->dual_gap = point->kkt_residual = point->seconds = NAN;
  point->surrogate_objective = point->surrogate_gap = point->surrogate_epochs = NAN;
  point->df = point->iterations = point->surrogate_support = point->n_nonzero = 0;
}

/* L x K: of responses or classes. */
static bvl_status write_intercepts(bvl_job *job)
{
  const int64_t n_lambda = bvl_path_n_lambda(job->path);
  const int64_t K = bvl_problem_outputs(job->problem);
  double *all = NULL;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(&all, n_lambda * K)));
  for (int64_t q = 0; q < n_lambda; q++) {
    bvl_path_point point;
    bvl_path_get(job->path, q, &point);
    for (int64_t k = 0; k < K; k++) all[q * K + k] = point.status != 3 ? point.intercepts[k] : NAN;
  }
  status = bvl_result_put_rows(job->writer, "/intercept", n_lambda, K, all);
cleanup:
  free(all);
  return status;
}

static bvl_status write_points(bvl_job *job, double *real, int64_t *integer)
{
  int64_t n_lambda = bvl_path_n_lambda(job->path);
  int surrogate = bvl_solver_is_surrogate(job->options->path.solver);
  bvl_status status = BVL_OK;
  bvl_path_point point;
  for (int64_t k = 0; k < n_lambda; k++) {
    get_point(job->path, k, &point);
    real[k] = point.lambda;
    integer[k] = point.status;
  }
  BVL_TRY(bvl_result_put_f64(job->writer, "/lambda", n_lambda, real));
  BVL_TRY(bvl_result_put_i64(job->writer, "/status", n_lambda, integer));
  const int several = bvl_problem_outputs(job->problem) > 1;
  if (several) BVL_TRY(write_intercepts(job));
  for (size_t f = 0; f < sizeof reals / sizeof reals[0]; f++) {
    if (reals[f].surrogate && !surrogate) continue;
    if (several && strcmp(reals[f].name, "/intercept") == 0) continue;
    for (int64_t k = 0; k < n_lambda; k++) {
      get_point(job->path, k, &point);
      memcpy(&real[k], (const char *)&point + reals[f].offset, sizeof real[k]);
    }
    BVL_TRY(bvl_result_put_f64(job->writer, reals[f].name, n_lambda, real));
  }
  for (size_t f = 0; f < sizeof integers / sizeof integers[0]; f++) {
    if (integers[f].surrogate && !surrogate) continue;
    for (int64_t k = 0; k < n_lambda; k++) {
      get_point(job->path, k, &point);
      memcpy(&integer[k], (const char *)&point + integers[f].offset, sizeof integer[k]);
    }
    BVL_TRY(bvl_result_put_i64(job->writer, integers[f].name, n_lambda, integer));
  }
cleanup:
  return status;
}

/* Grid row 0 speaks for all: its ranks hold every column once. */
static bvl_status write_coefficients(bvl_job *job)
{
  bvl_status status = BVL_OK;
  for (int64_t k = 0; k < bvl_path_n_lambda(job->path); k++) {
    bvl_path_point point;
    get_point(job->path, k, &point);
    int64_t n_nonzero = job->grid->i == 0 ? point.n_nonzero : 0;
    BVL_TRY(bvl_result_put_coef(job->writer, n_nonzero, point.column, point.value));
  }
cleanup:
  return status;
}

/* Writes a vector over columns (`mine`, p_local by position; NULL = all `absent`) in the input's
 * column order. by_position and by_input are scratch: p on rank 0, anything elsewhere. */
static bvl_status write_by_column(bvl_job *job, const char *name, const double *mine, double absent,
                                  const int64_t *counts, double *by_position, double *by_input)
{
  const bvl_columns *columns = &bvl_problem_design(job->problem)->columns;
  int root = job->grid->all.rank == 0;
  bvl_status status = BVL_OK;
  if (mine != NULL)
    BVL_TRY(bvl_gather_to(&job->grid->all, 0, mine, counts, root ? by_position : NULL));
  for (int64_t k = 0; root && k < job->p; k++)
    by_input[bvl_columns_input(columns, k)] = mine != NULL ? by_position[k] : absent;
  BVL_TRY(bvl_result_put_f64(job->writer, name, job->p, by_input));
cleanup:
  return status;
}

static bvl_status write_standardization(bvl_job *job)
{
  const bvl_design *X = bvl_problem_design(job->problem);
  const bvl_comm *all = &job->grid->all;
  int64_t wanted = all->rank == 0 ? job->p : 0, *counts = NULL;
  double *by_position = NULL, *by_input = NULL;
  bvl_status status = BVL_ALLOC(&counts, all->size);
  if (status == BVL_OK) status = BVL_ALLOC(&by_position, wanted);
  if (status == BVL_OK) status = BVL_ALLOC(&by_input, wanted);
  BVL_TRY(bvl_agree(all, status));
  for (int j = 0; j < job->grid->n_cols; j++)
    counts[j] = X->columns.begin[j + 1] - X->columns.begin[j];
  BVL_TRY(
      write_by_column(job, "/center", bvl_design_center(X), 0.0, counts, by_position, by_input));
  BVL_TRY(write_by_column(job, "/scale", bvl_design_scale(X), 1.0, counts, by_position, by_input));
  if (bvl_design_fill(X) != NULL)
    BVL_TRY(write_by_column(job, "/fill", bvl_design_fill(X), 0.0, counts, by_position, by_input));
cleanup:
  free(by_input);
  free(by_position);
  free(counts);
  return status;
}

static const char *precision_name(bvl_dtype dtype)
{
  static const char *const name[] = {"float64", "float32", "int8", "uint8"};
  return name[dtype];
}

typedef struct text_attribute {
  const char *name, *value;
} text_attribute;

static bvl_status write_texts(bvl_job *job)
{
  static const char *const schedule[] = {"constant", "step", "cosine"};
  const bvl_run_options *o = job->options;
  char grid[32], fingerprint[24], end_time[24];
  bvl_status status = BVL_OK;
  snprintf(grid, sizeof grid, "%dx%d", job->grid_rows, job->grid_cols);
  snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, job->fingerprint);
  bvl_time_now(end_time);
  const text_attribute texts[] = {
      {"version", bvl_version()},
      {"command_line", o->command_line != NULL ? o->command_line : ""},
      {"data", o->data},
      {"fingerprint", fingerprint},
      {"x", job->names.x},
      {"y", job->names.y},
      {"weights_name", job->names.weights},
      {"offset_name", job->names.offset},
      {"groups", job->names.groups},
      {"group_weights", job->names.group_weights},
      {"penalty_factor", job->names.penalty_factor},
      {"lower", job->names.lower},
      {"upper", job->names.upper},
      {"family", job->family},
      {"penalty", job->penalty.type->name},
      {"lambda_grid", o->path.lambda == NULL && !(o->path.path_to > 0.0) ? "automatic" : "given"},
      {"solver", bvl_solver_name(o->path.solver)},
      {"param", bvl_job_param(job, &(int64_t){0})},
      {"gram", bvl_gram_name(o->path.gram)},
      {"schedule", schedule[o->path.schedule]},
      {"x_precision", precision_name(job->dtype)},
      {"missing", bvl_missing_name(o->missing)},
      {"precision", o->single ? "single" : "double"},
      {"io", o->collective_io ? "collective" : "independent"},
      {"grid", grid},
      {"checkpoint", o->checkpoint != NULL ? o->checkpoint : "none"},
      {"start_time", job->start_time},
      {"end_time", end_time},
  };
  for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
    BVL_TRY(bvl_result_attr_text(job->writer, texts[k].name, texts[k].value));
  if (job->class_names != NULL)
    BVL_TRY(bvl_result_attr_text(job->writer, "class_names", job->class_names));
cleanup:
  return status;
}

typedef struct real_attribute {
  const char *name;
  double value;
} real_attribute;

typedef struct integer_attribute {
  const char *name;
  int64_t value;
} integer_attribute;

static bvl_status write_numbers(bvl_job *job, const bvl_run_outcome *outcome)
{
  const bvl_run_options *o = job->options;
  bvl_status status = BVL_OK;
  const bvl_penalty_parameters shape = bvl_penalty_parameters_of(&job->penalty);
  const real_attribute real[] = {
      {"alpha", job->penalty.alpha},
      {"gamma", shape.gamma},
      {"q", shape.q},
      {"tl1_a", shape.tl1_a},
      {"log_eps", shape.log_eps},
      {"k1", shape.k1},
      {"k2", shape.k2},
      {"tol", o->path.tol},
      {"lambda_min_ratio", o->path.lambda_min_ratio},
      {"lr", o->path.step},
      {"max_seconds", o->path.max_seconds},
      {"checkpoint_every", o->path.checkpoint_every_s},
      {"admm_rho", o->path.admm_rho},
      {"lambda_max", outcome->lambda_max},
      {"half_null_deviance", bvl_problem_null_deviance_half(job->problem)},
      {"passes", outcome->passes},
      {"file_passes", outcome->file_passes},
  };
  const integer_attribute integer[] = {
      {"intercept", o->intercept},
      {"standardize", o->standardize},
      {"weights", strcmp(job->names.weights, "none") != 0},
      {"offset", strcmp(job->names.offset, "none") != 0},
      {"n", job->n},
      {"p", job->p},
      {"responses", bvl_problem_outputs(job->problem)},
      {"nlambda", bvl_path_n_lambda(job->path)},
      {"dfmax", o->path.dfmax},
      {"max_iter", o->path.max_iter},
      {"polish", o->path.polish},
      {"starts", o->path.starts},
      {"epochs", o->path.epochs},
      {"batch", o->batch},
      {"seed", (int64_t)o->path.seed},
      {"slices", job->n_slices},
      {"memory_limit", o->memory_limit},
      {"streamed", outcome->streamed},
      {"ranks", job->comm.size},
      {"resumed_from", outcome->resumed_from},
      {"reductions", outcome->traffic.reductions},
      {"reduction_bytes", outcome->traffic.reduction_bytes},
      {"other_messages", outcome->traffic.others},
      {"other_bytes", outcome->traffic.other_bytes},
  };
  for (size_t k = 0; k < sizeof real / sizeof real[0]; k++)
    BVL_TRY(bvl_result_attr_f64(job->writer, real[k].name, real[k].value));
  for (size_t k = 0; k < sizeof integer / sizeof integer[0]; k++)
    BVL_TRY(bvl_result_attr_i64(job->writer, integer[k].name, integer[k].value));
cleanup:
  return status;
}

bvl_status bvl_job_write(bvl_job *job, const bvl_run_outcome *outcome)
{
  int64_t n_lambda = bvl_path_n_lambda(job->path), *integer = NULL;
  double *real = NULL;
  bvl_status status = BVL_ALLOC(&real, n_lambda);
  if (status == BVL_OK) status = BVL_ALLOC(&integer, n_lambda);
  BVL_TRY(bvl_agree(&job->comm, status));
  BVL_TRY(write_points(job, real, integer));
  BVL_TRY(write_coefficients(job));
  BVL_TRY(write_standardization(job));
  if (job->rows.rows != NULL)
    BVL_TRY(bvl_result_put_i64(job->writer, "/rows", job->n, job->rows.rows));
  int64_t has_names = job->feature_names != NULL;
  BVL_TRY(bvl_bcast_i64(&job->comm, 0, &has_names, 1));
  if (has_names)
    BVL_TRY(bvl_result_put_strings(job->writer, "/feature_names", job->p, job->feature_names));
  BVL_TRY(write_texts(job));
  BVL_TRY(write_numbers(job, outcome));
cleanup:
  free(integer);
  free(real);
  return status;
}
