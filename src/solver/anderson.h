/* SPDX-License-Identifier: BSD-3-Clause */
/* Anderson's acceleration of a fixed-point iteration z <- z + f(z): the next point is what the
 * last few steps, taken as linear, say about where f vanishes. Anderson 1965; Walker, Ni 2011. It
 * turns the linear rate of Newton's method at a stale matrix into a superlinear one. Purely local.
 */
#ifndef BVL_SOLVER_ANDERSON_H
#define BVL_SOLVER_ANDERSON_H

#include <stdint.h>

#include "base/status.h"

enum { BVL_ANDERSON_DEPTH = 4 };

typedef struct bvl_anderson {
  int64_t n;                      /* length of z */
  int64_t room;                   /* of each vector below */
  int64_t count;                  /* steps seen since the last reset */
  double *z;                      /* the last point, owned */
  double *f;                      /* its step, owned */
  double *dz[BVL_ANDERSON_DEPTH]; /* differences of successive points, owned */
  double *df[BVL_ANDERSON_DEPTH]; /* and of their steps, owned */
} bvl_anderson;

void bvl_anderson_free(bvl_anderson *s);

/** Forgets what it knows: the iteration is another one from here. */
void bvl_anderson_reset(bvl_anderson *s);

/** f <- the accelerated step at z (n each), of which the first `measured` entries, times weight
 * (NULL = 1), decide. A change of n resets. @return BVL_ERR_NOMEM. */
bvl_status bvl_anderson_step(bvl_anderson *s, int64_t n, int64_t measured, const double *weight,
                             const double *z, double *f);

#endif
