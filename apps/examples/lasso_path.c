/* SPDX-License-Identifier: BSD-3-Clause */
/* A lasso path of a matrix in memory, and its certificate computed by hand.
 *
 *     mpicc lasso_path.c $(pkg-config --cflags --libs bevel) -o lasso_path && mpirun -n 2
 * lasso_path
 */
#include <math.h>
#include <string.h>

#include <bevel/path.h>

#include "example.h"

enum { N = 120, P = 300 };
static double X[P][N]; /* a column is contiguous */
static double y[N];

/* The same numbers on every rank: three active columns among 300, and a little noise. */
static void make_data(void)
{
  for (int j = 0; j < P; j++)
    for (int i = 0; i < N; i++) X[j][i] = entry(i, j);
  for (int i = 0; i < N; i++)
    y[i] = 1.0 + 3.0 * X[7][i] - 2.0 * X[40][i] + X[250][i] + 0.1 * X[0][i] * X[1][i];
}

/* bevel asks for rows of "y", "weights" and "offset"; we have the first alone. */
static bvl_status read_rows(void *context, const char *what, int64_t row0, int64_t count,
                            double *out, int *present)
{
  (void)context;
  *present = strcmp(what, "y") == 0;
  if (*present) memcpy(out, y + row0, (size_t)count * sizeof *out);
  return BVL_OK;
}

/* (primal - dual) / half the null deviance, of the problem with standardised columns
 *
 *     P(b) = ||r||^2 / 2n + lambda sum_j s_j |b_j|,  r = y - b0 - X b,
 *     D(t) = t'y / n - ||t||^2 / 2n at t = c r, the largest c <= 1 with |x_j't| / (n s_j) <=
 * lambda.
 */
static double duality_gap(double lambda, double intercept, const double *beta)
{
  double r[N], mean_y = 0.0, null = 0.0, rr = 0.0, ry = 0.0, l1 = 0.0, most = 0.0;
  for (int i = 0; i < N; i++) mean_y += y[i] / N;
  for (int i = 0; i < N; i++) {
    r[i] = y[i] - intercept;
    for (int j = 0; j < P; j++) r[i] -= beta[j] != 0.0 ? X[j][i] * beta[j] : 0.0;
    null += (y[i] - mean_y) * (y[i] - mean_y) / (2.0 * N);
    rr += r[i] * r[i] / N;
    ry += r[i] * (y[i] - mean_y) / N; /* t is centred: t'y = t'(y - mean) */
  }
  for (int j = 0; j < P; j++) {
    double mean = 0.0, variance = 0.0, pull = 0.0;
    for (int i = 0; i < N; i++) mean += X[j][i] / N;
    for (int i = 0; i < N; i++) {
      variance += (X[j][i] - mean) * (X[j][i] - mean) / N;
      pull += (X[j][i] - mean) * r[i] / N;
    }
    l1 += sqrt(variance) * fabs(beta[j]);
    most = fmax(most, fabs(pull) / sqrt(variance));
  }
  const double c = fmin(1.0, lambda / most);
  return (rr / 2.0 + lambda * l1 - (c * ry - c * c * rr / 2.0)) / null;
}

int main(int argc, char **argv)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  bvl_source source;
  bvl_path_options options;
  bvl_problem_data data = {.family = "gaussian",
                           .penalty = "lasso",
                           .intercept = 1,
                           .standardize = 1,
                           .n_slices = 1,
                           .read_rows = read_rows};
  int rank;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  make_data();
  TRY(bvl_grid_create(MPI_COMM_WORLD, 0, 0, &grid)); /* 0 x 0: the ranks share out the columns */
  TRY(bvl_source_dense_borrow(BVL_F64, N, P, X, N, 1, &source));
  TRY(bvl_problem_create(grid, &source, &data, &problem));
  bvl_source_memory_free(&source); /* bevel has its blocks now */
  bvl_path_options_init(&options);
  options.n_lambda = 20;
  TRY(bvl_path_create(problem, &options, NULL, &path));
  TRY(bvl_path_solve(path, NULL, NULL));

  double worst = 0.0;
  for (int64_t k = 0; k < bvl_path_n_lambda(path); k++) {
    double mine[P] = {0.0}, beta[P];
    bvl_path_point point;
    bvl_path_get(path, k, &point); /* this rank's columns: added up, they are the coefficients */
    for (int64_t q = 0; q < point.n_nonzero; q++) mine[point.column[q]] = point.value[q];
    MPI_Allreduce(mine, beta, P, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    const double gap = duality_gap(point.lambda, point.intercept, beta);
    worst = fmax(worst, fabs(gap));
    if (rank == 0)
      printf("lambda %.5f  gap %8.1e (bevel: %.1e)  support", point.lambda, gap, point.dual_gap);
    for (int j = 0; j < P && rank == 0; j++)
      if (beta[j] != 0.0 && point.df <= 6) printf(" %d", j);
    if (rank == 0) printf(point.df <= 6 ? "\n" : " of %d columns\n", (int)point.df);
  }
  if (rank == 0) printf("worst gap %.3e\n", worst);
  bvl_path_destroy(&path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
  return MPI_Finalize();
}
