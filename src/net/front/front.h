/* SPDX-License-Identifier: BSD-3-Clause */
/* The front between f1 (a loss) and f2 (a norm), as points whose f2 is evenly spaced from 0 to
 * f2_max: x = 0 first, then at each radius the lowest stationary point of f1 on the ball that was
 * found. A sweep walks along the radii, each point predicted from its two neighbours on the side
 * it comes from and corrected (corrector.h); a point is replaced when a sweep finds a lower one.
 * Sweeps go down from dense ends (pruning keeps the structure that matters) and up again from every
 * point (a ball holds the smaller ones, so values fall strictly with f2 until f1 has its minimum
 * inside). Points hold this rank's share of x.
 *
 * A sweep goes on from where the front stands (bvl_front_place), so that a front that was saved
 * between two points and restored ends in the same points. */
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

/** How far a front is. */
typedef enum bvl_front_stage {
  BVL_FRONT_TRAIN, /* a dense end is to be found */
  BVL_FRONT_DOWN,
  BVL_FRONT_UP,
  BVL_FRONT_BACK,
  BVL_FRONT_SETTLE,
  BVL_FRONT_DONE
} bvl_front_stage;

typedef struct bvl_front_place {
  bvl_front_stage stage;
  int64_t round;   /* the dense end, or the pair of sweeps */
  int64_t k;       /* the sweep's next point */
  double gain;     /* the largest fall of a value in this round, relative */
  uint64_t passes; /* of minibatch steps before the point */
} bvl_front_place;

/** Where a vector's entries stand among all ranks': the first layer's, and the rest's. */
typedef struct bvl_front_layout {
  int64_t all[2];
  int64_t first[2];
  int64_t count[2];  /* this rank's entries, one after the other */
  int64_t speaks[2]; /* of these, those it saves */
} bvl_front_layout;

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
  double *predicted;      /* n_local, owned, as the next ones */
  double *other;
  double *walker; /* where a way down stands, from the dense end on */
  double *behind; /* where it stood a point before */
  bvl_front_place at;
  int wants; /* what an evaluation has said since the last pause */
  /* Between points, when a checkpoint is wanted; NULL = never. Collective. */
  bvl_status (*save)(void *context);
  void *save_context;
  double f2_max; /* 0 = not known yet */
  double start_s;
  int time_up; /* no sweep goes on */
} bvl_front;

/** n >= 2 radii, equal steps from 0 to f2_max; 0: bvl_front_approach finds it. Collective. @return
 * BVL_ERR_NOMEM, BVL_ERR_MPI. */
bvl_status bvl_front_create(const bvl_objective *f, bvl_ball *ball, int64_t n, double f2_max,
                            const bvl_corrector_limits *limits, bvl_front **out);
void bvl_front_destroy(bvl_front **front);

/** Brings walker, dense, to the front's end by ever smaller balls, a fifth smaller each, so that it
 * is pruned and not crushed. Where f2_max is still to be found, it is the last norm at
 * which f1 is at most 1 % of what it is at 0, or what it is at x if that is more. Collective.
 * @return BVL_ERR_INTERRUPTED when the monitor wants it. */
bvl_status bvl_front_approach(bvl_front *front);
/** Stands at the first point of a stage. Not collective. */
void bvl_front_begin(bvl_front *front, bvl_front_stage stage, int64_t round);
/** Goes through what is left of the stage: down from walker at the dense end; up from the sparse
 * end, each point offered to the next radius, then back down likewise; or starts each point that is
 * no lower than the one before it from there, so that it is. Ends early when time is up.
 * Collective.
 * @return BVL_ERR_INTERRUPTED when the monitor wants it: the front is then as after its last point.
 */
bvl_status bvl_front_sweep(bvl_front *front);

/** Writes the front into a checkpoint and takes it up again, on any number of ranks. Collective
 * over f's communicator. @return what the store does; BVL_ERR_INPUT for a front of other sizes. */
bvl_status bvl_front_save(const bvl_front *front, const bvl_front_layout *layout,
                          const bvl_store *store);
bvl_status bvl_front_restore(bvl_front *front, const bvl_front_layout *layout,
                             const bvl_store *store);

#endif
