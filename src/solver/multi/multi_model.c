/* SPDX-License-Identifier: BSD-3-Clause */
/* Several responses from sufficient statistics; what both kinds of K predictors share. */
#include "solver/multi/multi_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "solver/multi/multi_state.h"

/* at lambda = 0 with more columns than rows Newton's matrices are singular to rounding, and steps
 * that move little may go on for ever: an honest "not solved" instead */
enum { MAX_STEPS = 200, MAX_STEPS_AT_ZERO = 10 };

/* lambda = 0 is solved as this part of lambda_max: far below what a certificate sees. */
static const double ZERO = 1e-11;

void bvl_multi_model_destroy(bvl_multi_model **model)
{
  bvl_multi_model *m = *model;
  *model = NULL;
  if (m == NULL) return;
  double *doubles[] = {m->null_b, m->r, m->eta, m->B, m->C, m->wide, m->target, m->ridge};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  bvl_multi_newton_free(&m->newton);
  free(m);
}

static bvl_status reserve(bvl_multi_model *m)
{
  bvl_status status = BVL_OK;
  BVL_TRY(BVL_GROW_ALL(&m->capacity, m->set->d * m->K, BVL_GROWN(&m->B), BVL_GROWN(&m->C),
                       BVL_GROWN(&m->wide)));
  BVL_TRY(BVL_GROW_ALL(&m->block_capacity, m->set->n_blocks, BVL_GROWN(&m->target),
                       BVL_GROWN(&m->ridge)));
cleanup:
  return status;
}

bvl_status bvl_multi_model_create(bvl_problem *problem, bvl_working_set *set, bvl_multi_model **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const int64_t n_eta = bvl_problem_n_split(problem) * problem->outputs;
  bvl_multi_model *m = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m, 1)));
  m->problem = problem;
  m->set = set;
  m->K = problem->outputs;
  m->n_free = set->d; /* a new set holds the free unknowns alone */
  m->generation = -1;
  BVL_TRY(bvl_agree(all, reserve(m)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m->eta, n_eta)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m->r, n_eta)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m->null_b, m->n_free * m->K)));
  /* measured from the null fit, C carries no mean of y, and loses no digits to it */
  BVL_TRY(bvl_multi_model_load(m, &problem->null_point));
  memcpy(m->null_b, m->B, (size_t)(m->n_free * m->K) * sizeof *m->null_b);
  bvl_multi_forward(m, m->B, m->eta);
  bvl_problem_residuals(problem, m->eta, m->r);
  *out = m;
  m = NULL;
cleanup:
  bvl_multi_model_destroy(&m);
  return status;
}

/* ---- between the set and the point ------------------------------------------------------------
 */

/* This rank's local column of unknown j, -1 when another grid column owns it. */
static int64_t local_column(const bvl_multi_model *m, int64_t j)
{
  const bvl_columns *columns = &m->problem->X->columns;
  const int64_t local = m->set->columns->position[j - m->problem->intercept] - columns->first;
  return local >= 0 && local < columns->p_local ? local : -1;
}

bvl_status bvl_multi_model_load(bvl_multi_model *m, const bvl_point *point)
{
  bvl_status status = BVL_OK;
  const int64_t shift = m->problem->intercept;
  const int64_t K = m->K;
  const int64_t d = m->set->d;
  BVL_TRY(bvl_agree(&m->problem->grid->all, reserve(m)));
  for (int64_t j = shift; j < d; j++) {
    const int64_t local = local_column(m, j);
    for (int64_t k = 0; k < K; k++) m->B[j * K + k] = local >= 0 ? point->beta[local * K + k] : 0;
  }
  if (shift) memcpy(m->B, point->intercepts, (size_t)K * sizeof *m->B);
  BVL_TRY(bvl_sum(&m->problem->grid->row, m->B + shift * K, (d - shift) * K));
  for (int64_t j = 0; j < d; j++) m->set->b[j] = bvl_block_norm(K, m->B + j * K);
cleanup:
  return status;
}

const double *bvl_multi_model_start(const bvl_multi_model *m)
{
  return m->B;
}

void bvl_multi_model_scatter(const bvl_multi_model *m, const double *answer, double *beta)
{
  for (int64_t j = m->problem->intercept; j < m->set->d; j++) {
    const int64_t local = local_column(m, j);
    for (int64_t k = 0; local >= 0 && k < m->K; k++)
      beta[local * m->K + k] = answer != NULL ? answer[j * m->K + k] : 0;
  }
}

/* eta (n_split x K) of b, whose unknown j has its k-th coefficient at b[j + k ld]. */
static void forward(const bvl_multi_model *m, int64_t n_vectors, const double *b, int64_t ld,
                    double *eta)
{
  const int64_t n = m->set->columns->n_split;
  const int64_t shift = m->problem->intercept;
  for (int64_t k = 0; k < n_vectors; k++)
    for (int64_t i = 0; i < n; i++) eta[i + k * n] = shift ? b[k * ld] : 0;
  bvl_active_forward_many(m->set->columns, n_vectors, b + shift, ld, eta, n);
}

static void transpose(int64_t d, int64_t K, const double *B, double *out)
{
  for (int64_t j = 0; j < d; j++)
    for (int64_t k = 0; k < K; k++) out[j + k * d] = B[j * K + k];
}

void bvl_multi_forward(bvl_multi_model *m, const double *B, double *eta)
{
  transpose(m->set->d, m->K, B, m->wide);
  forward(m, m->K, m->wide, m->set->d, eta);
}

bvl_status bvl_multi_model_eta(bvl_multi_model *m, int64_t batch, const double *answer, double *eta)
{
  bvl_status status = BVL_OK;
  const int64_t length = m->set->d * m->K;
  double *b = NULL;
  BVL_TRY(bvl_agree(&m->problem->grid->all, BVL_ALLOC(&b, length * batch)));
  for (int64_t q = 0; q < batch; q++)
    transpose(m->set->d, m->K, answer + q * (length + BVL_ANSWER_EXTRA), b + q * length);
  forward(m, m->K * batch, b, m->set->d, eta);
cleanup:
  free(b);
  return status;
}

void bvl_multi_correlate(bvl_multi_model *m, const double *R, double *out)
{
  const int64_t n = m->set->columns->n_split;
  const int64_t shift = m->problem->intercept;
  double *v = m->wide;
  for (int64_t k = 0; k < m->K; k++) {
    v[0] = 0;
    for (int64_t i = 0; shift && i < n; i++) v[0] += R[i + k * n];
    bvl_active_adjoint(m->set->columns, R + k * n, v + shift);
    for (int64_t j = 0; j < m->set->d; j++) out[j * m->K + k] = v[j];
  }
}

/* ---- the model on rank 0 ----------------------------------------------------------------------
 */

bvl_multi_quadratic bvl_multi_quadratic_at(bvl_multi_model *m, double lambda)
{
  const bvl_working_set *set = m->set;
  const bvl_penalty *pen = &m->problem->penalty;
  const double at = fmax(lambda, ZERO * m->problem->lambda_max);
  for (int64_t g = 0; g < set->n_blocks; g++) {
    const double lw = set->weight[g] > 0 ? at * set->weight[g] : 0;
    m->target[g] = lw > 0 ? bvl_penalty_threshold(pen, lw) : 0;
    m->ridge[g] = lw > 0 ? pen->type->bend(pen, lw, 1) : 0;
  }
  return (bvl_multi_quadratic){.d = set->d,
                               .K = m->K,
                               .n_free = m->n_free,
                               .G = set->G,
                               .ld = set->ld,
                               .C = m->C,
                               .n_blocks = set->n_blocks,
                               .begin = set->begin,
                               .target = m->target,
                               .ridge = m->ridge};
}

void bvl_multi_set_tau(bvl_multi_model *m, const bvl_multi_quadratic *q, const double *B)
{
  for (int64_t g = q->n_free; g < q->n_blocks; g++) {
    const int64_t begin = q->begin[g];
    const double norm = bvl_block_norm((q->begin[g + 1] - begin) * q->K, B + begin * q->K);
    m->newton.tau[g] = norm / q->target[g];
  }
}

/* C = [1 | columns]'R_null / n on rank 0, after the set changed. */
static bvl_status refresh_gradient(bvl_multi_model *m)
{
  const int64_t d = m->set->d;
  if (m->C_d == d && m->generation == m->set->generation) return BVL_OK;
  if (m->generation != m->set->generation) m->is_renumbered = 1;
  bvl_multi_correlate(m, m->r, m->C);
  bvl_status status = bvl_sum_to(&m->problem->grid->all, 0, m->C, d * m->K);
  for (int64_t e = 0; e < d * m->K; e++) m->C[e] /= (double)m->problem->n;
  m->C_d = d;
  m->generation = m->set->generation;
  return status;
}

/* Rank 0 alone. */
static bvl_status solve_responses(bvl_multi_model *m, int64_t batch, const double *lambdas,
                                  double tol, int64_t max_iter, const bvl_watch *watch,
                                  double *answer)
{
  bvl_status status = BVL_OK;
  const int64_t length = m->set->d * m->K;
  const double *before = m->B;
  for (int64_t q = 0; q < batch; q++, answer += length + BVL_ANSWER_EXTRA) {
    bvl_multi_outcome outcome;
    const double unit = lambdas[q] > 0 ? lambdas[q] : m->problem->lambda_max;
    const int64_t most = lambdas[q] > 0 ? MAX_STEPS : MAX_STEPS_AT_ZERO;
    bvl_multi_quadratic model = bvl_multi_quadratic_at(m, lambdas[q]);
    if (q == 0)
      BVL_TRY(m->is_renumbered ? bvl_multi_newton_open(&m->newton, &model)
                               : bvl_multi_newton_widen(&m->newton, &model));
    m->is_renumbered = 0;
    bvl_multi_set_tau(m, &model, before);
    BVL_TRY(bvl_multi_newton_solve(&m->newton, &model, tol * unit, max_iter > 0 ? max_iter : most,
                                   answer, &outcome));
    for (int64_t e = 0; e < m->n_free * m->K; e++) answer[e] += m->null_b[e];
    answer[length] = (double)outcome.steps;
    answer[length + 1] = bvl_answer_solved(outcome.solved, watch);
    before = answer;
  }
cleanup:
  return status;
}

bvl_status bvl_multi_model_solve(bvl_multi_model *m, int64_t batch, const double *lambdas,
                                 double tol, int64_t max_iter, const bvl_watch *watch,
                                 double *answer)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &m->problem->grid->all;
  BVL_TRY(bvl_agree(all, reserve(m)));
  BVL_TRY(bvl_working_set_gram(m->set));
  BVL_TRY(refresh_gradient(m));
  if (all->rank == 0) status = solve_responses(m, batch, lambdas, tol, max_iter, watch, answer);
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(bvl_bcast(all, 0, answer, batch * (m->set->d * m->K + BVL_ANSWER_EXTRA)));
cleanup:
  return status;
}
