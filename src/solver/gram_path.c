/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches of lambdas: which columns they need, one sweep that certifies them, which are accepted.
 */
#include "solver/gram_path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/phase.h"
#include "solver/batch_screen.h"
#include "solver/concave/concave_model.h"
#include "solver/group/group_model.h"
#include "solver/group/group_newton.h"
#include "solver/multi/classes_model.h"
#include "solver/multi/multi_model.h"
#include "solver/scalar/batch_model.h"
#include "solver/screen.h"

enum { MAX_BATCH = BVL_BATCH_MOST, MIN_NEW = 64, MAX_PARTS = 32 };
_Static_assert((int)MAX_BATCH <= (int)BVL_GROUP_LANES,
               "the group models solve a whole batch at once");

struct bvl_gram_path {
  bvl_problem *problem;       /* borrowed */
  bvl_working_set *set;       /* borrowed */
  bvl_batch_model *model;     /* scalar penalties, owned; else NULL */
  bvl_concave_model *concave; /* penalties that are not convex, owned; else NULL */
  bvl_group_model *groups;    /* convex group penalties, owned; else NULL */
  bvl_multi_model *multi;     /* several outputs, owned; else NULL */
  bvl_classes_model *classes; /* of these, classes, owned; else NULL */
  double *answer;             /* batch x (d outputs + extra), owned */
  int64_t answer_capacity;
  double *intercept;       /* outputs x MAX_BATCH, owned */
  double *beta;            /* n_coef x MAX_BATCH, zero between batches, owned */
  double *v;               /* n_coef x MAX_BATCH, owned */
  double *eta;             /* n_split x outputs x MAX_BATCH, owned */
  bvl_batch_screen screen; /* owned */
  int64_t most;            /* lambdas of a batch, <= MAX_BATCH */
  int64_t longest;         /* batch now allowed, <= most */
  int was_due;             /* was a checkpoint due before the last batch too? */
  int was_unsolved;        /* did the last batch stop at a lambda it could not solve? */
  bvl_point again; /* concave: the answer at `again_at` that lacked some columns; beta owned */
  double again_at; /* NaN: there is none */
};

int bvl_gram_path_fits(const bvl_problem *problem)
{
  if (problem->outputs > 1) return problem->penalty.type->convex;
  if (problem->has_ends && !problem->loss->quadratic) return 0;
  if (!problem->penalty.type->convex) return bvl_concave_model_fits(problem);
  return !problem->penalty.type->grouped || bvl_group_model_fits(problem);
}

void bvl_gram_path_destroy(bvl_gram_path **path)
{
  bvl_gram_path *s = *path;
  *path = NULL;
  if (s == NULL) return;
  bvl_batch_model_destroy(&s->model);
  bvl_concave_model_destroy(&s->concave);
  bvl_group_model_destroy(&s->groups);
  bvl_multi_model_destroy(&s->multi);
  bvl_classes_model_destroy(&s->classes);
  free(s->answer);
  free(s->intercept);
  free(s->beta);
  free(s->v);
  free(s->eta);
  bvl_batch_screen_free(&s->screen);
  free(s->again.beta);
  free(s);
}

static bvl_status create_concave(bvl_gram_path *s)
{
  bvl_status status = BVL_OK;
  const int64_t n_coef = bvl_problem_n_coef(s->problem);
  BVL_TRY(bvl_agree(&s->problem->grid->all, BVL_ALLOC(&s->again.beta, n_coef)));
  BVL_TRY(bvl_concave_model_create(s->problem, s->set, &s->concave));
cleanup:
  return status;
}

bvl_status bvl_gram_path_create(bvl_problem *problem, bvl_working_set *set, bvl_gram_path **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const int64_t n_coef = bvl_problem_n_coef(problem);
  const int64_t n_eta = bvl_problem_n_split(problem) * problem->outputs;
  bvl_gram_path *s = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s, 1)));
  s->problem = problem;
  s->set = set;
  s->again_at = NAN;
  s->most = MAX_BATCH;
  const bvl_penalty_type *type = problem->penalty.type;
  if (problem->outputs == 1 && type->grouped && type->convex &&
      bvl_group_model_is_tall(problem->n, problem->X->columns.p))
    s->most = BVL_GROUP_TALL_BATCH;
  s->longest = s->most;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s->intercept, problem->outputs * MAX_BATCH)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s->beta, n_coef * MAX_BATCH)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s->v, n_coef * MAX_BATCH)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s->eta, n_eta * MAX_BATCH)));
  BVL_TRY(bvl_batch_screen_create(problem, set, &s->screen));
  if (problem->outputs > 1)
    BVL_TRY(bvl_multi_model_create(problem, set, &s->multi));
  else if (!type->convex)
    BVL_TRY(create_concave(s));
  else if (type->grouped)
    BVL_TRY(bvl_group_model_create(problem, set, &s->groups));
  else
    BVL_TRY(bvl_batch_model_create(problem, set, &s->model));
  if (problem->loss->coupled) BVL_TRY(bvl_classes_model_create(problem, set, &s->classes));
  *out = s;
  s = NULL;
cleanup:
  bvl_gram_path_destroy(&s);
  return status;
}

/* ---- how many lambdas, and which columns ---------------------------------------------------- */

/* The longest batch whose columns stay few next to what is active already; more of them where no
 * Gram is made of them: of groups, and of weighted columns. *n_new: how many columns they are. */
static bvl_status choose_batch(const bvl_gram_path *s, int64_t n, const double *lambdas,
                               const bvl_solve_state *state, int64_t *batch, int64_t *n_new)
{
  const int64_t longest = bvl_lesser(n, s->longest);
  const int64_t support = (int64_t)state->certificate.support / s->problem->outputs;
  const int64_t few = bvl_greater(s->groups != NULL ? 2 * MIN_NEW : MIN_NEW, support / 2);
  const int64_t room = s->problem->loss->quadratic ? few : 2 * few;
  return bvl_batch_screen_choose(&s->screen, longest, lambdas, state, room, batch, n_new);
}

/* Columns that may join W at once: with fewer rows than columns no solution has more than n of
 * them, but far below lambda_max, or over a long step, the margin lets nearly all of them in (100 x
 * 400000 at 1e-5 lambda_max: 25000, and a Gram of 5 GB), and at an answer that lacks some, as many
 * violate. Those that are left out are found again by the next sweep. */
static int64_t most_at_once(const bvl_gram_path *s)
{
  const int64_t p = bvl_design_p(s->problem->X);
  return bvl_greater(512, 2 * bvl_lesser(s->problem->n, p));
}

static int is_too_many(const bvl_gram_path *s, int64_t n_new)
{
  return s->model != NULL && s->problem->n < bvl_design_p(s->problem->X) && n_new > most_at_once(s);
}

/* ---- accepting --------------------------------------------------------------------------------
 */

/* Coefficients of one answer; steps and solved stand behind them. */
static int64_t answer_len(const bvl_gram_path *s)
{
  return s->set->d * s->problem->outputs;
}

static const double *answer_at(const bvl_gram_path *s, int64_t q)
{
  return s->answer + q * (answer_len(s) + BVL_ANSWER_EXTRA);
}

static void scatter(const bvl_gram_path *s, const double *b, double *beta)
{
  if (s->multi != NULL)
    bvl_multi_model_scatter(s->multi, b, beta);
  else
    bvl_working_set_scatter(s->set, b, beta);
}

static bvl_status load(bvl_gram_path *s, const bvl_point *point)
{
  if (s->multi != NULL) return bvl_multi_model_load(s->multi, point);
  return bvl_working_set_load(s->set, point);
}

/* Coefficients and predictors of the batch on every rank. */
static bvl_status spread(bvl_gram_path *s, int64_t batch)
{
  const int64_t K = s->problem->outputs;
  const int64_t n_coef = bvl_problem_n_coef(s->problem);
  bvl_status status = BVL_OK;
  if (s->multi != NULL)
    status = bvl_multi_model_eta(s->multi, batch, s->answer, s->eta);
  else
    bvl_working_set_eta(s->set, batch, s->answer, s->set->d + BVL_ANSWER_EXTRA, s->eta);
  for (int64_t q = 0; q < batch; q++) {
    scatter(s, answer_at(s, q), s->beta + q * n_coef);
    for (int64_t k = 0; k < K; k++)
      s->intercept[q * K + k] = s->problem->intercept ? answer_at(s, q)[k] : 0;
  }
  return status;
}

/* Leaves s->beta zero, as it was: W is about to change. */
static void gather_up(bvl_gram_path *s, int64_t batch)
{
  const int64_t n_coef = bvl_problem_n_coef(s->problem);
  for (int64_t q = 0; q < batch; q++) scatter(s, NULL, s->beta + q * n_coef);
}

/* v at lambda q of the batch, and how it moved on the way there. */
static void keep_gradient(bvl_gram_path *s, int64_t q, double way, bvl_solve_state *state)
{
  const int64_t n_coef = bvl_problem_n_coef(s->problem);
  const double *v = s->v + q * n_coef;
  const double *before = q > 0 ? v - n_coef : state->v;
  bvl_batch_screen_follow(&s->screen, way, before, v);
  memcpy(state->v, v, (size_t)n_coef * sizeof *v);
  state->v_valid = 1;
}

/* Hands lambda q of the batch over as finished; what only the next batch asks for is left to the
 * last one. */
static bvl_status finish(bvl_gram_path *s, int64_t q, int last, double lambda,
                         const bvl_certificate *certificate, bvl_solve_state *state,
                         bvl_solve_control *control)
{
  const int64_t K = s->problem->outputs;
  state->lambda = lambda;
  state->point.intercept = s->intercept[q * K];
  for (int64_t k = 0; K > 1 && k < K; k++) state->point.intercepts[k] = s->intercept[q * K + k];
  scatter(s, answer_at(s, q), state->point.beta); /* zero outside W */
  state->v_valid = 0;
  if (last) keep_gradient(s, q, state->lambda_previous - lambda, state);
  state->slope = last ? s->screen.slope : NULL;
  state->certificate = *certificate;
  state->iterations = (int64_t)answer_at(s, q)[answer_len(s)];
  state->status = !bvl_screen_is_certified(certificate, control->options->tol);
  return control->finished(control->context);
}

/* The inner tolerance leaves the certificate room: a scalar model ends at rounding anyway. */
static bvl_status solve(bvl_gram_path *s, int64_t batch, const double *lambdas, double tol,
                        const bvl_solve_control *control)
{
  const int64_t max_iter = control->options->max_iter;
  const bvl_watch *watch = &control->watch;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_INNER);
  bvl_status status = BVL_OK;
  if (s->classes != NULL)
    status = bvl_classes_model_solve(s->classes, bvl_multi_model_start(s->multi), batch, lambdas,
                                     0.2 * tol, max_iter, watch, s->answer);
  else if (s->multi != NULL)
    status = bvl_multi_model_solve(s->multi, batch, lambdas, 0.2 * tol, max_iter, watch, s->answer);
  else if (s->groups != NULL)
    status = bvl_group_model_solve(s->groups, batch, lambdas, 0.5 * tol, max_iter, watch,
                                   s->answer);
  else if (s->concave != NULL)
    status = bvl_concave_model_solve(s->concave, batch, lambdas, 1e-2 * tol, max_iter, watch,
                                     s->answer);
  else
    status = bvl_batch_model_solve(s->model, batch, lambdas, 1e-2 * tol, max_iter, watch,
                                   s->answer);
  bvl_phase_leave(before);
  return status;
}

/* One lambda that the group method could not reach from the last solutions: by way of lambdas in
 * between, the more of them the harder it is. */
static bvl_status solve_in_parts(bvl_gram_path *s, double from, double lambda, double tol,
                                 const bvl_solve_control *control)
{
  bvl_status status = BVL_OK;
  double *steps = s->answer + s->set->d;
  const double *is_solved = steps + 1; /* out of a collective */
  double total = *steps;
  for (int parts = 2; parts <= MAX_PARTS && *is_solved == 0; parts *= 2) {
    bvl_group_model_keep(s->groups, 0);
    for (int k = 1; k <= parts; k++) {
      const double on_the_way = from * pow(lambda / from, (double)k / parts);
      const double at = k < parts ? on_the_way : lambda;
      BVL_TRY(solve(s, 1, &at, tol, control));
      total += *steps;
      if (*is_solved == 0) break;
      if (k < parts) bvl_group_model_keep(s->groups, 1);
    }
  }
  *steps = total;
cleanup:
  return status;
}

/* Lambdas of the batch before the first that was cut short: out of a collective. */
static int64_t count_uncut(const bvl_gram_path *s, int64_t batch)
{
  int64_t n = 0;
  while (n < batch && answer_at(s, n)[answer_len(s) + 1] != BVL_ANSWER_CUT) n++;
  return n;
}

/* A concave lambda that lacked columns is not solved from the last finished one again but from the
 * answer it had, which is no worse: what W holds otherwise is long settled there. */
static const bvl_point *start_of(const bvl_gram_path *s, double lambda,
                                 const bvl_solve_state *state)
{
  return lambda == s->again_at ? &s->again : &state->point;
}

static void keep_start(bvl_gram_path *s, int64_t q, double lambda)
{
  const int64_t p_local = s->problem->X->columns.p_local;
  memset(s->again.beta, 0, (size_t)p_local * sizeof *s->again.beta);
  scatter(s, answer_at(s, q), s->again.beta);
  s->again.intercept = s->intercept[q];
  s->again_at = lambda;
}

/* What a batch came to, for whoever wants to know: this rank's counters at its start, their growth
 * at its end. */
static bvl_batch start_facts(const bvl_gram_path *s, int64_t n)
{
  const bvl_active *A = s->set->columns;
  return (bvl_batch){.offered = bvl_lesser(n, s->longest),
                     .before = A->n_cols,
                     .joined_here = A->appended,
                     .entries_sent = A->entries_sent};
}

static void finish_facts(const bvl_gram_path *s, int64_t batch, int64_t done, bvl_batch *facts)
{
  const bvl_active *A = s->set->columns;
  facts->lambdas = batch;
  facts->finished = done;
  facts->after = A->n_cols;
  facts->joined_here = A->appended - facts->joined_here;
  facts->entries_sent = A->entries_sent - facts->entries_sent;
}

/* With more columns than rows nothing is told from 0 by less than what tol allows at 0, half of
 * which stands for it: every column would be wanted there. */
static void choose_levels(const bvl_gram_path *s, int64_t n, const double *asked, double tol,
                          double *lambdas)
{
  const int wide = s->model != NULL && s->problem->n < bvl_design_p(s->problem->X);
  for (int64_t q = 0; q < bvl_lesser(n, MAX_BATCH); q++)
    lambdas[q] = asked[q] > 0 || !wide ? asked[q] : 50 * tol * s->problem->lambda_max;
}

/* Widens, solves and certifies up to n lambdas; *done of them are finished. *general = 1 when the
 * first one is beyond this engine (dependent columns it cannot order, rounding). */
static bvl_status one_batch(bvl_gram_path *s, int64_t n, const double *asked,
                            bvl_solve_state *state, bvl_solve_control *control, int64_t *done,
                            int *general)
{
  bvl_status status = BVL_OK;
  bvl_working_set *set = s->set;
  const bvl_comm *all = &s->problem->grid->all;
  const double tol = control->options->tol;
  bvl_certificate certificate[MAX_BATCH];
  double lambdas[MAX_BATCH]; /* to solve at */
  int64_t batch = 0;
  int64_t spread_out = 0;
  int64_t first = 0;
  int64_t n_new = 0; /* columns about to join W; out of a collective */
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_SCREEN);
  bvl_batch facts = start_facts(s, n);
  *done = 0;
  choose_levels(s, n, asked, tol, lambdas);
  BVL_TRY(choose_batch(s, n, lambdas, state, &batch, &n_new));
  bvl_batch_screen_mark(&s->screen, state, batch, lambdas);
  if (is_too_many(s, n_new))
    BVL_TRY(
        bvl_screen_thin(set, state->v, 0, state->point.beta, most_at_once(s), s->screen.wanted));
  BVL_TRY(bvl_working_set_add(set, s->screen.wanted));
  facts.screened = set->columns->n_cols - facts.before;
  BVL_TRY(load(s, start_of(s, lambdas[0], state)));
  BVL_TRY(bvl_agree(
      all, BVL_GROW(&s->answer, &s->answer_capacity, batch * (answer_len(s) + BVL_ANSWER_EXTRA))));
  BVL_TRY(solve(s, batch, lambdas, tol, control));
  if (batch == 1 && s->groups != NULL && state->lambda_previous > lambdas[0])
    BVL_TRY(solve_in_parts(s, state->lambda_previous, lambdas[0], tol, control));
  batch = count_uncut(s, batch);
  if (batch > 0) {
    spread_out = batch;
    BVL_TRY(spread(s, batch));
    BVL_TRY(bvl_certify_many(s->problem, batch, asked, s->intercept, s->beta, s->eta, s->v,
                             certificate));
    BVL_TRY(bvl_batch_screen_check(&s->screen, batch, lambdas, s->v, &first, &n_new));
  }
  while (*done < first && bvl_screen_is_certified(&certificate[*done], tol)) (*done)++;
  const int unsolved = *done < first; /* and no column outside W is to blame */
  *general = unsolved && batch == 1;
  /* the general solver knows one output, and wants the whole Gram on one rank: uncertified, then */
  if (*general &&
      (s->multi != NULL || (s->model != NULL && bvl_batch_model_is_distributed(s->model)))) {
    *done = 1;
    *general = 0;
  }
  control->together = *done;
  for (int64_t q = 0; q < *done; q++)
    BVL_TRY(finish(s, q, q == *done - 1, asked[q], &certificate[q], state, control));
  if (s->groups != NULL) bvl_group_model_keep(s->groups, *done);
  s->again_at = NAN;
  if (s->concave != NULL && *done < batch && *done == first) keep_start(s, first, lambdas[first]);
  if (unsolved) s->longest = bvl_greater(1, batch / 2);
  s->was_unsolved = unsolved; /* the next batch is to be shorter, not this long again */
  bvl_batch_screen_adapt(&s->screen, first < batch);
  gather_up(s, spread_out);
  spread_out = 0;
  if (first < batch && is_too_many(s, n_new))
    BVL_TRY(bvl_screen_thin(set, s->v + first * bvl_problem_n_coef(s->problem), lambdas[first],
                            NULL, most_at_once(s), s->screen.wanted));
  if (first < batch) BVL_TRY(bvl_working_set_add(set, s->screen.wanted));
  facts.violators = set->columns->n_cols - facts.before - facts.screened;
  BVL_TRY(load(s, *done < batch ? start_of(s, lambdas[*done], state) : &state->point));
  /* what a concave lambda was not solved with is about to be asked for again */
  if (s->concave == NULL || *done > 0) BVL_TRY(bvl_working_set_prune(set));
  finish_facts(s, batch, *done, &facts);
  if (control->batch_done != NULL) control->batch_done(control->context, &facts);
cleanup:
  bvl_phase_leave(before);
  gather_up(s, spread_out);
  return status;
}

/* Checkpoints are taken between batches: when one is due each time, batches outlast the interval,
 * and a killed run would lose more than it. */
static void heed_interval(bvl_gram_path *s, int due)
{
  if (due && s->was_due) s->longest = bvl_greater(1, s->longest / 2);
  if (!due && !s->was_unsolved) s->longest = bvl_lesser(s->most, s->longest + 1);
  s->was_due = due;
}

bvl_status bvl_gram_path_run(bvl_gram_path *s, int64_t n, const double *lambdas,
                             bvl_solve_state *state, bvl_solve_control *control, int64_t *n_done,
                             int *general)
{
  bvl_status status = BVL_OK;
  *n_done = 0;
  s->again_at = NAN; /* of another run, perhaps from another start */
  while (s->problem->bounds != NULL && n > 0 && lambdas[n - 1] == 0) n--; /* no signs to go by */
  *general = n == 0;
  /* fewer sweeps than this would cost less than the copy */
  const int pays = n > MAX_BATCH || s->problem->X->streamed != NULL;
  if (control->options->rounded && pays && s->multi == NULL) BVL_TRY(bvl_problem_round(s->problem));
  while (*n_done < n && !*general) {
    int wants = 0;
    int64_t done = 0;
    BVL_TRY(bvl_solve_poll(s->problem, control, &wants));
    BVL_TRY(bvl_solve_heed(control, wants));
    if (wants & BVL_WANT_TIME_UP) break;
    heed_interval(s, (wants & BVL_WANT_CHECKPOINT) != 0);
    BVL_TRY(one_batch(s, n - *n_done, lambdas + *n_done, state, control, &done, general));
    *n_done += done;
    if (*general && s->groups != NULL) bvl_group_model_forget(s->groups);
  }
cleanup:
  return status;
}
