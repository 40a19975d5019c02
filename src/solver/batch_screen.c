/* SPDX-License-Identifier: BSD-3-Clause */
#include "solver/batch_screen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* How far beyond its predicted correlation a column may move, in units of the lambdas' distance: 1
 * with no slope is the strong rule. Misses cost another sweep, excess costs Gram columns. */
static const double MARGIN_STRONG = 1, MARGIN_MIN = 0.05, MARGIN_SHRINK = 0.8, MARGIN_GROW = 1.6;

/* Where columns are missing, concave penalties take in also those this close to their threshold:
 * the answer may leap when the missing ones are in. */
static const double NEAR = 0.95;

bvl_status bvl_batch_screen_create(bvl_problem *problem, const bvl_working_set *set,
                                   bvl_batch_screen *s)
{
  bvl_status status = BVL_OK;
  *s = (bvl_batch_screen){.problem = problem, .set = set, .margin = MARGIN_STRONG};
  status = BVL_ALLOC(&s->slope, bvl_problem_n_coef(problem));
  if (status == BVL_OK) status = BVL_ALLOC(&s->wanted, problem->blocks.n);
  return bvl_agree(&problem->grid->all, status);
}

void bvl_batch_screen_free(bvl_batch_screen *s)
{
  free(s->slope);
  free(s->wanted);
  *s = (bvl_batch_screen){.problem = NULL};
}

/* ---- which columns are predicted to be needed ------------------------------------------------ */

/* Is block g predicted to come within the margin of its threshold at lambda? Between breakpoints v
 * is linear in lambda: the last two solutions tell where it goes. */
static int is_candidate(const bvl_batch_screen *s, const bvl_solve_state *state, int64_t g,
                        double lambda)
{
  const bvl_blocks *blocks = &s->problem->blocks;
  const double way = state->lambda_previous - lambda;
  const double level = fmax(lambda - s->margin * way, 0);
  double *v = s->problem->block_work;
  const int64_t begin = bvl_problem_begin(s->problem, g);
  const int64_t end = begin + bvl_problem_len(s->problem, g);
  for (int64_t k = begin; k < end; k++) {
    if (state->point.beta[k] != 0) return 1;
    v[k - begin] = state->v[k] - way * s->slope[k];
  }
  const bvl_penalty pen = bvl_problem_penalty(s->problem, g);
  const double lw = level * blocks->weight[g];
  return bvl_problem_pull(s->problem, &pen, lw, g, v) >= bvl_penalty_threshold(&pen, lw);
}

/* How far a batch looks ahead: what most columns are far from at all of its lambdas at once. */
typedef struct horizon {
  double way;    /* the longest step from the last finished lambda */
  double level;  /* the lowest level of is_candidate */
  double weight; /* the weight that floor was made for */
  double floor;  /* threshold of that weight at level */
} horizon;

static horizon look_ahead(const bvl_batch_screen *s, const bvl_solve_state *state, int64_t n,
                          const double *lambdas)
{
  const double last = state->lambda_previous - lambdas[n - 1];
  return (horizon){.way = fmax(fabs(state->lambda_previous - lambdas[0]), fabs(last)),
                   .level = fmax(lambdas[n - 1] - s->margin * last, 0),
                   .weight = NAN};
}

/* Is block g no candidate at any lambda of the batch? Never wrong when it says so. */
static int is_beyond(const bvl_batch_screen *s, const bvl_solve_state *state, int64_t g, horizon *h)
{
  const bvl_blocks *blocks = &s->problem->blocks;
  const int64_t begin = bvl_problem_begin(s->problem, g);
  const int64_t m = bvl_problem_len(s->problem, g);
  if (blocks->weight[g] != h->weight || s->problem->curvature != NULL) {
    const bvl_penalty pen = bvl_problem_penalty(s->problem, g);
    h->weight = blocks->weight[g];
    h->floor = bvl_penalty_threshold(&pen, h->level * h->weight);
  }
  const double reach = bvl_block_norm(m, state->v + begin) +
                       h->way * bvl_block_norm(m, s->slope + begin);
  return bvl_block_norm(m, state->point.beta + begin) == 0 && reach < h->floor;
}

/* counts[q] = columns of blocks outside W that are candidates at lambdas[q] but not at lambdas[q -
 * 1]; summed over the ranks. */
static bvl_status count_candidates(const bvl_batch_screen *s, int64_t n, const double *lambdas,
                                   const bvl_solve_state *state, int64_t *counts)
{
  const bvl_problem *problem = s->problem;
  const bvl_blocks *blocks = &problem->blocks;
  horizon ahead = look_ahead(s, state, n, lambdas);
  memset(counts, 0, (size_t)n * sizeof *counts);
  for (int64_t g = 0; problem->grid->i == 0 && g < blocks->n; g++) {
    if (blocks->weight[g] == INFINITY || s->set->member[g]) continue;
    if (is_beyond(s, state, g, &ahead)) continue;
    int64_t q = 0;
    while (q < n && !is_candidate(s, state, g, lambdas[q])) q++;
    if (q < n) counts[q] += bvl_block_len(blocks, g);
  }
  return bvl_sum_i64(&problem->grid->all, counts, n);
}

void bvl_batch_screen_mark(bvl_batch_screen *s, const bvl_solve_state *state, int64_t batch,
                           const double *lambdas)
{
  const bvl_blocks *blocks = &s->problem->blocks;
  horizon ahead = look_ahead(s, state, batch, lambdas);
  for (int64_t g = 0; g < blocks->n; g++) {
    s->wanted[g] = 0;
    if (blocks->weight[g] == INFINITY || s->set->member[g]) continue;
    if (is_beyond(s, state, g, &ahead)) continue;
    for (int64_t q = 0; q < batch && !s->wanted[g]; q++)
      s->wanted[g] = (unsigned char)is_candidate(s, state, g, lambdas[q]);
  }
}

bvl_status bvl_batch_screen_choose(const bvl_batch_screen *s, int64_t n, const double *lambdas,
                                   const bvl_solve_state *state, int64_t room, int64_t *batch,
                                   int64_t *n_new)
{
  int64_t counts[BVL_BATCH_MOST];
  bvl_status status = count_candidates(s, n, lambdas, state, counts);
  int64_t total = 0;
  *batch = *n_new = 0;
  for (int64_t q = 0; q < n; q++) {
    total += counts[q];
    if (q > 0 && total > room) break;
    *batch = q + 1;
    *n_new = total;
  }
  return status;
}

/* ---- which columns were missed --------------------------------------------------------------- */

bvl_status bvl_batch_screen_check(bvl_batch_screen *s, int64_t batch, const double *lambdas,
                                  const double *vs, int64_t *first, int64_t *count)
{
  enum { COUNT_BITS = 48 };
  const bvl_blocks *blocks = &s->problem->blocks;
  const int64_t n_coef = bvl_problem_n_coef(s->problem);
  int64_t mine = batch;
  const int sparse = s->problem->penalty.type->sparse;
  const double near = s->problem->penalty.type->convex ? 1 : NEAR;
  double weight = NAN; /* that limit was made for: blocks of one weight come in long runs */
  double limit[BVL_BATCH_MOST];
  memset(s->wanted, 0, (size_t)blocks->n);
  for (int64_t g = 0; g < blocks->n; g++) {
    if (blocks->weight[g] == INFINITY || s->set->member[g]) continue;
    const bvl_penalty pen = bvl_problem_penalty(s->problem, g);
    const int anew = blocks->weight[g] != weight || s->problem->curvature != NULL;
    weight = blocks->weight[g];
    for (int64_t q = 0; q < batch && anew; q++)
      limit[q] = bvl_penalty_threshold(&pen, lambdas[q] * weight);
    for (int64_t q = 0; q < batch; q++) {
      const double *v = vs + q * n_coef + bvl_problem_begin(s->problem, g);
      const double norm = bvl_block_norm(bvl_problem_len(s->problem, g), v);
      if (!(norm > near * limit[q])) continue; /* a NaN is nobody's violation: the point is bad */
      if ((sparse || s->problem->bounds != NULL) &&
          bvl_problem_pull(s->problem, &pen, lambdas[q] * weight, g, v) <= limit[q])
        continue;
      s->wanted[g] = 1;
      if (norm <= limit[q]) continue; /* merely close */
      mine = bvl_lesser(mine, q);
      break;
    }
  }
  int64_t marked = 0;
  for (int64_t g = 0; g < blocks->n; g++) marked += s->wanted[g];
  /* the smallest over the ranks, and of those that have it the largest count: one number */
  int64_t both = ((batch - mine) << COUNT_BITS) + marked;
  bvl_status status = bvl_max_i64(&s->problem->grid->all, &both, 1);
  *first = batch - (both >> COUNT_BITS);
  *count = both & (((int64_t)1 << COUNT_BITS) - 1);
  return status;
}

void bvl_batch_screen_follow(bvl_batch_screen *s, double way, const double *before, const double *v)
{
  const int64_t n_coef = bvl_problem_n_coef(s->problem);
  const double per_way = way > 0 ? 1 / way : 0;
  for (int64_t k = 0; k < n_coef; k++) s->slope[k] = (before[k] - v[k]) * per_way;
}

void bvl_batch_screen_adapt(bvl_batch_screen *s, int missed)
{
  s->margin = missed ? fmin(MARGIN_STRONG, MARGIN_GROW * s->margin)
                     : fmax(MARGIN_MIN, MARGIN_SHRINK * s->margin);
}
