/* SPDX-License-Identifier: BSD-3-Clause */
/* Block descent finds the support and the signs; Newton on the support makes them exact.
 *
 * Radial penalties are smooth away from zero, so on a fixed support (and, for scalars, fixed signs)
 * the problem is a smooth one: H = G_AA + penalty curvature. A step that would carry blocks through
 * zero is tried with those blocks set to zero, and cut at the first crossing when that does not
 * descend; bounds are such stops too, and a coordinate at one leaves the system. The same holds for
 * the pieces of a difference penalty, smooth where no piece is zero. What then wants to come back
 * is found by the next sweep. The sweep is also the safeguard: each of its block steps descends
 * whatever G is. Cost: a sweep d^2 flops times the share of blocks that move; a Newton step |A|^3
 * / 3. */
#include "solver/quadratic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/lapack.h"

enum { BLOCK_STEPS = 20, MAX_NEWTON = 60, MAX_BACKTRACKS = 30 };

/* What can be zero by itself: the blocks, or pieces inside them. */
typedef struct pieces {
  int64_t n;
  const int64_t *begin; /* n + 1 */
  const double *lw;     /* n: of the block */
  int64_t *own_begin;   /* owned, NULL where the pieces are the blocks */
  double *own_lw;
} pieces;

typedef struct work {
  const bvl_quadratic *p;
  double *b;        /* the caller's */
  double *gradient; /* the caller's */
  pieces pieces;
  double *curvature; /* n_blocks: upper bound of the block's own G, owned */
  int64_t *support;  /* d: coordinates in Newton's system, owned */
  double *H;         /* support^2, grown on demand, owned */
  int64_t H_len;
  double *rhs;   /* d, owned: right-hand side, then the step */
  double *trial; /* d, owned */
  double *moved; /* d, owned: G (trial - b) */
  double *block; /* longest block, owned */
} work;

static void release(work *w)
{
  free(w->pieces.own_begin);
  free(w->pieces.own_lw);
  free(w->curvature);
  free(w->support);
  free(w->H);
  free(w->rhs);
  free(w->trial);
  free(w->moved);
  free(w->block);
}

static int64_t block_len(const bvl_quadratic *p, int64_t g)
{
  return p->begin[g + 1] - p->begin[g];
}

static int64_t piece_len(const work *w, int64_t i)
{
  return w->pieces.begin[i + 1] - w->pieces.begin[i];
}

static bvl_status list_pieces(work *w)
{
  const bvl_quadratic *p = w->p;
  pieces *list = &w->pieces;
  bvl_status status = BVL_OK;
  *list = (pieces){.n = p->n_blocks, .begin = p->begin, .lw = p->lw};
  if (!p->penalty->type->difference) return BVL_OK;
  BVL_TRY(BVL_ALLOC(&list->own_begin, p->d + 1));
  BVL_TRY(BVL_ALLOC(&list->own_lw, p->d));
  list->n = 0;
  for (int64_t g = 0; g < p->n_blocks; g++) {
    const int64_t *begin = NULL;
    const int64_t n = bvl_penalty_pieces(p->penalty, block_len(p, g), &begin);
    for (int64_t i = 0; i < n; i++) {
      list->own_lw[list->n] = p->lw[g];
      list->own_begin[list->n++] = p->begin[g] + (begin != NULL ? begin[i] : i);
    }
  }
  list->own_begin[list->n] = p->d;
  list->begin = list->own_begin;
  list->lw = list->own_lw;
cleanup:
  return status;
}

double bvl_quadratic_bound(const bvl_quadratic *p, int64_t g)
{
  double largest = 0;
  for (int64_t k = p->begin[g]; k < p->begin[g + 1]; k++) {
    double row = 0;
    for (int64_t l = p->begin[g]; l < p->begin[g + 1]; l++) row += fabs(p->G[l + k * p->ld]);
    largest = fmax(largest, row);
  }
  return largest;
}

static bvl_status prepare(work *w)
{
  bvl_status status = BVL_OK;
  const bvl_quadratic *p = w->p;
  int64_t longest = 1;
  BVL_TRY(list_pieces(w));
  for (int64_t g = 0; g < p->n_blocks; g++) longest = bvl_greater(longest, block_len(p, g));
  BVL_TRY(BVL_ALLOC(&w->curvature, p->n_blocks));
  BVL_TRY(BVL_ALLOC(&w->support, p->d));
  BVL_TRY(BVL_ALLOC(&w->rhs, p->d));
  BVL_TRY(BVL_ALLOC(&w->trial, p->d));
  BVL_TRY(BVL_ALLOC(&w->moved, p->d));
  BVL_TRY(BVL_ALLOC(&w->block, longest));
  for (int64_t g = 0; g < p->n_blocks; g++) w->curvature[g] = bvl_quadratic_bound(p, g);
cleanup:
  return status;
}

static bvl_penalty penalty_of(const bvl_quadratic *p, int64_t g)
{
  const bvl_penalty pen = p->weight != NULL ? bvl_penalty_at(p->penalty, p->weight[g])
                                            : *p->penalty;
  if (pen.type->rest == NULL) return pen;
  return bvl_penalty_curved(pen,
                            p->curvature != NULL ? p->curvature[g] : bvl_quadratic_bound(p, g));
}

static bvl_interval interval(const bvl_quadratic *p, int64_t k)
{
  return p->bounds != NULL ? p->bounds[k] : (bvl_interval){-INFINITY, INFINITY};
}

double bvl_quadratic_residual(const bvl_quadratic *p, int64_t g, const double *b,
                              const double *gradient)
{
  const int64_t k = p->begin[g];
  if (p->bounds != NULL && block_len(p, g) == 1)
    return bvl_bounded_distance(p->penalty, p->lw[g], interval(p, k), b[k], gradient[k]);
  const bvl_penalty pen = penalty_of(p, g);
  return bvl_penalty_distance(&pen, p->lw[g], block_len(p, g), b + k, gradient + k);
}

static double block_residual(const work *w, int64_t g)
{
  return bvl_quadratic_residual(w->p, g, w->b, w->gradient);
}

static double largest_residual(const work *w)
{
  double largest = 0;
  for (int64_t g = 0; g < w->p->n_blocks; g++) largest = fmax(largest, block_residual(w, g));
  return largest;
}

/* b_g <- w->block, with the gradient brought along. */
static void set_block(work *w, int64_t g)
{
  const bvl_quadratic *p = w->p;
  for (int64_t k = p->begin[g]; k < p->begin[g + 1]; k++) {
    const double delta = w->block[k - p->begin[g]] - w->b[k];
    if (delta == 0) continue;
    w->b[k] = w->block[k - p->begin[g]];
    cblas_daxpy((int)p->d, delta, p->G + k * p->ld, 1, w->gradient, 1);
  }
}

/* Is zero the block's minimiser, everything else fixed? Of a penalty that is not convex: a
 * stationary point that costs no more than b does. */
static int zero_is_best(work *w, int64_t g)
{
  const bvl_quadratic *p = w->p;
  const int64_t begin = p->begin[g];
  const int64_t m = block_len(p, g);
  for (int64_t k = 0; k < m; k++) {
    w->block[k] = w->gradient[begin + k];
    for (int64_t l = 0; l < m; l++)
      w->block[k] -= p->G[(begin + k) + (begin + l) * p->ld] * w->b[begin + l];
  }
  const bvl_penalty pen = penalty_of(p, g);
  if (bvl_penalty_shrunk_norm(&pen, p->lw[g], m, w->block) > bvl_penalty_threshold(&pen, p->lw[g]))
    return 0;
  if (pen.type->convex) return 1;
  double cost = bvl_penalty_value(&pen, p->lw[g], m, w->b + begin);
  for (int64_t k = 0; k < m; k++)
    cost += w->b[begin + k] * (w->block[k] + w->gradient[begin + k]) / 2;
  return cost >= 0;
}

/* Minimises over one block: at once when it is one column or zero is the answer, else by proximal
 * steps until its own residual is small next to where it began. */
static void descend_block(work *w, int64_t g)
{
  const bvl_quadratic *p = w->p;
  const int64_t begin = p->begin[g];
  const int64_t m = block_len(p, g);
  const double rho = w->curvature[g];
  const bvl_penalty pen = penalty_of(p, g);
  if (!(rho > 0)) return; /* a zero column: nothing to gain */
  const double first = block_residual(w, g);
  if (first == 0) return;
  if (m > 1 && zero_is_best(w, g)) {
    memset(w->block, 0, (size_t)m * sizeof *w->block);
    set_block(w, g);
    return;
  }
  for (int step = 0; step < (m == 1 ? 1 : BLOCK_STEPS); step++) {
    for (int64_t k = 0; k < m; k++) w->block[k] = w->b[begin + k] - w->gradient[begin + k] / rho;
    bvl_penalty_prox(&pen, p->lw[g], rho, m, w->block, w->block);
    if (m == 1) w->block[0] = bvl_interval_clip(interval(p, begin), w->block[0]);
    set_block(w, g);
    if (m > 1 && block_residual(w, g) <= 1e-2 * first) break;
  }
}

static int is_zero(const double *b, int64_t m)
{
  for (int64_t k = 0; k < m; k++)
    if (b[k] != 0) return 0;
  return 1;
}

/* Does Newton move piece i: not at a bound, and unpenalised or nonzero? */
static int is_moving(const work *w, int64_t i)
{
  const bvl_quadratic *p = w->p;
  const int64_t k = w->pieces.begin[i];
  const bvl_interval in = interval(p, k);
  if (p->bounds != NULL && (w->b[k] <= in.lower || w->b[k] >= in.upper)) return 0;
  return w->pieces.lw[i] == 0 || !is_zero(w->b + k, piece_len(w, i));
}

/* The penalty's part of block g in the system, whose rows from `at` on are the block's. */
static void add_penalty(work *w, int64_t g, int64_t at, int64_t len, int64_t m)
{
  const bvl_quadratic *p = w->p;
  const double *b = w->b + p->begin[g];
  bvl_penalty_gradient(p->penalty, p->lw[g], block_len(p, g), b, w->block);
  for (int64_t k = at; k < at + len; k++) w->rhs[k] -= w->block[w->support[k] - p->begin[g]];
  bvl_penalty_add_curvature(p->penalty, p->lw[g], block_len(p, g), b, w->H + at + at * m, m);
}

/* Coordinates of the pieces that move, and Newton's system on them. Pieces of length > 1 are wholly
 * in or wholly out. */
static bvl_status build_system(work *w, int64_t *size)
{
  const bvl_quadratic *p = w->p;
  int64_t m = 0;
  for (int64_t i = 0; i < w->pieces.n; i++)
    if (is_moving(w, i))
      for (int64_t k = w->pieces.begin[i]; k < w->pieces.begin[i + 1]; k++) w->support[m++] = k;
  *size = m;
  bvl_status status = BVL_GROW(&w->H, &w->H_len, m * m);
  if (status != BVL_OK) return status;
  for (int64_t l = 0; l < m; l++) {
    const double *column = p->G + w->support[l] * p->ld;
    for (int64_t k = l; k < m; k++) w->H[k + l * m] = column[w->support[k]];
  }
  int64_t at = 0;
  for (int64_t g = 0; g < p->n_blocks && at < m; g++) {
    int64_t end = at;
    for (; end < m && w->support[end] < p->begin[g + 1]; end++)
      w->rhs[end] = -w->gradient[w->support[end]];
    if (p->lw[g] > 0 && end > at) add_penalty(w, g, at, end - at, m);
    at = end;
  }
  return BVL_OK;
}

/* rhs <- H^-1 rhs. Collinear columns make H singular, a penalty that is not convex indefinite: a
 * growing ridge then picks a nearby system, and the step stays a descent direction. */
static bvl_status solve_system(work *w, int64_t m, int *solved)
{
  const int convex = w->p->penalty->type->convex;
  const double most = convex ? 1e-3 : 1e3;
  *solved = bvl_cholesky_solve(m, w->H, m, w->rhs) == 0;
  for (double ridge = convex ? 1e-12 : 1e-6; !*solved && ridge < most; ridge *= convex ? 100 : 10) {
    int64_t size = 0;
    double diagonal = 0;
    bvl_status status = build_system(w, &size);
    if (status != BVL_OK) return status;
    for (int64_t k = 0; k < m; k++) diagonal = fmax(diagonal, w->H[k + k * m]);
    for (int64_t k = 0; k < m; k++) w->H[k + k * m] += ridge * diagonal;
    *solved = bvl_cholesky_solve(m, w->H, m, w->rhs) == 0;
  }
  return BVL_OK;
}

/* trial = b + t step on the support; scalar blocks that change sign are stopped at zero, those that
 * reach a bound (to rounding) at the bound. Returns how many were. */
static int64_t make_trial(work *w, int64_t m, double t)
{
  const bvl_quadratic *p = w->p;
  int64_t stopped = 0;
  memcpy(w->trial, w->b, (size_t)p->d * sizeof *w->b);
  for (int64_t k = 0; k < m; k++) w->trial[w->support[k]] += t * w->rhs[k];
  for (int64_t i = 0; i < w->pieces.n; i++) {
    const int64_t k = w->pieces.begin[i];
    if (w->pieces.lw[i] == 0 || piece_len(w, i) != 1 || w->b[k] == 0) continue;
    if (w->trial[k] * w->b[k] > 1e-14 * w->b[k] * w->b[k]) continue;
    w->trial[k] = 0;
    stopped++;
  }
  for (int64_t k = 0; p->bounds != NULL && k < m; k++) {
    const int64_t c = w->support[k];
    const double bound = w->rhs[k] > 0 ? p->bounds[c].upper : p->bounds[c].lower;
    const double left = w->rhs[k] > 0 ? bound - w->trial[c] : w->trial[c] - bound;
    if (isinf(bound) || left > 1e-14 * fabs(bound)) continue;
    w->trial[c] = bound;
    stopped++;
  }
  return stopped;
}

/* Change of the objective from b to trial, and the rounding to be expected in it; leaves G (trial -
 * b) in moved. */
static double objective_change(work *w, int64_t m, double *rounding)
{
  const bvl_quadratic *p = w->p;
  double change = 0;
  *rounding = 0;
  memset(w->moved, 0, (size_t)p->d * sizeof *w->moved);
  for (int64_t k = 0; k < m; k++) {
    const int64_t c = w->support[k];
    const double delta = w->trial[c] - w->b[c];
    if (delta != 0) cblas_daxpy((int)p->d, delta, p->G + c * p->ld, 1, w->moved, 1);
  }
  for (int64_t k = 0; k < m; k++) {
    const int64_t c = w->support[k];
    change += (w->trial[c] - w->b[c]) * (w->gradient[c] + w->moved[c] / 2);
  }
  for (int64_t g = 0; g < p->n_blocks; g++) {
    const int64_t begin = p->begin[g];
    if (p->lw[g] == 0) continue;
    const double now = bvl_penalty_value(p->penalty, p->lw[g], block_len(p, g), w->b + begin);
    change += bvl_penalty_value(p->penalty, p->lw[g], block_len(p, g), w->trial + begin) - now;
    *rounding += 4 * 0x1p-53 * now;
  }
  return change;
}

/* The fraction of the step at which the first scalar block reaches zero or its bound; 1 when none
 * does. */
static double first_crossing(const work *w, int64_t m)
{
  double t = 1;
  int64_t at = 0;
  const bvl_quadratic *p = w->p;
  for (int64_t i = 0; i < w->pieces.n && at < m; i++) {
    const int64_t k = w->pieces.begin[i];
    if (w->support[at] != k) continue;
    const double b = w->b[k];
    if (piece_len(w, i) == 1 && w->pieces.lw[i] > 0 && w->rhs[at] * b < 0)
      t = fmin(t, -b / w->rhs[at]);
    const bvl_interval in = interval(p, k);
    if (p->bounds != NULL && w->rhs[at] != 0)
      t = fmin(t, ((w->rhs[at] > 0 ? in.upper : in.lower) - b) / w->rhs[at]);
    at += piece_len(w, i);
  }
  return t;
}

/* Does the trial shrink a group towards zero? Near zero the penalty's curvature grows like 1/norm
 * and Newton only halves the norm: the sweep's test decides such a group at once. */
static int group_is_leaving(const work *w)
{
  for (int64_t i = 0; i < w->pieces.n; i++) {
    const int64_t m = piece_len(w, i);
    const int64_t k = w->pieces.begin[i];
    if (m == 1 || w->pieces.lw[i] == 0) continue;
    const double before = bvl_block_norm(m, w->b + k);
    if (before > 0 && bvl_block_norm(m, w->trial + k) < 0.3 * before) return 1;
  }
  return 0;
}

/* Newton on the support until its own residual is small, a group wants to leave, or no step
 * descends. */
static bvl_status newton_on_support(work *w, double tol, bvl_quadratic_outcome *outcome)
{
  const bvl_quadratic *p = w->p;
  double last = INFINITY;
  for (int step = 0; step < MAX_NEWTON && !bvl_watch_is_over(p->watch); step++) {
    int64_t m = 0;
    int solved = 0;
    bvl_status status = build_system(w, &m);
    if (status != BVL_OK || m == 0) return status;
    double residual = 0;
    for (int64_t k = 0; k < m; k++) residual = fmax(residual, fabs(w->rhs[k]));
    /* a step that no longer helps is at rounding, or in a zone the sweep must lead out of */
    if (residual <= 0.1 * tol || (step > 8 && residual > 0.5 * last)) return BVL_OK;
    last = residual;
    status = solve_system(w, m, &solved);
    if (status != BVL_OK || !solved) return status;
    outcome->newton_steps++;
    double t = 1;
    const double crossing = first_crossing(w, m);
    double change = 0;
    double rounding = 0;
    for (int back = 0; back < MAX_BACKTRACKS; back++, t /= 2) {
      /* after the bold try, the cut that stops exactly at the first zero: it always descends */
      if (back == 1 && crossing < 1) t = crossing;
      make_trial(w, m, t);
      change = objective_change(w, m, &rounding);
      if (change <= rounding) break;
    }
    if (!(change <= rounding)) return BVL_OK;
    const int leaving = group_is_leaving(w);
    memcpy(w->b, w->trial, (size_t)p->d * sizeof *w->b);
    for (int64_t k = 0; k < p->d; k++) w->gradient[k] += w->moved[k];
    if (leaving) return BVL_OK;
  }
  return BVL_OK;
}

bvl_status bvl_quadratic_solve(const bvl_quadratic *problem, int newton, double tol,
                               int64_t max_sweeps, double *b, double *gradient,
                               bvl_quadratic_outcome *outcome)
{
  bvl_status status = BVL_OK;
  work w = {.p = problem, .b = b, .gradient = gradient};
  *outcome = (bvl_quadratic_outcome){.residual = 0};
  BVL_TRY(prepare(&w));
  double best = INFINITY;
  int stalled = 0;
  if (newton == 2) {
    BVL_TRY(newton_on_support(&w, tol, outcome));
    max_sweeps = 0;
  }
  for (int64_t sweep = 0; sweep < max_sweeps; sweep++) {
    outcome->residual = largest_residual(&w);
    if (outcome->residual <= tol) break;
    /* rounding is reached when neither the sweep nor Newton gains any more */
    stalled = outcome->residual < 0.9 * best ? 0 : stalled + 1;
    best = fmin(best, outcome->residual);
    if ((newton && stalled > 20) || bvl_watch_is_over(problem->watch)) break;
    for (int64_t g = 0; g < problem->n_blocks; g++) descend_block(&w, g);
    outcome->sweeps++;
    if (newton) BVL_TRY(newton_on_support(&w, tol, outcome));
  }
  outcome->residual = largest_residual(&w);
cleanup:
  release(&w);
  return status;
}
