/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of a pareto job, for the files of run/ that share it. */
#ifndef BVL_RUN_PARETO_JOB_H
#define BVL_RUN_PARETO_JOB_H

#include "io/network.h"
#include "net/front/served.h"
#include "net/objective.h"
#include "run/pareto.h"

typedef struct bvl_pareto_job {
  const bvl_pareto_options *options; /* borrowed */
  bvl_network_job network;
  bvl_sparsity *sparsity; /* owned, as all below */
  bvl_net_objective *objective;
  bvl_served *served;     /* several ranks and a small network: rank 0 does it all; else NULL */
  const bvl_objective *f; /* f1: the objective's own, or as it is served */
  int64_t begin;          /* of f's entries among the rank's parameters */
  bvl_ball ball;          /* f2 */
  int64_t *block_begin;   /* its blocks; NULL = entries */
  double *block_weight;
  int64_t n;              /* points */
  bvl_front_point *point; /* ascending norm */
  double *params;         /* n_params, scratch */
  double *theta;          /* f's n_local, scratch */
  char *identity;         /* of its checkpoints, owned */
  bvl_front *front;       /* owned; while a continuation runs */
  bvl_front_layout layout;
  double start_s;
  double *train_accuracy; /* n each */
  double *test_accuracy;
  bvl_result_writer *writer;
} bvl_pareto_job;

/** job->point by each of the methods. Collective over f's communicator: called by rank 0 alone
 * where f is served. */
bvl_status bvl_pareto_continue(bvl_pareto_job *job);
bvl_status bvl_pareto_weigh(bvl_pareto_job *job);
bvl_status bvl_pareto_walk(bvl_pareto_job *job);
/** Makes job->identity. Not collective. */
bvl_status bvl_pareto_identify(bvl_pareto_job *job);
/** bvl_front's save callback; context is the job. A checkpoint that cannot be written is a line in
 * the log. Collective over f's communicator, as the next one. */
bvl_status bvl_pareto_save(void *job);
/** Lays out the front's vectors, takes up the newest checkpoint if that is wanted, and has others
 * written from now on. */
bvl_status bvl_pareto_open_checkpoints(bvl_pareto_job *job);

/** job->theta <- a start, after the options' epochs of training. Collective. */
bvl_status bvl_pareto_train(bvl_pareto_job *job, const bvl_objective *f, uint64_t seed);
/** Room for n points. Collective. */
bvl_status bvl_pareto_make_points(bvl_pareto_job *job, int64_t n);

/** job->objective->params <- point k's network, on every rank. Collective. */
bvl_status bvl_pareto_expand(bvl_pareto_job *job, int64_t k);

bvl_status bvl_pareto_write(bvl_pareto_job *job, const bvl_pareto_outcome *outcome);

#endif
