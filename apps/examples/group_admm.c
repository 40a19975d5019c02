/* SPDX-License-Identifier: BSD-3-Clause */
/* A group lasso path by ADMM, of a matrix that no rank holds: its rows come from a callback. ADMM's
 * answers are handed to Newton's method, and optimality is checked by hand, group by group.
 *
 *     mpicc group_admm.c $(pkg-config --cflags --libs bevel) -o group_admm && mpirun -n 2
 * group_admm
 */
#include <math.h>
#include <string.h>

#include <bevel/path.h>

#include "example.h"

enum { N = 200, GROUP = 4, GROUPS = 30, P = GROUP * GROUPS, N_LAMBDA = 10 };

/* Groups 3 and 11 are at work. */
static double response(int64_t i)
{
  double sum = 0.5 * entry(i, 2) * entry(i, 77);
  for (int j = 0; j < GROUP; j++) sum += 2.0 * entry(i, 3 * GROUP + j) - entry(i, 11 * GROUP + j);
  return sum;
}

/* Rows row0 .. row0 + n_rows - 1 of these columns, row by row. A real one reads a file or a socket;
 * each rank is asked for its own block, piece by piece. */
static bvl_status read_dense(void *context, int64_t row0, int64_t n_rows, int64_t n_cols,
                             const int64_t *cols, void *out)
{
  double *values = out;
  (void)context;
  for (int64_t i = 0; i < n_rows; i++)
    for (int64_t c = 0; c < n_cols; c++)
      values[i * n_cols + c] = entry(row0 + i, cols != NULL ? cols[c] : c);
  return BVL_OK;
}

static bvl_status read_rows(void *context, const char *what, int64_t row0, int64_t count,
                            double *out, int *present)
{
  (void)context;
  *present = strcmp(what, "y") == 0;
  for (int64_t i = 0; *present && i < count; i++) out[i] = response(row0 + i);
  return BVL_OK;
}

/* How far b is from stationary, relative to lambda; columns are taken as they are. With g = X_g'r/n
 * and w = sqrt(GROUP): ||g - lambda w b_g / ||b_g|| || where b_g != 0, else max(0, ||g|| - lambda
 * w).
 */
static double residual(double lambda, double intercept, const double *beta)
{
  double r[N], worst = 0.0;
  for (int i = 0; i < N; i++) {
    r[i] = response(i) - intercept;
    for (int j = 0; j < P; j++) r[i] -= beta[j] != 0.0 ? entry(i, j) * beta[j] : 0.0;
  }
  for (int g = 0; g < GROUPS; g++) {
    const double *b = beta + g * GROUP, level = lambda * sqrt(GROUP);
    double pull[GROUP] = {0.0}, norm = 0.0, square = 0.0;
    for (int j = 0; j < GROUP; j++) {
      for (int i = 0; i < N; i++) pull[j] += entry(i, g * GROUP + j) * r[i] / N;
      norm += b[j] * b[j];
    }
    for (int j = 0; j < GROUP; j++)
      square += pow(pull[j] - (norm > 0.0 ? level * b[j] / sqrt(norm) : 0.0), 2.0);
    worst = fmax(worst, norm > 0.0 ? sqrt(square) : sqrt(square) - level);
  }
  return worst / lambda;
}

int main(int argc, char **argv)
{
  bvl_grid *grid = NULL;
  bvl_problem *problem = NULL;
  bvl_path *path = NULL;
  bvl_path_options options;
  int64_t groups[P];
  const bvl_source source = {NULL, "X", BVL_DENSE,      BVL_F64,
                             N,    P,   (int64_t)N * P, .read_dense = read_dense};
  const bvl_problem_data data = {"gaussian",       "group-lasso", .intercept = 1,
                                 .groups = groups, .n_slices = 1, .read_rows = read_rows};
  double worst = 0.0;
  int rank, size;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  for (int j = 0; j < P; j++) groups[j] = j / GROUP;
  TRY(bvl_grid_create(MPI_COMM_WORLD, size, 1, &grid)); /* the ranks share out the rows */
  TRY(bvl_problem_create(grid, &source, &data, &problem));
  bvl_path_options_init(&options);
  options.solver = BVL_SOLVER_ADMM;
  options.n_lambda = N_LAMBDA;
  options.lambda_min_ratio = 0.05;
  TRY(bvl_path_create(problem, &options, NULL, &path));
  TRY(bvl_path_solve(path, NULL, NULL));
  for (int64_t k = 0; k < N_LAMBDA; k++) {
    double beta[P] = {0.0};
    int active = 0;
    bvl_path_point point;
    bvl_path_get(path, k, &point); /* one grid column: every rank has all columns */
    for (int64_t q = 0; q < point.n_nonzero; q++) beta[point.column[q]] = point.value[q];
    for (int g = 0; g < GROUPS; g++) active += beta[g * GROUP] != 0.0;
    worst = fmax(worst, residual(point.lambda, point.intercept, beta));
    if (rank == 0)
      printf("lambda %.5f  %2d groups  ADMM's gap %.1e, then %.1e\n", point.lambda, active,
             point.surrogate_gap, point.dual_gap);
  }
  if (rank == 0) printf("worst residual %.3e\n", worst);
  bvl_path_destroy(&path);
  bvl_problem_destroy(&problem);
  bvl_grid_destroy(&grid);
  return MPI_Finalize();
}
