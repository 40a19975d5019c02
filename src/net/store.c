/* SPDX-License-Identifier: BSD-3-Clause */
/* Training saved and taken up again. A vector like theta becomes two arrays that any grid can read:
 * the first layer's entries, grid column after grid column, and the head's. */
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "net/train.h"

enum { HEAD_EPOCHS, HEAD_STEP, HEAD_SECONDS, HEAD_LOSS, HEAD_HITS, HEAD_WEIGHT, N_HEAD };

/* One walk over the optimizer's memory. */
typedef struct walk {
  const bvl_train *train;
  const bvl_store *store;
  int64_t first[2]; /* place of this rank's entries in each array */
  int64_t all[2];
  double *numbers; /* owned */
  int64_t n_numbers;
  int64_t capacity;
} walk;

static bvl_status open_walk(const bvl_train *train, const bvl_store *store, walk *w)
{
  bvl_status status = BVL_OK;
  const bvl_grid *grid = train->objective->net->grid;
  const bvl_sparsity *s = train->objective->sparsity;
  int64_t in_column = 0, before = 0;
  *w = (walk){.train = train, .store = store};
  BVL_TRY(bvl_offsets(&grid->col, s->theta_count[0], &in_column, &w->all[0]));
  BVL_TRY(bvl_offsets(&grid->row, w->all[0], &before, &w->all[0]));
  w->first[0] = before + in_column;
  BVL_TRY(bvl_offsets(&grid->col, s->theta_count[1], &w->first[1], &w->all[1]));
  BVL_TRY(bvl_agree(&grid->all, BVL_GROW(&w->numbers, &w->capacity, 64)));
cleanup:
  return status;
}

static bvl_status put_vector(void *context, const char *name, double *values)
{
  walk *w = context;
  bvl_status status = BVL_OK;
  const bvl_grid *grid = w->train->objective->net->grid;
  const int64_t *count = w->train->objective->sparsity->theta_count;
  char text[64];
  for (int k = 0; k < 2; k++) {
    snprintf(text, sizeof text, "net/%s/%s", name, k == 0 ? "first" : "head");
    BVL_TRY(w->store->put_f64(w->store->context, text, w->all[k], w->first[k],
                              k == 0 || grid->j == 0 ? count[k] : 0, values));
    values += count[k];
  }
cleanup:
  return status;
}

static bvl_status get_vector(void *context, const char *name, double *values)
{
  walk *w = context;
  bvl_status status = BVL_OK;
  const int64_t *count = w->train->objective->sparsity->theta_count;
  char text[64];
  for (int k = 0; k < 2; k++) {
    snprintf(text, sizeof text, "net/%s/%s", name, k == 0 ? "first" : "head");
    BVL_TRY(w->store->get_f64(w->store->context, text, w->first[k], count[k], values));
    values += count[k];
  }
cleanup:
  return status;
}

static bvl_status put_number(void *context, const char *name, double *value)
{
  (void)name;
  walk *w = context;
  bvl_status status = BVL_GROW(&w->numbers, &w->capacity, w->n_numbers + 1);
  if (status == BVL_OK) w->numbers[w->n_numbers++] = *value;
  return status;
}

static bvl_status get_number(void *context, const char *name, double *value)
{
  walk *w = context;
  if (w->n_numbers >= w->capacity)
    return bvl_fail(BVL_ERR_INPUT, "checkpoint: the optimizer's %s is missing", name);
  *value = w->numbers[w->n_numbers++];
  return BVL_OK;
}

/* Replicated values: rank 0's. */
static bvl_status put(const walk *w, const char *name, int64_t n, const double *values)
{
  const int speaks = w->train->objective->net->grid->all.rank == 0;
  return w->store->put_f64(w->store->context, name, n, 0, speaks ? n : 0, values);
}

bvl_status bvl_train_save(const bvl_train *train, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  walk w;
  bvl_optim_visitor visitor = {.context = &w, .vector = put_vector, .number = put_number};
  const bvl_pass_sums *sums = &train->objective->epoch;
  const double head[N_HEAD] = {
      [HEAD_EPOCHS] = (double)train->n_epochs,
      [HEAD_STEP] = (double)train->step,
      [HEAD_SECONDS] = train->seconds,
      [HEAD_LOSS] = sums->loss,
      [HEAD_HITS] = sums->hits,
      [HEAD_WEIGHT] = sums->weight,
  };
  BVL_TRY(open_walk(train, store, &w));
  BVL_TRY(put_vector(&w, "theta", train->theta));
  BVL_TRY(bvl_optim_visit(train->optim, &visitor));
  BVL_TRY(put(&w, "net/numbers", w.n_numbers, w.numbers));
  BVL_TRY(put(&w, "net/head", N_HEAD, head));
  BVL_TRY(
      put(&w, "net/history", train->n_epochs * BVL_EPOCH_COLUMNS, (const double *)train->history));
cleanup:
  free(w.numbers);
  return status;
}

static bvl_status get_numbers(walk *w)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &w->train->objective->net->grid->all;
  int64_t n = 0;
  BVL_TRY(w->store->length(w->store->context, "net/numbers", &n));
  if (n < 0) BVL_TRY(bvl_fail(BVL_ERR_INPUT, "checkpoint: net/numbers is missing"));
  BVL_TRY(bvl_agree(all, BVL_GROW(&w->numbers, &w->capacity, n)));
  w->capacity = n;
  BVL_TRY(w->store->get_f64(w->store->context, "net/numbers", 0, n, w->numbers));
cleanup:
  return status;
}

bvl_status bvl_train_restore(bvl_train *train, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  walk w;
  bvl_optim_visitor visitor = {.context = &w, .vector = get_vector, .number = get_number};
  const bvl_comm *all = &train->objective->net->grid->all;
  double head[N_HEAD] = {0.0};
  BVL_TRY(open_walk(train, store, &w));
  BVL_TRY(store->get_f64(store->context, "net/head", 0, N_HEAD, head));
  train->n_epochs = (int64_t)head[HEAD_EPOCHS];
  train->step = (int64_t)head[HEAD_STEP];
  train->seconds = head[HEAD_SECONDS];
  train->objective->epoch = (bvl_pass_sums){head[HEAD_LOSS], head[HEAD_HITS], head[HEAD_WEIGHT]};
  BVL_TRY(get_vector(&w, "theta", train->theta));
  BVL_TRY(get_numbers(&w));
  BVL_TRY(bvl_optim_visit(train->optim, &visitor));
  BVL_TRY(bvl_agree(all, BVL_GROW(&train->history, &train->capacity, train->n_epochs)));
  BVL_TRY(store->get_f64(store->context, "net/history", 0, train->n_epochs * BVL_EPOCH_COLUMNS,
                         (double *)train->history));
cleanup:
  free(w.numbers);
  return status;
}
