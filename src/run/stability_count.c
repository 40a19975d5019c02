/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts of selections. A subsample costs a pass over its path's nonzeros and one reduction of L
 * numbers along the grid row. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/design.h"
#include "model/problem.h"
#include "run/stability_job.h"

/* ---- variables -------------------------------------------------------------------------------
 */

/* Variables are the penalised blocks: of a penalty on all columns at once what its block is made
 * of, which without groups are the columns. */
static void list_variables(const bvl_job *job, bvl_selections *counts)
{
  const bvl_problem *problem = job->problem;
  const bvl_blocks *blocks = problem->inside.n > 0 ? &problem->inside : &problem->blocks;
  const int single = job->groups == NULL;
  for (int64_t c = 0; c < problem->X->columns.p_local; c++) counts->of[c] = -1;
  for (int64_t g = 0; g < blocks->n; g++) {
    if (!(blocks->weight[g] > 0.0 && blocks->weight[g] < INFINITY)) continue;
    for (int64_t c = blocks->begin[g]; c < blocks->begin[g + 1]; c++) {
      if (single || c == blocks->begin[g]) counts->begin[counts->n++] = c;
      counts->of[c] = counts->n - 1;
      counts->longest = bvl_greater(counts->longest, c + 1 - counts->begin[counts->n - 1]);
    }
  }
}

bvl_status bvl_selections_create(const bvl_job *job, bvl_selections *counts)
{
  const bvl_problem *problem = job->problem;
  const bvl_columns *columns = &problem->X->columns;
  const int64_t p_local = columns->p_local;
  bvl_status status = BVL_ALLOC(&counts->begin, p_local);
  if (status == BVL_OK) status = BVL_ALLOC(&counts->of, p_local);
  if (status == BVL_OK) status = BVL_ALLOC(&counts->slot, p_local);
  if (status == BVL_OK) status = BVL_ALLOC(&counts->stamp, p_local);
  if (status == BVL_OK) status = BVL_ALLOC(&counts->place, columns->p);
  if (status == BVL_OK) {
    list_variables(job, counts);
    for (int64_t v = 0; v < p_local; v++) counts->slot[v] = -1;
    for (int64_t j = 0; j < columns->p; j++) counts->place[j] = -1;
    for (int64_t c = 0; c < p_local; c++) counts->place[bvl_design_input_column(problem->X, c)] = c;
  }
  return bvl_agree(&job->comm, status);
}

void bvl_selections_free(bvl_selections *counts)
{
  free(counts->begin);
  free(counts->of);
  free(counts->slot);
  free(counts->stamp);
  free(counts->place);
  free(counts->variable);
  free(counts->count);
  free(counts->any);
}

/* ---- a path ----------------------------------------------------------------------------------
 */

typedef struct ranked {
  double lambda;
  int64_t q;
} ranked;

static int downwards(const void *a, const void *b)
{
  const ranked *x = a, *y = b;
  if (x->lambda != y->lambda) return x->lambda > y->lambda ? -1 : 1;
  return (x->q > y->q) - (x->q < y->q);
}

/* Points of the path from the largest lambda down. */
static void rank_points(const bvl_path *path, ranked *order)
{
  const int64_t L = bvl_path_n_lambda(path);
  for (int64_t q = 0; q < L; q++) {
    bvl_path_point point;
    bvl_path_get(path, q, &point);
    order[q] = (ranked){point.lambda, q};
  }
  qsort(order, (size_t)L, sizeof *order, downwards);
}

/* entered[k] <- variables that are selected at the k-th lambda from the top or above it, over all
 * ranks. */
static bvl_status count_entered(bvl_selections *counts, const bvl_job *job, const bvl_path *path,
                                const ranked *order, int64_t *entered)
{
  const int64_t L = bvl_path_n_lambda(path), K = bvl_problem_outputs(job->problem);
  memset(counts->stamp, 0, (size_t)counts->n * sizeof *counts->stamp);
  for (int64_t k = 0; k < L; k++) {
    bvl_path_point point;
    bvl_path_get(path, order[k].q, &point);
    for (int64_t a = 0; point.status != 3 && a < point.n_nonzero; a++) {
      const int64_t v = counts->of[counts->place[point.column[a] / K]];
      if (v < 0 || counts->stamp[v]) continue;
      counts->stamp[v] = 1;
      entered[k]++;
    }
  }
  const bvl_status status = bvl_sum_i64(&job->grid->row, entered, L);
  for (int64_t k = 1; k < L; k++) entered[k] += entered[k - 1];
  return status;
}

static bvl_status add_slot(bvl_selections *counts, int64_t v)
{
  const int64_t L = counts->n_lambda, n = counts->n_slots;
  const bvl_status status = BVL_GROW_ALL(
      &counts->room, n + 1, BVL_GROWN(&counts->variable), BVL_GROWN(&counts->any),
      (bvl_grown){&counts->count, (size_t)L * sizeof *counts->count});
  if (status != BVL_OK) return status;
  counts->variable[n] = v; /* its counts are zero: each slot is used once */
  counts->slot[v] = n;
  counts->n_slots++;
  return BVL_OK;
}

bvl_status bvl_selections_set(bvl_selections *counts, int64_t v, double any, const double *count)
{
  const bvl_status status = counts->slot[v] < 0 ? add_slot(counts, v) : BVL_OK;
  if (status != BVL_OK) return status;
  counts->any[counts->slot[v]] = any;
  memcpy(counts->count + counts->slot[v] * counts->n_lambda, count,
         (size_t)counts->n_lambda * sizeof *count);
  return BVL_OK;
}

/* The support at lambda q of the path, counted at lambda `to`; `mark` tells lambdas apart. */
static bvl_status add_support(bvl_selections *counts, const bvl_job *job, const bvl_path *path,
                              int64_t q, int64_t to, int64_t mark)
{
  const int64_t K = bvl_problem_outputs(job->problem);
  bvl_status status = BVL_OK;
  bvl_path_point point;
  bvl_path_get(path, q, &point);
  for (int64_t a = 0; status == BVL_OK && a < point.n_nonzero; a++) {
    const int64_t v = counts->of[counts->place[point.column[a] / K]];
    if (v < 0 || counts->stamp[v] == mark) continue;
    if (counts->slot[v] < 0) status = add_slot(counts, v);
    if (status != BVL_OK) break;
    if (counts->stamp[v] == 0) counts->any[counts->slot[v]] += 1.0;
    counts->stamp[v] = mark;
    counts->count[counts->slot[v] * counts->n_lambda + to] += 1.0;
  }
  return status;
}

/* Points that count: up to the limit; -1 when one of them was not attempted. */
static int64_t find_cut(const bvl_path *path, const ranked *order, const int64_t *entered,
                        int64_t limit)
{
  for (int64_t k = 0; k < bvl_path_n_lambda(path); k++) {
    bvl_path_point point;
    bvl_path_get(path, order[k].q, &point);
    if (limit > 0 && entered[k] > limit) return k;
    if (point.status == 3) return -1;
  }
  return bvl_path_n_lambda(path);
}

bvl_status bvl_selections_add(bvl_selections *counts, const bvl_job *job, const bvl_path *path,
                              const int64_t *at, int64_t limit, int64_t *selected)
{
  const int64_t L = bvl_path_n_lambda(path);
  int64_t *entered = NULL;
  ranked *order = NULL;
  bvl_status status = BVL_ALLOC(&entered, L);
  *selected = -1;
  if (status == BVL_OK) status = BVL_ALLOC(&order, L);
  BVL_TRY(bvl_agree(&job->comm, status));
  rank_points(path, order);
  BVL_TRY(count_entered(counts, job, path, order, entered));
  const int64_t cut = find_cut(path, order, entered, limit);
  if (cut < 0) goto cleanup;
  *selected = cut > 0 ? entered[cut - 1] : 0;
  memset(counts->stamp, 0, (size_t)counts->n * sizeof *counts->stamp);
  for (int64_t k = 0; status == BVL_OK && k < L && cut > 0; k++)
    status = add_support(counts, job, path, order[bvl_lesser(k, cut - 1)].q, at[order[k].q], k + 1);
  status = bvl_agree(&job->comm, status);
cleanup:
  free(order);
  free(entered);
  return status;
}
