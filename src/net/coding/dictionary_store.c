/* SPDX-License-Identifier: BSD-3-Clause */
/* An alternation between two rounds, in a checkpoint.
 *
 *   dictionary/D        K atoms of p                 dictionary/history   3 numbers a round
 *   dictionary/codes    n rows of K, by sample       dictionary/numbers   samples made atoms;
 * seconds */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "net/coding/dictionary.h"

enum { TAKEN, SECONDS, N_NUMBERS };
enum { POINT = sizeof(bvl_dictionary_point) / sizeof(double) };

/* The rank's codes in the order of the samples' numbers, the first of which is *row0. */
static int64_t first_row(const bvl_dictionary *self)
{
  int64_t first = self->n_local > 0 ? INT64_MAX : 0;
  for (int64_t i = 0; i < self->n_local; i++) first = bvl_lesser(first, self->row[i]);
  return first;
}

static void sort_codes(const bvl_dictionary *self, int64_t row0, int into, double *sorted)
{
  const int64_t K = self->options.atoms;
  const size_t bytes = (size_t)K * sizeof *sorted;
  for (int64_t i = 0; i < self->n_local; i++) {
    double *there = sorted + (self->row[i] - row0) * K, *here = self->C + i * K;
    memcpy(into ? there : here, into ? here : there, bytes);
  }
}

static bvl_status put_replicated(const bvl_dictionary *self, const bvl_store *store,
                                 const char *name, int64_t n, const double *values)
{
  return store->put_f64(store->context, name, n, 0, self->comm->rank == 0 ? n : 0, values);
}

bvl_status bvl_dictionary_save(const bvl_dictionary *self, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  const int64_t K = self->options.atoms, row0 = first_row(self);
  const double numbers[N_NUMBERS] = {
      [TAKEN] = (double)self->n_taken, [SECONDS] = bvl_now_s() - self->start_s};
  double *sorted = NULL;
  BVL_TRY(bvl_agree(self->comm, BVL_ALLOC(&sorted, K * self->n_local)));
  sort_codes(self, row0, 1, sorted);
  BVL_TRY(put_replicated(self, store, "dictionary/D", self->p * K, self->D));
  BVL_TRY(put_replicated(self, store, "dictionary/numbers", N_NUMBERS, numbers));
  BVL_TRY(put_replicated(self, store, "dictionary/history", self->n_history * POINT,
                         (const double *)self->history));
  BVL_TRY(store->put_f64(store->context, "dictionary/codes", self->n * K, row0 * K,
                         self->n_local * K, sorted));
cleanup:
  free(sorted);
  return status;
}

bvl_status bvl_dictionary_restore(bvl_dictionary *self, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  const int64_t K = self->options.atoms, row0 = first_row(self);
  int64_t rounds = 0, entries = 0;
  double numbers[N_NUMBERS], *sorted = NULL;
  BVL_TRY(store->length(store->context, "dictionary/history", &rounds));
  BVL_TRY(store->length(store->context, "dictionary/codes", &entries));
  if (rounds < POINT || rounds % POINT != 0 || entries != self->n * K)
    BVL_TRY(bvl_fail(BVL_ERR_INPUT,
                     "checkpoint: %" PRId64 " numbers of rounds, %" PRId64 " of codes", rounds,
                     entries));
  status = BVL_ALLOC(&sorted, K * self->n_local);
  if (status == BVL_OK) status = BVL_GROW(&self->history, &self->history_capacity, rounds / POINT);
  BVL_TRY(bvl_agree(self->comm, status));
  BVL_TRY(store->get_f64(store->context, "dictionary/D", 0, self->p * K, self->D));
  BVL_TRY(store->get_f64(store->context, "dictionary/numbers", 0, N_NUMBERS, numbers));
  BVL_TRY(store->get_f64(store->context, "dictionary/history", 0, rounds, (double *)self->history));
  BVL_TRY(store->get_f64(store->context, "dictionary/codes", row0 * K, self->n_local * K, sorted));
  sort_codes(self, row0, 0, sorted);
  if (!(numbers[TAKEN] >= 0.0 && numbers[TAKEN] <= (double)(self->n + K)))
    BVL_TRY(bvl_fail(BVL_ERR_INPUT, "checkpoint: %g samples made atoms", numbers[TAKEN]));
  self->n_history = rounds / POINT;
  self->n_taken = (int64_t)numbers[TAKEN];
  self->start_s = bvl_now_s() - numbers[SECONDS];
cleanup:
  free(sorted);
  return status;
}
