/* SPDX-License-Identifier: BSD-3-Clause */
/* Evaluates the surrogate of a penalised regression on a process grid.
 *
 *     beta = phi(factors);  eta = X~ beta over the slice's rows;  r = w (y - mu(eta));
 *     gradient in beta = -(share/n) X~'r, pulled back to the factors; in b0: -(share/n) sum r.
 *
 * Sums along the grid row: eta, with the factor penalty and the monitor's flags. Along the grid
 * column: X~'r over the columns in use, with the loss, sum r and the flags. A rank that fails
 * (no memory) says so in its next reduction, so that all leave together. */
#include "solver/surrogate/surrogate_objective.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* Scalars behind eta in the row's reduction, and behind X~'r in the column's. */
enum { ROW_PENALTY, ROW_FAILED, ROW_FLAGS, N_ROW = ROW_FLAGS + 3 };
enum { COL_LOSS, COL_RESIDUAL, COL_FAILED, COL_FLAGS, N_COL = COL_FLAGS + 3 };

/* --- life cycle --- */

static bvl_status build(bvl_surrogate_objective *self, bvl_problem *problem,
                        const bvl_surrogate *map)
{
  bvl_status status = BVL_OK;
  const bvl_grid *grid = problem->grid;
  const bvl_blocks *blocks = &problem->blocks;
  int64_t p_local = bvl_design_p_local(problem->X);
  self->problem = problem;
  self->map = *map;
  self->n_theta = bvl_surrogate_length(map, blocks) + (problem->intercept ? 1 : 0);
  int shares_b0 = problem->intercept && grid->j > 0;
  self->objective = (bvl_objective){.space = {.comm = &grid->all,
                                              .n_local = self->n_theta,
                                              .own_begin = shares_b0 ? 1 : 0,
                                              .own_end = grid->i == 0 ? self->n_theta : 0},
                                    .n_batches = problem->X->rows.n_slices,
                                    .context = self,
                                    .eval = bvl_surrogate_objective_eval};
  BVL_TRY(BVL_ALLOC(&self->cols, p_local));
  BVL_TRY(BVL_ALLOC(&self->beta, p_local));
  BVL_TRY(BVL_ALLOC(&self->grad_beta, p_local + N_COL));
  BVL_TRY(BVL_ALLOC(&self->eta, problem->X->rows.n_local + N_ROW));
  for (int64_t g = 0; g < blocks->n; g++)
    if (!isinf(blocks->weight[g]))
      for (int64_t c = blocks->begin[g]; c < blocks->begin[g + 1]; c++)
        self->cols[self->n_cols++] = c;
cleanup:
  return status;
}

bvl_status bvl_surrogate_objective_create(bvl_problem *problem, const bvl_surrogate *map,
                                          bvl_surrogate_objective **out)
{
  bvl_surrogate_objective *self = NULL;
  *out = NULL;
  bvl_status status = BVL_ALLOC(&self, 1);
  if (status == BVL_OK) status = build(self, problem, map);
  BVL_TRY(bvl_agree(&problem->grid->all, status));
  *out = self;
  self = NULL;
cleanup:
  bvl_surrogate_objective_destroy(&self);
  return status;
}

void bvl_surrogate_objective_destroy(bvl_surrogate_objective **self)
{
  if (*self == NULL) return;
  free((*self)->cols);
  free((*self)->beta);
  free((*self)->grad_beta);
  free((*self)->eta);
  free(*self);
  *self = NULL;
}

/* --- one evaluation --- */

/* bvl_residual_fn: the rows' residual, adding to the evaluation's sums. */
static void add_residual(void *context, int64_t row0, int64_t n, const double *eta, double *r)
{
  bvl_surrogate_objective *self = context;
  const bvl_problem *problem = self->problem;
  const double *offset = problem->offset;
  for (int64_t i = 0; i < n; i++) r[i] = eta[i] + (offset != NULL ? offset[row0 + i] : 0.0);
  self->loss += bvl_loss_eval(problem->loss, n, problem->y + row0, problem->w + row0, r, r, NULL);
  for (int64_t i = 0; i < n; i++) self->residual += r[i];
}

static void keep_failure(bvl_surrogate_objective *self, bvl_status status)
{
  if (self->failure == BVL_OK) self->failure = status;
}

/* The column list for products: NULL while it would save nothing. In a dense panel of a few rows a
 * column is less than a cache line: until few are left, all of them stream faster than a choice
 * (screened ones have coefficient 0, and their gradients are dropped by reduce_columns). */
static const int64_t *columns_in_use(const bvl_surrogate_objective *self)
{
  const bvl_design *X = self->problem->X;
  const int64_t few = X->format == BVL_DENSE ? X->columns.p_local / 4 : X->columns.p_local - 1;
  return self->n_cols <= few ? self->cols : NULL;
}

/* Pc = 1: forward, residual and adjoint in one pass over the rows. */
static void sweep_alone(bvl_surrogate_objective *self, double intercept, int64_t batch)
{
  int64_t first = batch < 0 ? 0 : batch;
  int64_t last = batch < 0 ? self->problem->X->rows.n_slices - 1 : batch;
  for (int64_t s = first; s <= last; s++)
    keep_failure(self,
                 bvl_design_slice_step(self->problem->X, s, self->n_cols, columns_in_use(self),
                                       self->beta, intercept, add_residual, self, self->grad_beta));
}

/* Pc > 1: the same with the row's reduction between forward and adjoint. `*penalty` and `flags`
 * ride in it; `*announced` is whether some rank of this grid row has failed. */
static bvl_status sweep_together(bvl_surrogate_objective *self, double intercept, int64_t batch,
                                 double *penalty, double *flags, double *announced)
{
  bvl_status status = BVL_OK;
  bvl_design *X = self->problem->X;
  int64_t p_local = X->columns.p_local;
  int64_t row0 = batch < 0 ? 0 : X->rows.slice_begin[batch];
  int64_t row1 = batch < 0 ? X->rows.n_local : X->rows.slice_begin[batch + 1];
  int64_t n = row1 - row0;
  double *eta = self->eta, *scalars = self->eta + n;
  memset(eta, 0, (size_t)n * sizeof *eta);
  keep_failure(self, bvl_design_forward_local(X, row0, row1, self->n_cols, columns_in_use(self), 1,
                                              self->beta, p_local, eta, n));
  scalars[ROW_PENALTY] = *penalty;
  scalars[ROW_FAILED] = self->failure != BVL_OK;
  memcpy(scalars + ROW_FLAGS, flags, 3 * sizeof *flags);
  BVL_TRY(bvl_sum(&self->problem->grid->row, eta, n + N_ROW));
  *penalty = scalars[ROW_PENALTY];
  *announced = scalars[ROW_FAILED];
  memcpy(flags, scalars + ROW_FLAGS, 3 * sizeof *flags);
  for (int64_t i = 0; i < n; i++) eta[i] += intercept;
  add_residual(self, row0, n, eta, eta);
  keep_failure(self, bvl_design_adjoint_local(X, row0, row1, self->n_cols, columns_in_use(self), 1,
                                              eta, n, self->grad_beta, p_local));
cleanup:
  return status;
}

/* Sums X~'r over the grid column with the scalars behind it: only the columns in use travel. */
static bvl_status reduce_columns(bvl_surrogate_objective *self, double *scalars)
{
  double *g = self->grad_beta;
  int64_t p_local = self->problem->X->columns.p_local, k = self->n_cols;
  for (int64_t q = 0; q < k; q++) g[q] = g[self->cols[q]];
  memcpy(g + k, scalars, N_COL * sizeof *scalars);
  bvl_status status = bvl_sum(&self->problem->grid->col, g, k + N_COL);
  memcpy(scalars, g + k, N_COL * sizeof *scalars);
  for (int64_t c = p_local - 1; c >= 0; c--) {
    int used = k > 0 && self->cols[k - 1] == c;
    g[c] = used ? g[--k] : 0.0;
  }
  return status;
}

bvl_status bvl_surrogate_objective_eval(void *context, const double *theta, int64_t batch,
                                        double *value, double *grad, int *wants)
{
  bvl_status status = BVL_OK;
  bvl_surrogate_objective *self = context;
  const bvl_problem *problem = self->problem;
  const bvl_blocks *blocks = &problem->blocks;
  int64_t first = problem->intercept ? 1 : 0;
  double intercept = problem->intercept ? theta[0] : 0.0;
  double flags[3] = {0.0, 0.0, 0.0}, announced = 0.0, scalars[N_COL];
  double share = (batch < 0 ? 1.0 : (double)self->objective.n_batches) / (double)problem->n;
  double penalty = 0.0;
  if (self->control != NULL) bvl_wants_to_flags(bvl_solve_wants(problem, self->control), flags);
  self->loss = self->residual = 0.0;
  memset(self->grad_beta, 0, (size_t)problem->X->columns.p_local * sizeof *self->grad_beta);
  bvl_surrogate_forward(&self->map, blocks, theta + first, self->beta);
  if (problem->grid->n_cols == 1) {
    sweep_alone(self, intercept, batch);
  } else {
    penalty = bvl_surrogate_penalty(&self->map, &problem->penalty, self->lambda, blocks,
                                    theta + first, NULL);
    BVL_TRY(sweep_together(self, intercept, batch, &penalty, flags, &announced));
  }
  scalars[COL_LOSS] = self->loss;
  scalars[COL_RESIDUAL] = self->residual;
  scalars[COL_FAILED] = problem->grid->n_cols == 1 ? self->failure != BVL_OK : announced;
  memcpy(scalars + COL_FLAGS, flags, sizeof flags);
  BVL_TRY(reduce_columns(self, scalars));
  if (scalars[COL_FAILED] > 0.0) BVL_TRY(bvl_agree(&problem->grid->all, self->failure));
  for (int64_t c = 0; c < problem->X->columns.p_local; c++) self->grad_beta[c] *= -share;
  bvl_surrogate_pull_back(&self->map, blocks, theta + first, self->grad_beta, grad + first);
  double local = bvl_surrogate_penalty(&self->map, &problem->penalty, self->lambda, blocks,
                                       theta + first, grad + first);
  if (first == 1) grad[0] = -share * scalars[COL_RESIDUAL];
  *value = share * scalars[COL_LOSS] + (problem->grid->n_cols == 1 ? local : penalty);
  *wants = bvl_wants_from_flags(scalars + COL_FLAGS);
cleanup:
  return status;
}
