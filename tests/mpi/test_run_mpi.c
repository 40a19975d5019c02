/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole jobs: what simulate writes, what a run refuses (once with a single bad rank), checkpoints
 * that do not fit or cannot be written, prediction. */
#include "io_files.h"

#include "base/checked.h"
#include "base/rng.h"
#include "run/memory.h"
#include "run/run.h"

enum { N = 37, P = 23 };

/* A path that lives as long as the test: io_path hands out four buffers in turn. */
static const char *at_path(const char *name)
{
  static char paths[64][512];
  static int next;
  char *path = paths[next++ % 64];
  snprintf(path, sizeof paths[0], "%s/%s", io_folder, name);
  return path;
}

static bvl_simulate_options sim_options(const char *name)
{
  bvl_simulate_options o;
  bvl_simulate_options_init(&o);
  o.output = at_path(name);
  o.n = N;
  o.p = P;
  o.active = 4;
  o.rho = 0.6;
  o.seed = 7;
  return o;
}

static void make(const char *name)
{
  bvl_simulate_options o = sim_options(name);
  ASSERT_OK(bvl_run_simulate(MPI_COMM_WORLD, &o));
}

static bvl_run_options run_options(const char *data, const char *output)
{
  bvl_run_options o;
  bvl_run_options_init(&o);
  o.data = at_path(data);
  o.output = at_path(output);
  o.path.n_lambda = 10;
  return o;
}

/* ---- simulate ------------------------------------------------------------------------------- */

/* X is the AR(1) filter of the random numbers at (row, column), whoever drew them. */
static void test_dense_is_a_function_of_the_seed(void **state)
{
  (void)state;
  double X[N * P], y[N];
  bvl_data *data = NULL;
  bvl_data_names names = {0};
  int present = 0, good = 1;
  make("data.h5");
  ASSERT_OK(bvl_data_open(&io_comm, at_path("data.h5"), &names, 1, 1, &data));
  const bvl_source *source = bvl_data_source(data);
  ASSERT_ALL(source->n == N && source->p == P && source->format == BVL_DENSE);
  ASSERT_OK(source->read_dense(source->context, 0, N, P, NULL, X));
  ASSERT_OK(bvl_data_read_rows(data, "y", 0, N, y, &present));
  for (int i = 0; i < N; i++)
    for (int j = 0; j < P; j++) {
      double z = bvl_rng_normal(7, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)j);
      double left = j > 0 ? 0.6 * X[i * P + j - 1] : 0.0;
      /* three roundings of numbers of order 1 */
      good &= fabs(X[i * P + j] - left - (j > 0 ? 0.8 : 1.0) * z) <= 1e-14;
    }
  ASSERT_ALL(good);
  bvl_data_close(&data);
}

/* y - X beta is the noise: N(0,1) at (row, 0) times one number, whose square is Var(x'beta) / snr
 * by the covariance rho^|j-k|, summed here pair by pair. */
static void test_noise_has_the_asked_for_share(void **state)
{
  (void)state;
  double X[N * P], y[N], beta[P], variance = 0.0;
  bvl_data *data = NULL;
  bvl_data_names names = {.y = "/y"};
  int present = 0, good = 1, n_active = 0;
  make("data.h5");
  ASSERT_OK(bvl_data_open(&io_comm, at_path("data.h5"), &names, 0, 1, &data));
  const bvl_source *source = bvl_data_source(data);
  ASSERT_OK(source->read_dense(source->context, 0, N, P, NULL, X));
  ASSERT_OK(bvl_data_read_rows(data, "y", 0, N, y, &present));
  hid_t file = H5Fopen(at_path("data.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t set = H5Dopen2(file, "/beta_true", H5P_DEFAULT);
  good &= H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, beta) >= 0;
  H5Dclose(set);
  H5Fclose(file);
  for (int j = 0; j < P; j++) n_active += beta[j] != 0.0;
  for (int j = 0; j < P; j++)
    for (int k = 0; k < P; k++) variance += beta[j] * beta[k] * pow(0.6, abs(j - k));
  for (int i = 0; i < N; i++) {
    double eta = 0.0, z = bvl_rng_normal(7, BVL_STREAM_SIM_NOISE, (uint64_t)i, 0);
    for (int j = 0; j < P; j++) eta += X[i * P + j] * beta[j];
    good &= fabs(y[i] - eta - sqrt(variance / 3.0) * z) <= 1e-12; /* P roundings of order 10 */
  }
  ASSERT_ALL(good && n_active == 4);
  bvl_data_close(&data);
}

/* CSR rows hold the drawn numbers at ascending columns, about density p of them. */
static void test_sparse_rows(void **state)
{
  (void)state;
  int64_t indptr[N + 1], *indices;
  double *values;
  bvl_data *data = NULL;
  bvl_data_names names = {0};
  int good = 1;
  bvl_simulate_options o = sim_options("data.h5");
  o.rho = 0.0;
  o.p = 400;
  o.density = 0.1;
  ASSERT_OK(bvl_run_simulate(MPI_COMM_WORLD, &o));
  ASSERT_OK(bvl_data_open(&io_comm, at_path("data.h5"), &names, 1, 1, &data));
  const bvl_source *source = bvl_data_source(data);
  ASSERT_ALL(source->format == BVL_CSR && source->n == N && source->p == 400);
  /* binomial(14800, 0.1): 1480 +- 5 standard deviations of 36.5 */
  ASSERT_ALL(llabs(source->nnz - 1480) < 183);
  ASSERT_OK(source->read_indptr(source->context, 0, N + 1, indptr));
  indices = malloc((size_t)source->nnz * sizeof *indices);
  values = malloc((size_t)source->nnz * sizeof *values);
  ASSERT_OK(source->read_entries(source->context, 0, source->nnz, indices, values));
  for (int i = 0; i < N; i++)
    for (int64_t e = indptr[i]; e < indptr[i + 1]; e++) {
      good &= e == indptr[i] || indices[e] > indices[e - 1];
      good &= values[e] == bvl_rng_normal(7, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)indices[e]);
    }
  ASSERT_ALL(good);
  free(values);
  free(indices);
  bvl_data_close(&data);
}

static void test_simulate_refuses(void **state)
{
  (void)state;
  bvl_simulate_options o = sim_options("data.h5");
  o.active = P + 1;
  ASSERT_ALL(bvl_run_simulate(MPI_COMM_WORLD, &o) == BVL_ERR_USAGE);
  o = sim_options("data.h5");
  o.density = 0.5; /* with rho */
  ASSERT_ALL(bvl_run_simulate(MPI_COMM_WORLD, &o) == BVL_ERR_USAGE);
  o = sim_options("data.h5");
  o.family = "cox";
  ASSERT_ALL(bvl_run_simulate(MPI_COMM_WORLD, &o) == BVL_ERR_USAGE);
  o = sim_options("nowhere/data.h5");
  ASSERT_ALL(bvl_run_simulate(MPI_COMM_WORLD, &o) == BVL_ERR_IO);
  ASSERT_ALL(io_stands("data.h5", 0));
}

/* ---- path ----------------------------------------------------------------------------------- */

static bvl_status run(const bvl_run_options *o, bvl_run_outcome *outcome)
{
  bvl_status status = bvl_run_path(MPI_COMM_WORLD, o, NULL, outcome);
  bvl_run_outcome_free(outcome);
  return status;
}

static void test_path_counts_what_it_did(void **state)
{
  (void)state;
  bvl_run_outcome outcome;
  make("data.h5");
  bvl_run_options o = run_options("data.h5", "out.h5");
  ASSERT_OK(run(&o, &outcome));
  ASSERT_ALL(outcome.n == N && outcome.p == P && outcome.nnz == N * P);
  ASSERT_ALL(outcome.n_lambda == 10 && outcome.n_converged == 10);
  ASSERT_ALL(outcome.n_diverged == 0 && outcome.n_not_attempted == 0);
  ASSERT_ALL(outcome.worst_gap <= o.path.tol && outcome.passes >= 2.0);
  ASSERT_ALL(outcome.grid_rows * outcome.grid_cols == bvl_test_size());
  ASSERT_ALL(outcome.resumed_from == -1 && outcome.peak_bytes > 0);
  ASSERT_ALL(io_stands("out.h5", 1));
}

/* Phases share the wall time out; batches add up to the path; a sweep is a pass. */
static void test_profile_adds_up(void **state)
{
  (void)state;
  bvl_run_outcome outcome;
  double total = 0;
  int64_t finished = 0, messages = 0, bytes = 0;
  int good = 1;
  make("data.h5");
  bvl_run_options o = run_options("data.h5", "out.h5");
  o.path.n_lambda = 8;
  o.path.lambda_min_ratio = 0.1; /* near enough for no stops in between */
  const double begin_s = MPI_Wtime();
  ASSERT_OK(bvl_run_path(MPI_COMM_WORLD, &o, NULL, &outcome));
  const double wall_s = MPI_Wtime() - begin_s;
  for (int k = 0; k < BVL_N_PHASES; k++) {
    good &= outcome.phases.seconds[k] >= 0 && outcome.phases.entered[k] >= 0;
    total += outcome.phases.seconds[k];
  }
  /* nested inside the two readings of the clock; two clocks may tick 1e-6 apart */
  ASSERT_ALL(good && total > 0 && total <= wall_s + 1e-6);
  const double named_s = outcome.load_s + outcome.solve_s + outcome.write_s;
  ASSERT_ALL(fabs(total - named_s) <= 0.01 * named_s + 1e-3); /* nothing is nobody's */
  /* two passes more for means and deviations */
  ASSERT_ALL((double)outcome.phases.entered[BVL_PHASE_SWEEP] + 2 == outcome.passes);
  for (int64_t k = 0; k < outcome.n_batches; k++) {
    const bvl_batch *b = &outcome.batches[k];
    finished += b->finished;
    good &= b->finished <= b->lambdas && b->lambdas <= b->offered &&
            b->offered <= 8 - finished + b->finished;
    good &= k == 0 || b->before == outcome.batches[k - 1].after;
    good &= b->after <= b->before + b->screened + b->violators;
  }
  ASSERT_ALL(good && finished == 8);
  ASSERT_ALL(outcome.n_batches + 1 == outcome.phases.entered[BVL_PHASE_SWEEP]); /* and lambda_max */
  for (int k = 0; k < BVL_N_MESSAGES; k++) {
    messages += outcome.traffic.kind[k].messages;
    bytes += outcome.traffic.kind[k].bytes;
    good &= outcome.path_traffic.kind[k].messages <= outcome.traffic.kind[k].messages;
  }
  ASSERT_ALL(good && messages == outcome.traffic.reductions + outcome.traffic.others);
  ASSERT_ALL(bytes == outcome.traffic.reduction_bytes + outcome.traffic.other_bytes);
  bvl_run_outcome_free(&outcome);
}

static void test_refusals_leave_no_result(void **state)
{
  (void)state;
  bvl_run_outcome outcome;
  make("data.h5");
  bvl_run_options o = run_options("nothing.h5", "out.h5");
  ASSERT_ALL(run(&o, &outcome) == BVL_ERR_IO);
  o = run_options("data.h5", "out.h5");
  o.family = "cox";
  ASSERT_ALL(run(&o, &outcome) == BVL_ERR_USAGE);
  o = run_options("data.h5", "out.h5");
  o.penalty = "ridge";
  ASSERT_ALL(run(&o, &outcome) == BVL_ERR_USAGE);
  o = run_options("data.h5", "out.h5");
  o.grid_rows = bvl_test_size() + 1;
  o.grid_cols = 1;
  ASSERT_ALL(run(&o, &outcome) == BVL_ERR_USAGE);
  o = run_options("data.h5", "out.h5");
  o.penalty = "group-lasso";
  ASSERT_ALL(run(&o, &outcome) == BVL_ERR_INPUT);
  ASSERT_ALL(strstr(bvl_last_error(), "data.h5: /groups") != NULL);
  o = run_options("data.h5", "nowhere/out.h5");
  ASSERT_ALL(run(&o, &outcome) == BVL_ERR_IO);
  ASSERT_ALL(io_stands("out.h5", 0));
}

/* One rank on a smaller machine is everyone's refusal, with both figures in the message. */
/* The rank with the least memory decides for all: a tenth of 32 MiB are four 324 x 324 matrices. */
static void test_gram_limit_of_a_single_rank(void **state)
{
  (void)state;
  bvl_traffic traffic = {0};
  bvl_comm comm;
  int64_t columns = 0;
  const int64_t size = bvl_test_size();
  const int is_last = bvl_test_rank() == size - 1;
  ASSERT_OK(bvl_comm_dup(MPI_COMM_WORLD, &traffic, &comm));
  ASSERT_OK(bvl_memory_gram_limit(&comm, is_last ? size << 25 : size << 30, &columns));
  ASSERT_ALL(columns == 323);
  ASSERT_OK(bvl_memory_gram_limit(&comm, INT64_C(1) << 50, &columns));
  ASSERT_ALL(columns == 8000);
  bvl_comm_free(&comm);
}

static void test_memory_of_a_single_rank(void **state)
{
  (void)state;
  bvl_run_outcome outcome;
  make("data.h5");
  bvl_run_options o = run_options("data.h5", "out.h5");
  if (bvl_test_rank() == bvl_test_size() - 1) o.memory_limit = bvl_test_size() << 20; /* a node's */
  ASSERT_ALL(run(&o, &outcome) == BVL_ERR_NOMEM);
  ASSERT_ALL(strstr(bvl_last_error(), "limit is 1.0 MiB") != NULL);
  ASSERT_ALL(outcome.estimate_bytes > 1 << 20);
  ASSERT_ALL(io_stands("out.h5", 0));
}

/* ---- checkpoints ---------------------------------------------------------------------------- */

typedef struct outside {
  int polls_left; /* asks to stop when they are used up */
  char log[1024];
} outside;

static int poll_countdown(void *context)
{
  outside *world = context;
  return world->polls_left-- <= 0 ? BVL_WANT_STOP : 0;
}

static void keep_log(void *context, const char *line)
{
  outside *world = context;
  size_t used = strlen(world->log);
  snprintf(world->log + used, sizeof world->log - used, "%s\n", line);
}

static void test_interrupted_and_resumed(void **state)
{
  (void)state;
  outside world = {.polls_left = 6};
  bvl_monitor monitor = {&world, poll_countdown, keep_log, NULL};
  bvl_run_outcome outcome;
  int said;
  make("data.h5");
  bvl_run_options o = run_options("data.h5", "out.h5");
  o.path.solver = BVL_SOLVER_CD; /* asks between lambdas; the default may do ten in one go */
  o.checkpoint = at_path("ck.h5");
  o.resume = 1;
  ASSERT_ALL(bvl_run_path(MPI_COMM_WORLD, &o, &monitor, &outcome) == BVL_ERR_INTERRUPTED);
  said = bvl_test_rank() > 0 || strstr(world.log, "starting afresh") != NULL;
  ASSERT_ALL(said && io_stands("ck.h5", 1) && io_stands("out.h5", 0));

  o.path.tol = 1e-6; /* another run */
  ASSERT_ALL(run(&o, &outcome) == BVL_ERR_USAGE);
  ASSERT_ALL(strstr(bvl_last_error(), "tol=") != NULL);
  o.path.tol = 1e-8;
  ASSERT_OK(run(&o, &outcome));
  ASSERT_ALL(outcome.n_converged == 10 && outcome.resumed_from >= 1);
  ASSERT_ALL(io_stands("out.h5", 1));
  ASSERT_OK(run(&o, &outcome)); /* finished: written again at once */
  ASSERT_ALL(outcome.resumed_from == 10 && outcome.n_converged == 10);
}

static void test_checkpoint_that_cannot_be_written(void **state)
{
  (void)state;
  outside world = {.polls_left = 1 << 30};
  bvl_monitor monitor = {&world, poll_countdown, keep_log, NULL};
  bvl_run_outcome outcome;
  make("data.h5");
  bvl_run_options o = run_options("data.h5", "out.h5");
  o.checkpoint = at_path("nowhere/ck.h5");
  ASSERT_OK(bvl_run_path(MPI_COMM_WORLD, &o, &monitor, &outcome));
  bvl_run_outcome_free(&outcome);
  int said = bvl_test_rank() > 0 || strstr(world.log, "warning: checkpoint") != NULL;
  ASSERT_ALL(said && outcome.n_converged == 10 && io_stands("out.h5", 1));
}

/* ---- predict -------------------------------------------------------------------------------- */

static bvl_predict_options predict_options(const char *data)
{
  bvl_predict_options o;
  bvl_predict_options_init(&o);
  o.data = at_path(data);
  o.model = at_path("out.h5");
  o.output = at_path("pred.h5");
  return o;
}

/* X B + b0 of the result, in the order of the rows; between two lambdas the chord. */
static void test_predictions(void **state)
{
  (void)state;
  double X[N * P], got[N];
  bvl_run_outcome outcome;
  bvl_data *data = NULL;
  bvl_data_names names = {0};
  bvl_result model;
  int good = 1;
  bvl_predict_outcome predicted;
  make("data.h5");
  bvl_run_options o = run_options("data.h5", "out.h5");
  ASSERT_OK(run(&o, &outcome));
  ASSERT_OK(bvl_result_read(&io_comm, at_path("out.h5"), &model));
  ASSERT_OK(bvl_data_open(&io_comm, at_path("data.h5"), &names, 1, 1, &data));
  const bvl_source *source = bvl_data_source(data);
  ASSERT_OK(source->read_dense(source->context, 0, N, P, NULL, X));
  bvl_data_close(&data);
  double share = 0.25, at = share * model.lambda[6] + (1 - share) * model.lambda[7];
  bvl_predict_options wanted = predict_options("data.h5");
  wanted.at = at;
  ASSERT_OK(bvl_run_predict(MPI_COMM_WORLD, &wanted, &predicted));
  hid_t file = H5Fopen(at_path("pred.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t set = H5Dopen2(file, "/prediction", H5P_DEFAULT);
  good &= H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0;
  H5Dclose(set);
  H5Fclose(file);
  for (int i = 0; i < N; i++) {
    double eta = 0.0;
    for (int l = 6; l <= 7; l++) {
      double weight = l == 6 ? share : 1 - share;
      eta += weight * model.intercept[l];
      for (int64_t e = model.indptr[l]; e < model.indptr[l + 1]; e++)
        eta += weight * model.values[e] * X[i * P + model.indices[e]];
    }
    good &= fabs(eta - got[i]) <= 1e-12; /* 2 P roundings of order 10 */
  }
  ASSERT_ALL(good);
  ASSERT_ALL(predicted.n == N && predicted.columns == P);
  bvl_result_free(&model);
}

static void test_predict_refuses(void **state)
{
  (void)state;
  bvl_predict_outcome predicted;
  bvl_run_outcome outcome;
  make("data.h5");
  bvl_run_options o = run_options("data.h5", "out.h5");
  ASSERT_OK(run(&o, &outcome));
  bvl_simulate_options wider = sim_options("wider.h5");
  wider.p = P + 1;
  ASSERT_OK(bvl_run_simulate(MPI_COMM_WORLD, &wider));
  bvl_predict_options wanted = predict_options("wider.h5");
  ASSERT_ALL(bvl_run_predict(MPI_COMM_WORLD, &wanted, &predicted) == BVL_ERR_INPUT);
  ASSERT_ALL(strstr(bvl_last_error(), "wider.h5: /X: 24 columns, the model has 23") != NULL);
  wanted = predict_options("data.h5");
  wanted.type = "class";
  ASSERT_ALL(bvl_run_predict(MPI_COMM_WORLD, &wanted, &predicted) == BVL_ERR_USAGE);
  ASSERT_ALL(io_stands("pred.h5", 0));
}

BVL_TEST_MAIN_MPI(IO_TEST(test_dense_is_a_function_of_the_seed),
                  IO_TEST(test_noise_has_the_asked_for_share), IO_TEST(test_sparse_rows),
                  IO_TEST(test_simulate_refuses), IO_TEST(test_path_counts_what_it_did),
                  IO_TEST(test_profile_adds_up), IO_TEST(test_refusals_leave_no_result),
                  IO_TEST(test_memory_of_a_single_rank), IO_TEST(test_gram_limit_of_a_single_rank),
                  IO_TEST(test_interrupted_and_resumed),
                  IO_TEST(test_checkpoint_that_cannot_be_written), IO_TEST(test_predictions),
                  IO_TEST(test_predict_refuses))
