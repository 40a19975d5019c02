/* SPDX-License-Identifier: BSD-3-Clause */
/* The sets chosen among in kernels.c, and the sparse kernels they are made of: those that wait for
 * memory or scatter, not for arithmetic, have one version that both sets share. */
#ifndef BVL_KERNELS_SETS_H
#define BVL_KERNELS_SETS_H

#include "kernels/kernels.h"

/** In dense_ref.c, dense_avx2.c and dense_avx512.c; a name is NULL where the compiler had no such
 * instructions. */
extern const bvl_kernels bvl_kernels_set_ref;
extern const bvl_kernels bvl_kernels_set_avx2;
extern const bvl_kernels bvl_kernels_set_avx512;

/** In rounded_ref.c, rounded_avx2.c and rounded_avx512.c. */
extern const bvl_rounded_kernels bvl_rounded_set_ref;
extern const bvl_rounded_kernels bvl_rounded_set_avx2;
extern const bvl_rounded_kernels bvl_rounded_set_avx512;

/** See kernels.h. */
void bvl_kern_sparse_gather_ref(const int64_t *ptr, const int32_t *idx, const double *val,
                                int64_t n_slices, const int64_t *which, int32_t lo, int32_t hi,
                                int32_t shift, int64_t k, const double *in, int64_t ld_in,
                                double *out, int64_t ld_out);
void bvl_kern_sparse_scatter_ref(const int64_t *ptr, const int32_t *idx, const double *val,
                                 int64_t n_slices, const int64_t *which, int32_t lo, int32_t hi,
                                 int32_t shift, int64_t k, const double *in, int64_t ld_in,
                                 double *out, int64_t ld_out);
void bvl_kern_sparse_gram_ref(const int64_t *ptr, const int32_t *idx, const double *val,
                              int64_t n_rows, const double *h, int32_t begin, int32_t end,
                              int32_t first, int32_t last, double *G, int64_t ld);
void bvl_kern_sparse_gather_wide_ref(const int64_t *ptr, const int32_t *idx, const double *val,
                                     int64_t n_slices, const int64_t *which, int32_t lo, int32_t hi,
                                     int32_t shift, int k, const double *in, double *out);
void bvl_kern_sparse_scatter_wide_ref(const int64_t *ptr, const int32_t *idx, const double *val,
                                      int64_t n_slices, const int64_t *which, int32_t lo,
                                      int32_t hi, int32_t shift, int k, const double *in,
                                      double *out);
void bvl_kern_sparse_gather_wide_avx2(const int64_t *ptr, const int32_t *idx, const double *val,
                                      int64_t n_slices, const int64_t *which, int32_t lo,
                                      int32_t hi, int32_t shift, int k, const double *in,
                                      double *out);
void bvl_kern_sparse_scatter_wide_avx2(const int64_t *ptr, const int32_t *idx, const double *val,
                                       int64_t n_slices, const int64_t *which, int32_t lo,
                                       int32_t hi, int32_t shift, int k, const double *in,
                                       double *out);

#endif
