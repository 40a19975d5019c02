/* SPDX-License-Identifier: BSD-3-Clause */
/* What bevel needs of HDF5, with a bvl_status: errors in words, existence, attributes, strings, and
 * numeric arrays of one or two dimensions. Nothing here is collective. An hid_t of 0 means none
 * (HDF5's identifiers are positive), so zeroed structs are valid. */
#ifndef BVL_IO_HDF5_UTIL_H
#define BVL_IO_HDF5_UTIL_H

#include <stdint.h>

#include <hdf5.h>

#include "comm/comm.h"

/** Releases any kind of identifier but a file's last one and sets it to 0; 0 and negative ones are
 * fine. */
void bvl_h5_release(hid_t *id);

/** bvl_fail with HDF5's innermost reason appended; BVL_ERR_DISK in place of `status` when that
 * reason is a full disk or a spent quota. Call it right after the failing HDF5 call. */
bvl_status bvl_h5_fail(bvl_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** "cannot WHAT PATH: " and errno in words. @return BVL_ERR_DISK (no room, quota, limit on a file's
 * size), else BVL_ERR_IO. */
bvl_status bvl_system_fail(const char *what, const char *path);

/** A file access list: MPI-IO over comm, or plain when comm is NULL or has one rank. Also keeps
 * HDF5 from printing its error stack. Negative on failure. */
hid_t bvl_h5_access(const bvl_comm *comm);

/** Opens an existing file for reading by this process alone, with a reason in words when that fails
 * (missing, a directory, not HDF5, truncated). @return BVL_ERR_IO. */
bvl_status bvl_h5_open_serial(const char *path, hid_t *out);
/** The same for a file that bevel wrote and takes on trust: only after its stamp was found to hold
 * (io/stamp.h), before HDF5 sees a byte of it. Reads the file once. */
bvl_status bvl_h5_open_own(const char *path, hid_t *out);

/** Room for the name of an object with its path; a longer one is not found. */
enum { BVL_H5_NAME_BYTES = 1024 };

/** What stands at `name` below `file`. Broken: something that is neither dataset nor group, or the
 * file cannot say whether there is anything; neither must be taken for nothing. */
typedef enum bvl_h5_kind { BVL_H5_NONE, BVL_H5_DATASET, BVL_H5_GROUP, BVL_H5_BROKEN } bvl_h5_kind;
bvl_h5_kind bvl_h5_kind_of(hid_t file, const char *name);

/** Attribute of `object` as integers: how many were read (at most `max`), or -1 when there is no
 * such attribute, it is not of integers, or it has more. */
int bvl_h5_attr_i64(hid_t object, const char *name, int max, int64_t *out);
/** Attribute as a malloc'ed string (fixed or variable length in the file); NULL when there is no
 * such attribute, it is not one string, or (errno is ENOMEM then) there is no memory for it. */
char *bvl_h5_attr_text(hid_t object, const char *name);
/** Writes a scalar attribute. Collective over the file's communicator when it has one. */
bvl_status bvl_h5_put_attr_text(hid_t object, const char *name, const char *value);
bvl_status bvl_h5_put_attr(hid_t object, const char *name, hid_t file_type, hid_t memory_type,
                           int64_t n, const void *values);

/** An open dataset of one or two dimensions. */
typedef struct bvl_array {
  char *name; /* for messages, owned */
  hid_t dataset;
  int n_dims;
  int64_t dims[2];   /* dims[1] = 1 when there is one dimension */
  H5T_class_t class; /* of the elements */
  int n_bytes;       /* of an element */
  int is_signed;     /* integers */
  int filtered;      /* compressed or checksummed: chunks pass a filter pipeline */
} bvl_array;

/** Opens and describes a dataset. @return BVL_ERR_INPUT: not there, not a dataset, other than one
 * or two dimensions, a filter this HDF5 lacks; named in the message. */
bvl_status bvl_array_open(hid_t file, const char *name, bvl_array *out);
void bvl_array_close(bvl_array *array);

/** Whether the elements read as numbers (integers, floats, booleans), as integers, as strings. */
int bvl_array_is_numeric(const bvl_array *array);
int bvl_array_is_integer(const bvl_array *array);
int bvl_array_is_string(const bvl_array *array);

/** One transfer of a selection, converted to a native numeric type of at least the element's size.
 * @return BVL_ERR_IO naming the dataset. */
bvl_status bvl_array_transfer(const bvl_array *array, hid_t memory_type, hid_t memory_space,
                              hid_t file_space, int collective, void *out);
/** Rows first .. first + count - 1 with all their columns, by this process alone. */
bvl_status bvl_array_read(const bvl_array *array, hid_t memory_type, int64_t first, int64_t count,
                          void *out);

/** All strings of a one-dimensional dataset in one block: the pointers, then the bytes (n_bytes of
 * them), NUL-terminated one after another. The caller's, free(). */
bvl_status bvl_array_read_strings(const bvl_array *array, char ***out, int64_t *n_bytes);
/** A block as above for n strings from their bytes. */
bvl_status bvl_strings_unpack(int64_t n, int64_t n_bytes, const char *bytes, char ***out);

#endif
