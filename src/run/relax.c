/* SPDX-License-Identifier: BSD-3-Clause */
/* Relaxed fits along a path. */
#include "run/relax.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/design.h"
#include "model/refit.h"

/* The fit on one support: this rank's columns on the input's scale, as bvl_path_point has them. */
typedef struct fit {
  int64_t n;
  int64_t *column; /* n, owned */
  double *value;   /* n, owned */
  double intercept, dev_ratio, kkt;
  int64_t df;
  int status;
} fit;

struct bvl_relaxed {
  int64_t n_lambda;
  int64_t n_fits;
  fit *fits;      /* n_lambda of room, owned */
  int64_t *of;    /* n_lambda, owned: the fit of each, -1 = none */
  int64_t *place; /* p, owned: local column of an input column, -1 = another rank's */
  int64_t n_rows; /* that weigh */
  bvl_point point;
};

bvl_status bvl_relax_check(const bvl_job *job)
{
  if (job->n_responses > 1) return bvl_fail(BVL_ERR_USAGE, "relax: not with several responses");
  if (bvl_loss_find(job->family)->coupled)
    return bvl_fail(BVL_ERR_USAGE, "relax: not with family %s", job->family);
  if (job->lower != NULL || job->upper != NULL)
    return bvl_fail(BVL_ERR_USAGE, "relax: not with bounds, which an unpenalised fit leaves");
  return BVL_OK;
}

void bvl_relax_free(bvl_relaxed **handle)
{
  bvl_relaxed *relaxed = *handle;
  *handle = NULL;
  if (relaxed == NULL) return;
  for (int64_t f = 0; relaxed->fits != NULL && f < relaxed->n_lambda; f++) {
    free(relaxed->fits[f].column);
    free(relaxed->fits[f].value);
  }
  free(relaxed->fits);
  free(relaxed->of);
  free(relaxed->place);
  free(relaxed->point.beta);
  free(relaxed);
}

static bvl_status create(const bvl_job *job, bvl_relaxed **out)
{
  const bvl_problem *problem = job->problem;
  const bvl_design *X = problem->X;
  bvl_relaxed *relaxed = NULL;
  bvl_status status = BVL_ALLOC(&relaxed, 1);
  if (status == BVL_OK) {
    *out = relaxed;
    relaxed->n_lambda = bvl_path_n_lambda(job->path);
    status = BVL_ALLOC(&relaxed->fits, relaxed->n_lambda);
  }
  if (status == BVL_OK) status = BVL_ALLOC(&relaxed->of, relaxed->n_lambda);
  if (status == BVL_OK) status = BVL_ALLOC(&relaxed->place, job->p);
  if (status == BVL_OK) status = BVL_ALLOC(&relaxed->point.beta, X->columns.p_local);
  BVL_TRY(bvl_agree(&job->comm, status));
  for (int64_t j = 0; j < job->p; j++) relaxed->place[j] = -1;
  for (int64_t c = 0; c < X->columns.p_local; c++)
    relaxed->place[bvl_design_input_column(X, c)] = c;
  for (int64_t i = 0; i < X->rows.n_local; i++) relaxed->n_rows += problem->w[i] > 0.0;
  status = bvl_sum_i64(&job->grid->col, &relaxed->n_rows, 1);
cleanup:
  return status;
}

/* Has the path's point the columns of the last fit? Collective. */
static bvl_status compare(const bvl_relaxed *relaxed, const bvl_job *job,
                          const bvl_path_point *point, int *same)
{
  const fit *last = relaxed->n_fits > 0 ? &relaxed->fits[relaxed->n_fits - 1] : NULL;
  int64_t differs = last == NULL || last->n != point->n_nonzero;
  for (int64_t a = 0; !differs && a < point->n_nonzero; a++)
    differs = last->column[a] != point->column[a];
  const bvl_status status = bvl_max_i64(&job->comm, &differs, 1);
  *same = !differs;
  return status;
}

/* From the last fit where that is one, without the columns that have left; else from the null fit.
 */
static void set_start(bvl_relaxed *relaxed, const bvl_job *job, const fit *now)
{
  const bvl_problem *problem = job->problem;
  const fit *last = now > relaxed->fits ? now - 1 : NULL;
  bvl_point *point = &relaxed->point;
  const int64_t p_local = problem->X->columns.p_local;
  const int warm = last != NULL && last->status < 2;
  if (!warm) point->intercept = problem->null_point.intercept;
  for (int64_t c = 0, a = 0; c < p_local; c++) {
    const int in = a < now->n && relaxed->place[now->column[a]] == c;
    if (!in)
      point->beta[c] = 0.0;
    else if (!warm)
      point->beta[c] = problem->null_point.beta[c];
    a += in;
  }
}

/* The point as the file has it. Collective: a reduction along the grid row. */
static bvl_status store(const bvl_relaxed *relaxed, const bvl_job *job, fit *now)
{
  const bvl_problem *problem = job->problem;
  double shift = 0.0;
  for (int64_t a = 0; a < now->n; a++) {
    const int64_t c = relaxed->place[now->column[a]];
    now->value[a] = bvl_problem_input_scale(problem, c, relaxed->point.beta[c]);
    shift += problem->X->center[c] * now->value[a];
  }
  const bvl_status status = bvl_sum(&job->grid->row, &shift, 1);
  now->intercept = problem->y_mean[0] + relaxed->point.intercept - shift;
  return status;
}

static bvl_status solve_support(bvl_relaxed *relaxed, bvl_job *job, int64_t *local, fit *now)
{
  bvl_problem *problem = job->problem;
  bvl_active *columns = NULL;
  bvl_refit refit;
  bvl_status status = BVL_OK;
  for (int64_t a = 0; a < now->n; a++) local[a] = relaxed->place[now->column[a]];
  BVL_TRY(bvl_agree(&job->comm, bvl_active_create(problem->X, &columns)));
  BVL_TRY(bvl_active_append(columns, now->n, local));
  set_start(relaxed, job, now);
  BVL_TRY(bvl_problem_refit(problem, columns, &relaxed->point, &refit));
  now->status = 2;
  if (!refit.finite) goto cleanup;
  BVL_TRY(store(relaxed, job, now));
  const double unit = bvl_path_lambda_max(job->path);
  now->kkt = refit.gradient / (unit > 0.0 ? unit : 1.0);
  now->dev_ratio = problem->null_half > 0.0 ? (problem->null_loss - refit.loss) / problem->null_half
                                            : 0.0;
  now->status = now->kkt <= 100.0 * job->options->path.tol ? 0 : 1;
cleanup:
  bvl_active_destroy(&columns);
  return status;
}

static bvl_status add_fit(bvl_relaxed *relaxed, bvl_job *job, const bvl_path_point *point)
{
  fit *now = &relaxed->fits[relaxed->n_fits++];
  int64_t *local = NULL;
  *now = (fit){.n = point->n_nonzero, .df = point->df, .status = 3};
  now->intercept = now->dev_ratio = now->kkt = NAN;
  bvl_status status = BVL_ALLOC(&now->column, now->n);
  if (status == BVL_OK) status = BVL_ALLOC(&now->value, now->n);
  if (status == BVL_OK) status = BVL_ALLOC(&local, now->n);
  BVL_TRY(bvl_agree(&job->comm, status));
  for (int64_t a = 0; a < now->n; a++) now->column[a] = point->column[a];
  if (point->df + (job->options->intercept != 0) <= relaxed->n_rows)
    status = solve_support(relaxed, job, local, now);
cleanup:
  free(local);
  return status;
}

bvl_status bvl_relax_solve(bvl_job *job, bvl_relaxed **out)
{
  bvl_status status = BVL_OK;
  bvl_relaxed *relaxed = NULL;
  BVL_TRY(create(job, &relaxed));
  for (int64_t q = 0; q < relaxed->n_lambda; q++) {
    bvl_path_point point;
    int same = 0;
    bvl_path_get(job->path, q, &point);
    relaxed->of[q] = -1;
    if (point.status == 3) continue;
    BVL_TRY(compare(relaxed, job, &point, &same));
    if (!same) BVL_TRY(add_fit(relaxed, job, &point));
    relaxed->of[q] = relaxed->n_fits - 1;
  }
  *out = relaxed;
  relaxed = NULL;
cleanup:
  bvl_relax_free(&relaxed);
  return status;
}

/* ---- the result ------------------------------------------------------------------------------
 */

void bvl_relax_count(const bvl_relaxed *relaxed, bvl_run_outcome *outcome)
{
  outcome->relaxed_fits = relaxed->n_fits;
  outcome->relaxed_unfinished = outcome->relaxed_left_out = 0;
  for (int64_t q = 0; q < relaxed->n_lambda; q++) {
    const int status = relaxed->of[q] >= 0 ? relaxed->fits[relaxed->of[q]].status : 3;
    outcome->relaxed_unfinished += status == 1 || status == 2;
    outcome->relaxed_left_out += status == 3;
  }
}

static bvl_status write_figures(const bvl_relaxed *relaxed, bvl_job *job)
{
  static const char *const name[] = {"/relaxed/intercept", "/relaxed/dev_ratio",
                                     "/relaxed/kkt_residual"};
  const int64_t L = relaxed->n_lambda;
  double *real = NULL;
  int64_t *integer = NULL;
  bvl_status status = BVL_ALLOC(&real, 3 * L);
  if (status == BVL_OK) status = BVL_ALLOC(&integer, 2 * L);
  BVL_TRY(bvl_agree(&job->comm, status));
  for (int64_t q = 0; q < L; q++) {
    const fit none = {.status = 3, .intercept = NAN, .dev_ratio = NAN, .kkt = NAN};
    const fit *of = relaxed->of[q] >= 0 ? &relaxed->fits[relaxed->of[q]] : &none;
    real[q] = of->intercept;
    real[L + q] = of->dev_ratio;
    real[2 * L + q] = of->kkt;
    integer[q] = of->status < 2 ? of->df : 0;
    integer[L + q] = of->status;
  }
  for (int64_t k = 0; k < 3; k++)
    BVL_TRY(bvl_result_put_f64(job->writer, name[k], L, real + k * L));
  BVL_TRY(bvl_result_put_i64(job->writer, "/relaxed/df", L, integer));
  BVL_TRY(bvl_result_put_i64(job->writer, "/relaxed/status", L, integer + L));
cleanup:
  free(integer);
  free(real);
  return status;
}

bvl_status bvl_relax_write(const bvl_relaxed *relaxed, bvl_job *job)
{
  bvl_status status = BVL_OK;
  BVL_TRY(write_figures(relaxed, job)); /* which makes the group */
  BVL_TRY(bvl_result_begin_csc(job->writer, "/relaxed/coef", job->p, relaxed->n_lambda));
  for (int64_t q = 0; q < relaxed->n_lambda; q++) {
    const fit *of = relaxed->of[q] >= 0 ? &relaxed->fits[relaxed->of[q]] : NULL;
    const int speaks = of != NULL && of->status < 2 && job->grid->i == 0;
    BVL_TRY(bvl_result_put_coef(job->writer, speaks ? of->n : 0, speaks ? of->column : NULL,
                                speaks ? of->value : NULL));
  }
  status = bvl_result_attr_i64(job->writer, "relaxed_fits", relaxed->n_fits);
cleanup:
  return status;
}
