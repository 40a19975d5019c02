/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel dictionary: rows in, dictionary and codes out. */
#include "run/dictionary.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "data/design.h"
#include "io/network.h"
#include "net/coding/dictionary_factors.h"
#include "run/checkpoint.h"
#include "run/job.h"
#include "run/memory.h"

void bvl_dictionary_run_init(bvl_dictionary_run *run)
{
  *run = (bvl_dictionary_run){.options = {.atoms = 100, .lambda = 1.0, .seed = 1},
                              .batch = 256,
                              .max_iter = 1000,
                              .tol = 1e-6,
                              .max_seconds = INFINITY,
                              .checkpoint_every_s = 600.0,
                              .collective_io = 1};
  bvl_optim_options_init(BVL_OPTIM_ADAM, &run->optim);
  run->optim.epochs = 50;
}

typedef struct job {
  const bvl_dictionary_run *run;
  const bvl_monitor *monitor;
  bvl_traffic traffic;
  bvl_comm comm;
  bvl_grid *grid;     /* size x 1, owned */
  bvl_data *data;     /* owned */
  bvl_design *design; /* owned; gone once the rows are laid out */
  int64_t n, p, n_local, n_slices;
  int64_t *input;       /* n_local: file's row of each sample, owned */
  int64_t *slice_begin; /* n_slices + 1, owned */
  double *X;            /* p x n_local, owned */
  uint64_t fingerprint;
  bvl_dictionary *dictionary; /* owned */
  bvl_result_writer *writer;  /* owned */
  char *identity;             /* of its checkpoints, owned */
  char start_time[24];
} job;

/* ---- rows ------------------------------------------------------------------------------------
 */

/* The design's rows and X, both while one becomes the other; codes and what goes with them; factors
 * and the optimizer's vectors of them. */
static int64_t estimate(const job *j)
{
  const bvl_dictionary_run *r = j->run;
  const int64_t rows = j->n / j->comm.size + 1, K = r->options.atoms;
  const int64_t vectors = r->solver == BVL_DICTIONARY_LBFGS  ? 2 * r->optim.memory + 6
                          : r->solver == BVL_DICTIONARY_ADAM ? 6
                                                             : 0;
  const int64_t shared = K * (2 * K + (6 + 2 * vectors) * j->p);
  return (INT64_C(60) << 20) + 8 * (rows * (2 * j->p + 4 * K + 2 * K * vectors) + shared);
}

static bvl_status check(job *j)
{
  const bvl_dictionary_run *r = j->run;

  bvl_status status = BVL_OK;
  if (bvl_data_source(j->data)->format != BVL_DENSE)
    BVL_TRY(bvl_fail(BVL_ERR_USAGE, "dictionary wants a dense X"));
  if (r->solver == BVL_DICTIONARY_ADAM && r->batch > j->n)
    BVL_TRY(
        bvl_fail(BVL_ERR_USAGE, "--batch %" PRId64 ": there are %" PRId64 " rows", r->batch, j->n));
  BVL_TRY(bvl_memory_check(&j->comm, estimate(j), r->memory_limit));
cleanup:
  return status;
}

/* X as it stands in memory, sample by sample. */
static bvl_status lay_out(job *j)
{
  enum { BLOCK = 256 };
  const bvl_rows *rows = &j->design->rows;
  bvl_status status = BVL_OK;
  double *block = NULL;
  j->n_local = rows->n_local;
  BVL_TRY(BVL_ALLOC(&block, BLOCK * j->p));
  BVL_TRY(BVL_ALLOC(&j->X, j->n_local * j->p));
  BVL_TRY(BVL_ALLOC(&j->input, j->n_local));
  BVL_TRY(BVL_ALLOC(&j->slice_begin, j->n_slices + 1));
  memcpy(j->input, rows->input, (size_t)j->n_local * sizeof *j->input);
  memcpy(j->slice_begin, rows->slice_begin, (size_t)(j->n_slices + 1) * sizeof *j->slice_begin);
  for (int64_t i = 0; i < j->n_local; i += BLOCK) {
    const int64_t m = bvl_lesser(BLOCK, j->n_local - i);
    bvl_design_unpack_f64(j->design, i, i + m, 0, j->p, block);
    for (int64_t c = 0; c < j->p; c++)
      for (int64_t k = 0; k < m; k++) j->X[(i + k) * j->p + c] = block[c * m + k];
  }
cleanup:
  free(block);
  return status;
}

static bvl_status load(job *j, MPI_Comm comm)
{
  const bvl_dictionary_run *r = j->run;
  const bvl_data_names names = {.x = r->names.x, .offset = "none"};
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_comm_dup(comm, &j->traffic, &j->comm));
  BVL_TRY(bvl_data_open(&j->comm, r->data, &names, r->collective_io, 0, &j->data));
  const bvl_source *source = bvl_data_source(j->data);
  j->n = source->n;
  j->p = source->p;
  BVL_TRY(check(j));
  j->n_slices = r->solver == BVL_DICTIONARY_ADAM ? bvl_greater(1, (j->n + r->batch / 2) / r->batch)
                                                 : 1;
  BVL_TRY(bvl_data_fingerprint(j->data, &j->fingerprint));
  BVL_TRY(bvl_grid_create(j->comm.mpi, j->comm.size, 1, &j->grid));
  const bvl_design_options options = {.n_slices = j->n_slices};
  BVL_TRY(bvl_design_create(j->grid, source, &options, &j->design));
  BVL_TRY(bvl_design_standardize(j->design, NULL, 0, 0)); /* what is missing is the mean */
  BVL_TRY(bvl_agree(&j->comm, lay_out(j)));
  bvl_design_destroy(&j->design);
  bvl_data_close(&j->data);
cleanup:
  return status;
}

/* ---- solving ---------------------------------------------------------------------------------
 */

static bvl_status run_factors(job *j, const bvl_dictionary_limits *limits, int *converged,
                              int *wants)
{
  const bvl_dictionary_run *r = j->run;
  const int is_adam = r->solver == BVL_DICTIONARY_ADAM;
  bvl_dictionary_factors *factors = NULL;
  bvl_optim_options optim = r->optim;
  bvl_status status = BVL_OK;
  optim.method = is_adam ? BVL_OPTIM_ADAM : BVL_OPTIM_LBFGS;
  optim.seed = r->options.seed;
  optim.decrease_tol = r->tol;
  BVL_TRY(bvl_dictionary_factors_create(j->dictionary, limits, j->n_slices,
                                        is_adam ? j->slice_begin : NULL, is_adam, &factors));
  BVL_TRY(bvl_dictionary_factors_run(factors, &optim, converged, wants));
cleanup:
  bvl_dictionary_factors_destroy(&factors);
  return status;
}

static bvl_status identify(job *j)
{
  const bvl_dictionary_options *o = &j->run->options;
  size_t length = 0;
  FILE *text = open_memstream(&j->identity, &length);
  if (text == NULL) return bvl_fail(BVL_ERR_NOMEM, "cannot describe the run");
  fprintf(text, "fingerprint=%016" PRIx64 "\nn=%" PRId64 "\np=%" PRId64 "\natoms=%" PRId64 "\n",
          j->fingerprint, j->n, j->p, o->atoms);
  fprintf(text, "lambda=%.17g\nsparse_dictionary=%.17g\nseed=%" PRIu64 "\n", o->lambda,
          o->lambda_dictionary, o->seed);
  if (fclose(text) != 0) return bvl_fail(BVL_ERR_NOMEM, "cannot describe the run");
  return BVL_OK;
}

static bvl_status put_state(void *context, const bvl_store *store)
{
  const job *j = context;
  return bvl_dictionary_save(j->dictionary, store);
}

static bvl_status get_state(void *context, const bvl_store *store)
{
  const job *j = context;
  return bvl_dictionary_restore(j->dictionary, store);
}

static bvl_checkpointed frame_of(job *j)
{
  return (bvl_checkpointed){.comm = &j->comm,
                            .monitor = j->monitor,
                            .file = j->run->checkpoint,
                            .identity = j->identity,
                            .context = j,
                            .put = put_state,
                            .get = get_state};
}

static bvl_status save(void *context)
{
  const bvl_checkpointed frame = frame_of(context);
  return bvl_checkpointed_write(&frame);
}

static bvl_status resume(job *j)
{
  const bvl_checkpointed frame = frame_of(j);
  int found = 0;
  bvl_status status = bvl_checkpointed_take(&frame, &found);
  if (status == BVL_OK && found)
    bvl_log_line(&j->comm, j->monitor, "resumed from %s: %" PRId64 " rounds done", frame.file,
                 j->dictionary->n_history);
  return status;
}

static bvl_status solve(job *j, bvl_dictionary_outcome *outcome)
{
  const bvl_dictionary_run *r = j->run;
  const bvl_dictionary_limits limits = {.max_iter = r->max_iter,
                                        .tol = r->tol,
                                        .deadline_s = bvl_now_s() + r->max_seconds,
                                        .monitor = j->monitor,
                                        .save = r->checkpoint != NULL ? save : NULL,
                                        .context = j,
                                        .save_every_s = r->checkpoint_every_s};
  bvl_status status = BVL_OK;
  int wants = 0;
  BVL_TRY(bvl_agree(&j->comm, identify(j)));
  BVL_TRY(bvl_dictionary_create(&j->comm, &r->options, j->n, j->p, j->n_local, j->X, j->input,
                                &j->dictionary));
  if (r->checkpoint != NULL && r->resume) BVL_TRY(resume(j));
  if (r->solver == BVL_DICTIONARY_ALTERNATE)
    BVL_TRY(bvl_dictionary_alternate(j->dictionary, &limits, &outcome->converged, &wants));
  else
    BVL_TRY(run_factors(j, &limits, &outcome->converged, &wants));
  outcome->rounds = j->dictionary->n_history;
  BVL_TRY(bvl_dictionary_finish(j->dictionary));
cleanup:
  return status;
}

/* ---- writing ---------------------------------------------------------------------------------
 */

/* Codes by the file's rows: this rank's are consecutive there, in another order here. */
static bvl_status put_codes(job *j)
{
  const bvl_dictionary *d = j->dictionary;
  const int64_t K = d->options.atoms, n = j->n_local;
  int64_t *at = NULL, *indptr = NULL, *indices = NULL, first = INT64_MAX, count = 0;
  double *values = NULL;
  bvl_status status = BVL_OK;
  for (int64_t e = 0; e < K * n; e++) count += d->C[e] != 0.0;
  status = BVL_ALLOC(&at, n);
  if (status == BVL_OK) status = BVL_ALLOC(&indptr, n + 1);
  if (status == BVL_OK) status = BVL_ALLOC(&indices, count);
  if (status == BVL_OK) status = BVL_ALLOC(&values, count);
  BVL_TRY(bvl_agree(&j->comm, status));
  for (int64_t i = 0; i < n; i++) first = bvl_lesser(first, j->input[i]);
  for (int64_t i = 0; i < n; i++) at[j->input[i] - first] = i;
  for (int64_t i = 0; i < n; i++) {
    const double *c = d->C + at[i] * K;
    indptr[i + 1] = indptr[i];
    for (int64_t k = 0; k < K; k++) {
      if (c[k] == 0.0) continue;
      indices[indptr[i + 1]] = k;
      values[indptr[i + 1]++] = c[k];
    }
  }
  BVL_TRY(bvl_result_put_csr(j->writer, "/codes", n, K, indptr, indices, values));
cleanup:
  free(at);
  free(indptr);
  free(indices);
  free(values);
  return status;
}

static bvl_status put_history(job *j)
{
  static const char *const names[] = {"/history/objective", "/history/nonzeros",
                                      "/history/seconds"};
  const bvl_dictionary *d = j->dictionary;
  double *values = NULL;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_agree(&j->comm, BVL_ALLOC(&values, d->n_history)));
  for (int q = 0; q < 3; q++) {
    for (int64_t k = 0; k < d->n_history; k++) {
      const bvl_dictionary_point *h = &d->history[k];
      values[k] = q == 0 ? h->objective : q == 1 ? h->nonzeros : h->seconds;
    }
    BVL_TRY(bvl_result_put_f64(j->writer, names[q], d->n_history, values));
  }
cleanup:
  free(values);
  return status;
}

static bvl_status put_attributes(job *j)
{
  static const char *const solvers[] = {"alternate", "lbfgs", "adam"};
  const bvl_dictionary_run *r = j->run;
  char fingerprint[24], end_time[24], grid[32];
  bvl_status status = BVL_OK;
  snprintf(grid, sizeof grid, "%dx1", j->comm.size);
  snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, j->fingerprint);
  bvl_time_now(end_time);
  const struct {
    const char *name, *value;
  } texts[] = {{"version", bvl_version()},
               {"command_line", r->command_line != NULL ? r->command_line : ""},
               {"data", r->data},
               {"fingerprint", fingerprint},
               {"x", r->names.x != NULL ? r->names.x : "/X"},
               {"solver", solvers[r->solver]},
               {"grid", grid},
               {"start_time", j->start_time},
               {"end_time", end_time}};
  const struct {
    const char *name;
    int64_t value;
  } integers[] = {{"n", j->n},
                  {"p", j->p},
                  {"atoms", r->options.atoms},
                  {"seed", (int64_t)r->options.seed},
                  {"ranks", j->comm.size}};
  const struct {
    const char *name;
    double value;
  } reals[] = {{"lambda", r->options.lambda},
               {"lambda_dictionary", r->options.lambda_dictionary},
               {"tol", r->tol}};
  for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
    BVL_TRY(bvl_result_attr_text(j->writer, texts[k].name, texts[k].value));
  for (size_t k = 0; k < sizeof integers / sizeof integers[0]; k++)
    BVL_TRY(bvl_result_attr_i64(j->writer, integers[k].name, integers[k].value));
  for (size_t k = 0; k < sizeof reals / sizeof reals[0]; k++)
    BVL_TRY(bvl_result_attr_f64(j->writer, reals[k].name, reals[k].value));
cleanup:
  return status;
}

static bvl_status put_all(job *j, const bvl_dictionary_outcome *outcome)
{
  const bvl_dictionary *d = j->dictionary;
  const int64_t code = !outcome->converged;
  bvl_status status = BVL_OK;
  BVL_TRY(put_attributes(j));
  BVL_TRY(bvl_result_put_rows(j->writer, "/dictionary", d->options.atoms, j->p, d->D));
  BVL_TRY(put_codes(j));
  BVL_TRY(put_history(j));
  BVL_TRY(bvl_result_put_f64(j->writer, "/objective", 1, &outcome->objective));
  BVL_TRY(bvl_result_put_f64(j->writer, "/kkt_residual", 1, &outcome->kkt));
  BVL_TRY(bvl_result_put_f64(j->writer, "/dictionary_residual", 1, &outcome->residual));
  BVL_TRY(bvl_result_put_i64(j->writer, "/status", 1, &code));
  BVL_TRY(bvl_result_close(&j->writer, 1));
cleanup:
  return status;
}

/* ---- the job ---------------------------------------------------------------------------------
 */

static void measure(const job *j, bvl_dictionary_outcome *outcome)
{
  const bvl_dictionary *d = j->dictionary;
  const int64_t n = j->p * d->options.atoms;
  const bvl_dictionary_point *last = &d->history[d->n_history - 1];
  outcome->n = j->n;
  outcome->p = j->p;
  outcome->objective = last->objective;
  outcome->zeros = 1.0 - last->nonzeros / ((double)j->n * (double)d->options.atoms);
  for (int64_t e = 0; e < n; e++) outcome->dictionary_zeros += (d->D[e] == 0.0) / (double)n;
  outcome->kkt = d->kkt;
  outcome->residual = d->residual;
}

static void close_job(job *j)
{
  if (j->writer != NULL) bvl_result_close(&j->writer, 0);
  bvl_dictionary_destroy(&j->dictionary);
  bvl_design_destroy(&j->design);
  bvl_data_close(&j->data);
  bvl_grid_destroy(&j->grid);
  free(j->identity);
  free(j->input);
  free(j->slice_begin);
  free(j->X);
  bvl_comm_free(&j->comm);
}

bvl_status bvl_run_dictionary(MPI_Comm comm, const bvl_dictionary_run *run,
                              const bvl_monitor *monitor, bvl_dictionary_outcome *outcome)
{
  bvl_status status = BVL_OK;
  const double start_s = bvl_now_s();
  job j = {.run = run, .monitor = monitor};
  *outcome = (bvl_dictionary_outcome){0};
  bvl_time_now(j.start_time);
  BVL_TRY(bvl_name_file(run->data, load(&j, comm)));
  BVL_TRY(bvl_network_create(&j.comm, run->output, "dictionary", &j.writer));
  outcome->load_s = bvl_now_s() - start_s;
  BVL_TRY(solve(&j, outcome));
  outcome->solve_s = bvl_now_s() - start_s - outcome->load_s;
  measure(&j, outcome);
  BVL_TRY(put_all(&j, outcome));
  outcome->traffic = j.traffic;
  outcome->write_s = bvl_now_s() - start_s - outcome->load_s - outcome->solve_s;
cleanup:
  close_job(&j);
  return status;
}
