/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounds on coefficients, on every grid the ranks allow: each lambda is feasible and judged by the
 * independent certificate of oracle.h, and identities of the problem are identities of the answer.
 */
#include "solved_path.h"

static const char *const families[] = {"gaussian", "binomial", "poisson"};
static const char *const penalties[] = {"lasso", "enet"};

/* Coefficients strictly inside, and at a finite bound other than zero, over the whole path. */
typedef struct tally {
  int inside;
  int at_bound;
} tally;

static tally judge(const test_problem *t, const solved *s)
{
  const oracle_problem q = test_problem_oracle(t);
  tally count = {0};
  for (int64_t k = 0; k < s->n_lambda; k++) {
    int good = 1;
    for (int64_t j = 0; j < t->p; j++) {
      const double b = s->beta[k][j];
      good &= b >= t->lower[j] && b <= t->upper[j];
      count.at_bound += b != 0 && (b == t->lower[j] || b == t->upper[j]);
      count.inside += b != 0 && b != t->lower[j] && b != t->upper[j];
    }
    const oracle_certificate c = oracle_certify(&q, s->lambda[k], s->beta[k], s->intercept[k]);
    good &= c.gap <= GAP_TOL && c.kkt <= KKT_TOL &&
            fabs(c.objective - s->objective[k]) <= 1e-11 * (fabs(c.objective) + c.null_half) &&
            bvl_test_near(c.lambda_max, s->lambda_max, 1e-9 * c.lambda_max);
    if (!good && bvl_test_rank() == 0)
      fprintf(bvl_test_log(),
              "%s %s lambda %g: gap %g kkt %g objective %.15g stored %.15g max %g %g\n", t->family,
              t->penalty, s->lambda[k], c.gap, c.kkt, c.objective, s->objective[k], c.lambda_max,
              s->lambda_max);
    ASSERT_ALL(good);
    /* the null model from lambda_max up, to the last bit */
    if (s->lambda[k] >= s->lambda_max && !t->has_factor) ASSERT_ALL(c.support == 0);
  }
  return count;
}

/* Bounds of every kind by column: none, one side closed, both sides near, [0, 0]. `unit` is about a
 * coefficient's size on the input's scale. */
static void mixed_bounds(test_problem *t, double unit)
{
  t->has_bounds = 1;
  for (int64_t j = 0; j < t->p; j++) {
    t->lower[j] = j % 5 == 0 ? -INFINITY : j % 5 < 3 ? 0 : -unit * (double)(1 + j % 3);
    t->upper[j] = j % 5 < 2 ? INFINITY : j % 5 == 4 || j % 10 == 3 ? unit : 0;
    if (j % 7 == 2) t->lower[j] = -unit / 2; /* the columns with coefficients */
    if (j % 7 == 2) t->upper[j] = unit / 2;
  }
}

static void all_bounds(test_problem *t, double lower, double upper)
{
  t->has_bounds = 1;
  for (int64_t j = 0; j < t->p; j++) t->lower[j] = lower;
  for (int64_t j = 0; j < t->p; j++) t->upper[j] = upper;
}

static void test_mixed_bounds_are_certified(void **state)
{
  (void)state;
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static test_problem t;
  static solved s;
  for (int f = 0; f < 3; f++)
    for (int q = 0; q < 2; q++) {
      test_problem_make(&t, 40, 50, families[f], penalties[q]);
      mixed_bounds(&t, 0.2);
      t.has_w = q == 1;
      t.has_o = q == 0;
      bvl_path_options options = short_path();
      solve(&t, shapes[(f + q) % n_shapes][0], shapes[(f + q) % n_shapes][1], &options, &s);
      const tally count = judge(&t, &s);
      ASSERT_ALL(count.inside > 10 && count.at_bound > 10);
    }
}

static void test_non_negative(void **state)
{
  (void)state;
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static test_problem t;
  static solved s;
  for (int f = 0; f < 3; f++)
    for (int q = 0; q < 2; q++) {
      test_problem_make(&t, f == 0 ? 70 : 40, f == 0 ? 30 : 50, families[f], penalties[q]);
      all_bounds(&t, 0, INFINITY);
      t.has_factor = f == 1;
      bvl_path_options options = short_path();
      solve(&t, shapes[f % n_shapes][0], shapes[f % n_shapes][1], &options, &s);
      ASSERT_ALL(judge(&t, &s).inside > 10);
    }
}

/* Sides closed at zero alone, each way: runs of lambdas go by the engines for them, tall and wide,
 * and lambda = 0 by the general one; coordinate descent finds the same. */
static void test_signs(void **state)
{
  (void)state;
  static test_problem t;
  static solved s[2];
  const double lambda[] = {0.3, 0.2, 0.1, 0.05, 0.02, 0};
  bvl_path_options options = short_path();
  options.lambda = lambda;
  for (int f = 0; f < 3; f++)
    for (int q = 0; q < 2; q++) {
      const int tall = (f + q) % 2;
      test_problem_make(&t, tall ? 80 : 40, tall ? 20 : 50, families[f], penalties[q]);
      all_bounds(&t, 0, INFINITY);
      for (int64_t j = 0; j < t.p; j++) {
        if (j % 4 > 0) t.lower[j] = j % 4 == 2 ? 0 : -INFINITY;
        if (j % 4 > 0 && j % 4 < 3) t.upper[j] = 0;
      }
      options.n_lambda = tall ? 6 : 5; /* wide, lambda = 0 has many answers */
      options.solver = BVL_SOLVER_AUTO;
      solve(&t, 1, bvl_test_size(), &options, &s[0]);
      s[0].n_lambda = 5; /* the oracle divides by lambda */
      ASSERT_ALL(judge(&t, &s[0]).inside > 10);
      options.solver = BVL_SOLVER_CD;
      options.n_lambda = 4; /* its budget ends there */
      solve(&t, bvl_test_size(), 1, &options, &s[1]);
      for (int64_t k = 0; k < 4; k++) /* each within 1e-8 of half the null deviance */
        ASSERT_ALL(bvl_test_near(s[0].objective[k], s[1].objective[k], 1e-7));
      int inside = 1;
      for (int64_t j = 0; j < t.p && tall; j++)
        inside &= s[0].beta[5][j] >= t.lower[j] && s[0].beta[5][j] <= t.upper[j];
      ASSERT_ALL(inside);
    }
}

/* Without an intercept, without the standardization, by coordinate descent. */
static void test_settings(void **state)
{
  (void)state;
  static test_problem t;
  static solved s;
  for (int setting = 0; setting < 3; setting++) {
    test_problem_make(&t, 60, 24, families[setting], penalties[setting % 2]);
    mixed_bounds(&t, 0.1);
    t.intercept = setting != 1;
    t.standardize = setting != 2;
    bvl_path_options options = short_path();
    options.lambda_min_ratio = 0.1;
    if (setting == 0) options.solver = BVL_SOLVER_CD;
    solve(&t, 1, bvl_test_size(), &options, &s);
    ASSERT_ALL(judge(&t, &s).at_bound > 5);
  }
}

/* At lambda = 0 only the bounds are left: every side closed or ended, so the dual bound is finite.
 */
static void test_no_penalty(void **state)
{
  (void)state;
  static test_problem t;
  static solved s;
  const double lambda[] = {0.05, 0};
  bvl_path_options options = short_path();
  options.lambda = lambda;
  options.n_lambda = 2;
  for (int f = 0; f < 3; f++) {
    test_problem_make(&t, 60, 24, families[f], "lasso");
    all_bounds(&t, -0.1, 0.2);
    solve(&t, 1, bvl_test_size(), &options, &s);
    int at_bound = 0, inside = 1;
    for (int64_t j = 0; j < t.p; j++) {
      inside &= s.beta[1][j] >= -0.1 && s.beta[1][j] <= 0.2;
      at_bound += s.beta[1][j] == -0.1 || s.beta[1][j] == 0.2;
    }
    ASSERT_ALL(inside && at_bound > 0);
    /* the oracle divides by lambda: next to 0 its residual is the one at 0 in units of this lambda,
     * so the gap alone speaks; the penalty's value there is at most 24 * 1e-12 * 0.2 * scale */
    const oracle_problem q = test_problem_oracle(&t);
    const oracle_certificate c = oracle_certify(&q, 1e-12, s.beta[1], s.intercept[1]);
    ASSERT_ALL(c.gap <= GAP_TOL);
  }
}

/* [0, 0] excludes a column as an infinite penalty factor does; the others' bounds are far away. */
static void test_zero_bounds_exclude(void **state)
{
  (void)state;
  static test_problem t;
  static solved s[2];
  const bvl_path_options options = short_path();
  test_problem_make(&t, 60, 24, "gaussian", "lasso");
  all_bounds(&t, -INFINITY, 1e6);
  t.lower[2] = t.upper[2] = t.lower[9] = t.upper[9] = 0;
  solve(&t, 1, bvl_test_size(), &options, &s[0]);
  judge(&t, &s[0]);
  for (int64_t j = 0; j < t.p; j++) t.factor[j] = j == 2 || j == 9 ? INFINITY : 1;
  t.has_bounds = 0;
  t.has_factor = 1;
  solve(&t, 1, bvl_test_size(), &options, &s[1]);
  ASSERT_ALL(s[0].lambda_max == s[1].lambda_max);
  for (int64_t k = 0; k < s[0].n_lambda; k++) {
    ASSERT_ALL(s[0].beta[k][2] == 0 && s[0].beta[k][9] == 0);
    ASSERT_ALL(bvl_test_near(s[0].objective[k], s[1].objective[k], 1e-9 * s[1].objective[k]));
  }
}

/* Ends far away change nothing: what a solver leaves of a residual is not multiplied by them. Both
 * answers are within 1e-8 of half the null deviance, which is of order 1. */
static void test_far_ends(void **state)
{
  (void)state;
  static test_problem t;
  static solved s[2];
  const bvl_path_options options = short_path();
  for (int f = 0; f < 3; f++) {
    test_problem_make(&t, 40, 50, families[f], penalties[f % 2]);
    solve(&t, 1, bvl_test_size(), &options, &s[0]);
    all_bounds(&t, -1e12, 1e12);
    solve(&t, 1, bvl_test_size(), &options, &s[1]);
    judge(&t, &s[1]);
    for (int64_t k = 0; k < s[0].n_lambda; k++)
      ASSERT_ALL(bvl_test_near(s[0].objective[k], s[1].objective[k], 1e-7));
  }
}

/* Infinite bounds are none, to the last bit. */
static void test_infinite_bounds_are_none(void **state)
{
  (void)state;
  static test_problem t;
  static solved s[2];
  const bvl_path_options options = short_path();
  for (int f = 0; f < 3; f++) {
    test_problem_make(&t, 40, 50, families[f], penalties[f % 2]);
    solve(&t, 1, bvl_test_size(), &options, &s[0]);
    all_bounds(&t, -INFINITY, INFINITY);
    solve(&t, 1, bvl_test_size(), &options, &s[1]);
    for (int64_t k = 0; k < s[0].n_lambda; k++) {
      ASSERT_ALL(s[0].objective[k] == s[1].objective[k]);
      ASSERT_ALL(s[0].intercept[k] == s[1].intercept[k]);
      ASSERT_ALL(memcmp(s[0].beta[k], s[1].beta[k], sizeof s[0].beta[k]) == 0);
    }
  }
}

/* A column in other units (a power of two: no rounding), its bounds with it: the same fit. */
static void test_units_do_not_matter(void **state)
{
  (void)state;
  static test_problem t;
  static solved s[2];
  const bvl_path_options options = short_path();
  for (int f = 0; f < 3; f++) {
    test_problem_make(&t, 40, 50, families[f], penalties[f % 2]);
    mixed_bounds(&t, 0.2);
    solve(&t, 1, bvl_test_size(), &options, &s[0]);
    for (int64_t j = 0; j < t.p; j++) {
      const double unit = ldexp(1, (int)(j % 9) - 4);
      for (int64_t i = 0; i < t.n; i++) t.X[i + j * t.n] *= unit;
      t.lower[j] /= unit;
      t.upper[j] /= unit;
    }
    solve(&t, 1, bvl_test_size(), &options, &s[1]);
    ASSERT_ALL(judge(&t, &s[1]).at_bound > 10);
    for (int64_t k = 0; k < s[0].n_lambda; k++) {
      int same = s[0].objective[k] == s[1].objective[k];
      for (int64_t j = 0; j < t.p; j++)
        same &= s[0].beta[k][j] == s[1].beta[k][j] * ldexp(1, (int)(j % 9) - 4);
      ASSERT_ALL(same);
    }
  }
}

/* Every grid gives the same answer: objective to 1e-10, coefficients to 1e-6 of the largest. */
static void test_grids_agree(void **state)
{
  (void)state;
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static test_problem t;
  static solved s[2];
  bvl_path_options options = short_path();
  options.tol = 1e-10;
  for (int f = 0; f < 2; f++) {
    test_problem_make(&t, 60, 24, families[f], "lasso");
    mixed_bounds(&t, 0.2);
    solve(&t, shapes[0][0], shapes[0][1], &options, &s[0]);
    for (int shape = 1; shape < n_shapes; shape++) {
      solve(&t, shapes[shape][0], shapes[shape][1], &options, &s[1]);
      for (int64_t k = 0; k < s[0].n_lambda; k++) {
        double largest = 0;
        for (int64_t j = 0; j < t.p; j++) largest = fmax(largest, fabs(s[0].beta[k][j]));
        int same = bvl_test_near(s[0].objective[k], s[1].objective[k], 1e-10 * s[0].objective[k]);
        for (int64_t j = 0; j < t.p; j++)
          same &= bvl_test_near(s[0].beta[k][j], s[1].beta[k][j], 1e-6 * largest);
        ASSERT_ALL(same);
      }
    }
  }
}

static void refuse(test_problem *t, bvl_status want, const char *words)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, bvl_test_size(), &grid));
  const bvl_status status = test_problem_create(t, grid, &problem);
  ASSERT_ALL(status == want && problem == NULL);
  ASSERT_ALL(strstr(bvl_last_error(), words) != NULL);
  bvl_grid_destroy(&grid);
}

static void test_refusals(void **state)
{
  (void)state;
  static test_problem t;
  test_problem_make(&t, 40, 20, "gaussian", "lasso");
  all_bounds(&t, -1, 1);
  t.lower[7] = 0.5;
  refuse(&t, BVL_ERR_INPUT, "lower: column 7: 0.5");
  t.lower[7] = NAN;
  refuse(&t, BVL_ERR_INPUT, "lower: column 7: nan");
  t.lower[7] = 0;
  t.upper[19] = -1e-300;
  refuse(&t, BVL_ERR_INPUT, "upper: column 19: -1e-300");
  t.upper[19] = 0;
  t.has_factor = 1;
  t.factor[3] = 0;
  refuse(&t, BVL_ERR_INPUT, "column 3 is unpenalised");
  test_problem_make(&t, 40, 20, "gaussian", "group-lasso");
  all_bounds(&t, -1, 1);
  refuse(&t, BVL_ERR_USAGE, "group-lasso");
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  bvl_path_options options = short_path();
  options.solver = BVL_SOLVER_ADAM;
  test_problem_make(&t, 40, 20, "gaussian", "lasso");
  all_bounds(&t, -1, 1);
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, bvl_test_size(), &grid));
  ASSERT_OK(test_problem_create(&t, grid, &problem));
  ASSERT_ALL(bvl_path_create(problem, &options, NULL, &path) == BVL_ERR_USAGE);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_mixed_bounds_are_certified),
                  cmocka_unit_test(test_non_negative), cmocka_unit_test(test_signs),
                  cmocka_unit_test(test_settings), cmocka_unit_test(test_no_penalty),
                  cmocka_unit_test(test_zero_bounds_exclude),
                  cmocka_unit_test(test_infinite_bounds_are_none), cmocka_unit_test(test_far_ends),
                  cmocka_unit_test(test_units_do_not_matter), cmocka_unit_test(test_grids_agree),
                  cmocka_unit_test(test_refusals))
