/* SPDX-License-Identifier: BSD-3-Clause */
/* A streamed design is the held one: moments, products with all columns and with more and fewer
 * than its cache holds, the 8-bit copy, the working set, a view; for every element type and grid,
 * whole strips and parts of rows, columns in order and permuted. What fails to be read on one rank
 * fails on all, for good, and what is not finite is named. */
#include "bvl_problem.h"

#include "base/rng.h"
#include "data/active.h"
#include "data/rounded.h"
#include "data/streamed.h"

/* A strip holds 32768 elements (stream_bytes 1): 85 rows of 384 columns, or 64 of 464 of 1100. */
enum { N = 210, FEW = 384, MANY = 1100, K = 3, STRIDE = 7 };

static double values_f64[N * MANY];
static float values_f32[N * MANY];
static int8_t values_i8[N * MANY];
static uint8_t values_u8[N * MANY];

static void fill(int64_t p)
{
  for (int64_t e = 0; e < N * p; e++) {
    const int64_t c = e / N, i = e % N;
    const double z = bvl_rng_normal(5, BVL_STREAM_SIM_X, (uint64_t)c, (uint64_t)i);
    double x = z;
    if (c % 9 == 1) x = 3.25;
    if (c % 9 == 2) x = 1e5 + z;
    if (c % 9 == 3) x = i < 190 ? 0 : 40 * z; /* the first strip knows nothing of it */
    values_f64[e] = x;
    values_f32[e] = (float)x;
    values_i8[e] = (int8_t)((i * (c % 5 + 2) + c) % 7 - 3);
    values_u8[e] = (uint8_t)((i * (c % 5 + 2) + c) % 200);
  }
}

typedef struct pair {
  bvl_grid *grid;
  bvl_source source;
  bvl_design *held, *streamed;
  double *w[2]; /* n_local each, the same weight for an input row */
} pair;

/* Rounding of sums of at most MANY terms, about means of at most 1e5 deviations; without centring
 * the sums themselves may be large. */
static int are_near(double a, double b)
{
  return bvl_test_near(a, b, 1e-6 + 1e-12 * fabs(a));
}

static double weight_of(int64_t row)
{
  return row % 11 == 3 ? 0 : 0.5 + (double)(row % 3);
}

static void open_pair(pair *t, bvl_dtype dtype, int n_rows, int n_cols, int64_t p, int permuted)
{
  int64_t *input = calloc(MANY, sizeof *input);
  const void *values = dtype == BVL_F64   ? (const void *)values_f64
                       : dtype == BVL_F32 ? (const void *)values_f32
                       : dtype == BVL_I8  ? (const void *)values_i8
                                          : (const void *)values_u8;
  fill(p);
  for (int64_t k = 0; k < p; k++) input[k] = (STRIDE * k + 3) % p;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, n_rows, n_cols, &t->grid));
  ASSERT_OK(bvl_source_dense_borrow(dtype, N, p, values, N, 1, &t->source));
  t->source.has_missing = dtype == BVL_I8;
  t->source.missing = 2;
  bvl_design_options options = {.input = permuted ? input : NULL};
  ASSERT_OK(bvl_design_create(t->grid, &t->source, &options, &t->held));
  options.stream_bytes = 1; /* the smallest buffers, and a cache of 64 columns */
  ASSERT_OK(bvl_design_create(t->grid, &t->source, &options, &t->streamed));
  ASSERT_ALL(t->streamed->values == NULL && bvl_design_fetch_most(t->streamed) <= 64);
  for (int s = 0; s < 2; s++) {
    const bvl_rows *rows = s ? &t->streamed->rows : &t->held->rows;
    t->w[s] = calloc((size_t)rows->n_local + 1, sizeof(double));
    for (int64_t i = 0; i < rows->n_local; i++) t->w[s][i] = weight_of(rows->input[i]);
  }
  free(input);
}

static void close_pair(pair *t)
{
  free(t->w[0]);
  free(t->w[1]);
  bvl_design_destroy(&t->held);
  bvl_design_destroy(&t->streamed);
  bvl_source_memory_free(&t->source);
  bvl_grid_destroy(&t->grid);
}

static void check_moments(const bvl_design *a, const bvl_design *b)
{
  int good = 1;
  for (int64_t c = 0; c < a->columns.p_local; c++) {
    /* a sum of N terms each way; the mean is up to 1e5 deviations from 0 */
    const double near = 1e-12 * (fabs(a->center[c]) + a->scale[c]);
    good &= a->constant[c] == b->constant[c];
    good &= fabs(a->center[c] - b->center[c]) <= near && fabs(a->scale[c] - b->scale[c]) <= near;
    if (a->fill != NULL) good &= fabs(a->fill[c] - b->fill[c]) <= near;
  }
  ASSERT_ALL(good);
}

static double side(int64_t row, int64_t q)
{
  return bvl_rng_normal(8, BVL_STREAM_SIM_X, (uint64_t)q, (uint64_t)row);
}

/* eta and V of both designs with columns 0, step, 2 step, .. (step 0: all, cols NULL). */
static void check_products(pair *t, int64_t step)
{
  const int64_t n = t->held->rows.n_local, p = t->held->columns.p_local;
  int64_t *cols = calloc((size_t)p + 1, sizeof *cols);
  double *B = calloc((size_t)(p * K) + 1, sizeof *B);
  double *R = calloc((size_t)(n * K) + 1, sizeof *R);
  double *eta[2], *V[2];
  int64_t n_cols = 0;
  for (int64_t c = 0; c < p && step > 0; c += step) cols[n_cols++] = c;
  for (int64_t e = 0; e < p * K; e++) B[e] = side(e % p, 7 + e / p);
  for (int s = 0; s < 2; s++) {
    bvl_design *X = s ? t->streamed : t->held;
    eta[s] = calloc((size_t)(n * K) + 1, sizeof *R);
    V[s] = calloc((size_t)(p * K) + 1, sizeof *B);
    for (int64_t e = 0; e < n * K; e++) R[e] = side(X->rows.input[e % n], e / n);
    const int64_t *some = step > 0 ? cols : NULL;
    ASSERT_OK(bvl_design_forward(X, n_cols, some, K, B, eta[s]));
    ASSERT_OK(bvl_design_adjoint(X, n_cols, some, K, R, V[s], 0, NULL));
  }
  int good = 1;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++)
      if (t->held->rows.input[i] == t->streamed->rows.input[j])
        for (int64_t q = 0; q < K; q++) good &= are_near(eta[0][i + q * n], eta[1][j + q * n]);
  for (int64_t e = 0; e < p * K; e++) good &= are_near(V[0][e], V[1][e]);
  ASSERT_ALL(good);
  for (int s = 0; s < 2; s++) {
    free(eta[s]);
    free(V[s]);
  }
  free(R);
  free(B);
  free(cols);
}

/* The streamed copy's bound holds of the held design's products. */
static void check_rounded(pair *t)
{
  const int64_t n = t->held->rows.n_local, p = t->held->columns.p_local;
  bvl_rounded *rounded = NULL;
  double norm = 0;
  double *r = calloc((size_t)n + 1, sizeof *r);
  double *near = calloc((size_t)p + 1, sizeof *near);
  double *exact = calloc((size_t)p + 1, sizeof *exact);
  ASSERT_OK(bvl_rounded_create(t->streamed, &rounded));
  for (int64_t i = 0; i < n; i++) r[i] = side(t->streamed->rows.input[i], 1);
  ASSERT_OK(bvl_rounded_adjoint(rounded, 1, r, near, &norm));
  for (int64_t i = 0; i < n; i++) r[i] = side(t->held->rows.input[i], 1);
  ASSERT_OK(bvl_design_adjoint(t->held, 0, NULL, 1, r, exact, 0, NULL));
  int good = 1;
  for (int64_t c = 0; c < p; c++) {
    const double bound = bvl_rounded_error(rounded)[c] * norm;
    good &= fabs(near[c] - exact[c]) <= bound + 1e-6 + 1e-12 * fabs(exact[c]);
    /* normal columns, centred: and it says something */
    if ((t->held->columns.first + c) % 9 == 0 && t->held->columns.input == NULL &&
        t->held->centered)
      good &= bound < 0.03 * sqrt((double)N) * norm;
  }
  ASSERT_ALL(good);
  free(exact);
  free(near);
  free(r);
  bvl_rounded_destroy(&rounded);
}

/* More columns at once than the cache holds. */
static void check_active(pair *t)
{
  const int64_t p = t->held->columns.p_local;
  int64_t *cols = calloc((size_t)p + 1, sizeof *cols);
  double *G[2];
  bvl_active *A[2];
  int64_t n_cols = 0, d = 0;
  for (int64_t c = 0; c < p; c += 4) cols[n_cols++] = c;
  for (int s = 0; s < 2; s++) {
    ASSERT_OK(bvl_active_create(s ? t->streamed : t->held, &A[s]));
    ASSERT_OK(bvl_active_append(A[s], n_cols, cols));
    d = A[s]->n_cols;
    G[s] = calloc((size_t)(d * d) + 1, sizeof(double));
    ASSERT_OK(bvl_active_gram(A[s], NULL, 0, G[s]));
    ASSERT_OK(bvl_sum(&t->grid->all, G[s], d * d));
  }
  int good = 1;
  for (int64_t e = 0; e < d * d; e++) good &= are_near(G[0][e], G[1][e]);
  ASSERT_ALL(good);
  for (int s = 0; s < 2; s++) {
    bvl_active_destroy(&A[s]);
    free(G[s]);
  }
  free(cols);
}

/* Standardised beside, from the rows left out. */
static void check_view(pair *t)
{
  bvl_design *view[2];
  for (int s = 0; s < 2; s++) {
    bvl_design *X = s ? t->streamed : t->held;
    double *w = calloc((size_t)X->rows.n_local + 1, sizeof *w);
    for (int64_t i = 0; i < X->rows.n_local; i++)
      w[i] = X->rows.input[i] % 5 == 1 || X->rows.input[i] / 10 == 6 ? 0 : t->w[s][i];
    ASSERT_OK(bvl_design_view(X, &view[s]));
    ASSERT_OK(bvl_design_standardize_beside(view[s], X, t->w[s], w, 1, 1));
    free(w);
  }
  check_moments(view[0], view[1]);
  bvl_design_destroy(&view[0]);
  bvl_design_destroy(&view[1]);
}

static void check_all(bvl_dtype dtype, int n_rows, int n_cols, int64_t p, int permuted, int center)
{
  pair t = {0};
  open_pair(&t, dtype, n_rows, n_cols, p, permuted);
  const int weighted = center;
  ASSERT_OK(bvl_design_standardize(t.held, weighted ? t.w[0] : NULL, center, 1));
  ASSERT_OK(bvl_design_standardize(t.streamed, weighted ? t.w[1] : NULL, center, 1));
  check_moments(t.held, t.streamed);
  int64_t bytes[2] = {bvl_design_bytes_read(t.streamed), bvl_design_bytes(t.streamed)};
  ASSERT_ALL(bytes[0] == bytes[1]); /* one pass */
  check_products(&t, 0);
  check_products(&t, p);  /* one column */
  check_products(&t, 40); /* in the cache together */
  check_products(&t, 3);  /* more than it holds */
  check_products(&t, 35); /* half of them there */
  if (dtype == BVL_F64 || dtype == BVL_F32) check_rounded(&t);
  check_active(&t);
  if (center) check_view(&t);
  ASSERT_OK(bvl_design_failure(t.streamed));
  close_pair(&t);
}

static void test_streamed(void **state)
{
  (void)state;
  const int size = bvl_test_size();
  check_all(BVL_F64, size, 1, FEW, 0, 1);
  check_all(BVL_F64, 1, size, FEW, 1, 1);
  check_all(BVL_F64, 1, size, MANY, 0, 0);
  check_all(BVL_F64, size, 1, MANY, 1, 1);
  check_all(BVL_F32, size, 1, MANY, 0, 1);
  check_all(BVL_F32, 1, size, FEW, 1, 0);
  check_all(BVL_I8, size, 1, FEW, 0, 1);
  check_all(BVL_I8, 1, size, MANY, 1, 1);
  check_all(BVL_U8, size, 1, FEW, 1, 1);
}

/* ---- failures -------------------------------------------------------------------------------- */

typedef struct broken {
  bvl_source base;
  int reads_left;
} broken;

static bvl_status read_or_fail(void *context, int64_t row0, int64_t n_rows, int64_t n_cols,
                               const int64_t *cols, void *out, int64_t *elements)
{
  broken *b = context;
  if (b->reads_left-- == 0) return BVL_ERR_IO;
  return b->base.read_alone(b->base.context, row0, n_rows, n_cols, cols, out, elements);
}

/* The last rank's file breaks at a read in the middle of something: all ranks hear of it there. */
static void check_failure(int n_rows, int n_cols, int reads)
{
  const int is_last = bvl_test_rank() == bvl_test_size() - 1;
  bvl_grid *grid = NULL;
  bvl_source source;
  bvl_design *X = NULL;
  bvl_active *A = NULL;
  fill(MANY);
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, n_rows, n_cols, &grid));
  ASSERT_OK(bvl_source_dense_borrow(BVL_F64, N, MANY, values_f64, N, 1, &source));
  broken b = {source, -1};
  source.context = &b;
  source.read_alone = read_or_fail;
  const bvl_design_options options = {.stream_bytes = 1};
  ASSERT_OK(bvl_design_create(grid, &source, &options, &X));
  if (reads > 0) ASSERT_OK(bvl_design_standardize(X, NULL, 1, 1));
  if (is_last) b.reads_left = reads % 3;
  const int64_t cols[3] = {0, 50, 51};
  double *R = calloc((size_t)X->rows.n_local + 1, sizeof *R);
  double *V = calloc((size_t)X->columns.p_local + 1, sizeof *V);
  if (reads == 0)
    ASSERT_ALL(bvl_design_standardize(X, NULL, 1, 1) == BVL_ERR_IO);
  else if (reads < 3)
    ASSERT_ALL(bvl_design_adjoint(X, 0, NULL, 1, R, V, 0, NULL) == BVL_ERR_IO);
  else if (reads < 6)
    ASSERT_ALL(bvl_design_adjoint(X, 3, cols, 1, R, V, 0, NULL) == BVL_ERR_IO);
  ASSERT_OK(bvl_active_create(X, &A));
  ASSERT_ALL(bvl_active_append(A, 3, cols) == BVL_ERR_IO);
  bvl_active_destroy(&A);
  free(V);
  free(R);
  bvl_design_destroy(&X);
  source.context = b.base.context;
  bvl_source_memory_free(&source);
  bvl_grid_destroy(&grid);
}

static void test_failures(void **state)
{
  (void)state;
  const int size = bvl_test_size();
  for (int tall = 0; tall < 2; tall++) {
    const int n_rows = tall ? size : 1, n_cols = tall ? 1 : size;
    check_failure(n_rows, n_cols, 0); /* standardizing */
    check_failure(n_rows, n_cols, 1); /* the second strip of a sweep */
    check_failure(n_rows, n_cols, 3); /* fetching columns for a product */
    check_failure(n_rows, n_cols, 6); /* for the working set */
  }
}

static void test_not_finite(void **state)
{
  (void)state;
  static const struct {
    double value;
    int single;
    const char *what;
  } bad[] = {{NAN, 0, "/X: row 150, column 301: NaN"},
             {-INFINITY, 0, "/X: row 150, column 301: Inf"},
             {1e300, 1, "/X: row 150, column 301: too large for float32"}};
  bvl_grid *grid = NULL;
  bvl_source source;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, bvl_test_size(), 1, &grid));
  ASSERT_OK(bvl_source_dense_borrow(BVL_F64, N, FEW, values_f64, N, 1, &source));
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
    bvl_design *X = NULL;
    const bvl_design_options options = {.stream_bytes = 1, .store_float32 = bad[k].single};
    fill(FEW);
    values_f64[301 * N + 150] = bad[k].value;
    ASSERT_OK(bvl_design_create(grid, &source, &options, &X));
    ASSERT_ALL(bvl_design_standardize(X, NULL, 1, 1) == BVL_ERR_INPUT);
    ASSERT_ALL(strstr(bvl_last_error(), bad[k].what) != NULL);
    bvl_design_destroy(&X);
  }
  bvl_source_memory_free(&source);
  bvl_grid_destroy(&grid);
}

/* What cannot be streamed is refused when the design is made. */
static void test_refusals(void **state)
{
  (void)state;
  bvl_grid *grid = NULL;
  bvl_source source;
  bvl_design *X = NULL;
  bvl_design_options options = {.stream_bytes = 1, .n_slices = 2};
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, bvl_test_size(), 1, &grid));
  ASSERT_OK(bvl_source_dense_borrow(BVL_F64, N, FEW, values_f64, N, 1, &source));
  ASSERT_ALL(bvl_design_create(grid, &source, &options, &X) == BVL_ERR_USAGE);
  options.n_slices = 1;
  source.read_alone = NULL;
  ASSERT_ALL(bvl_design_create(grid, &source, &options, &X) == BVL_ERR_USAGE);
  options.stream_bytes = -1;
  ASSERT_ALL(bvl_design_create(grid, &source, &options, &X) == BVL_ERR_USAGE && X == NULL);
  bvl_source_memory_free(&source);
  bvl_grid_destroy(&grid);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_streamed), cmocka_unit_test(test_failures),
                  cmocka_unit_test(test_not_finite), cmocka_unit_test(test_refusals))
