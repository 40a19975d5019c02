/* SPDX-License-Identifier: BSD-3-Clause */
/* l1 - l2: lw (sum_i omega_i ||b_i||_2 - alpha ||b||_2) of a block b, 0 <= alpha < 1.
 *
 *   l1-l2        the pieces b_i are the block's columns, omega_i = 1; a block is a group
 *   group-l1-l2  they are the groups `inside` the one block of all columns, omega_i > alpha
 *
 * Zero is stationary while ||g_i|| <= lw (omega_i - alpha) for every piece; beside a piece that is
 * not zero, where the second term is smooth, a zero piece rests while ||g_i|| <= lw omega_i. At
 * alpha = 1 no lambda would keep 0: it is outside the domain. Lou, Yan 2018. */
#ifndef BVL_PENALTY_L1L2_H
#define BVL_PENALTY_L1L2_H

#include "penalty/penalty.h"

double bvl_l1l2_value(const bvl_penalty *pen, double lw, int64_t m, const double *b);

/** What is compared with the threshold lw (1 - alpha) of a block of zeros: the largest ||v_i|| (1 -
 * alpha) / (omega_i - alpha). */
double bvl_l1l2_pull(const bvl_penalty *pen, int64_t m, const double *v);

/** A global argmin over x of rho/2 ||x - z||^2 + P(x); out may be z. */
void bvl_l1l2_prox(const bvl_penalty *pen, double lw, double rho, int64_t m, const double *z,
                   double *out);

double bvl_l1l2_distance(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                         const double *g);

/** out = the gradient at b != 0, 0 in pieces that are zero. */
void bvl_l1l2_gradient(const bvl_penalty *pen, double lw, int64_t m, const double *b, double *out);

/** H += the curvature at b != 0 in the columns of pieces that are not zero, and H has no others. */
void bvl_l1l2_add_curvature(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                            double *H, int64_t ld);

#endif
