/* SPDX-License-Identifier: BSD-3-Clause */
/* The recipes of `bevel simulate`. Dense ones but `spred` are AR(1) columns; coefficients are of
 * size 0.5 to 1.5 and either sign, in groups N(0,1). */
#include "run/recipe.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "loss/loss.h"

#define NO_ROOM NAN

static const bvl_recipe recipes[] = {
    {NULL, "what holds without a recipe", BVL_SIM_FILTER, BVL_SIM_FAMILY, "gaussian", 0, 0, 1, 10,
     0.0, 3.0, 1.0, 1},
    {"lasso", "100 active columns of 20000", BVL_SIM_FILTER, BVL_SIM_FAMILY, "gaussian", 1000,
     20000, 1, 100, 0.5, 5.0, 1.0, 1},
    {"wide", "100 active columns of 100000", BVL_SIM_FILTER, BVL_SIM_FAMILY, "gaussian", 2000,
     100000, 1, 100, 0.5, 5.0, 1.0, 1},
    {"group", "20 active groups of 10 columns", BVL_SIM_FILTER, BVL_SIM_FAMILY, "gaussian", 1000,
     20000, 10, 20, 0.5, 5.0, 1.0, 1},
    {"logistic", "response split at the median", BVL_SIM_FILTER, BVL_SIM_MEDIAN, "binomial", 1000,
     20000, 1, 50, 0.5, 5.0, 1.0, 1},
    {"poisson", "counts at moderate rates", BVL_SIM_FILTER, BVL_SIM_FAMILY, "poisson", 1000, 20000,
     1, 100, 0.5, 5.0, 1.0, 1},
    {"sparse", "Zipf(0.9) words, 100 a row", BVL_SIM_WORDS, BVL_SIM_FAMILY, "gaussian", 20000,
     200000, 1, 100, NO_ROOM, 5.0, NO_ROOM, 1},
    {"tall", "many more rows than columns", BVL_SIM_FILTER, BVL_SIM_FAMILY, "gaussian", 200000, 500,
     1, 100, 0.5, 5.0, 1.0, 1},
    {"responses", "5 responses, 100 active columns", BVL_SIM_FILTER, BVL_SIM_FAMILY, "gaussian",
     1000, 10000, 1, 100, 0.5, 5.0, 1.0, 5},
    {"spred", "N(0, 1/p) entries, little noise", BVL_SIM_SENSING, BVL_SIM_FAINT, "gaussian", 100,
     400000, 1, BVL_SIM_TENTH, NO_ROOM, NO_ROOM, NO_ROOM, 1},
    {NULL, NULL, BVL_SIM_FILTER, BVL_SIM_FAMILY, NULL, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0},
};

const bvl_recipe *bvl_recipe_all(void)
{
  return recipes;
}

/* ---- from a name to a row ------------------------------------------------------------------- */

static bvl_status find(const char *name, bvl_recipe *plan)
{
  char list[160] = "";
  *plan = recipes[0];
  if (name == NULL) return BVL_OK;
  for (const bvl_recipe *r = recipes + 1; r->about != NULL; r++) {
    if (strcmp(name, r->name) == 0) {
      *plan = *r;
      return BVL_OK;
    }
    size_t used = strlen(list);
    snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", r->name);
  }
  return bvl_fail(BVL_ERR_USAGE, "recipe %.31s: wanted one of %s", name, list);
}

static bvl_status no_room(const char *what, const bvl_recipe *plan)
{
  return bvl_fail(BVL_ERR_USAGE, "%s: recipe %s leaves no room for it", what, plan->name);
}

/* ---- the caller's wishes -------------------------------------------------------------------- */

static bvl_status take_real(double asked, const char *what, bvl_recipe *plan, double *value)
{
  if (isnan(asked)) return BVL_OK; /* not asked for */
  if (isnan(*value)) return no_room(what, plan);
  *value = asked;
  return BVL_OK;
}

static bvl_status take_family(const char *asked, bvl_recipe *plan)
{
  if (asked == NULL || strcmp(asked, plan->family) == 0) return BVL_OK;
  if (plan->response != BVL_SIM_FAMILY) return no_room("family", plan);
  plan->family = asked;
  return BVL_OK;
}

static bvl_status take(const bvl_simulate_options *asked, bvl_recipe *plan)
{
  bvl_status status = BVL_OK;
  if (asked->n != 0) plan->n = asked->n;
  if (asked->p != 0) plan->p = asked->p;
  if (asked->group_size != 0) plan->group_size = asked->group_size;
  if (asked->responses != 0) plan->responses = asked->responses;
  if (asked->active >= 0) {
    if (plan->active == BVL_SIM_TENTH) return no_room("active", plan);
    plan->active = asked->active;
  }
  BVL_TRY(take_real(asked->rho, "rho", plan, &plan->rho));
  BVL_TRY(take_real(asked->snr, "snr", plan, &plan->snr));
  BVL_TRY(take_real(asked->density, "density", plan, &plan->density));
  BVL_TRY(take_family(asked->family, plan));
  if (!isnan(asked->snr) && plan->response == BVL_SIM_FAMILY &&
      strcmp(plan->family, "gaussian") != 0)
    status = bvl_fail(BVL_ERR_USAGE, "snr: goes with family gaussian, not %.31s", plan->family);
cleanup:
  return status;
}

/* ---- sense ---------------------------------------------------------------------------------- */

static bvl_status check_shape(const bvl_recipe *plan)
{
  int64_t n_groups = plan->group_size > 0 ? (plan->p + plan->group_size - 1) / plan->group_size : 0;
  if (plan->n < 1 || plan->p < 1 || plan->group_size < 1)
    return bvl_fail(BVL_ERR_USAGE,
                    "n %" PRId64 ", p %" PRId64 ", group size %" PRId64 ": each must be at least 1",
                    plan->n, plan->p, plan->group_size);
  if (plan->responses < 1 || plan->responses > INT64_MAX / 16 / bvl_greater(plan->n, plan->p))
    return bvl_fail(BVL_ERR_USAGE,
                    "responses %" PRId64 ": not with %" PRId64 " rows and %" PRId64 " columns",
                    plan->responses, plan->n, plan->p);
  if (plan->responses > 1 &&
      (plan->response == BVL_SIM_MEDIAN || strcmp(plan->family, "gaussian") != 0))
    return bvl_fail(BVL_ERR_USAGE, "responses: several go with family gaussian, not %.31s",
                    plan->family);
  if (plan->active > n_groups)
    return bvl_fail(BVL_ERR_USAGE, "active %" PRId64 ": there are %" PRId64 " %s", plan->active,
                    n_groups, plan->group_size > 1 ? "groups" : "columns");
  return BVL_OK;
}

/* A NaN is what the recipe does not have, so it passes. */
static bvl_status check_numbers(const bvl_recipe *plan)
{
  if (fabs(plan->rho) >= 1.0 || plan->snr <= 0.0 || plan->density <= 0.0 || plan->density > 1.0)
    return bvl_fail(BVL_ERR_USAGE,
                    "rho %g, snr %g, density %g: wanted |rho| < 1, snr > 0, "
                    "0 < density <= 1",
                    plan->rho, plan->snr, plan->density);
  if (plan->density < 1.0 && plan->rho != 0.0)
    return bvl_fail(BVL_ERR_USAGE, "rho %g with density %g: sparse columns are independent",
                    plan->rho, plan->density);
  if (bvl_loss_find(plan->family) == NULL)
    return bvl_fail(BVL_ERR_USAGE, "family %.31s: not available", plan->family);
  return BVL_OK;
}

bvl_status bvl_recipe_plan(const bvl_simulate_options *asked, bvl_recipe *plan)
{
  bvl_status status = BVL_OK;
  BVL_TRY(find(asked->recipe, plan));
  BVL_TRY(take(asked, plan));
  BVL_TRY(check_shape(plan));
  BVL_TRY(check_numbers(plan));
cleanup:
  return status;
}
