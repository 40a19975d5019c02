/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts in which a convolution is computed. */
#ifndef BVL_NET_CONV_PART_H
#define BVL_NET_CONV_PART_H

#include "net/layers/architecture.h"

/** Some samples whole, or some rows of places of one sample: in both cases its outputs are
 * contiguous. */
typedef struct bvl_conv_part {
  int64_t sample, samples;
  int64_t row, rows;
} bvl_conv_part;

/** Windows of a sample. */
static inline int64_t bvl_conv_places(const bvl_layer *layer)
{
  return layer->out.height * layer->out.width;
}

/** Windows of a part, and those before it. */
static inline int64_t bvl_part_places(const bvl_layer *layer, const bvl_conv_part *part)
{
  return part->samples * part->rows * layer->out.width;
}

static inline int64_t bvl_part_offset(const bvl_layer *layer, const bvl_conv_part *part)
{
  return (part->sample * layer->out.height + part->row) * layer->out.width;
}

/** The first part of B samples (samples = 0 when B is 0): the largest there is. `backward`: for the
 * backward pass. */
bvl_conv_part bvl_conv_first(const bvl_layer *layer, int64_t B, int backward);
/** The part after `part`, which is as large but for the last; samples = 0 after that. */
bvl_conv_part bvl_conv_next(const bvl_layer *layer, int64_t B, const bvl_conv_part *first,
                            const bvl_conv_part *part);

#endif
