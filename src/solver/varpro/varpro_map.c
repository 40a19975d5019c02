/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of penalties that variable projection knows. */
#include "solver/varpro/varpro_map.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The elastic net, with alpha = 1 the (group) lasso. */
static void square_at(const bvl_penalty *pen, double weight, double v, bvl_varpro_values *out)
{
  const double alpha = pen->type->mixes ? pen->alpha : 1;
  const double q = alpha + (1 - alpha) * v * v;
  out->d = v * v / (weight * q);
  out->d1 = 2 * alpha * v / (weight * q * q);
  out->d2 = 2 * alpha * (q - 4 * (1 - alpha) * v * v) / (weight * q * q * q);
  out->phi = weight * alpha * v * v / 2;
  out->phi1 = weight * alpha * v;
  out->phi2 = out->phi_v = weight * alpha;
}

static double square_from_norm(const bvl_penalty *pen, double t)
{
  (void)pen;
  return sqrt(t);
}

/* C s, and s = 2q / (2 - q). */
static double power_slope(double q)
{
  return pow(q, 2 / (2 - q));
}

static double power(double q)
{
  return 2 * q / (2 - q);
}

static void power_at(const bvl_penalty *pen, double weight, double v, bvl_varpro_values *out)
{
  const double s = power(pen->shape);
  const double Cs = weight * power_slope(pen->shape);
  const double at = fabs(v);
  *out = (bvl_varpro_values){.d2 = 2 / weight};
  if (!(at > 0)) return;
  out->d = v * v / weight;
  out->d1 = 2 * v / weight;
  out->phi = Cs / s * pow(at, s);
  out->phi_v = Cs * pow(at, s - 2);
  out->phi1 = out->phi_v * v;
  out->phi2 = (s - 1) * out->phi_v;
}

static double power_from_norm(const bvl_penalty *pen, double t)
{
  return pow(t * t / power_slope(pen->shape), 1 / (power(pen->shape) + 2));
}

static const bvl_varpro_map maps[] = {{"lasso", square_at, square_from_norm},
                                      {"enet", square_at, square_from_norm},
                                      {"group-lasso", square_at, square_from_norm},
                                      {"lq", power_at, power_from_norm},
                                      {"group-lq", power_at, power_from_norm}};

bvl_status bvl_varpro_find_map(const bvl_penalty *pen, const bvl_varpro_map **out)
{
  char known[128] = "";
  *out = NULL;
  for (size_t k = 0; k < sizeof maps / sizeof *maps; k++) {
    const size_t used = strlen(known);
    if (strcmp(maps[k].penalty, pen->type->name) == 0) {
      if (maps[k].at == power_at && !(pen->shape > 2.0 / 3))
        return bvl_fail(BVL_ERR_USAGE, "solver varpro: q %g is not in (2/3, 1]", pen->shape);
      *out = &maps[k];
      return BVL_OK;
    }
    snprintf(known + used, sizeof known - used, "%s%s", used > 0 ? ", " : "", maps[k].penalty);
  }
  return bvl_fail(BVL_ERR_USAGE, "solver varpro: not with penalty %s (%s work)", pen->type->name,
                  known);
}
