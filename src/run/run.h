/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole jobs: load, solve, checkpoint, write. Knows options, not flags; files, not terminals. */
#ifndef BVL_RUN_RUN_H
#define BVL_RUN_RUN_H

#include <stdint.h>

#include <mpi.h>

#include "base/phase.h"
#include "bevel/monitor.h"
#include "bevel/path.h"
#include "io/io.h"
#include "io/network.h"

/** Information criteria of a path's points; run/criteria.h has the formulas. */
typedef enum bvl_criterion { BVL_AIC, BVL_BIC, BVL_EBIC } bvl_criterion;
enum { BVL_N_CRITERIA = 3 };

/** Whether X is read from the file each time it is needed instead of being held: where it does not
 * fit, always, never. Dense X, solver auto, newton or cd. */
typedef enum bvl_streaming {
  BVL_STREAMING_AUTO,
  BVL_STREAMING_ON,
  BVL_STREAMING_OFF
} bvl_streaming;

/** A path (or fit) job. Strings are borrowed during the call. bvl_run_options_init sets defaults.
 */
typedef struct bvl_run_options {
  const char *data;
  const char *output;
  bvl_data_names names;
  const char *family;                /* NULL = the file's, else gaussian */
  const char *penalty;               /* "lasso" */
  bvl_penalty_parameters parameters; /* NaN = the penalty's default */
  double lower; /* <= 0, -INFINITY = none: bounds of every coefficient on the input's scale... */
  double upper; /* >= 0, INFINITY = none; ... where names.lower, names.upper give no dataset */
  int intercept;
  int standardize;
  int64_t batch; /* rows a minibatch, 0 = default (for stochastic solvers) */
  int grid_rows; /* 0 x 0 = chosen from solver and shape */
  int grid_cols;
  int collective_io;      /* 1 */
  bvl_missing missing;    /* see run/missing.h; AUTO = ERROR */
  int single;             /* --precision single: dense float64 X is rounded to float32 */
  int64_t memory_limit;   /* bytes for all ranks of a node, 0 = the machine's or cgroup's */
  bvl_streaming stream;   /* BVL_STREAMING_AUTO */
  const char *checkpoint; /* NULL = none */
  int resume;
  double ebic_gamma;        /* 1 */
  int relax;                /* 0; 1: relaxed fits too (run/relax.h) */
  const char *command_line; /* for the result's attributes */
  bvl_path_options path;
} bvl_run_options;

void bvl_run_options_init(bvl_run_options *options);

/** What a job came to. The same on every rank, but for what is said to be this rank's. */
typedef struct bvl_run_outcome {
  int64_t n, p, nnz;
  int64_t n_lambda, n_converged, n_diverged, n_not_attempted;
  int convex;       /* the penalty: if not, answers are stationary points, not proven global */
  int full;         /* the path ended at its dfmax: what was not attempted was not asked for */
  int64_t support;  /* nonzero coefficients at the smallest lambda attempted */
  double worst_gap; /* over the lambdas attempted; NaN when no gap is known */
  double worst_kkt;
  double lambda_max;
  double lambda_criterion[BVL_N_CRITERIA]; /* where each is least; NaN = unknown */
  double least_criterion[BVL_N_CRITERIA];  /* what it is there */
  int64_t df_criterion[BVL_N_CRITERIA];    /* nonzero coefficients there */
  int64_t relaxed_fits;                    /* made */
  int64_t relaxed_unfinished; /* lambdas whose relaxed fit is not finite or stationary */
  int64_t relaxed_left_out;   /* lambdas with none attempted */

  double passes;      /* bytes of X touched / bytes of X */
  int streamed;       /* X was not held ... */
  double file_passes; /* ... but read this often; 1 when it was held */
  int grid_rows, grid_cols;
  int64_t resumed_from;       /* lambdas taken from a checkpoint, -1 = fresh */
  int64_t estimate_bytes;     /* what a rank was expected to need */
  int64_t estimate_all_bytes; /* the same of all ranks together */
  int64_t peak_bytes;         /* largest resident set over the ranks */
  /* this rank's */
  double load_s, solve_s, write_s;
  bvl_traffic traffic;      /* up to the writing of the result */
  bvl_traffic path_traffic; /* of that, from lambda_max to the last lambda */
  bvl_phases phases;        /* of the whole job */
  bvl_batch *batches;       /* n_batches, owned: bvl_run_outcome_free */
  int64_t n_batches;
  bvl_outlook *outlooks; /* n_outlooks, owned likewise; rank 0 alone */
  int64_t n_outlooks;
} bvl_run_outcome;

/** Runs `bevel path` / `bevel fit`. Collective over comm. With path.path_to > 0 the result has one
 * column. @return BVL_OK (look at n_converged), BVL_ERR_INTERRUPTED (checkpoint written if there is
 * one), or why not; the same on every rank. */
bvl_status bvl_run_path(MPI_Comm comm, const bvl_run_options *options, const bvl_monitor *monitor,
                        bvl_run_outcome *outcome);
void bvl_run_outcome_free(bvl_run_outcome *outcome);

/** What a prediction came to; the same on every rank but for load_s. */
typedef struct bvl_predict_outcome {
  int64_t n;          /* rows */
  int64_t columns;    /* of X that were read */
  int64_t parameters; /* of the network, or nonzeros of the model */
  double load_s;
  double predict_s;      /* on the slowest rank, without reading and writing */
  bvl_front_choice from; /* of a front; point -1 = the model is none */
  char classes[400];     /* type class of named classes, at one lambda: how many rows are of each */
} bvl_predict_outcome;

/** In place of a lambda: the one that cross-validation chose. */
#define BVL_AT_LAMBDA_MIN (-1.0)
#define BVL_AT_LAMBDA_1SE (-2.0)
/** or that a criterion chose: BVL_AT_AIC - criterion. */
#define BVL_AT_AIC (-3.0)

/** A prediction. Strings are borrowed during the call. bvl_predict_options_init sets defaults. */
typedef struct bvl_predict_options {
  const char *data;
  bvl_data_names names;
  bvl_missing missing; /* in X; networks refuse all but errors */
  const char *model;   /* a path's result, a study, a network or a front of networks */
  int64_t task;        /* of a study, counted from 0; -1 = the best one, or no study */
  int64_t point;       /* of a front, counted from 0; -1 = bvl_front_choose's, or no front */
  const char *output;
  const char *type;   /* "link", "response", "class" */
  double at;          /* NaN = every lambda of the model, else that lambda, interpolated linearly
                         between neighbours as glmnet does (clamped at the ends), or one of the above */
  double relax_gamma; /* 1, or less of a model that has relaxed fits, whose share is 1 - this */
  int collective_io;
  const char *command_line; /* for the result's attributes */
} bvl_predict_options;

/** Links at every lambda. */
void bvl_predict_options_init(bvl_predict_options *options);

/** bevel predict. Collective over comm. @return BVL_ERR_USAGE also for a lambda or a task of a
 * network, for a point of what is no front, for the choice of a path that was not cross-validated
 * or has no criteria, and for a study whose tasks do not compare, without a task; BVL_ERR_INPUT for
 * a task or a point that is not there. */
bvl_status bvl_run_predict(MPI_Comm comm, const bvl_predict_options *options,
                           bvl_predict_outcome *outcome);

/** bevel simulate. bvl_simulate_options_init asks for nothing: what is not asked for is the
 * recipe's (run/recipe.h), without a recipe 10 active columns, rho 0, snr 3, dense, gaussian. */
typedef struct bvl_simulate_options {
  const char *output;
  const char *recipe; /* NULL = none: n and p are needed */
  int64_t n, p;       /* 0 = the recipe's */
  int64_t group_size; /* 1 = no groups; 0 = the recipe's */
  int64_t active;     /* active groups (or columns); -1 = the recipe's */
  int64_t responses;  /* 1 = /y is a vector; 0 = the recipe's */
  double rho;         /* AR(1) correlation between neighbouring columns; NaN = the recipe's */
  double snr;         /* NaN = the recipe's */
  double density; /* 1 = dense; below: csr, entries N(0,1) at that density; NaN = the recipe's */
  const char *family;       /* NULL = the recipe's */
  int64_t classes;          /* of family multinomial; 0 = 3 */
  uint64_t seed;            /* 1 */
  const char *command_line; /* for the file's attributes; NULL = none */
} bvl_simulate_options;
void bvl_simulate_options_init(bvl_simulate_options *options);
bvl_status bvl_run_simulate(MPI_Comm comm, const bvl_simulate_options *options);

/** bevel info: lines through `emit`, on rank 0 alone. path NULL: version, kernels, MPI, cores and
 * memory; else what is in the file and, for a data file, the memory a path would need at 1, 2, 4 ..
 * ranks. Collective. */
bvl_status bvl_run_info(MPI_Comm comm, const char *path,
                        void (*emit)(void *context, const char *line), void *context);

#endif
