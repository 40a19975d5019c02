/* SPDX-License-Identifier: BSD-3-Clause */
/* Anderson's acceleration: a linear iteration in as many unknowns as it remembers steps ends at
 * once, a contracting nonlinear one gets there sooner, and a reset forgets. */
#include "bvl_test.h"

#include "solver/anderson.h"

enum { N = 4 };

/* f(z) = A z + b - z with a fixed point away from 0 and A of spectral radius ~0.9. */
static void linear_step(const double *z, double *f)
{
  static const double A[N * N] = {0.9, 0.1, 0, 0, 0, 0.7, 0.2, 0, 0, 0, 0.5, 0.1, 0, 0.05, 0, -0.6};
  for (int i = 0; i < N; i++) {
    f[i] = 1 + i - z[i];
    for (int k = 0; k < N; k++) f[i] += A[i + k * N] * z[k];
  }
}

static double norm(const double *f)
{
  double sum = 0;
  for (int i = 0; i < N; i++) sum += f[i] * f[i];
  return sqrt(sum);
}

/* One plain step, N differences, then the answer: N + 2 evaluations of a map on R^N (the condition
 * of the differences, below 1e4, takes as many digits off). */
static void test_linear(void **state)
{
  (void)state;
  double z[N] = {0}, f[N];
  bvl_anderson s = {0};
  for (int step = 0; step < N + 2; step++) {
    linear_step(z, f);
    assert_int_equal(bvl_anderson_step(&s, N, N, NULL, z, f), BVL_OK);
    for (int i = 0; i < N; i++) z[i] += f[i];
  }
  linear_step(z, f);
  assert_true(norm(f) < 1e-9);
  bvl_anderson_free(&s);
}

static int steps_to(int accelerated)
{
  double z[N] = {2, -1, 3, 0.5}, f[N];
  const double weight[N] = {1, 2, 1, 0.5};
  bvl_anderson s = {0};
  int step = 0;
  for (; step < 1000; step++) {
    for (int i = 0; i < N; i++) f[i] = 0.8 * cos(z[i]) + 0.15 * z[(i + 1) % N] - z[i];
    if (norm(f) < 1e-10) break;
    if (accelerated) {
      if (step == 3) bvl_anderson_reset(&s); /* costs steps, not the answer */
      assert_int_equal(bvl_anderson_step(&s, N, N, weight, z, f), BVL_OK);
    }
    for (int i = 0; i < N; i++) z[i] += f[i];
  }
  bvl_anderson_free(&s);
  return step;
}

static void test_nonlinear(void **state)
{
  (void)state;
  assert_true(2 * steps_to(1) < steps_to(0));
}

/* The first step after a reset, or of another length, is the plain one. */
static void test_forgets(void **state)
{
  (void)state;
  double z[N] = {1, 2, 3, 4}, f[N], plain[N];
  bvl_anderson s = {0};
  for (int turn = 0; turn < 4; turn++) {
    if (turn == 2) bvl_anderson_reset(&s);
    const int64_t n = turn == 3 ? N - 1 : N;
    linear_step(z, f);
    memcpy(plain, f, sizeof f);
    assert_int_equal(bvl_anderson_step(&s, n, n, NULL, z, f), BVL_OK);
    assert_int_equal(memcmp(f, plain, sizeof f) == 0, turn != 1);
    for (int i = 0; i < N; i++) z[i] += f[i];
  }
  bvl_anderson_free(&s);
}

BVL_TEST_MAIN(cmocka_unit_test(test_linear), cmocka_unit_test(test_nonlinear),
              cmocka_unit_test(test_forgets))
