/* SPDX-License-Identifier: BSD-3-Clause */
/* The surrogate solver: SGD, momentum, Adam or L-BFGS on the factors of the coefficients (Kolb,
 * Mueller, Bischl, Ruegamer 2023; Hoff 2017), with the answer certified on the real problem.
 *
 * A lambda is warm-started from balanced factors of the previous solution and solved in rounds:
 * optimize, collapse, certify, screen and re-seed. Every optimizer step is one or two reductions
 * (surrogate_objective.c) and L-BFGS's own; a round adds one certificate. A learning rate that
 * overflows is halved and the best certified point taken up again.
 *
 * Traffic per step: bvl_surrogate_objective_eval, for L-BFGS one allreduce of 4m + 8 doubles more;
 * per round: bvl_certify and one count. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/rng.h"
#include "solver/surrogate/surrogate_solver.h"

enum { DEFAULT_EPOCHS = 100, DEFAULT_STEPS = 4000, DEFAULT_MAX_ITER = 2000 };
enum { LBFGS_ROUND = 25, ROUNDS = 10 };
enum { MAX_HALVINGS = 12 };

/* Shares that defaults are made of; see choose_scales. */
static const double floor_share = 1e-3;
static const double sgd_share = 8.0;
static const double momentum_share = 1.6;
static const double adam_share = 0.05;

/* How stationary a point is that the certified engine takes over, where there is no gap. */
static const double rough_kkt = 1e-3;

/* --- life cycle --- */

static bvl_optimizer method_of(bvl_solver solver)
{
  switch (solver) {
  case BVL_SOLVER_MOMENTUM: return BVL_OPTIM_MOMENTUM;
  case BVL_SOLVER_ADAM: return BVL_OPTIM_ADAM;
  case BVL_SOLVER_LBFGS: return BVL_OPTIM_LBFGS;
  default: return BVL_OPTIM_SGD;
  }
}

static bvl_status allocate_certified(const bvl_problem *problem, bvl_certified *out)
{
  bvl_status status = BVL_ALLOC(&out->point.beta, bvl_design_p_local(problem->X));
  return status == BVL_OK ? BVL_ALLOC(&out->v, bvl_design_p_local(problem->X)) : status;
}

static void free_certified(bvl_certified *certified)
{
  free(certified->point.beta);
  free(certified->v);
}

static void destroy(void **out)
{
  bvl_surrogate_solver *solver = *out;
  *out = NULL;
  if (solver == NULL) return;
  bvl_optim_destroy(&solver->optim);
  bvl_surrogate_objective_destroy(&solver->objective);
  free(solver->theta);
  free(solver->scratch);
  free(solver->eta);
  free_certified(&solver->now);
  free_certified(&solver->zeroed);
  free_certified(&solver->best);
  free(solver);
}

static void take_options(bvl_surrogate_solver *solver, const bvl_path_options *options)
{
  int64_t n_slices = solver->problem->X->rows.n_slices;
  bvl_optim_options_init(method_of(options->solver), &solver->options);
  solver->options.schedule = (bvl_schedule)options->schedule;
  /* few minibatches an epoch: more epochs, or there would be too few steps */
  solver->options.epochs = options->epochs > 0
                               ? options->epochs
                               : bvl_greater(DEFAULT_EPOCHS, (DEFAULT_STEPS - 1) / n_slices + 1);
  solver->options.seed = options->seed;
  solver->max_iter = options->max_iter > 0 ? options->max_iter : DEFAULT_MAX_ITER;
  solver->options.step = options->step;
  solver->polish = options->polish;
  /* what the certified engine finishes anyway need not be driven to its tolerance */
  solver->target_gap = options->polish ? fmax(options->tol, 1e-5) : options->tol;
}

/* Mean square of a column's entries: 1 when standardised, else from one random probe z, whose
 * ||X z||^2 / n is the sum over the columns in expectation. */
static bvl_status probe_columns(bvl_surrogate_solver *solver, double *mean_square)
{
  bvl_status status = BVL_OK;
  const bvl_problem *problem = solver->problem;
  const bvl_design *X = problem->X;
  bvl_point probe = {.intercept = 0.0, .beta = solver->now.point.beta};
  *mean_square = 1.0;
  if (problem->standardize) return BVL_OK;
  for (int64_t c = 0; c < bvl_design_p_local(X); c++)
    probe.beta[c] = bvl_rng_normal(solver->options.seed, BVL_STREAM_INIT, 0,
                                   (uint64_t)(bvl_design_first(X) + c));
  BVL_TRY(bvl_problem_eta(solver->problem, &probe, solver->eta));
  double sum = 0.0;
  for (int64_t i = 0; i < bvl_problem_n_split(problem); i++) {
    int64_t row = X->rows.split0 + i;
    double eta = solver->eta[i] - (problem->offset != NULL ? problem->offset[row] : 0.0);
    sum += problem->w[row] * eta * eta;
  }
  BVL_TRY(bvl_sum(&problem->grid->all, &sum, 1));
  if (sum > 0.0 && isfinite(sum)) *mean_square = sum / (double)problem->n / (double)bvl_design_p(X);
cleanup:
  return status;
}

/* What defaults stand on: the curvature of the loss along a column at the null fit, and the longest
 * block. */
static bvl_status measure(bvl_surrogate_solver *solver)
{
  bvl_status status = BVL_OK;
  const bvl_problem *problem = solver->problem;
  int64_t row0 = problem->X->rows.split0;
  double sum = 0.0;
  BVL_TRY(probe_columns(solver, &solver->curvature));
  BVL_TRY(bvl_problem_eta(solver->problem, &problem->null_point, solver->eta));
  for (int64_t i = 0; i < bvl_problem_n_split(problem); i++)
    sum += problem->w[row0 + i] * problem->loss->curvature(solver->eta[i]);
  solver->max_len = (double)problem->blocks.max_len;
  BVL_TRY(bvl_sum(&problem->grid->all, &sum, 1));
  BVL_TRY(bvl_max(&problem->grid->all, &solver->max_len, 1));
  solver->intercept_curvature = sum > 0.0 && isfinite(sum) ? sum / (double)problem->n : 1.0;
  solver->curvature *= solver->intercept_curvature;
cleanup:
  return status;
}

/* Factors keep coefficients from below zero everywhere or nowhere; they know no other bound. */
static bvl_status check_bounds(const bvl_problem *problem, int *one_sided)
{
  bvl_status status = BVL_OK;
  int64_t others = 0;
  *one_sided = problem->bounds != NULL;
  for (int64_t g = 0; *one_sided && g < problem->blocks.n; g++) {
    const bvl_interval in = problem->bounds[problem->blocks.begin[g]];
    const int penalised = bvl_surrogate_is_penalised(problem->blocks.weight[g]);
    others += penalised && !(in.lower == 0 && isinf(in.upper));
  }
  BVL_TRY(bvl_sum_i64(&problem->grid->all, &others, 1));
  if (others > 0)
    status = bvl_fail(BVL_ERR_USAGE, "lower, upper: the surrogate solvers know lower 0 alone, for "
                                     "all columns (newton and cd know any bounds)");
cleanup:
  return status;
}

static int64_t longest_block(const bvl_problem *problem, const bvl_surrogate *map)
{
  int64_t longest = 1;
  for (int64_t g = 0; g < problem->blocks.n; g++)
    longest = bvl_greater(longest, bvl_surrogate_block_length(map, &problem->blocks, g));
  return longest;
}

static bvl_status create(bvl_problem *problem, const bvl_path_options *options, void **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  bvl_surrogate map;
  bvl_surrogate_solver *solver = NULL;
  int one_sided = 0;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&solver, 1)));
  solver->problem = problem;
  solver->convex = problem->penalty.type->convex;
  take_options(solver, options);
  BVL_TRY(check_bounds(problem, &one_sided));
  BVL_TRY(bvl_agree(all, bvl_surrogate_find(options->param, &problem->penalty, one_sided, &map)));
  BVL_TRY(bvl_surrogate_objective_create(problem, &map, &solver->objective));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&solver->scratch, longest_block(problem, &map))));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&solver->theta, solver->objective->n_theta)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&solver->eta, bvl_problem_n_split(problem))));
  BVL_TRY(bvl_agree(all, allocate_certified(problem, &solver->now)));
  BVL_TRY(bvl_agree(all, allocate_certified(problem, &solver->zeroed)));
  BVL_TRY(bvl_agree(all, allocate_certified(problem, &solver->best)));
  BVL_TRY(measure(solver));
  *out = solver;
  solver = NULL;
cleanup:
  destroy((void **)&solver);
  return status;
}

/* --- one lambda --- */

/* About the size of the largest coefficient: for a convex penalty what lambda_max says of the null
 * fit, else from the point at hand and its gradient. */
static bvl_status guess_largest(const bvl_surrogate_solver *solver, double lambda, double *largest)
{
  const bvl_problem *problem = solver->problem;
  const bvl_certified *best = &solver->best;
  bvl_status status = BVL_OK;
  *largest = fmax(problem->lambda_max, lambda) / solver->curvature;
  if (!solver->convex) {
    *largest = 0.0;
    for (int64_t c = 0; c < bvl_design_p_local(problem->X); c++)
      *largest = fmax(*largest, fabs(best->point.beta[c]) + fabs(best->v[c]) / solver->curvature);
    status = bvl_max(&problem->grid->all, largest, 1);
  }
  if (!(*largest > 0.0) || !isfinite(*largest)) *largest = 1.0;
  return status;
}

/* Learning rate and floor of a lambda. Coefficients have sum |beta|^q of at most B = null_half /
 * lambda (from lambda Pen <= F(0)), and the curvature in the factors is below s h sum
 * |beta|^(2-q), s the map's stretch: with q = 1 and two factors, each seeing the other's square,
 * 2 h B. Gradient descent is safe at the inverse. B is rarely reached, the schedule calms what
 * starts too fast, and what overflows is halved, so the default is several times that, within what
 * the intercept bears. Adam's rate is a share of the largest factor. */
static bvl_status choose_scales(bvl_surrogate_solver *solver)
{
  const bvl_surrogate *map = &solver->objective->map;
  const double depth = map->shape.depth, stretch = map->type->stretch(&map->shape);
  const bvl_problem *problem = solver->problem;
  const bvl_optim_options *options = &solver->options;
  double h = solver->curvature;
  double lambda = fmax(solver->lambda, 1e-4 * problem->lambda_max);
  double largest = 1.0;
  bvl_status status = guess_largest(solver, lambda, &largest);
  double bound = problem->null_half / lambda * pow(largest, 2.0 - 4.0 / depth);
  double rate = 1.0 / (stretch * (h * sqrt(solver->max_len) * bound + 0.5 * lambda));
  if (!(rate > 0.0) || !isfinite(rate)) rate = 1.0;
  solver->floor = pow(floor_share * largest, 1.0 / depth);
  if (options->step > 0.0)
    solver->step = options->step;
  else if (options->method == BVL_OPTIM_ADAM)
    solver->step = adam_share * pow(largest, 1.0 / depth);
  else
    solver->step = fmin((options->method == BVL_OPTIM_MOMENTUM ? momentum_share : sgd_share) * rate,
                        1.0 / solver->intercept_curvature);
  return status;
}

bvl_status bvl_surrogate_new_optim(bvl_surrogate_solver *solver)
{
  bvl_optim_options options = solver->options;
  options.step = solver->step;
  bvl_optim_destroy(&solver->optim);
  return bvl_optim_create(&solver->objective->objective, &options, &solver->optim);
}

/* A fresh lambda: factors of the certified warm start, without the blocks it proves zero. */
static bvl_status begin(bvl_surrogate_solver *solver)
{
  bvl_status status = BVL_OK;
  solver->rounds = solver->halvings = 0;
  BVL_TRY(choose_scales(solver));
  bvl_surrogate_take_best(solver);
  BVL_TRY(bvl_surrogate_new_optim(solver));
  BVL_TRY(bvl_surrogate_tidy(solver));
cleanup:
  return status;
}

/* How a round ended; equal on all ranks. */
typedef struct {
  int spent;    /* the budget or the time */
  int stuck;    /* the optimizer has nothing left to do */
  int diverged; /* and no halving helps */
} round_end;

static void note_end(const bvl_surrogate_solver *solver, const bvl_optim_outcome *outcome,
                     double until, round_end *end)
{
  if (solver->options.method == BVL_OPTIM_LBFGS) {
    end->stuck = outcome->stop == BVL_STOP_CONVERGED;
    end->spent |= outcome->iterations >= solver->max_iter || solver->rounds >= solver->max_iter;
  } else {
    end->spent |= until >= (double)solver->options.epochs;
  }
}

/* The learning rate was too large: half of it, from the best point. 1 when that is out of the
 * question. */
static int cannot_back_off(bvl_surrogate_solver *solver)
{
  if (solver->options.method == BVL_OPTIM_LBFGS || ++solver->halvings > MAX_HALVINGS) return 1;
  bvl_surrogate_take_best(solver);
  bvl_surrogate_list_columns(solver);
  bvl_optim_reset(solver->optim);
  bvl_optim_scale_step(solver->optim, 0.5);
  return 0;
}

/* Runs the optimizer to the end of the round, heeding the monitor. */
static bvl_status run_round(bvl_surrogate_solver *solver, bvl_solve_state *state,
                            bvl_solve_control *control, round_end *end)
{
  int lbfgs = solver->options.method == BVL_OPTIM_LBFGS;
  double round = (double)(solver->rounds + 1);
  double until = lbfgs ? fmin(round * LBFGS_ROUND, (double)solver->max_iter)
                       : ceil((double)solver->options.epochs * round / ROUNDS);
  *end = (round_end){0};
  for (;;) {
    bvl_optim_outcome outcome;
    bvl_status status = bvl_optim_run(solver->optim, until, solver->theta, &outcome);
    if (status != BVL_OK) return status;
    state->iterations = outcome.iterations;
    state->epochs = outcome.epochs;
    if (outcome.wants != 0) {
      status = bvl_solve_heed(control, outcome.wants);
      if (status != BVL_OK) return status;
      end->spent = (outcome.wants & BVL_WANT_TIME_UP) != 0;
    }
    if (outcome.stop == BVL_STOP_DIVERGED) end->diverged = cannot_back_off(solver);
    if (end->spent || end->diverged) return BVL_OK;
    if (outcome.stop == BVL_STOP_WANTED || outcome.stop == BVL_STOP_DIVERGED) continue;
    solver->rounds++;
    note_end(solver, &outcome, until, end);
    return BVL_OK;
  }
}

/* Is the best point good enough to stop? Without a gap: stationary, and no block that would leave
 * zero if it could. */
static int is_done(const bvl_surrogate_solver *solver, double tol)
{
  const bvl_certificate *best = &solver->best.certificate;
  if (!solver->convex)
    return solver->unsettled == 0 && best->kkt <= (solver->polish ? rough_kkt : 100.0 * tol);
  return best->gap <= solver->target_gap && (solver->polish || best->kkt <= 100.0 * tol);
}

/* The best point becomes the state's; the optimizer has done its work. */
static void finish(bvl_surrogate_solver *solver, bvl_solve_state *state, double tol, int diverged)
{
  const bvl_certified *best = &solver->best;
  size_t bytes = (size_t)bvl_design_p_local(solver->problem->X) * sizeof(double);
  bvl_optim_destroy(&solver->optim);
  state->point.intercept = best->point.intercept;
  memcpy(state->point.beta, best->point.beta, bytes);
  memcpy(state->v, best->v, bytes);
  state->v_valid = 1;
  state->certificate = best->certificate;
  int converged = best->certificate.kkt <= 100.0 * tol &&
                  (solver->convex ? best->certificate.gap <= tol : solver->unsettled == 0);
  state->status = converged ? 0 : diverged ? 2 : 1;
}

/* Certifies the round's point. One that overflows or stands far above the best is the learning
 * rate's doing: back to the best point with half of it. */
static bvl_status judge_round(bvl_surrogate_solver *solver, round_end *end)
{
  bvl_status status = BVL_OK;
  int finite = 0;
  BVL_TRY(bvl_surrogate_certify(solver, &finite));
  double excess = finite ? solver->now.certificate.objective - solver->best.certificate.objective
                         : INFINITY;
  if (excess > solver->problem->null_half) end->diverged |= cannot_back_off(solver);
  if (!solver->convex || solver->best.certificate.gap <= solver->target_gap)
    BVL_TRY(bvl_surrogate_make_exact(solver));
cleanup:
  return status;
}

/* Rounds until the point is good enough, the budget is spent, or nothing moves any more. */
static bvl_status run_rounds(bvl_surrogate_solver *solver, bvl_solve_state *state,
                             bvl_solve_control *control, int *diverged)
{
  bvl_status status = BVL_OK;
  while (!is_done(solver, control->options->tol)) {
    round_end end;
    BVL_TRY(run_round(solver, state, control, &end));
    BVL_TRY(judge_round(solver, &end));
    *diverged = end.diverged;
    if (!end.diverged && !end.spent) BVL_TRY(bvl_surrogate_tidy(solver));
    if (end.diverged || end.spent || (end.stuck && solver->unsettled == 0)) {
      BVL_TRY(bvl_surrogate_make_exact(solver));
      break;
    }
    state->certificate = solver->best.certificate;
    bvl_solve_report(solver->problem, control, "epoch", state);
  }
cleanup:
  return status;
}

static bvl_status solve(void *context, bvl_solve_state *state, bvl_solve_control *control)
{
  bvl_status status = BVL_OK;
  bvl_surrogate_solver *solver = context;
  int diverged = 0, finite = 0;
  int resumed = solver->optim != NULL && solver->lambda == state->lambda;
  solver->lambda = solver->objective->lambda = state->lambda;
  solver->objective->control = control;
  BVL_TRY(bvl_surrogate_certify_start(solver, &state->point, &finite));
  if (!finite) BVL_TRY(bvl_fail(BVL_ERR_INTERNAL, "the warm start of a lambda overflows"));
  if (!resumed)
    BVL_TRY(begin(solver));
  else
    solver->unsettled = 1; /* not known */
  bvl_surrogate_list_columns(solver);
  BVL_TRY(run_rounds(solver, state, control, &diverged));
  finish(solver, state, control->options->tol, diverged);
cleanup:
  solver->objective->control = NULL;
  return status;
}

const bvl_solver_type bvl_solver_surrogate = {
    .name = "surrogate",
    .create = create,
    .destroy = destroy,
    .solve = solve,
    .save = bvl_surrogate_save,
    .restore = bvl_surrogate_restore,
};
