/* SPDX-License-Identifier: BSD-3-Clause */
/* The group engine along lambda: follows the working set, predicts, solves, answers. */
#include "solver/group_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "solver/group_lanes.h"

enum { MAX_STEPS = 60 };

int bvl_group_model_fits(const bvl_problem *problem)
{
  return problem->penalty.type->convex && problem->penalty.type->grouped &&
         problem->n <= BVL_GROUP_MAX_ROWS;
}

void bvl_group_model_destroy(bvl_group_model **model)
{
  bvl_group_model *m = *model;
  *model = NULL;
  if (m == NULL) return;
  double *doubles[] = {m->y, m->w, m->o, m->eta, m->r, m->h, m->B, m->tau, m->tau_in};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  free(m->slot);
  free(m->member);
  bvl_past_free(&m->past);
  bvl_group_newton_free(&m->newton);
  for (int q = 0; q < BVL_GROUP_BATCH; q++) bvl_anderson_free(&m->anderson[q]);
  bvl_group_set_destroy(&m->G);
  free(m);
}

static bvl_status allocate(bvl_group_model *m)
{
  bvl_status status = BVL_OK;
  double **vectors[] = {&m->y, &m->w, &m->o};
  double **blocks[] = {&m->eta, &m->r, &m->h};
  for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++)
    BVL_TRY(BVL_ALLOC(vectors[k], m->n));
  for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
    BVL_TRY(BVL_ALLOC(blocks[k], m->n * BVL_GROUP_BATCH));
  BVL_TRY(BVL_ALLOC(&m->B, m->n * m->n));
  if (bvl_group_is_root(m)) BVL_TRY(bvl_group_newton_open(&m->newton, m->n));
cleanup:
  return status;
}

bvl_status bvl_group_model_create(bvl_problem *problem, bvl_working_set *set, bvl_group_model **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const int64_t split0 = problem->X->rows.split0;
  bvl_group_model *m = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m, 1)));
  m->problem = problem;
  m->set = set;
  m->generation = set->generation;
  BVL_TRY(bvl_group_set_create(problem, set, &m->G));
  m->n = m->G->n;
  BVL_TRY(bvl_agree(all, allocate(m)));
  BVL_TRY(bvl_dealt_rows(m->G->dealt, problem->y + split0, m->y));
  BVL_TRY(bvl_dealt_rows(m->G->dealt, problem->w + split0, m->w));
  if (problem->offset != NULL) BVL_TRY(bvl_dealt_rows(m->G->dealt, problem->offset + split0, m->o));
  *out = m;
  m = NULL;
cleanup:
  bvl_group_model_destroy(&m);
  return status;
}

static bvl_status reserve(bvl_group_model *m, int64_t n_blocks)
{
  bvl_status status = BVL_OK;
  const int64_t capacity = bvl_greater(n_blocks, m->capacity + m->capacity / 2);
  int64_t room[3] = {m->capacity * BVL_GROUP_BATCH, m->capacity, m->capacity};
  BVL_TRY(BVL_GROW(&m->tau_in, &m->column_capacity, m->G->dealt->n_cols));
  if (n_blocks <= m->capacity) return BVL_OK;
  BVL_TRY(BVL_GROW(&m->tau, &room[0], capacity * BVL_GROUP_BATCH));
  BVL_TRY(BVL_GROW(&m->slot, &room[1], capacity));
  BVL_TRY(BVL_GROW(&m->member, &room[2], capacity));
  BVL_TRY(bvl_past_reserve(&m->past, m->n, capacity));
  m->capacity = capacity;
cleanup:
  return status;
}

/* Brings the dealt blocks in step with the set; after a renumbering everything
 * starts anew. */
static bvl_status follow_set(bvl_group_model *m)
{
  bvl_status status = BVL_OK;
  if (m->generation != m->set->generation) {
    m->generation = m->set->generation;
    m->n_known = 0;
    m->n_columns = 0;
    m->n_members = 0;
    m->has_factor = 0;
    memset(m->B, 0, (size_t)(m->n * m->n) * sizeof *m->B);
    bvl_group_set_clear(m->G);
    bvl_group_model_forget(m);
  }
  BVL_TRY(bvl_group_set_follow(m->G));
  BVL_TRY(bvl_agree(bvl_group_comm(m), reserve(m, m->G->n_blocks)));
  for (; m->n_known < m->G->n_blocks; m->n_known++) m->slot[m->n_known] = -1;
  for (; m->n_columns < m->G->dealt->n_cols; m->n_columns++) m->tau_in[m->n_columns] = 0;
cleanup:
  return status;
}

/* Solves the batch, then again where a group outside V turns out to violate. */
static bvl_status solve_batch(bvl_group_model *m, int64_t batch, bvl_group_lanes *at)
{
  bvl_status status = BVL_OK;
  int64_t n_new = 0;
  at->n = batch;
  for (int64_t q = 0; q < batch; q++) at->q[q] = q;
  BVL_TRY(bvl_group_admit(m, at, &n_new));
  do {
    BVL_TRY(bvl_group_solve_lanes(m, at));
    at->n = 0;
    for (int64_t q = 0; q < batch; q++)
      if (at->solved[q]) at->q[at->n++] = q;
    if (at->n > 0) BVL_TRY(bvl_group_admit(m, at, &n_new));
  } while (at->n > 0 && n_new > 0);
cleanup:
  return status;
}
void bvl_group_model_forget(bvl_group_model *m)
{
  m->past.count = 0;
  m->n_fresh = 0;
}

void bvl_group_model_keep(bvl_group_model *m, int64_t accepted)
{
  m->past.count -= m->n_fresh - bvl_lesser(accepted, m->n_fresh);
  m->n_fresh = 0;
}

/* The start when nothing is remembered: set->b, as solved at about lambda. */
static bvl_status start_from_b(bvl_group_model *m, int64_t q, double lambda)
{
  bvl_status status = BVL_OK;
  const bvl_working_set *set = m->set;
  double *tau = bvl_group_tau(m, q);
  double *eta = NULL;
  BVL_TRY(bvl_agree(bvl_group_comm(m), BVL_ALLOC(&eta, bvl_problem_n_split(m->problem))));
  bvl_working_set_eta(set, 1, set->b, set->d, eta);
  BVL_TRY(bvl_dealt_rows(m->G->dealt, eta, m->eta + q * m->n));
  for (int64_t g = 0; g < m->n_known; g++) {
    const double *b = set->b + set->begin[g];
    const double norm = bvl_block_norm(bvl_group_len(m->G, g), b);
    tau[g] = bvl_group_is_free(m->G, g) ? b[0] : norm / bvl_group_target(m->G, lambda, g);
  }
cleanup:
  free(eta);
  return status;
}

static bvl_status predict(bvl_group_model *m, int64_t batch, const double *lambdas)
{
  bvl_status status = BVL_OK;
  for (int64_t q = 0; q < batch; q++) {
    if (m->past.count > 0)
      bvl_past_predict(&m->past, lambdas[q], m->n_known, m->set->weight, m->eta + q * m->n,
                       bvl_group_tau(m, q));
    else
      BVL_TRY(start_from_b(m, q, lambdas[q]));
  }
cleanup:
  return status;
}

/* Of lane q, whose residuals stand at q. Replicated: every rank says the same. */
static int is_finite(const bvl_group_model *m, int64_t q)
{
  double sum = 0;
  for (int64_t i = 0; i < m->n; i++) sum += fabs(m->eta[i + q * m->n]) + fabs(m->r[i + q * m->n]);
  for (int64_t g = 0; g < m->n_known; g++) sum += fabs(bvl_group_tau(m, q)[g]);
  return isfinite(sum);
}

/* A lane that went astray answers with where the batch started: a NaN would tell the caller that
 * every column violates. */
static void replace_astray(const bvl_group_model *m, int64_t batch, double *answer)
{
  const int64_t d = m->set->d;
  for (int64_t q = 0; q < batch; q++) {
    double *b = answer + q * (d + BVL_ANSWER_EXTRA);
    if (is_finite(m, q)) continue;
    memset(b, 0, (size_t)d * sizeof *b);
    if (bvl_group_is_root(m)) memcpy(b, m->set->b, (size_t)d * sizeof *b);
  }
}

/* answers <- b_g = tau_g v_g, steps, solved; the same on every rank. */
static bvl_status write_answers(bvl_group_model *m, int64_t batch, bvl_group_lanes *at,
                                double *answer)
{
  const int64_t d = m->set->d;
  const int64_t stride = d + BVL_ANSWER_EXTRA;
  double norm[BVL_GROUP_BATCH];
  at->n = batch;
  for (int64_t q = 0; q < batch; q++) at->q[q] = q;
  memset(answer, 0, (size_t)(batch * stride) * sizeof *answer);
  bvl_group_residuals(m, at);
  for (int64_t g = 0; g < m->n_known; g++) {
    const int64_t len = bvl_group_len(m->G, g);
    if (!bvl_group_is_here(m->G, g) || !bvl_group_is_active(m, at, g)) continue;
    bvl_group_correlate(m->G, g, batch, at->lambda, m->r, at->v, norm);
    for (int64_t q = 0; q < batch; q++) {
      double *b = answer + q * stride + m->set->begin[g];
      const double tau = bvl_group_tau(m, q)[g];
      for (int64_t k = 0; k < len; k++)
        b[k] = bvl_group_is_free(m->G, g) ? tau : tau * at->v[k + q * len];
    }
  }
  replace_astray(m, batch, answer);
  for (int64_t q = 0; bvl_group_is_root(m) && q < batch; q++) {
    answer[q * stride + d] = (double)at->steps[q];
    answer[q * stride + d + 1] = at->solved[q];
  }
  return bvl_sum(bvl_group_comm(m), answer, batch * stride);
}

bvl_status bvl_group_model_solve(bvl_group_model *m, int64_t batch, const double *lambdas,
                                 double tol, int64_t max_iter, double *answer)
{
  bvl_status status = BVL_OK;
  bvl_group_lanes at = {
      .lambda = lambdas, .tol = tol, .budget = max_iter > 0 ? max_iter : MAX_STEPS};
  BVL_TRY(follow_set(m));
  BVL_TRY(bvl_agree(bvl_group_comm(m), bvl_group_lanes_open(m, &at)));
  BVL_TRY(predict(m, batch, lambdas));
  BVL_TRY(solve_batch(m, batch, &at));
  BVL_TRY(write_answers(m, batch, &at, answer));
  /* also what missed the tolerance: the certificate decides what is kept */
  for (m->n_fresh = 0; m->n_fresh < batch; m->n_fresh++)
    bvl_past_add(&m->past, lambdas[m->n_fresh], m->eta + m->n_fresh * m->n, m->n_known,
                 bvl_group_tau(m, m->n_fresh));
cleanup:
  bvl_group_lanes_close(&at);
  return status;
}
