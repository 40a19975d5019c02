/* SPDX-License-Identifier: BSD-3-Clause */
/* Standardization of a view whose rows weigh as in another design but for some that weigh nothing:
 * from the other's means and deviations and the rows left out alone. With d = x - mean over these,
 *
 *     W' = W - sum w,  mean' = mean - sum w d / W',  W' s'^2 = W s^2 - sum w d^2 - W' (mean' -
 * mean)^2
 *
 * which loses digits where little is left of s: then, and where this way is not open, all rows are
 * gone through. Traffic: two reductions of a few numbers over all ranks and one of 2 p_local along
 * the grid column. */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "data/streamed.h"

/* Share of a column's variance that must be left: it costs 3 of 16 digits. */
static const double LEAST_LEFT = 1e-3;

/* The rows left out. */
typedef struct left_out {
  int64_t n;
  int64_t *row;  /* n local rows, ascending */
  double *w;     /* n: what they weigh in the other design */
  double total;  /* all rows' weight there, over all ranks */
  double weight; /* of these */
} left_out;

/* Rows of no weight here; *fits = 0 where the others are not in proportion, or too many are out. */
static bvl_status find_rows(const bvl_design *X, const double *w_base, const double *w,
                            left_out *out, int *fits)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &X->grid->all;
  const int64_t n_local = X->rows.n_local;
  double sums[2] = {0};
  double ratio[2] = {-INFINITY, -INFINITY}; /* most of w / w_base, and of its negative */
  status = BVL_ALLOC(&out->row, n_local);
  if (status == BVL_OK) status = BVL_ALLOC(&out->w, n_local);
  BVL_TRY(bvl_agree(all, status));
  for (int64_t i = 0; i < n_local; i++) {
    sums[0] += w_base[i];
    if (w[i] != 0) {
      ratio[0] = fmax(ratio[0], w[i] / w_base[i]);
      ratio[1] = fmax(ratio[1], -w[i] / w_base[i]);
    } else if (w_base[i] != 0) {
      sums[1] += w_base[i];
      out->row[out->n] = i;
      out->w[out->n++] = w_base[i];
    }
  }
  BVL_TRY(bvl_sum(&X->grid->col, sums, 2));
  BVL_TRY(bvl_max(all, ratio, 2));
  out->total = sums[0];
  out->weight = sums[1];
  int64_t odd = !(ratio[0] + ratio[1] <= 1e-14 * ratio[0]) || !(sums[1] <= 0.5 * sums[0]);
  BVL_TRY(bvl_max_i64(all, &odd, 1));
  *fits = odd == 0;
cleanup:
  return status;
}

/* sums[c] += w d, sums[p_local + c] += w d^2 over rows row[0..n) of a panel's columns. */
#define ADD_PANEL(TYPE)                                                                            \
  static void add_##TYPE(const TYPE *x, int64_t ld, int64_t p_local, int64_t n,                    \
                         const int64_t *row, int64_t begin, const double *w, const double *mean,   \
                         double *sums)                                                             \
  {                                                                                                \
    for (int64_t c = 0; c < p_local; c++) {                                                        \
      const TYPE *column = x + c * ld - begin;                                                     \
      double first = 0, second = 0;                                                                \
      for (int64_t e = 0; e < n; e++) {                                                            \
        const double d = (double)column[row[e]] - mean[c];                                         \
        first += w[e] * d;                                                                         \
        second += w[e] * d * d;                                                                    \
      }                                                                                            \
      sums[c] += first;                                                                            \
      sums[p_local + c] += second;                                                                 \
    }                                                                                              \
  }
ADD_PANEL(double)
ADD_PANEL(float)
ADD_PANEL(int8_t)
ADD_PANEL(uint8_t)

typedef struct addition {
  const left_out *out;
  int64_t row; /* local, the run's first ... */
  int64_t at;  /* ... which is out's at-th */
  const double *mean;
  double *sums;
} addition;

static void add_piece(void *context, const bvl_design *X, const bvl_piece *piece)
{
  const addition *a = context;
  const int64_t p_local = X->columns.p_local;
  double x[BVL_PANEL_ROWS];
  for (int64_t k = 0; k < piece->n_cols; k++) {
    const int64_t c = piece->first + k;
    bvl_piece_load(X, piece, k, x);
    for (int64_t i = 0; i < piece->n_rows; i++) {
      const double d = x[i] - a->mean[c], w = a->out->w[a->at + piece->row0 - a->row + i];
      a->sums[c] += w * d;
      a->sums[p_local + c] += w * d * d;
    }
  }
}

/* A run of rows at a time: they are short where rows were drawn, and a row is contiguous. */
static bvl_status add_streamed(const bvl_design *X, const left_out *out, const double *mean,
                               double *sums)
{
  bvl_status status = BVL_OK;
  addition a = {out, 0, 0, mean, sums};
  while (status == BVL_OK && a.at < out->n) {
    int64_t m = 1;
    a.row = out->row[a.at];
    while (a.at + m < out->n && out->row[a.at + m] == a.row + m) m++;
    status = bvl_design_walk(X, a.row, a.row + m, 0, NULL, add_piece, &a);
    a.at += m;
  }
  return status;
}

static void add_rows(const bvl_design *X, const left_out *out, const double *mean, double *sums)
{
  const int64_t p_local = X->columns.p_local;
  for (int64_t panel = 0, at = 0; panel < X->n_panels; panel++) {
    const int64_t begin = X->panel_begin[panel], end = X->panel_begin[panel + 1];
    const int64_t ld = end - begin, first = begin * p_local;
    const int64_t *row = out->row + at;
    const double *w = out->w + at;
    int64_t n = 0;
    while (at + n < out->n && row[n] < end) n++;
    at += n;
    if (X->dtype == BVL_F64)
      add_double((const double *)X->values + first, ld, p_local, n, row, begin, w, mean, sums);
    else if (X->dtype == BVL_F32)
      add_float((const float *)X->values + first, ld, p_local, n, row, begin, w, mean, sums);
    else if (X->dtype == BVL_I8)
      add_int8_t((const int8_t *)X->values + first, ld, p_local, n, row, begin, w, mean, sums);
    else
      add_uint8_t((const uint8_t *)X->values + first, ld, p_local, n, row, begin, w, mean, sums);
  }
}

/* X's own from the sums; returns how many columns kept too little. */
static int64_t set_columns(bvl_design *X, const bvl_design *base, const left_out *out,
                           const double *sums)
{
  const int64_t p_local = X->columns.p_local;
  const double left = out->total - out->weight;
  int64_t lost = 0;
  X->centered = X->scaled = 1;
  for (int64_t c = 0; c < p_local; c++) {
    const double whole = out->total * base->scale[c] * base->scale[c];
    const double shift = base->constant[c] ? 0 : -sums[c] / left;
    const double squares = whole - sums[p_local + c] - left * shift * shift;
    X->constant[c] = base->constant[c];
    X->center[c] = base->center[c] + shift;
    X->scale[c] = base->constant[c] ? 1 : sqrt(fmax(squares, 0) / left);
    lost += !base->constant[c] && !(squares >= LEAST_LEFT * whole);
    X->inv_scale[c] = 1 / X->scale[c];
  }
  return lost;
}

static bvl_status downdate(bvl_design *X, const bvl_design *base, const left_out *out, int *done)
{
  bvl_status status = BVL_OK;
  const int64_t p_local = X->columns.p_local;
  double *sums = NULL;
  status = BVL_ALLOC(&sums, 2 * p_local);
  if (status == BVL_OK) status = BVL_ALLOC(&X->center, p_local);
  if (status == BVL_OK) status = BVL_ALLOC(&X->scale, p_local);
  if (status == BVL_OK) status = BVL_ALLOC(&X->inv_scale, p_local);
  BVL_TRY(bvl_agree(&X->grid->all, status));
  if (X->streamed != NULL)
    BVL_TRY(bvl_agree(&X->grid->all, add_streamed(X, out, base->center, sums)));
  else
    add_rows(X, out, base->center, sums);
  BVL_TRY(bvl_sum(&X->grid->col, sums, 2 * p_local));
  int64_t lost = set_columns(X, base, out, sums);
  BVL_TRY(bvl_max_i64(&X->grid->all, &lost, 1));
  *done = lost == 0;
  if (X->rows.n_local > 0) X->bytes_touched += bvl_design_bytes(X) / X->rows.n_local * out->n;
cleanup:
  free(sums);
  return status;
}

bvl_status bvl_design_standardize_beside(bvl_design *X, const bvl_design *base,
                                         const double *w_base, const double *w, int center,
                                         int scale)
{
  bvl_status status = BVL_OK;
  left_out out = {0};
  int done = 0;
  const int open = X->format == BVL_DENSE && !X->has_missing && X->center == NULL && center &&
                   scale && base->centered && base->scaled;
  if (open) BVL_TRY(find_rows(X, w_base, w, &out, &done));
  if (done) BVL_TRY(downdate(X, base, &out, &done));
  if (!done) status = bvl_design_standardize(X, w, center, scale);
cleanup:
  free(out.row);
  free(out.w);
  return status;
}
