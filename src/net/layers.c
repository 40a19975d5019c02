/* SPDX-License-Identifier: BSD-3-Clause */
/* Scratch of the layers. */
#include "net/layers.h"

#include "base/checked.h"
#include "net/conv_group.h"

/* Elements of unfolded windows: 0.5 MB in float32, 1 MB in float64, of the 1 to 2 MB a core has. */
enum { MOST_UNFOLDED = 131072 };

/* OpenBLAS computes products of at most this many multiplications straight from their factors: with
 * few filters half the time is copying factors otherwise. */
enum { MOST_DIRECT = 1000000 };

int64_t bvl_conv_group(const bvl_layer *layer, int64_t B)
{
  const int64_t sample = bvl_conv_places(layer) * bvl_layer_fan_in(layer);
  const int64_t direct = MOST_DIRECT / (sample * bvl_layer_outputs(layer));
  const int64_t most = direct > 0 ? direct : MOST_UNFOLDED / sample;
  return bvl_greater(1, bvl_lesser(B, most));
}

int64_t bvl_layer_work(const bvl_layer *layer, int64_t B)
{
  if (layer->kind != BVL_LAYER_CONV) return 0;
  return bvl_conv_group(layer, B) * bvl_conv_places(layer) * bvl_layer_fan_in(layer) +
         bvl_layer_outputs(layer); /* the windows, and sums of a group */
}
