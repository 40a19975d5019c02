/* SPDX-License-Identifier: BSD-3-Clause */
/* ADMM for every penalty that is a sum over blocks, by its prox, to stationary points that a
 * certificate confirms (admm.h has the sweep; Boyd, Parikh, Chu, Peleato, Eckstein 2011).
 *
 * After an exact x-step the gradient at x is -d, and the z-step leaves -d + rho (x - z) in the
 * subdifferential at z: z is stationary to about (rho + l) ||x - z||, l the Lipschitz constant of
 * the gradient. The certificate, a sweep over X, is asked for once that is small. The answer is z,
 * with its exact zeros.
 *
 * Where the penalty is not convex the sweeps choose the support and Newton's method, which is no
 * part of ADMM, ends on it (admm_support.h): measured on saturated logistic and Poisson fits, which
 * need thousands of sweeps for what a dozen steps do. Its steps count as sweeps. From where it ends
 * the sweeps go on, x = z, unless the certificate holds.
 *
 * Traffic per sweep: one sum over all ranks of min(n, p) + a dozen doubles, and the system's own.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/phase.h"
#include "solver/admm/admm_solver.h"
#include "solver/admm/admm_support.h"

enum { DEFAULT_SWEEPS = 5000, FIRST_BALANCE = 5, MAX_RESTARTS = 6 };
/* Sweeps before Newton's method may end them, of rest of the support that it waits for, and after
 * which it waits no longer; and its steps. */
enum { BEFORE_SUPPORT = 40, SETTLED = 10, UNSETTLED = 60, SUPPORT_STEPS = 60 };

static const double FORGETS = 0.5;
static const double HIGHER = 1e-9;    /* of an objective: than where the lambda began */
static const double HIGHEST = 16;     /* rho in l, for what the sweeps take back */
static const double UNEXPLAINED = 20; /* residuals: stationarity that no more sweeps will bring */
static const double CERTIFY_AGAIN = 0.2; /* of the residual at which the last certificate failed */

/* ---- life cycle -------------------------------------------------------------------------------
 */

static void destroy(void **out)
{
  bvl_admm *s = *out;
  *out = NULL;
  if (s == NULL) return;
  if (s->system != NULL) s->type->destroy(&s->system);
  free(s->it.x);
  free(s->it.z);
  free(s->it.d);
  free(s->before);
  free(s->aim);
  bvl_admm_memory_close(&s->memory);
  free(s->sum);
  free(s->eta);
  free(s->v);
  free(s->point.beta);
  free(s);
}

static bvl_status allocate(bvl_admm *s)
{
  const int64_t p_local = s->problem->X->columns.p_local;
  bvl_status status = BVL_OK;
  BVL_TRY(BVL_ALLOC(&s->it.x, p_local));
  BVL_TRY(BVL_ALLOC(&s->it.z, p_local));
  BVL_TRY(BVL_ALLOC(&s->it.d, p_local));
  BVL_TRY(BVL_ALLOC(&s->before, p_local));
  BVL_TRY(BVL_ALLOC(&s->aim, p_local));
  BVL_TRY(bvl_admm_memory_open(p_local, s->length, !s->problem->penalty.type->convex, &s->memory));
  BVL_TRY(BVL_ALLOC(&s->v, p_local));
  BVL_TRY(BVL_ALLOC(&s->point.beta, p_local));
  BVL_TRY(BVL_ALLOC(&s->sum, s->length + BVL_ADMM_N_SUMS));
  BVL_TRY(BVL_ALLOC(&s->eta, bvl_problem_n_split(s->problem)));
cleanup:
  return status;
}

static bvl_status create(bvl_problem *problem, const bvl_path_options *options, void **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  bvl_admm *s = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s, 1)));
  s->problem = problem;
  s->asked = options->admm_rho;
  s->type = &bvl_admm_rows;
  if (problem->X->columns.p < problem->n)
    s->type = problem->loss->quadratic ? &bvl_admm_columns : &bvl_admm_tall;
  BVL_TRY(s->type->create(problem, &s->system));
  s->length = s->type->length(s->system);
  BVL_TRY(bvl_agree(all, allocate(s)));
  *out = s;
  s = NULL;
cleanup:
  destroy((void **)&s);
  return status;
}

/* ---- one lambda -------------------------------------------------------------------------------
 */

static double unit(const bvl_admm *s)
{
  if (s->lambda > 0) return s->lambda;
  return s->problem->lambda_max > 0 ? s->problem->lambda_max : 1;
}

static int is_good(const bvl_certificate *c, double gap, double kkt)
{
  return (isnan(c->gap) || c->gap <= gap) && c->kkt <= kkt;
}

/* z with the intercept and unpenalised columns of x. */
static void take_point(bvl_admm *s)
{
  const bvl_problem *problem = s->problem;
  s->point.intercept = s->it.intercept;
  for (int64_t c = 0; c < problem->X->columns.p_local; c++)
    s->point.beta[c] = problem->blocks.weight[problem->block_of[c]] == 0 ? s->it.x[c] : s->it.z[c];
}

static bvl_status certify_point(bvl_admm *s)
{
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_problem_eta(s->problem, &s->point, s->eta));
  BVL_TRY(bvl_certify(s->problem, s->lambda, &s->point, s->eta, s->v, &s->certificate));
cleanup:
  return status;
}

static void copy_point(bvl_admm *s, const bvl_point *from)
{
  s->point.intercept = from->intercept;
  memcpy(s->point.beta, from->beta, (size_t)s->problem->X->columns.p_local * sizeof *from->beta);
}

static bvl_status certify(bvl_admm *s)
{
  take_point(s);
  return certify_point(s);
}

/* From a point: x = z, d = -grad L(x). */
static bvl_status begin(bvl_admm *s, const bvl_point *point)
{
  bvl_status status = BVL_OK;
  BVL_TRY(s->type->start(s->system, point, &s->it));
  memcpy(s->it.z, s->it.x, (size_t)s->problem->X->columns.p_local * sizeof *s->it.x);
  bvl_admm_memory_forgive(&s->memory);
  BVL_TRY(bvl_admm_choose_rho(s));
cleanup:
  return status;
}

/* An overflow: with more of rho once more from where the lambda began. */
static bvl_status recover(bvl_admm *s, const bvl_solve_state *state, bvl_admm_progress *at)
{
  at->diverged = s->asked > 0 || ++at->restarts > MAX_RESTARTS;
  if (at->diverged) return BVL_OK;
  s->rho *= 10;
  s->least = s->rho;
  at->last = INFINITY;
  return begin(s, &state->point);
}

/* How far block g of the certified point is from resting there. */
static double violation(const bvl_admm *s, int64_t g)
{
  const bvl_blocks *blocks = &s->problem->blocks;
  const int64_t first = blocks->begin[g];
  const int64_t m = bvl_block_len(blocks, g);
  double *gradient = s->problem->block_work;
  for (int64_t k = 0; k < m; k++) gradient[k] = -s->v[first + k];
  const bvl_penalty pen = bvl_penalty_curved(
      bvl_penalty_at(&s->problem->penalty, blocks->weight[g]), s->problem->curvature[g]);
  return bvl_penalty_distance(&pen, s->lambda * blocks->weight[g], m, s->point.beta + first,
                              gradient);
}

/* Sweeps rest at what the prox at rho keeps, which may be above a block's own curvature: 0 is then
 * kept too long. Moves the block that is worst off, by its own prox, and begins again from there.
 */
static bvl_status nudge(bvl_admm *s, bvl_admm_progress *at)
{
  bvl_status status = BVL_OK;
  const bvl_problem *problem = s->problem;
  const bvl_blocks *blocks = &problem->blocks;
  double worst = 0;
  for (int64_t g = 0; g < blocks->n; g++)
    if (bvl_admm_is_penalised(problem, g)) worst = fmax(worst, violation(s, g));
  BVL_TRY(bvl_max(&problem->grid->all, &worst, 1));
  for (int64_t g = 0; g < blocks->n; g++) {
    const double h = problem->curvature[g];
    if (!bvl_admm_is_penalised(problem, g) || !(h > 0) || violation(s, g) < worst) continue;
    const bvl_penalty pen = bvl_penalty_at(&problem->penalty, blocks->weight[g]);
    double *beta = s->point.beta + blocks->begin[g];
    for (int64_t k = 0; k < bvl_block_len(blocks, g); k++)
      beta[k] += s->v[blocks->begin[g] + k] / h;
    bvl_penalty_prox(&pen, s->lambda * blocks->weight[g], h, bvl_block_len(blocks, g), beta, beta);
  }
  at->before = at->now = at->last = INFINITY;
  at->certify_at = fmax(at->target_kkt, 1e-4);
  BVL_TRY(begin(s, &s->point));
cleanup:
  return status;
}

/* Is z's support to be ended on by Newton's method? */
static int is_due(const bvl_admm *s, const double *sums, const bvl_admm_progress *at)
{
  if (s->problem->penalty.type->convex || !(s->lambda > 0)) return 0;
  if (s->sweeps < at->support_at || sums[BVL_ADMM_SUPPORT] > BVL_ADMM_WIDEST_SUPPORT) return 0;
  return sums[BVL_ADMM_SUPPORT] > 0 &&
         (at->settled >= SETTLED || s->sweeps >= at->support_at + UNSETTLED);
}

/* s->point goes down on its support; the steps count as sweeps. Where that is no answer either,
 * sweeps go on from it, x = z, or the block that is worst off moves. */
static bvl_status descend(bvl_admm *s, bvl_solve_state *state, bvl_solve_control *control,
                          bvl_admm_progress *at, double *objective)
{
  bvl_status status = BVL_OK;
  bvl_admm_descent descent;
  BVL_TRY(bvl_admm_solve_support(s->problem, s->lambda, 0.01 * at->target_kkt * s->lambda,
                                 SUPPORT_STEPS, &s->point, &descent));
  *objective = descent.objective;
  s->sweeps += descent.steps;
  state->iterations += descent.steps;
  BVL_TRY(certify_point(s));
  state->certificate = s->certificate;
  at->done = is_good(&s->certificate, at->target_gap, at->target_kkt);
  bvl_solve_report(s->problem, control, "certify", state);
  at->settled = 0;
  at->support_at = s->sweeps + SETTLED;
  at->nudged = 1;
  if (at->done) goto cleanup;
  if (s->problem->curvature != NULL) {
    BVL_TRY(nudge(s, at));
  } else {
    at->before = at->now = at->last = INFINITY;
    at->certify_at = fmax(at->target_kkt, 1e-4);
    BVL_TRY(begin(s, &s->point));
  }
cleanup:
  return status;
}

/* A fall that the sweeps took back since the last time asks for more of rho. */
static bvl_status end_on_support(bvl_admm *s, bvl_solve_state *state, bvl_solve_control *control,
                                 bvl_admm_progress *at)
{
  double objective = 0;
  take_point(s);
  const bvl_status status = descend(s, state, control, at, &objective);
  if (!(objective < at->reached) && !(s->asked > 0) && s->rho < HIGHEST * s->lipschitz)
    s->least = s->rho = 2 * s->rho;
  at->reached = objective;
  return status;
}

/* Stationary, but higher than where the lambda began: down from there instead, once. */
static bvl_status go_back(bvl_admm *s, bvl_solve_state *state, bvl_solve_control *control,
                          bvl_admm_progress *at)
{
  double objective = 0;
  at->start = INFINITY;
  copy_point(s, &state->point);
  return descend(s, state, control, at, &objective);
}

/* Certifies where the residuals say that it is time. */
static bvl_status judge(bvl_admm *s, const double *sums, bvl_solve_state *state,
                        bvl_solve_control *control, bvl_admm_progress *at)
{
  bvl_status status = BVL_OK;
  const double residual = (s->rho * (sqrt(sums[BVL_ADMM_PRIMAL]) + sqrt(sums[BVL_ADMM_DUAL]))) /
                          unit(s);
  if (!(residual <= at->certify_at)) return BVL_OK;
  BVL_TRY(certify(s));
  state->certificate = s->certificate;
  at->done = is_good(&s->certificate, at->target_gap, at->target_kkt);
  at->certify_at = CERTIFY_AGAIN * residual;
  bvl_solve_report(s->problem, control, "certify", state);
  if (!at->done && s->problem->curvature != NULL && s->certificate.kkt > UNEXPLAINED * residual) {
    at->nudged = 1;
    BVL_TRY(nudge(s, at));
  }
cleanup:
  return status;
}

/* The point last certified becomes the state's. */
static void finish(bvl_admm *s, bvl_solve_state *state, double tol)
{
  const size_t bytes = (size_t)s->problem->X->columns.p_local * sizeof(double);
  state->point.intercept = s->point.intercept;
  memcpy(state->point.beta, s->point.beta, bytes);
  memcpy(state->v, s->v, bytes);
  state->v_valid = 1;
  state->certificate = s->certificate;
  state->status = is_good(&s->certificate, tol, 100 * tol) ? 0 : 1;
}

/* What divergence leaves: the point the lambda began at. */
static bvl_status give_up(bvl_admm *s, bvl_solve_state *state)
{
  bvl_status status = bvl_problem_eta(s->problem, &state->point, s->eta);
  if (status == BVL_OK)
    status = bvl_certify(s->problem, s->lambda, &state->point, s->eta, state->v,
                         &state->certificate);
  state->v_valid = status == BVL_OK;
  state->status = 2;
  return status;
}

static bvl_status sweep(bvl_admm *s, bvl_solve_state *state, bvl_solve_control *control,
                        bvl_admm_progress *at)
{
  bvl_status status = BVL_OK;
  const double *sums = NULL;
  const double rho = s->rho;
  at->nudged = 0;
  BVL_TRY(bvl_admm_begin_sweep(s, control, &sums));
  state->iterations++;
  const int wants = bvl_wants_from_flags(sums + BVL_ADMM_FLAGS);
  if (wants != 0) BVL_TRY(bvl_solve_heed(control, wants));
  if (!isfinite(sums[BVL_ADMM_LOSS] + sums[BVL_ADMM_PRIMAL] + sums[BVL_ADMM_SIZE_D] +
                sums[BVL_ADMM_COST])) {
    BVL_TRY(recover(s, state, at));
    goto cleanup;
  }
  BVL_TRY(judge(s, sums, state, control, at));
  if (s->sweeps == 1 && !s->problem->penalty.type->convex)
    at->start = sums[BVL_ADMM_LOSS] + sums[BVL_ADMM_START];
  at->settled = sums[BVL_ADMM_SWITCHED] > 0 ? 0 : at->settled + 1;
  if (!at->done && !at->nudged && is_due(s, sums, at))
    BVL_TRY(end_on_support(s, state, control, at));
  if (at->done && s->certificate.objective > at->start * (1 + HIGHER) &&
      s->certificate.support <= BVL_ADMM_WIDEST_SUPPORT)
    BVL_TRY(go_back(s, state, control, at));
  at->over = (wants & BVL_WANT_TIME_UP) || s->sweeps >= at->most;
  if (at->done || at->over || at->nudged) goto cleanup;
  bvl_admm_adapt_rho(s, sums, at);
  bvl_admm_warn(s, control);
  BVL_TRY(bvl_admm_end_sweep(s, rho, at));
cleanup:
  return status;
}

/* A fresh lambda begins at the state's point, an interrupted one where it was. */
static bvl_status enter(bvl_admm *s, const bvl_solve_state *state)
{
  const bvl_point *from = &state->point;
  if (s->inside && s->lambda == state->lambda) {
    s->point.intercept = s->it.intercept;
    memcpy(s->point.beta, s->it.x, (size_t)s->problem->X->columns.p_local * sizeof *s->it.x);
    from = &s->point;
  } else {
    s->sweeps = 0;
    s->least *= FORGETS; /* what the Lagrangian asked for at another lambda */
    if (s->asked <= 0 && !s->problem->penalty.type->convex) s->rho *= FORGETS;
  }
  s->lambda = state->lambda;
  s->inside = 1;
  return begin(s, from);
}

/* Above lambda_max what begins at zero rests there: the prox, which goes by other roundings than
 * lambda_max or knows a lower place further off, is not asked. */
static bvl_status keep_start(bvl_admm *s, const bvl_solve_state *state, bvl_admm_progress *at)
{
  bvl_status status = BVL_OK;
  copy_point(s, &state->point);
  BVL_TRY(certify_point(s));
  at->done = is_good(&s->certificate, at->target_gap, at->target_kkt);
cleanup:
  return status;
}

static bvl_status solve(void *solver, bvl_solve_state *state, bvl_solve_control *control)
{
  bvl_admm *s = solver;
  bvl_status status = BVL_OK;
  const bvl_path_options *options = control->options;
  const double tol = options->tol;
  bvl_admm_progress at = {
      .target_gap = options->polish ? fmax(tol, 1e-5) : tol,
      .target_kkt = options->polish ? fmax(100 * tol, 1e-3) : 100 * tol,
      .before = INFINITY,
      .now = INFINITY,
      .last = INFINITY,
      .support_at = BEFORE_SUPPORT,
      .start = INFINITY,
      .reached = INFINITY,
      .balance_at = FIRST_BALANCE,
      .most = options->max_iter > 0 ? options->max_iter : DEFAULT_SWEEPS,
  };
  at.certify_at = fmax(at.target_kkt, 1e-4);
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_INNER);
  BVL_TRY(enter(s, state));
  if (state->lambda >= s->problem->lambda_max) BVL_TRY(keep_start(s, state, &at));
  while (status == BVL_OK && !at.done && !at.over && !at.diverged)
    status = sweep(s, state, control, &at);
  if (status == BVL_OK && !at.done && !at.diverged) status = certify(s);
  /* the null model has a fit: a point beside which the intercept has none has run off */
  at.diverged |= status == BVL_ERR_INPUT;
  if (!at.diverged) BVL_TRY(status);
  s->inside = 0;
  if (at.diverged)
    BVL_TRY(give_up(s, state));
  else
    finish(s, state, tol);
cleanup:
  bvl_phase_leave(before);
  return status;
}

const bvl_solver_type bvl_solver_admm = {.name = "admm",
                                         .create = create,
                                         .destroy = destroy,
                                         .solve = solve,
                                         .save = bvl_admm_save,
                                         .restore = bvl_admm_restore};
