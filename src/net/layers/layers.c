/* SPDX-License-Identifier: BSD-3-Clause */
/* Scratch of the layers, and the parts of a convolution. */
#include "net/layers/layers.h"

#include "base/checked.h"
#include "net/layers/conv_part.h"

/* OpenBLAS' AVX-512 kernels compute products of at most this many multiplications straight from
 * their factors; beyond, copies of the factors are made first, which with few filters takes a fifth
 * to a half of the time. */
enum { MOST_DIRECT = 1000000 };

/* Elements of unfolded windows in other parts: 0.5 MB in float32 and 1 MB in float64 of the 1 to 2
 * MB of cache a core has. */
enum { MOST_UNFOLDED = 131072 };

/* Whole samples while those are direct. Else, backward, even parts of one: 500 x 50 weights then
 * take 155 instead of 120 Gflop/s. Forward those are no faster than with copies, which are then
 * made for as many places as the cache holds. */
bvl_conv_part bvl_conv_first(const bvl_layer *layer, int64_t B, int backward)
{
  const int64_t height = layer->out.height, fan_in = bvl_layer_fan_in(layer);
  const int64_t row = layer->out.width * fan_in, direct = row * bvl_layer_outputs(layer);
  bvl_conv_part part = {.samples = bvl_lesser(B, 1), .rows = height};
  if (backward && direct <= MOST_DIRECT && direct * height > MOST_DIRECT) {
    const int64_t parts = (height + MOST_DIRECT / direct - 1) / (MOST_DIRECT / direct);
    part.rows = (height + parts - 1) / parts;
  } else {
    int64_t most = MOST_DIRECT / direct / height;
    if (most == 0) most = bvl_greater(1, MOST_UNFOLDED / row / height);
    part.samples = bvl_lesser(B, most);
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
  const bvl_conv_part forward = bvl_conv_first(layer, B, 0), back = bvl_conv_first(layer, B, 1);
  const int64_t fan_in = bvl_layer_fan_in(layer), outputs = bvl_layer_outputs(layer);
  const int64_t places = bvl_greater(bvl_part_places(layer, &forward),
                                     bvl_part_places(layer, &back));
  return places * fan_in + 2 * fan_in * outputs + outputs;
}
