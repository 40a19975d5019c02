/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel predict: eta = offset + b0 + X B for every lambda of a model, or for one between two. Ranks
 * split the rows (Pr x 1). Columns are matched by name when data and model have names, else by
 * position. Coefficients are on the input's scale, so X is not standardised. Lambdas go through X
 * in blocks, so that no rank holds p x L numbers. */
#include "run/job.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "data/design.h"
#include "io/network.h"
#include "io/study_file.h"
#include "loss/multi.h"
#include "run/classes.h"
#include "run/criteria.h"
#include "run/match.h"
#include "run/memory.h"
#include "run/predict_network.h"

enum { BLOCK_BYTES = 64 << 20 };

typedef struct prediction {
  bvl_traffic traffic;
  bvl_comm comm;
  bvl_result model;
  bvl_data *data;
  bvl_grid *grid;
  bvl_design *X;
  int64_t *column;     /* model.p: the data's column of each of the model's; NULL = the same */
  int64_t n_lambda;    /* columns predicted */
  double *lambda;      /* n_lambda */
  int64_t left, right; /* with one lambda asked for: between these two columns of the model */
  double left_share;   /* weight of `left` */
  int64_t outputs;     /* values of a row for a lambda: the model's, 1 as classes */
  double *values;      /* n_local x outputs x n_lambda, row-major, input order: the answer */
  char *class_names;   /* of the answer that is classes; NULL = they have none */
} prediction;

static bvl_status match_columns(prediction *job)
{
  bvl_status status = BVL_OK;
  int by_name = 0;
  BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(&job->column, job->model.p)));
  BVL_TRY(bvl_match_columns(&job->comm, job->data, job->model.p, job->model.feature_names,
                            job->model.p, NULL, job->column, &by_name));
  if (by_name) goto cleanup;
  free(job->column);
  job->column = NULL;
cleanup:
  return status;
}

/* ---- which lambdas -------------------------------------------------------------------------- */

/* Nearest fitted lambdas at or above (left) and at or below (right) `at`, as glmnet's
 * lambda.interp; beyond the ends the end itself. A column that was not attempted is no neighbour.
 */
static bvl_status choose_lambda(prediction *job, double at)
{
  const bvl_result *model = &job->model;
  int64_t left = -1, right = -1;
  for (int64_t l = 0; l < model->n_lambda; l++) {
    if (isnan(model->intercept[l * model->outputs])) continue;
    double lambda = model->lambda[l];
    if (lambda >= at && (left < 0 || lambda < model->lambda[left])) left = l;
    if (lambda <= at && (right < 0 || lambda > model->lambda[right])) right = l;
  }
  if (left < 0 && right < 0) return bvl_fail(BVL_ERR_INPUT, "the model holds no fitted lambda");
  job->left = left >= 0 ? left : right;
  job->right = right >= 0 ? right : left;
  double high = model->lambda[job->left], low = model->lambda[job->right];
  job->left_share = high > low ? (at - low) / (high - low) : 1.0;
  return BVL_OK;
}

/* lambda.min, lambda.1se and what the criteria chose as numbers. */
static bvl_status find_choice(const prediction *job, double *at)
{
  const int is_min = *at == BVL_AT_LAMBDA_MIN;
  if (isnan(*at) || *at >= 0.0) return BVL_OK;
  if (*at <= BVL_AT_AIC) {
    const int criterion = (int)(BVL_AT_AIC - *at);
    *at = job->model.lambda_criterion[criterion];
    if (!isnan(*at)) return BVL_OK;
    return bvl_fail(BVL_ERR_USAGE, "at %s: the model does not have it",
                    bvl_criterion_name((bvl_criterion)criterion));
  }
  *at = is_min ? job->model.lambda_min : job->model.lambda_1se;
  if (!isnan(*at)) return BVL_OK;
  return bvl_fail(BVL_ERR_USAGE, "at %s: the model is not one of bevel cv",
                  is_min ? "lambda.min" : "lambda.1se");
}

static bvl_status choose_lambdas(prediction *job, double at)
{
  int all = isnan(at);
  bvl_status status = BVL_OK;
  job->n_lambda = all ? job->model.n_lambda : 1;
  BVL_TRY(BVL_ALLOC(&job->lambda, job->n_lambda));
  if (all) {
    for (int64_t l = 0; l < job->n_lambda; l++) job->lambda[l] = job->model.lambda[l];
  } else {
    job->lambda[0] = at;
    BVL_TRY(choose_lambda(job, at));
  }
cleanup:
  return status;
}

/* B (p x K) += share * column l of the model, in the data's columns. */
static void add_column(const prediction *job, int64_t l, double share, double *b)
{
  const bvl_result *model = &job->model;
  const int64_t p = bvl_design_p(job->X);
  for (int64_t e = model->indptr[l]; share != 0.0 && e < model->indptr[l + 1]; e++) {
    const int64_t j = model->indices[e] / model->outputs, k = model->indices[e] % model->outputs;
    b[k * p + (job->column != NULL ? job->column[j] : j)] += share * model->values[e];
  }
}

/* Coefficients (p x K) and intercepts (K) of the answer's column l. */
static void model_column(const prediction *job, int64_t l, int interpolated, double *b,
                         double *base)
{
  const int64_t K = job->model.outputs;
  const double *intercept = job->model.intercept;
  double right_share = 1.0 - job->left_share;
  if (!interpolated) {
    add_column(job, l, 1.0, b);
    for (int64_t k = 0; k < K; k++) base[k] = intercept[l * K + k];
    return;
  }
  add_column(job, job->left, job->left_share, b);
  add_column(job, job->right, right_share, b);
  for (int64_t k = 0; k < K; k++)
    base[k] = job->left_share * intercept[job->left * K + k] +
              right_share * intercept[job->right * K + k];
}

/* ---- products ------------------------------------------------------------------------------- */

static int compare_i64(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* The data's columns that any lambda uses, ascending. */
static bvl_status used_columns(const prediction *job, int64_t *n_used, int64_t **out)
{
  const bvl_result *model = &job->model;
  int64_t nnz = model->indptr[model->n_lambda];
  bvl_status status = BVL_ALLOC(out, nnz);
  *n_used = 0;
  if (status != BVL_OK) return status;
  for (int64_t e = 0; e < nnz; e++) {
    const int64_t j = model->indices[e] / model->outputs;
    (*out)[e] = job->column != NULL ? job->column[j] : j;
  }
  qsort(*out, (size_t)nnz, sizeof **out, compare_i64);
  for (int64_t e = 0; e < nnz; e++)
    if (e == 0 || (*out)[e] != (*out)[e - 1]) (*out)[(*n_used)++] = (*out)[e];
  return BVL_OK;
}

/* Predictors of lambdas first .. first + k - 1 into job->values, in input order. */
static bvl_status predict_block(prediction *job, int interpolated, int64_t n_used,
                                const int64_t *used, int64_t first, int64_t k, double *B,
                                double *base, double *eta)
{
  const bvl_rows *rows = &job->X->rows;
  const int64_t K = job->model.outputs;
  int64_t p = bvl_design_p(job->X), n = rows->n_local;
  bvl_status status = BVL_OK;
  memset(B, 0, (size_t)(p * k * K) * sizeof *B);
  for (int64_t q = 0; q < k; q++)
    model_column(job, first + q, interpolated, B + q * p * K, base + q * K);
  BVL_TRY(bvl_design_forward(job->X, n_used, used, k * K, B, eta));
  for (int64_t q = 0; q < k * K; q++)
    for (int64_t i = 0; i < n; i++) {
      const int64_t row = (bvl_design_input_row(job->X, i) - rows->row0) * K + q % K;
      job->values[row * job->n_lambda + first + q / K] = base[q] + eta[i + q * n];
    }
cleanup:
  return status;
}

static bvl_status predict_all(prediction *job, int interpolated)
{
  const int64_t K = job->model.outputs;
  int64_t p = bvl_design_p(job->X), n = bvl_design_n_local(job->X), n_used = 0;
  int64_t block = bvl_lesser(64, bvl_greater(1, BLOCK_BYTES / (8 * bvl_greater(1, p)))) / K;
  int64_t *used = NULL;
  double *B = NULL, *base = NULL, *eta = NULL;
  block = bvl_lesser(bvl_greater(block, 1), job->n_lambda);
  job->outputs = K;
  bvl_status status = used_columns(job, &n_used, &used);
  if (status == BVL_OK) status = BVL_ALLOC(&B, p * block * K);
  if (status == BVL_OK) status = BVL_ALLOC(&base, block * K);
  if (status == BVL_OK) status = BVL_ALLOC(&eta, n * block * K);
  if (status == BVL_OK) status = BVL_ALLOC(&job->values, n * K * job->n_lambda);
  BVL_TRY(bvl_agree(&job->comm, status));
  for (int64_t first = 0; first < job->n_lambda; first += block)
    BVL_TRY(predict_block(job, interpolated, n_used, used, first,
                          bvl_lesser(block, job->n_lambda - first), B, base, eta));
cleanup:
  free(eta);
  free(base);
  free(B);
  free(used);
  return status;
}

/* A model trained with an offset means nothing without one. */
static bvl_status add_offset(prediction *job)
{
  int64_t n = bvl_design_n_local(job->X), row0 = job->X->rows.row0;
  int present = 1;
  double *offset = NULL;
  bvl_status status = BVL_OK;
  if (!job->model.trained_offset) return BVL_OK;
  BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(&offset, n)));
  BVL_TRY(bvl_data_read_rows(job->data, "offset", row0, n, offset, &present));
  if (!present)
    BVL_TRY(bvl_fail(BVL_ERR_INPUT, "/offset: missing, and the model was trained with one"));
  for (int64_t i = 0; i < n; i++)
    for (int64_t l = 0; l < job->n_lambda; l++) job->values[i * job->n_lambda + l] += offset[i];
cleanup:
  free(offset);
  return status;
}

/* The class with the largest predictor; NaN of a lambda that was not attempted. */
static double largest_class(int64_t K, const double *eta)
{
  int64_t best = 0;
  for (int64_t k = 1; k < K; k++)
    if (eta[k] > eta[best]) best = k;
  return isnan(eta[0]) ? NAN : (double)best;
}

/* Probabilities, or the class in place of K predictors. */
static bvl_status transform_classes(prediction *job, const bvl_loss *loss, int class)
{
  const int64_t K = job->model.outputs, L = job->n_lambda;
  double *eta = NULL;
  bvl_status status = BVL_ALLOC(&eta, K);
  if (class) job->outputs = 1;
  for (int64_t i = 0; status == BVL_OK && i < bvl_design_n_local(job->X); i++)
    for (int64_t l = 0; l < L; l++) {
      for (int64_t k = 0; k < K; k++) eta[k] = job->values[(i * K + k) * L + l];
      if (class) /* rows shrink: what is overwritten was read already */
        job->values[i * L + l] = largest_class(K, eta);
      else
        bvl_multi_mean(loss, 1, K, eta, eta);
      for (int64_t k = 0; !class && k < K; k++) job->values[(i * K + k) * L + l] = eta[k];
    }
  free(eta);
  return bvl_agree(&job->comm, status);
}

static bvl_status transform(prediction *job, const char *type)
{
  const bvl_loss *loss = bvl_loss_find(job->model.family);
  int64_t count = bvl_design_n_local(job->X) * job->n_lambda * job->outputs;
  if (strcmp(type, "link") == 0) return BVL_OK;
  int class = strcmp(type, "class") == 0;
  if (loss->coupled) return transform_classes(job, loss, class);
  for (int64_t k = 0; k < count; k++) {
    double eta = job->values[k];
    job->values[k] = class ? (isnan(eta) ? NAN : eta > 0.0) : loss->mean(eta);
  }
  return BVL_OK;
}

/* ---- the job -------------------------------------------------------------------------------- */

static bvl_status check_type(const prediction *job, const char *type)
{
  const char *family = job->model.family;
  if (bvl_loss_find(family) == NULL)
    return bvl_fail(BVL_ERR_INPUT, "the model's family %s is not available", family);
  if (strcmp(type, "class") == 0 && strcmp(family, "binomial") != 0 &&
      strcmp(family, "multinomial") != 0)
    return bvl_fail(BVL_ERR_USAGE, "type class: the model is %s, which has no classes", family);
  return BVL_OK;
}

/* A missing value reads as it did when the model was fitted; or, to leave its row out, as NaN,
 * which is then the row's prediction. */
static bvl_status set_fill(prediction *job, int leave_out)
{
  double *fill = NULL;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(&fill, bvl_design_p(job->X))));
  for (int64_t j = 0; j < job->model.p; j++)
    fill[job->column != NULL ? job->column[j] : j] = leave_out ? NAN : job->model.fill[j];
  bvl_design_set_fill(job->X, fill);
cleanup:
  free(fill);
  return status;
}

static bvl_status read_matrix(prediction *job, bvl_missing missing)
{
  bvl_source with_missing = *bvl_data_source(job->data);
  const bvl_source *source = &with_missing;
  const int is_float = source->format == BVL_DENSE && source->dtype != BVL_I8 &&
                       source->dtype != BVL_U8;
  if (is_float) with_missing.has_missing = missing > BVL_MISSING_ERROR;
  /* a model of X rounded to float32 predicts from X rounded the same way */
  const bvl_design_options options = {.store_float32 = job->model.single};
  const bvl_dtype held = bvl_design_held_dtype(source, job->model.single);
  const bvl_memory_shape shape = {
      .n = source->n,
      .p = source->p,
      .nnz = source->nnz,
      .format = source->format,
      .dtype = held,
      .solver = BVL_SOLVER_AUTO,
      .n_lambda = job->n_lambda,
      .grid_rows = job->comm.size,
      .grid_cols = 1,
      .gram = BVL_GRAM_AUTO,
      .responses = job->model.outputs,
      .only_x = 1,
  };
  bvl_status status = BVL_OK;
  if (source->has_missing && missing != BVL_MISSING_DROP && job->model.fill == NULL)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s: has missing values, and the model was fitted without any and without "
                    "an intercept: it holds no means to put in their place",
                    source->name);
  int64_t answer = 8 * (source->n / job->comm.size + 1) * job->n_lambda * job->model.outputs;
  BVL_TRY(bvl_memory_check(&job->comm, bvl_memory_estimate(&shape) + answer, 0));
  BVL_TRY(bvl_grid_create(job->comm.mpi, job->comm.size, 1, &job->grid));
  BVL_TRY(bvl_design_create(job->grid, source, &options, &job->X));
  if (source->has_missing) BVL_TRY(set_fill(job, missing == BVL_MISSING_DROP));
cleanup:
  return status;
}

void bvl_predict_options_init(bvl_predict_options *options)
{
  *options = (bvl_predict_options){
      .task = -1, .point = -1, .type = "link", .at = NAN, .relax_gamma = 1.0, .collective_io = 1};
}

static bvl_status predict_model(MPI_Comm comm, const bvl_predict_options *options,
                                const char *group, bvl_predict_outcome *outcome)
{
  prediction job = {.n_lambda = 0};
  char start_time[24];
  bvl_origin origin = {
      .command_line = options->command_line, .start_time = start_time, .data = options->data};
  if (strcmp(group, "/") != 0) origin.model_group = group;
  const char *about = options->model; /* the file a message is about */
  double at = options->at;
  bvl_status status = BVL_OK;
  bvl_time_now(start_time);
  BVL_TRY(bvl_comm_dup(comm, &job.traffic, &job.comm));
  BVL_TRY(bvl_result_read_at(&job.comm, options->model, group, &job.model));
  if (options->relax_gamma < 1.0)
    BVL_TRY(bvl_result_relax(&job.comm, options->model, group, options->relax_gamma, &job.model));
  BVL_TRY(check_type(&job, options->type));
  BVL_TRY(bvl_agree(&job.comm, find_choice(&job, &at)));
  BVL_TRY(bvl_agree(&job.comm, choose_lambdas(&job, at)));
  about = options->data;
  double start_s = bvl_now_s();
  BVL_TRY(bvl_data_open(&job.comm, options->data, &options->names, options->collective_io, 0,
                        &job.data));
  BVL_TRY(match_columns(&job));
  BVL_TRY(read_matrix(&job, options->missing));
  outcome->load_s = bvl_now_s() - start_s;
  start_s = bvl_now_s();
  BVL_TRY(predict_all(&job, !isnan(at)));
  BVL_TRY(add_offset(&job));
  BVL_TRY(transform(&job, options->type));
  outcome->predict_s = bvl_now_s() - start_s;
  BVL_TRY(bvl_max(&job.comm, &outcome->predict_s, 1));
  outcome->n = bvl_design_n(job.X);
  outcome->columns = bvl_design_p(job.X);
  outcome->parameters = job.model.indptr[job.model.n_lambda];
  origin.grid_rows = job.comm.size;
  origin.grid_cols = 1;
  BVL_TRY(bvl_data_fingerprint(job.data, &origin.fingerprint));
  if (strcmp(options->type, "class") == 0)
    BVL_TRY(bvl_class_names_read(&job.comm, options->model, &job.class_names));
  if (job.n_lambda == 1)
    BVL_TRY(bvl_classes_count(&job.comm, job.class_names, bvl_design_n_local(job.X), job.values,
                              outcome->classes, sizeof outcome->classes));
  BVL_TRY(bvl_prediction_write(&job.comm, options->output, bvl_design_n(job.X), job.outputs,
                               job.n_lambda, job.lambda, options->type, job.class_names,
                               job.X->rows.row0, bvl_design_n_local(job.X), job.values, &origin));
cleanup:
  status = bvl_name_file(about, status);
  free(job.values);
  free(job.class_names);
  free(job.lambda);
  free(job.column);
  bvl_design_destroy(&job.X);
  bvl_grid_destroy(&job.grid);
  bvl_data_close(&job.data);
  bvl_result_free(&job.model);
  bvl_comm_free(&job.comm);
  return status;
}

/* Which kind of file it is, rank 0 says; of a study the group of its task (`task` -1: the best). */
static bvl_status find_kind(MPI_Comm mpi, const char *model, int64_t task, bvl_network_kind *kind,
                            char group[48])
{
  bvl_traffic traffic = {0};
  bvl_comm comm = {.size = 0};
  int64_t found[2] = {BVL_NO_NETWORK, task};
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_comm_dup(mpi, &traffic, &comm));
  if (comm.rank == 0) {
    found[0] = bvl_network_kind_of(model);
    if (found[0] == BVL_NO_NETWORK && task < 0 && bvl_study_is(model))
      status = bvl_study_best(model, &found[1]);
  }
  BVL_TRY(bvl_agree(&comm, status));
  BVL_TRY(bvl_bcast_i64(&comm, 0, found, 2));
  *kind = (bvl_network_kind)found[0];
  if (found[1] >= 0)
    snprintf(group, 48, "/tasks/%" PRId64, found[1]);
  else
    snprintf(group, 48, "/");
cleanup:
  bvl_comm_free(&comm);
  return status;
}

/* What is asked for that goes with models of another kind. */
static bvl_status check_kind(const bvl_predict_options *options, bvl_network_kind kind)
{
  const char *is = kind == BVL_FRONT         ? "a front of networks"
                   : kind == BVL_ONE_NETWORK ? "a network"
                                             : "no front of networks";
  const char *wanted = NULL;
  if (kind != BVL_FRONT && options->point >= 0) wanted = "a point";
  if (kind != BVL_NO_NETWORK && !isnan(options->at)) wanted = "a lambda";
  if (kind != BVL_NO_NETWORK && options->task >= 0) wanted = "a task";
  if (kind != BVL_NO_NETWORK && options->relax_gamma < 1.0) wanted = "relax-gamma";
  if (kind != BVL_NO_NETWORK && options->missing > BVL_MISSING_ERROR)
    wanted = "missing mean and drop";
  if (wanted == NULL) return BVL_OK;
  return bvl_fail(BVL_ERR_USAGE, "%s: %.80s is %s", wanted, options->model, is);
}

bvl_status bvl_run_predict(MPI_Comm comm, const bvl_predict_options *options,
                           bvl_predict_outcome *outcome)
{
  bvl_network_kind kind = BVL_NO_NETWORK;
  char group[48];
  bvl_status status = find_kind(comm, options->model, options->task, &kind, group);
  *outcome = (bvl_predict_outcome){.from.point = -1};
  if (status == BVL_OK) status = check_kind(options, kind);
  if (status != BVL_OK) return status;
  if (kind == BVL_NO_NETWORK) return predict_model(comm, options, group, outcome);
  return bvl_run_predict_network(comm, options, kind == BVL_FRONT, outcome);
}
