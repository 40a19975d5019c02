/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows of the table of maps, and what they share. */
#ifndef BVL_SURROGATE_MAPS_H
#define BVL_SURROGATE_MAPS_H

#include "surrogate/surrogate.h"

extern const bvl_surrogate_type bvl_surrogate_product;
extern const bvl_surrogate_type bvl_surrogate_difference;
extern const bvl_surrogate_type bvl_surrogate_power;
extern const bvl_surrogate_type bvl_surrogate_shared;
extern const bvl_surrogate_type bvl_surrogate_square;
extern const bvl_surrogate_type bvl_surrogate_two_vector;
extern const bvl_surrogate_type bvl_surrogate_group_product;
extern const bvl_surrogate_type bvl_surrogate_group_power;
extern const bvl_surrogate_type bvl_surrogate_own_norm;
extern const bvl_surrogate_type bvl_surrogate_lpq;

/** sum_i w_i a_i - prod_i a_i^w_i for n weights that sum to 1 and a_i >= 0: at least 0, by the
 * inequality of the means, without a difference. n <= BVL_SURROGATE_MAX_FACTORS. */
double bvl_mean_excess(int64_t n, const double *w, const double *a);

/** theta_l = b^(1/k) in magnitude for l < k, the product b exactly but for rounding of the last
 * division. */
void bvl_spread_evenly(int64_t k, double b, double *theta);

/** For rows: length m, and 2 m. */
int64_t bvl_length_once(const bvl_surrogate_shape *shape, int64_t m);
int64_t bvl_length_twice(const bvl_surrogate_shape *shape, int64_t m);

/** For rows of one factor a column: penalty lw theta_0^2; imbalance 0, where the map is one to one.
 */
double bvl_square_penalty(const bvl_surrogate_shape *shape, double lw, int64_t m,
                          const double *theta, double *grad);
double bvl_always_balanced(const bvl_surrogate_shape *shape, double lw, int64_t m,
                           const double *theta);

#endif
