/* SPDX-License-Identifier: BSD-3-Clause */
/* theta <- theta - rate grad, and the same with heavy-ball momentum m <- mu m + grad. */
#include "optim/method.h"

static void step_sgd(const bvl_optim_options *options, double rate, int64_t n, const double *grad,
                     double *const *moment, double *power, double *theta)
{
  (void)options, (void)moment, (void)power;
  for (int64_t i = 0; i < n; i++) theta[i] -= rate * grad[i];
}

static void step_momentum(const bvl_optim_options *options, double rate, int64_t n,
                          const double *grad, double *const *moment, double *power, double *theta)
{
  (void)power;
  double *velocity = moment[0];
  for (int64_t i = 0; i < n; i++) {
    velocity[i] = options->momentum * velocity[i] + grad[i];
    theta[i] -= rate * velocity[i];
  }
}

const bvl_step_rule bvl_step_sgd = {.n_moments = 0, .step = step_sgd};
const bvl_step_rule bvl_step_momentum = {.n_moments = 1, .step = step_momentum};
