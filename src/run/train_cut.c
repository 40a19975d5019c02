/* SPDX-License-Identifier: BSD-3-Clause */
/* Cutting a trained network, and trying what is left. */
#include <string.h>

#include "base/checked.h"
#include "net/sparse/prune.h"
#include "run/train_job.h"

/* Accuracy on the rows kept apart, else on those learnt from, at objective->params. */
static bvl_status try_rest(bvl_train_job *job)
{
  bvl_pass_sums sums;
  bvl_net_rows *rows = job->network.test != NULL ? job->network.test : job->network.train;
  bvl_status status = bvl_net_objective_try(job->objective, rows, &sums);
  job->pruned_accuracy = bvl_pass_accuracy(rows, &sums);
  return status;
}

bvl_status bvl_train_job_cut(bvl_train_job *job, double *params)
{
  bvl_status status = BVL_OK;
  const bvl_train_options *o = job->options;
  const int64_t n = job->network.net->n_params;
  const bvl_prune_rule rule = {.threshold = o->prune_threshold, .deviations = o->prune_std};
  BVL_TRY(bvl_agree(&job->network.comm, BVL_ALLOC(&job->mask, n)));
  BVL_TRY(bvl_prune(job->network.net, &rule, params, job->mask, NULL));
  memcpy(job->objective->params, params, (size_t)n * sizeof *params);
  BVL_TRY(try_rest(job));
  job->n_before_cut = job->n_history;
cleanup:
  return status;
}
