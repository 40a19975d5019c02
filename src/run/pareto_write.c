/* SPDX-License-Identifier: BSD-3-Clause */
/* A front's file: a vector a quantity, an entry a point by rising norm, and the networks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "run/pareto_job.h"

enum { LOSS, NORM, LAMBDA, VIOLATION, SECONDS, N_REALS };
enum { NONZEROS, STEPS, CONVERGED, N_INTEGERS };

static bvl_status put_vectors(bvl_pareto_job *job)
{
  static const char *const reals[] = {"/loss", "/l1", "/lambda", "/kkt_residual", "/seconds"};
  static const char *const integers[] = {"/nonzeros", "/iterations", "/status"};
  bvl_status status = BVL_OK;
  const int64_t n = job->n;
  double *real = NULL;
  int64_t *integer = NULL;
  status = BVL_ALLOC(&real, n * N_REALS);
  if (status == BVL_OK) status = BVL_ALLOC(&integer, n * N_INTEGERS);
  BVL_TRY(bvl_agree(&job->network.comm, status));
  for (int64_t k = 0; k < n; k++) {
    const bvl_front_point *p = &job->point[k];
    real[LOSS * n + k] = p->value;
    real[NORM * n + k] = p->at.value;
    real[LAMBDA * n + k] = p->at.lambda;
    real[VIOLATION * n + k] = p->at.violation / p->at.lambda;
    real[SECONDS * n + k] = p->seconds;
    integer[NONZEROS * n + k] = p->at.nonzeros;
    integer[STEPS * n + k] = p->steps;
    integer[CONVERGED * n + k] = !p->converged;
  }
  for (int q = 0; q < N_REALS; q++)
    BVL_TRY(bvl_result_put_f64(job->writer, reals[q], n, real + q * n));
  for (int q = 0; q < N_INTEGERS; q++)
    BVL_TRY(bvl_result_put_i64(job->writer, integers[q], n, integer + q * n));
  BVL_TRY(bvl_result_put_f64(job->writer, "/train_accuracy", n, job->train_accuracy));
  BVL_TRY(bvl_result_put_f64(job->writer, "/test_accuracy", n, job->test_accuracy));
cleanup:
  free(real);
  free(integer);
  return status;
}

static bvl_status put_networks(bvl_pareto_job *job)
{
  bvl_status status = BVL_OK;
  char prefix[32];
  for (int64_t k = 0; k < job->n; k++) {
    snprintf(prefix, sizeof prefix, "/points/%" PRId64, k);
    BVL_TRY(bvl_pareto_expand(job, k));
    BVL_TRY(bvl_network_job_put_whole(&job->network, job->writer, prefix, job->objective->params));
  }
cleanup:
  return status;
}

bvl_status bvl_pareto_write(bvl_pareto_job *job, const bvl_pareto_outcome *outcome)
{
  static const char *const methods[] = {"continuation", "weighted-sum", "lambda-path"};
  bvl_status status = BVL_OK;
  const bvl_pareto_options *o = job->options;
  BVL_TRY(bvl_network_job_describe(&job->network, job->writer));
  BVL_TRY(bvl_result_attr_text(job->writer, "method", methods[o->method]));
  BVL_TRY(bvl_result_attr_text(job->writer, "norm",
                               o->structure == BVL_BY_ELEMENT ? "l1" : "group-l1"));
  BVL_TRY(bvl_result_attr_f64(job->writer, "solve_seconds", outcome->solve_s));
  BVL_TRY(bvl_result_attr_f64(job->writer, "norm_max", outcome->norm_max));
  BVL_TRY(bvl_result_attr_i64(job->writer, "starts", o->starts));
  BVL_TRY(bvl_result_attr_i64(job->writer, "sweeps", o->sweeps));
  BVL_TRY(bvl_result_attr_i64(job->writer, "epochs", o->optim.epochs));
  BVL_TRY(put_vectors(job));
  BVL_TRY(put_networks(job));
cleanup:
  return status;
}
