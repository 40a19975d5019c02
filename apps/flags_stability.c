/* SPDX-License-Identifier: BSD-3-Clause */
/* What stability's flags mean together. */
#include <math.h>

#include "flag_table.h"

int check_stability_flags(settings *s, char error[FLAGS_ERROR_BYTES])
{
  bvl_stability_options *o = &s->stability;
  const int limits = o->selected > 0 || !isnan(o->pfer);
  o->assumption = (bvl_assumption)s->assumption;
  if (!o->complementary && flag_given(s, "assumption") && o->assumption != BVL_ASSUME_NONE)
    return flag_complain(error, "--assumption unimodal goes with --complementary");
  if (!o->complementary) o->assumption = BVL_ASSUME_NONE;
  if (o->complementary && o->subsamples % 2 != 0)
    return flag_complain(error, "--subsamples: complementary pairs are an even number of them");
  if (o->complementary && o->fraction > 0.5)
    return flag_complain(error, "--fraction above 0.5 goes with --no-complementary");
  if (!isnan(o->threshold) && !isnan(o->pfer) && o->selected > 0)
    return flag_complain(error, "--threshold, --pfer, --selected: two of them give the third");
  if (!isnan(o->pfer) && o->fraction != 0.5)
    return flag_complain(error, "--pfer: the bound is proven for --fraction 0.5");
  if (limits && !s->run.path.polish && s->solver >= (int)BVL_SOLVER_SGD)
    return flag_complain(error, "--selected and --pfer go with --polish");
  return 0;
}
