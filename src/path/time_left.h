/* SPDX-License-Identifier: BSD-3-Clause */
/* How long the rest of a path will take, once it is known how its support grows (forecast.h).
 *
 * Two kinds of work: sweeps over the columns (certificates, screening), one for each batch of
 * lambdas, and what happens on the working set of about W = df (1.5 - 0.5 (df / p)^2) columns
 * (Gram, factor, Newton steps). How many batches there will be follows from the rule by which the
 * engine chooses them. What a sweep takes is measured on the batches so far. Work on the working
 * set is next to nothing in the first batches, so it is priced by a model and the price is
 * corrected by what is seen, the more the more there is of it. Nothing here is collective. */
#ifndef BVL_PATH_TIME_LEFT_H
#define BVL_PATH_TIME_LEFT_H

#include <stdint.h>

/** What the path works on. */
typedef struct bvl_workload {
  int64_t n, p;
  double column_entries; /**< stored entries of a column, on average */
  int dense;
  int quadratic; /**< a gaussian family: the Gram is kept, not weighted anew */
  int moments;   /**< all columns' second moments are formed at first: no sweeps */
} bvl_workload;

/** What was measured so far; all zero at first. Phases are in seconds since the path began. */
typedef struct bvl_pace {
  int64_t done;      /**< lambdas finished */
  int64_t batches;   /**< batches they came in */
  double elapsed_s;  /**< since the path began */
  double sweep_s;    /**< sweeps, screening, columns that move */
  double inner_s;    /**< Gram, factor, Newton steps */
  double units;      /**< batches since the first, by their cost: a full one counts 1 */
  double priced_s;   /**< the model's price of the working set since the first batch */
  double first_s[3]; /**< elapsed_s, sweep_s and inner_s at the end of the first batch */
  double crowding;   /**< wall time over this process's CPU time so far, 1 on a machine of its own:
                        what prices are multiplied by where nothing is measured yet; the caller's */
} bvl_pace;

/** Seconds the model gives the working set on entries [from, to) of df, the support at each lambda.
 */
double bvl_work_price(const bvl_workload *work, const double *df, int64_t from, int64_t to);

/** Takes note of a batch: entries [pace->done, done) of df are what was found there. */
void bvl_pace_add(const bvl_workload *work, const double *df, int64_t done, double elapsed_s,
                  double sweep_s, double inner_s, bvl_pace *pace);

/** Seconds for entries [pace->done, n_lambda), df being what is expected there; n_lambda may be
 * less than the grid has where the path is to end early. */
double bvl_time_left(const bvl_workload *work, const bvl_pace *pace, const double *df,
                     int64_t n_lambda);

#endif
