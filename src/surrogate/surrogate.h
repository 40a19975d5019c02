/* SPDX-License-Identifier: BSD-3-Clause */
/* Smooth surrogates: factor maps phi with beta = phi(theta) such that the minimum of a plain
 * quadratic in the factors over a fibre of phi equals lambda Pen(beta). Kolb, Mueller, Bischl,
 * Ruegamer (2023), arXiv 2307.03571; Hoff (2017).
 *
 *   name           beta            factor penalty                              induces
 *   product        u o v           (lambda/2) sum w_j (u_j^2 + v_j^2)           lambda sum w_j
 * |b_j| group product  nu_g u_g        (lambda/2) sum w_g (||u_g||^2 + nu_g^2)      lambda sum w_g
 * ||b_g||
 *
 * Elastic net: lambda alpha in place of lambda and + (lambda (1-alpha)/2) sum w_j b_j^2, smooth in
 * the factors. Unpenalised blocks (weight 0) are beta itself; excluded ones (INFINITY) hold nothing
 * and give beta = 0. theta stores the blocks one after the other: (u, v) or (u_g, nu_g). A room of
 * pure local functions: nothing here communicates. */
#ifndef BVL_SURROGATE_SURROGATE_H
#define BVL_SURROGATE_SURROGATE_H

#include <stdint.h>

#include "penalty/blocks.h"
#include "penalty/penalty.h"

typedef struct bvl_surrogate {
  const char *name;
  /** Does this map induce that penalty? */
  int (*induces)(const bvl_penalty *pen);
  /** Entries of theta that block g holds. */
  int64_t (*block_length)(const bvl_blocks *blocks, int64_t g);
  /** beta (all columns of the blocks) = phi(theta). */
  void (*forward)(const bvl_blocks *blocks, const double *theta, double *beta);
  /** grad_theta = (d phi / d theta)' grad_beta; overwrites grad_theta. */
  void (*pull_back)(const bvl_blocks *blocks, const double *theta, const double *grad_beta,
                    double *grad_theta);
  /** The factor penalty; its gradient is added to grad_theta when that is not NULL. */
  double (*penalty)(const bvl_penalty *pen, double lambda, const bvl_blocks *blocks,
                    const double *theta, double *grad_theta);
  /** M = factor penalty - lambda Pen(phi(theta)), written without a difference of the two: never
   * negative, zero iff balanced. How far the smooth objective is from the real one. */
  double (*imbalance)(const bvl_penalty *pen, double lambda, const bvl_blocks *blocks,
                      const double *theta);
  /** Factors of equal magnitude with phi(theta) = beta; a block of zeros gets magnitude `floor` (so
   * beta changes by floor^2) along -grad_beta, the direction it would leave zero in: never an exact
   * zero, which absorbs. grad_beta NULL (or zero there): the direction (1, 1, ...). */
  void (*balance)(const bvl_blocks *blocks, const double *beta, const double *grad_beta,
                  double floor, double *theta);
  /** Puts back on their way, in place, blocks that would leave zero but cannot: ||beta_g|| <=
   * floor^2 and ||grad_beta_g|| above the penalty's threshold get balanced factors of magnitude
   * `floor` along -grad_beta. (They stand too close to the absorbing zero, or on its wrong side.)
   * Returns how many penalised blocks it moved. */
  int64_t (*reseed)(const bvl_penalty *pen, double lambda, const bvl_blocks *blocks,
                    const double *grad_beta, double floor, double *theta);
} bvl_surrogate;

extern const bvl_surrogate bvl_surrogate_product;
extern const bvl_surrogate bvl_surrogate_group_product;

/** The map of that name (NULL name: the default for the penalty). @return BVL_ERR_USAGE naming the
 * maps that work when the pair does not. */
bvl_status bvl_surrogate_find(const char *name, const bvl_penalty *pen, const bvl_surrogate **out);

/** Length of theta for these blocks. */
int64_t bvl_surrogate_length(const bvl_surrogate *map, const bvl_blocks *blocks);

#endif
