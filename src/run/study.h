/* SPDX-License-Identifier: BSD-3-Clause */
/* Studies: many paths (or cross-validations) as one job, spread over sub-communicators.
 *
 * A task is one run as bvl_run_path or bvl_run_cv has it. Its memory and cost are predicted from
 * the head of its data file; small tasks get a rank each, large ones as many as their memory asks
 * for and as their share of the whole work is worth. Ranks are cut into 1, 2, 4, ... groups, each
 * cut refining the one before: groups take the tasks of their width, dearest first, whoever is free
 * takes the next, then part into the next finer groups. A task is claimed by creating a file, which
 * is atomic on every shared file system and asks no busy rank for an answer. Which group solves a
 * task decides no more than its rank count does: answers are those of the task run alone.
 *
 * Everything stands in one scratch folder until the end: NAME.h5 (a whole result), NAME.row (what
 * it came to), NAME.ck (the checkpoint of one in work), NAME the hash of all that the task asks
 * for: a study that has grown finds again what it has done. Then rank 0 makes one file of it
 * (io/study_file.h). */
#ifndef BVL_RUN_STUDY_H
#define BVL_RUN_STUDY_H

#include "io/study_file.h"
#include "run/cv.h"
#include "run/run.h"

/** One run. Strings are borrowed. `run`'s output, checkpoint, resume, grid, memory_limit and
 * command_line are the study's and not looked at. */
typedef struct bvl_study_task {
  const bvl_run_options *run;
  const bvl_cv_options *cv; /* NULL = a path */
  const char *identity;     /* all that decides its answer, as text; no two tasks have the same */
  const char *label;        /* what it differs in from others, for people: "penalty=mcp gamma=3" */
} bvl_study_task;

typedef struct bvl_study_options {
  const char *file; /* the ini file, for the result's attributes */
  const char *output;
  const char *scratch;       /* folder kept for a resume; NULL = OUTPUT.tasks, removed at the end */
  int resume;                /* take finished tasks from there, go on inside the others */
  double checkpoint_every_s; /* inside a task; with a scratch folder alone */
  int64_t memory_limit;      /* bytes for all ranks of a node, 0 = the machine's or cgroup's */
  const char *command_line;
  const char *plan; /* the ini file's text, written as an attribute */
} bvl_study_options;

/** The same on every rank. */
typedef struct bvl_study_outcome {
  bvl_study_row *rows; /* a task each, owned: bvl_study_outcome_free */
  int64_t n_tasks;
  int64_t n_failed;      /* no result */
  int64_t n_unconverged; /* a result, not all of it converged */
  int64_t n_resumed;     /* finished before */
  int64_t best;          /* the task of the best criterion, -1 = none or not comparable */
  double seconds;
  double write_s;
  double busy; /* share of ranks x seconds of the solving phase that ranks spent on tasks */
} bvl_study_outcome;

/** Runs all tasks and writes options->output. Collective over comm, every argument equal on all
 * ranks. A task that fails is a row with its message, and the others go on. @return BVL_OK (look at
 * n_failed), BVL_ERR_INTERRUPTED, BVL_ERR_IO or BVL_ERR_DISK of the study's own files. */
bvl_status bvl_run_study(MPI_Comm comm, const bvl_study_options *options,
                         const bvl_study_task *tasks, int64_t n_tasks, const bvl_monitor *monitor,
                         bvl_study_outcome *outcome);
void bvl_study_outcome_free(bvl_study_outcome *outcome);

#endif
