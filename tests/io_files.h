/* SPDX-License-Identifier: BSD-3-Clause */
/* Files for the tests of src/io: a scratch folder that every rank knows and rank 0 makes and
 * removes, and small HDF5 files written by rank 0 with plain serial HDF5. */
#ifndef BVL_TEST_IO_FILES_H
#define BVL_TEST_IO_FILES_H

#include "bvl_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hdf5.h>

#include "comm/comm.h"

static char io_folder[64];
static bvl_traffic io_traffic;
static bvl_comm io_comm; /* MPI_COMM_WORLD while a test runs */

/* Set-up and tear-down of each test: also run when it fails. */
static inline int io_begin(void **state)
{
  (void)state;
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  snprintf(io_folder, sizeof io_folder, "/tmp/bvl-io-XXXXXX");
  int failed = bvl_test_rank() == 0 && mkdtemp(io_folder) == NULL;
  MPI_Bcast(io_folder, sizeof io_folder, MPI_CHAR, 0, MPI_COMM_WORLD);
  return failed || bvl_comm_dup(MPI_COMM_WORLD, &io_traffic, &io_comm) != BVL_OK;
}

static inline const char *io_path(const char *name)
{
  static char paths[4][512];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", io_folder, name);
  return path;
}

static inline int io_end(void **state)
{
  (void)state;
  bvl_comm_free(&io_comm);
  MPI_Barrier(MPI_COMM_WORLD);
  if (bvl_test_rank() != 0) return 0;
  DIR *folder = opendir(io_folder);
  for (struct dirent *file = readdir(folder); file != NULL; file = readdir(folder)) {
    unlink(io_path(file->d_name));
    rmdir(io_path(file->d_name)); /* neither removes . and .. */
  }
  closedir(folder);
  return rmdir(io_folder);
}

#define IO_TEST(function) cmocka_unit_test_setup_teardown(function, io_begin, io_end)

/** Rank 0 alone: whether a file of that name stands in the folder. 1 on the other ranks. */
static inline int io_stands(const char *name, int expected)
{
  return bvl_test_rank() != 0 || (access(io_path(name), F_OK) == 0) == expected;
}

/* ---- writing; rank 0 alone ---------------------------------------------------------------------
 */

static inline hid_t io_create(const char *name)
{
  return H5Fcreate(io_path(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}

/** Says that a file of bevel's was changed on purpose: its checksum (io/stamp.h) counts no more. */
static inline void io_uncheck(const char *name)
{
  const int fd = open(io_path(name), O_WRONLY);
  if (fd < 0 || pwrite(fd, "unchecked", 9, 0) != 9) fprintf(bvl_test_log(), "not unchecked\n");
  if (fd >= 0) close(fd);
}

/** A dataset of n_rows x n_cols values (n_cols = 0: one dimension; -1: two, the second of length
 * 0), converted to file_type; chunk > 0: that many rows and columns a chunk, gzip. */
static inline void io_put(hid_t file, const char *name, hid_t file_type, hid_t memory_type,
                          int64_t n_rows, int64_t n_cols, int64_t chunk, const void *values)
{
  hsize_t size[2] = {(hsize_t)n_rows, n_cols > 0 ? (hsize_t)n_cols : 0};
  hsize_t pieces[2] = {(hsize_t)chunk, (hsize_t)chunk};
  int n_dims = n_cols != 0 ? 2 : 1;
  hid_t links = H5Pcreate(H5P_LINK_CREATE);
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  if (chunk > 0) {
    H5Pset_chunk(plist, n_dims, pieces);
    H5Pset_shuffle(plist);
    H5Pset_deflate(plist, 6);
  }
  hid_t space = H5Screate_simple(n_dims, size, NULL);
  hid_t dataset = H5Dcreate2(file, name, file_type, space, links, plist, H5P_DEFAULT);
  H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(plist);
  H5Pclose(links);
}

static inline void io_put_f64(hid_t file, const char *name, int64_t n, const double *values)
{
  io_put(file, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, n, 0, 0, values);
}

static inline void io_put_i64(hid_t file, const char *name, int64_t n, const int64_t *values)
{
  io_put(file, name, H5T_STD_I64LE, H5T_NATIVE_INT64, n, 0, 0, values);
}

/** Strings: variable length when width is 0, else of that many bytes, padded with NULs. */
static inline hid_t io_string_type(size_t width)
{
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, width > 0 ? width : H5T_VARIABLE);
  H5Tset_strpad(type, width > 0 ? H5T_STR_NULLPAD : H5T_STR_NULLTERM);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

static inline void io_put_strings(hid_t file, const char *name, int64_t n, size_t width,
                                  const char *const *values)
{
  hid_t type = io_string_type(width);
  char *fixed = calloc((size_t)n, width + 1);
  for (int64_t k = 0; k < n && width > 0; k++)
    memcpy(fixed + (size_t)k * width, values[k], strnlen(values[k], width));
  io_put(file, name, type, type, n, 0, 0, width > 0 ? (const void *)fixed : (const void *)values);
  free(fixed);
  H5Tclose(type);
}

/** An attribute of the object at `at`, one value (n = 0: scalar) or n of them. */
static inline void io_attr(hid_t file, const char *at, const char *name, hid_t file_type,
                           hid_t memory_type, int64_t n, const void *values)
{
  hsize_t size = (hsize_t)n;
  hid_t object = H5Oopen(file, at, H5P_DEFAULT);
  hid_t space = n > 0 ? H5Screate_simple(1, &size, NULL) : H5Screate(H5S_SCALAR);
  hid_t attr = H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attr, memory_type, values);
  H5Aclose(attr);
  H5Sclose(space);
  H5Oclose(object);
}

static inline void io_attr_text(hid_t file, const char *at, const char *name, size_t width,
                                const char *text)
{
  hid_t type = io_string_type(width);
  char fixed[64] = "";
  snprintf(fixed, sizeof fixed, "%s", text);
  io_attr(file, at, name, type, type, 0, width > 0 ? (const void *)fixed : (const void *)&text);
  H5Tclose(type);
}

/** The head of an AnnData sparse group; `width` as in io_put_strings, `shape_type` any integer. */
static inline void io_sparse_head(hid_t file, const char *name, const char *encoding, size_t width,
                                  hid_t shape_type, int64_t n, int64_t p)
{
  int64_t shape[2] = {n, p};
  H5Gclose(H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  io_attr_text(file, name, "encoding-type", width, encoding);
  io_attr(file, name, "shape", shape_type, H5T_NATIVE_INT64, 2, shape);
}

/** All ranks wait until rank 0 has written what it was to write. */
static inline void io_ready(void)
{
  MPI_Barrier(MPI_COMM_WORLD);
}

/** Collective: `call` came to `expected` on every rank, with `text` in the message, the same on
 * every rank. */
#define ASSERT_REFUSED(call, expected, text) ASSERT_ALL(io_refused((call), (expected), (text)))
static inline int io_refused(bvl_status status, bvl_status expected, const char *text)
{
  char first[256];
  snprintf(first, sizeof first, "%s", bvl_last_error());
  MPI_Bcast(first, sizeof first, MPI_CHAR, 0, MPI_COMM_WORLD);
  int good = status == expected && strstr(bvl_last_error(), text) != NULL &&
             strcmp(first, bvl_last_error()) == 0;
  if (!good)
    fprintf(bvl_test_log(), "%s: \"%s\", not %s: \"%s\"\n", bvl_status_text(status),
            bvl_last_error(), bvl_status_text(expected), text);
  return good;
}

#endif
