/* SPDX-License-Identifier: BSD-3-Clause */
/* A scalar convex penalty with bounds: lw Pen(b) + indicator(l <= b <= u), l <= 0 <= u.
 *
 *   zero stays zero     while pull(v) <= threshold: v counts towards a side that is open
 *   at a bound          v may exceed the slope outwards: the residual is one-sided
 *   conjugate           max over b in [l, u] of v b - lw Pen(b); finite wherever the side v points
 *                       to has an end, where it needs no scaling of v
 *
 * v = -g is minus the gradient of the smooth part. With l = -Inf and u = Inf all are the penalty's
 * own functions. Nothing here is collective. */
#ifndef BVL_PENALTY_BOUNDED_H
#define BVL_PENALTY_BOUNDED_H

#include "penalty/penalty.h"

typedef struct bvl_interval {
  double lower; /* <= 0, may be -INFINITY */
  double upper; /* >= 0, may be INFINITY */
} bvl_interval; /* doubles only: arrays of it are reduced as arrays of doubles */

/** x brought into the interval. */
double bvl_interval_clip(bvl_interval in, double x);
/** What takes the place of |v| in every comparison with bvl_penalty_threshold and in
 * bvl_penalty_lambda_max: how hard v pulls a coefficient away from zero. */
double bvl_bounded_pull(bvl_interval in, double v);
/** Distance of v to the subdifferential at b; INFINITY outside the interval, 0 for lw = INFINITY.
 */
double bvl_bounded_distance(const bvl_penalty *pen, double lw, bvl_interval in, double b, double g);
/** The largest s <= 1 to use on v: at the end v points to any v will do, b pays for it; elsewhere
 * the excess over the threshold is what is left of a solver's residual, which an end far away would
 * multiply: it is scaled away as without bounds. And the conjugate at v, INFINITY apart. */
double bvl_bounded_dual_scale(const bvl_penalty *pen, double lw, bvl_interval in, double b,
                              double v);
double bvl_bounded_dual_loss(const bvl_penalty *pen, double lw, bvl_interval in, double v);

#endif
