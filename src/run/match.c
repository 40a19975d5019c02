/* SPDX-License-Identifier: BSD-3-Clause */
/* Columns by name or by position. */
#include "run/match.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

typedef struct named {
  const char *name;
  int64_t column;
} named;

static int by_text(const void *a, const void *b)
{
  return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

/* On rank 0, which alone has the data's names (p_data of them). */
static bvl_status match_names(int64_t p_data, char *const *data_names, char *const *names,
                              int64_t n_wanted, const int64_t *wanted, int64_t *column)
{
  named *sorted = NULL;
  bvl_status status = BVL_ALLOC(&sorted, p_data);
  if (status != BVL_OK) return status;
  for (int64_t j = 0; j < p_data; j++) sorted[j] = (named){data_names[j], j};
  qsort(sorted, (size_t)p_data, sizeof *sorted, by_text);
  for (int64_t k = 0; status == BVL_OK && k < n_wanted; k++) {
    const named key = {names[wanted != NULL ? wanted[k] : k], 0};
    const named *found = bsearch(&key, sorted, (size_t)p_data, sizeof *sorted, by_text);
    if (found == NULL)
      status = bvl_fail(BVL_ERR_INPUT, "/feature_names: the model's feature %.80s is missing",
                        key.name);
    else
      column[k] = found->column;
  }
  free(sorted);
  return status;
}

bvl_status bvl_match_columns(const bvl_comm *comm, bvl_data *data, int64_t p, char *const *names,
                             int64_t n_wanted, const int64_t *wanted, int64_t *column, int *by_name)
{
  const int64_t p_data = bvl_data_source(data)->p;
  int64_t both = 0;
  char **data_names = NULL;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_data_read_feature_names(data, &data_names));
  both = data_names != NULL && names != NULL;
  BVL_TRY(bvl_bcast_i64(comm, 0, &both, 1));
  if (by_name != NULL) *by_name = both != 0;
  if (both) {
    if (comm->rank == 0) status = match_names(p_data, data_names, names, n_wanted, wanted, column);
    BVL_TRY(bvl_agree(comm, status));
    BVL_TRY(bvl_bcast_i64(comm, 0, column, n_wanted));
    goto cleanup;
  }
  if (p_data != p)
    BVL_TRY(bvl_fail(BVL_ERR_INPUT, "/X: %" PRId64 " columns, the model has %" PRId64, p_data, p));
  for (int64_t k = 0; k < n_wanted; k++) column[k] = wanted != NULL ? wanted[k] : k;
cleanup:
  free(data_names);
  return status;
}
