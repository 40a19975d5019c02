/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of bvl_problem, the point a solver moves, and the certificate of a point. */
#ifndef BVL_MODEL_PROBLEM_H
#define BVL_MODEL_PROBLEM_H

#include "bevel/problem.h"
#include "data/active.h"
#include "data/rounded.h"
#include "loss/loss.h"
#include "penalty/blocks.h"
#include "penalty/bounded.h"
#include "penalty/penalty.h"

/** Where a solver stands, on the standardised problem. */
typedef struct bvl_point {
  double intercept;
  /* p_local x outputs, a column's coefficients together: this rank's columns; equal over the grid
   * column; owned */
  double *beta;
  double *intercepts; /* outputs of them in place of `intercept`, owned; NULL with one */
} bvl_point;

struct bvl_problem {
  const bvl_grid *grid; /* borrowed */
  bvl_design *X;        /* owned */
  const bvl_loss *loss;
  bvl_penalty penalty;
  bvl_blocks blocks; /* over this rank's local columns, owned; constant columns have INFINITY */
  bvl_blocks inside; /* what the one block of a penalty on all columns is made of, replicated,
                        owned; else empty */
  int intercept;
  int standardize;
  int64_t n; /* global rows */
  /* K predictors a row and coefficients a column: responses or classes, mostly 1. Block g of
   * `blocks` then has K coefficients for each of its columns, and is penalised as a whole. */
  int64_t outputs;
  double *responses;        /* several gaussian responses: n_split x K, owned; else NULL */
  double *y;                /* n_local block rows, local order, owned */
  double *y_mean;           /* outputs: taken from y and responses, part of intercepts; owned */
  double *w;                /* n_local, scaled to sum n over all rows; owned */
  double *offset;           /* n_local or NULL, owned */
  bvl_active *free_columns; /* unpenalised columns, owned; empty when there are none */
  double sat_loss;          /* (1/n) sum w saturated(y) */
  double null_loss;         /* (1/n) sum w loss at the null fit */
  double null_half;         /* null_loss - sat_loss */
  double lambda_max;        /* set by bvl_problem_lambda_max */
  double *curvature;        /* blocks.n, owned: see bvl_problem_set_curvature; NULL = not needed */
  double *block_work;       /* blocks.max_len x outputs, owned scratch */
  int64_t *block_of;        /* p_local: the block of each local column, owned */
  bvl_point null_point;     /* intercept and unpenalised columns alone, beta owned */
  /* this rank's bounds on the standardised and on the input's scale; NULL = no bounds at all */
  bvl_interval *bounds;
  bvl_interval *bounds_input;
  bvl_rounded *rounded; /* X in 8 bits, for bvl_certify_many, owned; NULL: every sweep is exact */
  int has_ends; /* some bound is neither zero nor infinite: a coefficient may stop short of it */
};

/** As bvl_problem_create, on the entries of X that `base` has read, in the order its blocks ask
 * for: `data` may differ from base's in its vectors over rows (read_rows; weights decide how X is
 * standardised), not in penalty, groups and penalty factors (without groups a factor that is
 * neither 0 nor infinite may be another such). base outlives it and lends it its
 * rounded copy of X, if it has one: the two are not used at once. Collective. */
bvl_status bvl_problem_create_beside(const bvl_problem *base, const bvl_problem_data *data,
                                     bvl_problem **out);

/** What is known of a point at a lambda, the same on every rank. */
typedef struct bvl_certificate {
  double loss;      /* (1/n) sum w loss */
  double objective; /* loss + lambda Pen */
  double dual;      /* a lower bound of the optimum; -INFINITY when the penalty is not convex */
  double gap;       /* (objective - dual) / null_half, NaN when not convex */
  double kkt;       /* largest violation of stationarity / lambda */
  double radius;    /* gap-safe: ||theta* - theta||_W <= radius; INFINITY when there is no bound */
  double scale;     /* the s of the dual point s theta */
  double support;   /* nonzero coefficients */
} bvl_certificate;  /* doubles only: it travels as one array */

/** Coefficients of this rank's columns; where those of block g begin, and how many they are. */
static inline int64_t bvl_problem_n_coef(const bvl_problem *problem)
{
  return problem->X->columns.p_local * problem->outputs;
}
static inline int64_t bvl_problem_begin(const bvl_problem *problem, int64_t g)
{
  return problem->blocks.begin[g] * problem->outputs;
}
static inline int64_t bvl_problem_len(const bvl_problem *problem, int64_t g)
{
  return bvl_block_len(&problem->blocks, g) * problem->outputs;
}

/** Checks data's bounds and brings them to the standardised scale; columns with [0, 0] become
 * excluded. After the standardization, before anything is fitted. Collective.
 * @return BVL_ERR_INPUT (a bound on the wrong side of 0 or NaN; bounds on an unpenalised column;
 * the column in the message), BVL_ERR_USAGE (a group penalty), BVL_ERR_NOMEM. */
bvl_status bvl_problem_set_bounds(bvl_problem *problem, const bvl_problem_data *data);

/** For a penalty with a rest (elsewhere nothing is done): each block's curvature bound, at eta
 * (n_split) where the loss's has no bound; model/curvature.c says which. Collective. */
bvl_status bvl_problem_set_curvature(bvl_problem *problem, const double *eta);
/** Does it depend on eta? bvl_certify and bvl_certify_many then set it anew. Not collective. */
static inline int bvl_problem_curvature_moves(const bvl_problem *problem)
{
  return problem->penalty.type->rest != NULL && !(problem->loss->curvature_bound < INFINITY);
}
/** The penalty as local block g has it. Not collective. */
static inline bvl_penalty bvl_problem_penalty(const bvl_problem *problem, int64_t g)
{
  const bvl_penalty pen = bvl_penalty_at(&problem->penalty, problem->blocks.weight[g]);
  return problem->curvature != NULL ? bvl_penalty_curved(pen, problem->curvature[g]) : pen;
}

/** Block functions of this problem's penalty and bounds, at local block g; beta and v are p_local,
 * v_block is the block's part of v, g_block of -v. None is collective.
 * pull: what every comparison with bvl_penalty_threshold compares (screening, stationarity) and
 * bvl_penalty_lambda_max takes: ||v_g||, with bounds what of it points to an open side. */
double bvl_problem_pull(const bvl_problem *problem, const bvl_penalty *pen, double lw, int64_t g,
                        const double *v_block);
/** Smallest lambda at which 0 is stationary for block g. */
double bvl_problem_entry(const bvl_problem *problem, int64_t g, const double *v_block);
double bvl_problem_distance(const bvl_problem *problem, double lw, int64_t g, const double *beta,
                            const double *g_block);
double bvl_problem_dual_scale(const bvl_problem *problem, double lw, int64_t g, const double *beta,
                              const double *v);
double bvl_problem_dual_loss(const bvl_problem *problem, double lw, int64_t g, double s,
                             const double *v);
/** beta_k on the input's scale: a coefficient at its bound is the bound, to the last bit. */
double bvl_problem_input_scale(const bvl_problem *problem, int64_t k, double beta);

/** eta (n_split x outputs) = offset + intercept + X~ beta for this rank's split rows, from scratch.
 * Collective: one reduction along the grid row. */
bvl_status bvl_problem_eta(bvl_problem *problem, const bvl_point *point, double *eta);

/** A pass over this rank's split rows at eta (n_split x outputs): r (as eta; may be eta) = w theta,
 * returns sum w loss. Not collective. */
double bvl_problem_residuals(const bvl_problem *problem, const double *eta, double *r);

/** Minimises the loss over the intercept and the unpenalised columns with all else fixed: Newton.
 * Updates point and eta (n_split) in place. Collective; a small reduction per iteration.
 * @return BVL_ERR_INPUT when no finite minimiser exists. */
bvl_status bvl_problem_fit_free(bvl_problem *problem, bvl_point *point, double *eta);

/** The same for several outputs (bvl_problem_fit_free comes here by itself). */
bvl_status bvl_problem_fit_free_multi(bvl_problem *problem, bvl_point *point, double *eta);

/** Certifies a point from its predictor: first bvl_problem_fit_free (which can only lower the
 * objective), then fresh residuals, one sweep X~'r, objective, dual point, gap, stationarity.
 *
 * @param[in,out] point, eta  eta (n_split x outputs) must be that of point; both move with the free
 * block.
 * @param[out]    v           p_local x outputs, as beta: x~_j'r / n at the point (minus the
 * gradient of the loss). Collective: a sweep over X and at most five reductions. */
bvl_status bvl_certify(bvl_problem *problem, double lambda, bvl_point *point, double *eta,
                       double *v, bvl_certificate *out);

/** Vectors over split rows (n_split x k) as block rows (n_local x k), divided by n. Collective: a
 * gather along the grid row. */
bvl_status bvl_problem_spread_rows(bvl_problem *problem, int64_t k, const double *r_split,
                                   double *r);

/** V (p_local x k) = X~'R / n for R (n_split x k), divided by all rows' n. Collective. */
bvl_status bvl_correlate(bvl_problem *problem, int64_t k, const double *r_split, double *v);

/** The same by way of problem->rounded: V is exact in every block that is not 0 in each of the k
 * beta (p_local x k), is unpenalised, or may reach its threshold at one of lambda (k); elsewhere it
 * is near and both it and the truth are below. Collective. */
bvl_status bvl_correlate_screened(bvl_problem *problem, int64_t k, const double *lambda,
                                  const double *beta, const double *r_split, double *v);

/** From here on bvl_certify_many reads X only where it must, if the copy that takes pays: see
 * data/rounded.h. Collective; a pass over X the first time. @return BVL_ERR_NOMEM. */
bvl_status bvl_problem_round(bvl_problem *problem);

/** Certifies k points at k lambdas with one sweep over X, as they are: their free block must be
 * optimal already (to rounding: what is left of its gradient weakens the bound, never breaks it).
 * intercept (outputs x k), beta and v (p_local x outputs x k), eta (n_split x outputs x k); v as
 * bvl_correlate_screened gives it after bvl_problem_round. Collective: the traffic of one
 * certificate with k times the payload, without bvl_problem_fit_free. */
bvl_status bvl_certify_many(bvl_problem *problem, int64_t k, const double *lambda,
                            const double *intercept, const double *beta, const double *eta,
                            double *v, bvl_certificate *out);

/** Sums over all rows at a point of a quadratic loss, with theta = r / w and o the offset. */
typedef struct bvl_data_sums {
  double loss;     /* sum w loss */
  double r;        /* sum r: the intercept's gradient */
  double r_y;      /* sum r (y - o) */
  double r_theta;  /* sum r^2 / w */
  double rounding; /* what errors in these and in v may cost the gap; weakens the dual bound */
} bvl_data_sums;   /* doubles only: it is reduced as one array */

/** As bvl_certify_many for a quadratic loss, from sufficient statistics in place of rows: v
 * (p_local x k) is given and so are the sums, on rank 0 (NULL elsewhere). Of r_y the part that lies
 * in the span of the free block may be left out. Collective: three small reductions, a broadcast.
 */
bvl_status bvl_certify_sums(bvl_problem *problem, int64_t k, const double *lambda,
                            const double *intercept, const double *beta, const double *v,
                            const bvl_data_sums *data, bvl_certificate *out);

/** lambda_max from the null fit, exact: the smallest double for which beta = 0 passes
 * bvl_penalty_threshold on every block. v (p_local x outputs) gets x~'r0 / n. Collective; one
 * sweep. */
bvl_status bvl_problem_lambda_max(bvl_problem *problem, double *lambda_max, double *v);

/** Local rows y, w, offset of this rank's split part. */
static inline int64_t bvl_problem_n_split(const bvl_problem *problem)
{
  return problem->X->rows.split1 - problem->X->rows.split0;
}

#endif
