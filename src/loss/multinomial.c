/* SPDX-License-Identifier: BSD-3-Clause */
/* Multinomial family, softmax link, symmetric: K classes have K predictors a row (multi.h); labels
 * 0 .. K - 1. No function of one predictor. The curvature diag(mu) - mu mu' is at most 1/2
 * (Boehning 1992). */
#include <math.h>

#include "loss/loss.h"

static int label_ok(double y)
{
  return y >= 0.0 && y < 32768.0 && y == floor(y);
}

const bvl_loss bvl_loss_multinomial = {
    .name = "multinomial",
    .curvature_bound = 0.5,
    .quadratic = 0,
    .coupled = 1,
    .label_ok = label_ok,
    .labels = "a class 0, 1, 2, ...",
};
