/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton's method on the outer problem: directions by preconditioned conjugate gradients, a
 * backtracking line search, exact zeros and fresh starts in between.
 *
 * The Hessian is a diagonal and a positive semidefinite part. Where the diagonal is negative (a
 * block's condition fails) its size is used: the direction is always one of descent, a small v
 * doubles rather than overshoots, and as the diagonal of a block in use vanishes at the optimum,
 * the last steps are Newton's own.
 *
 * Near the optimum a coordinate's Hessian block has eigenvalues 4 w mu / (lambda + mu), mu those of
 * E C E: well conditioned whatever X is like, so few products make a step; and f is even in every
 * v_g, so that what goes to zero goes there at cubic speed.
 *
 * Traffic: an evaluation's a trial step; a product's and two reductions of one double an iteration
 * of the conjugate gradients. */
#include <math.h>
#include <string.h>

#include "solver/varpro/varpro_outer.h"

enum { STEP, RESIDUAL, SEARCH, PRODUCT, SCALED, PRECONDITION, BEFORE };
enum { TARGET = STEP, SCORE = RESIDUAL }; /* between steps */
enum { CG_MOST = 250, MAX_HALVINGS = 30, MAX_FEWER = 8, MAX_SMALLER = 12 };

static const double ARMIJO = 1e-4;
/* What rounding may do to f. */
static const double NOISE = 1e-14;
/* Part of the first residual at which conjugate gradients stop: the closer the tighter. */
static const double TIGHTEST = 1e-4, ROUGHEST = 0.1;

/* Where zeros are looked for and blocks put on their way, before the last digits. */
static const double LOOSE = 0.02;
/* Where the true Hessian of a concave penalty is tried. */
static const double NEAR = 0.3;

static bvl_status sum_dot(const bvl_varpro_outer *o, const double *x, const double *y, double *out)
{
  *out = 0;
  for (int64_t g = 0; g < o->form->n_blocks; g++) *out += x[g] * y[g];
  return bvl_sum(&o->problem->grid->all, out, 1);
}

static double noise_of(const bvl_varpro_outer *o)
{
  return NOISE * (fabs(o->sums.value) + o->problem->null_half);
}

/* The Hessian's diagonal, with what the other columns take off X_g'S^-1 X_g left aside. */
static void precondition(const bvl_varpro_outer *o, double *out)
{
  for (int64_t g = 0; g < o->form->n_blocks; g++) {
    const double h = o->curvature[g];
    const double along = o->at[g].d1 * o->norm[g];
    const double weight = o->form->set->weight[o->form->block[g]];
    out[g] = o->modified[g] + o->lambda * along * along * h / (o->lambda + h * o->at[g].d) +
             1e-10 * o->lambda * weight;
  }
}

/* STEP <- about -H^-1 gradient, H with this diagonal part. *indefinite = 1 when that has no
 * meaning.
 */
static bvl_status make_step(bvl_varpro_outer *o, const double *diagonal, int *indefinite)
{
  bvl_status status = BVL_OK;
  const int64_t n = o->form->n_blocks;
  double *p = o->vector[STEP];
  double *r = o->vector[RESIDUAL];
  double *s = o->vector[SEARCH];
  double *Hs = o->vector[PRODUCT];
  double *z = o->vector[SCALED];
  double *M = o->vector[PRECONDITION];
  double rz = 0;
  *indefinite = 0;
  precondition(o, M);
  for (int64_t g = 0; g < n; g++) {
    p[g] = 0;
    r[g] = -o->gradient[g];
    s[g] = z[g] = r[g] / M[g];
  }
  BVL_TRY(sum_dot(o, r, z, &rz));
  const double forcing = fmax(TIGHTEST, fmin(ROUGHEST, 0.3 * sqrt(sqrt(o->sums.stationary))));
  const double target = forcing * forcing * rz;
  for (int step = 0; step < CG_MOST && rz > target; step++) {
    double curvature = 0;
    const double before = rz;
    BVL_TRY(bvl_varpro_outer_hessian(o, diagonal, s, Hs));
    BVL_TRY(sum_dot(o, s, Hs, &curvature));
    *indefinite = !(curvature > 0);
    if (*indefinite) break;
    const double alpha = before / curvature;
    for (int64_t g = 0; g < n; g++) {
      p[g] += alpha * s[g];
      r[g] -= alpha * Hs[g];
      z[g] = r[g] / M[g];
    }
    BVL_TRY(sum_dot(o, r, z, &rz));
    for (int64_t g = 0; g < n; g++) s[g] = z[g] + rz / before * s[g];
  }
cleanup:
  return status;
}

/* v <- BEFORE, evaluated again. */
static bvl_status go_back(bvl_varpro_outer *o)
{
  memcpy(o->v, o->vector[BEFORE], (size_t)o->form->n_blocks * sizeof *o->v);
  return bvl_varpro_outer_eval(o);
}

static void remember(bvl_varpro_outer *o)
{
  memcpy(o->vector[BEFORE], o->v, (size_t)o->form->n_blocks * sizeof *o->v);
}

/* Along STEP as far as f falls. *moved = 0 when it does not at any length. */
static bvl_status line_search(bvl_varpro_outer *o, int *moved)
{
  bvl_status status = BVL_OK;
  const bvl_varpro_sums start = o->sums;
  double slope = 0;
  double t = 1;
  *moved = 0;
  remember(o);
  BVL_TRY(sum_dot(o, o->gradient, o->vector[STEP], &slope));
  if (!(slope < 0)) return BVL_OK;
  for (int trial = 0; trial < MAX_HALVINGS; trial++) {
    for (int64_t g = 0; g < o->form->n_blocks; g++)
      o->v[g] = o->vector[BEFORE][g] + t * o->vector[STEP][g];
    BVL_TRY(bvl_varpro_outer_eval(o));
    const double rise = o->sums.value - start.value;
    *moved = rise <= ARMIJO * t * slope ||
             (rise <= noise_of(o) && o->sums.gradient < 0.25 * start.gradient);
    if (*moved) return BVL_OK;
    const double best = -slope * t * t / (2 * (rise - slope * t)); /* of the parabola */
    t = best > 0.1 * t && best < 0.5 * t ? best : isfinite(rise) ? 0.5 * t : 0.1 * t;
  }
  BVL_TRY(go_back(o));
cleanup:
  return status;
}

static int is_stationary(const bvl_varpro_outer *o, double stationary, double slack)
{
  return o->sums.stationary <= stationary * stationary && o->sums.slack <= slack;
}

static int is_wanted(const bvl_varpro_outer *o)
{
  return bvl_wants_from_flags(o->sums.flags) != 0;
}

/* Newton steps until the blocks in use are stationary. *stuck = 1 when none is to be had. */
static bvl_status descend(bvl_varpro_outer *o, double stationary, double slack, int64_t most,
                          int64_t *steps, int *stuck)
{
  bvl_status status = BVL_OK;
  const int convex = o->problem->penalty.type->convex;
  *stuck = 0;
  while (*steps < most && !is_stationary(o, stationary, slack) && !is_wanted(o) && !*stuck) {
    int moved = 0;
    int indefinite = 1;
    /* of a concave penalty the majorant is no limit of the Hessian: the true one near the end */
    if (!convex && o->sums.stationary < NEAR * NEAR)
      BVL_TRY(make_step(o, o->diagonal, &indefinite));
    if (!indefinite) BVL_TRY(line_search(o, &moved));
    if (!moved) {
      BVL_TRY(make_step(o, o->modified, &indefinite));
      BVL_TRY(line_search(o, &moved));
    }
    *stuck = !moved;
    *steps += 1;
  }
cleanup:
  return status;
}

/* v <- TARGET where SCORE is positive, if f comes to at most `allowed`; else where the score is
 * high, of fewer and fewer blocks: the proximal step of one alone never raises f. *moved counts
 * blocks of all ranks, 0 when nothing helps: v is BEFORE then. */
static bvl_status change(bvl_varpro_outer *o, double allowed, double *moved)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &o->problem->grid->all;
  const double *score = o->vector[SCORE];
  double top = 0;
  double level = 0;
  for (int64_t g = 0; g < o->form->n_blocks; g++) top = fmax(top, score[g]);
  BVL_TRY(bvl_max(all, &top, 1));
  for (int trial = 0; trial < MAX_FEWER; trial++) {
    *moved = 0;
    for (int64_t g = 0; g < o->form->n_blocks; g++) {
      const int chosen = score[g] > 0 && score[g] >= level;
      o->v[g] = chosen ? o->vector[TARGET][g] : o->vector[BEFORE][g];
      *moved += chosen;
    }
    BVL_TRY(bvl_varpro_outer_eval(o));
    if (o->sums.value <= allowed) return bvl_sum(all, moved, 1);
    level = trial + 2 < MAX_FEWER ? (level + top) / 2 : top;
  }
  *moved = 0;
  BVL_TRY(go_back(o));
cleanup:
  return status;
}

/* Sets to zero what its proximal step sets to zero, the smallest first where f would rise. */
static bvl_status set_zeros(bvl_varpro_outer *o, double *moved)
{
  *moved = 0;
  if (!(o->sums.candidates > 0)) return BVL_OK;
  remember(o);
  for (int64_t g = 0; g < o->form->n_blocks; g++) {
    const int candidate = o->v[g] != 0 && !(bvl_varpro_outer_prox(o, g) > 0);
    const double size = o->at[g].d * o->curvature[g] / o->lambda;
    o->vector[SCORE][g] = candidate ? 1 / (1 + size) : 0;
    o->vector[TARGET][g] = 0;
  }
  return change(o, o->sums.value + noise_of(o), moved);
}

/* Blocks at or near zero that violate their condition start from their proximal step; where f would
 * rise, of a convex penalty from less of it (any little falls), else only the most violated. */
static bvl_status seed(bvl_varpro_outer *o, double *moved)
{
  bvl_status status = BVL_OK;
  const double before = o->sums.value;
  double *start = o->vector[TARGET];
  *moved = 0;
  if (!(o->sums.violators > 0)) return BVL_OK;
  remember(o);
  for (int64_t g = 0; g < o->form->n_blocks; g++) {
    const double t = bvl_varpro_outer_start(o, g);
    const double weight = o->form->set->weight[o->form->block[g]];
    start[g] = t > 0 ? o->map->from_norm(&o->problem->penalty, t) : 0;
    o->vector[SCORE][g] = t > 0 ? o->norm[g] / weight : 0;
  }
  if (!o->problem->penalty.type->convex) return change(o, before, moved);
  const double violators = o->sums.violators;
  double share = 1;
  for (int smaller = 0; smaller < MAX_SMALLER; smaller++, share /= 3) {
    for (int64_t g = 0; g < o->form->n_blocks; g++)
      o->v[g] = o->vector[BEFORE][g] + share * start[g];
    BVL_TRY(bvl_varpro_outer_eval(o));
    if (o->sums.value < before) {
      *moved = violators;
      return BVL_OK;
    }
  }
  BVL_TRY(go_back(o)); /* a violation of rounding's size */
cleanup:
  return status;
}

bvl_status bvl_varpro_minimise(bvl_varpro_outer *o, double stationary, double slack, int64_t most,
                               int64_t *steps)
{
  bvl_status status = BVL_OK;
  double loose = fmax(LOOSE, stationary);
  const int64_t limit = *steps + most;
  BVL_TRY(bvl_varpro_outer_eval(o));
  while (*steps < limit && !is_wanted(o)) {
    const int violated = o->sums.violators > 0;
    double zeroed = 0;
    double seeded = 0;
    int stuck = 0;
    BVL_TRY(seed(o, &seeded));
    BVL_TRY(descend(o, loose, loose > stationary ? INFINITY : slack, limit, steps, &stuck));
    BVL_TRY(set_zeros(o, &zeroed));
    *steps += zeroed > 0 || seeded > 0; /* rounds end, whatever rounding does */
    if (zeroed > 0 || (o->sums.violators > 0 && !(violated && seeded == 0))) continue;
    if (loose <= stationary) break;
    loose = stationary;
  }
cleanup:
  return status;
}
