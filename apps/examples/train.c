/* SPDX-License-Identifier: BSD-3-Clause */
/* A small sparse network: trained, tried on rows it has not seen, and run by hand.
 *
 *     mpicc train.c $(pkg-config --cflags --libs bevel) -o train && mpirun -n 2 train
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <bevel/learner.h>

#include "example.h"

enum { N = 1000, NEW = 200, P = 10, HIDDEN = 8, CLASSES = 2 };
static double X[N + NEW][P]; /* a row is contiguous; the last rows are kept apart */
static double label[N + NEW];

/* Which side of a wave of the first two columns; the other eight columns are noise. */
static void make_data(void)
{
  for (int i = 0; i < N + NEW; i++) {
    for (int j = 0; j < P; j++) X[i][j] = 2.0 * entry(i, j);
    label[i] = sin(3.0 * X[i][0]) > X[i][1];
  }
}

static bvl_status read_rows(void *context, const char *what, int64_t row0, int64_t count,
                            double *out, int *present)
{
  (void)context;
  *present = strcmp(what, "y") == 0;
  if (*present) memcpy(out, label + row0, (size_t)count * sizeof *out);
  return BVL_OK;
}

/* out = W2 tanh(W1 x + b1) + b2, the parameters in the order of bvl_learner_parameters. */
static void by_hand(const double *params, const double *x, double *out)
{
  const double *W1 = params, *b1 = W1 + HIDDEN * P, *W2 = b1 + HIDDEN, *b2 = W2 + CLASSES * HIDDEN;
  double hidden[HIDDEN];
  for (int h = 0; h < HIDDEN; h++) {
    hidden[h] = b1[h];
    for (int j = 0; j < P; j++) hidden[h] += W1[h * P + j] * x[j];
    hidden[h] = tanh(hidden[h]);
  }
  for (int k = 0; k < CLASSES; k++) {
    out[k] = b2[k];
    for (int h = 0; h < HIDDEN; h++) out[k] += W2[k * HIDDEN + h] * hidden[h];
  }
}

int main(int argc, char **argv)
{
  bvl_grid *grid = NULL;
  bvl_learner *learner = NULL;
  bvl_learner_options options;
  bvl_learner_figures begin, end;
  bvl_source source, unseen;
  double guess[NEW][CLASSES], worst = 0.0, loss = 0.0;
  int rank, size, right = 0, idle = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  make_data();
  TRY(bvl_grid_create(MPI_COMM_WORLD, size, 1, &grid)); /* the ranks share out the rows */
  TRY(bvl_source_dense_borrow(BVL_F64, N, P, X, P, 0, &source));
  TRY(bvl_source_dense_borrow(BVL_F64, NEW, P, X[N], P, 0, &unseen));

  bvl_learner_options_init(&options);
  options.layers = "10-8-2";
  options.activation = "tanh";
  options.family = "multinomial";
  options.penalty = "group-lasso"; /* of what an input sends out: idle inputs go */
  options.lambda = 0.005;
  options.step = 0.02;
  options.epochs = 200;
  options.batch = 50;
  options.single = 0;
  options.read_rows = read_rows;
  TRY(bvl_learner_create(grid, &source, &options, NULL, &learner));
  TRY(bvl_learner_measure(learner, &begin));
  TRY(bvl_learner_train(learner));
  TRY(bvl_learner_measure(learner, &end));
  TRY(bvl_learner_predict(learner, &unseen, &guess[0][0]));

  double *params = malloc((size_t)end.n_all * sizeof *params);
  if (params == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
  TRY(bvl_learner_parameters(learner, end.n_all, params));
  for (int i = 0; i < N + NEW; i++) {
    double out[CLASSES];
    by_hand(params, X[i], out);
    if (i < N) loss += (log(exp(out[0]) + exp(out[1])) - out[label[i] != 0.0]) / N;
    for (int k = 0; k < CLASSES && i >= N; k++) worst = fmax(worst, fabs(out[k] - guess[i - N][k]));
    right += i >= N && (out[1] > out[0]) == (label[i] != 0.0);
  }
  for (int j = 0; j < P; j++) {
    double most = 0.0;
    for (int h = 0; h < HIDDEN; h++) most = fmax(most, fabs(params[h * P + j]));
    idle += most == 0.0;
  }
  if (rank == 0) {
    printf("loss %.4f -> %.4f, %d of %d inputs gone\n", begin.loss, end.loss, idle, P);
    printf("accuracy on new rows %.3f\n", (double)right / NEW);
    printf("worst difference %.3e\n", fmax(worst, fabs(loss - end.loss)));
  }
  free(params);
  bvl_source_memory_free(&source);
  bvl_source_memory_free(&unseen);
  bvl_learner_destroy(&learner);
  bvl_grid_destroy(&grid);
  return MPI_Finalize();
}
