/* SPDX-License-Identifier: BSD-3-Clause */
/* A first look at a file that somebody else wrote, by a child process. HDF5 trusts a file's
 * metadata further than it should: a flipped bit can end in a segmentation fault or an endless loop
 * inside the library, and no error code comes back from either. So whoever opens a foreign file
 * first has a fork of itself do everything there that the library could stumble over; if the child
 * dies of it, the parent says so and all ranks go on to an orderly end.
 *
 * A plain fork after MPI_Init, without exec: the child uses HDF5's POSIX driver only, makes no MPI
 * call, writes to none of the parent's shared mappings and leaves by _exit, so nothing of MPI's
 * runs or is torn down in it. An exec would need a program to start, which a library does not have.
 * Cost: a fork and the look itself, a few milliseconds, before there is much memory to map. */
#ifndef BVL_IO_LOOK_H
#define BVL_IO_LOOK_H

#include "io/hdf5_util.h"

/** What the child does; its status and message become the parent's. It says by bvl_look_at what it
 * looks at, so that its death can be blamed on that. */
typedef bvl_status (*bvl_look_fn)(void *context);
void bvl_look_at(const char *name);

/** Calls look(context) in a child, under a limit on its processor time: an endless loop runs into
 * it, a slow file system does not. Where no process can be made, it is called here. Not collective.
 *
 * @param limit_s  processor seconds; 0 = by the file's size, 2 s and a second for each 20 MB.
 * @return what `look` returned, or BVL_ERR_INPUT when it did not live to: "FILE: HDF5 could not
 * read it (signal 11 in /X)". */
bvl_status bvl_look(const char *path, bvl_look_fn look, void *context, int limit_s);

/** Touches what reading of an array would rely on: the index of its chunks and the size of one, its
 * first and its last element, all its strings. To be called in a look. @return BVL_ERR_IO,
 * BVL_ERR_INPUT naming the dataset. */
bvl_status bvl_look_array(const bvl_array *array);
/** Of that, whether a chunk of a filtered dataset holds as many bytes as its shape says; chunks
 * beyond 256 MiB are taken on trust. @return BVL_ERR_INPUT with both sizes. */
bvl_status bvl_look_chunk(const bvl_array *array);

/** bvl_h5_open_serial of a file after a look at everything in it: for files of which nobody knows
 * yet what they hold. Not collective. @return BVL_ERR_IO, BVL_ERR_INPUT. */
bvl_status bvl_h5_open_foreign(const char *path, hid_t *out);

#endif
