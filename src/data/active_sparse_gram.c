/* SPDX-License-Identifier: BSD-3-Clause */
/* Rectangles of the Gram of columns compressed by rows. A row costs one multiply-add for every pair
 * of its entries; where columns are so full that more pairs meet than BLAS would take for all of
 * them, rows are made dense a block at a time. Centred lazily (active_sparse.c has the formula) in
 * the first form, on the way in the second. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "data/active_storage.h"
#include "kernels/kernels.h"
#include "kernels/sparse_slice.h"

enum {
  BLOCK_ROWS = 256,  /* rows made dense at once */
  GRAM_ROOM = 32768, /* doubles of the Gram made at once: they stay in a cache */
  SPARSE_COLS = 64,  /* new columns at once at most: what is made above the diagonal is lost */
  DENSE_COLS = 512,
  BLAS_GAIN = 16, /* products that BLAS makes while one pair of entries is met */
};

/* Columns row0 .. row1 - 1 against columns col0 .. col1 - 1. */
typedef struct rectangle {
  int64_t row0;
  int64_t row1;
  int64_t col0;
  int64_t col1;
} rectangle;

/* What all rectangles of one Gram share; the arrays are parts of A->work. */
typedef struct gram_plan {
  const double *h; /* n_split, NULL = ones */
  int dense;
  int64_t at_once; /* columns */
  double *sums;    /* n_cols: sum of h over a column, not centred */
  double total;    /* sum of h */
  double *room;    /* at_once x as many doubles as asked for */
  double *left;    /* BLOCK_ROWS x rows; these two when dense */
  double *right;
} gram_plan;

static double weight_of(const double *h, int64_t i)
{
  return h != NULL ? h[i] : 1.0;
}

static int64_t count_between(const bvl_active *A, int64_t i, int64_t begin, int64_t end)
{
  int64_t first = 0;
  int64_t last = 0;
  bvl_slice_restrict(A->row_ptr, A->column, i, (int32_t)begin, (int32_t)end, &first, &last);
  return last - first;
}

/* Do more pairs of entries meet in this rectangle than BLAS is worth? */
static int is_dense(const bvl_active *A, const rectangle *at)
{
  double pairs = 0.0;
  const double rows = (double)(at->row1 - at->row0);
  const double cols = (double)(at->col1 - at->col0);
  for (int64_t i = 0; i < A->n_split; i++)
    pairs += (double)count_between(A, i, at->row0, at->row1) *
             (double)count_between(A, i, at->col0, at->col1);
  return pairs > (double)A->n_split * (rows * cols / BLAS_GAIN + rows + cols);
}

static void sum_columns(const bvl_active *A, gram_plan *plan)
{
  memset(plan->sums, 0, (size_t)A->n_cols * sizeof *plan->sums);
  plan->total = 0.0;
  for (int64_t i = 0; i < A->n_split; i++) {
    const double h = weight_of(plan->h, i);
    plan->total += h;
    for (int64_t e = A->row_ptr[i]; e < A->row_ptr[i + 1]; e++)
      plan->sums[A->column[e]] += h * A->entry[e];
  }
}

/* For rectangles of all `all` whose columns come at_once[dense] at a time, with `room` doubles for
 * each of those. */
static bvl_status make_plan(bvl_active *A, const double *h, const rectangle *all,
                            const int64_t *at_once, int64_t room_each, gram_plan *plan)
{
  *plan = (gram_plan){.h = h, .dense = is_dense(A, all)};
  plan->at_once = at_once[plan->dense];
  const int64_t rows = all->row1 - all->row0;
  const int64_t room = plan->at_once * room_each;
  const int64_t blocks = plan->dense ? BLOCK_ROWS * (rows + plan->at_once) : 0;
  const bvl_status status = BVL_GROW(&A->work, &A->work_len, A->n_cols + room + blocks);
  if (status != BVL_OK) return status;
  plan->sums = A->work;
  plan->room = plan->sums + A->n_cols;
  plan->left = plan->room + room;
  plan->right = plan->left + BLOCK_ROWS * rows;
  if (!plan->dense) sum_columns(A, plan);
  return BVL_OK;
}

/* out (BLOCK_ROWS x columns) <- m rows of columns begin .. end - 1, centred, times h or not. */
static void fill_block(const bvl_active *A, int64_t row0, int64_t m, int64_t begin, int64_t end,
                       const double *h, double *out)
{
  for (int64_t k = begin; k < end; k++)
    for (int64_t i = 0; i < m; i++) out[(k - begin) * BLOCK_ROWS + i] = -A->shift[k];
  for (int64_t i = 0; i < m; i++) {
    int64_t first = 0;
    int64_t last = 0;
    bvl_slice_restrict(A->row_ptr, A->column, row0 + i, (int32_t)begin, (int32_t)end, &first,
                       &last);
    for (int64_t e = first; e < last; e++)
      out[(A->column[e] - begin) * BLOCK_ROWS + i] += A->entry[e];
  }
  for (int64_t k = begin; k < end && h != NULL; k++)
    for (int64_t i = 0; i < m; i++) out[(k - begin) * BLOCK_ROWS + i] *= h[row0 + i];
}

static bvl_status add_dense(const bvl_active *A, const gram_plan *plan, const rectangle *at,
                            double *G, int64_t ld)
{
  bvl_status status = BVL_OK;
  int rows, cols, ld_out;
  BVL_TRY(bvl_to_int(at->row1 - at->row0, &rows));
  BVL_TRY(bvl_to_int(at->col1 - at->col0, &cols));
  BVL_TRY(bvl_to_int(ld, &ld_out));
  for (int64_t i = 0; i < A->n_split; i += BLOCK_ROWS) {
    const int64_t m = bvl_lesser(A->n_split - i, BLOCK_ROWS);
    fill_block(A, i, m, at->row0, at->row1, NULL, plan->left);
    fill_block(A, i, m, at->col0, at->col1, plan->h, plan->right);
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, rows, cols, (int)m, 1.0, plan->left,
                BLOCK_ROWS, plan->right, BLOCK_ROWS, 1.0, G, ld_out);
  }
cleanup:
  return status;
}

/* From sums over entries to sums over centred columns. */
static void centre(const bvl_active *A, const gram_plan *plan, const rectangle *at, double *G,
                   int64_t ld)
{
  for (int64_t k = at->col0; k < at->col1; k++) {
    double *g = G + (k - at->col0) * ld;
    const double shift = A->shift[k];
    const double rest = plan->sums[k] - shift * plan->total; /* over the centred column k */
    for (int64_t l = at->row0; l < at->row1; l++)
      g[l - at->row0] = (g[l - at->row0] - shift * plan->sums[l]) - A->shift[l] * rest;
  }
}

/* G[l - row0 + (k - col0) ld] = sum_i h_i x~_il x~_ik. */
static bvl_status make_rectangle(const bvl_active *A, const gram_plan *plan, const rectangle *at,
                                 double *G, int64_t ld)
{
  for (int64_t k = 0; k < at->col1 - at->col0; k++)
    memset(G + k * ld, 0, (size_t)(at->row1 - at->row0) * sizeof *G);
  if (plan->dense) return add_dense(A, plan, at, G, ld);
  bvl_kernels_get()->sparse_gram(A->row_ptr, A->column, A->entry, A->n_split, plan->h,
                                 (int32_t)at->col0, (int32_t)at->col1, (int32_t)at->row0,
                                 (int32_t)at->row1, G, ld);
  centre(A, plan, at, G, ld);
  return BVL_OK;
}

/* New columns, some at a time, against all up to the last of them; mirrored behind `first`. */
bvl_status bvl_active_sparse_gram(bvl_active *A, const double *h, int64_t first, double *G)
{
  bvl_status status = BVL_OK;
  const int64_t d = A->n_cols;
  const int64_t n_new = d - first;
  const int64_t fitting = bvl_lesser(bvl_greater(GRAM_ROOM / d, 1), SPARSE_COLS);
  const int64_t at_once[2] = {bvl_lesser(fitting, n_new), bvl_lesser(DENSE_COLS, n_new)};
  const rectangle all = {0, d, first, d};
  gram_plan plan;
  BVL_TRY(make_plan(A, h, &all, at_once, d, &plan));
  for (int64_t begin = first; begin < d; begin += plan.at_once) {
    const int64_t end = bvl_lesser(begin + plan.at_once, d);
    const rectangle at = {0, end, begin, end};
    BVL_TRY(make_rectangle(A, &plan, &at, plan.room, d));
    for (int64_t l = 0; l < end; l++)
      for (int64_t k = begin; k < end; k++)
        G[(k - first) + l * n_new] = plan.room[l + (k - begin) * d];
    for (int64_t k = begin; k < end; k++)
      for (int64_t l = first; l < begin; l++)
        G[(l - first) + k * n_new] = plan.room[l + (k - begin) * d];
  }
cleanup:
  return status;
}

bvl_status bvl_active_sparse_gram_panel(bvl_active *A, const double *h, double scale, int64_t row0,
                                        int64_t n_rows, int64_t col0, int64_t n_cols, double *G,
                                        int64_t ld)
{
  bvl_status status = BVL_OK;
  const rectangle at = {row0, row0 + n_rows, col0, col0 + n_cols};
  const int64_t at_once[2] = {n_cols, n_cols};
  gram_plan plan;
  BVL_TRY(make_plan(A, h, &at, at_once, 0, &plan));
  BVL_TRY(make_rectangle(A, &plan, &at, G, ld));
  for (int64_t k = 0; k < n_cols; k++)
    for (int64_t l = 0; l < n_rows; l++) G[l + k * ld] *= scale;
cleanup:
  return status;
}
