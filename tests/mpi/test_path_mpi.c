/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole paths by the certified engine, on every grid the ranks allow: each lambda is judged by the
 * independent certificate of oracle.h, and identities of the problem are identities of the answer.
 */
#include "solved_path.h"

#include "model/problem.h"

static void judge(const test_problem *t, const solved *s)
{
  const oracle_problem q = test_problem_oracle(t);
  for (int64_t k = 0; k < s->n_lambda; k++) {
    const oracle_certificate c = oracle_certify(&q, s->lambda[k], s->beta[k], s->intercept[k]);
    const int good = c.gap <= GAP_TOL && c.kkt <= KKT_TOL &&
                     fabs(c.objective - s->objective[k]) <=
                         1e-11 * (fabs(c.objective) + c.null_half);
    if (!good && bvl_test_rank() == 0)
      fprintf(bvl_test_log(), "%s %s lambda %g: gap %g kkt %g objective %.15g stored %.15g\n",
              t->family, t->penalty, s->lambda[k], c.gap, c.kkt, c.objective, s->objective[k]);
    ASSERT_ALL(good);
    /* the null model from lambda_max up, to the last bit */
    if (s->lambda[k] >= s->lambda_max && !t->has_factor) ASSERT_ALL(c.support == 0);
  }
}

static const char *const families[] = {"gaussian", "binomial", "poisson"};
static const char *const penalties[] = {"lasso", "enet", "group-lasso", "sparse-group-lasso"};

static void test_every_pair_is_certified(void **state)
{
  (void)state;
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static test_problem t;
  static solved s;
  for (int f = 0; f < 3; f++)
    for (int q = 0; q < 4; q++) {
      test_problem_make(&t, 40, 50, families[f], penalties[q]);
      t.has_w = q == 1;
      t.has_o = q != 0;
      bvl_path_options options = short_path();
      solve(&t, shapes[f % n_shapes][0], shapes[f % n_shapes][1], &options, &s);
      judge(&t, &s);
    }
}

static void test_intercept_and_scaling(void **state)
{
  (void)state;
  static test_problem t;
  static solved s;
  for (int setting = 0; setting < 3; setting++) {
    test_problem_make(&t, 60, 24, families[setting], "lasso");
    t.intercept = setting == 1;
    t.standardize = setting == 2;
    bvl_path_options options = short_path();
    solve(&t, 1, bvl_test_size(), &options, &s);
    judge(&t, &s);
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
  for (int f = 0; f < 3; f++) {
    test_problem_make(&t, 40, 50, families[f], f == 1 ? "group-lasso" : "lasso");
    bvl_path_options options = short_path();
    solve(&t, shapes[0][0], shapes[0][1], &options, &s[0]);
    for (int g = 1; g < n_shapes; g++) {
      solve(&t, shapes[g][0], shapes[g][1], &options, &s[1]);
      for (int64_t k = 0; k < s[0].n_lambda; k++) {
        double largest = 0;
        for (int64_t j = 0; j < t.p; j++) largest = fmax(largest, fabs(s[0].beta[k][j]));
        int same = bvl_test_near(s[0].objective[k], s[1].objective[k],
                                 1e-10 * fabs(s[0].objective[k]));
        for (int64_t j = 0; j < t.p; j++)
          same &= bvl_test_near(s[0].beta[k][j], s[1].beta[k][j], 1e-6 * largest);
        ASSERT_ALL(same);
      }
    }
  }
}

/* Answers certified to a gap of 1e-8 and KKT 1e-6 differ by some 1e-6 on these well-conditioned
 * problems; the engine in fact goes to 1e-10 and better. */
static const double SAME = 1e-7;

static void assert_same(const solved *a, const solved *b, int64_t p)
{
  for (int64_t k = 0; k < a->n_lambda; k++) {
    int same = bvl_test_near(a->intercept[k], b->intercept[k], SAME * (1 + fabs(a->intercept[k])));
    for (int64_t j = 0; j < p; j++)
      same &= bvl_test_near(a->beta[k][j], b->beta[k][j], SAME * (1 + fabs(a->beta[k][j])));
    ASSERT_ALL(same);
  }
}

static bvl_path_options fixed_lambdas(const double *lambda, int64_t n)
{
  bvl_path_options options = short_path();
  options.lambda = lambda;
  options.n_lambda = n;
  return options;
}

static void test_size_one_groups_are_the_lasso(void **state)
{
  (void)state;
  static test_problem t;
  static solved s[2];
  bvl_path_options options = short_path();
  test_problem_make(&t, 40, 50, "binomial", "lasso");
  solve(&t, 1, bvl_test_size(), &options, &s[0]);
  t.has_groups = 1;
  for (int64_t j = 0; j < t.p; j++) t.groups[j] = 100 - j;
  for (int k = 2; k < 4; k++) {
    t.penalty = penalties[k];
    t.alpha = k == 3 ? 0.3 : NAN;
    solve(&t, 1, bvl_test_size(), &options, &s[1]);
    assert_same(&s[0], &s[1], t.p);
  }
}

/* The weight of a group acts on its norm alone: every mix is certified, with all the zeros that the
 * l1 part makes inside active groups, and the ends are the group lasso and the lasso. */
static void test_sparse_group_mixes(void **state)
{
  (void)state;
  static test_problem t;
  static solved s[2];
  const double alpha[] = {0.01, 0.3, 0.7, 0.95};
  for (int k = 0; k < 4; k++) {
    test_problem_make(&t, 40, 50, families[k % 3], "sparse-group-lasso");
    t.alpha = alpha[k];
    t.has_o = k == 1;
    t.has_factor = k == 2; /* two columns leave their groups */
    for (int64_t j = 0; j < t.p; j++) t.factor[j] = j == 3 ? 0 : j == 2 ? INFINITY : 1;
    bvl_path_options options = short_path();
    solve(&t, k % 2 ? bvl_test_size() : 1, k % 2 ? 1 : bvl_test_size(), &options, &s[0]);
    judge(&t, &s[0]);
    int64_t inner_zeros = 0; /* of groups that have something else */
    for (int64_t j = 0; j < t.p; j++)
      for (int64_t i = 0; i < t.p && s[0].beta[11][j] == 0; i++)
        inner_zeros += t.groups[i] == t.groups[j] && s[0].beta[11][i] != 0;
    ASSERT_ALL(k == 0 || inner_zeros > 0);
  }
  const char *const ends[] = {"group-lasso", "lasso"};
  for (int k = 0; k < 2; k++) {
    bvl_path_options options = short_path();
    test_problem_make(&t, 40, 50, "gaussian", "sparse-group-lasso");
    t.alpha = k;
    solve(&t, 1, bvl_test_size(), &options, &s[0]);
    judge(&t, &s[0]);
    t.penalty = ends[k];
    t.alpha = NAN;
    solve(&t, 1, bvl_test_size(), &options, &s[1]);
    assert_same(&s[0], &s[1], t.p);
  }
}

/* Weight 2 is the row twice (weights are scaled to sum n, so lambda keeps its meaning). */
static void test_weight_two_is_the_row_twice(void **state)
{
  (void)state;
  static test_problem once;
  static test_problem twice;
  static solved s[2];
  const double lambda[3] = {0.2, 0.1, 0.05};
  bvl_path_options options = fixed_lambdas(lambda, 3);
  test_problem_make(&once, 30, 20, "gaussian", "lasso");
  test_problem_make(&twice, 40, 20, "gaussian", "lasso");
  once.has_w = 1;
  for (int64_t i = 0; i < 30; i++) once.w[i] = i < 10 ? 2 : 1;
  for (int64_t i = 0; i < 40; i++) {
    const int64_t from = i < 30 ? i : i - 30;
    twice.y[i] = once.y[from];
    for (int64_t j = 0; j < 20; j++) twice.X[i + j * 40] = once.X[from + j * 30];
  }
  solve(&once, 1, bvl_test_size(), &options, &s[0]);
  solve(&twice, bvl_test_size(), 1, &options, &s[1]);
  assert_same(&s[0], &s[1], 20);
}

static void test_offset_is_part_of_a_gaussian_response(void **state)
{
  (void)state;
  static test_problem t;
  static solved s[2];
  bvl_path_options options = short_path();
  test_problem_make(&t, 40, 30, "gaussian", "lasso");
  t.has_o = 1;
  solve(&t, 1, bvl_test_size(), &options, &s[0]);
  t.has_o = 0;
  for (int64_t i = 0; i < t.n; i++) t.y[i] -= t.o[i];
  solve(&t, 1, bvl_test_size(), &options, &s[1]);
  assert_same(&s[0], &s[1], t.p);
}

/* Reversing columns and rows, and scaling columns (standardised), only relabels the answer. */
static void test_permutation_and_scale(void **state)
{
  (void)state;
  static test_problem t;
  static test_problem u;
  static solved s[2];
  bvl_path_options options = short_path();
  test_problem_make(&t, 40, 50, "poisson", "lasso");
  u = t;
  for (int64_t i = 0; i < t.n; i++) {
    u.y[i] = t.y[t.n - 1 - i];
    for (int64_t j = 0; j < t.p; j++)
      u.X[i + j * t.n] = t.X[(t.n - 1 - i) + (t.p - 1 - j) * t.n] * (1 + (double)j);
  }
  solve(&t, 1, bvl_test_size(), &options, &s[0]);
  solve(&u, bvl_test_size(), 1, &options, &s[1]);
  int same = 1;
  for (int64_t k = 0; k < s[0].n_lambda; k++)
    for (int64_t j = 0; j < t.p; j++)
      same &= bvl_test_near(s[0].beta[k][t.p - 1 - j], s[1].beta[k][j] * (1 + (double)j),
                            SAME * (1 + fabs(s[0].beta[k][t.p - 1 - j])));
  ASSERT_ALL(same);
}

/* Factors: 0 is never shrunk, infinity never enters; with everything unpenalised the path is the
 * plain GLM at every lambda: its gradient is zero. */
static void test_penalty_factors(void **state)
{
  (void)state;
  static test_problem t;
  static solved s;
  bvl_path_options options = short_path();
  test_problem_make(&t, 60, 20, "binomial", "lasso");
  t.has_factor = 1;
  t.factor[3] = 0;
  t.factor[11] = 0;
  t.factor[2] = INFINITY;
  solve(&t, 1, bvl_test_size(), &options, &s);
  judge(&t, &s);
  for (int64_t k = 0; k < s.n_lambda; k++) {
    ASSERT_ALL(s.beta[k][2] == 0);
    ASSERT_ALL(s.beta[k][3] != 0 && s.beta[k][11] != 0);
  }
}

static void test_unpenalised_is_the_plain_glm(void **state)
{
  (void)state;
  static test_problem t;
  static solved s;
  const double lambda[2] = {1, 0};
  for (int f = 0; f < 3; f++) {
    bvl_path_options options = fixed_lambdas(lambda, 2);
    test_problem_make(&t, 80, 4, families[f], "lasso");
    t.has_factor = 1;
    for (int64_t j = 0; j < t.p; j++) t.factor[j] = 0;
    solve(&t, 1, bvl_test_size(), &options, &s);
    for (int64_t j = -1; j < t.p; j++) {
      double gradient = 0;
      double size = 0;
      for (int64_t i = 0; i < t.n; i++) {
        double eta = s.intercept[0];
        for (int64_t k = 0; k < t.p; k++) eta += t.X[i + k * t.n] * s.beta[0][k];
        const double x = j < 0 ? 1 : t.X[i + j * t.n];
        gradient += x * (t.y[i] - (double)oracle_mean(t.family, eta));
        size += fabs(x * t.y[i]);
      }
      /* Newton ends with a decrement below 1e-15 of the null deviance: a gradient of 1e-7 at most
       */
      ASSERT_ALL(bvl_test_near(gradient, 0, 1e-7 * size));
    }
  }
}

static void test_constant_and_duplicate_columns(void **state)
{
  (void)state;
  static test_problem t;
  static solved s;
  for (int f = 0; f < 3; f++) {
    bvl_path_options options = short_path();
    test_problem_make(&t, 40, 30, families[f], f == 2 ? "group-lasso" : "lasso");
    for (int64_t i = 0; i < t.n; i++) {
      t.X[i + 5 * t.n] = 3;                      /* constant */
      t.X[i + 9 * t.n] = t.X[i + 2 * t.n];       /* twice the same */
      t.X[i + 16 * t.n] = -2 * t.X[i + 2 * t.n]; /* and its mirror */
    }
    solve(&t, 1, bvl_test_size(), &options, &s);
    judge(&t, &s);
    for (int64_t k = 0; k < s.n_lambda; k++) ASSERT_ALL(s.beta[k][5] == 0);
  }
}

/* Coordinate descent inside gives the same path. */
static void test_cd_agrees(void **state)
{
  (void)state;
  static test_problem t;
  static solved s[2];
  for (int f = 0; f < 4; f++) {
    bvl_path_options options = short_path();
    options.lambda_min_ratio = 0.1;
    test_problem_make(&t, 60, 30, families[f % 3], penalties[f]);
    if (f == 3) t.alpha = 0.4;
    solve(&t, 1, bvl_test_size(), &options, &s[0]);
    options.solver = BVL_SOLVER_CD;
    solve(&t, 1, bvl_test_size(), &options, &s[1]);
    assert_same(&s[0], &s[1], t.p);
  }
}

/* Lambdas in any order come back in that order; fit's warm path ends where the path does. */
static void test_any_order_and_fit(void **state)
{
  (void)state;
  static test_problem t;
  static solved s[2];
  const double lambda[4] = {0.05, 0.4, 0.1, 0.05};
  test_problem_make(&t, 40, 50, "binomial", "enet");
  bvl_path_options options = fixed_lambdas(lambda, 4);
  solve(&t, 1, bvl_test_size(), &options, &s[0]);
  for (int k = 0; k < 4; k++) ASSERT_ALL(s[0].lambda[k] == lambda[k]);
  judge(&t, &s[0]);
  bvl_path_options fit = short_path();
  fit.path_to = 0.05;
  solve(&t, 1, bvl_test_size(), &fit, &s[1]);
  ASSERT_ALL(s[1].n_lambda == 1 && s[1].lambda[0] == 0.05);
  int same = 1;
  for (int64_t j = 0; j < t.p; j++) same &= bvl_test_near(s[0].beta[0][j], s[1].beta[0][j], SAME);
  ASSERT_ALL(same);
}

/* A point that is not a number is not certified: maxima drop a NaN. */
static void test_nan_is_no_solution(void **state)
{
  (void)state;
  static test_problem t;
  static double v[TEST_MAX_P];
  static double eta[TEST_MAX_N];
  static double beta[TEST_MAX_P];
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  for (int f = 0; f < 3; f++) {
    bvl_certificate c;
    const double intercept = 0;
    const double lambda = 0.1;
    test_problem_make(&t, 40, 50, families[f], penalties[f]);
    ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, bvl_test_size(), &grid));
    ASSERT_OK(test_problem_create(&t, grid, &problem));
    for (int64_t j = 0; j < t.p; j++) beta[j] = NAN;
    for (int64_t i = 0; i < t.n; i++) eta[i] = NAN;
    ASSERT_OK(bvl_certify_many(problem, 1, &lambda, &intercept, beta, eta, v, &c));
    ASSERT_ALL(!(c.gap <= 1) && !(c.kkt <= 1));
    bvl_problem_destroy(&problem);
    bvl_grid_destroy(&grid);
  }
}

static void test_refusals(void **state)
{
  (void)state;
  static test_problem t;
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 0, 0, &grid));
  test_problem_make(&t, 30, 10, "binomial", "lasso");
  t.y[17] = 2;
  ASSERT_ALL(test_problem_create(&t, grid, &problem) == BVL_ERR_INPUT);
  ASSERT_ALL(strstr(bvl_last_error(), "row 17") != NULL);
  for (int64_t i = 0; i < t.n; i++) t.y[i] = 1; /* one class: no finite intercept */
  ASSERT_ALL(test_problem_create(&t, grid, &problem) == BVL_ERR_INPUT);
  test_problem_make(&t, 30, 10, "poisson", "lasso");
  t.y[3] = -1;
  ASSERT_ALL(test_problem_create(&t, grid, &problem) == BVL_ERR_INPUT);
  test_problem_make(&t, 30, 10, "gaussian", "lasso");
  t.has_w = 1;
  t.w[29] = -1;
  ASSERT_ALL(test_problem_create(&t, grid, &problem) == BVL_ERR_INPUT);
  memset(t.w, 0, sizeof t.w);
  ASSERT_ALL(test_problem_create(&t, grid, &problem) == BVL_ERR_INPUT);
  t.has_w = 0;
  t.X[7 + 4 * 30] = NAN;
  ASSERT_ALL(test_problem_create(&t, grid, &problem) == BVL_ERR_INPUT);
  ASSERT_ALL(strstr(bvl_last_error(), "row 7, column 4") != NULL);
  t.family = "cox";
  ASSERT_ALL(test_problem_create(&t, grid, &problem) == BVL_ERR_USAGE);
  ASSERT_ALL(problem == NULL);
  bvl_grid_destroy(&grid);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_every_pair_is_certified),
                  cmocka_unit_test(test_intercept_and_scaling), cmocka_unit_test(test_grids_agree),
                  cmocka_unit_test(test_size_one_groups_are_the_lasso),
                  cmocka_unit_test(test_sparse_group_mixes),
                  cmocka_unit_test(test_weight_two_is_the_row_twice),
                  cmocka_unit_test(test_offset_is_part_of_a_gaussian_response),
                  cmocka_unit_test(test_permutation_and_scale),
                  cmocka_unit_test(test_penalty_factors),
                  cmocka_unit_test(test_unpenalised_is_the_plain_glm),
                  cmocka_unit_test(test_constant_and_duplicate_columns),
                  cmocka_unit_test(test_cd_agrees), cmocka_unit_test(test_any_order_and_fit),
                  cmocka_unit_test(test_nan_is_no_solution), cmocka_unit_test(test_refusals))
