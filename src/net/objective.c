/* SPDX-License-Identifier: BSD-3-Clause */
/* One evaluation of a network on a process grid: gather the shares, pass the rows, scatter the
 * gradient. Branches that lead to collectives test only what all ranks of a grid row or column
 * know: counts of rows and of shares. */
#include "net/objective.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "solver/solver.h"

/* What rides behind a share when shares are gathered (and, with Hoyer's sums, along the grid row).
 */
enum { UP_PENALTY, UP_FLAGS, N_UP = UP_FLAGS + 3, UP_HOYER = N_UP };
_Static_assert((int)N_UP + (int)BVL_HOYER_RIDERS <= (int)BVL_PASS_RIDERS, "riders");

/* ---- life cycle ------------------------------------------------------------------------------
 */

static void describe(bvl_net_objective *self)
{
  const bvl_grid *grid = self->net->grid;
  const bvl_sparsity *s = self->sparsity;
  self->objective = (bvl_objective){
      .space = {.comm = &grid->all,
                .n_local = s->n_theta,
                .own_begin = 0,
                .own_end = grid->j == 0 ? s->n_theta : s->theta_count[0]},
      .n_batches = self->rows->X->rows.n_slices,
      .context = self,
      .eval = bvl_net_objective_eval};
  self->control = (bvl_net_control){.deadline_s = INFINITY, .next_checkpoint_s = INFINITY};
}

static bvl_status allocate(bvl_net_objective *self)
{
  bvl_status status = BVL_OK;
  const bvl_grid *grid = self->net->grid;
  const int64_t n = self->net->n_params;
  BVL_TRY(bvl_pass_create(self->net, 1, &self->pass));
  BVL_TRY(BVL_ALLOC(&self->params, n));
  BVL_TRY(BVL_ALLOC(&self->grad, n));
  BVL_TRY(BVL_ALLOC(&self->share, self->sparsity->count + N_UP));
  BVL_TRY(BVL_ALLOC(&self->grad_share, self->sparsity->count));
  BVL_TRY(BVL_ALLOC(&self->counts, grid->n_rows));
  if (grid->n_rows > 1) BVL_TRY(BVL_ALLOC(&self->packed, n + (int64_t)grid->n_rows * N_UP));
  if (self->sparsity->options.hoyer != BVL_HOYER_NONE)
    BVL_TRY(bvl_hoyer_create(self->net, self->sparsity->options.hoyer, &self->hoyer));
cleanup:
  return status;
}

/* Can the network take these rows in? */
static bvl_status check_rows(const bvl_net *net, const bvl_net_rows *rows)
{
  const int64_t p = bvl_design_p(rows->X), inputs = bvl_architecture_inputs(&net->arch);
  const int64_t outputs = bvl_architecture_outputs(&net->arch);
  if (p != inputs)
    return bvl_fail(BVL_ERR_USAGE, "the network has %" PRId64 " inputs, X %" PRId64 " columns",
                    inputs, p);
  if (rows->outputs != outputs)
    return bvl_fail(BVL_ERR_USAGE, "the network has %" PRId64 " outputs, its rows want %" PRId64,
                    outputs, rows->outputs);
  if (!net->split && rows->X->format != BVL_DENSE)
    return bvl_fail(BVL_ERR_USAGE, "X is sparse: the first layer must be a dense one, not %s",
                    bvl_layer_kind_name(net->arch.layer[0].kind));
  return BVL_OK;
}

bvl_status bvl_net_objective_create(const bvl_net *net, bvl_net_rows *rows, bvl_sparsity *sparsity,
                                    bvl_net_objective **out)
{
  bvl_status status = BVL_OK;
  bvl_net_objective *self = NULL;
  *out = NULL;
  BVL_TRY(check_rows(net, rows)); /* replicated */
  status = BVL_ALLOC(&self, 1);
  if (status == BVL_OK) {
    self->net = net;
    self->rows = rows;
    self->sparsity = sparsity;
    describe(self);
    status = allocate(self);
  }
  BVL_TRY(bvl_agree(&net->grid->all, status));
  *out = self;
  self = NULL;
cleanup:
  bvl_net_objective_destroy(&self);
  return status;
}

void bvl_net_objective_destroy(bvl_net_objective **handle)
{
  bvl_net_objective *self = *handle;
  *handle = NULL;
  if (self == NULL) return;
  bvl_hoyer_destroy(&self->hoyer);
  bvl_pass_destroy(&self->pass);
  free(self->params);
  free(self->grad);
  free(self->packed);
  free(self->share);
  free(self->grad_share);
  free(self->counts);
  free(self);
}

/* ---- shares ----------------------------------------------------------------------------------
 */

static void count_shares(bvl_net_objective *self, int64_t riders)
{
  const int64_t *begin = self->sparsity->share_begin;
  for (int i = 0; i < self->net->grid->n_rows; i++)
    self->counts[i] = begin[i + 1] - begin[i] + riders;
}

/* params <- the shares of the grid column; riders (n of them, behind each share) <- their sums. */
static bvl_status gather(bvl_net_objective *self, int64_t n, double *riders)
{
  bvl_status status = BVL_OK;
  const bvl_sparsity *s = self->sparsity;
  if (self->net->grid->n_rows == 1) {
    memcpy(self->params, self->share, (size_t)s->count * sizeof *self->params);
    return BVL_OK;
  }
  memcpy(self->share + s->count, riders, (size_t)n * sizeof *riders);
  memset(riders, 0, (size_t)n * sizeof *riders);
  count_shares(self, n);
  BVL_TRY(bvl_gather_all(&self->net->grid->col, self->share, self->counts, self->packed));
  const double *piece = self->packed;
  for (int i = 0; i < self->net->grid->n_rows; i++) {
    const int64_t count = self->counts[i] - n;
    memcpy(self->params + s->share_begin[i], piece, (size_t)count * sizeof *piece);
    for (int64_t k = 0; k < n; k++) riders[k] += piece[count + k];
    piece += self->counts[i];
  }
cleanup:
  return status;
}

/* grad_share <- this rank's share of the gradient, summed over the grid column. */
static bvl_status scatter(bvl_net_objective *self)
{
  const bvl_sparsity *s = self->sparsity;
  if (self->net->grid->n_rows == 1) {
    memcpy(self->grad_share, self->grad, (size_t)s->count * sizeof *self->grad);
    return BVL_OK;
  }
  count_shares(self, 0);
  return bvl_sum_scatter(&self->net->grid->col, self->grad, self->counts, self->grad_share);
}

/* The sums over all ranks, and with them rank 0's penalty, the same everywhere to the last bit:
 * optimizers branch on the value. Pieces of a scattered sum are not, they may be added up in
 * different orders. */
static bvl_status sum_up(const bvl_grid *grid, bvl_pass_sums *sums, double *penalty)
{
  double packed[4] = {0.0};
  if (grid->j == 0) {
    packed[0] = sums->loss;
    packed[1] = sums->hits;
    packed[2] = sums->weight;
  }
  if (grid->all.rank == 0) packed[3] = *penalty;
  const bvl_status status = bvl_sum(&grid->all, packed, 4);
  *sums = (bvl_pass_sums){.loss = packed[0], .hits = packed[1], .weight = packed[2]};
  *penalty = packed[3];
  return status;
}

/* ---- an evaluation ---------------------------------------------------------------------------
 */

static int wanted(const bvl_net_objective *self)
{
  const bvl_net_control *control = &self->control;
  const bvl_monitor *monitor = control->monitor;
  int wants = monitor != NULL && monitor->poll != NULL ? monitor->poll(monitor->context) : 0;
  if (self->net->grid->all.rank != 0) return wants;
  if (isinf(control->deadline_s) && isinf(control->next_checkpoint_s)) return wants;
  const double now = MPI_Wtime();
  if (now > control->deadline_s) wants |= BVL_WANT_TIME_UP;
  if (now > control->next_checkpoint_s) wants |= BVL_WANT_CHECKPOINT;
  return wants;
}

/* Riders, and what they turn into once they are summed along the grid row. */
static void measure(bvl_net_objective *self, double *riders)
{
  if (self->hoyer != NULL) bvl_hoyer_measure(self->hoyer, self->params, riders + UP_HOYER);
}

static bvl_status pass_rows(bvl_net_objective *self, int64_t batch, double *riders)
{
  const bvl_rows *place = &self->rows->X->rows;
  const int64_t row0 = batch < 0 ? 0 : place->slice_begin[batch];
  const int64_t row1 = batch < 0 ? place->n_local : place->slice_begin[batch + 1];
  const int64_t n_riders = N_UP + (self->hoyer != NULL ? BVL_HOYER_RIDERS : 0);
  self->sums = (bvl_pass_sums){0};
  memset(self->grad, 0, (size_t)self->net->n_params * sizeof *self->grad);
  bvl_pass_load(self->pass, self->params);
  bvl_status status = bvl_pass_run(self->pass, self->rows, row0, row1, n_riders, riders,
                                   &self->sums, self->grad, NULL, 0);
  if (self->hoyer != NULL) bvl_hoyer_settle(self->hoyer, riders + UP_HOYER);
  return status;
}

static void add_epoch(bvl_net_objective *self)
{
  self->epoch.loss += self->sums.loss;
  self->epoch.hits += self->sums.hits;
  self->epoch.weight += self->sums.weight;
}

bvl_status bvl_net_objective_eval(void *context, const double *theta, int64_t batch, double *value,
                                  double *grad, int *wants)
{
  bvl_net_objective *self = context;
  bvl_sparsity *s = self->sparsity;
  bvl_status status = BVL_OK;
  double riders[BVL_PASS_RIDERS] = {0.0};
  const double n_batches = batch < 0 ? 1.0 : (double)self->objective.n_batches;
  const double share = n_batches / (double)self->rows->n;
  bvl_wants_to_flags(wanted(self), riders + UP_FLAGS);
  bvl_sparsity_forward(s, theta, self->share);
  riders[UP_PENALTY] = bvl_sparsity_penalty(s, theta, self->share);
  BVL_TRY(gather(self, N_UP, riders));
  measure(self, riders);
  BVL_TRY(pass_rows(self, batch, riders));
  BVL_TRY(scatter(self));
  for (int64_t k = 0; k < s->count; k++) self->grad_share[k] *= share;
  self->penalty = riders[UP_PENALTY];
  if (self->hoyer != NULL) {
    self->penalty += s->options.hoyer_lambda * bvl_hoyer_value(self->hoyer);
    bvl_hoyer_gradient(self->hoyer, self->params, s->options.hoyer_lambda, s->begin, s->count,
                       self->grad_share);
  }
  bvl_sparsity_pull_back(s, theta, self->params + s->begin, self->grad_share, grad);
  BVL_TRY(sum_up(self->net->grid, &self->sums, &self->penalty));
  add_epoch(self);
  *value = share * self->sums.loss + self->penalty;
  *wants = bvl_wants_from_flags(riders + UP_FLAGS);
cleanup:
  return status;
}

bvl_status bvl_net_objective_expand(bvl_net_objective *self, const double *theta)
{
  double none[1] = {0.0};
  bvl_sparsity_forward(self->sparsity, theta, self->share);
  return gather(self, 0, none);
}

bvl_status bvl_net_objective_try(bvl_net_objective *self, bvl_net_rows *rows, bvl_pass_sums *sums)
{
  bvl_status status = BVL_OK;
  double none = 0.0;
  *sums = (bvl_pass_sums){0};
  bvl_pass_load(self->pass, self->params);
  BVL_TRY(bvl_pass_run(self->pass, rows, 0, rows->X->rows.n_local, 0, NULL, sums, NULL, NULL, 0));
  BVL_TRY(sum_up(self->net->grid, sums, &none));
cleanup:
  return status;
}
