/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of a path job, for the files of run/ that share it. */
#ifndef BVL_RUN_JOB_H
#define BVL_RUN_JOB_H

#include <stdio.h>

#include "penalty/penalty.h"
#include "run/memory.h"
#include "run/missing.h"
#include "run/run.h"

typedef struct bvl_job bvl_job;

/** What a job does beyond a path. Every member may be NULL; collective unless said. */
typedef struct bvl_job_steps {
  void *context;
  int folded; /* as bvl_memory_shape has it */
  /** X is in memory and the data file still open. */
  bvl_status (*loaded)(void *context, bvl_job *job);
  /** More lines of job->identity. Not collective. */
  void (*identify)(void *context, FILE *text);
  /** The path is solved; may solve more, and count it in the outcome. */
  bvl_status (*solved)(void *context, bvl_job *job, bvl_run_outcome *outcome);
  /** Adds to the result file. */
  bvl_status (*write)(void *context, bvl_job *job);
  /** Beside the path's own state, in the same checkpoint. */
  bvl_status (*save)(void *context, bvl_job *job, const bvl_store *store);
  bvl_status (*restore)(void *context, bvl_job *job, const bvl_store *store);
} bvl_job_steps;

struct bvl_job {
  const bvl_job_steps *steps;     /* borrowed; NULL: a path and nothing else */
  const bvl_run_options *options; /* borrowed */
  const bvl_monitor *monitor;     /* borrowed, may be NULL */
  bvl_traffic traffic;            /* of comm; the grid counts its own */
  bvl_comm comm;
  bvl_data *data;        /* owned; closed once X is in memory, kept while it is streamed */
  bvl_missing_rows rows; /* X and the rows of it that are used, owned */
  bvl_data_names names;  /* what is used: defaults filled in, "none" for what is absent */
  char family[32];
  bvl_penalty penalty;
  bvl_format format;    /* of /X */
  bvl_dtype dtype;      /* as held in memory */
  int rounded;          /* is there memory for an 8-bit copy of X? */
  int64_t stream_bytes; /* a rank's of X that is streamed; 0 = X is held */
  int64_t n, p, nnz;
  int64_t n_responses; /* columns of y */
  uint64_t fingerprint;
  int64_t n_slices;      /* minibatches an epoch */
  int64_t *groups;       /* p, owned; NULL = none */
  double *group_weights; /* n_group_weights, owned; NULL = sqrt(size) */
  int64_t n_group_weights;
  double *penalty_factor; /* p, owned; NULL = ones */
  double *lower;          /* p, owned; NULL = no bounds */
  double *upper;          /* p, owned; NULL = no bounds */
  char lower_name[40];    /* a number where it is one for all columns */
  char upper_name[40];
  char **feature_names; /* rank 0: p strings in one block, owned; NULL = none */
  char *class_names;    /* a line a class, owned; NULL = none */
  int grid_rows, grid_cols;
  bvl_grid *grid;            /* owned */
  bvl_problem *problem;      /* owned */
  bvl_path *path;            /* owned */
  bvl_result_writer *writer; /* owned */
  char *identity;            /* what a checkpoint must match: "key=value\n" lines, owned */
  char start_time[24];       /* ISO 8601, UTC */
};

/** bvl_run_path with steps in between (NULL = none). */
bvl_status bvl_job_run(MPI_Comm comm, const bvl_run_options *options, const bvl_job_steps *steps,
                       const bvl_monitor *monitor, bvl_run_outcome *outcome);
/** Opens the data, reads what stands beside X and chooses model and grid; job->options and ->comm
 * are set. Collective. bvl_job_close frees all of a job, whatever was reached. */
bvl_status bvl_job_open(bvl_job *job);
void bvl_job_close(bvl_job *job);
/** The grid of an open job on n_ranks. Not collective. @return BVL_ERR_USAGE when the grid that was
 * asked for is not made of so many. */
bvl_status bvl_job_choose_grid(bvl_job *job, int n_ranks);
/** What the job's memory goes by, the 8-bit copy of X included where it would pay. Not collective.
 */
bvl_memory_shape bvl_job_shape(const bvl_job *job, int64_t n_lambda);
/** What of X a rank of `allowed` bytes holds: sets rounded, streamed and stream_bytes of the shape
 * of bvl_job_shape; where nothing fits, as the refusal is to have them. Not collective.
 * @return BVL_ERR_USAGE for a stream that is asked for and impossible. */
bvl_status bvl_job_choose_stream(const bvl_job *job, int64_t allowed, bvl_memory_shape *shape);
/** The job's problem in words; vectors over rows come from the job's data file. *parameters is
 * filled in and must live as long. Not collective. */
bvl_problem_data bvl_job_problem_data(const bvl_job *job, bvl_penalty_parameters *parameters);

/** Several coefficients a column: they are a group, with no groups of columns as well. Not
 * collective. */
int bvl_job_is_multi(const bvl_job *job);
/** Fills job->rounded, job->stream_bytes and the outcome's estimates, says so where X is to be
 * streamed, and refuses what does not fit either way. Collective. @return BVL_ERR_NOMEM;
 * BVL_ERR_USAGE for a stream that is asked for and impossible. */
bvl_status bvl_job_plan_memory(bvl_job *job, int64_t n_lambda, bvl_run_outcome *outcome);

/** "sgd" for BVL_SOLVER_SGD; whether it steps on minibatches; whether it works on factors. Not
 * collective. */
const char *bvl_solver_name(bvl_solver solver);
const char *bvl_gram_name(bvl_gram gram);
int bvl_solver_is_stochastic(bvl_solver solver);
int bvl_solver_is_surrogate(bvl_solver solver);
/** The factor map of the job's surrogate solver: its name ("none" with another solver, or when
 * there is no such map: then creating the path says why) and how many factors a column has. Not
 * collective. */
const char *bvl_job_param(const bvl_job *job, int64_t *n_factors);

/** One line to the monitor's log, from rank 0 (printf format). Not collective. */
void bvl_job_log(const bvl_job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Puts the file's name before the last error when that is about data and does not name it. Returns
 * `status`. Not collective. */
bvl_status bvl_name_file(const char *file, bvl_status status);

/** FNV-1a of n bytes after `hash` (NULL: of none), for vectors that must be the same but need not
 * be spelt out. Not collective. */
uint64_t bvl_hash_bytes(uint64_t hash, const void *bytes, int64_t n);
#define BVL_HASH_START UINT64_C(0xcbf29ce484222325)

/** Whether a checkpoint's description is this run's; the first line that differs names the key. Not
 * collective. @return BVL_ERR_USAGE. */
bvl_status bvl_compare_identity(const char *file, const char *there, const char *here);

/** Fills job->identity. Not collective. */
bvl_status bvl_job_identify(bvl_job *job);
/** bvl_path_solve's save callback; context is the job. A checkpoint that cannot be written is a
 * line in the log, not a failure. Collective. */
bvl_status bvl_job_save(void *job);
/** Takes up the newest checkpoint; *n_done is the number of lambdas it brings, -1 when there is
 * none. Collective. @return BVL_ERR_USAGE when it is of another run, with what differs. */
bvl_status bvl_job_resume(bvl_job *job, int64_t *n_done);

/** Everything a result file holds, into job->writer. Collective. */
bvl_status bvl_job_write(bvl_job *job, const bvl_run_outcome *outcome);

#endif
