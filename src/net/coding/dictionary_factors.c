/* SPDX-License-Identifier: BSD-3-Clause */
/* Samples go through in blocks that stay in the cache: codes from factors, residual, its products
 * with the dictionary and the codes, and back to the factors. */
#include "net/coding/dictionary_factors.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "net/coding/code_lasso.h"
#include "solver/solver.h"
#include "surrogate/maps.h"

enum { BLOCK = 256, VALUE = 0, FLAGS, N_RIDERS = FLAGS + 3 };

/* ---- the dictionary's share ------------------------------------------------------------------
 */

static int is_sparse(const bvl_dictionary_factors *self)
{
  return self->dictionary->options.lambda_dictionary > 0.0;
}

/* By what an atom is divided. */
static double divisor(const bvl_dictionary_factors *self, double norm)
{
  return is_sparse(self) ? fmax(norm, 1.0) : fmax(norm, 1e-300);
}

/* a <- phi(theta), atoms <- N(a). */
static void form_atoms(bvl_dictionary_factors *self, const double *theta)
{
  const bvl_dictionary *d = self->dictionary;
  const int64_t p = d->p, K = d->options.atoms;
  if (is_sparse(self))
    self->map.type->forward_run(&self->map.shape, p * K, theta, self->a);
  else
    memcpy(self->a, theta, (size_t)(p * K) * sizeof *self->a);
  for (int64_t k = 0; k < K; k++) {
    const double by = divisor(self, cblas_dnrm2((int)p, self->a + k * p, 1));
    for (int64_t j = 0; j < p; j++) self->atoms[k * p + j] = self->a[k * p + j] / by;
  }
}

/* grad_theta from the gradient in the atoms (overwritten) and the factors' penalty, which it
 * returns. */
static double pull_back_atoms(bvl_dictionary_factors *self, const double *theta, double *g,
                              double *grad)
{
  const bvl_dictionary *d = self->dictionary;
  const int64_t p = d->p, K = d->options.atoms;
  const double lambda = d->options.lambda_dictionary;
  for (int64_t k = 0; k < K; k++) {
    double *gk = g + k * p;
    const double norm = cblas_dnrm2((int)p, self->a + k * p, 1), by = divisor(self, norm);
    if (norm < by) continue; /* inside the ball */
    cblas_daxpy((int)p, -cblas_ddot((int)p, gk, 1, self->atoms + k * p, 1), self->atoms + k * p, 1,
                gk, 1);
    for (int64_t j = 0; j < p; j++) gk[j] /= by;
  }
  if (!is_sparse(self)) {
    memcpy(grad, g, (size_t)(p * K) * sizeof *grad);
    return 0.0;
  }
  self->map.type->pull_back_run(&self->map.shape, p * K, theta, g, grad);
  return self->map.type->penalty_run(&self->map.shape, lambda, p * K, theta, grad);
}

/* ---- the codes' share ------------------------------------------------------------------------
 */

/* Samples begin .. begin + m - 1: adds to the sum of their terms and to the gradient in the atoms;
 * writes that in their factors. */
static double pass_block(bvl_dictionary_factors *self, const double *theta, int64_t begin,
                         int64_t m, double share, double *grad)
{
  const bvl_dictionary *d = self->dictionary;
  const int k = (int)d->options.atoms, p = (int)d->p;
  const int64_t n = d->options.atoms * m, at = self->n_dictionary + 2 * d->options.atoms * begin;
  double *codes = self->codes, *residual = self->residual;
  self->map.type->forward_run(&self->map.shape, n, theta + at, codes);
  cblas_dscal((int)n, self->stretch, codes, 1);
  memcpy(residual, d->X + begin * d->p, (size_t)(d->p * m) * sizeof *residual);
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, p, (int)m, k, 1.0, self->atoms, p, codes,
              k, -1.0, residual, p);
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, p, k, (int)m, share, residual, p, codes, k,
              1.0, self->packed + N_RIDERS, p);
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, k, (int)m, p, share * self->stretch,
              self->atoms, p, residual, p, 0.0, self->pulled, k);
  self->map.type->pull_back_run(&self->map.shape, n, theta + at, self->pulled, grad + at);
  return 0.5 * share * cblas_ddot(p * (int)m, residual, 1, residual, 1) +
         self->map.type->penalty_run(&self->map.shape, share * d->options.lambda * self->stretch, n,
                                     theta + at, grad + at);
}

bvl_status bvl_dictionary_factors_eval(void *context, const double *theta, int64_t batch,
                                       double *value, double *grad, int *wants)
{
  bvl_dictionary_factors *self = context;
  const bvl_dictionary *d = self->dictionary;
  bvl_status status = BVL_OK;
  const int64_t n_pack = d->p * d->options.atoms + N_RIDERS;
  const int64_t end = batch < 0 ? d->n_local : self->slice_begin[batch + 1];
  const double share = (batch < 0 ? 1.0 : (double)self->objective.n_batches) / (double)d->n;
  double penalty = 0.0;
  memset(self->packed, 0, (size_t)n_pack * sizeof *self->packed);
  memset(grad, 0, (size_t)self->objective.space.n_local * sizeof *grad);
  form_atoms(self, theta);
  for (int64_t i = batch < 0 ? 0 : self->slice_begin[batch]; i < end; i += BLOCK)
    self->packed[VALUE] += pass_block(self, theta, i, bvl_lesser(BLOCK, end - i), share, grad);
  if (d->comm->rank == 0 && is_sparse(self))
    self->packed[VALUE] += self->map.type->penalty_run(
        &self->map.shape, d->options.lambda_dictionary, d->p * d->options.atoms, theta, NULL);
  bvl_wants_to_flags(bvl_dictionary_wants(d, self->limits), self->packed + FLAGS);
  BVL_TRY(bvl_sum(d->comm, self->packed, n_pack));
  penalty = pull_back_atoms(self, theta, self->packed + N_RIDERS, grad);
  (void)penalty; /* rank 0's came with the sum, the same for all */
  *value = self->packed[VALUE];
  *wants = bvl_wants_from_flags(self->packed + FLAGS);
cleanup:
  return status;
}

/* ---- life cycle ------------------------------------------------------------------------------
 */

static bvl_status allocate(bvl_dictionary_factors *self)
{
  bvl_status status = BVL_OK;
  const int64_t p = self->dictionary->p, K = self->dictionary->options.atoms;
  BVL_TRY(BVL_ALLOC(&self->theta, self->objective.space.n_local));
  BVL_TRY(BVL_ALLOC(&self->a, p * K));
  BVL_TRY(BVL_ALLOC(&self->atoms, p * K));
  BVL_TRY(BVL_ALLOC(&self->packed, p * K + N_RIDERS));
  BVL_TRY(BVL_ALLOC(&self->codes, K * BLOCK));
  BVL_TRY(BVL_ALLOC(&self->residual, p * BLOCK));
  BVL_TRY(BVL_ALLOC(&self->pulled, K * BLOCK));
cleanup:
  return status;
}

/* Two factors of b; of magnitude `floor` along `way` where b is 0, which absorbs. */
static void split(double b, double floor, double way, double *theta)
{
  const double size = sqrt(fmax(fabs(b), floor));
  theta[0] = size;
  theta[1] = copysign(size, b != 0.0 ? b : way);
}

static void start(bvl_dictionary_factors *self)
{
  const bvl_dictionary *d = self->dictionary;
  const int64_t K = d->options.atoms, n = d->p * K;
  for (int64_t e = 0; e < n && !is_sparse(self); e++) self->theta[e] = d->D[e];
  for (int64_t e = 0; e < n && is_sparse(self); e++) split(d->D[e], 1e-4, 1.0, self->theta + 2 * e);
  for (int64_t i = 0; i < d->n_local; i++) {
    const double *c = d->C + i * K, *r = d->R + i * K;
    double most = 1e-8;
    for (int64_t k = 0; k < K; k++) most = fmax(most, fabs(r[k]));
    for (int64_t k = 0; k < K; k++)
      split(c[k] / self->stretch, 0.01 * most / self->stretch, r[k],
            self->theta + self->n_dictionary + 2 * (i * K + k));
  }
}

bvl_status bvl_dictionary_factors_create(bvl_dictionary *dictionary,
                                         const bvl_dictionary_limits *limits, int64_t n_batches,
                                         const int64_t *slice_begin, int adaptive,
                                         bvl_dictionary_factors **out)
{
  bvl_status status = BVL_OK;
  bvl_dictionary_factors *self = NULL;
  const int64_t K = dictionary->options.atoms;
  *out = NULL;
  status = BVL_ALLOC(&self, 1);
  if (status == BVL_OK) {
    self->dictionary = dictionary;
    self->limits = limits;
    self->map = bvl_surrogate_of(&bvl_surrogate_product, (bvl_surrogate_shape){.depth = 2.0});
    self->slice_begin = slice_begin;
    self->stretch = adaptive ? 1.0 : (double)dictionary->n;
    self->n_dictionary = (is_sparse(self) ? 2 : 1) * dictionary->p * K;
    const int64_t n = self->n_dictionary + 2 * K * dictionary->n_local;
    self->objective = (bvl_objective){
        .space = {.comm = dictionary->comm,
                  .n_local = n,
                  .own_begin = dictionary->comm->rank == 0 ? 0 : self->n_dictionary,
                  .own_end = n},
        .n_batches = n_batches,
        .context = self,
        .eval = bvl_dictionary_factors_eval};
    status = allocate(self);
  }
  BVL_TRY(bvl_agree(dictionary->comm, status));
  bvl_dictionary_code(dictionary, 0);
  start(self);
  *out = self;
  self = NULL;
cleanup:
  bvl_dictionary_factors_destroy(&self);
  return status;
}

void bvl_dictionary_factors_destroy(bvl_dictionary_factors **handle)
{
  bvl_dictionary_factors *self = *handle;
  *handle = NULL;
  if (self == NULL) return;
  free(self->theta);
  free(self->a);
  free(self->atoms);
  free(self->packed);
  free(self->codes);
  free(self->residual);
  free(self->pulled);
  free(self);
}

/* ---- a run -----------------------------------------------------------------------------------
 */

/* The dictionary is rank 0's: the factors went the same way everywhere, to the last bit or not. */
static bvl_status take_out(bvl_dictionary_factors *self)
{
  bvl_dictionary *d = self->dictionary;
  const int64_t K = d->options.atoms;
  form_atoms(self, self->theta);
  memcpy(d->D, self->atoms, (size_t)(d->p * K) * sizeof *d->D);
  self->map.type->forward_run(&self->map.shape, K * d->n_local, self->theta + self->n_dictionary,
                              d->C);
  for (int64_t e = 0; e < K * d->n_local; e++) d->C[e] *= self->stretch;
  return bvl_bcast(d->comm, 0, d->D, d->p * K);
}

bvl_status bvl_dictionary_factors_run(bvl_dictionary_factors *self,
                                      const bvl_optim_options *options, int *converged, int *wants)
{
  const int64_t until = options->method == BVL_OPTIM_LBFGS ? self->limits->max_iter
                                                           : options->epochs;
  bvl_dictionary *d = self->dictionary;
  bvl_optim *optim = NULL;
  bvl_optim_outcome outcome = {.stop = BVL_STOP_MAX_ITER};
  bvl_status status = BVL_OK;
  *converged = *wants = 0;
  BVL_TRY(bvl_optim_create(&self->objective, options, &optim));
  for (int64_t at = 1; at <= until; at++) {
    BVL_TRY(bvl_optim_run(optim, (double)at, self->theta, &outcome));
    BVL_TRY(bvl_agree(d->comm, bvl_dictionary_note(d, outcome.value, NAN)));
    *wants = outcome.wants;
    if (outcome.stop != BVL_STOP_MAX_ITER) break;
  }
  if (*wants & BVL_WANT_STOP) BVL_TRY(bvl_fail(BVL_ERR_INTERRUPTED, "asked to stop"));
  if (outcome.stop == BVL_STOP_DIVERGED)
    BVL_TRY(bvl_fail(BVL_ERR_USAGE, "the objective is no number after %g epochs: a smaller --lr",
                     outcome.epochs));
  *converged = outcome.stop == BVL_STOP_CONVERGED || options->method != BVL_OPTIM_LBFGS;
  if (outcome.stop == BVL_STOP_WANTED) *converged = 0;
  BVL_TRY(take_out(self));
cleanup:
  bvl_optim_destroy(&optim);
  return status;
}
