/* SPDX-License-Identifier: BSD-3-Clause */
/* A view standardised from the rows it leaves out is the design standardised from all rows, on
 * every grid; where that would lose digits, or the weights are others altogether, it still is. */
#include "bvl_problem.h"

#include "base/rng.h"
#include "data/design.h"
#include "data/rounded.h"

enum { N = 130, P = 23 };

static double X_raw[N * P];
static int8_t X_codes[N * P];

/* Normal columns, and: constant, huge mean, small integers, one that varies in fold 1 alone. */
static void fill(int leave_out)
{
  for (int64_t c = 0; c < P; c++)
    for (int64_t i = 0; i < N; i++) {
      const double z = bvl_rng_normal(3, BVL_STREAM_SIM_X, (uint64_t)c, (uint64_t)i);
      double *x = &X_raw[c * N + i];
      switch (c % 6) {
      case 1: *x = 7.5; break;
      case 2: *x = 1e6 + z; break;
      case 3: *x = (double)((i * (c + 3)) % 3); break;
      case 4: *x = leave_out && i % 5 != 1 ? 2.0 : z; break;
      default: *x = z;
      }
      X_codes[c * N + i] = (int8_t)lrint(fmax(-100, fmin(100, 4 * *x)));
    }
}

static double weight_of(int64_t row)
{
  return 0.5 + (double)(row % 3);
}

/* how: 0 = unit weights, 1 = weights, 2 = weights that are not in proportion. */
static void check_view(bvl_dtype dtype, int n_rows, int n_cols, int how, int leaves_constant)
{
  bvl_source source;
  bvl_grid *grid = NULL;
  bvl_design *X = NULL, *view = NULL, *other = NULL;
  bvl_rounded *whole = NULL, *shared = NULL;
  fill(leaves_constant);
  const int is_codes = dtype == BVL_I8;
  ASSERT_OK(bvl_source_dense_borrow(is_codes ? BVL_I8 : BVL_F64, N, P,
                                    is_codes ? (const void *)X_codes : X_raw, N, 1, &source));
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, n_rows, n_cols, &grid));
  const bvl_design_options options = {.store_float32 = dtype == BVL_F32};
  ASSERT_OK(bvl_design_create(grid, &source, &options, &X));
  ASSERT_OK(bvl_design_create(grid, &source, &options, &other));
  const int64_t n_local = X->rows.n_local, p_local = X->columns.p_local;
  double *w_base = calloc((size_t)n_local + 1, sizeof *w_base);
  double *w = calloc((size_t)n_local + 1, sizeof *w);
  for (int64_t i = 0; i < n_local; i++) {
    const int64_t row = X->rows.input[i];
    w_base[i] = how == 0 ? 1 : weight_of(row);
    w[i] = row % 5 == 1 ? 0 : 1.25 * w_base[i];
    if (how == 2 && row == 7) w[i] *= 3;
  }
  ASSERT_OK(bvl_design_standardize(X, w_base, 1, 1));
  ASSERT_OK(bvl_design_view(X, &view));
  ASSERT_OK(bvl_design_standardize_beside(view, X, w_base, w, 1, 1));
  ASSERT_OK(bvl_design_standardize(other, w, 1, 1));
  int good = 1;
  for (int64_t c = 0; c < p_local; c++) {
    /* rounding of the mean and of a variance of which a thousandth may be left */
    const double near = 1e-12 * (fabs(other->center[c]) + other->scale[c]);
    good &= view->constant[c] == other->constant[c];
    good &= fabs(view->center[c] - other->center[c]) <= near;
    good &= fabs(view->scale[c] - other->scale[c]) <= near;
    good &= view->inv_scale[c] == 1 / view->scale[c];
  }
  ASSERT_ALL(good);
  /* what is left out is read, and no more than that, or all rows twice */
  int64_t bytes[2] = {view->bytes_touched, bvl_design_bytes(X)};
  ASSERT_OK(bvl_sum_i64(&grid->all, bytes, 2));
  ASSERT_ALL(how == 2 || leaves_constant ? bytes[0] >= 2 * bytes[1] : bytes[0] <= bytes[1] / 4);
  /* the rounded copy's bounds hold for the view */
  ASSERT_OK(bvl_rounded_create(X, &whole));
  ASSERT_OK(bvl_rounded_share(whole, view, &shared));
  double norm[1];
  double *r = calloc((size_t)n_local + 1, sizeof *r);
  double *v = calloc((size_t)p_local + 1, sizeof *v);
  double *exact = calloc((size_t)p_local + 1, sizeof *exact);
  for (int64_t i = 0; i < n_local; i++)
    r[i] = w[i] * bvl_rng_normal(5, BVL_STREAM_SIM_X, 0, (uint64_t)X->rows.input[i]);
  ASSERT_OK(bvl_rounded_adjoint(shared, 1, r, v, norm));
  ASSERT_OK(bvl_design_adjoint(view, 0, NULL, 1, r, exact, 0, NULL));
  for (int64_t c = 0; c < p_local; c++)
    good &= fabs(v[c] - exact[c]) <= bvl_rounded_error(shared)[c] * norm[0] + 1e-7;
  ASSERT_ALL(good);
  free(exact);
  free(v);
  free(r);
  free(w);
  free(w_base);
  bvl_rounded_destroy(&shared);
  bvl_rounded_destroy(&whole);
  bvl_design_destroy(&view);
  bvl_design_destroy(&other);
  bvl_design_destroy(&X);
  bvl_source_memory_free(&source);
  bvl_grid_destroy(&grid);
}

static void test_view(void **state)
{
  (void)state;
  const int size = bvl_test_size();
  for (int how = 0; how < 3; how++) {
    check_view(BVL_F64, size, 1, how, 0);
    check_view(BVL_F64, 1, size, how, 0);
    check_view(BVL_F32, size, 1, how, 0);
    check_view(BVL_I8, 1, size, how, 0);
  }
  check_view(BVL_F64, size, 1, 1, 1);
  check_view(BVL_F64, 1, size, 0, 1);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_view))
