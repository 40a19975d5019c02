/* SPDX-License-Identifier: BSD-3-Clause */
/* Checked integer conversion and allocation. */
#include "base/checked.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

bvl_status bvl_to_int(int64_t v, int *out)
{
  if (v < INT_MIN || v > INT_MAX)
    return bvl_fail(BVL_ERR_USAGE, "count %" PRId64 " does not fit an MPI or BLAS integer", v);
  *out = (int)v;
  return BVL_OK;
}

bvl_status bvl_alloc_bytes(int64_t count, size_t size, void *out_pointer)
{
  void **out = out_pointer;
  *out = NULL;
  if (count >= 0 && (uint64_t)count <= SIZE_MAX / size)
    *out = calloc(count > 0 ? (size_t)count : 1, size);
  if (*out == NULL)
    return bvl_fail(BVL_ERR_NOMEM, "cannot allocate %" PRId64 " x %zu bytes", count, size);
  return BVL_OK;
}

bvl_status bvl_grow_bytes(int64_t count, size_t size, int64_t *capacity, void *inout_pointer)
{
  void **array = inout_pointer;
  if (count <= *capacity && *array != NULL) return BVL_OK;
  int64_t wanted = bvl_greater(count, *capacity + *capacity / 2);
  void *grown = NULL;
  bvl_status status = bvl_alloc_bytes(wanted, size, &grown);
  if (status != BVL_OK) return status;
  if (*array != NULL) memcpy(grown, *array, (size_t)*capacity * size);
  free(*array);
  *array = grown;
  *capacity = wanted;
  return BVL_OK;
}

bvl_status bvl_grow_all(int64_t *capacity, int64_t count, size_t n_arrays, const bvl_grown *arrays)
{
  const int64_t before = *capacity;
  int64_t after = INT64_MAX;
  for (size_t k = 0; k < n_arrays; k++) {
    int64_t room = before;
    bvl_status status = bvl_grow_bytes(count, arrays[k].size, &room, arrays[k].pointer);
    if (status != BVL_OK) return status;
    after = bvl_lesser(after, room);
  }
  *capacity = after;
  return BVL_OK;
}
