/* SPDX-License-Identifier: BSD-3-Clause */
/* The one file that calls ScaLAPACK and BLACS: process grid, factor, solve. Both print and abort on
 * a wrong argument, so every size is checked before; what MPI itself reports inside them is lost.
 */
#include "comm/block_cyclic.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "comm/block_layout.h"

int Csys2blacs_handle(MPI_Comm comm);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int *context, const char *order, int rows, int cols);
void Cblacs_gridinfo(int context, int *rows, int *cols, int *i, int *j);
void Cblacs_gridexit(int context);
void pdpotrf_(const char *uplo, const int *n, double *a, const int *ia, const int *ja,
              const int *desc_a, int *info, size_t uplo_len);
void pdtrsv_(const char *uplo, const char *trans, const char *diag, const int *n, const double *a,
             const int *ia, const int *ja, const int *desc_a, double *x, const int *ix,
             const int *jx, const int *desc_x, const int *inc_x);
void pdpotrs_(const char *uplo, const int *n, const int *n_rhs, const double *a, const int *ia,
              const int *ja, const int *desc_a, double *b, const int *ib, const int *jb,
              const int *desc_b, int *info, size_t uplo_len);

bvl_status bvl_block_grid_create(const bvl_comm *comm, bvl_block_grid **out)
{
  bvl_status status = BVL_OK;
  bvl_block_grid *grid = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&grid, 1)));
  *grid = (bvl_block_grid){.comm = comm, .context = -1, .handle = -1, .rows = 1};
  for (int r = 1; r * r <= comm->size; r++)
    if (comm->size % r == 0) grid->rows = r;
  grid->cols = comm->size / grid->rows;
  grid->handle = Csys2blacs_handle(comm->mpi);
  grid->context = grid->handle;
  Cblacs_gridinit(&grid->context, "R", grid->rows, grid->cols);
  Cblacs_gridinfo(grid->context, &grid->rows, &grid->cols, &grid->i, &grid->j);
  const int placed = grid->i == comm->rank / grid->cols && grid->j == comm->rank % grid->cols;
  BVL_TRY(bvl_agree(comm, placed ? BVL_OK : bvl_fail(BVL_ERR_MPI, "BLACS: another rank order")));
  *out = grid;
  grid = NULL;
cleanup:
  bvl_block_grid_destroy(&grid);
  return status;
}

void bvl_block_grid_destroy(bvl_block_grid **grid)
{
  bvl_block_grid *g = *grid;
  *grid = NULL;
  if (g == NULL) return;
  if (g->context >= 0) Cblacs_gridexit(g->context);
  if (g->handle >= 0) Cfree_blacs_system_handle(g->handle);
  free(g);
}

bvl_status bvl_block_cyclic_create(const bvl_block_grid *grid, bvl_block_cyclic **out)
{
  bvl_status status = BVL_OK;
  BVL_TRY(BVL_ALLOC(out, 1));
  (*out)->grid = grid;
  (*out)->ld = 1;
cleanup:
  return status;
}

void bvl_block_cyclic_destroy(bvl_block_cyclic **matrix)
{
  if (*matrix != NULL) {
    free((*matrix)->values);
    free((*matrix)->work);
  }
  free(*matrix);
  *matrix = NULL;
}

/* What a matrix grows to is a little more than asked for: working sets grow by and by. */
static bvl_status reallocate(bvl_block_cyclic *m, int64_t d)
{
  bvl_status status = BVL_OK;
  const bvl_block_grid *g = m->grid;
  const int64_t wide = d + d / 16;
  int64_t ld = bvl_greater(1, bvl_block_count(wide, g->rows, g->i));
  int64_t room = bvl_greater(1, bvl_block_count(wide, g->cols, g->j));
  const int64_t rows = bvl_block_count(m->d, g->rows, g->i);
  double *values = NULL;
  double *work = NULL;
  int in_range = 0;
  BVL_TRY(bvl_to_int(ld * room, &in_range)); /* ScaLAPACK's index into the local part */
  BVL_TRY(BVL_ALLOC(&work, 2 * ld));
  BVL_TRY(BVL_ALLOC(&values, ld * room));
  for (int64_t l = 0; rows > 0 && l < bvl_block_count(m->d, g->cols, g->j); l++)
    memcpy(values + l * ld, m->values + l * m->ld, (size_t)rows * sizeof *values);
  free(m->values);
  m->values = values;
  m->ld = ld;
  m->room = room;
  free(m->work);
  m->work = work;
  work = NULL;
cleanup:
  free(work);
  return status;
}

bvl_status bvl_block_cyclic_resize(bvl_block_cyclic *m, int64_t d)
{
  bvl_status status = BVL_OK;
  const bvl_block_grid *g = m->grid;
  const int64_t rows = bvl_block_count(d, g->rows, g->i);
  const int64_t cols = bvl_block_count(d, g->cols, g->j);
  const int64_t old_rows = bvl_block_count(m->d, g->rows, g->i);
  const int64_t old_cols = bvl_block_count(m->d, g->cols, g->j);
  if (m->values == NULL || rows > m->ld || cols > m->room) status = reallocate(m, d);
  BVL_TRY(bvl_agree(g->comm, status));
  for (int64_t l = 0; l < cols; l++) {
    const int64_t from = l < old_cols ? old_rows : 0;
    if (rows > from)
      memset(m->values + from + l * m->ld, 0, (size_t)(rows - from) * sizeof(double));
  }
  m->d = d;
cleanup:
  return status;
}

/* ScaLAPACK's array descriptor of a rows x cols matrix from the grid's corner. */
static void describe(const bvl_block_grid *g, int rows, int cols, int width, int ld, int desc[9])
{
  const int filled[9] = {1, g->context, rows, cols, BVL_BLOCK, width, 0, 0, ld};
  memcpy(desc, filled, sizeof filled);
}

static bvl_status describe_square(const bvl_block_cyclic *m, int *d, int desc[9])
{
  int ld = 0;
  bvl_status status = bvl_to_int(m->d, d);
  if (status == BVL_OK) status = bvl_to_int(m->ld, &ld);
  if (status == BVL_OK) describe(m->grid, *d, *d, BVL_BLOCK, ld, desc);
  return status;
}

/* The first pivot that is rounding next to the diagonal it came from, + 1; 0 when none is. */
static bvl_status find_tiny_pivot(const bvl_block_cyclic *m, double floor, const double *before,
                                  int64_t *bad)
{
  bvl_status status = BVL_OK;
  double *pivot = NULL;
  *bad = 0;
  BVL_TRY(bvl_agree(m->grid->comm, BVL_ALLOC(&pivot, m->d)));
  BVL_TRY(bvl_block_cyclic_diagonal(m, pivot));
  for (int64_t k = m->d - 1; k >= 0; k--)
    if (!(pivot[k] * pivot[k] > floor * before[k])) *bad = k + 1;
  BVL_TRY(bvl_max_i64(m->grid->comm, bad, 1)); /* one decision, not one a rank */
cleanup:
  free(pivot);
  return status;
}

bvl_status bvl_block_cyclic_factor(bvl_block_cyclic *m, double floor, int64_t *bad)
{
  bvl_status status = BVL_OK;
  double *before = NULL;
  int desc[9];
  int d = 0;
  int info = 0;
  const int one = 1;
  *bad = 0;
  if (m->d == 0) return BVL_OK;
  status = describe_square(m, &d, desc);
  if (status == BVL_OK) status = BVL_ALLOC(&before, m->d);
  BVL_TRY(bvl_agree(m->grid->comm, status));
  BVL_TRY(bvl_block_cyclic_diagonal(m, before));
  pdpotrf_("L", &d, m->values, &one, &one, desc, &info, 1);
  *bad = info;
  BVL_TRY(bvl_max_i64(m->grid->comm, bad, 1));
  if (*bad == 0) BVL_TRY(find_tiny_pivot(m, floor, before, bad));
cleanup:
  free(before);
  return status;
}

/* Right-hand sides go to the process columns in one block each, so that all of them work. */
static int64_t sides_each(const bvl_block_grid *g, int64_t n)
{
  return (n + g->cols - 1) / g->cols;
}

/* local (ld x own columns) <- this rank's part of b, or back into b, which is 0 elsewhere. */
static void spread_sides(const bvl_block_cyclic *m, int64_t n, double *b, int64_t ld, double *local,
                         int back)
{
  const bvl_block_grid *g = m->grid;
  const int64_t rows = bvl_block_count(m->d, g->rows, g->i);
  const int64_t first = sides_each(g, n) * g->j;
  const int64_t own = bvl_lesser(sides_each(g, n), bvl_greater(0, n - first));
  for (int64_t l = 0; l < own; l++) {
    double *side = b + (first + l) * ld;
    for (int64_t k = 0; k < rows; k++) {
      double *value = side + bvl_block_global(k, g->rows, g->i);
      if (back)
        *value = local[k + l * m->ld];
      else
        local[k + l * m->ld] = *value;
    }
  }
}

bvl_status bvl_block_cyclic_solve(const bvl_block_cyclic *m, int64_t n, double *b, int64_t ld)
{
  bvl_status status = BVL_OK;
  const bvl_block_grid *g = m->grid;
  double *local = NULL;
  int desc[9], desc_b[9];
  int d = 0;
  int sides = 0;
  int info = 0;
  const int one = 1;
  if (m->d == 0 || n == 0) return BVL_OK;
  status = describe_square(m, &d, desc);
  if (status == BVL_OK) status = bvl_to_int(n, &sides);
  if (status == BVL_OK) status = BVL_ALLOC(&local, m->ld * sides_each(g, n));
  BVL_TRY(bvl_agree(g->comm, status));
  describe(g, d, sides, (int)sides_each(g, n), desc[8], desc_b);
  spread_sides(m, n, b, ld, local, 0);
  if (sides == 1) { /* pdpotrs takes twice as long for a single side */
    pdtrsv_("L", "N", "N", &d, m->values, &one, &one, desc, local, &one, &one, desc_b, &one);
    pdtrsv_("L", "T", "N", &d, m->values, &one, &one, desc, local, &one, &one, desc_b, &one);
  } else {
    pdpotrs_("L", &d, &sides, m->values, &one, &one, desc, local, &one, &one, desc_b, &info, 1);
  }
  for (int64_t l = 0; l < n; l++) memset(b + l * ld, 0, (size_t)m->d * sizeof *b);
  spread_sides(m, n, b, ld, local, 1);
  if (ld == m->d) BVL_TRY(bvl_sum(g->comm, b, n * m->d));
  for (int64_t l = 0; l < n && ld != m->d; l++) BVL_TRY(bvl_sum(g->comm, b + l * ld, m->d));
cleanup:
  free(local);
  return status;
}
