/* SPDX-License-Identifier: BSD-3-Clause */
/* The distributed design against a dense standardised matrix computed, on every rank, from the
 * global index: every format and element type, every grid, permuted columns, slices, lists of
 * columns, many right-hand sides; and what it refuses. */
#include "bvl_test.h"

#include "base/rng.h"
#include "bevel/design.h"
#include "data/design.h"

enum { N = 157, P = 23, MISSING = -7, K_MAX = 9 };

/* A matrix in every form a source can have. Column 4 is constant, column 5 all but one row. */
typedef struct matrix {
  int64_t n, p;
  double x[N * P];    /* column-major; what is stored, a missing code as NaN */
  float f32[N * P];   /* row-major */
  int8_t i8[N * P];   /* row-major */
  uint8_t u8[N * P];  /* column-major */
  int64_t ptr[N + 1]; /* long enough for either axis */
  int64_t idx[N * P];
  double val[N * P];
} matrix;

typedef enum form {
  FORM_F64,
  FORM_F32,
  FORM_ROUNDED,
  FORM_I8,
  FORM_U8,
  FORM_CSC,
  FORM_CSR,
  FORMS
} form;

static double uniform(int64_t i, int64_t j, uint64_t what)
{
  return bvl_rng_uniform(what, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)j);
}

static double entry(form f, int64_t i, int64_t j)
{
  double u = uniform(i, j, 1);
  double x = 3.0 * u + (double)j / 4.0;
  if (j == 4) x = 0.1;
  if (j == 5) x = i == 3 ? 7.0 : 0.1;
  switch (f) {
  case FORM_F64: return x;
  case FORM_F32:
  case FORM_ROUNDED: return (double)(float)x;
  case FORM_I8: return j == 4 ? 2.0 : u < 0.15 ? NAN : floor(6.0 * uniform(i, j, 2)) - 3.0;
  case FORM_U8: return j == 4 ? 200.0 : floor(256.0 * u);
  default: return u < 0.2 || j == 4 ? x : 0.0; /* sparse, column 4 full */
  }
}

static void compress(matrix *m, form f)
{
  int64_t outer = f == FORM_CSC ? m->p : m->n;
  int64_t inner = f == FORM_CSC ? m->n : m->p;
  int64_t e = 0;
  for (int64_t a = 0; a < outer; a++) {
    for (int64_t b = 0; b < inner; b++) {
      double x = f == FORM_CSC ? m->x[b + a * m->n] : m->x[a + b * m->n];
      if (x == 0.0) continue;
      m->idx[e] = b;
      m->val[e] = x;
      e++;
    }
    m->ptr[a + 1] = e;
  }
}

static bvl_status make_source(matrix *m, form f, int64_t n, int64_t p, bvl_source *out)
{
  m->n = n;
  m->p = p;
  for (int64_t j = 0; j < p; j++)
    for (int64_t i = 0; i < n; i++) {
      double x = entry(f, i, j);
      m->x[i + j * n] = x;
      if (f == FORM_F32) m->f32[i * p + j] = (float)x;
      if (f == FORM_I8) m->i8[i * p + j] = isnan(x) ? MISSING : (int8_t)x;
      if (f == FORM_U8) m->u8[i + j * n] = (uint8_t)x;
    }
  bvl_status status = BVL_OK;
  switch (f) {
  case FORM_F64:
  case FORM_ROUNDED: return bvl_source_dense_borrow(BVL_F64, n, p, m->x, n, 1, out);
  case FORM_F32: return bvl_source_dense_borrow(BVL_F32, n, p, m->f32, p, 0, out);
  case FORM_I8:
    status = bvl_source_dense_borrow(BVL_I8, n, p, m->i8, p, 0, out);
    out->has_missing = 1;
    out->missing = MISSING;
    return status;
  case FORM_U8: return bvl_source_dense_borrow(BVL_U8, n, p, m->u8, n, 1, out);
  default:
    compress(m, f);
    return bvl_source_sparse_borrow(f == FORM_CSC ? BVL_CSC : BVL_CSR, n, p, m->ptr, m->idx, m->val,
                                    out);
  }
}

typedef struct truth {
  double x[N * P]; /* standardised, by input row and column */
  double mean[P], scale[P];
  int constant[P];
} truth;

/* Weights by input row: some are 0. */
static double weight(int64_t i)
{
  return i % 11 == 5 ? 0.0 : 0.5 + uniform(i, 0, 3);
}

static void standardize(const matrix *m, int weighted, int center, int scale, truth *t)
{
  for (int64_t j = 0; j < m->p; j++) {
    long double sum = 0.0L, seen = 0.0L, all = 0.0L, squares = 0.0L;
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < m->n; i++) {
      double x = m->x[i + j * m->n];
      double w = weighted ? weight(i) : 1.0;
      all += w;
      if (isnan(x)) continue;
      sum += (long double)w * x;
      seen += w;
      if (w > 0.0) low = fmin(low, x);
      if (w > 0.0) high = fmax(high, x);
    }
    long double mean = seen > 0.0L ? sum / seen : 0.0L;
    for (int64_t i = 0; i < m->n; i++) {
      double x = m->x[i + j * m->n];
      long double d = isnan(x) ? 0.0L : x - mean;
      squares += (weighted ? weight(i) : 1.0) * d * d;
    }
    t->constant[j] = !(low < high);
    t->mean[j] = center ? (double)mean : 0.0;
    t->scale[j] = scale && !t->constant[j] ? (double)sqrtl(squares / all) : 1.0;
    for (int64_t i = 0; i < m->n; i++) {
      double x = m->x[i + j * m->n];
      t->x[i + j * m->n] = ((isnan(x) ? (double)mean : x) - t->mean[j]) / t->scale[j];
    }
  }
}

/* What every product is compared to within: sums of at most N P terms of size <= max |x / s| times
 * max |b| < 1, computed as a difference of two such sums by the centring; u8 columns have x / s up
 * to 4 and i8 up to 3, f64 column 22 up to 10, column 5 (nearly constant) 7 / 0.5. Hence
 * N P * 20 * 4 eps = 6.4e-11 at the most, and in fact far less. */
static const double TOLERANCE = 1e-10;

static double coefficient(int64_t input_column, int64_t q)
{
  return 2.0 * uniform(input_column, q, 4) - 1.0;
}

static double residual(int64_t input_row, int64_t q)
{
  return 2.0 * uniform(input_row, q, 5) - 1.0;
}

typedef struct fixture {
  matrix *m;
  truth *t;
  bvl_source source;
  bvl_grid *grid;
  bvl_design *X;
  int64_t n_local, p_local;
  int64_t cols[P]; /* every other local column, by position so that grid columns agree */
  int64_t n_cols;
  double B[P * K_MAX], R[N * K_MAX], eta[N * K_MAX], V[P * K_MAX];
} fixture;

static int listed(const fixture *f, int64_t c)
{
  return (bvl_design_first(f->X) + c) % 2 == 1;
}

static void fill_vectors(fixture *f)
{
  f->n_local = bvl_design_n_local(f->X);
  f->p_local = bvl_design_p_local(f->X);
  f->n_cols = 0;
  for (int64_t c = 0; c < f->p_local; c++)
    if (listed(f, c)) f->cols[f->n_cols++] = c;
  for (int64_t q = 0; q < K_MAX; q++) {
    for (int64_t c = 0; c < f->p_local; c++)
      f->B[c + q * f->p_local] = coefficient(bvl_design_input_column(f->X, c), q);
    for (int64_t i = 0; i < f->n_local; i++)
      f->R[i + q * f->n_local] = residual(bvl_design_input_row(f->X, i), q);
  }
}

/* Is the column of this input index in the global list? */
static int wanted(const fixture *f, int64_t j, int some)
{
  if (!some) return 1;
  for (int64_t k = 0; k < f->m->p; k++)
    if (bvl_columns_input(&f->X->columns, k) == j) return k % 2 == 1;
  return 0;
}

static int check_forward(fixture *f, int some, int64_t k)
{
  bvl_status status = bvl_design_forward(f->X, some ? f->n_cols : f->p_local, some ? f->cols : NULL,
                                         k, f->B, f->eta);
  int good = bvl_test_ok(status, "forward");
  for (int64_t q = 0; q < k && good; q++)
    for (int64_t i = 0; i < f->n_local && good; i++) {
      int64_t row = bvl_design_input_row(f->X, i);
      double sum = 0.0;
      for (int64_t j = 0; j < f->m->p; j++)
        if (wanted(f, j, some)) sum += f->t->x[row + j * f->m->n] * coefficient(j, q);
      good = bvl_test_near(f->eta[i + q * f->n_local], sum, TOLERANCE);
    }
  return good;
}

static int check_adjoint(fixture *f, int some, int64_t k)
{
  double extra[2] = {f->grid->i + 1.0, 0.25};
  for (int64_t e = 0; e < P * K_MAX; e++) f->V[e] = 77.0;
  bvl_status status = bvl_design_adjoint(f->X, some ? f->n_cols : f->p_local, some ? f->cols : NULL,
                                         k, f->R, f->V, 2, extra);
  int good = bvl_test_ok(status, "adjoint");
  int rows = f->grid->n_rows;
  good &= extra[0] == rows * (rows + 1) / 2 && extra[1] == 0.25 * rows;
  for (int64_t q = 0; q < k && good; q++)
    for (int64_t c = 0; c < f->p_local && good; c++) {
      int64_t j = bvl_design_input_column(f->X, c);
      double sum = 0.0;
      for (int64_t i = 0; i < f->m->n; i++) sum += f->t->x[i + j * f->m->n] * residual(i, q);
      if (some && !listed(f, c)) sum = 77.0; /* untouched */
      good = bvl_test_near(f->V[c + q * f->p_local], sum, TOLERANCE);
    }
  return good;
}

/* <X~ b, r> = <b, X~'r>, each side summed over the ranks that count it once. */
static int check_identity(fixture *f)
{
  double sides[2] = {0.0, 0.0};
  int good = bvl_test_ok(bvl_design_forward(f->X, f->p_local, NULL, 1, f->B, f->eta), "forward") &&
             bvl_test_ok(bvl_design_adjoint(f->X, f->p_local, NULL, 1, f->R, f->V, 0, NULL),
                         "adjoint");
  for (int64_t i = f->X->rows.split0; i < f->X->rows.split1; i++) sides[0] += f->eta[i] * f->R[i];
  for (int64_t c = 0; c < f->p_local && f->grid->i == 0; c++) sides[1] += f->B[c] * f->V[c];
  good &= bvl_test_ok(bvl_sum(&f->grid->all, sides, 2), "sum");
  /* as TOLERANCE, for one more sum of N terms of size N */
  return good && bvl_test_near(sides[0], sides[1], 1e-9);
}

static int check_standardization(const fixture *f)
{
  int good = 1;
  for (int64_t c = 0; c < f->p_local; c++) {
    int64_t j = bvl_design_input_column(f->X, c);
    /* sums of N terms below 256 in size */
    good &= bvl_test_near(bvl_design_center(f->X)[c], f->t->mean[j], 1e-11);
    good &= bvl_test_near(bvl_design_scale(f->X)[c], f->t->scale[j], 1e-11);
    good &= bvl_design_is_constant(f->X, c) == f->t->constant[j];
  }
  return good;
}

static void half_residual(void *context, int64_t row0, int64_t n, const double *eta, double *r)
{
  const bvl_design *X = context;
  for (int64_t i = 0; i < n; i++)
    r[i] = 0.5 * eta[i] + residual(bvl_design_input_row(X, row0 + i), 0);
}

/* Slice by slice, fused and in two calls; the slices together are the whole. */
static int check_slices(fixture *f, int some)
{
  double fused[P] = {0}, apart[P] = {0};
  const int64_t *cols = some ? f->cols : NULL;
  int64_t n_cols = some ? f->n_cols : f->p_local;
  int good = 1;
  for (int64_t s = 0; s < f->X->rows.n_slices && f->grid->n_cols == 1; s++) {
    int64_t row0 = f->X->rows.slice_begin[s];
    int64_t row1 = f->X->rows.slice_begin[s + 1];
    good &= bvl_test_ok(
        bvl_design_slice_step(f->X, s, n_cols, cols, f->B, 0.75, half_residual, f->X, fused),
        "step");
    for (int64_t i = 0; i < row1 - row0; i++) f->eta[i] = 0.75;
    good &= bvl_test_ok(
        bvl_design_forward_local(f->X, row0, row1, n_cols, cols, 1, f->B, f->p_local, f->eta, N),
        "forward");
    half_residual(f->X, row0, row1 - row0, f->eta, f->eta);
    good &= bvl_test_ok(
        bvl_design_adjoint_local(f->X, row0, row1, n_cols, cols, 1, f->eta, N, apart, P),
        "adjoint");
  }
  for (int64_t c = 0; c < f->p_local; c++) good &= bvl_test_near(fused[c], apart[c], TOLERANCE);
  return good;
}

static void open_fixture(fixture *f, form kind, int n_rows, int n_cols, int64_t n, int64_t p,
                         const bvl_design_options *options)
{
  f->m = calloc(1, sizeof *f->m);
  f->t = calloc(1, sizeof *f->t);
  ASSERT_OK(make_source(f->m, kind, n, p, &f->source));
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, n_rows, n_cols, &f->grid));
  ASSERT_OK(bvl_design_create(f->grid, &f->source, options, &f->X));
}

static void close_fixture(fixture *f)
{
  bvl_design_destroy(&f->X);
  assert_null(f->X);
  bvl_grid_destroy(&f->grid);
  bvl_source_memory_free(&f->source);
  free(f->m);
  free(f->t);
}

static void check_all(fixture *f, int weighted, int center, int scale)
{
  double w[N];
  for (int64_t i = 0; i < bvl_design_n_local(f->X); i++)
    w[i] = weight(bvl_design_input_row(f->X, i));
  standardize(f->m, weighted, center, scale, f->t);
  ASSERT_OK(bvl_design_standardize(f->X, weighted ? w : NULL, center, scale));
  fill_vectors(f);
  ASSERT_ALL(check_standardization(f));
  for (int some = 0; some < 2; some++) {
    for (int64_t k = 1; k <= K_MAX; k *= 3) {
      ASSERT_ALL(check_forward(f, some, k));
      ASSERT_ALL(check_adjoint(f, some, k));
    }
    ASSERT_ALL(check_slices(f, some));
  }
  ASSERT_ALL(check_identity(f));
}

/* Columns 0, 1, 2 mod 3 become three blocks. */
static void permute(int64_t p, int64_t *input, int64_t *block_begin)
{
  int64_t k = 0;
  for (int64_t g = 0; g < 3; g++) {
    block_begin[g] = k;
    for (int64_t j = g; j < p; j += 3) input[k++] = j;
  }
  block_begin[3] = k;
}

static void check_grid(int n_rows, int n_cols, int64_t n, int64_t p)
{
  int64_t input[P], block_begin[4];
  permute(p, input, block_begin);
  for (int kind = 0; kind < FORMS; kind++) {
    for (int variant = 0; variant < 3; variant++) {
      fixture f;
      bvl_design_options options = {0};
      if (variant > 0) {
        options.input = input;
        options.n_blocks = 3;
        options.block_begin = block_begin;
        options.buffer_bytes = 1000; /* several strips, several windows */
        options.n_slices = variant == 1 ? 1 : n < 9 ? n : 9;
        options.panel_bytes = variant == 1 ? 0 : 16 * p * 8;
      }
      options.row_access = variant == 2;
      options.store_float32 = kind == FORM_ROUNDED;
      open_fixture(&f, (form)kind, n_rows, n_cols, n, p, &options);
      check_all(&f, 0, 1, 1);
      check_all(&f, 1, 1, 1);
      if (variant == 2) check_all(&f, 1, 0, 1);
      if (variant == 2) check_all(&f, 1, 1, 0);
      if (variant == 2) check_all(&f, 0, 0, 0);
      close_fixture(&f);
    }
  }
}

static void test_one_row_of_ranks(void **state)
{
  (void)state;
  check_grid(1, bvl_test_size(), N, P);
}

static void test_one_column_of_ranks(void **state)
{
  (void)state;
  check_grid(bvl_test_size(), 1, N, P);
}

static void test_square(void **state)
{
  (void)state;
  int size = bvl_test_size();
  int n_rows = 2;
  if (size % 2 != 0 || size < 4) skip();
  check_grid(n_rows, size / n_rows, N, P);
}

static void test_more_ranks_than_rows_or_columns(void **state)
{
  (void)state;
  int size = bvl_test_size();
  check_grid(size, 1, 3, P);
  check_grid(1, size, N, 3);
  check_grid(1, size, 2, 1);
}

/* Creation fails on every rank with this status and, on every rank, with all of `words` in the
 * message. The bad element lies in one rank's block only (or in one rank's cut of indptr). */
static int refused(const bvl_grid *grid, const bvl_source *source,
                   const bvl_design_options *options, bvl_status expected, const char *words)
{
  bvl_design *X = NULL;
  bvl_status status = bvl_design_create(grid, source, options, &X);
  int good = status == expected && X == NULL && strstr(bvl_last_error(), words) != NULL;
  if (!good)
    fprintf(bvl_test_log(), "status %d, not %d; \"%s\" has no \"%s\"\n", (int)status, (int)expected,
            bvl_last_error(), words);
  bvl_design_destroy(&X);
  return good;
}

static void check_bad_dense(const bvl_grid *grid, matrix *m)
{
  bvl_source source;
  bvl_design_options options = {.buffer_bytes = 3000, .store_float32 = 1};
  ASSERT_OK(make_source(m, FORM_F64, N, P, &source));
  double good = m->x[150 + 9 * N];
  m->x[150 + 9 * N] = NAN;
  ASSERT_ALL(refused(grid, &source, NULL, BVL_ERR_INPUT, "/X: row 150, column 9: NaN"));
  m->x[150 + 9 * N] = -INFINITY;
  ASSERT_ALL(refused(grid, &source, NULL, BVL_ERR_INPUT, "/X: row 150, column 9: Inf"));
  m->x[150 + 9 * N] = 1e300;
  ASSERT_ALL(refused(grid, &source, &options, BVL_ERR_INPUT, "row 150, column 9: too large"));
  m->x[150 + 9 * N] = good;
  options.n_slices = N + 1;
  ASSERT_ALL(refused(grid, &source, &options, BVL_ERR_USAGE, "158 slices of 157 rows"));
  source.n = 0;
  ASSERT_ALL(refused(grid, &source, NULL, BVL_ERR_INPUT, "/X: empty"));
  bvl_source_memory_free(&source);
  ASSERT_OK(make_source(m, FORM_F32, N, P, &source));
  m->f32[0] = NAN;
  ASSERT_ALL(refused(grid, &source, NULL, BVL_ERR_INPUT, "/X: row 0, column 0: NaN"));
  bvl_source_memory_free(&source);
}

static void check_bad_sparse(const bvl_grid *grid, matrix *m, form f)
{
  bvl_source source;
  char words[80];
  int csc = f == FORM_CSC;
  bvl_design_options options = {.buffer_bytes = 400};
  ASSERT_OK(make_source(m, f, N, P, &source));
  int64_t slice = csc ? 17 : 101; /* of the compressed axis; its last two entries go wrong */
  const char *major = csc ? "column" : "row";
  int64_t e = m->ptr[slice + 1] - 1;
  ASSERT_ALL(e > m->ptr[slice]);
  int64_t index = m->idx[e];
  m->idx[e] = csc ? N : P;
  snprintf(words, sizeof words, "/X/indices: %s %d: %s index %d outside", major, (int)slice,
           csc ? "row" : "column", csc ? N : P);
  ASSERT_ALL(refused(grid, &source, &options, BVL_ERR_INPUT, words));
  m->idx[e] = -1;
  ASSERT_ALL(refused(grid, &source, NULL, BVL_ERR_INPUT, "index -1 outside"));
  m->idx[e] = m->idx[e - 1];
  ASSERT_ALL(refused(grid, &source, &options, BVL_ERR_INPUT, "(unsorted or duplicate)"));
  m->idx[e] = index;
  double value = m->val[e];
  m->val[e] = NAN;
  snprintf(words, sizeof words, "/X: row %d, column %d: NaN", csc ? (int)index : (int)slice,
           csc ? (int)slice : (int)index);
  ASSERT_ALL(refused(grid, &source, &options, BVL_ERR_INPUT, words));
  m->val[e] = value;
  int64_t end = m->ptr[slice + 1];
  m->ptr[slice + 1] = m->ptr[slice] - 1;
  snprintf(words, sizeof words, "/X/indptr: decreases at %d", (int)slice + 1);
  ASSERT_ALL(refused(grid, &source, &options, BVL_ERR_INPUT, words));
  m->ptr[slice + 1] = source.nnz + 1;
  ASSERT_ALL(refused(grid, &source, &options, BVL_ERR_INPUT, "/X/indptr: "));
  m->ptr[slice + 1] = end;
  source.nnz += 2;
  ASSERT_ALL(refused(grid, &source, NULL, BVL_ERR_INPUT, "/X/indptr: ends with"));
  source.nnz -= 2;
  m->ptr[0] = 1;
  ASSERT_ALL(refused(grid, &source, NULL, BVL_ERR_INPUT, "/X/indptr: begins with 1"));
  m->ptr[0] = 0;
  bvl_source_memory_free(&source);
}

static bvl_status fail_to_read(void *context, int64_t row0, int64_t n_rows, int64_t n_cols,
                               const int64_t *cols, void *out)
{
  (void)context, (void)row0, (void)n_rows, (void)n_cols, (void)cols, (void)out;
  return BVL_ERR_IO;
}

static void test_refusals(void **state)
{
  (void)state;
  static matrix m;
  int size = bvl_test_size();
  for (int tall = 0; tall < 2; tall++) {
    bvl_grid *grid = NULL;
    bvl_source source;
    ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, tall ? size : 1, tall ? 1 : size, &grid));
    check_bad_dense(grid, &m);
    check_bad_sparse(grid, &m, FORM_CSC);
    check_bad_sparse(grid, &m, FORM_CSR);
    ASSERT_OK(make_source(&m, FORM_F64, N, P, &source));
    source.read_dense = fail_to_read;
    ASSERT_ALL(refused(grid, &source, NULL, BVL_ERR_IO, ""));
    int64_t input[P] = {0}; /* not a permutation, on the last rank alone */
    for (int64_t k = 0; k < P && bvl_test_rank() < size - 1; k++) input[k] = k;
    bvl_design_options options = {.input = input};
    ASSERT_ALL(refused(grid, &source, &options, BVL_ERR_USAGE, "is out of range or there twice"));
    options = (bvl_design_options){.n_blocks = bvl_test_rank() == 0 ? 2 : 0};
    ASSERT_ALL(refused(grid, &source, &options, BVL_ERR_USAGE, "without block_begin"));
    const int64_t begin[3] = {0, bvl_test_rank() == 0 ? P + 1 : 3, P};
    options = (bvl_design_options){.n_blocks = 2, .block_begin = begin};
    ASSERT_ALL(refused(grid, &source, &options, BVL_ERR_USAGE, "column block 1 begins at 24"));
    source.p += bvl_test_rank() == size - 1 && size > 1;
    if (size > 1) ASSERT_ALL(refused(grid, &source, NULL, BVL_ERR_USAGE, "columns of X"));
    bvl_source_memory_free(&source);
    bvl_grid_destroy(&grid);
  }
}

/* Neither nearly constant columns nor means far above the deviation are taken for constants, and a
 * constant is one whatever its rounded sum does. */
static void test_constant_columns(void **state)
{
  (void)state;
  enum { ROWS = 1000 };
  static double x[ROWS * 4];
  for (int i = 0; i < ROWS; i++) {
    x[i] = 0.1;
    x[i + ROWS] = 1e8 + (i == 500 ? 0x1p-26 : 0.0); /* one unit in the last place */
    x[i + 2 * ROWS] = 1e-200 * (i % 2);             /* squares underflow */
    x[i + 3 * ROWS] = 0.0;
  }
  bvl_source source;
  bvl_grid *grid = NULL;
  bvl_design *X = NULL;
  ASSERT_OK(bvl_source_dense_borrow(BVL_F64, ROWS, 4, x, ROWS, 1, &source));
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, bvl_test_size(), 1, &grid));
  ASSERT_OK(bvl_design_create(grid, &source, NULL, &X));
  ASSERT_OK(bvl_design_standardize(X, NULL, 1, 1));
  static const int constant[4] = {1, 0, 0, 1};
  for (int64_t c = 0; c < 4; c++) ASSERT_ALL(bvl_design_is_constant(X, c) == constant[c]);
  ASSERT_ALL(bvl_design_center(X)[0] == 0.1 && bvl_design_scale(X)[0] == 1.0);
  ASSERT_ALL(bvl_design_scale(X)[1] > 0.0 && bvl_design_scale(X)[2] > 0.0);
  bvl_design_destroy(&X);
  bvl_grid_destroy(&grid);
  bvl_source_memory_free(&source);
}

/* A product counts what it reads, and all blocks together are X once. */
static void test_bytes(void **state)
{
  (void)state;
  fixture f;
  open_fixture(&f, FORM_F32, 1, bvl_test_size(), N, P, NULL);
  fill_vectors(&f);
  int64_t bytes = bvl_design_bytes(f.X);
  int64_t before = bvl_design_bytes_touched(f.X);
  ASSERT_OK(bvl_design_adjoint(f.X, f.n_cols, f.cols, 3, f.R, f.V, 0, NULL));
  ASSERT_ALL(bvl_design_bytes_touched(f.X) - before == f.n_cols * N * 4);
  ASSERT_OK(bvl_sum_i64(&f.grid->all, &bytes, 1));
  ASSERT_ALL(bytes == (int64_t)N * P * 4);
  close_fixture(&f);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_one_row_of_ranks),
                  cmocka_unit_test(test_one_column_of_ranks), cmocka_unit_test(test_square),
                  cmocka_unit_test(test_more_ranks_than_rows_or_columns),
                  cmocka_unit_test(test_refusals), cmocka_unit_test(test_constant_columns),
                  cmocka_unit_test(test_bytes))
