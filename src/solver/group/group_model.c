/* SPDX-License-Identifier: BSD-3-Clause */
/* The group engine along lambda: follows the working set, predicts, solves, answers. */
#include "solver/group/group_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "solver/group/group_lanes.h"

enum { MAX_STEPS = 60 };

int bvl_group_model_fits(const bvl_problem *problem)
{
  return problem->penalty.type->convex && problem->penalty.type->grouped;
}

int bvl_group_model_is_tall(int64_t n, int64_t p)
{
  return n > BVL_GROUP_MAX_ROWS || n > p;
}

void bvl_group_model_destroy(bvl_group_model **model)
{
  bvl_group_model *m = *model;
  *model = NULL;
  if (m == NULL) return;
  double *doubles[] = {m->z, m->h, m->offset, m->tau};
  m->space->destroy(m);
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  free(m->slot);
  free(m->member);
  bvl_past_free(&m->past);
  bvl_group_newton_free(&m->newton);
  for (int q = 0; q < BVL_GROUP_BATCH; q++) bvl_anderson_free(&m->anderson[q]);
  bvl_group_set_destroy(&m->G);
  free(m);
}

bvl_status bvl_group_model_create(bvl_problem *problem, bvl_working_set *set, bvl_group_model **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  bvl_group_model *m = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m, 1)));
  m->problem = problem;
  m->set = set;
  m->generation = set->generation;
  m->space = bvl_group_model_is_tall(problem->n, problem->X->columns.p) ? &bvl_group_gram
                                                                        : &bvl_group_rows;
  BVL_TRY(bvl_group_set_create(problem, set, &m->G));
  BVL_TRY(m->space->create(m));
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
  BVL_TRY(bvl_past_reserve(&m->past, m->n, n_blocks));
  if (n_blocks <= m->capacity) return BVL_OK;
  BVL_TRY(BVL_GROW(&m->tau, &room[0], capacity * BVL_GROUP_BATCH));
  BVL_TRY(BVL_GROW(&m->slot, &room[1], capacity));
  BVL_TRY(BVL_GROW(&m->member, &room[2], capacity));
  m->capacity = capacity;
cleanup:
  return status;
}

/* Brings what is known of blocks in step with the set; after a renumbering everything starts anew.
 */
static bvl_status follow_set(bvl_group_model *m)
{
  bvl_status status = BVL_OK;
  const int anew = m->generation != m->set->generation;
  m->generation = m->set->generation;
  if (anew) {
    m->n_known = 0;
    m->n_members = 0;
    m->has_factor = 0;
    bvl_group_model_forget(m);
  }
  BVL_TRY(m->space->follow(m, anew));
  BVL_TRY(bvl_agree(bvl_group_comm(m), reserve(m, m->set->n_blocks)));
  for (; m->n_known < m->set->n_blocks; m->n_known++) m->slot[m->n_known] = -1;
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
  const bvl_working_set *set = m->set;
  double *tau = bvl_group_tau(m, q);
  for (int64_t g = 0; g < m->n_known; g++) {
    const double *b = set->b + set->begin[g];
    const double norm = bvl_block_norm(bvl_group_len(m->G, g), b);
    tau[g] = bvl_group_is_free(m->G, g) ? b[0] : norm / bvl_group_target(m->G, lambda, g);
  }
  return m->space->start(m, q);
}

static bvl_status predict(bvl_group_model *m, int64_t batch, const double *lambdas)
{
  bvl_status status = BVL_OK;
  for (int64_t q = 0; q < batch; q++) {
    if (m->past.count > 0)
      bvl_past_predict(&m->past, lambdas[q], m->n, m->n_known, m->set->weight, m->z + q * m->n,
                       bvl_group_tau(m, q));
    else
      BVL_TRY(start_from_b(m, q, lambdas[q]));
  }
cleanup:
  return status;
}

/* A lane that went astray answers with where the batch started: a NaN would tell the caller that
 * every column violates. */
static void replace_astray(const bvl_group_model *m, int64_t batch, double *answer)
{
  const int64_t d = m->set->d;
  for (int64_t q = 0; q < batch; q++) {
    double *b = answer + q * (d + BVL_ANSWER_EXTRA);
    double sum = 0;
    for (int64_t k = 0; k < d; k++) sum += fabs(b[k]);
    if (!isfinite(sum)) memcpy(b, m->set->b, (size_t)d * sizeof *b);
  }
}

/* answers <- b_g = tau_g v_g, steps, solved; the same on every rank. */
static bvl_status write_answers(bvl_group_model *m, int64_t batch, bvl_group_lanes *at,
                                double *answer)
{
  bvl_status status = BVL_OK;
  const int64_t d = m->set->d;
  const int64_t stride = d + BVL_ANSWER_EXTRA;
  double norm[BVL_GROUP_BATCH];
  at->n = batch;
  for (int64_t q = 0; q < batch; q++) at->q[q] = q;
  memset(answer, 0, (size_t)(batch * stride) * sizeof *answer);
  BVL_TRY(m->space->prepare(m, at));
  for (int64_t g = 0; g < m->n_known; g++) {
    const int64_t len = bvl_group_len(m->G, g);
    if (!bvl_group_is_here(m->G, g) || !bvl_group_is_active(m, at, g)) continue;
    bvl_group_coefficients(m, at, g, at->v, norm);
    for (int64_t q = 0; q < batch; q++)
      for (int64_t k = 0; k < len; k++)
        answer[q * stride + m->set->begin[g] + k] = at->v[k + q * len];
  }
  for (int64_t q = 0; bvl_group_is_root(m) && q < batch; q++) {
    answer[q * stride + d] = (double)at->steps[q];
    answer[q * stride + d + 1] = bvl_answer_solved(at->solved[q], at->watch);
  }
  BVL_TRY(bvl_sum(bvl_group_comm(m), answer, batch * stride));
  for (int64_t k = 0; m->null_b != NULL && k < m->free_d; k++)
    for (int64_t q = 0; q < batch; q++) answer[q * stride + k] += m->null_b[k];
  replace_astray(m, batch, answer);
cleanup:
  return status;
}

bvl_status bvl_group_model_solve(bvl_group_model *m, int64_t batch, const double *lambdas,
                                 double tol, int64_t max_iter, const bvl_watch *watch,
                                 double *answer)
{
  bvl_status status = BVL_OK;
  bvl_group_lanes at = {
      .lambda = lambdas, .tol = tol, .budget = max_iter > 0 ? max_iter : MAX_STEPS, .watch = watch};
  BVL_TRY(follow_set(m));
  BVL_TRY(bvl_agree(bvl_group_comm(m), bvl_group_lanes_open(m, &at)));
  BVL_TRY(predict(m, batch, lambdas));
  BVL_TRY(solve_batch(m, batch, &at));
  BVL_TRY(write_answers(m, batch, &at, answer));
  /* also what missed the tolerance: the certificate decides what is kept */
  for (m->n_fresh = 0; m->n_fresh < batch; m->n_fresh++)
    bvl_past_add(&m->past, lambdas[m->n_fresh], m->n, m->z + m->n_fresh * m->n, m->n_known,
                 bvl_group_tau(m, m->n_fresh));
cleanup:
  bvl_group_lanes_close(&at);
  return status;
}
