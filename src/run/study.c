/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel study: who solves which task, and one file of all of them. Between tasks a group exchanges
 * a few words; between groups there are the files of run/study_scratch.h alone. */
#include "run/study.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "io/stamp.h"
#include "run/job.h"
#include "run/memory.h"
#include "run/study_cost.h"
#include "run/study_scratch.h"

typedef struct study {
  const bvl_study_options *options; /* borrowed */
  const bvl_study_task *tasks;      /* borrowed */
  const bvl_monitor *monitor;       /* borrowed, may be NULL */
  int64_t n_tasks;
  bvl_traffic traffic;
  bvl_comm all;
  char *scratch;         /* owned */
  bvl_study_head *heads; /* n_tasks, owned, replicated */
  double *cost;          /* n_tasks, owned, replicated */
  int *level;            /* n_tasks: of groups, owned, replicated */
  int64_t *order;        /* n_tasks: dearest first, owned, replicated */
  int64_t allowed;       /* bytes a rank */
  double busy_s;         /* this rank's, on tasks */
  char start_time[24];   /* ISO 8601, UTC */
} study;

/* ---- one task -------------------------------------------------------------------------------- */

/* bvl_job_steps.loaded: the family may be the file's. */
static bvl_status note_family(void *context, bvl_job *job)
{
  bvl_study_row *row = context;
  snprintf(row->family, sizeof row->family, "%s", job->family);
  return BVL_OK;
}

static void fill_run(bvl_study_row *row, const bvl_run_outcome *o, const bvl_run_options *run)
{
  const int as_asked = run->path.solver >= BVL_SOLVER_SGD && !run->path.polish;
  const int64_t wanted = o->n_lambda - (o->full ? o->n_not_attempted : 0);
  const int attempted = o->n_diverged == 0 && (o->n_not_attempted == 0 || o->full);
  row->n = o->n;
  row->p = o->p;
  row->lambdas = o->n_lambda;
  row->converged = o->n_converged;
  row->support = o->support;
  row->worst_gap = o->worst_gap;
  row->worst_kkt = o->worst_kkt;
  row->status = o->n_converged == wanted || (as_asked && attempted) ? BVL_STUDY_CONVERGED
                                                                    : BVL_STUDY_UNCONVERGED;
}

/* Tasks compare by the extended BIC: the others are least where a path of more columns than rows
 * interpolates. */
static bvl_status run_path(const bvl_comm *group, const bvl_run_options *run,
                           const bvl_monitor *monitor, bvl_study_row *row)
{
  bvl_run_outcome outcome;
  const bvl_job_steps steps = {.context = row, .loaded = note_family};
  const bvl_status status = bvl_job_run(group->mpi, run, &steps, monitor, &outcome);
  if (run->ebic_gamma == 1.0)
    snprintf(row->criterion, sizeof row->criterion, "ebic");
  else
    snprintf(row->criterion, sizeof row->criterion, "ebic, gamma %g", run->ebic_gamma);
  if (status != BVL_OK) return status;
  fill_run(row, &outcome, run);
  row->best = outcome.least_criterion[BVL_EBIC];
  row->best_lambda = outcome.lambda_criterion[BVL_EBIC];
  row->best_df = outcome.df_criterion[BVL_EBIC];
  bvl_run_outcome_free(&outcome);
  return BVL_OK;
}

static bvl_status run_cv(const bvl_comm *group, const bvl_run_options *run,
                         const bvl_cv_options *cv, const bvl_monitor *monitor, bvl_study_row *row)
{
  bvl_cv_outcome outcome;
  const bvl_status status = bvl_run_cv(group->mpi, run, cv, monitor, &outcome);
  snprintf(row->criterion, sizeof row->criterion, "cvm %s", bvl_measure_name(cv->measure));
  if (status != BVL_OK) return status;
  const int as_asked = run->path.solver >= BVL_SOLVER_SGD && !run->path.polish;
  fill_run(row, &outcome.path, run);
  if (isnan(outcome.lambda_min) || (outcome.n_unfinished > 0 && !as_asked))
    row->status = BVL_STUDY_UNCONVERGED;
  row->best = outcome.cvm;
  row->best_lambda = outcome.lambda_min;
  row->lambda_1se = outcome.lambda_1se;
  row->best_df = outcome.df_min;
  bvl_run_outcome_free(&outcome.path);
  return BVL_OK;
}

static bvl_study_row begin_row(const study *st, int64_t k, int ranks)
{
  const bvl_run_options *run = st->tasks[k].run;
  bvl_study_row row;
  memset(&row, 0, sizeof row); /* its bytes are hashed */
  row.ranks = ranks;
  row.fingerprint = st->heads[k].fingerprint;
  row.seed = (int64_t)run->path.seed;
  row.alpha = run->parameters.alpha;
  row.gamma = run->parameters.gamma;
  row.q = run->parameters.q;
  row.tl1_a = run->parameters.tl1_a;
  row.log_eps = run->parameters.log_eps;
  row.k1 = run->parameters.k1;
  row.k2 = run->parameters.k2;
  row.predicted = st->cost[k];
  row.worst_gap = row.worst_kkt = row.best = row.best_lambda = row.lambda_1se = NAN;
  snprintf(row.label, sizeof row.label, "%s", st->tasks[k].label);
  snprintf(row.data, sizeof row.data, "%s", run->data);
  snprintf(row.family, sizeof row.family, "%s", run->family != NULL ? run->family : "");
  snprintf(row.penalty, sizeof row.penalty, "%s", run->penalty);
  snprintf(row.solver, sizeof row.solver, "%s", bvl_solver_name(run->path.solver));
  return row;
}

/* Failures of a task that are its own. */
static int is_a_row(bvl_status status)
{
  return status == BVL_ERR_USAGE || status == BVL_ERR_INPUT || status == BVL_ERR_IO ||
         status == BVL_ERR_DISK || status == BVL_ERR_NOMEM;
}

/* Task k by one group. Collective over it. */
static bvl_status run_task(study *st, const bvl_comm *group, int64_t k, const bvl_monitor *monitor)
{
  const bvl_study_task *task = &st->tasks[k];
  const bvl_study_options *o = st->options;
  bvl_run_options run = *task->run;
  bvl_study_row row = begin_row(st, k, group->size);
  char *output = bvl_scratch_file(st->scratch, task->identity, "h5");
  char *checkpoint = bvl_scratch_file(st->scratch, task->identity, "ck");
  const double start_s = bvl_now_s();
  bvl_status status = BVL_OK;
  if (output == NULL || checkpoint == NULL)
    status = bvl_fail(BVL_ERR_NOMEM, "no memory for a path");
  BVL_TRY(bvl_agree(group, status));
  /* the group does not know who else is on the node */
  BVL_TRY(bvl_memory_limit_of(group, st->allowed, &run.memory_limit));
  run.output = output;
  run.checkpoint = o->scratch != NULL ? checkpoint : NULL;
  run.resume = o->scratch != NULL && o->resume;
  run.path.checkpoint_every_s = o->scratch != NULL ? o->checkpoint_every_s : 0.0;
  run.grid_rows = run.grid_cols = 0;
  run.command_line = o->command_line;
  status = task->cv != NULL ? run_cv(group, &run, task->cv, monitor, &row)
                            : run_path(group, &run, monitor, &row);
  row.seconds = bvl_now_s() - start_s;
  if (is_a_row(status)) {
    row.status = BVL_STUDY_FAILED;
    snprintf(row.message, sizeof row.message, "%s", bvl_last_error());
    status = BVL_OK;
  }
  BVL_TRY(status);
  if (group->rank == 0) status = bvl_scratch_put_row(st->scratch, task->identity, &row);
  BVL_TRY(bvl_agree(group, status));
  if (group->rank == 0 && row.status != BVL_STUDY_FAILED)
    bvl_scratch_drop_checkpoint(st->scratch, task->identity);
  st->busy_s += row.seconds;
cleanup:
  free(checkpoint);
  free(output);
  return status;
}

/* ---- scheduling ------------------------------------------------------------------------------ */

/* World rank 0 speaks for all: of its own tasks, and how many are done. */
static void tell(const study *st, int64_t k)
{
  char line[512];
  bvl_study_row row;
  int64_t done = 0;
  if (st->all.rank != 0 || st->monitor == NULL || st->monitor->log == NULL) return;
  for (int64_t t = 0; t < st->n_tasks; t++) {
    char *path = bvl_scratch_file(st->scratch, st->tasks[t].identity, "row");
    done += path != NULL && access(path, F_OK) == 0;
    free(path);
  }
  if (!bvl_scratch_get_row(st->scratch, st->tasks[k].identity, &row)) return;
  snprintf(line, sizeof line,
           "task %" PRId64 " (%.120s): %s%.160s, %.2f s; %" PRId64 " of %" PRId64 " done", k,
           row.label,
           row.status == BVL_STUDY_FAILED      ? "failed: "
           : row.status == BVL_STUDY_CONVERGED ? "converged"
                                               : "not all converged",
           row.message, row.seconds, done, st->n_tasks);
  st->monitor->log(st->monitor->context, line);
}

/* The dearest task of the level that nobody has taken, -1 when there is none; rank 0 of the group
 * looks. Collective over the group. */
static bvl_status take_task(study *st, const bvl_comm *group, int level, int64_t *from,
                            int64_t *task)
{
  int64_t found = -1;
  bvl_status status = BVL_OK;
  while (group->rank == 0 && status == BVL_OK && found < 0 && *from < st->n_tasks) {
    const int64_t k = st->order[(*from)++];
    int won = 0;
    if (st->level[k] != level) continue;
    if (bvl_scratch_stopped(st->scratch)) {
      status = bvl_fail(BVL_ERR_INTERRUPTED, "interrupted");
      break;
    }
    status = bvl_scratch_claim(st->scratch, st->tasks[k].identity, &won);
    if (won) found = k;
  }
  BVL_TRY(bvl_agree(group, status));
  BVL_TRY(bvl_bcast_i64(group, 0, &found, 1));
  *task = found;
cleanup:
  return status;
}

static bvl_status run_level(study *st, const bvl_comm *group, int level, const bvl_monitor *monitor)
{
  int64_t from = 0, task = -1;
  bvl_status status = BVL_OK;
  for (;;) {
    BVL_TRY(take_task(st, group, level, &from, &task));
    if (task < 0) break;
    BVL_TRY(run_task(st, group, task, monitor));
    tell(st, task);
  }
cleanup:
  if (status == BVL_ERR_INTERRUPTED) bvl_scratch_stop(st->scratch);
  return status;
}

/* Which of `groups` consecutive groups a rank is in. */
static int group_of(int rank, int size, int groups)
{
  int g = 0;
  while (bvl_cut(size, groups, g + 1) <= rank) g++;
  return g;
}

/* All levels, coarse to fine; every cut refines the one before, so a group parts by itself. A group
 * that stops has no further levels, on all its ranks. */
static bvl_status run_levels(study *st, const bvl_monitor *monitor)
{
  int groups[34];
  const int n_levels = bvl_study_levels(st->all.size, groups);
  bvl_comm group = {0};
  bvl_status status = bvl_comm_dup(st->all.mpi, &st->traffic, &group);
  for (int level = 0; status == BVL_OK; level++) {
    bvl_comm part = {0};
    status = run_level(st, &group, level, monitor);
    if (status != BVL_OK || level + 1 == n_levels) break;
    status = bvl_comm_split(&group, group_of(st->all.rank, st->all.size, groups[level + 1]),
                            group.rank, &part);
    bvl_comm_free(&group);
    group = part;
  }
  bvl_comm_free(&group);
  return status;
}

/* ---- before and after ------------------------------------------------------------------------ */

/* The one data file that all ranks share the study with decides nothing: heads are replicated. */
static bvl_status plan(study *st)
{
  bvl_status status = BVL_OK;
  double total = 0.0;
  BVL_TRY(bvl_study_heads(&st->all, st->tasks, st->n_tasks, st->heads));
  BVL_TRY(bvl_memory_allowed(&st->all, st->options->memory_limit, &st->allowed));
  for (int64_t k = 0; k < st->n_tasks; k++) {
    st->cost[k] = bvl_study_cost(&st->tasks[k], &st->heads[k]);
    total += st->cost[k];
    int64_t at = k; /* dearest first, equals as given */
    for (; at > 0 && st->cost[st->order[at - 1]] < st->cost[k]; at--)
      st->order[at] = st->order[at - 1];
    st->order[at] = k;
  }
  for (int64_t k = 0; k < st->n_tasks; k++)
    st->level[k] = bvl_study_level(&st->tasks[k], &st->heads[k], total, st->all.size, st->allowed);
  /* floating point may differ between machines: rank 0's plan is the plan */
  BVL_TRY(bvl_bcast_i64(&st->all, 0, st->order, st->n_tasks));
  BVL_TRY(bvl_bcast_bytes(&st->all, 0, st->level, st->n_tasks * (int64_t)sizeof *st->level));
cleanup:
  return status;
}

/* The result stands whole, and what it came to beside it; of the same data. */
static int is_finished(const study *st, int64_t k, bvl_study_row *row)
{
  bvl_stamp stamp = BVL_STAMP_NONE;
  char *result = bvl_scratch_file(st->scratch, st->tasks[k].identity, "h5");
  const int whole = result != NULL && bvl_stamp_check(result, &stamp) == BVL_OK &&
                    stamp == BVL_STAMP_HOLDS &&
                    bvl_scratch_get_row(st->scratch, st->tasks[k].identity, row);
  free(result);
  return whole && row->status != BVL_STUDY_FAILED && row->fingerprint == st->heads[k].fingerprint;
}

/* Rank 0: a finished task is marked as taken. */
static bvl_status skip_finished(study *st, int64_t *n_resumed)
{
  bvl_status status = BVL_OK;
  for (int64_t k = 0; status == BVL_OK && k < st->n_tasks; k++) {
    bvl_study_row row;
    int won = 0;
    if (!is_finished(st, k, &row)) continue;
    row.resumed = 1;
    snprintf(row.label, sizeof row.label, "%s", st->tasks[k].label);
    status = bvl_scratch_put_row(st->scratch, st->tasks[k].identity, &row);
    if (status == BVL_OK) status = bvl_scratch_claim(st->scratch, st->tasks[k].identity, &won);
    *n_resumed += 1;
  }
  return status;
}

static bvl_status prepare(study *st, bvl_study_outcome *outcome)
{
  const bvl_study_options *o = st->options;
  bvl_status status = BVL_OK;
  if (st->all.rank == 0) {
    status = bvl_scratch_prepare(st->scratch, st->tasks, st->n_tasks, o->resume);
    if (status == BVL_OK && o->resume) status = skip_finished(st, &outcome->n_resumed);
  }
  BVL_TRY(bvl_agree(&st->all, status));
  BVL_TRY(bvl_bcast_i64(&st->all, 0, &outcome->n_resumed, 1));
  if (o->resume && st->all.rank == 0 && st->monitor != NULL && st->monitor->log != NULL) {
    char line[128];
    snprintf(line, sizeof line, "%" PRId64 " of %" PRId64 " tasks were finished before",
             outcome->n_resumed, st->n_tasks);
    st->monitor->log(st->monitor->context, line);
  }
cleanup:
  return status;
}

/* A task that has its answers but no criterion (its degrees of freedom are unknown) might be the
 * best: then none is known to be. */
static void judge(const study *st, bvl_study_outcome *out)
{
  int comparable = 1;
  const bvl_study_row *first = NULL;
  out->best = -1;
  for (int64_t k = 0; k < st->n_tasks; k++) {
    const bvl_study_row *row = &out->rows[k];
    out->n_failed += row->status == BVL_STUDY_FAILED;
    out->n_unconverged += row->status == BVL_STUDY_UNCONVERGED;
    if (row->status == BVL_STUDY_CONVERGED && isnan(row->best)) comparable = 0;
    if (row->status == BVL_STUDY_FAILED || isnan(row->best)) continue;
    if (first == NULL) first = row;
    comparable &= row->fingerprint == first->fingerprint && row->n == first->n &&
                  strcmp(row->family, first->family) == 0 &&
                  strcmp(row->criterion, first->criterion) == 0;
    const double sign = strcmp(row->criterion, "cvm auc") == 0 ? -1.0 : 1.0;
    if (out->best < 0 || sign * row->best < sign * out->rows[out->best].best) out->best = k;
  }
  if (!comparable) out->best = -1;
}

/* Rows to all ranks, results to one file. */
static bvl_status collect(study *st, bvl_study_outcome *out)
{
  const bvl_study_options *o = st->options;
  char **files = NULL;
  bvl_status status = BVL_ALLOC(&files, st->n_tasks);
  if (status == BVL_OK) status = BVL_ALLOC(&out->rows, st->n_tasks);
  BVL_TRY(bvl_agree(&st->all, status));
  for (int64_t k = 0; status == BVL_OK && st->all.rank == 0 && k < st->n_tasks; k++) {
    files[k] = bvl_scratch_file(st->scratch, st->tasks[k].identity, "h5");
    if (files[k] == NULL || !bvl_scratch_get_row(st->scratch, st->tasks[k].identity, &out->rows[k]))
      status = bvl_fail(BVL_ERR_IO, "%s: task %" PRId64 " left no row", st->scratch, k);
  }
  BVL_TRY(bvl_agree(&st->all, status));
  BVL_TRY(bvl_bcast_bytes(&st->all, 0, out->rows, st->n_tasks * (int64_t)sizeof *out->rows));
  out->n_tasks = st->n_tasks;
  judge(st, out);
  const bvl_origin origin = {
      .command_line = o->command_line, .start_time = st->start_time, .data = o->file};
  status = bvl_study_write(&st->all, o->output, out->rows, files, st->n_tasks, out->best, o->plan,
                           &origin);
cleanup:
  for (int64_t k = 0; files != NULL && k < st->n_tasks; k++) free(files[k]);
  free(files);
  return status;
}

void bvl_study_outcome_free(bvl_study_outcome *outcome)
{
  free(outcome->rows);
  outcome->rows = NULL;
}

static bvl_status allocate(study *st)
{
  const char *base = st->options->output;
  const size_t n_bytes = strlen(base) + sizeof ".tasks";
  bvl_status status = BVL_ALLOC(&st->heads, st->n_tasks);
  if (status == BVL_OK) status = BVL_ALLOC(&st->cost, st->n_tasks);
  if (status == BVL_OK) status = BVL_ALLOC(&st->level, st->n_tasks);
  if (status == BVL_OK) status = BVL_ALLOC(&st->order, st->n_tasks);
  if (status == BVL_OK && st->options->scratch == NULL) {
    st->scratch = malloc(n_bytes);
    if (st->scratch != NULL) snprintf(st->scratch, n_bytes, "%s.tasks", base);
  } else if (status == BVL_OK) {
    st->scratch = strdup(st->options->scratch);
  }
  if (status == BVL_OK && st->scratch == NULL) status = bvl_fail(BVL_ERR_NOMEM, "no memory");
  return bvl_agree(&st->all, status);
}

/* The tasks' monitor: it may stop them; what they say is not said by many at once. */
static bvl_monitor quiet_monitor(const bvl_monitor *monitor)
{
  bvl_monitor quiet = {0};
  if (monitor != NULL) {
    quiet.context = monitor->context;
    quiet.poll = monitor->poll;
  }
  return quiet;
}

bvl_status bvl_run_study(MPI_Comm comm, const bvl_study_options *options,
                         const bvl_study_task *tasks, int64_t n_tasks, const bvl_monitor *monitor,
                         bvl_study_outcome *outcome)
{
  study st = {.options = options, .tasks = tasks, .n_tasks = n_tasks, .monitor = monitor};
  const bvl_monitor quiet = quiet_monitor(monitor);
  const double start_s = bvl_now_s();
  bvl_status status = BVL_OK;
  int prepared = 0;
  *outcome = (bvl_study_outcome){.best = -1};
  bvl_time_now(st.start_time);
  BVL_TRY(bvl_comm_dup(comm, &st.traffic, &st.all));
  BVL_TRY(allocate(&st));
  BVL_TRY(plan(&st));
  BVL_TRY(prepare(&st, outcome));
  prepared = 1;
  const double begun_s = bvl_now_s();
  BVL_TRY(bvl_agree(&st.all, run_levels(&st, &quiet)));
  const double ended_s = bvl_now_s();
  outcome->busy = st.busy_s;
  BVL_TRY(bvl_sum(&st.all, &outcome->busy, 1));
  outcome->busy /= (double)st.all.size * fmax(ended_s - begun_s, 1e-9);
  BVL_TRY(bvl_bcast(&st.all, 0, &outcome->busy, 1));
  BVL_TRY(collect(&st, outcome));
  outcome->write_s = bvl_now_s() - ended_s;
  outcome->seconds = bvl_now_s() - start_s;
cleanup:
  if (prepared && options->scratch == NULL && st.all.rank == 0 && status != BVL_ERR_MPI)
    bvl_scratch_remove(st.scratch, tasks, n_tasks);
  if (status != BVL_OK) bvl_study_outcome_free(outcome);
  free(st.order);
  free(st.level);
  free(st.cost);
  free(st.heads);
  free(st.scratch);
  bvl_comm_free(&st.all);
  return status;
}
