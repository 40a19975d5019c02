/* SPDX-License-Identifier: BSD-3-Clause */
/* Training: the same course on every grid, also when it is stopped, saved and taken up on another;
 * a run that breaks says so; what is dead stays dead. */
#include "net_fit.h"

static const net_case cases[] = {
    {.layers = "7-5-3",
     .activation = BVL_TANH,
     .family = "multinomial",
     .n = 40,
     .n_slices = 4,
     .weighted = 1,
     .scaling = BVL_SCALE_STANDARD},
    {.layers = "7-5-3",
     .activation = BVL_RELU,
     .family = "multinomial",
     .n = 40,
     .n_slices = 3,
     .penalty = "lasso",
     .lambda = 0.01,
     .weight_decay = 0.01},
    {.layers = "7-5-4-1",
     .activation = BVL_TANH,
     .family = "binomial",
     .n = 40,
     .n_slices = 4,
     .penalty = "group-lq",
     .q = 2.0 / 3.0,
     .structure = BVL_BY_INPUT,
     .lambda = 0.01},
    {.layers = "7-5-4-2",
     .activation = BVL_TANH,
     .family = "gaussian",
     .n = 40,
     .n_responses = 2,
     .n_slices = 4,
     .penalty = "group-lasso",
     .structure = BVL_BY_NEURON,
     .lambda = 0.01},
    {.layers = "input 1x6x6\nconv 2 3x3 relu\npool 2x2\ndense 4 tanh\ndense 3",
     .family = "multinomial",
     .n = 20,
     .n_slices = 3,
     .hoyer = BVL_HOYER_GROUP,
     .hoyer_lambda = 0.005},
};
enum { N_CASES = sizeof cases / sizeof *cases, EPOCHS = 5 };

static const bvl_optimizer methods[N_CASES] = {BVL_OPTIM_MOMENTUM, BVL_OPTIM_ADAM, BVL_OPTIM_SGD,
                                               BVL_OPTIM_ADAM, BVL_OPTIM_MOMENTUM};

/* ---- runs ------------------------------------------------------------------------------------
 */

typedef struct run {
  net_fit fit;
  net_case test_case;
  net_data test_data;
  bvl_net_rows *test;
  bvl_train *train;
} run;

/* The rows it is tried on are the first 13 of its own. */
static void open_run(const net_case *what, bvl_optimizer method, double step, MPI_Comm comm,
                     int n_rows, int n_cols, run *r)
{
  bvl_optim_options options;
  net_open(what, comm, n_rows, n_cols, &r->fit);
  r->test_case = *what;
  r->test_case.n = 13;
  r->test_case.n_slices = 1;
  net_data_make(&r->test_data, &r->test_case, &r->fit.arch);
  ASSERT_OK(net_rows(&r->test_data, r->fit.grid, bvl_architecture_outputs(&r->fit.arch), &r->test));
  bvl_optim_options_init(method, &options);
  options.epochs = EPOCHS;
  options.step = step;
  options.seed = 3;
  ASSERT_OK(bvl_train_create(r->fit.objective, r->test, &options, r->fit.params, &r->train));
}

static void close_run(run *r)
{
  bvl_train_destroy(&r->train);
  bvl_net_rows_destroy(&r->test);
  net_close(&r->fit);
  net_data_free(&r->test_data);
}

/* Figures of an epoch but its seconds; 5 epochs of sums rounded to 1e-16 stay far below 1e-10. */
static int same_epoch(const bvl_epoch *a, const bvl_epoch *b)
{
  const double *x = (const double *)a, *y = (const double *)b;
  int same = 1;
  for (int k = 0; k < BVL_EPOCH_COLUMNS - 1; k++)
    same &= (isnan(x[k]) && isnan(y[k])) ||
            bvl_test_near(x[k], y[k], 1e-10 * fmax(1.0, fabs(y[k])));
  return same && a->seconds >= 0.0;
}

static void compare_runs(const run *ours, const run *theirs)
{
  double a[NET_MAX_PARAMS], b[NET_MAX_PARAMS];
  ASSERT_ALL(ours->train->n_epochs == theirs->train->n_epochs);
  for (int64_t e = 0; e < ours->train->n_epochs; e++)
    ASSERT_ALL(same_epoch(&ours->train->history[e], &theirs->train->history[e]));
  net_gather_params(&ours->fit, ours->fit.objective->params, a);
  net_gather_params(&theirs->fit, theirs->fit.objective->params, b);
  ASSERT_ALL(net_apart(ours->fit.net->n_all, a, b) <= 1e-10);
}

static const double STEP = 0.05;

static void test_same_course_on_every_grid(void **state)
{
  (void)state;
  for (int c = 0; c < N_CASES; c++) {
    int shapes[8][2];
    run alone, spread;
    const int n_shapes = net_grids(&cases[c], shapes);
    open_run(&cases[c], methods[c], STEP, MPI_COMM_SELF, 1, 1, &alone);
    ASSERT_OK(bvl_train_run(alone.train, 0.0, NULL, NULL));
    ASSERT_ALL(alone.train->n_epochs == EPOCHS && !alone.train->diverged);
    ASSERT_ALL(alone.train->history[EPOCHS - 1].train_loss < alone.train->history[0].train_loss);
    for (int g = 0; g < n_shapes; g++) {
      open_run(&cases[c], methods[c], STEP, MPI_COMM_WORLD, shapes[g][0], shapes[g][1], &spread);
      ASSERT_OK(bvl_train_run(spread.train, 0.0, NULL, NULL));
      compare_runs(&spread, &alone);
      close_run(&spread);
    }
    close_run(&alone);
  }
}

/* What the last epoch says of the test rows and the parameters is true. */
static void test_history_tells_the_truth(void **state)
{
  (void)state;
  run r;
  double params[NET_MAX_PARAMS], l1 = 0.0, nonzeros = 0.0;
  bvl_pass_sums tried;
  open_run(&cases[0], methods[0], STEP, MPI_COMM_WORLD, bvl_test_size(), 1, &r);
  ASSERT_OK(bvl_train_run(r.train, 0.0, NULL, NULL));
  const bvl_epoch *last = &r.train->history[EPOCHS - 1];
  net_gather_params(&r.fit, r.fit.objective->params, params);
  for (int64_t k = 0; k < r.fit.net->n_all; k++) {
    l1 += fabs(params[k]);
    nonzeros += params[k] != 0.0;
  }
  ASSERT_ALL(bvl_test_near(last->l1, l1, 1e-12 * l1) && last->nonzeros == nonzeros);
  ASSERT_OK(bvl_net_objective_try(r.fit.objective, r.test, &tried));
  ASSERT_ALL(last->test_loss == tried.loss / tried.weight);
  ASSERT_ALL(last->test_accuracy == tried.hits / tried.weight);
  ASSERT_ALL(bvl_test_near(tried.weight, 13.0, 1e-12));
  /* at rest the loss of an epoch is the loss of everything */
  net_value(&r.fit, r.train->theta, -1);
  ASSERT_ALL(fabs(r.fit.objective->sums.loss / 40.0 - last->train_loss) < 0.1 * last->train_loss);
  close_run(&r);
}

/* ---- saved and taken up ----------------------------------------------------------------------
 */

enum { MAX_ARRAYS = 16 };

/* Everything on every rank. */
typedef struct memory_store {
  MPI_Comm comm;
  int n;
  char name[MAX_ARRAYS][64];
  int64_t length[MAX_ARRAYS];
  double *values[MAX_ARRAYS];
} memory_store;

static int find_array(const memory_store *store, const char *name)
{
  for (int k = 0; k < store->n; k++)
    if (strcmp(store->name[k], name) == 0) return k;
  return -1;
}

static bvl_status put_f64(void *context, const char *name, int64_t n_global, int64_t first,
                          int64_t count, const double *values)
{
  memory_store *store = context;
  int k = find_array(store, name);
  if (k < 0) k = store->n++;
  snprintf(store->name[k], sizeof store->name[k], "%s", name);
  free(store->values[k]);
  store->length[k] = n_global;
  store->values[k] = calloc((size_t)n_global + 1, sizeof(double));
  if (count > 0) memcpy(store->values[k] + first, values, (size_t)count * sizeof *values);
  MPI_Allreduce(MPI_IN_PLACE, store->values[k], (int)n_global, MPI_DOUBLE, MPI_SUM, store->comm);
  return BVL_OK;
}

static bvl_status get_f64(void *context, const char *name, int64_t first, int64_t count,
                          double *values)
{
  const memory_store *store = context;
  const int k = find_array(store, name);
  if (k < 0 || first + count > store->length[k]) return BVL_ERR_INPUT;
  if (count > 0) memcpy(values, store->values[k] + first, (size_t)count * sizeof *values);
  return BVL_OK;
}

static bvl_status array_length(void *context, const char *name, int64_t *n_global)
{
  const memory_store *store = context;
  const int k = find_array(store, name);
  *n_global = k < 0 ? -1 : store->length[k];
  return BVL_OK;
}

static bvl_store open_store(memory_store *store, MPI_Comm comm)
{
  *store = (memory_store){.comm = comm};
  return (bvl_store){
      .context = store, .put_f64 = put_f64, .get_f64 = get_f64, .length = array_length};
}

static void close_store(memory_store *store)
{
  for (int k = 0; k < store->n; k++) free(store->values[k]);
}

/* Asks once, on one rank, at an evaluation. */
typedef struct asker {
  int here; /* does this rank ask? */
  int64_t at;
  int64_t evaluations;
  int what;
} asker;

static int poll_asker(void *context)
{
  asker *a = context;
  return ++a->evaluations == a->at && a->here ? a->what : 0;
}

typedef struct saver {
  bvl_train *train;
  bvl_store store;
  int64_t calls;
} saver;

static bvl_status save(void *context)
{
  saver *s = context;
  s->calls++;
  return bvl_train_save(s->train, &s->store);
}

/* Runs until the last rank wants to stop, after so many steps. */
static void run_and_stop(run *r, int64_t steps, saver *s)
{
  asker a = {.here = bvl_test_rank() == bvl_test_size() - 1, .at = steps, .what = BVL_WANT_STOP};
  const bvl_monitor monitor = {.context = &a, .poll = poll_asker};
  r->fit.objective->control.monitor = &monitor;
  s->train = r->train;
  ASSERT_ALL(bvl_train_run(r->train, 1e9, s, save) == BVL_ERR_INTERRUPTED);
  ASSERT_ALL(s->calls == 1 && r->train->step == steps);
  r->fit.objective->control.monitor = NULL;
}

static void take_up(int c, int from[2], int to[2], const run *whole)
{
  memory_store memory;
  saver s = {.store = open_store(&memory, MPI_COMM_WORLD)};
  run r;
  open_run(&cases[c], methods[c], STEP, MPI_COMM_WORLD, from[0], from[1], &r);
  run_and_stop(&r, 6, &s); /* inside the second epoch */
  close_run(&r);
  open_run(&cases[c], methods[c], STEP, MPI_COMM_WORLD, to[0], to[1], &r);
  ASSERT_OK(bvl_train_restore(r.train, &s.store));
  ASSERT_OK(bvl_train_run(r.train, 0.0, NULL, NULL));
  compare_runs(&r, whole);
  close_run(&r);
  close_store(&memory);
}

/* From every grid to the next one, from some ranks to one. */
static void test_taken_up_on_another_grid(void **state)
{
  (void)state;
  for (int c = 0; c < N_CASES; c++) {
    int shapes[8][2];
    run whole;
    const int n_shapes = net_grids(&cases[c], shapes);
    open_run(&cases[c], methods[c], STEP, MPI_COMM_SELF, 1, 1, &whole);
    ASSERT_OK(bvl_train_run(whole.train, 0.0, NULL, NULL));
    for (int g = 0; g < n_shapes; g++) take_up(c, shapes[g], shapes[(g + 1) % n_shapes], &whole);
    close_run(&whole);
  }
}

static void test_taken_up_by_one_rank(void **state)
{
  (void)state;
  const int c = 2;
  memory_store memory;
  saver s = {.store = open_store(&memory, MPI_COMM_WORLD)};
  run whole, r;
  open_run(&cases[c], methods[c], STEP, MPI_COMM_SELF, 1, 1, &whole);
  ASSERT_OK(bvl_train_run(whole.train, 0.0, NULL, NULL));
  open_run(&cases[c], methods[c], STEP, MPI_COMM_WORLD, 1, bvl_test_size(), &r);
  run_and_stop(&r, 2, &s); /* before there is a history */
  close_run(&r);
  open_run(&cases[c], methods[c], STEP, MPI_COMM_SELF, 1, 1, &r);
  ASSERT_OK(bvl_train_restore(r.train, &s.store)); /* every rank for itself */
  ASSERT_OK(bvl_train_run(r.train, 0.0, NULL, NULL));
  compare_runs(&r, &whole);
  close_run(&r);
  close_run(&whole);
  close_store(&memory);
}

/* A checkpoint is saved and training goes on; time that is up ends it without a word of error. */
static void test_wants(void **state)
{
  (void)state;
  memory_store memory;
  run whole, r;
  open_run(&cases[1], methods[1], STEP, MPI_COMM_SELF, 1, 1, &whole);
  ASSERT_OK(bvl_train_run(whole.train, 0.0, NULL, NULL));
  asker a = {.here = bvl_test_rank() == 0, .at = 7, .what = BVL_WANT_CHECKPOINT};
  const bvl_monitor monitor = {.context = &a, .poll = poll_asker};
  saver s = {.store = open_store(&memory, MPI_COMM_WORLD)};
  open_run(&cases[1], methods[1], STEP, MPI_COMM_WORLD, 1, bvl_test_size(), &r);
  r.fit.objective->control.monitor = &monitor;
  s.train = r.train;
  ASSERT_OK(bvl_train_run(r.train, 1e9, &s, save));
  ASSERT_ALL(s.calls == 1);
  compare_runs(&r, &whole);
  close_run(&r);
  open_run(&cases[1], methods[1], STEP, MPI_COMM_WORLD, 1, bvl_test_size(), &r);
  a = (asker){.here = bvl_test_rank() == 0, .at = 7, .what = BVL_WANT_TIME_UP};
  r.fit.objective->control.monitor = &monitor;
  ASSERT_OK(bvl_train_run(r.train, 1e9, NULL, NULL));
  ASSERT_ALL(r.train->n_epochs == 2 && r.train->step == 7);
  /* the seventh step of 3 an epoch, cosine over 5 */
  ASSERT_ALL(bvl_test_near(r.train->rate, 0.5 * STEP * (1.0 + cos(acos(-1.0) * 0.4)), 1e-15));
  close_run(&r);
  close_run(&whole);
  close_store(&memory);
}

/* ---- what goes wrong -------------------------------------------------------------------------
 */

static void test_divergence(void **state)
{
  (void)state;
  net_case what = cases[3];
  what.activation = BVL_LINEAR; /* a product of layers grows without bound */
  what.structure = BVL_BY_ELEMENT;
  what.penalty = NULL;
  run r;
  open_run(&what, BVL_OPTIM_SGD, 1e6, MPI_COMM_WORLD, 1, bvl_test_size(), &r);
  ASSERT_OK(bvl_train_run(r.train, 0.0, NULL, NULL));
  ASSERT_ALL(r.train->diverged && r.train->n_epochs < EPOCHS);
  int finite = 1;
  for (int64_t k = 0; k < r.fit.net->n_params; k++)
    finite &= isfinite(r.fit.objective->params[k]) != 0;
  ASSERT_ALL(finite && r.train->step > 0);
  close_run(&r);
}

/* ---- the absorbing zero ----------------------------------------------------------------------
 */

/* Every fifth block of factors is put to zero: it stays there, and is counted. */
static void test_dead_blocks_stay_dead(void **state)
{
  (void)state;
  const int which[] = {1, 2};
  for (int c = 0; c < 2; c++) {
    run r;
    int64_t killed = 0, n_blocks = 0, n_dead = 0, at = 0;
    open_run(&cases[which[c]], methods[which[c]], STEP, MPI_COMM_WORLD, 1, bvl_test_size(), &r);
    const bvl_sparsity *s = r.fit.sparsity;
    for (int part = 0; part < 2; part++)
      for (int64_t g = 0; g < s->part[part].n; g++) {
        const int64_t length = bvl_surrogate_block_length(&s->map, &s->part[part], g);
        if (g % 5 == 1 && bvl_surrogate_is_penalised(s->part[part].weight[g])) {
          memset(r.train->theta + at, 0, (size_t)length * sizeof(double));
          killed += part == 0 || r.fit.grid->j == 0;
        }
        at += length;
      }
    ASSERT_OK(bvl_train_run(r.train, 0.0, NULL, NULL));
    bvl_sparsity_count_dead(s, r.fit.objective->params + s->begin, 0.0, &n_blocks, &n_dead);
    ASSERT_ALL(n_dead == killed && n_blocks >= n_dead);
    close_run(&r);
  }
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_same_course_on_every_grid),
                  cmocka_unit_test(test_history_tells_the_truth),
                  cmocka_unit_test(test_taken_up_on_another_grid),
                  cmocka_unit_test(test_taken_up_by_one_rank), cmocka_unit_test(test_wants),
                  cmocka_unit_test(test_divergence), cmocka_unit_test(test_dead_blocks_stay_dead))
