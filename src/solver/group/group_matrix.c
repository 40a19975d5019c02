/* SPDX-License-Identifier: BSD-3-Clause */
/* The matrix of the group Newton method: when it is made, and which groups have a column of V. */
#include <stdlib.h>

#include "base/checked.h"
#include "solver/group/group_lanes.h"

/* at->v <- v_g of lane a; its norm. Where a sparse penalty's threshold leaves nothing of it: that
 * of the last lane, then v_g without the threshold, so that no column of V is null. */
static double direction(const bvl_group_model *m, const bvl_group_lanes *at, int64_t g, int64_t a)
{
  const int64_t lane[] = {a, at->n - 1, a};
  const double lambda[] = {at->lambda[at->q[a]], at->lambda[at->q[at->n - 1]], 0};
  double norm = 0;
  for (int k = 0; k < 3; k++) {
    m->space->pull(m, at, g, lane[k], 1, lambda + k, at->v, &norm);
    if (norm != 0 || bvl_group_is_free(m->G, g)) break;
  }
  return norm;
}

/* Z_g, the image of v_g / ||v_g||, of the blocks member[from ..), v in the lane lane[g] (by default
 * `same`), into V on rank 0. Lanes are prepared. */
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
    m->space->push(m, g, 1, at->v, Z + k * m->n);
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
  BVL_TRY(m->space->prepare(m, at));
  for (int64_t g = 0; g < m->n_known; g++) {
    if (!bvl_group_is_here(m->G, g) || m->slot[g] >= 0) continue;
    m->space->pull(m, at, g, 0, at->n, bvl_group_lambdas(at, lambdas), at->v, norm);
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

bvl_status bvl_group_refresh(bvl_group_model *m, bvl_group_lanes *at, int64_t a, int *ok)
{
  bvl_status status = BVL_OK;
  BVL_TRY(m->space->prepare(m, at));
  BVL_TRY(m->space->factor(m, at, a, ok));
  m->has_factor = *ok;
  m->n_members = 0;
  for (int64_t g = 0; g < m->n_known; g++) {
    m->slot[g] = -1;
    if (bvl_group_is_active(m, at, g)) make_member(m, g);
  }
  if (!*ok) goto cleanup;
  BVL_TRY(join(m, at, 0, a, NULL)); /* directions at this lane's point */
cleanup:
  return status;
}
