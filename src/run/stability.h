/* SPDX-License-Identifier: BSD-3-Clause */
/* Stability selection (Meinshausen and Buehlmann, JRSSB 2010): the path of all data, then the same
 * lambdas on subsamples of the rows, and how often each variable is in the support.
 *
 * A subsample is the same X, read once, with the other rows at weight 0 (run/beside.h): it equals a
 * path on a file with those weights. Subsamples come in complementary pairs (Shah and Samworth,
 * JRSSB 2013): two halves without a common row; drawn on rank 0 by row number from the seed, the
 * same at every rank count. A variable is a penalised column, or a group under a penalty on groups.
 * With a limit q on the variables that a subsample selects its path ends where more than q have
 * entered, and what it had selected by then stands for the rest of the lambdas. */
#ifndef BVL_RUN_STABILITY_H
#define BVL_RUN_STABILITY_H

#include "run/run.h"
#include "run/stability_bound.h"

/** Of threshold, pfer and selected at most two are given; what is missing follows from the bound.
 */
typedef struct bvl_stability_options {
  int64_t subsamples; /* 100 */
  double fraction;    /* 0.5: of the rows, rounded down */
  int complementary;  /* 1: pairs; subsamples even, fraction at most 0.5 */
  int stratify;       /* 0; 1: each class has its share of a subsample */
  double weakness;    /* 1; below: randomised lasso, each subsample divides each column's penalty
                           factor by a draw from [weakness, 1] */
  double threshold;   /* NaN = 0.9, or what pfer and selected ask for */
  double pfer;        /* NaN = not given: bound on the expected number of false selections */
  int64_t selected;   /* 0 = no limit, or what pfer asks for */
  bvl_assumption assumption;
} bvl_stability_options;

void bvl_stability_options_init(bvl_stability_options *options);

/** The same on every rank. */
typedef struct bvl_stability_outcome {
  bvl_run_outcome path; /* of all data; bvl_run_outcome_free; solve_s is of path and subsamples */
  double path_s;        /* of that, the path of all data; this rank's */
  int64_t subsamples;   /* solved */
  int64_t asked;
  int64_t rows;         /* of a subsample */
  int64_t n_points;     /* lambdas of all subsamples that were attempted */
  int64_t n_unfinished; /* of these, not converged */
  int grouped;          /* variables are groups */
  int64_t variables;    /* p of the bounds: penalised columns or groups */
  int64_t selected;     /* the limit, 0 = none */
  double selected_mean; /* variables that a subsample selected, over all lambdas */
  double threshold;
  int64_t n_stable;
  /* on the expected number of false selections, with the limit for q, else the mean; NaN where
   * nothing is proven: fraction not 1/2, not all subsamples solved */
  double bound;          /* without assumption */
  double bound_unimodal; /* NaN also without pairs */
} bvl_stability_outcome;

/** bevel stability: `run` as for bvl_run_path, not with path_to. Collective over comm. A checkpoint
 * holds the path, the counts of the finished subsamples, and the path of the one in work. @return
 * as bvl_run_path; BVL_ERR_USAGE (a subsample without rows, strata without labels, weakness under a
 * penalty on groups, nothing that keeps the bound), BVL_ERR_INPUT (a subsample that cannot be
 * fitted: one class only). */
bvl_status bvl_run_stability(MPI_Comm comm, const bvl_run_options *run,
                             const bvl_stability_options *options, const bvl_monitor *monitor,
                             bvl_stability_outcome *outcome);

#endif
