/* SPDX-License-Identifier: BSD-3-Clause */
/* Penalties as functions of one block. `lw` is lambda times the block's factor throughout; b, g, v,
 * z are vectors of the block's m columns; t = ||b||_2. A new penalty is one file and one row.
 *
 *   penalty      P(t)                         block
 *   lasso        lw t                         one column
 *   enet         lw (alpha t + (1-alpha) t^2/2)   one column
 *   group-lasso  lw t                         a group, weight sqrt(size) by default
 *   sparse-group-lasso  (1-alpha) lw t        a group; and l1 lw ||b||_1, l1 = alpha / weight
 *   mcp, scad, tl1, log, lq: at the head of their files, not convex; one column, group-mcp and so
 *                on a group, weight sqrt(size) by default
 *   l1-l2, group-l1-l2: not convex and no function of t, penalty/l1l2.h
 */
#ifndef BVL_PENALTY_PENALTY_H
#define BVL_PENALTY_PENALTY_H

#include <stdint.h>

#include "base/status.h"
#include "bevel/penalty.h"

typedef struct bvl_penalty bvl_penalty;

typedef struct bvl_penalty_type bvl_penalty_type;

/* Columns of one block of all columns: it is on one rank, and so is its Gram. */
enum { BVL_WHOLE_MOST = 4096 };

struct bvl_penalty_type {
  const char *name;
  int grouped; /* blocks are groups */
  int convex;
  int nested;     /* lpq: no function of the norm; penalty/lpq.h has its value and distance */
  int sparse;     /* an l1 part of level alpha lambda inside the groups, whatever their weight */
  int difference; /* l1-l2: no function of the norm; penalty/l1l2.h has its block functions */
  int whole;      /* a difference over groups: all penalised columns are one block */
  int mixes;      /* takes an alpha; elsewhere only 1 is accepted */
  double default_alpha;
  const bvl_penalty_type *at_zero; /* the row it becomes at alpha = 0; NULL: alpha = 0 is refused */
  const bvl_penalty_type *at_one;  /* the row it becomes at alpha = 1; NULL: it stays */
  /* The one shape parameter of a non-convex row: its name in bvl_penalty_parameters (NULL: it has
   * none), default and domain (shape_above, shape_to]; the row it becomes at shape 1 (NULL: none)
   */
  const char *shape_name;
  double default_shape;
  double shape_above;
  double shape_to;
  const bvl_penalty_type *at_shape_one;
  /* the scalar profile on t >= 0 and its first two derivatives, at t > 0 (slope also at 0+) */
  double (*profile)(const bvl_penalty *pen, double lw, double t);
  double (*slope)(const bvl_penalty *pen, double lw, double t);
  double (*bend)(const bvl_penalty *pen, double lw, double t);
  /* a global argmin over x >= 0 of rho/2 (x - t)^2 + P(x), for every rho > 0 */
  double (*prox)(const bvl_penalty *pen, double lw, double rho, double t);
  /* Where the slope at 0 is infinite (NULL elsewhere): what takes its place. The largest norm of
   * the gradient at which the prox at pen->curvature keeps 0, increasing in lw; the lw at which it
   * is v; and the smallest norm a local minimum other than 0 can have at that curvature. */
  double (*rest)(const bvl_penalty *pen, double lw);
  double (*entry)(const bvl_penalty *pen, double v);
  double (*least)(const bvl_penalty *pen, double lw);
  /* dual side, for convex penalties, of a vector of norm v: the largest s <= 1 with s v in the dual
   * set, and the term Omega the dual objective loses at v (already scaled) */
  double (*dual_scale)(const bvl_penalty *pen, double lw, double v);
  double (*dual_loss)(const bvl_penalty *pen, double lw, double v);
};

struct bvl_penalty {
  const bvl_penalty_type *type;
  double alpha;
  double shape; /* gamma, q, a or eps of the row that has one; NaN elsewhere */
  /* of a rest: an upper bound of the block's largest eigenvalue of the loss's Hessian; 1 at first,
   * set in copies (bvl_penalty_curved) */
  double curvature;
  double k1; /* lpq: p = 2/k1, shape = q = 2/(k1 + k2) */
  double k2;
  double l1; /* the level of an l1 part per unit of lw: 0 but in bvl_penalty_at's copies */
  /* whole: the groups inside the block of all penalised columns, borrowed; NULL elsewhere */
  const struct bvl_blocks *inside;
};

/** The penalty row of that name, NULL when there is none; all rows, NULL-terminated. */
const bvl_penalty_type *bvl_penalty_find(const char *name);
const bvl_penalty_type *const *bvl_penalty_all(void);
/** parameters: NaN = the row's default, NULL = all NaN. At alpha 0 or 1 a sparse group lasso is the
 * row it amounts to, and so is lq at q = 1: read out->type, not type, from here on.
 * @return BVL_ERR_USAGE, with the admissible range: a value outside its domain, or one (alpha:
 * other than 1) that the row does not take. */
bvl_status bvl_penalty_init(const bvl_penalty_type *type, const bvl_penalty_parameters *parameters,
                            bvl_penalty *out);
/** What initialises out->type to the same penalty again. */
bvl_penalty_parameters bvl_penalty_parameters_of(const bvl_penalty *pen);

/** The penalty as a block of factor `weight` has it: what the functions of a block below take where
 * the type is sparse; elsewhere a mere copy. */
bvl_penalty bvl_penalty_at(const bvl_penalty *pen, double weight);

/** Does it take all penalised columns as one block? */
int bvl_penalty_is_whole(const bvl_penalty *pen, int has_groups);

/** The penalty over a block of that curvature: for what compares with bvl_penalty_threshold. */
static inline bvl_penalty bvl_penalty_curved(bvl_penalty pen, double curvature)
{
  pen.curvature = curvature;
  return pen;
}

/** ||x||_2 of a block; |x| itself for m = 1. The norm every comparison with a threshold uses. */
double bvl_block_norm(int64_t m, const double *x);
/** ||S(v, l1 lw)||_2, S the soft threshold, of a difference bvl_l1l2_pull: what is compared with
 * bvl_penalty_threshold. */
double bvl_penalty_shrunk_norm(const bvl_penalty *pen, double lw, int64_t m, const double *v);

/** Pieces of a block that can be zero by themselves inside it: columns or groups of a difference
 * penalty, elsewhere the block. *begin (n + 1, borrowed) says where they are, NULL: all have one
 * column, or there is one piece. */
int64_t bvl_penalty_pieces(const bvl_penalty *pen, int64_t m, const int64_t **begin);

/** lambda Pen at b. */
double bvl_penalty_value(const bvl_penalty *pen, double lw, int64_t m, const double *b);
/** out = argmin over x of rho/2 ||x - z||^2 + P(||x||) + l1 lw ||x||_1; out may be z. */
void bvl_penalty_prox(const bvl_penalty *pen, double lw, double rho, int64_t m, const double *z,
                      double *out);
/** Distance of -g (g the gradient of the smooth part) to the subdifferential of P at b: the KKT
 * residual of the block; with a rest also what a zero's ||g|| exceeds it by, and how far ||b|| is
 * below `least`, times the curvature. lw = 0 gives ||g||; lw = INFINITY gives 0 (excluded). */
double bvl_penalty_distance(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                            const double *g);
/** out = P'(t) b / t + l1 lw sign(b), for b != 0. */
void bvl_penalty_gradient(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                          double *out);
/** H (m x m, leading dimension ld) += P''(t) uu' + P'(t)/t (I - uu'), u = b/t, for b != 0. Of a
 * difference H has the columns of nonzero pieces alone. */
void bvl_penalty_add_curvature(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                               double *H, int64_t ld);
/** Slope at zero, or the type's rest: the block stays 0 while bvl_penalty_shrunk_norm(g) <= this.
 * One function for lambda_max, screening and KKT: two roundings of one product loop for ever. */
double bvl_penalty_threshold(const bvl_penalty *pen, double lw);
/** Smallest double lambda at which 0 is stationary for a block of factor `weight` and gradient v
 * (0 for weight 0 or INFINITY), such that shrunk_norm(lambda * weight, v) <= threshold(lambda *
 * weight) holds exactly in floating point. pen as for all blocks: this function takes it at weight.
 */
double bvl_penalty_lambda_max(const bvl_penalty *pen, double weight, int64_t m, const double *v);
/** Largest s <= 1 with s v in the dual set of the block (to rounding, on the safe side). */
double bvl_penalty_dual_scale(const bvl_penalty *pen, double lw, int64_t m, const double *v);

#endif
