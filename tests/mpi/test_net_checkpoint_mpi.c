/* SPDX-License-Identifier: BSD-3-Clause */
/* Training through a checkpoint file: stopped at any step, also before there is a history, and
 * taken up on another grid from what the file holds. */
#include "net_fit.h"

#include "io_files.h"

#include "io/io.h"

static const net_case what = {.layers = "7-5-3",
                              .activation = BVL_TANH,
                              .family = "multinomial",
                              .n = 40,
                              .n_slices = 4,
                              .penalty = "lasso",
                              .lambda = 0.01,
                              .scaling = BVL_SCALE_STANDARD};
enum { EPOCHS = 3 };

typedef struct run {
  net_fit fit;
  bvl_train *train;
} run;

static void open_run(MPI_Comm comm, int n_rows, int n_cols, run *r)
{
  bvl_optim_options options;
  net_open(&what, comm, n_rows, n_cols, &r->fit);
  bvl_optim_options_init(BVL_OPTIM_ADAM, &options);
  options.epochs = EPOCHS;
  ASSERT_OK(bvl_train_create(r->fit.objective, NULL, &options, r->fit.params, &r->train));
}

static void close_run(run *r)
{
  bvl_train_destroy(&r->train);
  net_close(&r->fit);
}

static bvl_status save(void *context)
{
  const bvl_train *train = context;
  bvl_checkpoint *checkpoint = NULL;
  bvl_store store;
  bvl_status status = bvl_checkpoint_begin(&io_comm, io_path("net.h5"), "seed=1\n", &checkpoint,
                                           &store);
  if (status != BVL_OK) return status;
  status = bvl_train_save(train, &store);
  const bvl_status ended = bvl_checkpoint_end(&checkpoint, status == BVL_OK);
  return status != BVL_OK ? status : ended;
}

static void restore(bvl_train *train)
{
  bvl_checkpoint *checkpoint = NULL;
  bvl_store store;
  char *text = NULL;
  ASSERT_OK(bvl_checkpoint_open(&io_comm, io_path("net.h5"), &checkpoint, &store, &text));
  ASSERT_ALL(checkpoint != NULL);
  ASSERT_OK(bvl_train_restore(train, &store));
  ASSERT_OK(bvl_checkpoint_end(&checkpoint, 0));
  free(text);
}

typedef struct countdown {
  int64_t left;
} countdown;

static int poll_countdown(void *context)
{
  countdown *c = context;
  return --c->left == 0 ? BVL_WANT_STOP : 0;
}

static void stop_after(int64_t steps, int n_rows, int n_cols)
{
  run r;
  countdown c = {.left = steps};
  const bvl_monitor monitor = {.context = &c, .poll = poll_countdown};
  open_run(MPI_COMM_WORLD, n_rows, n_cols, &r);
  r.fit.objective->control.monitor = &monitor;
  ASSERT_ALL(bvl_train_run(r.train, 1e9, r.train, save) == BVL_ERR_INTERRUPTED);
  ASSERT_ALL(r.train->step == steps && r.train->n_epochs == (steps - 1) / 4);
  close_run(&r);
}

/* Three epochs of sums in another order. */
static void check(const run *r, const run *whole)
{
  double ours[NET_MAX_PARAMS], theirs[NET_MAX_PARAMS];
  ASSERT_ALL(r->train->n_epochs == EPOCHS && whole->train->n_epochs == EPOCHS);
  for (int e = 0; e < EPOCHS; e++) {
    const bvl_epoch *a = &r->train->history[e], *b = &whole->train->history[e];
    ASSERT_ALL(bvl_test_near(a->objective, b->objective, 1e-11) &&
               bvl_test_near(a->train_loss, b->train_loss, 1e-11) && a->nonzeros == b->nonzeros &&
               bvl_test_near(a->train_accuracy, b->train_accuracy, 1e-12));
  }
  net_gather_params(&r->fit, r->fit.objective->params, ours);
  net_gather_params(&whole->fit, whole->fit.objective->params, theirs);
  ASSERT_ALL(net_apart(r->fit.net->n_all, ours, theirs) <= 1e-10);
}

static void test_through_a_file(void **state)
{
  (void)state;
  const int64_t steps[] = {1, 4, 6, 9}; /* the first, an epoch's last, two in the middle */
  run whole, r;
  int shapes[8][2];
  const int n_shapes = net_grids(&what, shapes);
  open_run(MPI_COMM_SELF, 1, 1, &whole);
  ASSERT_OK(bvl_train_run(whole.train, 0.0, NULL, NULL));
  for (int k = 0; k < 4; k++) {
    const int *from = shapes[k % n_shapes], *to = shapes[(k + 1) % n_shapes];
    stop_after(steps[k], from[0], from[1]);
    open_run(MPI_COMM_WORLD, to[0], to[1], &r);
    restore(r.train);
    ASSERT_OK(bvl_train_run(r.train, 1e9, r.train, save));
    check(&r, &whole);
    close_run(&r);
  }
  close_run(&whole);
}

/* A checkpoint that is not the network's has not its arrays. */
static void test_of_something_else(void **state)
{
  (void)state;
  bvl_checkpoint *checkpoint = NULL;
  bvl_store store;
  char *text = NULL;
  run r;
  ASSERT_OK(bvl_checkpoint_begin(&io_comm, io_path("net.h5"), "seed=1\n", &checkpoint, &store));
  ASSERT_OK(bvl_checkpoint_end(&checkpoint, 1));
  open_run(MPI_COMM_WORLD, 1, bvl_test_size(), &r);
  ASSERT_OK(bvl_checkpoint_open(&io_comm, io_path("net.h5"), &checkpoint, &store, &text));
  ASSERT_ALL(bvl_train_restore(r.train, &store) == BVL_ERR_IO);
  ASSERT_OK(bvl_checkpoint_end(&checkpoint, 0));
  free(text);
  close_run(&r);
}

BVL_TEST_MAIN_MPI(IO_TEST(test_through_a_file), IO_TEST(test_of_something_else))
