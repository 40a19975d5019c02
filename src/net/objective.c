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
#include "base/clock.h"
#include "solver/solver.h"

/* What is summed over all ranks at the end of an evaluation. */
enum { SUM_LOSS, SUM_HITS, SUM_WEIGHT, SUM_PENALTY, SUM_FLAGS, N_SUMS = SUM_FLAGS + 3 };
_Static_assert((int)BVL_HOYER_RIDERS <= (int)BVL_PASS_RIDERS, "riders");

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

/* On one grid row a share is everything: it is not kept twice. */
static bvl_status allocate(bvl_net_objective *self)
{
  bvl_status status = BVL_OK;
  const bvl_grid *grid = self->net->grid;
  const bvl_sparsity *s = self->sparsity;
  const int64_t n = self->net->n_params;
  BVL_TRY(bvl_pass_create(self->net, 1, &self->pass));
  BVL_TRY(BVL_ALLOC(&self->params, n));
  BVL_TRY(BVL_ALLOC(&self->grad, n));
  BVL_TRY(BVL_ALLOC(&self->counts, grid->n_rows));
  if (grid->n_rows > 1) {
    BVL_TRY(BVL_ALLOC(&self->share, s->count));
    BVL_TRY(BVL_ALLOC(&self->grad_share, s->count));
  } else {
    self->share = self->params;
    self->grad_share = self->grad;
  }
  BVL_TRY(BVL_ALLOC(&self->piece_counts, grid->n_rows));
  if (grid->n_rows > 1 && self->net->real == &bvl_real_f32)
    BVL_TRY(BVL_ALLOC(&self->pieces, s->count * grid->n_rows));
  for (int i = 0; i < grid->n_rows; i++) {
    self->counts[i] = s->share_begin[i + 1] - s->share_begin[i];
    self->piece_counts[i] = s->count;
  }
  if (s->options.hoyer != BVL_HOYER_NONE)
    BVL_TRY(bvl_hoyer_create(self->net, s->options.hoyer, &self->hoyer));
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

/* The same on every rank: how a gradient travels depends on it. */
static bvl_status find_most_rows(bvl_net_objective *self)
{
  const bvl_rows *place = &self->rows->X->rows;
  for (int64_t b = 0; b < place->n_slices; b++)
    self->most_rows[0] = bvl_greater(self->most_rows[0],
                                     place->slice_begin[b + 1] - place->slice_begin[b]);
  self->most_rows[1] = place->n_local;
  return bvl_max_i64(&self->net->grid->all, self->most_rows, 2);
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
  BVL_TRY(find_most_rows(self));
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
  if (self->share != self->params) free(self->share);
  if (self->grad_share != self->grad) free(self->grad_share);
  free(self->params);
  free(self->grad);
  free(self->counts);
  free(self->pieces);
  free(self->piece_counts);
  free(self);
}

/* ---- shares ----------------------------------------------------------------------------------
 */

/* params <- the shares of the grid column. */
static bvl_status gather(bvl_net_objective *self, const double *share)
{
  const bvl_grid *grid = self->net->grid;
  if (grid->n_rows > 1) return bvl_gather_all(&grid->col, share, self->counts, self->params);
  if (share != self->params)
    memcpy(self->params, share, (size_t)self->sparsity->count * sizeof *share);
  return BVL_OK;
}

/* What products use <- the shares, in their precision; `*params` <- where all parameters stand in
 * double if Hoyer's sums want them. Where products are single and nobody else wants the other
 * shares' doubles, half the bytes travel: each rank rounds its own. */
static bvl_status load(bvl_net_objective *self, const double *share, const double **params)
{
  bvl_status status = BVL_OK;
  const bvl_net *net = self->net;
  const int alone = net->grid->n_rows == 1;
  *params = alone ? share : self->params;
  if (alone || self->hoyer != NULL || net->real != &bvl_real_f32) {
    if (!alone) BVL_TRY(gather(self, share));
    bvl_pass_load(self->pass, *params);
  } else {
    float *mine = self->pass->g; /* nothing is in it before the rows have passed */
    net->real->from_double(self->sparsity->count, share, mine);
    BVL_TRY(bvl_gather_all_f32(&net->grid->col, mine, self->counts, self->pass->w));
  }
cleanup:
  return status;
}

/* The sums over all ranks, and with them the ranks' parts of the penalty and what they want: the
 * same everywhere to the last bit, for optimizers branch on them. Pieces of a scattered sum are
 * not, they may be added up in different orders. */
static bvl_status sum_up(const bvl_grid *grid, bvl_pass_sums *sums, double *penalty, int *wants)
{
  double packed[N_SUMS] = {[SUM_PENALTY] = *penalty};
  if (grid->j == 0) {
    packed[SUM_LOSS] = sums->loss;
    packed[SUM_HITS] = sums->hits;
    packed[SUM_WEIGHT] = sums->weight;
  }
  bvl_wants_to_flags(*wants, packed + SUM_FLAGS);
  const bvl_status status = bvl_sum(&grid->all, packed, N_SUMS);
  *sums = (bvl_pass_sums){
      .loss = packed[SUM_LOSS], .hits = packed[SUM_HITS], .weight = packed[SUM_WEIGHT]};
  *penalty = packed[SUM_PENALTY];
  *wants = bvl_wants_from_flags(packed + SUM_FLAGS);
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
  const double now = bvl_now_s();
  if (now > control->deadline_s) wants |= BVL_WANT_TIME_UP;
  if (now > control->next_checkpoint_s) wants |= BVL_WANT_CHECKPOINT;
  return wants;
}

/* What a row's loss counts in the objective. */
static double weight_of_row(const bvl_net_objective *self, int64_t batch)
{
  const double n_batches = batch < 0 ? 1.0 : (double)self->objective.n_batches;
  return n_batches / (double)self->rows->n;
}

/* grad_share <- the sum, in double, of the shares of all ranks' single-precision gradients. */
static bvl_status sum_pieces(bvl_net_objective *self, double *grad_share)
{
  const bvl_grid *grid = self->net->grid;
  const int64_t n = self->sparsity->count;
  const bvl_status status = bvl_exchange_f32(&grid->col, self->pass->g, self->counts, self->pieces,
                                             self->piece_counts);
  for (int64_t k = 0; k < n; k++) grad_share[k] = self->pieces[k];
  for (int i = 1; i < grid->n_rows; i++)
    for (int64_t k = 0; k < n; k++) grad_share[k] += self->pieces[i * n + k];
  return status;
}

/* grad_share <- this rank's share of the loss's gradient, over the rows of all ranks. Rows that
 * pass at once leave a gradient in the products' precision: it travels as such. */
static bvl_status pass_rows(bvl_net_objective *self, int64_t batch, const double *params,
                            double *grad_share)
{
  bvl_status status = BVL_OK;
  const bvl_grid *grid = self->net->grid;
  const bvl_rows *place = &self->rows->X->rows;
  const int64_t row0 = batch < 0 ? 0 : place->slice_begin[batch];
  const int64_t row1 = batch < 0 ? place->n_local : place->slice_begin[batch + 1];
  const int64_t n_riders = self->hoyer != NULL ? BVL_HOYER_RIDERS : 0;
  double *grad = grid->n_rows > 1 ? self->grad : grad_share;
  double riders[BVL_HOYER_RIDERS] = {0.0};
  self->sums = (bvl_pass_sums){0};
  const int once = self->pieces != NULL && self->most_rows[batch < 0] <= BVL_PASS_ROWS;
  if (self->hoyer != NULL) bvl_hoyer_measure(self->hoyer, params, riders);
  if (once)
    BVL_TRY(bvl_pass_run_once(self->pass, self->rows, row0, row1, n_riders, riders, &self->sums,
                              weight_of_row(self, batch)));
  else
    BVL_TRY(bvl_pass_run(self->pass, self->rows, row0, row1, n_riders, riders, &self->sums,
                         weight_of_row(self, batch), grad, NULL, 0));
  if (self->hoyer != NULL) bvl_hoyer_settle(self->hoyer, riders);
  if (once)
    BVL_TRY(sum_pieces(self, grad_share));
  else if (grid->n_rows > 1)
    BVL_TRY(bvl_sum_scatter(&grid->col, grad, self->counts, grad_share));
cleanup:
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
  const double *share = s->plain ? theta : self->share, *params = NULL;
  double *grad_share = s->plain ? grad : self->grad_share;
  *wants = wanted(self);
  if (!s->plain) bvl_sparsity_forward(s, theta, self->share);
  self->penalty = bvl_sparsity_penalty(s, theta, share);
  BVL_TRY(load(self, share, &params));
  BVL_TRY(pass_rows(self, batch, params, grad_share));
  if (self->hoyer != NULL) {
    if (self->net->grid->all.rank == 0) /* the whole network's on every rank */
      self->penalty += s->options.hoyer_lambda * bvl_hoyer_value(self->hoyer);
    bvl_hoyer_gradient(self->hoyer, params, s->options.hoyer_lambda, s->begin, s->count,
                       grad_share);
  }
  bvl_sparsity_pull_back(s, theta, share, grad_share, grad);
  BVL_TRY(sum_up(self->net->grid, &self->sums, &self->penalty, wants));
  add_epoch(self);
  *value = weight_of_row(self, batch) * self->sums.loss + self->penalty;
cleanup:
  return status;
}

bvl_status bvl_net_objective_expand(bvl_net_objective *self, const double *theta)
{
  bvl_sparsity_forward(self->sparsity, theta, self->share);
  return gather(self, self->share);
}

bvl_status bvl_net_objective_try(bvl_net_objective *self, bvl_net_rows *rows, bvl_pass_sums *sums)
{
  bvl_status status = BVL_OK;
  double none = 0.0;
  int nothing = 0;
  *sums = (bvl_pass_sums){0};
  bvl_pass_load(self->pass, self->params);
  BVL_TRY(
      bvl_pass_run(self->pass, rows, 0, rows->X->rows.n_local, 0, NULL, sums, 1.0, NULL, NULL, 0));
  BVL_TRY(sum_up(self->net->grid, sums, &none, &nothing));
cleanup:
  return status;
}
