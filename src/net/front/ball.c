/* SPDX-License-Identifier: BSD-3-Clause */
/* Norms, projections and multipliers of a sum of block norms. */
#include "net/front/ball.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"

enum { MAX_NEWTON = 60 };

bvl_status bvl_ball_init(const bvl_space *space, int64_t n_blocks, const int64_t *begin,
                         const double *weight, bvl_ball *out)
{
  *out = (bvl_ball){.space = *space,
                    .n_blocks = begin != NULL ? n_blocks : space->n_local,
                    .begin = begin,
                    .weight = weight};
  return BVL_ALLOC(&out->norm, out->n_blocks);
}

void bvl_ball_free(bvl_ball *ball)
{
  free(ball->norm);
  *ball = (bvl_ball){0};
}

/* ---- blocks ----------------------------------------------------------------------------------
 */

static int64_t block_begin(const bvl_ball *ball, int64_t g)
{
  return ball->begin != NULL ? ball->begin[g] : g;
}

static double block_weight(const bvl_ball *ball, int64_t g)
{
  return ball->weight != NULL ? ball->weight[g] : 1.0;
}

static int is_own(const bvl_ball *ball, int64_t g)
{
  const int64_t k = block_begin(ball, g);
  return k >= ball->space.own_begin && k < ball->space.own_end;
}

static double block_norm(const bvl_ball *ball, const double *x, int64_t g)
{
  const int64_t begin = block_begin(ball, g), end = block_begin(ball, g + 1);
  if (end == begin + 1) return fabs(x[begin]);
  double sum = 0.0;
  for (int64_t k = begin; k < end; k++) sum += x[k] * x[k];
  return sqrt(sum);
}

static void measure(const bvl_ball *ball, const double *x)
{
  for (int64_t g = 0; g < ball->n_blocks; g++) ball->norm[g] = block_norm(ball, x, g);
}

bvl_status bvl_ball_value(const bvl_ball *ball, const double *x, double *value)
{
  double sum = 0.0;
  for (int64_t g = 0; g < ball->n_blocks; g++)
    if (is_own(ball, g)) sum += block_weight(ball, g) * block_norm(ball, x, g);
  *value = sum;
  return bvl_sum(ball->space.comm, value, 1);
}

/* ---- prox and projection ---------------------------------------------------------------------
 */

static void shrink_measured(const bvl_ball *ball, double threshold, double *x)
{
  for (int64_t g = 0; g < ball->n_blocks; g++) {
    const double norm = ball->norm[g], left = norm - threshold * block_weight(ball, g);
    const int64_t begin = block_begin(ball, g), end = block_begin(ball, g + 1);
    if (left <= 0.0) {
      for (int64_t k = begin; k < end; k++) x[k] = 0.0;
    } else if (end == begin + 1) {
      x[begin] = copysign(left, x[begin]);
    } else {
      for (int64_t k = begin; k < end; k++) x[k] *= left / norm;
    }
  }
}

void bvl_ball_shrink(bvl_ball *ball, double threshold, double *x)
{
  measure(ball, x);
  shrink_measured(ball, threshold, x);
}

void bvl_ball_add_gradient(const bvl_ball *ball, const double *x, double scale, double *grad)
{
  for (int64_t g = 0; g < ball->n_blocks; g++) {
    const double norm = block_norm(ball, x, g), w = block_weight(ball, g);
    for (int64_t k = block_begin(ball, g); k < block_begin(ball, g + 1) && norm > 0.0; k++)
      grad[k] += scale * w * x[k] / norm;
  }
}

/* The threshold that a Newton step from `threshold` on the convex, piecewise linear
 * sum_g w_g max(||x_g|| - threshold w_g, 0) = tau leads to, and that sum. */
static bvl_status newton_step(const bvl_ball *ball, double tau, double *threshold, double *sum)
{
  double sums[2] = {0.0, 0.0};
  for (int64_t g = 0; g < ball->n_blocks; g++) {
    const double w = block_weight(ball, g);
    if (!is_own(ball, g) || !(ball->norm[g] > *threshold * w)) continue;
    sums[0] += w * ball->norm[g];
    sums[1] += w * w;
  }
  bvl_status status = bvl_sum(ball->space.comm, sums, 2);
  *sum = sums[0] - *threshold * sums[1];
  /* nothing is left: below the largest norm there is something; begin again from 0 */
  *threshold = sums[1] > 0.0 ? fmax((sums[0] - tau) / sums[1], 0.0) : 0.0;
  return status;
}

/* Newton from the right of the root lands on its left, and from the left climbs to it in finitely
 * many steps, all on its left: the step that does not climb has arrived. */
bvl_status bvl_ball_project(bvl_ball *ball, double tau, double *threshold, double *x)
{
  bvl_status status = BVL_OK;
  double at = fmax(*threshold, 0.0), sum = 0.0;
  int from_left = 0;
  if (!(tau > 0.0)) {
    for (int64_t k = 0; k < ball->space.n_local; k++) x[k] = 0.0;
    return BVL_OK;
  }
  measure(ball, x);
  for (int k = 0; k < MAX_NEWTON; k++) {
    const double before = at;
    BVL_TRY(newton_step(ball, tau, &at, &sum));
    if (before == 0.0 && sum <= tau) break; /* inside: at is 0 */
    if (from_left && at <= before * (1.0 + 1e-15)) break;
    from_left = 1;
  }
  if (at > 0.0) shrink_measured(ball, at, x);
  *threshold = at;
cleanup:
  return status;
}

/* ---- stationarity ----------------------------------------------------------------------------
 */

static double block_violation(const bvl_ball *ball, const double *x, const double *grad,
                              double lambda, int64_t g)
{
  const double w = block_weight(ball, g), norm = block_norm(ball, x, g);
  const int64_t begin = block_begin(ball, g), end = block_begin(ball, g + 1);
  if (norm == 0.0) return fmax(block_norm(ball, grad, g) / w - lambda, 0.0);
  double sum = 0.0;
  for (int64_t k = begin; k < end; k++) {
    const double off = grad[k] + lambda * w * x[k] / norm;
    sum += off * off;
  }
  return sqrt(sum) / w;
}

bvl_status bvl_ball_check(const bvl_ball *ball, const double *x, const double *grad,
                          bvl_stationarity *out)
{
  bvl_status status = BVL_OK;
  const bvl_space *space = &ball->space;
  double sums[3] = {0.0, 0.0, 0.0}, most = 0.0;
  for (int64_t g = 0; g < ball->n_blocks; g++)
    if (is_own(ball, g)) sums[0] += block_weight(ball, g) * block_norm(ball, x, g);
  for (int64_t k = space->own_begin; k < space->own_end; k++) {
    sums[1] -= grad[k] * x[k];
    sums[2] += x[k] != 0.0;
  }
  BVL_TRY(bvl_sum(space->comm, sums, 3));
  out->value = sums[0];
  out->lambda = sums[0] > 0.0 ? fmax(sums[1] / sums[0], 0.0) : NAN;
  out->nonzeros = (int64_t)sums[2];
  const double lambda = sums[0] > 0.0 ? out->lambda : 0.0;
  for (int64_t g = 0; g < ball->n_blocks; g++)
    most = fmax(most, block_violation(ball, x, grad, lambda, g));
  BVL_TRY(bvl_max(space->comm, &most, 1));
  if (sums[0] > 0.0) {
    out->violation = most;
  } else { /* at 0 every lambda from the largest gradient on will do */
    out->lambda = most;
    out->violation = 0.0;
  }
cleanup:
  return status;
}
