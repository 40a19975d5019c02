/* SPDX-License-Identifier: BSD-3-Clause */
/* AIC, BIC and EBIC of a path's points. */
#include "run/criteria.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "model/problem.h"

const char *bvl_criterion_name(bvl_criterion criterion)
{
  static const char *const name[] = {"aic", "bic", "ebic"};
  return name[criterion];
}

void bvl_criteria_at(const bvl_criteria_point *at, double ebic_gamma, double out[BVL_N_CRITERIA])
{
  const double fit = at->gaussian ? at->n * log(2.0 * at->mean_loss) : 2.0 * at->n * at->mean_loss;
  const double k = at->df + at->intercept;
  const double choices = lgamma(at->penalised + 1.0) - lgamma(at->selected + 1.0) -
                         lgamma(at->penalised - at->selected + 1.0);
  out[BVL_AIC] = fit + 2.0 * k;
  out[BVL_BIC] = fit + k * log(at->n);
  out[BVL_EBIC] = out[BVL_BIC] + 2.0 * ebic_gamma * choices;
}

/* Are the nonzeros the degrees of freedom? */
static int counts_nonzeros(const bvl_job *job)
{
  const bvl_path_options *path = &job->options->path;
  if (bvl_solver_is_surrogate(path->solver) && !path->polish) return 0;
  if (job->penalty.type->grouped || job->penalty.type->nested) return 0;
  if (job->penalty.type->mixes && job->penalty.alpha < 1.0) return 0;
  return bvl_problem_outputs(job->problem) == 1;
}

/* n, p and the unpenalised columns, over all ranks. */
static bvl_status count_all(const bvl_job *job, double *n, double *penalised, double *free_columns)
{
  const bvl_problem *problem = job->problem;
  const bvl_rows *rows = &problem->X->rows;
  const bvl_blocks *blocks = &problem->blocks;
  int64_t of_rows = 0, of_columns[2] = {0, 0};
  bvl_status status = BVL_OK;
  for (int64_t i = 0; i < rows->n_local; i++) of_rows += problem->w[i] > 0.0;
  for (int64_t g = 0; g < blocks->n; g++) {
    of_columns[0] += blocks->weight[g] > 0.0 && blocks->weight[g] < INFINITY;
    of_columns[1] += blocks->weight[g] == 0.0;
  }
  BVL_TRY(bvl_sum_i64(&job->grid->col, &of_rows, 1));
  BVL_TRY(bvl_sum_i64(&job->grid->row, of_columns, 2));
  *n = (double)of_rows;
  *penalised = (double)of_columns[0];
  *free_columns = (double)of_columns[1];
cleanup:
  return status;
}

static void fill(const bvl_job *job, double penalised, double free_columns, double n,
                 double *values[BVL_N_CRITERIA])
{
  const bvl_problem *problem = job->problem;
  const int known = counts_nonzeros(job);
  for (int64_t q = 0; q < bvl_path_n_lambda(job->path); q++) {
    double out[BVL_N_CRITERIA] = {NAN, NAN, NAN};
    bvl_path_point point;
    bvl_path_get(job->path, q, &point);
    const bvl_criteria_point at = {
        .gaussian = problem->loss == &bvl_loss_gaussian,
        .n = n,
        .mean_loss = problem->null_half * (1.0 - point.dev_ratio),
        .df = (double)point.df,
        .intercept = job->options->intercept != 0,
        .penalised = penalised,
        .selected = fmin(fmax((double)point.df - free_columns, 0.0), penalised),
    };
    if (known && point.status < 2) bvl_criteria_at(&at, job->options->ebic_gamma, out);
    for (int c = 0; c < BVL_N_CRITERIA; c++) values[c][q] = out[c];
  }
}

static void choose(const bvl_job *job, const double *values, double *lambda, double *least,
                   int64_t *df)
{
  *lambda = *least = NAN;
  *df = 0;
  for (int64_t q = 0; q < bvl_path_n_lambda(job->path); q++) {
    bvl_path_point point;
    bvl_path_get(job->path, q, &point);
    if (isnan(values[q]) || values[q] > *least) continue;
    if (values[q] == *least && !(point.lambda > *lambda)) continue;
    *least = values[q];
    *lambda = point.lambda;
    *df = point.df;
  }
}

bvl_status bvl_job_write_criteria(bvl_job *job, bvl_run_outcome *outcome)
{
  const int64_t L = bvl_path_n_lambda(job->path);
  double *values[BVL_N_CRITERIA] = {NULL, NULL, NULL}, n = 0, penalised = 0, free_columns = 0;
  bvl_status status = BVL_OK;
  for (int c = 0; c < BVL_N_CRITERIA && status == BVL_OK; c++) status = BVL_ALLOC(&values[c], L);
  BVL_TRY(bvl_agree(&job->comm, status));
  BVL_TRY(count_all(job, &n, &penalised, &free_columns));
  fill(job, penalised, free_columns, n, values);
  for (int c = 0; c < BVL_N_CRITERIA; c++) {
    char name[32];
    choose(job, values[c], &outcome->lambda_criterion[c], &outcome->least_criterion[c],
           &outcome->df_criterion[c]);
    snprintf(name, sizeof name, "/%s", bvl_criterion_name((bvl_criterion)c));
    BVL_TRY(bvl_result_put_f64(job->writer, name, L, values[c]));
    snprintf(name, sizeof name, "/lambda_%s", bvl_criterion_name((bvl_criterion)c));
    BVL_TRY(bvl_result_put_f64(job->writer, name, 1, &outcome->lambda_criterion[c]));
  }
  BVL_TRY(bvl_result_attr_f64(job->writer, "ebic_gamma", job->options->ebic_gamma));
  BVL_TRY(bvl_result_attr_text(job->writer, "criteria",
                               job->problem->loss == &bvl_loss_gaussian
                                   ? "n log(RSS / n) + penalty, k = df + intercept"
                                   : "deviance + penalty, k = df + intercept"));
  status = bvl_result_attr_text(job->writer, "criteria_df",
                                counts_nonzeros(job) ? "nonzeros" : "unknown");
cleanup:
  for (int c = 0; c < BVL_N_CRITERIA; c++) free(values[c]);
  return status;
}
