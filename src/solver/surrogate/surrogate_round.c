/* SPDX-License-Identifier: BSD-3-Clause */
/* From smooth to exact, between rounds of the optimizer.
 *
 *   collapse    beta = phi(theta), certified with fresh residuals
 *   zeros       a block whose proximal step with the loss' curvature h lands on zero,
 *               ||h beta_g + v_g|| <= threshold, and whose ||v_g|| <= threshold, is set to 0
 *   screening   scale ||v_g|| + ||X_g|| radius / n < threshold: zero at the optimum (Fercoq,
 *               Gramfort, Salmon 2015); its factors become 0, which no gradient leaves
 *   re-seeding  blocks at zero that violate their condition get factors of the right direction
 *
 * Thresholds come from bvl_penalty_threshold alone. Without convexity there is no proof: zeros are
 * those of surrogate/start.c, and stay if the objective does not rise. */
#include "solver/surrogate/surrogate_solver.h"

#include <math.h>
#include <string.h>

/* A block re-seeds when it is this much smaller than the start, in factor magnitude. */
static const double reseed_share = 0.1;

/* Exact zeros may cost this share of what the objective is uncertain by. */
static const double zeros_slack = 0.1;

/* eta of the point, and whether the loss there is within reason: not so far above the null model's
 * that only an overflowing learning rate can have led there. */
static bvl_status predict(bvl_surrogate_solver *solver, const bvl_point *point, int *finite)
{
  bvl_status status = BVL_OK;
  const bvl_problem *problem = solver->problem;
  int64_t row0 = problem->X->rows.split0, n = bvl_problem_n_split(problem);
  BVL_TRY(bvl_problem_eta(solver->problem, point, solver->eta));
  double loss = bvl_loss_eval(problem->loss, n, problem->y + row0, problem->w + row0, solver->eta,
                              NULL, NULL);
  BVL_TRY(bvl_sum(&problem->grid->all, &loss, 1));
  *finite = loss / (double)problem->n - problem->null_loss <= 100.0 * problem->null_half + 1.0;
cleanup:
  return status;
}

static bvl_status certify(bvl_surrogate_solver *solver, bvl_certified *out, int *finite)
{
  bvl_status status = BVL_OK;
  BVL_TRY(predict(solver, &out->point, finite));
  if (*finite)
    BVL_TRY(bvl_certify(solver->problem, solver->lambda, &out->point, solver->eta, out->v,
                        &out->certificate));
cleanup:
  return status;
}

static void copy_certified(const bvl_surrogate_solver *solver, const bvl_certified *from,
                           bvl_certified *to)
{
  size_t bytes = (size_t)bvl_design_p_local(solver->problem->X) * sizeof(double);
  to->point.intercept = from->point.intercept;
  memcpy(to->point.beta, from->point.beta, bytes);
  memcpy(to->v, from->v, bytes);
  to->certificate = from->certificate;
}

/* The better point has the lower objective, up to `slack`. Certificates are equal on all ranks, so
 * all keep the same. */
static void keep_better(bvl_surrogate_solver *solver, const bvl_certified *candidate, double slack)
{
  if (candidate->certificate.objective <= solver->best.certificate.objective + slack)
    copy_certified(solver, candidate, &solver->best);
}

/* Convex: the block's condition at zero, with its own gradient and after a proximal step. */
static int is_zero_convex(const bvl_surrogate_solver *solver, int64_t g)
{
  const bvl_problem *problem = solver->problem;
  const bvl_penalty *pen = &problem->penalty;
  const int64_t begin = problem->blocks.begin[g], m = bvl_block_len(&problem->blocks, g);
  const double lw = solver->lambda * problem->blocks.weight[g];
  const double *b = solver->best.point.beta + begin, *v = solver->best.v + begin;
  const double threshold = bvl_penalty_threshold(pen, lw);
  double step = 0.0, moved = 0.0;
  for (int64_t k = 0; k < m; k++) {
    moved = solver->curvature * b[k] + v[k];
    step += moved * moved;
  }
  step = m == 1 ? bvl_problem_pull(problem, pen, lw, g, &moved) : sqrt(step);
  return bvl_problem_pull(problem, pen, lw, g, v) <= threshold && step <= threshold;
}

static bvl_surrogate_start start_of(const bvl_surrogate_solver *solver, const bvl_certified *at,
                                    double floor)
{
  double *grad = solver->objective->grad_beta;
  for (int64_t c = 0; c < bvl_design_p_local(solver->problem->X); c++) grad[c] = -at->v[c];
  return (bvl_surrogate_start){.pen = &solver->problem->penalty,
                               .lambda = solver->lambda,
                               .curvature = solver->problem->curvature,
                               .floor = floor,
                               .beta = at->point.beta,
                               .grad_beta = grad};
}

/* solver->zeroed <- solver->best with blocks at zero. */
static void set_zeros(bvl_surrogate_solver *solver)
{
  const bvl_blocks *blocks = &solver->problem->blocks;
  const bvl_surrogate_start start = start_of(solver, &solver->best, 0.0);
  double *beta = solver->zeroed.point.beta;
  copy_certified(solver, &solver->best, &solver->zeroed);
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t begin = blocks->begin[g], m = bvl_block_len(blocks, g);
    if (!bvl_surrogate_is_penalised(blocks->weight[g])) continue;
    if (!solver->convex)
      bvl_surrogate_set_zeros(&solver->objective->map, &start, blocks, g, solver->scratch,
                              beta + begin);
    else if (is_zero_convex(solver, g))
      memset(beta + begin, 0, (size_t)m * sizeof *beta);
  }
}

bvl_status bvl_surrogate_certify_start(bvl_surrogate_solver *solver, const bvl_point *point,
                                       int *finite)
{
  solver->now.point.intercept = point->intercept;
  memcpy(solver->now.point.beta, point->beta,
         (size_t)bvl_design_p_local(solver->problem->X) * sizeof(double));
  bvl_status status = certify(solver, &solver->now, finite);
  if (status == BVL_OK && *finite) copy_certified(solver, &solver->now, &solver->best);
  return status;
}

bvl_status bvl_surrogate_certify(bvl_surrogate_solver *solver, int *finite)
{
  bvl_status status = BVL_OK;
  const bvl_problem *problem = solver->problem;
  const double *factors = bvl_surrogate_factors(solver->objective, solver->theta);
  solver->now.point.intercept = problem->intercept ? solver->theta[0] : 0.0;
  bvl_surrogate_forward(&solver->objective->map, &problem->blocks, factors, solver->now.point.beta);
  BVL_TRY(certify(solver, &solver->now, finite));
  if (*finite) keep_better(solver, &solver->now, 0.0);
cleanup:
  return status;
}

bvl_status bvl_surrogate_make_exact(bvl_surrogate_solver *solver)
{
  bvl_status status = BVL_OK;
  const bvl_certificate *known = &solver->best.certificate;
  int finite = 0;
  double uncertain = known->objective - known->dual;
  if (!isfinite(uncertain)) uncertain = 0.0;
  set_zeros(solver);
  BVL_TRY(certify(solver, &solver->zeroed, &finite));
  if (finite) keep_better(solver, &solver->zeroed, zeros_slack * uncertain);
cleanup:
  return status;
}

void bvl_surrogate_take_best(bvl_surrogate_solver *solver)
{
  const bvl_problem *problem = solver->problem;
  bvl_surrogate_objective *objective = solver->objective;
  const bvl_certified *best = &solver->best;
  const bvl_surrogate_start start = start_of(solver, best, solver->floor);
  double *factors = bvl_surrogate_factors(objective, solver->theta);
  if (problem->intercept) solver->theta[0] = best->point.intercept;
  bvl_surrogate_balance(&objective->map, &problem->blocks, start.beta, start.grad_beta,
                        solver->convex ? solver->floor : 0.0, factors);
  if (!solver->convex)
    bvl_surrogate_reseed(&objective->map, &start, &problem->blocks, solver->scratch, factors);
}

/* Zeroes the factors of blocks that the certificate proves zero; returns how many. Needs to know
 * ||X_g||, which standardised centred columns do: sqrt(n) each. */
static int64_t screen(bvl_surrogate_solver *solver)
{
  const bvl_problem *problem = solver->problem;
  const bvl_blocks *blocks = &problem->blocks;
  const bvl_certificate *known = &solver->now.certificate;
  double *theta = bvl_surrogate_factors(solver->objective, solver->theta);
  int64_t dropped = 0;
  if (!isfinite(known->radius) || !problem->standardize || !problem->intercept) return 0;
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t m = bvl_block_len(blocks, g);
    int64_t length = bvl_surrogate_block_length(&solver->objective->map, blocks, g);
    if (bvl_surrogate_is_penalised(blocks->weight[g]) && bvl_block_norm(length, theta) > 0.0) {
      double v = bvl_problem_pull(problem, &problem->penalty, solver->lambda * blocks->weight[g], g,
                                  solver->now.v + blocks->begin[g]);
      double reach = sqrt((double)m / (double)problem->n) * known->radius;
      double threshold = bvl_penalty_threshold(&problem->penalty,
                                               solver->lambda * blocks->weight[g]);
      /* 1e-9 covers the rounding of v, which is of the order n 1e-16 */
      if ((fabs(known->scale) * v + reach) * (1.0 + 1e-9) < threshold) {
        memset(theta, 0, (size_t)length * sizeof *theta);
        dropped++;
      }
    }
    theta += length;
  }
  return dropped;
}

void bvl_surrogate_list_columns(bvl_surrogate_solver *solver)
{
  bvl_surrogate_objective *objective = solver->objective;
  const bvl_blocks *blocks = &solver->problem->blocks;
  const double *theta = bvl_surrogate_factors(objective, solver->theta);
  objective->n_cols = 0;
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t length = bvl_surrogate_block_length(&objective->map, blocks, g);
    int used = blocks->weight[g] == 0.0 || bvl_block_norm(length, theta) > 0.0;
    for (int64_t c = blocks->begin[g]; used && c < blocks->begin[g + 1]; c++)
      objective->cols[objective->n_cols++] = c;
    theta += length;
  }
}

bvl_status bvl_surrogate_tidy(bvl_surrogate_solver *solver)
{
  bvl_surrogate_objective *objective = solver->objective;
  const bvl_problem *problem = solver->problem;
  int64_t moved = screen(solver);
  const bvl_surrogate_start start = start_of(solver, &solver->now, reseed_share * solver->floor);
  moved += bvl_surrogate_reseed(&objective->map, &start, &problem->blocks, solver->scratch,
                                bvl_surrogate_factors(objective, solver->theta));
  bvl_surrogate_list_columns(solver);
  bvl_status status = bvl_sum_i64(&problem->grid->all, &moved, 1);
  if (status == BVL_OK && moved > 0) bvl_optim_reset(solver->optim);
  solver->unsettled = moved;
  return status;
}
