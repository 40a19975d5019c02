/* SPDX-License-Identifier: BSD-3-Clause */
/* Scratch of the layers. */
#include "net/layers.h"

#include "base/checked.h"
#include "net/conv_group.h"

/* Elements of unfolded windows: 0.5 MB in float32, 1 MB in float64, of the 1 to 2 MB a core has. */
enum { MOST_UNFOLDED = 131072 };

int64_t bvl_conv_group(const bvl_layer *layer, int64_t B)
{
  const int64_t sample = bvl_conv_places(layer) * bvl_layer_fan_in(layer);
  return bvl_greater(1, bvl_lesser(B, MOST_UNFOLDED / bvl_greater(1, sample)));
}

int64_t bvl_layer_work(const bvl_layer *layer, int64_t B)
{
  if (layer->kind != BVL_LAYER_CONV) return 0;
  return bvl_conv_group(layer, B) * bvl_conv_places(layer) * bvl_layer_fan_in(layer) +
         bvl_layer_outputs(layer); /* the windows, and sums of a group */
}
