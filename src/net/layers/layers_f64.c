/* SPDX-License-Identifier: BSD-3-Clause */
/* Layers in float64. */
#include "net/layers/layers.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "net/layers/conv_part.h"

typedef double real;

#define REAL_GEMM cblas_dgemm
#define REAL_TABLE bvl_real_f64
#define REAL_LEAST DBL_MIN

/* For tanh.inc: digits, 1.5 2^(digits - 1), ln 2 in two parts of which the first times a small
 * integer is exact, terms of the polynomial, and where 2 |x| has long made tanh 1. */
#define REAL_BITS uint64_t
#define REAL_DIGITS 53
#define REAL_ONE_BITS UINT64_C(0x3ff0000000000000)
#define REAL_ROUND 0x1.8p52
#define REAL_PER_LN2 1.4426950408889634
#define REAL_LN2_HIGH 0x1.62e42feep-1
#define REAL_LN2_LOW 0x1.a39ef35793c76p-33
#define REAL_TERMS 14
#define REAL_FLAT 44
#define REAL_ABS fabs
#define REAL_COPYSIGN copysign

#include "net/layers/real/product.inc"

#include "net/layers/real/weights.inc"

#include "net/layers/real/tanh.inc"

#include "net/layers/real/activation.inc"

#include "net/layers/real/dense.inc"

#include "net/layers/real/unfold.inc"

#include "net/layers/real/conv.inc"

#include "net/layers/real/pool.inc"

#include "net/layers/real/table.inc"
