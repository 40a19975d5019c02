/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of a pareto job, for the files of run/ that share it. */
#ifndef BVL_RUN_PARETO_JOB_H
#define BVL_RUN_PARETO_JOB_H

#include "io/network.h"
#include "net/objective.h"
#include "run/pareto.h"

typedef struct bvl_pareto_job {
  const bvl_pareto_options *options; /* borrowed */
  bvl_network_job network;
  bvl_sparsity *sparsity;       /* owned, as all below */
  bvl_net_objective *objective; /* f1 */
  bvl_ball ball;                /* f2 */
  int64_t *block_begin;         /* its blocks; NULL = entries */
  double *block_weight;
  int64_t n;              /* points */
  bvl_front_point *point; /* ascending norm */
  double *params;         /* n_params, scratch */
  double *theta;          /* n_local, scratch */
  double start_s;
  double *train_accuracy; /* n each */
  double *test_accuracy;
  bvl_result_writer *writer;
} bvl_pareto_job;

/** job->point by each of the methods. Collective. */
bvl_status bvl_pareto_continue(bvl_pareto_job *job);
bvl_status bvl_pareto_weigh(bvl_pareto_job *job);
bvl_status bvl_pareto_walk(bvl_pareto_job *job);
/** job->theta <- a start, after the options' epochs of training. Collective. */
bvl_status bvl_pareto_train(bvl_pareto_job *job, const bvl_objective *f, uint64_t seed);
/** Room for n points. Collective. */
bvl_status bvl_pareto_make_points(bvl_pareto_job *job, int64_t n);

bvl_status bvl_pareto_write(bvl_pareto_job *job, const bvl_pareto_outcome *outcome);

#endif
