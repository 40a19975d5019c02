/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel train: a network learnt from data, sparse where asked, pruned and finetuned where asked. */
#ifndef BVL_RUN_TRAIN_H
#define BVL_RUN_TRAIN_H

#include <mpi.h>

#include "bevel/penalty.h"
#include "net/sparse/sparsity.h"
#include "net/train.h"
#include "run/network.h"

typedef struct bvl_train_options {
  bvl_network_options network;
  const char *output;
  const char *init;    /* a network file to start from, NULL = a random start */
  const char *penalty; /* "none", "hoyer-square", "group-hs", or a row of penalty/ */
  bvl_penalty_parameters parameters;
  const char *param; /* factor map, NULL = the penalty's default */
  bvl_structure structure;
  double lambda;
  double weight_decay;
  bvl_optim_options optim; /* epochs, step, schedule, seed among them */
  double prune_threshold;  /* magnitudes at or below it are cut after training; NaN = none */
  double prune_std;        /* the same in deviations of a layer's weights; NaN = none */
  int64_t finetune_epochs; /* of what is left, without the penalty; 0 = none */
  double finetune_step;    /* NaN = a tenth of the training's */
  const char *checkpoint;  /* NULL = none */
  double checkpoint_every_s;
  int resume;
  double max_seconds; /* INFINITY = none */
} bvl_train_options;

/** Adam, learning rate 1e-3, 100 epochs of batches of 100, cosine; no penalty, no pruning. */
void bvl_train_options_init(bvl_train_options *options);

typedef struct bvl_train_outcome {
  int64_t n, p, n_train, n_test;
  int64_t n_params;
  int64_t epochs; /* done, finetuning included */
  int64_t epochs_wanted;
  bvl_epoch last;         /* of all that was done */
  bvl_epoch before_prune; /* the last before cutting; epoch = 0 when nothing was cut */
  double pruned_accuracy; /* test (without test rows: train) accuracy right after cutting */
  double train_loss, train_accuracy; /* of the network that is written, as the next */
  double test_loss, test_accuracy;   /* NaN without such rows; accuracies NaN without labels */
  double l1;
  int64_t left;     /* parameters that are not 0 at the end */
  int64_t n_blocks; /* penalised blocks, and of these the dead */
  int64_t n_dead;
  double imbalance; /* factor penalty - lambda Pen: NaN without factors */
  int diverged;
  int64_t step; /* where */
  double rate;
  int64_t resumed_from; /* epochs taken from a checkpoint, -1 = fresh */
  int grid_rows, grid_cols;
  int64_t estimate_bytes, peak_bytes;
  double load_s, solve_s, write_s;
  bvl_traffic traffic;
} bvl_train_outcome;

/** Collective over comm. @return BVL_OK (look at `diverged` and `epochs`), BVL_ERR_INTERRUPTED, or
 * why not; the same on every rank. */
bvl_status bvl_run_train(MPI_Comm comm, const bvl_train_options *options,
                         const bvl_monitor *monitor, bvl_train_outcome *outcome);

#endif
