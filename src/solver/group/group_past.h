/* SPDX-License-Identifier: BSD-3-Clause */
/* Solved lambdas of a group path, and the extrapolation from the last of them. Replicated and
 * local. */
#ifndef BVL_SOLVER_GROUP_PAST_H
#define BVL_SOLVER_GROUP_PAST_H

#include <stdint.h>

#include "base/status.h"

enum {
  BVL_PAST_USED = 3,
  BVL_PAST_ROOM = BVL_PAST_USED + 8 /* of a batch all may be taken back */
};

typedef struct bvl_past_point {
  double lambda;
  int64_t n;
  double *z;   /* n, owned */
  double *tau; /* room for capacity blocks, owned */
  int64_t n_blocks;
} bvl_past_point;

typedef struct bvl_past {
  int64_t room; /* of every z */
  int64_t capacity;
  bvl_past_point point[BVL_PAST_ROOM]; /* oldest first */
  int64_t count;
} bvl_past;

/** Room for z of length n and n_blocks blocks. @return BVL_ERR_NOMEM. */
bvl_status bvl_past_reserve(bvl_past *past, int64_t n, int64_t n_blocks);
void bvl_past_free(bvl_past *past);

/** Adds a point, forgetting the oldest when full. */
void bvl_past_add(bvl_past *past, double lambda, int64_t n, const double *z, int64_t n_blocks,
                  const double *tau);

/** z (n) and tau (n_blocks) at lambda by the polynomial through the last points (past->count >=
 * 1); what is longer than a point was is zero there. A group is followed as far back as it was
 * active, and neither leaves nor more than triples on a prediction's word; where block_weight is 0,
 * tau is a coefficient. */
void bvl_past_predict(const bvl_past *past, double lambda, int64_t n, int64_t n_blocks,
                      const double *block_weight, double *z, double *tau);

#endif
