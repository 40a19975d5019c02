/* SPDX-License-Identifier: BSD-3-Clause */
/* The p x p form, on rank 0: with C = X'X, z = X'Y and E = diag(sqrt d) over the columns with d >
 * 0,
 *
 *     K = lambda I + E C E,  u = K^-1 E z,  b = E u,  a = E^-1 u (= (z - C b) / lambda elsewhere)
 *     G x = C E K^-1 E^-1 x
 *
 * C is the working set's Gram with the free unknowns eliminated (a Schur complement). Traffic: when
 * the set grows, the new products to rank 0; an evaluation has none. Flops: k^3 / 3 + m k for k
 * columns with d > 0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/lapack.h"
#include "solver/varpro/varpro_form.h"

typedef struct gram {
  double *C;    /* m x m, owned */
  double *z;    /* d x outputs, of which the free unknowns' part is dropped in place; owned */
  double *r;    /* n_split: weighted residual, owned */
  double *left; /* n_free x m: L^-1 G_FP, owned */
  double *free; /* n_free x n_free: L, owned */
  double *on_C; /* C over the columns with d > 0, owned */
  double *K;    /* its factor, owned */
  double *u;    /* m x outputs, owned */
  double *e;    /* m: of the columns with d > 0, owned */
  int64_t *on;  /* n_on columns with d > 0, owned */
  int64_t n_on;
  int64_t room[8];
} gram;

static int is_root(const bvl_varpro_form *form)
{
  return form->problem->grid->all.rank == 0;
}

static void gram_destroy(bvl_varpro_form *form)
{
  gram *s = form->data;
  if (s == NULL) return;
  double *doubles[] = {s->C, s->z, s->r, s->left, s->free, s->on_C, s->K, s->u, s->e};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  free(s->on);
  free(s);
}

static bvl_status gram_create(bvl_varpro_form *form)
{
  gram *s = NULL;
  bvl_status status = BVL_ALLOC(&s, 1);
  form->data = s;
  if (status == BVL_OK) status = BVL_ALLOC(&s->r, bvl_problem_n_split(form->problem));
  return bvl_agree(&form->problem->grid->all, status);
}

static bvl_status reserve(bvl_varpro_form *form, int64_t m, int64_t n_free)
{
  gram *s = form->data;
  const int64_t K = form->problem->outputs;
  bvl_status status = BVL_OK;
  BVL_TRY(BVL_GROW(&s->z, &s->room[0], (m + n_free) * K));
  if (!is_root(form)) return bvl_varpro_form_reserve(form, 0, 0);
  BVL_TRY(bvl_varpro_form_reserve(form, form->set->n_blocks, m));
  BVL_TRY(BVL_GROW(&s->C, &s->room[1], m * m));
  BVL_TRY(BVL_GROW(&s->on_C, &s->room[2], m * m));
  BVL_TRY(BVL_GROW(&s->K, &s->room[3], m * m));
  BVL_TRY(BVL_GROW(&s->u, &s->room[4], m * K));
  BVL_TRY(BVL_GROW(&s->e, &s->room[5], m));
  BVL_TRY(BVL_GROW(&s->on, &s->room[6], m));
  BVL_TRY(BVL_GROW(&s->left, &s->room[7], n_free * m));
  free(s->free);
  s->free = NULL;
  BVL_TRY(BVL_ALLOC(&s->free, n_free * n_free));
cleanup:
  return status;
}

/* z <- X'Y, which the null fit has left orthogonal to the free unknowns. */
static bvl_status correlate(bvl_varpro_form *form, int64_t n_free)
{
  gram *s = form->data;
  const bvl_problem *problem = form->problem;
  const int64_t n_split = bvl_problem_n_split(problem);
  const int64_t d = form->set->d;
  const double *w = problem->w + problem->X->rows.split0;
  for (int64_t k = 0; k < problem->outputs; k++) {
    for (int64_t i = 0; i < n_split; i++)
      s->r[i] = w[i] * form->residual[i + k * n_split] / (double)problem->n;
    bvl_working_set_correlate(form->set, s->r, s->z + k * d);
  }
  const bvl_status status = bvl_sum_to(&problem->grid->all, 0, s->z, d * problem->outputs);
  for (int64_t k = 0; k < problem->outputs; k++)
    memmove(s->z + k * (d - n_free), s->z + k * d + n_free, (size_t)(d - n_free) * sizeof *s->z);
  return status;
}

/* C = G_PP - G_PF G_FF^-1 G_FP. */
static void eliminate(bvl_varpro_form *form, int64_t n_free, int64_t m)
{
  gram *s = form->data;
  const bvl_working_set *set = form->set;
  const int n = (int)m;
  const int f = (int)n_free;
  double largest = 0;
  for (int64_t l = 0; l < m; l++)
    memcpy(s->C + l * m, set->G + n_free + (n_free + l) * set->ld, (size_t)m * sizeof *s->C);
  for (int64_t k = 0; k < n_free; k++) largest = fmax(largest, set->G[k + k * set->ld]);
  for (double ridge = 0; n_free > 0 && ridge <= 1; ridge = ridge > 0 ? 100 * ridge : 1e-14) {
    for (int64_t l = 0; l < n_free; l++)
      memcpy(s->free + l * n_free, set->G + l * set->ld, (size_t)n_free * sizeof *s->free);
    for (int64_t k = 0; k < n_free; k++) s->free[k + k * n_free] += ridge * largest;
    if (bvl_cholesky(n_free, s->free, n_free) == 0) break;
  }
  if (n_free == 0 || m == 0) return;
  for (int64_t l = 0; l < m; l++)
    memcpy(s->left + l * n_free, set->G + (n_free + l) * set->ld, (size_t)n_free * sizeof *s->C);
  cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, f, n, 1, s->free, f,
              s->left, f);
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, n, n, f, -1, s->left, f, s->left, f, 1, s->C,
              n);
}

static bvl_status gram_follow(bvl_varpro_form *form)
{
  bvl_status status = BVL_OK;
  bvl_working_set *set = form->set;
  const bvl_comm *all = &form->problem->grid->all;
  int64_t free_blocks = 0;
  while (free_blocks < set->n_blocks && set->weight[free_blocks] == 0) free_blocks++;
  const int64_t n_free = set->begin[free_blocks];
  const int64_t m = set->d - n_free;
  int as_int = 0;
  status = bvl_to_int(m, &as_int);
  if (status == BVL_OK) status = reserve(form, m, n_free);
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(bvl_working_set_gram(set));
  BVL_TRY(correlate(form, n_free));
  form->m = form->n_blocks = 0;
  if (!is_root(form)) goto cleanup;
  eliminate(form, n_free, m);
  form->m = m;
  for (int64_t g = free_blocks; g < set->n_blocks; g++) form->block[form->n_blocks++] = g;
  for (int64_t j = 0; j < m; j++) form->mean_square[j] = ((const gram *)form->data)->C[j * (m + 1)];
cleanup:
  return status;
}

/* on_C, and K's factor. 1 when K is not positive definite. */
static int factor(bvl_varpro_form *form)
{
  gram *s = form->data;
  const int64_t k = s->n_on;
  for (int64_t l = 0; l < k; l++) {
    const double *column = s->C + s->on[l] * form->m;
    for (int64_t j = 0; j < k; j++) {
      s->on_C[j + l * k] = column[s->on[j]];
      s->K[j + l * k] = s->e[j] * column[s->on[j]] * s->e[l];
    }
    s->K[l + l * k] += form->lambda;
  }
  return bvl_cholesky(k, s->K, k) != 0;
}

static bvl_status gram_eval(bvl_varpro_form *form, const double *e, double *a, double *smooth)
{
  gram *s = form->data;
  const int64_t m = form->m;
  const int64_t K = form->problem->outputs;
  s->n_on = 0;
  *smooth = 0;
  if (!is_root(form)) return BVL_OK;
  for (int64_t j = 0; j < m; j++)
    if (e[j] > 0) {
      s->e[s->n_on] = e[j];
      s->on[s->n_on++] = j;
    }
  memcpy(a, s->z, (size_t)(m * K) * sizeof *a);
  const int64_t k = s->n_on;
  *smooth = factor(form) ? NAN : form->problem->null_half;
  if (isnan(*smooth)) return BVL_OK;
  for (int64_t q = 0; q < K; q++)
    for (int64_t l = 0; l < k; l++) s->u[l + q * k] = s->e[l] * s->z[s->on[l] + q * m];
  bvl_cholesky_apply(k, s->K, k, K, s->u);
  for (int64_t q = 0; q < K; q++)
    for (int64_t l = 0; l < k; l++) {
      const double b = s->e[l] * s->u[l + q * k];
      *smooth -= b * s->z[s->on[l] + q * m] / 2;
      cblas_daxpy((int)m, -b, s->C + s->on[l] * m, 1, a + q * m, 1);
    }
  for (int64_t j = 0; j < m * K; j++) a[j] /= form->lambda;
  for (int64_t q = 0; q < K; q++)
    for (int64_t l = 0; l < k; l++) a[s->on[l] + q * m] = s->u[l + q * k] / s->e[l];
  return BVL_OK;
}

static bvl_status gram_apply(bvl_varpro_form *form, const double *x, double *out)
{
  gram *s = form->data;
  const int64_t m = form->m;
  const int64_t K = form->problem->outputs;
  const int64_t k = s->n_on;
  if (!is_root(form) || m == 0) return BVL_OK;
  for (int64_t q = 0; q < K; q++)
    for (int64_t l = 0; l < k; l++) s->u[l + q * k] = x[s->on[l] + q * m] / s->e[l];
  bvl_cholesky_apply(k, s->K, k, K, s->u);
  memset(out, 0, (size_t)(m * K) * sizeof *out);
  for (int64_t q = 0; q < K; q++) {
    double *u = s->u + q * k;
    for (int64_t l = 0; l < k; l++) u[l] *= s->e[l];
    for (int64_t l = 0; l < k; l++)
      out[s->on[l] + q * m] = cblas_ddot((int)k, s->on_C + l * k, 1, u, 1);
  }
  return BVL_OK;
}

const bvl_varpro_form_type bvl_varpro_gram = {.name = "gram",
                                              .create = gram_create,
                                              .destroy = gram_destroy,
                                              .follow = gram_follow,
                                              .eval = gram_eval,
                                              .apply = gram_apply};
