/* SPDX-License-Identifier: BSD-3-Clause */
/* Outputs of a network for the rows of a file. Ranks split the rows (Pr x 1) and send nothing. Of a
 * dense X only the network's inputs are read; a sparse X is multiplied as it is, by a first layer
 * that has a column for each of its columns. */
#include "run/predict_network.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "data/column_subset.h"
#include "loss/multi.h"
#include "net/pass.h"
#include "run/classes.h"
#include "run/job.h"
#include "run/match.h"
#include "run/memory.h"
#include "run/network_load.h"

enum { ROWS_AT_ONCE = 16 * BVL_PASS_ROWS };

typedef struct prediction {
  bvl_traffic traffic;
  bvl_comm comm;
  bvl_loaded model;
  const bvl_loss *loss;
  bvl_data *data;
  int64_t *column;    /* n_kept: the data's column of each input of the model */
  int64_t *ascending; /* n_kept: those columns in order, and ... */
  int64_t *rank_of;   /* ... the place of each input's among them */
  bvl_design *X;
  bvl_pass *pass;
  int64_t outputs;   /* of the network */
  int64_t width;     /* of the answer */
  double *values;    /* n_local x width, row-major, input order */
  char *class_names; /* of the answer that is classes; NULL = they have none */
} prediction;

/* ---- which columns ----------------------------------------------------------------------------
 */

static int is_sparse(const prediction *job)
{
  return bvl_data_source(job->data)->format != BVL_DENSE;
}

typedef struct placed {
  int64_t column;
  int64_t input;
} placed;

static int by_column(const void *a, const void *b)
{
  const int64_t x = ((const placed *)a)->column, y = ((const placed *)b)->column;
  return (x > y) - (x < y);
}

/* The columns in the order they are read in. */
static bvl_status sort_columns(prediction *job)
{
  bvl_status status = BVL_OK;
  const int64_t n = job->model.file.n_kept;
  placed *sorted = NULL;
  BVL_TRY(BVL_ALLOC(&sorted, n));
  BVL_TRY(BVL_ALLOC(&job->ascending, n));
  BVL_TRY(BVL_ALLOC(&job->rank_of, n));
  for (int64_t k = 0; k < n; k++) sorted[k] = (placed){job->column[k], k};
  qsort(sorted, (size_t)n, sizeof *sorted, by_column);
  for (int64_t s = 0; s < n; s++) {
    job->ascending[s] = sorted[s].column;
    job->rank_of[sorted[s].input] = s;
    if (s > 0 && sorted[s].column == sorted[s - 1].column)
      BVL_TRY(bvl_fail(BVL_ERR_INPUT,
                       "/feature_names: column %" PRId64 " is two of the model's features",
                       sorted[s].column));
  }
cleanup:
  free(sorted);
  return status;
}

static bvl_status match_columns(prediction *job)
{
  bvl_status status = BVL_OK;
  const bvl_network_file *file = &job->model.file;
  BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(&job->column, file->n_kept)));
  BVL_TRY(bvl_match_columns(&job->comm, job->data, file->p, file->feature_names, file->n_kept,
                            file->kept, job->column, NULL));
  BVL_TRY(bvl_agree(&job->comm, sort_columns(job)));
cleanup:
  return status;
}

/* ---- the network and X ------------------------------------------------------------------------
 */

static bvl_status lay_out(prediction *job)
{
  const bvl_source *source = bvl_data_source(job->data);
  bvl_layer *first = &job->model.file.arch.layer[0];
  if (!is_sparse(job)) return bvl_loaded_lay_out(&job->comm, &job->model, 0, NULL);
  if (first->kind != BVL_LAYER_DENSE)
    return bvl_fail(BVL_ERR_USAGE, "%s is sparse, and the network begins with %s", source->name,
                    bvl_layer_kind_name(first->kind));
  first->in = (bvl_picture){source->p, 1, 1};
  return bvl_loaded_lay_out(&job->comm, &job->model, 0, job->column);
}

static bvl_status check_memory(const prediction *job)
{
  const bvl_source *source = bvl_data_source(job->data);
  const bvl_network_file *file = &job->model.file;
  const int64_t rows = source->n / job->comm.size + 1;
  const int64_t x = is_sparse(job) ? source->nnz / job->comm.size * 24
                                   : rows * file->n_kept * bvl_dtype_bytes(source->dtype);
  const int64_t net = bvl_architecture_parameters(&file->arch) * (file->single ? 12 : 16);
  const int64_t base = INT64_C(60) << 20;
  return bvl_memory_check(&job->comm, base + x + net + 8 * rows * job->width, 0);
}

/* The model's value of each of X's columns; `other` where it has none. */
static void spread(const prediction *job, const double *of_model, double other, double *out)
{
  const bvl_network_file *file = &job->model.file;
  const int64_t p = bvl_design_p(job->X);
  for (int64_t j = 0; j < p && is_sparse(job); j++) out[j] = other;
  for (int64_t k = 0; k < file->n_kept; k++)
    out[is_sparse(job) ? job->column[k] : k] = of_model[file->kept[k]];
}

static bvl_status scale(prediction *job)
{
  bvl_status status = BVL_OK;
  const bvl_network_file *file = &job->model.file;
  const int64_t p = bvl_design_p(job->X);
  double *center = NULL, *deviation = NULL;
  BVL_TRY(BVL_ALLOC(&center, p));
  BVL_TRY(BVL_ALLOC(&deviation, p));
  if (file->fill != NULL) {
    spread(job, file->fill, 0.0, center);
    bvl_design_set_fill(job->X, center);
  }
  spread(job, file->center, 0.0, center);
  spread(job, file->scale, 1.0, deviation);
  BVL_TRY(bvl_design_set_scaling(job->X, center, deviation));
cleanup:
  free(center);
  free(deviation);
  return status;
}

static bvl_status read_matrix(prediction *job)
{
  const bvl_source *source = bvl_data_source(job->data);
  bvl_status status = BVL_OK;
  bvl_column_subset subset = {0};
  bvl_design_options options = {.row_access = 1, .equal_columns = 1};
  if (source->has_missing && job->model.file.fill == NULL)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s: has missing values, and the network was trained without any: it holds no "
                    "means to put in their place",
                    source->name);
  if (is_sparse(job)) {
    BVL_TRY(bvl_design_create(job->model.grid, source, &options, &job->X));
  } else {
    options.input = job->rank_of;
    BVL_TRY(bvl_agree(&job->comm, bvl_column_subset_create(source, job->model.file.n_kept,
                                                           job->ascending, &subset)));
    BVL_TRY(bvl_design_create(job->model.grid, &subset.source, &options, &job->X));
  }
  BVL_TRY(bvl_agree(&job->comm, scale(job)));
cleanup:
  bvl_column_subset_free(&subset);
  return status;
}

/* ---- outputs ----------------------------------------------------------------------------------
 */

static int64_t largest(int64_t K, const double *eta)
{
  int64_t best = 0;
  for (int64_t k = 1; k < K; k++)
    if (eta[k] > eta[best]) best = k;
  return best;
}

/* One row's answer from its outputs, which are overwritten. */
static void answer(const prediction *job, const char *type, double *eta, double *out)
{
  const int64_t K = job->outputs;
  if (strcmp(type, "class") == 0) {
    out[0] = job->loss->coupled ? (double)largest(K, eta) : eta[0] > 0.0;
    return;
  }
  if (strcmp(type, "response") == 0 && job->loss->coupled)
    bvl_multi_mean(job->loss, 1, K, eta, eta);
  for (int64_t k = 0; k < K; k++)
    out[k] = strcmp(type, "response") == 0 && !job->loss->coupled ? job->loss->mean(eta[k])
                                                                  : eta[k];
}

static bvl_status run_rows(prediction *job, const char *type, double *eta, double *row)
{
  bvl_status status = BVL_OK;
  const int64_t n = bvl_design_n_local(job->X), K = job->outputs;
  bvl_net_rows rows = {.X = job->X, .outputs = K};
  bvl_pass_sums sums = {0};
  for (int64_t first = 0; first < n; first += ROWS_AT_ONCE) {
    const int64_t end = bvl_lesser(first + ROWS_AT_ONCE, n);
    BVL_TRY(
        bvl_pass_run(job->pass, &rows, first, end, 0, NULL, &sums, 1.0, NULL, eta, end - first));
    for (int64_t i = first; i < end; i++) {
      for (int64_t k = 0; k < K; k++) row[k] = eta[i - first + k * (end - first)];
      const int64_t to = bvl_design_input_row(job->X, i) - job->X->rows.row0;
      answer(job, type, row, job->values + to * job->width);
    }
  }
cleanup:
  return status;
}

static bvl_status predict_all(prediction *job, const char *type)
{
  const int64_t n = bvl_design_n_local(job->X);
  double *eta = NULL, *row = NULL;
  bvl_status status = bvl_pass_create(job->model.net, 0, &job->pass);
  if (status == BVL_OK) status = BVL_ALLOC(&eta, ROWS_AT_ONCE * job->outputs);
  if (status == BVL_OK) status = BVL_ALLOC(&row, job->outputs);
  if (status == BVL_OK) status = BVL_ALLOC(&job->values, n * job->width);
  BVL_TRY(bvl_agree(&job->comm, status));
  bvl_pass_load(job->pass, job->model.params);
  BVL_TRY(bvl_agree(&job->comm, run_rows(job, type, eta, row)));
cleanup:
  free(eta);
  free(row);
  return status;
}

/* ---- the job ----------------------------------------------------------------------------------
 */

/* Which of a front's networks; rank 0 looks. -1: of a network alone in its file. */
static bvl_status choose_point(const bvl_comm *comm, const bvl_predict_options *options,
                               int is_front, bvl_predict_outcome *outcome)
{
  bvl_status status = BVL_OK;
  bvl_front_choice choice = {.point = -1};
  if (is_front && comm->rank == 0)
    status = bvl_front_choose(options->model, options->point, &choice);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(bvl_bcast_bytes(comm, 0, &choice, sizeof choice));
  outcome->from = choice;
cleanup:
  return status;
}

static bvl_status choose_answer(prediction *job, const char *type)
{
  const char *family = job->model.file.family[0] != '\0' ? job->model.file.family : "gaussian";
  job->outputs = bvl_architecture_outputs(&job->model.file.arch);
  job->loss = bvl_loss_find(family);
  if (job->loss == NULL)
    return bvl_fail(BVL_ERR_INPUT, "the network's family %.31s is not available", family);
  if (job->loss == &bvl_loss_binomial && job->outputs == 2) job->loss = &bvl_loss_multinomial;
  if (strcmp(type, "class") == 0 && job->loss != &bvl_loss_binomial && !job->loss->coupled)
    return bvl_fail(BVL_ERR_USAGE, "type class: the network is %s, which has no classes", family);
  job->width = strcmp(type, "class") == 0 ? 1 : job->outputs;
  return BVL_OK;
}

static void close_job(prediction *job)
{
  free(job->values);
  free(job->class_names);
  bvl_pass_destroy(&job->pass);
  bvl_design_destroy(&job->X);
  bvl_data_close(&job->data);
  free(job->column);
  free(job->ascending);
  free(job->rank_of);
  bvl_loaded_close(&job->model);
  bvl_comm_free(&job->comm);
}

bvl_status bvl_run_predict_network(MPI_Comm comm, const bvl_predict_options *options, int is_front,
                                   bvl_predict_outcome *outcome)
{
  prediction job = {.outputs = 0};
  char start_time[24];
  bvl_origin origin = {
      .command_line = options->command_line, .start_time = start_time, .data = options->data};
  const char *about = options->model; /* the file a message is about */
  bvl_status status = BVL_OK;
  bvl_time_now(start_time);
  BVL_TRY(bvl_comm_dup(comm, &job.traffic, &job.comm));
  BVL_TRY(choose_point(&job.comm, options, is_front, outcome));
  BVL_TRY(bvl_loaded_open(&job.comm, options->model, outcome->from.point, &job.model));
  BVL_TRY(choose_answer(&job, options->type));
  if (is_front) origin.model_group = job.model.prefix;
  about = options->data;
  double start_s = bvl_now_s();
  BVL_TRY(bvl_data_open(&job.comm, options->data, &options->names, options->collective_io, 0,
                        &job.data));
  BVL_TRY(match_columns(&job));
  BVL_TRY(check_memory(&job));
  BVL_TRY(lay_out(&job));
  BVL_TRY(read_matrix(&job));
  outcome->load_s = bvl_now_s() - start_s;
  start_s = bvl_now_s();
  BVL_TRY(predict_all(&job, options->type));
  outcome->predict_s = bvl_now_s() - start_s;
  BVL_TRY(bvl_max(&job.comm, &outcome->predict_s, 1));
  outcome->n = bvl_design_n(job.X);
  outcome->columns = bvl_design_p(job.X);
  outcome->parameters = bvl_architecture_parameters(&job.model.file.arch);
  origin.grid_rows = job.comm.size;
  origin.grid_cols = 1;
  BVL_TRY(bvl_data_fingerprint(job.data, &origin.fingerprint));
  if (strcmp(options->type, "class") == 0)
    BVL_TRY(bvl_class_names_read(&job.comm, options->model, &job.class_names));
  BVL_TRY(bvl_classes_count(&job.comm, job.class_names, bvl_design_n_local(job.X), job.values,
                            outcome->classes, sizeof outcome->classes));
  BVL_TRY(bvl_prediction_write(&job.comm, options->output, outcome->n, job.width, 1, NULL,
                               options->type, job.class_names, job.X->rows.row0,
                               bvl_design_n_local(job.X), job.values, &origin));
cleanup:
  status = bvl_name_file(about, status);
  close_job(&job);
  return status;
}
