/* SPDX-License-Identifier: BSD-3-Clause */
/* A regularization path: lambdas from the largest down, each warm from the one before, each
 * certified (Friedman, Hastie, Tibshirani 2010, with a duality gap at every lambda). */
#include "bevel/path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mpi.h>

#include "base/checked.h"
#include "base/clock.h"
#include "optim/optim.h"
#include "path/path_state.h"

static const bvl_monitor silent = {0};

void bvl_path_options_init(bvl_path_options *options)
{
  *options = (bvl_path_options){.solver = BVL_SOLVER_AUTO,
                                .n_lambda = 100,
                                .lambda_min_ratio = NAN,
                                .tol = 1e-8,
                                .dfmax = -1,
                                .polish = 1,
                                .rounded = 1,
                                .starts = 1,
                                .schedule = BVL_SCHEDULE_COSINE,
                                .checkpoint_every_s = 0};
}

static bvl_status check_options(const bvl_path_options *options)
{
  if (options->n_lambda < 1)
    return bvl_fail(BVL_ERR_USAGE, "nlambda %lld < 1", (long long)options->n_lambda);
  if (!(options->tol > 0)) return bvl_fail(BVL_ERR_USAGE, "tol %g is not positive", options->tol);
  if (options->lambda_min_ratio <= 0 || options->lambda_min_ratio > 1)
    return bvl_fail(BVL_ERR_USAGE, "lambda-min-ratio %g outside (0, 1]", options->lambda_min_ratio);
  if (!(options->admm_rho >= 0) || !isfinite(options->admm_rho))
    return bvl_fail(BVL_ERR_USAGE, "admm-rho %g is not a positive number", options->admm_rho);
  for (int64_t k = 0; options->lambda != NULL && k < options->n_lambda; k++)
    if (!(options->lambda[k] >= 0) || !isfinite(options->lambda[k]))
      return bvl_fail(BVL_ERR_USAGE, "lambda %g is not a finite number >= 0", options->lambda[k]);
  return BVL_OK;
}

static int is_surrogate(bvl_solver solver)
{
  return solver == BVL_SOLVER_SGD || solver == BVL_SOLVER_MOMENTUM || solver == BVL_SOLVER_ADAM ||
         solver == BVL_SOLVER_LBFGS;
}

/* Solvers whose own answer the certified engine may finish. */
static int hands_over(bvl_solver solver)
{
  return is_surrogate(solver) || solver == BVL_SOLVER_VARPRO || solver == BVL_SOLVER_ADMM;
}

static bvl_status check_bounds(const bvl_problem *problem, const bvl_path_options *options)
{
  if (problem->bounds == NULL) return BVL_OK;
  if (options->gram == BVL_GRAM_DISTRIBUTED)
    return bvl_fail(BVL_ERR_USAGE, "lower, upper: not with gram distributed");
  if (!hands_over(options->solver) || is_surrogate(options->solver)) return BVL_OK;
  return bvl_fail(BVL_ERR_USAGE, "lower, upper: varpro and admm know no bounds (newton, cd)");
}

static bvl_status check_starts(const bvl_problem *problem, const bvl_path_options *options)
{
  if (options->starts <= 1) return BVL_OK;
  if (problem->penalty.type->convex)
    return bvl_fail(BVL_ERR_USAGE, "starts %lld: penalty %s is convex, one start is enough",
                    (long long)options->starts, problem->penalty.type->name);
  if (hands_over(options->solver))
    return bvl_fail(BVL_ERR_USAGE, "starts %lld: only by solver auto, newton or cd",
                    (long long)options->starts);
  if (options->dfmax < 0) return BVL_OK;
  return bvl_fail(BVL_ERR_USAGE, "starts %lld: not with dfmax", (long long)options->starts);
}

/* Several responses or classes: the certified engine knows them, variable projection responses. */
static bvl_status check_outputs(const bvl_problem *problem, const bvl_path_options *options)
{
  const int newton = options->solver == BVL_SOLVER_AUTO || options->solver == BVL_SOLVER_NEWTON;
  if (problem->outputs == 1) return BVL_OK;
  const int varpro = options->solver == BVL_SOLVER_VARPRO && !problem->loss->coupled;
  if (!newton && !varpro)
    return bvl_fail(BVL_ERR_USAGE, "%lld %s: only by solver auto or newton%s",
                    (long long)problem->outputs, problem->loss->coupled ? "classes" : "responses",
                    problem->loss->coupled ? "" : ", or varpro");
  if (options->gram == BVL_GRAM_DISTRIBUTED)
    return bvl_fail(BVL_ERR_USAGE, "gram distributed: not with several responses or classes");
  return BVL_OK;
}

/* A penalty without a prox is the surrogate solvers' alone. */
static bvl_status check_nested(const bvl_problem *problem, const bvl_path_options *options)
{
  if (!problem->penalty.type->nested || is_surrogate(options->solver)) return BVL_OK;
  return bvl_fail(BVL_ERR_USAGE, "penalty %s: only by solver lbfgs, adam, momentum or sgd",
                  problem->penalty.type->name);
}

static void choose_solvers(bvl_path *path)
{
  if (path->problem->penalty.type->nested) path->options.polish = 0;
  const bvl_solver asked = path->options.solver;
  if (hands_over(asked)) {
    path->solver = asked == BVL_SOLVER_ADMM     ? &bvl_solver_admm
                   : asked == BVL_SOLVER_VARPRO ? &bvl_solver_varpro
                                                : &bvl_solver_surrogate;
    /* newton takes several responses in runs of lambdas alone */
    const int polish = path->options.polish && path->problem->outputs == 1;
    path->polish = polish ? &bvl_solver_newton : NULL;
  } else {
    path->solver = asked == BVL_SOLVER_CD ? &bvl_solver_cd : &bvl_solver_newton;
  }
}

/* What would be ignored is refused. */
static bvl_status check_gram(const bvl_problem *problem, const bvl_path_options *options)
{
  const int newton = options->solver == BVL_SOLVER_AUTO || options->solver == BVL_SOLVER_NEWTON;
  if (options->gram != BVL_GRAM_DISTRIBUTED) return BVL_OK;
  const int scalar = problem->penalty.type->convex && !problem->penalty.type->grouped;
  if (newton && scalar && problem->loss->quadratic) return BVL_OK;
  return bvl_fail(BVL_ERR_USAGE,
                  "gram distributed: for a gaussian lasso or enet by newton, not %s %s",
                  problem->loss->name, problem->penalty.type->name);
}

/* What the options ask for, and whether the problem can be solved so. */
static bvl_status check(const bvl_problem *problem, const bvl_path_options *options)
{
  bvl_status status = BVL_OK;
  BVL_TRY(check_options(options));
  BVL_TRY(check_outputs(problem, options));
  BVL_TRY(check_gram(problem, options));
  BVL_TRY(check_bounds(problem, options));
  BVL_TRY(check_starts(problem, options));
  BVL_TRY(check_nested(problem, options));
cleanup:
  return status;
}

static bvl_status copy_intercepts(bvl_path *path)
{
  const int64_t K = path->problem->outputs;
  const double *from = path->problem->null_point.intercepts;
  bvl_status status = BVL_ALLOC(&path->state.point.intercepts, K);
  if (status == BVL_OK) memcpy(path->state.point.intercepts, from, (size_t)K * sizeof *from);
  for (int64_t k = 0; k < path->n_lambda && status == BVL_OK; k++)
    status = BVL_ALLOC(&path->points[k].intercepts, K);
  return status;
}

/* Data that overflow could only be answered by numbers that mean nothing. */
static bvl_status check_range(const bvl_path *path)
{
  if (!isfinite(bvl_problem_null_deviance_half(path->problem)))
    return bvl_fail(BVL_ERR_INPUT, "/y is too large: the null deviance overflows");
  if (!isfinite(path->lambda_max))
    return bvl_fail(BVL_ERR_INPUT,
                    "lambda_max overflows: /y is too large, or a /penalty_factor too small");
  return BVL_OK;
}

bvl_status bvl_path_create(bvl_problem *problem, const bvl_path_options *options,
                           const bvl_monitor *monitor, bvl_path **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const int64_t n_coef = bvl_problem_n_coef(problem);
  bvl_path *path = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, check(problem, options)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&path, 1)));
  path->problem = problem;
  path->monitor = monitor != NULL ? monitor : &silent;
  path->options = *options;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&path->state.point.beta, n_coef)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&path->state.v, n_coef)));
  BVL_TRY(bvl_problem_lambda_max(problem, &path->lambda_max, path->state.v));
  BVL_TRY(bvl_agree(all, check_range(path)));
  BVL_TRY(bvl_path_measure_shapes(path));
  BVL_TRY(bvl_agree(all, bvl_path_make_grid(path)));
  memcpy(path->state.point.beta, problem->null_point.beta, (size_t)n_coef * sizeof *path->state.v);
  path->state.point.intercept = problem->null_point.intercept;
  if (problem->outputs > 1) BVL_TRY(bvl_agree(all, copy_intercepts(path)));
  path->state.v_valid = 1;
  path->state.lambda_previous = path->lambda_max;
  path->state.certificate.gap = NAN;
  for (int64_t k = 0; k < path->n_lambda; k++) bvl_path_blank(path, k);
  bvl_outlook_start(problem, &path->options, path->n_first, path->stop, path->state.v,
                    &path->outlook);
  choose_solvers(path);
  BVL_TRY(path->solver->create(problem, &path->options, &path->solver_data));
  if (path->polish != NULL)
    BVL_TRY(path->polish->create(problem, &path->options, &path->polish_data));
  *out = path;
  path = NULL; /* now the caller's */
cleanup:
  bvl_path_destroy(&path);
  return status;
}

void bvl_path_destroy(bvl_path **path)
{
  bvl_path *p = *path;
  *path = NULL;
  if (p == NULL) return;
  if (p->solver_data != NULL) p->solver->destroy(&p->solver_data);
  if (p->polish_data != NULL) p->polish->destroy(&p->polish_data);
  for (int64_t k = 0; p->points != NULL && k < p->n_lambda; k++) {
    free((void *)p->points[k].column);
    free((void *)p->points[k].value);
    free(p->points[k].intercepts);
  }
  free(p->points);
  free(p->lambda);
  free(p->stop);
  free(p->stop_point);
  free(p->stop_shape);
  free(p->batches);
  bvl_outlook_free(&p->outlook);
  free(p->state.point.beta);
  free(p->state.point.intercepts);
  free(p->state.v);
  free(p);
}

static bvl_status checkpoint(void *context)
{
  bvl_path *path = context;
  if (path->save == NULL) return BVL_OK;
  const double now = bvl_now_s();
  path->stop_seconds += now - path->stop_begin_s;
  path->stop_begin_s = now;
  bvl_status status = path->save(path->save_context);
  if (path->options.checkpoint_every_s > 0)
    path->control.next_checkpoint_s = bvl_now_s() + path->options.checkpoint_every_s;
  return status;
}

/* What the surrogate reached on its own, kept beside the polished answer. */
static void note_hand_over(bvl_path *path, int64_t k)
{
  if (k < 0 || !hands_over(path->options.solver)) return;
  bvl_path_point *point = &path->points[k];
  point->surrogate_objective = path->state.certificate.objective;
  point->surrogate_gap = path->state.certificate.gap;
  point->surrogate_epochs = path->state.epochs;
  point->surrogate_support = (int64_t)path->state.certificate.support;
}

/* Seconds of the stop in work; lambdas solved together share theirs evenly. */
static double stop_seconds(bvl_path *path, double now)
{
  const double seconds = now - path->stop_begin_s + path->stop_seconds;
  if (path->control.together > 0) {
    path->sharing = path->control.together;
    path->share_s = seconds / (double)path->sharing;
    path->control.together = 0;
  }
  if (path->sharing == 0) return seconds;
  path->sharing--;
  return path->share_s;
}

/* The same with the way there: the stop is point k, or -1. */
static double take_seconds(bvl_path *path, double now, int64_t k)
{
  const double seconds = path->way_s + stop_seconds(path, now);
  path->way_s = k < 0 ? seconds : 0;
  return seconds;
}

/* More nonzero coefficients than asked for? The certificate is one rank's: all agree. */
static int is_full(const bvl_path *path, int64_t k)
{
  const int64_t dfmax = path->options.dfmax;
  return k >= 0 && dfmax >= 0 && path->state.certificate.support > (double)dfmax;
}

/* Of several starts the best is kept, with what all of them cost. */
static bvl_status record(bvl_path *path, int64_t k, double seconds)
{
  bvl_path_point *point = &path->points[k];
  const int64_t iterations = point->iterations;
  const double before_s = point->seconds;
  if (path->next_stop < path->n_first) return bvl_path_record(path, k, seconds);
  if (bvl_path_improves(path, k)) {
    const bvl_status status = bvl_path_record(path, k, before_s + seconds);
    point->iterations += iterations;
    return status;
  }
  point->seconds += seconds;
  point->iterations += path->state.iterations;
  return BVL_OK;
}

/* The stop in work has its answer in state: records it and makes state ready for the next. */
static bvl_status finished(void *context)
{
  bvl_path *path = context;
  bvl_solve_state *state = &path->state;
  bvl_status status = BVL_OK;
  if (path->control.enough) return BVL_OK; /* solved along with the last one wanted */
  const int64_t k = path->stop_point[path->next_stop];
  const double now = bvl_now_s();
  const double seconds = take_seconds(path, now, k);
  if (k >= 0) BVL_TRY(record(path, k, seconds));
  if (path->next_stop < path->n_first)
    BVL_TRY(bvl_outlook_note(&path->outlook, path->problem, state, path->next_stop,
                             path->sharing == 0, path->n_first, &path->control));
  state->slope = NULL;
  path->next_stop++;
  path->control.progress.k += k >= 0;
  bvl_solve_report(path->problem, &path->control, "finished", state);
  path->polishing = 0;
  path->stop_begin_s = now;
  path->stop_seconds = 0;
  state->lambda_previous = state->lambda;
  state->iterations = 0;
  state->epochs = 0;
  if (is_full(path, k)) {
    path->control.enough = 1;
    path->control.end_s = 0;
    path->next_stop = path->n_stops; /* a resumed run ends here too */
  }
cleanup:
  return status;
}

/* Kept for reports alone: where memory is short there is no list, and no failure. */
static void batch_done(void *context, const bvl_batch *batch)
{
  bvl_path *path = context;
  if (path->batch_capacity < 0) return;
  if (BVL_GROW(&path->batches, &path->batch_capacity, path->n_batches + 1) == BVL_OK) {
    path->batches[path->n_batches] = *batch;
    path->batches[path->n_batches++].surveyed = path->outlook.surveyed_now;
    path->outlook.surveyed_now = 0;
    return;
  }
  free(path->batches);
  path->batches = NULL;
  path->n_batches = 0;
  path->batch_capacity = -1;
}

/* Rank 0 alone. */
static int is_over(void *context)
{
  bvl_path *path = context;
  const int wants = bvl_solve_wants(path->problem, &path->control);
  return (wants & (BVL_WANT_STOP | BVL_WANT_TIME_UP)) != 0;
}

static void start_control(bvl_path *path)
{
  const double now = bvl_now_s();
  const bvl_path_options *options = &path->options;
  path->control = (bvl_solve_control){.monitor = path->monitor,
                                      .options = options,
                                      .start_s = now,
                                      .deadline_s = INFINITY,
                                      .next_checkpoint_s = INFINITY,
                                      .watch = {is_over, path},
                                      .checkpoint = checkpoint,
                                      .finished = finished,
                                      .batch_done = batch_done,
                                      .context = path};
  if (options->max_seconds > 0) path->control.deadline_s = now + options->max_seconds;
  if (options->checkpoint_every_s > 0 && path->save != NULL)
    path->control.next_checkpoint_s = now + options->checkpoint_every_s;
  path->control.progress.n_lambda = bvl_path_count_points(path, path->n_stops);
  path->control.progress.k = bvl_path_count_points(path, path->next_stop);
  path->stop_begin_s = now;
  bvl_outlook_begin(&path->outlook, path->next_stop);
}

/* One stop by the solver asked for and, after a surrogate, by the polish. */
static bvl_status solve_stop(bvl_path *path)
{
  bvl_status status = BVL_OK;
  bvl_solve_state *state = &path->state;
  state->lambda = path->stop[path->next_stop];
  if (!path->polishing) {
    BVL_TRY(path->solver->solve(path->solver_data, state, &path->control));
    note_hand_over(path, path->stop_point[path->next_stop]);
  }
  if (path->polish != NULL && state->status != 0) {
    if (!path->polishing)
      state->lambda_previous = state->lambda; /* v is near this one's solution */
    path->polishing = 1;
    BVL_TRY(path->polish->solve(path->polish_data, state, &path->control));
  }
  BVL_TRY(finished(path));
cleanup:
  return status;
}

static bvl_status advance(bvl_path *path)
{
  bvl_status status = bvl_path_shake(path);
  if (status != BVL_OK) return status;
  if (path->next_stop >= path->n_first) {
    const double own = bvl_path_bend(path);
    status = solve_stop(path);
    path->problem->penalty.shape = own;
    return status;
  }
  if (path->solver->solve_run == NULL) return solve_stop(path);
  return path->solver->solve_run(path->solver_data, path->n_first - path->next_stop,
                                 path->stop + path->next_stop, &path->state, &path->control);
}

bvl_status bvl_path_solve(bvl_path *path, bvl_status (*save)(void *context), void *save_context)
{
  bvl_status status = BVL_OK;
  path->save = save;
  path->save_context = save_context;
  start_control(path);
  while (path->next_stop < path->n_stops) {
    int wants = 0;
    BVL_TRY(bvl_solve_poll(path->problem, &path->control, &wants));
    BVL_TRY(bvl_solve_heed(&path->control, wants));
    if (wants & BVL_WANT_TIME_UP) break; /* the rest stays "not attempted" */
    BVL_TRY(advance(path));
  }
cleanup:
  return status;
}

const bvl_batch *bvl_path_batches(const bvl_path *path, int64_t *n)
{
  *n = path->n_batches;
  return path->batches;
}

const bvl_outlook *bvl_path_outlooks(const bvl_path *path, int64_t *n)
{
  *n = path->outlook.n_said;
  return path->outlook.said;
}

int64_t bvl_path_n_lambda(const bvl_path *path)
{
  return path->n_lambda;
}

double bvl_path_lambda_max(const bvl_path *path)
{
  return path->lambda_max;
}

void bvl_path_get(const bvl_path *path, int64_t k, bvl_path_point *point)
{
  *point = path->points[k];
}
