/* SPDX-License-Identifier: BSD-3-Clause */
/* Small problems for tests, the same at every rank count: made from the global index, handed over
 * in memory, with the plain arrays kept for a second opinion (oracle.h). */
#ifndef BVL_TEST_PROBLEM_H
#define BVL_TEST_PROBLEM_H

#include "bvl_test.h"

#include "base/rng.h"
#include "bevel/path.h"
#include "oracle.h"

#ifndef TEST_PROBLEM_N /* a test may want larger ones */
#define TEST_PROBLEM_N 80
#define TEST_PROBLEM_P 60
#endif
enum { TEST_MAX_N = TEST_PROBLEM_N, TEST_MAX_P = TEST_PROBLEM_P };

typedef struct test_problem {
  int64_t n;
  int64_t p;
  double X[TEST_MAX_N * TEST_MAX_P]; /* n x p, column-major */
  double y[TEST_MAX_N];
  double w[TEST_MAX_N];
  double o[TEST_MAX_N];
  int64_t groups[TEST_MAX_P];
  double factor[TEST_MAX_P];
  double lower[TEST_MAX_P];
  double upper[TEST_MAX_P];
  int has_w, has_o, has_groups, has_factor, has_bounds;
  const char *family;
  const char *penalty;
  double alpha;
  int intercept;
  int standardize;
} test_problem;

/* AR(0.5)-like columns of different scales and shifts, five of them active; weights, offsets,
 * groups (scrambled ids of sizes 1 to 5) and factors are drawn whether used or not. */
static inline void test_problem_make(test_problem *t, int64_t n, int64_t p, const char *family,
                                     const char *penalty)
{
  memset(t, 0, sizeof *t);
  t->n = n;
  t->p = p;
  t->family = family;
  t->penalty = penalty;
  t->alpha = NAN;
  t->intercept = 1;
  t->standardize = 1;
  t->has_groups = strstr(penalty, "group-lasso") != NULL;
  for (int64_t j = 0; j < p; j++) {
    t->groups[j] = (int64_t)(bvl_rng_bits(3, BVL_STREAM_FOLD, 0, (uint64_t)j) %
                             (uint64_t)(p / 3 + 1)) -
                   2;
    t->factor[j] = 0.5 + bvl_rng_uniform(3, BVL_STREAM_FOLD, 1, (uint64_t)j);
  }
  for (int64_t i = 0; i < n; i++) {
    double last = 0;
    double eta = 0.3;
    for (int64_t j = 0; j < p; j++) {
      last = 0.5 * last + bvl_rng_normal(5, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)j);
      t->X[i + j * n] = last * (1 + (double)(j % 4)) + (double)(j % 3);
      if (j % 7 == 2 && j < 35) eta += (j % 2 ? -0.8 : 0.8) * last;
    }
    const double u = bvl_rng_uniform(7, BVL_STREAM_SIM_NOISE, 0, (uint64_t)i);
    t->o[i] = 0.3 * bvl_rng_normal(7, BVL_STREAM_SIM_NOISE, 1, (uint64_t)i);
    t->w[i] = i % 9 == 4 ? 0 : 0.5 + u;
    if (strcmp(family, "gaussian") == 0)
      t->y[i] = eta + bvl_rng_normal(7, BVL_STREAM_SIM_NOISE, 2, (uint64_t)i);
    else if (strcmp(family, "binomial") == 0)
      t->y[i] = u < 1 / (1 + exp(-eta)) ? 1 : 0;
    else
      t->y[i] = floor(exp(fmin(eta, 2)) * (0.5 + u));
  }
}

static inline bvl_status test_problem_read(void *context, const char *what, int64_t row0,
                                           int64_t count, double *out, int *present)
{
  const test_problem *t = context;
  const double *from = t->y;
  if (strcmp(what, "weights") == 0) from = t->has_w ? t->w : NULL;
  if (strcmp(what, "offset") == 0) from = t->has_o ? t->o : NULL;
  *present = from != NULL;
  if (from != NULL) memcpy(out, from + row0, (size_t)count * sizeof *out);
  return BVL_OK;
}

/** Collective: a bvl_problem over the arrays, on `grid`. */
static inline bvl_status test_problem_create(test_problem *t, const bvl_grid *grid,
                                             bvl_problem **out)
{
  bvl_source source;
  bvl_status status = bvl_source_dense_borrow(BVL_F64, t->n, t->p, t->X, t->n, 1, &source);
  if (status != BVL_OK) return status;
  const bvl_penalty_parameters parameters = with_alpha(t->alpha);
  const bvl_problem_data data = {.family = t->family,
                                 .penalty = t->penalty,
                                 .parameters = &parameters,
                                 .intercept = t->intercept,
                                 .standardize = t->standardize,
                                 .groups = t->has_groups ? t->groups : NULL,
                                 .penalty_factor = t->has_factor ? t->factor : NULL,
                                 .lower = t->has_bounds ? t->lower : NULL,
                                 .upper = t->has_bounds ? t->upper : NULL,
                                 .n_slices = 1,
                                 .context = t,
                                 .read_rows = test_problem_read};
  status = bvl_problem_create(grid, &source, &data, out);
  bvl_source_memory_free(&source);
  return status;
}

/** The same problem as the independent certificate sees it. */
static inline oracle_problem test_problem_oracle(const test_problem *t)
{
  const double by_default = strcmp(t->penalty, "sparse-group-lasso") == 0 ? 0.05 : 0.5;
  return (oracle_problem){.family = t->family,
                          .penalty = t->penalty,
                          .alpha = isnan(t->alpha) ? by_default : t->alpha,
                          .intercept = t->intercept,
                          .standardize = t->standardize,
                          .n = t->n,
                          .p = t->p,
                          .X = t->X,
                          .y = t->y,
                          .w = t->has_w ? t->w : NULL,
                          .o = t->has_o ? t->o : NULL,
                          .groups = t->groups,
                          .penalty_factor = t->has_factor ? t->factor : NULL,
                          .lower = t->has_bounds ? t->lower : NULL,
                          .upper = t->has_bounds ? t->upper : NULL};
}

/** Point k's coefficients by input column on every rank (columns are spread over ranks): each grid
 * column's copies are equal, so the maximum and minimum over ranks are the value. Collective. */
static inline void test_coefficients(const bvl_path *path, int64_t k, int64_t p, double *beta)
{
  bvl_path_point point;
  double low[TEST_MAX_P];
  bvl_path_get(path, k, &point);
  memset(beta, 0, (size_t)p * sizeof *beta);
  for (int64_t e = 0; e < point.n_nonzero; e++) beta[point.column[e]] = point.value[e];
  memcpy(low, beta, (size_t)p * sizeof *beta);
  MPI_Allreduce(MPI_IN_PLACE, beta, (int)p, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  MPI_Allreduce(MPI_IN_PLACE, low, (int)p, MPI_DOUBLE, MPI_MIN, MPI_COMM_WORLD);
  for (int64_t j = 0; j < p; j++)
    if (fabs(low[j]) > fabs(beta[j])) beta[j] = low[j];
}

/** Grids that fit the size: 1 x P, P x 1, and the squarest of both sides above 1. */
static inline int test_grids(int shapes[3][2])
{
  const int size = bvl_test_size();
  int count = 0;
  shapes[count][0] = 1;
  shapes[count++][1] = size;
  if (size > 1) {
    shapes[count][0] = size;
    shapes[count++][1] = 1;
  }
  for (int r = 2; r < size; r++)
    if (size % r == 0) {
      shapes[count][0] = r;
      shapes[count++][1] = size / r;
      break;
    }
  return count;
}

#endif
