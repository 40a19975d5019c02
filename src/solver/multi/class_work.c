/* SPDX-License-Identifier: BSD-3-Clause */
/* Orders travel as doubles: [order, size, values]. Row a of n has its K values together there and
 * in what comes back; the kernels want class after class, which `wide` is: class k's begin at
 * wide[k ld], the intercept's first, and wide + shift is indexed by the column. */
#include "solver/multi/class_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/phase.h"
#include "data/active_part.h"
#include "loss/multi.h"

enum { STOP, EVALUATE, LINEARISE, PRODUCT, HESSIAN };
enum { HEADER = 2 };

void bvl_class_work_free(bvl_class_work *w)
{
  double *doubles[] = {w->eta, w->mu,   w->u,      w->h,    w->message,
                       w->v,   w->wide, w->moment, w->gram, w->hessian};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  free(w->list);
  *w = (bvl_class_work){0};
}

bvl_status bvl_class_work_create(bvl_problem *problem, bvl_working_set *set, bvl_class_work *out)
{
  const int64_t n_eta = bvl_problem_n_split(problem) * problem->outputs;
  *out = (bvl_class_work){.problem = problem, .set = set, .K = problem->outputs, .generation = -1};
  bvl_status status = BVL_ALLOC(&out->eta, n_eta);
  if (status == BVL_OK) status = BVL_ALLOC(&out->mu, n_eta);
  if (status == BVL_OK) status = BVL_ALLOC(&out->u, n_eta);
  if (status == BVL_OK) status = BVL_ALLOC(&out->h, bvl_problem_n_split(problem));
  return bvl_agree(&problem->grid->all, status);
}

static bvl_status reserve(bvl_class_work *w)
{
  bvl_status status = BVL_OK;
  const int64_t d = w->set->d;
  int64_t moment_capacity = w->capacity[3];
  BVL_TRY(BVL_GROW(&w->message, &w->capacity[0], d * w->K + HEADER));
  BVL_TRY(BVL_GROW(&w->v, &w->capacity[1], (d + 1) * w->K + 1));
  BVL_TRY(BVL_GROW(&w->wide, &w->capacity[2], (d + 1) * w->K));
  BVL_TRY(BVL_GROW(&w->moment, &moment_capacity, d));
  BVL_TRY(BVL_GROW(&w->list, &w->capacity[3], d));
cleanup:
  return status;
}

static const double *weights(const bvl_class_work *w)
{
  return w->problem->w + w->problem->X->rows.split0;
}

/* Mean squares of the set's columns; of the ones 1, for the weights' mean is. */
static bvl_status find_moments(bvl_class_work *w)
{
  const int64_t shift = w->problem->intercept;
  const int64_t n_split = bvl_problem_n_split(w->problem);
  if (w->moment_d == w->set->d && w->generation == w->set->generation) return BVL_OK;
  const int64_t first = w->generation == w->set->generation ? bvl_greater(w->moment_d, shift)
                                                            : shift;
  if (shift) w->moment[0] = 1;
  for (int64_t j = first; j < w->set->d; j++) {
    double sum = 0;
    bvl_active_column(w->set->columns, j - shift, w->u);
    for (int64_t i = 0; i < n_split; i++) sum += weights(w)[i] * w->u[i] * w->u[i];
    w->moment[j] = sum / (double)w->problem->n;
  }
  w->moment_d = w->set->d;
  w->generation = w->set->generation;
  return bvl_sum(&w->problem->grid->all, w->moment + first, w->set->d - first);
}

bvl_status bvl_class_work_open(bvl_class_work *w)
{
  const bvl_status status = bvl_agree(&w->problem->grid->all, reserve(w));
  w->n_list = 0;
  return status != BVL_OK ? status : find_moments(w);
}

/* ---- what every rank does ------------------------------------------------------------------- */

/* Class k's coefficients or products, indexed by the column. */
static double *class_of(const bvl_class_work *w, int64_t k)
{
  return w->wide + k * (w->set->d + 1) + 1;
}

/* eta (n_split x K) <- [1 | columns] x for x (n x K) of the n columns in the list. */
static void forward(bvl_class_work *w, int64_t n, const int64_t *list, const double *x, double *eta)
{
  const int64_t n_split = bvl_problem_n_split(w->problem);
  for (int64_t a = 0; a < n; a++)
    for (int64_t k = 0; k < w->K; k++) class_of(w, k)[list[a]] = x[a * w->K + k];
  memset(eta, 0, (size_t)(n_split * w->K) * sizeof *eta);
  bvl_active_part_forward_many(w->set->columns, n, list, w->K, class_of(w, 0), w->set->d + 1, eta,
                               n_split);
}

/* w->v (n x K) <- this rank's part of [1 | columns]'R. */
static void correlate(bvl_class_work *w, int64_t n, const int64_t *list, const double *R)
{
  const int64_t n_split = bvl_problem_n_split(w->problem);
  bvl_active_part_adjoint_many(w->set->columns, n, list, w->K, R, n_split, class_of(w, 0),
                               w->set->d + 1);
  for (int64_t a = 0; a < n; a++)
    for (int64_t k = 0; k < w->K; k++) w->v[a * w->K + k] = class_of(w, k)[list[a]];
}

/* Rows of B that are not 0 go forward, all come back. The list of products is spoilt. */
static bvl_status evaluate(bvl_class_work *w)
{
  const int64_t K = w->K;
  const int64_t d = w->set->d;
  double *B = w->message + HEADER;
  int64_t n = 0;
  w->n_list = 0;
  for (int64_t j = 0; j < d; j++) {
    int is_zero = 1;
    for (int64_t k = 0; k < K; k++) is_zero &= B[j * K + k] == 0; /* a NaN is none */
    if (is_zero) continue;
    memmove(B + n * K, B + j * K, (size_t)K * sizeof *B);
    w->list[n++] = j - w->problem->intercept;
  }
  forward(w, n, w->list, B, w->eta);
  const double loss = bvl_problem_residuals(w->problem, w->eta, w->u);
  for (int64_t j = 0; j < d; j++) w->list[j] = j - w->problem->intercept;
  correlate(w, d, w->list, w->u);
  w->v[d * K] = loss;
  return bvl_sum_to(&w->problem->grid->all, 0, w->v, d * K + 1);
}

static bvl_status linearise(bvl_class_work *w, int64_t n)
{
  const int64_t n_split = bvl_problem_n_split(w->problem);
  w->n_list = n;
  for (int64_t a = 0; a < n; a++)
    w->list[a] = (int64_t)w->message[HEADER + a] - w->problem->intercept;
  bvl_multi_mean(w->problem->loss, n_split, w->K, w->eta, w->mu);
  for (int64_t k = 0; k < w->K; k++) {
    const double *mu = w->mu + k * n_split;
    w->v[k] = 0;
    for (int64_t i = 0; i < n_split; i++)
      if (weights(w)[i] > 0) w->v[k] += weights(w)[i] * mu[i] * (1 - mu[i]);
  }
  for (int64_t e = 0; e < n_split * w->K; e++) /* a row that does not count may hold anything */
    if (!(weights(w)[e % n_split] > 0)) w->mu[e] = 0;
  return bvl_sum_to(&w->problem->grid->all, 0, w->v, w->K);
}

/* u <- w (diag(mu) - mu mu') u, row by row. */
static void curve(bvl_class_work *w)
{
  const int64_t n = bvl_problem_n_split(w->problem);
  const double *weight = weights(w);
  memset(w->h, 0, (size_t)n * sizeof *w->h);
  for (int64_t k = 0; k < w->K; k++)
    for (int64_t i = 0; i < n; i++) w->h[i] += w->mu[i + k * n] * w->u[i + k * n];
  for (int64_t k = 0; k < w->K; k++)
    for (int64_t i = 0; i < n; i++)
      w->u[i + k * n] = weight[i] * w->mu[i + k * n] * (w->u[i + k * n] - w->h[i]);
}

static bvl_status product(bvl_class_work *w)
{
  forward(w, w->n_list, w->list, w->message + HEADER, w->u);
  curve(w);
  correlate(w, w->n_list, w->list, w->u);
  return bvl_sum_to(&w->problem->grid->all, 0, w->v, w->n_list * w->K);
}

/* The Gram for classes k and l <= k to its places in the Hessian's lower triangle. */
static void place_pair(bvl_class_work *w, int64_t k, int64_t l)
{
  const int64_t n = w->n_list;
  const int64_t side = n * w->K;
  const double scale = (k == l ? 1 : -1) / (double)w->problem->n;
  for (int64_t b = 0; b < n; b++)
    for (int64_t a = b; a < n; a++) {
      const double value = scale * w->gram[a + b * n];
      w->hessian[(a * w->K + k) + (b * w->K + l) * side] = value;
      w->hessian[(a * w->K + l) + (b * w->K + k) * side] = value;
    }
}

static bvl_status hessian(bvl_class_work *w)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &w->problem->grid->all;
  const int64_t n = w->n_list;
  const int64_t n_split = bvl_problem_n_split(w->problem);
  const int64_t side = n * w->K;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_GRAM);
  status = BVL_GROW(&w->gram, &w->gram_capacity, n * n);
  if (status == BVL_OK && all->rank == 0)
    status = BVL_GROW(&w->hessian, &w->hessian_capacity, side * side);
  BVL_TRY(bvl_agree(all, status));
  for (int64_t k = 0; k < w->K; k++)
    for (int64_t l = 0; l <= k; l++) {
      const double *mu = w->mu + k * n_split;
      const double *other = w->mu + l * n_split;
      for (int64_t i = 0; i < n_split; i++) /* of l < k the negative: a Gram's weights are not */
        w->h[i] = weights(w)[i] * mu[i] * (k == l ? 1 - mu[i] : other[i]);
      if (status == BVL_OK)
        status = bvl_active_part_gram(w->set->columns, w->h, n, n, w->list, w->gram);
      const bvl_status sent = bvl_sum_to(all, 0, w->gram, n * n);
      if (sent != BVL_OK) status = sent;
      if (all->rank == 0) place_pair(w, k, l);
    }
  status = bvl_agree(all, status);
cleanup:
  bvl_phase_leave(before);
  return status;
}

/* Broadcasts rank 0's order and does this rank's share of it. */
static bvl_status carry_out(bvl_class_work *w, int *order)
{
  const int64_t length = w->set->d * w->K + HEADER;
  bvl_status status = bvl_bcast(&w->problem->grid->all, 0, w->message, length);
  if (status != BVL_OK) return status;
  *order = (int)w->message[0];
  switch (*order) {
  case EVALUATE: return evaluate(w);
  case LINEARISE: return linearise(w, (int64_t)w->message[1]);
  case PRODUCT: return product(w);
  case HESSIAN: return hessian(w);
  default: return (bvl_status)(int)w->message[1];
  }
}

bvl_status bvl_class_work_serve(bvl_class_work *w)
{
  bvl_status status = BVL_OK;
  int order = EVALUATE;
  do /* rank 0 meets every failure but MPI's own too, and answers it with a stop */
    status = carry_out(w, &order);
  while (order != STOP && status != BVL_ERR_MPI);
  return status;
}

/* ---- rank 0 -----------------------------------------------------------------------------------
 */

static bvl_status send(bvl_class_work *w, int order, double size)
{
  w->message[0] = order;
  w->message[1] = size;
  return carry_out(w, &order);
}

bvl_status bvl_class_work_evaluate(bvl_class_work *w, const double *B, double *V, double *loss)
{
  const int64_t length = w->set->d * w->K;
  memcpy(w->message + HEADER, B, (size_t)length * sizeof *B);
  const bvl_status status = send(w, EVALUATE, 0);
  for (int64_t e = 0; e < length; e++) V[e] = w->v[e] / (double)w->problem->n;
  *loss = w->v[length] / (double)w->problem->n;
  return status;
}

bvl_status bvl_class_work_linearise(bvl_class_work *w, int64_t n, const int64_t *rows,
                                    double *spread)
{
  for (int64_t a = 0; a < n; a++) w->message[HEADER + a] = (double)rows[a];
  const bvl_status status = send(w, LINEARISE, (double)n);
  for (int64_t k = 0; k < w->K; k++) spread[k] = w->v[k] / (double)w->problem->n;
  return status;
}

bvl_status bvl_class_work_product(bvl_class_work *w, const double *x, double *out)
{
  const int64_t length = w->n_list * w->K;
  memcpy(w->message + HEADER, x, (size_t)length * sizeof *x);
  const bvl_status status = send(w, PRODUCT, 0);
  for (int64_t e = 0; e < length; e++) out[e] = w->v[e] / (double)w->problem->n;
  return status;
}

bvl_status bvl_class_work_hessian(bvl_class_work *w)
{
  return send(w, HESSIAN, 0);
}

bvl_status bvl_class_work_stop(bvl_class_work *w, bvl_status status)
{
  if (status == BVL_ERR_MPI) return status; /* nobody may be listening */
  const bvl_status sent = send(w, STOP, (double)status);
  return status != BVL_OK ? status : sent;
}
