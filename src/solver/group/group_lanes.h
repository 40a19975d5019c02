/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the group engine share: group_model.c goes along lambda, group_lanes.c steps
 * the lambdas of a batch, group_matrix.c says which groups the matrix knows. Where the columns are
 * and what a point is made of, group_rows.c and group_gram.c tell, each a bvl_group_space. */
#ifndef BVL_SOLVER_GROUP_LANES_H
#define BVL_SOLVER_GROUP_LANES_H

#include <math.h>

#include "solver/anderson.h"
#include "solver/group/group_model.h"
#include "solver/group/group_newton.h"
#include "solver/group/group_past.h"
#include "solver/group/group_set.h"

enum { BVL_GROUP_BATCH = BVL_GROUP_LANES };
_Static_assert(BVL_GROUP_BATCH + BVL_PAST_USED <= BVL_PAST_ROOM, "a batch may be taken back");

typedef struct bvl_group_lanes bvl_group_lanes;

/** A point has two parts: x_g, one number a group, and z, which is the predictor of all rows, or
 * the coefficients of the set. z is right where z = offset + sum_g image(tau_g v_g). */
typedef struct bvl_group_space {
  bvl_status (*create)(bvl_group_model *m);
  void (*destroy)(bvl_group_model *m);
  /** The set grew, or (anew) its unknowns were renumbered: sets m->n. Collective. */
  bvl_status (*follow)(bvl_group_model *m, int anew);
  /** z of lambda q of the batch <- that of set->b. Collective. */
  bvl_status (*start)(bvl_group_model *m, int64_t q);
  /** What pull needs, for every lane at its point, and m->h. Collective. */
  bvl_status (*prepare)(bvl_group_model *m, const bvl_group_lanes *at);
  /** v (len x k), norm (k) as bvl_group_correlate gives them, of lanes a .. a + k - 1, of a block
   * that is here. Not collective. */
  void (*pull)(const bvl_group_model *m, const bvl_group_lanes *at, int64_t g, int64_t a, int64_t k,
               const double *lambda, double *v, double *norm);
  /** out (n x k) += the image of b (len x k) of a block that is here. Not collective. */
  void (*push)(const bvl_group_model *m, int64_t g, int64_t k, const double *b, double *out);
  /** How many steps the next factor may cost. Not collective, for rank 0. */
  double (*worth)(const bvl_group_model *m);
  /** A new factor on rank 0, at lane a's point; lanes are prepared. Collective. */
  bvl_status (*factor)(bvl_group_model *m, bvl_group_lanes *at, int64_t a, int *ok);
} bvl_group_space;

extern const bvl_group_space bvl_group_rows; /* any number of columns, few rows */
extern const bvl_group_space bvl_group_gram; /* any number of rows, few columns */

/** Several lambdas at a time: q counts them in the batch, a (a lane) among those still solved. */
struct bvl_group_model {
  bvl_problem *problem; /* borrowed */
  bvl_working_set *set; /* borrowed */
  const bvl_group_space *space;
  bvl_group_set *G;   /* owned */
  int64_t n;          /* length of z */
  int64_t room;       /* of z and h: n each for a batch */
  int64_t generation; /* of the set when the arrays here were last in step with it */
  double *z;          /* n x BVL_GROUP_BATCH by q, replicated, owned */
  double *h;          /* n x BVL_GROUP_BATCH by lane: how an error of z is weighed, owned */
  double scale;       /* of a sum of those */
  double *offset;     /* n, what z is at zero coefficients; NULL = 0; owned */
  int64_t capacity;   /* of the arrays by block */
  double *tau;        /* capacity x BVL_GROUP_BATCH, replicated, owned; free: coefficients */
  int64_t *slot;      /* capacity: a block's column of V, -1 = none; replicated, owned */
  int64_t *member;    /* capacity: the inverse of slot, owned */
  int64_t n_known;    /* blocks these arrays are set for */
  int64_t n_members;
  int has_factor;
  bvl_past past;
  int64_t n_fresh;                        /* points of `past` that the last batch added */
  bvl_group_newton newton;                /* rank 0 */
  bvl_anderson anderson[BVL_GROUP_BATCH]; /* by q, rank 0 */
  /* bvl_group_rows: columns dealt whole to the ranks */
  double *y, *w;     /* n each, replicated, owned */
  double *r;         /* n x BVL_GROUP_BATCH, by lane, owned */
  double *B;         /* n x n, lower triangle, owned: this rank's groups, at tau_in */
  double *tau_in;    /* by dealt column: what B holds, owned */
  int64_t n_columns; /* that tau_in is set for */
  int64_t column_capacity;
  /* bvl_group_gram: rows split over the ranks, unknowns on rank 0 */
  int64_t free_d;    /* leading unknowns without penalty */
  double *null_b;    /* free_d: what a quadratic's free unknowns are measured from, owned */
  double *r_rows;    /* n_split x BVL_GROUP_BATCH (quadratic: 1, at the null fit), owned */
  double *h_rows;    /* n_split x BVL_GROUP_BATCH by lane, owned; NULL for a quadratic */
  double *eta_rows;  /* n_split x BVL_GROUP_BATCH, owned */
  double *v;         /* n x BVL_GROUP_BATCH by lane: X'r / n, owned */
  int64_t weighing;  /* of the set when its Gram got this model's curvature */
  int has_curvature; /* does G have that of some point? */
  int renew_next;    /* is the next factor to have another? */
  double *c;         /* n: that of the null fit of a quadratic; owned */
};

/** Lane a works on lambda q[a] of the batch; lanes 0 .. n - 1 are still to be solved. */
struct bvl_group_lanes {
  int64_t n;
  int64_t q[BVL_GROUP_BATCH];
  const double *lambda;             /* of the batch */
  double tol;                       /* relative to lambda */
  double residual[BVL_GROUP_BATCH]; /* by q, at the last step */
  int64_t steps[BVL_GROUP_BATCH];   /* by q */
  int backs[BVL_GROUP_BATCH];       /* by q: halvings of the last step */
  double *before;              /* n + blocks, x lanes by q: z and tau before the last step; owned */
  int solved[BVL_GROUP_BATCH]; /* by q */
  int regrouped[BVL_GROUP_BATCH]; /* by q: did the last step change what is active? */
  int refreshes;
  int64_t budget;
  const bvl_watch *watch; /* rank 0 */
  double *packed;         /* n + blocks, x lanes: the image, then norms of the members; owned */
  double *excess;         /* blocks x lanes, owned */
  double *x;              /* blocks x lanes, owned */
  double *state;          /* 1 + n + blocks, x lanes: action, z, tau to all; owned */
  double *v;              /* longest block x lanes, owned */
  unsigned char *bounded; /* blocks, owned */
  double *point;          /* n + blocks, twice: a lane and its step; owned */
};

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

/** out <- the lambdas of the lanes, side by side; returns out. */
const double *bvl_group_lambdas(const bvl_group_lanes *at, double *out);

/** Is block g free, or nonzero in some lane? */
int bvl_group_is_active(const bvl_group_model *m, const bvl_group_lanes *at, int64_t g);

/** Of every lane, prepared, for a block that is here: b <- tau_g v_g (len x lanes) and norm as
 * pull gives it. Not collective. */
void bvl_group_coefficients(const bvl_group_model *m, const bvl_group_lanes *at, int64_t g,
                            double *b, double *norm);

/** All lanes, from where z and tau stand, until none is left; at->solved says which made it.
 * Collective. */
bvl_status bvl_group_solve_lanes(bvl_group_model *m, bvl_group_lanes *at);

/** Takes the groups of the set into V that are above their threshold in some lane, with their
 * direction in the last such lane, where they stand out most. Collective. */
bvl_status bvl_group_admit(bvl_group_model *m, bvl_group_lanes *at, int64_t *n_new);

/** A new matrix at lane a's point; its members are the groups active in any. *ok = 0: it could not
 * be factored. Collective. */
bvl_status bvl_group_refresh(bvl_group_model *m, bvl_group_lanes *at, int64_t a, int *ok);

#endif
