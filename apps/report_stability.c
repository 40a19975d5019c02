/* SPDX-License-Identifier: BSD-3-Clause */
/* What bevel stability says at the end beside the lines of a path. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "report.h"

void report_stable(progress *p, FILE *to, const bvl_stability_outcome *o)
{
  const char *what = o->grouped ? "groups" : "columns";
  char sharper[64] = "";
  if (!isnan(o->bound_unimodal))
    snprintf(sharper, sizeof sharper, ", %.3g where unimodal", o->bound_unimodal);
  if (o->subsamples < o->asked)
    progress_say(p, to, "bevel stability: %" PRId64 " of %" PRId64 " subsamples, then time was up",
                 o->subsamples, o->asked);
  if (o->n_unfinished > 0)
    progress_say(p, to,
                 "bevel stability: %" PRId64 " of the subsamples' %" PRId64
                 " lambdas did not converge",
                 o->n_unfinished, o->n_points);
  progress_say(p, to,
               "bevel stability: %" PRId64 " of %" PRId64 " %s are stable: selected by at least "
               "%.3g of %" PRId64 " subsamples, which select %.3g each",
               o->n_stable, o->variables, what, o->threshold, o->subsamples, o->selected_mean);
  if (isnan(o->bound))
    progress_say(p, to, "bevel stability: no bound on false selections is proven for these");
  else
    progress_say(p, to,
                 "bevel stability: false among the stable: at most %.3g expected%s (q = %.3g)",
                 o->bound, sharper, o->selected > 0 ? (double)o->selected : o->selected_mean);
}
