/* SPDX-License-Identifier: BSD-3-Clause */
/* What an architecture says about itself: sizes, names, the order of weights in files. */
#include "net/layers/architecture.h"

#include <string.h>

int64_t bvl_layer_fan_in(const bvl_layer *layer)
{
  switch (layer->kind) {
  case BVL_LAYER_DENSE: return bvl_picture_size(&layer->in);
  case BVL_LAYER_CONV: return layer->kernel_h * layer->kernel_w * layer->in.channels;
  case BVL_LAYER_MAX_POOL: return 0;
  }
  return 0;
}

int64_t bvl_layer_outputs(const bvl_layer *layer)
{
  return layer->kind == BVL_LAYER_MAX_POOL ? 0 : layer->out.channels;
}

/* Channels run fastest in memory and slowest in files. */
int64_t bvl_layer_file_index(const bvl_layer *layer, int64_t k)
{
  const int64_t channels = layer->in.channels;
  int64_t places = layer->in.height * layer->in.width;
  if (layer->kind == BVL_LAYER_MAX_POOL) return k;
  if (layer->kind == BVL_LAYER_CONV) places = layer->kernel_h * layer->kernel_w;
  return (k % channels) * places + k / channels;
}

static int find(const char *name, const char *const *names, int n)
{
  for (int i = 0; i < n; i++)
    if (strcmp(name, names[i]) == 0) return i;
  return -1;
}

static const char *const activations[] = {"linear", "relu", "tanh"};
static const char *const kinds[] = {"dense", "conv2d", "maxpool2d"};

int bvl_activation_find(const char *name)
{
  return find(name, activations, 3);
}

const char *bvl_activation_name(bvl_activation activation)
{
  return activations[activation];
}

const char *bvl_layer_kind_name(bvl_layer_kind kind)
{
  return kinds[kind];
}

int bvl_layer_kind_find(const char *name)
{
  return find(name, kinds, 3);
}

int64_t bvl_architecture_inputs(const bvl_architecture *arch)
{
  return bvl_picture_size(&arch->layer[0].in);
}

int64_t bvl_architecture_outputs(const bvl_architecture *arch)
{
  return bvl_picture_size(&arch->layer[arch->n - 1].out);
}

int64_t bvl_architecture_parameters(const bvl_architecture *arch)
{
  int64_t sum = 0;
  for (int64_t l = 0; l < arch->n; l++)
    sum += bvl_layer_outputs(&arch->layer[l]) * (bvl_layer_fan_in(&arch->layer[l]) + 1);
  return sum;
}
