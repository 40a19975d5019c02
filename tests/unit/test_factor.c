/* SPDX-License-Identifier: BSD-3-Clause */
/* The updatable Cholesky factor: after any sequence of appends and drops, L L' is the matrix of the
 * columns it says it holds, and a solve leaves a residual at rounding. */
#include "bvl_test.h"

#include "base/rng.h"
#include "solver/scalar/factor.h"

enum { ROWS = 260, D = 200 };

static double *make_gram(int64_t twin)
{
  double *A = calloc(ROWS * D, sizeof *A);
  double *G = calloc(D * D, sizeof *G);
  assert_non_null(A);
  assert_non_null(G);
  for (int64_t j = 0; j < D; j++)
    for (int64_t i = 0; i < ROWS; i++)
      A[i + j * ROWS] = bvl_rng_normal(1, BVL_STREAM_SIM_X, (uint64_t)i,
                                       (uint64_t)(j == twin ? 0 : j)); /* twin repeats column 0 */
  for (int64_t k = 0; k < D; k++)
    for (int64_t l = 0; l < D; l++)
      for (int64_t i = 0; i < ROWS; i++) G[k + l * D] += A[i + k * ROWS] * A[i + l * ROWS] / ROWS;
  free(A);
  return G;
}

static double ridge_of(const bvl_factor *f, const double *ridge, int64_t i)
{
  return ridge != NULL ? ridge[f->index[i]] : 0;
}

/* |L L' - G_AA - diag(ridge)| and the solve's residual: each entry is a sum of at most 200 products
 * of size ~1 with relative error u each, so 1e-13 is some 5 times the bound; the solve is as well
 * conditioned as these Grams (condition below 1e3). */
static void check(const bvl_factor *f, const double *G, const double *ridge)
{
  double x[D];
  double b[D];
  for (int64_t i = 0; i < f->m; i++)
    for (int64_t j = 0; j <= i; j++) {
      double sum = 0;
      for (int64_t k = 0; k <= j; k++) sum += f->L[i + k * f->capacity] * f->L[j + k * f->capacity];
      const double expected = G[f->index[i] + f->index[j] * D] +
                              (i == j ? ridge_of(f, ridge, i) : 0);
      ASSERT_NEAR(sum, expected, 1e-13);
    }
  for (int64_t i = 0; i < f->m; i++) x[i] = b[i] = sin((double)i + 1);
  bvl_factor_solve(f, x);
  for (int64_t i = 0; i < f->m; i++) {
    double sum = ridge_of(f, ridge, i) * x[i];
    for (int64_t j = 0; j < f->m; j++) sum += G[f->index[i] + f->index[j] * D] * x[j];
    ASSERT_NEAR(sum, b[i], 1e-11);
  }
}

static void test_append_and_drop(void **state)
{
  (void)state;
  double *G = make_gram(-1);
  bvl_factor f = {0};
  int64_t refused[D];
  int64_t n_refused = 0;
  int64_t order[D];
  double ridge[D];
  for (int64_t k = 0; k < D; k++) ridge[k] = 0.01 * (double)(k % 3);
  bvl_rng_permutation(2, BVL_STREAM_FOLD, 0, D, order);
  const int64_t pieces[] = {1, 7, 64, 65, 3, 0, 40};
  int64_t at = 0;
  for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
    assert_int_equal(bvl_factor_append(&f, G, D, ridge, pieces[k], order + at, &n_refused, refused),
                     BVL_OK);
    assert_int_equal(n_refused, 0);
    at += pieces[k];
    assert_int_equal(f.m, at);
  }
  check(&f, G, ridge);
  const int64_t drops[] = {0, 100, 50, 176, 1, 0, 3, 172, 90};
  for (size_t k = 0; k < sizeof drops / sizeof *drops; k++) bvl_factor_drop(&f, drops[k]);
  assert_int_equal(f.m, at - (int64_t)(sizeof drops / sizeof *drops));
  check(&f, G, ridge);
  assert_int_equal(bvl_factor_append(&f, G, D, ridge, D - at, order + at, &n_refused, refused),
                   BVL_OK);
  check(&f, G, ridge);
  while (f.m > 0) bvl_factor_drop(&f, f.m / 2);
  bvl_factor_solve(&f, NULL); /* nothing to solve */
  bvl_factor_free(&f);
  free(G);
}

/* Products made for the purpose give the same factor as looking them up, also past a twin. */
static void test_append_rows(void **state)
{
  (void)state;
  double *G = make_gram(5);
  double *rows = calloc(D * D, sizeof *rows);
  bvl_factor f = {0};
  int64_t refused[D];
  int64_t n_refused = 0;
  int64_t order[D];
  const int64_t pieces[] = {3, 1, 130, 66};
  int64_t at = 0;
  assert_non_null(rows);
  for (int64_t k = 0; k < D; k++) order[k] = k;
  for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
    const int64_t n = pieces[k];
    for (int64_t r = 0; r < n; r++) {
      for (int64_t j = 0; j < f.m; j++) rows[r + j * n] = G[order[at + r] + f.index[j] * D];
      for (int64_t c = 0; c < n; c++)
        rows[r + (f.m + c) * n] = c <= r ? G[order[at + r] + order[at + c] * D] : NAN;
    }
    assert_int_equal(bvl_factor_append_rows(&f, rows, n, order + at, &n_refused, refused), BVL_OK);
    assert_int_equal(n_refused, k == 2); /* the twin is in the third piece */
    if (n_refused > 0) assert_int_equal(refused[0], 5);
    at += n;
    check(&f, G, NULL);
  }
  assert_int_equal(f.m, D - 1);
  bvl_factor_free(&f);
  free(rows);
  free(G);
}

static void test_dependent_columns_are_refused(void **state)
{
  (void)state;
  double *G = make_gram(5);
  bvl_factor f = {0};
  int64_t refused[D];
  int64_t n_refused = 0;
  int64_t order[D];
  for (int64_t k = 0; k < D; k++) order[k] = k;
  assert_int_equal(bvl_factor_append(&f, G, D, NULL, D, order, &n_refused, refused), BVL_OK);
  assert_int_equal(n_refused, 1);
  assert_int_equal(refused[0], 5); /* column 0 came first */
  assert_int_equal(f.m, D - 1);
  bvl_factor_drop(&f, 0); /* without its twin it is welcome */
  assert_int_equal(bvl_factor_append(&f, G, D, NULL, 1, refused, &n_refused, refused + 1), BVL_OK);
  assert_int_equal(n_refused, 0);
  check(&f, G, NULL);
  bvl_factor_free(&f);
  free(G);
}

BVL_TEST_MAIN(cmocka_unit_test(test_append_and_drop), cmocka_unit_test(test_append_rows),
              cmocka_unit_test(test_dependent_columns_are_refused))
