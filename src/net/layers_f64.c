/* SPDX-License-Identifier: BSD-3-Clause */
/* Layers in float64. */
#include "net/layers.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "net/conv_part.h"

typedef double real;

#define REAL_GEMM cblas_dgemm
#define REAL_TANH tanh
#define REAL_TABLE bvl_real_f64

#include "net/real/product.inc"

#include "net/real/activation.inc"

#include "net/real/dense.inc"

#include "net/real/unfold.inc"

#include "net/real/conv.inc"

#include "net/real/pool.inc"

#include "net/real/table.inc"
