/* SPDX-License-Identifier: BSD-3-Clause */
/* The matrix of the group Newton method: which groups have a column of V, and S from every rank's
 * own groups, brought up to date where tau moved. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/phase.h"
#include "solver/group_lanes.h"

enum { SYRK_COLS = 256 };

/* B is brought up to date where tau moved by more than this part. */
static const double STALE = 0.1;

/* at->v <- v_g of lane a; its norm. Where a sparse penalty's threshold leaves nothing of it: that
 * of the last lane, then v_g without the threshold, so that no column of V is null. */
static double direction(const bvl_group_model *m, const bvl_group_lanes *at, int64_t g, int64_t a)
{
  const int64_t lane[] = {a, at->n - 1, a};
  const double lambda[] = {at->lambda[at->q[a]], at->lambda[at->q[at->n - 1]], 0};
  double norm = 0;
  for (int k = 0; k < 3; k++) {
    bvl_group_correlate(m->G, g, 1, lambda + k, m->r + lane[k] * m->n, at->v, &norm);
    if (norm != 0 || bvl_group_is_free(m->G, g)) break;
  }
  return norm;
}

/* Z_g = X_g v_g / ||v_g|| of the blocks member[from ..), v at residuals r of the lane lane[g] (by
 * default `same`), into V on rank 0. */
static bvl_status join(bvl_group_model *m, bvl_group_lanes *at, int64_t from, int64_t same,
                       const int64_t *lane)
{
  bvl_status status = BVL_OK;
  const int64_t n_new = m->n_members - from;
  double *Z = NULL;
  if (n_new == 0) return BVL_OK;
  BVL_TRY(bvl_agree(bvl_group_comm(m), BVL_ALLOC(&Z, m->n * n_new)));
  for (int64_t k = 0; k < n_new; k++) {
    const int64_t g = m->member[from + k];
    const int64_t a = lane != NULL ? lane[g] : same;
    if (!bvl_group_is_here(m->G, g)) continue;
    const double norm = direction(m, at, g, a);
    for (int64_t l = 0; l < bvl_group_len(m->G, g); l++)
      at->v[l] = bvl_group_is_free(m->G, g) ? 1 : norm > 0 ? at->v[l] / norm : 0;
    bvl_group_forward(m->G, g, 1, at->v, Z + k * m->n);
  }
  BVL_TRY(bvl_sum_to(bvl_group_comm(m), 0, Z, m->n * n_new));
  if (bvl_group_is_root(m)) status = bvl_group_newton_append(&m->newton, n_new, Z);
  BVL_TRY(bvl_agree(bvl_group_comm(m), status));
cleanup:
  free(Z);
  return status;
}

static void make_member(bvl_group_model *m, int64_t g)
{
  m->slot[g] = m->n_members;
  m->member[m->n_members++] = g;
}

bvl_status bvl_group_admit(bvl_group_model *m, bvl_group_lanes *at, int64_t *n_new)
{
  bvl_status status = BVL_OK;
  const int64_t from = m->n_members;
  int64_t *lane = NULL;
  double norm[BVL_GROUP_BATCH];
  double lambdas[BVL_GROUP_BATCH];
  *n_new = 0;
  if (!m->has_factor || m->n_members == m->n_known) return BVL_OK;
  BVL_TRY(bvl_agree(bvl_group_comm(m), BVL_ALLOC(&lane, m->n_known)));
  bvl_group_residuals(m, at);
  for (int64_t g = 0; g < m->n_known; g++) {
    if (!bvl_group_is_here(m->G, g) || m->slot[g] >= 0) continue;
    bvl_group_correlate(m->G, g, at->n, bvl_group_lambdas(at, lambdas), m->r, at->v, norm);
    for (int64_t a = 0; a < at->n; a++) {
      const double lambda = at->lambda[at->q[a]];
      if (norm[a] > bvl_group_target(m->G, lambda, g) + at->tol * lambda) lane[g] = a + 1;
    }
  }
  BVL_TRY(bvl_sum_i64(bvl_group_comm(m), lane, m->n_known));
  for (int64_t g = 0; g < m->n_known; g++)
    if (lane[g]-- > 0) make_member(m, g);
  *n_new = m->n_members - from;
  BVL_TRY(join(m, at, from, 0, lane));
cleanup:
  free(lane);
  return status;
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
    if (sparse && used)
      bvl_group_correlate(m->G, g, 1, &at->lambda[at->q[a]], m->r + a * m->n, at->v, &norm);
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

bvl_status bvl_group_refresh(bvl_group_model *m, bvl_group_lanes *at, int64_t a, int *ok)
{
  bvl_status status = BVL_OK;
  double *Y = NULL;
  double *tau = NULL; /* by dealt column */
  int64_t factored = 1;
  *ok = 1;
  status = BVL_ALLOC(&Y, m->n * SYRK_COLS);
  if (status == BVL_OK) status = BVL_ALLOC(&tau, m->n_columns);
  BVL_TRY(bvl_agree(bvl_group_comm(m), status));
  bvl_group_residuals(m, at);
  spread_tau(m, at, a, tau);
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_GRAM);
  update_B(m, tau, 1, Y);
  update_B(m, tau, -1, Y);
  bvl_phase_leave(before);
  BVL_TRY(collect_S(m));
  if (bvl_group_is_root(m)) factored = bvl_group_newton_factor(&m->newton, m->h + a * m->n);
  BVL_TRY(bvl_bcast_i64(bvl_group_comm(m), 0, &factored, 1));
  *ok = (int)factored;
  m->has_factor = *ok;
  m->n_members = 0;
  for (int64_t g = 0; g < m->n_known; g++) {
    m->slot[g] = -1;
    if (bvl_group_is_active(m, at, g)) make_member(m, g);
  }
  if (!*ok) goto cleanup;
  BVL_TRY(join(m, at, 0, a, NULL)); /* directions at this lane's r */
cleanup:
  free(tau);
  free(Y);
  return status;
}
