/* SPDX-License-Identifier: BSD-3-Clause */
/* Adam (Kingma and Ba, 2015) with bias correction:
 *
 *     m <- b1 m + (1 - b1) g,  s <- b2 s + (1 - b2) g^2,
 *     theta <- theta - rate (m / (1 - b1^t)) / (sqrt(s / (1 - b2^t)) + epsilon).
 *
 * The powers b^t are kept as running products, which round alike on every machine. */
#include "optim/method.h"

#include <math.h>

static void step_adam(const bvl_optim_options *options, double rate, int64_t n, const double *grad,
                      double *const *moment, double *power, double *theta)
{
  double b1 = options->beta1, b2 = options->beta2;
  double *m = moment[0], *s = moment[1];
  power[0] *= b1;
  power[1] *= b2;
  double m_unbias = 1.0 / (1.0 - power[0]), s_unbias = 1.0 / (1.0 - power[1]);
  for (int64_t i = 0; i < n; i++) {
    m[i] = b1 * m[i] + (1.0 - b1) * grad[i];
    s[i] = b2 * s[i] + (1.0 - b2) * grad[i] * grad[i];
    theta[i] -= rate * (m[i] * m_unbias) / (sqrt(s[i] * s_unbias) + options->epsilon);
  }
}

const bvl_step_rule bvl_step_adam = {.n_moments = 2, .step = step_adam};
