/* SPDX-License-Identifier: BSD-3-Clause */
/* The n x n system of variable projection, S = lambda I + sum over ranks of B B', B (n x k) a
 * rank's scaled columns, for right-hand sides that are replicated. Three ways:
 *
 *   whole    S summed and factored on every rank: n^2 k + n^3 / 3 flops, a reduction of
 *            n (n + 1) / 2; a solve is local
 *   cyclic   S block-cyclic over all ranks (ScaLAPACK), n^2 / ranks doubles each: the same flops
 *            shared out, the same sums in panels; a solve is ScaLAPACK's and one reduction
 *   cg       S never formed: conjugate gradients, 4 n k flops and a reduction of n an iteration */
#ifndef BVL_SOLVER_VARPRO_SYSTEM_H
#define BVL_SOLVER_VARPRO_SYSTEM_H

#include "comm/block_cyclic.h"

typedef enum bvl_varpro_way { BVL_VARPRO_WHOLE, BVL_VARPRO_CYCLIC, BVL_VARPRO_CG } bvl_varpro_way;

typedef struct bvl_varpro_system {
  bvl_varpro_way way;
  const bvl_comm *comm; /* borrowed */
  int64_t n;
  int64_t outputs; /* right-hand sides of every solve */
  double lambda;
  int64_t k;       /* columns of B here */
  const double *B; /* n x k, borrowed from set until the next */
  double *S;       /* whole: n x n, its factor; cyclic: a panel; owned */
  double *packed;  /* whole: n (n + 1) / 2, owned */
  bvl_block_grid *grid;
  bvl_block_cyclic *M; /* cyclic: its factor, owned */
  double *work;        /* cg: 3 n x outputs, owned */
  double *Bt;          /* cg: k x outputs, owned */
  int64_t Bt_room;
} bvl_varpro_system;

/** Collective. */
bvl_status bvl_varpro_system_create(const bvl_comm *comm, bvl_varpro_way way, int64_t n,
                                    int64_t outputs, bvl_varpro_system **out);
void bvl_varpro_system_destroy(bvl_varpro_system **system);

/** Takes up lambda and B. *bad = 1 when S is not positive definite in floating point (cg: never).
 * Collective. */
bvl_status bvl_varpro_system_set(bvl_varpro_system *system, double lambda, int64_t k,
                                 const double *B, int *bad);

/** t (n x outputs) <- S^-1 rhs; cg starts from t. t may not be rhs. Collective for cyclic and cg.
 */
bvl_status bvl_varpro_system_solve(bvl_varpro_system *system, const double *rhs, double *t);

#endif
