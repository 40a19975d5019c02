/* SPDX-License-Identifier: BSD-3-Clause */
/* Which columns a grid column holds: the positions are cut at the block boundaries nearest to equal
 * shares of the weight, so no share exceeds total / Pc by more than one block. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "comm/grid.h"

static double block_weight(const double *weight, int64_t begin, int64_t end)
{
  double sum = 0.0;
  if (weight == NULL) return (double)(end - begin);
  for (int64_t k = begin; k < end; k++) sum += weight[k];
  return sum;
}

/* begin[0..parts] <- the cuts. block_begin NULL: block b is column b. The target of cut k lies in
 * one block, before or after which it is made. */
static void cut_columns(int64_t p, int64_t n_blocks, const int64_t *block_begin,
                        const double *weight, int parts, int64_t *begin)
{
  double total = 0.0;
  for (int64_t b = 0; b < n_blocks; b++)
    total += block_begin != NULL ? block_weight(weight, block_begin[b], block_begin[b + 1])
                                 : block_weight(weight, b, b + 1);
  if (weight != NULL && !(total > 0.0)) { /* nothing to balance: share out the columns instead */
    cut_columns(p, n_blocks, block_begin, NULL, parts, begin);
    return;
  }
  double before = 0.0;
  int k = 1;
  begin[0] = 0;
  for (int64_t b = 0; b < n_blocks; b++) {
    int64_t first = block_begin != NULL ? block_begin[b] : b;
    int64_t end = block_begin != NULL ? block_begin[b + 1] : b + 1;
    double after = before + block_weight(weight, first, end);
    for (; k < parts && total * k / parts <= after; k++) {
      double target = total * k / parts;
      begin[k] = target - before < after - target ? first : end;
    }
    before = after;
  }
  for (; k <= parts; k++) begin[k] = p;
}

bvl_status bvl_columns_create(const bvl_grid *grid, int64_t p, const int64_t *input,
                              int64_t n_blocks, const int64_t *block_begin, const double *weight,
                              bvl_columns *out)
{
  bvl_status status = BVL_OK;
  *out = (bvl_columns){.p = p};
  if (p < 0) return bvl_fail(BVL_ERR_USAGE, "%" PRId64 " columns", p);
  BVL_ASSERT(block_begin == NULL || (block_begin[0] == 0 && block_begin[n_blocks] == p));
  if (input != NULL) {
    BVL_TRY(BVL_ALLOC(&out->input, p));
    memcpy(out->input, input, (size_t)p * sizeof *input);
  }
  BVL_TRY(BVL_ALLOC(&out->begin, (int64_t)grid->n_cols + 1));
  cut_columns(p, block_begin != NULL ? n_blocks : p, block_begin, weight, grid->n_cols, out->begin);
  out->first = out->begin[grid->j];
  out->p_local = out->begin[grid->j + 1] - out->first;
cleanup:
  if (status != BVL_OK) bvl_columns_free(out);
  return status;
}

void bvl_columns_free(bvl_columns *columns)
{
  free(columns->input);
  free(columns->begin);
  *columns = (bvl_columns){0};
}
