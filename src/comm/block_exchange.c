/* SPDX-License-Identifier: BSD-3-Clause */
/* Moving entries into a block-cyclic matrix and out of it, and its product with a vector: layout
 * and BLAS, no ScaLAPACK. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/lapack.h"
#include "comm/block_layout.h"

enum { TAKE_COLUMNS = 32 * BVL_BLOCK }; /* columns an exchange moves at once */

/* ---- adding a panel ------------------------------------------------------------------------- */

typedef struct panel {
  int64_t row0, row1, col0, col1;
  const double *values; /* of the panel */
  int64_t ld;
} panel;

/* Walks the part of the panel that process (i, j) owns, column by column, and gives each run of
 * rows in a block to one of: counting (out == NULL), packing from the panel (adding == 0), adding
 * what was packed to the matrix. Returns how many entries there are. */
static int64_t walk_panel(const panel *p, const bvl_block_cyclic *m, int i, int j, double *out,
                          int adding)
{
  const bvl_block_grid *g = m->grid;
  int64_t n = 0;
  for (int64_t l = bvl_block_count(p->col0, g->cols, j); l < bvl_block_count(p->col1, g->cols, j);
       l++) {
    const int64_t col = bvl_block_global(l, g->cols, j);
    const int64_t first = bvl_greater(p->row0, col);
    const int64_t end = bvl_block_count(p->row1, g->rows, i);
    for (int64_t k = bvl_block_count(first, g->rows, i); k < end;) {
      const int64_t row = bvl_block_global(k, g->rows, i);
      const int64_t length = bvl_lesser(BVL_BLOCK - row % BVL_BLOCK, end - k);
      double *at = m->values + k + l * m->ld;
      if (out != NULL && !adding)
        memcpy(out + n, p->values + (row - p->row0) + (col - p->col0) * p->ld,
               (size_t)length * sizeof *out);
      for (int64_t q = 0; adding && q < length; q++) at[q] += out[n + q];
      n += length;
      k += length;
    }
  }
  return n;
}

bvl_status bvl_block_cyclic_add(bvl_block_cyclic *m, int64_t row0, int64_t n_rows, int64_t col0,
                                int64_t n_cols, const double *values, int64_t ld)
{
  bvl_status status = BVL_OK;
  const bvl_block_grid *g = m->grid;
  const panel p = {row0, row0 + n_rows, col0, col0 + n_cols, values, ld};
  int64_t *counts = NULL;
  double *packed = NULL;
  double *mine = NULL;
  int64_t total = 0;
  BVL_ASSERT(p.row1 <= m->d && p.col1 <= m->d);
  BVL_TRY(bvl_agree(g->comm, BVL_ALLOC(&counts, g->comm->size)));
  for (int r = 0; r < g->comm->size; r++) {
    counts[r] = walk_panel(&p, m, r / g->cols, r % g->cols, NULL, 0);
    total += counts[r];
  }
  status = BVL_ALLOC(&packed, total);
  if (status == BVL_OK) status = BVL_ALLOC(&mine, counts[g->comm->rank]);
  BVL_TRY(bvl_agree(g->comm, status));
  total = 0;
  for (int r = 0; r < g->comm->size; r++)
    total += walk_panel(&p, m, r / g->cols, r % g->cols, packed + total, 0);
  BVL_TRY(bvl_sum_scatter(g->comm, packed, counts, mine));
  walk_panel(&p, m, g->i, g->j, mine, 1);
cleanup:
  free(mine);
  free(packed);
  free(counts);
  return status;
}

/* ---- a submatrix ---------------------------------------------------------------------------- */

/* One direction of a submatrix: its indices that process `from` holds and process `to` will. */
static int64_t list_shared(int64_t begin, int64_t end, const int64_t *index, int parts, int from,
                           int to, int64_t *list)
{
  int64_t n = 0;
  for (int64_t k = begin; k < end; k++)
    if (bvl_block_owner(index[k], parts) == from && bvl_block_owner(k, parts) == to) list[n++] = k;
  return n;
}

/* A submatrix in the making: this rank's lists of its rows and columns. */
typedef struct taking {
  const bvl_block_cyclic *from;
  bvl_block_cyclic *to;
  const int64_t *index;
  int64_t n;
  int64_t *rows, *cols; /* n each: the lists of one pair of ranks */
} taking;

/* The entries of columns [begin, end) that rank `source` has for rank `target`: counted (buffer
 * NULL), read from the source's part into buffer, or written from it to the target's. */
static int64_t walk_shared(const taking *t, int64_t begin, int64_t end, int source, int target,
                           double *buffer, int writing)
{
  const bvl_block_grid *g = t->from->grid;
  const int64_t n_rows = list_shared(begin, t->n, t->index, g->rows, source / g->cols,
                                     target / g->cols, t->rows);
  const int64_t n_cols = list_shared(begin, end, t->index, g->cols, source % g->cols,
                                     target % g->cols, t->cols);
  int64_t n = 0;
  int64_t first = 0; /* the lower triangle alone: rows from the column's own on */
  for (int64_t l = 0; l < n_cols; l++) {
    while (first < n_rows && t->rows[first] < t->cols[l]) first++;
    const int64_t count = n_rows - first;
    double *at = buffer + (buffer != NULL ? n : 0);
    n += count;
    if (buffer == NULL) continue;
    if (writing) {
      double *column = t->to->values + bvl_block_local(t->cols[l], g->cols) * t->to->ld;
      for (int64_t k = 0; k < count; k++)
        column[bvl_block_local(t->rows[first + k], g->rows)] = at[k];
    } else {
      const double *column = t->from->values +
                             bvl_block_local(t->index[t->cols[l]], g->cols) * t->from->ld;
      for (int64_t k = 0; k < count; k++)
        at[k] = column[bvl_block_local(t->index[t->rows[first + k]], g->rows)];
    }
  }
  return n;
}

/* Columns [begin, end) of the submatrix. */
static bvl_status take_columns(const taking *t, int64_t begin, int64_t end)
{
  bvl_status status = BVL_OK;
  const bvl_comm *comm = t->from->grid->comm;
  int64_t *counts = NULL; /* sent to each rank, then received from each */
  double *send = NULL;
  double *recv = NULL;
  int64_t n_send = 0;
  int64_t n_recv = 0;
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&counts, 2 * (int64_t)comm->size)));
  for (int r = 0; r < comm->size; r++) {
    n_send += counts[r] = walk_shared(t, begin, end, comm->rank, r, NULL, 0);
    n_recv += counts[comm->size + r] = walk_shared(t, begin, end, r, comm->rank, NULL, 0);
  }
  status = BVL_ALLOC(&send, n_send);
  if (status == BVL_OK) status = BVL_ALLOC(&recv, n_recv);
  BVL_TRY(bvl_agree(comm, status));
  n_send = n_recv = 0;
  for (int r = 0; r < comm->size; r++)
    n_send += walk_shared(t, begin, end, comm->rank, r, send + n_send, 0);
  BVL_TRY(bvl_exchange(comm, send, counts, recv, counts + comm->size));
  for (int r = 0; r < comm->size; r++)
    n_recv += walk_shared(t, begin, end, r, comm->rank, recv + n_recv, 1);
cleanup:
  free(recv);
  free(send);
  free(counts);
  return status;
}

bvl_status bvl_block_cyclic_take(const bvl_block_cyclic *m, int64_t n, const int64_t *index,
                                 bvl_block_cyclic *out)
{
  bvl_status status = BVL_OK;
  taking t = {.from = m, .to = out, .index = index, .n = n};
  out->d = 0; /* nothing of what it held is kept */
  BVL_TRY(bvl_block_cyclic_resize(out, n));
  status = BVL_ALLOC(&t.rows, n);
  if (status == BVL_OK) status = BVL_ALLOC(&t.cols, n);
  BVL_TRY(bvl_agree(m->grid->comm, status));
  for (int64_t begin = 0; begin < n; begin += TAKE_COLUMNS)
    BVL_TRY(take_columns(&t, begin, bvl_lesser(n, begin + TAKE_COLUMNS)));
cleanup:
  free(t.cols);
  free(t.rows);
  return status;
}

/* ---- diagonal and product ------------------------------------------------------------------- */

/* The place of diagonal entry k on this rank; NULL when another has it. */
static double *diagonal_at(const bvl_block_cyclic *m, int64_t k)
{
  const bvl_block_grid *g = m->grid;
  if (bvl_block_owner(k, g->rows) != g->i || bvl_block_owner(k, g->cols) != g->j) return NULL;
  return m->values + bvl_block_local(k, g->rows) + bvl_block_local(k, g->cols) * m->ld;
}

void bvl_block_cyclic_shift(bvl_block_cyclic *m, const double *values)
{
  for (int64_t k = 0; k < m->d; k++) {
    double *at = diagonal_at(m, k);
    if (at != NULL) *at += values[k];
  }
}

bvl_status bvl_block_cyclic_diagonal(const bvl_block_cyclic *m, double *diagonal)
{
  for (int64_t k = 0; k < m->d; k++) {
    const double *at = diagonal_at(m, k);
    diagonal[k] = at != NULL ? *at : 0;
  }
  return bvl_sum(m->grid->comm, diagonal, m->d);
}

bvl_status bvl_block_cyclic_columns(const bvl_block_cyclic *m, int64_t n, const int64_t *index,
                                    double *out)
{
  const bvl_block_grid *g = m->grid;
  const int64_t rows = bvl_block_count(m->d, g->rows, g->i);
  memset(out, 0, (size_t)(n * m->d) * sizeof *out);
  for (int64_t q = 0; q < n; q++) {
    double *column = out + q * m->d;
    const int64_t k = index[q];
    if (bvl_block_owner(k, g->cols) == g->j) { /* from the diagonal down */
      const double *at = m->values + bvl_block_local(k, g->cols) * m->ld;
      for (int64_t i = bvl_block_count(k, g->rows, g->i); i < rows; i++)
        column[bvl_block_global(i, g->rows, g->i)] = at[i];
    }
    if (bvl_block_owner(k, g->rows) == g->i) { /* left of it, by symmetry */
      const double *at = m->values + bvl_block_local(k, g->rows);
      for (int64_t l = 0; l < bvl_block_count(k, g->cols, g->j); l++)
        column[bvl_block_global(l, g->cols, g->j)] = at[l * m->ld];
    }
  }
  return bvl_sum(g->comm, out, n * m->d);
}

/* Local block column from column l on, `width` wide, times x: the strictly lower part acts both
 * ways, the diagonal block once. y (d) and y_rows (local rows) are added to. */
static void multiply_block(const bvl_block_cyclic *m, int64_t l, int64_t rows, int width,
                           const double *x, const double *x_rows, double *y, double *y_rows)
{
  const bvl_block_grid *g = m->grid;
  const int ld = (int)m->ld; /* checked when it was allocated */
  const int64_t col = bvl_block_global(l, g->cols, g->j);
  const double *block = m->values + l * m->ld;
  const int64_t below = bvl_lesser(rows, bvl_block_count(col + BVL_BLOCK, g->rows, g->i));
  if (bvl_block_owner(col, g->rows) == g->i) {
    const int64_t k = bvl_block_local(col, g->rows);
    double part[BVL_BLOCK];
    bvl_symmetric_apply(width, block + k, ld, x + col, part);
    for (int i = 0; i < width; i++) y[col + i] += part[i];
  }
  if (rows == below) return;
  const int height = (int)(rows - below);
  cblas_dgemv(CblasColMajor, CblasNoTrans, height, width, 1, block + below, ld, x + col, 1, 1,
              y_rows + below, 1);
  cblas_dgemv(CblasColMajor, CblasTrans, height, width, 1, block + below, ld, x_rows + below, 1, 1,
              y + col, 1);
}

bvl_status bvl_block_cyclic_product(const bvl_block_cyclic *m, const double *x, double *y)
{
  const bvl_block_grid *g = m->grid;
  const int64_t rows = bvl_block_count(m->d, g->rows, g->i);
  const int64_t cols = bvl_block_count(m->d, g->cols, g->j);
  double *y_rows = m->work;
  double *x_rows = m->work + rows;
  for (int64_t k = 0; k < rows; k++) {
    x_rows[k] = x[bvl_block_global(k, g->rows, g->i)];
    y_rows[k] = 0;
  }
  for (int64_t k = 0; k < m->d; k++) y[k] = 0;
  for (int64_t l = 0; l < cols; l += BVL_BLOCK)
    multiply_block(m, l, rows, (int)bvl_lesser(BVL_BLOCK, cols - l), x, x_rows, y, y_rows);
  for (int64_t k = 0; k < rows; k++) y[bvl_block_global(k, g->rows, g->i)] += y_rows[k];
  return bvl_sum(g->comm, y, m->d);
}
