/* SPDX-License-Identifier: BSD-3-Clause */
/* What the three files of the group engine share: group_model.c goes along lambda, group_lanes.c
 * steps the lambdas of a batch, group_matrix.c keeps the matrix they step at. */
#ifndef BVL_SOLVER_GROUP_LANES_H
#define BVL_SOLVER_GROUP_LANES_H

#include <math.h>

#include "solver/anderson.h"
#include "solver/group_model.h"
#include "solver/group_newton.h"
#include "solver/group_past.h"
#include "solver/group_set.h"

enum { BVL_GROUP_BATCH = BVL_GROUP_LANES };
_Static_assert(BVL_GROUP_BATCH + BVL_PAST_USED <= BVL_PAST_ROOM, "a batch may be taken back");

/** Several lambdas at a time: q counts them in the batch, a (a lane) among those still solved. */
struct bvl_group_model {
  bvl_problem *problem; /* borrowed */
  bvl_working_set *set; /* borrowed */
  bvl_group_set *G;     /* owned */
  int64_t n;            /* rows of all ranks */
  int64_t generation;   /* of the set when G was last in step with it */
  double *y, *w, *o;    /* n each, replicated, owned; o is 0 where there is no offset */
  double *eta;          /* n x BVL_GROUP_BATCH, replicated, owned */
  double *r, *h;        /* n x BVL_GROUP_BATCH, by lane, owned */
  double *B;            /* n x n, lower triangle, owned: this rank's groups, at tau_in */
  double *tau_in;       /* by dealt column: what B holds, owned */
  int64_t n_columns;    /* that tau_in is set for */
  int64_t column_capacity;
  int64_t capacity; /* of the arrays by block */
  double *tau;      /* capacity x BVL_GROUP_BATCH, replicated, owned; free: coefficients */
  int64_t *slot;    /* capacity: a block's column of V, -1 = none; replicated, owned */
  int64_t *member;  /* capacity: the inverse of slot, owned */
  int64_t n_known;  /* blocks these arrays are set for */
  int64_t n_members;
  int has_factor;
  bvl_past past;
  int64_t n_fresh;                        /* points of `past` that the last batch added */
  bvl_group_newton newton;                /* rank 0 */
  bvl_anderson anderson[BVL_GROUP_BATCH]; /* by q, rank 0 */
};

/** Lane a works on lambda q[a] of the batch; lanes 0 .. n - 1 are still to be solved. */
typedef struct bvl_group_lanes {
  int64_t n;
  int64_t q[BVL_GROUP_BATCH];
  const double *lambda;             /* of the batch */
  double tol;                       /* relative to lambda */
  double residual[BVL_GROUP_BATCH]; /* by q, at the last step */
  int64_t steps[BVL_GROUP_BATCH];   /* by q */
  int backs[BVL_GROUP_BATCH];       /* by q: halvings of the last step */
  double *before; /* n + blocks, x lanes by q: eta and tau before the last step; owned */
  int solved[BVL_GROUP_BATCH];    /* by q */
  int regrouped[BVL_GROUP_BATCH]; /* by q: did the last step change what is active? */
  int refreshes;
  int64_t budget;
  double *packed;         /* n + blocks, x lanes: X b, then norms of the members; owned */
  double *excess;         /* blocks x lanes, owned */
  double *x;              /* blocks x lanes, owned */
  double *state;          /* 1 + n + blocks, x lanes: action, eta, tau to all; owned */
  double *v;              /* longest block x lanes, owned */
  unsigned char *bounded; /* blocks, owned */
  double *point;          /* n + blocks, twice: a lane and its step; owned */
} bvl_group_lanes;

static inline const bvl_comm *bvl_group_comm(const bvl_group_model *m)
{
  return &m->problem->grid->all;
}

static inline int bvl_group_is_root(const bvl_group_model *m)
{
  return bvl_group_comm(m)->rank == 0;
}

/** By block, for lambda q of the batch. */
static inline double *bvl_group_tau(const bvl_group_model *m, int64_t q)
{
  return m->tau + q * m->capacity;
}

/** @return BVL_ERR_NOMEM; bvl_group_lanes_close frees what there is. Not collective. */
bvl_status bvl_group_lanes_open(const bvl_group_model *m, bvl_group_lanes *at);
void bvl_group_lanes_close(bvl_group_lanes *at);

/** r and h of every lane at its eta. Not collective. */
void bvl_group_residuals(bvl_group_model *m, const bvl_group_lanes *at);

/** out <- the lambdas of the lanes, side by side; returns out. */
const double *bvl_group_lambdas(const bvl_group_lanes *at, double *out);

/** Is block g free, or nonzero in some lane? */
int bvl_group_is_active(const bvl_group_model *m, const bvl_group_lanes *at, int64_t g);

/** All lanes, from where eta and tau stand, until none is left; at->solved says which made it.
 * Collective. */
bvl_status bvl_group_solve_lanes(bvl_group_model *m, bvl_group_lanes *at);

/** Takes the groups of the set into V that are above their threshold in some lane, with their
 * direction in the last such lane, where they stand out most. Collective. */
bvl_status bvl_group_admit(bvl_group_model *m, bvl_group_lanes *at, int64_t *n_new);

/** A new matrix at lane a's point; its members are the groups active in any. *ok = 0: it could not
 * be factored. Collective. */
bvl_status bvl_group_refresh(bvl_group_model *m, bvl_group_lanes *at, int64_t a, int *ok);

#endif
