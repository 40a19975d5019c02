/* SPDX-License-Identifier: BSD-3-Clause */
/* `bevel simulate --recipe`: every file the same whoever and how many draw it, and each recipe's
 * numbers recomputed from the random numbers by its definition. Rank 0 reads what was written. */
#include "io_files.h"

#include "base/rng.h"
#include "run/recipe.h"

enum { N = 37, P = 60, SEED = 7 };

static bvl_simulate_options asked(const char *recipe, const char *name)
{
  static char path[512];
  bvl_simulate_options o;
  bvl_simulate_options_init(&o);
  snprintf(path, sizeof path, "%s/%s", io_folder, name);
  o.output = path;
  o.recipe = recipe;
  o.n = N;
  o.p = P;
  o.active = recipe != NULL && strcmp(recipe, "spred") == 0 ? -1 : 4;
  o.seed = SEED;
  return o;
}

static void make(const char *recipe)
{
  bvl_simulate_options o = asked(recipe, "data.h5");
  ASSERT_OK(bvl_run_simulate(MPI_COMM_WORLD, &o));
}

/* Elements of a dataset, or -1. Rank 0 alone, as everything down to the tests. */
static int64_t length(const char *file_name, const char *name)
{
  hid_t file = H5Fopen(io_path(file_name), H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t set = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(set);
  int64_t n = (int64_t)H5Sget_simple_extent_npoints(space);
  H5Sclose(space);
  H5Dclose(set);
  H5Fclose(file);
  return n;
}

static int read_set(const char *file_name, const char *name, hid_t type, void *out)
{
  hid_t file = H5Fopen(io_path(file_name), H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
  int good = H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0;
  H5Dclose(set);
  H5Fclose(file);
  return good;
}

static int read_real(const char *name, double *out)
{
  return read_set("data.h5", name, H5T_NATIVE_DOUBLE, out);
}

static int same_set(const char *name)
{
  int64_t n = length("data.h5", name);
  if (n < 1 || n != length("alone.h5", name)) return 0;
  double *a = calloc((size_t)n, sizeof *a), *b = calloc((size_t)n, sizeof *b);
  int good = read_set("data.h5", name, H5T_NATIVE_DOUBLE, a) &&
             read_set("alone.h5", name, H5T_NATIVE_DOUBLE, b) &&
             memcmp(a, b, (size_t)n * sizeof *a) == 0;
  free(b);
  free(a);
  return good;
}

static double noise_of(int64_t row, int64_t response)
{
  return bvl_rng_normal(SEED, BVL_STREAM_SIM_NOISE, (uint64_t)row, (uint64_t)response);
}

static double noise(int64_t row)
{
  return noise_of(row, 0);
}

/* ---- tests ---------------------------------------------------------------------------------- */

/* To the last bit, for every recipe of the table. */
static void test_same_at_any_rank_count(void **state)
{
  (void)state;
  for (const bvl_recipe *r = bvl_recipe_all() + 1; r->about != NULL; r++) {
    int good = 1;
    make(r->name);
    bvl_simulate_options o = asked(r->name, "alone.h5");
    if (bvl_test_rank() == 0) good = bvl_run_simulate(MPI_COMM_SELF, &o) == BVL_OK;
    ASSERT_ALL(good);
    if (bvl_test_rank() == 0) {
      int sparse = r->design == BVL_SIM_WORDS;
      good = same_set("/y") && same_set("/beta_true");
      good = good &&
             (sparse ? same_set("/X/data") && same_set("/X/indices") && same_set("/X/indptr")
                     : same_set("/X"));
      if (!good) fprintf(bvl_test_log(), "recipe %s differs\n", r->name);
    }
    ASSERT_ALL(good);
    MPI_Barrier(MPI_COMM_WORLD);
  }
}

/* The response is 1 exactly where the predictor with its noise is above the median, which here is
 * the 19th of 37 by counting. */
static void test_median_split(void **state)
{
  (void)state;
  double X[N * P], y[N], beta[P], latent[N], variance = 0.0;
  int good = 1, n_ones = 0;
  make("logistic");
  if (bvl_test_rank() == 0) {
    good = read_real("/X", X) && read_real("/y", y) && read_real("/beta_true", beta);
    for (int j = 0; j < P; j++)
      for (int k = 0; k < P; k++) variance += beta[j] * beta[k] * pow(0.5, abs(j - k));
    for (int i = 0; i < N; i++) {
      latent[i] = sqrt(variance / 5.0) * noise(i);
      for (int j = 0; j < P; j++) latent[i] += X[i * P + j] * beta[j];
    }
    for (int i = 0; i < N; i++) {
      int below = 0;
      for (int k = 0; k < N; k++) below += latent[k] < latent[i];
      good &= y[i] == (below > N / 2 ? 1.0 : 0.0);
      n_ones += y[i] == 1.0;
    }
    good &= n_ones == N / 2;
  }
  ASSERT_ALL(good);
}

/* The word that u falls on, by adding frequencies up from the first. */
static int64_t word_at(double u)
{
  double sum = 0.0, below = 0.0;
  for (int k = 0; k < P; k++) sum += pow(k + 1.0, -0.9);
  for (int k = 0; k < P; k++) {
    below += pow(k + 1.0, -0.9);
    if (below > u * sum) return k;
  }
  return P - 1;
}

/* Row i: exactly the words drawn, with values in the proportions of their log-normal numbers, and
 * of length 1. */
static int words_are_right(int64_t i, const int64_t *indptr, const int64_t *indices,
                           const double *values)
{
  int drawn[P] = {0}, n_drawn = 0, good = 1;
  double squares = 0.0;
  for (uint64_t k = 0; k < BVL_SIM_WORDS_A_ROW; k++)
    drawn[word_at(bvl_rng_uniform(SEED, BVL_STREAM_SIM_PATTERN, (uint64_t)i, k))] = 1;
  for (int k = 0; k < P; k++) n_drawn += drawn[k];
  good &= indptr[i + 1] - indptr[i] == n_drawn;
  for (int64_t e = indptr[i]; good && e < indptr[i + 1]; e++) {
    good &= drawn[indices[e]] && (e == indptr[i] || indices[e] > indices[e - 1]);
    squares += values[e] * values[e];
    double z = bvl_rng_normal(SEED, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)indices[e]) -
               bvl_rng_normal(SEED, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)indices[indptr[i]]);
    good &= fabs(log(values[e] / values[indptr[i]]) - z) <= 1e-13; /* |z| < 10, few roundings */
  }
  return good && fabs(squares - 1.0) <= 1e-14; /* P roundings of squares that add up to 1 */
}

/* The noise is one number times N(0,1), whose square is the predictor's variance over the rows
 * by the ratio asked for. */
static int noise_is_right(const int64_t *indptr, const int64_t *indices, const double *values)
{
  double y[N], beta[P], eta[N] = {0.0}, mean = 0.0, variance = 0.0;
  int good = read_real("/y", y) && read_real("/beta_true", beta), n_active = 0;
  for (int j = 0; j < P; j++) n_active += beta[j] != 0.0;
  for (int i = 0; i < N; i++) {
    for (int64_t e = indptr[i]; e < indptr[i + 1]; e++) eta[i] += values[e] * beta[indices[e]];
    mean += eta[i] / N;
  }
  for (int i = 0; i < N; i++) variance += (eta[i] - mean) * (eta[i] - mean) / N;
  for (int i = 0; i < N; i++)
    good &= fabs(y[i] - eta[i] - sqrt(variance / 5.0) * noise(i)) <= 1e-13; /* order 1, N sums */
  return good && n_active == 4;
}

static void test_words(void **state)
{
  (void)state;
  int64_t indptr[N + 1], *indices = NULL;
  double *values = NULL;
  int good = 1;
  make("sparse");
  if (bvl_test_rank() == 0) {
    int64_t nnz = length("data.h5", "/X/data");
    indices = calloc((size_t)nnz, sizeof *indices);
    values = calloc((size_t)nnz, sizeof *values);
    good = read_set("data.h5", "/X/indptr", H5T_NATIVE_INT64, indptr) &&
           read_set("data.h5", "/X/indices", H5T_NATIVE_INT64, indices) &&
           read_real("/X/data", values);
    for (int64_t i = 0; good && i < N; i++) good = words_are_right(i, indptr, indices, values);
    good = good && noise_is_right(indptr, indices, values);
  }
  free(values);
  free(indices);
  ASSERT_ALL(good);
}

/* Every response has coefficients of its own, at the same columns, and noise of its own, whose
 * variance is a fifth of Var(x'beta_k), summed here pair by pair. */
static void test_responses(void **state)
{
  (void)state;
  enum { K = 5 };
  double X[N * P], y[N * K], beta[P * K];
  int good = 1, n_active = 0;
  make("responses");
  if (bvl_test_rank() == 0) {
    good = length("data.h5", "/y") == N * K && length("data.h5", "/beta_true") == P * K &&
           read_real("/X", X) && read_real("/y", y) && read_real("/beta_true", beta);
    for (int j = 0; j < P; j++) {
      int nonzero = 0;
      for (int k = 0; k < K; k++) nonzero += beta[j * K + k] != 0.0;
      for (int k = 1; nonzero && k < K; k++) good &= beta[j * K + k] != beta[j * K];
      good &= nonzero == 0 || nonzero == K;
      n_active += nonzero > 0;
    }
    for (int k = 0; k < K; k++) {
      double variance = 0.0;
      for (int j = 0; j < P; j++)
        for (int l = 0; l < P; l++)
          variance += beta[j * K + k] * beta[l * K + k] * pow(0.5, abs(j - l));
      for (int i = 0; i < N; i++) {
        double eta = 0.0;
        for (int j = 0; j < P; j++) eta += X[i * P + j] * beta[j * K + k];
        /* P roundings of order 10 */
        good &= fabs(y[i * K + k] - eta - sqrt(variance / 5.0) * noise_of(i, k)) <= 1e-12;
      }
    }
  }
  ASSERT_ALL(good && (bvl_test_rank() > 0 || n_active == 4));
}

static void test_spred(void **state)
{
  (void)state;
  double X[N * P], y[N], beta[P];
  int good = 1, n_active = 0;
  make("spred");
  if (bvl_test_rank() == 0) {
    good = read_real("/X", X) && read_real("/y", y) && read_real("/beta_true", beta);
    for (int j = 0; j < P; j++) n_active += beta[j] != 0.0;
    for (int i = 0; i < N; i++) {
      double eta = 0.0;
      for (int j = 0; j < P; j++) {
        double z = bvl_rng_normal(SEED, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)j);
        good &= fabs(X[i * P + j] * sqrt((double)P) - z) <= 1e-14; /* two roundings, |z| < 10 */
        eta += X[i * P + j] * beta[j];
      }
      good &= fabs(y[i] - eta - 0.01 * noise(i)) <= 1e-14;
    }
    /* binomial(60, 0.1): 6, at most 6 + 5 standard deviations of 2.3 */
    good &= n_active >= 1 && n_active <= 17;
  }
  ASSERT_ALL(good);
}

/* Without a wish the sizes are the benchmark's; with one they are the caller's. */
static void test_plan(void **state)
{
  (void)state;
  bvl_simulate_options o;
  bvl_recipe plan;
  bvl_simulate_options_init(&o);
  o.recipe = "group";
  assert_int_equal(bvl_recipe_plan(&o, &plan), BVL_OK);
  assert_true(plan.n == 1000 && plan.p == 20000 && plan.group_size == 10 && plan.active == 20);
  assert_true(plan.rho == 0.5 && plan.snr == 5.0 && plan.density == 1.0);
  o.p = 40;
  o.active = 0;
  o.snr = 2.0;
  o.group_size = 4;
  assert_int_equal(bvl_recipe_plan(&o, &plan), BVL_OK);
  assert_true(plan.n == 1000 && plan.p == 40 && plan.group_size == 4 && plan.active == 0);
  assert_true(plan.snr == 2.0);
}

static void refuse(const bvl_simulate_options *o, const char *text)
{
  ASSERT_REFUSED(bvl_run_simulate(MPI_COMM_WORLD, o), BVL_ERR_USAGE, text);
}

static void test_refuses(void **state)
{
  (void)state;
  bvl_simulate_options o = asked("lassoo", "data.h5");
  refuse(&o, "wanted one of lasso, wide, group, logistic, poisson, sparse, tall, responses, spred");
  o = asked("spred", "data.h5");
  o.active = 3;
  refuse(&o, "active: recipe spred");
  o = asked("sparse", "data.h5");
  o.density = 0.5;
  refuse(&o, "density: recipe sparse");
  o = asked("logistic", "data.h5");
  o.family = "gaussian";
  refuse(&o, "family: recipe logistic");
  o = asked("poisson", "data.h5");
  o.snr = 1.0;
  refuse(&o, "snr: goes with family gaussian");
  o = asked("poisson", "data.h5");
  o.responses = 2;
  refuse(&o, "responses: several go with family gaussian");
  o = asked("logistic", "data.h5");
  o.responses = 2;
  refuse(&o, "responses: several go with family gaussian");
  o = asked("lasso", "data.h5");
  o.responses = INT64_MAX / 4;
  refuse(&o, "responses 2305843009213693951: not with 37 rows");
  o = asked("lasso", "data.h5");
  o.active = P + 1;
  refuse(&o, "there are 60 columns");
  o = asked(NULL, "data.h5");
  o.p = 0;
  refuse(&o, "each must be at least 1");
  ASSERT_ALL(io_stands("data.h5", 0));
}

BVL_TEST_MAIN_MPI(IO_TEST(test_same_at_any_rank_count), IO_TEST(test_median_split),
                  IO_TEST(test_words), IO_TEST(test_responses), IO_TEST(test_spred),
                  IO_TEST(test_plan), IO_TEST(test_refuses))
