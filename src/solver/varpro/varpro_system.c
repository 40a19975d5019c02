/* SPDX-License-Identifier: BSD-3-Clause */
/* Forming, factoring and solving S. */
#include "solver/varpro/varpro_system.h"

#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/lapack.h"

enum { PANEL = 512, CG_MOST = 1000 };

/* Relative residual at which cg stops. */
static const double CG_TOL = 1e-13;
/* A pivot below this part of its diagonal is rounding. */
static const double PIVOT_FLOOR = 1e-14;

void bvl_varpro_system_destroy(bvl_varpro_system **system)
{
  bvl_varpro_system *s = *system;
  *system = NULL;
  if (s == NULL) return;
  bvl_block_cyclic_destroy(&s->M);
  bvl_block_grid_destroy(&s->grid);
  free(s->S);
  free(s->packed);
  free(s->work);
  free(s->Bt);
  free(s);
}

static bvl_status allocate(bvl_varpro_system *s)
{
  bvl_status status = BVL_OK;
  const int64_t n = s->n;
  int as_int = 0;
  BVL_TRY(bvl_to_int(n * s->outputs, &as_int));
  if (s->way == BVL_VARPRO_CG) return BVL_ALLOC(&s->work, 3 * n * s->outputs);
  BVL_TRY(BVL_ALLOC(&s->S, n * (s->way == BVL_VARPRO_WHOLE ? n : bvl_lesser(n, PANEL))));
  if (s->way == BVL_VARPRO_WHOLE) return BVL_ALLOC(&s->packed, n * (n + 1) / 2);
  status = bvl_block_cyclic_create(s->grid, &s->M);
cleanup:
  return status;
}

bvl_status bvl_varpro_system_create(const bvl_comm *comm, bvl_varpro_way way, int64_t n,
                                    int64_t outputs, bvl_varpro_system **out)
{
  bvl_status status = BVL_OK;
  bvl_varpro_system *s = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&s, 1)));
  s->way = way;
  s->comm = comm;
  s->n = n;
  s->outputs = outputs;
  if (way == BVL_VARPRO_CYCLIC) BVL_TRY(bvl_block_grid_create(comm, &s->grid));
  BVL_TRY(bvl_agree(comm, allocate(s)));
  *out = s;
  s = NULL;
cleanup:
  bvl_varpro_system_destroy(&s);
  return status;
}

/* ---- whole ----------------------------------------------------------------------------------
 */

static bvl_status factor_whole(bvl_varpro_system *s, int *bad)
{
  const int64_t n = s->n;
  int64_t at = 0;
  if (s->k == 0) memset(s->S, 0, (size_t)(n * n) * sizeof *s->S);
  if (s->k > 0)
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, (int)n, (int)s->k, 1, s->B, (int)n, 0,
                s->S, (int)n);
  for (int64_t l = 0; l < n; at += n - l, l++)
    memcpy(s->packed + at, s->S + l + l * n, (size_t)(n - l) * sizeof *s->S);
  bvl_status status = bvl_sum(s->comm, s->packed, at);
  at = 0;
  for (int64_t l = 0; l < n; at += n - l, l++) {
    memcpy(s->S + l + l * n, s->packed + at, (size_t)(n - l) * sizeof *s->S);
    s->S[l + l * n] += s->lambda;
  }
  *bad = bvl_cholesky(n, s->S, n) != 0;
  return status;
}

/* ---- cyclic ---------------------------------------------------------------------------------
 */

static bvl_status factor_cyclic(bvl_varpro_system *s, int *bad)
{
  bvl_status status = BVL_OK;
  const int64_t n = s->n;
  const int n_int = (int)n;
  double *diagonal = NULL;
  int64_t pivot = 0;
  BVL_TRY(bvl_agree(s->comm, BVL_ALLOC(&diagonal, n)));
  BVL_TRY(bvl_block_cyclic_resize(s->M, 0)); /* what grows anew is zero */
  BVL_TRY(bvl_block_cyclic_resize(s->M, n));
  for (int64_t col0 = 0; col0 < n; col0 += PANEL) {
    const int64_t width = bvl_lesser(PANEL, n - col0);
    const int64_t rows = n - col0;
    memset(s->S, 0, (size_t)(rows * width) * sizeof *s->S);
    if (s->k > 0)
      cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, (int)rows, (int)width, (int)s->k, 1,
                  s->B + col0, n_int, s->B + col0, n_int, 0, s->S, (int)rows);
    BVL_TRY(bvl_block_cyclic_add(s->M, col0, rows, col0, width, s->S, rows));
  }
  for (int64_t i = 0; i < n; i++) diagonal[i] = s->lambda;
  bvl_block_cyclic_shift(s->M, diagonal);
  BVL_TRY(bvl_block_cyclic_factor(s->M, PIVOT_FLOOR, &pivot));
  *bad = pivot != 0;
cleanup:
  free(diagonal);
  return status;
}

/* ---- conjugate gradients --------------------------------------------------------------------
 */

static bvl_status product(bvl_varpro_system *s, const double *t, double *out)
{
  const int64_t length = s->n * s->outputs;
  const int n = (int)s->n;
  const int k = (int)s->k;
  const int K = (int)s->outputs;
  memset(out, 0, (size_t)length * sizeof *out);
  if (k > 0) {
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, k, K, n, 1, s->B, n, t, n, 0, s->Bt, k);
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, K, k, 1, s->B, n, s->Bt, k, 0, out,
                n);
  }
  bvl_status status = bvl_sum(s->comm, out, length);
  cblas_daxpy((int)length, s->lambda, t, 1, out, 1);
  return status;
}

/* All right-hand sides as one system. Every scalar that decides is rank 0's. */
static bvl_status iterate(bvl_varpro_system *s, const double *rhs, double *t)
{
  bvl_status status = BVL_OK;
  const int64_t length = s->n * s->outputs;
  const int N = (int)length;
  double *r = s->work;
  double *p = s->work + length;
  double *Sp = s->work + 2 * length;
  double sums[2];
  BVL_TRY(product(s, t, r));
  for (int64_t i = 0; i < length; i++) r[i] = rhs[i] - r[i];
  memcpy(p, r, (size_t)length * sizeof *p);
  sums[0] = cblas_ddot(N, r, 1, r, 1);
  sums[1] = cblas_ddot(N, rhs, 1, rhs, 1);
  BVL_TRY(bvl_bcast(s->comm, 0, sums, 2));
  const double target = CG_TOL * CG_TOL * sums[1];
  double rr = sums[0];
  for (int step = 0; step < CG_MOST && rr > target; step++) {
    BVL_TRY(product(s, p, Sp));
    const double alpha = rr / cblas_ddot(N, p, 1, Sp, 1);
    cblas_daxpy(N, alpha, p, 1, t, 1);
    cblas_daxpy(N, -alpha, Sp, 1, r, 1);
    sums[0] = cblas_ddot(N, r, 1, r, 1);
    BVL_TRY(bvl_bcast(s->comm, 0, sums, 1));
    cblas_dscal(N, sums[0] / rr, p, 1);
    cblas_daxpy(N, 1, r, 1, p, 1);
    rr = sums[0];
  }
cleanup:
  return status;
}

/* ---- all of them ----------------------------------------------------------------------------
 */

bvl_status bvl_varpro_system_set(bvl_varpro_system *s, double lambda, int64_t k, const double *B,
                                 int *bad)
{
  s->lambda = lambda;
  s->k = k;
  s->B = B;
  *bad = 0;
  if (s->way == BVL_VARPRO_WHOLE) return factor_whole(s, bad);
  if (s->way == BVL_VARPRO_CYCLIC) return factor_cyclic(s, bad);
  return bvl_agree(s->comm, BVL_GROW(&s->Bt, &s->Bt_room, k * s->outputs));
}

bvl_status bvl_varpro_system_solve(bvl_varpro_system *s, const double *rhs, double *t)
{
  if (s->way == BVL_VARPRO_CG) return iterate(s, rhs, t);
  memcpy(t, rhs, (size_t)(s->n * s->outputs) * sizeof *t);
  if (s->way == BVL_VARPRO_CYCLIC) return bvl_block_cyclic_solve(s->M, s->outputs, t, s->n);
  bvl_cholesky_apply(s->n, s->S, s->n, s->outputs, t);
  return BVL_OK;
}
