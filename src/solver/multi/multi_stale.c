/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton steps of several right-hand sides at an earlier matrix. */
#include "solver/multi/multi_stale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "kernels/kernels.h"
#include "penalty/penalty.h"
#include "solver/multi/multi_newton.h"

/* Blocks at 0 whose ||V|| is at least this part of their target are in M: those that may enter in
 * the next few lambdas. */
static const double NEAR = 0.8;

/* A step that leaves more than this of the residual is a poor one. */
static const double POOR = 0.5;
enum { MAX_POOR = 3 };

void bvl_multi_stale_free(bvl_multi_stale *t)
{
  double *doubles[] = {t->M,  t->H,   t->W,    t->F, t->MF, t->U,       t->x,      t->c,
                       t->lw, t->tau, t->wide, t->z, t->f,  t->past[0], t->past[1]};
  int64_t *integers[] = {t->row, t->own, t->block, t->member};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  for (size_t k = 0; k < sizeof integers / sizeof *integers; k++) free(integers[k]);
  bvl_active_newton_free(&t->quadratic);
  bvl_anderson_free(&t->anderson);
  *t = (bvl_multi_stale){0};
}

/* A number in proportion to lambda, 0 where nothing is penalised. */
static double level_of(const bvl_multi_quadratic *q)
{
  for (int64_t g = q->n_free; g < q->n_blocks; g++)
    if (q->target[g] < INFINITY) return q->target[g];
  return 0;
}

/* ---- the matrix ------------------------------------------------------------------------------ */

static double v_norm(const bvl_multi_newton *s, const bvl_multi_quadratic *q, int64_t g)
{
  return bvl_block_norm((q->begin[g + 1] - q->begin[g]) * q->K, s->V + q->begin[g] * q->K);
}

/* Which blocks, and their rows. */
static bvl_status choose_members(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  bvl_status status = BVL_OK;
  bvl_multi_stale *t = &s->stale;
  int64_t room = t->room[0];
  t->n = t->m = 0;
  BVL_TRY(BVL_GROW(&t->row, &room, q->d));
  room = t->room[0];
  BVL_TRY(BVL_GROW(&t->own, &room, q->d));
  t->room[0] = room;
  room = t->room[1];
  BVL_TRY(BVL_GROW(&t->block, &room, q->n_blocks));
  room = t->room[1];
  BVL_TRY(BVL_GROW(&t->member, &room, q->n_blocks));
  t->room[1] = room;
  t->n_known = q->n_blocks;
  for (int64_t g = 0; g < q->n_blocks; g++) {
    const int in = g >= q->n_free && q->target[g] < INFINITY &&
                   (s->tau[g] > 0 || v_norm(s, q, g) >= NEAR * q->target[g]);
    t->member[g] = in ? t->m : -1;
    if (!in) continue;
    for (int64_t j = q->begin[g]; j < q->begin[g + 1]; j++) {
      t->own[t->n] = t->m;
      t->row[t->n++] = j;
    }
    t->block[t->m++] = g;
  }
cleanup:
  return status;
}

static bvl_status reserve(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  bvl_status status = BVL_OK;
  bvl_multi_stale *t = &s->stale;
  BVL_TRY(BVL_GROW(&t->M, &t->room[2], t->n * t->n));
  BVL_TRY(BVL_GROW(&t->H, &t->room[3], t->m * t->m));
  BVL_TRY(BVL_GROW(&t->W, &t->room[4], s->n_rows * t->n));
  BVL_TRY(BVL_GROW(&t->F, &t->room[5], t->n * q->K));
  BVL_TRY(BVL_GROW(&t->MF, &t->room[6], t->n * q->K));
  BVL_TRY(BVL_GROW(&t->U, &t->room[7], t->n * q->K));
  BVL_TRY(BVL_GROW(&t->wide, &t->room[12], 2 * t->n * q->K));
  BVL_TRY(BVL_GROW(&t->z, &t->room[13], t->m + t->n * q->K));
  BVL_TRY(BVL_GROW(&t->f, &t->room[14], t->m + t->n * q->K));
  BVL_TRY(BVL_GROW(&t->x, &t->room[8], t->m));
  BVL_TRY(BVL_GROW(&t->c, &t->room[9], t->m));
  BVL_TRY(BVL_GROW(&t->lw, &t->room[10], t->m));
  BVL_TRY(BVL_GROW(&t->tau, &t->room[11], t->m));
cleanup:
  return status;
}

/* An entry of G + ridge without the free rows' part. */
static double entry(const bvl_multi_newton *s, const bvl_multi_quadratic *q, int64_t j, int64_t l,
                    double ridge)
{
  return bvl_multi_newton_entry(s, q, j, l) + (j == l ? ridge : 0);
}

static void make_M(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  bvl_multi_stale *t = &s->stale;
  const int64_t a = s->n_rows;
  const int64_t n = t->n;
  for (int64_t l = 0; l < n; l++) {
    const double ridge = q->ridge[t->block[t->own[l]]];
    for (int64_t j = l; j < n; j++) t->M[j + l * n] = entry(s, q, t->row[j], t->row[l], ridge);
    for (int64_t i = 0; i < a; i++)
      t->W[i + l * a] = s->root[i] * entry(s, q, s->row[i], t->row[l], ridge);
  }
  if (a > 0) {
    cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)a, (int)n, 1,
                s->S, (int)a, t->W, (int)a);
    cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, (int)n, (int)a, -1, t->W, (int)a, 1, t->M,
                (int)n);
  }
  for (int64_t l = 0; l < n; l++)
    for (int64_t j = l + 1; j < n; j++) t->M[l + j * n] = t->M[j + l * n];
}

/* U (of member rows) <- V~ / ||V~_g||, x <- tau ||V~||, c <- ||V~|| of each block. */
static void normalise(bvl_multi_newton *s, const bvl_multi_quadratic *q, const double *B)
{
  bvl_multi_stale *t = &s->stale;
  const int64_t K = q->K;
  memset(t->c, 0, (size_t)t->m * sizeof *t->c);
  for (int64_t j = 0; j < t->n; j++) {
    const double ridge = q->ridge[t->block[t->own[j]]];
    const double *v = s->V + t->row[j] * K;
    const double *b = B + t->row[j] * K;
    for (int64_t k = 0; k < K; k++) t->U[j * K + k] = v[k] - ridge * b[k];
    const double norm = bvl_block_norm(K, t->U + j * K);
    t->c[t->own[j]] += norm * norm;
  }
  for (int64_t g = 0; g < t->m; g++) {
    t->c[g] = sqrt(t->c[g]);
    t->x[g] = s->tau[t->block[g]] * t->c[g];
  }
  for (int64_t j = 0; j < t->n; j++)
    for (int64_t k = 0; k < K; k++) t->U[j * K + k] /= fmax(t->c[t->own[j]], 1e-300);
}

static void make_H(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  bvl_multi_stale *t = &s->stale;
  const int64_t K = q->K;
  const int64_t n = t->n;
  const int64_t m = t->m;
  memset(t->H, 0, (size_t)(m * m) * sizeof *t->H);
  for (int64_t l = 0; l < n; l++)
    for (int64_t j = l; j < n; j++) {
      double product = 0;
      for (int64_t k = 0; k < K; k++) product += t->U[j * K + k] * t->U[l * K + k];
      product *= t->M[j + l * n];
      t->H[t->own[j] + t->own[l] * m] += product;
      if (j != l) t->H[t->own[l] + t->own[j] * m] += product;
    }
}

bvl_status bvl_multi_stale_refresh(bvl_multi_newton *s, const bvl_multi_quadratic *q,
                                   const double *B)
{
  bvl_status status = BVL_OK;
  BVL_TRY(choose_members(s, q));
  BVL_TRY(reserve(s, q));
  make_M(s, q);
  normalise(s, q, B);
  make_H(s, q);
  for (int64_t g = 0; g < s->stale.m; g++) s->stale.tau[g] = s->tau[s->stale.block[g]];
  s->stale.is_started = 0;
  s->stale.level_M = level_of(q);
cleanup:
  if (status != BVL_OK) s->stale.n = 0;
  return status;
}

/* ---- a step ---------------------------------------------------------------------------------- */

/* The largest violation of the stationarity conditions, INFINITY where a block outside M has one.
 */
static double violation(const bvl_multi_newton *s, const bvl_multi_quadratic *q, double tol,
                        const double *B)
{
  double worst = 0;
  for (int64_t g = q->n_free; g < q->n_blocks; g++) {
    const int64_t begin = q->begin[g] * q->K;
    const int64_t length = q->begin[g + 1] * q->K - begin;
    const double t = bvl_block_norm(length, B + begin);
    double here = 0;
    if (t > 0) {
      const double pull = q->target[g] / t + q->ridge[g];
      for (int64_t e = begin; e < begin + length; e++)
        here += (s->V[e] - pull * B[e]) * (s->V[e] - pull * B[e]);
      here = sqrt(here);
    } else if (q->target[g] < INFINITY) {
      here = v_norm(s, q, g) - q->target[g];
      if (here > tol && (g >= s->stale.n_known || s->stale.member[g] < 0)) return INFINITY;
    }
    if (!(here < INFINITY)) return INFINITY; /* a NaN too */
    worst = fmax(worst, here);
  }
  return worst;
}

/* out <- M A (n x K each), M read once for all K. */
static void multiply_M(const bvl_multi_stale *t, int64_t K, const double *A, double *out)
{
  const int64_t n = t->n;
  double *a = t->wide;
  double *product = t->wide + n * K;
  for (int64_t j = 0; j < n; j++)
    for (int64_t k = 0; k < K; k++) a[j + k * n] = A[j * K + k];
  memset(product, 0, (size_t)(n * K) * sizeof *product);
  bvl_kernels_get()->dense_forward[BVL_F64](t->M, n, n, n, NULL, K, a, n, product, n, 0, NULL);
  for (int64_t j = 0; j < n; j++)
    for (int64_t k = 0; k < K; k++) out[j * K + k] = product[j + k * n];
}

/* x <- argmin over x >= 0 of x'Hx / 2 - c'x, from x. */
static bvl_status solve_nonnegative(bvl_multi_stale *t, double tol)
{
  bvl_active_outcome outcome;
  bvl_status status = BVL_OK;
  double W = 0;
  for (int64_t g = 0; g < t->m; g++) W = fmax(W, fabs(t->c[g]));
  W = 2 * W + 1e-300;
  for (int64_t g = 0; g < t->m; g++) { /* an l1 term that nothing negative is worth */
    t->lw[g] = W;
    t->c[g] += W;
  }
  const bvl_lasso p = {.d = t->m, .G = t->H, .ld = t->m, .c = t->c, .lw = t->lw};
  BVL_TRY(t->is_started ? bvl_active_newton_widen(&t->quadratic, &p) /* takes in another c */
                        : bvl_active_newton_start(&t->quadratic, &p, t->x));
  t->is_started = 1;
  BVL_TRY(bvl_active_newton_solve(&t->quadratic, &p, tol, 200, &outcome));
  for (int64_t g = 0; g < t->m; g++) t->x[g] = fmax(t->quadratic.b[g], 0);
cleanup:
  return status;
}

/* B <- B + F and x as they are, from old_x, or where the same blocks stay active what a few such
 * steps before tell. */
static bvl_status accelerate(bvl_multi_newton *s, const bvl_multi_quadratic *q, const double *old_x,
                             double *B)
{
  bvl_status status = BVL_OK;
  bvl_multi_stale *t = &s->stale;
  const int64_t K = q->K;
  double *z_rows = t->z + t->m;
  double *f_rows = t->f + t->m;
  for (int64_t g = 0; g < t->m; g++) {
    if ((t->x[g] > 0) != (old_x[g] > 0)) bvl_anderson_reset(&t->anderson);
    t->z[g] = old_x[g];
    t->f[g] = t->x[g] - old_x[g];
  }
  for (int64_t j = 0; j < t->n; j++)
    for (int64_t k = 0; k < K; k++) {
      const double b = B[t->row[j] * K + k];
      z_rows[j * K + k] = b;
      f_rows[j * K + k] = t->x[t->own[j]] > 0 ? t->F[j * K + k] : -b;
    }
  BVL_TRY(bvl_anderson_step(&t->anderson, t->m + t->n * K, t->m + t->n * K, NULL, t->z, t->f));
  for (int64_t g = 0; g < t->m; g++) t->x[g] = t->x[g] > 0 ? fmax(t->z[g] + t->f[g], 0) : 0;
  for (int64_t j = 0; j < t->n; j++)
    for (int64_t k = 0; k < K; k++)
      B[t->row[j] * K + k] = t->x[t->own[j]] > 0 ? z_rows[j * K + k] + f_rows[j * K + k] : 0;
cleanup:
  return status;
}

/* From V, tau, B to the next tau and B. */
static bvl_status step(bvl_multi_newton *s, const bvl_multi_quadratic *q, double tol, double *B)
{
  bvl_multi_stale *t = &s->stale;
  const int64_t K = q->K;
  bvl_status status = BVL_OK;
  double *norm = s->norm; /* by block */
  normalise(s, q, B);
  for (int64_t g = 0; g < t->m; g++) norm[t->block[g]] = t->c[g];
  for (int64_t j = 0; j < t->n; j++)
    for (int64_t k = 0; k < K; k++)
      t->F[j * K + k] = B[t->row[j] * K + k] - t->x[t->own[j]] * t->U[j * K + k];
  multiply_M(t, K, t->F, t->MF);
  for (int64_t g = 0; g < t->m; g++) {
    const double target = q->target[t->block[g]];
    t->c[g] = (t->c[g] - target) * (t->c[g] / target); /* secular: 1 / ||V~|| is what is linear */
  }
  for (int64_t j = 0; j < t->n; j++)
    for (int64_t k = 0; k < K; k++) t->c[t->own[j]] += t->U[j * K + k] * t->MF[j * K + k];
  cblas_dgemv(CblasColMajor, CblasNoTrans, (int)t->m, (int)t->m, 1, t->H, (int)t->m, t->x, 1, 1,
              t->c, 1);
  for (int64_t g = 0; g < t->m; g++) s->old_tau[g] = t->x[g];
  BVL_TRY(solve_nonnegative(t, 1e-2 * tol));
  for (int64_t j = 0; j < t->n; j++) {
    const double dx = t->x[t->own[j]] - s->old_tau[t->own[j]];
    for (int64_t k = 0; k < K; k++) t->F[j * K + k] = dx * t->U[j * K + k] - t->F[j * K + k];
  }
  multiply_M(t, K, t->F, t->MF);
  for (int64_t j = 0; j < t->n; j++)
    for (int64_t k = 0; k < K; k++) t->F[j * K + k] -= t->tau[t->own[j]] * t->MF[j * K + k];
  BVL_TRY(accelerate(s, q, s->old_tau, B));
  for (int64_t g = 0; g < t->m; g++)
    s->tau[t->block[g]] = t->x[g] / fmax(norm[t->block[g]], 1e-300);
cleanup:
  return status;
}

bvl_status bvl_multi_stale_keep(bvl_multi_newton *s, const bvl_multi_quadratic *q, const double *B)
{
  bvl_multi_stale *t = &s->stale;
  double *oldest = t->past[1];
  const int64_t room = t->past_room[1];
  t->past[1] = t->past[0];
  t->past_room[1] = t->past_room[0];
  t->level[1] = t->level[0];
  t->d_past[1] = t->d_past[0];
  t->past[0] = oldest;
  t->past_room[0] = room;
  t->d_past[0] = 0;
  bvl_status status = BVL_GROW(&t->past[0], &t->past_room[0], q->d * q->K);
  if (status != BVL_OK) return status;
  memcpy(t->past[0], B, (size_t)(q->d * q->K) * sizeof *B);
  t->level[0] = level_of(q);
  t->d_past[0] = q->d;
  return BVL_OK;
}

/* How far beyond the newest solution, in units of the way between the two; 0 where that says
 * nothing. */
static double reach(const bvl_multi_stale *t, const bvl_multi_quadratic *q)
{
  const double way = t->level[1] - t->level[0];
  if (t->d_past[1] == 0 || way == 0) return 0;
  const double ratio = (t->level[0] - level_of(q)) / way;
  return fabs(ratio) <= 2 ? ratio : 0;
}

void bvl_multi_stale_start(bvl_multi_newton *s, const bvl_multi_quadratic *q, double *B)
{
  const bvl_multi_stale *t = &s->stale;
  const double ratio = reach(t, q);
  memset(B, 0, (size_t)(q->d * q->K) * sizeof *B);
  memcpy(B, t->past[0], (size_t)(bvl_lesser(t->d_past[0], q->d) * q->K) * sizeof *B);
  for (int64_t g = q->n_free; g < q->n_blocks; g++) {
    const int64_t begin = q->begin[g] * q->K;
    const int64_t length = q->begin[g + 1] * q->K - begin;
    const int both = ratio != 0 && q->begin[g + 1] <= bvl_lesser(t->d_past[0], t->d_past[1]) &&
                     bvl_block_norm(length, B + begin) > 0 &&
                     bvl_block_norm(length, t->past[1] + begin) > 0;
    for (int64_t e = begin; both && e < begin + length; e++) B[e] += ratio * (B[e] - t->past[1][e]);
    s->tau[g] = q->target[g] < INFINITY ? bvl_block_norm(length, B + begin) / q->target[g] : 0;
    if (s->tau[g] == 0) memset(B + begin, 0, (size_t)length * sizeof *B);
  }
}

bvl_status bvl_multi_stale_solve(bvl_multi_newton *s, const bvl_multi_quadratic *q, double tol,
                                 int64_t max_steps, double *B, int64_t *steps, int *solved)
{
  bvl_status status = BVL_OK;
  double before = INFINITY;
  double best = INFINITY;
  double *best_tau = s->step; /* n_blocks, of no use to others between steps */
  int poor = 0;
  *solved = 0;
  /* far from the lambda of M it is of no use, and its quadratic may be endless */
  if (s->stale.n == 0 || !(level_of(q) > 0.5 * s->stale.level_M)) return BVL_OK;
  bvl_anderson_reset(&s->stale.anderson);
  for (;;) {
    BVL_TRY(bvl_multi_newton_residual(s, q, B));
    const double left = violation(s, q, tol, B);
    *solved = left <= tol;
    if (left < best) {
      best = left;
      memcpy(best_tau, s->tau, (size_t)q->n_blocks * sizeof *best_tau);
    }
    if (*solved || *steps >= max_steps || !(left < INFINITY)) break;
    if (bvl_watch_is_over(q->watch)) break;
    poor += !(left <= POOR * before);
    if (poor >= MAX_POOR || left > 10 * before) break;
    before = left;
    BVL_TRY(step(s, q, tol, B));
    ++*steps;
  }
  if (!*solved && best < INFINITY) memcpy(s->tau, best_tau, (size_t)q->n_blocks * sizeof *best_tau);
cleanup:
  return status;
}
