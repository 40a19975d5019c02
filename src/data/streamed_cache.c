/* SPDX-License-Identifier: BSD-3-Clause */
/* Columns of a streamed X that are in use: whole, by slots; those not used for longest go when room
 * is needed. What is missing is brought in one walk, so that neighbours share their reads. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/streamed_store.h"

const void *bvl_streamed_cache(const bvl_design *X, const int32_t **slot, int64_t *capacity)
{
  *slot = X->streamed->slot;
  *capacity = X->streamed->capacity;
  return X->streamed->columns;
}

const void *bvl_streamed_find(const bvl_design *X, int64_t c)
{
  const bvl_streamed *s = X->streamed;
  if (s->slot[c] < 0) return NULL;
  return s->columns + s->slot[c] * s->n_local * bvl_dtype_bytes(X->dtype);
}

int64_t bvl_design_fetch_most(const bvl_design *X)
{
  return X->streamed != NULL ? X->streamed->capacity : INT64_MAX;
}

static void keep_piece(void *context, const bvl_design *X, const bvl_piece *piece)
{
  const bvl_streamed *s = context;
  const size_t element = (size_t)bvl_dtype_bytes(X->dtype);
  for (int64_t k = 0; k < piece->n_cols; k++)
    memcpy(s->columns + (size_t)(s->slot[piece->cols[k]] * s->n_local + piece->row0) * element,
           (const char *)piece->values + (size_t)(k * piece->ld) * element,
           (size_t)piece->n_rows * element);
}

static void empty_slot(bvl_streamed *s, int64_t slot)
{
  s->slot[s->column_of[slot]] = -1;
  s->column_of[slot] = -1;
  s->free_slots[s->n_free++] = slot;
}

typedef struct aged {
  int64_t last_use, slot;
} aged;

static int compare_age(const void *a, const void *b)
{
  const aged *x = a, *y = b;
  if (x->last_use != y->last_use) return x->last_use < y->last_use ? -1 : 1;
  return (x->slot > y->slot) - (x->slot < y->slot);
}

/* Makes room for n columns: those not used for longest go, and some more so that this is not needed
 * again soon, but never one of this fetch. */
static bvl_status make_room(bvl_streamed *s, int64_t n)
{
  const int64_t lacking = n - s->n_free - (s->capacity - s->used);
  const int64_t wanted = bvl_greater(lacking, s->capacity / 8);
  aged *slots = NULL;
  int64_t n_slots = 0;
  if (lacking <= 0) return BVL_OK;
  bvl_status status = BVL_ALLOC(&slots, s->used);
  if (status != BVL_OK) return status;
  for (int64_t k = 0; k < s->used; k++)
    if (s->column_of[k] >= 0 && s->last_use[k] < s->clock)
      slots[n_slots++] = (aged){s->last_use[k], k};
  qsort(slots, (size_t)n_slots, sizeof *slots, compare_age);
  for (int64_t k = 0; k < bvl_lesser(wanted, n_slots); k++) empty_slot(s, slots[k].slot);
  free(slots);
  return BVL_OK;
}

static void assign_slots(bvl_streamed *s, int64_t n, const int64_t *cols)
{
  for (int64_t k = 0; k < n; k++) {
    const int64_t slot = s->n_free > 0 ? s->free_slots[--s->n_free] : s->used++;
    BVL_ASSERT(slot < s->capacity);
    s->slot[cols[k]] = (int32_t)slot;
    s->column_of[slot] = cols[k];
    s->last_use[slot] = s->clock;
  }
}

void bvl_design_fetch(const bvl_design *X, int64_t n_cols, const int64_t *cols)
{
  bvl_streamed *s = X->streamed;
  int64_t n = 0;
  if (s == NULL || s->status != BVL_OK || n_cols == 0) return;
  BVL_ASSERT(n_cols <= s->capacity);
  s->clock++;
  for (int64_t k = 0; k < n_cols; k++) {
    if (s->slot[cols[k]] >= 0)
      s->last_use[s->slot[cols[k]]] = s->clock;
    else
      s->missing[n++] = cols[k];
  }
  if (n == 0) return;
  s->status = make_room(s, n);
  if (s->status != BVL_OK) return;
  assign_slots(s, n, s->missing);
  if (bvl_design_walk(X, 0, s->n_local, n, s->missing, keep_piece, s) != BVL_OK)
    for (int64_t k = 0; k < n; k++) empty_slot(s, s->slot[s->missing[k]]);
}

const void *bvl_streamed_column(const bvl_design *X, int64_t c)
{
  bvl_streamed *s = X->streamed;
  int64_t run[BVL_STREAMED_RUN];
  if (s->slot[c] < 0) {
    int64_t n = c == s->last_single + 1 ? bvl_lesser(BVL_STREAMED_RUN, s->p_local - c) : 1;
    n = bvl_lesser(n, s->capacity);
    for (int64_t k = 0; k < n; k++) run[k] = c + k;
    bvl_design_fetch(X, n, run);
  }
  s->last_single = c;
  const void *column = bvl_streamed_find(X, c);
  return column != NULL ? column : s->zeros;
}
