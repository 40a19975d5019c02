/* SPDX-License-Identifier: BSD-3-Clause */
/* A penalised network as a smooth function of theta, what an optimizer sees:
 *
 *     F(theta) = (1/n) sum_i w_i loss(y_i, net(x~_i; b)) + Q(theta) + hoyer(b) + (decay/2) ||b||^2,
 *
 * b = phi(theta) the parameters, Q the factor penalty. A rank steps the factors of its share of b
 * (sparsity.h). One evaluation: the shares are gathered along the grid column (n_params doubles),
 * a cut first layer's outputs are summed along the grid row, and the gradient is summed along the
 * grid column, each rank getting its share: what one packed allreduce of the gradient would move,
 * with the optimizer's work divided by the ranks. The loss and what else must be equal everywhere
 * is a sum of seven numbers over all ranks. One rank sends nothing. */
#ifndef BVL_NET_OBJECTIVE_H
#define BVL_NET_OBJECTIVE_H

#include "bevel/monitor.h"
#include "net/pass.h"
#include "net/sparse/hoyer.h"
#include "net/sparse/sparsity.h"
#include "optim/optim.h"

/** What the outside may want of a run; rank 0's clock decides. */
typedef struct bvl_net_control {
  const bvl_monitor *monitor; /* NULL = nobody asks; borrowed */
  double deadline_s;          /* on bvl_now_s's clock, as the next; INFINITY = none */
  double next_checkpoint_s;
} bvl_net_control;

typedef struct bvl_net_objective {
  bvl_objective objective; /* what an optimizer sees; context is this struct, which may not move */
  const bvl_net *net;      /* borrowed, as the three below */
  bvl_net_rows *rows;
  bvl_sparsity *sparsity;
  bvl_net_control control;
  bvl_hoyer_state *hoyer; /* NULL = none; owned */
  bvl_pass *pass;         /* owned */
  double *params;         /* n_params: b of the last expansion, owned */
  double *grad;           /* n_params, owned */
  double *share;          /* this rank's share of b, owned; params itself on one grid row */
  double *grad_share;     /* of the gradient; grad itself on one grid row */
  int64_t *counts;        /* Pr: length of each share, owned */
  float *pieces;          /* single: this share of every rank's gradient, owned; NULL = none */
  int64_t *piece_counts;  /* Pr: length of each of those, owned */
  int64_t most_rows[2];   /* of any rank: in a minibatch, in all */
  bvl_pass_sums sums;     /* of the last evaluation, over all ranks */
  bvl_pass_sums epoch;    /* summed over evaluations since the caller cleared it */
  double penalty;         /* of the last evaluation: all but the loss */
} bvl_net_objective;

/** The control is: nobody asks, no deadline. Collective; two small reductions. @return BVL_OK,
 * BVL_ERR_NOMEM, BVL_ERR_USAGE, BVL_ERR_MPI. */
bvl_status bvl_net_objective_create(const bvl_net *net, bvl_net_rows *rows, bvl_sparsity *sparsity,
                                    bvl_net_objective **out);
void bvl_net_objective_destroy(bvl_net_objective **self);

/** bvl_objective.eval. Over a slice the loss counts n_batches times, so that an epoch's mean is F
 * with factors at rest. */
bvl_status bvl_net_objective_eval(void *self, const double *theta, int64_t batch, double *value,
                                  double *grad, int *wants);

/** self->params <- phi(theta) on every rank. Collective: one gather along the grid column. */
bvl_status bvl_net_objective_expand(bvl_net_objective *self, const double *theta);

/** Loss, hits and weight of other rows at self->params, over all ranks. Collective. */
bvl_status bvl_net_objective_try(bvl_net_objective *self, bvl_net_rows *rows, bvl_pass_sums *sums);

#endif
