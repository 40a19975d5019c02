/* SPDX-License-Identifier: BSD-3-Clause */
/* The free block of a problem with K outputs - K intercepts and K coefficients a free column -
 * fitted with everything else fixed: Newton with step halving, as free.c does for one.
 *
 *   F = [1 | unpenalised columns], m of them; unknown (a, k) is number a + k m. Hessian block (k,
 * l) = F' diag(h_kl) F, h_kl = w mu_k ([k = l] - mu_l) for classes, w [k = l] for responses
 *
 * Classes leave a direction in which nothing changes, one number added to all K of them: the step
 * is kept out of it by a term that acts there alone, so what starts with mean 0 over classes ends
 * so. Per iteration: one allreduce of 1 + m K + pairs m^2 doubles, pairs = 1 or K (K + 1) / 2. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/lapack.h"
#include "loss/multi.h"
#include "model/free_block.h"

enum { MAX_ITERATIONS = 100, MAX_HALVINGS = 40 };

typedef struct free_multi {
  bvl_problem *problem;
  int64_t m;       /* columns of F */
  int64_t K;       /* outputs */
  int64_t n_split; /* rows here */
  int64_t n_pairs; /* blocks of the Hessian that are made */
  double *eta;     /* n_split x K: the predictor at the trial point, owned */
  double *r;       /* n_split x K, then means; owned */
  double *h;       /* n_split, owned */
  double *sums;    /* 1 + m K + n_pairs m^2: loss, gradient F'r, blocks; owned */
  double *step;    /* m K + 1, owned */
  double *matrix;  /* of the system rank 0 solves; scratch between factorisations; owned */
} free_multi;

static void release(free_multi *fit)
{
  free(fit->eta);
  free(fit->r);
  free(fit->h);
  free(fit->sums);
  free(fit->step);
  free(fit->matrix);
}

static bvl_status open_fit(free_multi *fit, bvl_problem *problem)
{
  bvl_status status = BVL_OK;
  const int64_t m = bvl_free_width(problem);
  const int64_t K = problem->outputs;
  const int64_t side = problem->loss->coupled ? m * K : m;
  *fit = (free_multi){.problem = problem, .m = m, .K = K};
  fit->n_split = bvl_problem_n_split(problem);
  fit->n_pairs = problem->loss->coupled ? K * (K + 1) / 2 : 1;
  BVL_TRY(BVL_ALLOC(&fit->eta, fit->n_split * K));
  BVL_TRY(BVL_ALLOC(&fit->r, fit->n_split * K));
  BVL_TRY(BVL_ALLOC(&fit->h, fit->n_split));
  BVL_TRY(BVL_ALLOC(&fit->sums, 1 + m * K + fit->n_pairs * m * m));
  BVL_TRY(BVL_ALLOC(&fit->step, m * K + 1));
  BVL_TRY(BVL_ALLOC(&fit->matrix, bvl_greater(side * side, m * m)));
cleanup:
  return status;
}

static bvl_status make_blocks(free_multi *fit, double *blocks)
{
  const double *w = fit->problem->w + fit->problem->X->rows.split0;
  const int64_t n = fit->n_split;
  bvl_status status = BVL_OK;
  if (!fit->problem->loss->coupled) {
    memcpy(fit->h, w, (size_t)n * sizeof *w);
    return bvl_free_gram(fit->problem, fit->h, fit->matrix, blocks);
  }
  bvl_multi_mean(fit->problem->loss, n, fit->K, fit->eta, fit->r);
  for (int64_t k = 0; k < fit->K; k++)
    for (int64_t l = 0; l <= k && status == BVL_OK; l++, blocks += fit->m * fit->m) {
      const double *mu = fit->r + k * n;
      const double *other = fit->r + l * n;
      for (int64_t i = 0; i < n; i++) /* of l < k: the negative, a Gram's weights are not */
        fit->h[i] = w[i] > 0 ? w[i] * mu[i] * (k == l ? 1 - mu[i] : other[i]) : 0;
      status = bvl_free_gram(fit->problem, fit->h, fit->matrix, blocks);
    }
  return status;
}

/* Loss, gradient and Hessian at fit->eta, summed over all rows. */
static bvl_status evaluate(free_multi *fit)
{
  bvl_problem *problem = fit->problem;
  const int64_t length = 1 + fit->m * fit->K + fit->n_pairs * fit->m * fit->m;
  memset(fit->sums, 0, (size_t)length * sizeof *fit->sums);
  fit->sums[0] = bvl_problem_residuals(problem, fit->eta, fit->r);
  for (int64_t k = 0; k < fit->K; k++)
    bvl_free_correlate(problem, fit->r + k * fit->n_split, fit->sums + 1 + k * fit->m);
  bvl_status status = make_blocks(fit, fit->sums + 1 + fit->m * fit->K);
  status = bvl_agree(&problem->grid->all, status);
  return status != BVL_OK ? status : bvl_sum(&problem->grid->all, fit->sums, length);
}

/* The system for classes, with the mean of the diagonal blocks over K in every block. Pair (k, l)
 * with l <= k is number k (k + 1) / 2 + l. */
static void assemble(const free_multi *fit)
{
  const int64_t m = fit->m;
  const int64_t K = fit->K;
  const int64_t side = m * K;
  const double *blocks = fit->sums + 1 + side;
  for (int64_t e = 0; e < m * m; e++) {
    const int64_t at = e % m + e / m * side;
    double mean = 0;
    for (int64_t k = 0; k < K; k++) mean += blocks[k * (k + 3) / 2 * m * m + e] / (double)(K * K);
    for (int64_t k = 0, pair = 0; k < K; k++)
      for (int64_t l = 0; l <= k; l++, pair++)
        fit->matrix[k * m + l * m * side + at] = mean +
                                                 (k == l ? 1 : -1) * blocks[pair * m * m + e];
  }
}

/* step <- matrix^-1 gradient, with a ridge where that is singular. */
static void solve(free_multi *fit)
{
  const int64_t m = fit->m;
  const int64_t coupled = fit->problem->loss->coupled;
  const int64_t side = coupled ? m * fit->K : m;
  for (int64_t k = 0; k < fit->K; k += coupled ? fit->K : 1) {
    for (double ridge = 0; ridge <= 1; ridge = ridge > 0 ? 100 * ridge : 1e-14) {
      double largest = 0;
      if (coupled)
        assemble(fit);
      else
        memcpy(fit->matrix, fit->sums + 1 + m * fit->K, (size_t)(m * m) * sizeof *fit->matrix);
      for (int64_t a = 0; a < side; a++) largest = fmax(largest, fit->matrix[a + a * side]);
      for (int64_t a = 0; a < side; a++) fit->matrix[a + a * side] += ridge * largest;
      memcpy(fit->step + k * m, fit->sums + 1 + k * m, (size_t)side * sizeof *fit->step);
      if (bvl_cholesky_solve(side, fit->matrix, side, fit->step + k * m) == 0) break;
    }
  }
}

/* fit->step, and behind it twice the decrease it promises: rank 0's are everyone's. */
static bvl_status newton_step(free_multi *fit)
{
  const int64_t length = fit->m * fit->K;
  if (fit->problem->grid->all.rank == 0) {
    solve(fit);
    fit->step[length] = 0;
    for (int64_t a = 0; a < length; a++) fit->step[length] += fit->step[a] * fit->sums[1 + a];
  }
  return bvl_bcast(&fit->problem->grid->all, 0, fit->step, length + 1);
}

static void add_step(const free_multi *fit, double t, const double *from, double *to)
{
  for (int64_t k = 0; k < fit->K; k++)
    bvl_free_add_step(fit->problem, t, fit->step + k * fit->m, fit->matrix, from + k * fit->n_split,
                      to + k * fit->n_split);
}

static void move_point(const free_multi *fit, double t, bvl_point *point)
{
  const bvl_problem *problem = fit->problem;
  const bvl_columns *columns = &problem->X->columns;
  const int64_t b = problem->intercept;
  for (int64_t k = 0; k < fit->K; k++) {
    const double *step = fit->step + k * fit->m;
    if (b) point->intercepts[k] += t * step[0];
    for (int64_t a = 0; a < problem->free_columns->n_cols; a++) {
      const int64_t local = problem->free_columns->position[a] - columns->first;
      if (local >= 0 && local < columns->p_local)
        point->beta[local * fit->K + k] += t * step[b + a];
    }
  }
}

bvl_status bvl_problem_fit_free_multi(bvl_problem *problem, bvl_point *point, double *eta)
{
  bvl_status status = BVL_OK;
  free_multi fit;
  BVL_TRY(bvl_agree(&problem->grid->all, open_fit(&fit, problem)));
  const size_t bytes = (size_t)(fit.n_split * fit.K) * sizeof *eta;
  if (fit.m == 0) goto cleanup;
  memcpy(fit.eta, eta, bytes);
  BVL_TRY(evaluate(&fit));
  /* stops as free.c does, and for its reasons */
  const double scale = problem->null_half > 0 ? (double)problem->n * problem->null_half
                                              : fmax(fabs(fit.sums[0]), 1e-300);
  for (int iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    BVL_TRY(newton_step(&fit));
    const double decrement = fit.step[fit.m * fit.K];
    if (!(decrement > 1e-30 * scale)) goto cleanup;
    const double before = fit.sums[0];
    double t = 1;
    for (int halving = 0; halving < MAX_HALVINGS; halving++, t /= 2) {
      add_step(&fit, t, eta, fit.eta);
      BVL_TRY(evaluate(&fit));
      if (fit.sums[0] <= before + 1e-14 * fabs(before)) break;
    }
    if (!(fit.sums[0] <= before + 1e-14 * fabs(before))) goto cleanup; /* at rounding already */
    memcpy(eta, fit.eta, bytes);
    move_point(&fit, t, point);
    if (t == 1 && decrement < 1e-10 * scale && problem->loss->quadratic) goto cleanup;
    if (t == 1 && decrement < 1e-15 * scale) goto cleanup;
  }
  status = bvl_fail(BVL_ERR_INPUT, "y: no finite fit of the intercepts and unpenalised columns "
                                   "(a class absent, or separable)");
cleanup:
  release(&fit);
  return status;
}
