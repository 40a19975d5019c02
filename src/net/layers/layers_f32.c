/* SPDX-License-Identifier: BSD-3-Clause */
/* Layers in float32. */
#include "net/layers/layers.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "net/layers/conv_part.h"

typedef float real;

#define REAL_GEMM cblas_sgemm
#define REAL_TABLE bvl_real_f32
#define REAL_LEAST FLT_MIN

/* For tanh.inc: digits, 1.5 2^(digits - 1), ln 2 in two parts of which the first times a small
 * integer is exact, terms of the polynomial, and where 2 |x| has long made tanh 1. */
#define REAL_BITS uint32_t
#define REAL_DIGITS 24
#define REAL_ONE_BITS UINT32_C(0x3f800000)
#define REAL_ROUND 0x1.8p23F
#define REAL_PER_LN2 1.44269504F
#define REAL_LN2_HIGH 0x1.62e4p-1F
#define REAL_LN2_LOW 0x1.7f7d1cp-20F
#define REAL_TERMS 8
#define REAL_FLAT 20
#define REAL_ABS fabsf
#define REAL_COPYSIGN copysignf

#include "net/layers/real/product.inc"

#include "net/layers/real/weights.inc"

#include "net/layers/real/tanh.inc"

#include "net/layers/real/activation.inc"

#include "net/layers/real/dense.inc"

#include "net/layers/real/unfold.inc"

#include "net/layers/real/conv.inc"

#include "net/layers/real/pool.inc"

#include "net/layers/real/table.inc"
