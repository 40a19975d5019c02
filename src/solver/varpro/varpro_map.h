/* SPDX-License-Identifier: BSD-3-Clause */
/* Penalties as minima over one variable v >= 0 a block (Poon, Peyre, arXiv 2106.01429): with the
 * coefficients b_g = sqrt(d(v)) times an inner variable of plain ridge,
 *
 *     w P(||b_g||) = min over v of  ||b_g||^2 / (2 d(v)) + w phi(v)
 *
 *   lasso, group-lasso   d = v^2 / w                                phi = v^2 / 2
 *   enet                 d = v^2 / (w (alpha + (1 - alpha) v^2))    phi = alpha v^2 / 2
 *   lq, group-lq         d = v^2 / w                                phi = C |v|^s
 *                        s = 2q / (2 - q), C = (2 - q) q^(q / (2 - q)) / 2, q > 2/3 so that s > 1
 *
 * Both functions are even in v, and d, d' and phi' vanish at 0: zero is stationary, and absorbing.
 */
#ifndef BVL_SOLVER_VARPRO_MAP_H
#define BVL_SOLVER_VARPRO_MAP_H

#include "penalty/penalty.h"

/** d and w phi with their first two derivatives, at one v; phi_v = w phi'(v) / v, which for the
 * even function phi in use is at least w phi''(v). phi2 and phi_v are 0 at v = 0 where they have no
 * bound. */
typedef struct bvl_varpro_values {
  double d, d1, d2;
  double phi, phi1, phi2, phi_v;
} bvl_varpro_values;

typedef struct bvl_varpro_map {
  const char *penalty;
  void (*at)(const bvl_penalty *pen, double weight, double v, bvl_varpro_values *out);
  /** The v >= 0 of the minimum above for ||b_g|| = t. */
  double (*from_norm)(const bvl_penalty *pen, double t);
} bvl_varpro_map;

/** Not collective. @return BVL_ERR_USAGE with what works for a penalty that has no such form. */
bvl_status bvl_varpro_find_map(const bvl_penalty *pen, const bvl_varpro_map **out);

#endif
