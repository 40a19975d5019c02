/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is at 0, one step of either kind, and the search along it. */
#include "solver/multi/class_newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "penalty/penalty.h"

enum { MAX_HALVINGS = 30, MAX_PRODUCTS = 200, MAX_LEAVING = 10 };

/* Part of the slope that a step must bring, and of the objective that rounding may hide. */
static const double ARMIJO = 1e-4, ROUNDING = 1e-14;

void bvl_class_newton_free(bvl_class_newton *s)
{
  double *doubles[] = {s->B,  s->V, s->trial, s->trial_V, s->step, s->g,     s->z,      s->q,
                       s->Hq, s->u, s->g0,    s->size,    s->bend, s->ridge, s->moment, s->spread};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  free(s->row);
  free(s->block);
  free(s->leaves);
  bvl_class_factor_free(&s->factor);
  *s = (bvl_class_newton){0};
}

static bvl_status reserve(bvl_class_newton *s)
{
  bvl_status status = BVL_OK;
  double **wide[] = {&s->B, &s->V, &s->trial, &s->trial_V, &s->step, &s->g,
                     &s->z, &s->q, &s->Hq,    &s->u,       &s->g0};
  double **narrow[] = {&s->size, &s->bend, &s->ridge, &s->moment, &s->spread};
  int64_t room = s->wide_capacity;
  for (size_t k = 0; k < sizeof wide / sizeof *wide; k++) {
    room = s->wide_capacity;
    BVL_TRY(BVL_GROW(wide[k], &room, s->d * s->K));
  }
  s->wide_capacity = room;
  for (size_t k = 0; k < sizeof narrow / sizeof *narrow; k++) {
    room = s->capacity;
    BVL_TRY(BVL_GROW(narrow[k], &room, s->d + s->K));
  }
  room = s->capacity;
  BVL_TRY(BVL_GROW(&s->row, &room, s->d + s->K));
  room = s->capacity;
  BVL_TRY(BVL_GROW(&s->block, &room, s->d + s->K));
  room = s->capacity;
  BVL_TRY(BVL_GROW(&s->leaves, &room, s->d + s->K));
  s->capacity = room;
cleanup:
  return status;
}

bvl_status bvl_class_newton_open(bvl_class_newton *s, bvl_class_work *work, const double *B,
                                 int renumbered)
{
  s->work = work;
  s->d = work->set->d;
  s->K = work->K;
  bvl_status status = reserve(s);
  if (status != BVL_OK) return status;
  if (renumbered) bvl_class_factor_forget(&s->factor);
  memcpy(s->B, B, (size_t)(s->d * s->K) * sizeof *B);
  return bvl_class_work_evaluate(work, s->B, s->V, &s->loss);
}

/* ---- the point ------------------------------------------------------------------------------ */

static int64_t block_begin(const bvl_class_newton *s, const bvl_class_problem *p, int64_t g)
{
  return p->begin[g] * s->K;
}

static int64_t block_len(const bvl_class_newton *s, const bvl_class_problem *p, int64_t g)
{
  return (p->begin[g + 1] - p->begin[g]) * s->K;
}

/* The penalty at B. */
static double penalty_of(const bvl_class_newton *s, const bvl_class_problem *p, const double *B)
{
  double sum = 0;
  for (int64_t g = p->n_free; g < p->n_blocks; g++) {
    const double t = bvl_block_norm(block_len(s, p, g), B + block_begin(s, p, g));
    if (t > 0 || isnan(t)) sum += p->target[g] * t + p->ridge[g] * t * t / 2;
  }
  return sum;
}

/* s->size, and the largest violation of stationarity; *outside <- that of blocks at 0 alone. */
static double worst(bvl_class_newton *s, const bvl_class_problem *p, double *outside)
{
  double largest = 0;
  *outside = 0;
  for (int64_t g = 0; g < p->n_blocks; g++) {
    const int64_t m = block_len(s, p, g);
    const double *B = s->B + block_begin(s, p, g);
    const double *V = s->V + block_begin(s, p, g);
    s->size[g] = bvl_block_norm(m, B);
    if (g >= p->n_free && s->size[g] == 0) {
      *outside = fmax(*outside, bvl_block_norm(m, V) - p->target[g]);
      continue;
    }
    const double per = g < p->n_free ? 0 : p->target[g] / s->size[g] + p->ridge[g];
    double sum = 0;
    for (int64_t e = 0; e < m; e++) sum += (per * B[e] - V[e]) * (per * B[e] - V[e]);
    largest = fmax(largest, sqrt(sum));
  }
  return fmax(largest, *outside);
}

/* Evaluates the trial; takes it if the objective came down by `wanted` at least. */
static bvl_status take(bvl_class_newton *s, const bvl_class_problem *p, double wanted, int *moved,
                       bvl_class_outcome *outcome)
{
  double loss = 0;
  const double before = s->loss + penalty_of(s, p, s->B);
  const bvl_status status = bvl_class_work_evaluate(s->work, s->trial, s->trial_V, &loss);
  const double after = loss + penalty_of(s, p, s->trial);
  outcome->evaluations++;
  *moved = status == BVL_OK && after <= before - wanted + ROUNDING * fabs(before);
  if (!*moved) return status;
  double *old = s->B;
  s->B = s->trial;
  s->trial = old;
  old = s->V;
  s->V = s->trial_V;
  s->trial_V = old;
  s->loss = loss;
  return status;
}

/* ---- the first-order step ------------------------------------------------------------------- */

/* Trial <- B after a proximal step of every block, or with `entering` of those at 0 alone, t times
 * as long as each could take by itself: the curvature diag(mu) - mu mu' is 1/2 at most. */
static void step_prox(bvl_class_newton *s, const bvl_class_problem *p, int entering, double t)
{
  memcpy(s->trial, s->B, (size_t)(s->d * s->K) * sizeof *s->B);
  for (int64_t g = 0; g < p->n_blocks; g++) {
    const int64_t m = block_len(s, p, g);
    const double *V = s->V + block_begin(s, p, g);
    double *z = s->trial + block_begin(s, p, g);
    double moment = 0;
    if (entering && (g < p->n_free || s->size[g] > 0)) continue;
    for (int64_t j = p->begin[g]; j < p->begin[g + 1]; j++) moment += s->work->moment[j];
    if (!(moment > 0)) continue; /* no column: nothing it could do */
    const double rho = moment / 2 / t;
    for (int64_t e = 0; e < m; e++) z[e] += V[e] / rho;
    if (g < p->n_free) continue;
    const double norm = bvl_block_norm(m, z);
    const double left = fmax(norm - p->target[g] / rho, 0) / (1 + p->ridge[g] / rho);
    for (int64_t e = 0; e < m; e++) z[e] *= norm > 0 ? left / norm : 0;
  }
}

static bvl_status first_order(bvl_class_newton *s, const bvl_class_problem *p, int entering,
                              int *moved, bvl_class_outcome *outcome)
{
  double t = 1;
  *moved = 0;
  for (int halving = 0; halving < MAX_HALVINGS && !*moved; halving++, t /= 2) {
    step_prox(s, p, entering, t);
    const bvl_status status = take(s, p, 0, moved, outcome);
    if (status != BVL_OK) return status;
  }
  return BVL_OK;
}

/* ---- Newton's step -------------------------------------------------------------------------- */

/* The rows of the system, and minus the gradient there. */
static bvl_class_rows list_rows(bvl_class_newton *s, const bvl_class_problem *p)
{
  const int64_t K = s->K;
  int64_t n = 0;
  for (int64_t g = 0; g < p->n_blocks; g++) {
    const int is_free = g < p->n_free;
    if (!is_free && s->size[g] == 0) continue;
    const double bend = is_free ? 0 : p->target[g] / s->size[g];
    for (int64_t j = p->begin[g]; j < p->begin[g + 1]; j++, n++) {
      s->row[n] = j;
      s->block[n] = g;
      s->bend[n] = bend;
      s->ridge[n] = is_free ? 0 : p->ridge[g];
      s->moment[n] = s->work->moment[j];
      for (int64_t k = 0; k < K; k++) {
        const double b = s->B[j * K + k];
        s->u[n * K + k] = is_free ? 0 : b / s->size[g];
        s->g[n * K + k] = s->V[j * K + k] - (bend + s->ridge[n]) * (is_free ? 0 : b);
      }
    }
  }
  return (bvl_class_rows){.n = n,
                          .n_free = p->n_free,
                          .K = K,
                          .row = s->row,
                          .block = s->block,
                          .u = s->u,
                          .bend = s->bend,
                          .ridge = s->ridge,
                          .moment = s->moment,
                          .spread = s->spread};
}

/* out += the penalty's curvature times x. */
static void add_penalty(const bvl_class_rows *rows, const double *x, double *out)
{
  const int64_t K = rows->K;
  for (int64_t a = 0, end; a < rows->n; a = end) {
    double along = 0;
    for (end = a; end < rows->n && rows->block[end] == rows->block[a]; end++)
      for (int64_t e = end * K; e < (end + 1) * K; e++) along += rows->u[e] * x[e];
    const double level = rows->bend[a] + rows->ridge[a];
    for (int64_t e = a * K; e < end * K; e++)
      out[e] += level * x[e] - rows->bend[a] * along * rows->u[e];
  }
}

static void mask(const bvl_class_newton *s, const bvl_class_rows *rows, double *x)
{
  for (int64_t a = 0; a < rows->n; a++)
    if (s->leaves[a]) memset(x + a * rows->K, 0, (size_t)rows->K * sizeof *x);
}

/* Conjugate gradients from the step there is, whose residual is s->g, in rows that do not leave,
 * until the residual is at most `goal`. */
static bvl_status solve_system(bvl_class_newton *s, const bvl_class_rows *rows, double goal,
                               bvl_class_outcome *outcome)
{
  const int n = (int)(rows->n * rows->K);
  const double start = cblas_dnrm2(n, s->g, 1);
  int64_t iterations = 0;
  double rz = 0;
  double left = start;
  while (left > goal && iterations < MAX_PRODUCTS) {
    const double before = rz;
    bvl_class_factor_apply(&s->factor, rows, s->g, s->z);
    mask(s, rows, s->z);
    rz = cblas_ddot(n, s->g, 1, s->z, 1);
    if (!(rz > 0)) break;
    for (int e = 0; e < n; e++) s->q[e] = s->z[e] + (iterations > 0 ? rz / before * s->q[e] : 0);
    const bvl_status status = bvl_class_work_product(s->work, s->q, s->Hq);
    if (status != BVL_OK) return status;
    add_penalty(rows, s->q, s->Hq);
    mask(s, rows, s->Hq);
    const double curvature = cblas_ddot(n, s->q, 1, s->Hq, 1);
    if (!(curvature > 0)) break;
    cblas_daxpy(n, rz / curvature, s->q, 1, s->step, 1);
    cblas_daxpy(n, -rz / curvature, s->Hq, 1, s->g, 1);
    left = cblas_dnrm2(n, s->g, 1);
    iterations++;
  }
  outcome->products += iterations;
  if (iterations > 0)
    bvl_class_factor_note(&s->factor, iterations, log10(start / fmax(left, 1e-300)));
  return BVL_OK;
}

/* Blocks that the step would turn round are to end at 0 exactly. How many new ones there are. */
static int64_t find_leaving(bvl_class_newton *s, const bvl_class_rows *rows)
{
  const int64_t K = rows->K;
  int64_t found = 0;
  for (int64_t a = rows->n_free, end; a < rows->n; a = end) {
    double along = 0;
    for (end = a; end < rows->n && rows->block[end] == rows->block[a]; end++)
      for (int64_t k = 0; k < K; k++) {
        const double b = s->B[rows->row[end] * K + k];
        along += b * (b + s->step[end * K + k]);
      }
    if (s->leaves[a] || along > 0 || isnan(along)) continue;
    found++;
    for (int64_t row = a; row < end; row++) {
      s->leaves[row] = 1;
      for (int64_t k = 0; k < K; k++) s->step[row * K + k] = -s->B[rows->row[row] * K + k];
    }
  }
  return found;
}

/* The step: Newton's, then with the blocks that leave where they go, that of the rest. */
static bvl_status find_step(bvl_class_newton *s, const bvl_class_rows *rows, double part,
                            bvl_class_outcome *outcome)
{
  bvl_status status = BVL_OK;
  const int n = (int)(rows->n * rows->K);
  const double goal = part * cblas_dnrm2(n, s->g, 1);
  memcpy(s->g0, s->g, (size_t)n * sizeof *s->g);
  memset(s->step, 0, (size_t)n * sizeof *s->step);
  memset(s->leaves, 0, (size_t)rows->n);
  BVL_TRY(solve_system(s, rows, goal, outcome));
  for (int round = 0; round < MAX_LEAVING && find_leaving(s, rows) > 0; round++) {
    BVL_TRY(bvl_class_work_product(s->work, s->step, s->Hq));
    outcome->products++;
    add_penalty(rows, s->step, s->Hq);
    for (int e = 0; e < n; e++) s->g[e] = s->g0[e] - s->Hq[e];
    mask(s, rows, s->g);
    BVL_TRY(solve_system(s, rows, goal, outcome));
  }
cleanup:
  return status;
}

/* Classes of a free row have mean 0: nothing depends on it. */
static void centre_free(bvl_class_newton *s, const bvl_class_rows *rows)
{
  for (int64_t a = 0; a < rows->n_free; a++) {
    double mean = 0;
    for (int64_t k = 0; k < rows->K; k++) mean += s->step[a * rows->K + k] / (double)rows->K;
    for (int64_t k = 0; k < rows->K; k++) s->step[a * rows->K + k] -= mean;
  }
}

/* Trial <- B + t step; a block that this turns round is 0. */
static void move(bvl_class_newton *s, const bvl_class_rows *rows, double t)
{
  const int64_t K = rows->K;
  memcpy(s->trial, s->B, (size_t)(s->d * K) * sizeof *s->B);
  for (int64_t a = 0, end; a < rows->n; a = end) {
    double along = 0;
    for (end = a; end < rows->n && rows->block[end] == rows->block[a]; end++)
      for (int64_t k = 0; k < K; k++) {
        const int64_t e = rows->row[end] * K + k;
        s->trial[e] += t * s->step[end * K + k];
        along += s->trial[e] * s->B[e];
      }
    if (a < rows->n_free || along > 0 || isnan(along)) continue;
    memset(s->trial + rows->row[a] * K, 0, (size_t)((end - a) * K) * sizeof *s->trial);
  }
}

static bvl_status newton(bvl_class_newton *s, const bvl_class_problem *p, double residual,
                         int *moved, bvl_class_outcome *outcome)
{
  bvl_status status = BVL_OK;
  const bvl_class_rows rows = list_rows(s, p);
  const int64_t length = rows.n * rows.K;
  double slope = 0;
  double t = 1;
  double part = fmin(0.1, sqrt(residual / p->unit));
  *moved = 0;
  if (rows.n == 0) return BVL_OK;
  part = fmax(part, fmin(0.1, 0.2 * p->tol / residual)); /* no more than is asked for */
  BVL_TRY(bvl_class_work_linearise(s->work, rows.n, rows.row, s->spread));
  BVL_TRY(bvl_class_factor_open(&s->factor, s->work, &rows));
  BVL_TRY(find_step(s, &rows, part, outcome));
  centre_free(s, &rows);
  for (int64_t e = 0; e < length; e++) slope += s->g0[e] * s->step[e];
  for (int halving = 0; halving < MAX_HALVINGS && !*moved && slope > 0; halving++, t /= 2) {
    move(s, &rows, t);
    BVL_TRY(take(s, p, ARMIJO * t * slope, moved, outcome));
  }
cleanup:
  return status;
}

/* ---- the solve ------------------------------------------------------------------------------ */

bvl_status bvl_class_newton_solve(bvl_class_newton *s, const bvl_class_problem *p,
                                  bvl_class_outcome *outcome)
{
  bvl_status status = BVL_OK;
  *outcome = (bvl_class_outcome){0};
  while (outcome->evaluations < p->max_steps && !bvl_watch_is_over(p->watch)) {
    double outside = 0;
    int moved = 0;
    double residual = worst(s, p, &outside);
    if (residual <= p->tol) {
      outcome->solved = 1;
      break;
    }
    if (outside > p->tol) {
      BVL_TRY(first_order(s, p, 1, &moved, outcome));
      residual = worst(s, p, &outside);
    }
    BVL_TRY(newton(s, p, residual, &moved, outcome));
    if (!moved) BVL_TRY(first_order(s, p, 0, &moved, outcome));
    if (!moved) break; /* at rounding, or what X beta gives is no number */
  }
cleanup:
  return status;
}
