/* SPDX-License-Identifier: BSD-3-Clause */
/* Orders travel as doubles: [order, parameter, parameter, one value an unknown]. NaN marks unknowns
 * that are not active. */
#include "solver/row_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/phase.h"
#include "data/active_part.h"

enum { STOP, EVALUATE, COMPLETE, GRAM_AS_BEFORE, GRAM_ANEW };
enum { HEADER = 3 };

void bvl_row_work_free(bvl_row_work *w)
{
  free(w->eta);
  free(w->r);
  free(w->h);
  free(w->h_gram);
  free(w->message);
  free(w->v);
  free(w->list);
  free(w->gram);
  *w = (bvl_row_work){0};
}

bvl_status bvl_row_work_create(bvl_problem *problem, bvl_working_set *set, bvl_row_work *out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const int64_t n_split = bvl_problem_n_split(problem);
  *out = (bvl_row_work){.problem = problem, .set = set};
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&out->eta, n_split)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&out->r, n_split)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&out->h, n_split)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&out->h_gram, n_split)));
cleanup:
  return status;
}

static bvl_status reserve(bvl_row_work *w)
{
  return BVL_GROW_ALL(&w->capacity, w->set->d + HEADER, BVL_GROWN(&w->message), BVL_GROWN(&w->v),
                      BVL_GROWN(&w->list));
}

bvl_status bvl_row_work_open(bvl_row_work *w)
{
  return bvl_agree(&w->problem->grid->all, reserve(w));
}

/* ---- what every rank does ------------------------------------------------------------------- */

enum { INACTIVE = 1, ACTIVE = 2 };

/* The columns of either kind or both, in ascending order. */
static int64_t list_columns(bvl_row_work *w, int kinds)
{
  const double *b = w->message + HEADER;
  int64_t n = 0;
  for (int64_t k = 0; k < w->set->d; k++)
    if (kinds & (isnan(b[k]) ? INACTIVE : ACTIVE)) w->list[n++] = k - w->problem->intercept;
  return n;
}

/* v[0..n) <- the listed columns' products with r, in order. */
static void correlate(bvl_row_work *w, int64_t n)
{
  const int64_t shift = w->problem->intercept;
  bvl_active_part_adjoint(w->set->columns, n, w->list, w->r, w->v + shift);
  for (int64_t k = 0; k < n; k++) w->v[k] = w->v[shift + w->list[k]]; /* k <= the unknown */
}

static bvl_status evaluate(bvl_row_work *w, int whole)
{
  const bvl_problem *problem = w->problem;
  const int64_t split0 = problem->X->rows.split0;
  const int64_t n_split = bvl_problem_n_split(problem);
  int64_t n = list_columns(w, ACTIVE);
  if (problem->offset != NULL)
    memcpy(w->eta, problem->offset + split0, (size_t)n_split * sizeof *w->eta);
  else
    memset(w->eta, 0, (size_t)n_split * sizeof *w->eta);
  bvl_active_part_forward(w->set->columns, n, w->list, w->message + HEADER + problem->intercept,
                          w->eta);
  const double loss = bvl_loss_eval(problem->loss, n_split, problem->y + split0,
                                    problem->w + split0, w->eta, w->r, w->h);
  if (whole) n = list_columns(w, ACTIVE | INACTIVE);
  correlate(w, n);
  w->v[n] = loss;
  return bvl_sum_to(&problem->grid->all, 0, w->v, n + 1);
}

static bvl_status complete(bvl_row_work *w)
{
  const int64_t n = list_columns(w, INACTIVE);
  correlate(w, n);
  return bvl_sum_to(&w->problem->grid->all, 0, w->v, n);
}

static bvl_status gram(bvl_row_work *w, int anew, int64_t n_new, int64_t n)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &w->problem->grid->all;
  const int64_t n_split = bvl_problem_n_split(w->problem);
  if (anew) memcpy(w->h_gram, w->h, (size_t)n_split * sizeof *w->h);
  for (int64_t k = 0; k < n; k++)
    w->list[k] = (int64_t)w->message[HEADER + k] - w->problem->intercept;
  status = BVL_GROW(&w->gram, &w->gram_capacity, n_new * n);
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_GRAM);
  if (status == BVL_OK)
    status = bvl_active_part_gram(w->set->columns, w->h_gram, n_new, n, w->list, w->gram);
  bvl_phase_leave(before);
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(bvl_sum_to(all, 0, w->gram, n_new * n));
cleanup:
  return status;
}

/* Broadcasts rank 0's order and does this rank's share of it. */
static bvl_status carry_out(bvl_row_work *w, int *order)
{
  bvl_status status = bvl_bcast(&w->problem->grid->all, 0, w->message, w->set->d + HEADER);
  if (status != BVL_OK) return status;
  *order = (int)w->message[0];
  if (*order == STOP) return (bvl_status)(int)w->message[1];
  if (*order == EVALUATE) return evaluate(w, w->message[1] > 0);
  if (*order == COMPLETE) return complete(w);
  return gram(w, *order == GRAM_ANEW, (int64_t)w->message[1], (int64_t)w->message[2]);
}

bvl_status bvl_row_work_serve(bvl_row_work *w)
{
  bvl_status status = BVL_OK;
  int order = EVALUATE;
  do /* rank 0 meets every failure but MPI's own too, and answers it with a stop */
    status = carry_out(w, &order);
  while (order != STOP && status != BVL_ERR_MPI);
  return status;
}

/* ---- rank 0 -----------------------------------------------------------------------------------
 */

static bvl_status send(bvl_row_work *w, int order, double first, double second)
{
  w->message[0] = order;
  w->message[1] = first;
  w->message[2] = second;
  return carry_out(w, &order);
}

/* b NULL = 0. A NaN of b must not change who is active: infinity spoils the loss as well. */
static void write_active(bvl_row_work *w, const double *b, const unsigned char *active)
{
  for (int64_t k = 0; k < w->set->d; k++) {
    const double value = b == NULL ? 0 : isnan(b[k]) ? INFINITY : b[k];
    w->message[HEADER + k] = active[k] ? value : NAN;
  }
}

bvl_status bvl_row_work_evaluate(bvl_row_work *w, const double *b, const unsigned char *active,
                                 int whole, double *loss, double *g)
{
  const double n = (double)w->problem->n;
  int64_t at = 0;
  write_active(w, b, active);
  bvl_status status = send(w, EVALUATE, whole, 0);
  for (int64_t k = 0; k < w->set->d; k++)
    if (whole || active[k]) g[k] = w->v[at++] / n;
  *loss = w->v[at] / n;
  return status;
}

bvl_status bvl_row_work_complete(bvl_row_work *w, const unsigned char *active, double *g)
{
  int64_t at = 0;
  write_active(w, NULL, active);
  bvl_status status = send(w, COMPLETE, 0, 0);
  for (int64_t k = 0; k < w->set->d; k++)
    if (!active[k]) g[k] = w->v[at++] / (double)w->problem->n;
  return status;
}

bvl_status bvl_row_work_gram(bvl_row_work *w, int anew, int64_t n_new, int64_t n,
                             const int64_t *unknowns)
{
  for (int64_t k = 0; k < n; k++) w->message[HEADER + k] = (double)unknowns[k];
  bvl_status status = send(w, anew ? GRAM_ANEW : GRAM_AS_BEFORE, (double)n_new, (double)n);
  for (int64_t e = 0; status == BVL_OK && e < n_new * n; e++) w->gram[e] /= (double)w->problem->n;
  return status;
}

bvl_status bvl_row_work_stop(bvl_row_work *w, bvl_status status)
{
  if (status == BVL_ERR_MPI) return status; /* nobody may be listening */
  const bvl_status sent = send(w, STOP, (double)status, 0);
  return status != BVL_OK ? status : sent;
}
