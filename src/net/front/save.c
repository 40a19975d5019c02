/* SPDX-License-Identifier: BSD-3-Clause */
/* A front in a checkpoint: what is replicated as two arrays of numbers, each vector as two arrays
 * that any number of ranks can read, the first layer's entries and the rest's.
 *
 *   front/place         how far it is       front/points    N_POINT numbers a point
 *   front/K/first, head     point K's x; front/walker/..., front/behind/... on a way down */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "net/front/front.h"

enum { STAGE, ROUND, NEXT, GAIN, PASSES, F2_MAX, N_PLACE };
enum { VALUE, NORM, LAMBDA, VIOLATION, NONZEROS, CONVERGED, SECONDS, STEPS, N_POINT };
enum { N_WALK = 2 }; /* vectors of a way down, after those of the points */

/* Vector v's name in the file. */
static void name_part(const bvl_front *front, int64_t v, int part, char *out, size_t size)
{
  static const char *const walk[N_WALK] = {"walker", "behind"};
  static const char *const parts[2] = {"first", "head"};
  if (v < front->n)
    snprintf(out, size, "front/%" PRId64 "/%s", v, parts[part]);
  else
    snprintf(out, size, "front/%s/%s", walk[v - front->n], parts[part]);
}

static double *vector(const bvl_front *front, int64_t v)
{
  if (v < front->n) return front->point[v].x;
  return v == front->n ? front->walker : front->behind;
}

/* Vectors that matter where the front stands. */
static int64_t n_vectors(const bvl_front *front)
{
  return front->n + (front->at.stage == BVL_FRONT_DOWN ? N_WALK : 0);
}

static void pack_points(const bvl_front *front, double *out)
{
  for (int64_t k = 0; k < front->n; k++, out += N_POINT) {
    const bvl_front_point *p = &front->point[k];
    out[VALUE] = p->value;
    out[NORM] = p->at.value;
    out[LAMBDA] = p->at.lambda;
    out[VIOLATION] = p->at.violation;
    out[NONZEROS] = (double)p->at.nonzeros;
    out[CONVERGED] = p->converged;
    out[SECONDS] = p->seconds;
    out[STEPS] = (double)p->steps;
  }
}

static void unpack_points(bvl_front *front, const double *in)
{
  for (int64_t k = 0; k < front->n; k++, in += N_POINT) {
    bvl_front_point *p = &front->point[k];
    p->radius = front->f2_max * (double)k / (double)(front->n - 1);
    p->value = in[VALUE];
    p->at = (bvl_stationarity){in[NORM], in[LAMBDA], in[VIOLATION], (int64_t)in[NONZEROS]};
    p->converged = in[CONVERGED] != 0.0;
    p->seconds = in[SECONDS];
    p->steps = (int64_t)in[STEPS];
  }
}

static bvl_status put_replicated(const bvl_front *front, const bvl_store *store, const char *name,
                                 int64_t n, const double *values)
{
  const int64_t mine = front->f->space.comm->rank == 0 ? n : 0;
  return store->put_f64(store->context, name, n, 0, mine, values);
}

bvl_status bvl_front_save(const bvl_front *front, const bvl_front_layout *layout,
                          const bvl_store *store)
{
  bvl_status status = BVL_OK;
  const bvl_front_place *at = &front->at;
  const double place[N_PLACE] = {
      [STAGE] = at->stage, [ROUND] = (double)at->round,   [NEXT] = (double)at->k,
      [GAIN] = at->gain,   [PASSES] = (double)at->passes, [F2_MAX] = front->f2_max};
  double *points = NULL;
  char name[64];
  BVL_TRY(bvl_agree(front->f->space.comm, BVL_ALLOC(&points, front->n * N_POINT)));
  pack_points(front, points);
  BVL_TRY(put_replicated(front, store, "front/place", N_PLACE, place));
  BVL_TRY(put_replicated(front, store, "front/points", front->n * N_POINT, points));
  for (int64_t v = 0; v < n_vectors(front); v++) {
    const double *x = vector(front, v);
    for (int part = 0; part < 2; part++) {
      name_part(front, v, part, name, sizeof name);
      BVL_TRY(store->put_f64(store->context, name, layout->all[part], layout->first[part],
                             layout->speaks[part], x));
      x += layout->count[part];
    }
  }
cleanup:
  free(points);
  return status;
}

static bvl_status take_place(bvl_front *front, const double *place)
{
  const int64_t stage = (int64_t)place[STAGE], k = (int64_t)place[NEXT];
  if (!(place[STAGE] >= BVL_FRONT_TRAIN && place[STAGE] <= BVL_FRONT_DONE) ||
      !(place[NEXT] >= 0.0 && place[NEXT] <= (double)front->n) || !(place[ROUND] >= 0.0) ||
      !(place[F2_MAX] >= 0.0) || !isfinite(place[F2_MAX]))
    return bvl_fail(BVL_ERR_INPUT, "checkpoint: front/place is no place of a front");
  front->at = (bvl_front_place){.stage = (bvl_front_stage)stage,
                                .round = (int64_t)place[ROUND],
                                .k = k,
                                .gain = place[GAIN],
                                .passes = (uint64_t)place[PASSES]};
  front->passes = front->at.passes;
  front->f2_max = place[F2_MAX];
  return BVL_OK;
}

/* A replicated array of the length it must have. */
static bvl_status get_exactly(const bvl_store *store, const char *name, int64_t n, double *out)
{
  int64_t there = 0;
  bvl_status status = store->length(store->context, name, &there);
  if (status == BVL_OK && there != n)
    status = bvl_fail(BVL_ERR_INPUT, "checkpoint: %s has %" PRId64 " entries, %" PRId64 " wanted",
                      name, there, n);
  return status != BVL_OK ? status : store->get_f64(store->context, name, 0, n, out);
}

bvl_status bvl_front_restore(bvl_front *front, const bvl_front_layout *layout,
                             const bvl_store *store)
{
  bvl_status status = BVL_OK;
  double place[N_PLACE], *points = NULL;
  char name[64];
  BVL_TRY(bvl_agree(front->f->space.comm, BVL_ALLOC(&points, front->n * N_POINT)));
  BVL_TRY(get_exactly(store, "front/place", N_PLACE, place));
  BVL_TRY(get_exactly(store, "front/points", front->n * N_POINT, points));
  BVL_TRY(take_place(front, place));
  unpack_points(front, points);
  for (int64_t v = 0; v < n_vectors(front); v++) {
    double *x = vector(front, v);
    for (int part = 0; part < 2; part++) {
      name_part(front, v, part, name, sizeof name);
      BVL_TRY(store->get_f64(store->context, name, layout->first[part], layout->count[part], x));
      x += layout->count[part];
    }
  }
cleanup:
  free(points);
  return status;
}
