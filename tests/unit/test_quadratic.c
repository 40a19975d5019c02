/* SPDX-License-Identifier: BSD-3-Clause */
/* The inner quadratic: stationarity at the answer is recomputed here from G and q, for scalar and
 * group blocks, second order and sweeps alone, regular and singular G. */
#include "bvl_test.h"

#include "base/rng.h"
#include "solver/quadratic.h"

enum { ROWS = 30, MAX_D = 48 };

static double draw(int64_t i, int64_t j)
{
  return bvl_rng_normal(11, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)j);
}

/* G = A'A / ROWS for a random ROWS x d matrix A; `copies` makes the last columns repeat the first.
 */
static void make_gram(int64_t d, int64_t copies, double *G)
{
  for (int64_t k = 0; k < d; k++)
    for (int64_t l = 0; l < d; l++) {
      G[k + l * d] = 0;
      const int64_t ck = k >= d - copies ? k - (d - copies) : k;
      const int64_t cl = l >= d - copies ? l - (d - copies) : l;
      for (int64_t i = 0; i < ROWS; i++) G[k + l * d] += draw(i, ck) * draw(i, cl) / ROWS;
    }
}

typedef struct quadratic_case {
  const char *penalty;
  double alpha;
  int64_t d;
  int64_t block; /* columns a block */
  int64_t copies;
  double level; /* lw of every block but the first, which is unpenalised */
} quadratic_case;

static int is_sparse(const quadratic_case *c)
{
  return strcmp(c->penalty, "sparse-group-lasso") == 0;
}

/* Largest violation of stationarity at b of q'b + b'Gb/2 + penalty, from the definitions: radial
 * penalties alpha ||b|| + (1-alpha)/2 ||b||^2, and alpha ||b||_1 + (1-alpha) ||b||. */
static double violation(const quadratic_case *c, const double *G, const double *q,
                        const int64_t *begin, const double *lw, int64_t n_blocks, const double *b)
{
  double worst = 0;
  const double l1 = is_sparse(c) ? c->alpha : 0;
  const double linear = is_sparse(c) ? 1 - c->alpha : c->alpha;
  for (int64_t g = 0; g < n_blocks; g++) {
    double norm = 0;
    double sum = 0;
    for (int64_t k = begin[g]; k < begin[g + 1]; k++) norm += b[k] * b[k];
    norm = sqrt(norm);
    for (int64_t k = begin[g]; k < begin[g + 1]; k++) {
      double r = q[k];
      for (int64_t l = 0; l < c->d; l++) r += G[k + l * c->d] * b[l];
      if (norm > 0) r += lw[g] * (linear * b[k] / norm + (1 - linear - l1) * b[k]);
      r = b[k] != 0 ? r + copysign(l1 * lw[g], b[k]) : fmax(fabs(r) - l1 * lw[g], 0);
      sum += r * r;
    }
    const double distance = sqrt(sum);
    worst = fmax(worst, norm > 0 ? distance : fmax(0, distance - lw[g] * linear));
  }
  return worst;
}

static void solve_case(const quadratic_case *c, int newton, double *b, double *worst)
{
  double G[MAX_D * MAX_D];
  double q[MAX_D];
  double gradient[MAX_D];
  double lw[MAX_D];
  double weight[MAX_D];
  int64_t begin[MAX_D + 1];
  bvl_penalty pen;
  bvl_quadratic_outcome outcome;
  make_gram(c->d, c->copies, G);
  for (int64_t k = 0; k < c->d; k++) {
    const int64_t source = k >= c->d - c->copies ? k - (c->d - c->copies) : k;
    q[k] = 0; /* in the range of G, so that singular problems are bounded below */
    for (int64_t i = 0; i < ROWS; i++) q[k] += draw(i, source) * draw(i, 1000) / ROWS;
    gradient[k] = q[k];
    b[k] = 0;
  }
  int64_t n_blocks = 0;
  begin[0] = 0;
  for (int64_t at = 0; at < c->d; n_blocks++) {
    at += n_blocks == 0 ? 1 : c->block;
    begin[n_blocks + 1] = at < c->d ? at : c->d;
    lw[n_blocks] = n_blocks == 0 ? 0 : c->level;
    weight[n_blocks] = n_blocks == 0 ? 0 : 1;
  }
  const bvl_penalty_parameters parameters = with_alpha(c->alpha);
  assert_int_equal(bvl_penalty_init(bvl_penalty_find(c->penalty), &parameters, &pen), BVL_OK);
  const bvl_quadratic problem = {.d = c->d,
                                 .G = G,
                                 .ld = c->d,
                                 .n_blocks = n_blocks,
                                 .begin = begin,
                                 .lw = lw,
                                 .weight = weight,
                                 .penalty = &pen};
  assert_int_equal(
      bvl_quadratic_solve(&problem, newton, 1e-13, newton ? 1000 : 1000000, b, gradient, &outcome),
      BVL_OK);
  *worst = violation(c, G, q, begin, lw, n_blocks, b);
}

static const quadratic_case cases[] = {
    {"lasso", 1, 12, 1, 0, 0.1},        {"lasso", 1, 48, 1, 0, 0.02}, /* d > rows: singular */
    {"lasso", 1, 20, 1, 6, 0.05},                                     /* duplicated columns */
    {"enet", 0.5, 20, 1, 0, 0.05},      {"enet", 0.1, 48, 1, 8, 0.05},
    {"group-lasso", 1, 21, 4, 0, 0.1},  {"group-lasso", 1, 45, 11, 0, 0.05},
    {"group-lasso", 1, 20, 1, 0, 0.05}, {"group-lasso", 1, 29, 7, 7, 0.03},
};

/* Rounding of gradients of order 1 summed over d <= 48 terms is some 1e-14; the solver was asked
 * for 1e-13 and may stop there or at rounding. */
static const double TOLERANCE = 1e-12;

static void test_newton_is_stationary(void **state)
{
  (void)state;
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    double b[MAX_D];
    double worst = 0;
    solve_case(&cases[c], 1, b, &worst);
    if (!(worst <= TOLERANCE)) print_message("case %zu: violation %g\n", c, worst);
    assert_true(worst <= TOLERANCE);
  }
}

/* Sweeps alone, as its kinks inside active blocks ask for. */
static void test_sparse_groups(void **state)
{
  (void)state;
  const quadratic_case sparse[] = {{"sparse-group-lasso", 0.3, 21, 4, 0, 0.1},
                                   {"sparse-group-lasso", 0.8, 45, 11, 0, 0.05},
                                   {"sparse-group-lasso", 0.05, 21, 5, 0, 0.02}};
  for (int c = 0; c < 3; c++) {
    double b[MAX_D];
    double worst = 0;
    solve_case(&sparse[c], 0, b, &worst);
    if (!(worst <= TOLERANCE)) print_message("case %d: violation %g\n", c, worst);
    assert_true(worst <= TOLERANCE);
  }
}

static void test_sweeps_agree(void **state)
{
  (void)state;
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    if (cases[c].copies > 0 || cases[c].d > ROWS) continue; /* no unique solution */
    double newton[MAX_D];
    double sweeps[MAX_D];
    double worst = 0;
    solve_case(&cases[c], 1, newton, &worst);
    solve_case(&cases[c], 0, sweeps, &worst);
    /* violation / smallest eigenvalue of G (0.02 or more for these d / ROWS) */
    for (int64_t k = 0; k < cases[c].d; k++) ASSERT_NEAR(newton[k], sweeps[k], 1e-9);
  }
}

/* Size-1 groups are the lasso. */
static void test_size_one_groups(void **state)
{
  (void)state;
  quadratic_case lasso = {"lasso", 1, 20, 1, 0, 0.05};
  quadratic_case group = {"group-lasso", 1, 20, 1, 0, 0.05};
  double b[2][MAX_D];
  double worst = 0;
  solve_case(&lasso, 1, b[0], &worst);
  solve_case(&group, 1, b[1], &worst);
  for (int64_t k = 0; k < lasso.d; k++) ASSERT_NEAR(b[0][k], b[1][k], 1e-11);
}

static void test_large_penalty_is_zero(void **state)
{
  (void)state;
  quadratic_case c = {"lasso", 1, 20, 1, 0, 100};
  double b[MAX_D];
  double worst = 0;
  solve_case(&c, 1, b, &worst);
  for (int64_t k = 1; k < c.d; k++) assert_true(b[k] == 0);
  assert_true(b[0] != 0); /* the unpenalised one */
}

/* q'b + b'Gb/2 + penalties at b; gradient of the smooth part too. */
static double objective_at(int64_t d, const double *G, const double *q, const bvl_penalty *pen,
                           int64_t block, double lw, const double *b, double *gradient)
{
  double value = 0;
  for (int64_t k = 0; k < d; k++) {
    gradient[k] = q[k];
    for (int64_t l = 0; l < d; l++) gradient[k] += G[k + l * d] * b[l];
    value += b[k] * (q[k] + gradient[k]) / 2;
  }
  for (int64_t k = 0; k < d; k += block) value += bvl_penalty_value(pen, lw, block, b + k);
  return value;
}

/* The largest distance to stationarity; lq's zeros at their block's largest absolute row sum. */
static double distance_at(int64_t d, const double *G, const bvl_penalty *pen, int64_t block,
                          double lw, const double *b, const double *gradient)
{
  double worst = 0;
  for (int64_t g = 0; g < d; g += block) {
    double h = 0;
    for (int64_t k = g; k < g + block; k++) {
      double row = 0;
      for (int64_t l = g; l < g + block; l++) row += fabs(G[k + l * d]);
      h = fmax(h, row);
    }
    const bvl_penalty at = bvl_penalty_curved(*pen, h);
    worst = fmax(worst, bvl_penalty_distance(&at, lw, block, b + g, gradient + g));
  }
  return worst;
}

/* Penalties that are not convex on a singular G, so that the sum is concave along some directions:
 * the answer is stationary and nowhere above where it began, be that zero or another point. */
static void test_not_convex(void **state)
{
  (void)state;
  enum { D = 42 };
  const char *const names[] = {"mcp",       "scad",       "tl1",       "log",       "lq",
                               "group-mcp", "group-scad", "group-tl1", "group-log", "group-lq"};
  const double level = 0.3;
  double G[D * D];
  double q[D];
  double b[D];
  double gradient[D];
  double lw[D];
  int64_t begin[D + 1];
  make_gram(D, 4, G);
  for (int k = 0; k < D; k++) lw[k] = level;
  for (uint64_t trial = 0; trial < 200; trial++) {
    bvl_penalty pen;
    assert_int_equal(bvl_penalty_init(bvl_penalty_find(names[trial % 10]), NULL, &pen), BVL_OK);
    const int64_t block = pen.type->grouped ? 3 : 1;
    for (int k = 0; k < D; k++) {
      q[k] = 0;
      b[k] = trial % 3 == 0 ? 0 : bvl_rng_normal(43, BVL_STREAM_INIT, trial, (uint64_t)k);
    }
    for (int k = 0; k < D * D; k++) /* in G's range, as a gradient of data is */
      q[k % D] += G[k] * bvl_rng_normal(42, BVL_STREAM_INIT, trial, (uint64_t)k / D);
    for (int k = 0; k <= D; k++) begin[k] = k * block;
    const bvl_quadratic problem = {
        .d = D, .G = G, .ld = D, .n_blocks = D / block, .begin = begin, .lw = lw, .penalty = &pen};
    const double start = objective_at(D, G, q, &pen, block, level, b, gradient);
    bvl_quadratic_outcome outcome;
    const int newton = trial % 20 < 10;
    assert_int_equal(
        bvl_quadratic_solve(&problem, newton, 1e-11, newton ? 1000 : 100000, b, gradient, &outcome),
        BVL_OK);
    const double end = objective_at(D, G, q, &pen, block, level, b, gradient);
    assert_true(end <= start + 1e-13 * (1 + fabs(start)));
    /* the tolerance, and rounding of the gradient made afresh */
    ASSERT_NEAR(distance_at(D, G, &pen, block, level, b, gradient), 0, 2e-11);
  }
}

BVL_TEST_MAIN(cmocka_unit_test(test_newton_is_stationary), cmocka_unit_test(test_sparse_groups),
              cmocka_unit_test(test_sweeps_agree), cmocka_unit_test(test_size_one_groups),
              cmocka_unit_test(test_large_penalty_is_zero), cmocka_unit_test(test_not_convex))
