/* SPDX-License-Identifier: BSD-3-Clause */
/* Portable dense panel kernels, the oracle of every faster set. Column by column; a panel column is
 * short enough to stay in the first-level cache over the right-hand sides. */
#include "kernels/sets.h"

#include <stddef.h>

#define ELEMENT double
#define FORWARD forward_f64
#define ADJOINT adjoint_f64
#define LOAD(x, c) (x)
#include "kernels/dense_ref.inc"

#define ELEMENT float
#define FORWARD forward_f32
#define ADJOINT adjoint_f32
#define LOAD(x, c) ((double)(x))
#include "kernels/dense_ref.inc"

#define ELEMENT int8_t
#define FORWARD forward_i8
#define ADJOINT adjoint_i8
#define LOAD(x, c) (fill != NULL && (x) == missing ? fill[c] : (double)(x))
#include "kernels/dense_ref.inc"

#define ELEMENT uint8_t
#define FORWARD forward_u8
#define ADJOINT adjoint_u8
#define LOAD(x, c) ((double)(x))
#include "kernels/dense_ref.inc"

const bvl_kernels bvl_kernels_set_ref = {"ref",
                                         {[BVL_F64] = forward_f64,
                                          [BVL_F32] = forward_f32,
                                          [BVL_I8] = forward_i8,
                                          [BVL_U8] = forward_u8},
                                         {[BVL_F64] = adjoint_f64,
                                          [BVL_F32] = adjoint_f32,
                                          [BVL_I8] = adjoint_i8,
                                          [BVL_U8] = adjoint_u8},
                                         bvl_kern_sparse_gather_ref,
                                         bvl_kern_sparse_scatter_ref,
                                         bvl_kern_sparse_gather_wide_ref,
                                         bvl_kern_sparse_scatter_wide_ref,
                                         bvl_kern_sparse_gram_ref,
                                         &bvl_rounded_set_ref};
