/* SPDX-License-Identifier: BSD-3-Clause */
/* A border on a factor against the matrix it stands for, solved anew: unknowns join, leave, come
 * back and go, in several steps; a dependent one is told. */
#include "bvl_test.h"

#include "base/rng.h"
#include "solver/scalar/border.h"
#include "solver/scalar/factor.h"

enum { ALL = 40, M = 25 }; /* unknowns; those of the factor are the first M */

static double A[ALL * ALL];
static bvl_factor factor;

/* Definite; with `twin` unknown 30 is a copy of unknown 4. */
static void make(int twin)
{
  int64_t index[M];
  int64_t refused[M];
  int64_t n_refused = 0;
  for (int64_t k = 0; k < ALL; k++)
    for (int64_t l = 0; l < ALL; l++) {
      const uint64_t a = (uint64_t)(twin && k == 30 ? 4 : k);
      const uint64_t b = (uint64_t)(twin && l == 30 ? 4 : l);
      A[k + l * ALL] = a == b ? 1 : 0;
      for (uint64_t i = 0; i < 30; i++)
        A[k + l * ALL] += bvl_rng_normal(2, BVL_STREAM_SIM_X, i, a) *
                          bvl_rng_normal(2, BVL_STREAM_SIM_X, i, b) / 30;
    }
  for (int64_t k = 0; k < M; k++) index[k] = k;
  bvl_factor_clear(&factor);
  assert_int_equal(bvl_factor_append(&factor, A, ALL, NULL, M, index, &n_refused, refused), BVL_OK);
  assert_int_equal(n_refused, 0);
}

/* Names as the distributed Newton gives them: an unknown that joins, -1 - place of one that left.
 */
static void extend(bvl_border *border, int64_t n, const int64_t *names, int *singular)
{
  assert_int_equal(bvl_border_open(border, n), BVL_OK);
  for (int64_t q = 0; q < n; q++) {
    const int64_t at = border->n + q;
    double *B = border->B + at * M;
    border->name[at] = names[q];
    for (int64_t k = 0; k < M; k++)
      B[k] = names[q] >= 0 ? A[k + names[q] * ALL] : (k == -1 - names[q] ? 1 : 0);
    memcpy(border->Y + at * M, B, M * sizeof *B);
    bvl_factor_solve(&factor, border->Y + at * M);
    for (int64_t l = 0; l <= at; l++)
      border->C[l + at * border->capacity] = names[q] >= 0 && border->name[l] >= 0
                                                 ? A[border->name[l] + names[q] * ALL]
                                                 : 0;
  }
  assert_int_equal(bvl_border_close(border, n, singular), BVL_OK);
}

/* The bordered solve leaves A x = b on the unknowns that are in, x = 0 where one left. */
static void check(bvl_border *border)
{
  double r[M], u[M], rest[ALL], x[ALL] = {0};
  int in[ALL] = {0};
  for (int64_t k = 0; k < M; k++) in[k] = 1;
  for (int64_t l = 0; l < border->n; l++)
    in[border->name[l] >= 0 ? border->name[l] : -1 - border->name[l]] = border->name[l] >= 0;
  for (int64_t k = 0; k < M; k++) r[k] = u[k] = in[k] ? cos((double)k) : 0;
  bvl_factor_solve(&factor, u);
  for (int64_t l = 0; l < border->n; l++)
    rest[l] = border->name[l] >= 0 ? cos((double)border->name[l]) : 0;
  bvl_border_solve(border, r, u, rest);
  for (int64_t k = 0; k < M; k++) x[k] = u[k];
  for (int64_t l = 0; l < border->n; l++)
    if (border->name[l] >= 0) x[border->name[l]] = rest[l];
  for (int64_t k = 0; k < ALL; k++) {
    double sum = 0;
    for (int64_t l = 0; l < ALL; l++) sum += A[k + l * ALL] * x[l];
    /* 40 terms of size 10, condition about 10 */
    if (in[k])
      ASSERT_NEAR(sum, cos((double)k), 1e-12);
    else
      ASSERT_NEAR(x[k], 0, 1e-13);
  }
}

static void test_it_follows_a_set(void **state)
{
  (void)state;
  static const int64_t first[] = {30, 27, -1 - 3, 39};
  static const int64_t second[] = {28, -1 - 24, -1 - 0};
  static const unsigned char keep[] = {1, 0, 0, 1,
                                       0, 1, 1}; /* 27 leaves, 3 comes back, 28 leaves */
  static const int64_t third[] = {25, -1 - 7};
  bvl_border border = {0};
  int singular = 1;
  make(0);
  bvl_border_clear(&border, M);
  extend(&border, 4, first, &singular);
  assert_int_equal(singular, 0);
  check(&border);
  extend(&border, 3, second, &singular);
  assert_int_equal(singular, 0);
  check(&border);
  bvl_border_keep(&border, keep);
  assert_int_equal(border.n, 4);
  extend(&border, 0, NULL, &singular);
  assert_int_equal(singular, 0);
  check(&border);
  extend(&border, 2, third, &singular);
  assert_int_equal(singular, 0);
  check(&border);
  bvl_border_clear(&border, M);
  check(&border); /* the factor alone */
  bvl_border_free(&border);
  bvl_factor_free(&factor);
}

/* A copy of a column and of its row: its Schur complement is
 * rounding, unless the original leaves. */
static void test_a_dependent_unknown_is_told(void **state)
{
  (void)state;
  static const int64_t with_others[] = {31, 30, 35};
  static const int64_t original_left[] = {-1 - 4};
  bvl_border border = {0};
  int singular = 0;
  make(1);
  bvl_border_clear(&border, M);
  extend(&border, 3, with_others, &singular);
  assert_true(singular);
  extend(&border, 1, original_left, &singular);
  assert_int_equal(singular, 0);
  check(&border);
  bvl_border_free(&border);
  bvl_factor_free(&factor);
}

/* No factor at all: the border is the matrix. */
static void test_over_nothing(void **state)
{
  (void)state;
  bvl_border border = {0};
  double rest[3];
  double none = 0;
  int singular = 0;
  make(0);
  bvl_border_clear(&border, 0);
  assert_int_equal(bvl_border_open(&border, 3), BVL_OK);
  for (int64_t l = 0; l < 3; l++)
    for (int64_t k = 0; k <= l; k++) border.C[k + l * border.capacity] = A[k + l * ALL];
  assert_int_equal(bvl_border_close(&border, 3, &singular), BVL_OK);
  assert_int_equal(singular, 0);
  for (int64_t k = 0; k < 3; k++) rest[k] = (double)(k + 1);
  bvl_border_solve(&border, &none, &none, rest);
  for (int64_t k = 0; k < 3; k++)
    ASSERT_NEAR(A[k] * rest[0] + A[k + ALL] * rest[1] + A[k + 2 * ALL] * rest[2], (double)(k + 1),
                1e-13);
  bvl_border_free(&border);
  bvl_factor_free(&factor);
}

BVL_TEST_MAIN(cmocka_unit_test(test_it_follows_a_set),
              cmocka_unit_test(test_a_dependent_unknown_is_told),
              cmocka_unit_test(test_over_nothing))
