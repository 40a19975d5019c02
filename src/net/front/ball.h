/* SPDX-License-Identifier: BSD-3-Clause */
/* The second objective of a front, and what is done with it:
 *
 *     f2(x) = sum_g w_g ||x_g||,      blocks of one entry and weight 1: the l1 norm,
 *
 * its ball {f2 <= tau}, and how far a point is from stationary on it. Minimising f1 over the ball
 * reaches every stationary point of the front, also where it is not convex and no weighted sum of
 * f1 and f2 has a minimum; the multiplier lambda is the weight ratio (1 - alpha) / alpha of
 * Amakor, Sonntag, Peitz (arXiv 2308.12044). Every function reduces sums over the space: the answer
 * does not depend on how the vector is spread. */
#ifndef BVL_NET_FRONT_BALL_H
#define BVL_NET_FRONT_BALL_H

#include "optim/space.h"

typedef struct bvl_ball {
  bvl_space space;
  int64_t n_blocks;     /* of the n_local entries; none straddles own_begin or own_end */
  const int64_t *begin; /* n_blocks + 1, borrowed; NULL: entries, all of weight 1 */
  const double *weight; /* n_blocks, > 0, borrowed; NULL = ones */
  double *norm;         /* n_blocks, scratch, owned */
} bvl_ball;

/** begin and weight are borrowed until bvl_ball_free. Not collective. @return BVL_ERR_NOMEM. */
bvl_status bvl_ball_init(const bvl_space *space, int64_t n_blocks, const int64_t *begin,
                         const double *weight, bvl_ball *out);
void bvl_ball_free(bvl_ball *ball);

/** f2(x). Collective, one reduction. */
bvl_status bvl_ball_value(const bvl_ball *ball, const double *x, double *value);

/** x <- prox of threshold f2: each block is shortened by threshold w_g. Not collective. */
void bvl_ball_shrink(bvl_ball *ball, double threshold, double *x);

/** grad += scale times a subgradient of f2 at x: 0 for blocks that are 0. Not collective. */
void bvl_ball_add_gradient(const bvl_ball *ball, const double *x, double scale, double *grad);

/** x <- its projection on {f2 <= tau}. `*threshold` is the shrinkage that does it (0: x was
 * inside); on entry a guess, which saves reductions. Collective: about five reductions of two
 * numbers. */
bvl_status bvl_ball_project(bvl_ball *ball, double tau, double *threshold, double *x);

/** How stationary x is where `grad` is the gradient of f1: lambda = -<grad, x> / f2(x), the
 * multiplier if it is; violation = the largest of ||grad_g + lambda w_g x_g / ||x_g|||| on blocks
 * in use and ||grad_g|| - lambda w_g on the others, over w_g. Collective, two reductions. */
typedef struct bvl_stationarity {
  double value; /* f2(x) */
  double lambda;
  double violation;
  int64_t nonzeros; /* entries */
} bvl_stationarity;
bvl_status bvl_ball_check(const bvl_ball *ball, const double *x, const double *grad,
                          bvl_stationarity *out);

#endif
