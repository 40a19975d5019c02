/* SPDX-License-Identifier: BSD-3-Clause */
/* Chosen columns of a dense bvl_source as a source of their own: column k is column columns[k] of
 * the base, and the rest is not asked for. */
#ifndef BVL_DATA_COLUMN_SUBSET_H
#define BVL_DATA_COLUMN_SUBSET_H

#include "bevel/source.h"

typedef struct bvl_column_subset {
  const bvl_source *base; /* borrowed */
  const int64_t *columns; /* n, borrowed */
  int64_t n;
  int64_t *asked;    /* n: scratch, owned */
  bvl_source source; /* of the chosen columns; `context` points to this struct, which must not
                        move */
} bvl_column_subset;

/** Makes out->source. Not collective; `columns` (n, strictly ascending) must be equal on all ranks.
 * @return BVL_ERR_USAGE (a sparse base; columns out of range or order), BVL_ERR_NOMEM. */
bvl_status bvl_column_subset_create(const bvl_source *base, int64_t n, const int64_t *columns,
                                    bvl_column_subset *out);
/** Accepts a zeroed one. Not collective. */
void bvl_column_subset_free(bvl_column_subset *subset);

#endif
