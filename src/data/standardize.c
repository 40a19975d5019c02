/* SPDX-License-Identifier: BSD-3-Clause */
/* Weighted column means and deviations in two passes over X (in one when it is streamed: moments of
 * a piece in the cache, pieces joined as Chan, Golub and LeVeque 1983 do), and exact detection of
 * constant columns: by comparison, never by a small variance. A missing code counts as the weighted
 * mean of what is observed, so it moves neither mean nor sum of squares. Traffic: three reductions
 * along the grid column, of at most 2 p_local + 1 doubles. */
#include "data/design.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/streamed.h"
#include "kernels/kernels.h"

/* Sums over this rank's rows, then over the grid column; p_local each. */
typedef struct moments {
  double *sum;    /* of w x over observed rows; later of w (x - mean)^2 */
  double *weight; /* of w over observed rows; behind `sum`, weight[p_local] is the sum of all w */
  double *high;   /* max x over observed rows with w > 0 */
  double *low;    /* -min x, behind `high` */
  double *mean;   /* of the observed rows */
  /* streamed X: of this rank's rows alone, p_local each, from one pass; else NULL */
  double *own_weight;
  double *own_shift;
  double *own_mean;               /* less own_shift */
  double *own_squares;            /* about their mean */
  double *range_low, *range_high; /* X's: of all rows whatever they weigh */
} moments;

static bvl_status allocate(int64_t p_local, int streamed, moments *m)
{
  bvl_status status = BVL_OK;
  BVL_TRY(BVL_ALLOC(&m->sum, 2 * p_local + 1));
  BVL_TRY(BVL_ALLOC(&m->high, 2 * p_local));
  BVL_TRY(BVL_ALLOC(&m->mean, p_local));
  if (streamed) BVL_TRY(BVL_ALLOC(&m->own_weight, 4 * p_local));
  m->own_mean = streamed ? m->own_weight + p_local : NULL;
  m->own_squares = streamed ? m->own_mean + p_local : NULL;
  m->own_shift = streamed ? m->own_squares + p_local : NULL;
  m->weight = m->sum + p_local;
  m->low = m->high + p_local;
  for (int64_t c = 0; c < 2 * p_local; c++) m->high[c] = -INFINITY;
cleanup:
  return status;
}

static double weight_of(const double *w, int64_t i)
{
  return w != NULL ? w[i] : 1.0;
}

static void observe(moments *m, int64_t c, double x, double w)
{
  m->sum[c] += w * x;
  m->weight[c] += w;
  if (w > 0.0 && x > m->high[c]) m->high[c] = x;
  if (w > 0.0 && -x > m->low[c]) m->low[c] = -x;
}

/* A panel's weights; a panel is padded to whole groups of LANES with rows of no weight, so that
 * sums run in independent lanes. */
enum { LANES = 4 };

static int64_t load_run_weights(const double *w, int64_t row0, int64_t m, double *out)
{
  for (int64_t i = 0; i < m; i++) out[i] = weight_of(w, row0 + i);
  for (; m % LANES != 0; m++) out[m] = 0.0;
  return m;
}

static int64_t load_weights(const bvl_design *X, const double *w, int64_t panel, double *out)
{
  const int64_t begin = X->panel_begin[panel];
  return load_run_weights(w, begin, X->panel_begin[panel + 1] - begin, out);
}

static void load_column(const bvl_design *X, int64_t panel, int64_t c, int64_t padded, double *out)
{
  bvl_design_load(X, panel, c, out);
  for (int64_t i = X->panel_begin[panel + 1] - X->panel_begin[panel]; i < padded; i++) out[i] = NAN;
}

/* As observe() for each of x[0..m), NaN for what is not observed. */
static void observe_run(moments *m, int64_t c, const double *x, const double *w, int64_t count)
{
  double sum[LANES] = {0.0}, weight[LANES] = {0.0}, high[LANES], low[LANES];
  for (int l = 0; l < LANES; l++) high[l] = low[l] = -INFINITY;
  for (int64_t i = 0; i < count; i += LANES) {
    for (int l = 0; l < LANES; l++) {
      double x_l = x[i + l];
      double w_l = isnan(x_l) ? 0.0 : w[i + l];
      double top = w_l > 0.0 ? x_l : -INFINITY;
      double bottom = w_l > 0.0 ? -x_l : -INFINITY;
      sum[l] += w_l * (isnan(x_l) ? 0.0 : x_l);
      weight[l] += w_l;
      high[l] = top > high[l] ? top : high[l];
      low[l] = bottom > low[l] ? bottom : low[l];
    }
  }
  for (int l = 0; l < LANES; l++) {
    m->sum[c] += sum[l];
    m->weight[c] += weight[l];
    m->high[c] = fmax(m->high[c], high[l]);
    m->low[c] = fmax(m->low[c], low[l]);
  }
}

static void first_dense(const bvl_design *X, const double *w, moments *m)
{
  double x[BVL_PANEL_ROWS];
  double weight[BVL_PANEL_ROWS];
  for (int64_t panel = 0; panel < X->n_panels; panel++) {
    int64_t padded = load_weights(X, w, panel, weight);
    for (int64_t c = 0; c < X->columns.p_local; c++) {
      load_column(X, panel, c, padded, x);
      observe_run(m, c, x, weight, padded);
    }
  }
}

static double squares(const double *x, const double *w, int64_t count, double mean)
{
  double sum[LANES] = {0.0};
  for (int64_t i = 0; i < count; i += LANES) {
    for (int l = 0; l < LANES; l++) {
      double d = isnan(x[i + l]) ? 0.0 : x[i + l] - mean;
      sum[l] += w[i + l] * d * d;
    }
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* One pass over a streamed X: the sums that first_dense finds, and second_dense's about this rank's
 * own means. */
typedef struct single_pass {
  const double *w;
  moments *m;
} single_pass;

/* x is taken relative to own_shift: a mean far above the deviation then costs no digits, as it
 * would in the distance of two means. */
static void join_moments(moments *m, int64_t c, double *x, const double *w, int64_t count,
                         double before, double here)
{
  double sum[LANES] = {0.0};
  for (int64_t i = 0; i < count; i++) x[i] -= m->own_shift[c];
  for (int64_t i = 0; i < count; i += LANES)
    for (int l = 0; l < LANES; l++) sum[l] += w[i + l] * (isnan(x[i + l]) ? 0.0 : x[i + l]);
  const double mean = ((sum[0] + sum[1]) + (sum[2] + sum[3])) / here;
  const double apart = mean - m->own_mean[c];
  m->own_squares[c] += squares(x, w, count, mean) +
                       apart * apart * here * (before / (before + here));
  m->own_mean[c] += apart * (here / (before + here));
}

static void join_piece(void *context, const bvl_design *X, const bvl_piece *piece)
{
  const single_pass *s = context;
  moments *m = s->m;
  double x[BVL_PANEL_ROWS], weight[BVL_PANEL_ROWS];
  const int64_t padded = load_run_weights(s->w, piece->row0, piece->n_rows, weight);
  for (int64_t k = 0; k < piece->n_cols; k++) {
    const int64_t c = piece->first + k;
    const double sum = m->sum[c], total = m->weight[c];
    bvl_piece_load(X, piece, k, x);
    bvl_kernels_get()->rounded->range(x, piece->n_rows, &m->range_low[c], &m->range_high[c]);
    for (int64_t i = piece->n_rows; i < padded; i++) x[i] = NAN;
    m->sum[c] = m->weight[c] = 0.0;
    observe_run(m, c, x, weight, padded);
    const double here = m->weight[c];
    if (here > 0.0 && total == 0.0) m->own_shift[c] = m->sum[c] / here;
    if (here > 0.0) join_moments(m, c, x, weight, padded, total, here);
    m->sum[c] += sum;
    m->weight[c] += total;
  }
}

static bvl_status first_streamed(const bvl_design *X, const double *w, moments *m)
{
  single_pass s = {w, m};
  bvl_streamed_range(X, &m->range_low, &m->range_high);
  const bvl_status status = bvl_design_walk(X, 0, X->rows.n_local, 0, NULL, join_piece, &s);
  for (int64_t c = 0; c < X->columns.p_local; c++) m->own_weight[c] = m->weight[c];
  return bvl_agree(&X->grid->all, status);
}

static void second_streamed(const bvl_design *X, moments *m)
{
  for (int64_t c = 0; c < X->columns.p_local; c++) {
    const double apart = (m->own_shift[c] - m->mean[c]) + m->own_mean[c];
    m->sum[c] = m->own_squares[c] + m->own_weight[c] * apart * apart;
  }
}

/* Rows of this rank with w > 0, and their weight. */
static int64_t count_rows(const bvl_design *X, const double *w, double *total)
{
  int64_t positive = 0;
  *total = 0.0;
  for (int64_t i = 0; i < X->rows.n_local; i++) {
    *total += weight_of(w, i);
    positive += weight_of(w, i) > 0.0;
  }
  return positive;
}

/* Of column c: stored rows with w > 0 and the weight of the rows that are not stored, exactly 0
 * when there are none. */
static double implicit_weight(const bvl_design *X, const double *w, int64_t c, int64_t n_positive,
                              double total)
{
  int64_t stored = 0;
  double weight = 0.0;
  for (int64_t e = X->col_ptr[c]; e < X->col_ptr[c + 1]; e++) {
    double w_e = weight_of(w, X->row_idx[e]);
    weight += w_e;
    stored += w_e > 0.0;
  }
  return stored < n_positive ? fmax(total - weight, 0.0) : 0.0;
}

static void first_sparse(const bvl_design *X, const double *w, moments *m)
{
  double total = 0.0;
  int64_t n_positive = count_rows(X, w, &total);
  for (int64_t c = 0; c < X->columns.p_local; c++) {
    for (int64_t e = X->col_ptr[c]; e < X->col_ptr[c + 1]; e++)
      observe(m, c, X->col_val[e], weight_of(w, X->row_idx[e]));
    double rest = implicit_weight(X, w, c, n_positive, total);
    if (rest > 0.0) observe(m, c, 0.0, rest);
  }
}

static void second_dense(const bvl_design *X, const double *w, moments *m)
{
  double x[BVL_PANEL_ROWS];
  double weight[BVL_PANEL_ROWS];
  for (int64_t panel = 0; panel < X->n_panels; panel++) {
    int64_t padded = load_weights(X, w, panel, weight);
    for (int64_t c = 0; c < X->columns.p_local; c++) {
      load_column(X, panel, c, padded, x);
      m->sum[c] += squares(x, weight, padded, m->mean[c]);
    }
  }
}

static void second_sparse(const bvl_design *X, const double *w, moments *m)
{
  double total = 0.0;
  int64_t n_positive = count_rows(X, w, &total);
  for (int64_t c = 0; c < X->columns.p_local; c++) {
    double sum = implicit_weight(X, w, c, n_positive, total) * m->mean[c] * m->mean[c];
    for (int64_t e = X->col_ptr[c]; e < X->col_ptr[c + 1]; e++) {
      double d = X->col_val[e] - m->mean[c];
      sum += weight_of(w, X->row_idx[e]) * d * d;
    }
    m->sum[c] = sum;
  }
}

/* The mean of what is observed; a constant column's mean is its value, to the last bit. */
static void find_means(bvl_design *X, moments *m)
{
  for (int64_t c = 0; c < X->columns.p_local; c++) {
    int observed = m->weight[c] > 0.0 && isfinite(m->high[c]);
    X->constant[c] = !observed || m->high[c] == -m->low[c];
    m->mean[c] = !observed ? 0.0 : X->constant[c] ? m->high[c] : m->sum[c] / m->weight[c];
    if (X->fill != NULL) X->fill[c] = m->mean[c];
  }
}

/* Values whose squares have no double: no column of theirs could be certified. */
static bvl_status refuse_column(const bvl_design *X, int64_t c)
{
  const bvl_columns *columns = &X->columns;
  const int64_t at = columns->first + c;
  return bvl_fail(BVL_ERR_INPUT, "/X: column %" PRId64 ": too large, its deviation overflows",
                  columns->input != NULL ? columns->input[at] : at);
}

static bvl_status set_scales(bvl_design *X, const moments *m, double total, int center, int scale)
{
  bvl_status status = BVL_OK;
  X->centered = center != 0;
  X->scaled = scale != 0;
  for (int64_t c = 0; c < X->columns.p_local; c++) {
    X->center[c] = center ? m->mean[c] : 0.0;
    double s = scale && !X->constant[c] ? sqrt(m->sum[c] / total) : 1.0;
    X->scale[c] = s > 0.0 ? s : 1.0; /* squares may underflow */
    X->inv_scale[c] = 1.0 / X->scale[c];
    if (!isfinite(m->mean[c]) || !isfinite(m->sum[c])) status = refuse_column(X, c);
  }
  return status;
}

static bvl_status allocate_scales(bvl_design *X)
{
  bvl_status status = BVL_OK;
  int64_t p_local = X->columns.p_local;
  if (X->center == NULL) BVL_TRY(BVL_ALLOC(&X->center, p_local));
  if (X->scale == NULL) BVL_TRY(BVL_ALLOC(&X->scale, p_local));
  if (X->inv_scale == NULL) BVL_TRY(BVL_ALLOC(&X->inv_scale, p_local));
cleanup:
  return status;
}

bvl_status bvl_design_standardize(bvl_design *X, const double *w, int center, int scale)
{
  bvl_status status = BVL_OK;
  moments m = {0};
  int64_t p_local = X->columns.p_local;
  const int dense = X->format == BVL_DENSE, streamed = X->streamed != NULL;
  const bvl_comm *col = &X->grid->col;
  status = allocate(p_local, streamed, &m);
  if (status == BVL_OK) status = allocate_scales(X);
  BVL_TRY(bvl_agree(&X->grid->all, status));
  if (streamed)
    BVL_TRY(first_streamed(X, w, &m));
  else
    (dense ? first_dense : first_sparse)(X, w, &m);
  count_rows(X, w, &m.weight[p_local]);
  BVL_TRY(bvl_sum(col, m.sum, 2 * p_local + 1));
  BVL_TRY(bvl_max(col, m.high, 2 * p_local));
  double total = m.weight[p_local];
  find_means(X, &m);
  memset(m.sum, 0, (size_t)p_local * sizeof *m.sum);
  if (streamed)
    second_streamed(X, &m);
  else
    (dense ? second_dense : second_sparse)(X, w, &m);
  BVL_TRY(bvl_sum(col, m.sum, p_local));
  BVL_TRY(bvl_agree(&X->grid->all, set_scales(X, &m, total, center, scale)));
  bvl_design_fill_in(X);
  X->bytes_touched += (streamed ? 1 : 2) * bvl_design_bytes(X);
cleanup:
  free(m.sum);
  free(m.high);
  free(m.mean);
  free(m.own_weight);
  return status;
}
