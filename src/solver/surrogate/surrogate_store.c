/* SPDX-License-Identifier: BSD-3-Clause */
/* The surrogate solver inside a lambda, saved and taken up again. Every vector like theta becomes
 * arrays over column positions, so that any grid can read them: layer l holds entries l m .. of a
 * block of m columns (an unpenalised coefficient is its layer 0), and b0. The optimizer's scalars
 * are one array in the order of its visit. Unscreened columns need no array: the factors of the
 * others are exact zeros. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "solver/surrogate/surrogate_solver.h"

enum { ACTIVE, LAMBDA, STEP, FLOOR, ROUNDS_DONE, HALVINGS, N_HEAD };

/* One walk over the solver's memory. */
typedef struct {
  bvl_surrogate_solver *solver;
  const bvl_store *store;
  double *numbers; /* owned */
  int64_t n_numbers;
  int64_t capacity;
  double *layer; /* p_local, owned */
} walk;

static bvl_status open_walk(walk *w, const bvl_surrogate_solver *solver, const bvl_store *store)
{
  int64_t p_local = bvl_design_p_local(solver->problem->X);
  *w = (walk){.solver = (bvl_surrogate_solver *)solver, .store = store};
  bvl_status status = BVL_ALLOC(&w->layer, p_local);
  if (status == BVL_OK) status = BVL_GROW(&w->numbers, &w->capacity, 1024);
  return bvl_agree(&solver->problem->grid->all, status);
}

static void close_walk(walk *w)
{
  free(w->layer);
  free(w->numbers);
}

/* Layers of the block that has most: a single column's. */
static int64_t n_layers(const walk *w)
{
  const bvl_surrogate *map = &w->solver->objective->map;
  return map->type->length(&map->shape, 1);
}

/* Between factors in theta's order and a layer of them over columns. */
static void copy_layer(walk *w, int64_t l, double *factors, int out)
{
  const bvl_blocks *blocks = &w->solver->problem->blocks;
  for (int64_t g = 0; g < blocks->n; g++) {
    int64_t m = bvl_block_len(blocks, g), begin = blocks->begin[g];
    int64_t length = bvl_surrogate_block_length(&w->solver->objective->map, blocks, g);
    for (int64_t k = 0; k < m; k++) {
      double *place = &w->layer[begin + k];
      if (out)
        *place = l * m + k < length ? factors[l * m + k] : 0.0;
      else if (l * m + k < length)
        factors[l * m + k] = *place;
    }
    factors += length;
  }
}

static bvl_status put_vector(void *context, const char *name, double *values)
{
  walk *w = context;
  const bvl_problem *problem = w->solver->problem;
  const bvl_columns *columns = &problem->X->columns;
  int64_t count = problem->grid->i == 0 ? columns->p_local : 0;
  char text[64];
  bvl_status status = BVL_OK;
  for (int64_t l = 0; l < n_layers(w); l++) {
    copy_layer(w, l, bvl_surrogate_factors(w->solver->objective, values), 1);
    snprintf(text, sizeof text, "surrogate/%s/%d", name, (int)l);
    BVL_TRY(
        w->store->put_f64(w->store->context, text, columns->p, columns->first, count, w->layer));
  }
  if (!problem->intercept) goto cleanup;
  snprintf(text, sizeof text, "surrogate/%s/b0", name);
  BVL_TRY(w->store->put_f64(w->store->context, text, 1, 0, problem->grid->all.rank == 0, values));
cleanup:
  return status;
}

static bvl_status get_vector(void *context, const char *name, double *values)
{
  walk *w = context;
  const bvl_problem *problem = w->solver->problem;
  const bvl_columns *columns = &problem->X->columns;
  char text[64];
  bvl_status status = BVL_OK;
  for (int64_t l = 0; l < n_layers(w); l++) {
    snprintf(text, sizeof text, "surrogate/%s/%d", name, (int)l);
    BVL_TRY(w->store->get_f64(w->store->context, text, columns->first, columns->p_local, w->layer));
    copy_layer(w, l, bvl_surrogate_factors(w->solver->objective, values), 0);
  }
  if (!problem->intercept) goto cleanup;
  snprintf(text, sizeof text, "surrogate/%s/b0", name);
  BVL_TRY(w->store->get_f64(w->store->context, text, 0, 1, values));
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

bvl_status bvl_surrogate_save(const void *context, const bvl_store *store)
{
  const bvl_surrogate_solver *solver = context;
  bvl_status status = BVL_OK;
  walk w;
  BVL_TRY(open_walk(&w, solver, store));
  double head[N_HEAD] = {[ACTIVE] = solver->optim != NULL,
                         [LAMBDA] = solver->lambda,
                         [STEP] = solver->step,
                         [FLOOR] = solver->floor,
                         [ROUNDS_DONE] = (double)solver->rounds,
                         [HALVINGS] = (double)solver->halvings};
  memcpy(w.numbers, head, sizeof head);
  w.n_numbers = N_HEAD;
  if (solver->optim != NULL) {
    bvl_optim_visitor visitor = {.context = &w, .vector = put_vector, .number = put_number};
    BVL_TRY(put_vector(&w, "theta", solver->theta));
    BVL_TRY(bvl_optim_visit(solver->optim, &visitor));
  }
  int64_t count = solver->problem->grid->all.rank == 0 ? w.n_numbers : 0;
  BVL_TRY(store->put_f64(store->context, "surrogate/numbers", w.n_numbers, 0, count, w.numbers));
cleanup:
  close_walk(&w);
  return status;
}

/* The stored numbers; *n = -1 when there are none. */
static bvl_status get_numbers(walk *w, int64_t *n)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &w->solver->problem->grid->all;
  BVL_TRY(w->store->length(w->store->context, "surrogate/numbers", n));
  if (*n < N_HEAD) goto cleanup;
  w->capacity = 0;
  free(w->numbers);
  w->numbers = NULL;
  BVL_TRY(bvl_agree(all, BVL_GROW(&w->numbers, &w->capacity, *n)));
  BVL_TRY(w->store->get_f64(w->store->context, "surrogate/numbers", 0, *n, w->numbers));
cleanup:
  return status;
}

bvl_status bvl_surrogate_restore(void *context, const bvl_store *store)
{
  bvl_surrogate_solver *solver = context;
  bvl_status status = BVL_OK;
  int64_t n = -1;
  walk w;
  BVL_TRY(open_walk(&w, solver, store));
  BVL_TRY(get_numbers(&w, &n));
  bvl_optim_destroy(&solver->optim);
  if (n < N_HEAD || w.numbers[ACTIVE] == 0.0) goto cleanup;
  solver->lambda = solver->objective->lambda = w.numbers[LAMBDA];
  solver->step = w.numbers[STEP];
  solver->floor = w.numbers[FLOOR];
  solver->rounds = (int64_t)w.numbers[ROUNDS_DONE];
  solver->halvings = (int64_t)w.numbers[HALVINGS];
  w.n_numbers = N_HEAD;
  bvl_optim_visitor visitor = {.context = &w, .vector = get_vector, .number = get_number};
  BVL_TRY(bvl_surrogate_new_optim(solver));
  BVL_TRY(get_vector(&w, "theta", solver->theta));
  BVL_TRY(bvl_optim_visit(solver->optim, &visitor));
cleanup:
  if (status != BVL_OK) bvl_optim_destroy(&solver->optim);
  close_walk(&w);
  return status;
}
