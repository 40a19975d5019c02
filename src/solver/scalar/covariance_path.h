/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths of a quadratic loss with scalar convex penalties where n is much larger than p: the second
 * moments of all columns once, and no pass over X after that.
 *
 *   M = [1 | X~ | u]'W[1 | X~ | u] / n, u the residual of the null fit (one pass, split over all
 *   ranks) -> rank 0 follows the path on it (bvl_active_newton) -> certificates from M alone
 *
 * With delta = b - b_null, G and c = X~'Wu/n from M: v = c - G delta, and with q0 = u'Wu/n
 *
 *   ||r||^2/n = q0 - delta'(c + v),   r'u/n = q0 - delta'c
 *
 * is all a certificate needs (the response measured from the null fit, which moves both sides of
 * the gap alike). Rounding: let |M^ - M| <= error sqrt(M_kk M_ll) and T = sqrt(q0) + sum_k
 * sqrt(M_kk) |delta_k|. Then v is off by at most gamma sqrt(M_kk) T with gamma = error + what the
 * products with G add, r'u/n and ||r||^2/n by at most gamma T^2. By Fenchel-Young, for any b
 *
 *   F(b) >= s r'u/n - s^2/2 ||r||^2/n - Omega(s v^) - |s| sum_k |v_k - v^_k| |delta_k(b)|
 *
 * so that over all b with sum_k sqrt(M_kk) |delta_k(b)| <= 2 T the computed gap is short by at most
 * 4 gamma T^2, which is added to it. Where that is more than the tolerance (columns so collinear
 * that their coefficients cancel), the engine gives up and sweeps decide.
 *
 * Per batch of lambdas: a broadcast of batch x 2 d and bvl_certify_sums. */
#ifndef BVL_SOLVER_COVARIANCE_PATH_H
#define BVL_SOLVER_COVARIANCE_PATH_H

#include "solver/solver.h"

typedef struct bvl_covariance_path bvl_covariance_path; /* opaque */

/** Is this the cheapest way for this problem along a path of n_lambda? Collective. */
bvl_status bvl_covariance_path_pays(bvl_problem *problem, int64_t n_lambda, int *pays);

/** Collective. The moments are formed by the first run. */
bvl_status bvl_covariance_path_create(bvl_problem *problem, bvl_covariance_path **out);
void bvl_covariance_path_destroy(bvl_covariance_path **path);

/** As bvl_gram_path_run (state->v is not needed). *general = 1 when the lambda after the last
 * finished one is beyond this engine. */
bvl_status bvl_covariance_path_run(bvl_covariance_path *path, int64_t n, const double *lambdas,
                                   bvl_solve_state *state, bvl_solve_control *control,
                                   int64_t *n_done, int *general);

#endif
