/* SPDX-License-Identifier: BSD-3-Clause */
/* Screening by the last certificate's v, and certificates. */
#include "solver/screen.h"

#include <math.h>

#include "base/checked.h"

enum { MIN_NEW = 100 };

static const double WIDEST = 0.8;

bvl_status bvl_screen_certify(bvl_problem *problem, bvl_solve_state *state, double *eta)
{
  bvl_status status = bvl_certify(problem, state->lambda, &state->point, eta, state->v,
                                  &state->certificate);
  state->v_valid = status == BVL_OK;
  return status;
}

bvl_status bvl_screen_freshen(bvl_problem *problem, bvl_solve_state *state, double *eta)
{
  if (state->v_valid) return BVL_OK;
  bvl_status status = bvl_problem_eta(problem, &state->point, eta);
  if (status != BVL_OK) return status;
  state->lambda_previous = state->lambda; /* v is no solution's: screen at lambda itself */
  return bvl_screen_certify(problem, state, eta);
}

int bvl_screen_is_certified(const bvl_certificate *certificate, double tol)
{
  const double gap =
      certificate->gap; /* NaN where the penalty is not convex; a bad point's kkt is infinite */
  return (isnan(gap) || gap <= tol) && certificate->kkt <= 100 * tol;
}

/* The strong rule, but no further than a big step of lambda needs: it would keep all columns when
 * lambda halves, while a missed one costs only another round. */
double bvl_screen_level(const bvl_solve_state *state)
{
  return fmax(2 * state->lambda - state->lambda_previous, WIDEST * state->lambda);
}

bvl_status bvl_screen_widen(bvl_working_set *set, const bvl_solve_state *state, double level,
                            int strict, unsigned char *wanted, int64_t *n_new)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &set->problem->grid->all;
  const int64_t most = 2 * (int64_t)state->certificate.support / set->problem->outputs;
  double capped = level;
  BVL_TRY(bvl_working_set_cap(set, state->v, fmax(state->lambda_previous, state->lambda),
                              bvl_greater(MIN_NEW, most), &capped));
  *n_new = bvl_working_set_mark(set, state->v, &state->point, capped, strict, wanted);
  BVL_TRY(bvl_max_i64(all, n_new, 1));
  if (*n_new == 0 && capped > level) { /* the histogram's edge was rounded past all of them */
    *n_new = bvl_working_set_mark(set, state->v, &state->point, level, strict, wanted);
    BVL_TRY(bvl_max_i64(all, n_new, 1));
  }
  if (*n_new > 0) BVL_TRY(bvl_working_set_add(set, wanted));
cleanup:
  return status;
}

bvl_status bvl_screen_thin(const bvl_working_set *set, const double *v, double level,
                           const double *beta, int64_t limit, unsigned char *wanted)
{
  const double tiny = 1e-9; /* levels below this share of the top are one */
  const bvl_problem *problem = set->problem;
  const bvl_blocks *blocks = &problem->blocks;
  bvl_status status = BVL_OK;
  double top = 0;
  for (int64_t g = 0; g < blocks->n; g++)
    if (wanted[g])
      top = fmax(top, bvl_problem_entry(problem, g, v + bvl_problem_begin(problem, g)));
  BVL_TRY(bvl_max(&problem->grid->all, &top, 1));
  double capped = fmax(level, tiny * top);
  BVL_TRY(bvl_working_set_cap(set, v, top, limit, &capped));
  capped *= 1 - 1e-12; /* the edge of a bin is rounded: never past all of them */
  for (int64_t g = 0; g < blocks->n; g++) {
    const int64_t begin = bvl_problem_begin(problem, g);
    const int needed = blocks->weight[g] == 0 || (beta != NULL && beta[begin] != 0);
    if (wanted[g] && !needed && bvl_problem_entry(problem, g, v + begin) < capped) wanted[g] = 0;
  }
cleanup:
  return status;
}
