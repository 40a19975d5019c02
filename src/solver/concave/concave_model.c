/* SPDX-License-Identifier: BSD-3-Clause */
/* Lambda by lambda from the answer before. */
#include "solver/concave/concave_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "solver/concave/concave_rows.h"
#include "solver/concave/concave_set.h"
#include "solver/null_fit.h"

enum { MAX_STEPS = 300 };

struct bvl_concave_model {
  bvl_problem *problem; /* borrowed */
  bvl_working_set *set; /* borrowed */
  int64_t capacity;     /* of the arrays over unknowns */
  double *lw;           /* of the set's blocks, at most d; owned */
  /* quadratic loss */
  bvl_null_fit null;
  double *b; /* d: where the batch starts, owned */
  bvl_concave_set inner;
  /* other losses */
  bvl_row_work work;
  bvl_concave_rows rows; /* rank 0 */
};

int bvl_concave_model_fits(const bvl_problem *problem)
{
  const bvl_penalty_type *type = problem->penalty.type;
  /* a rest goes by curvatures that must hold for the whole batch: poisson's are of one point */
  const int rests = type->rest == NULL || isfinite(problem->loss->curvature_bound);
  return !type->convex && !type->difference && problem->outputs == 1 && problem->bounds == NULL &&
         rests;
}

void bvl_concave_model_destroy(bvl_concave_model **model)
{
  bvl_concave_model *m = *model;
  *model = NULL;
  if (m == NULL) return;
  bvl_concave_set_free(&m->inner);
  bvl_concave_rows_free(&m->rows);
  bvl_row_work_free(&m->work);
  bvl_null_fit_free(&m->null);
  free(m->lw);
  free(m->b);
  free(m);
}

bvl_status bvl_concave_model_create(bvl_problem *problem, bvl_working_set *set,
                                    bvl_concave_model **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  bvl_concave_model *m = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m, 1)));
  m->problem = problem;
  m->set = set;
  if (problem->loss->quadratic)
    BVL_TRY(bvl_null_fit_create(problem, set, &m->null));
  else
    BVL_TRY(bvl_row_work_create(problem, set, &m->work));
  *out = m;
  m = NULL;
cleanup:
  bvl_concave_model_destroy(&m);
  return status;
}

static bvl_status reserve(bvl_concave_model *m)
{
  bvl_status status = BVL_OK;
  if (m->problem->loss->quadratic) BVL_TRY(bvl_null_fit_reserve(&m->null));
  BVL_TRY(BVL_GROW_ALL(&m->capacity, m->set->d, BVL_GROWN(&m->lw), BVL_GROWN(&m->b)));
cleanup:
  return status;
}

static void set_weights(bvl_concave_model *m, double lambda)
{
  const bvl_working_set *set = m->set;
  for (int64_t g = 0; g < set->n_blocks; g++) m->lw[g] = lambda * set->weight[g];
}

/* One lambda from where the inner solver stands; the null fit (b = 0), should that be lower. */
static bvl_status solve_one(bvl_concave_model *m, const bvl_concave_task *p, double tol,
                            int64_t max_iter, bvl_concave_outcome *outcome)
{
  bvl_status status = bvl_concave_set_solve(&m->inner, p, tol, max_iter, outcome);
  if (status != BVL_OK || bvl_concave_set_objective(&m->inner, p) <= 0) return status;
  memset(m->b, 0, (size_t)p->d * sizeof *m->b);
  BVL_TRY(bvl_concave_set_start(&m->inner, p, m->b));
  BVL_TRY(bvl_concave_set_solve(&m->inner, p, tol, max_iter, outcome));
cleanup:
  return status;
}

/* Rank 0 alone. */
static bvl_status solve_quadratics(bvl_concave_model *m, int64_t batch, const double *lambdas,
                                   double tol, int64_t max_iter, const bvl_watch *watch,
                                   double *answer)
{
  bvl_status status = BVL_OK;
  const bvl_working_set *set = m->set;
  const int64_t d = set->d;
  const bvl_concave_task p = {.d = d,
                              .G = set->G,
                              .ld = set->ld,
                              .c = m->null.c,
                              .n_blocks = set->n_blocks,
                              .begin = set->begin,
                              .lw = m->lw,
                              .curvature = set->curvature,
                              .penalty = &m->problem->penalty,
                              .watch = watch};
  memcpy(m->b, set->b, (size_t)d * sizeof *m->b);
  bvl_null_fit_subtract(&m->null, m->b);
  for (int64_t q = 0; q < batch; q++, answer += d + BVL_ANSWER_EXTRA) {
    bvl_concave_outcome outcome;
    const double unit = lambdas[q] > 0 ? lambdas[q] : m->problem->lambda_max;
    set_weights(m, lambdas[q]);
    if (q == 0) BVL_TRY(bvl_concave_set_start(&m->inner, &p, m->b));
    BVL_TRY(solve_one(m, &p, tol * unit, max_iter, &outcome));
    memcpy(answer, m->inner.b, (size_t)d * sizeof *answer);
    bvl_null_fit_add(&m->null, answer);
    answer[d] = (double)(outcome.steps + outcome.sweeps);
    answer[d + 1] = bvl_answer_solved(outcome.solved, watch);
  }
cleanup:
  return status;
}

/* Rank 0 alone, the others serve. */
static bvl_status solve_others(bvl_concave_model *m, int64_t batch, const double *lambdas,
                               double tol, int64_t max_iter, const bvl_watch *watch, double *answer)
{
  bvl_status status = BVL_OK;
  const int64_t d = m->set->d;
  for (int64_t q = 0; q < batch; q++, answer += d + BVL_ANSWER_EXTRA) {
    bvl_concave_step_count outcome;
    const double unit = lambdas[q] > 0 ? lambdas[q] : m->problem->lambda_max;
    set_weights(m, lambdas[q]);
    if (q == 0) BVL_TRY(bvl_concave_rows_open(&m->rows, &m->work, m->lw));
    BVL_TRY(bvl_concave_rows_solve(&m->rows, m->lw, 10 * tol * unit,
                                   max_iter > 0 ? max_iter : MAX_STEPS, watch, &outcome));
    memcpy(answer, m->rows.b, (size_t)d * sizeof *answer);
    answer[d] = (double)outcome.steps;
    answer[d + 1] = bvl_answer_solved(outcome.solved, watch);
  }
cleanup:
  return status;
}

bvl_status bvl_concave_model_solve(bvl_concave_model *m, int64_t batch, const double *lambdas,
                                   double tol, int64_t max_iter, const bvl_watch *watch,
                                   double *answer)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &m->problem->grid->all;
  BVL_TRY(bvl_agree(all, reserve(m)));
  if (m->problem->loss->quadratic) {
    BVL_TRY(bvl_working_set_gram(m->set));
    BVL_TRY(bvl_null_fit_follow(&m->null));
    if (all->rank == 0) status = solve_quadratics(m, batch, lambdas, tol, max_iter, watch, answer);
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
