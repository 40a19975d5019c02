/* SPDX-License-Identifier: BSD-3-Clause */
/* The front between f1 (a loss) and f2 (a norm), as points whose f2 is evenly spaced from 0 to
 * f2_max: x = 0 first, then at each radius the lowest stationary point of f1 on the ball that was
 * found. A sweep walks along the radii, each point predicted from its two neighbours on the side
 * it comes from and corrected (corrector.h); a point is replaced when a sweep finds a lower one.
 * Sweeps go down from dense ends (pruning keeps the structure that matters) and up again from every
 * point (a ball holds the smaller ones, so values fall strictly with f2 until f1 has its minimum
 * inside). Points hold this rank's share of x. */
#ifndef BVL_NET_FRONT_FRONT_H
#define BVL_NET_FRONT_FRONT_H

#include "net/front/corrector.h"

typedef struct bvl_front_point {
  double radius;
  double value; /* f1; INFINITY = none yet */
  bvl_stationarity at;
  int converged;
  double seconds; /* spent at this radius */
  int64_t steps;
  double *x; /* n_local, owned */
} bvl_front_point;

typedef struct bvl_front {
  bvl_corrector *corrector;   /* owned */
  const bvl_objective *f;     /* borrowed */
  bvl_ball *ball;             /* borrowed */
  const bvl_monitor *monitor; /* borrowed, NULL = none */
  bvl_corrector_limits limits;
  bvl_stir stir; /* minibatch steps before each correction; none */
  uint64_t passes;
  int64_t n;
  bvl_front_point *point; /* n, owned */
  double *predicted;      /* n_local, owned */
  double *other;
  double f2_max; /* 0 = not known yet */
  double start_s;
  int time_up; /* no sweep goes on */
} bvl_front;

/** n >= 2 radii, equal steps from 0 to f2_max; 0: bvl_front_approach finds it. Collective. @return
 * BVL_ERR_NOMEM, BVL_ERR_MPI. */
bvl_status bvl_front_create(const bvl_objective *f, bvl_ball *ball, int64_t n, double f2_max,
                            const bvl_corrector_limits *limits, bvl_front **out);
void bvl_front_destroy(bvl_front **front);

/** Brings a dense x (n_local) to the front's end by ever smaller balls, a fifth smaller each, so
 * that it is pruned and not crushed. Where f2_max is still to be found, it is the last norm at
 * which f1 is at most 1 % of what it is at 0, or what it is at x if that is more. Collective.
 * @return BVL_ERR_INTERRUPTED when the monitor wants it. */
bvl_status bvl_front_approach(bvl_front *front, double *x);
/** Down from x (n_local, overwritten) at the dense end. Collective. */
bvl_status bvl_front_down(bvl_front *front, double *x);
/** Up from the sparse end, each point offered to the next radius; then down likewise. `*gain` is
 * the largest fall of a value, relative. Collective. */
bvl_status bvl_front_up(bvl_front *front, double *gain);
bvl_status bvl_front_back(bvl_front *front, double *gain);
/** Starts each point that is no lower than the one before it from there, so that it is. Collective.
 */
bvl_status bvl_front_settle(bvl_front *front);

#endif
