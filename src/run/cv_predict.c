/* SPDX-License-Identifier: BSD-3-Clause */
/* Predictors of a fold's rows by the path that left them out: each column that any lambda uses is
 * read once, at these rows alone. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/streamed.h"
#include "model/problem.h"
#include "run/cv_job.h"

/* The nonzeros of all lambdas, by local column. */
typedef struct entries {
  int64_t *begin; /* p_local + 1 */
  int64_t *side;  /* which predictor: q K + k */
  double *value;
} entries;

static void free_entries(entries *e)
{
  free(e->begin);
  free(e->side);
  free(e->value);
}

/* Local column of each input column, -1 for another rank's. */
static bvl_status find_places(const bvl_design *X, int64_t **out)
{
  bvl_status status = BVL_ALLOC(out, X->columns.p);
  for (int64_t j = 0; status == BVL_OK && j < X->columns.p; j++) (*out)[j] = -1;
  for (int64_t c = 0; status == BVL_OK && c < X->columns.p_local; c++)
    (*out)[bvl_design_input_column(X, c)] = c;
  return status;
}

static bvl_status turn(const bvl_design *X, int64_t K, const bvl_path *path, entries *e)
{
  bvl_status status = BVL_OK;
  const int64_t p_local = X->columns.p_local;
  int64_t *place = NULL, *next = NULL;
  bvl_path_point point;
  BVL_TRY(find_places(X, &place));
  BVL_TRY(BVL_ALLOC(&e->begin, p_local + 1));
  BVL_TRY(BVL_ALLOC(&next, p_local));
  for (int64_t q = 0; q < bvl_path_n_lambda(path); q++) {
    bvl_path_get(path, q, &point);
    for (int64_t a = 0; a < point.n_nonzero; a++) e->begin[place[point.column[a] / K] + 1]++;
  }
  for (int64_t c = 0; c < p_local; c++) e->begin[c + 1] += next[c] = e->begin[c];
  BVL_TRY(BVL_ALLOC(&e->side, e->begin[p_local]));
  BVL_TRY(BVL_ALLOC(&e->value, e->begin[p_local]));
  for (int64_t q = 0; q < bvl_path_n_lambda(path); q++) {
    bvl_path_get(path, q, &point);
    for (int64_t a = 0; a < point.n_nonzero; a++) {
      const int64_t at = next[place[point.column[a] / K]]++;
      e->side[at] = q * K + point.column[a] % K;
      e->value[at] = point.value[a];
    }
  }
cleanup:
  free(next);
  free(place);
  return status;
}

/* x (n_out) <- column c at the rows asked for, place[local row] of them, others -1. */
static void load_rows(const bvl_design *X, int64_t c, const int64_t *place, int64_t n_out,
                      double *x)
{
  double panel[BVL_PANEL_ROWS];
  if (X->format != BVL_DENSE) {
    memset(x, 0, (size_t)n_out * sizeof *x);
    for (int64_t e = X->col_ptr[c]; e < X->col_ptr[c + 1]; e++)
      if (place[X->row_idx[e]] >= 0) x[place[X->row_idx[e]]] = X->col_val[e];
    return;
  }
  for (int64_t b = 0; b < X->n_panels; b++) {
    const int64_t begin = X->panel_begin[b];
    bvl_design_load(X, b, c, panel);
    for (int64_t i = begin; i < X->panel_begin[b + 1]; i++)
      if (place[i] >= 0) x[place[i]] = isnan(panel[i - begin]) ? X->fill[c] : panel[i - begin];
  }
}

/* eta (n_out x sides, column-major) += this rank's columns. */
static bvl_status multiply(const bvl_design *X, const entries *e, const int64_t *place,
                           int64_t n_out, double *eta)
{
  double *x = NULL;
  int64_t *used = NULL, n_used = 0;
  const int64_t most = bvl_design_fetch_most(X);
  bvl_status status = BVL_ALLOC(&x, n_out);
  if (status == BVL_OK) status = BVL_ALLOC(&used, X->columns.p_local);
  for (int64_t c = 0; status == BVL_OK && c < X->columns.p_local; c++)
    if (e->begin[c] < e->begin[c + 1]) used[n_used++] = c;
  for (int64_t u = 0; status == BVL_OK && u < n_used; u++) {
    const int64_t c = used[u];
    if (u % most == 0) bvl_design_fetch(X, bvl_lesser(most, n_used - u), used + u);
    load_rows(X, c, place, n_out, x);
    for (int64_t a = e->begin[c]; a < e->begin[c + 1]; a++) {
      double *to = eta + e->side[a] * n_out;
      for (int64_t i = 0; i < n_out; i++) to[i] += e->value[a] * x[i];
    }
  }
  free(used);
  free(x);
  return status == BVL_OK ? bvl_design_failure(X) : status;
}

static double intercept_of(const bvl_path_point *point, int64_t k)
{
  if (point->status == 3) return NAN;
  return point->intercepts != NULL ? point->intercepts[k] : point->intercept;
}

/* Into cv->oof, with intercept and offset. */
static void keep(bvl_cv_job *cv, const bvl_rows *rows, const int64_t *place, int64_t n_out,
                 const double *eta)
{
  const int64_t K = cv->outputs, L = cv->n_lambda;
  const bvl_path *path = cv->beside.path;
  const double *offset = cv->beside.offset;
  const int64_t *at = cv->beside.at;
  for (int64_t q = 0; q < bvl_path_n_lambda(path); q++) {
    bvl_path_point point;
    bvl_path_get(path, q, &point);
    for (int64_t k = 0; k < K; k++) {
      const double base = intercept_of(&point, k);
      for (int64_t i = 0; i < rows->n_local; i++) {
        if (place[i] < 0) continue;
        const int64_t row = rows->input[i] - rows->row0;
        cv->oof[(row * K + k) * L + at[q]] = eta[place[i] + (q * K + k) * n_out] + base +
                                             (offset != NULL ? offset[row] : 0.0);
      }
    }
  }
}

bvl_status bvl_cv_predict(bvl_cv_job *cv, const bvl_job *job, int64_t fold)
{
  bvl_status status = BVL_OK;
  const bvl_path *path = cv->beside.path;
  const bvl_design *X = cv->beside.problem->X;
  const int64_t sides = bvl_path_n_lambda(path) * cv->outputs;
  entries e = {0};
  int64_t *place = NULL, n_out = 0;
  double *eta = NULL;
  status = BVL_ALLOC(&place, X->rows.n_local);
  for (int64_t i = 0; status == BVL_OK && i < X->rows.n_local; i++)
    place[i] = cv->fold[X->rows.input[i]] == fold ? n_out++ : -1;
  if (status == BVL_OK) status = BVL_ALLOC(&eta, n_out * sides);
  if (status == BVL_OK) status = turn(X, cv->outputs, path, &e);
  if (status == BVL_OK) status = multiply(X, &e, place, n_out, eta);
  BVL_TRY(bvl_agree(&job->comm, status));
  BVL_TRY(bvl_sum(&job->grid->row, eta, n_out * sides));
  keep(cv, &X->rows, place, n_out, eta);
cleanup:
  free(eta);
  free(place);
  free_entries(&e);
  return status;
}
