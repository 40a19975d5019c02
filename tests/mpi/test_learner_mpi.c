/* SPDX-License-Identifier: BSD-3-Clause */
/* The library's face of training: the same parameters on every grid as alone, outputs that give the
 * loss that is told, refusals. What training does is tested in test_net_train_mpi. */
#include "bvl_test.h"

#include "base/rng.h"
#include "bevel/learner.h"

enum { N = 40, P = 6, MOST = 200 };
static double X[N][P], y[N];

typedef struct learner_case {
  const char *layers, *family, *penalty, *structure, *optimizer;
  double lambda;
  int standardize;
  int one_column; /* of the grid: convolutions, neurons */
  int outputs;
} learner_case;

static const learner_case cases[] = {
    {"6-4-3", "multinomial", "group-lasso", "input", "adam", 0.01, 1, 0, 3},
    {"6-4-1", "binomial", "lasso", "element", "momentum", 0.01, 0, 0, 1},
    {"6-3-1", "gaussian", NULL, "input", "lbfgs", 0.0, 1, 0, 1},
    {"6-4-3", "multinomial", "group-lasso", "neuron", "sgd", 0.01, 0, 1, 3},
    {"input 1x2x3\nconv 2 2x2 relu\ndense 3", "multinomial", "hoyer-square", "input", "adam", 0.01,
     0, 1, 3},
};
enum { N_CASES = sizeof cases / sizeof *cases };

static void make_data(const learner_case *c)
{
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < P; j++)
      X[i][j] = bvl_rng_normal(5, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)j) + 0.3 * j;
    const double u = bvl_rng_uniform(6, BVL_STREAM_SIM_NOISE, (uint64_t)i, 0);
    y[i] = strcmp(c->family, "gaussian") == 0 ? X[i][0] + u : floor((c->outputs == 1 ? 2 : 3) * u);
  }
}

static bvl_status read_rows(void *context, const char *what, int64_t row0, int64_t count,
                            double *out, int *present)
{
  (void)context;
  *present = strcmp(what, "y") == 0;
  if (*present) memcpy(out, y + row0, (size_t)count * sizeof *out);
  return BVL_OK;
}

static bvl_learner_options options_of(const learner_case *c)
{
  bvl_learner_options o;
  bvl_learner_options_init(&o);
  o.layers = c->layers;
  o.family = c->family;
  o.penalty = c->penalty;
  o.structure = c->structure;
  o.optimizer = c->optimizer;
  o.lambda = c->lambda;
  o.standardize = c->standardize;
  o.activation = "tanh";
  o.single = 0;
  o.step = 0.02;
  o.epochs = 5;
  o.batch = 10;
  o.read_rows = read_rows;
  return o;
}

static bvl_status create(const bvl_grid *grid, const bvl_learner_options *o, bvl_learner **out)
{
  bvl_source source;
  bvl_status status = bvl_source_dense_borrow(BVL_F64, N, P, X, P, 0, &source);
  if (status == BVL_OK) status = bvl_learner_create(grid, &source, o, NULL, out);
  bvl_source_memory_free(&source);
  return status;
}

typedef struct trained {
  bvl_learner_figures figures;
  double params[MOST];
  double out[N * 3]; /* outputs of the rows learnt from */
} trained;

static void train(const learner_case *c, MPI_Comm comm, int n_rows, int n_cols, trained *t)
{
  const bvl_learner_options o = options_of(c);
  bvl_grid *grid = NULL;
  bvl_learner *learner = NULL;
  bvl_source source;
  ASSERT_OK(bvl_grid_create(comm, n_rows, n_cols, &grid));
  ASSERT_OK(create(grid, &o, &learner));
  ASSERT_OK(bvl_learner_train(learner));
  ASSERT_OK(bvl_learner_measure(learner, &t->figures));
  ASSERT_ALL(t->figures.n_all <= MOST);
  ASSERT_OK(bvl_learner_parameters(learner, t->figures.n_all, t->params));
  ASSERT_ALL(bvl_learner_parameters(learner, 1, t->params) == BVL_ERR_USAGE);
  ASSERT_OK(bvl_source_dense_borrow(BVL_F64, N, P, X, P, 0, &source));
  ASSERT_OK(bvl_learner_predict(learner, &source, t->out));
  bvl_source_memory_free(&source);
  bvl_learner_destroy(&learner);
  bvl_learner_destroy(&learner); /* NULL is fine */
  bvl_grid_destroy(&grid);
}

/* The mean loss of these outputs, by the families' formulas. */
static double loss_of(const learner_case *c, const double *out)
{
  double sum = 0.0;
  for (int i = 0; i < N; i++) {
    const double *o = out + i * c->outputs;
    if (strcmp(c->family, "gaussian") == 0)
      sum += 0.5 * (y[i] - o[0]) * (y[i] - o[0]);
    else if (c->outputs == 1)
      sum += log1p(exp(o[0])) - y[i] * o[0];
    else
      sum += log(exp(o[0]) + exp(o[1]) + exp(o[2])) - o[(int)y[i]];
  }
  return sum / N;
}

/* 5 epochs of sums rounded to 1e-16 stay far below 1e-9, lbfgs' line searches too. */
static void test_same_on_every_grid(void **state)
{
  (void)state;
  const int size = bvl_test_size();
  static trained alone, spread;
  for (int k = 0; k < N_CASES; k++) {
    const learner_case *c = &cases[k];
    make_data(c);
    train(c, MPI_COMM_SELF, 1, 1, &alone);
    ASSERT_ALL(alone.figures.epochs >= 1 && !alone.figures.diverged);
    ASSERT_ALL(bvl_test_near(loss_of(c, alone.out), alone.figures.loss, 1e-12));
    ASSERT_ALL(isnan(alone.figures.accuracy) == (strcmp(c->family, "gaussian") == 0));
    for (int cut = 0; cut < (c->one_column ? 1 : 2); cut++) {
      train(c, MPI_COMM_WORLD, cut == 0 ? size : 1, cut == 0 ? 1 : size, &spread);
      ASSERT_ALL(spread.figures.n_all == alone.figures.n_all);
      ASSERT_ALL(bvl_test_near(spread.figures.loss, alone.figures.loss, 1e-9));
      ASSERT_ALL(bvl_test_near(spread.figures.l1, alone.figures.l1, 1e-9 * alone.figures.l1));
      for (int64_t q = 0; q < alone.figures.n_all; q++)
        ASSERT_ALL(bvl_test_near(spread.params[q], alone.params[q], 1e-9));
      for (int q = 0; q < N * c->outputs; q++)
        ASSERT_ALL(bvl_test_near(spread.out[q], alone.out[q], 1e-8));
    }
  }
}

static void refused(const bvl_grid *grid, const bvl_learner_options *o, bvl_status wanted,
                    const char *with)
{
  bvl_learner *learner = NULL;
  ASSERT_ALL(create(grid, o, &learner) == wanted && learner == NULL);
  if (strstr(bvl_last_error(), with) == NULL) fprintf(bvl_test_log(), "%s\n", bvl_last_error());
  ASSERT_ALL(strstr(bvl_last_error(), with) != NULL);
}

static void test_refusals(void **state)
{
  (void)state;
  bvl_grid *grid = NULL;
  const int size = bvl_test_size();
  make_data(&cases[0]);
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 1, size, &grid));
#define REFUSED(member, value, wanted, with)                                                       \
  do {                                                                                             \
    bvl_learner_options o = options_of(&cases[0]);                                                 \
    o.member = (value);                                                                            \
    refused(grid, &o, (wanted), (with));                                                           \
  } while (0)
  REFUSED(layers, "7-4-3", BVL_ERR_USAGE, "7 inputs");
  REFUSED(layers, NULL, BVL_ERR_USAGE, "no layers");
  REFUSED(layers, "6-4-2", BVL_ERR_INPUT, "y");
  REFUSED(activation, "gelu", BVL_ERR_USAGE, "gelu");
  REFUSED(penalty, "mcp", BVL_ERR_USAGE, "mcp");
  REFUSED(structure, "filter", BVL_ERR_USAGE, "filter");
  REFUSED(optimizer, "rmsprop", BVL_ERR_USAGE, "rmsprop");
  REFUSED(schedule, "linear", BVL_ERR_USAGE, "linear");
  REFUSED(batch, N + 1, BVL_ERR_USAGE, "41");
  REFUSED(epochs, 0, BVL_ERR_USAGE, "epoch");
  if (size > 1) REFUSED(structure, "neuron", BVL_ERR_USAGE, "1 column");
  if (size > 1) REFUSED(penalty, "group-hs", BVL_ERR_USAGE, "1 column");
  y[3] = 7.0;
  REFUSED(epochs, 5, BVL_ERR_INPUT, "row 3");
  bvl_grid_destroy(&grid);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_same_on_every_grid), cmocka_unit_test(test_refusals))
