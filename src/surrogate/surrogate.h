/* SPDX-License-Identifier: BSD-3-Clause */
/* Smooth surrogates: factor maps phi with beta = phi(theta) such that the minimum of a plain
 * quadratic in the factors over a fibre of phi equals lambda Pen(beta). Kolb, Mueller, Bischl,
 * Ruegamer (2023), arXiv 2307.03571; Hoff (2017); Poon, Peyre (2021).
 *
 *   row         a block's beta       its factor penalty, of level lw           induces lw times
 *   product     u_1 o ... o u_k      (lw/k) sum u_l^2                          |b|^(2/k)
 *   difference  |u|^k - |v|^k        lw (u^2 + v^2)                            |b|^(2/k)
 *   power       u |v|^(k-1)          (lw/k) (u^2 + (k-1) v^2)                  |b|^(2/k)
 *   shared      u |u|^(k-1)          lw u^2                                    |b|^(2/k)
 *   square      u^2                  lw u^2                                    b >= 0
 *   two-vector  u v                  lw (u^2/2 + C |v|^s)                      |b|^q, q > 2/3
 *   product     u_g prod nu_d        (lw/k) (||u_g||^2 + sum nu_d^2)           ||b_g||^(2/k)
 *   power       u_g |nu|^(k-1)       (lw/k) (||u_g||^2 + (k-1) nu^2)           ||b_g||^(2/k)
 *   own-norm    ||u_g||^(k-1) u_g    lw ||u_g||^2                              ||b_g||^(2/k)
 *   product     u_1 o .. o u_k1 nu^k2  (lw/k) (sum ||u_l||^2 + k2 nu^2)        ||b_g||_p^q
 *
 * In the last k = k1 + k2, p = 2/k1 and q = 2/k. The depth k is the penalty's: 2 for the lasso and
 * the group lasso, 2/q for l_q. Elastic net: lambda alpha in place of lambda and + (lambda
 * (1-alpha)/2) sum w_j b_j^2, smooth in the factors. Unpenalised blocks (weight 0) are beta itself;
 * excluded ones (INFINITY) hold nothing and give beta = 0. theta stores the blocks one after the
 * other. A room of pure local functions: nothing here communicates. A new map is one file and one
 * line of surrogate.c. */
#ifndef BVL_SURROGATE_SURROGATE_H
#define BVL_SURROGATE_SURROGATE_H

#include <stddef.h>
#include <stdint.h>

#include "penalty/blocks.h"
#include "penalty/penalty.h"

enum { BVL_SURROGATE_MAX_FACTORS = 64 }; /* of one coefficient */

/** What a map's functions need to know of the penalty. */
typedef struct bvl_surrogate_shape {
  double depth; /* k >= 2: near zero the penalty is |beta|^(2/k) */
  int64_t k1;   /* l_pq: factors of a coefficient, and the power of the group's: k1 + k2 = depth */
  int64_t k2;
} bvl_surrogate_shape;

/** A map, as functions of one penalised block of m columns. */
typedef struct bvl_surrogate_type {
  const char *name;
  int grouped;      /* blocks are groups */
  int nested;       /* l_pq: other powers inside the groups than across them */
  int whole;        /* the depth must be an integer */
  int one_sided;    /* gives beta >= 0 alone */
  double max_depth; /* the largest (64: factors are many; below: where it stops being smooth) */
  /** Entries of theta that the block holds, at least m. */
  int64_t (*length)(const bvl_surrogate_shape *shape, int64_t m);
  /** b = phi(theta). */
  void (*forward)(const bvl_surrogate_shape *shape, int64_t m, const double *theta, double *b);
  /** grad = (d phi / d theta)' g; overwrites grad. */
  void (*pull_back)(const bvl_surrogate_shape *shape, int64_t m, const double *theta,
                    const double *g, double *grad);
  /** The factor penalty at level lw; its gradient is added to grad when that is not NULL. */
  double (*penalty)(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta,
                    double *grad);
  /** The same three of n blocks of one column and one level, side by side; NULL: one by one. Most
   * parameters of a network are such blocks. */
  void (*forward_run)(const bvl_surrogate_shape *shape, int64_t n, const double *theta, double *b);
  void (*pull_back_run)(const bvl_surrogate_shape *shape, int64_t n, const double *theta,
                        const double *g, double *grad);
  double (*penalty_run)(const bvl_surrogate_shape *shape, double lw, int64_t n, const double *theta,
                        double *grad);
  /** M = factor penalty - lw Pen(phi(theta)) without a difference of the two: never negative, zero
   * iff balanced. */
  double (*imbalance)(const bvl_surrogate_shape *shape, double lw, int64_t m, const double *theta);
  /** In place: theta[0 .. m) holds b != 0 on entry; on return theta is the point of b's fibre where
   * the factor penalty is least. */
  void (*balance)(const bvl_surrogate_shape *shape, int64_t m, double *theta);
  /** ||d phi / d theta||^2 at the balanced factors of b of norm 1: scales learning rates. */
  double (*stretch)(const bvl_surrogate_shape *shape);
} bvl_surrogate_type;

/** A row with the penalty's shape. */
typedef struct bvl_surrogate {
  const bvl_surrogate_type *type;
  bvl_surrogate_shape shape;
  int64_t single; /* type->length of one column: most blocks are that */
} bvl_surrogate;

static inline bvl_surrogate bvl_surrogate_of(const bvl_surrogate_type *type,
                                             bvl_surrogate_shape shape)
{
  return (bvl_surrogate){type, shape, type->length(&shape, 1)};
}

/** The map of that name (NULL: the default) for a penalty; one_sided: its coefficients are bounded
 * below by 0. @return BVL_ERR_USAGE naming the maps that work when the pair does not. */
bvl_status bvl_surrogate_find(const char *name, const bvl_penalty *pen, int one_sided,
                              bvl_surrogate *out);

/** All names, "a|b|c", to text. */
void bvl_surrogate_names(char *text, size_t text_bytes);

/** Entries of theta that block g holds, and all blocks. */
int64_t bvl_surrogate_block_length(const bvl_surrogate *map, const bvl_blocks *blocks, int64_t g);
int64_t bvl_surrogate_length(const bvl_surrogate *map, const bvl_blocks *blocks);

/** beta (all columns of the blocks) = phi(theta). */
void bvl_surrogate_forward(const bvl_surrogate *map, const bvl_blocks *blocks, const double *theta,
                           double *beta);

/** grad_theta = (d phi / d theta)' grad_beta; overwrites grad_theta. */
void bvl_surrogate_pull_back(const bvl_surrogate *map, const bvl_blocks *blocks,
                             const double *theta, const double *grad_beta, double *grad_theta);

/** The factor penalty of all blocks; its gradient is added to grad_theta when that is not NULL. */
double bvl_surrogate_penalty(const bvl_surrogate *map, const bvl_penalty *pen, double lambda,
                             const bvl_blocks *blocks, const double *theta, double *grad_theta);

/** Factor penalty - lambda Pen(phi(theta)): how far the smooth objective is from the real one. */
double bvl_surrogate_imbalance(const bvl_surrogate *map, const bvl_penalty *pen, double lambda,
                               const bvl_blocks *blocks, const double *theta);

/** Balanced factors of beta. A block of zeros gets factors of magnitude `floor` (so beta changes by
 * floor^k) along -grad_beta, the direction it would leave zero in: never an exact zero, which
 * absorbs; with floor 0 zeros are left at that. grad_beta NULL (or zero there): along (1, 1, ...).
 */
void bvl_surrogate_balance(const bvl_surrogate *map, const bvl_blocks *blocks, const double *beta,
                           const double *grad_beta, double floor, double *theta);

/** What re-seeding looks at. */
typedef struct bvl_surrogate_start {
  const bvl_penalty *pen;
  double lambda;
  const double *curvature; /* h of each block, for penalties that are not convex */
  double floor;            /* magnitude of factors that stand at zero */
  const double *beta;      /* phi(theta) */
  const double *grad_beta;
} bvl_surrogate_start;

/** Puts back on their way, in place, blocks that would leave zero but cannot, because they stand
 * too close to the absorbing zero or on its wrong side; returns how many it moved.
 *
 * Convex penalties: ||beta_g|| <= floor^k and ||grad_beta_g|| above the threshold: balanced factors
 * of magnitude `floor` along -grad_beta_g. Others: zero is a local minimum always, and no local
 * minimiser has 0 < ||beta_g|| below some size. A smaller block goes to exact zero where that is
 * the global minimum of the block's problem with curvature h; else, along -grad_beta_g, to a size
 * at which factors grow. scratch: as long as the longest block's factors. */
int64_t bvl_surrogate_reseed(const bvl_surrogate *map, const bvl_surrogate_start *start,
                             const bvl_blocks *blocks, double *scratch, double *theta);

/** Not convex: zeroes block g of out (its beta, a copy of start->beta's) where that is below the
 * size of any local minimiser and zero the better choice; for l_pq also single columns of it.
 * scratch: as long as the block's factors. */
void bvl_surrogate_set_zeros(const bvl_surrogate *map, const bvl_surrogate_start *start,
                             const bvl_blocks *blocks, int64_t g, double *scratch, double *out);

static inline int bvl_surrogate_is_penalised(double weight)
{
  return weight > 0.0 && !isinf(weight);
}

#endif
