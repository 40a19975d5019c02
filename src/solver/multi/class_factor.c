/* SPDX-License-Identifier: BSD-3-Clause */
/* When a new Hessian or factor pays, how rows that came or went since are dealt with, and the
 * solve. */
#include "solver/multi/class_factor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/lapack.h"

/* Unknowns of a factor, the most: where it is no small matter, two solves with it (from memory) are
 * to cost no more than a product with the rows here. */
enum { ALWAYS = 300, NEVER = 3000 };

/* Flops a second of a factorisation, over those of a product with a few vectors; and what an
 * iteration costs besides, in flops of a product: two messages, softmax weights. */
static const double FAST = 2, BESIDES = 2e5;

/* Part of the diagonal added where the matrix is singular to rounding: dependent columns. */
static const double RIDGE = 1e-12;

void bvl_class_factor_free(bvl_class_factor *f)
{
  free(f->row);
  free(f->H);
  free(f->used);
  free(f->L);
  free(f->place);
  free(f->missing);
  free(f->x);
  *f = (bvl_class_factor){0};
}

void bvl_class_factor_forget(bvl_class_factor *f)
{
  f->n = 0;
  f->n_used = 0;
}

/* ---- making it ------------------------------------------------------------------------------ */

/* The same rows' numbers in `list`: at[a] of row a, -1 = not there. Both ascend. */
static int64_t find_rows(int64_t n, const int64_t *row, int64_t n_list, const int64_t *list,
                         int64_t *at)
{
  int64_t found = 0;
  for (int64_t a = 0, b = 0; a < n; a++) {
    while (b < n_list && list[b] < row[a]) b++;
    at[a] = b < n_list && list[b] == row[a] ? b : -1;
    found += at[a] >= 0;
  }
  return found;
}

static bvl_status make_hessian(bvl_class_factor *f, bvl_class_work *work,
                               const bvl_class_rows *rows)
{
  bvl_status status = BVL_OK;
  const int64_t side = rows->n * rows->K;
  f->n = 0;
  BVL_TRY(BVL_GROW(&f->row, &f->capacity[0], rows->n));
  BVL_TRY(BVL_GROW(&f->H, &f->capacity[1], side * side));
  BVL_TRY(bvl_class_work_hessian(work));
  memcpy(f->row, rows->row, (size_t)rows->n * sizeof *f->row);
  memcpy(f->H, work->hessian, (size_t)(side * side) * sizeof *f->H);
  f->n = rows->n;
  f->is_new_H = 1;
cleanup:
  return status;
}

/* The penalty's curvature of rows a and b <= a of one block, and for free rows what lifts the
 * direction in which softmax does not change: one number added to all classes. */
static void add_curvature(const bvl_class_rows *rows, int64_t a, int64_t b, int64_t at_a,
                          int64_t at_b, int64_t side, double *L)
{
  const int64_t K = rows->K;
  const double *u = rows->u + a * K;
  const double *other = rows->u + b * K;
  for (int64_t l = 0; l < K; l++)
    for (int64_t k = 0; k < K; k++)
      L[(at_a * K + k) + (at_b * K + l) * side] -= rows->bend[a] * u[k] * other[l];
  for (int64_t k = 0; a == b && k < K; k++)
    L[(at_a * K + k) * (side + 1)] += rows->bend[a] + rows->ridge[a];
}

static void lift(const bvl_class_rows *rows, int64_t at_a, int64_t at_b, int64_t side, double *L)
{
  const int64_t K = rows->K;
  double mean = 0;
  for (int64_t k = 0; k < K; k++)
    mean += L[(at_a * K + k) + (at_b * K + k) * side] / (double)(K * K);
  for (int64_t l = 0; l < K; l++)
    for (int64_t k = 0; k < K; k++) L[(at_a * K + k) + (at_b * K + l) * side] += mean;
}

/* block[a]: where row a's block begins among the rows; rows of one block have one bend, and stand
 * side by side. */
static void assemble(bvl_class_factor *f, const bvl_class_rows *rows, const int64_t *in_H,
                     const int64_t *in_rows, const int64_t *block)
{
  const int64_t K = rows->K;
  const int64_t side = f->n_used * K;
  for (int64_t b = 0; b < f->n_used; b++)
    for (int64_t a = b; a < f->n_used; a++) {
      for (int64_t l = 0; l < K; l++)
        memcpy(f->L + a * K + (b * K + l) * side, f->H + in_H[a] * K + (in_H[b] * K + l) * f->n * K,
               (size_t)K * sizeof *f->L);
      const int64_t row = in_rows[a];
      const int64_t other = in_rows[b];
      if (row < rows->n_free)
        lift(rows, a, b, side, f->L);
      else if (block[row] == block[other])
        add_curvature(rows, row, other, a, b, side, f->L);
    }
}

static int decompose(bvl_class_factor *f, int64_t side, double ridge)
{
  double largest = 0;
  for (int64_t e = 0; e < side; e++) largest = fmax(largest, f->L[e * (side + 1)]);
  for (int64_t e = 0; e < side; e++) f->L[e * (side + 1)] += ridge * largest;
  return bvl_cholesky(side, f->L, side) == 0;
}

/* The factor of the Hessian's part in the system's rows, as far as there are such. */
static bvl_status make_factor(bvl_class_factor *f, const bvl_class_rows *rows, const int64_t *block)
{
  bvl_status status = BVL_OK;
  int64_t *in_H = NULL;
  int64_t *in_rows = NULL;
  const int64_t n = rows->n;
  BVL_TRY(BVL_ALLOC(&in_H, n));
  BVL_TRY(BVL_ALLOC(&in_rows, n));
  f->n_used = 0;
  const int64_t n_used = find_rows(n, rows->row, f->n, f->row, in_H);
  const int64_t side = n_used * rows->K;
  BVL_TRY(BVL_GROW(&f->used, &f->capacity[2], n_used));
  BVL_TRY(BVL_GROW(&f->place, &f->capacity[3], n_used));
  BVL_TRY(BVL_GROW(&f->L, &f->capacity[4], side * side));
  BVL_TRY(BVL_GROW(&f->x, &f->capacity[6], side));
  for (int64_t a = 0, b = 0; a < n; a++) {
    if (in_H[a] < 0) continue;
    f->used[b] = rows->row[a];
    in_H[b] = in_H[a];
    in_rows[b++] = a;
  }
  f->n_used = n_used;
  f->is_new_L = 1;
  for (double ridge = RIDGE; ridge < 1; ridge *= 1e3) {
    assemble(f, rows, in_H, in_rows, block);
    if (decompose(f, side, ridge)) goto cleanup;
  }
  bvl_class_factor_forget(f);
cleanup:
  free(in_rows);
  free(in_H);
  return status;
}

/* Does the excess pay for flops? */
static int pays(const bvl_class_work *w, const bvl_class_rows *rows, double excess, double flops)
{
  const double n_split = (double)bvl_problem_n_split(w->problem);
  const double iteration = 4 * n_split * (double)(rows->n * rows->K) + BESIDES;
  return excess * iteration * FAST > flops;
}

/* block[a] <- where the block of row a begins. */
static void find_blocks(const bvl_class_rows *rows, const int64_t *block_of, int64_t *block)
{
  for (int64_t a = 0; a < rows->n; a++)
    block[a] = a > 0 && block_of[a] == block_of[a - 1] ? block[a - 1] : a;
}

bvl_status bvl_class_factor_open(bvl_class_factor *f, bvl_class_work *work,
                                 const bvl_class_rows *rows)
{
  bvl_status status = BVL_OK;
  int64_t *block = NULL;
  const double side = (double)(rows->n * rows->K);
  const double n_split = (double)bvl_problem_n_split(work->problem);
  const double for_L = side * side * side / 3;
  const double for_H = for_L + n_split * side * side * (1 + 1 / (double)rows->K) / 2;
  BVL_TRY(BVL_GROW(&f->missing, &f->capacity[5], rows->n));
  BVL_TRY(BVL_ALLOC(&block, rows->n));
  find_blocks(rows, rows->block, block);
  f->is_new_H = f->is_new_L = 0;
  const int64_t most = bvl_greater(ALWAYS,
                                   bvl_lesser(bvl_problem_n_split(work->problem) / 2, NEVER));
  if (rows->n * rows->K > most || rows->n == 0)
    bvl_class_factor_forget(f);
  else if (f->n == 0 || pays(work, rows, f->excess_H, for_H))
    BVL_TRY(make_hessian(f, work, rows));
  if (f->n > 0 && (f->is_new_H || pays(work, rows, f->excess_L, for_L)))
    BVL_TRY(make_factor(f, rows, block));
  find_rows(f->n_used, f->used, rows->n, rows->row, f->place);
  f->n_missing = 0;
  find_rows(rows->n, rows->row, f->n_used, f->used, block);
  for (int64_t a = 0; a < rows->n; a++)
    if (block[a] < 0) f->missing[f->n_missing++] = a;
cleanup:
  free(block);
  return status;
}

/* ---- using it ------------------------------------------------------------------------------- */

/* (D - bend u u')^-1 r for one row, D = mean square times spread + bend + ridge: that of
 * diag(mu) - mu mu' is taken for its diagonal times K / (K - 1), right where all are alike. */
static void apply_row(const bvl_class_rows *rows, int64_t a, const double *r, double *z)
{
  const int64_t K = rows->K;
  const double *u = rows->u + a * K;
  const double level = rows->bend[a] + rows->ridge[a];
  double along = 0;
  double inside = 0;
  for (int64_t k = 0; k < K; k++) {
    const double spread = rows->moment[a] * rows->spread[k] * (double)K / (double)(K - 1);
    const double inverse = 1 / fmax(spread + level, 1e-300);
    z[k] = inverse * r[k];
    along += u[k] * z[k];
    inside += u[k] * u[k] * inverse;
  }
  const double factor = rows->bend[a] * along / fmax(1 - rows->bend[a] * inside, 1e-8);
  for (int64_t k = 0; k < K && factor != 0; k++) {
    const double spread = rows->moment[a] * rows->spread[k] * (double)K / (double)(K - 1);
    z[k] += factor * u[k] / fmax(spread + level, 1e-300);
  }
}

void bvl_class_factor_apply(const bvl_class_factor *f, const bvl_class_rows *rows, const double *r,
                            double *z)
{
  const int64_t K = rows->K;
  const size_t bytes = (size_t)K * sizeof *r;
  const int side = (int)(f->n_used * K);
  for (int64_t a = 0; a < f->n_missing; a++)
    apply_row(rows, f->missing[a], r + f->missing[a] * K, z + f->missing[a] * K);
  if (side == 0) return;
  for (int64_t a = 0; a < f->n_used; a++) {
    if (f->place[a] >= 0)
      memcpy(f->x + a * K, r + f->place[a] * K, bytes);
    else
      memset(f->x + a * K, 0, bytes);
  }
  cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, side, f->L, side, f->x, 1);
  cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, side, f->L, side, f->x, 1);
  for (int64_t a = 0; a < f->n_used; a++)
    if (f->place[a] >= 0) memcpy(z + f->place[a] * K, f->x + a * K, bytes);
}

void bvl_class_factor_note(bvl_class_factor *f, int64_t iterations, double digits)
{
  const double count = (double)iterations;
  const double rate = count / fmax(digits, 0.5);
  if (f->is_new_H) {
    f->fresh_H = rate;
    f->excess_H = 0;
  }
  if (f->is_new_L) {
    f->fresh_L = rate;
    f->excess_L = 0;
  }
  f->excess_H += fmax(0, (rate - f->fresh_H) / rate * count);
  f->excess_L += fmax(0, (rate - f->fresh_L) / rate * count);
}
