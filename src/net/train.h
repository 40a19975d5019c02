/* SPDX-License-Identifier: BSD-3-Clause */
/* Training: epochs of an optimizer on a network's objective, with what each epoch came to. */
#ifndef BVL_NET_TRAIN_H
#define BVL_NET_TRAIN_H

#include "net/objective.h"

/** What stands in the history of every epoch. Losses are means over rows, without penalties;
 * accuracies are NaN where the family has no labels, test figures NaN without test rows. */
typedef struct bvl_epoch {
  double epoch;          /* epochs done */
  double objective;      /* mean over the epoch's steps: loss and penalties */
  double train_loss;     /* the same of the loss alone */
  double train_accuracy; /* the same of the share of labels hit */
  double test_loss;      /* at the epoch's end */
  double test_accuracy;
  double l1;       /* sum of |parameter|, weights and biases */
  double nonzeros; /* parameters that are not 0 */
  double seconds;  /* since training began, over all its runs */
} bvl_epoch;
enum { BVL_EPOCH_COLUMNS = sizeof(bvl_epoch) / sizeof(double) };

typedef struct bvl_train {
  bvl_net_objective *objective; /* borrowed */
  bvl_net_rows *test;           /* borrowed, NULL = none */
  bvl_optim *optim;             /* owned */
  bvl_optim_options options;    /* what it was made with */
  double *theta;                /* the objective's n_local, owned */
  int64_t epochs;               /* asked for */
  int64_t n_epochs;             /* done */
  bvl_epoch *history;           /* n_epochs, owned, the same on every rank */
  int64_t capacity;
  double seconds; /* of runs before this one */
  int diverged;
  int64_t step; /* of the optimizer, when it last stopped */
  double rate;  /* the learning rate of its last step */
} bvl_train;

/** Collective. theta starts at the balanced factors of params (n_params). @return BVL_ERR_USAGE (an
 * optimizer's option), BVL_ERR_NOMEM, BVL_ERR_MPI. */
bvl_status bvl_train_create(bvl_net_objective *objective, bvl_net_rows *test,
                            const bvl_optim_options *options, const double *params,
                            bvl_train **out);
void bvl_train_destroy(bvl_train **train);

/** Called between steps when a checkpoint is due or wanted. Collective. */
typedef bvl_status (*bvl_train_save_fn)(void *context);

/** Trains to the last epoch, or until the objective's control has had enough (its deadline), or the
 * loss is no number: then `diverged` is set and theta is back at the last epoch that was finite.
 * save NULL = no checkpoints; every_s seconds between them. The objective's params are theta's on
 * return. Collective. @return BVL_ERR_INTERRUPTED (saved), or what save returns. */
bvl_status bvl_train_run(bvl_train *train, double every_s, void *context, bvl_train_save_fn save);

/** Everything needed to go on, independent of the rank count. Collective. */
bvl_status bvl_train_save(const bvl_train *train, const bvl_store *store);
bvl_status bvl_train_restore(bvl_train *train, const bvl_store *store);

#endif
