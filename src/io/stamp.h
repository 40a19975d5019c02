/* SPDX-License-Identifier: BSD-3-Clause */
/* A checksum in front of every file that bevel writes: 512 bytes of text (HDF5 calls them the user
 * block, and every reader of HDF5 steps over them) with the length and the CRC-32C of all that
 * follows. The block is one text for one file, and compared whole, so a bit that changed anywhere
 * in it or behind it is found.
 *
 * Who changes a file on purpose (h5py's "r+", h5repack) breaks its stamp: checkpoints, results,
 * networks and fronts are then refused until the first bytes of the file say `unchecked`
 * (`printf unchecked | dd of=FILE conv=notrunc`). A file that does not begin with
 * such a block is read as it is: it is of an older bevel, or of another program. Data files are
 * there to be added to (/weights, /groups) and may be large: a run reads them without this pass,
 * and `bevel info` says whether the stamp still holds. */
#ifndef BVL_IO_STAMP_H
#define BVL_IO_STAMP_H

#include "comm/comm.h"

enum { BVL_STAMP_BYTES = 512 };

/** Writes the stamp of a closed file whose first 512 bytes are free. Collective; one broadcast and
 * a reduction of 33 integers. The file is read once, a large one by all ranks, each a part of it.
 *
 * @param fd    open for writing on rank 0; elsewhere unused.
 * @param kind  one word without blanks: "data" for what users may add to, else "model".
 * @return BVL_ERR_IO, BVL_ERR_DISK; the same on every rank. */
bvl_status bvl_stamp_write(const bvl_comm *comm, int fd, const char *path, const char *kind);

typedef enum bvl_stamp {
  BVL_STAMP_NONE, /* none, or `unchecked` */
  BVL_STAMP_HOLDS,
  BVL_STAMP_CHANGED, /* a data file's, which does not match */
} bvl_stamp;

/** Holds the stamp against the file, which is read once. Not collective.
 * @return BVL_ERR_IO: cannot be read; damaged, or changed since bevel wrote it (but data files:
 * BVL_STAMP_CHANGED). */
bvl_status bvl_stamp_check(const char *path, bvl_stamp *found);

#endif
