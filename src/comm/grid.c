/* SPDX-License-Identifier: BSD-3-Clause */
/* The process grid: one communicator for all ranks, one along each grid row and grid column. */
#include "comm/grid.h"

#include <stdlib.h>

#include "base/checked.h"

static bvl_status choose_shape(const bvl_comm *comm, int *n_rows, int *n_cols)
{
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_check_same(comm, *n_rows, "number of grid rows"));
  BVL_TRY(bvl_check_same(comm, *n_cols, "number of grid columns"));
  if (*n_rows == 0 && *n_cols == 0) {
    *n_rows = 1;
    *n_cols = comm->size;
  }
  if (*n_rows < 1 || *n_cols < 1 || (int64_t)*n_rows * *n_cols != comm->size)
    return bvl_fail(BVL_ERR_USAGE, "grid %dx%d does not match %d ranks", *n_rows, *n_cols,
                    comm->size);
cleanup:
  return status;
}

bvl_status bvl_grid_create(MPI_Comm comm, int n_rows, int n_cols, bvl_grid **out)
{
  bvl_status status = BVL_OK;
  bvl_grid *grid = NULL;
  bvl_traffic setup = {0};
  bvl_comm all = {.mpi = MPI_COMM_NULL};
  *out = NULL;
  BVL_TRY(bvl_comm_dup(comm, &setup, &all));
  BVL_TRY(choose_shape(&all, &n_rows, &n_cols));
  BVL_TRY(bvl_agree(&all, BVL_ALLOC(&grid, 1)));
  grid->all = all;
  grid->all.traffic = &grid->traffic;
  all = (bvl_comm){.mpi = MPI_COMM_NULL}; /* now the grid's */
  grid->n_rows = n_rows;
  grid->n_cols = n_cols;
  grid->i = grid->all.rank / n_cols;
  grid->j = grid->all.rank % n_cols;
  BVL_TRY(bvl_comm_split(&grid->all, grid->i, grid->j, &grid->row));
  BVL_TRY(bvl_comm_split(&grid->all, grid->j, grid->i, &grid->col));
  grid->traffic = (bvl_traffic){0}; /* setting up is nobody's traffic */
  *out = grid;
  grid = NULL; /* now the caller's */
cleanup:
  bvl_comm_free(&all);
  bvl_grid_destroy(&grid);
  return status;
}

void bvl_grid_destroy(bvl_grid **grid)
{
  if (*grid == NULL) return;
  bvl_comm_free(&(*grid)->col);
  bvl_comm_free(&(*grid)->row);
  bvl_comm_free(&(*grid)->all);
  free(*grid);
  *grid = NULL;
}

void bvl_grid_shape(const bvl_grid *grid, int *n_rows, int *n_cols, int *i, int *j)
{
  if (n_rows != NULL) *n_rows = grid->n_rows;
  if (n_cols != NULL) *n_cols = grid->n_cols;
  if (i != NULL) *i = grid->i;
  if (j != NULL) *j = grid->j;
}
