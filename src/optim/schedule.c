/* SPDX-License-Identifier: BSD-3-Clause */
/* Step-size schedules: pure functions of the place in the run, so that a resumed run goes on with
 * the same steps. */
#include "optim/optim.h"

#include <math.h>

double bvl_schedule_factor(bvl_schedule schedule, double epoch, double epochs)
{
  const double pi = 3.14159265358979323846;
  double done = epochs > 0.0 ? fmin(fmax(epoch / epochs, 0.0), 1.0) : 0.0;
  switch (schedule) {
  case BVL_SCHEDULE_CONSTANT: return 1.0;
  case BVL_SCHEDULE_STEP: return 3.0 * done < 1.0 ? 1.0 : 3.0 * done < 2.0 ? 0.1 : 0.01;
  case BVL_SCHEDULE_COSINE: return 0.5 * (1.0 + cos(pi * done));
  }
  return 1.0;
}
