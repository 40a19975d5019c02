/* SPDX-License-Identifier: BSD-3-Clause */
/* Variable projection (Poon, Peyre, arXiv 2106.01429, 2205.01385): the penalty as a minimum over
 * one outer variable a block, the coefficients of a weighted ridge in closed form, Newton's method
 * on the outer variable (varpro_newton.c).
 *
 *   screen (sequential strong rule) -> minimise over v on the columns kept -> certify all p ->
 * widen
 *
 * A block outside the set is one with v = 0, which is stationary and absorbing; one that violates
 * its condition joins and is put on its way. The inner ridge takes the form that the set's size
 * asks for. v follows from the coefficients (balanced factors), so a point is all there is to save.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/phase.h"
#include "solver/screen.h"
#include "solver/varpro/varpro_point.h"

enum {
  DEFAULT_STEPS = 1000,
  MAX_ROUNDS = 100,
  LARGEST = 6000,
  SHARED = 2500,
  LARGEST_SHARED = 30000
};
enum { GRAM, ROWS, CYCLIC, CG, N_FORMS };

/* A lambda is led up to in steps of this factor, none below that part of lambda_max, to a gap of.
 */
static const double BIG_STEP = 0.5, SMALLEST_STOP = 1e-6, ROUGH = 1e-3;
/* lambda = 0 is solved as this part of lambda_max: far below what a certificate sees. */
static const double ZERO = 1e-11;

typedef struct varpro {
  bvl_problem *problem;           /* borrowed */
  bvl_working_set *set;           /* owned */
  bvl_varpro_form *form[N_FORMS]; /* owned; NULL until one is needed */
  bvl_varpro_outer outer;
  bvl_varpro_point at;   /* the set's coefficients */
  double *residual;      /* n_split x outputs: y - eta of the null fit, owned */
  double *eta;           /* n_split x outputs, owned */
  unsigned char *wanted; /* this rank's blocks, owned */
} varpro;

static void destroy(void **out)
{
  varpro *s = *out;
  *out = NULL;
  if (s == NULL) return;
  for (int k = 0; k < N_FORMS; k++) bvl_varpro_form_destroy(&s->form[k]);
  bvl_varpro_outer_free(&s->outer);
  bvl_working_set_destroy(&s->set);
  free(s->residual);
  free(s->eta);
  bvl_varpro_point_free(&s->at);
  free(s->wanted);
  free(s);
}

static bvl_status check(const bvl_problem *problem, const bvl_varpro_map **map)
{
  if (!problem->loss->quadratic)
    return bvl_fail(BVL_ERR_USAGE, "solver varpro: family gaussian alone, not %s",
                    problem->loss->name);
  return bvl_varpro_find_map(&problem->penalty, map);
}

static bvl_status create(bvl_problem *problem, const bvl_path_options *options, void **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const int64_t n_eta = bvl_problem_n_split(problem) * problem->outputs;
  const bvl_varpro_map *map = NULL;
  varpro *s = NULL;
  (void)options;
  *out = NULL;
  BVL_TRY(bvl_agree(all, check(problem, &map)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s, 1)));
  s->problem = s->outer.problem = problem;
  s->outer.map = map;
  status = BVL_ALLOC(&s->residual, n_eta);
  if (status == BVL_OK) status = BVL_ALLOC(&s->eta, n_eta);
  if (status == BVL_OK) status = BVL_ALLOC(&s->wanted, problem->blocks.n);
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(bvl_working_set_create(problem, &s->set));
  BVL_TRY(bvl_problem_eta(problem, &problem->null_point, s->residual));
  s->at = (bvl_varpro_point){.set = s->set, .K = problem->outputs};
  const double *y = problem->outputs > 1 ? problem->responses
                                         : problem->y + problem->X->rows.split0;
  for (int64_t i = 0; i < n_eta; i++) s->residual[i] = y[i] - s->residual[i];
  *out = s;
  s = NULL;
cleanup:
  destroy((void **)&s);
  return status;
}

/* ---- minimising on the set --------------------------------------------------------------------
 */

/* The smaller of the two systems of n rows or d unknowns; that of rows shared out where it is large
 * and there are ranks to share it; none where both are too large. */
static int pick_form(int64_t n, int64_t d, int ranks)
{
  if (d <= n && d <= LARGEST) return GRAM;
  if (n <= (ranks > 1 ? SHARED : LARGEST)) return ROWS;
  return ranks > 1 && n <= LARGEST_SHARED ? CYCLIC : CG;
}

static bvl_status choose_form(varpro *s, bvl_varpro_form **out)
{
  static const bvl_varpro_form_type *const types[] = {&bvl_varpro_gram, &bvl_varpro_rows,
                                                      &bvl_varpro_cyclic, &bvl_varpro_cg};
  bvl_status status = BVL_OK;
  const int k = pick_form(s->problem->n, s->set->d, s->problem->grid->all.size);
  if (s->form[k] == NULL)
    BVL_TRY(bvl_varpro_form_create(types[k], s->problem, s->set, s->residual, &s->form[k]));
  BVL_TRY(s->form[k]->type->follow(s->form[k]));
  *out = s->form[k];
cleanup:
  return status;
}

/* What the minimiser may leave. */
typedef struct varpro_goal {
  double stationary;
  double slack;
  int64_t most; /* state->iterations at most */
} varpro_goal;

/* Minimises on the set. *time_up = 1 when the outside wants no more. */
static bvl_status solve_on_set(varpro *s, bvl_solve_state *state, bvl_solve_control *control,
                               const varpro_goal *goal, int *time_up)
{
  bvl_status status = BVL_OK;
  bvl_varpro_outer *o = &s->outer;
  bvl_varpro_form *form = NULL;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_GRAM);
  o->lambda = fmax(state->lambda, ZERO * s->problem->lambda_max);
  o->control = control;
  BVL_TRY(choose_form(s, &form));
  bvl_phase_enter(BVL_PHASE_INNER);
  BVL_TRY(bvl_varpro_outer_bind(o, form));
  bvl_varpro_point_give(&s->at, o);
  for (;;) {
    const int64_t evaluations = o->evaluations;
    BVL_TRY(bvl_varpro_minimise(o, goal->stationary, goal->slack,
                                bvl_greater(goal->most - state->iterations, 1),
                                &state->iterations));
    state->epochs += (double)(o->evaluations - evaluations);
    BVL_TRY(bvl_varpro_point_take(&s->at, o));
    const int wants = bvl_wants_from_flags(o->sums.flags);
    if (wants == 0) break;
    bvl_varpro_point_store(&s->at, &state->point);
    state->v_valid = 0;
    BVL_TRY(bvl_solve_heed(control, wants));
    *time_up = (wants & BVL_WANT_TIME_UP) != 0;
    if (*time_up) break;
  }
cleanup:
  o->control = NULL;
  bvl_phase_leave(before);
  return status;
}

/* ---- screening and certification ---------------------------------------------------------- */

static bvl_status certify(varpro *s, bvl_solve_state *state)
{
  bvl_varpro_point_store(&s->at, &state->point);
  bvl_varpro_point_eta(&s->at, s->eta);
  return bvl_screen_certify(s->problem, state, s->eta);
}

/* What stands at `level` or above comes into the set, and the set's B is the point's. */
static bvl_status widen(varpro *s, const bvl_solve_state *state, double level, int strict,
                        int64_t *n_new)
{
  bvl_status status = bvl_screen_widen(s->set, state, level, strict, s->wanted, n_new);
  return status != BVL_OK ? status : bvl_varpro_point_load(&s->at, &state->point);
}

/* Rounds at state->lambda until the certificate holds to tol, or nothing helps. */
static bvl_status run_rounds(varpro *s, bvl_solve_state *state, bvl_solve_control *control,
                             double tol, int64_t most, int *time_up)
{
  bvl_status status = BVL_OK;
  varpro_goal goal = {0.1 * tol, 0.01 * tol * s->problem->null_half, most};
  int64_t n_new = 0;
  state->status = 1;
  BVL_TRY(widen(s, state, bvl_screen_level(state), 0, &n_new));
  for (int round = 0; round < MAX_ROUNDS; round++) {
    BVL_TRY(solve_on_set(s, state, control, &goal, time_up));
    BVL_TRY(certify(s, state));
    bvl_solve_report(s->problem, control, "certify", state);
    if (bvl_screen_is_certified(&state->certificate, tol)) state->status = 0;
    if (state->status == 0 || *time_up || state->iterations >= goal.most) break;
    BVL_TRY(widen(s, state, state->lambda, 1, &n_new));
    if (n_new > 0) continue;
    if (goal.stationary < 1e-6 * tol) break;
    goal.stationary /= 100;
    goal.slack /= 100;
  }
  BVL_TRY(bvl_working_set_prune(s->set));
cleanup:
  return status;
}

/* A lambda far below the last one's is led up to, in big and rough steps: from far away there are
 * many blocks to put on their way, and most of them go back. */
static bvl_status solve(void *solver, bvl_solve_state *state, bvl_solve_control *control)
{
  varpro *s = solver;
  bvl_status status = BVL_OK;
  const double lambda = state->lambda;
  const int64_t max_iter = control->options->max_iter;
  const int64_t most = max_iter > 0 ? max_iter : DEFAULT_STEPS;
  int time_up = 0;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_SCREEN);
  BVL_TRY(bvl_screen_freshen(s->problem, state, s->eta));
  while (!time_up && state->iterations < most) {
    const double next = BIG_STEP * state->lambda_previous;
    if (next <= lambda / BIG_STEP || next < SMALLEST_STOP * s->problem->lambda_max) break;
    state->lambda = next;
    BVL_TRY(run_rounds(s, state, control, fmax(ROUGH, control->options->tol), most, &time_up));
    state->lambda_previous = next;
  }
  state->lambda = lambda;
  BVL_TRY(run_rounds(s, state, control, control->options->tol, most, &time_up));
cleanup:
  state->lambda = lambda;
  bvl_phase_leave(before);
  return status;
}

const bvl_solver_type bvl_solver_varpro = {
    .name = "varpro", .create = create, .destroy = destroy, .solve = solve};
