/* SPDX-License-Identifier: BSD-3-Clause */
/* Layers in float32. */
#include "net/layers.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "net/conv_part.h"

typedef float real;

#define REAL_GEMM cblas_sgemm
#define REAL_TANH tanhf
#define REAL_TABLE bvl_real_f32

#include "net/real/product.inc"

#include "net/real/activation.inc"

#include "net/real/dense.inc"

#include "net/real/unfold.inc"

#include "net/real/conv.inc"

#include "net/real/pool.inc"

#include "net/real/table.inc"
