/* SPDX-License-Identifier: BSD-3-Clause */
/* The support of a lasso path and the time left of it, foretold from its first lambdas: held to
 * paths that coordinate descent follows here, on designs made here. */
#include "bvl_test.h"

#include "base/rng.h"
#include "path/forecast.h"
#include "path/time_left.h"

enum { ROWS = 150, COLUMNS = 600, LAMBDAS = 40, SEEN = 5, ACTIVE = 6 };

typedef struct lasso {
  double X[COLUMNS][ROWS]; /* standardised columns */
  double y[ROWS];
  double r[ROWS];
  double beta[COLUMNS], v[COLUMNS], slope[COLUMNS];
  double lambda[LAMBDAS], df[LAMBDAS];
  double residual; /* variance of r */
  double level;    /* share of lambda that is the l1 part's */
} lasso;

static double dot(const double *a, const double *b)
{
  double sum = 0;
  for (int i = 0; i < ROWS; i++) sum += a[i] * b[i];
  return sum;
}

static void standardise(double *x)
{
  double mean = 0;
  for (int i = 0; i < ROWS; i++) mean += x[i] / ROWS;
  for (int i = 0; i < ROWS; i++) x[i] -= mean;
  const double scale = sqrt(dot(x, x) / ROWS);
  for (int i = 0; i < ROWS; i++) x[i] /= scale;
}

/* Neighbouring columns correlated by rho, ACTIVE equal coefficients, variance of the signal over
 * the noise's about snr. */
static void make(lasso *l, double rho, double snr, uint64_t seed)
{
  const double fresh = sqrt(1 - rho * rho);
  for (int i = 0; i < ROWS; i++) {
    for (int j = 0; j < COLUMNS; j++) {
      const double z = bvl_rng_normal(seed, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)j);
      l->X[j][i] = j == 0 ? z : rho * l->X[j - 1][i] + fresh * z;
    }
    l->y[i] = bvl_rng_normal(seed, BVL_STREAM_SIM_NOISE, (uint64_t)i, 0) * sqrt(ACTIVE / snr);
  }
  for (int j = 0; j < COLUMNS; j++) standardise(l->X[j]);
  for (int k = 0; k < ACTIVE; k++)
    for (int i = 0; i < ROWS; i++) l->y[i] += l->X[k * COLUMNS / ACTIVE][i];
  standardise(l->y);
  double top = 0;
  for (int j = 0; j < COLUMNS; j++) top = fmax(top, fabs(l->v[j] = dot(l->X[j], l->y) / ROWS));
  for (int k = 0; k < LAMBDAS; k++)
    l->lambda[k] = top / l->level * pow(0.02, (double)k / (LAMBDAS - 1));
  memcpy(l->r, l->y, sizeof l->r);
  memset(l->beta, 0, sizeof l->beta);
}

/* Coordinate descent from where beta stands; v, slope since the last call, and the support. */
static double solve(lasso *l, double lambda, double way)
{
  double moved = 1, support = 0;
  for (int round = 0; round < 2000 && moved > 1e-7; round++) {
    moved = 0;
    for (int j = 0; j < COLUMNS; j++) {
      const double before = l->beta[j], t = before + dot(l->X[j], l->r) / ROWS;
      l->beta[j] = copysign(fmax(fabs(t) - l->level * lambda, 0), t) /
                   (1 + (1 - l->level) * lambda);
      const double step = l->beta[j] - before;
      if (step == 0) continue;
      moved = fmax(moved, fabs(step));
      for (int i = 0; i < ROWS; i++) l->r[i] -= step * l->X[j][i];
    }
  }
  for (int j = 0; j < COLUMNS; j++) {
    const double v = dot(l->X[j], l->r) / ROWS;
    l->slope[j] = way > 0 ? (l->v[j] - v) / way : 0;
    l->v[j] = v;
    support += l->beta[j] != 0;
  }
  l->residual = dot(l->r, l->r) / ROWS;
  return support;
}

/* Follows the path, surveys it at lambda SEEN - 1 and fills df with what is expected. */
static void foretell(lasso *l, bvl_forecast *forecast, double *df)
{
  bvl_response_facts facts = {
      .n = ROWS, .p = COLUMNS, .variance = 1, .curvature = 1, .level = l->level};
  bvl_survey survey = {.stood_out = bvl_survey_null(&facts, COLUMNS, l->v)};
  double before = 1;
  for (int k = 0; k < LAMBDAS; k++) {
    const double last = k > 0 ? l->lambda[k - 1] : l->lambda[0];
    l->df[k] = solve(l, l->lambda[k], last - l->lambda[k]);
    const double squared = l->lambda[k] * l->lambda[k];
    if (k == SEEN - 1) {
      const double bend = (before - l->residual) / (last * last - squared);
      facts.left = l->residual - bend * squared;
      bvl_survey_add(&facts, l->lambda[k], COLUMNS, l->beta, l->v, l->slope, &survey);
    }
    before = l->residual;
  }
  bvl_survey_read(&facts, &survey, forecast);
  double level[LAMBDAS];
  for (int k = 0; k < LAMBDAS; k++) level[k] = l->level * l->lambda[k];
  bvl_forecast_df(forecast, LAMBDAS, level, df);
}

/* State evolution is exact as n and p grow; at n = 150 the support's standard deviation is a few
 * columns in 100, and some coefficients are not found by lambda 5: within a factor of `allowed`
 * wherever the support is at least `least`, large enough to cost anything. */
static void compare(double rho, double snr, double level, double least, double allowed)
{
  lasso *l = calloc(1, sizeof *l);
  double df[LAMBDAS];
  bvl_forecast forecast;
  assert_non_null(l);
  l->level = level;
  make(l, rho, snr, 7);
  foretell(l, &forecast, df);
  assert_true(l->df[SEEN - 1] < 10 && l->df[LAMBDAS - 1] > 90);
  int compared = 0;
  for (int k = SEEN; k < LAMBDAS; k++) {
    if (l->df[k] < least) continue;
    compared++;
    const double ratio = df[k] / l->df[k];
    if (ratio > allowed || ratio < 1 / allowed)
      fail_msg("rho %g snr %g lambda %d: support %g, foretold %g", rho, snr, k, l->df[k], df[k]);
  }
  assert_true(compared > (level < 1 ? 2 : LAMBDAS / 4));
  free(l);
}

static void test_support_is_foretold_from_five_lambdas(void **state)
{
  (void)state;
  compare(0, 0.5, 1, ROWS / 5, 1.35);
  compare(0, 4, 1, ROWS / 5, 1.35);
}

static void test_correlated_columns_are_thinned(void **state)
{
  (void)state;
  compare(0.8, 4, 1, ROWS / 5, 1.5);
}

/* Four fifths of lambda for the squares: the support grows beyond the rows, which is more than any
 * lasso's. Only there: on the way the forecast runs ahead by up to a half. */
static void test_elastic_net_is_foretold(void **state)
{
  (void)state;
  compare(0, 0.5, 0.2, ROWS + 1, 1.15);
  compare(0, 4, 0.2, ROWS + 1, 1.15);
}

/* Noise alone: of p columns P(|Z| > theta) are in, at lambda = theta tau (1 - df / n). */
static void test_noise_alone_is_the_fixed_point(void **state)
{
  (void)state;
  const bvl_forecast f = {.n = 1000, .p = 5000, .noise = 2, .multiplicity = 1};
  double df = 0, lambda = 0.08;
  bvl_forecast_df(&f, 1, &lambda, &df);
  assert_true(df > 10 && df < 900);
  /* theta by bisection on p P(|Z| > theta) = df */
  double low = 0, high = 10;
  for (int k = 0; k < 200; k++) {
    const double mid = 0.5 * (low + high);
    *(5000 * erfc(mid / sqrt(2)) > df ? &low : &high) = mid;
  }
  const double theta = low, d = exp(-theta * theta / 2) / sqrt(2 * acos(-1));
  const double error = 2 * ((1 + theta * theta) * 0.5 * erfc(theta / sqrt(2)) - theta * d);
  const double tau = sqrt(2.0 / 1000 / (1 - 5 * error));
  /* read off a table of thresholds a factor of 1.13 apart */
  assert_true(fabs(theta * tau * (1 - df / 1000) / lambda - 1) < 0.02);
}

static void test_what_is_found_moves_the_forecast(void **state)
{
  (void)state;
  bvl_forecast f = {0};
  double lambda[8], expected[8], df[8];
  for (int k = 0; k < 8; k++) {
    lambda[k] = pow(0.8, k);
    expected[k] = 20 * k;
  }
  bvl_forecast_adjust(&f, 8, lambda, expected, 2, 60, df); /* as many one lambda sooner */
  assert_true(df[2] == 60);
  for (int k = 3; k < 7; k++) assert_true(fabs(df[k] - expected[k + 1]) < 1e-9);
  bvl_forecast_adjust(&f, 8, lambda, expected, 4, 50, df); /* one and a half later */
  for (int k = 5; k < 8; k++) assert_true(fabs(df[k] - (expected[k] - 30)) < 1e-9);
  bvl_forecast_adjust(&f, 8, lambda, expected, 1, 3, df); /* too few to go by */
  for (int k = 2; k < 8; k++) assert_true(df[k] == expected[k]);
  f.n_atoms = 1;
  f.count[0] = 40; /* all of them may be coefficients that were known of */
  bvl_forecast_adjust(&f, 8, lambda, expected, 2, 60, df);
  for (int k = 3; k < 8; k++) assert_true(df[k] == fmax(60, expected[k]));
}

/* Sweeps alone: 24 lambdas in batches of 8, a second each, support 0. */
static void test_sweeps_take_what_they_took(void **state)
{
  (void)state;
  const bvl_workload work = {
      .n = 100, .p = 1000, .column_entries = 100, .dense = 1, .quadratic = 1};
  const double df[24] = {0};
  bvl_pace pace = {0};
  bvl_pace_add(&work, df, 8, 1, 1, 0, &pace);
  const double one_s = bvl_time_left(&work, &pace, df, 24) / 2; /* a batch, by the first */
  assert_true(one_s >= 1 && one_s < 1.5);
  bvl_pace_add(&work, df, 16, 4, 4, 0, &pace); /* the second took 3: mean of both */
  assert_true(fabs(bvl_time_left(&work, &pace, df, 24) - (one_s + 3) / 2) < 1e-9);
  assert_true(bvl_time_left(&work, &pace, df, 16) == 0);
}

/* A machine ten times as slow at the working set shows once there is one. */
static void test_price_is_corrected_by_what_is_seen(void **state)
{
  (void)state;
  const bvl_workload work = {
      .n = 20000, .p = 50000, .column_entries = 20000, .dense = 1, .quadratic = 1};
  double df[40];
  for (int k = 0; k < 40; k++) df[k] = 100.0 * k;
  bvl_pace pace = {0};
  bvl_pace_add(&work, df, 8, 0, 0, 0, &pace);
  const double before_s = bvl_time_left(&work, &pace, df, 40);
  assert_true(fabs(before_s / bvl_work_price(&work, df, 8, 40) - 1) < 1e-9);
  const double seen_s = 10 * bvl_work_price(&work, df, 8, 30);
  bvl_pace_add(&work, df, 30, seen_s, 0, seen_s, &pace);
  const double price_s = bvl_work_price(&work, df, 30, 40);
  const double left_s = bvl_time_left(&work, &pace, df, 40);
  assert_true(left_s > 7 * price_s && left_s < 10 * price_s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_support_is_foretold_from_five_lambdas),
      cmocka_unit_test(test_correlated_columns_are_thinned),
      cmocka_unit_test(test_elastic_net_is_foretold),
      cmocka_unit_test(test_noise_alone_is_the_fixed_point),
      cmocka_unit_test(test_what_is_found_moves_the_forecast),
      cmocka_unit_test(test_sweeps_take_what_they_took),
      cmocka_unit_test(test_price_is_corrected_by_what_is_seen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
