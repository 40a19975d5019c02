/* SPDX-License-Identifier: BSD-3-Clause */
#include "jobs.h"

#include <stdlib.h>

#include "report.h"
#include "study_plan.h"
#include "text_file.h"

static bvl_status run_path(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_run_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  const bvl_status status = bvl_run_path(comm, &s->run, &monitor, &outcome);
  if (status != BVL_OK) return status;
  *code = report_path(s, comm, p, &outcome);
  bvl_run_outcome_free(&outcome);
  return status;
}

static bvl_status run_cv(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_cv_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  const bvl_status status = bvl_run_cv(comm, &s->run, &s->cv, &monitor, &outcome);
  if (status != BVL_OK) return status;
  *code = report_cv(s, comm, p, &outcome);
  bvl_run_outcome_free(&outcome.path);
  return status;
}

static bvl_status run_stability(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_stability_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  const bvl_status status = bvl_run_stability(comm, &s->run, &s->stability, &monitor, &outcome);
  if (status != BVL_OK) return status;
  *code = report_stability(s, comm, p, &outcome);
  bvl_run_outcome_free(&outcome.path);
  return status;
}

static bvl_status run_train(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_train_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  const bvl_status status = bvl_run_train(comm, &s->train, &monitor, &outcome);
  if (status == BVL_OK) *code = report_train(s, comm, p, &outcome);
  return status;
}

static bvl_status run_pareto(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_pareto_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  s->pareto.network = s->train.network; /* the flags are the same */
  const bvl_status status = bvl_run_pareto(comm, &s->pareto, &monitor, &outcome);
  if (status == BVL_OK) *code = report_pareto(s, comm, p, &outcome);
  return status;
}

static bvl_status run_dictionary(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_dictionary_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  const bvl_status status = bvl_run_dictionary(comm, &s->dictionary, &monitor, &outcome);
  if (status == BVL_OK) *code = report_dictionary(s, comm, p, &outcome);
  return status;
}

static bvl_status run_import(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_import_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  const bvl_status status = bvl_run_import(comm, &s->import, &monitor, &outcome);
  if (status == BVL_OK) *code = report_import(s, comm, p, &outcome);
  return status;
}

/* The whole study is read and checked before any of it is run. */
static bvl_status run_study(settings *s, MPI_Comm comm, progress *p, int *code)
{
  study_plan plan = {.n_tasks = 0};
  bvl_study_outcome outcome = {.rows = NULL};
  char error[FLAGS_ERROR_BYTES], *text = NULL;
  bvl_status status = BVL_OK;
  int rank = 0, bad;
  MPI_Comm_rank(comm, &rank);
  bad = text_file_share(comm, s->file, &text);
  if (bad)
    snprintf(error, sizeof error, "%.200s: cannot read it", s->file);
  else
    bad = study_plan_make(s->file, text, s->output, &plan, error);
  if (!bad) {
    const bvl_monitor monitor = progress_monitor(p);
    const bvl_study_options options = {
        .file = s->file,
        .output = s->output,
        .scratch = s->run.checkpoint,
        .resume = s->run.resume,
        .checkpoint_every_s = s->run.path.checkpoint_every_s,
        .memory_limit = s->run.memory_limit,
        .command_line = s->run.command_line,
        .plan = text,
    };
    status = bvl_run_study(comm, &options, plan.tasks, plan.n_tasks, &monitor, &outcome);
    if (status == BVL_OK) *code = report_study(s, comm, p, &outcome);
    bvl_study_outcome_free(&outcome);
  } else {
    if (rank == 0) progress_say(p, NULL, "%s", error);
    *code = report_usage("bevel study", rank, error);
  }
  study_plan_free(&plan);
  free(text);
  return status;
}

static bvl_status run_predict(settings *s, MPI_Comm comm, progress *p, int *code)
{
  int rank = 0;
  bvl_predict_outcome outcome;
  const bvl_predict_options options = {.data = s->file,
                                       .names = s->run.names,
                                       .missing = s->run.missing,
                                       .model = s->model,
                                       .task = s->task,
                                       .point = s->point,
                                       .output = s->output,
                                       .type = s->type,
                                       .at = s->at,
                                       .relax_gamma = s->relax_gamma,
                                       .collective_io = s->run.collective_io,
                                       .command_line = s->run.command_line};
  const bvl_status status = bvl_run_predict(comm, &options, &outcome);
  MPI_Comm_rank(comm, &rank);
  if (status == BVL_OK) *code = report_predict(s, rank, p, &outcome);
  return status;
}

static bvl_status run_prune(settings *s, MPI_Comm comm, progress *p, int *code)
{
  int rank = 0;
  bvl_prune_outcome outcome;
  const bvl_status status = bvl_run_prune(comm, &s->prune, &outcome);
  MPI_Comm_rank(comm, &rank);
  if (status == BVL_OK) *code = report_prune(s, rank, p, &outcome);
  return status;
}

static bvl_status run_simulate(settings *s, MPI_Comm comm, progress *p, int *code)
{
  int rank = 0;
  const bvl_status status = bvl_run_simulate(comm, &s->simulate);
  MPI_Comm_rank(comm, &rank);
  if (status == BVL_OK) *code = report_file(s, rank, p);
  return status;
}

static const job jobs[] = {
    {COMMAND_PATH | COMMAND_FIT, run_path, 1}, {COMMAND_CV, run_cv, 1},
    {COMMAND_STABILITY, run_stability, 1},     {COMMAND_TRAIN, run_train, 1},
    {COMMAND_PARETO, run_pareto, 1},           {COMMAND_DICTIONARY, run_dictionary, 1},
    {COMMAND_IMPORT, run_import, 1},           {COMMAND_STUDY, run_study, 1},
    {COMMAND_PREDICT, run_predict, 0},         {COMMAND_PRUNE, run_prune, 0},
    {COMMAND_SIMULATE, run_simulate, 0},
};

const job *job_of(command which)
{
  for (size_t k = 0; k < sizeof jobs / sizeof jobs[0]; k++)
    if (which & jobs[k].commands) return &jobs[k];
  return NULL;
}
