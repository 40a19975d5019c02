/* SPDX-License-Identifier: BSD-3-Clause */
/* How many samples a convolution unfolds at a time. */
#ifndef BVL_NET_CONV_GROUP_H
#define BVL_NET_CONV_GROUP_H

#include "net/architecture.h"

/** Windows of a sample. */
static inline int64_t bvl_conv_places(const bvl_layer *layer)
{
  return layer->out.height * layer->out.width;
}

/** Samples whose unfolded windows stay in a core's second-level cache; at least 1. */
int64_t bvl_conv_group(const bvl_layer *layer, int64_t B);

#endif
