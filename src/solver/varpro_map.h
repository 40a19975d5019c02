/* SPDX-License-Identifier: BSD-3-Clause */
/* Penalties as minima over one variable v >= 0 a block (Poon, Peyre, arXiv 2106.01429): with the
 * coefficients b_g = sqrt(d(v)) times an inner variable of plain ridge,
 *
 *     w P(||b_g||) = min over v of  ||b_g||^2 / (2 d(v)) + w phi(v)
 *
 *   lasso, group-lasso   d = v^2 / w                                phi = v^2 / 2
 *   enet                 d = v^2 / (w (alpha + (1 - alpha) v^2))    phi = alpha v^2 / 2
 *
 * Both functions are even in v, and d(0) = d'(0) = 0: zero is stationary, and absorbing. */
#ifndef BVL_SOLVER_VARPRO_MAP_H
#define BVL_SOLVER_VARPRO_MAP_H

#include "penalty/penalty.h"

/** d and w phi with their first two derivatives, at one v. */
typedef struct bvl_varpro_values {
  double d, d1, d2;
  double phi, phi1, phi2;
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
