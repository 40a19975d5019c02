/* SPDX-License-Identifier: BSD-3-Clause */
/* Alternation: exact codes of every sample, their moments summed over the ranks, passes over the
 * atoms, which all ranks make alike. What decides to go on comes out of the sum. */
#include "net/coding/dictionary.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/rng.h"
#include "net/coding/code_lasso.h"
#include "solver/solver.h"

/* What rides behind the moments. */
enum { VALUE, NONZEROS, FAILED, FLAGS, N_RIDERS = FLAGS + 3 };
/* Passes over the atoms a round at most, and the move below which they stand still: a pass costs
 * K^2 p, nothing beside the codes. */
enum { MOST_PASSES = 20 };
#define STILL 1e-6
/* How far codes may still move, against lambda, while the dictionary does: they are descended, so
 * no round raises the objective. Image patches, 30 rounds: a third less time than at 1e-5, the
 * objective 2e-5 higher. */
#define CODE_TOL 1e-3

/* ---- life cycle ------------------------------------------------------------------------------
 */

static bvl_status allocate(bvl_dictionary *self)
{
  bvl_status status = BVL_OK;
  const int64_t K = self->options.atoms, p = self->p, n = self->n_local;
  int fits = 0;
  BVL_TRY(bvl_to_int(K, &fits));
  BVL_TRY(bvl_to_int(p, &fits));
  BVL_TRY(bvl_to_int(n, &fits));
  BVL_TRY(BVL_ALLOC(&self->D, p * K));
  BVL_TRY(BVL_ALLOC(&self->C, K * n));
  BVL_TRY(BVL_ALLOC(&self->G, K * K));
  BVL_TRY(BVL_ALLOC(&self->R, K * n));
  BVL_TRY(BVL_ALLOC(&self->square, n));
  BVL_TRY(BVL_ALLOC(&self->moments, K * K + p * K + N_RIDERS));
  BVL_TRY(BVL_ALLOC(&self->scratch, bvl_greater(bvl_code_lasso_scratch(K), p)));
  BVL_TRY(BVL_ALLOC(&self->order, self->n));
cleanup:
  return status;
}

/* Sample order[first + k] becomes atom[k], k < count, where this rank has it; zeros elsewhere. */
static void lay_samples(const bvl_dictionary *self, int64_t first, int64_t count, double *samples)
{
  const int64_t p = self->p;
  memset(samples, 0, (size_t)(p * count) * sizeof *samples);
  for (int64_t i = 0; i < self->n_local; i++)
    for (int64_t k = 0; k < count; k++)
      if (self->order[(first + k) % self->n] == self->row[i])
        memcpy(samples + k * p, self->X + i * p, (size_t)p * sizeof *samples);
}

/* Norm 1; normal numbers in the place of a sample that is zero, or of one that was taken before. */
static void make_atom(const bvl_dictionary *self, int64_t number, double *d)
{
  const int64_t p = self->p;
  double norm = number < self->n ? cblas_dnrm2((int)p, d, 1) : 0.0;
  for (int64_t j = 0; j < p && !(norm > 0.0); j++)
    d[j] = bvl_rng_normal(self->options.seed, BVL_STREAM_INIT, (uint64_t)number, (uint64_t)j);
  norm = cblas_dnrm2((int)p, d, 1);
  for (int64_t j = 0; j < p; j++) d[j] /= norm;
}

/* samples (p x count) <- the next in order, as atoms. Collective. */
static bvl_status draw_atoms(bvl_dictionary *self, int64_t count, double *samples)
{
  bvl_status status = BVL_OK;
  lay_samples(self, self->n_taken, count, samples);
  BVL_TRY(bvl_sum(self->comm, samples, self->p * count));
  for (int64_t k = 0; k < count; k++) make_atom(self, self->n_taken + k, samples + k * self->p);
  self->n_taken += count;
cleanup:
  return status;
}

bvl_status bvl_dictionary_create(const bvl_comm *comm, const bvl_dictionary_options *options,
                                 int64_t n, int64_t p, int64_t n_local, const double *X,
                                 const int64_t *row, bvl_dictionary **out)
{
  bvl_status status = BVL_OK;
  bvl_dictionary *self = NULL;
  *out = NULL;
  status = BVL_ALLOC(&self, 1);
  if (status == BVL_OK) {
    *self = (bvl_dictionary){.comm = comm, .options = *options, .n = n, .p = p};
    self->n_local = n_local;
    self->X = X;
    self->row = row;
    self->kkt = self->residual = NAN;
    self->start_s = bvl_now_s();
    status = allocate(self);
  }
  BVL_TRY(bvl_agree(comm, status));
  for (int64_t i = 0; i < n_local; i++)
    self->square[i] = cblas_ddot((int)p, X + i * p, 1, X + i * p, 1);
  bvl_rng_permutation(options->seed, BVL_STREAM_INIT, 0, n, self->order);
  BVL_TRY(draw_atoms(self, options->atoms, self->D));
  *out = self;
  self = NULL;
cleanup:
  bvl_dictionary_destroy(&self);
  return status;
}

void bvl_dictionary_destroy(bvl_dictionary **handle)
{
  bvl_dictionary *self = *handle;
  *handle = NULL;
  if (self == NULL) return;
  free(self->D);
  free(self->C);
  free(self->G);
  free(self->R);
  free(self->square);
  free(self->moments);
  free(self->scratch);
  free(self->order);
  free(self->history);
  free(self);
}

/* ---- codes -----------------------------------------------------------------------------------
 */

void bvl_dictionary_code(bvl_dictionary *self, int exact)
{
  const int64_t K = self->options.atoms, n = self->n_local;
  const int k = (int)K, p = (int)self->p;
  const double lambda = self->options.lambda;
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, k, k, p, 1.0, self->D, p, self->D, p, 0.0,
              self->G, k);
  if (n > 0)
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, k, (int)n, p, 1.0, self->D, p, self->X, p,
                0.0, self->R, k);
  for (int64_t i = 0; i < n; i++)
    bvl_code_lasso(K, self->G, lambda, (exact ? 1e-8 : CODE_TOL) * lambda, self->C + i * K,
                   self->R + i * K, exact ? self->scratch : NULL);
}

/* 1/2 ||x - Dc||^2 + lambda |c|_1 of sample i: ||x||^2/2 - c'(q + r)/2 with q = r + Gc; and what is
 * not 0. */
static double value_of(const bvl_dictionary *self, int64_t i, double *nonzeros)
{
  const int64_t K = self->options.atoms;
  const double *c = self->C + i * K, *r = self->R + i * K;
  double value = 0.5 * self->square[i];
  for (int64_t j = 0; j < K; j++) {
    if (c[j] == 0.0) continue;
    const double q = r[j] + cblas_ddot((int)K, self->G + j * K, 1, c, 1);
    value += self->options.lambda * fabs(c[j]) - 0.5 * c[j] * (q + r[j]);
    *nonzeros += 1.0;
  }
  return value;
}

/* ---- rounds ----------------------------------------------------------------------------------
 */

int bvl_dictionary_wants(const bvl_dictionary *self, const bvl_dictionary_limits *limits)
{
  const bvl_monitor *monitor = limits->monitor;
  int wants = monitor != NULL && monitor->poll != NULL ? monitor->poll(monitor->context) : 0;
  if (self->comm->rank == 0 && !isinf(limits->deadline_s) && bvl_now_s() > limits->deadline_s)
    wants |= BVL_WANT_TIME_UP;
  return wants;
}

bvl_status bvl_dictionary_note(bvl_dictionary *self, double objective, double nonzeros)
{
  const int64_t k = self->n_history;
  bvl_status status = BVL_GROW(&self->history, &self->history_capacity, k + 1);
  if (status != BVL_OK) return status;
  self->history[k] = (bvl_dictionary_point){objective, nonzeros, bvl_now_s() - self->start_s};
  self->n_history++;
  return BVL_OK;
}

static double norm1(int64_t n, const double *x)
{
  double sum = 0.0;
  for (int64_t k = 0; k < n; k++) sum += fabs(x[k]);
  return sum;
}

/* Moments and riders of the codes there are; rank 0 brings what all have. */
static bvl_status sum_moments(bvl_dictionary *self, int wants, int failed)
{
  const int64_t K = self->options.atoms, n = self->n_local;
  const int k = (int)K, p = (int)self->p;
  double *A = self->moments, *B = A + K * K, *riders = B + self->p * K;
  const double share = 1.0 / (double)self->n;
  memset(self->moments, 0, (size_t)(K * K + self->p * K + N_RIDERS) * sizeof *A);
  if (n > 0) {
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, k, k, (int)n, share, self->C, k, self->C,
                k, 0.0, A, k);
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, p, k, (int)n, share, self->X, p, self->C,
                k, 0.0, B, p);
  }
  for (int64_t i = 0; i < n; i++) riders[VALUE] += share * value_of(self, i, &riders[NONZEROS]);
  if (self->comm->rank == 0)
    riders[VALUE] += self->options.lambda_dictionary * norm1(self->p * K, self->D);
  riders[FAILED] = failed;
  bvl_wants_to_flags(wants, riders + FLAGS);
  return bvl_sum(self->comm, self->moments, K * K + self->p * K + N_RIDERS);
}

static void pass_atoms(bvl_dictionary *self)
{
  const int64_t K = self->options.atoms;
  for (int pass = 0; pass < MOST_PASSES; pass++)
    if (bvl_dictionary_pass(self->p, K, self->options.lambda_dictionary, self->moments,
                            self->moments + K * K, self->D, self->scratch) <= STILL)
      return; /* replicated, and leads to no collective */
}

/* Atoms that no code uses become samples: the codes, and with them the objective, stay. */
static bvl_status replace_unused(bvl_dictionary *self)
{
  const int64_t K = self->options.atoms, p = self->p;
  bvl_status status = BVL_OK;
  double *samples = NULL;
  int64_t count = 0;
  for (int64_t k = 0; k < K; k++) count += self->moments[k * K + k] == 0.0;
  if (count == 0 || self->options.lambda_dictionary > 0.0) return BVL_OK;
  if (self->n_taken + count > self->n) return BVL_OK; /* all were tried */
  BVL_TRY(bvl_agree(self->comm, BVL_ALLOC(&samples, p * count)));
  BVL_TRY(draw_atoms(self, count, samples));
  count = 0;
  for (int64_t k = 0; k < K; k++)
    if (self->moments[k * K + k] == 0.0)
      memcpy(self->D + k * p, samples + count++ * p, (size_t)p * sizeof *samples);
cleanup:
  free(samples);
  return status;
}

static void tell(const bvl_dictionary *self, const bvl_dictionary_limits *limits)
{
  const bvl_monitor *monitor = limits->monitor;
  const bvl_dictionary_point *last = self->history + self->n_history - 1;
  if (monitor == NULL || monitor->progress == NULL || self->comm->rank != 0) return;
  const bvl_progress progress = {.phase = "train",
                                 .k = self->n_history,
                                 .n_lambda = limits->max_iter,
                                 .lambda = self->options.lambda,
                                 .support = (int64_t)last->nonzeros,
                                 .gap = NAN,
                                 .elapsed_s = last->seconds,
                                 .loss = last->objective};
  monitor->progress(monitor->context, &progress);
}

bvl_status bvl_dictionary_alternate(bvl_dictionary *self, const bvl_dictionary_limits *limits,
                                    int *converged, int *wants)
{
  const double *riders = self->moments + self->options.atoms * (self->options.atoms + self->p);
  double before = self->n_history > 0 ? self->history[self->n_history - 1].objective : INFINITY;
  double next_save_s = limits->save != NULL ? bvl_now_s() + limits->save_every_s : INFINITY;
  bvl_status status = BVL_OK;
  *converged = *wants = 0;
  while (self->n_history < limits->max_iter) {
    bvl_dictionary_code(self, 0);
    const bvl_status room = BVL_GROW(&self->history, &self->history_capacity, self->n_history + 1);
    int want = bvl_dictionary_wants(self, limits);
    if (self->comm->rank == 0 && bvl_now_s() > next_save_s) want |= BVL_WANT_CHECKPOINT;
    BVL_TRY(sum_moments(self, want, room != BVL_OK));
    if (riders[FAILED] > 0.0) BVL_TRY(bvl_agree(self->comm, room));
    BVL_TRY(bvl_dictionary_note(self, riders[VALUE], riders[NONZEROS]));
    tell(self, limits);
    *wants = bvl_wants_from_flags(riders + FLAGS);
    if (*wants & BVL_WANT_TIME_UP) break;
    *converged = before - riders[VALUE] <= limits->tol * fabs(riders[VALUE]);
    if (*converged) break;
    before = riders[VALUE];
    BVL_TRY(replace_unused(self));
    pass_atoms(self);
    if ((*wants & (BVL_WANT_STOP | BVL_WANT_CHECKPOINT)) && limits->save != NULL) {
      BVL_TRY(limits->save(limits->context));
      next_save_s = bvl_now_s() + limits->save_every_s;
    }
    if (*wants & BVL_WANT_STOP) BVL_TRY(bvl_fail(BVL_ERR_INTERRUPTED, "asked to stop"));
  }
cleanup:
  return status;
}

/* ---- the end ---------------------------------------------------------------------------------
 */

/* The codes' stationarity from fresh residuals x - Dc, sample by sample. */
static double measure_codes(bvl_dictionary *self)
{
  const int64_t K = self->options.atoms, p = self->p;
  const int k = (int)K;
  double worst = 0.0, *residual = self->scratch;
  for (int64_t i = 0; i < self->n_local; i++) {
    memcpy(residual, self->X + i * p, (size_t)p * sizeof *residual);
    cblas_dgemv(CblasColMajor, CblasNoTrans, (int)p, k, -1.0, self->D, (int)p, self->C + i * K, 1,
                1.0, residual, 1);
    double *r = self->R + i * K;
    cblas_dgemv(CblasColMajor, CblasTrans, (int)p, k, 1.0, self->D, (int)p, residual, 1, 0.0, r, 1);
    worst = fmax(worst, bvl_code_violation(K, self->G, self->options.lambda, self->C + i * K, r));
  }
  return worst;
}

bvl_status bvl_dictionary_finish(bvl_dictionary *self)
{
  const int64_t K = self->options.atoms, p = self->p;
  const double *riders = self->moments + K * (K + p);
  double *copy = NULL;
  bvl_status status = BVL_OK;
  bvl_dictionary_code(self, 1);
  self->kkt = measure_codes(self);
  BVL_TRY(bvl_max(self->comm, &self->kkt, 1));
  BVL_TRY(sum_moments(self, 0, 0));
  status = bvl_dictionary_note(self, riders[VALUE], riders[NONZEROS]);
  if (status == BVL_OK) status = BVL_ALLOC(&copy, p * K);
  BVL_TRY(bvl_agree(self->comm, status));
  memcpy(copy, self->D, (size_t)(p * K) * sizeof *copy);
  self->residual = bvl_dictionary_pass(p, K, self->options.lambda_dictionary, self->moments,
                                       self->moments + K * K, copy, self->scratch);
cleanup:
  free(copy);
  return status;
}
