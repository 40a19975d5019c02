/* SPDX-License-Identifier: BSD-3-Clause */
/* Chosen rows of a source against the same rows copied out of it: the same design, bit by bit,
 * whatever is chosen and however small the buffer; base callbacks are called equally often by all
 * ranks and never for more than the buffer; refusals. */
#include "bvl_test.h"

#include "base/checked.h"
#include "base/rng.h"
#include "bevel/design.h"
#include "comm/grid.h"
#include "data/row_subset.h"

enum { N = 157, P = 13, MISSING = -7, PIECE_ROWS = 6 };

typedef enum form { FORM_F64, FORM_F32, FORM_I8, FORM_CSR, FORMS } form;

static double uniform(int64_t i, int64_t j, uint64_t what)
{
  return bvl_rng_uniform(what, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)j);
}

/* A matrix whose row i is row rows[i] of the whole. Rows 30 to 39 and 5 of the sparse one are
 * empty. */
typedef struct matrix {
  double f64[N * P];
  float f32[N * P];
  int8_t i8[N * P];
  int64_t ptr[N + 1];
  int64_t idx[N * P];
  double val[N * P];
} matrix;

static bvl_status make_source(matrix *m, form f, int64_t n, const int64_t *rows, bvl_source *out)
{
  int64_t e = 0;
  m->ptr[0] = 0;
  for (int64_t i = 0; i < n; i++) {
    const int64_t row = rows != NULL ? rows[i] : i;
    const int empty = row == 5 || (row >= 30 && row < 40);
    for (int64_t j = 0; j < P; j++) {
      const double u = uniform(row, j, 1);
      m->f64[i * P + j] = u;
      m->f32[i * P + j] = (float)u;
      m->i8[i * P + j] = u < 0.1 ? MISSING : (int8_t)floor(9.0 * u);
      if (u > 0.3 || empty) continue;
      m->idx[e] = j;
      m->val[e++] = u;
    }
    m->ptr[i + 1] = e;
  }
  bvl_status status = BVL_OK;
  switch (f) {
  case FORM_F64: return bvl_source_dense_borrow(BVL_F64, n, P, m->f64, P, 0, out);
  case FORM_F32: return bvl_source_dense_borrow(BVL_F32, n, P, m->f32, P, 0, out);
  case FORM_I8:
    status = bvl_source_dense_borrow(BVL_I8, n, P, m->i8, P, 0, out);
    out->has_missing = 1;
    out->missing = MISSING;
    return status;
  default: return bvl_source_sparse_borrow(BVL_CSR, n, P, m->ptr, m->idx, m->val, out);
  }
}

/* Counts a source's calls and the most rows or entries one of them was for. */
typedef struct counted {
  bvl_source base;
  int64_t calls;
  int64_t most;
} counted;

static void count_call(counted *c, int64_t n)
{
  c->calls++;
  c->most = bvl_greater(c->most, n);
}

static bvl_status counted_dense(void *context, int64_t row0, int64_t n_rows, int64_t n_cols,
                                const int64_t *cols, void *out)
{
  counted *c = context;
  count_call(c, n_rows);
  return c->base.read_dense(c->base.context, row0, n_rows, n_cols, cols, out);
}

static bvl_status counted_indptr(void *context, int64_t first, int64_t count, int64_t *indptr)
{
  counted *c = context;
  count_call(c, 0);
  return c->base.read_indptr(c->base.context, first, count, indptr);
}

static bvl_status counted_entries(void *context, int64_t begin, int64_t count, int64_t *indices,
                                  double *values)
{
  counted *c = context;
  count_call(c, count);
  return c->base.read_entries(c->base.context, begin, count, indices, values);
}

static bvl_source count_calls(counted *c)
{
  bvl_source source = c->base;
  source.context = c;
  if (source.format == BVL_DENSE) {
    source.read_dense = counted_dense;
  } else {
    source.read_indptr = counted_indptr;
    source.read_entries = counted_entries;
  }
  return source;
}

/* What is chosen: every kind of gap. */
enum { CHOICES = 6 };
static int64_t choose(int choice, int64_t *rows)
{
  int64_t n = 0;
  for (int64_t i = 0; i < N; i++) {
    int take = 0;
    switch (choice) {
    case 0: take = 1; break;                       /* all */
    case 1: take = uniform(i, 0, 7) < 0.2; break;  /* a test set */
    case 2: take = uniform(i, 0, 7) >= 0.2; break; /* the rest of it */
    case 3: take = i >= N / 2; break;              /* one stretch */
    case 4: take = i == N - 1; break;              /* one row: the other ranks have none */
    default: take = i == 5 || (i >= 29 && i <= 39) || i > 150; break; /* mostly without entries */
    }
    if (take) rows[n++] = i;
  }
  return n;
}

static int same_products(bvl_design *a, bvl_design *b, int64_t n)
{
  const int64_t n_local = bvl_design_n_local(a), p_local = bvl_design_p_local(a);
  double beta[P], r[N], eta_a[N], eta_b[N], v_a[P], v_b[P], none = 0.0;
  if (bvl_design_n(a) != n || n_local != bvl_design_n_local(b)) return 0;
  for (int64_t j = 0; j < P; j++) beta[j] = uniform(j, 1, 2);
  for (int64_t i = 0; i < N; i++) r[i] = uniform(i, 2, 3);
  int good = bvl_test_ok(bvl_design_forward(a, p_local, NULL, 1, beta, eta_a), "forward");
  good &= bvl_test_ok(bvl_design_forward(b, p_local, NULL, 1, beta, eta_b), "forward");
  good &= bvl_test_ok(bvl_design_adjoint(a, p_local, NULL, 1, r, v_a, 0, &none), "adjoint");
  good &= bvl_test_ok(bvl_design_adjoint(b, p_local, NULL, 1, r, v_b, 0, &none), "adjoint");
  return good && memcmp(eta_a, eta_b, (size_t)n_local * sizeof *eta_a) == 0 &&
         memcmp(v_a, v_b, (size_t)p_local * sizeof *v_a) == 0;
}

/* The number of calls is the same on all ranks. */
static int called_equally(const bvl_comm *comm, const counted *c)
{
  int64_t calls[2] = {c->calls, -c->calls};
  return bvl_max_i64(comm, calls, 2) == BVL_OK && calls[0] == -calls[1] && calls[0] > 0;
}

static void check_choice(bvl_grid *grid, form f, int choice, matrix *whole, matrix *part)
{
  int64_t rows[N];
  const int64_t n = choose(choice, rows);
  const int64_t row_bytes = f == FORM_I8 ? P : f == FORM_F32 ? 4 * P : 8 * P;
  const bvl_design_options options = {.buffer_bytes = 40 * row_bytes, .row_access = 1};
  bvl_source copied, watched;
  counted c = {{0}, 0, 0};
  bvl_row_subset subset;
  bvl_design *X = NULL, *expected = NULL;
  ASSERT_OK(make_source(whole, f, N, NULL, &c.base));
  ASSERT_OK(make_source(part, f, n, rows, &copied));
  watched = count_calls(&c);
  ASSERT_OK(bvl_row_subset_create(&grid->all, &watched, n, rows, PIECE_ROWS * row_bytes, &subset));
  ASSERT_ALL(subset.source.nnz == copied.nnz && subset.source.n == n && subset.source.p == P);
  ASSERT_OK(bvl_design_create(grid, &subset.source, &options, &X));
  ASSERT_OK(bvl_design_create(grid, &copied, &options, &expected));
  ASSERT_ALL(called_equally(&grid->all, &c));
  /* 16 bytes an entry; rows of one column at the least. Stretches without gaps are read at once */
  if (choice == 1) ASSERT_ALL(c.most <= (f == FORM_CSR ? PIECE_ROWS * P / 2 : PIECE_ROWS * P));
  if (f == FORM_I8) {
    ASSERT_OK(bvl_design_standardize(X, NULL, 0, 0));
    ASSERT_OK(bvl_design_standardize(expected, NULL, 0, 0));
  }
  ASSERT_ALL(same_products(X, expected, n));
  bvl_design_destroy(&X);
  bvl_design_destroy(&expected);
  bvl_row_subset_free(&subset);
  bvl_source_memory_free(&copied);
  bvl_source_memory_free(&c.base);
}

static void test_designs(void **state)
{
  (void)state;
  const int size = bvl_test_size();
  matrix *whole = calloc(1, sizeof *whole), *part = calloc(1, sizeof *part);
  for (int tall = 0; tall < 2; tall++) {
    bvl_grid *grid = NULL;
    ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, tall ? size : 1, tall ? 1 : size, &grid));
    for (int f = 0; f < FORMS; f++)
      for (int choice = 0; choice < CHOICES; choice++)
        check_choice(grid, (form)f, choice, whole, part);
    bvl_grid_destroy(&grid);
  }
  free(part);
  free(whole);
}

/* ---- vectors -----------------------------------------------------------------------------------
 */

static bvl_status read_rows(void *context, const char *what, int64_t row0, int64_t count,
                            double *out, int *present)
{
  counted *c = context;
  count_call(c, count);
  *present = strcmp(what, "offset") != 0;
  if (!*present) return BVL_OK;
  const int64_t width = strcmp(what, "y") == 0 ? 3 : 1;
  for (int64_t e = 0; e < count * width; e++) out[e] = (double)(row0 * width + e);
  return BVL_OK;
}

static void test_vectors(void **state)
{
  (void)state;
  bvl_grid *grid = NULL;
  bvl_source base;
  bvl_row_subset subset;
  matrix *whole = calloc(1, sizeof *whole);
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, bvl_test_size(), 1, &grid));
  ASSERT_OK(make_source(whole, FORM_F64, N, NULL, &base));
  for (int choice = 0; choice < CHOICES; choice++) {
    int64_t rows[N];
    counted c = {{0}, 0, 0};
    double y[3 * N], w[N];
    int present = 0, good = 1;
    const int64_t n = choose(choice, rows);
    const int64_t first = bvl_cut(n, grid->all.size, grid->all.rank);
    const int64_t count = bvl_cut(n, grid->all.size, grid->all.rank + 1) - first;
    ASSERT_OK(bvl_row_subset_create(&grid->all, &base, n, rows, 100, &subset));
    bvl_row_subset_vectors v = {&subset, &c, 3, read_rows};
    ASSERT_OK(bvl_row_subset_read_rows(&v, "y", first, count, y, &present));
    ASSERT_ALL(present && called_equally(&grid->all, &c));
    ASSERT_OK(bvl_row_subset_read_rows(&v, "weights", first, count, w, &present));
    for (int64_t i = 0; i < count; i++) {
      for (int k = 0; k < 3; k++) good &= y[3 * i + k] == (double)(3 * rows[first + i] + k);
      good &= w[i] == (double)rows[first + i];
    }
    ASSERT_ALL(present && good);
    ASSERT_OK(bvl_row_subset_read_rows(&v, "offset", 0, 0, NULL, &present));
    ASSERT_ALL(!present);
    bvl_row_subset_free(&subset);
  }
  bvl_source_memory_free(&base);
  bvl_grid_destroy(&grid);
  free(whole);
}

/* ---- refusals ----------------------------------------------------------------------------------
 */

static int refused(bvl_status status, bvl_status expected, const char *words)
{
  const int good = status == expected && strstr(bvl_last_error(), words) != NULL;
  if (!good) fprintf(bvl_test_log(), "\"%s\", not \"%s\"\n", bvl_last_error(), words);
  return good;
}

static void test_refusals(void **state)
{
  (void)state;
  bvl_grid *grid = NULL;
  bvl_source base;
  bvl_row_subset subset;
  bvl_design *X = NULL;
  matrix *m = calloc(1, sizeof *m);
  const int64_t good[3] = {2, 40, 41};
  /* on the last rank alone */
  const int last = bvl_test_rank() == bvl_test_size() - 1;
  const int64_t outside[3] = {2, 40, last ? N : 41}, unsorted[3] = {2, 40, last ? 40 : 41};
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, bvl_test_size(), 1, &grid));
  const bvl_comm *all = &grid->all;
  ASSERT_OK(make_source(m, FORM_CSR, N, NULL, &base));
  base.format = BVL_CSC;
  ASSERT_ALL(refused(bvl_row_subset_create(all, &base, 3, good, 0, &subset), BVL_ERR_INPUT,
                     "/X is stored as csc_matrix"));
  base.format = BVL_CSR;
  ASSERT_ALL(refused(bvl_row_subset_create(all, &base, 3, outside, 0, &subset), BVL_ERR_USAGE,
                     "chosen row 157 is outside 0..156 of /X"));
  ASSERT_ALL(refused(bvl_row_subset_create(all, &base, 3, unsorted, 0, &subset), BVL_ERR_USAGE,
                     "chosen rows 40 and 40: not ascending"));
  m->ptr[41] = m->ptr[40] - 1;
  ASSERT_ALL(refused(bvl_row_subset_create(all, &base, 3, good, 0, &subset), BVL_ERR_INPUT,
                     "/X/indptr: "));
  bvl_source_memory_free(&base);
  /* a message names the row of the file */
  ASSERT_OK(make_source(m, FORM_CSR, N, NULL, &base));
  m->idx[m->ptr[40]] = P;
  ASSERT_OK(bvl_row_subset_create(all, &base, 3, good, 0, &subset));
  ASSERT_ALL(refused(bvl_design_create(grid, &subset.source, NULL, &X), BVL_ERR_INPUT,
                     "row 40: column index 13 outside 0..12"));
  bvl_row_subset_free(&subset);
  bvl_source_memory_free(&base);
  ASSERT_OK(make_source(m, FORM_F64, N, NULL, &base));
  m->f64[41 * P + 3] = NAN;
  ASSERT_OK(bvl_row_subset_create(all, &base, 3, good, 0, &subset));
  ASSERT_ALL(refused(bvl_design_create(grid, &subset.source, NULL, &X), BVL_ERR_INPUT,
                     "/X: row 41, column 3: NaN"));
  bvl_row_subset_free(&subset);
  bvl_source_memory_free(&base);
  bvl_grid_destroy(&grid);
  free(m);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_designs), cmocka_unit_test(test_vectors),
                  cmocka_unit_test(test_refusals))
