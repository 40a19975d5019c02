/* SPDX-License-Identifier: BSD-3-Clause */
/* Products of the entries of sparse rows: columns are read side by side, rows gathered by chunks.
 */
#include "data/row_products.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

struct bvl_row_products {
  bvl_design *X; /* borrowed */
  int intercept;
  int64_t d;       /* intercept + p + 1 */
  int64_t *cursor; /* p: first entry of each column not used yet, owned */
  int64_t *begin;  /* rows of the chunk + 1, owned */
  int64_t begin_capacity;
  int64_t *column; /* entries of the chunk by rows: which unknown, owned */
  int64_t column_capacity;
  double *value; /* and the entry, owned */
  int64_t value_capacity;
};

void bvl_row_products_destroy(bvl_row_products **products)
{
  bvl_row_products *s = *products;
  *products = NULL;
  if (s == NULL) return;
  free(s->cursor);
  free(s->begin);
  free(s->column);
  free(s->value);
  free(s);
}

/* Half the squared number of entries over this rank's rows. */
static double count_products(const bvl_design *X, const int32_t *per_row)
{
  double sum = 0;
  for (int64_t i = 0; i < X->rows.n_local; i++)
    sum += 0.5 * (double)per_row[i] * (double)per_row[i];
  return sum;
}

bvl_status bvl_row_products_count(bvl_design *X, const double *w, double *products)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &X->grid->all;
  const int64_t p = X->columns.p;
  int32_t *per_row = NULL;
  double *weight = NULL; /* p columns' share, then the products */
  *products = INFINITY;
  if (X->grid->row.size > 1) return BVL_OK;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&per_row, X->rows.n_local)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&weight, p + 2)));
  for (int64_t c = 0; c < p; c++)
    for (int64_t e = X->col_ptr[c]; e < X->col_ptr[c + 1]; e++) {
      weight[c] += w[X->row_idx[e]];
      per_row[X->row_idx[e]]++;
    }
  for (int64_t i = 0; i < X->rows.n_local; i++) weight[p] += w[i];
  weight[p + 1] = count_products(X, per_row);
  BVL_TRY(bvl_sum(all, weight, p + 2));
  *products = weight[p + 1];
  for (int64_t c = 0; c < p && X->centered; c++)
    if (weight[c] > 0.5 * weight[p]) *products = INFINITY;
cleanup:
  free(per_row);
  free(weight);
  return status;
}

bvl_status bvl_row_products_create(bvl_design *X, int intercept, bvl_row_products **out)
{
  bvl_status status = BVL_OK;
  bvl_row_products *s = NULL;
  BVL_TRY(BVL_ALLOC(&s, 1));
  s->X = X;
  s->intercept = intercept;
  s->d = intercept + X->columns.p + 1;
  BVL_TRY(BVL_ALLOC(&s->cursor, X->columns.p));
  memcpy(s->cursor, X->col_ptr, (size_t)X->columns.p * sizeof *s->cursor);
  *out = s;
  s = NULL;
cleanup:
  bvl_row_products_destroy(&s);
  return status;
}

/* begin[i + 1] <- entries of row i of the chunk, then begin by sums; room for them all. */
static bvl_status count_entries(bvl_row_products *s, int64_t row0, int64_t m)
{
  bvl_status status = BVL_OK;
  const bvl_design *X = s->X;
  BVL_TRY(BVL_GROW(&s->begin, &s->begin_capacity, m + 2));
  memset(s->begin, 0, (size_t)(m + 2) * sizeof *s->begin);
  for (int64_t c = 0; c < X->columns.p; c++)
    for (int64_t e = s->cursor[c]; e < X->col_ptr[c + 1] && X->row_idx[e] < row0 + m; e++)
      s->begin[X->row_idx[e] - row0 + 2]++;
  for (int64_t i = 0; i < m; i++) s->begin[i + 2] += s->begin[i + 1];
  BVL_TRY(BVL_GROW(&s->column, &s->column_capacity, s->begin[m + 1]));
  BVL_TRY(BVL_GROW(&s->value, &s->value_capacity, s->begin[m + 1]));
cleanup:
  return status;
}

/* Deals the entries to their rows, in order of column; begin[i + 1] moves up to row i's end. */
static void deal_entries(bvl_row_products *s, int64_t row0, int64_t m)
{
  const bvl_design *X = s->X;
  for (int64_t c = 0; c < X->columns.p; c++) {
    int64_t e = s->cursor[c];
    for (; e < X->col_ptr[c + 1] && X->row_idx[e] < row0 + m; e++) {
      const int64_t at = s->begin[X->row_idx[e] - row0 + 1]++;
      s->column[at] = s->intercept + c;
      s->value[at] = X->col_val[e];
    }
    s->X->bytes_touched += 12 * (e - s->cursor[c]);
    s->cursor[c] = e;
  }
}

/* Adds the products of one row's entries with each other, with 1 and with u. */
static void add_row(const bvl_row_products *s, int64_t row, double w, double u, double *M)
{
  const int64_t n = s->begin[row + 1] - s->begin[row];
  const int64_t *column = s->column + s->begin[row];
  const double *value = s->value + s->begin[row];
  if (!(w > 0)) return;
  if (s->intercept) {
    M[0] += w;
    M[s->d - 1] += w * u;
    for (int64_t b = 0; b < n; b++) M[column[b]] += w * value[b];
  }
  for (int64_t a = 0; a < n; a++) {
    double *out = M + column[a] * s->d;
    const double x = w * value[a];
    for (int64_t b = a; b < n; b++) out[column[b]] += x * value[b];
    out[s->d - 1] += x * u;
  }
  M[s->d * s->d - 1] += w * u * u;
}

bvl_status bvl_row_products_add(bvl_row_products *s, int64_t row0, int64_t m, const double *w,
                                const double *u, double *M)
{
  bvl_status status = count_entries(s, row0, m);
  if (status != BVL_OK) return status;
  deal_entries(s, row0, m);
  for (int64_t i = 0; i < m; i++) add_row(s, i, w[i], u[i], M);
  return BVL_OK;
}

void bvl_row_products_standardize(const bvl_row_products *s, double *M)
{
  const bvl_design *X = s->X;
  const int64_t b = s->intercept;
  const int64_t d = s->d;
  for (int64_t l = 0; l < d; l++) {
    const int is_column = l >= b && l < d - 1;
    const double m_l = is_column && X->centered ? X->center[l - b] : 0;
    const double s_l = is_column && X->scaled ? X->inv_scale[l - b] : 1;
    for (int64_t k = 0; k <= l; k++) { /* M[l + k d] is the raw product, l >= k */
      const int k_column = k >= b && k < d - 1;
      const double m_k = k_column && X->centered ? X->center[k - b] : 0;
      const double s_k = k_column && X->scaled ? X->inv_scale[k - b] : 1;
      double value = M[l + k * d];
      if (m_l != 0) value -= m_l * M[k];
      if (m_k != 0) value -= m_k * M[l] - m_k * m_l * M[0];
      M[k + l * d] = value * s_l * s_k;
    }
  }
}
