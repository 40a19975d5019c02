/* SPDX-License-Identifier: BSD-3-Clause */
/* Weights between the order of memory (architecture.h, by_output heeded) and that of files: outputs
 * x fan-in, row-major, fan-in by channel, then height, then width. Pure local functions. */
#ifndef BVL_NET_FILE_ORDER_H
#define BVL_NET_FILE_ORDER_H

#include "net/layers/architecture.h"

/** Both have outputs * fan-in entries and may not overlap. */
void bvl_layer_to_file(const bvl_layer *layer, const double *memory, double *file);
void bvl_layer_from_file(const bvl_layer *layer, const double *file, double *memory);

#endif
