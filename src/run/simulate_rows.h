/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of a simulated design, each a function of (seed, row) alone, whoever draws it. */
#ifndef BVL_RUN_SIMULATE_ROWS_H
#define BVL_RUN_SIMULATE_ROWS_H

#include "run/recipe.h"

/** Whether the plan's X is held as CSR. */
int bvl_sim_is_sparse(const bvl_recipe *plan);

/** x[0..p) <- row `row` of a dense X. Not collective. */
void bvl_sim_dense_row(const bvl_recipe *plan, uint64_t seed, int64_t row, double *x);

/** Rows in CSR, columns ascending in each; counts from 0. */
typedef struct bvl_sim_csr {
  int64_t *indptr; /* n_rows + 1, owned */
  int64_t *indices;
  double *values;
  int64_t index_room, value_room;
} bvl_sim_csr;

/** Rows row0 .. row0 + n_rows - 1 of a sparse X. Not collective.
 * @return BVL_ERR_NOMEM. */
bvl_status bvl_sim_sparse_rows(const bvl_recipe *plan, uint64_t seed, int64_t row0, int64_t n_rows,
                               bvl_sim_csr *out);
void bvl_sim_csr_free(bvl_sim_csr *csr);

/** Of the words of BVL_SIM_WORDS, the most frequent ones that are expected at least 20 times in
 * n rows: columns 0 .. result - 1. */
int64_t bvl_sim_common_words(const bvl_recipe *plan);

#endif
