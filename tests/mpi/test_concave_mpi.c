/* SPDX-License-Identifier: BSD-3-Clause */
/* MCP and SCAD paths by the batch engine, on every grid the ranks allow: each lambda is stationary
 * by a certificate that knows nothing of them (a stationary point of either is one of a lasso whose
 * factors are the slopes there), and no worse than where it started, than zero and, mostly, than
 * coordinate descent. */
#include "bvl_problem.h"

enum { LAMBDAS = 12 };

typedef struct solved {
  double lambda[LAMBDAS];
  double intercept[LAMBDAS];
  double objective[LAMBDAS];
  double kkt[LAMBDAS];
  double beta[LAMBDAS][TEST_MAX_P];
  int64_t together; /* lambdas that batches finished */
} solved;

static const char *const families[] = {"gaussian", "binomial", "poisson"};
static const char *const penalties[] = {"mcp", "scad", "group-mcp", "group-scad"};

static void solve(test_problem *t, int r, int c, bvl_solver solver, solved *out)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  bvl_path_options options;
  bvl_path_options_init(&options);
  options.n_lambda = LAMBDAS;
  /* a penalty that is flat far out holds nobody back where the rows can be told apart perfectly */
  options.lambda_min_ratio = t->p > t->n && strcmp(t->family, "gaussian") != 0 ? 0.3 : 0.05;
  options.solver = solver;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, r, c, &grid));
  ASSERT_OK(test_problem_create(t, grid, &problem));
  ASSERT_OK(bvl_path_create(problem, &options, NULL, &path));
  ASSERT_OK(bvl_path_solve(path, NULL, NULL));
  for (int64_t k = 0; k < LAMBDAS; k++) {
    bvl_path_point point;
    bvl_path_get(path, k, &point);
    out->lambda[k] = point.lambda;
    out->intercept[k] = point.intercept;
    out->objective[k] = point.objective;
    out->kkt[k] = point.kkt_residual;
    if (point.status != 0 && bvl_test_rank() == 0)
      fprintf(bvl_test_log(), "%s %s lambda %g: status %d kkt %g iterations %lld\n", t->family,
              t->penalty, point.lambda, point.status, point.kkt_residual,
              (long long)point.iterations);
    ASSERT_ALL(point.status == 0);
    ASSERT_ALL(isnan(point.dual_gap));
    test_coefficients(path, k, t->p, out->beta[k]);
  }
  int64_t n = 0;
  const bvl_batch *batches = bvl_path_batches(path, &n);
  out->together = 0;
  for (int64_t k = 0; k < n; k++) out->together += batches[k].finished;
  bvl_path_destroy(&path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

/* ---- the definitions, with the default gamma ------------------------------------------------ */

static double slope_of(const char *penalty, double lw, double t)
{
  if (strcmp(penalty, "mcp") == 0) return t < 3 * lw ? lw - t / 3 : 0;
  if (t <= lw) return lw;
  return t < 3.7 * lw ? (3.7 * lw - t) / 2.7 : 0;
}

static double value_of(const char *penalty, double lw, double t)
{
  const double first = strcmp(penalty, "mcp") == 0 ? 0 : fmin(t, lw);
  const double second = fmin(t, (strcmp(penalty, "mcp") == 0 ? 3 : 3.7) * lw) - first;
  return first * lw +
         fmax(second, 0) * (slope_of(penalty, lw, first) + slope_of(penalty, lw, t)) / 2;
}

/* Weighted standard deviation of column j. */
static double scale_of(const test_problem *t, int64_t j)
{
  double total = 0;
  double mean = 0;
  double variance = 0;
  for (int64_t i = 0; i < t->n; i++) {
    const double w = t->has_w ? t->w[i] : 1;
    total += w;
    mean += w * t->X[i + j * t->n];
  }
  mean /= total;
  for (int64_t i = 0; i < t->n; i++) {
    const double x = t->X[i + j * t->n] - mean;
    variance += (t->has_w ? t->w[i] : 1) * x * x / total;
  }
  return sqrt(variance);
}

static const char *const stands_for[] = {"lasso", "group-lasso"};

static int is_grouped(const test_problem *t)
{
  return strncmp(t->penalty, "group-", 6) == 0;
}

/* What the penalty asks of the block that column j is in, at a norm of `size`: lambda's factor, and
 * how the penalty adds up. */
typedef struct share {
  double factor; /* slope over lambda */
  double linear; /* slope times size */
  double value;
} share;

static share share_of(const test_problem *t, double lambda, double weight, double size)
{
  const char *name = t->penalty + (is_grouped(t) ? 6 : 0);
  const double slope = slope_of(name, lambda * weight, size);
  return (share){slope / lambda, slope * size, value_of(name, lambda * weight, size)};
}

/* Norm and number of the columns of group `id`, standardised. */
static double group_norm(const test_problem *t, int64_t id, const double *beta, int64_t *size)
{
  double sum = 0;
  *size = 0;
  for (int64_t j = 0; j < t->p; j++) {
    if (t->groups[j] != id) continue;
    sum += pow(beta[j] * scale_of(t, j), 2);
    ++*size;
  }
  return sqrt(sum);
}

/* Stationarity relative to lambda, and the objective. */
static double judge(const test_problem *t, double lambda, const double *beta, double intercept,
                    double *objective)
{
  static double factor[TEST_MAX_P];
  oracle_problem q = test_problem_oracle(t);
  double linear = 0;
  double penalty = 0;
  int64_t n = 0; /* groups in ascending order of their ids */
  for (int64_t id = -TEST_MAX_P; is_grouped(t) && id < TEST_MAX_P; id++) {
    int64_t size = 0;
    const double norm = group_norm(t, id, beta, &size);
    if (size == 0) continue;
    const share of = share_of(t, lambda, sqrt((double)size), norm);
    factor[n++] = of.factor;
    linear += of.linear;
    penalty += of.value;
  }
  for (int64_t j = 0; !is_grouped(t) && j < t->p; j++) {
    const share of = share_of(t, lambda, t->has_factor ? t->factor[j] : 1,
                              fabs(beta[j]) * scale_of(t, j));
    factor[j] = of.factor;
    linear += of.linear;
    penalty += of.value;
  }
  q.penalty = stands_for[is_grouped(t)];
  if (is_grouped(t))
    q.group_weights = factor;
  else
    q.penalty_factor = factor;
  const oracle_certificate c = oracle_certify(&q, lambda, beta, intercept);
  *objective = c.objective - linear + penalty;
  return c.kkt;
}

static test_problem *problem_of(int f, int q, int wide)
{
  static test_problem t;
  test_problem_make(&t, wide ? 40 : 80, wide ? 50 : 25, families[f], penalties[q]);
  t.has_w = q % 2 == 1;
  t.has_o = q % 2 == 0;
  t.has_factor = f == 1;
  t.has_groups = q > 1;
  return &t;
}

static void test_paths_are_stationary(void **state)
{
  (void)state;
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static solved s;
  static solved cd;
  int better = 0;
  int compared = 0;
  for (int at = 0; at < 16; at++) { /* the last four: groups */
    const int wide = at % 2;
    test_problem *t = problem_of(at / 4 % 3, at / 2 % 2 + (at >= 12 ? 2 : 0), wide);
    solve(t, shapes[at % n_shapes][0], shapes[at % n_shapes][1], BVL_SOLVER_AUTO, &s);
    ASSERT_ALL(s.together == LAMBDAS); /* none was left to the general solver */
    double null = NAN;
    for (int64_t k = 0; k < LAMBDAS; k++) {
      double here = 0;
      double start = INFINITY;
      const double kkt = judge(t, s.lambda[k], s.beta[k], s.intercept[k], &here);
      if (k == 0) null = here; /* lambda_max: nothing is in */
      if (k > 0) judge(t, s.lambda[k], s.beta[k - 1], s.intercept[k - 1], &start);
      /* a hundredth of the tolerance that is asked for */
      const int good = kkt <= 1e-8 && s.kkt[k] <= 1e-8 && here <= start + 1e-12 * fabs(null) &&
                       here <= null + 1e-12 * fabs(null) &&
                       bvl_test_near(here, s.objective[k], 1e-11 * (fabs(here) + fabs(null)));
      if (!good && bvl_test_rank() == 0)
        fprintf(bvl_test_log(),
                "%s %s wide %d lambda %g: kkt %g stored %g objective %.15g from "
                "%.15g null %.15g\n",
                t->family, t->penalty, wide, s.lambda[k], kkt, s.kkt[k], here, start, null);
      ASSERT_ALL(good);
    }
    if (at / 4 % 3 > 0 || bvl_test_size() > 1) continue; /* once is enough */
    solve(t, 1, 1, BVL_SOLVER_CD, &cd);
    for (int64_t k = 0; k < LAMBDAS; k++, compared++)
      better += s.objective[k] <= cd.objective[k] + 1e-3 * fabs(cd.objective[k]);
  }
  ASSERT_ALL(10 * better >= 9 * compared);
}

/* Rank counts and grids do not change the answer. */
static void test_grids_agree(void **state)
{
  (void)state;
  static solved a;
  static solved b;
  for (int f = 0; f < 3; f++) {
    test_problem *t = problem_of(f, f % 2, 0);
    solve(t, 1, bvl_test_size(), BVL_SOLVER_AUTO, &a);
    solve(t, bvl_test_size(), 1, BVL_SOLVER_AUTO, &b);
    for (int64_t k = 0; k < LAMBDAS; k++) {
      double largest = 0;
      double apart = 0;
      for (int64_t j = 0; j < t->p; j++) {
        largest = fmax(largest, fabs(a.beta[k][j]));
        apart = fmax(apart, fabs(a.beta[k][j] - b.beta[k][j]));
      }
      ASSERT_ALL(apart <= 1e-6 * largest);
      ASSERT_ALL(bvl_test_near(a.objective[k], b.objective[k], 1e-10 * fabs(a.objective[0])));
    }
  }
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_paths_are_stationary), cmocka_unit_test(test_grids_agree))
