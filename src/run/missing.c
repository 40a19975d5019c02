/* SPDX-License-Identifier: BSD-3-Clause */
/* Finding rows with something missing: ranks look at one interval of rows each, then all know all
 * rows that are kept. */
#include "run/missing.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"

enum { CHUNK_BYTES = 8 << 20 };

const char *bvl_missing_name(bvl_missing missing)
{
  return missing == BVL_MISSING_MEAN ? "mean" : missing == BVL_MISSING_DROP ? "drop" : "error";
}

void bvl_missing_close(bvl_missing_rows *rows)
{
  bvl_row_subset_free(&rows->subset);
  free(rows->rows);
  rows->rows = NULL;
}

void bvl_missing_pick(const bvl_missing_rows *rows, int64_t *values)
{
  for (int64_t i = 0; rows->rows != NULL && i < rows->source.n; i++)
    values[i] = values[rows->rows[i]];
}

/* ---- looking for what is missing --------------------------------------------------------------
 */

static int row_misses(const bvl_source *X, const void *values)
{
  int any = 0;
  if (X->dtype == BVL_F64)
    for (int64_t j = 0; j < X->p; j++) any |= isnan(((const double *)values)[j]);
  else if (X->dtype == BVL_F32)
    for (int64_t j = 0; j < X->p; j++) any |= isnan(((const float *)values)[j]);
  else if (X->has_missing)
    for (int64_t j = 0; j < X->p; j++) any |= ((const int8_t *)values)[j] == X->missing;
  return any;
}

/* misses[i] is set for rows first + i of this rank. Collective. */
static bvl_status look_at_x(const bvl_comm *comm, const bvl_source *X, int64_t first, int64_t count,
                            unsigned char *misses)
{
  const int64_t row_bytes = X->p * bvl_dtype_bytes(X->dtype);
  const int64_t at_once = bvl_greater(1, CHUNK_BYTES / row_bytes);
  int64_t n_chunks = (count + at_once - 1) / at_once;
  char *buffer = NULL;
  bvl_status status = BVL_OK;
  if (X->format != BVL_DENSE) return BVL_OK;
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&buffer, at_once * row_bytes)));
  BVL_TRY(bvl_max_i64(comm, &n_chunks, 1));
  for (int64_t k = 0; k < n_chunks; k++) {
    const int64_t begin = bvl_lesser(k * at_once, count);
    const int64_t rows = bvl_lesser(at_once, count - begin);
    BVL_TRY(X->read_dense(X->context, first + begin, rows, X->p, NULL, buffer));
    for (int64_t i = 0; i < rows; i++)
      misses[begin + i] |= (unsigned char)row_misses(X, buffer + i * row_bytes);
  }
cleanup:
  free(buffer);
  return status;
}

/* The same of y. Collective. */
static bvl_status look_at_y(const bvl_comm *comm, bvl_data *data, int64_t first, int64_t count,
                            unsigned char *misses)
{
  const int64_t K = bvl_data_responses(data);
  double *y = NULL;
  int present = 0;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&y, count * K)));
  BVL_TRY(bvl_data_read_rows(data, "y", first, count, y, &present));
  for (int64_t e = 0; present && e < count * K; e++)
    if (isnan(y[e])) misses[e / K] = 1;
cleanup:
  free(y);
  return status;
}

/* Everybody's kept rows, in order. */
static bvl_status gather_kept(const bvl_comm *comm, int64_t first, int64_t count,
                              const unsigned char *misses, int64_t *n, int64_t **out)
{
  int64_t *mine = NULL, *counts = NULL;
  bvl_status status = BVL_ALLOC(&mine, count);
  if (status == BVL_OK) status = BVL_ALLOC(&counts, comm->size);
  BVL_TRY(bvl_agree(comm, status));
  for (int64_t i = 0; i < count; i++)
    if (!misses[i]) mine[counts[comm->rank]++] = first + i;
  BVL_TRY(bvl_sum_i64(comm, counts, comm->size));
  *n = 0;
  for (int r = 0; r < comm->size; r++) *n += counts[r];
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(out, *n)));
  BVL_TRY(bvl_gather_all_i64(comm, mine, counts, *out));
cleanup:
  free(counts);
  free(mine);
  return status;
}

static bvl_status find_kept(const bvl_comm *comm, bvl_data *data, int64_t *n, int64_t **rows)
{
  const bvl_source *X = bvl_data_source(data);
  const int64_t first = bvl_cut(X->n, comm->size, comm->rank);
  const int64_t count = bvl_cut(X->n, comm->size, comm->rank + 1) - first;
  unsigned char *misses = NULL;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&misses, count)));
  BVL_TRY(look_at_x(comm, X, first, count, misses));
  BVL_TRY(look_at_y(comm, data, first, count, misses));
  BVL_TRY(gather_kept(comm, first, count, misses, n, rows));
cleanup:
  free(misses);
  return status;
}

/* ---- the job's rows ---------------------------------------------------------------------------
 */

static bvl_status drop(const bvl_comm *comm, bvl_data *data, bvl_missing_rows *out)
{
  const bvl_source *X = bvl_data_source(data);
  int64_t n = 0;
  bvl_status status = BVL_OK;
  bvl_data_keep_missing(data);
  BVL_TRY(find_kept(comm, data, &n, &out->rows));
  out->n_dropped = X->n - n;
  if (n == 0)
    BVL_TRY(
        bvl_fail(BVL_ERR_INPUT, "%s: every row has a missing value, or its response is", X->name));
  if (n == X->n) {
    free(out->rows);
    out->rows = NULL;
    goto cleanup;
  }
  BVL_TRY(bvl_row_subset_create(comm, X, n, out->rows, 0, &out->subset));
  out->vectors = (bvl_row_subset_vectors){.subset = &out->subset,
                                          .context = data,
                                          .n_responses = bvl_data_responses(data),
                                          .read_rows = bvl_data_read_rows};
  out->source = out->subset.source;
  out->context = &out->vectors;
  out->read_rows = bvl_row_subset_read_rows;
cleanup:
  return status;
}

bvl_status bvl_missing_open(const bvl_comm *comm, bvl_data *data, bvl_missing missing,
                            bvl_missing_rows *out)
{
  *out = (bvl_missing_rows){
      .source = *bvl_data_source(data), .context = data, .read_rows = bvl_data_read_rows};
  bvl_source *X = &out->source;
  const int is_float = X->format == BVL_DENSE && (X->dtype == BVL_F64 || X->dtype == BVL_F32);
  if (missing == BVL_MISSING_MEAN && is_float) X->has_missing = 1;
  return missing == BVL_MISSING_DROP ? drop(comm, data, out) : BVL_OK;
}
