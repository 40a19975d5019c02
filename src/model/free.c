/* SPDX-License-Identifier: BSD-3-Clause */
/* The free block - intercept and unpenalised columns - fitted with everything else fixed.
 *
 *   min over z  (1/n) sum_i w_i loss(y_i, eta_i + (F z)_i),   F = [1 | unpenalised columns]
 *
 * by Newton with step halving. F'r = 0 at the answer is what makes the working residual a feasible
 * dual direction (methods of Fercoq, Gramfort, Salmon 2015; for GLMs the residual must be *solved*
 * into that constraint, not projected, or y - theta leaves the mean's domain).
 * Per iteration: one allreduce of 1 + m + m^2 doubles, m = columns of F; split rows only. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/lapack.h"
#include "model/free_block.h"

enum { MAX_ITERATIONS = 100, MAX_HALVINGS = 40 };

typedef struct free_fit {
  bvl_problem *problem;
  int64_t m;       /* intercept + unpenalised columns */
  int64_t n_split; /* rows here */
  double *eta;     /* n_split: the predictor at the trial point */
  double *r;       /* n_split */
  double *h;       /* n_split */
  double *sums;    /* 1 + m + m^2: loss, gradient F'r, Hessian F'HF, owned */
  double *step;    /* m + 1 */
  double *factor;  /* m x m; scratch between factorisations */
} free_fit;

static void free_fit_release(free_fit *fit)
{
  free(fit->eta);
  free(fit->r);
  free(fit->h);
  free(fit->sums);
  free(fit->step);
  free(fit->factor);
}

static bvl_status free_fit_init(free_fit *fit, bvl_problem *problem)
{
  bvl_status status = BVL_OK;
  const int64_t m = bvl_free_width(problem);
  *fit = (free_fit){.problem = problem, .m = m, .n_split = bvl_problem_n_split(problem)};
  BVL_TRY(BVL_ALLOC(&fit->eta, fit->n_split));
  BVL_TRY(BVL_ALLOC(&fit->r, fit->n_split));
  BVL_TRY(BVL_ALLOC(&fit->h, fit->n_split));
  BVL_TRY(BVL_ALLOC(&fit->sums, 1 + m + m * m));
  BVL_TRY(BVL_ALLOC(&fit->step, m + 1)); /* and the decrement */
  BVL_TRY(BVL_ALLOC(&fit->factor, m * m));
cleanup:
  return status;
}

/* Loss, gradient and Hessian at fit->eta, summed over all rows. */
static bvl_status evaluate(free_fit *fit)
{
  bvl_problem *problem = fit->problem;
  const int64_t split0 = problem->X->rows.split0;
  const int64_t m = fit->m;
  double *gradient = fit->sums + 1;
  memset(fit->sums, 0, (size_t)(1 + m + m * m) * sizeof *fit->sums);
  fit->sums[0] = bvl_loss_eval(problem->loss, fit->n_split, problem->y + split0,
                               problem->w + split0, fit->eta, fit->r, fit->h);
  bvl_free_correlate(problem, fit->r, gradient);
  bvl_status status = bvl_free_gram(problem, fit->h, fit->factor, gradient + m);
  status = bvl_agree(&problem->grid->all, status);
  return status != BVL_OK ? status : bvl_sum(&problem->grid->all, fit->sums, 1 + m + m * m);
}

/* step = Hessian^-1 gradient, and twice the decrease it promises. Replicated arithmetic: rank 0's
 * answer is everyone's. A singular Hessian (collinear columns, saturated fits) gets a ridge. */
static bvl_status newton_step(free_fit *fit, double *decrement)
{
  const int64_t m = fit->m;
  const double *gradient = fit->sums + 1;
  const double *hessian = gradient + m;
  double *packed = fit->step; /* allocates nothing: a rank alone could not say so */
  double diagonal = 0;
  for (int64_t k = 0; k < m; k++) diagonal = fmax(diagonal, hessian[k + k * m]);
  for (double ridge = 0; ridge <= 1; ridge = ridge > 0 ? 100 * ridge : 1e-14) {
    memcpy(fit->factor, hessian, (size_t)(m * m) * sizeof *hessian);
    for (int64_t k = 0; k < m; k++) fit->factor[k + k * m] += ridge * diagonal;
    memcpy(packed, gradient, (size_t)m * sizeof *gradient);
    if (bvl_cholesky_solve(m, fit->factor, m, packed) == 0) break;
  }
  packed[m] = 0;
  for (int64_t k = 0; k < m; k++) packed[m] += packed[k] * gradient[k];
  const bvl_status status = bvl_bcast(&fit->problem->grid->all, 0, packed, m + 1);
  *decrement = packed[m];
  return status;
}

static void move_point(const free_fit *fit, double t, bvl_point *point)
{
  const bvl_problem *problem = fit->problem;
  const bvl_columns *columns = &problem->X->columns;
  if (problem->intercept) point->intercept += t * fit->step[0];
  for (int64_t k = 0; k < problem->free_columns->n_cols; k++) {
    const int64_t local = problem->free_columns->position[k] - columns->first;
    if (local >= 0 && local < columns->p_local)
      point->beta[local] += t * fit->step[problem->intercept + k];
  }
}

bvl_status bvl_problem_fit_free(bvl_problem *problem, bvl_point *point, double *eta)
{
  bvl_status status = BVL_OK;
  free_fit fit;
  if (problem->outputs > 1) return bvl_problem_fit_free_multi(problem, point, eta);
  BVL_TRY(bvl_agree(&problem->grid->all, free_fit_init(&fit, problem)));
  if (fit.m == 0) goto cleanup;
  memcpy(fit.eta, eta, (size_t)fit.n_split * sizeof *eta);
  BVL_TRY(evaluate(&fit));
  /* The decrement (twice the decrease still to be had) falls quadratically: once it is below the
   * square root of rounding, the step just about to be taken is the last one needed. */
  const double scale = problem->null_half > 0 ? (double)problem->n * problem->null_half
                                              : fmax(fabs(fit.sums[0]), 1e-300);
  for (int iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    double decrement = 0;
    BVL_TRY(newton_step(&fit, &decrement));
    if (!(decrement > 1e-30 * scale)) goto cleanup;
    /* a decrease this small may drown in the rounding of a sum over many rows, but then Newton's
     * full step needs no judge */
    const double allowed = fit.sums[0] +
                           (decrement < 1e-9 * scale ? 1e-8 * scale : 1e-14 * fabs(fit.sums[0]));
    double t = 1;
    for (int halving = 0; halving < MAX_HALVINGS; halving++, t /= 2) {
      bvl_free_add_step(problem, t, fit.step, fit.factor, eta, fit.eta);
      BVL_TRY(evaluate(&fit));
      if (fit.sums[0] <= allowed) break;
    }
    if (!(fit.sums[0] <= allowed)) goto cleanup; /* at rounding already */
    memcpy(eta, fit.eta, (size_t)fit.n_split * sizeof *eta);
    move_point(&fit, t, point);
    if (t == 1 && decrement < 1e-10 * scale && problem->loss->quadratic) goto cleanup;
    if (t == 1 && decrement < 1e-15 * scale) goto cleanup;
  }
  status = bvl_fail(BVL_ERR_INPUT, "y: no finite fit of the intercept and unpenalised columns "
                                   "(one class only, all zero, or separable)");
cleanup:
  free_fit_release(&fit);
  return status;
}
