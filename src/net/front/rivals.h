/* SPDX-License-Identifier: BSD-3-Clause */
/* What a continuation is compared with: scalarised problems w f1 + (1 - w) c f2, solved by Adam one
 * by one from scratch, and f1 + lambda f2, solved by proximal gradients each from its neighbour.
 * Both miss what of a front is not convex, and neither knows beforehand where its points will lie.
 */
#ifndef BVL_NET_FRONT_RIVALS_H
#define BVL_NET_FRONT_RIVALS_H

#include "net/front/corrector.h"

/** w f1 + (1 - w) scale f2 as an objective, with a subgradient of f2: 0 where a block is 0. May not
 * be moved once made. */
typedef struct bvl_weighted {
  bvl_objective objective;
  const bvl_objective *f; /* borrowed */
  bvl_ball *ball;         /* borrowed */
  double weight;
  double scale;
} bvl_weighted;
/** Not collective. */
void bvl_weighted_init(const bvl_objective *f, bvl_ball *ball, double weight, double scale,
                       bvl_weighted *out);

/** x (n_local) <- where accelerated proximal gradient steps on f1 + lambda f2 from x come to:
 * lengths by backtracking, momentum (k - 1) / (k + 2) that starts again when the objective rises.
 * `length` is the first step's, and on return the last's. Collective: an evaluation and two small
 * reductions a step. */
bvl_status bvl_prox_run(const bvl_objective *f, bvl_ball *ball, double lambda,
                        const bvl_corrector_limits *limits, double *length, double *x,
                        bvl_correction *out);

#endif
