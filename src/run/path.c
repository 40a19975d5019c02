/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel path and bevel fit: open, choose a grid, refuse what does not fit, read X, solve with
 * checkpoints, write. Everything that can fail early (shapes, output file, memory) fails before X
 * is read. */
#include "run/job.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/phase.h"
#include "data/design.h"
#include "loss/loss.h"
#include "run/criteria.h"
#include "run/grid.h"
#include "run/memory.h"
#include "run/relax.h"
#include "surrogate/surrogate.h"

enum { DEFAULT_BATCH = 256 };

void bvl_run_options_init(bvl_run_options *options)
{
  memset(options, 0, sizeof *options);
  options->penalty = "lasso";
  bvl_penalty_parameters_init(&options->parameters);
  options->lower = -INFINITY;
  options->upper = INFINITY;
  options->intercept = 1;
  options->standardize = 1;
  options->collective_io = 1;
  options->ebic_gamma = 1.0;
  bvl_path_options_init(&options->path);
}

const char *bvl_solver_name(bvl_solver solver)
{
  static const char *const name[] = {"auto", "newton", "cd",     "sgd", "momentum",
                                     "adam", "lbfgs",  "varpro", "admm"};
  return name[solver];
}

const char *bvl_gram_name(bvl_gram gram)
{
  static const char *const name[] = {"auto", "replicated", "distributed"};
  return name[gram];
}

int bvl_solver_is_stochastic(bvl_solver solver)
{
  return solver == BVL_SOLVER_SGD || solver == BVL_SOLVER_MOMENTUM || solver == BVL_SOLVER_ADAM;
}

int bvl_solver_is_surrogate(bvl_solver solver)
{
  return bvl_solver_is_stochastic(solver) || solver == BVL_SOLVER_LBFGS ||
         solver == BVL_SOLVER_VARPRO || solver == BVL_SOLVER_ADMM;
}

const char *bvl_job_param(const bvl_job *job, int64_t *n_factors)
{
  bvl_surrogate map;
  const bvl_path_options *path = &job->options->path;
  *n_factors = 2;
  if (path->solver < BVL_SOLVER_SGD || path->solver > BVL_SOLVER_LBFGS) return "none";
  if (bvl_surrogate_find(path->param, &job->penalty, job->lower != NULL, &map) != BVL_OK)
    return "none";
  *n_factors = map.type->length(&map.shape, 1);
  return map.type->name;
}

void bvl_job_log(const bvl_job *job, const char *format, ...)
{
  char line[512];
  va_list args;
  if (job->comm.rank != 0 || job->monitor == NULL || job->monitor->log == NULL) return;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  job->monitor->log(job->monitor->context, line);
}

/* ---- what is asked for ------------------------------------------------------------------------
 */

static bvl_status choose_model(bvl_job *job)
{
  const char *family = job->options->family;
  const char *in_file = bvl_data_family(job->data);
  char known[96] = "";
  if (family == NULL) family = in_file != NULL ? in_file : "gaussian";
  if (bvl_loss_find(family) == NULL) {
    for (const bvl_loss *const *loss = bvl_loss_all(); *loss != NULL; loss++) {
      size_t used = strlen(known);
      snprintf(known + used, sizeof known - used, "%s%s", used > 0 ? ", " : "", (*loss)->name);
    }
    return bvl_fail(BVL_ERR_USAGE, "family %.31s: not available (%s are)", family, known);
  }
  snprintf(job->family, sizeof job->family, "%s", family);
  const bvl_penalty_type *type = bvl_penalty_find(job->options->penalty);
  if (type == NULL)
    return bvl_fail(BVL_ERR_USAGE, "penalty %.31s: not available", job->options->penalty);
  if (job->n_responses > 1 && strcmp(family, "gaussian") != 0)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s has %" PRId64 " columns: several responses are not supported by family %s",
                    job->options->names.y != NULL ? job->options->names.y : "/y", job->n_responses,
                    family);
  return bvl_penalty_init(type, &job->options->parameters, &job->penalty);
}

/* Whether a vector over rows is there; its name in the result, "none" when it is not. */
static bvl_status find_rows(bvl_job *job, const char *what, const char *asked,
                            const char *by_default, const char **name)
{
  int present = 1;
  bvl_status status = bvl_data_read_rows(job->data, what, 0, 0, NULL, &present);
  *name = !present ? "none" : asked != NULL ? asked : by_default;
  return status;
}

static const char *used_name(const void *values, const char *asked, const char *by_default)
{
  if (values == NULL) return "none";
  return asked != NULL ? asked : by_default;
}

/* One number for every column where no dataset was named; what it is called in the result. */
static bvl_status spread_bound(int64_t p, double all, const char *asked, double **values,
                               char text[40], const char **name)
{
  *name = used_name(*values, asked, "none");
  if (*values != NULL || isinf(all)) return BVL_OK;
  snprintf(text, 40, "%.17g", all);
  *name = text;
  bvl_status status = BVL_ALLOC(values, p);
  for (int64_t j = 0; status == BVL_OK && j < p; j++) (*values)[j] = all;
  return status;
}

static bvl_status read_bounds(bvl_job *job)
{
  const bvl_run_options *o = job->options;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_data_read_bounds(job->data, &job->lower, &job->upper));
  status = spread_bound(job->p, o->lower, o->names.lower, &job->lower, job->lower_name,
                        &job->names.lower);
  if (status == BVL_OK)
    status = spread_bound(job->p, o->upper, o->names.upper, &job->upper, job->upper_name,
                          &job->names.upper);
  status = bvl_agree(&job->comm, status);
cleanup:
  return status;
}

int bvl_job_is_multi(const bvl_job *job)
{
  return job->n_responses > 1 || bvl_loss_find(job->family)->coupled;
}

/* Vectors beside X, and the names under which they stand in the file. */
static bvl_status read_columns(bvl_job *job)
{
  const bvl_data_names *asked = &job->options->names;
  bvl_data_names *used = &job->names;
  bvl_status status = BVL_OK;
  used->x = asked->x != NULL ? asked->x : "/X";
  used->y = asked->y != NULL ? asked->y : "/y";
  BVL_TRY(find_rows(job, "weights", asked->weights, "/weights", &used->weights));
  BVL_TRY(find_rows(job, "offset", asked->offset, "/offset", &used->offset));
  if (job->penalty.type->grouped) {
    BVL_TRY(bvl_data_read_groups(job->data, &job->groups));
    BVL_TRY(bvl_data_read_group_weights(job->data, &job->n_group_weights, &job->group_weights));
  }
  BVL_TRY(bvl_data_read_penalty_factor(job->data, &job->penalty_factor));
  BVL_TRY(read_bounds(job));
  BVL_TRY(bvl_data_read_feature_names(job->data, &job->feature_names));
  BVL_TRY(bvl_data_read_class_names(job->data, &job->class_names));
  used->groups = used_name(job->groups, asked->groups, "/groups");
  used->group_weights = used_name(job->group_weights, asked->group_weights, "/group_weights");
  used->penalty_factor = used_name(job->penalty_factor, asked->penalty_factor, "/penalty_factor");
  if (strcmp(job->penalty.type->name, "group-lasso") == 0 && job->groups == NULL &&
      bvl_job_is_multi(job))
    status = bvl_penalty_init(bvl_penalty_find("lasso"), NULL, &job->penalty);
  else if (job->penalty.type->grouped && job->groups == NULL &&
           (job->penalty.type->whole || !job->penalty.type->difference))
    status = bvl_fail(BVL_ERR_INPUT, "/groups: missing, and penalty %s needs it",
                      job->penalty.type->name);
cleanup:
  return status;
}

static void choose_slices(bvl_job *job)
{
  int64_t batch = job->options->batch > 0 ? job->options->batch : DEFAULT_BATCH;
  job->n_slices = 1;
  if (bvl_solver_is_stochastic(job->options->path.solver))
    job->n_slices = bvl_greater(1, (job->n + batch / 2) / batch);
}

bvl_status bvl_job_choose_grid(bvl_job *job, int n_ranks)
{
  const bvl_run_options *o = job->options;
  const bvl_step_shape step = {
      .n = job->n,
      .p = job->p,
      .nnz = job->nnz,
      .batch = job->n / job->n_slices,
      .fused = bvl_solver_is_stochastic(o->path.solver),
  };
  job->grid_rows = o->grid_rows;
  job->grid_cols = o->grid_cols;
  if (o->grid_rows == 0 && o->grid_cols == 0 &&
      bvl_penalty_is_whole(&job->penalty, job->groups != NULL)) {
    job->grid_rows = n_ranks; /* one rank would hold all columns */
    job->grid_cols = 1;
  } else if (o->grid_rows == 0 && o->grid_cols == 0)
    bvl_grid_choose(&step, n_ranks, &job->grid_rows, &job->grid_cols);
  return bvl_grid_check(n_ranks, job->grid_rows, job->grid_cols);
}

/* ---- the phases -------------------------------------------------------------------------------
 */

bvl_status bvl_job_open(bvl_job *job)
{
  const bvl_run_options *o = job->options;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_data_open(&job->comm, o->data, &o->names, o->collective_io, 1, &job->data));
  BVL_TRY(bvl_missing_open(&job->comm, job->data, o->missing, &job->rows));
  const bvl_source *source = &job->rows.source;
  if (job->rows.n_dropped > 0)
    bvl_job_log(job, "%" PRId64 " rows with missing values left out", job->rows.n_dropped);
  job->n = source->n;
  job->p = source->p;
  job->nnz = source->nnz;
  job->n_responses = bvl_data_responses(job->data);
  job->format = source->format;
  job->dtype = bvl_design_held_dtype(source, o->single);
  if (o->single && source->format != BVL_DENSE)
    bvl_job_log(job, "%s is sparse: its values stay float64", source->name);
  BVL_TRY(choose_model(job));
  BVL_TRY(read_columns(job));
  BVL_TRY(bvl_data_fingerprint(job->data, &job->fingerprint));
  choose_slices(job);
  BVL_TRY(bvl_job_choose_grid(job, job->comm.size));
cleanup:
  return status;
}

bvl_problem_data bvl_job_problem_data(const bvl_job *job, bvl_penalty_parameters *parameters)
{
  const bvl_run_options *o = job->options;
  *parameters = bvl_penalty_parameters_of(&job->penalty);
  return (bvl_problem_data){
      .family = job->family,
      .penalty = job->penalty.type->name,
      .parameters = parameters,
      .intercept = o->intercept,
      .standardize = o->standardize,
      .groups = job->groups,
      .group_weights = job->group_weights,
      .n_group_weights = job->n_group_weights,
      .penalty_factor = job->penalty_factor,
      .lower = job->lower,
      .upper = job->upper,
      .n_responses = job->n_responses,
      .n_slices = job->n_slices,
      .stochastic = bvl_solver_is_stochastic(o->path.solver),
      .store_float32 = o->single,
      .stream_bytes = job->stream_bytes,
      .context = job->rows.context,
      .read_rows = job->rows.read_rows,
  };
}

static bvl_status read_problem(bvl_job *job)
{
  bvl_penalty_parameters parameters;
  const bvl_problem_data data = bvl_job_problem_data(job, &parameters);
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_grid_create(job->comm.mpi, job->grid_rows, job->grid_cols, &job->grid));
  BVL_TRY(bvl_problem_create(job->grid, &job->rows.source, &data, &job->problem));
  if (job->steps != NULL && job->steps->loaded != NULL)
    status = job->steps->loaded(job->steps->context, job);
cleanup:
  return status;
}

static bvl_status solve(bvl_job *job, bvl_run_outcome *outcome)
{
  const bvl_run_options *o = job->options;
  bvl_path_options path = o->path;
  bvl_status status = BVL_OK;
  path.rounded = path.rounded && job->rounded;
  if (path.gram_limit == 0)
    BVL_TRY(bvl_memory_gram_limit(&job->comm, o->memory_limit, &path.gram_limit));
  const bvl_traffic before = job->grid->traffic;
  BVL_TRY(bvl_path_create(job->problem, &path, job->monitor, &job->path));
  BVL_TRY(bvl_agree(&job->comm, bvl_job_identify(job)));
  outcome->lambda_max = bvl_path_lambda_max(job->path);
  if (o->checkpoint != NULL && o->resume) BVL_TRY(bvl_job_resume(job, &outcome->resumed_from));
  BVL_TRY(bvl_path_solve(job->path, o->checkpoint != NULL ? bvl_job_save : NULL, job));
  outcome->path_traffic = bvl_traffic_add(&job->grid->traffic, &before, -1);
  /* resuming a finished run: at once */
  if (o->checkpoint != NULL && outcome->resumed_from < bvl_path_n_lambda(job->path))
    BVL_TRY(bvl_job_save(job));
cleanup:
  return status;
}

/* ---- what it came to --------------------------------------------------------------------------
 */

static void count_points(const bvl_path *path, int64_t dfmax, bvl_run_outcome *outcome)
{
  double smallest = INFINITY;
  outcome->n_lambda = bvl_path_n_lambda(path);
  for (int64_t k = 0; k < outcome->n_lambda; k++) {
    bvl_path_point point;
    bvl_path_get(path, k, &point);
    outcome->n_converged += point.status == 0;
    outcome->n_diverged += point.status == 2;
    outcome->n_not_attempted += point.status == 3;
    if (point.status == 3) continue;
    outcome->full |= dfmax >= 0 && point.df > dfmax;
    outcome->worst_gap = fmax(outcome->worst_gap, point.dual_gap); /* fmax ignores a NaN */
    outcome->worst_kkt = fmax(outcome->worst_kkt, point.kkt_residual);
    if (point.lambda < smallest) {
      smallest = point.lambda;
      outcome->support = point.df;
    }
  }
}

/* The list is whole on every rank or nowhere. */
static bvl_status keep_batches(const bvl_comm *comm, const bvl_path *path, bvl_run_outcome *outcome)
{
  const bvl_batch *batches = bvl_path_batches(path, &outcome->n_batches);
  int64_t negated = -outcome->n_batches; /* the fewest of all */
  bvl_status status = bvl_max_i64(comm, &negated, 1);
  if (status != BVL_OK) return status;
  outcome->n_batches = -negated;
  status = bvl_agree(comm, BVL_ALLOC(&outcome->batches, outcome->n_batches));
  for (int64_t k = 0; status == BVL_OK && k < outcome->n_batches; k++)
    outcome->batches[k] = batches[k];
  return status;
}

/* Kept for reports alone: no memory, no list. */
static void keep_outlooks(const bvl_path *path, bvl_run_outcome *outcome)
{
  int64_t n = 0;
  const bvl_outlook *outlooks = bvl_path_outlooks(path, &n);
  if (n == 0 || BVL_ALLOC(&outcome->outlooks, n) != BVL_OK) return;
  memcpy(outcome->outlooks, outlooks, (size_t)n * sizeof *outlooks);
  outcome->n_outlooks = n;
}

void bvl_run_outcome_free(bvl_run_outcome *outcome)
{
  free(outcome->outlooks);
  outcome->outlooks = NULL;
  outcome->n_outlooks = 0;
  free(outcome->batches);
  outcome->batches = NULL;
  outcome->n_batches = 0;
}

static bvl_status measure(bvl_job *job, bvl_run_outcome *outcome)
{
  const bvl_design *X = bvl_problem_design(job->problem);
  int64_t bytes[3] = {bvl_design_bytes_touched(X), bvl_design_bytes(X), bvl_design_bytes_read(X)};
  struct rusage usage;
  bvl_status status = BVL_OK;
  outcome->traffic = bvl_traffic_add(&job->traffic, &job->grid->traffic, 1);
  getrusage(RUSAGE_SELF, &usage);
  outcome->peak_bytes = (int64_t)usage.ru_maxrss * 1024;
  BVL_TRY(bvl_max_i64(&job->comm, &outcome->peak_bytes, 1));
  BVL_TRY(bvl_sum_i64(&job->comm, bytes, 3));
  BVL_TRY(keep_batches(&job->comm, job->path, outcome));
  keep_outlooks(job->path, outcome);
  outcome->passes = bytes[1] > 0 ? (double)bytes[0] / (double)bytes[1] : 0.0;
  outcome->file_passes = bytes[1] > 0 ? (double)bytes[2] / (double)bytes[1] : 0.0;
  outcome->streamed = job->stream_bytes > 0;
  count_points(job->path, job->options->path.dfmax, outcome);
cleanup:
  return status;
}

bvl_status bvl_name_file(const char *file, bvl_status status)
{
  char message[BVL_MESSAGE_BYTES];
  if (status != BVL_ERR_INPUT || strstr(bvl_last_error(), file) != NULL) return status;
  snprintf(message, sizeof message, "%s", bvl_last_error());
  return bvl_fail(status, "%s: %s", file, message);
}

void bvl_job_close(bvl_job *job)
{
  if (job->writer != NULL) bvl_result_close(&job->writer, 0);
  bvl_path_destroy(&job->path);
  bvl_problem_destroy(&job->problem);
  bvl_grid_destroy(&job->grid);
  bvl_missing_close(&job->rows);
  bvl_data_close(&job->data);
  free(job->identity);
  free(job->feature_names);
  free(job->class_names);
  free(job->penalty_factor);
  free(job->lower);
  free(job->upper);
  free(job->group_weights);
  free(job->groups);
  bvl_comm_free(&job->comm);
}

bvl_status bvl_job_run(MPI_Comm comm, const bvl_run_options *options, const bvl_job_steps *steps,
                       const bvl_monitor *monitor, bvl_run_outcome *outcome)
{
  int64_t n_lambda = options->path.path_to > 0.0 ? 1 : options->path.n_lambda;
  bvl_job job = {.steps = steps, .options = options, .monitor = monitor};
  bvl_relaxed *relaxed = NULL;
  bvl_status status = BVL_OK;
  double start_s = bvl_now_s();
  const bvl_phases start = bvl_phases_now();
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_READ);
  memset(outcome, 0, sizeof *outcome);
  outcome->resumed_from = -1;
  outcome->worst_gap = outcome->worst_kkt = NAN;
  bvl_time_now(job.start_time);
  BVL_TRY(bvl_comm_dup(comm, &job.traffic, &job.comm));
  BVL_TRY(bvl_job_open(&job));
  if (options->relax) BVL_TRY(bvl_relax_check(&job));
  outcome->n = job.n;
  outcome->convex = job.penalty.type->convex;
  outcome->p = job.p;
  outcome->nnz = job.nnz;
  outcome->grid_rows = job.grid_rows;
  outcome->grid_cols = job.grid_cols;
  BVL_TRY(bvl_job_plan_memory(&job, n_lambda, outcome));
  bvl_phase_enter(BVL_PHASE_WRITE);
  if (!bvl_loss_find(job.family)->coupled) /* a result that cannot be written is known of early */
    BVL_TRY(bvl_result_create(&job.comm, options->output, job.p * job.n_responses, n_lambda,
                              &job.writer));
  bvl_phase_enter(BVL_PHASE_READ);
  BVL_TRY(read_problem(&job));
  if (job.writer == NULL)
    BVL_TRY(bvl_result_create(&job.comm, options->output, job.p * bvl_problem_outputs(job.problem),
                              n_lambda, &job.writer));
  if (job.stream_bytes == 0) bvl_data_close(&job.data);
  outcome->load_s = bvl_now_s() - start_s;
  bvl_phase_enter(BVL_PHASE_OTHER);
  BVL_TRY(solve(&job, outcome));
  outcome->solve_s = bvl_now_s() - start_s - outcome->load_s;
  if (steps != NULL && steps->solved != NULL) BVL_TRY(steps->solved(steps->context, &job, outcome));
  if (options->relax) BVL_TRY(bvl_relax_solve(&job, &relaxed));
  if (relaxed != NULL) bvl_relax_count(relaxed, outcome);
  outcome->solve_s = bvl_now_s() - start_s - outcome->load_s;
  bvl_phase_enter(BVL_PHASE_WRITE);
  BVL_TRY(measure(&job, outcome));
  BVL_TRY(bvl_job_write(&job, outcome));
  BVL_TRY(bvl_job_write_criteria(&job, outcome));
  if (relaxed != NULL) BVL_TRY(bvl_relax_write(relaxed, &job));
  if (steps != NULL && steps->write != NULL) BVL_TRY(steps->write(steps->context, &job));
  BVL_TRY(bvl_result_close(&job.writer, 1));
  outcome->write_s = bvl_now_s() - start_s - outcome->load_s - outcome->solve_s;
  outcome->phases = bvl_phases_since(&start);
cleanup:
  bvl_phase_leave(before);
  if (status != BVL_OK) bvl_run_outcome_free(outcome);
  status = bvl_name_file(options->data, status);
  bvl_relax_free(&relaxed);
  bvl_job_close(&job);
  return status;
}

bvl_status bvl_run_path(MPI_Comm comm, const bvl_run_options *options, const bvl_monitor *monitor,
                        bvl_run_outcome *outcome)
{
  return bvl_job_run(comm, options, NULL, monitor, outcome);
}
