/* SPDX-License-Identifier: BSD-3-Clause */
/* Second moments of all columns, certificates from them, and paths on them: against sums made here
 * in long double, against certificates from rows, and against the working-set engine. */
#include "bvl_problem.h"

#include "base/checked.h"
#include "data/covariance.h"
#include "solver/gram_path.h"
#include "solver/scalar/covariance_path.h"
#include "solver/working_set.h"

enum { MANY = 40 };

static const char *const penalties[] = {"lasso", "enet"};

/* ---- one test problem in either format --------------------------------------------------------
 */

typedef struct sparse_copy {
  int64_t indptr[TEST_MAX_P + 1];
  int64_t indices[TEST_MAX_N * TEST_MAX_P];
  double values[TEST_MAX_N * TEST_MAX_P];
} sparse_copy;

static void to_sparse(const test_problem *t, sparse_copy *s)
{
  int64_t at = 0;
  for (int64_t j = 0; j < t->p; j++) {
    s->indptr[j] = at;
    for (int64_t i = 0; i < t->n; i++) {
      if (t->X[i + j * t->n] == 0) continue;
      s->indices[at] = i;
      s->values[at++] = t->X[i + j * t->n];
    }
  }
  s->indptr[t->p] = at;
}

/* Keeps about one entry in `one_in` of each column. */
static void thin(test_problem *t, uint64_t one_in)
{
  for (int64_t j = 0; j < t->p; j++)
    for (int64_t i = 0; i < t->n; i++)
      if (bvl_rng_bits(11, BVL_STREAM_SIM_PATTERN, (uint64_t)i, (uint64_t)j) % one_in != 0)
        t->X[i + j * t->n] = 0;
}

typedef enum kind { DENSE, SPARSE, BYTES } kind;

/* Whole numbers, and one entry in eleven missing (NaN here). */
static bvl_status to_bytes(test_problem *t, bvl_source *source)
{
  static int8_t bytes[TEST_MAX_N * TEST_MAX_P];
  for (int64_t e = 0; e < t->n * t->p; e++) {
    const int missing = e % 11 == 3;
    bytes[e] = missing ? -100 : (int8_t)lrint(4 * t->X[e]);
    t->X[e] = missing ? NAN : bytes[e];
  }
  bvl_status status = bvl_source_dense_borrow(BVL_I8, t->n, t->p, bytes, t->n, 1, source);
  source->has_missing = 1;
  source->missing = -100;
  return status;
}

static bvl_status create_problem(test_problem *t, kind how, const bvl_grid *grid, bvl_problem **out)
{
  static sparse_copy copy;
  bvl_source source;
  bvl_status status = BVL_OK;
  if (how == DENSE) return test_problem_create(t, grid, out);
  if (how == SPARSE) {
    to_sparse(t, &copy);
    status = bvl_source_sparse_borrow(BVL_CSC, t->n, t->p, copy.indptr, copy.indices, copy.values,
                                      &source);
  } else {
    status = to_bytes(t, &source);
  }
  if (status != BVL_OK) return status;
  const bvl_penalty_parameters parameters = with_alpha(t->alpha);
  const bvl_problem_data data = {.family = t->family,
                                 .penalty = t->penalty,
                                 .parameters = &parameters,
                                 .intercept = t->intercept,
                                 .standardize = t->standardize,
                                 .penalty_factor = t->has_factor ? t->factor : NULL,
                                 .n_slices = 1,
                                 .context = t,
                                 .read_rows = test_problem_read};
  status = bvl_problem_create(grid, &source, &data, out);
  bvl_source_memory_free(&source);
  return status;
}

/* ---- moments ----------------------------------------------------------------------------------
 */

/* Standardised value of input row i in unknown k (the intercept first, then columns, then u_i),
 * from the design's own centre and scale. */
static long double entry(const test_problem *t, const double *centre, const double *inv_s,
                         const double *u, int64_t i, int64_t k)
{
  if (t->intercept && k == 0) return 1;
  const int64_t j = k - t->intercept;
  if (j == t->p) return u[i];
  if (isnan(t->X[i + j * t->n])) return 0; /* the mean, with an intercept */
  return ((long double)t->X[i + j * t->n] - centre[j]) * inv_s[j];
}

/* centre (p) and inv_scale (p) of all columns on every rank. */
static void gather_standard(const bvl_problem *problem, double *centre, double *inv_s)
{
  const bvl_design *X = problem->X;
  memset(centre, 0, TEST_MAX_P * sizeof *centre);
  memset(inv_s, 0, TEST_MAX_P * sizeof *inv_s);
  for (int64_t c = 0; c < X->columns.p_local; c++) {
    centre[X->columns.first + c] = X->centered ? X->center[c] : 0;
    inv_s[X->columns.first + c] = X->scaled ? X->inv_scale[c] : 1;
  }
  ASSERT_OK(bvl_sum(&problem->grid->row, centre, TEST_MAX_P));
  ASSERT_OK(bvl_sum(&problem->grid->row, inv_s, TEST_MAX_P));
}

static void check_moments(const test_problem *t, const bvl_problem *problem, const double *w,
                          const double *u, const double *M, double error)
{
  const int64_t d = t->intercept + t->p + 1;
  double centre[TEST_MAX_P];
  double inv_s[TEST_MAX_P];
  int good = 1;
  gather_standard(problem, centre, inv_s);
  for (int64_t l = 0; M != NULL && l < d; l++)
    for (int64_t k = 0; k <= l; k++) {
      long double kl = 0, kk = 0, ll = 0;
      for (int64_t i = 0; i < t->n; i++) {
        const long double z_k = entry(t, centre, inv_s, u, i, k);
        const long double z_l = entry(t, centre, inv_s, u, i, l);
        kl += w[i] * z_k * z_l;
        kk += w[i] * z_k * z_k;
        ll += w[i] * z_l * z_l;
      }
      const double tolerance = error * (double)sqrtl(kk * ll) / (double)t->n;
      good &= bvl_test_near(M[k + l * d], (double)(kl / t->n), tolerance);
      good &= M[l + k * d] == M[k + l * d];
    }
  ASSERT_ALL(good);
  /* the promised error is rounding, not a licence: chunk + steps + ranks terms, times 6 */
  ASSERT_ALL(error < 6 * 600 * 0x1p-53);
}

/* In one part and in three; on every grid, dense and sparse, with and without intercept. */
static void moments_of(test_problem *t, kind how, int r, int c, int64_t n_parts, int by_entries)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_covariance *covariance = NULL;
  bvl_covariance_plan plan;
  const double *M = NULL;
  double error = 0;
  double w[TEST_MAX_N], u[TEST_MAX_N];
  double w_split[TEST_MAX_N], u_split[TEST_MAX_N];
  double total = 0;
  for (int64_t i = 0; i < t->n; i++) total += t->has_w ? t->w[i] : 1;
  for (int64_t i = 0; i < t->n; i++) {
    w[i] = (t->has_w ? t->w[i] : 1) * (double)t->n / total;
    u[i] = 2 + bvl_rng_normal(13, BVL_STREAM_SIM_NOISE, 3, (uint64_t)i);
  }
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, r, c, &grid));
  ASSERT_OK(create_problem(t, how, grid, &problem));
  const bvl_rows *rows = &problem->X->rows;
  for (int64_t i = rows->split0; i < rows->split1; i++) {
    w_split[i - rows->split0] = w[rows->input[i]];
    u_split[i - rows->split0] = u[rows->input[i]];
  }
  ASSERT_OK(bvl_covariance_choose(problem->X, w_split, &plan));
  ASSERT_ALL(plan.by_entries == (by_entries && c == 1));
  ASSERT_OK(bvl_covariance_create(problem->X, &plan, t->intercept, w_split, u_split, &covariance));
  for (int64_t part = 0; part < n_parts; part++)
    ASSERT_OK(bvl_covariance_add(covariance, part, n_parts));
  ASSERT_OK(bvl_covariance_finish(covariance, &error, &M));
  ASSERT_ALL((M != NULL) == (grid->all.rank == 0));
  check_moments(t, problem, w, u, M, error);
  bvl_covariance_destroy(&covariance);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

static void test_moments(void **state)
{
  (void)state;
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static test_problem t;
  for (int g = 0; g < n_shapes; g++)
    for (int setting = 0; setting < 4; setting++) {
      test_problem_make(&t, 80, 13, "gaussian", "lasso");
      t.intercept = setting != 1;
      t.standardize = setting != 2;
      t.has_w = setting == 3;
      moments_of(&t, DENSE, shapes[g][0], shapes[g][1], setting == 0 ? 1 : 3, 0);
      moments_of(&t, SPARSE, shapes[g][0], shapes[g][1], setting == 0 ? 1 : 3, 0); /* all stored */
      if (t.intercept) {
        static test_problem bytes;
        bytes = t;
        moments_of(&bytes, BYTES, shapes[g][0], shapes[g][1], 2, 0);
      }
      thin(&t, 12); /* rows of one entry: 13^2 / 35e9 s against 2e-9 s */
      moments_of(&t, SPARSE, shapes[g][0], shapes[g][1], setting == 0 ? 1 : 3, 1);
    }
}

/* ---- certificates -----------------------------------------------------------------------------
 */

/* Of arbitrary points: sums made from rows here, given as sums there. */
static void certificates_agree(test_problem *t, int r, int c)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_point point = {0};
  double *eta = NULL, *v = NULL, *residual = NULL;
  double lambda_max = 0;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, r, c, &grid));
  ASSERT_OK(test_problem_create(t, grid, &problem));
  const int64_t split0 = problem->X->rows.split0;
  const int64_t n_split = bvl_problem_n_split(problem);
  const int64_t p_local = problem->X->columns.p_local;
  ASSERT_OK(BVL_ALLOC(&point.beta, p_local));
  ASSERT_OK(BVL_ALLOC(&v, p_local));
  ASSERT_OK(BVL_ALLOC(&eta, n_split));
  ASSERT_OK(BVL_ALLOC(&residual, n_split));
  ASSERT_OK(bvl_problem_lambda_max(problem, &lambda_max, v));
  for (int trial = 0; trial < 3; trial++) {
    bvl_certificate rows, sums;
    bvl_data_sums data = {0};
    const double lambda = lambda_max * (trial == 2 ? 0 : 0.3);
    for (int64_t k = 0; k < p_local; k++) {
      const uint64_t j = (uint64_t)(problem->X->columns.first + k);
      point.beta[k] = j % 3 == 0 ? 0.2 * bvl_rng_normal(17, BVL_STREAM_FOLD, 2, j) : 0;
    }
    ASSERT_OK(bvl_problem_eta(problem, &point, eta));
    ASSERT_OK(bvl_problem_fit_free(problem, &point, eta));
    ASSERT_OK(bvl_certify_many(problem, 1, &lambda, &point.intercept, point.beta, eta, v, &rows));
    data.loss = bvl_loss_eval(problem->loss, n_split, problem->y + split0, problem->w + split0, eta,
                              residual, NULL);
    for (int64_t i = 0; i < n_split; i++) {
      const double o = problem->offset != NULL ? problem->offset[split0 + i] : 0;
      const double w = problem->w[split0 + i];
      data.r += residual[i];
      data.r_y += residual[i] * (problem->y[split0 + i] - o);
      if (w > 0) data.r_theta += residual[i] * residual[i] / w;
    }
    ASSERT_OK(bvl_sum(&grid->all, (double *)&data, 4));
    data.rounding = trial == 1 ? 1e-3 * problem->null_half * (double)problem->n : 0;
    ASSERT_OK(bvl_certify_sums(problem, 1, &lambda, &point.intercept, point.beta, v,
                               grid->all.rank == 0 ? &data : NULL, &sums));
    /* the same numbers summed in another order: some 100 roundings */
    const double scale = rows.loss + problem->null_half;
    ASSERT_ALL(bvl_test_near(sums.loss, rows.loss, 1e-13 * scale));
    ASSERT_ALL(bvl_test_near(sums.objective, rows.objective, 1e-13 * scale));
    ASSERT_ALL(bvl_test_near(sums.kkt, rows.kkt, 1e-13 * (1 + rows.kkt)));
    ASSERT_ALL(bvl_test_near(sums.scale, rows.scale, 1e-13));
    ASSERT_ALL(sums.support == rows.support);
    const double slack = trial == 1 ? 1e-3 : 0; /* the rounding it was told of, no more, no less */
    ASSERT_ALL(bvl_test_near(sums.gap, rows.gap + slack, 1e-12 * (1 + rows.gap)));
  }
  free(residual);
  free(eta);
  free(v);
  free(point.beta);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

static void test_certificates_from_sums(void **state)
{
  (void)state;
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static test_problem t;
  for (int g = 0; g < n_shapes; g++)
    for (int setting = 0; setting < 4; setting++) {
      test_problem_make(&t, 60, 14, "gaussian", penalties[setting == 3]);
      t.intercept = setting != 1;
      t.has_w = setting == 2;
      t.has_o = setting != 0;
      certificates_agree(&t, shapes[g][0], shapes[g][1]);
    }
}

/* ---- paths ------------------------------------------------------------------------------------
 */

typedef struct recorded {
  bvl_problem *problem;
  bvl_solve_state *state;
  int64_t n;
  double intercept[MANY];
  double beta[MANY][TEST_MAX_P]; /* local */
  double v[MANY][TEST_MAX_P];
  bvl_certificate certificate[MANY];
} recorded;

static bvl_status record(void *context)
{
  recorded *out = context;
  const size_t bytes = (size_t)out->problem->X->columns.p_local * sizeof(double);
  out->intercept[out->n] = out->state->point.intercept;
  memcpy(out->beta[out->n], out->state->point.beta, bytes);
  memcpy(out->v[out->n], out->state->v, bytes);
  out->certificate[out->n++] = out->state->certificate;
  out->state->lambda_previous = out->state->lambda;
  return BVL_OK;
}

static bvl_status no_checkpoint(void *context)
{
  (void)context;
  return BVL_OK;
}

static void begin_at_null(bvl_problem *problem, bvl_solve_state *state, double lambda_max)
{
  state->point.intercept = problem->null_point.intercept;
  memcpy(state->point.beta, problem->null_point.beta,
         (size_t)problem->X->columns.p_local * sizeof(double));
  state->lambda_previous = lambda_max;
  state->certificate.support = 0;
}

/* Both engines along the same lambdas, to a tolerance near rounding. */
static void engines_agree(test_problem *t, kind how, int r, int c)
{
  static const bvl_monitor silent = {0};
  static recorded one, two;
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_covariance_path *covariance = NULL;
  bvl_working_set *set = NULL;
  bvl_gram_path *gram = NULL;
  bvl_path_options options;
  bvl_solve_state state = {0};
  double lambda[MANY], lambda_max = 0;
  double *eta = NULL, *v = NULL;
  int64_t n_done = 0;
  int general = 0;
  bvl_path_options_init(&options);
  options.rounded = 0; /* v is compared, of every column */
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, r, c, &grid));
  ASSERT_OK(create_problem(t, how, grid, &problem));
  const int64_t p_local = problem->X->columns.p_local;
  ASSERT_OK(BVL_ALLOC(&state.point.beta, p_local));
  ASSERT_OK(BVL_ALLOC(&state.v, p_local));
  ASSERT_OK(BVL_ALLOC(&v, p_local));
  ASSERT_OK(BVL_ALLOC(&eta, bvl_problem_n_split(problem)));
  ASSERT_OK(bvl_problem_lambda_max(problem, &lambda_max, state.v));
  for (int64_t k = 0; k < MANY; k++)
    lambda[k] = lambda_max * pow(1e-3, (double)k / (MANY - 2)) * (k < MANY - 1);
  bvl_solve_control control = {.monitor = &silent,
                               .options = &options,
                               .deadline_s = INFINITY,
                               .next_checkpoint_s = INFINITY,
                               .checkpoint = no_checkpoint,
                               .finished = record};
  one = (recorded){.problem = problem, .state = &state};
  control.context = &one;
  begin_at_null(problem, &state, lambda_max);
  ASSERT_OK(bvl_covariance_path_create(problem, &covariance));
  ASSERT_OK(bvl_covariance_path_run(covariance, MANY, lambda, &state, &control, &n_done, &general));
  ASSERT_ALL(n_done == MANY && one.n == MANY && !general);

  two = (recorded){.problem = problem, .state = &state};
  control.context = &two;
  begin_at_null(problem, &state, lambda_max);
  ASSERT_OK(bvl_problem_lambda_max(problem, &lambda_max, state.v));
  ASSERT_OK(bvl_working_set_create(problem, &set));
  ASSERT_OK(bvl_gram_path_create(problem, set, &gram));
  ASSERT_OK(bvl_gram_path_run(gram, MANY, lambda, &state, &control, &n_done, &general));
  ASSERT_ALL(n_done == MANY && two.n == MANY);
  int good =
      1; /* asked for once: a collective a comparison is a time slice each on a busy machine */
  for (int64_t k = 0; k < MANY; k++) {
    const bvl_certificate *a = &one.certificate[k];
    const bvl_certificate *b = &two.certificate[k];
    bvl_certificate rows;
    bvl_point point = {.intercept = one.intercept[k], .beta = one.beta[k]};
    good &= bvl_test_near(a->objective, b->objective, 1e-10 * problem->null_half);
    /* and what it says of its own point is what the rows say */
    good &= bvl_test_ok(bvl_problem_eta(problem, &point, eta), "eta");
    good &= bvl_test_ok(
        bvl_certify_many(problem, 1, &lambda[k], &point.intercept, point.beta, eta, v, &rows),
        "certify");
    good &= bvl_test_near(a->loss, rows.loss, 1e-13 * problem->null_half);
    good &= bvl_test_near(a->objective, rows.objective, 1e-13 * problem->null_half);
    good &= a->gap >= rows.gap - 1e-15 && a->gap <= options.tol;
    good &= a->support == rows.support;
    for (int64_t j = 0; j < p_local; j++)
      good &= bvl_test_near(one.v[k][j], v[j], 1e-13 * (1 + lambda_max));
  }
  ASSERT_ALL(good);
  bvl_gram_path_destroy(&gram);
  bvl_working_set_destroy(&set);
  bvl_covariance_path_destroy(&covariance);
  free(eta);
  free(v);
  free(state.v);
  free(state.point.beta);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

/* 0: plain. 1: weights and offset. 2: no intercept, elastic net. 3: unpenalised, excluded and
 * unevenly penalised columns. 4: constant, equal and mirrored columns. 5: raw scale. 6: sparse by
 * dsyrk. 7: sparse by entries, weights, factors. */
static kind make_setting(test_problem *t, int setting)
{
  test_problem_make(t, 80, 16, "gaussian", penalties[setting == 2]);
  t->alpha = setting == 2 ? 0.7 : NAN;
  t->has_w = setting == 1 || setting == 7;
  t->has_o = setting == 1;
  t->intercept = setting != 2;
  t->standardize = setting != 5;
  t->has_factor = setting == 3 || setting == 7;
  t->factor[3] = 0;
  t->factor[7] = 0;
  t->factor[4] = INFINITY;
  for (int64_t i = 0; setting == 4 && i < t->n; i++) {
    t->X[i + 5 * t->n] = 3;
    t->X[i + 9 * t->n] = t->X[i + 2 * t->n];
    t->X[i + 12 * t->n] = -2 * t->X[i + 2 * t->n];
  }
  if (setting == 7) thin(t, 12);
  return setting >= 6 ? SPARSE : DENSE;
}

static void test_paths_agree(void **state)
{
  (void)state;
  int shapes[3][2];
  const int n_shapes = test_grids(shapes);
  static test_problem t;
  for (int setting = 0; setting < 8; setting++)
    for (int g = 0; g < n_shapes; g++) {
      const kind how = make_setting(&t, setting);
      engines_agree(&t, how, shapes[g][0], shapes[g][1]);
    }
}

/* ---- the choice -------------------------------------------------------------------------------
 */

static void solve_path(bvl_problem *problem, const bvl_path_options *options,
                       const bvl_monitor *monitor, bvl_status expected, double *passes)
{
  bvl_path *path = NULL;
  ASSERT_OK(bvl_path_create(problem, options, monitor, &path));
  double bytes[2] = {-(double)bvl_design_bytes_touched(problem->X),
                     (double)bvl_design_bytes(problem->X)};
  ASSERT_ALL(bvl_path_solve(path, NULL, NULL) == expected);
  bytes[0] += (double)bvl_design_bytes_touched(problem->X);
  ASSERT_OK(bvl_sum(&problem->grid->all, bytes, 2));
  *passes = bytes[0] / bytes[1];
  for (int64_t k = 0; k < bvl_path_n_lambda(path); k++) {
    bvl_path_point point;
    bvl_path_get(path, k, &point);
    ASSERT_ALL(point.status == (expected == BVL_OK ? 0 : 3));
  }
  bvl_path_destroy(&path);
}

static int poll_stop(void *context)
{
  (void)context;
  return BVL_WANT_STOP;
}

/* Far more rows than columns: one pass, whatever the number of lambdas; few lambdas, wide data,
 * groups and other families: sweeps. A stop before the moments are whole leaves nothing done. */
static void test_one_pass(void **state)
{
  (void)state;
  static test_problem t;
  static const struct {
    int64_t n, p, n_lambda;
    const char *family, *penalty;
    int pays;
  } cases[] = {{80, 12, 30, "gaussian", "lasso", 1},       {80, 12, 30, "gaussian", "enet", 1},
               {40, 12, 30, "gaussian", "lasso", 0},       {80, 20, 1, "gaussian", "lasso", 0},
               {80, 12, 30, "gaussian", "group-lasso", 0}, {80, 12, 30, "binomial", "lasso", 0}};
  for (size_t q = 0; q < sizeof cases / sizeof *cases; q++) {
    bvl_grid *grid = NULL;
    bvl_problem *problem = NULL;
    bvl_path_options options;
    double passes = 0;
    int pays = -1;
    bvl_path_options_init(&options);
    options.n_lambda = cases[q].n_lambda;
    options.lambda_min_ratio = 0.02;
    test_problem_make(&t, cases[q].n, cases[q].p, cases[q].family, cases[q].penalty);
    ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 0, 0, &grid));
    ASSERT_OK(test_problem_create(&t, grid, &problem));
    ASSERT_OK(bvl_covariance_path_pays(problem, cases[q].n_lambda, &pays));
    ASSERT_ALL(pays == cases[q].pays);
    solve_path(problem, &options, NULL, BVL_OK, &passes);
    if (pays) ASSERT_ALL(bvl_test_near(passes, 1, 1e-9));
    if (!pays && options.n_lambda == 30) ASSERT_ALL(passes >= 2); /* batches of at most 16 */
    if (q == 0) {
      const bvl_monitor monitor = {.poll = poll_stop};
      solve_path(problem, &options, &monitor, BVL_ERR_INTERRUPTED, &passes);
      ASSERT_ALL(passes == 0);
    }
    bvl_problem_destroy(&problem);
    bvl_grid_destroy(&grid);
  }
}

/* Columns that cancel: coefficients near 1e3 against a response of 1. What rounding of the moments
 * may cost is then more than the tolerance, and sweeps must decide: an answer all the same. */
static void test_collinear_falls_back(void **state)
{
  (void)state;
  static test_problem t;
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path_options options;
  double passes = 0;
  const double lambda[] = {1, 0.3, 0.1, 1e-2, 1e-3, 1e-4};
  test_problem_make(&t, 80, 6, "gaussian", "lasso");
  for (int64_t i = 0; i < t.n; i++) {
    const double away = bvl_rng_normal(19, BVL_STREAM_FOLD, 3, (uint64_t)i);
    t.X[i + 3 * t.n] = t.X[i + 2 * t.n] + 1e-3 * away;
    t.y[i] = away;
  }
  bvl_path_options_init(&options);
  options.lambda = lambda;
  options.n_lambda = 6;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 0, 0, &grid));
  ASSERT_OK(test_problem_create(&t, grid, &problem));
  solve_path(problem, &options, NULL, BVL_OK, &passes);
  ASSERT_ALL(passes >= 1.5); /* the moments, then sweeps */
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_moments), cmocka_unit_test(test_certificates_from_sums),
                  cmocka_unit_test(test_paths_agree), cmocka_unit_test(test_one_pass),
                  cmocka_unit_test(test_collinear_falls_back))
