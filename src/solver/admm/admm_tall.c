/* SPDX-License-Identifier: BSD-3-Clause */
/* The x-step of ADMM in the space of the columns, for p < n and any loss: Newton's method on
 *
 *   L(c, x) + rho/2 ||x - b||^2
 *
 * with a factor of Z'HZ / n + rho I whose weights are kept while it contracts well, and a line
 * search. It is not driven home: a sweep makes a step or two, each from the last one's answer, as
 * sweeps do not need more and each costs two passes over X.
 *
 * Unknowns are every rank's, rows are split. Traffic of a sweep: the sum of p (b); a step: those of
 * a product and its adjoint, a sum of p, a broadcast of p, a sum of 2 for each trial of the search;
 * new weights: p^2. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/phase.h"
#include "solver/admm/admm_space.h"

enum { MAX_STEPS = 3, MAX_HALVINGS = 30 };

/* Decrements are squares of residuals. */
static const double ENOUGH = 1e-4; /* of the decrement an x-step begins with */
static const double SLOW = 0.05;   /* contraction from which the weights are stale */

typedef struct tall_system {
  bvl_admm_space space; /* first: bvl_admm_space_put and its like take the system for it */
  int64_t n_split;
  double *v;     /* m: intercept and all columns, owned */
  double *g;     /* m + 2: gradient of -L, sum of the loss, failures; owned */
  double *dv;    /* m + 1, owned */
  double *V;     /* p_local, owned */
  double *block; /* n_local, owned */
  double *eta;   /* n_split each from here on, owned */
  double *deta;
  double *trial;
  double *r;
  double *h;
  int stale; /* the weights want to be made again */
} tall_system;

static void destroy(void **out)
{
  tall_system *s = *out;
  *out = NULL;
  if (s == NULL) return;
  bvl_admm_space_close(&s->space);
  double *owned[] = {s->v, s->g, s->dv, s->V, s->block, s->eta, s->deta, s->trial, s->r, s->h};
  for (size_t k = 0; k < sizeof owned / sizeof owned[0]; k++) free(owned[k]);
  free(s);
}

static bvl_status allocate(tall_system *s)
{
  bvl_status status = BVL_OK;
  const bvl_design *X = s->space.problem->X;
  double **rows[] = {&s->eta, &s->deta, &s->trial, &s->r, &s->h};
  for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) BVL_TRY(BVL_ALLOC(rows[k], s->n_split));
  BVL_TRY(BVL_ALLOC(&s->v, s->space.m));
  BVL_TRY(BVL_ALLOC(&s->g, s->space.m + 2));
  BVL_TRY(BVL_ALLOC(&s->dv, s->space.m + 1));
  BVL_TRY(BVL_ALLOC(&s->V, X->columns.p_local));
  BVL_TRY(BVL_ALLOC(&s->block, X->rows.n_local));
cleanup:
  return status;
}

static bvl_status create(bvl_problem *problem, void **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  tall_system *s = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s, 1)));
  BVL_TRY(bvl_admm_space_open(problem, &s->space));
  s->n_split = bvl_problem_n_split(problem);
  BVL_TRY(bvl_agree(all, allocate(s)));
  s->stale = 1;
  *out = s;
  s = NULL;
cleanup:
  destroy((void **)&s);
  return status;
}

/* r, h and this rank's sum of losses at eta. */
static double evaluate(tall_system *s, const double *eta)
{
  const bvl_problem *problem = s->space.problem;
  const int64_t split0 = problem->X->rows.split0;
  return bvl_loss_eval(problem->loss, s->n_split, problem->y + split0, problem->w + split0, eta,
                       s->r, s->h);
}

/* The weights at eta, made into moments. */
static bvl_status weigh(tall_system *s)
{
  s->stale = 0;
  return bvl_admm_space_moments(&s->space, s->h, s->r);
}

/* g <- -grad L at eta over all unknowns; g[m] the loss. */
static bvl_status gradient(tall_system *s)
{
  bvl_status status = BVL_OK;
  bvl_problem *problem = s->space.problem;
  const bvl_columns *columns = &problem->X->columns;
  const int64_t b = problem->intercept;
  memset(s->g, 0, (size_t)(s->space.m + 1) * sizeof *s->g);
  s->g[s->space.m] = evaluate(s, s->eta) / (double)problem->n;
  for (int64_t i = 0; b && i < s->n_split; i++) s->g[0] += s->r[i] / (double)problem->n;
  BVL_TRY(bvl_correlate(problem, 1, s->r, s->V));
  if (problem->grid->i == 0 && columns->p_local > 0)
    memcpy(s->g + b + columns->first, s->V, (size_t)columns->p_local * sizeof *s->V);
  BVL_TRY(bvl_sum(&problem->grid->all, s->g, s->space.m + 1));
cleanup:
  return status;
}

/* out (n_split) <- [1 | X~] v, without the offset. */
static bvl_status forward(tall_system *s, const double *v, double *out)
{
  const bvl_problem *problem = s->space.problem;
  const double *x = v + problem->intercept + problem->X->columns.first;
  const int64_t split0 = problem->X->rows.split0;
  bvl_status status = bvl_design_forward(problem->X, problem->X->columns.p_local, NULL, 1, x,
                                         s->block);
  for (int64_t i = 0; i < s->n_split; i++)
    out[i] = s->block[split0 + i] + (problem->intercept ? v[0] : 0);
  return status;
}

static bvl_status lipschitz(void *system, double *out)
{
  tall_system *s = system;
  const bvl_problem *problem = s->space.problem;
  const double bound = problem->loss->curvature_bound;
  bvl_status status = BVL_OK;
  evaluate(s, s->eta);
  for (int64_t i = 0; i < s->n_split && isfinite(bound); i++)
    s->h[i] = bound * problem->w[problem->X->rows.split0 + i];
  BVL_TRY(weigh(s));
  *out = bvl_admm_space_norm(&s->space, s->dv, s->g);
  s->stale = 1;
cleanup:
  return status;
}

static double pull(const tall_system *s, double rho, const double *b, int64_t k)
{
  const int64_t at = k - s->space.problem->intercept;
  return bvl_admm_kind(&s->space, k) == BVL_ADMM_PENALISED ? rho * (s->v[k] - b[at]) : 0;
}

/* dv, and behind it the decrement: rank 0's are everyone's. */
static bvl_status direction(tall_system *s, double rho, const double *b)
{
  const int m = s->space.m;
  for (int k = 0; k < m; k++) s->dv[k] = s->g[k] - pull(s, rho, b, k);
  bvl_admm_space_solve(&s->space, s->dv);
  s->dv[m] = 0;
  for (int k = 0; k < m; k++) s->dv[m] += s->dv[k] * (s->g[k] - pull(s, rho, b, k));
  return bvl_bcast(&s->space.problem->grid->all, 0, s->dv, m + 1);
}

/* rho/2 ||x + t dx - b||^2. */
static double distance(const tall_system *s, double rho, const double *b, double t)
{
  double sum = 0;
  const int64_t first = s->space.problem->intercept;
  for (int64_t k = first; k < s->space.m; k++) {
    if (bvl_admm_kind(&s->space, k) != BVL_ADMM_PENALISED) continue;
    const double apart = s->v[k] + t * s->dv[k] - b[k - first];
    sum += apart * apart;
  }
  return rho / 2 * sum;
}

/* Takes the step that falls; *loss goes with it. */
static bvl_status search(tall_system *s, double rho, const double *b, double *loss)
{
  bvl_status status = BVL_OK;
  const bvl_problem *problem = s->space.problem;
  const double fall = s->dv[s->space.m];
  const double begin = *loss + distance(s, rho, b, 0);
  double t = 1;
  BVL_TRY(forward(s, s->dv, s->deta));
  for (int k = 0; k < MAX_HALVINGS; k++, t /= 2) {
    for (int64_t i = 0; i < s->n_split; i++) s->trial[i] = s->eta[i] + t * s->deta[i];
    double value[2] = {evaluate(s, s->trial) / (double)problem->n,
                       problem->grid->all.rank == 0 ? distance(s, rho, b, t) : 0};
    BVL_TRY(bvl_sum(&problem->grid->all, value, 2));
    *loss = value[0];
    if (value[0] + value[1] <= begin - 1e-4 * t * fall + 1e-13 * fabs(begin)) break;
  }
  for (int k = 0; k < s->space.m; k++) s->v[k] += t * s->dv[k];
  memcpy(s->eta, s->trial, (size_t)s->n_split * sizeof *s->eta);
cleanup:
  return status;
}

/* The decrement of a step says how much was left before it: the next one's how well it contracted.
 */
static bvl_status step(void *system, double rho, const double *b, const double *whole,
                       bvl_admm_iterate *it)
{
  tall_system *s = system;
  bvl_status status = BVL_OK;
  const bvl_comm *all = &s->space.problem->grid->all;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_INNER);
  double loss = 0;
  double first = 0;
  double last = 0;
  (void)b;
  for (int k = 0; k < MAX_STEPS; k++) {
    BVL_TRY(gradient(s));
    loss = s->g[s->space.m];
    if (s->stale) BVL_TRY(weigh(s));
    if (s->space.rho != rho) BVL_TRY(bvl_agree(all, bvl_admm_space_factor(&s->space, rho)));
    BVL_TRY(direction(s, rho, whole));
    const double decrement = s->dv[s->space.m];
    if (k == 0) first = decrement;
    if (k > 0 && decrement > SLOW * last) s->stale = 1;
    last = decrement;
    if (!(decrement > 1e-26 * s->space.problem->null_half)) break;
    BVL_TRY(search(s, rho, whole, &loss));
    if (decrement <= ENOUGH * first) break;
  }
  bvl_admm_space_take(&s->space, rho, whole, s->v, it);
  it->loss = all->rank == 0 ? loss : 0;
cleanup:
  bvl_phase_leave(before);
  return status;
}

static bvl_status start(void *system, const bvl_point *point, bvl_admm_iterate *it)
{
  tall_system *s = system;
  bvl_status status = BVL_OK;
  bvl_problem *problem = s->space.problem;
  const bvl_columns *columns = &problem->X->columns;
  BVL_TRY(bvl_admm_space_spread(&s->space, point, s->v));
  BVL_TRY(bvl_problem_eta(problem, point, s->eta));
  BVL_TRY(gradient(s));
  memcpy(it->x, point->beta, (size_t)columns->p_local * sizeof *it->x);
  it->intercept = point->intercept;
  for (int64_t c = 0; c < columns->p_local; c++)
    it->d[c] = s->space.kind[columns->first + c] == BVL_ADMM_PENALISED ? s->V[c] : 0;
  it->loss = problem->grid->all.rank == 0 ? s->g[s->space.m] : 0;
cleanup:
  return status;
}

const bvl_admm_system_type bvl_admm_tall = {.create = create,
                                            .destroy = destroy,
                                            .length = bvl_admm_space_length,
                                            .lipschitz = lipschitz,
                                            .start = start,
                                            .put = bvl_admm_space_put,
                                            .image = bvl_admm_space_image,
                                            .step = step};
