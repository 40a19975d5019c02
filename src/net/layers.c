/* SPDX-License-Identifier: BSD-3-Clause */
/* Scratch of the layers, and the parts of a convolution. */
#include "net/layers.h"

#include "base/checked.h"
#include "net/conv_part.h"

/* OpenBLAS' wide kernels compute products of at most this many multiplications straight from their
 * factors; beyond, copies of the factors are made first, which with few filters takes a fifth to a
 * half of the time (500 x 50 weights: 117 -> 155 Gflop/s). Such parts also stay in cache. */
enum { MOST_DIRECT = 1000000 };

/* Where not even a row of places is that small: elements of unfolded windows, 0.5 MB in float32 and
 * 1 MB in float64 of the 1 to 2 MB of cache a core has. */
enum { MOST_UNFOLDED = 131072 };

bvl_conv_part bvl_conv_first(const bvl_layer *layer, int64_t B)
{
  const int64_t height = layer->out.height, fan_in = bvl_layer_fan_in(layer);
  const int64_t row = layer->out.width * fan_in, direct = row * bvl_layer_outputs(layer);
  bvl_conv_part part = {.samples = bvl_lesser(B, 1), .rows = height};
  if (direct <= MOST_DIRECT && direct * height > MOST_DIRECT) {
    const int64_t parts = (height + MOST_DIRECT / direct - 1) / (MOST_DIRECT / direct);
    part.rows = (height + parts - 1) / parts; /* even parts of a sample */
  } else {
    const int64_t most = direct <= MOST_DIRECT ? MOST_DIRECT / (direct * height)
                                               : MOST_UNFOLDED / (row * height);
    part.samples = bvl_lesser(B, bvl_greater(1, most));
  }
  return part;
}

bvl_conv_part bvl_conv_next(const bvl_layer *layer, int64_t B, const bvl_conv_part *first,
                            const bvl_conv_part *part)
{
  const int64_t height = layer->out.height;
  bvl_conv_part next = *part;
  if (part->row + part->rows < height) {
    next.row += part->rows;
    next.rows = bvl_lesser(first->rows, height - next.row);
    return next;
  }
  next = *first;
  next.sample = part->sample + part->samples;
  next.samples = bvl_lesser(first->samples, B - next.sample);
  return next;
}

/* Windows, weights and their gradient in the order the products want, sums of a part. */
int64_t bvl_layer_work(const bvl_layer *layer, int64_t B)
{
  if (layer->kind != BVL_LAYER_CONV) return 0;
  const bvl_conv_part part = bvl_conv_first(layer, B);
  const int64_t fan_in = bvl_layer_fan_in(layer), outputs = bvl_layer_outputs(layer);
  return bvl_part_places(layer, &part) * fan_in + 2 * fan_in * outputs + outputs;
}
