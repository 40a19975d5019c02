/* SPDX-License-Identifier: BSD-3-Clause */
/* The layers of a network and their shapes: no numbers yet.
 *
 *   dense      out = act(W in + b)               in is flattened
 *   conv       out = act(W * in + b)             cross-correlation, zero padding
 *   max-pool   largest of each window
 *
 * In memory the activations of a layer are features x samples, column-major: a sample is
 * contiguous. Inside a sample of C x H x W channels run fastest, then width, then height: a window
 * of a convolution is then a few contiguous pieces. Files speak channel, height, width
 * (bvl_layer_file_index). */
#ifndef BVL_NET_ARCHITECTURE_H
#define BVL_NET_ARCHITECTURE_H

#include <stdint.h>

#include "base/status.h"

enum { BVL_NET_MAX_LAYERS = 64 };

typedef enum bvl_layer_kind { BVL_LAYER_DENSE, BVL_LAYER_CONV, BVL_LAYER_MAX_POOL } bvl_layer_kind;
typedef enum bvl_activation { BVL_LINEAR, BVL_RELU, BVL_TANH } bvl_activation;

/** A dense layer's features are channels of a 1 x 1 picture. */
typedef struct bvl_picture {
  int64_t channels;
  int64_t height;
  int64_t width;
} bvl_picture;

typedef struct bvl_layer {
  bvl_layer_kind kind;
  bvl_activation activation; /* BVL_LINEAR for pools */
  bvl_picture in;
  bvl_picture out;
  int64_t kernel_h; /* of conv and max-pool */
  int64_t kernel_w;
  int64_t stride;
  int64_t padding; /* conv */
  /* Weights are out.channels x fan_in, column-major: what an input sends out is contiguous. With
   * by_output their transpose is kept: what an output gathers is contiguous. */
  int by_output;
} bvl_layer;

typedef struct bvl_architecture {
  int64_t n;
  bvl_layer layer[BVL_NET_MAX_LAYERS];
} bvl_architecture;

static inline int64_t bvl_picture_size(const bvl_picture *picture)
{
  return picture->channels * picture->height * picture->width;
}

/** Inputs of one output: in_size for dense, kernel_h kernel_w in.channels for conv, 0 for pools. */
int64_t bvl_layer_fan_in(const bvl_layer *layer);
/** Outputs that have weights of their own: out.channels; 0 for pools. */
int64_t bvl_layer_outputs(const bvl_layer *layer);

/** The place in the file's order (dense: channel, height, width of the layer's input; conv: input
 * channel, kernel row, kernel column) of fan-in entry k as it lies in memory. */
int64_t bvl_layer_file_index(const bvl_layer *layer, int64_t k);

/** "784-300-100-10": dense layers, `activation` on all but the last.
 * @return BVL_ERR_USAGE with what is wrong and where. */
bvl_status bvl_architecture_dense(const char *sizes, bvl_activation activation,
                                  bvl_architecture *out);

/** A named network, or the text of a file, a line a layer:
 *
 *     input 1x28x28 | conv 20 5x5 [stride 1] [padding 0] [relu] | pool 2x2 [stride 2] | dense 500
 *     relu
 *
 * (# starts a comment). Named: lenet300 (784-300-100-10), lenet5 (conv 20 5x5, pool, conv 50 5x5,
 * pool, dense 500, dense 10). `activation` where a line names none; the last layer is linear.
 * @return BVL_ERR_USAGE: unknown layer, sizes that do not fit, with the line and the sizes. */
bvl_status bvl_architecture_named(const char *name, bvl_activation activation,
                                  bvl_architecture *out);
bvl_status bvl_architecture_read(const char *text, bvl_activation activation,
                                 bvl_architecture *out);

/** "relu" and back; -1 for a name that is none. "dense", "conv2d", "maxpool2d" as files say. */
int bvl_activation_find(const char *name);
const char *bvl_activation_name(bvl_activation activation);
const char *bvl_layer_kind_name(bvl_layer_kind kind);
int bvl_layer_kind_find(const char *name);

/** Features of a row, and outputs of the last layer. */
int64_t bvl_architecture_inputs(const bvl_architecture *arch);
int64_t bvl_architecture_outputs(const bvl_architecture *arch);
/** Weights and biases of all layers, or of one. */
int64_t bvl_architecture_parameters(const bvl_architecture *arch);

#endif
