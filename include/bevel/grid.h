/* SPDX-License-Identifier: BSD-3-Clause */
/** @file bevel/grid.h
 * The process grid. */
#ifndef BEVEL_GRID_H
#define BEVEL_GRID_H

#include <mpi.h>

#include "bevel/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The process grid every distributed object of bevel lives on: Pr grid rows share out the samples,
 * Pc grid columns the features. Opaque. */
typedef struct bvl_grid bvl_grid;

/** Lays the ranks of `comm` out as Pr x Pc, row by row.
 *
 * Collective over comm; three communicator duplications. `comm` stays the caller's.
 *
 * @param[in]  comm    every rank that takes part.
 * @param[in]  n_rows  Pr; with n_cols, 0 x 0 asks for 1 x size (suits wide paths).
 * @param[in]  n_cols  Pc; Pr * Pc must be comm's size, the same on all ranks.
 * @param[out] out     the caller's, freed by bvl_grid_destroy; NULL on failure.
 * @return BVL_OK, BVL_ERR_USAGE (shape), BVL_ERR_NOMEM or BVL_ERR_MPI, the same on every rank.
 */
bvl_status bvl_grid_create(MPI_Comm comm, int n_rows, int n_cols, bvl_grid **out);

/** Frees a grid and nulls the handle; NULL is fine. Collective. Nothing may still use the grid. */
void bvl_grid_destroy(bvl_grid **grid);

/** Pr, Pc and this rank's place. Not collective; any pointer may be NULL. */
void bvl_grid_shape(const bvl_grid *grid, int *n_rows, int *n_cols, int *i, int *j);

#ifdef __cplusplus
}
#endif
#endif
