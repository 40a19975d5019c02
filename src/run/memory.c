/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory: what a path needs, term by term, against what cgroup or machine allow. */
#include "run/memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "comm/grid.h"
#include "solver/group/group_model.h"

static const double mebi = 1048576.0;

static double share(int64_t items, int parts)
{
  return items > 0 ? (double)((items + parts - 1) / parts) : 0.0;
}

/* X itself: dense panels and, if there is one, their 8-bit copy, or CSC with 32-bit rows (and CSR
 * beside it for minibatches). */
static double matrix_bytes(const bvl_memory_shape *s, double rows, double cols)
{
  const double element = (double)bvl_dtype_bytes(s->dtype) + (s->rounded ? 1.0 : 0.0);
  if (s->format == BVL_DENSE) return rows * cols * element;
  int stochastic = s->solver >= BVL_SOLVER_SGD && s->solver <= BVL_SOLVER_ADAM;
  double entries = share(s->nnz, s->grid_rows * s->grid_cols);
  return (stochastic ? 2.0 : 1.0) * 12.0 * entries + 8.0 * (rows + cols);
}

/* The certified engine: columns of the working set and their Gram matrix with its factor, on one
 * rank or over all. How many columns it will come to is not known beforehand; past 2048 it grows as
 * it must. Columns of a sparse X stay sparse, and there are no more entries in them than in X. */
static double working_set_bytes(const bvl_memory_shape *s, double rows)
{
  double columns = (double)bvl_lesser(s->p, bvl_lesser(2 * bvl_lesser(s->n, s->p), 2048));
  if (s->whole) columns = (double)s->p;
  double split = ceil(rows / s->grid_cols);
  double spread = s->gram == BVL_GRAM_DISTRIBUTED ? (double)s->grid_rows * s->grid_cols : 1.0;
  double values = 8.0 * columns * split;
  if (s->format != BVL_DENSE)
    values = fmin(1.5 * values, 12.0 * share(s->nnz, s->grid_rows * s->grid_cols)) + 8.0 * split;
  double K = (double)bvl_greater(s->responses, 1);
  double groups =
      0.0; /* the group engine: S and this rank's part of it, columns once more, whole */
  if (s->grouped && !bvl_group_model_is_tall(s->n, s->p))
    groups = 16.0 * (double)s->n * (double)s->n + 8.0 * columns * split;
  return values + groups + 16.0 * columns * columns / spread +
         16.0 * (double)s->n_lambda * columns * K / (double)s->grid_cols +
         (K > 1.0 ? 56.0 * columns * columns + 200.0 * columns * K : 0.0);
}

/* The class engine's Hessian, twice, and its factor on rank 0, whose size the solver bounds by the
 * rows there. */
static double class_bytes(const bvl_memory_shape *s, double rows)
{
  const double side = fmin(fmax(300.0, rows / 2.0), 3000.0);
  return s->coupled ? 24.0 * side * side : 0.0;
}

/* Unpenalised columns are in every working set and in a block of their own: there they are held
 * once more, and two matrices of them (Hessian and factor) when they are fitted. */
static double free_bytes(const bvl_memory_shape *s, double rows)
{
  const double free_columns = (double)s->n_free;
  return 8.0 * free_columns * (2.0 * ceil(rows / s->grid_cols) + 2.0 * free_columns);
}

/* Both ends, as they were given (replicated), standardised and on the input's scale, and the
 * engines' own. */
static double bound_bytes(const bvl_memory_shape *s, double cols)
{
  return s->bounded ? 16.0 * (2.0 * (double)s->p + 2.0 * cols) : 0.0;
}

/* Factors of a column, in as many copies as the optimizer keeps. */
static double factor_bytes(const bvl_memory_shape *s, double cols)
{
  const double order = (double)bvl_lesser(s->n, s->p);
  if (s->solver == BVL_SOLVER_ADMM) return 16.0 * order * order + 8.0 * 8.0 * cols;
  if (s->solver < BVL_SOLVER_SGD || s->solver > BVL_SOLVER_LBFGS) return 0.0;
  double copies = s->solver == BVL_SOLVER_LBFGS ? 26.0 : 6.0;
  return (double)(s->n_factors > 0 ? s->n_factors : 2) * 8.0 * copies * cols;
}

/* Variable projection: its working set's Gram three times; with fewer rows than columns S, packed
 * and whole, and this rank's columns twice. */
static double varpro_bytes(const bvl_memory_shape *s)
{
  const double columns = (double)bvl_lesser(s->p, bvl_lesser(2 * bvl_lesser(s->n, s->p), 2048));
  const double n = (double)s->n;
  const double ranks = (double)s->grid_rows * s->grid_cols;
  if (s->solver != BVL_SOLVER_VARPRO) return 0.0;
  const double whole = n > 6000.0 ? 0.0 : 12.0 * n * n;
  const double wide = s->n < s->p ? whole + 16.0 * n * columns / ranks : 0.0;
  return 24.0 * columns * columns + wide;
}

/* All that a problem and its path hold but X. */
static double solver_bytes(const bvl_memory_shape *s, double rows, double cols)
{
  const double K = (double)bvl_greater(s->responses, 1);
  double bytes = 8.0 * 8.0 * rows; /* labels, weights, predictor, residual, row order */
  bytes += 8.0 * 12.0 * cols;      /* standardization, coefficients, gradients, blocks */
  if (K > 1.0) bytes += 8.0 * K * (30.0 * rows + 30.0 * cols); /* batches of both */
  bytes += working_set_bytes(s, rows) + factor_bytes(s, cols);
  return bytes + free_bytes(s, rows) + class_bytes(s, rows) + varpro_bytes(s);
}

int64_t bvl_memory_estimate(const bvl_memory_shape *s)
{
  int64_t n_tiles = bvl_tile_count(s->n);
  double rows = n_tiles > 0 ? share(n_tiles, s->grid_rows) * (double)s->n / (double)n_tiles : 0.0;
  double cols = share(s->p, s->grid_cols);
  double bytes = 48.0 * mebi; /* program, MPI and HDF5 */
  bytes += 24.0 * mebi;       /* staging buffers */
  double K = (double)bvl_greater(s->responses, 1);
  bytes += 8.0 * 3.0 * (double)s->p; /* column order and groups, replicated */
  bytes += matrix_bytes(s, rows, cols) + bound_bytes(s, cols) + solver_bytes(s, rows, cols);
  if (s->folded) {
    bytes += solver_bytes(s, rows, cols) + 8.0 * rows * K * (double)s->n_lambda;
    bytes += 8.0 * 6.0 *
             (double)s->n; /* folds and, on one rank, labels and a lambda's predictors */
  }
  return bytes < 0x1p62 ? (int64_t)bytes : INT64_C(1) << 62;
}

/* The number in a one-line file; INT64_MAX when there is none ("max", no such file). */
static int64_t read_limit(const char *path)
{
  FILE *file = fopen(path, "r");
  int64_t limit = INT64_MAX;
  if (file == NULL) return limit;
  if (fscanf(file, "%" SCNd64, &limit) != 1) limit = INT64_MAX;
  fclose(file);
  return limit;
}

/* The tightest limit from `group` up to the hierarchy's root: a parent's limit binds too. */
static int64_t tightest(const char *root, char *group, const char *leaf)
{
  int64_t limit = INT64_MAX;
  for (;;) {
    char path[1024];
    snprintf(path, sizeof path, "%s%s/%s", root, group, leaf);
    limit = bvl_lesser(limit, read_limit(path));
    char *slash = strrchr(group, '/');
    if (slash == NULL) return limit;
    *slash = '\0';
  }
}

/* Lines are "hierarchy:controllers:path"; version 2 has hierarchy 0 and no controllers. */
static int64_t cgroup_limit(void)
{
  FILE *file = fopen("/proc/self/cgroup", "r");
  int64_t limit = INT64_MAX;
  char line[768];
  if (file == NULL) return limit;
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL) continue;
    *group++ = '\0';
    if (strcmp(group, "/") == 0) *group = '\0';
    if (strcmp(controllers, ":") == 0)
      limit = bvl_lesser(limit, tightest("/sys/fs/cgroup", group, "memory.max"));
    else if (strstr(controllers, "memory") != NULL)
      limit = bvl_lesser(limit, tightest("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
  }
  fclose(file);
  return limit;
}

int64_t bvl_memory_machine(void)
{
  int64_t physical = (int64_t)sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE);
  return bvl_lesser(physical > 0 ? physical : INT64_MAX, cgroup_limit());
}

static bvl_status ranks_on_node(const bvl_comm *comm, int *ranks)
{
  bvl_status status = BVL_OK;
  MPI_Comm node = MPI_COMM_NULL;
  BVL_TRY(BVL_MPI(
      MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &node)));
  BVL_TRY(BVL_MPI(MPI_Comm_size(node, ranks)));
cleanup:
  if (node != MPI_COMM_NULL) MPI_Comm_free(&node);
  return status;
}

bvl_status bvl_memory_allowed(const bvl_comm *comm, int64_t limit, int64_t *allowed)
{
  int ranks = 1;
  bvl_status status = bvl_agree(comm, ranks_on_node(comm, &ranks)); /* whatever the limit says */
  int64_t negated = -(limit > 0 ? limit : bvl_memory_machine() / ranks); /* the least of all */
  BVL_TRY(status);
  BVL_TRY(bvl_max_i64(comm, &negated, 1));
  *allowed = -negated;
cleanup:
  return status;
}

bvl_status bvl_memory_check(const bvl_comm *comm, int64_t estimate, int64_t limit)
{
  char needed[32], allowed[32];
  int64_t bytes = 0;
  bvl_status status = bvl_memory_allowed(comm, limit, &bytes);
  if (status != BVL_OK || estimate <= bytes) return status;
  bvl_memory_words(estimate, needed, sizeof needed);
  bvl_memory_words(bytes, allowed, sizeof allowed);
  return bvl_fail(BVL_ERR_NOMEM, "about %s a rank needed, the limit is %s a rank", needed, allowed);
}

bvl_status bvl_memory_gram_limit(const bvl_comm *comm, int64_t limit, int64_t *columns)
{
  /* the Gram, what has come of it in one reduction, and the factor with room to grow */
  const double copies = 4.0;
  int64_t allowed = 0;
  const bvl_status status = bvl_memory_allowed(comm, limit, &allowed);
  const int64_t fit = (int64_t)sqrt(0.1 * (double)allowed / (8.0 * copies));
  *columns = bvl_greater(1, bvl_lesser(8000, fit));
  return status;
}

void bvl_memory_words(int64_t bytes, char *out, size_t size)
{
  static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = (double)bytes;
  size_t k = 0;
  while (value >= 1024.0 && k + 1 < sizeof unit / sizeof unit[0]) {
    value /= 1024.0;
    k++;
  }
  snprintf(out, size, k == 0 ? "%.0f %s" : "%.1f %s", value, unit[k]);
}
