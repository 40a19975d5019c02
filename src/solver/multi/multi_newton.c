/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton in one unknown a block of rows: elimination of the free rows, one evaluation, one step
 * with the blocks that leave, and the search for blocks that enter. */
#include "solver/multi/multi_newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/lapack.h"
#include "kernels/kernels.h"
#include "penalty/penalty.h"

enum { MAX_HALVINGS = 4, MAX_LEAVING = 20 };

/* Part of the diagonal added where a matrix is singular to rounding: dependent columns. */
static const double RIDGE = 1e-13;

/* Of a step where Newton's does not descend, in units of the diagonal. */
static const double LEAST_DAMPING = 1e-4, MOST_DAMPING = 1e2, DAMPING_GROWS = 100;

void bvl_multi_newton_free(bvl_multi_newton *s)
{
  double *doubles[] = {s->tau,  s->old_tau,     s->norm, s->rhs,    s->step, s->x,
                       s->root, s->Y,           s->E,    s->V,      s->S,    s->H,
                       s->A,    s->free_factor, s->P,    s->free_C, s->wide};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  free(s->active);
  free(s->is_active);
  free(s->leaves);
  free(s->row);
  free(s->own);
  bvl_multi_stale_free(&s->stale);
  *s = (bvl_multi_newton){0};
}

static bvl_status reserve(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  bvl_status status = BVL_OK;
  int limit = 0;
  BVL_TRY(bvl_to_int(bvl_greater(q->d, q->K), &limit)); /* every BLAS size below fits */
  BVL_TRY(BVL_GROW_ALL(&s->block_capacity, q->n_blocks, BVL_GROWN(&s->tau), BVL_GROWN(&s->old_tau),
                       BVL_GROWN(&s->norm), BVL_GROWN(&s->rhs), BVL_GROWN(&s->step),
                       BVL_GROWN(&s->x), BVL_GROWN(&s->leaves), BVL_GROWN(&s->active),
                       BVL_GROWN(&s->is_active)));
  BVL_TRY(BVL_GROW_ALL(&s->row_capacity, q->d, BVL_GROWN(&s->row), BVL_GROWN(&s->own),
                       BVL_GROWN(&s->root)));
  BVL_TRY(BVL_GROW_ALL(&s->wide_capacity, q->d * q->K, BVL_GROWN(&s->Y), BVL_GROWN(&s->E),
                       BVL_GROWN(&s->V)));
  BVL_TRY(BVL_GROW(&s->wide, &s->wide_room, 2 * q->d * q->K));
  BVL_TRY(BVL_GROW(&s->free_factor, &s->free_capacity, q->n_free * q->n_free));
  BVL_TRY(BVL_GROW(&s->P, &s->P_capacity, q->n_free * q->d));
  BVL_TRY(BVL_GROW(&s->free_C, &s->free_C_capacity, q->n_free * q->K));
cleanup:
  return status;
}

/* ---- rows without penalty ------------------------------------------------------------------- */

static void open_free(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  const int64_t f = q->n_free;
  const double *G = q->G;
  double *L = s->free_factor;
  double *P = s->P;
  double largest = 0;
  for (int64_t k = 0; k < f; k++) largest = fmax(largest, G[k + k * q->ld]);
  for (double ridge = 0; ridge <= 1; ridge = ridge > 0 ? 100 * ridge : 1e-14) {
    for (int64_t l = 0; l < f; l++) memcpy(L + l * f, G + l * q->ld, (size_t)f * sizeof *G);
    for (int64_t k = 0; k < f; k++) L[k + k * f] += ridge * largest;
    if (bvl_cholesky(f, L, f) == 0) break;
  }
  for (int64_t l = 0; l < q->d; l++) memcpy(P + l * f, G + l * q->ld, (size_t)f * sizeof *G);
  cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)f, (int)q->d,
              1, L, (int)f, P, (int)f);
}

bvl_status bvl_multi_newton_open(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  s->stale.n = s->stale.d_past[0] = s->stale.d_past[1] = 0;
  return bvl_multi_newton_widen(s, q);
}

bvl_status bvl_multi_newton_widen(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  bvl_status status = reserve(s, q);
  if (status == BVL_OK && q->n_free > 0) open_free(s, q);
  return status;
}

/* E = C - P'(factor^-1 C_free): what is left of C for the penalised rows. */
static void eliminate(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  const int f = (int)q->n_free;
  const int K = (int)q->K;
  memcpy(s->E, q->C, (size_t)(q->d * q->K) * sizeof *s->E);
  if (f == 0) return;
  for (int64_t k = 0; k < K; k++)
    for (int64_t a = 0; a < f; a++) s->free_C[a + k * f] = q->C[a * K + k];
  cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, f, K, 1,
              s->free_factor, f, s->free_C, f);
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, K, (int)q->d, f, -1, s->free_C, f, s->P, f,
              1, s->E, K);
}

/* free_C += sign P B over the active rows of B. */
static void add_products(bvl_multi_newton *s, const bvl_multi_quadratic *q, double sign,
                         const double *B)
{
  const int f = (int)q->n_free;
  for (int64_t a = 0; f > 0 && a < s->n_rows; a++)
    cblas_dger(CblasColMajor, f, (int)q->K, sign, s->P + s->row[a] * f, 1, B + s->row[a] * q->K, 1,
               s->free_C, f);
}

/* B's free rows, the penalised ones given. */
static void add_free(bvl_multi_newton *s, const bvl_multi_quadratic *q, double *B)
{
  const int f = (int)q->n_free;
  add_products(s, q, -1, B);
  if (f > 0)
    cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, f, (int)q->K, 1,
                s->free_factor, f, s->free_C, f);
  for (int64_t k = 0; k < q->K; k++)
    for (int64_t a = 0; a < f; a++) B[a * q->K + k] = s->free_C[a + k * f];
}

double bvl_multi_newton_entry(const bvl_multi_newton *s, const bvl_multi_quadratic *q, int64_t j,
                              int64_t l)
{
  const int64_t f = q->n_free;
  const double *P = s->P;
  double value = q->G[j + l * q->ld];
  for (int64_t a = 0; a < f; a++) value -= P[a + j * f] * P[a + l * f];
  return value;
}

/* ---- one evaluation -------------------------------------------------------------------------- */

static bvl_status list_rows(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  bvl_status status = BVL_OK;
  int64_t kept = 0;
  s->n_rows = 0;
  for (int64_t a = 0; a < s->n_active; a++) {
    const int64_t g = s->active[a];
    s->is_active[g] = s->tau[g] > 0;
    if (!s->is_active[g]) continue;
    for (int64_t j = q->begin[g]; j < q->begin[g + 1]; j++) {
      s->root[s->n_rows] = sqrt(s->tau[g]);
      s->own[s->n_rows] = kept;
      s->row[s->n_rows++] = j;
    }
    s->active[kept++] = g;
  }
  s->n_active = kept;
  BVL_TRY(BVL_GROW(&s->S, &s->square_capacity[0], s->n_rows * s->n_rows));
  BVL_TRY(BVL_GROW(&s->H, &s->square_capacity[1], s->n_rows * s->n_rows));
  BVL_TRY(BVL_GROW(&s->A, &s->square_capacity[2], s->n_active * s->n_active));
cleanup:
  return status;
}

/* S's lower triangle, into its factor. */
static int factor(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  const int64_t n = s->n_rows;
  double *S = s->S;
  for (int64_t l = 0; l < n; l++) {
    for (int64_t j = l; j < n; j++)
      S[j + l * n] = s->root[j] * s->root[l] * bvl_multi_newton_entry(s, q, s->row[j], s->row[l]);
    S[l + l * n] += 1 + s->root[l] * s->root[l] * q->ridge[s->active[s->own[l]]];
  }
  return bvl_cholesky(n, S, n) == 0;
}

/* Y <- the solution, Y = T^1/2 C on entry; <C, B> = ||L^-1 T^1/2 C||^2. */
static double solve_rows(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  const int n = (int)s->n_rows;
  const int K = (int)q->K;
  const double *L = s->S;
  double *Y = s->Y;
  cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, K, n, 1, L, n, Y, K);
  const double product = cblas_ddot(n * K, Y, 1, Y, 1);
  cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, K, n, 1, L, n, Y,
              K);
  return product;
}

/* At tau: the active rows, S's factor, Y, ||V_g|| of active blocks and the reduced objective, which
 * is INFINITY where that cannot be told. */
static bvl_status evaluate(bvl_multi_newton *s, const bvl_multi_quadratic *q, double *objective)
{
  const int64_t K = q->K;
  bvl_status status = list_rows(s, q);
  const int64_t n = s->n_rows;
  double value = 0;
  *objective = INFINITY;
  if (status != BVL_OK) return status;
  for (int64_t j = 0; j < n; j++)
    for (int64_t k = 0; k < K; k++) s->Y[j * K + k] = s->root[j] * s->E[s->row[j] * K + k];
  if (n > 0) {
    if (!factor(s, q)) return BVL_OK;
    value -= solve_rows(s, q) / 2;
  }
  for (int64_t a = 0; a < s->n_active; a++) {
    const int64_t g = s->active[a];
    s->norm[g] = 0;
    value += q->target[g] * q->target[g] * s->tau[g] / 2;
  }
  for (int64_t j = 0; j < n; j++) {
    const double y = bvl_block_norm(K, s->Y + j * K);
    s->norm[s->active[s->own[j]]] += y * y;
  }
  for (int64_t a = 0; a < s->n_active; a++) {
    const int64_t g = s->active[a];
    s->norm[g] = sqrt(s->norm[g] / s->tau[g]);
  }
  *objective = value;
  return BVL_OK;
}

static double worst(const bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  double largest = 0;
  for (int64_t a = 0; a < s->n_active; a++)
    largest = fmax(largest, fabs(s->norm[s->active[a]] - q->target[s->active[a]]));
  return largest;
}

/* ---- one step ---------------------------------------------------------------------------------
 */

/* H of all active blocks, lower triangle, into s->H (n_active x n_active). */
static int make_matrix(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  const int64_t n = s->n_rows;
  const int64_t m = s->n_active;
  if (bvl_cholesky_invert(n, s->S, n) != 0) return 0;
  cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, (int)n, (int)q->K, 1, s->Y, (int)q->K, 0, s->H,
              (int)n);
  for (int64_t l = 0; l < n; l++)
    for (int64_t j = l; j < n; j++) s->H[j + l * n] *= (j == l) - s->S[j + l * n];
  if (m == n) return 1;
  memset(s->A, 0, (size_t)(m * m) * sizeof *s->A);
  for (int64_t l = 0; l < n; l++)
    for (int64_t j = l; j < n; j++) { /* own ascends with the row: the lower triangle stays below */
      const int twice = j != l && s->own[j] == s->own[l];
      s->A[s->own[j] + s->own[l] * m] += (twice ? 2 : 1) * s->H[j + l * n];
    }
  memcpy(s->H, s->A, (size_t)(m * m) * sizeof *s->A);
  return 1;
}

/* Scaled to a unit diagonal. Ridge: dependent blocks are told apart by nothing else. */
static int solve_kept(bvl_multi_newton *s, double damping)
{
  const int64_t m = s->n_active;
  const double ridge = RIDGE * (double)(m + 10) + damping;
  int64_t k = 0;
  for (int64_t a = 0; a < m; a++) k += !s->leaves[a];
  for (int64_t c = 0, l = 0; c < m; c++) {
    if (s->leaves[c]) continue;
    s->x[l] = s->rhs[c];
    for (int64_t a = 0; a < m; a++)
      if (s->leaves[a]) s->x[l] += a >= c ? s->H[a + c * m] : s->H[c + a * m]; /* its step is -1 */
    for (int64_t a = c, j = l; a < m; a++) {
      if (s->leaves[a]) continue;
      s->A[j++ + l * k] = s->H[a + c * m] / (s->root[c] * s->root[a]);
    }
    s->A[l + l * k] += ridge;
    s->x[l++] /= s->root[c];
  }
  if (k > 0 && bvl_cholesky_solve(k, s->A, k, s->x) != 0) return 0;
  for (int64_t a = 0, j = 0; a < m; a++) s->step[a] = s->leaves[a] ? -1 : s->x[j++] / s->root[a];
  return 1;
}

/* step = H^-1 rhs with tau >= 0 kept: what would pass 0 goes there, and the rest solves again. */
static int find_step(bvl_multi_newton *s, const bvl_multi_quadratic *q, int secular, double damping)
{
  const int64_t m = s->n_active;
  for (int64_t a = 0; a < m; a++) {
    const int64_t g = s->active[a];
    const double ratio = s->norm[g] / q->target[g];
    const double square = s->norm[g] * s->norm[g] * s->tau[g];
    s->rhs[a] = secular ? square * (ratio - 1) : square * (1 - 1 / (ratio * ratio)) / 2;
    s->root[a] = sqrt(fmax(s->H[a + a * m], 1e-300));
    s->leaves[a] = 0;
  }
  for (int round = 0; round < MAX_LEAVING; round++) {
    int64_t n_new = 0;
    if (!solve_kept(s, damping)) return 0;
    for (int64_t a = 0; a < m; a++) {
      if (s->leaves[a] || s->step[a] > -1) continue;
      s->leaves[a] = 1;
      n_new++;
    }
    if (n_new == 0) return 1;
  }
  return 1; /* tau is kept >= 0 by whoever takes the step */
}

/* Moves along the step as far as the objective does not rise. *moved = 0: not at all, and tau is
 * what it was. */
static bvl_status search(bvl_multi_newton *s, const bvl_multi_quadratic *q, double *objective,
                         int *moved)
{
  bvl_status status = BVL_OK;
  const int64_t m = s->n_active;
  const double slack = 1e-12 * fabs(*objective);
  int64_t *active = NULL;
  double t = 1;
  *moved = 0;
  BVL_TRY(BVL_ALLOC(&active, m));
  memcpy(active, s->active, (size_t)m * sizeof *active);
  for (int64_t a = 0; a < m; a++) s->old_tau[a] = s->tau[active[a]];
  for (int halving = 0; halving < MAX_HALVINGS && !*moved; halving++, t /= 2) {
    double value = INFINITY;
    for (int64_t a = 0; a < m; a++)
      s->tau[active[a]] = fmax(s->old_tau[a] * (1 + t * s->step[a]), 0);
    memcpy(s->active, active, (size_t)m * sizeof *active);
    s->n_active = m;
    BVL_TRY(evaluate(s, q, &value));
    *moved = halving == 0 ? value <= *objective + slack : value < *objective - slack;
    if (*moved) *objective = value;
  }
  if (*moved) goto cleanup;
  for (int64_t a = 0; a < m; a++) s->tau[active[a]] = s->old_tau[a];
  memcpy(s->active, active, (size_t)m * sizeof *active);
  s->n_active = m;
  status = evaluate(s, q, objective);
cleanup:
  free(active);
  return status;
}

/* A step on the secular equations, or where the objective would rise on the objective itself, more
 * and more damped: with more active rows than X has products of rows, n (n + 1) / 2, H is singular,
 * the secular right-hand side out of its range, and no step that it gives leads anywhere. */
static bvl_status step(bvl_multi_newton *s, const bvl_multi_quadratic *q, double *objective,
                       int *moved)
{
  bvl_status status = BVL_OK;
  *moved = 0;
  for (double damping = 0; damping <= MOST_DAMPING && !*moved && !bvl_watch_is_over(q->watch);
       damping = damping > 0 ? DAMPING_GROWS * damping : LEAST_DAMPING) {
    const int secular = damping == 0;
    if (!make_matrix(s, q) || !find_step(s, q, secular, damping)) {
      BVL_TRY(evaluate(s, q, objective)); /* the factor is gone */
      continue;
    }
    BVL_TRY(search(s, q, objective, moved));
  }
cleanup:
  return status;
}

/* ---- all rows ---------------------------------------------------------------------------------
 */

/* B <- T^1/2 Y, its free rows left out. */
static void write_rows(const bvl_multi_newton *s, const bvl_multi_quadratic *q, double *B)
{
  memset(B, 0, (size_t)(q->d * q->K) * sizeof *B);
  for (int64_t j = 0; j < s->n_rows; j++) {
    const double root = sqrt(s->tau[s->active[s->own[j]]]);
    for (int64_t k = 0; k < q->K; k++) B[s->row[j] * q->K + k] = root * s->Y[j * q->K + k];
  }
}

/* V = E - G B of all rows. */
static void correlate(bvl_multi_newton *s, const bvl_multi_quadratic *q, const double *B)
{
  const int K = (int)q->K;
  const int64_t d = q->d;
  const int f = (int)q->n_free;
  double *product = s->wide + d * K;
  memcpy(s->V, s->E, (size_t)(q->d * q->K) * sizeof *s->V);
  if (f > 0) memset(s->free_C, 0, (size_t)(q->n_free * q->K) * sizeof *s->free_C);
  add_products(s, q, 1, B);
  for (int64_t a = 0; a < s->n_rows; a++)
    for (int k = 0; k < K; k++) s->wide[s->row[a] + k * d] = B[s->row[a] * K + k];
  memset(product, 0, (size_t)(q->d * q->K) * sizeof *product);
  bvl_kernels_get()->dense_forward[BVL_F64](q->G, q->ld, d, s->n_rows, s->row, K, s->wide, d,
                                            product, d, 0, NULL);
  for (int64_t j = 0; j < d; j++)
    for (int k = 0; k < K; k++) s->V[j * K + k] -= product[j + k * d];
  if (f > 0)
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, K, (int)d, f, 1, s->free_C, f, s->P, f, 1,
                s->V, K);
}

/* Blocks at 0 whose ||V_g|| is above its target by more than tol enter, with the tau each would
 * have alone. */
static int64_t enter(bvl_multi_newton *s, const bvl_multi_quadratic *q, double tol, double *B)
{
  int64_t n_new = 0;
  write_rows(s, q, B);
  correlate(s, q, B);
  for (int64_t g = q->n_free; g < q->n_blocks; g++) {
    const int64_t begin = q->begin[g];
    double largest = 0;
    if (s->is_active[g] || q->target[g] == INFINITY) continue;
    const double norm = bvl_block_norm((q->begin[g + 1] - begin) * q->K, s->V + begin * q->K);
    if (!(norm > q->target[g] + tol)) continue;
    for (int64_t j = begin; j < q->begin[g + 1]; j++)
      largest = fmax(largest, bvl_multi_newton_entry(s, q, j, j));
    if (!(largest > 0)) continue; /* no column: nothing it could do */
    s->tau[g] = (norm / q->target[g] - 1) / (largest + q->ridge[g]);
    s->active[s->n_active++] = g;
    n_new++;
  }
  return n_new;
}

/* The active blocks by tau, none of infinite target. */
static void list_active(bvl_multi_newton *s, const bvl_multi_quadratic *q)
{
  memset(s->is_active, 0, (size_t)q->n_blocks);
  s->n_active = 0;
  for (int64_t g = q->n_free; g < q->n_blocks; g++) {
    if (!(s->tau[g] > 0) || q->target[g] == INFINITY) s->tau[g] = 0;
    if (s->tau[g] > 0) s->active[s->n_active++] = g;
  }
}

bvl_status bvl_multi_newton_residual(bvl_multi_newton *s, const bvl_multi_quadratic *q,
                                     const double *B)
{
  list_active(s, q);
  bvl_status status = list_rows(s, q);
  if (status == BVL_OK) correlate(s, q, B);
  return status;
}

static bvl_status start(bvl_multi_newton *s, const bvl_multi_quadratic *q, double *objective)
{
  bvl_status status = BVL_OK;
  list_active(s, q);
  BVL_TRY(evaluate(s, q, objective));
  if (*objective < INFINITY) goto cleanup;
  memset(s->tau, 0, (size_t)q->n_blocks * sizeof *s->tau); /* no start: from nothing */
  list_active(s, q);
  BVL_TRY(evaluate(s, q, objective));
cleanup:
  return status;
}

/* Newton from s->tau, each step with a factor of its own. */
static bvl_status solve_afresh(bvl_multi_newton *s, const bvl_multi_quadratic *q, double tol,
                               int64_t max_steps, double *B, bvl_multi_outcome *outcome)
{
  bvl_status status = BVL_OK;
  double objective = INFINITY;
  BVL_TRY(start(s, q, &objective));
  for (int first = 1; outcome->steps < max_steps && !bvl_watch_is_over(q->watch); first = 0) {
    int moved = 0;
    const int done = worst(s, q) <= tol;
    if (first || done) {
      if (enter(s, q, tol, B) > 0) {
        BVL_TRY(evaluate(s, q, &objective));
      } else if (done) {
        outcome->solved = 1;
        break;
      }
    }
    BVL_TRY(step(s, q, &objective, &moved));
    outcome->steps++;
    if (!moved) break;
  }
  write_rows(s, q, B);
cleanup:
  return status;
}

/* At an earlier matrix, and where that is of no use at one made here. */
static bvl_status solve_stale(bvl_multi_newton *s, const bvl_multi_quadratic *q, double tol,
                              int64_t max_steps, double *B, bvl_multi_outcome *outcome)
{
  bvl_status status = BVL_OK;
  double objective = INFINITY;
  if (s->stale.n == 0 || s->stale.d_past[0] == 0) goto cleanup;
  bvl_multi_stale_start(s, q, B);
  BVL_TRY(bvl_multi_stale_solve(s, q, tol, max_steps, B, &outcome->steps, &outcome->solved));
  if (outcome->solved || outcome->steps >= max_steps || bvl_watch_is_over(q->watch)) goto cleanup;
  BVL_TRY(start(s, q, &objective));
  if (!(objective < INFINITY)) goto cleanup;
  write_rows(s, q, B);
  correlate(s, q, B);
  BVL_TRY(bvl_multi_stale_refresh(s, q, B));
  BVL_TRY(bvl_multi_stale_solve(s, q, tol, max_steps, B, &outcome->steps, &outcome->solved));
cleanup:
  return status;
}

bvl_status bvl_multi_newton_solve(bvl_multi_newton *s, const bvl_multi_quadratic *q, double tol,
                                  int64_t max_steps, double *B, bvl_multi_outcome *outcome)
{
  bvl_status status = BVL_OK;
  *outcome = (bvl_multi_outcome){0};
  eliminate(s, q);
  BVL_TRY(solve_stale(s, q, tol, max_steps, B, outcome));
  if (!outcome->solved) {
    BVL_TRY(solve_afresh(s, q, tol, max_steps, B, outcome));
    if (outcome->solved) BVL_TRY(bvl_multi_stale_refresh(s, q, B));
  }
  if (outcome->solved) BVL_TRY(bvl_multi_stale_keep(s, q, B));
  eliminate(s, q); /* free_C anew */
  add_free(s, q, B);
cleanup:
  return status;
}
