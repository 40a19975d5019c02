/* SPDX-License-Identifier: BSD-3-Clause */
/* The lambdas of a batch in step: their residuals, all at once, rank 0's judgement of each, and the
 * step. */
#include "solver/group/group_lanes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { MAX_REFRESHES = 12 /* of a batch */, MAX_BACKS = 4 /* halvings of a step */ };

typedef enum action { DONE, STEP, SLOW_STEP, GO_BACK, GIVE_UP, FAILED } action;

void bvl_group_lanes_close(bvl_group_lanes *at)
{
  free(at->packed);
  free(at->before);
  free(at->excess);
  free(at->x);
  free(at->state);
  free(at->v);
  free(at->bounded);
  free(at->point);
}

bvl_status bvl_group_lanes_open(const bvl_group_model *m, bvl_group_lanes *at)
{
  bvl_status status = BVL_OK;
  int64_t longest = 1;
  for (int64_t g = 0; g < m->n_known; g++) longest = bvl_greater(longest, bvl_group_len(m->G, g));
  BVL_TRY(BVL_ALLOC(&at->packed, (m->n + m->n_known) * BVL_GROUP_BATCH));
  BVL_TRY(BVL_ALLOC(&at->before, (m->n + m->n_known) * BVL_GROUP_BATCH));
  BVL_TRY(BVL_ALLOC(&at->state, (1 + m->n + m->n_known) * BVL_GROUP_BATCH));
  BVL_TRY(BVL_ALLOC(&at->excess, m->n_known * BVL_GROUP_BATCH));
  BVL_TRY(BVL_ALLOC(&at->x, m->n_known * BVL_GROUP_BATCH));
  BVL_TRY(BVL_ALLOC(&at->v, longest * BVL_GROUP_BATCH));
  BVL_TRY(BVL_ALLOC(&at->bounded, m->n_known));
  BVL_TRY(BVL_ALLOC(&at->point, 2 * (m->n + m->n_known)));
cleanup:
  return status;
}

const double *bvl_group_lambdas(const bvl_group_lanes *at, double *out)
{
  for (int64_t a = 0; a < at->n; a++) out[a] = at->lambda[at->q[a]];
  return out;
}

int bvl_group_is_active(const bvl_group_model *m, const bvl_group_lanes *at, int64_t g)
{
  if (bvl_group_is_free(m->G, g)) return 1;
  for (int64_t a = 0; a < at->n; a++)
    if (bvl_group_tau(m, at->q[a])[g] > 0) return 1;
  return 0;
}

void bvl_group_coefficients(const bvl_group_model *m, const bvl_group_lanes *at, int64_t g,
                            double *b, double *norm)
{
  const int64_t len = bvl_group_len(m->G, g);
  double lambdas[BVL_GROUP_BATCH];
  m->space->pull(m, at, g, 0, at->n, bvl_group_lambdas(at, lambdas), b, norm);
  for (int64_t a = 0; a < at->n; a++) {
    const double tau = bvl_group_tau(m, at->q[a])[g];
    for (int64_t l = 0; l < len; l++)
      b[l + a * len] = bvl_group_is_free(m->G, g) ? tau : tau * b[l + a * len];
  }
}

/* Rank 0: packed <- the image of the lanes' coefficients (n x lanes), then the members' norms
 * (members x lanes). Each group's columns are read once: push finds them in the cache. */
static bvl_status evaluate(bvl_group_model *m, bvl_group_lanes *at)
{
  bvl_status status = BVL_OK;
  double *norms = at->packed + m->n * at->n;
  double norm[BVL_GROUP_BATCH];
  BVL_TRY(m->space->prepare(m, at));
  memset(at->packed, 0, (size_t)((m->n + m->n_members) * at->n) * sizeof *at->packed);
  for (int64_t k = 0; k < m->n_members; k++) {
    const int64_t g = m->member[k];
    if (!bvl_group_is_here(m->G, g)) continue;
    bvl_group_coefficients(m, at, g, at->v, norm);
    for (int64_t a = 0; a < at->n; a++) norms[k + a * m->n_members] = norm[a];
    if (bvl_group_is_active(m, at, g)) m->space->push(m, g, at->n, at->v, at->packed);
  }
  status = bvl_sum_to(bvl_group_comm(m), 0, at->packed, (m->n + m->n_members) * at->n);
cleanup:
  return status;
}

/* Rank 0: lane a's packed <- F1, excess <- F2, x; returns the largest residual
 * in units of v. */
static double residual_of(const bvl_group_model *m, bvl_group_lanes *at, int64_t a)
{
  const double lambda = at->lambda[at->q[a]];
  const double *tau = bvl_group_tau(m, at->q[a]);
  const double *z = m->z + at->q[a] * m->n;
  const double *norms = at->packed + m->n * at->n + a * m->n_members;
  double *F1 = at->packed + a * m->n;
  double *excess = at->excess + a * m->n_members;
  double *x = at->x + a * m->n_members;
  double largest = 0;
  double sum = 0;
  for (int64_t k = 0; k < m->n_members; k++) {
    const int64_t g = m->member[k];
    at->bounded[k] = !bvl_group_is_free(m->G, g);
    excess[k] = norms[k] - bvl_group_target(m->G, lambda, g);
    x[k] = tau[g] * (at->bounded[k] ? norms[k] : 1);
    const int slack = at->bounded[k] && tau[g] == 0;
    largest = fmax(largest, slack ? fmax(excess[k], 0) : fabs(excess[k]));
    if (slack) excess[k] -= at->tol * lambda; /* none enters on rounding: null at lambda_max */
    if (!isfinite(norms[k])) return INFINITY;
  }
  for (int64_t i = 0; i < m->n; i++) {
    F1[i] = z[i] - (m->offset != NULL ? m->offset[i] : 0) - F1[i];
    sum += m->h[i + a * m->n] * F1[i] * F1[i];
  }
  return isfinite(sum) ? fmax(largest, sqrt(m->scale * sum)) : INFINITY;
}

/* Rank 0. Where columns come and go inside groups, a full step may overshoot, for the linear model
 * ends at the next column's kink; elsewhere only far from the answer. */
static int has_overshot(const bvl_group_model *m, const bvl_group_lanes *at, int64_t q,
                        double residual)
{
  const double allowed = m->problem->penalty.type->sparse ? 1 : 4;
  return m->has_factor && isfinite(at->residual[q]) && !(residual <= allowed * at->residual[q]) &&
         at->backs[q] < MAX_BACKS;
}

/* Rank 0. */
static action decide(const bvl_group_model *m, bvl_group_lanes *at, int64_t a)
{
  const int64_t q = at->q[a];
  const double residual = residual_of(m, at, a);
  const double to_go = log(residual / (at->tol * at->lambda[q]));
  const int slow = to_go > m->space->worth(m) * log(at->residual[q] / residual);
  at->backs[q] = has_overshot(m, at, q, residual) ? at->backs[q] + 1 : 0;
  if (at->backs[q] > 0) return GO_BACK; /* to be compared with the same residual again */
  at->residual[q] = residual;
  if (!m->has_factor) return SLOW_STEP;
  if (residual <= at->tol * at->lambda[q]) return DONE;
  if (!isfinite(residual) || at->steps[q] >= at->budget) return GIVE_UP;
  if (bvl_watch_is_over(at->watch)) return GIVE_UP;
  /* after a change of active groups a poor step says nothing of the matrix */
  return slow && !at->regrouped[q] ? SLOW_STEP : STEP;
}

/* Rank 0: what a lane can go back to. */
static void remember(const bvl_group_model *m, const bvl_group_lanes *at, int64_t q)
{
  double *to = at->before + q * (m->n + m->n_known);
  memcpy(to, m->z + q * m->n, (size_t)m->n * sizeof *to);
  memcpy(to + m->n, bvl_group_tau(m, q), (size_t)m->n_known * sizeof *to);
}

/* Rank 0: half of the last step is taken back. */
static void go_back(bvl_group_model *m, const bvl_group_lanes *at, int64_t q)
{
  bvl_anderson_reset(&m->anderson[q]);
  const double *from = at->before + q * (m->n + m->n_known);
  double *z = m->z + q * m->n;
  double *tau = bvl_group_tau(m, q);
  for (int64_t i = 0; i < m->n; i++) z[i] = 0.5 * (z[i] + from[i]);
  for (int64_t g = 0; g < m->n_known; g++) tau[g] = 0.5 * (tau[g] + from[m->n + g]);
}

/* Rank 0: lane a moves by dz and to x, accelerated; what was active stays the measure of it. */
static bvl_status move_lane(bvl_group_model *m, bvl_group_lanes *at, int64_t a)
{
  const int64_t q = at->q[a];
  const int64_t length = m->n + m->n_members;
  const double *norms = at->packed + m->n * at->n + a * m->n_members;
  double *tau = bvl_group_tau(m, q);
  double *z = at->point;
  double *f = at->point + length;
  remember(m, at, q);
  int changed = 0; /* the active groups: the map is another one */
  memcpy(z, m->z + q * m->n, (size_t)m->n * sizeof *z);
  memcpy(f, at->packed + a * m->n, (size_t)m->n * sizeof *f);
  for (int64_t k = 0; k < m->n_members; k++) {
    const double x = at->x[k + a * m->n_members];
    const double next = !at->bounded[k] ? x : norms[k] > 0 ? x / norms[k] : 0;
    z[m->n + k] = tau[m->member[k]];
    f[m->n + k] = next - z[m->n + k];
    changed |= at->bounded[k] && (next > 0) != (z[m->n + k] > 0);
  }
  at->regrouped[q] = changed;
  if (changed) bvl_anderson_reset(&m->anderson[q]);
  const bvl_status status = bvl_anderson_step(&m->anderson[q], length, m->n, m->newton.D, z, f);
  for (int64_t i = 0; i < m->n; i++) m->z[i + q * m->n] += f[i];
  for (int64_t k = 0; k < m->n_members; k++) {
    const double next = z[m->n + k] + f[m->n + k];
    tau[m->member[k]] = at->bounded[k] ? fmax(next, 0) : next;
  }
  return status;
}

/* Rank 0: z and tau of every lane after one step. */
static bvl_status take_step(bvl_group_model *m, bvl_group_lanes *at, const action *what)
{
  double tol[BVL_GROUP_BATCH];
  for (int64_t a = 0; a < at->n; a++) {
    tol[a] = 0.01 * at->tol * at->lambda[at->q[a]];
    at->steps[at->q[a]]++;
  }
  bvl_status status = bvl_group_newton_step(&m->newton, at->n, at->q, at->excess, at->bounded, tol,
                                            at->x, at->packed);
  for (int64_t a = 0; status == BVL_OK && a < at->n; a++)
    if (what[a] != GO_BACK) status = move_lane(m, at, a);
  return status;
}

/* Rank 0's decisions and points, to all. */
static bvl_status share(bvl_group_model *m, bvl_group_lanes *at, action *what)
{
  bvl_status status = BVL_OK;
  const int64_t stride = 1 + m->n + m->n_members;
  for (int64_t a = 0; bvl_group_is_root(m) && a < at->n; a++) {
    double *to = at->state + a * stride;
    const double *tau = bvl_group_tau(m, at->q[a]);
    to[0] = (double)what[a];
    memcpy(to + 1, m->z + at->q[a] * m->n, (size_t)m->n * sizeof *to);
    for (int64_t k = 0; k < m->n_members; k++) to[1 + m->n + k] = tau[m->member[k]];
  }
  BVL_TRY(bvl_bcast(bvl_group_comm(m), 0, at->state, at->n * stride));
  for (int64_t a = 0; a < at->n; a++) {
    const double *from = at->state + a * stride;
    double *tau = bvl_group_tau(m, at->q[a]);
    what[a] = (action)from[0];
    memcpy(m->z + at->q[a] * m->n, from + 1, (size_t)m->n * sizeof *from);
    for (int64_t k = 0; k < m->n_members; k++) tau[m->member[k]] = from[1 + m->n + k];
  }
cleanup:
  return status;
}

/* Rank 0 judges every lane and, when none asks for a new matrix, steps those
 * that go on; everyone hears. Lanes that are finished leave. *slow = a lane
 * whose point the matrix should be made at. */
static bvl_status advance(bvl_group_model *m, bvl_group_lanes *at, int64_t *slow)
{
  bvl_status status = BVL_OK;
  bvl_status step = BVL_OK;
  action what[BVL_GROUP_BATCH] = {STEP};
  int64_t kept = 0;
  *slow = -1;
  if (bvl_group_is_root(m)) {
    int any_slow = 0;
    for (int64_t a = 0; a < at->n; a++) what[a] = decide(m, at, a);
    for (int64_t a = 0; a < at->n; a++) any_slow |= what[a] == SLOW_STEP;
    if (!any_slow) step = take_step(m, at, what); /* a finished lane only gets better */
    for (int64_t a = 0; a < at->n; a++)
      if (what[a] == GO_BACK) go_back(m, at, at->q[a]);
    if (step != BVL_OK) what[0] = FAILED;
  }
  BVL_TRY(share(m, at, what));
  if (what[0] == FAILED) BVL_TRY(bvl_agree(bvl_group_comm(m), step));
  for (int64_t a = 0; a < at->n; a++) {
    const int64_t q = at->q[a];
    at->solved[q] = what[a] == DONE;
    if (what[a] == DONE || what[a] == GIVE_UP) continue;
    if (what[a] == SLOW_STEP) *slow = kept;
    at->q[kept++] = q;
  }
  at->n = kept;
cleanup:
  return status;
}

/* The last residuals are no measure of the next step: the point or the matrix is another. */
static void restart(bvl_group_model *m, bvl_group_lanes *at)
{
  for (int64_t q = 0; q < BVL_GROUP_BATCH; q++) {
    at->residual[q] = INFINITY;
    bvl_anderson_reset(&m->anderson[q]);
  }
}

/* All lanes, from where z and tau stand, until none is left. */
bvl_status bvl_group_solve_lanes(bvl_group_model *m, bvl_group_lanes *at)
{
  bvl_status status = BVL_OK;
  restart(m, at);
  for (int64_t a = 0; a < at->n; a++) at->solved[at->q[a]] = 0;
  while (at->n > 0) {
    int64_t slow = -1;
    int ok = 1;
    BVL_TRY(evaluate(m, at));
    BVL_TRY(advance(m, at, &slow));
    if (slow < 0) continue;
    if (at->refreshes++ >= MAX_REFRESHES) break;
    BVL_TRY(bvl_group_refresh(m, at, slow, &ok));
    if (!ok) break;
    restart(m, at);
  }
cleanup:
  return status;
}
