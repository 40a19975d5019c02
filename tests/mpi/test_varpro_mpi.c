/* SPDX-License-Identifier: BSD-3-Clause */
/* Variable projection: the forms of the inner problem against each other, derivatives against
 * differences, and whole paths against the certified engine. */
#include "bvl_problem.h"

#include "base/checked.h"
#include "solver/varpro/varpro_outer.h"

static const bvl_varpro_form_type *const forms[] = {&bvl_varpro_rows, &bvl_varpro_gram,
                                                    &bvl_varpro_cg, &bvl_varpro_cyclic};
enum { N_FORMS = 4 };

/* What test_problem leaves at its default: 1/2 is not for variable projection. */
static void set_q(bvl_problem *problem)
{
  if (problem->penalty.type->shape_name != NULL) problem->penalty.shape = 0.8;
}

/* Response k of three: y itself, or y with a column added. */
enum { RESPONSES = 3 };
static bvl_status read_responses(void *context, const char *what, int64_t row0, int64_t count,
                                 double *out, int *present)
{
  const test_problem *t = context;
  if (strcmp(what, "y") != 0) return test_problem_read(context, what, row0, count, out, present);
  *present = 1;
  for (int64_t i = 0; i < count; i++)
    for (int64_t k = 0; k < RESPONSES; k++)
      out[i * RESPONSES + k] = t->y[row0 + i] + (k > 0 ? t->X[row0 + i + 7 * k * t->n] : 0);
  return BVL_OK;
}

/* test_problem_create with several responses. */
static bvl_status create_multi(test_problem *t, const bvl_grid *grid, bvl_problem **out)
{
  bvl_source source;
  bvl_status status = bvl_source_dense_borrow(BVL_F64, t->n, t->p, t->X, t->n, 1, &source);
  if (status != BVL_OK) return status;
  const bvl_problem_data data = {.penalty = t->penalty,
                                 .intercept = t->intercept,
                                 .standardize = t->standardize,
                                 .groups = t->has_groups ? t->groups : NULL,
                                 .penalty_factor = t->has_factor ? t->factor : NULL,
                                 .n_responses = RESPONSES,
                                 .n_slices = 1,
                                 .context = t,
                                 .read_rows = read_responses};
  status = bvl_problem_create(grid, &source, &data, out);
  bvl_source_memory_free(&source);
  return status;
}

/* ---- the outer problem on all columns --------------------------------------------------------
 */

typedef struct bench {
  test_problem data;
  bvl_grid *grid;
  bvl_problem *problem;
  bvl_working_set *set;
  double *residual;
  double lambda_max;
  bvl_varpro_form *form;
  bvl_varpro_outer outer;
} bench;

/* Weights, offset and factors, one of them 0 and one infinite, and every column in the set. */
static void open_bench(bench *b, int64_t n, int64_t p, const char *penalty, int multi,
                       const int *shape)
{
  unsigned char *wanted = NULL;
  double *v = NULL;
  memset(b, 0, sizeof *b);
  test_problem_make(&b->data, n, p, "gaussian", penalty);
  b->data.has_w = 1;
  b->data.has_o = !multi;
  b->data.has_groups = strncmp(penalty, "group", 5) == 0;
  b->data.has_factor = !b->data.has_groups;
  b->data.factor[3] = 0;
  b->data.factor[5] = INFINITY;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, shape[0], shape[1], &b->grid));
  ASSERT_OK((multi ? create_multi : test_problem_create)(&b->data, b->grid, &b->problem));
  set_q(b->problem);
  bvl_problem *problem = b->problem;
  ASSERT_OK(bvl_working_set_create(problem, &b->set));
  ASSERT_OK(BVL_ALLOC(&wanted, problem->blocks.n));
  ASSERT_OK(BVL_ALLOC(&v, bvl_problem_n_coef(problem)));
  const int64_t n_split = bvl_problem_n_split(problem);
  const int64_t row0 = problem->X->rows.split0;
  ASSERT_OK(BVL_ALLOC(&b->residual, n_split * problem->outputs));
  for (int64_t g = 0; g < problem->blocks.n; g++) wanted[g] = problem->blocks.weight[g] < INFINITY;
  ASSERT_OK(bvl_working_set_add(b->set, wanted));
  ASSERT_OK(bvl_problem_lambda_max(problem, &b->lambda_max, v));
  ASSERT_OK(bvl_problem_eta(problem, &problem->null_point, b->residual));
  for (int64_t i = 0; i < n_split * problem->outputs; i++)
    b->residual[i] = (multi ? problem->responses[i] : problem->y[row0 + i]) - b->residual[i];
  free(v);
  free(wanted);
}

static void close_bench(bench *b)
{
  bvl_varpro_outer_free(&b->outer);
  bvl_varpro_form_destroy(&b->form);
  bvl_working_set_destroy(&b->set);
  bvl_problem_destroy(&b->problem);
  bvl_grid_destroy(&b->grid);
  free(b->residual);
}

static void take_form(bench *b, const bvl_varpro_form_type *type)
{
  bvl_varpro_outer_free(&b->outer);
  bvl_varpro_form_destroy(&b->form);
  b->outer.problem = b->problem;
  b->outer.lambda = 0.1 * b->lambda_max;
  ASSERT_OK(bvl_varpro_find_map(&b->problem->penalty, &b->outer.map));
  ASSERT_OK(bvl_varpro_form_create(type, b->problem, b->set, b->residual, &b->form));
  ASSERT_OK(b->form->type->follow(b->form));
  ASSERT_OK(bvl_varpro_outer_bind(&b->outer, b->form));
}

/* The same number for a block wherever it is: by the position of its first column. */
static double draw(const bench *b, int64_t g, uint64_t what)
{
  const int64_t unknown = b->set->begin[b->form->block[g]] - b->problem->intercept;
  return bvl_rng_normal(23, BVL_STREAM_INIT, what, (uint64_t)b->set->columns->position[unknown]);
}

/* A third of the blocks at zero, one of the others tiny. */
static void draw_v(bench *b)
{
  for (int64_t g = 0; g < b->form->n_blocks; g++) {
    const double z = draw(b, g, 0);
    b->outer.v[g] = z < -0.4 ? 0 : z > 1.8 ? 1e-6 : z;
  }
}

/* out (n_blocks of the set) <- x by block, from the ranks that have it. */
static void gather(const bench *b, const double *x, double *out)
{
  memset(out, 0, (size_t)b->set->n_blocks * sizeof *out);
  for (int64_t g = 0; g < b->form->n_blocks; g++) out[b->form->block[g]] = x[g];
  ASSERT_OK(bvl_sum(&b->grid->all, out, b->set->n_blocks));
}

static const struct {
  int64_t n, p;
  const char *penalty;
  int multi;
} shapes[] = {{30, 60, "lasso", 0},       {80, 25, "lasso", 0},      {30, 60, "enet", 0},
              {40, 60, "group-lasso", 0}, {30, 60, "lq", 0},         {80, 25, "group-lq", 0},
              {30, 60, "lasso", 1},       {80, 25, "group-lasso", 1}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static void test_forms_agree(void **state)
{
  (void)state;
  int grids[3][2];
  const int n_grids = test_grids(grids);
  for (int k = 0; k < N_SHAPES; k++) {
    bench b;
    double gradient[2][TEST_MAX_P + 1], product[2][TEST_MAX_P + 1], value[2];
    open_bench(&b, shapes[k % N_SHAPES].n, shapes[k % N_SHAPES].p, shapes[k % N_SHAPES].penalty,
               shapes[k % N_SHAPES].multi, grids[k % n_grids]);
    for (int f = 0; f < N_FORMS; f++) {
      const int at = f > 0;
      take_form(&b, forms[f]);
      draw_v(&b);
      ASSERT_OK(bvl_varpro_outer_eval(&b.outer));
      value[at] = b.outer.sums.value;
      gather(&b, b.outer.gradient, gradient[at]);
      for (int64_t g = 0; g < b.form->n_blocks; g++) b.outer.vector[0][g] = draw(&b, g, 1);
      ASSERT_OK(bvl_varpro_outer_hessian(&b.outer, b.outer.diagonal, b.outer.vector[0],
                                         b.outer.vector[1]));
      gather(&b, b.outer.vector[1], product[at]);
      if (f == 0) continue;
      /* S and K have condition numbers of some hundreds here: 1e-16 of rounding becomes 1e-13; cg
       * stops at 1e-13 of its first residual */
      ASSERT_ALL(fabs(value[0] - value[1]) <= 1e-10 * value[0]);
      double off = 0, size = 0, product_off = 0, product_size = 0;
      for (int64_t g = 0; g < b.set->n_blocks; g++) {
        off = fmax(off, fabs(gradient[0][g] - gradient[1][g]));
        size = fmax(size, fabs(gradient[0][g]));
        product_off = fmax(product_off, fabs(product[0][g] - product[1][g]));
        product_size = fmax(product_size, fabs(product[0][g]));
      }
      ASSERT_ALL(size > 0 && off <= 1e-10 * size);
      ASSERT_ALL(product_size > 0 && product_off <= 1e-10 * product_size);
    }
    close_bench(&b);
  }
}

/* v <- v0 + t direction, evaluated. */
static void move(bench *b, const double *v0, double t)
{
  for (int64_t g = 0; g < b->form->n_blocks; g++) b->outer.v[g] = v0[g] + t * draw(b, g, 1);
  ASSERT_OK(bvl_varpro_outer_eval(&b->outer));
}

static void test_derivatives(void **state)
{
  (void)state;
  const double h = 1e-5; /* errors: h^2 of truncation, 1e-16 / h of rounding */
  for (int k = 0; k < N_SHAPES * N_FORMS; k++) {
    bench b;
    const int shape[2] = {1, bvl_test_size()};
    open_bench(&b, shapes[k % N_SHAPES].n, shapes[k % N_SHAPES].p, shapes[k % N_SHAPES].penalty,
               shapes[k % N_SHAPES].multi, shape);
    take_form(&b, forms[k / N_SHAPES]);
    bvl_varpro_outer *o = &b.outer;
    const int64_t n = b.form->n_blocks;
    double v0[TEST_MAX_P + 1], Hd[TEST_MAX_P + 1], plus[TEST_MAX_P + 1], slope = 0, worst = 0;
    double size = 0, before;
    for (int64_t g = 0; g < n; g++) v0[g] = 0.3 + fabs(draw(&b, g, 0));
    move(&b, v0, 0);
    for (int64_t g = 0; g < n; g++) o->vector[0][g] = draw(&b, g, 1);
    for (int64_t g = 0; g < n; g++) slope += o->gradient[g] * o->vector[0][g];
    ASSERT_OK(bvl_sum(&b.grid->all, &slope, 1));
    ASSERT_OK(bvl_varpro_outer_hessian(o, o->diagonal, o->vector[0], o->vector[1]));
    for (int64_t g = 0; g < n; g++) Hd[g] = o->vector[1][g];
    move(&b, v0, h);
    for (int64_t g = 0; g < n; g++) plus[g] = o->gradient[g];
    before = o->sums.value;
    move(&b, v0, -h);
    ASSERT_ALL(fabs((before - o->sums.value) / (2 * h) - slope) <= 1e-7 * (1 + fabs(slope)));
    for (int64_t g = 0; g < n; g++) {
      worst = fmax(worst, fabs((plus[g] - o->gradient[g]) / (2 * h) - Hd[g]));
      size = fmax(size, fabs(Hd[g]));
    }
    ASSERT_OK(bvl_max(&b.grid->all, &worst, 1));
    ASSERT_OK(bvl_max(&b.grid->all, &size, 1));
    ASSERT_ALL(size > 0 && worst <= 1e-6 * (1 + size));
    close_bench(&b);
  }
}

/* Every form leads to the same minimum, from a start of its own. */
static void test_forms_minimise(void **state)
{
  (void)state;
  for (int k = 0; k < N_SHAPES; k++) {
    bench b;
    double value[N_FORMS];
    const int shape[2] = {1, bvl_test_size()};
    open_bench(&b, shapes[k].n, shapes[k].p, shapes[k].penalty, shapes[k].multi, shape);
    for (int f = 0; f < N_FORMS; f++) {
      int64_t steps = 0;
      take_form(&b, forms[f]);
      for (int64_t g = 0; g < b.form->n_blocks; g++)
        b.outer.v[g] = f == 0 ? 0 : draw(&b, g, 4 + (uint64_t)f);
      ASSERT_OK(bvl_varpro_minimise(&b.outer, 1e-9, 1e-10 * b.problem->null_half, 200, &steps));
      value[f] = b.outer.sums.value;
      ASSERT_ALL(steps < 200 && b.outer.sums.violators == 0 && b.outer.sums.candidates == 0);
      ASSERT_ALL(b.outer.sums.support > 0 && b.outer.sums.stationary <= 1e-18);
      /* convex: stationary without violators is the minimum, to the slack */
      ASSERT_ALL(!b.problem->penalty.type->convex || fabs(value[f] - value[0]) <= 1e-9 * value[0]);
    }
    close_bench(&b);
  }
}

/* ---- paths ------------------------------------------------------------------------------------
 */

enum { N_LAMBDA = 4 };
static const double share[N_LAMBDA] = {0.7, 0.3, 0.1, 0.05};

static void solve_path(test_problem *t, int multi, const bvl_grid *grid, bvl_solver solver,
                       bvl_problem **problem, bvl_path **path)
{
  bvl_path_options options;
  double *v = NULL;
  double lambda[N_LAMBDA], top = 0;
  bvl_path_options_init(&options);
  ASSERT_OK((multi ? create_multi : test_problem_create)(t, grid, problem));
  set_q(*problem);
  ASSERT_OK(BVL_ALLOC(&v, bvl_problem_n_coef(*problem)));
  ASSERT_OK(bvl_problem_lambda_max(*problem, &top, v));
  free(v);
  for (int k = 0; k < N_LAMBDA; k++) lambda[k] = share[k] * top;
  options.solver = solver;
  options.polish = 0;
  options.lambda = lambda;
  options.n_lambda = N_LAMBDA;
  ASSERT_OK(bvl_path_create(*problem, &options, NULL, path));
  ASSERT_OK(bvl_path_solve(*path, NULL, NULL));
}

/* The honest gap and the objective of the certified engine; exact zeros, no more than it has. Where
 * minima are local: stationary, and better than nothing. */
static void compare_paths(const bvl_problem *problem, const bvl_path *mine, const bvl_path *theirs)
{
  const int convex = problem->penalty.type->convex;
  for (int k = 0; k < N_LAMBDA; k++) {
    bvl_path_point a, b;
    bvl_path_get(mine, k, &a);
    bvl_path_get(theirs, k, &b);
    ASSERT_ALL(a.status == 0 && a.kkt_residual <= 1e-6 && a.df > 0);
    ASSERT_ALL(convex ? a.dual_gap <= 1e-8 : isnan(a.dual_gap));
    ASSERT_ALL(!convex || fabs(a.objective - b.objective) <= 1e-7 * b.objective);
    ASSERT_ALL(convex ? a.df <= b.df : a.objective < problem->null_loss);
    ASSERT_ALL(a.iterations > 0 && a.surrogate_epochs >= (double)a.iterations);
  }
}

static void test_paths(void **state)
{
  (void)state;
  int grids[3][2];
  const int n_grids = test_grids(grids);
  for (int k = 0; k < 2 * N_SHAPES; k++) {
    bvl_grid *grid = NULL;
    bvl_problem *problems[2];
    bvl_path *paths[2];
    test_problem t;
    const int s = k % N_SHAPES;
    const int rich = k >= N_SHAPES;
    const int *shape = grids[(k + rich) % n_grids];
    test_problem_make(&t, shapes[s].n, shapes[s].p, "gaussian", shapes[s].penalty);
    t.has_w = rich;
    t.has_o = rich && !shapes[s].multi;
    t.has_groups = strncmp(t.penalty, "group", 5) == 0;
    t.has_factor = rich && !t.has_groups;
    t.factor[4] = 0;
    t.intercept = t.standardize = k % 3 != 1;
    ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, shape[0], shape[1], &grid));
    solve_path(&t, shapes[s].multi, grid, BVL_SOLVER_VARPRO, &problems[0], &paths[0]);
    solve_path(&t, shapes[s].multi, grid, BVL_SOLVER_AUTO, &problems[1], &paths[1]);
    compare_paths(problems[0], paths[0], paths[1]);
    for (int q = 0; q < 2; q++) {
      bvl_path_destroy(&paths[q]);
      bvl_problem_destroy(&problems[q]);
    }
    bvl_grid_destroy(&grid);
  }
}

static void expect_refusal(const char *family, const char *penalty, const char *says)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  bvl_path_options options;
  test_problem t;
  bvl_path_options_init(&options);
  options.solver = BVL_SOLVER_VARPRO;
  test_problem_make(&t, 40, 12, family, penalty);
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 0, 0, &grid));
  ASSERT_OK(test_problem_create(&t, grid, &problem));
  ASSERT_ALL(bvl_path_create(problem, &options, NULL, &path) == BVL_ERR_USAGE);
  ASSERT_ALL(path == NULL && strstr(bvl_last_error(), says) != NULL);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

static void test_refusals(void **state)
{
  (void)state;
  expect_refusal("binomial", "lasso", "gaussian alone");
  expect_refusal("gaussian", "sparse-group-lasso", "lasso, enet, group-lasso, lq, group-lq");
  expect_refusal("gaussian", "lq", "(2/3, 1]");
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_forms_agree), cmocka_unit_test(test_derivatives),
                  cmocka_unit_test(test_forms_minimise), cmocka_unit_test(test_paths),
                  cmocka_unit_test(test_refusals))
