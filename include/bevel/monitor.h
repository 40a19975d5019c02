/* SPDX-License-Identifier: BSD-3-Clause */
/** @file bevel/monitor.h
 * What a running solver tells and asks its caller; where it saves itself. */
#ifndef BEVEL_MONITOR_H
#define BEVEL_MONITOR_H

#include <stdint.h>

#include "bevel/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What the outside world wants from a running solver; bits of bvl_monitor.poll's answer. */
enum {
  BVL_WANT_STOP = 1,       /**< checkpoint if one was asked for, then return BVL_ERR_INTERRUPTED */
  BVL_WANT_CHECKPOINT = 2, /**< save and go on */
  BVL_WANT_TIME_UP = 4     /**< the time budget is spent: finish with what there is */
};

/** A solver's progress, handed to bvl_monitor.progress on rank 0. */
typedef struct bvl_progress {
  const char *phase;  /**< "solve", "certify", "moments", "epoch", "train", "front", "finished";
                           static */
  int64_t k;          /**< lambdas finished */
  int64_t n_lambda;   /**< lambdas asked for */
  double lambda;      /**< the one in work */
  int64_t support;    /**< nonzero coefficients now */
  double gap;         /**< last certified relative gap, NaN before the first */
  int64_t iterations; /**< of this lambda */
  double elapsed_s;   /**< since the solve began */
  double loss;        /**< phase "train": of the last epoch, and k and n_lambda are epochs;
                           "front": of point k of n_lambda */
  double left_s;      /**< expected until the last lambda, within a factor of 2 or so; 0: not known.
                           Paths of lasso and elastic net, from the fifth lambda on */
} bvl_progress;

/** The callbacks through which a library that never prints talks to its caller. Every member may
 * be NULL. The struct and `context` are the caller's and outlive the call they are given to. */
typedef struct bvl_monitor {
  void *context; /**< handed to the callbacks */
  /** Asked at every step, on every rank; bits of BVL_WANT_*. A want of any rank is everyone's: the
   * solver sums the answers in a reduction it makes anyway. Must be cheap. */
  int (*poll)(void *context);
  /** One line for the log. Called on rank 0 alone. */
  void (*log)(void *context, const char *line);
  /** Called on rank 0 alone, at most a few times a second's worth of work. */
  void (*progress)(void *context, const bvl_progress *progress);
} bvl_monitor;

/** Named distributed arrays that an object writes itself to and reads itself back from: the
 * checkpoint as the solver sees it. Every call is collective over the object's communicator, with
 * equal `name` and `n_global` on all ranks; a rank's part is [first, first + count) and parts may
 * not overlap; a replicated array is given by rank 0 (count = n_global there, 0 elsewhere) and read
 * by everyone (each rank asks for what it wants). */
typedef struct bvl_store {
  void *context; /**< handed to the callbacks */
  /** Stores a part of a new array of n_global doubles. */
  bvl_status (*put_f64)(void *context, const char *name, int64_t n_global, int64_t first,
                        int64_t count, const double *values);
  /** The same of integers. */
  bvl_status (*put_i64)(void *context, const char *name, int64_t n_global, int64_t first,
                        int64_t count, const int64_t *values);
  /** `*n_global` of a stored array; -1 when there is none of that name. */
  bvl_status (*length)(void *context, const char *name, int64_t *n_global);
  /** Fills values with a part of a stored array of doubles. */
  bvl_status (*get_f64)(void *context, const char *name, int64_t first, int64_t count,
                        double *values);
  /** The same of integers. */
  bvl_status (*get_i64)(void *context, const char *name, int64_t first, int64_t count,
                        int64_t *values);
} bvl_store;

#ifdef __cplusplus
}
#endif
#endif
