/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files that describe files share. By one process. */
#ifndef BVL_IO_DESCRIBE_H
#define BVL_IO_DESCRIBE_H

#include "base/lines.h"
#include "io/hdf5_util.h"

typedef struct bvl_printer {
  const bvl_lines *lines;
  hid_t file;
} bvl_printer;

/** Attributes of the root, a line each. */
void bvl_say_attributes(const bvl_printer *to);
/** Least and largest of a vector, NaN left out; nothing when there is no such vector. */
bvl_status bvl_say_range(const bvl_printer *to, const char *name);

/** A vector as doubles (the caller's); *n = 0 and NULL when there is none. */
bvl_status bvl_load_vector(const bvl_printer *to, const char *name, int64_t *n, double **out);

/** A dictionary and its codes. */
bvl_status bvl_describe_dictionary(const bvl_printer *to, const char *path);
/** A study: its summary, a line a task. */
bvl_status bvl_describe_study(const bvl_printer *to, const char *path);
/** A network, or a front of networks. */
bvl_status bvl_describe_network(const bvl_printer *to, const char *path);

#endif
