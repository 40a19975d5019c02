/* SPDX-License-Identifier: BSD-3-Clause */
/* The group engine by the Gram: z is the coefficients of the working set, rank 0 has them and the
 * Gram G = X'diag(h)X / n. With a quadratic loss v = c - G z, and the free unknowns are measured
 * from the null fit, so that c carries no mean of y. Other losses take v from the rows, exactly,
 * and h from an earlier point. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "solver/group/group_lanes.h"

static void destroy(bvl_group_model *m)
{
  double *doubles[] = {m->null_b, m->r_rows, m->h_rows, m->eta_rows, m->v, m->c};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
}

static int is_quadratic(const bvl_group_model *m)
{
  return m->problem->loss->quadratic;
}

static bvl_status allocate(bvl_group_model *m)
{
  bvl_status status = BVL_OK;
  const int64_t n_split = bvl_problem_n_split(m->problem);
  BVL_TRY(BVL_ALLOC(&m->null_b, m->free_d));
  BVL_TRY(BVL_ALLOC(&m->r_rows, n_split * BVL_GROUP_BATCH));
  BVL_TRY(BVL_ALLOC(&m->eta_rows, n_split * BVL_GROUP_BATCH));
  if (!is_quadratic(m)) BVL_TRY(BVL_ALLOC(&m->h_rows, n_split * BVL_GROUP_BATCH));
cleanup:
  return status;
}

/* r, and h where it is wanted, of the k predictors in eta_rows. */
static void eval_rows(bvl_group_model *m, int64_t k)
{
  const bvl_problem *problem = m->problem;
  const int64_t split0 = problem->X->rows.split0;
  const int64_t n = bvl_problem_n_split(problem);
  for (int64_t a = 0; a < k; a++)
    bvl_loss_eval(problem->loss, n, problem->y + split0, problem->w + split0, m->eta_rows + a * n,
                  m->r_rows + a * n, m->h_rows != NULL ? m->h_rows + a * n : NULL);
}

static bvl_status create(bvl_group_model *m)
{
  bvl_status status = BVL_OK;
  bvl_working_set *set = m->set;
  m->free_d = set->d; /* as it was created: the unpenalised */
  m->scale = 1;
  BVL_TRY(bvl_agree(bvl_group_comm(m), allocate(m)));
  if (!is_quadratic(m)) goto cleanup;
  BVL_TRY(bvl_working_set_load(set, &m->problem->null_point));
  memcpy(m->null_b, set->b, (size_t)m->free_d * sizeof *m->null_b);
  bvl_working_set_eta(set, 1, set->b, set->d, m->eta_rows);
  eval_rows(m, 1);
cleanup:
  return status;
}

static bvl_status reserve(bvl_group_model *m)
{
  return BVL_GROW_ALL(&m->room, m->set->d * BVL_GROUP_BATCH, BVL_GROWN(&m->z), BVL_GROWN(&m->h),
                      BVL_GROWN(&m->v), BVL_GROWN(&m->c));
}

/* v (d x k, one after the other) on rank 0 <- X'r / n of k residuals. */
static bvl_status correlate_rows(bvl_group_model *m, int64_t k, double *v)
{
  bvl_status status = BVL_OK;
  const bvl_working_set *set = m->set;
  const int64_t shift = m->problem->intercept;
  const int64_t n = bvl_problem_n_split(m->problem);
  for (int64_t a = 0; shift && a < k; a++) {
    v[a * set->d] = 0;
    for (int64_t i = 0; i < n; i++) v[a * set->d] += m->r_rows[i + a * n];
  }
  bvl_active_adjoint_many(set->columns, k, m->r_rows, n, v + shift, set->d);
  BVL_TRY(bvl_sum_to(bvl_group_comm(m), 0, v, set->d * k));
  for (int64_t l = 0; l < set->d * k; l++) v[l] /= (double)m->problem->n;
cleanup:
  return status;
}

/* The Gram for all of the set, as the matrix takes it. */
static bvl_status renew_gram(bvl_group_model *m)
{
  bvl_status status = bvl_working_set_gram(m->set);
  if (status == BVL_OK && bvl_group_is_root(m))
    status = bvl_group_newton_by_gram(&m->newton, m->set->d, m->set->G, m->set->ld);
  return bvl_agree(bvl_group_comm(m), status);
}

static bvl_status follow(bvl_group_model *m, int anew)
{
  bvl_status status = BVL_OK;
  if (m->weighing != m->set->weighing) { /* another solver's curvature: K and V are of none */
    m->has_curvature = 0;
    m->has_factor = 0;
  }
  const int has_gram = is_quadratic(m) || m->has_curvature;
  m->renew_next = 0;
  if (!anew && m->n == m->set->d) return BVL_OK;
  m->n = m->set->d;
  BVL_TRY(bvl_agree(bvl_group_comm(m), reserve(m)));
  BVL_TRY(bvl_group_set_follow_root(m->G));
  if (is_quadratic(m)) BVL_TRY(correlate_rows(m, 1, m->c));
  if (has_gram) BVL_TRY(renew_gram(m));
cleanup:
  return status;
}

static bvl_status start(bvl_group_model *m, int64_t q)
{
  double *z = m->z + q * m->n;
  memcpy(z, m->set->b, (size_t)m->n * sizeof *z);
  for (int64_t k = 0; k < m->free_d; k++) { /* free blocks are the first and of one unknown each */
    z[k] -= m->null_b[k];
    bvl_group_tau(m, q)[k] -= m->null_b[k];
  }
  return BVL_OK;
}

/* Rank 0: v = c - G z. */
static void pull_quadratic(bvl_group_model *m, const bvl_group_lanes *at)
{
  const int64_t n = m->n;
  double *z = at->packed; /* minus the lanes' points, one after the other */
  for (int64_t a = 0; a < at->n; a++) {
    memcpy(m->v + a * n, m->c, (size_t)n * sizeof *m->v);
    for (int64_t k = 0; k < n; k++) z[k + a * n] = -m->z[k + at->q[a] * n];
  }
  bvl_group_newton_multiply(&m->newton, at->n, z, m->v);
}

static bvl_status prepare(bvl_group_model *m, const bvl_group_lanes *at)
{
  bvl_status status = BVL_OK;
  if (!is_quadratic(m)) {
    for (int64_t a = 0; a < at->n; a++) /* one after the other, whichever lambdas they are of */
      memcpy(m->v + a * m->n, m->z + at->q[a] * m->n, (size_t)m->n * sizeof *m->v);
    bvl_working_set_eta(m->set, at->n, m->v, m->n, m->eta_rows);
    eval_rows(m, at->n);
    BVL_TRY(correlate_rows(m, at->n, m->v));
  } else if (bvl_group_is_root(m)) {
    pull_quadratic(m, at);
  }
  for (int64_t a = 0; bvl_group_is_root(m) && m->newton.D != NULL && a < at->n; a++)
    for (int64_t k = 0; k < m->n; k++) m->h[k + a * m->n] = m->newton.D[k] * m->newton.D[k];
cleanup:
  return status;
}

static void pull(const bvl_group_model *m, const bvl_group_lanes *at, int64_t g, int64_t a,
                 int64_t k, const double *lambda, double *v, double *norm)
{
  const int64_t len = bvl_group_len(m->G, g);
  (void)at;
  for (int64_t l = 0; l < k; l++)
    memcpy(v + l * len, m->v + m->set->begin[g] + (a + l) * m->n, (size_t)len * sizeof *v);
  bvl_group_shrink(m->G, g, k, lambda, v, norm);
}

static void push(const bvl_group_model *m, int64_t g, int64_t k, const double *b, double *out)
{
  const int64_t len = bvl_group_len(m->G, g);
  for (int64_t l = 0; l < k; l++)
    memcpy(out + m->set->begin[g] + l * m->n, b + l * len, (size_t)len * sizeof *b);
}

/* tau by unknown at lane a's point: 0 of free ones and, under a sparse penalty, of those that its
 * l1 part holds at zero there. */
static void spread_tau(const bvl_group_model *m, const bvl_group_lanes *at, int64_t a, double *out)
{
  const double *tau = bvl_group_tau(m, at->q[a]);
  memset(out, 0, (size_t)m->n * sizeof *out);
  for (int64_t g = 0; g < m->n_known; g++) {
    double norm = 0;
    if (bvl_group_is_free(m->G, g) || !(tau[g] > 0)) continue;
    pull(m, at, g, a, 1, &at->lambda[at->q[a]], at->v, &norm);
    for (int64_t k = 0; k < bvl_group_len(m->G, g); k++)
      if (at->v[k] != 0) out[m->set->begin[g] + k] = tau[g];
  }
}

/* Will the next factor have the curvature of its own point? Where that of an earlier one serves, it
 * is much cheaper. The same on every rank. */
static int is_renewing(const bvl_group_model *m)
{
  return !is_quadratic(m) && (m->renew_next || !m->has_curvature);
}

/* d^3 / 3 flops against 8 d^2 a lambda and, other losses, 4 n d in two passes over memory; the Gram
 * n d^2, at the speed of dsyrk. */
static double worth(const bvl_group_model *m)
{
  if (is_quadratic(m)) return 10;
  return is_renewing(m) ? 4 + (double)m->n / 64 : 4;
}

static bvl_status factor(bvl_group_model *m, bvl_group_lanes *at, int64_t a, int *ok)
{
  bvl_status status = BVL_OK;
  const int64_t n_split = bvl_problem_n_split(m->problem);
  double *tau = NULL; /* by unknown */
  int factored = 1;
  int64_t outcome = 1;
  BVL_TRY(bvl_agree(bvl_group_comm(m), BVL_ALLOC(&tau, m->n)));
  if (is_renewing(m)) {
    bvl_working_set_weigh(m->set, m->h_rows + a * n_split);
    BVL_TRY(renew_gram(m));
    m->weighing = m->set->weighing;
    m->has_curvature = 1;
    m->renew_next = 0;
  } else {
    m->renew_next = 1; /* should this one be too slow as well */
  }
  if (bvl_group_is_root(m)) {
    spread_tau(m, at, a, tau);
    status = bvl_group_newton_factor_gram(&m->newton, tau, &factored);
    outcome = factored;
  }
  BVL_TRY(bvl_agree(bvl_group_comm(m), status));
  BVL_TRY(bvl_bcast_i64(bvl_group_comm(m), 0, &outcome, 1));
  *ok = (int)outcome;
cleanup:
  free(tau);
  return status;
}

const bvl_group_space bvl_group_gram = {.create = create,
                                        .destroy = destroy,
                                        .follow = follow,
                                        .start = start,
                                        .prepare = prepare,
                                        .pull = pull,
                                        .push = push,
                                        .worth = worth,
                                        .factor = factor};
