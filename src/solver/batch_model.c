/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton on the active set for a batch of lambdas, around exact gradients. */
#include "solver/batch_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "solver/active_newton.h"

enum { MAX_STEPS = 60, MAX_HALVINGS = 30 };

/* Stale weights are kept while a step shrinks the residual to this part of what it was. */
static const double SLOW = 0.3;

struct bvl_batch_model {
  bvl_problem *problem; /* borrowed */
  bvl_working_set *set; /* borrowed */
  int64_t free_d;       /* leading unknowns without penalty */
  int64_t generation;   /* of the set when `newton` was last in step with it */
  int64_t weighing;     /* of the set when the Gram was last made here; -1 = never */
  int restart;          /* rank 0: the factor or the point moved behind newton's back */
  double *eta;          /* n_split, owned */
  double *r;            /* n_split: at the null fit (quadratic) or at the point; owned */
  double *h;            /* n_split, owned */
  double *null_b;       /* free_d: the null fit, which a quadratic's unknowns are measured from */
  /* d, owned; c, lw and ridge are used on rank 0 */
  double *c;
  double *lw;
  double *ridge;
  double *packed; /* d + 2 */
  double *before; /* d: the point before the last step */
  int64_t capacity;
  int64_t c_d;              /* quadratic: unknowns c is right for */
  bvl_active_newton newton; /* rank 0 */
};

void bvl_batch_model_destroy(bvl_batch_model **model)
{
  bvl_batch_model *m = *model;
  *model = NULL;
  if (m == NULL) return;
  bvl_active_newton_free(&m->newton);
  free(m->eta);
  free(m->r);
  free(m->h);
  free(m->null_b);
  free(m->c);
  free(m->lw);
  free(m->ridge);
  free(m->packed);
  free(m->before);
  free(m);
}

/* A quadratic's unknowns are measured from the null fit: c then carries no mean of y, and loses no
 * digits to it. */
static bvl_status measure_from_null(bvl_batch_model *m)
{
  bvl_status status = BVL_OK;
  bvl_problem *problem = m->problem;
  const int64_t split0 = problem->X->rows.split0;
  BVL_TRY(bvl_working_set_load(m->set, &problem->null_point));
  memcpy(m->null_b, m->set->b, (size_t)m->free_d * sizeof *m->null_b);
  bvl_working_set_eta(m->set, 1, m->set->b, m->set->d, m->eta);
  bvl_loss_eval(problem->loss, bvl_problem_n_split(problem), problem->y + split0,
                problem->w + split0, m->eta, m->r, NULL);
cleanup:
  return status;
}

bvl_status bvl_batch_model_create(bvl_problem *problem, bvl_working_set *set, bvl_batch_model **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const int64_t n_split = bvl_problem_n_split(problem);
  bvl_batch_model *m = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m, 1)));
  m->problem = problem;
  m->set = set;
  m->free_d = set->d; /* a new set holds the free unknowns alone */
  m->generation = m->weighing = -1;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m->eta, n_split)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m->r, n_split)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m->h, n_split)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m->null_b, m->free_d)));
  if (problem->loss->quadratic) BVL_TRY(measure_from_null(m));
  *out = m;
  m = NULL;
cleanup:
  bvl_batch_model_destroy(&m);
  return status;
}

static bvl_status reserve(bvl_batch_model *m)
{
  bvl_status status = BVL_OK;
  int64_t capacity[5];
  for (int k = 0; k < 5; k++) capacity[k] = m->capacity;
  BVL_TRY(BVL_GROW(&m->c, &capacity[0], m->set->d + 2));
  BVL_TRY(BVL_GROW(&m->lw, &capacity[1], m->set->d + 2));
  BVL_TRY(BVL_GROW(&m->ridge, &capacity[2], m->set->d + 2));
  BVL_TRY(BVL_GROW(&m->packed, &capacity[3], m->set->d + 2));
  BVL_TRY(BVL_GROW(&m->before, &capacity[4], m->set->d + 2));
  m->capacity = capacity[0];
cleanup:
  return status;
}

static void set_weights(bvl_batch_model *m, double lambda)
{
  const bvl_working_set *set = m->set;
  const bvl_penalty *pen = &m->problem->penalty;
  for (int64_t g = 0; g < set->n_blocks; g++) {
    const double lw = set->weight[g] > 0 ? lambda * set->weight[g] : 0;
    const int64_t k = set->begin[g]; /* blocks are single columns here */
    m->lw[k] = lw > 0 ? bvl_penalty_threshold(pen, lw) : 0;
    m->ridge[k] = lw > 0 ? pen->type->bend(pen, lw, 1) : 0;
  }
}

static bvl_lasso model_of(const bvl_batch_model *m)
{
  return (bvl_lasso){
      .d = m->set->d, .G = m->set->G, .ld = m->set->ld, .c = m->c, .lw = m->lw, .ridge = m->ridge};
}

/* The factor holds the ridge too: with one it is another matrix at every lambda. */
static int is_ridged(const bvl_batch_model *m)
{
  return m->problem->penalty.type->bend(&m->problem->penalty, 1, 1) > 0;
}

/* ---- quadratic loss ------------------------------------------------------------------------- */

/* c = X'r_null / n on rank 0, after W changed. */
static bvl_status refresh_gradient(bvl_batch_model *m)
{
  const bvl_comm *all = &m->problem->grid->all;
  const int64_t d = m->set->d;
  if (m->c_d == d && m->generation == m->set->generation) return BVL_OK;
  bvl_working_set_correlate(m->set, m->r, m->c);
  bvl_status status = bvl_sum_to(all, 0, m->c, d);
  for (int64_t k = 0; k < d; k++) m->c[k] /= (double)m->problem->n;
  m->c_d = d;
  return status;
}

/* Rank 0 alone. */
static bvl_status solve_quadratics(bvl_batch_model *m, int64_t batch, const double *lambdas,
                                   double tol, int64_t max_iter, double *answer)
{
  bvl_status status = BVL_OK;
  bvl_working_set *set = m->set;
  const bvl_lasso lasso = model_of(m);
  for (int64_t k = 0; k < m->free_d; k++) set->b[k] -= m->null_b[k];
  for (int64_t q = 0; q < batch; q++, answer += set->d + BVL_ANSWER_EXTRA) {
    bvl_active_outcome outcome;
    const double unit = lambdas[q] > 0 ? lambdas[q] : m->problem->lambda_max;
    set_weights(m, lambdas[q]);
    if (q == 0 && m->generation != set->generation)
      BVL_TRY(bvl_active_newton_start(&m->newton, &lasso, set->b));
    else if (is_ridged(m))
      BVL_TRY(bvl_active_newton_start(&m->newton, &lasso, m->newton.b));
    else if (q == 0)
      BVL_TRY(bvl_active_newton_widen(&m->newton, &lasso));
    BVL_TRY(bvl_active_newton_solve(&m->newton, &lasso, tol * unit, max_iter, &outcome));
    memcpy(answer, m->newton.b, (size_t)set->d * sizeof *answer);
    for (int64_t k = 0; k < m->free_d; k++) answer[k] += m->null_b[k];
    answer[set->d] = (double)(outcome.steps + outcome.drops);
    answer[set->d + 1] = outcome.solved;
  }
cleanup:
  return status;
}

/* ---- other losses ------------------------------------------------------------------------------
 */

typedef enum action { DONE, STEP, REFRESH, HALVE, GIVE_UP } action;

typedef struct progress {
  double objective; /* at the last point kept */
  double residual;  /* there */
  int fresh;        /* the Gram was made at the last point kept */
  int64_t steps;
  int64_t budget;
  int halvings;
} progress;

static double penalty_at(const bvl_batch_model *m, const double *b)
{
  double value = 0;
  for (int64_t k = 0; k < m->set->d; k++)
    if (b[k] != 0 && m->lw[k] > 0) value += m->lw[k] * fabs(b[k]) + m->ridge[k] * b[k] * b[k] / 2;
  return value;
}

/* Largest violation of stationarity of b, q = minus the gradient of the loss. */
static double residual_at(const bvl_batch_model *m, const double *b, const double *q)
{
  double largest = 0;
  for (int64_t k = 0; k < m->set->d; k++) {
    const double rest = q[k] - m->ridge[k] * b[k];
    double residual = fabs(rest);
    if (m->lw[k] > 0) {
      if (b[k] == 0)
        residual = fmax(residual - m->lw[k], 0);
      else
        residual = fabs(rest - (b[k] > 0 ? m->lw[k] : -m->lw[k]));
    }
    largest = fmax(largest, residual);
  }
  return largest;
}

/* packed <- [X'r / n, loss / n] at set->b, everywhere; h for the next Gram. */
static bvl_status evaluate(bvl_batch_model *m)
{
  bvl_problem *problem = m->problem;
  const int64_t split0 = problem->X->rows.split0;
  const int64_t d = m->set->d;
  bvl_working_set_eta(m->set, 1, m->set->b, m->set->d, m->eta);
  m->packed[d] = bvl_loss_eval(problem->loss, bvl_problem_n_split(problem), problem->y + split0,
                               problem->w + split0, m->eta, m->r, m->h);
  bvl_working_set_correlate(m->set, m->r, m->packed);
  bvl_status status = bvl_sum(&problem->grid->all, m->packed, d + 1);
  for (int64_t k = 0; k <= d; k++) m->packed[k] /= (double)problem->n;
  return status;
}

/* Rank 0: what to do at the point just evaluated. */
static action decide(const bvl_batch_model *m, double tol, progress *at)
{
  const double *b = m->set->b;
  const double objective = m->packed[m->set->d] + penalty_at(m, b);
  const double residual = residual_at(m, b, m->packed);
  const double slack = 1e-13 * fmax(fabs(at->objective), m->problem->null_half);
  if (!(objective <= at->objective + slack)) /* also NaN and overflow */
    return at->halvings++ < MAX_HALVINGS ? HALVE : GIVE_UP;
  const int slow = residual > SLOW * at->residual;
  const int stalled = slow && at->fresh && at->steps > 20;
  const int fresh = at->fresh;
  at->objective = objective;
  at->residual = residual;
  at->halvings = 0;
  at->fresh = 0;
  if (residual <= tol) return DONE;
  if (stalled || at->steps++ >= at->budget) return GIVE_UP;
  if (m->weighing == m->set->weighing && (!slow || fresh)) return STEP;
  at->fresh = 1;
  return REFRESH;
}

/* Rank 0: set->b <- the minimiser of the model with the exact gradient at set->b and the Gram there
 * is. */
static bvl_status newton_step(bvl_batch_model *m, double tol)
{
  bvl_working_set *set = m->set;
  const bvl_lasso lasso = model_of(m);
  bvl_active_outcome outcome;
  bvl_status status = BVL_OK;
  memcpy(m->c, m->packed, (size_t)set->d * sizeof *m->c);
  for (int64_t k = 0; k < set->d; k++)
    if (set->b[k] != 0) cblas_daxpy((int)set->d, set->b[k], set->G + k * set->ld, 1, m->c, 1);
  if (m->restart || is_ridged(m))
    status = bvl_active_newton_start(&m->newton, &lasso, set->b);
  else
    status = bvl_active_newton_widen(&m->newton, &lasso);
  m->restart = 0;
  if (status == BVL_OK)
    status = bvl_active_newton_solve(&m->newton, &lasso, 0.1 * tol, 0, &outcome);
  memcpy(m->before, set->b, (size_t)set->d * sizeof *m->before);
  if (status == BVL_OK) memcpy(set->b, m->newton.b, (size_t)set->d * sizeof *set->b);
  return status;
}

/* Carries out rank 0's decision and leaves the next point in set->b on every rank. */
static bvl_status act(bvl_batch_model *m, action what, double tol)
{
  bvl_status status = BVL_OK;
  bvl_working_set *set = m->set;
  const bvl_comm *all = &m->problem->grid->all;
  if (what == REFRESH) {
    bvl_working_set_weigh(set, m->h);
    m->weighing = set->weighing;
    m->restart = 1;
    BVL_TRY(bvl_working_set_gram(set));
  }
  if (all->rank == 0 && what == HALVE) {
    for (int64_t k = 0; k < set->d; k++) set->b[k] = 0.5 * (set->b[k] + m->before[k]);
    m->restart = 1;
  } else if (all->rank == 0) {
    status = newton_step(m, tol);
  }
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(bvl_bcast(all, 0, set->b, set->d));
cleanup:
  return status;
}

static bvl_status solve_lambda(bvl_batch_model *m, double lambda, double tol, int64_t max_iter,
                               double *answer)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &m->problem->grid->all;
  progress at = {.objective = INFINITY, .residual = INFINITY, .budget = max_iter};
  int64_t what = STEP;
  set_weights(m, lambda);
  for (;;) {
    BVL_TRY(evaluate(m));
    if (all->rank == 0) what = decide(m, tol, &at);
    BVL_TRY(bvl_bcast_i64(all, 0, &what, 1));
    if (what == DONE || what == GIVE_UP) break;
    BVL_TRY(act(m, (action)what, tol));
  }
  memcpy(answer, m->set->b, (size_t)m->set->d * sizeof *answer);
  answer[m->set->d] = (double)at.steps;
  answer[m->set->d + 1] = what == DONE;
cleanup:
  return status;
}

bvl_status bvl_batch_model_solve(bvl_batch_model *m, int64_t batch, const double *lambdas,
                                 double tol, int64_t max_iter, double *answer)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &m->problem->grid->all;
  const int64_t stride = m->set->d + BVL_ANSWER_EXTRA;
  BVL_TRY(bvl_agree(all, reserve(m)));
  if (m->problem->loss->quadratic) {
    BVL_TRY(bvl_working_set_gram(m->set));
    BVL_TRY(refresh_gradient(m));
    if (all->rank == 0) status = solve_quadratics(m, batch, lambdas, tol, max_iter, answer);
    m->generation = m->set->generation;
    BVL_TRY(bvl_agree(all, status));
    BVL_TRY(bvl_bcast(all, 0, answer, batch * stride));
    goto cleanup;
  }
  if (m->weighing == m->set->weighing) BVL_TRY(bvl_working_set_gram(m->set));
  m->restart = 1; /* the path may have gone back to an earlier lambda */
  for (int64_t q = 0; q < batch; q++) {
    const double unit = lambdas[q] > 0 ? lambdas[q] : m->problem->lambda_max;
    BVL_TRY(solve_lambda(m, lambdas[q], tol * unit, max_iter > 0 ? max_iter : MAX_STEPS,
                         answer + q * stride));
  }
  m->generation = m->set->generation;
cleanup:
  return status;
}
