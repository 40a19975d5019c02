/* SPDX-License-Identifier: BSD-3-Clause */
/* The corrector: from a point near the front to one on it,
 *
 *     minimise f1(x)  subject to  f2(x) <= tau,
 *
 * by projected quasi-Newton steps (Schmidt, van den Berg, Friedlander, Murphy, AISTATS 2009): a
 * BFGS model of f1 is minimised over the ball by spectral projected gradients, which cost no
 * evaluation of f1; then a line search towards that minimum. Values only fall. The model is kept
 * from call to call: along a front the curvature changes little.
 *
 * Traffic a step: the evaluations', and for each of at most 20 inner steps a projection (about
 * three reductions of 2 numbers) and one reduction of at most 23. */
#ifndef BVL_NET_FRONT_CORRECTOR_H
#define BVL_NET_FRONT_CORRECTOR_H

#include "net/front/ball.h"
#include "net/front/quasi_newton.h"
#include "optim/optim.h"

typedef struct bvl_corrector {
  const bvl_objective *f; /* f1, borrowed */
  bvl_ball *ball;         /* borrowed */
  bvl_bfgs model;
  double *grad; /* n_local each, owned: of the current point */
  double *next; /* the point tried, and its gradient */
  double *next_grad;
  double *target; /* where the model is least */
  double *step;   /* target - x */
  double *slope;  /* the model's gradient at target */
  double *trial;
  double threshold; /* of the last projection of an inner step: the next one's guess */
} bvl_corrector;

typedef struct bvl_corrector_limits {
  int64_t max_steps;
  double tol;          /* stop at violation <= tol lambda */
  double decrease_tol; /* or when f1 falls by less than this times f1, twice running */
  double noise;        /* rounding of f1, relative: a rise this small counts as none */
} bvl_corrector_limits;

typedef struct bvl_correction {
  double value; /* f1 */
  bvl_stationarity at;
  int64_t steps;
  int converged; /* the first of the limits */
  int wants;     /* of the monitor, over all evaluations; a stop or time up ends the call early */
} bvl_correction;

/** Collective; one small reduction. @return BVL_ERR_NOMEM. */
bvl_status bvl_corrector_create(const bvl_objective *f, bvl_ball *ball, bvl_corrector **out);
void bvl_corrector_destroy(bvl_corrector **corrector);

/** Minibatch steps before a correction: heavy ball, every step projected on the ball,
 *
 *     v <- momentum v + grad of a batch,   x <- P(x - h v),
 *
 * h falling from `step` to 0 as a cosine. `seed` and `pass` order the batches. */
typedef struct bvl_stir {
  int64_t epochs; /* 0 = none */
  double step;
  double momentum;
  uint64_t seed;
} bvl_stir;
/** Collective: for each minibatch an evaluation and a projection. The objective's wants are ORed
 * into *wants; a stop or time up ends it. */
bvl_status bvl_corrector_stir(bvl_corrector *c, double tau, const bvl_stir *stir, uint64_t pass,
                              double *x, int *wants);

/** x (n_local) is projected on the ball of radius tau and corrected. Collective. */
bvl_status bvl_corrector_run(bvl_corrector *c, double tau, const bvl_corrector_limits *limits,
                             double *x, bvl_correction *out);

#endif
