/* SPDX-License-Identifier: BSD-3-Clause */
/* Which rows are a subsample's. Rows are put in random order, with strata one class after another,
 * and every so many-th of them is taken: row k of the order when k m mod n is at least n - m, which
 * m of n do, spread evenly. The second of a pair takes n - 2 m <= k m mod n < n - m: other rows, as
 * many. Drawn on rank 0: the same at every rank count. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/rng.h"
#include "run/stability_job.h"

enum { FIRST_DRAW = 2 }; /* of BVL_STREAM_FOLD: 0 and 1 are cross-validation's */

typedef struct placed {
  double label;
  int64_t place, row;
} placed;

static int by_label(const void *a, const void *b)
{
  const placed *x = a, *y = b;
  if (x->label != y->label) return x->label < y->label ? -1 : 1;
  return (x->place > y->place) - (x->place < y->place);
}

static bvl_status sort_by_label(int64_t n, const double *label, int64_t *order)
{
  placed *all = NULL;
  const bvl_status status = BVL_ALLOC(&all, n);
  for (int64_t k = 0; status == BVL_OK && k < n; k++)
    all[k] = (placed){label[order[k]], k, order[k]};
  if (status == BVL_OK) qsort(all, (size_t)n, sizeof *all, by_label);
  for (int64_t k = 0; status == BVL_OK && k < n; k++) order[k] = all[k].row;
  free(all);
  return status;
}

/* On rank 0. */
static bvl_status draw(bvl_stability_job *stability, const bvl_job *job, int64_t b)
{
  const bvl_stability_options *o = stability->options;
  const int64_t n = job->n, m = stability->outcome->rows;
  const int64_t pair = o->complementary ? b / 2 : b;
  const int64_t most = n - (o->complementary && b % 2 == 1 ? m : 0);
  int64_t *order = NULL, at = 0;
  bvl_status status = BVL_ALLOC(&order, n);
  if (status == BVL_OK)
    bvl_rng_permutation(job->options->path.seed, BVL_STREAM_FOLD, (uint64_t)(FIRST_DRAW + pair), n,
                        order);
  if (status == BVL_OK && stability->label != NULL)
    status = sort_by_label(n, stability->label, order);
  for (int64_t k = 0; status == BVL_OK && k < n; k++) { /* at = k m mod n */
    stability->taken[order[k]] = at >= most - m && at < most;
    at = at + m < n ? at + m : at + m - n;
  }
  free(order);
  return status;
}

bvl_status bvl_stability_draw(bvl_stability_job *stability, const bvl_job *job, int64_t b)
{
  bvl_status status = BVL_OK;
  const double weakness = stability->options->weakness;
  if (job->comm.rank == 0) status = draw(stability, job, b);
  BVL_TRY(bvl_agree(&job->comm, status));
  BVL_TRY(bvl_bcast_bytes(&job->comm, 0, stability->taken, job->n));
  const uint64_t major = (UINT64_C(1) << 40) + (uint64_t)b; /* far from what rows are drawn by */
  for (int64_t j = 0; stability->factor != NULL && j < job->p; j++) {
    const double u = bvl_rng_uniform(job->options->path.seed, BVL_STREAM_FOLD, major, (uint64_t)j);
    const double own = job->penalty_factor != NULL ? job->penalty_factor[j] : 1.0;
    stability->factor[j] = own / (weakness + (1.0 - weakness) * u); /* 0 and Inf stay */
  }
cleanup:
  return status;
}
