/* SPDX-License-Identifier: BSD-3-Clause */
/* Columns renamed on their way to the base. */
#include "data/column_subset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

static bvl_status read_dense(void *context, int64_t row0, int64_t n_rows, int64_t n_cols,
                             const int64_t *cols, void *out)
{
  const bvl_column_subset *subset = context;
  for (int64_t c = 0; c < n_cols; c++) subset->asked[c] = subset->columns[cols ? cols[c] : c];
  return subset->base->read_dense(subset->base->context, row0, n_rows, n_cols, subset->asked, out);
}

bvl_status bvl_column_subset_create(const bvl_source *base, int64_t n, const int64_t *columns,
                                    bvl_column_subset *out)
{
  memset(out, 0, sizeof *out);
  if (base->format != BVL_DENSE)
    return bvl_fail(BVL_ERR_USAGE, "%s: columns can be chosen from dense matrices alone",
                    base->name);
  for (int64_t k = 0; k < n; k++)
    if (columns[k] < 0 || columns[k] >= base->p || (k > 0 && columns[k] <= columns[k - 1]))
      return bvl_fail(BVL_ERR_USAGE, "%s: column %" PRId64 " of %" PRId64 " in place %" PRId64,
                      base->name, columns[k], base->p, k);
  *out = (bvl_column_subset){.base = base, .columns = columns, .n = n, .source = *base};
  out->source.context = out;
  out->source.p = n;
  out->source.nnz = base->n * n;
  out->source.column_name = columns;
  out->source.read_dense = read_dense;
  out->source.read_alone = NULL;
  return BVL_ALLOC(&out->asked, n);
}

void bvl_column_subset_free(bvl_column_subset *subset)
{
  free(subset->asked);
  memset(subset, 0, sizeof *subset);
}
