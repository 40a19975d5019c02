/* SPDX-License-Identifier: BSD-3-Clause */
/* The block-cyclic matrix against a plain one that every rank computes for itself: sizes below,
 * at and above a block, grown in steps, cut to a subset, factored. */
#include "bvl_test.h"

#include "base/rng.h"
#include "comm/block_cyclic.h"
#include "comm/block_layout.h"

enum { RANK = 40, LARGEST = 333 };

static bvl_traffic traffic;
static bvl_comm comm;
static bvl_block_grid *grid;

static int set_up(void **state)
{
  (void)state;
  bvl_status status = bvl_comm_dup(MPI_COMM_WORLD, &traffic, &comm);
  if (status == BVL_OK) status = bvl_block_grid_create(&comm, &grid);
  return status != BVL_OK;
}

static int tear_down(void **state)
{
  (void)state;
  bvl_block_grid_destroy(&grid);
  bvl_comm_free(&comm);
  return 0;
}

/* Row k of the 40 factors that make the matrix; below 1 in size. */
static double factor_entry(int64_t k, int64_t q)
{
  static double table[8 * LARGEST][RANK + 2]; /* made once, an entry when it is asked for */
  double *at = &table[k][q];
  if (*at == 0) *at = 2 * bvl_rng_uniform(11, BVL_STREAM_SIM_X, (uint64_t)k, (uint64_t)q) - 1;
  return *at;
}

/* Positive definite: low rank plus the identity; what rank r adds of it is its factors' part. */
static double share(int64_t k, int64_t l, int rank, int size)
{
  double sum = k == l && rank == 0 ? 1 : 0;
  for (int64_t q = rank; q < RANK; q += size) sum += factor_entry(k, q) * factor_entry(l, q);
  return sum;
}

static double truths[LARGEST * LARGEST]; /* made once */

static double truth(int64_t k, int64_t l)
{
  double *at = truths + k + l * LARGEST;
  if (*at == 0) *at = share(k, l, 0, 1);
  return *at;
}

/* Grows the matrix to d, adding the new rows in panels of `width` columns. */
static void grow(bvl_block_cyclic *m, int64_t d, int64_t width)
{
  const int64_t first = m->d;
  ASSERT_OK(bvl_block_cyclic_resize(m, d));
  for (int64_t col0 = 0; col0 < d; col0 += width) {
    const int64_t cols = width < d - col0 ? width : d - col0;
    const int64_t row0 = first > col0 ? first : col0;
    const int64_t rows = d - row0;
    double *values = calloc((size_t)(rows * cols + 1), sizeof *values);
    for (int64_t l = 0; l < cols; l++)
      for (int64_t k = 0; k < rows; k++)
        values[k + l * rows] = share(row0 + k, col0 + l, comm.rank, comm.size);
    ASSERT_OK(bvl_block_cyclic_add(m, row0, rows, col0, cols, values, rows));
    free(values);
  }
}

/* This rank's entries of the lower triangle are those of truth[index, index]. */
static int is_submatrix(const bvl_block_cyclic *m, int64_t n, const int64_t *index)
{
  int good = m->d == n;
  for (int64_t l = 0; l < bvl_block_count(n, grid->cols, grid->j); l++)
    for (int64_t k = 0; k < bvl_block_count(n, grid->rows, grid->i); k++) {
      const int64_t row = bvl_block_global(k, grid->rows, grid->i);
      const int64_t col = bvl_block_global(l, grid->cols, grid->j);
      if (row < col) continue;
      /* sums of RANK products below 1, in another order */
      good = good && bvl_test_near(m->values[k + l * m->ld], truth(index[row], index[col]), 1e-13);
    }
  return good;
}

static int64_t every(int64_t d, int64_t step, int64_t *index)
{
  int64_t n = 0;
  for (int64_t k = 0; k < d; k += step) index[n++] = k;
  return n;
}

static void check_product(const bvl_block_cyclic *m)
{
  double x[LARGEST], y[LARGEST], diagonal[LARGEST], columns[2 * LARGEST];
  int good = 1;
  for (int64_t k = 0; k < m->d; k++) x[k] = factor_entry(k, RANK);
  ASSERT_OK(bvl_block_cyclic_product(m, x, y));
  ASSERT_OK(bvl_block_cyclic_diagonal(m, diagonal));
  for (int64_t k = 0; k < m->d; k++) {
    double sum = 0;
    for (int64_t l = 0; l < m->d; l++) sum += truth(k, l) * x[l];
    /* LARGEST terms of size RANK at most */
    good &= bvl_test_near(y[k], sum, 1e-11) & bvl_test_near(diagonal[k], truth(k, k), 1e-13);
  }
  if (m->d > 0) {
    const int64_t index[2] = {m->d / 2, m->d - 1};
    ASSERT_OK(bvl_block_cyclic_columns(m, 2, index, columns));
    for (int64_t k = 0; k < 2 * m->d; k++)
      good &= bvl_test_near(columns[k], truth(k % m->d, index[k / m->d]), 1e-13);
  }
  ASSERT_ALL(good);
}

static void check_solve(bvl_block_cyclic *m, int64_t n, const int64_t *index)
{
  enum { SIDES = 6, LD = LARGEST + 5 };
  double b[SIDES * LD];
  int64_t bad = -1;
  int good = 1;
  for (int64_t k = 0; k < SIDES * LD; k++) b[k] = factor_entry(k, RANK + 1);
  ASSERT_OK(bvl_block_cyclic_factor(m, 1e-14, &bad));
  ASSERT_ALL(bad == 0);
  ASSERT_OK(bvl_block_cyclic_solve(m, 1, b, LD)); /* one goes another way than several */
  ASSERT_OK(bvl_block_cyclic_solve(m, SIDES - 1, b + LD, LD));
  for (int64_t q = 0; q < SIDES; q++)
    for (int64_t k = 0; k < n; k++) {
      double sum = 0;
      for (int64_t l = 0; l < n; l++) sum += truth(index[k], index[l]) * b[l + q * LD];
      /* eps n ||A|| ||x||: 1e-16 * 333 * 5e3 * 1, with room */
      good = good && bvl_test_near(sum, factor_entry(k + q * LD, RANK + 1), 1e-9);
    }
  ASSERT_ALL(good);
}

static void test_against_a_plain_matrix(void **state)
{
  (void)state;
  static const int64_t sizes[] = {0, 1, 7, 64, 65, 200, LARGEST};
  int64_t index[LARGEST];
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    const int64_t d = sizes[s];
    bvl_block_cyclic *m = NULL;
    bvl_block_cyclic *part = NULL;
    ASSERT_OK(bvl_block_cyclic_create(grid, &m));
    ASSERT_OK(bvl_block_cyclic_create(grid, &part));
    grow(m, d / 3, 50); /* in three steps, over block borders */
    grow(m, d / 2, 7);
    grow(m, d, 128);
    every(d, 1, index);
    ASSERT_ALL(is_submatrix(m, d, index));
    check_product(m);
    for (int64_t step = 3; step >= 1; step--) { /* part grows and is overwritten */
      const int64_t n = every(d, step, index);
      ASSERT_OK(bvl_block_cyclic_take(m, n, index, part));
      ASSERT_ALL(is_submatrix(part, n, index));
      check_solve(part, n, index);
    }
    bvl_block_cyclic_destroy(&part);
    bvl_block_cyclic_destroy(&m);
  }
}

/* The dependent column is met in the first block, at a later one, or is 0 altogether; a matrix that
 * rounding alone makes definite is refused by its pivot. */
static void test_a_singular_matrix_is_named(void **state)
{
  (void)state;
  static const int64_t dependent[] = {3, 150};
  for (int kind = 0; kind < 2; kind++)
    for (size_t s = 0; s < 2; s++) {
      bvl_block_cyclic *m = NULL;
      double values[200];
      const int64_t k = dependent[s];
      int64_t bad = 0;
      for (int64_t l = 0; l < 200; l++) values[l] = 1;
      if (kind == 0) values[k] = 0;
      ASSERT_OK(bvl_block_cyclic_create(grid, &m));
      ASSERT_OK(bvl_block_cyclic_resize(m, 200));
      bvl_block_cyclic_shift(m, values);
      if (kind == 1) { /* row k equal to row 1, and 1e-15 to spare */
        const double one = comm.rank == 0 ? 1 : 0;
        const double spare = comm.rank == 0 ? 1e-15 : 0;
        ASSERT_OK(bvl_block_cyclic_add(m, k, 1, 1, 1, &one, 1));
        ASSERT_OK(bvl_block_cyclic_add(m, k, 1, k, 1, &spare, 1));
      }
      ASSERT_OK(bvl_block_cyclic_factor(m, 1e-12, &bad));
      ASSERT_ALL(bad == k + 1);
      bvl_block_cyclic_destroy(&m);
    }
}

static void test_growing_after_shrinking_starts_from_zero(void **state)
{
  (void)state;
  bvl_block_cyclic *m = NULL;
  double y[LARGEST], x[LARGEST];
  int good = 1;
  ASSERT_OK(bvl_block_cyclic_create(grid, &m));
  grow(m, 200, 64);
  ASSERT_OK(bvl_block_cyclic_resize(m, 70));
  ASSERT_OK(bvl_block_cyclic_resize(m, 201));
  for (int64_t k = 0; k < 201; k++) x[k] = 1;
  ASSERT_OK(bvl_block_cyclic_product(m, x, y));
  for (int64_t k = 0; k < 201; k++) {
    double sum = 0;
    for (int64_t l = 0; l < 70 && k < 70; l++) sum += truth(k, l);
    good &= bvl_test_near(y[k], sum, 1e-11);
  }
  ASSERT_ALL(good);
  bvl_block_cyclic_destroy(&m);
}

/* 2^24 unknowns: beyond 2^31 entries a rank at any rank count here, refused before any memory. */
static void test_too_large_is_refused(void **state)
{
  (void)state;
  bvl_block_cyclic *m = NULL;
  ASSERT_OK(bvl_block_cyclic_create(grid, &m));
  ASSERT_ALL(bvl_block_cyclic_resize(m, INT64_C(1) << 24) == BVL_ERR_USAGE);
  ASSERT_ALL(m->d == 0);
  bvl_block_cyclic_destroy(&m);
}

static void test_sum_scatter(void **state)
{
  (void)state;
  int64_t counts[64];
  double values[64 * 64], mine[64];
  int64_t total = 0;
  int good = 1;
  for (int r = 0; r < comm.size; r++) total += counts[r] = (3 * r + 2) % 5; /* some are 0 */
  for (int64_t k = 0; k < total; k++) values[k] = (double)(k * (comm.rank + 1));
  ASSERT_OK(bvl_sum_scatter(&comm, values, counts, mine));
  int64_t first = 0;
  for (int r = 0; r < comm.rank; r++) first += counts[r];
  const double ranks = comm.size * (comm.size + 1) / 2.0;
  for (int64_t k = 0; k < counts[comm.rank]; k++)
    good &= mine[k] == (double)(first + k) * ranks; /* small integers: exact */
  ASSERT_ALL(good);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_a_plain_matrix),
      cmocka_unit_test(test_a_singular_matrix_is_named),
      cmocka_unit_test(test_growing_after_shrinking_starts_from_zero),
      cmocka_unit_test(test_too_large_is_refused),
      cmocka_unit_test(test_sum_scatter),
  };
  MPI_Init(&argc, &argv);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (bvl_test_rank() > 0) bvl_test_mute();
  return bvl_test_finish(cmocka_run_group_tests(tests, set_up, tear_down));
}
