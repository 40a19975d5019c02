/* SPDX-License-Identifier: BSD-3-Clause */
/* What is known of a point: objective, duality gap, stationarity, gap-safe radius, from residuals
 * made fresh and one sweep over X.
 *
 *   v = X~'r / n,   r = w (y - mu);   dual point s theta, theta = r / w, s the largest scaling that
 *   puts v into the penalty's dual set (Ndiaye, Fercoq, Gramfort, Salmon 2015)
 *   D = (1/n) sum w [c(y, y - s theta) - s theta o] - Omega(s v),   gap = F - D
 *
 * Traffic: bvl_problem_fit_free, one gather of n_local along the grid row, the sweep's reduction of
 * p_local along the grid column, then three reductions of at most 8 doubles. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/phase.h"
#include "loss/multi.h"
#include "model/problem.h"

typedef struct sums {
  bvl_data_sums data; /* over rows */
  double penalty;     /* lambda Pen(beta) */
  double support;     /* nonzero coefficients */
  double free_gap;    /* what inexact unpenalised columns cost the dual bound */
} sums;

typedef struct extremes {
  double kkt;    /* largest block residual */
  double shrink; /* -(smallest dual scaling) */
} extremes;

/* This rank's columns: grid row 0 speaks for its grid column, every rank for its own maximum. Of
 * the columns at 0 with one weight only the largest |v| so far counts: the others' distance is
 * smaller, their dual scaling larger. */
typedef struct scan {
  double top;    /* the largest |v| of a column at 0 so far ... */
  double weight; /* ... of this weight */
} scan;

/* The weight of blocks from .. to - 1 if they are single columns of one, leaving out excluded ones;
 * NaN otherwise. */
static double common_weight(const bvl_blocks *blocks, int64_t from, int64_t to)
{
  double weight = INFINITY;
  for (int64_t g = from; g < to; g++) {
    if (blocks->weight[g] == INFINITY) continue;
    if (weight == INFINITY) weight = blocks->weight[g];
    if (weight != blocks->weight[g] || bvl_block_len(blocks, g) != 1) return NAN;
  }
  return weight;
}

/* Are these columns all 0, with no |v| above `top`? Maxima in lanes, for the vectorizer. */
static int are_idle(int64_t m, const double *beta, const double *v, double top)
{
  enum { LANES = 4 };
  double high_v[LANES] = {0};
  double high_b[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= m; i += LANES) {
    for (int l = 0; l < LANES; l++) {
      const double v_l = fabs(v[i + l]);
      const double b_l = fabs(beta[i + l]);
      high_v[l] = v_l > high_v[l] ? v_l : high_v[l];
      high_b[l] = b_l > high_b[l] ? b_l : high_b[l];
    }
  }
  for (; i < m; i++) {
    high_v[0] = fabs(v[i]) > high_v[0] ? fabs(v[i]) : high_v[0];
    high_b[0] = fabs(beta[i]) > high_b[0] ? fabs(beta[i]) : high_b[0];
  }
  for (int l = 0; l < LANES; l++)
    if (high_v[l] > top || high_b[l] > 0) return 0;
  return 1;
}

/* V = X~'R / n for k residuals of every output, in the order of coefficients. */
static bvl_status correlate_all(bvl_problem *problem, int64_t k, const double *r_split, double *v)
{
  bvl_status status = BVL_OK;
  const int64_t K = problem->outputs;
  const int64_t p_local = problem->X->columns.p_local;
  double *by_output = NULL;
  if (K == 1) return bvl_correlate(problem, k, r_split, v);
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&by_output, p_local * K * k)));
  BVL_TRY(bvl_correlate(problem, K * k, r_split, by_output));
  for (int64_t q = 0; q < k; q++)
    for (int64_t l = 0; l < K; l++)
      for (int64_t j = 0; j < p_local; j++)
        v[(q * p_local + j) * K + l] = by_output[(q * K + l) * p_local + j];
cleanup:
  free(by_output);
  return status;
}

static int is_ordered(const bvl_problem *problem)
{
  return problem->bounds == NULL && problem->curvature == NULL;
}

/* Blocks from .. to - 1 of this rank: grid row 0 speaks for its grid column, every rank for its own
 * maximum. */
static void scan_some(const bvl_problem *problem, int64_t from, int64_t to, double lambda,
                      const double *beta, const double *v, scan *at, sums *sum, extremes *extreme)
{
  const bvl_blocks *blocks = &problem->blocks;
  const int counted = problem->grid->i == 0;
  double *g_block = problem->block_work;
  for (int64_t g = from; g < to; g++) {
    const int64_t begin = bvl_problem_begin(problem, g);
    const int64_t m = bvl_problem_len(problem, g);
    const double weight = blocks->weight[g];
    if (weight == INFINITY) continue;
    /* with bounds or curvatures the size of v does not order the residuals of zeros */
    if (m == 1 && weight > 0 && beta[begin] == 0 && is_ordered(problem)) {
      if (weight == at->weight && fabs(v[begin]) <= at->top) continue;
      *at = (scan){fabs(v[begin]), weight};
    }
    const bvl_penalty pen = bvl_problem_penalty(problem, g);
    const double lw = lambda * weight;
    for (int64_t k = 0; k < m; k++) g_block[k] = -v[begin + k];
    extreme->kkt = fmax(extreme->kkt, bvl_problem_distance(problem, lw, g, beta, g_block));
    if (pen.type->convex && weight > 0)
      extreme->shrink = fmax(extreme->shrink, -bvl_problem_dual_scale(problem, lw, g, beta, v));
    if (!counted) continue;
    if (weight > 0)
      sum->penalty += bvl_penalty_value(&pen, lw, m, beta + begin);
    else
      for (int64_t k = begin; k < begin + m; k++)
        sum->free_gap += fabs(v[k]) * 10 * (fabs(beta[k]) + 1);
    for (int64_t k = 0; k < m; k++) sum->support += beta[begin + k] != 0;
  }
}

/* All blocks for k points, a run of blocks at a time: what is known of a block is read once for
 * several points. */
static void scan_blocks(const bvl_problem *problem, int64_t k, const double *lambda,
                        const double *beta, const double *v, sums *sum, extremes *extreme)
{
  enum { RUN = 256, POINTS = 8 };
  const bvl_blocks *blocks = &problem->blocks;
  const int64_t n_coef = bvl_problem_n_coef(problem);
  for (int64_t first = 0; first < k; first += POINTS) {
    const int64_t last = bvl_lesser(first + POINTS, k);
    scan at[POINTS];
    for (int64_t q = first; q < last; q++) at[q - first] = (scan){.weight = NAN};
    for (int64_t from = 0; from < blocks->n; from += RUN) {
      const int64_t to = bvl_lesser(from + RUN, blocks->n);
      const int64_t begin = blocks->begin[from];
      const int alike = problem->outputs == 1 && problem->curvature == NULL;
      const double weight = alike ? common_weight(blocks, from, to) : NAN;
      for (int64_t q = first; q < last; q++) {
        const double *beta_q = beta + q * n_coef;
        const double *v_q = v + q * n_coef;
        scan *at_q = &at[q - first];
        if (weight != at_q->weight || !are_idle(to - from, beta_q + begin, v_q + begin, at_q->top))
          scan_some(problem, from, to, lambda[q], beta_q, v_q, at_q, &sum[q], &extreme[q]);
      }
    }
  }
}

static void scan_rows(const bvl_problem *problem, const double *r, bvl_data_sums *sum)
{
  const int64_t split0 = problem->X->rows.split0;
  for (int64_t i = 0; i < bvl_problem_n_split(problem); i++) {
    const double w = problem->w[split0 + i];
    const double o = problem->offset != NULL ? problem->offset[split0 + i] : 0;
    sum->r += r[i];
    sum->r_y += r[i] * (problem->y[split0 + i] - o);
    if (w > 0) sum->r_theta += r[i] * r[i] / w;
  }
}

/* The same for several outputs; r_k (outputs) gets the sums of r that `sum` has no room for. */
static void scan_rows_multi(const bvl_problem *problem, const double *r, bvl_data_sums *sum,
                            double *r_k)
{
  const int64_t n = bvl_problem_n_split(problem);
  const double *w = problem->w + problem->X->rows.split0;
  for (int64_t k = 0; k < problem->outputs; k++, r += n) {
    r_k[k] = 0;
    for (int64_t i = 0; i < n; i++) {
      r_k[k] += r[i];
      if (problem->responses != NULL) sum->r_y += r[i] * problem->responses[i + k * n];
      if (w[i] > 0) sum->r_theta += r[i] * r[i] / w[i];
    }
  }
}

/* What the intercepts leave: the largest residual stands for all in the stationarity, and each
 * weakens the dual bound. `sum` is rank 0's part from here on. */
static bvl_status sum_intercepts(const bvl_problem *problem, int64_t k, const double *intercept,
                                 double *r_k, sums *sum)
{
  const int64_t K = problem->outputs;
  const double n = (double)problem->n;
  bvl_status status = bvl_sum(&problem->grid->all, r_k, K * k);
  if (status != BVL_OK || !problem->intercept || problem->grid->all.rank != 0) return status;
  for (int64_t q = 0; q < k; q++)
    for (int64_t l = q * K; l < (q + 1) * K; l++) {
      sum[q].data.r = fmax(sum[q].data.r, fabs(r_k[l]));
      sum[q].free_gap += fabs(r_k[l]) / n * 10 * (fabs(intercept[l]) + 1);
    }
  return status;
}

/* The dual's data term at s theta: over this rank's rows, or from sums over all rows where rank 0
 * speaks for them. */
static double data_dual(const bvl_problem *problem, double s, const double *r,
                        const bvl_data_sums *data)
{
  const int64_t split0 = problem->X->rows.split0;
  if (r == NULL)
    return problem->grid->all.rank == 0 ? s * data->r_y - s * s / 2 * data->r_theta : 0;
  if (problem->outputs > 1)
    return bvl_multi_dual(problem->loss, bvl_problem_n_split(problem), problem->outputs,
                          problem->responses != NULL ? problem->responses : problem->y + split0,
                          problem->w + split0, r, s);
  return bvl_loss_dual(problem->loss, bvl_problem_n_split(problem), problem->y + split0,
                       problem->w + split0,
                       problem->offset != NULL ? problem->offset + split0 : NULL, r, s);
}

/* Omega at s theta over this rank's columns. */
static double omega(const bvl_problem *problem, double lambda, double s, const double *v)
{
  const bvl_blocks *blocks = &problem->blocks;
  const bvl_penalty *pen = &problem->penalty;
  double sum = 0;
  /* an indicator: s is feasible */
  if (problem->bounds == NULL && !(pen->type->dual_loss(pen, 1, 2) > 0)) return 0;
  for (int64_t g = 0; problem->grid->i == 0 && g < blocks->n; g++)
    if (blocks->weight[g] > 0 && blocks->weight[g] < INFINITY)
      sum += bvl_problem_dual_loss(problem, lambda * blocks->weight[g], g, s, v);
  return sum;
}

/* The multiple of theta to use: the largest feasible one, or for a quadratic loss the best feasible
 * one (the dual is a parabola in s). */
static double dual_scaling(const bvl_problem *problem, const bvl_data_sums *sum, double feasible)
{
  if (problem->rounded != NULL) feasible = fmin(1, feasible); /* columns are known feasible for 1 */
  /* with bounds a negative multiple is another problem, and Omega is no constant */
  if (!problem->penalty.type->convex) return 1;
  if (!problem->loss->quadratic || problem->bounds != NULL) return fmin(1, feasible);
  if (problem->penalty.type->dual_loss(&problem->penalty, 1, 2) > 0) return 1; /* elastic net */
  const double best = sum->r_theta > 0 ? sum->r_y / sum->r_theta : 0;
  return fmax(-feasible, fmin(feasible, best));
}

static double relative_to(const bvl_problem *problem, double lambda)
{
  if (lambda > 0) return lambda;
  return problem->lambda_max > 0 ? problem->lambda_max : 1;
}

/* One certificate from its sums over all ranks. dual = [data term, Omega]. */
static void conclude(const bvl_problem *problem, double lambda, double intercept, const sums *sum,
                     const extremes *extreme, double s, const double *dual, bvl_certificate *out)
{
  const double n = (double)problem->n;
  const double unit = problem->null_half > 0 ? problem->null_half : 1;
  const double free_r = problem->intercept ? fabs(sum->data.r) / n : 0;
  /* rounding leaves sum r != 0: the bound stays true over |b0| <= 10 (|b0| + 1) */
  const double slack = fabs(s) * (sum->free_gap + free_r * 10 * (fabs(intercept) + 1)) +
                       sum->data.rounding / n;
  const int convex = problem->penalty.type->convex;
  *out = (bvl_certificate){.loss = sum->data.loss / n, .support = sum->support, .scale = s};
  out->objective = out->loss + sum->penalty;
  out->kkt = fmax(extreme->kkt, free_r) / relative_to(problem, lambda);
  out->dual = convex ? dual[0] / n - dual[1] - slack : -INFINITY;
  out->gap = convex ? fmax(out->objective - out->dual, 0) / unit : NAN;
  /* a point that overflowed proves nothing: maxima pass over a NaN, so ask the sums */
  if (!isfinite(out->objective) || !isfinite(sum->data.r_theta)) {
    out->kkt = INFINITY;
    out->gap = convex ? INFINITY : NAN;
  }
  out->radius = sqrt(2 * n * problem->loss->curvature_bound * out->gap * unit);
  if (!isfinite(out->radius)) out->radius = INFINITY;
}

enum { N_SUMS = sizeof(sums) / sizeof(double), N_EXTREMES = sizeof(extremes) / sizeof(double) };

/* Certificates of k points from their v and this rank's part of the sums over rows (sum->data, the
 * rest zero). r is n_split x k, or NULL where rank 0 has the whole sums. */
static bvl_status judge(bvl_problem *problem, int64_t k, const double *lambda,
                        const double *intercept, const double *beta, const double *r,
                        const double *v, sums *sum, bvl_certificate *out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const int64_t n_split = bvl_problem_n_split(problem) * problem->outputs;
  const int64_t n_coef = bvl_problem_n_coef(problem);
  extremes *extreme = NULL;
  double *scale = NULL;
  double *dual = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&extreme, k)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&scale, k)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&dual, 2 * k)));
  for (int64_t q = 0; q < k; q++) extreme[q].shrink = -INFINITY;
  scan_blocks(problem, k, lambda, beta, v, sum, extreme);
  BVL_TRY(bvl_sum(all, (double *)sum, k * N_SUMS));
  BVL_TRY(bvl_max(all, (double *)extreme, k * N_EXTREMES));
  for (int64_t q = 0; q < k; q++) {
    scale[q] = dual_scaling(problem, &sum[q].data, -extreme[q].shrink);
    if (!problem->penalty.type->convex) continue;
    dual[2 * q] = data_dual(problem, scale[q], r != NULL ? r + q * n_split : NULL, &sum[q].data);
    dual[2 * q + 1] = omega(problem, lambda[q], scale[q], v + q * n_coef);
  }
  if (problem->penalty.type->convex) BVL_TRY(bvl_sum(all, dual, 2 * k));
  for (int64_t q = 0; q < k; q++)
    conclude(problem, lambda[q], problem->outputs > 1 ? 0 : intercept[q], &sum[q], &extreme[q],
             scale[q], dual + 2 * q, &out[q]);
  /* one rank's last bits decide for all */
  BVL_TRY(bvl_bcast(all, 0, (double *)out, k * (int64_t)(sizeof *out / sizeof(double))));
cleanup:
  free(dual);
  free(scale);
  free(extreme);
  return status;
}

bvl_status bvl_certify_many(bvl_problem *problem, int64_t k, const double *lambda,
                            const double *intercept, const double *beta, const double *eta,
                            double *v, bvl_certificate *out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const int64_t K = problem->outputs;
  const int64_t n_split = bvl_problem_n_split(problem) * K;
  double *r = NULL;
  double *r_k = NULL;
  sums *sum = NULL;
  if (k > 1 && bvl_problem_curvature_moves(problem)) { /* each point has its own */
    for (int64_t q = 0; q < k && status == BVL_OK; q++)
      status = bvl_certify_many(problem, 1, lambda + q, intercept + q,
                                beta + q * bvl_problem_n_coef(problem), eta + q * n_split,
                                v + q * bvl_problem_n_coef(problem), out + q);
    return status;
  }
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_SCREEN);
  BVL_TRY(bvl_problem_set_curvature(problem, eta));
  status = BVL_ALLOC(&r, k * n_split);
  if (status == BVL_OK) status = BVL_ALLOC(&r_k, k * K);
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&sum, k)));
  for (int64_t q = 0; q < k; q++) {
    sum[q].data.loss = bvl_problem_residuals(problem, eta + q * n_split, r + q * n_split);
    if (K == 1)
      scan_rows(problem, r + q * n_split, &sum[q].data);
    else
      scan_rows_multi(problem, r + q * n_split, &sum[q].data, r_k + q * K);
  }
  if (K > 1) BVL_TRY(sum_intercepts(problem, k, intercept, r_k, sum));
  if (problem->rounded != NULL)
    BVL_TRY(bvl_correlate_screened(problem, k, lambda, beta, r, v));
  else
    BVL_TRY(correlate_all(problem, k, r, v));
  BVL_TRY(judge(problem, k, lambda, intercept, beta, r, v, sum, out));
cleanup:
  bvl_phase_leave(before);
  free(sum);
  free(r_k);
  free(r);
  return status;
}

bvl_status bvl_certify_sums(bvl_problem *problem, int64_t k, const double *lambda,
                            const double *intercept, const double *beta, const double *v,
                            const bvl_data_sums *data, bvl_certificate *out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  sums *sum = NULL;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_SCREEN);
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&sum, k)));
  for (int64_t q = 0; q < k && all->rank == 0; q++) sum[q].data = data[q];
  BVL_TRY(judge(problem, k, lambda, intercept, beta, NULL, v, sum, out));
cleanup:
  bvl_phase_leave(before);
  free(sum);
  return status;
}

bvl_status bvl_certify(bvl_problem *problem, double lambda, bvl_point *point, double *eta,
                       double *v, bvl_certificate *out)
{
  bvl_status status = bvl_problem_fit_free(problem, point, eta);
  if (status != BVL_OK) return status;
  const double *intercept = point->intercepts != NULL ? point->intercepts : &point->intercept;
  return bvl_certify_many(problem, 1, &lambda, intercept, point->beta, eta, v, out);
}

bvl_status bvl_problem_lambda_max(bvl_problem *problem, double *lambda_max, double *v)
{
  bvl_status status = BVL_OK;
  const bvl_blocks *blocks = &problem->blocks;
  const int64_t n_eta = bvl_problem_n_split(problem) * problem->outputs;
  double *eta = NULL;
  double *r = NULL;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&eta, n_eta)));
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&r, n_eta)));
  BVL_TRY(bvl_problem_eta(problem, &problem->null_point, eta));
  BVL_TRY(bvl_problem_set_curvature(problem, eta));
  bvl_problem_residuals(problem, eta, r);
  BVL_TRY(correlate_all(problem, 1, r, v));
  *lambda_max = 0;
  for (int64_t g = 0; g < blocks->n; g++)
    *lambda_max = fmax(*lambda_max,
                       bvl_problem_entry(problem, g, v + bvl_problem_begin(problem, g)));
  BVL_TRY(bvl_max(&problem->grid->all, lambda_max, 1));
  problem->lambda_max = *lambda_max;
cleanup:
  free(r);
  free(eta);
  return status;
}
