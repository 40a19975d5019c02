/* SPDX-License-Identifier: BSD-3-Clause */
/* The working set against the standardised matrix computed from the global index: values in split
 * rows after appends and drops, products and Gram summed over all ranks. */
#include "bvl_test.h"

#include "base/checked.h"
#include "base/rng.h"
#include "data/active_part.h"

enum { N = 307, P = 79, MISSING = 9 };

static double x_raw[N * P];      /* column-major, a missing code as NaN */
static double x_standard[N * P]; /* the same standardised */

static double uniform(int64_t i, int64_t j, uint64_t what)
{
  return bvl_rng_uniform(what, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)j);
}

/* What the source is made as. */
enum { DENSE, CODES, CSC_FULL, CSC_RARE, KINDS };

/* A sparse matrix proper: column 4 is empty, column 7 is stored in every row and far from 0, the
 * others hold 3 % or, every fifth, 40 %. */
static double rare_value(int64_t i, int64_t j)
{
  if (j == 4) return 0.0;
  if (j == 7) return 1e5 + uniform(i, j, 1);
  return uniform(i, j, 2) < (j % 5 == 0 ? 0.4 : 0.03) ? 3.0 * uniform(i, j, 1) - 1.0 : 0.0;
}

static double draw(int kind, int64_t i, int64_t j)
{
  if (kind == CSC_RARE) return rare_value(i, j);
  return kind == CODES && uniform(i, j, 2) < 0.1 ? NAN : floor(5.0 * uniform(i, j, 1));
}

static void make_truth(int kind)
{
  for (int64_t j = 0; j < P; j++) {
    long double sum = 0.0L;
    double seen = 0.0, squares = 0.0;
    for (int64_t i = 0; i < N; i++) {
      double x = draw(kind, i, j);
      x_raw[i + j * N] = x;
      if (isnan(x)) continue;
      sum += x;
      seen += 1.0;
    }
    long double mean = sum / seen;
    for (int64_t i = 0; i < N; i++) {
      double x = x_raw[i + j * N];
      x_standard[i + j * N] = isnan(x) ? 0.0 : (double)(x - mean);
      squares += x_standard[i + j * N] * x_standard[i + j * N];
    }
    for (int64_t i = 0; i < N; i++)
      x_standard[i + j * N] /= squares > 0.0 ? sqrt(squares / N) : 1.0;
  }
}

static int8_t codes[N * P];
static int64_t indptr[P + 1], indices[N * P];
static double entries[N * P];

static bvl_status make_source(int kind, bvl_source *out)
{
  bvl_status status = BVL_OK;
  int64_t e = 0;
  make_truth(kind);
  for (int64_t j = 0; j < P; j++) {
    for (int64_t i = 0; i < N; i++) {
      double x = x_raw[i + j * N];
      codes[i + j * N] = isnan(x) ? MISSING : (int8_t)x;
      if (x == 0.0 || isnan(x)) continue;
      indices[e] = i;
      entries[e] = x;
      e++;
    }
    indptr[j + 1] = e;
  }
  if (kind == DENSE) return bvl_source_dense_borrow(BVL_F64, N, P, x_raw, N, 1, out);
  if (kind >= CSC_FULL)
    return bvl_source_sparse_borrow(BVL_CSC, N, P, indptr, indices, entries, out);
  status = bvl_source_dense_borrow(BVL_I8, N, P, codes, N, 1, out);
  out->has_missing = 1;
  out->missing = MISSING;
  return status;
}

static double value(const bvl_active *A, int64_t i, int64_t k)
{
  int64_t row = A->X->rows.input[A->X->rows.split0 + i];
  int64_t column = bvl_columns_input(&A->X->columns, A->position[k]);
  return x_standard[row + column * N];
}

/* Local columns whose position leaves `rest` modulo 3. */
static int64_t choose(const bvl_design *X, int64_t rest, int64_t *cols)
{
  int64_t count = 0;
  for (int64_t c = 0; c < X->columns.p_local; c++)
    if ((X->columns.first + c) % 3 == rest) cols[count++] = c;
  return count;
}

/* How far column k may be from the truth: N eps on mean and scale for values of size below 15, and
 * N eps 1e5 / 0.29 where the mean is 1e5 and the standard deviation that of a uniform. */
static double tolerance(const bvl_active *A, int64_t k)
{
  int64_t column = bvl_columns_input(&A->X->columns, A->position[k]);
  return fabs(x_raw[column * N]) > 1e4 ? 5e-8 : 1e-12;
}

static int check_values(const bvl_active *A, int64_t n_expected, const int64_t *expected)
{
  int good = A->n_cols == n_expected && A->n_split == A->X->rows.split1 - A->X->rows.split0;
  for (int64_t k = 0; k < A->n_cols && good; k++) {
    double column[N];
    good = A->position[k] == expected[k];
    bvl_active_column(A, k, column);
    for (int64_t i = 0; i < A->n_split && good; i++)
      good = bvl_test_near(column[i], value(A, i, k), tolerance(A, k));
  }
  return good;
}

static int check_products(const bvl_active *A)
{
  double b[P], v[P] = {0}, eta[N], r[N];
  int good = 1;
  for (int64_t k = 0; k < A->n_cols; k++) b[k] = uniform(A->position[k], 0, 3) - 0.5;
  for (int64_t i = 0; i < A->n_split; i++) {
    eta[i] = 1.5;
    r[i] = uniform(A->X->rows.input[A->X->rows.split0 + i], 0, 4) - 0.5;
  }
  bvl_active_forward(A, b, eta);
  for (int64_t i = 0; i < A->n_split; i++) {
    double sum = 1.5, slack = 0.0;
    for (int64_t k = 0; k < A->n_cols; k++) {
      sum += b[k] * value(A, i, k);
      slack += tolerance(A, k);
    }
    good &= bvl_test_near(eta[i], sum, slack);
  }
  bvl_active_adjoint(A, r, v);
  good &= bvl_test_ok(bvl_sum(&A->X->grid->all, v, A->n_cols), "sum");
  for (int64_t k = 0; k < A->n_cols; k++) {
    int64_t column = bvl_columns_input(&A->X->columns, A->position[k]);
    double sum = 0.0;
    for (int64_t i = 0; i < N; i++) sum += x_standard[i + column * N] * (uniform(i, 0, 4) - 0.5);
    good &= bvl_test_near(v[k], sum, N * tolerance(A, k));
  }
  return good;
}

static double curvature(int64_t i)
{
  static double h[N];
  if (h[1] == 0.0)
    for (int64_t k = 0; k < N; k++) h[k] = k % 7 == 0 ? 0.0 : uniform(k, 0, 5);
  return h[i];
}

static int check_gram(bvl_active *A, int weighted, int64_t first)
{
  double h[N], G[P * P];
  int good = 1;
  int64_t n_new = A->n_cols - first;
  for (int64_t i = 0; i < A->n_split; i++)
    h[i] = curvature(A->X->rows.input[A->X->rows.split0 + i]);
  for (int64_t e = 0; e < n_new * A->n_cols; e++) G[e] = NAN; /* all of it is written */
  good &= bvl_test_ok(bvl_active_gram(A, weighted ? h : NULL, first, G), "gram");
  good &= bvl_test_ok(bvl_sum(&A->X->grid->all, G, n_new * A->n_cols), "sum");
  for (int64_t k = first; k < A->n_cols; k++)
    for (int64_t l = 0; l < A->n_cols; l++) {
      const double *x = x_standard + bvl_columns_input(&A->X->columns, A->position[k]) * N;
      const double *z = x_standard + bvl_columns_input(&A->X->columns, A->position[l]) * N;
      double sum = 0.0;
      for (int64_t i = 0; i < N; i++) sum += (weighted ? curvature(i) : 1.0) * x[i] * z[i];
      good &= bvl_test_near(G[(k - first) + l * n_new], sum,
                            4 * N * (tolerance(A, k) + tolerance(A, l)));
    }
  return good;
}

/* Rows 1.. of the Gram by columns 2 .. n_cols - 2, in the middle of a larger array. */
static int check_panel(bvl_active *A)
{
  enum { LD = P + 3 };
  double h[N], G[LD * P];
  int64_t n_rows = bvl_lesser(A->n_cols, 9) - 1;
  int64_t n_cols = A->n_cols - 3;
  int good = 1;
  if (n_cols < 1) return 1;
  for (int64_t e = 0; e < LD * P; e++) G[e] = A->X->grid->all.rank == 0 ? 77.0 : 0.0;
  for (int64_t i = 0; i < A->n_split; i++)
    h[i] = curvature(A->X->rows.input[A->X->rows.split0 + i]);
  good &= bvl_test_ok(bvl_active_gram_panel(A, h, 0.5, 1, n_rows, 2, n_cols, G, LD), "panel");
  good &= bvl_test_ok(bvl_sum(&A->X->grid->all, G, LD * P), "sum");
  for (int64_t l = 0; l < P; l++)
    for (int64_t k = 0; k < LD; k++) {
      double sum = 77.0, slack = 0.0;
      if (k < n_rows && l < n_cols) {
        const double *x = x_standard + bvl_columns_input(&A->X->columns, A->position[1 + k]) * N;
        const double *z = x_standard + bvl_columns_input(&A->X->columns, A->position[2 + l]) * N;
        sum = 0.0;
        for (int64_t i = 0; i < N; i++) sum += 0.5 * curvature(i) * x[i] * z[i];
        slack = 4 * N * (tolerance(A, 1 + k) + tolerance(A, 2 + l));
      }
      good &= bvl_test_near(G[k + l * LD], sum, slack);
    }
  return good;
}

/* Column c of the set, -1 = ones, at row i of all rows. */
static double standard(const bvl_active *A, int64_t i, int64_t c)
{
  if (c < 0) return 1;
  return x_standard[i + bvl_columns_input(&A->X->columns, A->position[c]) * N];
}

static double tolerance_of(const bvl_active *A, int64_t c)
{
  return c < 0 ? 1e-12 : tolerance(A, c);
}

static int check_part_products(const bvl_active *A, int64_t n, const int64_t *cols)
{
  double b[P + 1], v[P + 1], packed[P + 1], eta[N] = {0}, r[N];
  int good = 1;
  for (int64_t k = 0; k <= P; k++) b[k] = v[k] = 7 - (double)k;
  for (int64_t i = 0; i < A->n_split; i++)
    r[i] = uniform(A->X->rows.input[A->X->rows.split0 + i], 0, 4) - 0.5;
  bvl_active_part_forward(A, n, cols, b + 1, eta);
  for (int64_t i = 0; i < A->n_split; i++) {
    double sum = 0, slack = 0;
    for (int64_t k = 0; k < n; k++) {
      sum += b[cols[k] + 1] * standard(A, A->X->rows.input[A->X->rows.split0 + i], cols[k]);
      slack += 20 * tolerance_of(A, cols[k]);
    }
    good &= bvl_test_near(eta[i], sum, slack);
  }
  bvl_active_part_adjoint(A, n, cols, r, v + 1);
  for (int64_t k = 0; k < n; k++) packed[k] = v[cols[k] + 1];
  good &= bvl_test_ok(bvl_sum(&A->X->grid->all, packed, n), "sum");
  for (int64_t k = 0; k < n; k++) {
    double sum = 0;
    for (int64_t i = 0; i < N; i++) sum += standard(A, i, cols[k]) * (uniform(i, 0, 4) - 0.5);
    good &= bvl_test_near(packed[k], sum, N * tolerance_of(A, cols[k]));
    v[cols[k] + 1] = b[cols[k] + 1];
  }
  for (int64_t k = 0; k <= P; k++) good &= v[k] == b[k]; /* the others are untouched */
  return good;
}

static int check_part_gram(bvl_active *A, int64_t n_new, int64_t n, const int64_t *cols)
{
  double h[N], G[(P + 1) * (P + 1)];
  int good = 1;
  for (int64_t i = 0; i < A->n_split; i++)
    h[i] = curvature(A->X->rows.input[A->X->rows.split0 + i]);
  good &= bvl_test_ok(bvl_active_part_gram(A, h, n_new, n, cols, G), "gram");
  good &= bvl_test_ok(bvl_sum(&A->X->grid->all, G, n_new * n), "sum");
  for (int64_t k = 0; k < n_new; k++)
    for (int64_t l = 0; l <= n - n_new + k; l++) {
      double sum = 0;
      for (int64_t i = 0; i < N; i++)
        sum += curvature(i) * standard(A, i, cols[n - n_new + k]) * standard(A, i, cols[l]);
      const double slack = tolerance_of(A, cols[n - n_new + k]) + tolerance_of(A, cols[l]);
      good &= bvl_test_near(G[k + l * n_new], sum, 4 * N * slack);
    }
  return good;
}

/* Every second column in falling order, then all, with and without the ones. */
static int check_parts(bvl_active *A)
{
  int64_t cols[P + 1];
  int good = 1;
  for (int64_t ones = 0; ones < 2; ones++)
    for (int64_t stride = 1; stride < 3; stride++) {
      int64_t n = 0;
      if (ones) cols[n++] = -1;
      for (int64_t c = A->n_cols - 1; c >= 0; c -= stride) cols[n++] = c;
      good &= check_part_products(A, n, cols);
      const int64_t n_new[] = {0, 1, 3, n - 1, n};
      for (int64_t k = 0; k < 5; k++)
        if (n_new[k] >= 0 && n_new[k] <= n) good &= check_part_gram(A, n_new[k], n, cols);
    }
  return good;
}

static void check_set(bvl_active *A, int64_t n_expected, const int64_t *expected)
{
  ASSERT_ALL(check_values(A, n_expected, expected));
  ASSERT_ALL(check_products(A));
  ASSERT_ALL(check_panel(A));
  for (int weighted = 0; weighted < 2; weighted++)
    for (int64_t first = 0; first <= A->n_cols; first += bvl_greater(1, A->n_cols / 2))
      ASSERT_ALL(check_gram(A, weighted, first));
}

static int64_t expect(int64_t rest, int64_t count, int64_t *expected)
{
  for (int64_t k = rest; k < P; k += 3) expected[count++] = k;
  return count;
}

static void check_kind(int kind, int n_rows, int n_cols)
{
  int64_t cols[P], expected[P] = {0}, input[P], count = 0;
  unsigned char keep[P];
  bvl_source source;
  bvl_grid *grid = NULL;
  bvl_design *X = NULL;
  bvl_active *A = NULL;
  for (int64_t k = 0; k < P; k++) input[k] = (7 * k + 3) % P; /* 7 and P have no common factor */
  bvl_design_options options = {.input = input, .n_slices = 5};
  ASSERT_OK(make_source(kind, &source));
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, n_rows, n_cols, &grid));
  ASSERT_OK(bvl_design_create(grid, &source, &options, &X));
  ASSERT_OK(bvl_design_standardize(X, NULL, 1, 1));
  ASSERT_OK(bvl_active_create(X, &A));
  check_set(A, 0, expected);
  ASSERT_OK(bvl_active_append(A, choose(X, 2, cols), cols));
  count = expect(2, 0, expected);
  check_set(A, count, expected);
  ASSERT_OK(bvl_active_append(A, 0, NULL));
  ASSERT_OK(bvl_active_append(A, choose(X, 0, cols), cols));
  count = expect(0, count, expected);
  check_set(A, count, expected);
  int64_t kept = 0;
  for (int64_t k = 0; k < count; k++) {
    keep[k] = k % 4 != 1;
    if (keep[k]) expected[kept++] = expected[k];
  }
  bvl_active_keep(A, keep);
  check_set(A, kept, expected);
  ASSERT_OK(bvl_active_append(A, choose(X, 1, cols), cols));
  kept = expect(1, kept, expected);
  check_set(A, kept, expected);
  ASSERT_ALL(check_parts(A));
  bvl_active_destroy(&A);
  assert_null(A);
  bvl_design_destroy(&X);
  bvl_grid_destroy(&grid);
  bvl_source_memory_free(&source);
}

static void test_one_row_of_ranks(void **state)
{
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) check_kind(kind, 1, bvl_test_size());
}

static void test_one_column_of_ranks(void **state)
{
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) check_kind(kind, bvl_test_size(), 1);
}

static void test_square(void **state)
{
  (void)state;
  int size = bvl_test_size();
  if (size % 2 != 0 || size < 4) skip();
  for (int kind = 0; kind < KINDS; kind++) check_kind(kind, size / 2, 2);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_one_row_of_ranks),
                  cmocka_unit_test(test_one_column_of_ranks), cmocka_unit_test(test_square))
