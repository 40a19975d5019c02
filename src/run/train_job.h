/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of a training job, for the files of run/ that share it. */
#ifndef BVL_RUN_TRAIN_JOB_H
#define BVL_RUN_TRAIN_JOB_H

#include "io/network.h"
#include "penalty/penalty.h"
#include "run/train.h"

typedef struct bvl_train_job {
  const bvl_train_options *options; /* borrowed */
  bvl_network_job network;
  bvl_penalty penalty;
  bvl_sparsity *sparsity; /* owned, as the next two: of the trainer of now */
  bvl_net_objective *objective;
  bvl_train *train;
  bvl_epoch *history; /* n_history, owned: of trainers that are through */
  int64_t n_history;
  int64_t history_capacity;
  double deadline_s;
  /* After training: what was cut, and what is trained on. */
  int64_t n_before_cut;     /* epochs of history when that was; 0 = nothing was cut */
  int cut;                  /* the trainer of now is the finetuning of what is left */
  unsigned char *mask;      /* n_params: what may still be trained, owned; NULL before */
  double pruned_accuracy;   /* right after cutting; NaN before */
  int64_t n_blocks, n_dead; /* penalised blocks, and the dead among them, when training ended */
  double imbalance;
  bvl_result_writer *writer; /* owned */
  char *identity;            /* what a checkpoint must match, owned */
} bvl_train_job;

/** Makes the trainer of now: of the penalty (job->cut = 0) or of what the mask leaves, beginning at
 * params (n_params). Collective. */
bvl_status bvl_train_job_begin(bvl_train_job *job, const double *params);
/** Cuts as the options say: parameters and mask; tries what is left. Collective. */
bvl_status bvl_train_job_cut(bvl_train_job *job, double *params);

/** Fills job->identity. Not collective. */
bvl_status bvl_train_job_identify(bvl_train_job *job);
/** bvl_train_save_fn; context is the job. A checkpoint that cannot be written is a line in the log,
 * not a failure. Collective. */
bvl_status bvl_train_job_save(void *job);
/** Takes up the newest checkpoint; *n_done is the number of epochs it brings, -1 when there is
 * none. Collective. */
bvl_status bvl_train_job_resume(bvl_train_job *job, int64_t *n_done);

/** Everything a network file holds, into job->writer. Collective. */
bvl_status bvl_train_job_write(bvl_train_job *job, const bvl_train_outcome *outcome);

#endif
