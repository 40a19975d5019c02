/* SPDX-License-Identifier: BSD-3-Clause */
/* A small network's objective as one rank sees it: rank 0 holds the whole vector and decides, the
 * others evaluate with it when it asks. An evaluation costs a broadcast and a gather of the vector
 * beside the objective's own traffic; everything between evaluations costs nothing, where a vector
 * in parts would reduce a few numbers a hundred times. For grids of one column: shares follow one
 * another in the order of ranks. */
#ifndef BVL_NET_FRONT_SERVED_H
#define BVL_NET_FRONT_SERVED_H

#include "optim/optim.h"

typedef struct bvl_served {
  bvl_objective objective; /* rank 0's: of n entries, on a communicator of itself alone */
  const bvl_objective *f;  /* borrowed; every entry is its rank's own */
  bvl_traffic traffic;
  bvl_comm self;
  int64_t n;
  int64_t begin;   /* of this rank's entries */
  int64_t *counts; /* of every rank's entries, owned */
  double *packed;  /* what to do, which batch, and the n entries; owned */
  double *grad;    /* this rank's, owned */
  int broken;      /* an evaluation failed: on all ranks */
} bvl_served;

/** May not be moved. Collective over f's communicator. @return BVL_ERR_NOMEM, BVL_ERR_MPI. */
bvl_status bvl_served_create(const bvl_objective *f, bvl_served **out);
void bvl_served_destroy(bvl_served **served);

/** The other ranks': evaluates until rank 0 calls bvl_served_release. Collective.
 * @return what an evaluation failed with. */
bvl_status bvl_served_work(bvl_served *served);
/** Rank 0's: lets the others go, unless an evaluation has failed and they have gone. */
bvl_status bvl_served_release(bvl_served *served);

#endif
