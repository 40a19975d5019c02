/* SPDX-License-Identifier: BSD-3-Clause */
/* Weighted column means and deviations in two passes over X, and exact detection of constant
 * columns: by comparison, never by a small variance. A missing code counts as the weighted mean of
 * what is observed, so it moves neither mean nor sum of squares.
 * Traffic: three reductions along the grid column, of at most 2 p_local + 1 doubles. */
#include "data/design.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* Sums over this rank's rows, then over the grid column; p_local each. */
typedef struct moments {
  double *sum;    /* of w x over observed rows; later of w (x - mean)^2 */
  double *weight; /* of w over observed rows; behind `sum`, weight[p_local] is the sum of all w */
  double *high;   /* max x over observed rows with w > 0 */
  double *low;    /* -min x, behind `high` */
  double *mean;   /* of the observed rows */
} moments;

static bvl_status allocate(int64_t p_local, moments *m)
{
  bvl_status status = BVL_OK;
  BVL_TRY(BVL_ALLOC(&m->sum, 2 * p_local + 1));
  BVL_TRY(BVL_ALLOC(&m->high, 2 * p_local));
  BVL_TRY(BVL_ALLOC(&m->mean, p_local));
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

static int64_t load_weights(const bvl_design *X, const double *w, int64_t panel, double *out)
{
  int64_t begin = X->panel_begin[panel];
  int64_t m = X->panel_begin[panel + 1] - begin;
  for (int64_t i = 0; i < m; i++) out[i] = weight_of(w, begin + i);
  for (; m % LANES != 0; m++) out[m] = 0.0;
  return m;
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
  int dense = X->format == BVL_DENSE;
  const bvl_comm *col = &X->grid->col;
  status = allocate(p_local, &m);
  if (status == BVL_OK) status = allocate_scales(X);
  BVL_TRY(bvl_agree(&X->grid->all, status));
  (dense ? first_dense : first_sparse)(X, w, &m);
  count_rows(X, w, &m.weight[p_local]);
  BVL_TRY(bvl_sum(col, m.sum, 2 * p_local + 1));
  BVL_TRY(bvl_max(col, m.high, 2 * p_local));
  double total = m.weight[p_local];
  find_means(X, &m);
  memset(m.sum, 0, (size_t)p_local * sizeof *m.sum);
  (dense ? second_dense : second_sparse)(X, w, &m);
  BVL_TRY(bvl_sum(col, m.sum, p_local));
  BVL_TRY(bvl_agree(&X->grid->all, set_scales(X, &m, total, center, scale)));
  bvl_design_fill_in(X);
  X->bytes_touched += 2 * bvl_design_bytes(X);
cleanup:
  free(m.sum);
  free(m.high);
  free(m.mean);
  return status;
}
