/* SPDX-License-Identifier: BSD-3-Clause */
/* What layers compute, in float32 and in float64: two tables of the same functions, made from one
 * text (real/). Arrays are void because their element is the table's. B samples at once;
 * activations are features x B as architecture.h says. Pure local functions: no allocation, no
 * MPI; matrix products are BLAS. */
#ifndef BVL_NET_LAYERS_H
#define BVL_NET_LAYERS_H

#include <stddef.h>
#include <stdint.h>

#include "net/layers/architecture.h"

typedef struct bvl_real {
  size_t bytes; /* of an element */

  /** C (m x n) = op(A) op(B), or += with `add`; column-major. */
  void (*gemm)(int trans_a, int trans_b, int64_t m, int64_t n, int64_t k, const void *A,
               int64_t ld_a, const void *B, int64_t ld_b, int add, void *C, int64_t ld_c);

  /** z (outputs x columns) <- act(z + bias), the bias of row o added to all columns. */
  void (*activate)(bvl_activation activation, int64_t outputs, int64_t columns, const void *bias,
                   void *z);
  /** delta <- delta act'(z), act' written in terms of out = act(z). */
  void (*activate_back)(bvl_activation activation, int64_t n, const void *out, void *delta);
  /** grad_bias (outputs) <- row sums of delta (outputs x columns). */
  void (*sum_columns)(int64_t outputs, int64_t columns, const void *delta, void *grad_bias);

  /** A whole layer: out <- layer(in). weight, bias NULL for pools. `where` (out features x B) is
   * a pool's memory of what was largest; `work` has bvl_layer_work elements. */
  void (*forward)(const bvl_layer *layer, int64_t B, const void *weight, const void *bias,
                  const void *in, void *out, int32_t *where, void *work);
  /** delta holds dL/d out on entry (and dL/dz afterwards). Overwrites grad_weight, grad_bias and,
   * when not NULL, delta_in = dL/d in. */
  void (*backward)(const bvl_layer *layer, int64_t B, const void *weight, const void *in,
                   const void *out, const int32_t *where, void *delta, void *grad_weight,
                   void *grad_bias, void *delta_in, void *work);

  void (*from_double)(int64_t n, const double *in, void *out);
  void (*to_double)(int64_t n, const void *in, double *out);
  /** out += in. */
  void (*add_to_double)(int64_t n, const void *in, double *out);
} bvl_real;

extern const bvl_real bvl_real_f32;
extern const bvl_real bvl_real_f64;

/** Elements of scratch that forward and backward of this layer want at B samples. */
int64_t bvl_layer_work(const bvl_layer *layer, int64_t B);

#endif
