/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton on the active set for a batch of lambdas: from the Gram alone, or around exact gradients.
 */
#include "solver/scalar/batch_model.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "solver/scalar/active_newton.h"
#include "solver/scalar/distributed_model.h"
#include "solver/scalar/stale_newton.h"

enum { MAX_STEPS = 300 };

struct bvl_batch_model {
  bvl_problem *problem; /* borrowed */
  bvl_working_set *set; /* borrowed */
  int64_t generation;   /* of the set when `newton` was last in step with it */
  bvl_null_fit null;    /* quadratic */
  /* d, owned; lw and ridge are used on rank 0 */
  double *lw;
  double *ridge;
  bvl_interval *bounds; /* NULL = none */
  int64_t capacity;     /* of lw and ridge */
  int64_t bounds_capacity;
  bvl_active_newton newton;           /* quadratic, rank 0 */
  bvl_row_work work;                  /* other losses */
  bvl_stale_newton stale;             /* other losses, rank 0 */
  bvl_distributed_model *distributed; /* quadratic, owned; NULL until the Gram is */
};

void bvl_batch_model_destroy(bvl_batch_model **model)
{
  bvl_batch_model *m = *model;
  *model = NULL;
  if (m == NULL) return;
  bvl_active_newton_free(&m->newton);
  bvl_stale_newton_free(&m->stale);
  bvl_row_work_free(&m->work);
  bvl_distributed_model_destroy(&m->distributed);
  bvl_null_fit_free(&m->null);
  free(m->lw);
  free(m->ridge);
  free(m->bounds);
  free(m);
}

bvl_status bvl_batch_model_create(bvl_problem *problem, bvl_working_set *set, bvl_batch_model **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  bvl_batch_model *m = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m, 1)));
  m->problem = problem;
  m->set = set;
  m->generation = -1;
  if (problem->loss->quadratic)
    BVL_TRY(bvl_null_fit_create(problem, set, &m->null));
  else
    BVL_TRY(bvl_row_work_create(problem, set, &m->work));
  *out = m;
  m = NULL;
cleanup:
  bvl_batch_model_destroy(&m);
  return status;
}

int bvl_batch_model_is_distributed(const bvl_batch_model *m)
{
  return m->distributed != NULL;
}

static bvl_status reserve(bvl_batch_model *m)
{
  bvl_status status = BVL_OK;
  const int64_t d = m->set->d;
  if (m->problem->loss->quadratic) BVL_TRY(bvl_null_fit_reserve(&m->null));
  if (m->problem->bounds != NULL) BVL_TRY(BVL_GROW(&m->bounds, &m->bounds_capacity, d));
  BVL_TRY(BVL_GROW_ALL(&m->capacity, d, BVL_GROWN(&m->lw), BVL_GROWN(&m->ridge)));
cleanup:
  return status;
}

static bvl_lasso model_of(const bvl_batch_model *m, const bvl_watch *watch)
{
  return (bvl_lasso){.d = m->set->d,
                     .G = m->set->G,
                     .ld = m->set->ld,
                     .c = m->null.c,
                     .lw = m->lw,
                     .ridge = m->ridge,
                     .bounds = m->bounds,
                     .watch = watch};
}

/* The factor holds the ridge too: with one it is another matrix at every lambda. */
static int is_ridged(const bvl_batch_model *m)
{
  return m->problem->penalty.type->bend(&m->problem->penalty, 1, 1) > 0;
}

/* ---- quadratic loss ------------------------------------------------------------------------- */

/* Rank 0 alone. */
static bvl_status solve_quadratics(bvl_batch_model *m, int64_t batch, const double *lambdas,
                                   double tol, int64_t max_iter, const bvl_watch *watch,
                                   double *answer)
{
  bvl_status status = BVL_OK;
  bvl_working_set *set = m->set;
  const bvl_lasso lasso = model_of(m, watch);
  bvl_null_fit_subtract(&m->null, set->b);
  for (int64_t q = 0; q < batch; q++, answer += set->d + BVL_ANSWER_EXTRA) {
    bvl_active_outcome outcome;
    const double unit = lambdas[q] > 0 ? lambdas[q] : m->problem->lambda_max;
    bvl_working_set_penalty(m->set, lambdas[q], m->lw, m->ridge);
    if (q == 0 && m->generation != set->generation)
      BVL_TRY(bvl_active_newton_start(&m->newton, &lasso, set->b));
    else if (is_ridged(m))
      BVL_TRY(bvl_active_newton_start(&m->newton, &lasso, m->newton.b));
    else if (q == 0)
      BVL_TRY(bvl_active_newton_widen(&m->newton, &lasso));
    BVL_TRY(bvl_active_newton_solve(&m->newton, &lasso, tol * unit, max_iter, &outcome));
    memcpy(answer, m->newton.b, (size_t)set->d * sizeof *answer);
    bvl_null_fit_add(&m->null, answer);
    answer[set->d] = (double)(outcome.steps + outcome.drops);
    answer[set->d + 1] = bvl_answer_solved(outcome.solved, watch);
  }
cleanup:
  return status;
}

/* ---- other losses ------------------------------------------------------------------------------
 */

/* Rank 0 alone, the others serve. */
static bvl_status solve_others(bvl_batch_model *m, int64_t batch, const double *lambdas, double tol,
                               int64_t max_iter, const bvl_watch *watch, double *answer)
{
  bvl_status status = BVL_OK;
  const int64_t d = m->set->d;
  bvl_stale_problem p = {.lw = m->lw,
                         .ridge = is_ridged(m) ? m->ridge : NULL,
                         .bounds = m->bounds,
                         .max_steps = max_iter > 0 ? max_iter : MAX_STEPS,
                         .watch = watch};
  for (int64_t q = 0; q < batch; q++, answer += d + BVL_ANSWER_EXTRA) {
    bvl_stale_outcome outcome;
    p.tol = 10 * tol * (lambdas[q] > 0 ? lambdas[q] : m->problem->lambda_max);
    bvl_working_set_penalty(m->set, lambdas[q], m->lw, m->ridge);
    if (q == 0) BVL_TRY(bvl_stale_newton_open(&m->stale, &m->work, &p));
    BVL_TRY(bvl_stale_newton_solve(&m->stale, &p, &outcome));
    memcpy(answer, m->stale.b, (size_t)d * sizeof *answer);
    answer[d] = (double)outcome.steps;
    answer[d + 1] = bvl_answer_solved(outcome.solved, watch);
  }
cleanup:
  return status;
}

bvl_status bvl_batch_model_solve(bvl_batch_model *m, int64_t batch, const double *lambdas,
                                 double tol, int64_t max_iter, const bvl_watch *watch,
                                 double *answer)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &m->problem->grid->all;
  BVL_TRY(bvl_agree(all, reserve(m)));
  if (m->bounds != NULL) BVL_TRY(bvl_working_set_bounds(m->set, m->bounds));
  if (m->problem->loss->quadratic) {
    if (m->distributed == NULL && m->bounds == NULL && bvl_distributed_model_wanted(m->set))
      BVL_TRY(bvl_distributed_model_create(m->problem, m->set, &m->distributed));
    if (m->distributed == NULL) BVL_TRY(bvl_working_set_gram(m->set));
    BVL_TRY(bvl_null_fit_follow(&m->null));
    if (m->distributed != NULL)
      status = bvl_distributed_model_solve(m->distributed, batch, lambdas, &m->null, tol, max_iter,
                                           watch, answer);
    else if (all->rank == 0)
      status = solve_quadratics(m, batch, lambdas, tol, max_iter, watch, answer);
    m->generation = m->set->generation;
  } else {
    BVL_TRY(bvl_row_work_open(&m->work));
    if (all->rank == 0)
      status = bvl_row_work_stop(&m->work,
                                 solve_others(m, batch, lambdas, tol, max_iter, watch, answer));
    else
      status = bvl_row_work_serve(&m->work);
  }
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(bvl_bcast(all, 0, answer, batch * (m->set->d + BVL_ANSWER_EXTRA)));
cleanup:
  return status;
}
