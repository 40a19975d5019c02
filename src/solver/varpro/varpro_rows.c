/* SPDX-License-Identifier: BSD-3-Clause */
/* The n x n forms: the working set's columns lie whole on the ranks (bvl_group_set), weighted by
 * sqrt(w / n) and with the free unknowns projected out as they come; vectors over rows are
 * replicated. With B = X diag(sqrt d) over the columns with d > 0 the system S = lambda I + B B' is
 * bvl_varpro_system's, in one of its ways, and everything else is products with X and B here.
 *
 * Traffic: the system's, and for a product one reduction of n outputs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "solver/group/group_set.h"
#include "solver/varpro/varpro_form.h"
#include "solver/varpro/varpro_system.h"

typedef struct rows {
  bvl_varpro_system *system; /* owned */
  bvl_group_set *G;          /* owned; its columns are standardised, weighted and projected here */
  int64_t generation;        /* of the set that they were dealt from */
  int64_t n_dealt;           /* of them, seen to already */
  int64_t n;
  int64_t n_free;
  double *Q;      /* n x n_free: orthonormal basis of the free unknowns' columns, owned */
  double *root;   /* n: sqrt(w / n), owned */
  double *Y;      /* n x outputs, owned */
  double *A;      /* n x outputs: S^-1 Y, owned; where the next solve may start */
  double *T;      /* n x outputs, owned */
  double *solved; /* n x outputs: S^-1 T, owned */
  double *B;      /* n x n_on, owned */
  double *e;      /* n_on: sqrt d, owned */
  double *x;      /* n_on x outputs, owned */
  int64_t *on;    /* n_on columns with d > 0, owned */
  int64_t n_on;
  int64_t room[4]; /* of B, e, x and on */
} rows;

static void rows_destroy(bvl_varpro_form *form)
{
  rows *s = form->data;
  if (s == NULL) return;
  double *doubles[] = {s->Q, s->root, s->Y, s->A, s->T, s->solved, s->B, s->e, s->x};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  bvl_varpro_system_destroy(&s->system);
  bvl_group_set_destroy(&s->G);
  free(s->on);
  free(s);
}

static bvl_status allocate(bvl_varpro_form *form, rows *s)
{
  bvl_status status = BVL_OK;
  const int64_t K = form->problem->outputs;
  const int64_t n = s->n;
  int as_int = 0;
  BVL_TRY(bvl_to_int(n, &as_int));
  BVL_TRY(BVL_ALLOC(&s->Q, n * s->n_free));
  BVL_TRY(BVL_ALLOC(&s->root, n));
  BVL_TRY(BVL_ALLOC(&s->Y, n * K));
  BVL_TRY(BVL_ALLOC(&s->A, n * K));
  BVL_TRY(BVL_ALLOC(&s->T, n * K));
  BVL_TRY(BVL_ALLOC(&s->solved, n * K));
cleanup:
  return status;
}

/* column (n) less its part in the span of the first k columns of Q, twice for the rounding. */
static void project(const rows *s, int64_t k, double *column)
{
  const int n = (int)s->n;
  for (int pass = 0; pass < 2; pass++)
    for (int64_t l = 0; l < k; l++) {
      const double *q = s->Q + l * s->n;
      cblas_daxpy(n, -cblas_ddot(n, q, 1, column, 1), q, 1, column, 1);
    }
}

/* Takes column k of Q in, orthonormal; one that the others span leaves no direction: zero. */
static void orthonormalise(const rows *s, int64_t k)
{
  double *q = s->Q + k * s->n;
  const int n = (int)s->n;
  const double before = cblas_dnrm2(n, q, 1);
  project(s, k, q);
  const double after = cblas_dnrm2(n, q, 1);
  cblas_dscal(n, after > 1e-10 * before ? 1 / after : 0, q, 1);
}

/* Weights, Y and the basis Q, on every rank. */
static bvl_status spread(bvl_varpro_form *form, rows *s)
{
  bvl_status status = BVL_OK;
  const bvl_problem *problem = form->problem;
  const int64_t n = s->n;
  const int64_t n_split = bvl_problem_n_split(problem);
  double *column = NULL;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&column, n_split)));
  BVL_TRY(bvl_dealt_rows(s->G->dealt, problem->w + problem->X->rows.split0, s->root));
  for (int64_t i = 0; i < n; i++) s->root[i] = sqrt(s->root[i] / (double)problem->n);
  for (int64_t l = 0; l < s->n_free; l++) {
    double *q = s->Q + l * n;
    for (int64_t i = 0; i < n_split; i++) column[i] = 1;
    if (l >= problem->intercept)
      bvl_active_column(form->set->columns, l - problem->intercept, column);
    BVL_TRY(bvl_dealt_rows(s->G->dealt, column, q));
    for (int64_t i = 0; i < n; i++) q[i] *= s->root[i];
    orthonormalise(s, l);
  }
  for (int64_t k = 0; k < problem->outputs; k++) {
    BVL_TRY(bvl_dealt_rows(s->G->dealt, form->residual + k * n_split, s->Y + k * n));
    for (int64_t i = 0; i < n; i++) s->Y[i + k * n] *= s->root[i];
    project(s, s->n_free, s->Y + k * n);
  }
cleanup:
  free(column);
  return status;
}

static bvl_status create(bvl_varpro_form *form, bvl_varpro_way way)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &form->problem->grid->all;
  const bvl_working_set *set = form->set;
  rows *s = NULL;
  int64_t free_blocks = 0;
  status = BVL_ALLOC(&s, 1);
  form->data = s;
  BVL_TRY(bvl_agree(all, status));
  s->generation = set->generation;
  while (free_blocks < set->n_blocks && set->weight[free_blocks] == 0) free_blocks++;
  s->n_free = set->begin[free_blocks];
  BVL_TRY(bvl_group_set_create(form->problem, set, &s->G));
  s->n = s->G->n;
  BVL_TRY(bvl_agree(all, allocate(form, s)));
  BVL_TRY(bvl_varpro_system_create(all, way, s->n, form->problem->outputs, &s->system));
  BVL_TRY(spread(form, s));
cleanup:
  return status;
}

static bvl_status rows_create(bvl_varpro_form *form)
{
  return create(form, BVL_VARPRO_WHOLE);
}

static bvl_status cyclic_create(bvl_varpro_form *form)
{
  return create(form, BVL_VARPRO_CYCLIC);
}

static bvl_status cg_create(bvl_varpro_form *form)
{
  return create(form, BVL_VARPRO_CG);
}

/* Free columns that were dealt here: they come first and are nobody's here. */
static int64_t n_idle(const rows *s)
{
  int64_t count = 0;
  for (int64_t g = 0; g < s->G->n_blocks && s->G->set->weight[g] == 0; g++)
    if (bvl_group_is_here(s->G, g) && s->G->first[g] >= 0) count++;
  return count;
}

static const double *columns_of(const rows *s)
{
  return s->G->dealt->values + n_idle(s) * s->n;
}

static bvl_status reserve(bvl_varpro_form *form, int64_t m)
{
  rows *s = form->data;
  const int64_t K = form->problem->outputs;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_varpro_form_reserve(form, form->set->n_blocks, m));
  BVL_TRY(BVL_GROW(&s->B, &s->room[0], s->n * m));
  BVL_TRY(BVL_GROW(&s->e, &s->room[1], m));
  BVL_TRY(BVL_GROW(&s->x, &s->room[2], m * K));
  BVL_TRY(BVL_GROW(&s->on, &s->room[3], m));
cleanup:
  return status;
}

static bvl_status rows_follow(bvl_varpro_form *form)
{
  bvl_status status = BVL_OK;
  rows *s = form->data;
  const int64_t n = s->n;
  if (s->generation != form->set->generation) {
    bvl_group_set_clear(s->G);
    s->n_dealt = 0;
    s->generation = form->set->generation;
  }
  BVL_TRY(bvl_group_set_follow(s->G));
  const int64_t idle = n_idle(s);
  form->m = s->G->dealt->n_cols - idle;
  BVL_TRY(bvl_agree(&form->problem->grid->all, reserve(form, form->m)));
  for (; s->n_dealt < s->G->dealt->n_cols; s->n_dealt++) {
    double *column = s->G->dealt->values + s->n_dealt * n;
    for (int64_t i = 0; i < n; i++) column[i] *= s->root[i];
    project(s, s->n_free, column);
    if (s->n_dealt < idle) continue;
    form->mean_square[s->n_dealt - idle] = cblas_ddot((int)n, column, 1, column, 1);
  }
  form->n_blocks = 0;
  for (int64_t g = 0; g < s->G->n_blocks; g++)
    if (bvl_group_is_here(s->G, g) && form->set->weight[g] > 0) form->block[form->n_blocks++] = g;
cleanup:
  return status;
}

/* ---- the form -------------------------------------------------------------------------------
 */

/* The columns with d > 0, scaled. */
static void list_columns(const bvl_varpro_form *form, const double *e)
{
  rows *s = form->data;
  const double *X = columns_of(s);
  s->n_on = 0;
  for (int64_t j = 0; j < form->m; j++) {
    if (!(e[j] > 0)) continue;
    double *b = s->B + s->n_on * s->n;
    for (int64_t i = 0; i < s->n; i++) b[i] = e[j] * X[i + j * s->n];
    s->e[s->n_on] = e[j];
    s->on[s->n_on++] = j;
  }
}

static bvl_status rows_eval(bvl_varpro_form *form, const double *e, double *a, double *smooth)
{
  bvl_status status = BVL_OK;
  rows *s = form->data;
  const int64_t K = form->problem->outputs;
  const int64_t m = form->m;
  int bad = 0;
  list_columns(form, e);
  BVL_TRY(bvl_varpro_system_set(s->system, form->lambda, s->n_on, s->B, &bad));
  if (!bad) BVL_TRY(bvl_varpro_system_solve(s->system, s->Y, s->A));
  const int length = (int)(s->n * K);
  *smooth = bad ? NAN : form->lambda / 2 * cblas_ddot(length, s->Y, 1, s->A, 1);
  if (m > 0)
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, (int)m, (int)K, (int)s->n, 1,
                columns_of(s), (int)s->n, s->A, (int)s->n, 0, a, (int)m);
cleanup:
  return status;
}

static bvl_status rows_apply(bvl_varpro_form *form, const double *x, double *out)
{
  bvl_status status = BVL_OK;
  rows *s = form->data;
  const int64_t K = form->problem->outputs;
  const int64_t m = form->m;
  const int n = (int)s->n;
  const int k = (int)s->n_on;
  memset(s->T, 0, (size_t)(s->n * K) * sizeof *s->T);
  for (int64_t q = 0; q < K; q++)
    for (int64_t l = 0; l < k; l++) s->x[l + q * k] = x[s->on[l] + q * m] / s->e[l];
  if (k > 0)
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, (int)K, k, 1, s->B, n, s->x, k, 0,
                s->T, n);
  BVL_TRY(bvl_sum(&form->problem->grid->all, s->T, s->n * K));
  memset(s->solved, 0, (size_t)(s->n * K) * sizeof *s->solved);
  BVL_TRY(bvl_varpro_system_solve(s->system, s->T, s->solved));
  if (k > 0)
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, k, (int)K, n, 1, s->B, n, s->solved, n, 0,
                s->x, k);
  memset(out, 0, (size_t)(m * K) * sizeof *out);
  for (int64_t q = 0; q < K; q++)
    for (int64_t l = 0; l < k; l++) out[s->on[l] + q * m] = s->x[l + q * k] / s->e[l];
cleanup:
  return status;
}

const bvl_varpro_form_type bvl_varpro_rows = {.name = "rows",
                                              .create = rows_create,
                                              .destroy = rows_destroy,
                                              .follow = rows_follow,
                                              .eval = rows_eval,
                                              .apply = rows_apply};

const bvl_varpro_form_type bvl_varpro_cyclic = {.name = "cyclic",
                                                .create = cyclic_create,
                                                .destroy = rows_destroy,
                                                .follow = rows_follow,
                                                .eval = rows_eval,
                                                .apply = rows_apply};

const bvl_varpro_form_type bvl_varpro_cg = {.name = "cg",
                                            .create = cg_create,
                                            .destroy = rows_destroy,
                                            .follow = rows_follow,
                                            .eval = rows_eval,
                                            .apply = rows_apply};
