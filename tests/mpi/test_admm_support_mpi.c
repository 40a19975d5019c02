/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton's method on the support: stationary there by its definition, never uphill, down from a
 * saddle, zeros left alone, on saturated data too. */
#include "bvl_problem.h"

#include "solver/admm/admm_support.h"

enum { SIZE = 3, START = 12 };

/* P and its slope at t, straight from the methods' table with the default shapes. */
static double profile(const char *penalty, double l, double t, double *slope)
{
  if (strstr(penalty, "mcp") != NULL) { /* gamma 3 */
    *slope = fmax(l - t / 3, 0);
    return t <= 3 * l ? l * t - t * t / 6 : 1.5 * l * l;
  }
  if (strstr(penalty, "scad") != NULL) { /* a 3.7 */
    *slope = t <= l ? l : fmax(3.7 * l - t, 0) / 2.7;
    if (t <= l) return l * t;
    return t <= 3.7 * l ? (7.4 * l * t - t * t - l * l) / 5.4 : l * l * 4.7 / 2;
  }
  if (strstr(penalty, "log") != NULL) { /* eps 1 */
    *slope = l / (1 + t);
    return l * log1p(t);
  }
  *slope = l * 0.5 / sqrt(t); /* lq, q 1/2 */
  return l * sqrt(t);
}

typedef struct truth {
  double objective;
  double violation; /* of stationarity, of blocks that are not zero */
} truth;

/* From X, y and the coefficients alone. */
static truth recompute(const test_problem *t, double lambda, const double *beta)
{
  const int binomial = strcmp(t->family, "binomial") == 0;
  const int64_t m = t->has_groups ? SIZE : 1;
  double g[TEST_MAX_P] = {0};
  truth out = {0};
  for (int64_t i = 0; i < t->n; i++) {
    double eta = 0;
    for (int64_t j = 0; j < t->p; j++) eta += t->X[i + j * t->n] * beta[j];
    const double mu = binomial ? 1 / (1 + exp(-eta)) : exp(eta);
    const double loss = binomial ? fmax(eta, 0) + log1p(exp(-fabs(eta))) : mu;
    out.objective += (loss - t->y[i] * eta) / (double)t->n;
    for (int64_t j = 0; j < t->p; j++) g[j] += t->X[i + j * t->n] * (mu - t->y[i]) / (double)t->n;
  }
  for (int64_t j = 0; j < t->p; j += m) {
    double size = 0;
    double apart = 0;
    double slope = 0;
    for (int64_t k = j; k < j + m; k++) size += beta[k] * beta[k];
    if (size == 0) continue;
    size = sqrt(size);
    out.objective += profile(t->penalty, lambda * sqrt((double)m), size, &slope);
    for (int64_t k = j; k < j + m; k++) {
      const double d = g[k] + slope * beta[k] / size;
      apart += d * d;
    }
    out.violation = fmax(out.violation, sqrt(apart));
  }
  return out;
}

typedef struct bench {
  bvl_grid *grid;
  bvl_problem *problem;
  bvl_point point;
  double all[TEST_MAX_P]; /* the point's coefficients, whole */
} bench;

static void open_bench(bench *b, test_problem *t, const int shape[2])
{
  *b = (bench){0};
  t->intercept = t->standardize = 0;                          /* coefficients are the input's */
  for (int64_t j = 0; j < t->p; j++) t->groups[j] = j / SIZE; /* positions are columns */
  t->has_groups = strstr(t->penalty, "group") != NULL;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, shape[0], shape[1], &b->grid));
  ASSERT_OK(test_problem_create(t, b->grid, &b->problem));
  b->point.beta = calloc(TEST_MAX_P, sizeof(double));
  assert_non_null(b->point.beta);
}

static void close_bench(bench *b)
{
  free(b->point.beta);
  bvl_problem_destroy(&b->problem);
  bvl_grid_destroy(&b->grid);
}

/* The point <- all; and the other way about, from grid row 0. */
static void spread(bench *b)
{
  const int64_t first = bvl_design_first(b->problem->X);
  for (int64_t c = 0; c < bvl_design_p_local(b->problem->X); c++)
    b->point.beta[c] = b->all[first + c];
}

static void collect(bench *b)
{
  const int64_t first = bvl_design_first(b->problem->X);
  memset(b->all, 0, sizeof b->all);
  for (int64_t c = 0; b->problem->grid->i == 0 && c < bvl_design_p_local(b->problem->X); c++)
    b->all[first + c] = b->point.beta[c];
  ASSERT_OK(bvl_sum(&b->problem->grid->all, b->all, TEST_MAX_P));
}

/* Solves from where the bench stands; what must hold of any answer. The evaluation of 80 rows and
 * the test's own differ by rounding, far below 1e-12 of objectives near 1. */
static truth solve(bench *b, const test_problem *t, double lambda, double tol)
{
  bvl_admm_descent descent;
  double start[TEST_MAX_P];
  memcpy(start, b->all, sizeof start);
  const truth before = recompute(t, lambda, b->all);
  spread(b);
  ASSERT_OK(bvl_admm_solve_support(b->problem, lambda, tol, 200, &b->point, &descent));
  collect(b);
  const truth after = recompute(t, lambda, b->all);
  ASSERT_ALL(after.violation <= tol + 1e-13);
  ASSERT_ALL(after.objective <= before.objective + 1e-12);
  ASSERT_ALL(fabs(after.objective - descent.objective) <= 1e-12);
  ASSERT_ALL(fabs(before.objective - after.objective - descent.fall) <= 1e-12);
  ASSERT_ALL(descent.steps > 1 && descent.steps < 200);
  for (int64_t j = 0; j < t->p; j++) ASSERT_ALL(start[j] != 0 || b->all[j] == 0);
  return after;
}

static void test_stationary(void **state)
{
  (void)state;
  static const char *const penalties[] = {"mcp", "group-mcp", "group-scad", "group-log",
                                          "group-lq"};
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static test_problem t;
  for (int c = 0; c < 10; c++) {
    bench b;
    double lambda = 0;
    test_problem_make(&t, 60, 45, c % 2 ? "poisson" : "binomial", penalties[c / 2]);
    open_bench(&b, &t, shapes[c % n_shapes]);
    ASSERT_OK(bvl_problem_lambda_max(b.problem, &lambda, b.point.beta));
    for (int64_t j = 0; j < t.p; j++) b.all[j] = j < START ? 0.02 * sin(2.0 * (double)j + 1) : 0;
    b.all[2] = 0.25; /* about what y was made with */
    b.all[9] = -0.35;
    solve(&b, &t, 0.05 * lambda, 1e-9);
    int64_t left = 0;
    for (int64_t j = 0; j < t.p; j++) left += b.all[j] != 0;
    ASSERT_ALL(left > 0);
    close_bench(&b);
  }
}

/* More columns than rows that any label can be told from: the minimum of the loss is at infinity,
 * and its gradient goes to zero on the way. */
static void test_saturated(void **state)
{
  (void)state;
  const int shape[2] = {1, bvl_test_size()};
  static test_problem t;
  bench b;
  test_problem_make(&t, 20, 45, "binomial", "group-mcp");
  open_bench(&b, &t, shape);
  for (int64_t j = 0; j < t.p; j++) b.all[j] = sin((double)j + 1);
  const truth after = solve(&b, &t, 1e-3, 1e-8);
  ASSERT_ALL(after.objective < 0.01);
  close_bench(&b);
}

/* Twice the same column: with equal coefficients their sum alone is stationary, and where MCP bends
 * one of them growing at the other's cost leads down. */
static void test_saddle(void **state)
{
  (void)state;
  const int shape[2] = {1, bvl_test_size()};
  static test_problem t;
  bench b;
  double lambda = 0;
  test_problem_make(&t, 60, 6, "binomial", "mcp");
  for (int64_t i = 0; i < t.n; i++) t.X[i + 5 * t.n] = t.X[i + 2 * t.n];
  open_bench(&b, &t, shape);
  ASSERT_OK(bvl_problem_lambda_max(b.problem, &lambda, b.point.beta));
  lambda *= 0.3;
  double best = INFINITY; /* of equal coefficients */
  for (int k = 1; k < 2000; k++) {
    double beta[TEST_MAX_P] = {0};
    beta[2] = beta[5] = 0.001 * k;
    best = fmin(best, recompute(&t, lambda, beta).objective);
  }
  b.all[2] = b.all[5] = 0.1;
  const truth after = solve(&b, &t, lambda, 1e-9);
  ASSERT_ALL(b.all[2] != b.all[5]);
  ASSERT_ALL(after.objective < best - 1e-3);
  close_bench(&b);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_stationary), cmocka_unit_test(test_saturated),
                  cmocka_unit_test(test_saddle))
