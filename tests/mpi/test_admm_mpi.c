/* SPDX-License-Identifier: BSD-3-Clause */
/* ADMM by itself against the certified engine and the independent certificate, its x-steps against
 * their definition, the augmented Lagrangian's descent, and a run cut in two. */
#include "bvl_problem.h"

#include "path/path_state.h"
#include "solver/admm/admm.h"

enum { LAMBDAS = 8 };

/* What --tol 1e-9 asks for: the gap bounds the objective's distance, stationarity is 100 times. */
static const double TOL = 1e-9;

typedef struct solved {
  double lambda[LAMBDAS];
  double intercept[LAMBDAS];
  double objective[LAMBDAS];
  double kkt[LAMBDAS];
  int64_t iterations[LAMBDAS];
  double beta[LAMBDAS][TEST_MAX_P];
} solved;

static bvl_path_options options_of(bvl_solver solver)
{
  bvl_path_options options;
  bvl_path_options_init(&options);
  options.n_lambda = LAMBDAS;
  options.lambda_min_ratio = 0.1;
  options.tol = TOL;
  options.solver = solver;
  options.polish = 0;
  return options;
}

static void collect(const bvl_path *path, int64_t p, solved *out)
{
  for (int64_t k = 0; k < LAMBDAS; k++) {
    bvl_path_point point;
    bvl_path_get(path, k, &point);
    out->lambda[k] = point.lambda;
    out->intercept[k] = point.intercept;
    out->objective[k] = point.objective;
    out->kkt[k] = point.kkt_residual;
    out->iterations[k] = point.iterations;
    test_coefficients(path, k, p, out->beta[k]);
    if (point.status != 0 && bvl_test_rank() == 0)
      fprintf(bvl_test_log(), "lambda %g: status %d, gap %g, kkt %g, df %lld\n", point.lambda,
              point.status, point.dual_gap, point.kkt_residual, (long long)point.df);
    ASSERT_ALL(point.status == 0);
  }
}

static void solve(test_problem *t, const int shape[2], bvl_solver solver, solved *out)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  const bvl_path_options options = options_of(solver);
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, shape[0], shape[1], &grid));
  ASSERT_OK(test_problem_create(t, grid, &problem));
  ASSERT_OK(bvl_path_create(problem, &options, NULL, &path));
  ASSERT_OK(bvl_path_solve(path, NULL, NULL));
  collect(path, t->p, out);
  bvl_path_destroy(&path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

/* Weights (some 0), offsets, two unpenalised columns and one left out. */
static void spoil(test_problem *t)
{
  t->has_w = 1;
  t->has_o = 1;
  t->has_factor = 1;
  for (int64_t j = 0; j < t->p; j++) t->factor[j] = j == 3 || j == 22 ? 0 : j == 14 ? INFINITY : 1;
}

static void test_convex(void **state)
{
  (void)state;
  static const char *const families[] = {"gaussian", "binomial", "poisson"};
  static const char *const penalties[] = {"lasso", "enet", "group-lasso", "sparse-group-lasso"};
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static test_problem t;
  static solved ours, reference;
  for (int c = 0; c < 24; c++) {
    const int wide = c % 2;
    test_problem_make(&t, wide ? 40 : 80, wide ? 60 : 30, families[c / 2 % 3], penalties[c / 6]);
    if (c / 2 % 2 == 0) spoil(&t);
    solve(&t, shapes[c % n_shapes], BVL_SOLVER_ADMM, &ours);
    solve(&t, shapes[0], BVL_SOLVER_AUTO, &reference);
    const oracle_problem q = test_problem_oracle(&t);
    for (int64_t k = 0; k < LAMBDAS; k++) {
      const oracle_certificate o = oracle_certify(&q, ours.lambda[k], ours.beta[k],
                                                  ours.intercept[k]);
      ASSERT_ALL(o.gap <= 1.01 * TOL && o.kkt <= 101 * TOL);
      ASSERT_ALL(bvl_test_near(ours.objective[k], reference.objective[k],
                               TOL * (fabs(o.objective) + o.null_half)));
      ASSERT_ALL(ours.iterations[k] <= 500);
      if (t.has_factor) ASSERT_ALL(ours.beta[k][14] == 0);
    }
  }
}

/* v = X'r / n of a problem that is neither standardised nor weighted, without an intercept. */
static void gradient(const test_problem *t, const double *beta, double *v)
{
  const int binomial = strcmp(t->family, "binomial") == 0;
  memset(v, 0, (size_t)t->p * sizeof *v);
  for (int64_t i = 0; i < t->n; i++) {
    double eta = 0;
    for (int64_t j = 0; j < t->p; j++) eta += t->X[i + j * t->n] * beta[j];
    const double r = t->y[i] - (binomial ? 1 / (1 + exp(-eta)) : eta);
    for (int64_t j = 0; j < t->p; j++) v[j] += t->X[i + j * t->n] * r / (double)t->n;
  }
}

/* The largest violation of group MCP's stationarity: 0 is stationary for a norm of v of at most
 * lambda omega; elsewhere v is b / ||b|| times the slope. */
static double mcp_violation(const test_problem *t, double lambda, const double *beta,
                            const double *v)
{
  double worst = 0;
  for (int64_t j = 0; j < t->p; j++) {
    double b2 = 0, v2 = 0, apart = 0, size = 0;
    for (int64_t k = 0; k < t->p; k++) {
      if (t->groups[k] != t->groups[j]) continue;
      b2 += beta[k] * beta[k];
      v2 += v[k] * v[k];
      size += 1;
    }
    const double lw = lambda * sqrt(size);
    const double slope = fmax(lw - sqrt(b2) / 3, 0); /* gamma 3 */
    for (int64_t k = 0; k < t->p && b2 > 0; k++) {
      if (t->groups[k] != t->groups[j]) continue;
      const double d = v[k] - slope * beta[k] / sqrt(b2);
      apart += d * d;
    }
    worst = fmax(worst, b2 > 0 ? sqrt(apart) : sqrt(v2) - lw);
  }
  return worst / lambda;
}

static void test_stationary(void **state)
{
  (void)state;
  static const char *const families[] = {"gaussian", "binomial"};
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static test_problem t;
  static solved ours;
  double v[TEST_MAX_P];
  for (int c = 0; c < 4; c++) {
    test_problem_make(&t, c < 2 ? 80 : 50, c < 2 ? 30 : 60, families[c % 2], "group-mcp");
    t.has_groups = 1;
    t.intercept = t.standardize = 0;
    for (int64_t j = 0; j < t.p; j++) t.groups[j] = j / 3;
    solve(&t, shapes[c % n_shapes], BVL_SOLVER_ADMM, &ours);
    for (int64_t k = 0; k < LAMBDAS; k++) {
      gradient(&t, ours.beta[k], v);
      ASSERT_ALL(mcp_violation(&t, ours.lambda[k], ours.beta[k], v) <= 1e-6);
    }
  }
}

/* ---- x-steps ----------------------------------------------------------------------------------
 */

typedef struct bench {
  bvl_grid *grid;
  bvl_problem *problem;
  const bvl_admm_system_type *type;
  void *system;
  bvl_admm_iterate it;
  double *aim;
  double *sum;
  double *v;
  double *eta;
} bench;

static void open_bench(bench *b, test_problem *t, const int shape[2],
                       const bvl_admm_system_type *type)
{
  *b = (bench){.type = type};
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, shape[0], shape[1], &b->grid));
  ASSERT_OK(test_problem_create(t, b->grid, &b->problem));
  ASSERT_OK(type->create(b->problem, &b->system));
  double **arrays[] = {&b->it.x, &b->it.z, &b->it.d, &b->aim, &b->sum, &b->v, &b->eta};
  for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++) {
    double *room = calloc(TEST_MAX_N + TEST_MAX_P, sizeof(double));
    assert_non_null(room);
    *arrays[k] = room;
  }
  ASSERT_OK(type->start(b->system, &b->problem->null_point, &b->it));
}

static void close_bench(bench *b)
{
  double *owned[] = {b->it.x, b->it.z, b->it.d, b->aim, b->sum, b->v, b->eta};
  for (size_t k = 0; k < sizeof owned / sizeof owned[0]; k++) free(owned[k]);
  b->type->destroy(&b->system);
  bvl_problem_destroy(&b->problem);
  bvl_grid_destroy(&b->grid);
}

/* A sweep's x-step at z - d / rho. */
static void step(bench *b, double rho)
{
  const bvl_problem *problem = b->problem;
  for (int64_t c = 0; c < bvl_design_p_local(problem->X); c++)
    b->aim[c] = bvl_admm_is_penalised(problem, problem->block_of[c]) ? b->it.z[c] - b->it.d[c] / rho
                                                                     : 0;
  ASSERT_OK(b->type->put(b->system, &b->it, b->aim, b->sum));
  ASSERT_OK(bvl_sum(&problem->grid->all, b->sum, b->type->length(b->system)));
  b->type->image(b->system, rho, 1, b->sum);
  ASSERT_OK(b->type->step(b->system, rho, b->aim, b->sum, &b->it));
}

/* ||grad L(x) + rho (x - b)|| and ||d + grad L(x)|| over penalised columns, ||grad L|| over the
 * rest. */
static void check_step(bench *b, double rho, double tolerance)
{
  bvl_problem *problem = b->problem;
  const bvl_point point = {.intercept = b->it.intercept, .beta = b->it.x};
  double sums[3] = {0};
  ASSERT_OK(bvl_problem_eta(problem, &point, b->eta));
  bvl_problem_residuals(problem, b->eta, b->eta);
  ASSERT_OK(bvl_correlate(problem, 1, b->eta, b->v));
  for (int64_t c = 0; c < bvl_design_p_local(problem->X); c++) {
    const double weight = problem->blocks.weight[problem->block_of[c]];
    const double left = weight > 0 ? b->v[c] - rho * (b->it.x[c] - b->aim[c]) : b->v[c];
    if (weight == INFINITY) {
      sums[0] += fabs(b->it.x[c]) + fabs(b->it.d[c]);
      continue;
    }
    sums[0] += left * left;
    if (weight > 0) sums[1] += (b->it.d[c] - b->v[c]) * (b->it.d[c] - b->v[c]);
  }
  sums[2] = b->it.loss;
  ASSERT_OK(bvl_sum(&problem->grid->all, sums, 2));
  ASSERT_OK(bvl_sum(&problem->grid->all, sums + 2, 1));
  ASSERT_ALL(sqrt(sums[0]) <= tolerance && sqrt(sums[1]) <= tolerance);
  ASSERT_ALL(isfinite(sums[2]));
}

/* Repeated at one aim, an x-step is exact: to rounding where the loss is quadratic, elsewhere each
 * repetition leaves at most a share of the residual. */
static void test_steps(void **state)
{
  (void)state;
  static const struct {
    const bvl_admm_system_type *type;
    const char *family;
    int64_t n, p;
  } cases[] = {{&bvl_admm_rows, "gaussian", 40, 60},    {&bvl_admm_rows, "binomial", 40, 60},
               {&bvl_admm_rows, "poisson", 40, 60},     {&bvl_admm_rows, "gaussian", 80, 30},
               {&bvl_admm_columns, "gaussian", 80, 30}, {&bvl_admm_tall, "binomial", 80, 30},
               {&bvl_admm_tall, "poisson", 80, 30},     {&bvl_admm_tall, "gaussian", 80, 30}};
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static test_problem t;
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
    bench b;
    test_problem_make(&t, cases[c].n, cases[c].p, cases[c].family, "lasso");
    spoil(&t);
    open_bench(&b, &t, shapes[(int)c % n_shapes], cases[c].type);
    check_step(&b, 0, INFINITY);
    for (int64_t j = 0; j < bvl_design_p_local(b.problem->X); j++) {
      const int64_t at = bvl_design_first(b.problem->X) + j;
      if (bvl_admm_is_penalised(b.problem, b.problem->block_of[j]))
        b.it.z[j] = at % 3 == 0 ? 0.1 * sin((double)at) : 0;
    }
    for (int k = 0; k < 2; k++) { /* another rho, another factor */
      const double rho = k == 0 ? 0.7 : 2.5;
      step(&b, rho);
      for (int again = 0; again < 12; again++)
        ASSERT_OK(b.type->step(b.system, rho, b.aim, b.sum, &b.it));
      check_step(&b, rho, 1e-10);
    }
    close_bench(&b);
  }
}

/* lambda Pen(z) + d'(x - z) + rho/2 ||x - z||^2 + L(x), and the z-step before it. */
static double lagrangian(bench *b, double lambda, double rho)
{
  const bvl_problem *problem = b->problem;
  const bvl_blocks *blocks = &problem->blocks;
  double sum = b->it.loss;
  for (int64_t g = 0; g < blocks->n; g++) {
    const int64_t begin = blocks->begin[g];
    const int64_t m = bvl_block_len(blocks, g);
    const bvl_penalty pen = bvl_penalty_at(&problem->penalty, blocks->weight[g]);
    const double lw = lambda * blocks->weight[g];
    for (int64_t c = begin; c < begin + m; c++) b->it.z[c] = b->it.x[c] + b->it.d[c] / rho;
    bvl_penalty_prox(&pen, lw, rho, m, b->it.z + begin, b->it.z + begin);
    if (problem->grid->i > 0) continue;
    sum += bvl_penalty_value(&pen, lw, m, b->it.z + begin);
    for (int64_t c = begin; c < begin + m; c++) {
      const double apart = b->it.x[c] - b->it.z[c];
      sum += b->it.d[c] * apart + rho / 2 * apart * apart;
    }
  }
  ASSERT_OK(bvl_sum(&problem->grid->all, &sum, 1));
  return sum;
}

/* rho above sqrt(2) l: it falls at every sweep, convex or not. Rounding and the inexact x-step
 * (a thousandth of what it began with) are far below 1e-9 of its size. */
static void test_descent(void **state)
{
  (void)state;
  const int shape[2] = {1, bvl_test_size()};
  static test_problem t;
  for (int c = 0; c < 3; c++) {
    bench b;
    double l = 0;
    test_problem_make(&t, c == 1 ? 80 : 40, c == 1 ? 30 : 60, c == 2 ? "gaussian" : "binomial",
                      "group-mcp");
    t.has_groups = 1;
    open_bench(&b, &t, shape, c == 1 ? &bvl_admm_tall : &bvl_admm_rows);
    double lambda = 0;
    ASSERT_OK(bvl_problem_lambda_max(b.problem, &lambda, b.v));
    ASSERT_OK(b.type->lipschitz(b.system, &l));
    ASSERT_OK(bvl_bcast(&b.problem->grid->all, 0, &l, 1));
    const double rho = 1.5 * l;
    double last = lagrangian(&b, 0.2 * lambda, rho);
    const double first = last;
    for (int k = 0; k < 150; k++) {
      step(&b, rho);
      const double now = lagrangian(&b, 0.2 * lambda, rho);
      ASSERT_ALL(now <= last + 1e-9 * fabs(last));
      last = now;
    }
    ASSERT_ALL(last < 0.98 * first);
    close_bench(&b);
  }
}

/* ---- options ----------------------------------------------------------------------------------
 */

static void test_refusals(void **state)
{
  (void)state;
  static test_problem t;
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  test_problem_make(&t, 40, 20, "gaussian", "lasso");
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, bvl_test_size(), &grid));
  ASSERT_OK(test_problem_create(&t, grid, &problem));
  const double bad[] = {-1, NAN, INFINITY};
  for (int k = 0; k < 3; k++) {
    bvl_path_options options = options_of(BVL_SOLVER_ADMM);
    options.admm_rho = bad[k];
    ASSERT_ALL(bvl_path_create(problem, &options, NULL, &path) == BVL_ERR_USAGE);
    assert_non_null(strstr(bvl_last_error(), "admm-rho"));
  }
  bvl_problem_destroy(&problem);
  t.has_bounds = 1;
  for (int64_t j = 0; j < t.p; j++) {
    t.lower[j] = -1;
    t.upper[j] = 1;
  }
  const bvl_path_options options = options_of(BVL_SOLVER_ADMM);
  ASSERT_OK(test_problem_create(&t, grid, &problem));
  ASSERT_ALL(bvl_path_create(problem, &options, NULL, &path) == BVL_ERR_USAGE);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

typedef struct listener {
  int warnings;
} listener;

static void hear(void *context, const char *line)
{
  listener *l = context;
  l->warnings += strstr(line, "sqrt(2)") != NULL;
}

/* A small fixed rho: said once, where the penalty is not convex, and obeyed. */
static void test_small_rho(void **state)
{
  (void)state;
  static test_problem t;
  static const char *const penalties[] = {"group-mcp", "group-lasso"};
  for (int c = 0; c < 2; c++) {
    bvl_grid *grid = NULL;
    bvl_problem *problem = NULL;
    bvl_path *path = NULL;
    listener heard = {0};
    const bvl_monitor monitor = {.context = &heard, .log = hear};
    bvl_path_options options = options_of(BVL_SOLVER_ADMM);
    options.admm_rho = 0.8;
    test_problem_make(&t, 80, 30, "gaussian", penalties[c]);
    t.has_groups = 1;
    ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, bvl_test_size(), &grid));
    ASSERT_OK(test_problem_create(&t, grid, &problem));
    ASSERT_OK(bvl_path_create(problem, &options, &monitor, &path));
    ASSERT_OK(bvl_path_solve(path, NULL, NULL));
    ASSERT_ALL(heard.warnings == (c == 0 && bvl_test_rank() == 0));
    bvl_path_destroy(&path);
    bvl_problem_destroy(&problem);
    bvl_grid_destroy(&grid);
  }
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_steps), cmocka_unit_test(test_descent),
                  cmocka_unit_test(test_convex), cmocka_unit_test(test_stationary),
                  cmocka_unit_test(test_refusals), cmocka_unit_test(test_small_rho))
