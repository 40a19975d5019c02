/* SPDX-License-Identifier: BSD-3-Clause */
/* Hot loops: raw pointers, sizes, leading dimensions; no MPI, allocation or options. Every kernel
 * has a portable `_ref` twin that stays for ever as its oracle; the AVX-512 or the AVX2 set is
 * chosen at run time when the CPU has it; BVL_KERNELS=ref or avx2 in the environment asks for less.
 */
#ifndef BVL_KERNELS_KERNELS_H
#define BVL_KERNELS_KERNELS_H

#include <stdint.h>

#include "bevel/source.h"

/** A column-major dense panel of m rows: column c starts at element c * ld. Element type by the
 * kernel's suffix. `cols` (n_cols indices into the panel; NULL = 0 .. n_cols - 1) picks columns.
 * `missing`/`fill`: int8 only, elements equal to `missing` read as fill[c]; fill NULL = none.
 *
 * forward:  eta[i + q ld_eta] += sum_c x[i, c] b[c + q ld_b]        q < k, c over cols
 * adjoint:  v[c + q ld_v]     += sum_i x[i, c] r[i + q ld_r]
 * b and v are indexed by the column itself, not by its place in cols. No alignment is required;
 * nothing may overlap. Any of m, n_cols, k may be 0. */
typedef void (*bvl_kern_dense)(const void *x, int64_t ld, int64_t m, int64_t n_cols,
                               const int64_t *cols, int64_t k, const double *in, int64_t ld_in,
                               double *out, int64_t ld_out, int missing, const double *fill);

/** sparse: one compressed axis (`ptr`, `idx`, `val`); slices s over `which` (NULL = 0..n_slices-1)
 * gather:   out[s] += sum_e val[e] in[idx[e] - shift]      (CSC: adjoint; CSR: forward)
 * scatter:  out[idx[e] - shift] += val[e] in[s]            (CSC: forward; CSR: adjoint)
 * k right-hand sides with leading dimensions as above. Entries e of slice s run over
 * ptr[s] .. ptr[s+1]-1, restricted to lo <= idx < hi (pass 0 and INT32_MAX for all; indices ascend
 * within a slice). */
typedef void (*bvl_kern_sparse)(const int64_t *ptr, const int32_t *idx, const double *val,
                                int64_t n_slices, const int64_t *which, int32_t lo, int32_t hi,
                                int32_t shift, int64_t k, const double *in, int64_t ld_in,
                                double *out, int64_t ld_out);

/** The same for k = 4 or 8 right-hand sides side by side, so that an entry touches one cache line:
 * gather:   out[k place + q] += sum_e val[e] in[k (idx[e] - shift) + q]
 * scatter:  out[k (idx[e] - shift) + q] += val[e] in[k place + q]
 * with `place` a slice's place in `which` (the slice itself where that is NULL). */
typedef void (*bvl_kern_sparse_wide)(const int64_t *ptr, const int32_t *idx, const double *val,
                                     int64_t n_slices, const int64_t *which, int32_t lo, int32_t hi,
                                     int32_t shift, int k, const double *in, double *out);

/** A rectangle of the Gram of a matrix compressed by rows (indices ascend within a row):
 * G[(k - begin) ld + l - first] += sum_i h[i] x_ik x_il for begin <= k < end, first <= l < last.
 * h NULL = ones. */
typedef void (*bvl_kern_sparse_gram)(const int64_t *ptr, const int32_t *idx, const double *val,
                                     int64_t n_rows, const double *h, int32_t begin, int32_t end,
                                     int32_t first, int32_t last, double *G, int64_t ld);

/** Columns rounded to 8 bits, x = mid + step code + error, in groups of 16: group g's row i is the
 * 16 codes at x + g ld + 16 i. */
enum {
  BVL_ROUNDED_GROUP = 16, /* columns */
  BVL_ROUNDED_SIDES = 8,  /* right-hand sides, the most */
  BVL_ROUNDED_ROWS = 512  /* summed in float, the most: see BVL_ROUNDED_SUM_ERROR */
};

/** |float sum of at most BVL_ROUNDED_ROWS products, with r rounded to float, less the exact one| <=
 * this times ||codes|| ||r||, in any order: (512 + 2) 2^-24 (1 + o(1)). */
#define BVL_ROUNDED_SUM_ERROR 0x1.1p-15

typedef struct bvl_rounded_kernels {
  /* v[16 (g k + q) + c] += sum_i code[g][i][c] r[i k + q], k 4 or BVL_ROUNDED_SIDES, sums of `rows`
   * <= BVL_ROUNDED_ROWS products in float */
  void (*adjoint)(const int8_t *x, int64_t ld, int64_t rows, int64_t n_groups, int k,
                  const float *r, double *v);
  /* low = min(low, x), high = max(high, x) over m elements */
  void (*range)(const double *x, int64_t m, double *low, double *high);
  /* codes of m rows of 16 columns, column c at x + c ld, to out (m x 16): nearest integers to (x -
   * mid) / step, 0 where step is 0, which the caller has seen to lie in [-127, 127]. error[c] +=
   * sum (x - mid - step code)^2, size[c] += sum (step code)^2. */
  void (*round)(const double *x, int64_t ld, int64_t m, const double *mid, const double *step,
                int8_t *out, double *error, double *size);
} bvl_rounded_kernels;

typedef struct bvl_kernels {
  const char *name;                /* "ref", "avx2", "avx512" */
  bvl_kern_dense dense_forward[4]; /* by bvl_dtype */
  bvl_kern_dense dense_adjoint[4];
  bvl_kern_sparse sparse_gather;
  bvl_kern_sparse sparse_scatter;
  bvl_kern_sparse_wide sparse_gather_wide;
  bvl_kern_sparse_wide sparse_scatter_wide;
  bvl_kern_sparse_gram sparse_gram;
  const bvl_rounded_kernels *rounded;
} bvl_kernels;

/** The set in use: decided once, at the first call (thread-safe, not collective). */
const bvl_kernels *bvl_kernels_get(void);
/** The portable set, and the others (NULL where the build or the CPU has none), for tests. */
const bvl_kernels *bvl_kernels_ref(void);
const bvl_kernels *bvl_kernels_avx2(void);
const bvl_kernels *bvl_kernels_avx512(void);

#endif
