/* SPDX-License-Identifier: BSD-3-Clause */
/* The certified working-set solver.
 *
 *   screen (sequential strong rule) -> solve on the working set W -> certify all p columns -> widen
 *
 * On W: (prox-)Newton. The gradient is summed over rows, the (weighted) Gram of W is summed to rank
 * 0, which solves the penalised quadratic and broadcasts the coefficients; a step is kept when the
 * objective, summed afresh, does not rise. Gaussian: the Gram is kept and extended, one step is
 * exact and a second removes its rounding. Tibshirani et al. 2012 (strong rules); Massias,
 * Gramfort, Salmon 2018 (working sets). Runs of lambdas go by bvl_covariance_path or bvl_gram_path
 * where these fit. Per Newton step: a reduction of d + 4, one of the Gram, a broadcast of d + 2,
 * one scalar reduction a trial; per certification: see bvl_certify. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/phase.h"
#include "solver/gram_path.h"
#include "solver/quadratic.h"
#include "solver/scalar/covariance_path.h"
#include "solver/screen.h"
#include "solver/solver.h"
#include "solver/working_set.h"

enum {
  MAX_ROUNDS = 100,
  MAX_STALLS = 3,
  MAX_HALVINGS = 30,
  FEW_HALVINGS = 4,
  MAX_STIFFER = 16,
  DEFAULT_MAX_ITER = 1000,
  DEFAULT_MAX_SWEEPS = 50000 /* of a solver that has nothing else where curvatures cancel */
};

static const double STIFFER = 4;

typedef struct newton {
  bvl_problem *problem;            /* borrowed */
  int second_order;                /* 0: coordinate descent inside */
  bvl_working_set *set;            /* owned; NULL until the first lambda */
  double *eta;                     /* n_split, owned */
  double *r;                       /* n_split, owned */
  double *h;                       /* n_split, owned */
  unsigned char *wanted;           /* this rank's blocks, owned */
  bvl_gram_path *gram;             /* owned; NULL where it does not fit */
  bvl_covariance_path *covariance; /* owned; NULL where it does not pay */
  int asked;                       /* whether the covariance pays */
} newton;

static void newton_destroy(void **solver)
{
  newton *s = *solver;
  *solver = NULL;
  if (s == NULL) return;
  bvl_covariance_path_destroy(&s->covariance);
  bvl_gram_path_destroy(&s->gram);
  bvl_working_set_destroy(&s->set);
  free(s->eta);
  free(s->r);
  free(s->h);
  free(s->wanted);
  free(s);
}

static bvl_status create(bvl_problem *problem, const bvl_path_options *options, int second_order,
                         void **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  newton *s = NULL;
  void *half_built = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s, 1)));
  half_built = s;
  s->problem = problem;
  s->second_order = second_order;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s->eta, bvl_problem_n_split(problem) * problem->outputs)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s->r, bvl_problem_n_split(problem))));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s->h, bvl_problem_n_split(problem))));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s->wanted, problem->blocks.n)));
  BVL_TRY(bvl_working_set_create(problem, &s->set));
  s->set->gram = options->gram;
  s->set->gram_limit = options->gram_limit;
  if (second_order && bvl_gram_path_fits(problem))
    BVL_TRY(bvl_gram_path_create(problem, s->set, &s->gram));
  *out = s;
  half_built = NULL;
cleanup:
  newton_destroy(&half_built);
  return status;
}

static bvl_status newton_create(bvl_problem *problem, const bvl_path_options *options, void **out)
{
  return create(problem, options, 1, out);
}

static bvl_status cd_create(bvl_problem *problem, const bvl_path_options *options, void **out)
{
  return create(problem, options, 0, out);
}

/* ---- one inner problem on W ---------------------------------------------------------------- */

typedef struct inner {
  double *gradient; /* d: of the smooth part, / n, replicated */
  double *answer;   /* d + 2: coefficients, residual before, sweeps + steps: broadcast by rank 0 */
  double *lw;       /* n_blocks */
  double *trial;    /* d */
  /* gradient at set->b (rank 0's solve moves `gradient`); the set's curvatures times `stiffness`,
   * that of the last model */
  double *start;     /* d */
  double *curvature; /* n_blocks */
  double stiffness;
  double objective; /* at set->b */
  int wants;
  bvl_interval *bounds;   /* d; NULL = none */
  const bvl_watch *watch; /* borrowed */
} inner;

static void inner_free(inner *in)
{
  free(in->gradient);
  free(in->answer);
  free(in->lw);
  free(in->bounds);
  free(in->trial);
  free(in->start);
  free(in->curvature);
}

static bvl_status inner_init(inner *in, const bvl_working_set *set, double lambda)
{
  bvl_status status = BVL_OK;
  *in = (inner){.objective = INFINITY, .stiffness = 1};
  BVL_TRY(BVL_ALLOC(&in->gradient, set->d + 4));
  BVL_TRY(BVL_ALLOC(&in->answer, set->d + 2));
  BVL_TRY(BVL_ALLOC(&in->lw, set->n_blocks));
  BVL_TRY(BVL_ALLOC(&in->trial, set->d));
  BVL_TRY(BVL_ALLOC(&in->start, set->d));
  BVL_TRY(BVL_ALLOC(&in->curvature, set->n_blocks));
  memcpy(in->curvature, set->curvature, (size_t)set->n_blocks * sizeof *in->curvature);
  if (set->problem->bounds != NULL) BVL_TRY(BVL_ALLOC(&in->bounds, set->d));
  for (int64_t g = 0; g < set->n_blocks; g++)
    in->lw[g] = set->weight[g] == 0 ? 0 : lambda * set->weight[g];
cleanup:
  return status;
}

/* The bounds of W; b within them: a checkpoint's may be off by a rounding of the scale. */
static bvl_status heed_bounds(inner *in, bvl_working_set *set)
{
  if (in->bounds == NULL) return BVL_OK;
  bvl_status status = bvl_working_set_bounds(set, in->bounds);
  for (int64_t k = 0; k < set->d; k++) set->b[k] = bvl_interval_clip(in->bounds[k], set->b[k]);
  return status;
}

static double penalty_value(const newton *s, const inner *in, const double *b)
{
  const bvl_working_set *set = s->set;
  double value = 0;
  for (int64_t g = 0; g < set->n_blocks; g++) {
    const bvl_penalty pen = bvl_penalty_at(&s->problem->penalty, set->weight[g]);
    if (in->lw[g] > 0)
      value += bvl_penalty_value(&pen, in->lw[g], set->begin[g + 1] - set->begin[g],
                                 b + set->begin[g]);
  }
  return value;
}

/* Residuals and gradient at set->b; the monitor's wants ride along. */
static bvl_status evaluate(newton *s, inner *in, bvl_solve_control *control)
{
  bvl_problem *problem = s->problem;
  const int64_t split0 = problem->X->rows.split0;
  const int64_t d = s->set->d;
  bvl_working_set_eta(s->set, 1, s->set->b, s->set->d, s->eta);
  in->gradient[d] = bvl_loss_eval(problem->loss, bvl_problem_n_split(problem), problem->y + split0,
                                  problem->w + split0, s->eta, s->r,
                                  problem->loss->quadratic ? NULL : s->h);
  bvl_working_set_correlate(s->set, s->r, in->gradient);
  bvl_wants_to_flags(bvl_solve_wants(problem, control), in->gradient + d + 1);
  bvl_status status = bvl_sum(&problem->grid->all, in->gradient, d + 4);
  for (int64_t k = 0; k < d; k++) in->gradient[k] *= -1 / (double)problem->n;
  in->objective = in->gradient[d] / (double)problem->n + penalty_value(s, in, s->set->b);
  in->wants = bvl_wants_from_flags(in->gradient + d + 1);
  return status;
}

static bvl_quadratic model_of(const newton *s, const inner *in)
{
  const bvl_working_set *set = s->set;
  return (bvl_quadratic){.d = set->d,
                         .G = set->G,
                         .ld = set->ld,
                         .n_blocks = set->n_blocks,
                         .begin = set->begin,
                         .lw = in->lw,
                         .weight = set->weight,
                         .curvature = in->curvature,
                         .bounds = in->bounds,
                         .watch = in->watch,
                         .penalty = &s->problem->penalty};
}

/* The largest residual of the blocks that are not zero, free ones too, and of those that are. */
static void set_residual(const newton *s, const inner *in, double residual[2])
{
  const bvl_working_set *set = s->set;
  const bvl_quadratic model = model_of(s, in);
  residual[0] = residual[1] = 0;
  for (int64_t g = 0; g < set->n_blocks; g++) {
    const int64_t m = set->begin[g + 1] - set->begin[g];
    const int zero = in->lw[g] > 0 && bvl_block_norm(m, set->b + set->begin[g]) == 0;
    residual[zero] = fmax(residual[zero], bvl_quadratic_residual(&model, g, set->b, in->gradient));
  }
}

/* Rank 0 solves the quadratic model from set->b; everyone gets the answer. */
static bvl_status solve_model(newton *s, inner *in, int support_alone, double tol)
{
  bvl_status status = BVL_OK;
  const bvl_working_set *set = s->set;
  const bvl_comm *all = &s->problem->grid->all;
  if (all->rank == 0) {
    const bvl_quadratic model = model_of(s, in);
    bvl_quadratic_outcome outcome;
    memcpy(in->answer, set->b, (size_t)set->d * sizeof *set->b);
    int second = s->second_order && !s->problem->penalty.type->sparse;
    if (support_alone) second = 2;
    status = bvl_quadratic_solve(&model, second, tol, second ? 200 : 100000, in->answer,
                                 in->gradient, &outcome);
    in->answer[set->d] = (double)(second ? outcome.newton_steps : outcome.sweeps);
  }
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(bvl_bcast(all, 0, in->answer, set->d + 1));
cleanup:
  return status;
}

/* Moves set->b towards the model's answer as far as the true objective does not rise. */
static bvl_status line_search(newton *s, inner *in, int max_trials, int *moved)
{
  bvl_status status = BVL_OK;
  bvl_problem *problem = s->problem;
  bvl_working_set *set = s->set;
  const int64_t split0 = problem->X->rows.split0;
  const double slack = 1e-13 * fmax(fabs(in->objective), problem->null_half);
  double t = 1;
  *moved = 0;
  for (int halving = 0; halving < max_trials; halving++, t /= 2) {
    for (int64_t k = 0; k < set->d; k++)
      in->trial[k] = t == 1 ? in->answer[k] : set->b[k] + t * (in->answer[k] - set->b[k]);
    bvl_working_set_eta(set, 1, in->trial, set->d, s->eta);
    double objective = bvl_loss_eval(problem->loss, bvl_problem_n_split(problem),
                                     problem->y + split0, problem->w + split0, s->eta, NULL, NULL);
    objective /= (double)problem->n;
    if (problem->grid->all.rank == 0) objective += penalty_value(s, in, in->trial);
    BVL_TRY(bvl_sum(&problem->grid->all, &objective, 1));
    if (objective <= in->objective + slack) {
      memcpy(set->b, in->trial, (size_t)set->d * sizeof *set->b);
      *moved = 1;
      break;
    }
  }
cleanup:
  return status;
}

/* Rank 0: the model's Hessian and curvatures `factor` times what they are. */
static void stiffen(newton *s, inner *in, double factor)
{
  bvl_working_set *set = s->set;
  if (s->problem->grid->all.rank != 0 || factor == 1) return;
  for (int64_t l = 0; l < set->d; l++)
    for (int64_t k = 0; k < set->d; k++) set->G[k + l * set->ld] *= factor;
  for (int64_t g = 0; g < set->n_blocks; g++) in->curvature[g] *= factor;
}

/* Where the loss has no curvature bound, zeros are judged by the curvature at the point. */
static void renew_curvature(newton *s, inner *in)
{
  bvl_working_set *set = s->set;
  if (s->problem->grid->all.rank != 0) return;
  if (s->problem->penalty.type->rest != NULL && isinf(s->problem->loss->curvature_bound)) {
    const bvl_quadratic model = model_of(s, in);
    for (int64_t g = 0; g < set->n_blocks; g++) set->curvature[g] = bvl_quadratic_bound(&model, g);
  }
  memcpy(in->curvature, set->curvature, (size_t)set->n_blocks * sizeof *in->curvature);
}

/* The model's answer at `stiffness`, tried. in->gradient is as before. */
static bvl_status attempt(newton *s, inner *in, bvl_solve_state *state, double stiffness,
                          int support_alone, double tol, int *moved)
{
  bvl_status status = BVL_OK;
  const int straight = s->problem->penalty.type->convex || s->problem->loss->quadratic;
  stiffen(s, in, stiffness / in->stiffness);
  in->stiffness = stiffness;
  memcpy(in->start, in->gradient, (size_t)s->set->d * sizeof *in->start);
  BVL_TRY(solve_model(s, in, support_alone, tol));
  memcpy(in->gradient, in->start, (size_t)s->set->d * sizeof *in->start);
  state->iterations += bvl_greater(1, (int64_t)in->answer[s->set->d]);
  BVL_TRY(line_search(s, in, straight || support_alone ? MAX_HALVINGS : FEW_HALVINGS, moved));
cleanup:
  return status;
}

/* Moves set->b to the model's answer or some way towards it. A penalty that is not convex need not
 * fall along that way (it is steepest at zero), where blocks leave zero or go there because the
 * model underestimates the loss: then Newton on the support alone, if that has the larger residual,
 * else a model made stiffer until it is above the loss where it matters. */
static bvl_status step(newton *s, inner *in, bvl_solve_state *state, const double residual[2],
                       double tol, int *moved)
{
  bvl_status status = BVL_OK;
  const int straight = s->problem->penalty.type->convex || s->problem->loss->quadratic;
  double stiffness = straight ? 1 : fmax(in->stiffness / STIFFER, 1);
  if (!s->problem->loss->quadratic) bvl_working_set_weigh(s->set, s->h);
  BVL_TRY(bvl_working_set_gram(s->set));
  renew_curvature(s, in);
  in->stiffness = 1;
  BVL_TRY(attempt(s, in, state, stiffness, 0, tol, moved));
  if (!*moved && !straight && residual[0] > residual[1])
    BVL_TRY(attempt(s, in, state, 1, 1, tol, moved));
  for (int k = 0; k < MAX_STIFFER && !straight && !*moved; k++)
    BVL_TRY(attempt(s, in, state, stiffness *= STIFFER, 0, tol, moved));
  memcpy(in->curvature, s->set->curvature, (size_t)s->set->n_blocks * sizeof *in->curvature);
cleanup:
  return status;
}

/* Minimises on W until the residual is `tol`, rounding is reached, or the budget is spent. */
static bvl_status solve_on_set(newton *s, bvl_solve_state *state, bvl_solve_control *control,
                               double tol, int64_t max_iter)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &s->problem->grid->all;
  inner in = {0};
  double best = INFINITY;
  double lowest = INFINITY;
  int stalls = 0;
  const int convex = s->problem->penalty.type->convex;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_INNER);
  BVL_TRY(bvl_agree(all, inner_init(&in, s->set, state->lambda)));
  BVL_TRY(heed_bounds(&in, s->set));
  in.watch = &control->watch;
  while (state->iterations < max_iter) {
    int moved = 0;
    BVL_TRY(evaluate(s, &in, control));
    double seen[3] = {0, 0, in.objective};
    set_residual(s, &in, seen);
    BVL_TRY(bvl_bcast(all, 0, seen, 3)); /* rank 0's arithmetic decides */
    const double residual = fmax(seen[0], seen[1]);
    if (in.wants != 0) {
      bvl_working_set_store(s->set, &state->point);
      state->v_valid = 0;
      BVL_TRY(bvl_solve_heed(control, in.wants));
      if (in.wants & BVL_WANT_TIME_UP) break;
    }
    /* a residual may rise on the way to another, lower valley */
    const int lower = !convex && seen[2] < lowest - 1e-12 * fmax(fabs(lowest), 1e-300);
    stalls = residual < 0.5 * best || lower ? 0 : stalls + 1;
    lowest = fmin(lowest, seen[2]);
    best = fmin(best, residual);
    if (residual <= tol || stalls > MAX_STALLS) break;
    const double model_tol = s->problem->loss->quadratic ? 0.1 * tol
                                                         : fmax(1e-3 * residual, 0.1 * tol);
    BVL_TRY(step(s, &in, state, seen, model_tol, &moved));
    bvl_solve_report(s->problem, control, "solve", state);
    if (!moved) break;
  }
cleanup:
  bvl_phase_leave(before);
  inner_free(&in);
  return status;
}

/* ---- screening and certification ----------------------------------------------------------- */

static bvl_status certify(newton *s, bvl_solve_state *state)
{
  bvl_working_set_store(s->set, &state->point);
  bvl_working_set_eta(s->set, 1, s->set->b, s->set->d, s->eta);
  return bvl_screen_certify(s->problem, state, s->eta);
}

/* What stands at `level` or above comes into W, and W's coefficients are the point's. */
static bvl_status widen(newton *s, const bvl_solve_state *state, double level, int strict,
                        int64_t *n_new)
{
  bvl_status status = bvl_screen_widen(s->set, state, level, strict, s->wanted, n_new);
  return status != BVL_OK ? status : bvl_working_set_load(s->set, &state->point);
}

static bvl_status newton_solve(void *solver, bvl_solve_state *state, bvl_solve_control *control)
{
  newton *s = solver;
  bvl_status status = BVL_OK;
  const bvl_path_options *options = control->options;
  /* the budget is this solver's own: iterations so far may be a surrogate's */
  const int sweeps_alone = !s->second_order && !s->problem->penalty.type->convex;
  const int64_t by_default = sweeps_alone ? DEFAULT_MAX_SWEEPS : DEFAULT_MAX_ITER;
  const int64_t max_iter = state->iterations +
                           (options->max_iter > 0 ? options->max_iter : by_default);
  const double unit = state->lambda > 0 ? state->lambda : s->problem->lambda_max;
  double tol = 1e-2 * options->tol * unit;
  int64_t n_new = 0;
  int wants = 0;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_SCREEN);
  state->status = 1;
  BVL_TRY(bvl_screen_freshen(s->problem, state, s->eta));
  BVL_TRY(widen(s, state, bvl_screen_level(state), 0, &n_new));
  for (int round = 0; round < MAX_ROUNDS; round++) {
    BVL_TRY(solve_on_set(s, state, control, tol, max_iter));
    BVL_TRY(certify(s, state));
    bvl_solve_report(s->problem, control, "certify", state);
    BVL_TRY(widen(s, state, state->lambda, 1, &n_new));
    if (n_new > 0) {
      BVL_TRY(bvl_solve_poll(s->problem, control, &wants));
      BVL_TRY(bvl_solve_heed(control, wants));
      if ((wants & BVL_WANT_TIME_UP) || state->iterations >= max_iter) break;
      continue;
    }
    if (bvl_screen_is_certified(&state->certificate, options->tol)) state->status = 0;
    if (state->status == 0 || state->iterations >= max_iter || tol < 1e-6 * options->tol * unit)
      break;
    tol /= 100;
  }
  BVL_TRY(bvl_working_set_prune(s->set));
cleanup:
  bvl_phase_leave(before);
  return status;
}

/* A first run decides whether the second moments of all columns serve; they do until a lambda is
 * beyond them: then the working set takes over for good. *handled = 0 when it is its turn. */
static bvl_status run_covariance(newton *s, int64_t n, const double *lambdas,
                                 bvl_solve_state *state, bvl_solve_control *control, int *handled)
{
  bvl_status status = BVL_OK;
  int64_t n_done = 0;
  int general = 0;
  int pays = 0;
  *handled = 0;
  /* which are on one rank */
  const int wanted = s->second_order && s->set->gram != BVL_GRAM_DISTRIBUTED &&
                     s->problem->outputs == 1;
  if (!s->asked && wanted) BVL_TRY(bvl_covariance_path_pays(s->problem, n, &pays));
  s->asked = 1;
  if (pays) BVL_TRY(bvl_covariance_path_create(s->problem, &s->covariance));
  if (s->covariance == NULL) return BVL_OK;
  BVL_TRY(bvl_covariance_path_run(s->covariance, n, lambdas, state, control, &n_done, &general));
  if (general) bvl_covariance_path_destroy(&s->covariance);
  *handled = !general || n_done > 0;
cleanup:
  return status;
}

/* Runs of lambdas: by the Gram engine where it fits, one by one elsewhere and where it gives up. */
static bvl_status newton_solve_run(void *solver, int64_t n, const double *lambdas,
                                   bvl_solve_state *state, bvl_solve_control *control)
{
  newton *s = solver;
  bvl_status status = BVL_OK;
  int64_t n_done = 0;
  int handled = 0;
  int general = 0;
  state->lambda = lambdas[0];
  BVL_TRY(run_covariance(s, n, lambdas, state, control, &handled));
  if (handled) goto cleanup;
  if (s->gram != NULL) {
    BVL_TRY(bvl_screen_freshen(s->problem, state, s->eta));
    BVL_TRY(bvl_gram_path_run(s->gram, n, lambdas, state, control, &n_done, &general));
    if (n_done > 0 || !general || s->problem->outputs > 1) goto cleanup;
  }
  BVL_TRY(newton_solve(solver, state, control));
  BVL_TRY(control->finished(control->context));
cleanup:
  return status;
}

const bvl_solver_type bvl_solver_newton = {.name = "newton",
                                           .create = newton_create,
                                           .destroy = newton_destroy,
                                           .solve = newton_solve,
                                           .solve_run = newton_solve_run};

const bvl_solver_type bvl_solver_cd = {
    .name = "cd", .create = cd_create, .destroy = newton_destroy, .solve = newton_solve};
