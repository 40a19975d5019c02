/* SPDX-License-Identifier: BSD-3-Clause */
/* Weights in memory and in files. */
#include "net/layers/file_order.h"

/* Where the weight of output o and fan-in entry k lies in memory. */
static int64_t place(const bvl_layer *layer, int64_t outputs, int64_t fan_in, int64_t o, int64_t k)
{
  return layer->by_output ? o * fan_in + k : k * outputs + o;
}

void bvl_layer_to_file(const bvl_layer *layer, const double *memory, double *file)
{
  const int64_t outputs = bvl_layer_outputs(layer), fan_in = bvl_layer_fan_in(layer);
  for (int64_t k = 0; k < fan_in; k++) {
    const int64_t at = bvl_layer_file_index(layer, k);
    for (int64_t o = 0; o < outputs; o++)
      file[o * fan_in + at] = memory[place(layer, outputs, fan_in, o, k)];
  }
}

void bvl_layer_from_file(const bvl_layer *layer, const double *file, double *memory)
{
  const int64_t outputs = bvl_layer_outputs(layer), fan_in = bvl_layer_fan_in(layer);
  for (int64_t k = 0; k < fan_in; k++) {
    const int64_t at = bvl_layer_file_index(layer, k);
    for (int64_t o = 0; o < outputs; o++)
      memory[place(layer, outputs, fan_in, o, k)] = file[o * fan_in + at];
  }
}
