/* SPDX-License-Identifier: BSD-3-Clause */
/* The group engine by rows: z is the predictor, columns lie whole on the ranks (bvl_dealt) and all
 * vectors over rows are replicated; S = I + D B D from every rank's own groups, brought up to date
 * where tau moved. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/phase.h"
#include "solver/group/group_lanes.h"

enum { SYRK_COLS = 256 };

/* B is brought up to date where tau moved by more than this part. */
static const double STALE = 0.1;

static void destroy(bvl_group_model *m)
{
  double *doubles[] = {m->y, m->w, m->r, m->B, m->tau_in};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
}

static bvl_status allocate(bvl_group_model *m)
{
  bvl_status status = BVL_OK;
  double **vectors[] = {&m->y, &m->w, &m->offset};
  double **batches[] = {&m->z, &m->r, &m->h};
  for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++)
    BVL_TRY(BVL_ALLOC(vectors[k], m->n));
  for (size_t k = 0; k < sizeof batches / sizeof *batches; k++)
    BVL_TRY(BVL_ALLOC(batches[k], m->n * BVL_GROUP_BATCH));
  BVL_TRY(BVL_ALLOC(&m->B, m->n * m->n));
  if (bvl_group_is_root(m)) BVL_TRY(bvl_group_newton_open(&m->newton, m->n));
cleanup:
  return status;
}

static bvl_status create(bvl_group_model *m)
{
  bvl_status status = BVL_OK;
  const bvl_problem *problem = m->problem;
  const int64_t split0 = problem->X->rows.split0;
  m->n = m->G->n;
  m->scale = 1 / (double)m->n;
  BVL_TRY(bvl_agree(bvl_group_comm(m), allocate(m)));
  BVL_TRY(bvl_dealt_rows(m->G->dealt, problem->y + split0, m->y));
  BVL_TRY(bvl_dealt_rows(m->G->dealt, problem->w + split0, m->w));
  if (problem->offset != NULL)
    BVL_TRY(bvl_dealt_rows(m->G->dealt, problem->offset + split0, m->offset));
cleanup:
  return status;
}

static bvl_status follow(bvl_group_model *m, int anew)
{
  bvl_status status = BVL_OK;
  if (anew) {
    m->n_columns = 0;
    memset(m->B, 0, (size_t)(m->n * m->n) * sizeof *m->B);
    bvl_group_set_clear(m->G);
  }
  BVL_TRY(bvl_group_set_follow(m->G));
  BVL_TRY(
      bvl_agree(bvl_group_comm(m), BVL_GROW(&m->tau_in, &m->column_capacity, m->G->dealt->n_cols)));
  for (; m->n_columns < m->G->dealt->n_cols; m->n_columns++) m->tau_in[m->n_columns] = 0;
cleanup:
  return status;
}

static bvl_status start(bvl_group_model *m, int64_t q)
{
  bvl_status status = BVL_OK;
  double *eta = NULL;
  BVL_TRY(bvl_agree(bvl_group_comm(m), BVL_ALLOC(&eta, bvl_problem_n_split(m->problem))));
  bvl_working_set_eta(m->set, 1, m->set->b, m->set->d, eta);
  BVL_TRY(bvl_dealt_rows(m->G->dealt, eta, m->z + q * m->n));
cleanup:
  free(eta);
  return status;
}

static bvl_status prepare(bvl_group_model *m, const bvl_group_lanes *at)
{
  for (int64_t a = 0; a < at->n; a++)
    bvl_loss_eval(m->problem->loss, m->n, m->y, m->w, m->z + at->q[a] * m->n, m->r + a * m->n,
                  m->h + a * m->n);
  return BVL_OK;
}

static void pull(const bvl_group_model *m, const bvl_group_lanes *at, int64_t g, int64_t a,
                 int64_t k, const double *lambda, double *v, double *norm)
{
  (void)at;
  bvl_group_correlate(m->G, g, k, lambda, m->r + a * m->n, v, norm);
}

static void push(const bvl_group_model *m, int64_t g, int64_t k, const double *b, double *out)
{
  bvl_group_forward(m->G, g, k, b, out);
}

/* tau by dealt column, at lane a's point: under a sparse penalty, 0 of the columns that its l1 part
 * holds at zero there. */
static void spread_tau(const bvl_group_model *m, const bvl_group_lanes *at, int64_t a, double *out)
{
  const int sparse = m->problem->penalty.type->sparse;
  const double *tau = bvl_group_tau(m, at->q[a]);
  for (int64_t g = 0; g < m->n_known; g++) {
    double norm = 0;
    const int used = !bvl_group_is_free(m->G, g) && tau[g] > 0;
    if (!bvl_group_is_here(m->G, g) || m->G->first[g] < 0) continue; /* not an intercept */
    if (sparse && used) pull(m, at, g, a, 1, &at->lambda[at->q[a]], at->v, &norm);
    for (int64_t k = 0; k < bvl_group_len(m->G, g); k++)
      out[m->G->first[g] + k] = used && (!sparse || at->v[k] != 0) ? tau[g] : 0;
  }
}

/* B += sign sum over this rank's columns whose tau moved that way of |change| x x' / n. */
static void update_B(bvl_group_model *m, const double *tau, double sign, double *Y)
{
  const int n = (int)m->n; /* at most BVL_GROUP_MAX_ROWS */
  int cols = 0;
  for (int64_t k = 0; k < m->n_columns; k++) {
    const double change = tau[k] - m->tau_in[k];
    if (!(sign * change > 0) || !(fabs(change) > STALE * fmax(tau[k], m->tau_in[k]))) continue;
    const double factor = sqrt(fabs(change) / (double)m->n);
    const double *x = m->G->dealt->values + k * m->n;
    for (int64_t i = 0; i < m->n; i++) Y[i + cols * m->n] = factor * x[i];
    m->tau_in[k] = tau[k];
    if (++cols < SYRK_COLS) continue;
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, cols, sign, Y, n, 1, m->B, n);
    cols = 0;
  }
  if (cols > 0)
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, cols, sign, Y, n, 1, m->B, n);
}

/* S on rank 0 <- the sum of every rank's B: lower triangles travel packed. */
static bvl_status collect_S(bvl_group_model *m)
{
  bvl_status status = BVL_OK;
  double *packed = NULL;
  double *at = NULL;
  BVL_TRY(bvl_agree(bvl_group_comm(m), BVL_ALLOC(&packed, m->n * (m->n + 1) / 2)));
  at = packed;
  for (int64_t l = 0; l < m->n; at += m->n - l, l++)
    memcpy(at, m->B + l + l * m->n, (size_t)(m->n - l) * sizeof *at);
  BVL_TRY(bvl_sum_to(bvl_group_comm(m), 0, packed, m->n * (m->n + 1) / 2));
  at = packed;
  for (int64_t l = 0; bvl_group_is_root(m) && l < m->n; at += m->n - l, l++)
    memcpy(m->newton.L + l + l * m->n, at, (size_t)(m->n - l) * sizeof *at);
cleanup:
  free(packed);
  return status;
}

/* n^2 d + n^3 / 3 flops against 4 n d + 4 n^2 a lambda. */
static double worth(const bvl_group_model *m)
{
  (void)m;
  return 10;
}

static bvl_status factor(bvl_group_model *m, bvl_group_lanes *at, int64_t a, int *ok)
{
  bvl_status status = BVL_OK;
  double *Y = NULL;
  double *tau = NULL; /* by dealt column */
  int64_t factored = 1;
  status = BVL_ALLOC(&Y, m->n * SYRK_COLS);
  if (status == BVL_OK) status = BVL_ALLOC(&tau, m->n_columns);
  BVL_TRY(bvl_agree(bvl_group_comm(m), status));
  spread_tau(m, at, a, tau);
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_GRAM);
  update_B(m, tau, 1, Y);
  update_B(m, tau, -1, Y);
  bvl_phase_leave(before);
  BVL_TRY(collect_S(m));
  if (bvl_group_is_root(m)) factored = bvl_group_newton_factor(&m->newton, m->h + a * m->n);
  BVL_TRY(bvl_bcast_i64(bvl_group_comm(m), 0, &factored, 1));
  *ok = (int)factored;
cleanup:
  free(tau);
  free(Y);
  return status;
}

const bvl_group_space bvl_group_rows = {.create = create,
                                        .destroy = destroy,
                                        .follow = follow,
                                        .start = start,
                                        .prepare = prepare,
                                        .pull = pull,
                                        .push = push,
                                        .worth = worth,
                                        .factor = factor};
