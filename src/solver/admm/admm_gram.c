/* SPDX-License-Identifier: BSD-3-Clause */
/* The Gram matrix of the rows over the penalised columns, for the x-step of ADMM with fewer rows
 * than columns: chunks of columns, standardised, to dsyrk; n^2 p / ranks flops, memory of a chunk.
 * Columns of a sparse X with few entries, where a rank has all of their rows, are not made dense:
 * with x~ = s (a - mu 1) and a few rows of a,
 *
 *   x~x~' = s^2 (aa' - mu (a1' + 1a') + mu^2 11'),
 *
 * nnz^2 / 2 multiplications a column and the terms in 1 once for all; unweighted, mu^2 is at most
 * a quarter of a's variance, so that nothing is lost in the difference. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/phase.h"
#include "solver/admm/admm.h"

enum { CHUNK = 64, FEW = 5 }; /* rows an entry from which on scattering beats dsyrk */

bvl_status bvl_admm_first_row(const bvl_problem *problem, int64_t *first)
{
  return bvl_offsets(&problem->grid->col, problem->X->rows.n_local, first, NULL);
}

bvl_status bvl_admm_gather_rows(const bvl_problem *problem, int64_t first_row, const double *split,
                                double *out)
{
  const int64_t n_split = bvl_problem_n_split(problem);
  memset(out, 0, (size_t)problem->n * sizeof *out);
  if (n_split > 0)
    memcpy(out + first_row + problem->X->rows.split0, split, (size_t)n_split * sizeof *out);
  return bvl_sum(&problem->grid->all, out, problem->n);
}

/* Column c of this rank's block rows, standardised. */
static void load_column(const bvl_design *X, int64_t c, double *out)
{
  const int64_t n_local = X->rows.n_local;
  const double center = X->centered ? X->center[c] : 0;
  const double inv_scale = X->scaled ? X->inv_scale[c] : 1;
  if (X->format == BVL_DENSE) {
    for (int64_t panel = 0; panel < X->n_panels; panel++)
      bvl_design_load(X, panel, c, out + X->panel_begin[panel]);
  } else {
    memset(out, 0, (size_t)n_local * sizeof *out);
    for (int64_t e = X->col_ptr[c]; e < X->col_ptr[c + 1]; e++) out[X->row_idx[e]] = X->col_val[e];
  }
  for (int64_t i = 0; i < n_local; i++) {
    const double value = isnan(out[i]) ? X->fill[c] : out[i];
    out[i] = (value - center) * inv_scale;
  }
}

typedef struct chunks {
  bvl_problem *problem;
  int64_t *cols;   /* the penalised columns of this rank that are made dense, owned */
  int64_t n_cols;  /* equal over the grid column */
  double *mine;    /* n_local x (Pr CHUNK), owned */
  double *got;     /* n x CHUNK as exchanged, owned; NULL with one grid row */
  double *whole;   /* n x CHUNK, owned */
  int64_t *counts; /* Pr rows, Pr sent, Pr got, owned */
} chunks;

/* Is local column c added entry by entry? With several grid rows no rank has all of its rows. */
static int is_scattered(const bvl_problem *problem, int64_t c)
{
  const bvl_design *X = problem->X;
  if (X->format == BVL_DENSE || problem->grid->n_rows > 1) return 0;
  return FEW * (X->col_ptr[c + 1] - X->col_ptr[c]) <= problem->n;
}

/* G's lower triangle += those columns; shift (n) is scratch. */
static void scatter(const bvl_problem *problem, double *shift, double *G)
{
  const bvl_design *X = problem->X;
  const int64_t n = problem->n;
  double both = 0;
  memset(shift, 0, (size_t)n * sizeof *shift);
  for (int64_t c = 0; c < X->columns.p_local; c++) {
    if (!bvl_admm_is_penalised(problem, problem->block_of[c]) || !is_scattered(problem, c))
      continue;
    const double scale = X->scaled ? X->inv_scale[c] * X->inv_scale[c] : 1;
    const double center = X->centered ? X->center[c] : 0;
    both += scale * center * center;
    for (int64_t l = X->col_ptr[c]; l < X->col_ptr[c + 1]; l++) {
      const double value = scale * X->col_val[l];
      double *column = G + X->row_idx[l] * n;
      shift[X->row_idx[l]] += center * value;
      for (int64_t k = l; k < X->col_ptr[c + 1]; k++) /* rows ascend */
        column[X->row_idx[k]] += value * X->col_val[k];
    }
  }
  for (int64_t l = 0; l < n; l++)
    for (int64_t k = l; k < n; k++) G[k + l * n] += both - shift[k] - shift[l];
}

static bvl_status open_chunks(chunks *at, bvl_problem *problem)
{
  bvl_status status = BVL_OK;
  const bvl_design *X = problem->X;
  const int64_t Pr = problem->grid->n_rows;
  const int64_t n_local = X->rows.n_local;
  *at = (chunks){.problem = problem};
  status = BVL_ALLOC(&at->cols, X->columns.p_local);
  if (status == BVL_OK) status = BVL_ALLOC(&at->mine, n_local * Pr * CHUNK);
  if (status == BVL_OK) status = BVL_ALLOC(&at->whole, problem->n * CHUNK);
  if (status == BVL_OK) status = BVL_ALLOC(&at->counts, 3 * Pr);
  if (status == BVL_OK && Pr > 1) status = BVL_ALLOC(&at->got, problem->n * CHUNK);
  BVL_TRY(bvl_agree(&problem->grid->all, status));
  for (int64_t c = 0; c < X->columns.p_local; c++)
    if (bvl_admm_is_penalised(problem, problem->block_of[c]) && !is_scattered(problem, c))
      at->cols[at->n_cols++] = c;
  int64_t *each = at->counts + Pr; /* 1 at its own place, so that the gather is of one a rank */
  for (int64_t r = 0; r < Pr; r++) each[r] = 1;
  BVL_TRY(bvl_gather_all_i64(&problem->grid->col, &n_local, each, at->counts));
cleanup:
  return status;
}

static void close_chunks(chunks *at)
{
  free(at->cols);
  free(at->mine);
  free(at->got);
  free(at->whole);
  free(at->counts);
}

/* at->whole <- this rank's share of columns begin .. end - 1 of the list, all rows; *width of them.
 * Rank r of the grid column takes the r-th CHUNK. */
static bvl_status fetch(chunks *at, int64_t begin, int64_t end, int64_t *width)
{
  const bvl_grid *grid = at->problem->grid;
  const int64_t n = at->problem->n;
  const int64_t n_local = at->problem->X->rows.n_local;
  const int64_t Pr = grid->n_rows;
  const int64_t *rows = at->counts;
  int64_t *sent = at->counts + Pr;
  int64_t *received = at->counts + 2 * Pr;
  double *out = Pr > 1 ? at->mine : at->whole;
  for (int64_t k = begin; k < end; k++)
    load_column(at->problem->X, at->cols[k], out + (k - begin) * n_local);
  *width = bvl_greater(0, bvl_lesser(CHUNK, end - begin - grid->i * CHUNK));
  if (Pr == 1) return BVL_OK;
  for (int64_t r = 0; r < Pr; r++) {
    sent[r] = n_local * bvl_greater(0, bvl_lesser(CHUNK, end - begin - r * CHUNK));
    received[r] = rows[r] * *width;
  }
  bvl_status status = bvl_exchange(&grid->col, at->mine, sent, at->got, received);
  const double *from = at->got;
  for (int64_t r = 0, row0 = 0; status == BVL_OK && r < Pr; row0 += rows[r], r++)
    for (int64_t k = 0; k < *width; k++, from += rows[r])
      memcpy(at->whole + row0 + k * n, from, (size_t)rows[r] * sizeof *from);
  return status;
}

bvl_status bvl_admm_gram(bvl_problem *problem, double *G)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const int64_t stride = problem->grid->n_rows * (int64_t)CHUNK;
  int n = 0;
  chunks at = {0};
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_GRAM);
  BVL_TRY(bvl_agree(all, bvl_to_int(problem->n, &n)));
  BVL_TRY(open_chunks(&at, problem));
  memset(G, 0, (size_t)(problem->n * problem->n) * sizeof *G);
  if (problem->X->format != BVL_DENSE && problem->grid->n_rows == 1)
    scatter(problem, at.whole, G); /* whole is n x CHUNK */
  for (int64_t begin = 0; begin < at.n_cols; begin += stride) {
    int64_t width = 0;
    BVL_TRY(fetch(&at, begin, bvl_lesser(begin + stride, at.n_cols), &width));
    if (width > 0)
      cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, (int)width, 1, at.whole, n, 1, G, n);
  }
  BVL_TRY(bvl_sum(all, G, problem->n * problem->n));
cleanup:
  close_chunks(&at);
  bvl_phase_leave(before);
  return status;
}
