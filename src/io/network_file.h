/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files that read networks share. By one process. */
#ifndef BVL_IO_NETWORK_FILE_H
#define BVL_IO_NETWORK_FILE_H

#include "io/hdf5_util.h"
#include "io/network.h"

enum { BVL_NETWORK_NAME = 512 }; /* bytes of an object's name at most */

/** A dataset of floating-point numbers, of up to four dimensions. */
typedef struct bvl_block {
  hid_t dataset; /* the opener's to release, also after a failure */
  int n_dims;
  int64_t dims[4];
  int is_float32;
} bvl_block;

/** @return BVL_ERR_INPUT: not there, other numbers, other than n_dims dimensions. */
bvl_status bvl_block_open(hid_t file, const char *name, int n_dims, bvl_block *out);
/** All of it, as rows x width values (the caller's), refused unless finite. */
bvl_status bvl_block_read(const bvl_block *block, const char *name, int64_t rows, int64_t width,
                          double **out);
/** A vector, of *length entries unless that is -1. */
bvl_status bvl_block_read_vector(hid_t file, const char *name, int64_t *length, double **out);

/** arch, single, weight and bias of a network. */
bvl_status bvl_network_read_layers(hid_t file, const char *prefix, int without_first,
                                   bvl_network_file *out);

#endif
