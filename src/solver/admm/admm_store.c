/* SPDX-License-Identifier: BSD-3-Clause */
/* The ADMM solver inside a lambda, saved and taken up again on any grid: x and rho are enough, for
 * the dual is minus the gradient at x. What is lost is what the past knew for acceleration. */
#include <math.h>

#include "base/checked.h"
#include "solver/admm/admm_solver.h"

enum { INSIDE, LAMBDA, RHO, LEAST, LIPSCHITZ, INTERCEPT, SWEEPS, WARNED, N_NUMBERS };

bvl_status bvl_admm_save(const void *solver, const bvl_store *store)
{
  const bvl_admm *s = solver;
  bvl_status status = BVL_OK;
  const bvl_grid *grid = s->problem->grid;
  const bvl_columns *columns = &s->problem->X->columns;
  const double numbers[N_NUMBERS] = {
      [INSIDE] = s->inside,         [LAMBDA] = s->lambda,       [RHO] = s->rho,
      [LEAST] = s->least,           [LIPSCHITZ] = s->lipschitz, [INTERCEPT] = s->it.intercept,
      [SWEEPS] = (double)s->sweeps, [WARNED] = s->warned};
  BVL_TRY(store->put_f64(store->context, "admm/numbers", N_NUMBERS, 0,
                         grid->all.rank == 0 ? N_NUMBERS : 0, numbers));
  BVL_TRY(store->put_f64(store->context, "admm/x", columns->p, columns->first,
                         grid->i == 0 ? columns->p_local : 0, s->it.x));
cleanup:
  return status;
}

bvl_status bvl_admm_restore(void *solver, const bvl_store *store)
{
  bvl_admm *s = solver;
  bvl_status status = BVL_OK;
  const bvl_columns *columns = &s->problem->X->columns;
  double numbers[N_NUMBERS];
  int64_t n = -1;
  BVL_TRY(store->length(store->context, "admm/numbers", &n));
  if (n != N_NUMBERS) goto cleanup; /* none: begin afresh */
  BVL_TRY(store->get_f64(store->context, "admm/numbers", 0, N_NUMBERS, numbers));
  BVL_TRY(store->get_f64(store->context, "admm/x", columns->first, columns->p_local, s->it.x));
  s->inside = numbers[INSIDE] > 0;
  s->lambda = numbers[LAMBDA];
  s->rho = numbers[RHO];
  s->least = numbers[LEAST];
  s->lipschitz = numbers[LIPSCHITZ];
  s->it.intercept = numbers[INTERCEPT];
  s->sweeps = (int64_t)numbers[SWEEPS];
  s->warned = numbers[WARNED] > 0;
cleanup:
  return status;
}
