/* SPDX-License-Identifier: BSD-3-Clause */
/* The moments, rank 0's way along the path, and what the others are told of it. */
#include "solver/scalar/covariance_path.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/phase.h"
#include "data/covariance.h"
#include "solver/scalar/active_newton.h"

enum { MAX_BATCH = 16 };

/* One lambda's answer as it travels: d coefficients (from zero, not from the null fit), d entries
 * of v, then the scalars below. */
typedef struct summary {
  bvl_data_sums data;
  double steps;
} summary;
enum { SUMMARY = sizeof(summary) / sizeof(double) };

struct bvl_covariance_path {
  bvl_problem *problem; /* borrowed */
  int64_t d;            /* unknowns: intercept, then columns in order of position */
  bvl_covariance *moments;
  const double *M; /* rank 0: (d + 1) x (d + 1), u last; NULL before it is formed */
  double error;    /* of M, relative */
  int formed;
  double *u;                /* n_split: y - eta of the null fit, owned */
  double *weight;           /* d: penalty factors, 0 = unpenalised, INFINITY = excluded; owned */
  double *null_b;           /* d, owned */
  double *start;            /* d: where a run begins, owned */
  double *norm;             /* d: sqrt(M_kk), owned */
  double *lw;               /* d, owned */
  double *ridge;            /* d, owned */
  double *answer;           /* MAX_BATCH x (2 d + SUMMARY), owned */
  double *beta;             /* p_local x MAX_BATCH, owned */
  double *v;                /* p_local x MAX_BATCH, owned */
  bvl_active_newton newton; /* rank 0 */
  bvl_interval *bounds;     /* d, owned; NULL = none */
};

void bvl_covariance_path_destroy(bvl_covariance_path **path)
{
  bvl_covariance_path *s = *path;
  *path = NULL;
  if (s == NULL) return;
  bvl_covariance_destroy(&s->moments);
  bvl_active_newton_free(&s->newton);
  free(s->u);
  free(s->weight);
  free(s->null_b);
  free(s->start);
  free(s->norm);
  free(s->lw);
  free(s->ridge);
  free(s->bounds);
  free(s->answer);
  free(s->beta);
  free(s->v);
  free(s);
}

/* The other way is sweeps over X and moments of a working set. Measured along paths to 0.01 and
 * 1e-4 of lambda_max, n d from 4e7 to 1e8, it takes 3e-10 to 1.1e-9 s an entry of X and a lambda on
 * one core, 2e-9 to 3e-8 s an entry of sparse X (whose working set is dense). Against dsyrk that is
 * about p < 17 n_lambda. */
static const double DENSE_ENTRY_S = 5e-10, SPARSE_ENTRY_S = 2e-9;

/* M, on every rank while it is summed, takes 32 MiB at most. */
enum { LARGEST_D = 2048 };

bvl_status bvl_covariance_path_pays(bvl_problem *problem, int64_t n_lambda, int *pays)
{
  bvl_status status = BVL_OK;
  bvl_design *X = problem->X;
  const bvl_penalty_type *penalty = problem->penalty.type;
  const int64_t p = X->columns.p;
  bvl_covariance_plan plan;
  double entries = (double)problem->n * (double)p;
  *pays = 0;
  if (!problem->loss->quadratic || !penalty->convex || penalty->grouped) return BVL_OK;
  if (problem->n < 4 * p || p + 2 > LARGEST_D || n_lambda < 2) return BVL_OK;
  BVL_TRY(bvl_covariance_choose(X, problem->w + X->rows.split0, &plan));
  if (X->format != BVL_DENSE) {
    entries = (double)X->col_ptr[X->columns.p_local];
    BVL_TRY(bvl_sum(&problem->grid->all, &entries, 1));
  }
  int64_t cheaper = plan.seconds <= entries * (double)n_lambda *
                                        (X->format == BVL_DENSE ? DENSE_ENTRY_S : SPARSE_ENTRY_S);
  BVL_TRY(bvl_bcast_i64(&problem->grid->all, 0, &cheaper, 1)); /* rank 0's arithmetic decides */
  *pays = cheaper != 0;
cleanup:
  return status;
}

static bvl_status allocate(bvl_covariance_path *s)
{
  bvl_status status = BVL_OK;
  const int64_t p_local = s->problem->X->columns.p_local;
  BVL_TRY(BVL_ALLOC(&s->u, bvl_problem_n_split(s->problem)));
  BVL_TRY(BVL_ALLOC(&s->weight, s->d));
  BVL_TRY(BVL_ALLOC(&s->null_b, s->d));
  BVL_TRY(BVL_ALLOC(&s->start, s->d));
  BVL_TRY(BVL_ALLOC(&s->norm, s->d));
  BVL_TRY(BVL_ALLOC(&s->lw, s->d));
  BVL_TRY(BVL_ALLOC(&s->ridge, s->d));
  if (s->problem->bounds != NULL) BVL_TRY(BVL_ALLOC(&s->bounds, s->d));
  BVL_TRY(BVL_ALLOC(&s->answer, MAX_BATCH * (2 * s->d + SUMMARY)));
  BVL_TRY(BVL_ALLOC(&s->beta, MAX_BATCH * p_local));
  BVL_TRY(BVL_ALLOC(&s->v, MAX_BATCH * p_local));
cleanup:
  return status;
}

/* out (d) <- the value of the intercept and of every column, which is x at its owners. */
static bvl_status gather(const bvl_covariance_path *s, double intercept, const double *x,
                         double *out)
{
  const bvl_problem *problem = s->problem;
  const bvl_columns *columns = &problem->X->columns;
  memset(out, 0, (size_t)s->d * sizeof *out);
  memcpy(out + problem->intercept + columns->first, x, (size_t)columns->p_local * sizeof *x);
  bvl_status status = bvl_sum(&problem->grid->row, out, s->d);
  if (problem->intercept) out[0] = intercept;
  return status;
}

/* Every column's bounds, the intercept's infinite. */
static bvl_status gather_bounds(bvl_covariance_path *s)
{
  const bvl_problem *problem = s->problem;
  const bvl_columns *columns = &problem->X->columns;
  if (s->bounds == NULL) return BVL_OK;
  memset(s->bounds, 0, (size_t)s->d * sizeof *s->bounds);
  memcpy(s->bounds + problem->intercept + columns->first, problem->bounds,
         (size_t)columns->p_local * sizeof *s->bounds);
  bvl_status status = bvl_sum(&problem->grid->row, (double *)s->bounds, 2 * s->d);
  if (problem->intercept) s->bounds[0] = (bvl_interval){-INFINITY, INFINITY};
  return status;
}

/* u = y - eta at the null fit; its coefficients and every column's penalty factor. */
static bvl_status measure_from_null(bvl_covariance_path *s)
{
  bvl_status status = BVL_OK;
  bvl_problem *problem = s->problem;
  const double *y = problem->y + problem->X->rows.split0;
  BVL_TRY(gather(s, 0, problem->blocks.weight, s->weight));
  BVL_TRY(gather_bounds(s));
  BVL_TRY(gather(s, problem->null_point.intercept, problem->null_point.beta, s->null_b));
  BVL_TRY(bvl_problem_eta(problem, &problem->null_point, s->u));
  for (int64_t i = 0; i < bvl_problem_n_split(problem); i++) s->u[i] = y[i] - s->u[i];
cleanup:
  return status;
}

bvl_status bvl_covariance_path_create(bvl_problem *problem, bvl_covariance_path **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  bvl_covariance_path *s = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s, 1)));
  s->problem = problem;
  s->d = problem->intercept + problem->X->columns.p;
  BVL_TRY(bvl_agree(all, allocate(s)));
  *out = s;
  s = NULL;
cleanup:
  bvl_covariance_path_destroy(&s);
  return status;
}

/* ---- the moments ------------------------------------------------------------------------------
 */

/* Parts of a quarter of a second or so, between which the outside is heard. */
static int64_t count_parts(const bvl_covariance_plan *plan, int n_ranks)
{
  return 1 + (int64_t)fmin(4 * plan->seconds / n_ranks, 1e6);
}

/* *wants has BVL_WANT_TIME_UP when time was up before M was whole. */
static bvl_status form(bvl_covariance_path *s, const bvl_solve_state *state,
                       bvl_solve_control *control, int *wants)
{
  bvl_status status = BVL_OK;
  bvl_problem *problem = s->problem;
  const double *w = problem->w + problem->X->rows.split0;
  bvl_covariance_plan plan;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_GRAM);
  BVL_TRY(measure_from_null(s));
  BVL_TRY(bvl_covariance_choose(problem->X, w, &plan));
  int64_t n_parts = count_parts(&plan, problem->grid->all.size);
  BVL_TRY(bvl_bcast_i64(&problem->grid->all, 0, &n_parts, 1));
  bvl_covariance_destroy(&s->moments); /* of a run that time cut short */
  BVL_TRY(bvl_covariance_create(problem->X, &plan, problem->intercept, w, s->u, &s->moments));
  for (int64_t part = 0; part < n_parts; part++) {
    BVL_TRY(bvl_solve_poll(problem, control, wants));
    BVL_TRY(bvl_solve_heed(control, *wants));
    if (*wants & BVL_WANT_TIME_UP) goto cleanup;
    BVL_TRY(bvl_agree(&problem->grid->all, bvl_covariance_add(s->moments, part, n_parts)));
    bvl_solve_report(problem, control, "moments", state);
  }
  BVL_TRY(bvl_covariance_finish(s->moments, &s->error, &s->M));
  for (int64_t k = 0; s->M != NULL && k < s->d; k++) s->norm[k] = sqrt(s->M[k + k * (s->d + 1)]);
  s->formed = 1;
cleanup:
  bvl_phase_leave(before);
  return status;
}

/* ---- rank 0 -----------------------------------------------------------------------------------
 */

static void set_weights(bvl_covariance_path *s, double lambda)
{
  const bvl_penalty *pen = &s->problem->penalty;
  for (int64_t k = 0; k < s->d; k++) {
    const int excluded = s->weight[k] == INFINITY;
    const double lw = excluded ? 0 : lambda * s->weight[k];
    s->lw[k] = excluded ? INFINITY : lw > 0 ? bvl_penalty_threshold(pen, lw) : 0;
    s->ridge[k] = lw > 0 ? pen->type->bend(pen, lw, 1) : 0;
  }
}

/* Sums over rows at newton's point (newton.q = v there), and how far rounding may have moved them;
 * all over n. */
static bvl_data_sums sums_at(const bvl_covariance_path *s)
{
  const double *c = s->M + s->d * (s->d + 1);
  const double q0 = c[s->d];
  double explained = 0;
  double rest = 0;
  double size = sqrt(q0);
  double moved = 0;
  for (int64_t k = 0; k < s->d; k++) {
    const double delta = s->newton.b[k];
    if (delta == 0) continue;
    explained += delta * c[k];
    rest += delta * s->newton.q[k];
    size += s->norm[k] * fabs(delta);
    moved++;
  }
  const double theta = fmax(q0 - explained - rest, 0);
  const double gamma = s->error + (3 * moved + 4) * DBL_EPSILON;
  return (bvl_data_sums){.loss = theta / 2,
                         .r = s->problem->intercept ? s->newton.q[0] : 0,
                         .r_y = q0 - explained,
                         .r_theta = theta,
                         .rounding = 4 * gamma * size * size};
}

static void write_answer(const bvl_covariance_path *s, int64_t steps, double *answer)
{
  const double n = (double)s->problem->n;
  bvl_data_sums data = sums_at(s);
  data.loss *= n;
  data.r *= n;
  data.r_y *= n;
  data.r_theta *= n;
  data.rounding *= n;
  const summary end = {.data = data, .steps = (double)steps};
  for (int64_t k = 0; k < s->d; k++) answer[k] = s->newton.b[k] + s->null_b[k];
  memcpy(answer + s->d, s->newton.q, (size_t)s->d * sizeof *answer);
  memcpy(answer + 2 * s->d, &end, sizeof end);
}

/* Rank 0 alone. `restart`: newton is to begin at s->start. With a ridge the factor is another
 * matrix at every lambda. */
static bvl_status solve_batch(bvl_covariance_path *s, int64_t batch, const double *lambdas,
                              double tol, int64_t max_iter, int restart)
{
  bvl_status status = BVL_OK;
  const bvl_penalty *pen = &s->problem->penalty;
  const int ridged = pen->type->bend(pen, 1, 1) > 0;
  const bvl_lasso lasso = {.d = s->d,
                           .G = s->M,
                           .ld = s->d + 1,
                           .c = s->M + s->d * (s->d + 1),
                           .lw = s->lw,
                           .ridge = s->ridge,
                           .bounds = s->bounds};
  for (int64_t q = 0; q < batch; q++) {
    bvl_active_outcome outcome;
    const double unit = lambdas[q] > 0 ? lambdas[q] : s->problem->lambda_max;
    set_weights(s, lambdas[q]);
    if (restart && q == 0) {
      for (int64_t k = 0; k < s->d; k++) s->start[k] -= s->null_b[k];
      BVL_TRY(bvl_active_newton_start(&s->newton, &lasso, s->start));
    } else if (ridged) {
      BVL_TRY(bvl_active_newton_start(&s->newton, &lasso, s->newton.b));
    }
    BVL_TRY(bvl_active_newton_solve(&s->newton, &lasso, tol * unit, max_iter, &outcome));
    write_answer(s, outcome.steps + outcome.drops, s->answer + q * (2 * s->d + SUMMARY));
  }
cleanup:
  return status;
}

/* ---- everyone ---------------------------------------------------------------------------------
 */

static int certified(const bvl_certificate *c, double tol)
{
  return c->gap <= tol && c->kkt <= 100 * tol;
}

/* This rank's columns of the answers. */
static void spread(bvl_covariance_path *s, int64_t batch, double *intercept, bvl_data_sums *data)
{
  const bvl_columns *columns = &s->problem->X->columns;
  const size_t bytes = (size_t)columns->p_local * sizeof *s->beta;
  for (int64_t q = 0; q < batch; q++) {
    const double *answer = s->answer + q * (2 * s->d + SUMMARY);
    const int64_t first = s->problem->intercept + columns->first;
    summary end;
    memcpy(&end, answer + 2 * s->d, sizeof end);
    data[q] = end.data;
    intercept[q] = s->problem->intercept ? answer[0] : 0;
    memcpy(s->beta + q * columns->p_local, answer + first, bytes);
    memcpy(s->v + q * columns->p_local, answer + s->d + first, bytes);
  }
}

static bvl_status finish(bvl_covariance_path *s, int64_t q, double lambda, double intercept,
                         const bvl_certificate *certificate, bvl_solve_state *state,
                         bvl_solve_control *control)
{
  const int64_t p_local = s->problem->X->columns.p_local;
  summary end;
  memcpy(&end, s->answer + q * (2 * s->d + SUMMARY) + 2 * s->d, sizeof end);
  state->lambda = lambda;
  state->point.intercept = intercept;
  memcpy(state->point.beta, s->beta + q * p_local, (size_t)p_local * sizeof *s->beta);
  memcpy(state->v, s->v + q * p_local, (size_t)p_local * sizeof *s->v);
  state->v_valid = 1;
  state->certificate = *certificate;
  state->iterations = (int64_t)end.steps;
  state->status = 0;
  return control->finished(control->context);
}

static bvl_status one_batch(bvl_covariance_path *s, int64_t batch, const double *lambdas,
                            int restart, bvl_solve_state *state, bvl_solve_control *control,
                            int64_t *done)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &s->problem->grid->all;
  const double tol = control->options->tol;
  double intercept[MAX_BATCH];
  bvl_data_sums data[MAX_BATCH];
  bvl_certificate certificate[MAX_BATCH];
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_INNER);
  *done = 0;
  if (all->rank == 0)
    status = solve_batch(s, batch, lambdas, 1e-2 * tol, control->options->max_iter, restart);
  bvl_phase_enter(BVL_PHASE_SCREEN);
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(bvl_bcast(all, 0, s->answer, batch * (2 * s->d + SUMMARY)));
  spread(s, batch, intercept, data);
  BVL_TRY(
      bvl_certify_sums(s->problem, batch, lambdas, intercept, s->beta, s->v, data, certificate));
  while (*done < batch && certified(&certificate[*done], tol)) (*done)++;
  control->together = *done;
  control->moments = 1;
  for (int64_t q = 0; q < *done; q++)
    BVL_TRY(finish(s, q, lambdas[q], intercept[q], &certificate[q], state, control));
cleanup:
  bvl_phase_leave(before);
  return status;
}

bvl_status bvl_covariance_path_run(bvl_covariance_path *s, int64_t n, const double *lambdas,
                                   bvl_solve_state *state, bvl_solve_control *control,
                                   int64_t *n_done, int *general)
{
  bvl_status status = BVL_OK;
  int wants = 0;
  *n_done = 0;
  while (s->problem->bounds != NULL && n > 0 && lambdas[n - 1] == 0) n--; /* no signs to go by */
  *general = n == 0;
  if (n == 0) return BVL_OK;
  if (!s->formed) BVL_TRY(form(s, state, control, &wants));
  if (wants & BVL_WANT_TIME_UP) return BVL_OK;
  BVL_TRY(gather(s, state->point.intercept, state->point.beta, s->start));
  while (*n_done < n && !*general) {
    int64_t done = 0;
    const int64_t batch = bvl_lesser(n - *n_done, MAX_BATCH);
    BVL_TRY(bvl_solve_poll(s->problem, control, &wants));
    BVL_TRY(bvl_solve_heed(control, wants));
    if (wants & BVL_WANT_TIME_UP) break;
    BVL_TRY(one_batch(s, batch, lambdas + *n_done, *n_done == 0, state, control, &done));
    *n_done += done;
    *general = done < batch;
  }
cleanup:
  return status;
}
