/* SPDX-License-Identifier: BSD-3-Clause */
/* What a path needs, term by term. A rank's peak is that of reading X (X and the staging buffers)
 * or that of the path (X, vectors over rows and columns, the working set and what is made of it),
 * whichever is more. Rank 0 holds Gram and factor and is the largest; a term is what is touched,
 * not what is reserved: pages that nothing was written to take no memory. The constants were
 * measured, by recording what stood allocated at the peak; scripts/study-memory holds them to runs.
 */
#include "run/memory.h"

#include <math.h>

#include "base/checked.h"
#include "comm/grid.h"
#include "solver/group/group_model.h"

static const double MEGA = 1e6;
enum { LANES = 8 }; /* lambdas of a batch */

/* A rank's part of the problem, and what the path will come to. */
typedef struct part {
  const bvl_memory_shape *s;
  double rows, cols; /* of X on a rank, at most */
  double split;      /* rows of working set columns */
  double ranks;
  double support; /* nonzero columns at the end of the path */
  double set;     /* columns of the working set */
  double K;       /* coefficients a column */
  int is_root;
} part;

static double share(int64_t items, int parts)
{
  return items > 0 ? (double)((items + parts - 1) / parts) : 0.0;
}

static int is_certified(const bvl_memory_shape *s)
{
  return s->solver == BVL_SOLVER_AUTO || s->solver == BVL_SOLVER_NEWTON ||
         s->solver == BVL_SOLVER_CD;
}

/* The engines that make their answers of the moments of all columns: no working set. */
static int is_by_moments(const bvl_memory_shape *s)
{
  return is_certified(s) && !s->weighted && !s->concave && !s->grouped && s->responses <= 1 &&
         s->gram != BVL_GRAM_DISTRIBUTED && s->n >= 4 * s->p && s->p + 2 <= 2048 &&
         s->p < 17 * s->n_lambda;
}

/* How many columns become active is not known beforehand: dfmax says, else there are no more than
 * rows or columns, and past 2048 the engines grow as they must. The working set is wider by the
 * columns that might join within a batch, by more of them where a penalty is not convex. */
static void choose_set(part *at)
{
  const bvl_memory_shape *s = at->s;
  const double most = (double)bvl_lesser(s->p, s->n);
  at->support = fmin(most, s->most_df > 0 ? 1.05 * (double)s->most_df : 2048.0);
  at->set = fmin((double)s->p, (s->concave ? 4.5 : 1.45) * at->support + 100.0);
  if (s->whole) at->set = at->support = (double)s->p;
}

/* ---- X ---------------------------------------------------------------------------------------
 */

static double entries(const part *at)
{
  return share(at->s->nnz, at->s->grid_rows * at->s->grid_cols);
}

/* Dense panels, or what is kept where they are streamed; or CSC with 32-bit rows (and CSR beside it
 * for minibatches). */
static double matrix_bytes(const part *at)
{
  const bvl_memory_shape *s = at->s;
  if (s->streamed) /* lists of columns, and products' copies of vectors over columns */
    return 180.0 * at->cols + (double)s->stream_bytes;
  if (s->format == BVL_DENSE) return at->rows * at->cols * (double)bvl_dtype_bytes(s->dtype);
  const int stochastic = s->solver >= BVL_SOLVER_SGD && s->solver <= BVL_SOLVER_ADAM;
  return (stochastic ? 2.0 : 1.0) * 12.0 * entries(at) + 8.0 * (at->rows + at->cols);
}

/* While X is read: staging, where rows go (24) and which columns (32), vectors of the file. */
static double reading_bytes(const part *at)
{
  return 8.4 * MEGA + 24.0 * at->rows + 32.0 * at->cols;
}

/* ---- the path ---------------------------------------------------------------------------------
 */

/* Labels, weights, order; predictors and residuals of a batch, on the split rows and, where a grid
 * row has several ranks, on its own once gathered. Standardization, blocks, gradients of a batch
 * with their reduction. */
static double vector_bytes(const part *at)
{
  const double batch = 8.0 * LANES * at->K;
  const double by_row = 8.0 * 5.0 * at->rows + 2.0 * batch * at->split +
                        (at->s->grid_cols > 1 ? 2.0 : 0.0) * batch * at->rows;
  const double by_column = (64.0 + 2.2 * batch) * at->cols;
  const double bounds = at->s->bounded ? 16.0 * (2.0 * (double)at->s->p + 2.0 * at->cols) : 0.0;
  return by_row + by_column + bounds;
}

/* The 8-bit copy by which sweeps are screened. */
static double rounded_bytes(const part *at)
{
  return at->s->rounded ? (at->rows + 24.0) * at->cols : 0.0;
}

/* The set's columns, standardised, with those of one append on their way. Columns of a sparse X
 * stay sparse, and there are no more entries in them than in X. */
static double column_bytes(const part *at)
{
  const double values = 8.0 * 1.3 * at->set * at->split;
  if (at->s->format == BVL_DENSE) return values;
  const double mean = (double)at->s->nnz / fmax((double)at->s->p * (double)at->s->n, 1.0);
  return fmin(fmin(1.5 * values, 24.0 * mean * at->set * at->split), 12.0 * entries(at)) +
         8.0 * at->split;
}

/* Gram of the set and, as they grow, the old one or what is being summed of the new one, which
 * every rank holds; the factor. Other losses than the quadratic have those of active columns alone.
 */
static double gram_bytes(const part *at)
{
  const bvl_memory_shape *s = at->s;
  const double all = 8.0 * at->set * at->set;
  const double active = 8.0 * at->support * at->support;
  if (s->gram == BVL_GRAM_DISTRIBUTED) return 2.0 * all / at->ranks;
  if (s->grouped && !bvl_group_model_is_tall(s->n, s->p)) return 0.0;
  if (s->weighted && !s->grouped && !s->coupled && !s->concave)
    return active + (at->is_root ? 1.5 * active : 0.0);
  const double summed = s->concave ? all : 0.8 * all;
  return summed + (at->is_root ? all + 1.25 * active : 0.0);
}

/* The group engine on rows: a matrix of them whole, and factored or packed; one more on rank 0; and
 * the columns again, dealt to the ranks. */
static double group_bytes(const part *at)
{
  const double n = (double)at->s->n;
  if (!at->s->grouped || at->s->concave || !is_certified(at->s)) return 0.0;
  if (bvl_group_model_is_tall(at->s->n, at->s->p))
    return 8.0 * (at->s->weighted ? 3.0 : 2.0) * LANES * at->split;
  return (at->is_root ? 22.0 : 14.0) * n * n + 8.0 * at->set * n / at->ranks;
}

/* Several outputs: what a Newton step works with; of classes the Hessian and its factor on rank 0,
 * whose size the solver bounds by the rows there. */
static double output_bytes(const part *at)
{
  if (at->K <= 1.0) return 0.0;
  const double side = fmin(fmax(300.0, at->rows / 2.0), 3000.0);
  const double steps = at->is_root ? 200.0 * at->set * at->K : 0.0;
  return steps + (at->s->coupled && at->is_root ? 8.0 * side * side : 0.0);
}

/* Unpenalised columns are in every working set and in a block of their own: there they are held
 * once more, and two matrices of them (Hessian and factor) when they are fitted. */
static double free_bytes(const part *at)
{
  const double count = (double)at->s->n_free;
  return 8.0 * count * (2.0 * at->split + 2.0 * count);
}

/* Moments of all columns and what of them is being summed. */
static double moment_bytes(const part *at)
{
  const double d = (double)at->s->p + 2.0;
  return 2.0 * 8.0 * d * d + (at->is_root ? 8.0 * 1.25 * at->support * at->support : 0.0);
}

/* Coefficients of the path, kept until it is written: a column and a value each. */
static double kept_bytes(const part *at)
{
  return 16.0 * 0.4 * (double)at->s->n_lambda * at->support * at->K / (double)at->s->grid_cols;
}

static double certified_bytes(const part *at)
{
  if (is_by_moments(at->s)) return moment_bytes(at);
  return rounded_bytes(at) + column_bytes(at) + gram_bytes(at) + group_bytes(at) + output_bytes(at);
}

/* ---- other solvers ----------------------------------------------------------------------------
 */

/* Factors of a column, in as many copies as the optimizer keeps. */
static double factor_bytes(const part *at)
{
  const bvl_memory_shape *s = at->s;
  const double order = (double)bvl_lesser(s->n, s->p);
  if (s->solver == BVL_SOLVER_ADMM) return 16.0 * order * order + 8.0 * 8.0 * at->cols;
  if (s->solver < BVL_SOLVER_SGD || s->solver > BVL_SOLVER_LBFGS) return 0.0;
  const double copies = s->solver == BVL_SOLVER_LBFGS ? 26.0 : 6.0;
  return (double)(s->n_factors > 0 ? s->n_factors : 2) * 8.0 * copies * at->cols;
}

/* Variable projection: its working set's Gram three times; with fewer rows than columns S, packed
 * and whole, and this rank's columns twice. */
static double varpro_bytes(const part *at)
{
  const double n = (double)at->s->n;
  if (at->s->solver != BVL_SOLVER_VARPRO) return 0.0;
  const double whole = n > 6000.0 ? 0.0 : 12.0 * n * n;
  const double wide = at->s->n < at->s->p ? whole + 16.0 * n * at->set / at->ranks : 0.0;
  return 24.0 * at->set * at->set + wide;
}

/* All that a problem and its path hold but X; a surrogate's answer is polished. */
static double solver_bytes(const part *at)
{
  return vector_bytes(at) + free_bytes(at) + factor_bytes(at) + varpro_bytes(at) + kept_bytes(at) +
         (at->s->unpolished ? 0.0 : certified_bytes(at));
}

/* A second problem on the same X; predictors of all rows, folds and labels. */
static double folded_bytes(const part *at)
{
  if (!at->s->folded) return 0.0;
  return solver_bytes(at) + 8.0 * at->rows * at->K * (double)at->s->n_lambda +
         8.0 * 6.0 * (double)at->s->n;
}

/* Rows of the largest rank. */
static double most_rows(const bvl_memory_shape *s)
{
  const int64_t n_tiles = bvl_tile_count(s->n);
  return n_tiles > 0 ? share(n_tiles, s->grid_rows) * (double)s->n / (double)n_tiles : 0.0;
}

static double rank_bytes(const bvl_memory_shape *s, int is_root)
{
  part at = {.s = s, .is_root = is_root};
  at.rows = most_rows(s);
  at.cols = share(s->p, s->grid_cols);
  at.split = ceil(at.rows / s->grid_cols);
  at.ranks = (double)s->grid_rows * s->grid_cols;
  at.K = (double)bvl_greater(s->responses, 1);
  choose_set(&at);
  const double always = 10.0 * MEGA + 24.0 * (double)s->p; /* program, MPI, HDF5; column order */
  const double path = s->only_x ? 0.0 : solver_bytes(&at) + folded_bytes(&at);
  return always + matrix_bytes(&at) + fmax(reading_bytes(&at), path);
}

static int64_t bounded(double bytes)
{
  return bytes < 0x1p62 ? (int64_t)bytes : INT64_C(1) << 62;
}

int64_t bvl_memory_estimate(const bvl_memory_shape *s)
{
  return bounded(rank_bytes(s, 1));
}

int64_t bvl_memory_estimate_all(const bvl_memory_shape *s)
{
  const double ranks = (double)s->grid_rows * s->grid_cols;
  const double even = (double)s->n * (double)s->p / fmax(ranks, 1.0);
  /* the largest rank's tiles and columns are more than the mean's */
  const double ratio = s->format == BVL_DENSE
                           ? even / fmax(share(bvl_tile_count(s->n), s->grid_rows) * (double)s->n /
                                             fmax((double)bvl_tile_count(s->n), 1.0) *
                                             share(s->p, s->grid_cols),
                                         1.0)
                           : 1.0;
  return bounded(rank_bytes(s, 1) + (ranks - 1.0) * rank_bytes(s, 0) * fmin(ratio, 1.0));
}

/* ---- streaming --------------------------------------------------------------------------------
 */

static const double STREAM_SHARE = 0.8; /* of what is left: the estimate is not that exact */

/* Buffers, and a few columns. */
static double least_stream(const bvl_memory_shape *s)
{
  enum { FEWEST_COLUMNS = 64 };
  const double column = most_rows(s) * (double)bvl_dtype_bytes(s->dtype);
  return MEGA + 8.0 * share(s->p, s->grid_cols) + FEWEST_COLUMNS * column;
}

int64_t bvl_memory_least_streamed(const bvl_memory_shape *shape)
{
  bvl_memory_shape s = *shape;
  s.streamed = 1;
  s.rounded = 0;
  s.stream_bytes = (int64_t)(least_stream(&s) / STREAM_SHARE) + 1;
  return bvl_memory_estimate(&s);
}

int64_t bvl_memory_for_stream(const bvl_memory_shape *s, int64_t others, int64_t allowed)
{
  enum { MOST_BUFFERS = 32 << 20 };
  const double cols = share(s->p, s->grid_cols);
  const double column = most_rows(s) * (double)bvl_dtype_bytes(s->dtype);
  const double left = STREAM_SHARE * (double)(allowed - others);
  if (left < least_stream(s)) return -1;
  return (int64_t)fmin(left, cols * column + MOST_BUFFERS);
}
