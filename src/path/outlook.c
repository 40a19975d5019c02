/* SPDX-License-Identifier: BSD-3-Clause */
/* When the path is surveyed, and what is said of the time left. */
#include "path/outlook.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "data/design.h"
#include "loss/loss.h"

enum { FIRST_LAMBDAS = 5, EARLY = 10 /* support over what it can be at most, inverse */ };

static const double most_spent = 0.003; /* share of the time that forecasts may take */
static const double most_crowded = 4;
static const double one_forecast_s = 2e-4;

static int is_foreseeable(const bvl_problem *problem, const bvl_path_options *options)
{
  const bvl_penalty_type *type = problem->penalty.type;
  const int newton = options->solver == BVL_SOLVER_AUTO || options->solver == BVL_SOLVER_NEWTON;
  return newton && problem->outputs == 1 && type->convex && !type->grouped &&
         problem->bounds == NULL && options->starts <= 1 && problem->null_half > 0;
}

/* The null fit's residual: of a family with bounded curvature its variance is the curvature, of
 * others it is what the deviance says. */
static void look_at_response(const bvl_problem *problem, bvl_response_facts *facts)
{
  const bvl_loss *loss = problem->loss;
  const double at = problem->null_point.intercept + problem->y_mean[0];
  facts->n = problem->n;
  facts->p = bvl_design_p(problem->X);
  facts->curvature = loss->quadratic ? 1 : loss->curvature(at);
  facts->bounded = !loss->quadratic && loss->curvature_bound < INFINITY;
  facts->variance = facts->bounded ? facts->curvature : 2 * facts->curvature * problem->null_half;
  facts->left = facts->variance;
  facts->level = problem->penalty.type->mixes ? problem->penalty.alpha : 1;
}

/* This rank's block stands for all of X. */
static void look_at_design(const bvl_design *X, bvl_workload *work)
{
  work->n = X->rows.n;
  work->p = bvl_design_p(X);
  work->dense = X->format == BVL_DENSE;
  work->column_entries = (double)work->n;
  const int64_t p_local = X->columns.p_local;
  if (work->dense || p_local == 0) return;
  work->column_entries = (double)X->col_ptr[p_local] * X->grid->n_rows / (double)p_local;
}

void bvl_outlook_start(const bvl_problem *problem, const bvl_path_options *options, int64_t n_stops,
                       const double *stops, const double *v, bvl_outlook_state *outlook)
{
  *outlook = (bvl_outlook_state){0};
  if (!is_foreseeable(problem, options)) return;
  outlook->fits = 1;
  look_at_response(problem, &outlook->facts);
  const bvl_response_facts *facts = &outlook->facts;
  if (problem->grid->i == 0)
    outlook->stood_out_here = bvl_survey_null(facts, problem->X->columns.p_local, v);
  outlook->last_lambda = problem->lambda_max;
  outlook->last_residual = facts->variance;
  look_at_design(problem->X, &outlook->work);
  outlook->work.quadratic = problem->loss->quadratic;
  if (problem->grid->all.rank != 0) return;
  if (BVL_ALLOC(&outlook->df, n_stops) != BVL_OK) return;
  if (BVL_ALLOC(&outlook->expected, n_stops) != BVL_OK) return;
  if (BVL_ALLOC(&outlook->lambda, n_stops) != BVL_OK) return;
  for (int64_t k = 0; k < n_stops; k++) outlook->lambda[k] = outlook->facts.level * stops[k];
}

void bvl_outlook_free(bvl_outlook_state *outlook)
{
  free(outlook->df);
  free(outlook->expected);
  free(outlook->lambda);
  free(outlook->said);
}

/* Variance of the residual per row, in units of v: of a gaussian family what it is, of others what
 * the loss would come to were it quadratic. */
static double residual(const bvl_problem *problem, const bvl_response_facts *facts, double loss)
{
  const double explained = 2 * facts->curvature * (problem->null_loss - loss);
  return fmax(facts->variance - explained, 0);
}

/* While the support stays, the residual's variance is a + b lambda^2: a from two lambdas, or,
 * where only one is known, all of it. */
static double residual_without_penalty(const bvl_outlook_state *o, double lambda, double now)
{
  const double apart = o->last_lambda * o->last_lambda - lambda * lambda;
  const double least = 0.02 * now;
  if (!(apart > 0)) return now;
  const double b = (o->last_residual - now) / apart;
  return fmax(now - b * lambda * lambda, least);
}

/* Collective: one allreduce. */
static bvl_status survey(bvl_outlook_state *o, const bvl_problem *problem,
                         const bvl_solve_state *state, double now)
{
  bvl_survey sums = {.stood_out = o->stood_out_here};
  bvl_response_facts *facts = &o->facts;
  facts->left = now;
  if (state->slope != NULL) facts->left = residual_without_penalty(o, state->lambda, now);
  facts->left = fmin(fmax(facts->left, 1e-6 * facts->variance), facts->variance);
  if (problem->grid->i == 0)
    bvl_survey_add(facts, state->lambda, problem->X->columns.p_local, state->point.beta, state->v,
                   state->slope, &sums);
  const bvl_status status = bvl_sum(&problem->grid->all, (double *)&sums,
                                    sizeof sums / sizeof(double));
  if (status != BVL_OK) return status;
  bvl_survey_read(facts, &sums, &o->forecast);
  o->surveyed = o->surveyed_now = 1;
  return BVL_OK;
}

/* Lambdas that will be solved: the first with too many nonzeros is the last. */
static int64_t expected_end(const bvl_outlook_state *o, int64_t n_stops, int64_t dfmax)
{
  int64_t k = o->pace.done - 1;
  while (k < n_stops && (dfmax < 0 || o->df[k] <= (double)dfmax)) k++;
  return bvl_lesser(n_stops, k + 1);
}

static void keep(bvl_outlook_state *o, double left_s, double df_end)
{
  if (o->said_capacity < 0) return;
  if (BVL_GROW(&o->said, &o->said_capacity, o->n_said + 1) != BVL_OK) {
    o->said_capacity = -1;
    o->n_said = 0;
    return;
  }
  o->said[o->n_said++] = (bvl_outlook){.finished = o->pace.done,
                                       .elapsed_s = o->pace.elapsed_s,
                                       .left_s = left_s,
                                       .support = df_end};
}

/* Rank 0 alone. */
static void foresee(bvl_outlook_state *o, int64_t n_stops, bvl_solve_control *control)
{
  const double begin_s = bvl_now_s();
  const int64_t done = o->pace.done;
  o->work.moments = control->moments;
  bvl_forecast_df(&o->forecast, n_stops, o->lambda, o->expected);
  bvl_forecast_adjust(&o->forecast, n_stops, o->lambda, o->expected, done - 1, o->df[done - 1],
                      o->df);
  const int64_t end = expected_end(o, n_stops, control->options->dfmax);
  if (end <= done) return;
  double left_s = bvl_time_left(&o->work, &o->pace, o->df, end);
  if (control->deadline_s < INFINITY) left_s = fmin(left_s, fmax(control->deadline_s - begin_s, 0));
  control->end_s = begin_s + left_s;
  keep(o, left_s, o->df[end - 1]);
  o->last_spent_s = bvl_now_s() - begin_s;
  o->spent_s += o->last_spent_s;
}

/* Rank 0 alone: a batch has ended after stop k. */
static void take_pace(bvl_outlook_state *o, int64_t k, const bvl_solve_control *control)
{
  const double cpu_s = (double)(clock() - o->start_cpu) / CLOCKS_PER_SEC;
  const bvl_phases passed = bvl_phases_since(&o->start);
  const double *s = passed.seconds;
  bvl_pace_add(&o->work, o->df, k + 1, bvl_now_s() - control->start_s,
               s[BVL_PHASE_SWEEP] + s[BVL_PHASE_SCREEN] + s[BVL_PHASE_COLUMNS],
               s[BVL_PHASE_GRAM] + s[BVL_PHASE_INNER], &o->pace);
  o->pace.crowding = fmin(most_crowded, o->pace.elapsed_s / fmax(cpu_s, 1e-3));
}

void bvl_outlook_begin(bvl_outlook_state *outlook, int64_t done)
{
  outlook->start = bvl_phases_now();
  outlook->start_cpu = clock();
  outlook->pace = (bvl_pace){.done = done};
  if (done > 0) outlook->last_lambda = 0; /* what was found there is not known */
  outlook->spent_s = outlook->last_spent_s = 0;
}

bvl_status bvl_outlook_note(bvl_outlook_state *o, bvl_problem *problem,
                            const bvl_solve_state *state, int64_t k, int last, int64_t n_stops,
                            bvl_solve_control *control)
{
  bvl_status status = BVL_OK;
  if (!o->fits) return BVL_OK;
  const double now = residual(problem, &o->facts, state->certificate.loss);
  const double early = (double)bvl_greater(2 * EARLY, bvl_lesser(o->facts.n, o->facts.p) / EARLY);
  const int is_early = state->certificate.support <= early || !o->surveyed;
  if (last && is_early && state->v_valid && k + 1 >= FIRST_LAMBDAS && k + 1 < n_stops)
    status = survey(o, problem, state, now);
  o->last_lambda = state->lambda;
  o->last_residual = now;
  if (o->lambda == NULL || status != BVL_OK) return status;
  o->df[k] = state->certificate.support;
  if (!last) return status;
  take_pace(o, k, control);
  control->end_s = 0;
  const double allowed_s = one_forecast_s + most_spent * o->pace.elapsed_s;
  if (!o->surveyed || k + 1 == n_stops || o->spent_s + o->last_spent_s > allowed_s) return status;
  foresee(o, n_stops, control);
  return status;
}
