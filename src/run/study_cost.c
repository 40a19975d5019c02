/* SPDX-License-Identifier: BSD-3-Clause */
/* Predicted cost and memory of a study's tasks, and the number of ranks that follows. */
#include "run/study_cost.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "data/design.h"
#include "loss/loss.h"
#include "penalty/penalty.h"
#include "run/grid.h"
#include "run/job.h"
#include "run/memory.h"

/* ---- heads ----------------------------------------------------------------------------------- */

static int same_text(const char *a, const char *b)
{
  return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static int same_data(const bvl_run_options *a, const bvl_run_options *b)
{
  return same_text(a->data, b->data) && same_text(a->names.x, b->names.x) &&
         same_text(a->names.y, b->names.y) && same_text(a->family, b->family) &&
         a->single == b->single;
}

/* What cannot be read is left zero: the task itself will name the fault. */
static void read_head(const bvl_comm *alone, const bvl_run_options *run, bvl_study_head *head)
{
  bvl_data *data = NULL;
  if (bvl_data_open(alone, run->data, &run->names, 0, 1, &data) != BVL_OK) return;
  const bvl_source *source = bvl_data_source(data);
  const char *family = run->family != NULL ? run->family : bvl_data_family(data);
  const bvl_loss *loss = bvl_loss_find(family != NULL ? family : "gaussian");
  const bvl_dtype dtype = bvl_design_held_dtype(source, run->single);
  uint64_t fingerprint = 0;
  if (bvl_data_fingerprint(data, &fingerprint) == BVL_OK)
    *head = (bvl_study_head){
        .n = source->n,
        .p = source->p,
        .nnz = source->nnz,
        .dense = source->format == BVL_DENSE,
        .element = source->format == BVL_DENSE ? bvl_dtype_bytes(dtype) : 12,
        .dtype = dtype,
        .responses = bvl_data_responses(data),
        .classes = loss != NULL && loss->coupled,
        .fingerprint = fingerprint,
    };
  bvl_data_close(&data);
}

bvl_status bvl_study_heads(const bvl_comm *comm, const bvl_study_task *tasks, int64_t n_tasks,
                           bvl_study_head *heads)
{
  bvl_traffic traffic = {0};
  bvl_comm alone = {0};
  bvl_status status = bvl_comm_dup(MPI_COMM_SELF, &traffic, &alone);
  for (int64_t k = 0; status == BVL_OK && comm->rank == 0 && k < n_tasks; k++) {
    int64_t first = 0;
    while (!same_data(tasks[first].run, tasks[k].run)) first++;
    if (first < k)
      heads[k] = heads[first];
    else
      read_head(&alone, tasks[k].run, &heads[k]);
  }
  bvl_comm_free(&alone);
  BVL_TRY(bvl_agree(comm, status));
  status = bvl_bcast_bytes(comm, 0, heads, n_tasks * (int64_t)sizeof *heads);
cleanup:
  return status;
}

/* ---- cost ------------------------------------------------------------------------------------ */

/* Is the loss another than the quadratic one? */
static int is_curved(const bvl_run_options *run, const bvl_study_head *head)
{
  return head->classes || (run->family != NULL && strcmp(run->family, "gaussian") != 0);
}

double bvl_study_cost(const bvl_study_task *task, const bvl_study_head *head)
{
  const double bytes_a_second = 5e9, flops_a_second = 5e9, least_s = 0.01;
  const bvl_path_options *path = &task->run->path;
  const bvl_penalty_type *type = bvl_penalty_find(task->run->penalty);
  const int convex = type == NULL || type->convex, cd = path->solver == BVL_SOLVER_CD;
  const int surrogate = path->solver >= BVL_SOLVER_SGD;
  const int curved = is_curved(task->run, head);
  const double L = path->path_to > 0.0 ? 20.0 : (double)path->n_lambda;
  const double K = head->classes ? 10.0 : (double)bvl_greater(head->responses, 1);
  double s = fmin(fmin((double)head->n, (double)head->p), 500.0);
  if (path->dfmax >= 0) s = fmin(s, (double)path->dfmax + 10.0);
  double passes = 10.0 + 0.25 * L;
  if (cd) passes = 50.0 * L;
  if (surrogate) passes += 2.0 * L * (double)bvl_greater(path->epochs, 100);
  double flops = (curved ? 2.0 * L : 1.0) * (double)head->n * s * s;
  flops += (convex ? 1.0 : 3.0) * L * 10.0 * s * s;
  double seconds = passes * K * (double)head->nnz * (double)head->element / bytes_a_second;
  if (!cd) seconds += flops * K / flops_a_second;
  if (path->starts > 1) seconds *= (double)path->starts;
  if (task->cv != NULL) seconds *= 1.0 + 0.8 * (double)task->cv->folds;
  return seconds + least_s;
}

int64_t bvl_study_memory(const bvl_study_task *task, const bvl_study_head *head, int ranks)
{
  const bvl_run_options *run = task->run;
  const bvl_penalty_type *type = bvl_penalty_find(run->penalty);
  const bvl_step_shape step = {head->n, head->p, head->nnz, head->n, 0};
  bvl_memory_shape shape = {
      .n = head->n,
      .p = head->p,
      .nnz = head->nnz,
      .format = head->dense ? BVL_DENSE : BVL_CSC,
      .dtype = (bvl_dtype)head->dtype,
      .solver = run->path.solver,
      .gram = run->path.gram,
      .grouped = type != NULL && type->grouped,
      .responses = head->classes ? 10 : head->responses,
      .coupled = head->classes != 0,
      .folded = task->cv != NULL,
      .n_lambda = run->path.n_lambda,
      .most_df = run->path.dfmax >= 0 ? bvl_greater(run->path.dfmax, 1) : 0,
      .weighted = is_curved(run, head),
      .concave = type != NULL && !type->convex,
      .unpolished = bvl_solver_is_surrogate(run->path.solver) && !run->path.polish,
  };
  bvl_grid_choose(&step, ranks, &shape.grid_rows, &shape.grid_cols);
  return bvl_memory_estimate(&shape);
}

/* ---- ranks ----------------------------------------------------------------------------------- */

int bvl_study_levels(int size, int groups[34])
{
  int n = 0;
  for (int64_t g = 1; g < size; g *= 2) groups[n++] = (int)g;
  groups[n++] = size;
  return n;
}

int bvl_study_level(const bvl_study_task *task, const bvl_study_head *head, double total_cost,
                    int size, int64_t allowed)
{
  int groups[34];
  const double cost = bvl_study_cost(task, head);
  for (int level = bvl_study_levels(size, groups) - 1; level > 0; level--) {
    const int width = size / groups[level]; /* of the smallest group */
    const double widest = (double)((size + groups[level] - 1) / groups[level]);
    if (bvl_study_memory(task, head, width) > allowed) continue;
    if (cost / widest <= total_cost / (double)size * 1.001) return level;
  }
  return 0;
}
