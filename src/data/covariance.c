/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunks of standardised rows, and their moments. */
#include "data/covariance.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "data/row_products.h"
#include "data/streamed.h"

enum { CHUNK_ROWS = BVL_PANEL_ROWS };

struct bvl_covariance {
  bvl_design *X;   /* borrowed */
  const double *w; /* n_split, borrowed */
  const double *u; /* n_split, borrowed */
  int intercept;   /* leading columns of ones, 0 or 1 */
  int64_t d;       /* intercept + p + 1 */
  int64_t n_steps; /* chunks of the grid row's longest split */
  double *M;       /* d x d, owned; until finish its upper triangle, lower when by entries */
  double *Z;       /* CHUNK_ROWS x d, owned */
  double *root;    /* CHUNK_ROWS: square roots of the chunk's weights, owned */
  double *send;    /* chunks for the ranks of the grid row, p_local columns each, owned */
  int64_t *counts; /* 2 x ranks of the grid row, owned: doubles sent to each, got from each */
  bvl_row_products *entries; /* owned; NULL by dsyrk */
};

void bvl_covariance_destroy(bvl_covariance **covariance)
{
  bvl_covariance *s = *covariance;
  *covariance = NULL;
  if (s == NULL) return;
  free(s->M);
  free(s->Z);
  free(s->root);
  free(s->send);
  free(s->counts);
  bvl_row_products_destroy(&s->entries);
  free(s);
}

static bvl_status allocate(bvl_covariance *s, const bvl_covariance_plan *plan)
{
  bvl_status status = BVL_OK;
  const int64_t size = s->X->grid->row.size;
  BVL_TRY(BVL_ALLOC(&s->M, s->d * s->d));
  if (plan->by_entries) return bvl_row_products_create(s->X, s->intercept, &s->entries);
  BVL_TRY(BVL_ALLOC(&s->Z, CHUNK_ROWS * s->d));
  BVL_TRY(BVL_ALLOC(&s->root, CHUNK_ROWS));
  BVL_TRY(BVL_ALLOC(&s->counts, 2 * size));
  if (size > 1) BVL_TRY(BVL_ALLOC(&s->send, size * CHUNK_ROWS * s->X->columns.p_local));
cleanup:
  return status;
}

bvl_status bvl_covariance_create(bvl_design *X, const bvl_covariance_plan *plan, int intercept,
                                 const double *w, const double *u, bvl_covariance **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &X->grid->all;
  const int64_t size = X->grid->row.size;
  bvl_covariance *s = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s, 1)));
  s->X = X;
  s->w = w;
  s->u = u;
  s->intercept = intercept;
  s->d = intercept + X->columns.p + 1;
  s->n_steps = ((X->rows.n_local + size - 1) / size + CHUNK_ROWS - 1) / CHUNK_ROWS;
  BVL_TRY(bvl_agree(all, allocate(s, plan)));
  *out = s;
  s = NULL;
cleanup:
  bvl_covariance_destroy(&s);
  return status;
}

/* Seconds a core: a flop of dsyrk with AVX2 kernels, a product of two entries of a sparse row. */
static const double FLOP_S = 1 / 35e9, PRODUCT_S = 2e-9;

bvl_status bvl_covariance_choose(bvl_design *X, const double *w, bvl_covariance_plan *plan)
{
  bvl_status status = BVL_OK;
  const double p = (double)X->columns.p;
  double products = INFINITY;
  *plan = (bvl_covariance_plan){.seconds = (double)X->rows.n * p * p * FLOP_S};
  if (X->format == BVL_DENSE) return BVL_OK;
  BVL_TRY(bvl_row_products_count(X, w, &products));
  int64_t by_entries = products * PRODUCT_S < plan->seconds;
  BVL_TRY(bvl_bcast_i64(&X->grid->all, 0, &by_entries, 1)); /* rank 0's arithmetic decides */
  if (by_entries) *plan = (bvl_covariance_plan){.by_entries = 1, .seconds = products * PRODUCT_S};
cleanup:
  return status;
}

/* ---- a chunk of standardised rows -------------------------------------------------------------
 */

/* Local rows row0 .. row0 + m - 1 of column c as they are stored, missing codes as NaN. */
static void load_dense(const bvl_design *X, int64_t *panel, int64_t c, int64_t row0, int64_t m,
                       double *out)
{
  double column[BVL_PANEL_ROWS];
  int64_t at = *panel;
  while (X->panel_begin[at + 1] <= row0) at++;
  *panel = at; /* the next column starts here too */
  for (int64_t done = 0; done < m; at++) {
    const int64_t begin = X->panel_begin[at];
    const int64_t from = row0 + done - begin;
    const int64_t count = bvl_lesser(X->panel_begin[at + 1] - begin - from, m - done);
    if (from == 0 && begin + count == X->panel_begin[at + 1]) {
      bvl_design_load(X, at, c, out + done);
    } else {
      bvl_design_load(X, at, c, column);
      memcpy(out + done, column + from, (size_t)count * sizeof *out);
    }
    done += count;
  }
}

/* First entry of column c in local row `row` or later. */
static int64_t find_entry(const bvl_design *X, int64_t c, int64_t row)
{
  int64_t low = X->col_ptr[c];
  int64_t high = X->col_ptr[c + 1];
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (X->row_idx[middle] < row)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void load_sparse(const bvl_design *X, int64_t c, int64_t row0, int64_t m, double *out)
{
  memset(out, 0, (size_t)m * sizeof *out);
  for (int64_t e = find_entry(X, c, row0); e < X->col_ptr[c + 1] && X->row_idx[e] < row0 + m; e++)
    out[X->row_idx[e] - row0] = X->col_val[e];
}

typedef struct chunk {
  int64_t row0, m;
  double *out; /* m x p_local */
} chunk;

static void load_piece(void *context, const bvl_design *X, const bvl_piece *piece)
{
  const chunk *s = context;
  for (int64_t k = 0; k < piece->n_cols; k++)
    bvl_piece_load(X, piece, k, s->out + (piece->first + k) * s->m + (piece->row0 - s->row0));
}

/* This rank's columns over some local rows, standardised: out is m x p_local. A failure to read is
 * left to bvl_design_failure: the ranks of a grid row are on their way to an exchange. */
static void load_rows(bvl_design *X, int64_t row0, int64_t m, double *out)
{
  int64_t panel = 0;
  chunk s = {row0, m, out};
  if (m == 0) return;
  if (X->streamed != NULL) (void)bvl_design_walk(X, row0, row0 + m, 0, NULL, load_piece, &s);
  for (int64_t c = 0; c < X->columns.p_local; c++, out += m) {
    const double centre = X->centered ? X->center[c] : 0;
    const double inv_s = X->scaled ? X->inv_scale[c] : 1;
    if (X->streamed == NULL && X->format == BVL_DENSE)
      load_dense(X, &panel, c, row0, m, out);
    else if (X->streamed == NULL)
      load_sparse(X, c, row0, m, out);
    if (X->has_missing)
      for (int64_t i = 0; i < m; i++) out[i] = isnan(out[i]) ? X->fill[c] : out[i];
    for (int64_t i = 0; i < m; i++) out[i] = (out[i] - centre) * inv_s;
  }
  X->bytes_touched += (int64_t)((double)bvl_design_bytes(X) * (double)m /
                                (double)bvl_greater(X->rows.n_local, 1));
}

/* The rows of rank j's split that belong to a step. */
static void step_rows(const bvl_design *X, int64_t j, int64_t step, int64_t *row0, int64_t *m)
{
  const int64_t size = X->grid->row.size;
  const int64_t begin = bvl_cut(X->rows.n_local, size, j);
  const int64_t length = bvl_cut(X->rows.n_local, size, j + 1) - begin;
  const int64_t from = bvl_lesser(step * CHUNK_ROWS, length);
  *row0 = begin + from;
  *m = bvl_lesser(CHUNK_ROWS, length - from);
}

/* All columns of this rank's rows of the step, at Z: its own part of every rank's rows goes out. */
static bvl_status gather_rows(bvl_covariance *s, int64_t step, double *Z)
{
  bvl_design *X = s->X;
  const bvl_comm *row = &X->grid->row;
  int64_t mine, row0, m, at = 0;
  step_rows(X, row->rank, step, &row0, &mine);
  if (row->size == 1) {
    load_rows(X, row0, mine, Z);
    return BVL_OK;
  }
  for (int64_t j = 0; j < row->size; j++) {
    step_rows(X, j, step, &row0, &m);
    load_rows(X, row0, m, s->send + at);
    s->counts[j] = m * X->columns.p_local;
    s->counts[row->size + j] = mine * (X->columns.begin[j + 1] - X->columns.begin[j]);
    at += s->counts[j];
  }
  return bvl_exchange(row, s->send, s->counts, Z, s->counts + row->size);
}

/* Every column of the chunk times the square roots of the weights; ones and u are put beside. */
static void weigh(bvl_covariance *s, int64_t m, const double *w, const double *u)
{
  double *Z = s->Z;
  int weighted = 0;
  for (int64_t i = 0; i < m; i++) s->root[i] = sqrt(w[i]);
  for (int64_t i = 0; i < m; i++) weighted |= w[i] != 1;
  if (s->intercept) memcpy(Z, s->root, (size_t)m * sizeof *Z);
  Z += s->intercept * m;
  for (int64_t c = 0; weighted && c < s->X->columns.p; c++)
    for (int64_t i = 0; i < m; i++) Z[i + c * m] *= s->root[i];
  Z += s->X->columns.p * m;
  for (int64_t i = 0; i < m; i++) Z[i] = s->root[i] * u[i];
}

bvl_status bvl_covariance_add(bvl_covariance *s, int64_t part, int64_t n_parts)
{
  bvl_status status = BVL_OK;
  const int64_t split0 = s->X->rows.split0;
  int d = 0;
  BVL_TRY(bvl_to_int(s->d, &d));
  for (int64_t step = bvl_cut(s->n_steps, n_parts, part);
       step < bvl_cut(s->n_steps, n_parts, part + 1); step++) {
    int64_t row0, m;
    step_rows(s->X, s->X->grid->row.rank, step, &row0, &m);
    const double *w = s->w + (row0 - split0);
    const double *u = s->u + (row0 - split0);
    if (s->entries != NULL) {
      BVL_TRY(bvl_row_products_add(s->entries, row0, m, w, u, s->M));
      continue;
    }
    BVL_TRY(gather_rows(s, step, s->Z + s->intercept * m));
    if (m == 0) continue;
    weigh(s, m, w, u);
    cblas_dsyrk(CblasColMajor, CblasUpper, CblasTrans, d, (int)m, 1, s->Z, (int)m, 1, s->M, d);
  }
  status = bvl_design_failure(s->X);
cleanup:
  return status;
}

/* Rounding of a sum of n terms is at most n eps sum |terms|; here a chunk's rows in any order, then
 * chunks, then ranks, of products that carry six roundings of their own (centre, scale, weight).
 * Entries as they are stored: with (mean / deviation)^2 <= 1 the four terms of a standardised
 * product are together at most 6 times what they add up to. */
static double rounding(const bvl_covariance *s, double n_steps)
{
  const double terms = (CHUNK_ROWS + n_steps + s->X->grid->all.size + 6) * 0.5 * DBL_EPSILON;
  return s->entries != NULL ? 6 * terms : terms;
}

bvl_status bvl_covariance_finish(bvl_covariance *s, double *error, const double **M)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &s->X->grid->all;
  const double scale = 1 / (double)s->X->rows.n;
  double n_steps = (double)s->n_steps;
  *M = NULL;
  BVL_TRY(bvl_max(all, &n_steps, 1));
  BVL_TRY(bvl_sum_to(all, 0, s->M, s->d * s->d));
  *error = rounding(s, n_steps);
  if (all->rank != 0) goto cleanup;
  if (s->entries != NULL) bvl_row_products_standardize(s->entries, s->M);
  for (int64_t l = 0; l < s->d; l++)
    for (int64_t k = 0; k <= l; k++) s->M[l + k * s->d] = s->M[k + l * s->d] *= scale;
  *M = s->M;
cleanup:
  free(s->Z);
  free(s->send);
  s->Z = s->send = NULL;
  return status;
}
