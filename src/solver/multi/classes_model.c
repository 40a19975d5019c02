/* SPDX-License-Identifier: BSD-3-Clause */
/* Rank 0 solves, the others serve it with their rows. */
#include "solver/multi/classes_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "solver/multi/class_newton.h"

enum { MAX_STEPS = 500 };

/* lambda = 0 is solved as this part of lambda_max: far below what a certificate sees. */
static const double ZERO = 1e-11;

struct bvl_classes_model {
  bvl_problem *problem; /* borrowed */
  bvl_working_set *set; /* borrowed */
  int64_t n_free;       /* leading unknowns without penalty */
  int64_t generation;   /* of the set when `newton` last saw it */
  double *target;       /* n_blocks, owned: rank 0 */
  double *ridge;        /* n_blocks, owned: rank 0 */
  int64_t block_capacity;
  bvl_class_work work;
  bvl_class_newton newton; /* rank 0 */
};

void bvl_classes_model_destroy(bvl_classes_model **model)
{
  bvl_classes_model *m = *model;
  *model = NULL;
  if (m == NULL) return;
  bvl_class_newton_free(&m->newton);
  bvl_class_work_free(&m->work);
  free(m->target);
  free(m->ridge);
  free(m);
}

bvl_status bvl_classes_model_create(bvl_problem *problem, bvl_working_set *set,
                                    bvl_classes_model **out)
{
  bvl_status status = BVL_OK;
  bvl_classes_model *m = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&m, 1)));
  m->problem = problem;
  m->set = set;
  m->n_free = set->d;
  m->generation = set->generation;
  BVL_TRY(bvl_class_work_create(problem, set, &m->work));
  *out = m;
  m = NULL;
cleanup:
  bvl_classes_model_destroy(&m);
  return status;
}

/* Rank 0: the problem at lambda. */
static bvl_class_problem problem_at(bvl_classes_model *m, double lambda, double tol,
                                    int64_t max_iter, const bvl_watch *watch)
{
  const bvl_working_set *set = m->set;
  const bvl_penalty *pen = &m->problem->penalty;
  const double at = fmax(lambda, ZERO * m->problem->lambda_max);
  const double unit = lambda > 0 ? lambda : m->problem->lambda_max;
  for (int64_t g = 0; g < set->n_blocks; g++) {
    const double lw = set->weight[g] > 0 ? at * set->weight[g] : 0;
    m->target[g] = lw > 0 ? bvl_penalty_threshold(pen, lw) : 0;
    m->ridge[g] = lw > 0 ? pen->type->bend(pen, lw, 1) : 0;
  }
  return (bvl_class_problem){.n_free = m->n_free,
                             .n_blocks = set->n_blocks,
                             .begin = set->begin,
                             .target = m->target,
                             .ridge = m->ridge,
                             .tol = tol * unit,
                             .unit = unit,
                             .max_steps = max_iter > 0 ? max_iter : MAX_STEPS,
                             .watch = watch};
}

static bvl_status reserve_blocks(bvl_classes_model *m)
{
  int64_t room = m->block_capacity;
  bvl_status status = BVL_GROW(&m->target, &room, m->set->n_blocks);
  room = m->block_capacity;
  if (status == BVL_OK) status = BVL_GROW(&m->ridge, &room, m->set->n_blocks);
  if (status == BVL_OK) m->block_capacity = room;
  return status;
}

/* Rank 0 alone, the others serve. */
static bvl_status solve_all(bvl_classes_model *m, const double *start, int64_t batch,
                            const double *lambdas, double tol, int64_t max_iter,
                            const bvl_watch *watch, double *answer)
{
  bvl_status status = BVL_OK;
  const int64_t length = m->set->d * m->work.K;
  BVL_TRY(reserve_blocks(m));
  BVL_TRY(bvl_class_newton_open(&m->newton, &m->work, start, m->generation != m->set->generation));
  for (int64_t q = 0; q < batch; q++, answer += length + BVL_ANSWER_EXTRA) {
    bvl_class_outcome outcome;
    const bvl_class_problem p = problem_at(m, lambdas[q], tol, max_iter, watch);
    BVL_TRY(bvl_class_newton_solve(&m->newton, &p, &outcome));
    memcpy(answer, m->newton.B, (size_t)length * sizeof *answer);
    answer[length] = (double)outcome.evaluations;
    answer[length + 1] = bvl_answer_solved(outcome.solved, watch);
  }
cleanup:
  return status;
}

bvl_status bvl_classes_model_solve(bvl_classes_model *m, const double *start, int64_t batch,
                                   const double *lambdas, double tol, int64_t max_iter,
                                   const bvl_watch *watch, double *answer)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &m->problem->grid->all;
  BVL_TRY(bvl_class_work_open(&m->work));
  if (all->rank == 0)
    status = bvl_class_work_stop(&m->work,
                                 solve_all(m, start, batch, lambdas, tol, max_iter, watch, answer));
  else
    status = bvl_class_work_serve(&m->work);
  m->generation = m->set->generation;
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(bvl_bcast(all, 0, answer, batch * (m->set->d * m->work.K + BVL_ANSWER_EXTRA)));
cleanup:
  return status;
}
