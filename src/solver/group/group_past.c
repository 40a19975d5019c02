/* SPDX-License-Identifier: BSD-3-Clause */
/* Lagrange's polynomial in lambda through the last solutions: between entries of groups a path is
 * smooth, so three points leave an error of third order in the step. */
#include "solver/group/group_past.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

bvl_status bvl_past_reserve(bvl_past *past, int64_t n, int64_t n_blocks)
{
  bvl_status status = BVL_OK;
  int64_t capacity = past->capacity;
  int64_t longest = past->room;
  if (n_blocks > capacity) capacity = bvl_greater(n_blocks, capacity + capacity / 2);
  if (n > longest) longest = bvl_greater(n, longest + longest / 2);
  for (int k = 0; k < BVL_PAST_ROOM; k++) {
    int64_t room = past->capacity;
    if (capacity > room) BVL_TRY(BVL_GROW(&past->point[k].tau, &room, capacity));
    room = past->room;
    if (longest > room) BVL_TRY(BVL_GROW(&past->point[k].z, &room, longest));
  }
  past->capacity = capacity;
  past->room = longest;
cleanup:
  return status;
}

void bvl_past_free(bvl_past *past)
{
  for (int k = 0; k < BVL_PAST_ROOM; k++) {
    free(past->point[k].z);
    free(past->point[k].tau);
  }
  *past = (bvl_past){0};
}

void bvl_past_add(bvl_past *past, double lambda, int64_t n, const double *z, int64_t n_blocks,
                  const double *tau)
{
  if (past->count == BVL_PAST_ROOM) {
    const bvl_past_point oldest = past->point[0];
    memmove(past->point, past->point + 1, (BVL_PAST_ROOM - 1) * sizeof *past->point);
    past->point[--past->count] = oldest;
  }
  bvl_past_point *to = &past->point[past->count++];
  to->lambda = lambda;
  to->n = n;
  to->n_blocks = n_blocks;
  memcpy(to->z, z, (size_t)n * sizeof *z);
  memcpy(to->tau, tau, (size_t)n_blocks * sizeof *tau);
}

static void weights_at(const bvl_past_point *last, int use, double lambda, double *weight)
{
  for (int a = 0; a < use; a++) {
    weight[a] = 1;
    for (int b = 0; b < use; b++)
      if (b != a) weight[a] *= (lambda - last[b].lambda) / (last[a].lambda - last[b].lambda);
  }
}

static double tau_of(const bvl_past_point *point, int64_t g)
{
  return g < point->n_blocks ? point->tau[g] : 0;
}

void bvl_past_predict(const bvl_past *past, double lambda, int64_t n, int64_t n_blocks,
                      const double *block_weight, double *z, double *tau)
{
  const int use = (int)bvl_lesser(past->count, BVL_PAST_USED);
  const bvl_past_point *last = past->point + past->count - use;
  double weight[BVL_PAST_USED][BVL_PAST_USED] = {{0}}; /* through 1, 2, .. of the last points */
  for (int back = 1; back <= use; back++)
    weights_at(last + use - back, back, lambda, weight[back - 1]);
  memset(z, 0, (size_t)n * sizeof *z);
  for (int a = 0; a < use; a++)
    for (int64_t i = 0; i < bvl_lesser(n, last[a].n); i++)
      z[i] += weight[use - 1][a] * last[a].z[i];
  for (int64_t g = 0; g < n_blocks; g++) {
    const int is_free = block_weight[g] == 0;
    const double now = tau_of(&last[use - 1], g);
    int back = 1; /* solutions in a row at which it was active */
    while (back < use && (is_free || tau_of(&last[use - 1 - back], g) > 0)) back++;
    tau[g] = 0;
    for (int a = 0; a < back; a++) tau[g] += weight[back - 1][a] * tau_of(&last[use - back + a], g);
    if (!is_free) tau[g] = fmin(fmax(tau[g], 0.5 * now), 3 * now);
  }
}
