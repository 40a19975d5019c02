/* SPDX-License-Identifier: BSD-3-Clause */
/* Classes against an accelerated proximal gradient that knows nothing of bevel: plain arrays, the
 * whole problem on every rank, stopped by its own duality gap. And what is no family of classes. */
#define TEST_PROBLEM_N 45
#define TEST_PROBLEM_P 16
#include "bvl_problem.h"

enum { N = TEST_PROBLEM_N, P = TEST_PROBLEM_P, K = 3, LAMBDAS = 5, FREE = 3, OUT = 11 };
static const double GAP = 1e-9; /* of both, relative to half the null deviance */

/* ---- the oracle ------------------------------------------------------------------------------
 */

typedef struct oracle {
  double x[N * P]; /* standardised, N x P */
  double scale[P];
  double w[N]; /* sum N */
  int label[N];
  double factor[P];
  double step; /* 1 / Lipschitz */
} oracle;

typedef struct answer {
  double b[P * K];
  double b0[K];
  double objective, dual;
} answer;

static void make_oracle(const test_problem *t, oracle *o)
{
  double sum = 0;
  for (int i = 0; i < N; i++) sum += t->w[i];
  for (int i = 0; i < N; i++) {
    o->w[i] = t->w[i] * N / sum;
    o->label[i] = (int)t->y[i];
  }
  for (int j = 0; j < P; j++) {
    double mean = 0;
    double square = 0;
    for (int i = 0; i < N; i++) mean += o->w[i] * t->X[i + j * N] / N;
    for (int i = 0; i < N; i++) {
      o->x[i + j * N] = t->X[i + j * N] - mean;
      square += o->w[i] * o->x[i + j * N] * o->x[i + j * N] / N;
    }
    o->scale[j] = sqrt(square);
    for (int i = 0; i < N; i++) o->x[i + j * N] /= o->scale[j];
    o->factor[j] = t->factor[j];
  }
  o->step = 2.0 / (P + 1); /* the Gram's trace, with the ones; curvature at most 1/2 */
}

/* Mean loss at (b, b0), and the residuals w (e_y - mu). */
static double mean_loss(const oracle *o, const double *b, const double *b0, double *r)
{
  double loss = 0;
  for (int i = 0; i < N; i++) {
    double eta[K];
    double total = 0;
    for (int k = 0; k < K; k++) {
      eta[k] = b0[k];
      for (int j = 0; j < P; j++) eta[k] += o->x[i + j * N] * b[j * K + k];
      total += exp(eta[k]);
    }
    loss += o->w[i] * (log(total) - eta[o->label[i]]) / N;
    for (int k = 0; k < K; k++) r[i + k * N] = o->w[i] * ((k == o->label[i]) - exp(eta[k]) / total);
  }
  return loss;
}

static double norm(const double *x)
{
  double sum = 0;
  for (int k = 0; k < K; k++) sum += x[k] * x[k];
  return sqrt(sum);
}

static double penalty(const oracle *o, double lambda, const double *b)
{
  double sum = 0;
  for (int j = 0; j < P; j++)
    if (o->factor[j] > 0 && o->factor[j] < INFINITY) sum += lambda * o->factor[j] * norm(b + j * K);
  return sum;
}

/* v = x'r / N, and sums of r; the dual's value at the residuals made feasible. What the gradient of
 * free coefficients leaves weakens the bound over coefficients of up to 100. */
static double dual_value(const oracle *o, double lambda, const double *r, double *v, double *v0)
{
  double s = 1;
  double slack = 0;
  double sum = 0;
  for (int k = 0; k < K; k++) {
    v0[k] = 0;
    for (int i = 0; i < N; i++) v0[k] += r[i + k * N] / N;
    slack += 100 * fabs(v0[k]);
  }
  for (int j = 0; j < P; j++) {
    for (int k = 0; k < K; k++) {
      v[j * K + k] = 0;
      for (int i = 0; i < N; i++) v[j * K + k] += o->x[i + j * N] * r[i + k * N] / N;
      if (o->factor[j] == 0) slack += 100 * fabs(v[j * K + k]);
    }
    if (o->factor[j] > 0 && o->factor[j] < INFINITY && norm(v + j * K) > lambda * o->factor[j])
      s = fmin(s, lambda * o->factor[j] / norm(v + j * K));
  }
  for (int i = 0; i < N; i++)
    for (int k = 0; k < K && o->w[i] > 0; k++) {
      const double m = (k == o->label[i]) - s * r[i + k * N] / o->w[i];
      sum += m > 0 ? -o->w[i] * m * log(m) / N : 0;
    }
  return sum - slack;
}

static void judge(const oracle *o, double lambda, answer *a)
{
  double r[N * K];
  double v[P * K];
  double v0[K];
  a->objective = mean_loss(o, a->b, a->b0, r) + penalty(o, lambda, a->b);
  a->dual = dual_value(o, lambda, r, v, v0);
}

/* FISTA, begun again whenever the step turns against the momentum. */
static void solve_oracle(const oracle *o, double lambda, double tol, answer *a)
{
  answer old = *a;
  double t = 1;
  for (int step = 0; step < 200000; step++) {
    double r[N * K];
    double v[P * K];
    double v0[K];
    double yb[P * K];
    double yb0[K];
    double against = 0;
    const double t_next = (1 + sqrt(1 + 4 * t * t)) / 2;
    const double momentum = (t - 1) / t_next;
    for (int e = 0; e < P * K; e++) yb[e] = a->b[e] + momentum * (a->b[e] - old.b[e]);
    for (int k = 0; k < K; k++) yb0[k] = a->b0[k] + momentum * (a->b0[k] - old.b0[k]);
    old = *a;
    mean_loss(o, yb, yb0, r);
    dual_value(o, lambda, r, v, v0);
    for (int k = 0; k < K; k++) a->b0[k] = yb0[k] + o->step * v0[k];
    for (int j = 0; j < P; j++) {
      double *b = a->b + j * K;
      for (int k = 0; k < K; k++) b[k] = yb[j * K + k] + o->step * v[j * K + k];
      const double size = norm(b);
      const double cut = o->factor[j] > 0 ? o->step * lambda * o->factor[j] : 0;
      for (int k = 0; k < K; k++) b[k] *= size > cut ? 1 - cut / size : 0;
      for (int k = 0; k < K; k++) against += (yb[j * K + k] - b[k]) * (b[k] - old.b[j * K + k]);
    }
    t = against > 0 ? 1 : t_next;
    if (step % 50 != 0) continue;
    judge(o, lambda, a);
    if (a->objective - a->dual <= tol) return;
  }
}

/* ---- the comparison ---------------------------------------------------------------------------
 */

static void make(test_problem *t)
{
  test_problem_make(t, N, P, "multinomial", "lasso");
  t->has_w = t->has_factor = 1;
  for (int64_t i = 0; i < N; i++) {
    double best = -INFINITY;
    for (int64_t k = 0; k < K; k++) {
      const double score = t->X[i + 2 * k * N] / (1 + (double)(2 * k % 4)) +
                           1.5 * bvl_rng_normal(11, BVL_STREAM_SIM_NOISE, (uint64_t)i, (uint64_t)k);
      if (score > best) t->y[i] = (double)k;
      best = fmax(best, score);
    }
  }
  t->factor[FREE] = 0;
  t->factor[OUT] = INFINITY;
}

/* Point k of the path on every rank, as the oracle has it. */
static void fetch(const test_problem *t, const oracle *o, const bvl_path *path, int64_t q,
                  answer *a)
{
  bvl_path_point point;
  double sum[P * K] = {0};
  double low[P * K];
  bvl_path_get(path, q, &point);
  for (int64_t e = 0; e < point.n_nonzero; e++) sum[point.column[e]] = point.value[e];
  memcpy(low, sum, sizeof low);
  MPI_Allreduce(MPI_IN_PLACE, sum, P * K, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  MPI_Allreduce(MPI_IN_PLACE, low, P * K, MPI_DOUBLE, MPI_MIN, MPI_COMM_WORLD);
  for (int k = 0; k < K; k++) a->b0[k] = point.intercepts[k];
  for (int j = 0; j < P; j++) {
    double mean = 0;
    double total = 0;
    for (int i = 0; i < N; i++) total += t->w[i];
    for (int i = 0; i < N; i++) mean += t->w[i] * t->X[i + j * N] / total;
    for (int k = 0; k < K; k++) {
      const double b = fabs(low[j * K + k]) > fabs(sum[j * K + k]) ? low[j * K + k]
                                                                   : sum[j * K + k];
      a->b[j * K + k] = b * o->scale[j];
      a->b0[k] += b * mean;
    }
  }
}

static void compare(test_problem *t, const oracle *o, int r, int c)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  bvl_path_options options;
  static answer truth;
  memset(&truth, 0, sizeof truth);
  bvl_path_options_init(&options);
  options.n_lambda = LAMBDAS;
  options.lambda_min_ratio = 0.05;
  options.tol = GAP;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, r, c, &grid));
  ASSERT_OK(test_problem_create(t, grid, &problem));
  assert_true(bvl_problem_outputs(problem) == K);
  ASSERT_OK(bvl_path_create(problem, &options, NULL, &path));
  ASSERT_OK(bvl_path_solve(path, NULL, NULL));
  const double unit = bvl_problem_null_deviance_half(problem);
  for (int64_t q = 0; q < LAMBDAS; q++) {
    bvl_path_point point;
    answer a;
    double mean = 0;
    bvl_path_get(path, q, &point);
    fetch(t, o, path, q, &a);
    judge(o, point.lambda, &a);
    solve_oracle(o, point.lambda, GAP * unit, &truth);
    ASSERT_ALL(point.status == 0 && point.dual_gap <= GAP);
    ASSERT_ALL(truth.objective - truth.dual <= GAP * unit);
    /* the same number made twice, from coefficients that went to the input's scale and back */
    ASSERT_ALL(bvl_test_near(point.objective, a.objective, 1e-13 * a.objective));
    /* between what no point can go below and what ours may be above */
    ASSERT_ALL(a.objective >= truth.dual - 1e-13);
    ASSERT_ALL(a.objective <= truth.objective + GAP * unit);
    for (int k = 0; k < K; k++) {
      mean += point.intercepts[k];
      ASSERT_ALL(a.b[OUT * K + k] == 0);
    }
    ASSERT_ALL(fabs(mean) <= 1e-14);
  }
  bvl_path_destroy(&path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

static void test_as_proximal_gradient(void **state)
{
  (void)state;
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static test_problem t;
  static oracle o;
  make(&t);
  make_oracle(&t, &o);
  for (int k = 0; k < n_shapes; k++) compare(&t, &o, shapes[k][0], shapes[k][1]);
}

/* ---- what is refused, what cannot be solved ---------------------------------------------------
 */

static bvl_status create_status(test_problem *t)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, bvl_test_size(), &grid));
  const bvl_status status = test_problem_create(t, grid, &problem);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
  return status;
}

static void test_refuses_labels(void **state)
{
  (void)state;
  static test_problem t;
  make(&t);
  t.y[7] = 1.5;
  ASSERT_ALL(create_status(&t) == BVL_ERR_INPUT && strstr(bvl_last_error(), "row 7") != NULL);
  t.y[7] = -1;
  ASSERT_ALL(create_status(&t) == BVL_ERR_INPUT && strstr(bvl_last_error(), "row 7") != NULL);
  for (int64_t i = 0; i < N; i++) t.y[i] = (double)(2 * (i % 2)); /* class 1 is absent */
  ASSERT_ALL(create_status(&t) == BVL_ERR_INPUT && strstr(bvl_last_error(), "class 1") != NULL);
  for (int64_t i = 0; i < N; i++) t.y[i] = 0;
  ASSERT_ALL(create_status(&t) == BVL_ERR_INPUT && strstr(bvl_last_error(), "one class") != NULL);
}

/* Classes that a column tells apart: no lambda has an infinite answer but 0, which must end. */
static void test_separable_classes_end(void **state)
{
  (void)state;
  static test_problem t;
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  bvl_path_options options;
  const double lambdas[] = {0.1, 1e-3, 1e-6, 0};
  make(&t);
  t.has_w = t.has_factor = 0;
  for (int64_t i = 0; i < N; i++) {
    t.y[i] = (double)(i % K);
    for (int64_t k = 0; k < K; k++) t.X[i + k * N] = (i % K == k) + 0.01 * t.X[i + k * N];
  }
  bvl_path_options_init(&options);
  options.lambda = lambdas;
  options.n_lambda = 4;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, bvl_test_size(), &grid));
  ASSERT_OK(test_problem_create(&t, grid, &problem));
  ASSERT_OK(bvl_path_create(problem, &options, NULL, &path));
  ASSERT_OK(bvl_path_solve(path, NULL, NULL));
  for (int64_t q = 0; q < 4; q++) {
    bvl_path_point point;
    bvl_path_get(path, q, &point);
    ASSERT_ALL(point.status == 0 || (point.status == 1 && lambdas[q] < 1e-3));
    ASSERT_ALL(isfinite(point.objective) && isfinite(point.intercepts[0]));
    ASSERT_ALL((point.status == 0) ==
               (point.dual_gap <= options.tol && point.kkt_residual <= 100 * options.tol));
    int finite = 1; /* ranks have columns of their own */
    for (int64_t e = 0; e < point.n_nonzero; e++) finite &= isfinite(point.value[e]) != 0;
    ASSERT_ALL(finite);
  }
  bvl_path_destroy(&path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_as_proximal_gradient),
                  cmocka_unit_test(test_refuses_labels),
                  cmocka_unit_test(test_separable_classes_end))
