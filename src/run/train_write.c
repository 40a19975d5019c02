/* SPDX-License-Identifier: BSD-3-Clause */
/* The result file of a training job. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "run/train_job.h"

static bvl_status write_history(bvl_train_job *job)
{
  static const struct {
    const char *name;
    size_t offset;
  } columns[] = {
      {"/history/epoch", offsetof(bvl_epoch, epoch)},
      {"/history/objective", offsetof(bvl_epoch, objective)},
      {"/history/train_loss", offsetof(bvl_epoch, train_loss)},
      {"/history/train_accuracy", offsetof(bvl_epoch, train_accuracy)},
      {"/history/test_loss", offsetof(bvl_epoch, test_loss)},
      {"/history/test_accuracy", offsetof(bvl_epoch, test_accuracy)},
      {"/history/l1", offsetof(bvl_epoch, l1)},
      {"/history/nonzeros", offsetof(bvl_epoch, nonzeros)},
      {"/history/seconds", offsetof(bvl_epoch, seconds)},
  };
  bvl_status status = BVL_OK;
  double *values = NULL;
  BVL_TRY(bvl_agree(&job->network.comm, BVL_ALLOC(&values, job->n_history)));
  for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
    for (int64_t k = 0; k < job->n_history; k++)
      memcpy(&values[k], (const char *)&job->history[k] + columns[c].offset, sizeof *values);
    BVL_TRY(bvl_result_put_f64(job->writer, columns[c].name, job->n_history, values));
  }
cleanup:
  free(values);
  return status;
}

static bvl_status write_options(bvl_train_job *job, const bvl_train_outcome *outcome)
{
  static const char *const method[] = {"sgd", "momentum", "adam", "lbfgs"};
  static const char *const structure[] = {"element", "input", "neuron"};
  static const char *const schedule[] = {"constant", "step", "cosine"};
  const bvl_train_options *o = job->options;
  const bvl_penalty *pen = &job->penalty;
  bvl_surrogate map = {0};
  bvl_status status = BVL_OK;
  if (pen->type != NULL) BVL_TRY(bvl_surrogate_find(o->param, pen, 0, &map));
  BVL_TRY(bvl_result_attr_text(job->writer, "penalty", o->penalty));
  BVL_TRY(bvl_result_attr_text(job->writer, "param", map.type != NULL ? map.type->name : "none"));
  BVL_TRY(bvl_result_attr_text(job->writer, "structure", structure[o->structure]));
  BVL_TRY(bvl_result_attr_text(job->writer, "solver", method[o->optim.method]));
  BVL_TRY(bvl_result_attr_text(job->writer, "schedule", schedule[o->optim.schedule]));
  BVL_TRY(bvl_result_attr_f64(job->writer, "lambda", o->lambda));
  BVL_TRY(bvl_result_attr_f64(job->writer, "weight_decay", o->weight_decay));
  BVL_TRY(bvl_result_attr_f64(job->writer, "lr", o->optim.step));
  BVL_TRY(bvl_result_attr_f64(job->writer, "train_loss", outcome->train_loss));
  BVL_TRY(bvl_result_attr_f64(job->writer, "train_accuracy", outcome->train_accuracy));
  BVL_TRY(bvl_result_attr_f64(job->writer, "test_loss", outcome->test_loss));
  BVL_TRY(bvl_result_attr_f64(job->writer, "test_accuracy", outcome->test_accuracy));
  BVL_TRY(bvl_result_attr_f64(job->writer, "pruned_accuracy", outcome->pruned_accuracy));
  BVL_TRY(bvl_result_attr_f64(job->writer, "l1", outcome->l1));
  BVL_TRY(bvl_result_attr_f64(job->writer, "imbalance", outcome->imbalance));
  BVL_TRY(bvl_result_attr_i64(job->writer, "epochs", outcome->epochs));
  BVL_TRY(bvl_result_attr_i64(job->writer, "parameters", outcome->n_params));
  BVL_TRY(bvl_result_attr_i64(job->writer, "parameters_left", outcome->left));
  BVL_TRY(bvl_result_attr_i64(job->writer, "blocks", outcome->n_blocks));
  BVL_TRY(bvl_result_attr_i64(job->writer, "blocks_dead", outcome->n_dead));
  BVL_TRY(bvl_result_attr_i64(job->writer, "diverged", outcome->diverged));
cleanup:
  return status;
}

bvl_status bvl_train_job_write(bvl_train_job *job, const bvl_train_outcome *outcome)
{
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_network_job_put(&job->network, job->writer, "", job->objective->params));
  BVL_TRY(bvl_network_job_describe(&job->network, job->writer));
  BVL_TRY(write_history(job));
  BVL_TRY(write_options(job, outcome));
cleanup:
  return status;
}
