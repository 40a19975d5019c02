/* SPDX-License-Identifier: BSD-3-Clause */
/* Columns dealt whole: every rank finds in its columns, over all rows, what the ranks hold of them
 * in split rows; also when there are more ranks than columns, or rows. */
#include "bvl_test.h"

#include "base/rng.h"
#include "data/dealt.h"

enum { P = 11, MAX_N = 130 };

static double X_raw[MAX_N * P];

static int owner_of(int64_t k, int size)
{
  return (int)((5 * k + 2) % size);
}

/* The values of A's column k over all rows in rank order. */
static bvl_status whole_column(const bvl_active *A, const bvl_dealt *D, int64_t k, double *split,
                               double *out)
{
  bvl_active_column(A, k, split);
  return bvl_dealt_rows(D, split, out);
}

static void check(const bvl_active *A, const bvl_dealt *D)
{
  const bvl_comm *all = &A->X->grid->all;
  double split[MAX_N], column[MAX_N];
  int64_t mine = 0;
  int good = D->n == A->X->rows.n;
  for (int64_t k = 0; k < A->n_cols; k++) {
    ASSERT_OK(whole_column(A, D, k, split, column));
    if (owner_of(k, all->size) != all->rank) continue;
    good &= memcmp(column, D->values + mine++ * D->n, (size_t)D->n * sizeof *column) == 0;
  }
  ASSERT_ALL(good && mine == D->n_cols);
}

static void deal(bvl_active *A, bvl_dealt *D, int64_t first)
{
  int64_t owner[P];
  for (int64_t k = first; k < A->n_cols; k++) owner[k - first] = owner_of(k, A->X->grid->all.size);
  ASSERT_OK(bvl_dealt_append(D, first, owner));
}

static void check_rows(int64_t n, int n_rows, int n_cols)
{
  bvl_source source;
  bvl_grid *grid = NULL;
  bvl_design *X = NULL;
  bvl_active *A = NULL;
  bvl_dealt *D = NULL;
  bvl_design_options options = {.n_slices = 1};
  for (int64_t e = 0; e < n * P; e++)
    X_raw[e] = bvl_rng_uniform(1, BVL_STREAM_SIM_X, 0, (uint64_t)e);
  ASSERT_OK(bvl_source_dense_borrow(BVL_F64, n, P, X_raw, n, 1, &source));
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, n_rows, n_cols, &grid));
  ASSERT_OK(bvl_design_create(grid, &source, &options, &X));
  ASSERT_OK(bvl_active_create(X, &A));
  ASSERT_OK(bvl_dealt_create(A, &D));
  for (int64_t half = 0; half < 2; half++) { /* even columns, then odd ones */
    const int64_t first = A->n_cols;
    int64_t cols[P], count = 0;
    for (int64_t c = 0; c < X->columns.p_local; c++)
      if ((X->columns.first + c) % 2 == half) cols[count++] = c;
    ASSERT_OK(bvl_active_append(A, count, cols));
    deal(A, D, first);
    check(A, D);
  }
  bvl_dealt_clear(D);
  deal(A, D, 0);
  check(A, D);
  bvl_dealt_destroy(&D);
  bvl_active_destroy(&A);
  bvl_design_destroy(&X);
  bvl_source_memory_free(&source);
  bvl_grid_destroy(&grid);
}

static void test_dealing(void **state)
{
  (void)state;
  const int size = bvl_test_size();
  check_rows(MAX_N, 1, size);
  check_rows(MAX_N, size, 1);
  check_rows(3, 1, size);
  if (size % 2 == 0) check_rows(MAX_N, 2, size / 2);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_dealing))
