/* SPDX-License-Identifier: BSD-3-Clause */
/* Which rows are left out together. Drawn by row number from the seed, on rank 0: the same at every
 * rank count. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/rng.h"
#include "run/cv_job.h"

/* A row, or a group of rows, in the order in which it is dealt out. */
typedef struct dealt {
  double key;    /* first by this, ascending */
  int64_t place; /* then by this */
  int64_t which;
} dealt;

static int by_key(const void *a, const void *b)
{
  const dealt *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return (x->place > y->place) - (x->place < y->place);
}

/* order[0..n) by ascending key (NULL = all equal), in random order where keys are equal. */
static bvl_status shuffle(uint64_t seed, uint64_t draw, int64_t n, const double *key, dealt *order)
{
  int64_t *random = NULL;
  bvl_status status = BVL_ALLOC(&random, n);
  if (status != BVL_OK) return status;
  bvl_rng_permutation(seed, BVL_STREAM_FOLD, draw, n, random);
  for (int64_t k = 0; k < n; k++)
    order[k] = (dealt){key != NULL ? key[random[k]] : 0.0, k, random[k]};
  qsort(order, (size_t)n, sizeof *order, by_key);
  free(random);
  return BVL_OK;
}

/* Rows one by one to fold 0, 1, ...: by label first where there is one, so that a label's rows are
 * spread evenly and folds differ by a row at most. */
static bvl_status deal_rows(bvl_cv_job *cv, uint64_t seed, int64_t n, const double *label)
{
  dealt *order = NULL;
  bvl_status status = BVL_ALLOC(&order, n);
  if (status == BVL_OK) status = shuffle(seed, 0, n, label, order);
  for (int64_t k = 0; status == BVL_OK && k < n; k++) cv->fold[order[k].which] = k % cv->n_folds;
  free(order);
  return status;
}

static int compare_ids(const void *a, const void *b)
{
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* The distinct ids, ascending; ids[i] <- the place of row i's among them. */
static bvl_status number_ids(int64_t n, int64_t *ids, int64_t *count, int64_t **out)
{
  int64_t *sorted = NULL;
  bvl_status status = BVL_ALLOC(&sorted, n);
  *count = 0;
  *out = sorted;
  if (status != BVL_OK) return status;
  memcpy(sorted, ids, (size_t)n * sizeof *sorted);
  qsort(sorted, (size_t)n, sizeof *sorted, compare_ids);
  for (int64_t i = 0; i < n; i++)
    if (i == 0 || sorted[i] != sorted[*count - 1]) sorted[(*count)++] = sorted[i];
  for (int64_t i = 0; i < n; i++) {
    const int64_t *at = bsearch(&ids[i], sorted, (size_t)*count, sizeof *sorted, compare_ids);
    ids[i] = at - sorted;
  }
  return BVL_OK;
}

/* Groups from the largest down, in random order where they are equal, each to the fold with the
 * fewest rows. */
static bvl_status deal_groups(bvl_cv_job *cv, uint64_t seed, int64_t n, int64_t *group)
{
  bvl_status status = BVL_OK;
  int64_t n_groups = 0, *names = NULL, *filled = NULL, *home = NULL;
  double *size = NULL;
  dealt *order = NULL;
  BVL_TRY(number_ids(n, group, &n_groups, &names));
  if (n_groups < cv->n_folds)
    BVL_TRY(bvl_fail(BVL_ERR_INPUT, "%s: %" PRId64 " groups of rows for %" PRId64 " folds",
                     cv->options->fold_groups, n_groups, cv->n_folds));
  BVL_TRY(BVL_ALLOC(&size, n_groups));
  BVL_TRY(BVL_ALLOC(&home, n_groups));
  BVL_TRY(BVL_ALLOC(&order, n_groups));
  BVL_TRY(BVL_ALLOC(&filled, cv->n_folds));
  for (int64_t i = 0; i < n; i++) size[group[i]] -= 1.0;
  BVL_TRY(shuffle(seed, 1, n_groups, size, order));
  for (int64_t k = 0; k < n_groups; k++) {
    int64_t least = 0;
    for (int64_t f = 1; f < cv->n_folds; f++)
      if (filled[f] < filled[least]) least = f;
    filled[least] -= (int64_t)size[order[k].which];
    home[order[k].which] = least;
  }
  for (int64_t i = 0; i < n; i++) cv->fold[i] = home[group[i]];
cleanup:
  free(order);
  free(home);
  free(filled);
  free(size);
  free(names);
  return status;
}

static bvl_status check_count(const bvl_cv_job *cv, int64_t n)
{
  if (cv->n_folds < 2)
    return bvl_fail(cv->options->fold_id != NULL ? BVL_ERR_INPUT : BVL_ERR_USAGE,
                    "folds: %" PRId64 ", at least 2 are needed", cv->n_folds);
  if (cv->n_folds > n)
    return bvl_fail(BVL_ERR_USAGE, "folds: %" PRId64 " of %" PRId64 " rows", cv->n_folds, n);
  return BVL_OK;
}

static bvl_status take_given(bvl_cv_job *cv, const bvl_job *job)
{
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_data_read_row_ids(job->data, cv->options->fold_id, &cv->fold));
  bvl_missing_pick(&job->rows, cv->fold);
  BVL_TRY(bvl_agree(&job->comm, number_ids(job->n, cv->fold, &cv->n_folds, &cv->fold_id)));
  status = check_count(cv, job->n); /* replicated */
cleanup:
  return status;
}

/* The labels of one response alone tell strata. */
static bvl_status choose_kind(bvl_cv_job *cv, const bvl_job *job)
{
  const bvl_loss *loss = bvl_loss_find(job->family);
  const int labels = loss->coupled || loss == &bvl_loss_binomial;
  cv->kind = cv->options->kind;
  if (cv->kind == BVL_FOLDS_AUTO) cv->kind = labels ? BVL_FOLDS_STRATIFIED : BVL_FOLDS_RANDOM;
  if (cv->kind == BVL_FOLDS_STRATIFIED && !labels)
    return bvl_fail(BVL_ERR_USAGE, "stratified folds are by label: family %s has none",
                    job->family);
  return BVL_OK;
}

bvl_status bvl_cv_make_folds(bvl_cv_job *cv, const bvl_job *job)
{
  bvl_status status = BVL_OK;
  int64_t *group = NULL;
  const uint64_t seed = job->options->path.seed;
  if (cv->options->fold_id != NULL) return take_given(cv, job);
  cv->n_folds = cv->options->folds;
  BVL_TRY(check_count(cv, job->n));
  BVL_TRY(choose_kind(cv, job));
  if (cv->kind == BVL_FOLDS_GROUPED)
    BVL_TRY(bvl_data_read_row_ids(job->data, cv->options->fold_groups, &group));
  if (group != NULL) bvl_missing_pick(&job->rows, group);
  status = BVL_ALLOC(&cv->fold, job->n);
  if (status == BVL_OK) status = BVL_ALLOC(&cv->fold_id, cv->n_folds);
  for (int64_t f = 0; status == BVL_OK && f < cv->n_folds; f++) cv->fold_id[f] = f;
  if (status == BVL_OK && job->comm.rank == 0)
    status = cv->kind == BVL_FOLDS_GROUPED
                 ? deal_groups(cv, seed, job->n, group)
                 : deal_rows(cv, seed, job->n, cv->kind == BVL_FOLDS_STRATIFIED ? cv->all_y : NULL);
  BVL_TRY(bvl_agree(&job->comm, status));
  BVL_TRY(bvl_bcast_i64(&job->comm, 0, cv->fold, job->n));
cleanup:
  free(group);
  return status;
}
