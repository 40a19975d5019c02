/* SPDX-License-Identifier: BSD-3-Clause */
/* Rank 0 leads, the others serve. */
#include "solver/scalar/distributed_model.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "solver/scalar/distributed_gram.h"
#include "solver/scalar/distributed_newton.h"

struct bvl_distributed_model {
  bvl_problem *problem;          /* borrowed */
  bvl_working_set *set;          /* borrowed */
  bvl_distributed_gram *gram;    /* owned */
  bvl_distributed_newton newton; /* rank 0 */
  int64_t capacity;              /* of the arrays below, unknowns; the set's may be fewer now */
  double *diagonal;              /* of G, owned */
  double *x;                     /* a command's vectors, BVL_GRAM_CALL of them, owned */
  double *y;                     /* what comes of a product, owned */
  double *lw, *ridge;            /* rank 0, owned */
  int64_t *index;                /* of a factor, owned */
  int ended;                     /* the others serve no longer */
};

int bvl_distributed_model_wanted(const bvl_working_set *set)
{
  if (set->gram != BVL_GRAM_AUTO) return set->gram == BVL_GRAM_DISTRIBUTED;
  return set->d > (set->gram_limit > 0 ? set->gram_limit : BVL_GRAM_LIMIT);
}

void bvl_distributed_model_destroy(bvl_distributed_model **model)
{
  bvl_distributed_model *m = *model;
  *model = NULL;
  if (m == NULL) return;
  bvl_distributed_gram_destroy(&m->gram);
  bvl_distributed_newton_free(&m->newton);
  free(m->diagonal);
  free(m->x);
  free(m->y);
  free(m->lw);
  free(m->ridge);
  free(m->index);
  free(m);
}

bvl_status bvl_distributed_model_create(bvl_problem *problem, bvl_working_set *set,
                                        bvl_distributed_model **out)
{
  bvl_status status = BVL_OK;
  bvl_distributed_model *m = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&m, 1)));
  m->problem = problem;
  m->set = set;
  BVL_TRY(bvl_distributed_gram_create(set, &m->gram));
  free(set->G);
  set->G = NULL;
  set->ld = set->gram_d = 0;
  *out = m;
  m = NULL;
cleanup:
  bvl_distributed_model_destroy(&m);
  return status;
}

static bvl_status reserve(bvl_distributed_model *m)
{
  bvl_status status = BVL_OK;
  double **const array[] = {&m->diagonal, &m->y, &m->lw, &m->ridge};
  const int64_t d = bvl_greater(m->set->d, m->gram->n_factor);
  int64_t capacity = m->capacity;
  for (size_t k = 0; k < sizeof array / sizeof array[0]; k++) {
    capacity = m->capacity;
    BVL_TRY(BVL_GROW(array[k], &capacity, d));
  }
  capacity = m->capacity * BVL_GRAM_CALL;
  BVL_TRY(BVL_GROW(&m->x, &capacity, d * BVL_GRAM_CALL));
  capacity = m->capacity;
  BVL_TRY(BVL_GROW(&m->index, &capacity, d));
  m->capacity = capacity;
  if (m->problem->grid->all.rank == 0) status = bvl_distributed_newton_reserve(&m->newton, d);
cleanup:
  return status;
}

/* ---- what all ranks do together ------------------------------------------------------------- */

typedef enum command { END, PRODUCT, FACTOR, SOLVE, COLUMNS } command;

/* Carries out one command of rank 0, whose x (and index) stand ready there; n: unknowns, right-hand
 * sides or columns. */
static bvl_status perform(bvl_distributed_model *m, command what, int64_t n)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &m->problem->grid->all;
  const int64_t rows = m->gram->n_factor;
  if (what == FACTOR || what == COLUMNS) BVL_TRY(bvl_bcast_i64(all, 0, m->index, n));
  if (what != COLUMNS) BVL_TRY(bvl_bcast(all, 0, m->x, what == SOLVE ? n * rows : n));
  if (what == PRODUCT) BVL_TRY(bvl_block_cyclic_product(m->gram->G, m->x, m->y));
  if (what == FACTOR) BVL_TRY(bvl_distributed_gram_factor(m->gram, n, m->index, m->x));
  if (what == SOLVE) BVL_TRY(bvl_block_cyclic_solve(m->gram->factor, n, m->x, rows));
  if (what == COLUMNS) BVL_TRY(bvl_block_cyclic_columns(m->gram->G, n, m->index, m->x));
cleanup:
  return status;
}

/* Rank 0: tells the others what comes, and does it with them. */
static bvl_status call(bvl_distributed_model *m, command what, int64_t n)
{
  int64_t words[2] = {what, n};
  bvl_status status = bvl_bcast_i64(&m->problem->grid->all, 0, words, 2);
  if (status == BVL_OK && what != END) status = perform(m, what, n);
  m->ended = status != BVL_OK || what == END;
  return status;
}

/* The others: until rank 0 ends, or what they do together fails. */
static bvl_status serve(bvl_distributed_model *m)
{
  bvl_status status = BVL_OK;
  for (;;) {
    int64_t words[2] = {END, 0};
    BVL_TRY(bvl_bcast_i64(&m->problem->grid->all, 0, words, 2));
    if (words[0] == END) break;
    BVL_TRY(perform(m, (command)words[0], words[1]));
  }
cleanup:
  return status;
}

static bvl_status call_product(void *context, const double *x, double *y)
{
  bvl_distributed_model *m = context;
  const int64_t d = m->set->d;
  memcpy(m->x, x, (size_t)d * sizeof *x);
  bvl_status status = call(m, PRODUCT, d);
  memcpy(y, m->y, (size_t)d * sizeof *y);
  return status;
}

static bvl_status call_factor(void *context, int64_t n, const int64_t *index, const double *extra)
{
  bvl_distributed_model *m = context;
  memcpy(m->index, index, (size_t)n * sizeof *index);
  memcpy(m->x, extra, (size_t)n * sizeof *extra);
  return call(m, FACTOR, n);
}

static bvl_status call_solve(void *context, int64_t n, double *x)
{
  bvl_distributed_model *m = context;
  const size_t bytes = (size_t)(n * m->gram->n_factor) * sizeof *x;
  memcpy(m->x, x, bytes);
  bvl_status status = call(m, SOLVE, n);
  memcpy(x, m->x, bytes);
  return status;
}

static bvl_status call_columns(void *context, int64_t n, const int64_t *index, double *out)
{
  bvl_distributed_model *m = context;
  memcpy(m->index, index, (size_t)n * sizeof *index);
  bvl_status status = call(m, COLUMNS, n);
  memcpy(out, m->x, (size_t)(n * m->set->d) * sizeof *out);
  return status;
}

/* ---- rank 0 --------------------------------------------------------------------------------- */

static bvl_status lead(bvl_distributed_model *m, int64_t batch, const double *lambdas,
                       const bvl_null_fit *null, double tol, int64_t max_iter,
                       const bvl_watch *watch, double *answer)
{
  bvl_status status = BVL_OK;
  const int64_t d = m->set->d;
  const bvl_lasso lasso = {.d = d, .c = null->c, .lw = m->lw, .ridge = m->ridge, .watch = watch};
  m->newton.calls = (bvl_gram_calls){m, call_product, call_factor, call_solve, call_columns};
  m->newton.diagonal = m->diagonal;
  bvl_null_fit_subtract(null, m->set->b);
  bvl_working_set_penalty(m->set, lambdas[0], m->lw, m->ridge);
  BVL_TRY(bvl_distributed_newton_start(&m->newton, &lasso, m->set->b, m->gram->n_factor,
                                       m->gram->in_factor));
  for (int64_t q = 0; q < batch; q++, answer += d + 2) {
    bvl_active_outcome outcome;
    const double unit = lambdas[q] > 0 ? lambdas[q] : m->problem->lambda_max;
    bvl_working_set_penalty(m->set, lambdas[q], m->lw, m->ridge);
    BVL_TRY(bvl_distributed_newton_solve(&m->newton, &lasso, tol * unit, max_iter, &outcome));
    memcpy(answer, m->newton.b, (size_t)d * sizeof *answer);
    bvl_null_fit_add(null, answer);
    answer[d] = (double)outcome.steps;
    answer[d + 1] = bvl_answer_solved(outcome.solved, watch);
  }
cleanup:
  return status;
}

bvl_status bvl_distributed_model_solve(bvl_distributed_model *m, int64_t batch,
                                       const double *lambdas, const bvl_null_fit *null, double tol,
                                       int64_t max_iter, const bvl_watch *watch, double *answer)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &m->problem->grid->all;
  BVL_TRY(bvl_distributed_gram_update(m->gram));
  BVL_TRY(bvl_agree(all, reserve(m)));
  BVL_TRY(bvl_block_cyclic_diagonal(m->gram->G, m->diagonal));
  if (all->rank == 0) {
    m->ended = 0;
    status = lead(m, batch, lambdas, null, tol, max_iter, watch, answer);
    if (!m->ended) {
      bvl_status last = call(m, END, 0);
      if (status == BVL_OK) status = last;
    }
  } else {
    status = serve(m);
  }
  BVL_TRY(bvl_agree(all, status));
cleanup:
  return status;
}
