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
#include "model/problem.h"

/* v = X~'r / n for r given on split rows. */
static bvl_status correlate(bvl_problem *problem, const double *r_split, double *v)
{
  bvl_status status = BVL_OK;
  bvl_design *X = problem->X;
  const bvl_comm *row = &problem->grid->row;
  int64_t *counts = NULL;
  double *r = NULL;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&counts, row->size)));
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&r, X->rows.n_local)));
  for (int64_t j = 0; j < row->size; j++)
    counts[j] = bvl_cut(X->rows.n_local, row->size, j + 1) - bvl_cut(X->rows.n_local, row->size, j);
  BVL_TRY(bvl_gather_all(row, r_split, counts, r));
  BVL_TRY(bvl_design_adjoint(X, 0, NULL, 1, r, v, 0, NULL));
  for (int64_t k = 0; k < X->columns.p_local; k++) v[k] /= (double)problem->n;
cleanup:
  free(r);
  free(counts);
  return status;
}

typedef struct sums {
  double loss;     /* sum w loss */
  double r;        /* sum r: the intercept's gradient */
  double r_y;      /* sum r (y - o) */
  double r_theta;  /* sum r^2 / w */
  double penalty;  /* lambda Pen(beta) */
  double support;  /* nonzero coefficients */
  double free_gap; /* what inexact unpenalised columns cost the dual bound */
} sums;

typedef struct extremes {
  double kkt;    /* largest block residual */
  double shrink; /* -(smallest dual scaling) */
} extremes;

/* This rank's columns: grid row 0 speaks for its grid column, every rank for its own maximum. */
static void scan_blocks(const bvl_problem *problem, double lambda, const bvl_point *point,
                        const double *v, sums *sum, extremes *extreme)
{
  const bvl_blocks *blocks = &problem->blocks;
  const bvl_penalty *pen = &problem->penalty;
  const int counted = problem->grid->i == 0;
  double *g_block = problem->block_work;
  for (int64_t g = 0; g < blocks->n; g++) {
    const int64_t begin = blocks->begin[g];
    const int64_t m = bvl_block_len(blocks, g);
    const double weight = blocks->weight[g];
    if (weight == INFINITY) continue;
    const double lw = lambda * weight;
    for (int64_t k = 0; k < m; k++) g_block[k] = -v[begin + k];
    extreme->kkt = fmax(extreme->kkt,
                        bvl_penalty_distance(pen, lw, m, point->beta + begin, g_block));
    if (pen->type->convex && weight > 0) {
      const double scale = pen->type->dual_scale(
          pen, lw, bvl_block_norm(bvl_block_len(blocks, g), v + blocks->begin[g]));
      extreme->shrink = fmax(extreme->shrink, -scale);
    }
    if (!counted) continue;
    if (weight > 0)
      sum->penalty += bvl_penalty_value(pen, lw, m, point->beta + begin);
    else
      sum->free_gap += fabs(v[begin]) * 10 * (fabs(point->beta[begin]) + 1);
    for (int64_t k = 0; k < m; k++) sum->support += point->beta[begin + k] != 0;
  }
}

static void scan_rows(const bvl_problem *problem, const double *r, double loss, sums *sum)
{
  const int64_t split0 = problem->X->rows.split0;
  sum->loss = loss;
  for (int64_t i = 0; i < bvl_problem_n_split(problem); i++) {
    const double w = problem->w[split0 + i];
    const double o = problem->offset != NULL ? problem->offset[split0 + i] : 0;
    sum->r += r[i];
    sum->r_y += r[i] * (problem->y[split0 + i] - o);
    if (w > 0) sum->r_theta += r[i] * r[i] / w;
  }
}

/* sum of the dual's data term and Omega at s theta over this rank's rows and columns. */
static void scan_dual(const bvl_problem *problem, double lambda, double s, const double *r,
                      const double *v, double *out)
{
  const bvl_blocks *blocks = &problem->blocks;
  const bvl_penalty *pen = &problem->penalty;
  const int64_t split0 = problem->X->rows.split0;
  out[0] = bvl_loss_dual(problem->loss, bvl_problem_n_split(problem), problem->y + split0,
                         problem->w + split0,
                         problem->offset != NULL ? problem->offset + split0 : NULL, r, s);
  out[1] = 0;
  for (int64_t g = 0; problem->grid->i == 0 && g < blocks->n; g++)
    if (blocks->weight[g] > 0 && blocks->weight[g] < INFINITY)
      out[1] += pen->type->dual_loss(
          pen, lambda * blocks->weight[g],
          s * bvl_block_norm(bvl_block_len(blocks, g), v + blocks->begin[g]));
}

/* The multiple of theta to use: the largest feasible one, or for a quadratic loss the best feasible
 * one (the dual is a parabola in s). */
static double dual_scaling(const bvl_problem *problem, const sums *sum, double feasible)
{
  if (!problem->loss->quadratic) return fmin(1, feasible);
  if (problem->penalty.type->dual_loss(&problem->penalty, 1, 2) > 0) return 1; /* elastic net */
  const double best = sum->r_theta > 0 ? sum->r_y / sum->r_theta : 0;
  return fmax(-feasible, fmin(feasible, best));
}

static double relative_to(const bvl_problem *problem, double lambda)
{
  if (lambda > 0) return lambda;
  return problem->lambda_max > 0 ? problem->lambda_max : 1;
}

bvl_status bvl_certify(bvl_problem *problem, double lambda, bvl_point *point, double *eta,
                       double *v, bvl_certificate *out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const bvl_rows *rows = &problem->X->rows;
  const double n = (double)problem->n;
  double *r = NULL;
  sums sum = {0};
  extremes extreme = {.kkt = 0, .shrink = -INFINITY};
  BVL_TRY(bvl_problem_fit_free(problem, point, eta));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&r, bvl_problem_n_split(problem))));
  const double loss = bvl_loss_eval(problem->loss, bvl_problem_n_split(problem),
                                    problem->y + rows->split0, problem->w + rows->split0, eta, r,
                                    NULL);
  BVL_TRY(correlate(problem, r, v));
  scan_rows(problem, r, loss, &sum);
  scan_blocks(problem, lambda, point, v, &sum, &extreme);
  BVL_TRY(bvl_sum(all, (double *)&sum, sizeof sum / sizeof(double)));
  BVL_TRY(bvl_max(all, (double *)&extreme, sizeof extreme / sizeof(double)));
  if (problem->intercept) extreme.kkt = fmax(extreme.kkt, fabs(sum.r) / n);
  const double s = dual_scaling(problem, &sum, -extreme.shrink);
  double dual[2] = {0, 0};
  if (problem->penalty.type->convex) {
    scan_dual(problem, lambda, s, r, v, dual);
    BVL_TRY(bvl_sum(all, dual, 2));
  }
  /* rounding leaves sum r != 0: the bound stays true over |b0| <= 10 (|b0| + 1) */
  const double slack = fabs(s) *
                       (sum.free_gap + (problem->intercept
                                            ? fabs(sum.r) / n * 10 * (fabs(point->intercept) + 1)
                                            : 0));
  const double unit = problem->null_half > 0 ? problem->null_half : 1;
  *out = (bvl_certificate){.loss = sum.loss / n, .support = sum.support, .scale = s};
  out->objective = out->loss + sum.penalty;
  out->kkt = extreme.kkt / relative_to(problem, lambda);
  out->dual = problem->penalty.type->convex ? dual[0] / n - dual[1] - slack : -INFINITY;
  out->gap = problem->penalty.type->convex ? fmax(out->objective - out->dual, 0) / unit : NAN;
  out->radius = sqrt(2 * n * problem->loss->curvature_bound * out->gap * unit);
  if (!isfinite(out->radius)) out->radius = INFINITY;
  /* one rank's last bits decide for all */
  BVL_TRY(bvl_bcast(all, 0, (double *)out, sizeof *out / sizeof(double)));
cleanup:
  free(r);
  return status;
}

bvl_status bvl_problem_lambda_max(bvl_problem *problem, double *lambda_max, double *v)
{
  bvl_status status = BVL_OK;
  const bvl_blocks *blocks = &problem->blocks;
  const bvl_rows *rows = &problem->X->rows;
  double *eta = NULL;
  double *r = NULL;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&eta, bvl_problem_n_split(problem))));
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&r, bvl_problem_n_split(problem))));
  BVL_TRY(bvl_problem_eta(problem, &problem->null_point, eta));
  bvl_loss_eval(problem->loss, bvl_problem_n_split(problem), problem->y + rows->split0,
                problem->w + rows->split0, eta, r, NULL);
  BVL_TRY(correlate(problem, r, v));
  *lambda_max = 0;
  for (int64_t g = 0; g < blocks->n; g++)
    *lambda_max = fmax(*lambda_max, bvl_penalty_lambda_max(&problem->penalty, blocks->weight[g],
                                                           bvl_block_norm(bvl_block_len(blocks, g),
                                                                          v + blocks->begin[g])));
  BVL_TRY(bvl_max(&problem->grid->all, lambda_max, 1));
  problem->lambda_max = *lambda_max;
cleanup:
  free(r);
  free(eta);
  return status;
}
