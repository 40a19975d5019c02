/* SPDX-License-Identifier: BSD-3-Clause */
/* Products longer than BLAS' integers, which are cut in two, with a limit of 3 in the place of
 * 2^30. */
#include "bvl_test.h"

#include <cblas.h>

#include "base/checked.h"

typedef double real;

#define REAL_GEMM cblas_dgemm
#define REAL_MOST_BLAS 3

#include "net/layers/real/product.inc"

enum { LD = 11 };

static void check(int trans_a, int trans_b, int m, int n, int k, int add)
{
  real A[LD * LD], B[LD * LD], C[LD * LD], before[LD * LD];
  for (int i = 0; i < LD * LD; i++) {
    A[i] = i % 7 - 3;
    B[i] = i % 5 - 2;
    C[i] = before[i] = i % 3;
  }
  multiply(trans_a, trans_b, m, n, k, A, LD, B, LD, add, C, LD);
  for (int j = 0; j < LD; j++)
    for (int i = 0; i < LD; i++) {
      const int inside = i < m && j < n;
      real sum = inside && !add ? 0 : before[i + LD * j];
      for (int l = 0; inside && l < k; l++)
        sum += A[trans_a ? l + LD * i : i + LD * l] * B[trans_b ? j + LD * l : l + LD * j];
      assert_true(C[i + LD * j] == sum); /* small integers */
    }
}

static void test_cut(void **state)
{
  (void)state;
  const int sizes[] = {0, 1, 3, 4, 10};
  for (int bits = 0; bits < 8; bits++)
    for (int m = 0; m < 5; m++)
      for (int n = 0; n < 5; n++)
        for (int k = 0; k < 5; k++)
          check(bits & 1, bits >> 1 & 1, sizes[m], sizes[n], sizes[k], bits >> 2);
}

static void test_transpose(void **state)
{
  (void)state;
  const int sizes[] = {0, 1, 15, 16, 17, 40};
  for (int a = 0; a < 6; a++)
    for (int b = 0; b < 6; b++) {
      const int m = sizes[a], n = sizes[b];
      real A[40 * 40], out[40 * 40 + 1];
      for (int i = 0; i < m * n; i++) A[i] = i;
      for (int i = 0; i <= m * n; i++) out[i] = -1;
      transpose(m, n, A, out);
      for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) assert_true(out[j + i * n] == A[i + j * m]);
      assert_true(out[m * n] == -1);
    }
}

BVL_TEST_MAIN(cmocka_unit_test(test_cut), cmocka_unit_test(test_transpose))
