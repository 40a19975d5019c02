/* SPDX-License-Identifier: BSD-3-Clause */
/* beta = u^2 with lw u^2 = lw beta, beta >= 0: the lasso with a lower bound of 0. */
#include "surrogate/maps.h"

#include <math.h>

static void forward(const bvl_surrogate_shape *shape, int64_t m, const double *theta, double *b)
{
  (void)shape;
  (void)m;
  b[0] = theta[0] * theta[0];
}

static void pull_back(const bvl_surrogate_shape *shape, int64_t m, const double *theta,
                      const double *g, double *grad)
{
  (void)shape;
  (void)m;
  grad[0] = 2.0 * theta[0] * g[0];
}

/* A negative b has no factor: its magnitude's stands in, and shrinks. */
static void balance(const bvl_surrogate_shape *shape, int64_t m, double *theta)
{
  (void)shape;
  (void)m;
  theta[0] = sqrt(fabs(theta[0]));
}

static double stretch(const bvl_surrogate_shape *shape)
{
  (void)shape;
  return 4.0;
}

const bvl_surrogate_type bvl_surrogate_square = {
    .name = "square",
    .one_sided = 1,
    .max_depth = 2.0,
    .length = bvl_length_once,
    .forward = forward,
    .pull_back = pull_back,
    .penalty = bvl_square_penalty,
    .imbalance = bvl_always_balanced,
    .balance = balance,
    .stretch = stretch,
};
