/* SPDX-License-Identifier: BSD-3-Clause */
/* Sources over matrices in this process' memory. */
#include "bevel/source.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"

/* What a memory source points into; every array is borrowed. */
typedef struct memory {
  const char *values; /* dense: bytes of the elements */
  int64_t row_step;   /* dense: bytes from a row to the next */
  int64_t col_step;   /* dense: bytes from a column to the next */
  int64_t bytes;      /* dense: of an element */
  const int64_t *indptr;
  const int64_t *indices;
  const double *entries;
} memory;

int64_t bvl_dtype_bytes(bvl_dtype dtype)
{
  switch (dtype) {
  case BVL_F64: return 8;
  case BVL_F32: return 4;
  case BVL_I8:
  case BVL_U8: return 1;
  }
  return 0;
}

static bvl_status read_dense(void *context, int64_t row0, int64_t n_rows, int64_t n_cols,
                             const int64_t *cols, void *out)
{
  const memory *m = context;
  char *to = out;
  for (int64_t i = 0; i < n_rows; i++) {
    const char *row = m->values + (row0 + i) * m->row_step;
    for (int64_t c = 0; c < n_cols; c++, to += m->bytes)
      memcpy(to, row + (cols != NULL ? cols[c] : c) * m->col_step, (size_t)m->bytes);
  }
  return BVL_OK;
}

static bvl_status read_alone(void *context, int64_t row0, int64_t n_rows, int64_t n_cols,
                             const int64_t *cols, void *out, int64_t *elements)
{
  *elements += n_rows * n_cols;
  return read_dense(context, row0, n_rows, n_cols, cols, out);
}

static bvl_status read_indptr(void *context, int64_t first, int64_t count, int64_t *indptr)
{
  const memory *m = context;
  if (count > 0) memcpy(indptr, m->indptr + first, (size_t)count * sizeof *indptr);
  return BVL_OK;
}

static bvl_status read_entries(void *context, int64_t begin, int64_t count, int64_t *indices,
                               double *values)
{
  const memory *m = context;
  if (count <= 0) return BVL_OK;
  if (indices != NULL) memcpy(indices, m->indices + begin, (size_t)count * sizeof *indices);
  if (values != NULL) memcpy(values, m->entries + begin, (size_t)count * sizeof *values);
  return BVL_OK;
}

bvl_status bvl_source_dense_borrow(bvl_dtype dtype, int64_t n, int64_t p, const void *values,
                                   int64_t ld, int col_major, bvl_source *out)
{
  bvl_status status = BVL_OK;
  memory *m = NULL;
  memset(out, 0, sizeof *out);
  if (n < 0 || p < 0 || ld < (col_major ? n : p))
    return bvl_fail(BVL_ERR_USAGE, "a %" PRId64 " x %" PRId64 " matrix with ld %" PRId64, n, p, ld);
  BVL_TRY(BVL_ALLOC(&m, 1));
  m->values = values;
  m->bytes = bvl_dtype_bytes(dtype);
  m->row_step = m->bytes * (col_major ? 1 : ld);
  m->col_step = m->bytes * (col_major ? ld : 1);
  *out = (bvl_source){.context = m,
                      .name = "/X",
                      .format = BVL_DENSE,
                      .dtype = dtype,
                      .n = n,
                      .p = p,
                      .nnz = n * p,
                      .read_dense = read_dense,
                      .read_alone = read_alone};
cleanup:
  return status;
}

bvl_status bvl_source_sparse_borrow(bvl_format format, int64_t n, int64_t p, const int64_t *indptr,
                                    const int64_t *indices, const double *values, bvl_source *out)
{
  bvl_status status = BVL_OK;
  memory *m = NULL;
  memset(out, 0, sizeof *out);
  if (n < 0 || p < 0 || (format != BVL_CSC && format != BVL_CSR))
    return bvl_fail(BVL_ERR_USAGE, "a sparse %" PRId64 " x %" PRId64 " matrix of format %d", n, p,
                    (int)format);
  BVL_TRY(BVL_ALLOC(&m, 1));
  m->indptr = indptr;
  m->indices = indices;
  m->entries = values;
  *out = (bvl_source){.context = m,
                      .name = "/X",
                      .format = format,
                      .dtype = BVL_F64,
                      .n = n,
                      .p = p,
                      .nnz = indptr[format == BVL_CSC ? p : n],
                      .read_indptr = read_indptr,
                      .read_entries = read_entries};
cleanup:
  return status;
}

void bvl_source_memory_free(bvl_source *source)
{
  if (source == NULL) return;
  free(source->context);
  memset(source, 0, sizeof *source);
}
